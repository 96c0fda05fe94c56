"""Every failing pull of a namespace or a cluster, by root cause: tables find the pods, and only these are read whole."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import ApiError, KubeError
from ..image.containers import statuses_of
from ..kube.client import Api, get_object
from ..kube.objects import controller_of, uid_of
from ..kube.one_look import OneLook
from ..kube.paths import RESOURCES
from ..kube.pods import PodRead, raise_if_no_namespace, read_pod, waits_for_image
from ..kube.search import PodName, candidates, pods_in
from ..kube.workloads import owner_of, read_workload, refused_case
from ..model import Case, ProbeRun, Verdict
from ..model.runs import of_a_run
from ..model.scan import Affected, RootCause, Scan
from ..reading import reading
from ..verdict import judge
from ..verdict.root_cause import root_of
from .named import Named
from .observer import Diagnosis, Observer
from .options import Options
from .targets import Targets

SIDE_BY_SIDE = 8
"""Pods that are read at the same time; what they share is read once."""
HANGS = 120.0
"""Seconds without an end after which a pull that reports no error is told: most take less (measured medians are below 20 s)."""
MOST_PROBED = 20
"""Pods that a scan probes from, each for another root cause, at most."""
MOST_REFUSED = 50
"""Workloads that are looked at because an event says that their pods are refused."""
NO_PROBE = "a scan starts no probe without --probe"


@dataclass(frozen=True)
class Scope:
    """What is scanned."""

    everywhere: bool = False
    """Every namespace, not only that of the connection."""
    selector: str = ""
    """A label selector for the pods."""

    def namespace(self, api: Api) -> str:
        """The namespace, "" for all."""
        return "" if self.everywhere else api.namespace


@dataclass
class Seen:
    """What one pass over the API server has found."""

    judged: list[Diagnosis] = field(default_factory=list)
    """Of every container that fails."""
    pods: int = 0
    """How many that have not ended there are."""
    unseen: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""
    verdicts: dict[tuple[object, ...], Verdict] = field(default_factory=dict)
    """By `_alike`."""

    def scan(self, causes: Iterable[RootCause]) -> Scan:
        """The whole of it, with these root causes."""
        in_order = sorted(causes, key=lambda one: one.harm)
        return Scan(tuple(in_order), self.pods, time.time(), tuple(dict.fromkeys(self.unseen)))

    def judge(self, read: PodRead) -> list[Diagnosis]:
        """What fails in a pod, and what has been pulled for so long that it has to be told. Those that differ by their node's
        name alone are judged once: a cluster has a thousand pods that fail alike."""
        hanging = [c for c in read.pulling if c.facts.read_at - c.facts.pulling_since > HANGS]
        found = []
        for one in read.failing or hanging:
            case = Case(one.target, one.facts, one.pull, probe=ProbeRun(why_not=(NO_PROBE,)), errors=read.errors)
            key = _alike(case)
            if key not in self.verdicts:
                self.verdicts[key] = judge(case)
            found.append(Diagnosis(case, self.verdicts[key]))
        return found


def _alike(case: Case) -> tuple[object, ...]:
    """All that a verdict without a probe depends on, but for names of pods and nodes."""
    facts, node = case.facts, case.facts.node
    secrets = (case.target.namespace, facts.secrets, facts.late_secrets) if facts.secrets or facts.late_secrets else ()
    return (
        case.target.image,
        case.target.role,
        facts.sandbox,
        facts.reason,
        facts.said,
        facts.message,
        facts.failing,
        facts.policy,
        facts.phase,
        facts.pod_reason,
        facts.on_node,
        facts.one_at_a_time,
        bool(facts.older_pulls),
        secrets,
        replace(node, name="", ready_message="") if node is not None else None,
    )


def scan(api: Api, scope: Scope, options: Options, observer: Observer | None = None) -> Scan:
    """Find what fails, and group it by root cause. options.probe: one pod of each root cause is diagnosed from its node.

    Raises KubeError where pods may not be listed.
    """
    observer = observer or Observer()
    seen = look(OneLook(api), scope, observer)
    causes = grouped(seen.judged)
    if options.probe and causes:
        causes = _proven(api, causes, options, observer)
    return seen.scan(causes)


def grouped(diagnoses: Iterable[Diagnosis]) -> list[RootCause]:
    """Those of one root together; the one that was seen best stands for all."""
    found: dict[tuple[object, ...], list[Diagnosis]] = {}
    for one in diagnoses:
        found.setdefault(root_of(one.case, one.verdict), []).append(one)
    return [_root(mine) for mine in found.values()]


SURE = ("confirmed", "likely", "possible", "unknown")


def _root(mine: Sequence[Diagnosis]) -> RootCause:
    first = min(mine, key=lambda d: (SURE.index(d.verdict.confidence), d.case.facts.since or float("inf")))
    affected = dict.fromkeys(Affected.of(d.case) for d in mine)
    return RootCause(first.case, first.verdict, tuple(sorted(affected, key=lambda a: a.since or float("inf"))))


def look(view: OneLook, scope: Scope, observer: Observer) -> Seen:
    """Judge what the API server alone tells of every pod that may fail. Raises KubeError where pods may not be listed."""
    namespace, seen = scope.namespace(view), Seen()
    with reading(2) as pool:
        # side by side, for each takes as long as the other
        all_events = pool.submit(_events, view, namespace, seen)
        found = candidates(view, namespace, scope.selector)
        events = all_events()
    if namespace and not found.looked_at:
        raise_if_no_namespace(view, namespace)  # says NotFound where kubectl would only find nothing
    seen.pods = found.looked_at
    in_events = dict(pods_in(events))
    names = dict.fromkeys((*found.names, *(name for name in in_events if name in found.ready)))
    troubled, pulling = set(in_events.values()), {_about(e) for e in events if e.get("reason") == "Pulling"}
    with reading(SIDE_BY_SIDE) as pool:
        reads = [(name, pool.submit(_pod, view, name, troubled, pulling)) for name in names]
        for number, (name, read) in enumerate(reads, 1):
            observer.read(number, len(reads))
            try:
                pod = read()
            except KubeError as error:
                if not (isinstance(error, ApiError) and error.gone):
                    seen.unseen.append(f"pod {name[1]} of {name[0]} could not be read ({error.short})")
                continue
            if pod is not None:
                seen.judged += seen.judge(pod)
    if not scope.selector:
        seen.judged += [Diagnosis(case, judge(case)) for case in _refused(view, events, seen)]
    return seen


def _events(view: OneLook, namespace: str, seen: Seen) -> list[dict[str, Any]]:
    try:
        return view.learn_events(namespace)
    except KubeError as error:
        lost = "which ephemeral containers, sandboxes and refused pods fail is not known"
        seen.unseen.append(f"{lost} (needs list on events: {error.short})")
        return []


def _about(event: Mapping[str, Any]) -> str:
    return str((event.get("involvedObject") or {}).get("uid") or "")


def _pod(view: OneLook, name: PodName, troubled: set[str], pulling: set[str]) -> PodRead | None:
    """The pod with what surrounds it; None for one that waits for no image, or that a run has made."""
    pod = view.get_uncached("Pod", *name)
    created = any((s.get("state") or {}).get("waiting") for s in statuses_of(pod)) or not statuses_of(pod)
    if of_a_run("pod", pod) or not (waits_for_image(pod) or (created and uid_of(pod) in troubled | pulling)):
        return None
    return read_pod(view, *name, known=pod, to_probe=False, side_by_side=0)


def _refused(view: OneLook, events: Sequence[Mapping[str, Any]], seen: Seen) -> list[Case]:
    """Workloads whose pods the API server refuses for their images."""
    found: dict[str, Case] = {}
    creators = {_about(e): e["involvedObject"] for e in events if e.get("reason") == "FailedCreate"}
    for about in list(creators.values())[:MOST_REFUSED]:
        kind, namespace, name = (str(about.get(key) or "") for key in ("kind", "namespace", "name"))
        if kind not in RESOURCES:
            continue
        try:
            creator = get_object(view, kind, namespace, name)
            if of_a_run(kind.lower(), creator):
                continue
            top = owner_of(view, namespace, creator) if controller_of(creator) else None
            owner = (top.kind, top.name) if top is not None else (kind, name)
            if f"{namespace}/{owner}" in found or owner[0] not in RESOURCES:
                continue
            workload = read_workload(view, namespace, *owner)
            lacks = workload.wanted is None or len(workload.current) < workload.wanted
            case = refused_case(view, namespace, workload) if lacks else None
        except KubeError as error:
            if not (isinstance(error, ApiError) and error.gone):
                seen.unseen.append(f"{kind.lower()}/{name} of {namespace} could not be read ({error.short})")
            continue
        if case is not None:
            found[f"{namespace}/{owner}"] = case
    left = len(creators) - MOST_REFUSED
    if left > 0:
        seen.unseen.append(f"{left} more workloads whose pods are refused were not looked at")
    return [case for case in found.values() if judge(case).cause == "policy.admission"]


def _proven(api: Api, causes: Sequence[RootCause], options: Options, observer: Observer) -> list[RootCause]:
    """Diagnose one pod of each root cause from its node: no (node, host) twice, at most MOST_PROBED pods."""
    from .diagnosis import diagnose  # not above: it brings all that looks out of nodes

    taken: set[tuple[str, str]] = set()
    chosen: dict[tuple[str, str], RootCause] = {}
    for cause in sorted(causes, key=lambda one: one.harm):
        host = cause.case.pull.authority if cause.case.pull is not None else ""
        one = next((a for a in cause.affected if a.pod and a.node and (a.node, host) not in taken), None)
        if one is None or len(chosen) == MOST_PROBED or not cause.verdict.exit_code:
            continue
        taken.add((one.node, host))
        chosen.setdefault((one.namespace, one.pod), cause)
    if not chosen:
        return list(causes)
    targets = Targets(tuple(Named("Pod", name, namespace) for namespace, name in chosen))
    proven: dict[int, Diagnosis] = {}
    for found in diagnose(api, targets, options, observer):
        cause = chosen[found.case.target.namespace, found.case.target.pod]
        if Affected.of(found.case).container in {a.container for a in cause.affected}:
            proven.setdefault(id(cause), found)
    merged: dict[tuple[object, ...], RootCause] = {}
    for cause in causes:
        seen = proven.get(id(cause))
        now = replace(cause, case=seen.case, verdict=seen.verdict) if seen is not None else cause
        key = root_of(now.case, now.verdict)
        known = merged.get(key)
        merged[key] = replace(known, affected=tuple(dict.fromkeys((*known.affected, *now.affected)))) if known else now
    return list(merged.values())


__all__ = ["Scope", "Seen", "grouped", "look", "scan"]

"""Staying with a pull until its end: each new attempt is told, until the image is there or another verdict is due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import lazily
from ..errors import ApiError, KubeError
from ..image.containers import containers_of, statuses_of
from ..image.messages import ANONYMOUS, classify
from ..image.waiting import PULLED_REASONS
from ..kube.client import Api
from ..kube.events import NAMED
from ..kube.kinds import SHORT
from ..kube.paths import path_of
from ..kube.watch import events
from ..kube.workloads import read_workload
from ..model import Case, Owner
from ..redaction import hide
from .diagnosis import diagnose
from .named import Named
from .observer import Diagnosis, Observer, Step
from .options import Options
from .targets import Targets

TOOK = lazily.pattern(r" in ([0-9hmµus.]+)")
OBSERVING = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
"""Kinds whose status says which generation it is about (kubernetes: pkg/apis/apps)."""
MOST_PENDING = 200
"""Events that are kept for pods that are not known yet."""
PROGRESS = ("pull.in_progress", "pull.queued")
ARRIVED = ("pulled", "present", "started")
"""Kinds of steps that say that the node has the image; one that started names none, and says it of its pod."""


@dataclass(frozen=True)
class One:
    """A pod, and in its stead the pods of its owner once it is gone."""

    pod: str
    """Its name; "": the pods of the owner from the start."""
    owner: Owner | None
    """The workload that makes a new pod, None where nobody does."""

    @property
    def renewed(self) -> bool:
        """Whether an owner makes a pod anew that is gone."""
        return self.owner is not None and self.owner.kind in SHORT


@dataclass
class Followed:
    """What is followed."""

    namespace: str
    """The namespace of all of it."""
    each: list[One]
    """Its pods; those that are gone for good leave the list."""

    def pods(self, api: Api) -> list[Mapping[str, Any]]:
        """The pods of now, [] while one of those that are followed has none.

        Pods that are gone and that nobody makes anew are not followed any longer. Raises ApiError where none is left.
        """
        found: dict[str, Mapping[str, Any]] = {}
        waiting, left, gone = False, [], None
        for one in self.each:
            try:
                one, pods = self._of(api, one)
            except ApiError as error:
                if not error.gone:
                    raise
                gone = error
                continue
            left.append(one)
            waiting = waiting or not pods
            found.update({p["metadata"]["uid"]: p for p in pods})
        self.each = left
        if gone is not None and not left:
            raise gone
        return [] if waiting else list(found.values())

    def _of(self, api: Api, one: One) -> tuple[One, list[Mapping[str, Any]]]:
        if one.pod:
            try:
                pod = api.get(path_of("Pod", self.namespace, one.pod))
                if not pod["metadata"].get("deletionTimestamp"):
                    return one, [pod]
                if not one.renewed:
                    return one, []
            except ApiError as error:
                if not error.gone or not one.renewed:
                    raise
        assert one.owner is not None
        return One("", one.owner), self._made_by(api, one.owner)

    def _made_by(self, api: Api, owner: Owner) -> list[Mapping[str, Any]]:
        found = read_workload(api, self.namespace, owner.kind, owner.name)
        status = found.object.get("status") or {}
        generation = int((found.object.get("metadata") or {}).get("generation") or 0)
        if owner.kind in OBSERVING and int(status.get("observedGeneration") or 0) < generation:
            return []  # its controller has not seen the change yet
        newest = status.get("updateRevision")
        return [p for p in found.current if owner.kind != "StatefulSet" or _revision(p) in (newest, None)]


def _revision(pod: Mapping[str, Any]) -> Any:
    return (pod["metadata"].get("labels") or {}).get("controller-revision-hash")


@dataclass(frozen=True)
class End:
    """How what was followed has ended."""

    failed: str = ""
    """The pod whose pull failed with a cause that was not known, "" for none."""
    pods: tuple[str, ...] = ()
    """The pods that have their images, or run."""
    gone: bool = False
    """Nothing is left to follow."""


def known_events(api: Api, namespace: str) -> dict[str, int]:
    """The events of now, uid -> count: what is no news later."""
    try:
        return {e["metadata"]["uid"]: _count(e) for e in api.pages(path_of("Event", namespace))}
    except KubeError:
        return {}


def follow(
    api: Api,
    followed: Followed,
    known: Mapping[str, int],
    causes: Collection[str],
    observer: Observer,
    mended: bool = False,
) -> End:
    """Tell the observer what happens until the pods have their images, or a pull fails otherwise.

    known: events that are no news; causes: the failures that are known, whose next attempts are told and waited out; any other
    ends it. mended: the pods are new, after a change that is to mend them: it ends when they run, and a first attempt that is
    refused for want of a login is waited out as well (`ANONYMOUS`). Ctrl-C raises KeyboardInterrupt.
    """
    told = dict(known)
    arrived: set[tuple[str, str]] = set()
    pods: dict[str, Mapping[str, Any]] = {}
    pending: list[Mapping[str, Any]] = []
    for event in events(api, followed.namespace):
        about = (event or {}).get("involvedObject") or {}
        if event is not None and about.get("kind") == "Pod":
            pending.append(event)
        if event is not None and about.get("uid") not in pods:
            continue
        try:
            pods = {p["metadata"]["uid"]: p for p in followed.pods(api)}
        except ApiError as error:
            if error.gone:
                return End(gone=True)
            continue
        except KubeError:
            continue
        for one in sorted(pending, key=_when):
            uid = one["metadata"]["uid"]
            step = step_of(one)
            if step is None or one["involvedObject"].get("uid") not in pods:
                continue
            if step.kind in ARRIVED:
                arrived.add((step.pod, step.image))
            if told.get(uid, 0) >= _count(one):
                continue
            told[uid] = _count(one)
            observer.step(step)
            too_early = mended and step.cause in ANONYMOUS and _count(one) == 1
            if step.cause and step.cause not in causes and not too_early:
                return End(failed=step.pod)
        pending = [e for e in pending if e["involvedObject"].get("uid") not in pods][-MOST_PENDING:]
        if pods and all(_runs(p) if mended else _has_images(p) for p in pods.values()):
            # the kubelet writes events and status apart: where a status comes first, it says the same
            for step in _present(pods.values()):
                if not arrived & {(step.pod, step.image), (step.pod, "")}:
                    observer.step(step)
            return End(pods=tuple(p["metadata"]["name"] for p in pods.values()))
    raise AssertionError("a watch does not end by itself")


def _when(event: Mapping[str, Any]) -> str:
    return str(
        (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    )


def _count(event: Mapping[str, Any]) -> int:
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)


def step_of(event: Mapping[str, Any]) -> Step | None:
    """What an event object says of a pull; None for one that is about something else."""
    reason, message = str(event.get("reason") or ""), str(event.get("message") or "")
    pod = str(event["involvedObject"].get("name"))
    named = NAMED.match(message)
    image = named[1] if named else ""
    if reason == "Pulling":
        return Step("pulling", pod, image, attempt=_count(event))
    if reason == "Pulled":
        took = TOOK.search(message)
        return Step("pulled", pod, image, took=took[1]) if took else Step("present", pod, image)
    if reason in ("Failed", "InspectFailed", "ErrImageNeverPull") and (image or reason != "Failed"):
        return Step("failed", pod, image, cause=classify(message).cause, message=hide(message))
    return Step("started", pod) if reason == "Started" else None


def _present(pods: Iterable[Mapping[str, Any]]) -> list[Step]:
    """What there is to say of pods that have their images, an image of a pod once."""
    found = [
        Step("present", str(pod["metadata"]["name"]), str(container.get("image") or ""))
        for pod in pods
        for role, container in containers_of(pod.get("spec") or {})
        if role in ("init", "sidecar", "container")
    ]
    return list(dict.fromkeys(found))


def _has_images(pod: Mapping[str, Any]) -> bool:
    """Whether every container has its image: it ran, or it waits for something else."""
    spec = pod.get("spec") or {}
    wanted = len(spec.get("containers") or []) + len(spec.get("initContainers") or [])
    statuses = statuses_of(pod, "init", "container")
    return len(statuses) >= wanted > 0 and all(_pulled(s) for s in statuses)


def _pulled(status: Mapping[str, Any]) -> bool:
    state = status.get("state") or {}
    waits_for = str((state.get("waiting") or {}).get("reason") or "")
    return bool(state.get("running") or state.get("terminated") or waits_for in PULLED_REASONS)


def _runs(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Running", "Succeeded") and _has_images(pod)


class PodGone(Exception):
    """What was watched does not exist any more. str(): the name of the pod."""


def watch(api: Api, target: Targets, options: Options, observer: Observer, report_end: bool = True) -> list[Diagnosis]:
    """Diagnose, and stay with the pulls that fail or go on until they have an end. -> what it ends with.

    A pull that fails with another cause than before is diagnosed again. Where every image is there in the end, the pods are
    diagnosed once more without a probe, so that the last diagnoses are of the end; without report_end they are not, and [] is
    returned. Raises PodGone, and what `diagnose` raises.
    """
    namespace = next((one.namespace for one in target.named if one.namespace), api.namespace)
    known = known_events(api, namespace)
    first = diagnose(api, target, options, observer)
    open_end = [d for d in first if d.verdict.exit_code or d.verdict.cause in PROGRESS]
    if not open_end:
        return first
    by_name = not target.named or any(one.kind == "Pod" for one in target.named)
    each = [One(d.case.target.pod if by_name else "", d.case.target.owner) for d in open_end]
    causes = {classify(d.case.facts.said).cause if d.case.facts.said else d.verdict.cause for d in open_end}
    end = follow(api, Followed(namespace, list(dict.fromkeys(each))), known, causes, observer)
    return after(api, end, open_end[0].case, options, observer, report_end)


def after(api: Api, end: End, case: Case, options: Options, observer: Observer, report_end: bool) -> list[Diagnosis]:
    """The diagnoses of the end, as `watch` returns and raises. case: of what was followed."""
    if end.gone:
        raise PodGone(case.target.pod)
    if not (end.failed or report_end):
        return []
    # where every image is there, nobody needs to be asked again
    options = options if end.failed else replace(options, probe=False)
    names = [end.failed] if end.failed else end.pods
    return diagnose(api, Targets(tuple(Named("Pod", name, case.target.namespace) for name in names)), options, observer)

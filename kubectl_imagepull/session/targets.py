"""What a diagnosis is about: pods, workloads, selectors, or a node; found and read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import ApiError, KubeError
from ..kube.client import Api
from ..kube.kinds import KINDS
from ..kube.one_look import OneLook
from ..kube.paths import path_of
from ..kube.pods import ContainerRead, PodRead, failing_pods, gone_pod, read_pod, waits_for_image
from ..kube.workloads import read_workload, refused_case, same_name
from ..model import Case
from ..model.runs import of_a_run
from ..reading import reading
from .named import Named
from .options import Options

SIDE_BY_SIDE = 4
"""Pods that are read at the same time; each read is eight requests of its own."""

NO_RESOURCES = "no resources found"
"""As kubectl says it."""

PodName = tuple[str, str]
"""(namespace, name)"""
Meant = dict[PodName, Mapping[str, Any] | None]
"""Pods as they were listed; None for one that is yet to be read."""


class OnlyWorkload(Exception):
    """A pod was named that does not exist, and workloads have its name. str(): what the server says of the pod, one line."""

    def __init__(self, error: ApiError, namespace: str, name: str, kinds: Sequence[str]) -> None:
        """kinds: of the workloads, e.g. Deployment."""
        self.namespace, self.name, self.kinds = namespace, name, tuple(kinds)
        super().__init__(str(error))


@dataclass
class Found:
    """What a target turned out to be."""

    reads: list[PodRead] = field(default_factory=list)
    """The pods to diagnose, with what surrounds them."""
    refused: list[Case] = field(default_factory=list)
    """Workloads whose pods the API server refuses, as Cases: there is no pod to read."""
    healthy: list[str] = field(default_factory=list)
    """Workloads that were named and of which nothing fails, one phrase each."""
    empty: list[str] = field(default_factory=list)
    """What was meant and has nothing to look at, one phrase each."""
    unseen: list[str] = field(default_factory=list)
    """What was meant and could not be looked at, and why, one phrase each."""

    @property
    def containers(self) -> list[ContainerRead]:
        """The containers to diagnose: those that fail, or else wait for a pull; where none does, all of them."""
        alone = len(self.reads) == 1
        # a pod that was named may hang as well as fail
        chosen = [c for r in self.reads for c in (r.failing or (r.containers if alone else r.pulling))]
        return chosen or [c for read in self.reads for c in read.containers]


class Target(Protocol):
    """What can be diagnosed."""

    def find(self, api: Api, options: Options) -> Found:
        """Read it. Raises KubeError where a named object cannot be had."""


@dataclass(frozen=True)
class Targets:
    """Pods and workloads by name, or all of a kind."""

    named: tuple[Named, ...] = ()
    """These objects. Empty: every one of `kind` that fails."""
    kind: str = "Pod"
    """What is searched where nothing is named."""
    selector: str = ""
    """A label selector for the search."""
    everywhere: bool = False
    """Search every namespace, not only that of the connection."""
    field_selector: str = ""
    """A field selector for the search, as spec.nodeName=node1; the API server says which fields there are."""

    def find(self, api: Api, options: Options) -> Found:
        """The pods that are meant, read. Raises ApiError where a named object cannot be had, OnlyWorkload with advice."""
        found = Found()
        meant: Meant = {}
        if not self.named:
            namespace = "" if self.everywhere else api.namespace
            if self.kind == "Pod":
                meant = _by_name(self._search(api, namespace, found))
            else:
                all_of_them = list(self._all(api, namespace))
                found.empty += [] if all_of_them else [NO_RESOURCES]
                for one in all_of_them:
                    meant |= _by_name(_of_workload(api, one, found))
        for one in self.named:
            if one.kind == "Pod":
                meant.setdefault((one.namespace or api.namespace, one.name))
            else:
                meant |= _by_name(_of_workload(api, one, found))
        wanted = {(one.namespace or api.namespace, one.name) for one in self.named if one.kind == "Pod"}
        # pods of one workload, one node, one namespace share most of what is around them
        view = _one_look(api, meant) if len(meant) > 1 else api
        with reading(SIDE_BY_SIDE) as pool:
            reads = [(name, pool.submit(read_or_gone, view, *name, pod)) for name, pod in meant.items()]
            failed: list[KubeError | OnlyWorkload] = []
            for name, read in reads:
                try:
                    found.reads.append(read())
                except (KubeError, OnlyWorkload) as error:
                    if name in wanted:
                        raise
                    failed.append(error)
                    found.unseen.append(f"pod {name[1]} of {name[0]} could not be read ({str(error)[:120]})")
        if failed and not found.reads:
            raise failed[0]
        return found

    def _search(self, api: Api, namespace: str, found: Found) -> Sequence[Mapping[str, Any]]:
        """The pods that wait for an image."""
        search = failing_pods(api, namespace, self.selector, self.field_selector)
        if not search.looked_at:
            found.empty.append(NO_RESOURCES)
        if search.error is not None:
            pods = f"{search.uncertain} pod{'s' * (search.uncertain != 1)}"
            why = f"needs list on events: {search.error.short}"
            found.unseen.append(f"whether {pods} being created wait for an image is not known ({why})")
        return search.failing

    def _all(self, api: Api, namespace: str) -> Iterator[Named]:
        for item in api.pages(
            path_of(self.kind, namespace), labelSelector=self.selector, fieldSelector=self.field_selector
        ):
            if not of_a_run(self.kind.lower(), item):
                yield Named(self.kind, item["metadata"]["name"], item["metadata"]["namespace"])


MANY = 3
"""Pods of one namespace whose events are asked for one by one; of more, all events of the namespace are read once."""


def _one_look(api: Api, meant: Collection[PodName]) -> OneLook:
    """A view that reads what these pods share once."""
    view = OneLook(api, from_memory=False)
    try:
        for namespace, pods in Counter(namespace for namespace, _ in meant).items():
            if pods > MANY:
                view.learn_events(namespace, reasons=())
    except KubeError:
        return OneLook(api, from_memory=False)  # each pod's report says then that it was not allowed
    return view


def _by_name(pods: Iterable[Mapping[str, Any]]) -> Meant:
    return {(str(p["metadata"]["namespace"]), str(p["metadata"]["name"])): p for p in pods}


def _of_workload(api: Api, named: Named, found: Found) -> list[Mapping[str, Any]]:
    """The pods of a workload that are worth probing: those that wait for an image, else those of its newest revision."""
    namespace = named.namespace or api.namespace
    workload = read_workload(api, namespace, named.kind, named.name)
    failing = [p for p in workload.pods if waits_for_image(p)]
    waiting = [p for p in workload.current if (p.get("status") or {}).get("phase") == "Pending"]
    if not failing and not waiting:
        wanted, pods = workload.wanted, len(workload.current)
        complete = wanted is not None and pods >= wanted > 0
        case = None if complete else refused_case(api, namespace, workload)
        name = f"{named.kind.lower()}/{named.name}"
        if case is not None:
            found.refused.append(case)
        elif not workload.pods:
            if wanted == 0 or wanted is None:
                found.empty.append(f"{name} has no pods to look at" + (": it wants none" if wanted == 0 else ""))
            else:
                found.unseen.append(f"{name} has none of the {wanted} pods that it wants, and nothing says why")
        else:
            count = f"{len(workload.pods)} pod{'s' * (len(workload.pods) != 1)}"
            found.healthy.append(f"{name} ({count})" if pods >= (wanted or 0) else f"{name} ({count} of {wanted})")
        return []
    return failing or waiting


def read_or_gone(api: Api, namespace: str, name: str, known: Mapping[str, Any] | None = None) -> PodRead:
    """A pod (known: where it is at hand), or what its events tell where it is gone.

    Raises ApiError, OnlyWorkload where a workload has the name.
    """
    try:
        return read_pod(api, namespace, name, known)
    except ApiError as error:
        if not error.gone or error.resource != "pods":
            raise
        gone = gone_pod(api, namespace, name)
        if gone is not None:
            return gone
        kinds = same_name(api, namespace, name)
        if not kinds:
            raise
        raise OnlyWorkload(error, namespace, name, kinds) from None


__all__ = ["KINDS", "Found", "Named", "OnlyWorkload", "PodName", "Target", "Targets", "read_or_gone"]

"""What a diagnosis is about: pods, workloads, selectors, or a node; found and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import ApiError
from ..kube.client import Api, reading
from ..kube.paths import path_of
from ..kube.pods import ContainerRead, PodRead, failing_pods, gone_pod, read_pod, waits_for_image
from ..kube.workloads import KINDS, read_workload, refused_case, same_name
from ..model import Case
from .options import Options

SIDE_BY_SIDE = 4
"""Pods that are read at the same time; each read is eight requests of its own."""

PodName = tuple[str, str]
"""(namespace, name)"""


class OnlyWorkload(Exception):
    """A pod was named that does not exist, and workloads have its name. str(): what the server says of the pod, one line."""

    def __init__(self, error: ApiError, namespace: str, name: str, kinds: Sequence[str]) -> None:
        """kinds: of the workloads, e.g. Deployment."""
        self.namespace, self.name, self.kinds = namespace, name, tuple(kinds)
        super().__init__(str(error))


@dataclass(frozen=True)
class Named:
    """One object."""

    kind: str
    """Pod, or the kind of a workload: Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob."""
    name: str
    """Its name."""
    namespace: str = ""
    """Its namespace, "" for that of the connection."""


@dataclass
class Found:
    """What a target turned out to be."""

    reads: list[PodRead] = field(default_factory=list)
    """The pods to diagnose, with what surrounds them."""
    refused: list[Case] = field(default_factory=list)
    """Workloads whose pods the API server refuses, as Cases: there is no pod to read."""
    healthy: list[str] = field(default_factory=list)
    """Workloads that were named and of which nothing fails, one phrase each."""

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

    def find(self, api: Api, options: Options) -> Found:
        """The pods that are meant, read. Raises ApiError where a named object cannot be had, OnlyWorkload with advice."""
        found = Found()
        names: list[PodName] = []
        if not self.named:
            namespace = "" if self.everywhere else api.namespace
            if self.kind == "Pod":
                names = failing_pods(api, namespace, self.selector)
            else:
                for one in self._all(api, namespace):
                    names += _of_workload(api, one, found)
        for one in self.named:
            if one.kind == "Pod":
                names.append((one.namespace or api.namespace, one.name))
            else:
                names += _of_workload(api, one, found)
        with reading(SIDE_BY_SIDE) as pool:
            reads = [pool.submit(read_or_gone, api, *name) for name in dict.fromkeys(names)]
            found.reads = [read() for read in reads]
        return found

    def _all(self, api: Api, namespace: str) -> Iterator[Named]:
        for item in api.pages(path_of(self.kind, namespace), labelSelector=self.selector):
            yield Named(self.kind, item["metadata"]["name"], item["metadata"]["namespace"])


def _of_workload(api: Api, named: Named, found: Found) -> list[PodName]:
    """The pods of a workload that are worth probing: those that wait for an image, else those of its newest revision."""
    namespace = named.namespace or api.namespace
    workload = read_workload(api, namespace, named.kind, named.name)
    failing = [p for p in workload.pods if waits_for_image(p)]
    waiting = [p for p in workload.current if (p.get("status") or {}).get("phase") == "Pending"]
    if not failing and not waiting:
        complete = _is_complete(workload.object, len(workload.current))
        case = None if complete else refused_case(api, namespace, workload)
        if case is not None:
            found.refused.append(case)
        else:
            found.healthy.append(f"{named.kind.lower()}/{named.name} ({len(workload.pods)} pods)")
        return []
    return [(namespace, str(p["metadata"]["name"])) for p in failing or waiting]


def _is_complete(workload: Mapping[str, Any], pods: int) -> bool:
    """Whether a workload has all the pods that it wants, and wants some."""
    wanted = (workload.get("spec") or {}).get("replicas", 1)
    return pods >= int(wanted or 0) > 0


def read_or_gone(api: Api, namespace: str, name: str) -> PodRead:
    """A pod, or what its events tell where it is gone. Raises ApiError, OnlyWorkload where a workload has the name."""
    try:
        return read_pod(api, namespace, name)
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

"""Which pods of many may have an image that cannot be pulled: from the table that the server prints, not from whole objects.

The STATUS column hides failing pulls: a container that crashes, has ended or is being removed comes before one that waits for its
image (kubernetes: pkg/printers/internalversion/printers.go, printPod). So every pod counts that is not wholly ready, and what is
failing among them is told by the pods themselves. Ephemeral containers are in no column: the kubelet's events name their pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ApiError
from ..reading import reading
from .client import Api
from .events import tells_of_failed_pull
from .one_look import CACHED
from .paths import path_of

LIVE = "status.phase!=Succeeded,status.phase!=Failed"
"""Field selector of pods that may still pull something."""
FAILED = frozenset({"InspectFailed", "ErrImageNeverPull"})
"""Reasons of events about an image that could not be had."""
ASKED = frozenset({"Failed", "FailedCreatePodSandBox"})
"""Reasons of events that may be about one: their message tells."""
SIDE_BY_SIDE = 4
"""Namespaces that are listed at a time."""

PodName = tuple[str, str]
"""(namespace, name)"""


@dataclass(frozen=True)
class Candidates:
    """What a table tells."""

    names: tuple[PodName, ...]
    """Pods that are not wholly ready."""
    ready: frozenset[PodName] = frozenset()
    """The others that have not ended, those without a node among them."""

    @property
    def looked_at(self) -> int:
        """How many pods that have not ended there are in all."""
        return len(self.names) + len(self.ready)


def candidates(api: Api, namespace: str, selector: str = "") -> Candidates:
    """The pods that may wait for an image; namespace "": of all namespaces. Raises KubeError where pods may not be listed.

    A table without objects costs a hundredth of the pods themselves but has no column for the namespace, so each namespace is
    listed by itself; who may not list namespaces gets one table with the objects' metadata.
    """
    if namespace:
        return _of(_rows(api, namespace, selector))
    try:
        spaces = [
            str(row.get("Name") or _name(row))
            for row in api.table(path_of("Namespace"), objects="None", resourceVersion=CACHED)
        ]
    except ApiError as error:
        if not error.forbidden:
            raise
        rows = api.table(path_of("Pod"), objects="Metadata", labelSelector=selector, fieldSelector=LIVE)
        return _of((_namespace(row), row) for row in rows)
    with reading(SIDE_BY_SIDE) as pool:
        reads = [pool.submit(lambda space: _of(_rows(api, space, selector)), space) for space in spaces]
        found = [read() for read in reads]
    return Candidates(tuple(n for one in found for n in one.names), frozenset().union(*(one.ready for one in found)))


def _rows(api: Api, namespace: str, selector: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    path = path_of("Pod", namespace)
    for row in api.table(path, objects="None", labelSelector=selector, fieldSelector=LIVE, resourceVersion=CACHED):
        yield namespace, row


def _of(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Candidates:
    names, others = [], set()
    for namespace, row in rows:
        name = (namespace, str(row.get("Name") or _name(row)))
        if _is_ready(row) or row.get("Node") == "<none>":
            others.add(name)  # what has no node pulls nothing
        else:
            names.append(name)
    return Candidates(tuple(names), frozenset(others))


def _is_ready(row: Mapping[str, Any]) -> bool:
    """Every container runs and is ready, by the columns; of a server without tables nothing is known yet."""
    ready, _, of = str(row.get("Ready") or "").partition("/")
    return row.get("Status") == "Running" and ready == of and ready != "0"


def _metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (row.get("object") or {}).get("metadata") or {}
    return found


def _name(row: Mapping[str, Any]) -> str:
    return str(_metadata(row).get("name") or "")


def _namespace(row: Mapping[str, Any]) -> str:
    return str(_metadata(row).get("namespace") or "")


def pods_in(events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[PodName, str]]:
    """((namespace, name), uid) of the pods that these events say had a failed pull; some of them twice."""
    for event in events:
        about, reason = event.get("involvedObject") or {}, event.get("reason")
        if about.get("kind") != "Pod" or not (reason in FAILED or (reason in ASKED and tells_of_failed_pull(event))):
            continue
        yield (str(about.get("namespace") or ""), str(about.get("name") or "")), str(about.get("uid") or "")


__all__ = ["Candidates", "PodName", "candidates", "pods_in"]

"""A view of the API server for commands that look at many pods: each object is read once, whoever asks for it, and events come
from one pass over all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from ..errors import KubeError
from .client import Api
from .paths import path_of

CACHED = "0"
"""resourceVersion of a read that the API server answers from its memory: a moment old at most, and a fraction of the cost
(kubernetes: API concepts, "Resource versions", the meaning of 0)."""
OF_PULLS = frozenset(
    {
        "Pulling",
        "Pulled",
        "Failed",
        "BackOff",
        "Created",
        "Started",
        "InspectFailed",
        "ErrImageNeverPull",
        "FailedCreatePodSandBox",
        "FailedCreate",
    }
)
"""Reasons of the events that tell of pulls, of the sandbox, and of pods that are refused (kubernetes: pkg/kubelet/events,
pkg/controller/replicaset)."""
SELECTS = "involvedObject.uid="


class OneLook(Api):
    """As `Api` for whatever reads; the same connection. Not for commands that wait for something to change."""

    def __init__(self, api: Api, from_memory: bool = True) -> None:
        """from_memory: objects may be a moment old (`CACHED`)."""
        self.__dict__.update(api.__dict__)
        self._version = {"resourceVersion": CACHED} if from_memory else {}
        self._guard = threading.Lock()
        self._objects: dict[tuple[Any, ...], Future[Any]] = {}
        self._events: dict[str, Mapping[str, Sequence[dict[str, Any]]]] = {}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """One object or list, once."""
        found: dict[str, Any] = self._once(("get", path, *sorted(query.items())), lambda: self._cached(path, query))
        return found

    def get_uncached(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """An object that is looked at once and not kept. Raises KubeError."""
        return self._cached(path_of(kind, namespace, name), {})

    def pages(self, path: str, limit: int = 500, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, once; an object's events out of those that `learn_events` has."""
        selector = str(query.get("fieldSelector") or "")
        if selector.startswith(SELECTS) and path.endswith("/events"):
            learnt = self._events.get(path, self._events.get(path_of("Event", "")))
            if learnt is not None:
                return iter(learnt.get(selector.removeprefix(SELECTS), ()))
        read: list[dict[str, Any]] = self._once(
            ("pages", path, *sorted(query.items())), lambda: list(super(OneLook, self).pages(path, limit, **query))
        )
        return iter(read)

    def learn_events(self, namespace: str, reasons: Collection[str] = OF_PULLS) -> list[dict[str, Any]]:
        """Read the events of a namespace, or ("") of all, and keep those of these reasons (none: all). -> them. Raises KubeError;
        then no object there has any, for nobody asks a thousand times what is refused once."""
        path = path_of("Event", namespace)
        self._events[path] = {}
        kept = [e for e in super().pages(path) if not reasons or e.get("reason") in reasons]
        by_uid: dict[str, list[dict[str, Any]]] = {}
        for event in kept:
            by_uid.setdefault(str((event.get("involvedObject") or {}).get("uid")), []).append(event)
        self._events[path] = by_uid
        return kept

    def _cached(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        return super().get(path, **{**self._version, **query})

    def _once(self, key: tuple[Any, ...], read: Callable[[], Any]) -> Any:
        """Whoever comes second waits for the first; an error is everybody's."""
        with self._guard:
            known = self._objects.get(key)
            mine = known is None
            if known is None:
                known = self._objects[key] = Future()
        if mine:
            try:
                known.set_result(read())
            except KubeError as error:
                known.set_exception(error)
            except BaseException as error:
                known.set_exception(error)
                raise
        return known.result()


__all__ = ["CACHED", "OneLook"]

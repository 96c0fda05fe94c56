"""The pods of our runs, as a watch tells of them, for whoever waits for one: a list ten times a second is a lot to answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..model.runs import RUN_LABEL
from .created_objects import Client, core
from .job import Run

STALE = 2.0
"""Seconds without news of a run after which its pods are asked for: something between may hold a watch back."""


class Pods:
    """The pods of our runs in one namespace, as a watch tells of them. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pods: dict[str, dict[str, dict[str, Any]]] | None = None
        self._news: dict[str, threading.Event] = {}
        self._heard: dict[str, float] = {}
        self._closed = False

    def listed(self, pods: Iterable[dict[str, Any]]) -> None:
        """All of them, as they are now."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for pod in pods:
            found.setdefault(_run_of(pod), {})[pod["metadata"]["name"]] = pod
        with self._lock:
            self._pods = None if self._closed else found

    def changed(self, pod: dict[str, Any], gone: bool) -> None:
        """One of them is as it says here; gone: it is not there any more."""
        name = pod["metadata"]["name"]
        with self._lock:
            if self._pods is None:
                return
            mine = self._pods.setdefault(_run_of(pod), {})
            if gone:
                mine.pop(name, None)
            else:
                mine[name] = pod
            if not mine:
                del self._pods[_run_of(pod)]
            news = self._news.get(_run_of(pod))
            self._heard[_run_of(pod)] = time.monotonic()
        if news is not None:
            news.set()

    def lost(self) -> None:
        """Nobody tells of them any more: they have to be asked for."""
        with self._lock:
            self._pods = None

    def close(self) -> None:
        """As `lost`, for good: what a watch still tells is not believed any more."""
        with self._lock:
            self._pods, self._closed = None, True

    def wait(self, run: str, seconds: float) -> None:
        """Wait until something of the run's pods changes, at most so long. Only one thread waits for a run."""
        with self._lock:
            news = self._news.setdefault(run, threading.Event())
        if news.wait(seconds):
            news.clear()

    def of(self, run: str) -> list[dict[str, Any]] | None:
        """Those of a run; None where nobody tells of them, and once in STALE seconds without news."""
        with self._lock:
            now = time.monotonic()
            if self._pods is None or now > self._heard.setdefault(run, now) + STALE:
                self._heard[run] = now
                return None
            return list(self._pods.get(run, {}).values())


def _run_of(pod: Mapping[str, Any]) -> str:
    return str((pod["metadata"].get("labels") or {}).get(RUN_LABEL) or "")


class Watched:
    """A `Client` that knows the pods of our runs from `Pods`, and asks for everything else."""

    def __init__(self, api: Client, namespace: str, pods: Pods) -> None:
        self._api, self._path, self._pods = api, core(namespace, "pods"), pods

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """As of the client. Raises KubeError."""
        key, _, run = str(query.get("labelSelector", "")).partition("=")
        if path == self._path and key == RUN_LABEL and len(query) == 1:
            known = self._pods.of(run)
            if known is not None:
                return {"items": known}
        return self._api.get(path, **query)

    def pause(self, run: str, seconds: float) -> None:
        """Until something of the run's pods changes, at most so long."""
        self._pods.wait(run, seconds)

    def post(self, path: str, body: Any, **query: Any) -> dict[str, Any]:
        """As of the client. Raises KubeError."""
        return self._api.post(path, body, **query)

    def delete(self, path: str, options: Any) -> dict[str, Any]:
        """As of the client. Raises KubeError."""
        return self._api.delete(path, options)

    def lines(self, path: str, seconds: float, **query: Any) -> Any:
        """As of the client. Raises KubeError."""
        return self._api.lines(path, seconds, **query)


def pause(api: Client, run: Run, seconds: float) -> None:
    """Wait before the pods of a run are looked at again: so many seconds, or until a watch tells that one has changed."""
    if isinstance(api, Watched):
        api.pause(run.name, seconds)
    else:
        time.sleep(seconds)

"""What a run has created, and taking all of it away again."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from ..model import ReadError
from .pod import MANAGED_BY, RUN_LABEL, Run


class Client(Protocol):
    """What this room needs of `kube.client.Api`; errors carry .status where the API server refused."""

    def get(self, path: str, **query: Any) -> dict[str, Any]: ...
    def post(self, path: str, body: Any, **query: Any) -> dict[str, Any]: ...
    def delete(self, path: str, body: Any = None, **query: Any) -> dict[str, Any]: ...
    def lines(self, path: str, seconds: float, **query: Any) -> Any: ...


def jobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def core(namespace: str, plural: str) -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}"


PATIENCE = 8.0
"""Seconds to see everything gone; the cluster's own garbage collector usually needs less than one."""


class Interrupted(Exception):
    """The run is being cleared up: nothing more may be created."""


class Trail:
    """Creates objects and remembers each before it is asked for.

    Creating and clearing exclude each other, so that an interruption between a request and its answer leaves nothing.
    """

    def __init__(self, api: Client) -> None:
        self._api = api
        self._paths: dict[str, str] = {}
        self._runs: list[Run] = []
        self._lock = threading.RLock()
        self._closed = False
        self.kept = False

    def create(self, run: Run, kind: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST body to path. -> the stored object. Raises Interrupted once `clear(close=True)` was called."""
        with self._lock:
            if self._closed:
                raise Interrupted
            self._paths[f"{path}/{run.name}"] = kind
            if run not in self._runs:
                self._runs.append(run)
            try:
                return self._api.post(path, body)
            except Exception as error:
                if 400 <= getattr(error, "status", 0) < 500:
                    del self._paths[f"{path}/{run.name}"]  # a plain refusal: there is nothing to delete
                raise

    def clear(self, close: bool = False, failed: bool = False) -> list[ReadError]:
        """Delete everything and wait until it is gone. -> what could not be removed. May be called again.

        close: nothing can be created afterwards. failed: also where the user wants to keep what worked.
        """
        with self._lock:
            self._closed = self._closed or close
            paths, runs = dict(self._paths), list(self._runs)
            self._paths, self._runs = {}, []
        if self.kept and not failed:
            return []
        trouble = []
        # the Job first: it takes pod and ConfigMap along, also where we may not delete those
        for path, kind in sorted(paths.items(), key=lambda item: item[1] != "job"):
            try:
                self._api.delete(path, {"propagationPolicy": "Background", "gracePeriodSeconds": 0})
            except Exception as error:
                if getattr(error, "status", 0) != 404 and not (
                    kind == "configmap" and getattr(error, "status", 0) == 403
                ):
                    trouble.append(ReadError("api", f"could not delete {kind} {path.rpartition('/')[2]}: {error}"))
        deadline = time.monotonic() + PATIENCE
        for run in runs:
            left = self._wait(run, deadline)
            if left and not trouble:
                trouble.append(ReadError("api", f"{left} in {run.namespace} is still being removed by the cluster"))
        return trouble

    def _wait(self, run: Run, deadline: float) -> str:
        """Wait until nothing of the run is left. -> "" or the name of what is."""
        selector = f"{RUN_LABEL}={run.name}"
        pause = 0.05
        while True:
            left = ""
            for plural in ("pods", "configmaps"):
                try:
                    found = self._api.get(core(run.namespace, plural), labelSelector=selector).get("items") or []
                except Exception:
                    continue  # not allowed to look: then it is not ours to wait for
                for item in found:
                    left = f"{plural[:-1]} {item['metadata']['name']}"
                    if plural == "pods" and not item["metadata"].get("deletionTimestamp"):
                        self._quietly_delete(core(run.namespace, plural) + "/" + item["metadata"]["name"])
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(pause)
            pause = min(0.4, pause * 1.5)

    def _quietly_delete(self, path: str) -> None:
        try:
            self._api.delete(path, {"gracePeriodSeconds": 0})
        except Exception:
            return  # gone already, or the garbage collector will do it


def leftovers(api: Client, namespace: str | None) -> list[tuple[str, str, str]]:
    """(kind, namespace, name) of everything that bears our label; namespace None: in all of them. Raises the client's errors."""
    selector = ",".join(f"{k}={v}" for k, v in MANAGED_BY.items())
    found = []
    for kind, group, plural in (
        ("job", "/apis/batch/v1", "jobs"),
        ("pod", "/api/v1", "pods"),
        ("configmap", "/api/v1", "configmaps"),
    ):
        path = f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"
        for item in api.get(path, labelSelector=selector).get("items") or []:
            metadata = item["metadata"]
            if RUN_LABEL in (metadata.get("labels") or {}):
                found.append((kind, metadata["namespace"], metadata["name"]))
    return found


def remove(api: Client, kind: str, namespace: str, name: str) -> None:
    """Delete one of `leftovers`. Raises the client's errors, 404 excepted."""
    path = f"{jobs(namespace)}/{name}" if kind == "job" else f"{core(namespace, kind + 's')}/{name}"
    try:
        api.delete(path, {"propagationPolicy": "Background", "gracePeriodSeconds": 0})
    except Exception as error:
        if getattr(error, "status", 0) != 404:
            raise

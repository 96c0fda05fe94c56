"""What a run has created, and taking all of it away again."""

from __future__ import annotations

import datetime
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import ApiError, KubeError, Unreachable
from ..model import ReadError
from ..model.runs import MANAGED_BY, RUN_LABEL, of_a_run
from .failures import worth_a_try
from .job import HOLDER_SECONDS, TTL_SECONDS, Run


class Client(Protocol):
    """What this room needs of `kube.client.Api`; all raise KubeError, which is an ApiError where the API server refuses."""

    def get(self, path: str, **query: Any) -> dict[str, Any]: ...
    def post(self, path: str, body: Any, **query: Any) -> dict[str, Any]: ...
    def delete(self, path: str, options: Any) -> dict[str, Any]: ...
    def lines(self, path: str, seconds: float, **query: Any) -> Any: ...


def jobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def core(namespace: str, plural: str) -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}"


def belongs(pod: Mapping[str, Any], owner: str) -> bool:
    """Whether the object with this uid is the pod, or the Job that made it."""
    metadata = pod.get("metadata") or {}
    if metadata.get("uid") == owner:
        return True
    references = metadata.get("ownerReferences") or []
    return any(r.get("controller") and r.get("kind") == "Job" and r.get("uid") == owner for r in references)


PATIENT = 3
"""Looks, some 0.25 s, in which the garbage collector may remove a Job's pod by itself: mostly it does, and saves a request."""
PATIENCE = 8.0
"""Seconds to see everything gone; the cluster's own garbage collector usually needs less than one."""


class Interrupted(Exception):
    """The run is being cleared up: nothing more may be created."""


class CreatedObjects:
    """Creates objects and remembers each before it is asked for.

    kept: what worked stays.

    Creating and clearing exclude each other, so that an interruption between a request and its answer leaves nothing.
    """

    def __init__(self, api: Client) -> None:
        self._api = api
        self._paths: dict[str, str] = {}
        self._uids: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._lingering: dict[str, set[str]] = {}
        self._runs: list[Run] = []
        self._going: list[Run] = []
        self._trouble: list[ReadError] = []
        self._failed: KubeError | None = None
        self._lock = threading.RLock()
        self._closed = False
        self.kept = False

    def create(self, run: Run, kind: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST body to path. -> the stored object. Raises KubeError, and Interrupted once `clear(close=True)` was called."""
        with self._lock:
            if self._closed:
                raise Interrupted
            self._paths[f"{path}/{run.name}"] = kind
            if run not in self._runs:
                self._runs.append(run)
            try:
                made = self._api.post(path, body)
            except ApiError as error:
                if 400 <= error.status < 500:
                    del self._paths[f"{path}/{run.name}"]  # a plain refusal: there is nothing to delete
                raise
            uid = str((made.get("metadata") or {}).get("uid") or "")
            if not uid:
                raise Unreachable(f"error: what the server gives as the {kind} that was made is none")
            self._uids[f"{path}/{run.name}"] = uid
            self._lingering.setdefault(run.name, {"pods"}).add(f"{kind}s")
            if kind != "configmap":
                self._owners[run.name] = uid
            return made

    @property
    def owner(self) -> str:
        """The object that everything made so far goes with, as kubectl takes it (job/…, pod/…); "" where there are several."""
        with self._lock:
            roots = [f"{kind}/{path.rpartition('/')[2]}" for path, kind in self._paths.items() if kind != "configmap"]
        return roots[0] if len(roots) == 1 else ""

    def clear(self, close: bool = False, failed: bool = False) -> list[ReadError]:
        """Delete everything and wait until it is gone. -> what could not be removed. May be called again.

        close: nothing can be created afterwards. failed: also where the user wants to keep what worked.
        """
        self.delete(close, failed)
        return self.gone()

    def close(self) -> None:
        """`clear`, after which nothing can be created. Raises the KubeError for which something could not be deleted."""
        self.clear(close=True)
        if self._failed is not None:
            raise self._failed

    def delete(self, close: bool = False, failed: bool = False) -> None:
        """The first half of `clear`: what was made is deleted, which takes a request each."""
        with self._lock:
            self._closed = self._closed or close
            if self.kept and not failed:
                self._paths, self._runs = {}, []
                return
            paths = dict(self._paths)
            self._going += self._runs
            self._runs = []
        # the Job first: it takes pod and ConfigMap along, also where we may not delete those
        for path, kind in sorted(paths.items(), key=lambda item: item[1] != "job"):
            try:
                gone = self._delete(path)
                if kind == "configmap" and gone:
                    # until here whoever interrupts waits for it
                    self._lingering.get(path.rpartition("/")[2], set()).discard("configmaps")
            except KubeError as error:
                status = error.status if isinstance(error, ApiError) else 0
                # 409: another one has that name by now
                if status not in (404, 409) and not (kind == "configmap" and status == 403):
                    said = f"could not delete {kind} {path.rpartition('/')[2]}: {error}"
                    self._trouble.append(ReadError("api", said))
                    self._failed = error
            with self._lock:
                self._paths.pop(path, None)  # not before: whoever interrupts deletes what is not yet deleted

    def gone(self) -> list[ReadError]:
        """The second half: wait until what was deleted is gone. -> what could not be removed."""
        with self._lock:
            runs = list(self._going)
        deadline = time.monotonic() + PATIENCE
        left = {run: self._wait(run, deadline) for run in runs}
        with self._lock:
            self._going = [run for run in self._going if run not in runs]
            trouble, self._trouble = self._trouble, []
        for run, what in left.items():
            if what and not trouble:
                trouble.append(ReadError("api", f"{what} in {run.namespace} is still being removed by the cluster"))
        return trouble

    def _delete(self, path: str) -> bool:
        """-> whether it is gone by now: the answer is the object where something keeps it for a while (kubernetes: apiserver
        pkg/endpoints/handlers/delete.go). Raises KubeError, of the last of several tries where the server is at fault: what stays
        is worth them."""
        for left in (2, 1, 0):
            began = time.monotonic()
            try:
                return self._api.delete(path, deletion(self._uids.get(path, ""))).get("kind") == "Status"
            except KubeError as error:
                refused = isinstance(error, ApiError) and 400 <= error.status < 500
                if refused or not left or not worth_a_try(error, began):
                    raise
        raise AssertionError("the last try returns or raises")

    def _wait(self, run: Run, deadline: float) -> str:
        """Wait until nothing of the run is left. -> "" or the name of what is."""
        selector, owner = f"{RUN_LABEL}={run.name}", self._owners.get(run.name, "")
        pause, looks = 0.05, 0
        while True:
            left = ""
            for plural in sorted({"pods", "configmaps"} & self._lingering.get(run.name, {"pods", "configmaps"})):
                try:
                    found = self._api.get(core(run.namespace, plural), labelSelector=selector).get("items") or []
                except KubeError:
                    continue  # not allowed to look: then it is not ours to wait for
                for item in found:
                    if not _ours(item, run, owner):
                        continue
                    left = f"{plural[:-1]} {item['metadata']['name']}"
                    if looks >= PATIENT and plural == "pods" and not item["metadata"].get("deletionTimestamp"):
                        self._quietly_delete(core(run.namespace, plural) + "/" + item["metadata"]["name"])
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(pause)
            pause, looks = min(0.4, pause * 1.5), looks + 1

    def _quietly_delete(self, path: str) -> None:
        try:
            self._api.delete(path, {"gracePeriodSeconds": 0})
        except KubeError:
            return  # gone already, or the garbage collector will do it


def deletion(uid: str) -> dict[str, Any]:
    """Options that delete at once, and only the object with this uid where it is known."""
    options: dict[str, Any] = {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
    return {**options, "preconditions": {"uid": uid}} if uid else options


def _ours(item: Mapping[str, Any], run: Run, owner: str) -> bool:
    """Whether the run has made this pod or ConfigMap: others may wear its label."""
    metadata = item.get("metadata") or {}
    references = [r.get("uid") for r in metadata.get("ownerReferences") or []]
    return bool(owner) and (metadata.get("uid") == owner or owner in references)


LONGEST_RUN = 900
"""Seconds that no run lasts: the longest budget, a pull of the probe's image and all starts."""


@dataclass(frozen=True)
class Leftover:
    """An object that a run has left."""

    kind: str
    """job, pod or configmap."""
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True)
class Leftovers:
    """What is left of runs, and what still runs."""

    left: tuple[Leftover, ...] = ()
    """Jobs first: they take pods and ConfigMaps along."""
    running: tuple[Leftover, ...] = ()
    """Jobs and bare pods that have not ended, or only just: somebody may still read them."""


def leftovers(api: Client, namespace: str | None, now: float) -> Leftovers:
    """What bears our labels, our names and our owners, in one namespace or (None) in all; now: seconds since the epoch.

    A run that has not ended, or only just, is somebody's until it is older than any run gets. What merely wears our label (a
    StatefulSet's pod) is left alone and not told of. Raises the client's errors.
    """
    selector = ",".join(f"{k}={v}" for k, v in MANAGED_BY.items())
    left, running = [], []
    owners: set[str] = set()
    for kind, group, plural in KINDS:
        path = f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"
        for item in api.get(path, labelSelector=selector).get("items") or []:
            metadata = item.get("metadata") or {}
            found = Leftover(kind, str(metadata.get("namespace")), str(metadata.get("name")), str(metadata.get("uid")))
            if not of_a_run(kind, item):
                continue
            controller = next((str(r.get("uid")) for r in metadata.get("ownerReferences") or []), "")
            age = now - _seconds(metadata.get("creationTimestamp"))
            # a Job without completions holds what other runs still use
            holds = (item.get("spec") or {}).get("completions") == 0
            over = now - _ended(item) > (HOLDER_SECONDS if holds else TTL_SECONDS) or age > LONGEST_RUN
            if kind == "configmap" and controller not in owners:
                over = age > TTL_SECONDS
            elif controller in owners:
                over = False  # it goes with its owner, which goes on
            if over:
                left.append(found)
                continue
            owners.add(found.uid)
            if not controller:
                running.append(found)
    return Leftovers(tuple(left), tuple(running))


KINDS = (("job", "/apis/batch/v1", "jobs"), ("pod", "/api/v1", "pods"), ("configmap", "/api/v1", "configmaps"))


def _ended(item: Mapping[str, Any]) -> float:
    """When a Job or pod came to its end, infinity for one that has not."""
    status = item.get("status") or {}
    conditions = status.get("conditions") or []
    over = [
        c.get("lastTransitionTime")
        for c in conditions
        if c.get("type") in ("Complete", "Failed") and c.get("status") == "True"
    ]
    if status.get("phase") in ("Succeeded", "Failed"):
        states = [(s.get("state") or {}).get("terminated") or {} for s in status.get("containerStatuses") or []]
        over += [s.get("finishedAt") for s in states if s.get("finishedAt")] or [status.get("startTime")]
    return max(map(_seconds, over), default=math.inf)


def _seconds(text: Any) -> float:
    """A time of the API server's as seconds since the epoch; the present where it is none, so that nothing is old by mistake."""
    try:
        return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return time.time()


def remove(api: Client, found: Leftover) -> None:
    """Delete one of `leftovers`, unless another has its name by now. Raises the client's errors, 404 and 409 excepted."""
    path = f"{jobs(found.namespace) if found.kind == 'job' else core(found.namespace, found.kind + 's')}/{found.name}"
    try:
        api.delete(path, deletion(found.uid))
    except ApiError as error:
        if error.status not in (404, 409):
            raise

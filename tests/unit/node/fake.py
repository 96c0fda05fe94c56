"""A cluster in memory: what this room needs of an API server, and a node that does with pods what a test says."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kubectl_imagepull.errors import ApiError

Object = dict[str, Any]


@dataclass
class Ran:
    """What becomes of a pod. containers: their status by name; logs: by container; events: of the pod; phase."""

    containers: dict[str, Object] = field(default_factory=dict)
    logs: dict[str, list[bytes]] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)
    phase: str = "Running"
    reason: str = ""


def running() -> Object:
    return {"running": {"startedAt": "2026-11-28T12:00:00Z"}}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int = 0, reason: str = "Completed", message: str = "") -> Object:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def refused(message: str, status: int = 403) -> ApiError:
    return ApiError(status, "Forbidden", message)


class Cluster:
    """Keeps what is posted; a Job gets its pod at once.

    node: what becomes of a pod; refuse: the error for a request (verb, path, body), None for none. requests: "verb path" of all;
    deletions: (path, options).
    """

    def __init__(
        self,
        node: Callable[[Object], Ran] = lambda pod: Ran(),
        refuse: Callable[[str, str, Any], Exception | None] = lambda verb, path, body: None,
    ) -> None:
        self._node, self.refuse = node, refuse
        self._number = itertools.count(1)
        self._lock = threading.RLock()
        self.objects: dict[str, Object] = {}
        self.ran: dict[str, Ran] = {}
        self.made: list[Object] = []
        self.requests: list[str] = []
        self.deletions: list[tuple[str, Any]] = []

    def _asked(self, verb: str, path: str, body: Any = None) -> None:
        self.requests.append(f"{verb} {path}")
        error = self.refuse(verb, path, body)
        if error is not None:
            raise error

    def get(self, path: str, **query: Any) -> Object:
        with self._lock:
            self._asked("get", path)
            if path in self.objects:
                return copy.deepcopy(self.objects[path])
            items = [o for at, o in self.objects.items() if _in(at, path)]
            if path.endswith("/events"):
                name = str(query.get("fieldSelector", "")).partition("involvedObject.name=")[2]
                items = [e for at, ran in self.ran.items() if at.endswith(f"/{name}") for e in ran.events]
            wanted = [word.partition("=") for word in str(query.get("labelSelector", "")).split(",") if word]
            chosen = [o for o in items if all(_labels(o).get(key) == value for key, _, value in wanted)]
            return {"items": copy.deepcopy(chosen)}

    def pages(self, path: str, limit: int = 500, **query: Any) -> Iterator[Object]:
        yield from self.get(path, **query)["items"]

    def post(self, path: str, body: Any, **query: Any) -> Object:
        with self._lock:
            self._asked("dry-run" if query.get("dryRun") else "post", path, body)
            stored = copy.deepcopy(body)
            if query.get("dryRun"):
                return stored
            if f"{path}/{body['metadata']['name']}" in self.objects:
                raise ApiError(409, "AlreadyExists", "already exists")
            self.made.append(copy.deepcopy(stored))
            self.put(path, stored)
            if stored["kind"] == "Job":
                self._pod_of(stored)
            return copy.deepcopy(stored)

    def put(self, path: str, stored: Object) -> Object:
        """Store an object as the API server would, past admission."""
        stored["metadata"].setdefault("uid", f"uid-{next(self._number)}")
        stored["metadata"].setdefault("creationTimestamp", "2026-11-28T12:00:00Z")
        at = f"{path}/{stored['metadata']['name']}"
        self.objects[at] = stored
        if stored["kind"] == "Pod":
            self._start(at, stored)
        return stored

    def _pod_of(self, job: Object) -> None:
        meta, template = job["metadata"], job["spec"]["template"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
        name = f"{meta['name']}-abcde"
        metadata = {**copy.deepcopy(template["metadata"]), "name": name, "namespace": meta["namespace"]}
        metadata["ownerReferences"] = [owner]
        pod = {"kind": "Pod", "metadata": metadata, "spec": copy.deepcopy(template["spec"])}
        self.put(f"/api/v1/namespaces/{meta['namespace']}/pods", pod)

    def _start(self, at: str, pod: Object) -> None:
        ran = self._node(pod)
        self.ran[at] = ran
        images = {c["name"]: c["image"] for c in pod["spec"]["containers"]}
        pod["status"] = {
            "phase": ran.phase,
            "reason": ran.reason,
            "containerStatuses": [
                {"name": name, "image": images.get(name, ""), "state": state, "started": "running" in state}
                for name, state in ran.containers.items()
            ],
        }

    def delete(self, path: str, body: Any = None, **query: Any) -> Object:
        with self._lock:
            self._asked("delete", path, body)
            self.deletions.append((path, body))
            found = self.objects.get(path)
            if found is None:
                raise ApiError(404, "NotFound", "not found")
            uid = ((body or {}).get("preconditions") or {}).get("uid")
            if uid not in (None, found["metadata"]["uid"]):
                raise ApiError(409, "Conflict", "the uid differs")
            del self.objects[path]
            for at, other in list(self.objects.items()):
                if any(o["uid"] == found["metadata"]["uid"] for o in other["metadata"].get("ownerReferences") or []):
                    del self.objects[at]
            return {}

    def lines(self, path: str, seconds: float, **query: Any) -> Iterator[bytes]:
        self._asked("lines", path)
        pod = path.removesuffix("/log")
        yield from self.ran[pod].logs.get(str(query.get("container")), [])


def _in(at: str, path: str) -> bool:
    """Whether the object at `at` is listed by `path`, of one namespace or of all."""
    folder = at.rpartition("/")[0]
    group, found, rest = folder.partition("/namespaces/")
    return folder == path or (bool(found) and f"{group}/{rest.partition('/')[2]}" == path)


def _labels(found: Object) -> dict[str, str]:
    return dict(found["metadata"].get("labels") or {})

"""A fake cluster with a node that runs what is posted: a Job gets its pod at once, and its probes say what a test says."""

from __future__ import annotations

import base64
import contextlib
import copy
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.unit.fake_cluster import Asked, FakeCluster

Frame = dict[str, Any]


def manifest_is_missing(pull: dict[str, Any]) -> list[Frame]:
    """What the probes say of an image whose registry answers and does not have the tag."""
    about = {"kind": "seen", "role": "registry", "host": pull["host"], "pull": pull["id"]}
    steps = (("dns", "resolved"), ("connect", "open"), ("tls", "ok"), ("registry", "200"), ("manifest", "404"))
    return [{**about, "hop": hop, "outcome": word, "summary": f"{hop}: {word}"} for hop, word in steps]


STARTING = 2.0
"""Seconds that a slow pod takes to start: longer than the first look at its events waits."""
AN_OBJECT = "eyJ"
"""What a JSON object begins with in base64."""


@dataclass
class NodeCluster(FakeCluster):
    """Jobs, bare pods and ConfigMaps can be made and deleted; the garbage collector works at once."""

    say: Callable[[dict[str, Any]], list[Frame]] = manifest_is_missing
    """Of a pull of the plan, what the probes on the node see."""
    slow: bool = False
    """Pods take STARTING seconds."""
    number: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    begun: dict[str, float] = field(default_factory=dict)
    """Path of a pod of ours -> when it was made, on the monotonic clock."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.method == "POST" and asked.body:
            self.asked.append(asked)
            return 201, self._made(asked)
        self._run_all()
        found = super().answer(asked)
        if asked.method == "DELETE" and found[0] == 200:
            there = {o["metadata"].get("uid") for o in self.objects.values()}
            for path, other in list(self.objects.items()):
                owners = other["metadata"].get("ownerReferences") or []
                if "/imagepull-" in path and owners and not any(o["uid"] in there for o in owners):
                    del self.objects[path]
        return found

    def _made(self, asked: Asked) -> Any:
        stored = copy.deepcopy(asked.body)
        stored["metadata"]["uid"] = f"made-{next(self.number)}"
        if not asked.changes:
            return stored
        self.objects[f"{asked.path}/{stored['metadata']['name']}"] = stored
        if stored["kind"] == "Job":
            meta, template = stored["metadata"], copy.deepcopy(stored["spec"]["template"])
            owner = {"kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
            pod = {"apiVersion": "v1", "kind": "Pod", **template}
            pod["metadata"] |= {"name": f"{meta['name']}-abcde", "namespace": meta["namespace"]}
            pod["metadata"] |= {"uid": f"made-{next(self.number)}", "ownerReferences": [owner]}
            self._start(pod)
        elif stored["kind"] == "Pod":
            self._start(stored)
        return stored

    def _start(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        names = [(c["name"], c["image"]) for c in pod["spec"]["containers"]]
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        entries = [{"name": name, "image": image, "state": waiting} for name, image in names]
        pod["status"] = {"phase": "Pending", "containerStatuses": entries}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self.objects[path], self.begun[path] = pod, time.monotonic()

    def _run_all(self) -> None:
        for path, began in list(self.begun.items()):
            if path in self.objects and time.monotonic() >= began + STARTING * self.slow:
                self._run(self.objects[path])

    def _run(self, pod: dict[str, Any]) -> None:
        """The probes run to their end as soon as they have their plan."""
        plan = self._plan(pod)
        if plan is None:
            return
        said = [[f[key] for key in ("hop", "role", "host", "outcome", "pull")] for f in self._frames(plan)]
        message = json.dumps({"protocol": "imagepull/1", "nonce": plan["nonce"], "seen": said})
        state = {"terminated": {"exitCode": 0, "reason": "Completed", "message": message}}
        pod["status"]["phase"] = "Running"
        for entry in pod["status"]["containerStatuses"]:
            entry["state"] = state

    def _frames(self, plan: dict[str, Any]) -> list[Frame]:
        return [frame for pull in plan["pulls"] for frame in self.say(pull)]

    def _plan(self, pod: dict[str, Any]) -> dict[str, Any] | None:
        """The plan in the run's ConfigMap, else in its arguments; None while it is in neither."""
        run = pod["metadata"]["labels"]["imagepull.dev/run"]
        files = [o["binaryData"] for path, o in self.objects.items() if path.endswith(f"/configmaps/{run}")]
        texts = [text for one in files for name, text in one.items() if "plan" in name]
        container = pod["spec"]["containers"][0]
        words = (*container.get("command", ()), *container.get("args", ()))
        texts += [word for word in words if word.startswith(AN_OBJECT)]
        for text in texts:
            with contextlib.suppress(ValueError):
                found = json.loads(base64.b64decode(text, validate=True))
                if isinstance(found, dict) and "nonce" in found:
                    return found
        return None

    def watching(self, asked: Asked) -> Iterator[bytes]:
        """What becomes of our pods until the time is over; of events, what the story tells."""
        if not asked.path.endswith("/pods"):
            yield from self.watched()
            return
        self.asked.append(asked)
        end = time.monotonic() + float(asked.query.get("timeoutSeconds") or 5)
        told: dict[str, str] = {}
        while (looked := time.monotonic()) < end and self.served:
            before = self.answered
            self._run_all()
            mine = {p: o for p, o in list(self.objects.items()) if p in self.begun}
            for path in [path for path in told if path not in mine]:
                yield self._change("DELETED", json.loads(told.pop(path)))
            for path, pod in mine.items():
                now = json.dumps(pod)
                if told.get(path) != now:
                    yield self._change("MODIFIED" if path in told else "ADDED", pod)
                    told[path] = now
            starts = [began + STARTING for began in list(self.begun.values())] if self.slow else []
            until = min(at for at in (*starts, end) if at > looked)
            self.wait(before, until - time.monotonic())

    def _change(self, kind: str, pod: dict[str, Any]) -> bytes:
        self.version += 1
        metadata = {**pod["metadata"], "resourceVersion": str(self.version)}
        return json.dumps({"type": kind, "object": {**pod, "metadata": metadata}}).encode() + b"\n"

    def log(self, asked: Asked) -> list[bytes] | None:
        """The frames of the plan that lies in the run's ConfigMap."""
        pod = asked.path.removesuffix("/log")
        if pod == asked.path or pod not in self.objects:
            return None
        self.asked.append(asked)
        plan = self._plan(self.objects[pod])
        if plan is None:
            return []
        frames = [{"kind": "hello"}, *self._frames(plan), {"kind": "end", "complete": True}]
        return [f"imagepull/1 {plan['nonce']} {json.dumps(frame)}".encode() for frame in frames]

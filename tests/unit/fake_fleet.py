"""An API server with many nodes, each with a kubelet that runs a Job's pod and answers after its own time, or never.

It keeps to what a real one does: lists have pages, a deleted Job's pod and ConfigMap go a moment later, a followed log ends when
the container does (kubernetes: apiserver pkg/storage/etcd3, controller/garbagecollector, kubelet server logs).
"""

from __future__ import annotations

import base64
import copy
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.unit.fake_cluster import Asked, FakeCluster
from tests.unit.fake_node import AN_OBJECT, Frame

RUN = "imagepull.dev/run"
GONE_AFTER = 0.05
"""Seconds until the garbage collector has removed what a deleted Job owned."""
PAUSE = "registry.k8s.io/pause:3.10"


def answers(pull: dict[str, Any]) -> list[Frame]:
    """What the probes say of a registry that is in order."""
    about = {"kind": "seen", "role": "registry", "host": pull["host"], "pull": pull["id"]}
    steps = (("dns", "resolved"), ("connect", "open"), ("tls", "ok"), ("registry", "200"))
    return [{**about, "hop": hop, "outcome": word, "summary": f"{hop}: {word}"} for hop, word in steps]


def breaks(pull: dict[str, Any], hop: str, word: str, role: str = "registry", host: str = "") -> list[Frame]:
    """What they say of one whose path breaks at a hop."""
    found = []
    for frame in answers(pull):
        if frame["hop"] == hop:
            broken = {**frame, "outcome": word, "role": role, "host": host or pull["host"]}
            return [*found, {**broken, "summary": f"{hop}: {word}"}]
        found.append(frame)
    raise ValueError(hop)


@dataclass
class SimNode:
    """A node and its kubelet."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    takes: float | None = 0.0
    """Seconds from the Job to the end of the probes; None: its kubelet never answers."""
    say: Callable[[dict[str, Any]], list[Frame]] = answers
    """Of a pull of the plan, what the probes see."""
    ready: bool = True
    info: dict[str, str] = field(default_factory=dict)
    """What its status.nodeInfo has beside the usual."""

    def document(self) -> dict[str, Any]:
        """The Node, of the size of a real one."""
        info = {
            "architecture": "amd64",
            "operatingSystem": "linux",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "kernelVersion": "6.1.0-26-amd64",
            "containerRuntimeVersion": "containerd://2.0.5",
            "kubeletVersion": "v1.34.2",
            **self.info,
        }
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": info["operatingSystem"], **self.labels}
        labels.setdefault("kubernetes.io/arch", info["architecture"])
        images = [
            {"names": [f"registry.example/team/app-{n}@sha256:{n:064x}", f"registry.example/team/app-{n}:1.{n}"]}
            for n in range(40)
        ]
        images.append({"names": [PAUSE], "sizeBytes": 300_000})
        ready = {"type": "Ready", "status": "True" if self.ready else "Unknown", "message": "Kubelet stopped posting"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "uid": f"uid-{self.name}", "labels": labels},
            "spec": {"providerID": f"example://{self.name}"},
            "status": {"nodeInfo": info, "conditions": [ready], "images": images},
        }


@dataclass
class _Run:
    node: SimNode
    job: str
    pod: str
    began: float
    config: str = ""
    asks: tuple[str, ...] = ()
    """The hosts of its plan."""
    ended: float | None = None
    """When its Job was deleted."""
    deleted: threading.Event = field(default_factory=threading.Event)
    """Set at that time."""


@dataclass
class FleetCluster(FakeCluster):
    """Many nodes. most: the most Jobs that were there at a time; asking: the most nodes that asked a host at a time."""

    nodes: list[SimNode] = field(default_factory=list)
    fails: Callable[[str], int] = lambda node: 0
    """Of a node's name, the status with which a pod for it is refused, 0 for none."""
    says: str = "exceeded quota: pods"
    """The message of that refusal."""
    most: int = 0
    asking: Counter[str] = field(default_factory=Counter)
    runs: dict[str, _Run] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    number: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    busy: Counter[str] = field(default_factory=Counter)
    orphans: dict[str, float] = field(default_factory=dict)
    """ConfigMaps whose Job was deleted, and when they go."""
    shown: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    history: list[bytes] = field(default_factory=list)
    """Every change of a pod, as a watch tells it; its version is its place, from 1."""

    def __post_init__(self) -> None:
        self.by_name = {node.name: node for node in self.nodes}
        for node in self.nodes:
            self.objects[f"/api/v1/nodes/{node.name}"] = node.document()

    @property
    def left(self) -> list[str]:
        """What of our runs is there."""
        with self.lock:
            self._collect_garbage()
            return [path for path in self.objects if "/imagepull-" in path]

    def answer(self, asked: Asked) -> tuple[int, Any]:
        with self.lock:
            self._collect_garbage()
            if asked.path in self.refuse or asked.method not in ("GET", "POST", "DELETE"):
                return super().answer(asked)
            self.asked.append(asked)
            if asked.method == "POST":
                return self._make(asked)
            run = self.runs.get(asked.query.get("labelSelector", "").removeprefix(f"{RUN}="))
            if asked.method == "GET" and run is not None:
                path = run.pod if asked.path.endswith("/pods") else run.config
                found = [self._now(run)] if path == run.pod else [self.objects.get(path)]
                return 200, {"kind": "List", "metadata": {}, "items": [one for one in found if one is not None]}
            if asked.method == "GET" and asked.path.endswith("/events"):
                return 200, {"kind": "EventList", "metadata": {}, "items": []}
            self.asked.pop()
            status, found = super().answer(asked)
            if asked.method == "GET" and asked.path.endswith("/pods") and "items" in found:
                self._note()
                found = {**found, "metadata": {"resourceVersion": str(len(self.history))}}
            if asked.method == "DELETE" and status == 200:
                name = asked.path.rpartition("/")[2]
                run = self.runs.get(name)
                if run is not None and run.job == asked.path:
                    run.ended = time.monotonic()
                    run.deleted.set()
                    self._count(run, -1)
                elif run is None and "/jobs/" in asked.path:
                    config = f"/api/v1/namespaces/{asked.path.split('/')[5]}/configmaps/{name}"
                    self.orphans[config] = time.monotonic() + GONE_AFTER
            return (status, _page(found, asked)) if asked.method == "GET" and "items" in found else (status, found)

    def _collect_garbage(self) -> None:
        for path in [p for p, when in self.orphans.items() if time.monotonic() > when]:
            self.objects.pop(path, None)
            del self.orphans[path]
        for name, run in list(self.runs.items()):
            if run.ended is not None and time.monotonic() > run.ended + GONE_AFTER:
                self.objects.pop(run.pod, None)
                self.objects.pop(run.config, None)
                del self.runs[name]

    def _make(self, asked: Asked) -> tuple[int, Any]:
        stored = copy.copy(asked.body)
        meta = stored["metadata"] = {**stored["metadata"], "uid": f"made-{next(self.number)}"}
        spec = (stored.get("spec") or {}).get("template", stored).get("spec")
        refused = self.fails(spec.get("nodeName", "")) if spec else 0
        if refused:
            return refused, {**self.status(refused)[1], "message": f'pods "x" is forbidden: {self.says}'}
        if not asked.changes:
            return 201, stored
        path = f"{asked.path}/{meta['name']}"
        if path in self.objects:
            return self.status(409)
        if stored["kind"] == "Job" and stored["spec"].get("completions") != 0:
            node = self.by_name[spec["nodeName"]]
            pod = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}-abcde"
            owner = {"kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
            template = stored["spec"]["template"]
            self.objects[pod] = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    **template["metadata"],
                    "name": f"{meta['name']}-abcde",
                    "namespace": meta["namespace"],
                    "uid": f"made-{next(self.number)}",
                    "ownerReferences": [owner],
                },
                "spec": spec,
                "status": {"phase": "Pending"},
            }
            run = self.runs[meta["name"]] = _Run(node, path, pod, time.monotonic())
            self.objects[path] = stored
            self._count(run, 1)
            self.most = max(self.most, sum(1 for one in self.runs.values() if one.ended is None))
        elif stored["kind"] == "ConfigMap":
            run = self.runs.get(meta["labels"][RUN])
            self.objects[path] = stored
            if run is not None:
                run.config = path
                self._count(run, 1)
        self.objects[path] = stored
        return 201, stored

    def _count(self, run: _Run, more: int) -> None:
        """A run begins (1) to ask its hosts, as soon as it can, or has ended (-1)."""
        if more > 0 and not run.asks:
            run.asks = tuple({pull["host"]: None for pull in (self._plan(run) or {"pulls": ()})["pulls"]})
            self.busy.update(run.asks)
            self.asking = Counter({host: max(self.asking[host], self.busy[host]) for host in {*self.asking, *run.asks}})
        elif more < 0:
            self.busy.subtract(run.asks)

    def _now(self, run: _Run) -> dict[str, Any] | None:
        """The pod as its kubelet reports it now; without the ConfigMap that it mounts it does not start."""
        pod = self.objects.get(run.pod)
        if pod is None or self._plan(run) is None:
            return pod
        state = self._state(run)
        containers = [{"name": c["name"], "image": c["image"], "state": state} for c in pod["spec"]["containers"]]
        phase = "Pending" if "waiting" in state else "Running"
        return {**pod, "status": {"phase": phase, "containerStatuses": containers}}

    @staticmethod
    def _state(run: _Run) -> dict[str, Any]:
        past, takes = time.monotonic() - run.began, run.node.takes or 0.0
        if past > takes:
            return {"terminated": {"exitCode": 0, "reason": "Completed"}}
        return {"running": {}} if past > takes / 2 else {"waiting": {"reason": "ContainerCreating"}}

    def _plan(self, run: _Run) -> dict[str, Any] | None:
        """What the probes of a run are asked, None while its pod cannot start."""
        pod = self.objects.get(run.pod)
        if pod is None or run.node.takes is None:
            return None
        spec = pod["spec"]
        config = next((v["configMap"]["name"] for v in spec.get("volumes") or () if "configMap" in v), "")
        files = self.objects.get(f"{run.pod.rpartition('/pods/')[0]}/configmaps/{config}")
        if config and files is None:
            return None
        text = next((t for name, t in files["binaryData"].items() if "plan" in name), "") if files else ""
        words = spec["containers"][0].get("command") or ()
        text = text or next((word for word in words if word.startswith(AN_OBJECT)), "")
        if not text:
            return None
        plan: dict[str, Any] = json.loads(base64.b64decode(text))
        return plan

    def watching(self, asked: Asked) -> Iterator[bytes]:
        """What has become of the pods since the version that was asked for, until the time is over; of events, nothing."""
        with self.lock:
            self.asked.append(asked)
        end = time.monotonic() + float(asked.query.get("timeoutSeconds") or 5)
        told = int(asked.query.get("resourceVersion") or 0)
        while asked.path.endswith("/pods") and time.monotonic() < end and self.served:
            with self.lock:
                self._collect_garbage()
                self._note()
                found, told = self.history[told:], len(self.history)
            for line in found:
                yield line + b"\n"
            time.sleep(0.01)

    def _note(self) -> None:
        """Write down what has changed: each change has a version, and none is lost between two watches."""
        there = set()
        for run in self.runs.values():
            state = "" if self._plan(run) is None else next(iter(self._state(run)))
            before = self.shown.get(run.pod)
            there.add(run.pod)
            if before is None or before[0] != state:
                pod = self._now(run)
                if pod is not None:
                    self._write("MODIFIED" if before else "ADDED", pod)
                    self.shown[run.pod] = (state, pod)
        for path in [path for path in self.shown if path not in there]:
            self._write("DELETED", self.shown.pop(path)[1])

    def _write(self, kind: str, pod: dict[str, Any]) -> None:
        metadata = {**pod["metadata"], "resourceVersion": str(len(self.history) + 1)}
        self.history.append(json.dumps({"type": kind, "object": {**pod, "metadata": metadata}}).encode())

    def log(self, asked: Asked) -> Iterable[bytes] | None:
        pod = asked.path.removesuffix("/log")
        if pod == asked.path:
            return None
        with self.lock:
            self.asked.append(asked)
            run = next((one for one in self.runs.values() if one.pod == pod), None)
            plan = self._plan(run) if run is not None else None
        return self._said(run, plan) if run is not None and plan is not None else []

    @staticmethod
    def _said(run: _Run, plan: dict[str, Any]) -> Iterator[bytes]:
        """The frames, when the probes have them; a frame's `wait` is how many seconds it takes."""
        frames = [{"kind": "hello"}, *(f for pull in plan["pulls"] for f in run.node.say(pull))]
        at = run.began + (run.node.takes or 0)
        for frame in (*frames, {"kind": "end", "complete": True}):
            at += frame.get("wait", 0.0)
            if run.deleted.wait(max(at - time.monotonic(), 0.0)):
                return  # a deleted pod's log breaks off
            shown = {key: value for key, value in frame.items() if key != "wait"}
            yield f"imagepull/1 {plan['nonce']} {json.dumps(shown)}".encode()


def _page(found: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """One page of a list, as `limit` and `continue` ask for (apiserver: pkg/storage/etcd3/store.go)."""
    begin, size = int(asked.query.get("continue") or 0), int(asked.query.get("limit") or 0)
    if not size or len(found["items"]) <= begin + size:
        return {**found, "items": found["items"][begin:]}
    more = {**found["metadata"], "continue": str(begin + size)}
    return {**found, "metadata": more, "items": found["items"][begin : begin + size]}

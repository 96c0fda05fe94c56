"""Staying with a pull until its end: each new attempt is told, until the image is there or another verdict is due."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from ..image.messages import classify
from ..kube.client import Api
from ..kube.errors import ApiError, KubeError
from ..kube.paths import path_of
from ..kube.read import NAMED, NOT_PULLING
from ..kube.watching import events
from ..kube.workloads import SHORT, read_workload
from ..model import Owner
from ..report.style import clean

TOOK = re.compile(r" in ([0-9hmµus.]+)")
OBSERVING = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
"""Kinds whose status says which generation it is about (kubernetes: pkg/apis/apps)."""
PULLED_REASONS = NOT_PULLING - {"ContainerCreating", "PodInitializing"}


@dataclass(frozen=True)
class One:
    """A pod, and in its stead the pods of its owner once it is gone; or, without a name, the pods of the owner from the start."""

    pod: str
    owner: Owner | None

    @property
    def renewed(self) -> bool:
        """Whether an owner makes a pod anew that is gone."""
        return self.owner is not None and self.owner.kind in SHORT


@dataclass
class Followed:
    """What is followed in a namespace."""

    namespace: str
    each: list[One]

    def pods(self, api: Api) -> list[Mapping[str, Any]]:
        """The pods of now, [] while one of those that are followed has none.

        Pods that are gone and that nobody makes anew are not followed any longer. Raises ApiError where none is left.
        """
        found: dict[str, Mapping[str, Any]] = {}
        waiting, left, gone = False, [], None
        for one in self.each:
            try:
                one, pods = self._of(api, one)
            except ApiError as error:
                if not error.gone:
                    raise
                gone = error
                continue
            left.append(one)
            waiting = waiting or not pods
            found.update({p["metadata"]["uid"]: p for p in pods})
        self.each = left
        if gone is not None and not left:
            raise gone
        return [] if waiting else list(found.values())

    def _of(self, api: Api, one: One) -> tuple[One, list[Mapping[str, Any]]]:
        if one.pod:
            try:
                pod = api.get(path_of("Pod", self.namespace, one.pod))
                if not pod["metadata"].get("deletionTimestamp"):
                    return one, [pod]
                if not one.renewed:
                    return one, []
            except ApiError as error:
                if not error.gone or not one.renewed:
                    raise
        assert one.owner is not None
        return One("", one.owner), self._made_by(api, one.owner)

    def _made_by(self, api: Api, owner: Owner) -> list[Mapping[str, Any]]:
        found = read_workload(api, self.namespace, owner.kind, owner.name)
        status = found.object.get("status") or {}
        generation = int((found.object.get("metadata") or {}).get("generation") or 0)
        if owner.kind in OBSERVING and int(status.get("observedGeneration") or 0) < generation:
            return []  # its controller has not seen the change yet
        newest = status.get("updateRevision")
        return [p for p in found.current if owner.kind != "StatefulSet" or _revision(p) in (newest, None)]


def _revision(pod: Mapping[str, Any]) -> Any:
    return (pod["metadata"].get("labels") or {}).get("controller-revision-hash")


@dataclass(frozen=True)
class End:
    """How it ended. failed: the pod whose pull failed with another cause, "" for none; pods: those that have their images;
    gone: nothing is left to follow."""

    failed: str = ""
    pods: tuple[str, ...] = ()
    gone: bool = False


def known_events(api: Api, namespace: str) -> dict[str, int]:
    """The events of now, uid -> count: what is no news later."""
    try:
        return {e["metadata"]["uid"]: _count(e) for e in api.pages(path_of("Event", namespace))}
    except KubeError:
        return {}


def follow(
    api: Api, followed: Followed, known: Mapping[str, int], causes: Collection[str], running: bool, say: TextIO
) -> End:
    """Tell what happens until the pods have their images (running: until they run), or a pull fails otherwise.

    known: events that are no news; causes: the failures that are known, whose next attempts are told and waited out; any other
    ends it. Ctrl-C raises KeyboardInterrupt.
    """
    told = dict(known)
    pods: dict[str, Mapping[str, Any]] = {}
    pending: list[Mapping[str, Any]] = []
    while True:
        for event in events(api, followed.namespace):
            about = (event or {}).get("involvedObject") or {}
            if event is not None and about.get("kind") == "Pod":
                pending.append(event)
            if event is not None and about.get("uid") not in pods:
                continue
            try:
                pods = {p["metadata"]["uid"]: p for p in followed.pods(api)}
            except ApiError as error:
                if error.gone:
                    return End(gone=True)
                continue
            except KubeError:
                continue
            for one in sorted(pending, key=_when):
                uid = one["metadata"]["uid"]
                if (one["involvedObject"].get("uid") not in pods) or told.get(uid, 0) >= _count(one):
                    continue
                told[uid] = _count(one)
                cause = _tell(one, say)
                if cause and cause not in causes:
                    return End(failed=str(one["involvedObject"].get("name")))
            pending = [e for e in pending if e["involvedObject"].get("uid") not in pods][-200:]
            if pods and all(_runs(p) if running else _has_images(p) for p in pods.values()):
                return End(pods=tuple(p["metadata"]["name"] for p in pods.values()))


def _when(event: Mapping[str, Any]) -> str:
    return str(
        (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    )


def _count(event: Mapping[str, Any]) -> int:
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)


def _tell(event: Mapping[str, Any], say: TextIO) -> str:
    """One line about a step of a pull. -> the cause of a failed one, else ""."""
    reason, message = str(event.get("reason") or ""), str(event.get("message") or "")
    pod = str(event["involvedObject"].get("name"))
    named = NAMED.match(message)
    image = named[1] if named else ""
    text, cause = "", ""
    if reason == "Pulling":
        text = f"pulling {image}, attempt {_count(event)}"
    elif reason == "Pulled":
        took = TOOK.search(message)
        text = f"Pulled {image} in {took[1]}" if took else f"{image} is on the node"
    elif reason in ("Failed", "InspectFailed", "ErrImageNeverPull") and (image or reason != "Failed"):
        cause = classify(message).cause
        text = f"failed: {cause}: {message[:300]}"
    elif reason == "Started":
        text = "container started"
    if text:
        say.write(clean(f"{time.strftime('%H:%M:%S')}  {pod}  {text}") + "\n")
        say.flush()
    return cause


def _statuses(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _has_images(pod: Mapping[str, Any]) -> bool:
    """Whether every container has its image: it ran, or it waits for something else."""
    spec = pod.get("spec") or {}
    wanted = len(spec.get("containers") or []) + len(spec.get("initContainers") or [])
    statuses = _statuses(pod)
    return len(statuses) >= wanted > 0 and all(_pulled(s) for s in statuses)


def _pulled(status: Mapping[str, Any]) -> bool:
    state = status.get("state") or {}
    waits_for = str((state.get("waiting") or {}).get("reason") or "")
    return bool(state.get("running") or state.get("terminated") or waits_for in PULLED_REASONS)


def _runs(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Running", "Succeeded") and _has_images(pod)

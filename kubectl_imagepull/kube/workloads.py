"""Workloads and the pods that they own: which of them wait for an image, and what a workload had before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import KubeError
from ..model import Case, Facts, Owner, Target
from .client import Api, get_object
from .paths import fields, is_name, path_of
from .read import (
    PULL_REASONS,
    SANDBOX_IMAGE,
    PodRead,
    _event,
    _now,
    _time,
    controller_of,
    managers_of,
    pull_of,
    read_pod,
    uid_of,
)

SHORT: Mapping[str, str] = {
    "Pod": "po pod pods",
    "Deployment": "deploy deployment deployments deployment.apps deployments.apps",
    "StatefulSet": "sts statefulset statefulsets statefulset.apps statefulsets.apps",
    "DaemonSet": "ds daemonset daemonsets daemonset.apps daemonsets.apps",
    "ReplicaSet": "rs replicaset replicasets replicaset.apps replicasets.apps",
    "Job": "job jobs job.batch jobs.batch",
    "CronJob": "cj cronjob cronjobs cronjob.batch cronjobs.batch",
}
KINDS: Mapping[str, str] = {word: kind for kind, words in SHORT.items() for word in words.split()}
"""What kubectl takes for a kind -> the kind."""
CHILDREN = {"Deployment": "ReplicaSet", "CronJob": "Job"}


@dataclass(frozen=True)
class Workload:
    """A workload and its pods that are not being deleted. current: those of its newest revision."""

    kind: str
    object: Mapping[str, Any]
    pods: tuple[Mapping[str, Any], ...]
    current: tuple[Mapping[str, Any], ...]
    children: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        return str((self.object.get("metadata") or {}).get("name") or "")


def read_workload(api: Api, namespace: str, kind: str, name: str) -> Workload:
    """A workload with its pods. Raises ApiError in the server's words where it does not exist or may not be read."""
    found = get_object(api, kind, namespace, name)
    uid = uid_of(found)
    children: list[Mapping[str, Any]] = []
    if kind in CHILDREN:
        children = [c for c in api.pages(path_of(CHILDREN[kind], namespace)) if controller_of(c).get("uid") == uid]
    pods = [p for p in api.pages(path_of("Pod", namespace)) if not (p.get("metadata") or {}).get("deletionTimestamp")]
    owners = {uid, *map(uid_of, children)}
    mine = tuple(p for p in pods if controller_of(p).get("uid") in owners)
    newest = max(children, key=_revision, default=None)
    current = mine if newest is None else tuple(p for p in mine if controller_of(p).get("uid") == uid_of(newest))
    return Workload(kind, found, mine, current, tuple(children))


def failing_pods(api: Api, namespace: str, selector: str = "") -> list[tuple[str, str]]:
    """(namespace, name) of every pod that waits for an image; namespace "": of all namespaces.

    A pod whose container is still being created may be held up by a pull as well: its own events tell.
    """
    pods = list(api.pages(path_of("Pod", namespace), labelSelector=selector))
    if not pods and namespace:
        api.get(path_of("Namespace", name=namespace))  # says NotFound where kubectl would only find nothing
    troubled = _troubled_by_events(api, namespace) if any(_being_created(p) for p in pods) else set()
    return [
        (m["namespace"], m["name"])
        for p in pods
        for m in (p["metadata"],)
        if waits_for_image(p) or (_being_created(p) and m.get("uid") in troubled)
    ]


def waits_for_image(pod: Mapping[str, Any]) -> bool:
    """Whether a container's state says that its image could not be had."""
    return any(r in PULL_REASONS or _is_text(r) for r in _waiting(pod))


def _is_text(reason: str) -> bool:
    # a secret that cannot be decoded becomes the reason itself (kubernetes 1.33 and later)
    return " " in reason


def _being_created(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") == "Pending" and bool((pod.get("spec") or {}).get("nodeName"))


def _waiting(pod: Mapping[str, Any]) -> Iterable[str]:
    status = pod.get("status") or {}
    for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for entry in status.get(key) or []:
            yield str(((entry.get("state") or {}).get("waiting") or {}).get("reason") or "")


def _troubled_by_events(api: Api, namespace: str) -> set[str]:
    found = set()
    for reason in ("Failed", "FailedCreatePodSandBox"):
        try:
            for event in api.pages(path_of("Event", namespace), fieldSelector=f"reason={reason}"):
                message = str(event.get("message") or "")
                if message.startswith("Failed to pull image") or SANDBOX_IMAGE.search(message):
                    found.add(str((event.get("involvedObject") or {}).get("uid")))
        except KubeError:
            return found
    return found


def refused_case(api: Api, namespace: str, workload: Workload) -> Case | None:
    """The Case of a workload whose pods are refused before they exist; None where nothing says so.

    The words stand in FailedCreate events and in the ReplicaFailure condition (kubernetes: pkg/controller/replicaset).
    """
    creators = [*sorted(workload.children, key=_revision, reverse=True)[:1], workload.object]
    found = []
    for creator in creators:
        try:
            listed = api.get(
                path_of("Event", namespace),
                fieldSelector=fields(involvedObject__uid=uid_of(creator), reason="FailedCreate"),
            )
            found += [_event(e) for e in listed.get("items") or []]
        except KubeError:
            pass
    said, at, first = "", 0.0, 0.0
    if found:
        newest = max(found, key=lambda e: e.last)
        said, at, first = newest.message, newest.last, min(e.first for e in found)
    for creator in creators:
        for condition in (creator.get("status") or {}).get("conditions") or []:
            if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True" and not said:
                said, at = str(condition.get("message") or ""), _time(condition.get("lastTransitionTime"))
    if not said:
        return None
    template = template_of(workload.kind, workload.object)
    container: Mapping[str, Any] = next(iter((template.get("spec") or {}).get("containers") or []), {})
    image = str(container.get("image") or "")
    reference, pull = pull_of(image, "p0")
    owner = Owner(workload.kind, workload.name, managers_of(workload.object), uid_of(workload.object))
    return Case(
        Target(namespace, "", str(container.get("name") or ""), image=image, owner=owner),
        Facts(
            reason="FailedCreate",
            message=said,
            said=said,
            said_at=at,
            failing=True,
            since=first or at,
            reference=reference,
            events=tuple(found),
            read_at=_now(),
        ),
        pull,
    )


def gone_pod(api: Api, namespace: str, name: str) -> PodRead | None:
    """A pod that does not exist any more, as its events tell; None where there are none."""
    try:
        listed = api.get(path_of("Event", namespace), fieldSelector=fields(involvedObject__name=name))
    except KubeError:
        return None
    events = [e for e in listed.get("items") or [] if (e.get("involvedObject") or {}).get("kind") == "Pod"]
    if not events:
        return None
    newest = max(events, key=lambda e: _event(e).last)
    uid = (newest.get("involvedObject") or {}).get("uid")
    return read_pod(api, namespace, name, _as_events_tell(namespace, name, [e for e in events if _same(e, uid)]))


def _same(event: Mapping[str, Any], uid: Any) -> bool:
    return bool((event.get("involvedObject") or {}).get("uid") == uid)


def _as_events_tell(namespace: str, name: str, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A pod object put together from events: its node, and a container for each image that they name."""
    from .read import NAMED

    images: dict[str, str] = {}
    node = ""
    for event in events:
        host = str((event.get("source") or {}).get("host") or "")
        node = host if is_name(host) else node
        named = NAMED.match(str(event.get("message") or ""))
        container = _event(event).container
        if named and container:
            images[container] = named[1]
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": (events[0].get("involvedObject") or {}).get("uid")},
        "spec": {
            "nodeName": node,
            "containers": [{"name": c, "image": i} for c, i in images.items()] or [{"name": "", "image": ""}],
        },
        "status": {"reason": "Gone", "message": "the pod does not exist any more"},
    }


def same_name(api: Api, namespace: str, name: str) -> list[str]:
    """Kinds of workload that have an object of this name."""
    found = []
    for kind in SHORT:
        if kind == "Pod":
            continue
        try:
            get_object(api, kind, namespace, name)
            found.append(kind)
        except KubeError:
            pass
    return found


def template_of(kind: str, workload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod template of a workload."""
    spec = workload.get("spec") or {}
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    found: Mapping[str, Any] = spec.get("template") or {}
    return found


@dataclass(frozen=True)
class Revision:
    """A pod template that a workload had. number: its place in the history; runs: pods of it are ready."""

    number: int
    spec: Mapping[str, Any]
    runs: bool = False


def what_changed(api: Api, namespace: str, pod: Mapping[str, Any], owner: Owner | None, container: str) -> str:
    """What the revision before the pod's had in its place: "image X", "pull secrets a, b"; "" where nothing differs or is known.

    Of the older revisions, the newest that still has ready pods, else the one before. A Deployment keeps them as ReplicaSets,
    StatefulSets and DaemonSets as ControllerRevisions.
    """
    if owner is None or not owner.uid or owner.kind not in OF_REVISIONS:
        return ""
    try:
        mine, older = OF_REVISIONS[owner.kind](api, namespace, pod, owner)
    except KubeError:
        return ""
    if mine is None or not older:
        return ""
    before = max((r for r in older if r.runs), key=lambda r: r.number, default=max(older, key=lambda r: r.number))
    said = []
    old_image, new_image = _image_in(before.spec, container), _image_in(mine.spec, container)
    if old_image and old_image != new_image:
        said.append(f"image {old_image}")
    old_names, new_names = _secret_names(before.spec), _secret_names(mine.spec)
    if old_names != new_names:
        said.append(f"pull secrets {', '.join(old_names)}" if old_names else "no pull secrets")
    if not said:
        return ""
    state = ", whose pods still run," if before.runs else ""
    return f"revision {before.number}{state} had {' and '.join(said)}"


Revisions = tuple[Revision | None, list[Revision]]
"""The pod's own, and those before it."""


def _replica_sets(api: Api, namespace: str, pod: Mapping[str, Any], owner: Owner) -> Revisions:
    sets = [s for s in api.pages(path_of("ReplicaSet", namespace)) if controller_of(s).get("uid") == owner.uid]
    own = controller_of(pod).get("uid")
    found = {
        uid_of(s): Revision(
            _revision(s),
            template_of("ReplicaSet", s).get("spec") or {},
            bool((s.get("status") or {}).get("readyReplicas")),
        )
        for s in sets
    }
    mine = found.get(str(own))
    return mine, [r for r in found.values() if mine is not None and r.number < mine.number]


REVISION_LABEL = "controller-revision-hash"
"""A pod's revision: a ControllerRevision's name (StatefulSet) or its own label of that name (DaemonSet)."""


def _controller_revisions(api: Api, namespace: str, pod: Mapping[str, Any], owner: Owner) -> Revisions:
    own, uid = _labels(pod).get(REVISION_LABEL), owner.uid
    listed = api.pages(path_of("ControllerRevision", namespace))
    kept = [r for r in listed if controller_of(r).get("uid") == uid]
    pods = [p for p in api.pages(path_of("Pod", namespace)) if controller_of(p).get("uid") == uid]
    running = {_labels(p).get(REVISION_LABEL) for p in pods if _ready(p)}
    found: list[tuple[bool, Revision]] = []
    for one in kept:
        names = {str((one.get("metadata") or {}).get("name")), _labels(one).get(REVISION_LABEL)}
        data = template_of(owner.kind, one.get("data") or {})
        found.append(
            (own in names, Revision(int(one.get("revision") or 0), data.get("spec") or {}, bool(names & running)))
        )
    mine = next((r for is_own, r in found if is_own), None)
    return mine, [r for _, r in found if mine is not None and r.number < mine.number]


OF_REVISIONS: Mapping[str, Callable[[Api, str, Mapping[str, Any], Owner], Revisions]] = {
    "Deployment": _replica_sets,
    "StatefulSet": _controller_revisions,
    "DaemonSet": _controller_revisions,
}


def _labels(found: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = (found.get("metadata") or {}).get("labels") or {}
    return labels


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _image_in(spec: Mapping[str, Any], container: str) -> str:
    both = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return next((str(c.get("image") or "") for c in both if c.get("name") == container), "")


def _secret_names(spec: Mapping[str, Any]) -> list[str]:
    return [str(s.get("name")) for s in spec.get("imagePullSecrets") or []]


def _revision(found: Mapping[str, Any]) -> int:
    """A ReplicaSet's revision; a Job's time of creation, as they have none."""
    metadata = found.get("metadata") or {}
    text = (metadata.get("annotations") or {}).get("deployment.kubernetes.io/revision", "")
    return int(text) if str(text).isdigit() else int(_time(metadata.get("creationTimestamp")))


__all__ = [
    "KINDS",
    "Workload",
    "failing_pods",
    "gone_pod",
    "read_workload",
    "refused_case",
    "same_name",
    "template_of",
    "waits_for_image",
    "what_changed",
]

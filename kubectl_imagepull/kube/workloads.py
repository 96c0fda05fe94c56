"""Workloads: who owns a pod, the pods that a workload owns, and what it had before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from .. import lazily
from ..errors import ApiError, KubeError
from ..image.containers import containers_of
from ..image.pulls import pull_of
from ..model import Case, Facts, Owner, Target
from ..reading import reading
from .client import Api, get_object
from .events import event_of
from .kinds import SHORT
from .objects import controller_of, labels_of, managers_of, now, time_of, uid_of
from .paths import RESOURCES, fields, is_name, path_of

CHILDREN = {"Deployment": "ReplicaSet", "CronJob": "Job"}
KIND = lazily.pattern(r"[A-Za-z][A-Za-z0-9]{0,62}")
LONGEST_CHAIN = 4


def owner_of(api: Api, namespace: str, pod: Mapping[str, Any]) -> Owner | None:
    """The workload at the top of the owner chain; a Node owner means a static pod.

    Whoever makes a pod writes its owner references, so each step counts only where the object of that name has the uid that
    the reference gives (kubernetes: pkg/controller/garbagecollector compares the same); the chain ends where it differs or is
    gone. An owner that may not be read is told by its name and has no uid.
    """
    current: Mapping[str, Any] = pod
    owner: Owner | None = None
    for _ in range(LONGEST_CHAIN):
        reference = controller_of(current)
        kind, name = str(reference.get("kind")), str(reference.get("name"))
        if KIND.fullmatch(kind) is None or not is_name(name):
            break
        group = str(reference.get("apiVersion")).rpartition("/")[0]
        if kind == "Node" or kind not in RESOURCES or not RESOURCES[kind][0].startswith(f"/apis/{group}/"):
            owner = Owner(kind, name)
            break
        try:
            found = get_object(api, kind, namespace, name)
        except ApiError as error:
            owner = owner if error.gone else Owner(kind, name)
            break
        except KubeError:
            owner = Owner(kind, name)
            break
        uid = uid_of(found)
        if not uid or uid != reference.get("uid"):
            break
        owner = Owner(kind, name, managers_of(found), uid, _template_images(kind, found))
        current = found
    return owner


def _template_images(kind: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    """The images of a workload's pod template, each as container=image."""
    spec = found.get("spec") or {}
    spec = (spec.get("jobTemplate") or {}).get("spec") or {} if kind == "CronJob" else spec
    pod = (spec.get("template") or {}).get("spec") or {}
    return tuple(f"{c.get('name')}={c.get('image')}" for _, c in containers_of(pod))


ENDED = ("Complete", "Failed")
"""Conditions of a Job that makes no more pods (kubernetes: batch/v1 JobConditionType)."""


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
        """Its name."""
        return str((self.object.get("metadata") or {}).get("name") or "")

    @property
    def wanted(self) -> int | None:
        """How many pods it wants, None for kinds that do not say (a CronJob wants some at times)."""
        spec, status = self.object.get("spec") or {}, self.object.get("status") or {}
        if self.kind == "CronJob":
            return None
        if self.kind == "DaemonSet":
            counted = status.get("desiredNumberScheduled")
            return int(counted) if counted is not None else None
        if self.kind == "Job":
            over = [c for c in status.get("conditions") or [] if c.get("type") in ENDED and c.get("status") == "True"]
            return 0 if over or spec.get("suspend") is True else 1
        return int(spec.get("replicas", 1))


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
            found += [event_of(e) for e in listed.get("items") or []]
        except KubeError:
            pass
    said, at, first = "", 0.0, 0.0
    if found:
        newest = max(found, key=lambda e: e.last)
        said, at, first = newest.message, newest.last, min(e.first for e in found)
    for creator in creators:
        for condition in (creator.get("status") or {}).get("conditions") or []:
            if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True" and not said:
                said, at = str(condition.get("message") or ""), time_of(condition.get("lastTransitionTime"))
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
            read_at=now(),
        ),
        pull,
    )


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


class History:
    """What workloads had before. In a namespace each kind is listed once, whichever workloads are asked about."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._listed: dict[tuple[str, str], Kept] = {}

    def learn(self, workloads: Iterable[tuple[str, Owner | None]]) -> None:
        """Read what `before` needs of these (namespace, workload), several namespaces side by side."""
        places = {(namespace, KEPT_AS[owner.kind]) for namespace, owner in workloads if _has_history(owner)}
        new = sorted(places - self._listed.keys())
        with reading(SIDE_BY_SIDE if len(new) > 1 else 0) as pool:
            for place, read in [(place, pool.submit(self._read, *place)) for place in new]:
                self._listed[place] = read()

    def before(self, namespace: str, pod: Mapping[str, Any], owner: Owner | None, container: str) -> str:
        """What the revision before the pod's had in its place: "revision 4 had image X and pull secrets a, b"; "" where nothing
        differs or is known.

        Of the older revisions, the newest that still has ready pods, else the one before. A Deployment keeps them as
        ReplicaSets, StatefulSets and DaemonSets as ControllerRevisions.
        """
        if not _has_history(owner):
            return ""
        self.learn([(namespace, owner)])
        keeper = KEPT_AS[owner.kind]
        kept = self._listed[namespace, keeper].get(owner.uid, ())
        name = _controller_uid(pod) if keeper == "ReplicaSet" else labels_of(pod).get(REVISION_LABEL)
        mine = next((r for r in kept if name in r.names), None)
        older = [r for r in kept if mine is not None and r.number < mine.number]
        if mine is None or not older:
            return ""
        before = max((r for r in older if r.runs), key=lambda r: r.number, default=max(older, key=lambda r: r.number))
        said = []
        old_image, new_image = before.images.get(container, ""), mine.images.get(container, "")
        if old_image and old_image != new_image:
            said.append(f"image {old_image}")
        if before.secrets != mine.secrets:
            said.append(f"pull secrets {', '.join(before.secrets)}" if before.secrets else "no pull secrets")
        if not said:
            return ""
        state = ", whose pods still run," if before.runs else ""
        return f"revision {before.number}{state} had {' and '.join(said)}"

    def _read(self, namespace: str, keeper: str) -> Kept:
        read = _replica_sets if keeper == "ReplicaSet" else _controller_revisions
        try:
            return read(self._api, namespace)
        except KubeError:
            return {}


KEPT_AS = {"Deployment": "ReplicaSet", "StatefulSet": "ControllerRevision", "DaemonSet": "ControllerRevision"}
"""The kind of object in which a workload's revisions are kept."""
SIDE_BY_SIDE = 4
"""Lists at a time."""


def _has_history(owner: Owner | None) -> TypeGuard[Owner]:
    return owner is not None and bool(owner.uid) and owner.kind in KEPT_AS


@dataclass(frozen=True)
class Revision:
    """A pod template that a workload had."""

    names: frozenset[str]
    """How a pod names its revision: the uid of its ReplicaSet, or what its label of a revision has."""
    number: int
    """Its place in the history."""
    images: Mapping[str, str]
    """By container."""
    secrets: tuple[str, ...]
    """Names of its pull secrets."""
    runs: bool = False
    """Whether pods of it are ready."""


Kept = Mapping[str, Sequence[Revision]]
"""The revisions of workloads, by the workload's uid."""


def _replica_sets(api: Api, namespace: str) -> Kept:
    kept: dict[str, list[Revision]] = {}
    for one in api.pages(path_of("ReplicaSet", namespace)):
        ready = bool((one.get("status") or {}).get("readyReplicas"))
        found = _of_template({uid_of(one)}, _revision(one), template_of("ReplicaSet", one), ready)
        kept.setdefault(_controller_uid(one), []).append(found)
    return kept


REVISION_LABEL = "controller-revision-hash"
"""A pod's revision: a ControllerRevision's name (StatefulSet) or its own label of that name (DaemonSet)."""


def _controller_revisions(api: Api, namespace: str) -> Kept:
    pods = api.pages(path_of("Pod", namespace))
    running = {(_controller_uid(pod), labels_of(pod).get(REVISION_LABEL)) for pod in pods if _ready(pod)}
    kept: dict[str, list[Revision]] = {}
    for one in api.pages(path_of("ControllerRevision", namespace)):
        uid = _controller_uid(one)
        names = {str((one.get("metadata") or {}).get("name")), labels_of(one).get(REVISION_LABEL, "")}
        # its data is a part of a StatefulSet or DaemonSet, whose templates stand at the same place
        template = template_of("StatefulSet", one.get("data") or {})
        ready = any((uid, name) in running for name in names)
        kept.setdefault(uid, []).append(_of_template(names, int(one.get("revision") or 0), template, ready))
    return kept


def _controller_uid(found: Mapping[str, Any]) -> str:
    return str(controller_of(found).get("uid") or "")


def _of_template(names: set[str], number: int, template: Mapping[str, Any], runs: bool) -> Revision:
    spec = template.get("spec") or {}
    both = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    images = {str(c.get("name")): str(c.get("image") or "") for c in both}
    secrets = tuple(str(s.get("name")) for s in spec.get("imagePullSecrets") or [])
    return Revision(frozenset(names - {""}), number, images, secrets, runs)


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _revision(found: Mapping[str, Any]) -> int:
    """A ReplicaSet's revision; a Job's time of creation, as they have none, and that of a ReplicaSet whose revision is no number:
    anybody may write that annotation."""
    metadata = found.get("metadata") or {}
    text = str((metadata.get("annotations") or {}).get("deployment.kubernetes.io/revision", ""))
    # an int64 (kubernetes: pkg/controller/deployment/util, Revision); so many digits always fit
    number = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if number else int(time_of(metadata.get("creationTimestamp")))

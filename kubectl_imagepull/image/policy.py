"""When the images of a pod are pulled: by pull policy, and by kubelet version.

After kubernetes pkg/apis/core/v1/defaults.go, pkg/kubelet/images/image_manager.go,
pkg/kubelet/images/pullmanager and pkg/features/kube_features.go, versions as named at each place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kubectl_imagepull.image.reference import InvalidReference, Reference

from .. import lazily

ALWAYS = "Always"
IF_NOT_PRESENT = "IfNotPresent"


def default_pull_policy(image: str) -> str:
    """The policy that the API server fills in when a pod names none (SetDefaults_Container).

    Always for the tag latest, written or implied, also beside a digest; IfNotPresent else, also for a text
    that is no reference. It is not worked out anew when the image is edited later.
    """
    try:
        reference = Reference.parse(image)
    except InvalidReference:
        return IF_NOT_PRESENT
    tag = reference.tag or ("" if reference.digest else "latest")
    return ALWAYS if tag == "latest" else IF_NOT_PRESENT


# ------------------------------------------------------------------------------------------------------------
# What a kubelet of a version does

_VERSION = lazily.pattern(r"v?([0-9]{1,4})\.([0-9]{1,4})")


@dataclass(frozen=True)
class KubeletTraits:
    """What about pulling depends on the kubelet's version. A feature gate that is set differs from its
    default.

    minor: of version 1.x, None when it is not known; then the traits are those of the newest version.
    """

    minor: int | None

    @classmethod
    def of(cls, version: str) -> KubeletTraits:
        """From status.nodeInfo.kubeletVersion, such as v1.35.2+k3s1. Anything else: version not known."""
        found = _VERSION.match(version) if isinstance(version, str) else None
        return cls(int(found.group(2)) if found and found.group(1) == "1" else None)

    def _since(self, minor: int) -> bool:
        return self.minor is None or self.minor >= minor

    @property
    def checks_cached_images(self) -> str:
        """Gate KubeletEnsureSecretPulledImages (KEP-2535): "absent", "off" (1.33) or "on" by default
        (1.35).
        """
        return "on" if self._since(35) else "off" if self._since(33) else "absent"


# ------------------------------------------------------------------------------------------------------------
# What is pulled when


class Role(Enum):
    """In which part of a pod an image is named."""

    VOLUME = "image volume"
    EPHEMERAL = "ephemeral container"
    INIT = "init container"
    SIDECAR = "sidecar"
    CONTAINER = "container"


@dataclass(frozen=True)
class PulledImage:
    """One image of a pod.

    turn: images of a smaller turn must be there first, those of one turn do not wait for each other. policy:
    as in the pod, or the default. needed_by: for a volume the containers that mount it, else the container
    itself. field_path: that of its events' involvedObject, "" for a volume. blocking: whether later turns
    wait for it.
    """

    role: Role
    name: str
    image: str
    policy: str
    turn: int
    needed_by: tuple[str, ...]
    field_path: str
    blocking: bool = True


def pulled_images(pod: Mapping[str, Any]) -> list[PulledImage]:
    """The images of a pod object in the order in which the kubelet comes to them (kuberuntime_manager.go).

    Image volumes before any container, then ephemeral containers, init containers one by one, containers
    last. A sidecar (init container that restarts always) and an ephemeral container that fail hold up
    nothing. Damaged parts of the object are left out; never raises.
    """
    spec = pod.get("spec") if isinstance(pod, Mapping) else None
    if not isinstance(spec, Mapping):
        return []
    containers = {key: list(_objects(spec, key)) for key in ("ephemeralContainers", "initContainers", "containers")}
    found = list(_volumes(spec, [c for group in containers.values() for c in group]))
    found += [_container(c, Role.EPHEMERAL, "ephemeralContainers", 1) for c in containers["ephemeralContainers"]]
    turn = 1
    for container in containers["initContainers"]:
        turn += 1
        role = Role.SIDECAR if container.get("restartPolicy") == ALWAYS else Role.INIT
        found.append(_container(container, role, "initContainers", turn))
    found += [_container(c, Role.CONTAINER, "containers", turn + 1) for c in containers["containers"]]
    return [image for image in found if image.image]


def _objects(holder: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    values = holder.get(key)
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, Mapping))


def _string(holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def _container(container: Mapping[str, Any], role: Role, group: str, turn: int) -> PulledImage:
    name, image = _string(container, "name"), _string(container, "image")
    policy = _string(container, "imagePullPolicy") or default_pull_policy(image)
    blocking = role in (Role.INIT, Role.CONTAINER)
    return PulledImage(role, name, image, policy, turn, (name,), f"spec.{group}{{{name}}}", blocking)


def _volumes(spec: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> Iterator[PulledImage]:
    """Image volumes: their failure is reported on each container that mounts them, with the same reasons."""
    for volume in _objects(spec, "volumes"):
        source = volume.get("image")
        if not isinstance(source, Mapping):
            continue
        name, image = _string(volume, "name"), _string(source, "reference")
        users = tuple(
            _string(c, "name") for c in containers if any(m.get("name") == name for m in _objects(c, "volumeMounts"))
        )
        policy = _string(source, "pullPolicy") or default_pull_policy(image)
        yield PulledImage(Role.VOLUME, name, image, policy, 0, users, "")

"""When an image is pulled, and when one that is on the node may be used: by pull policy and kubelet version.

After kubernetes pkg/apis/core/v1/defaults.go, pkg/kubelet/images/image_manager.go,
pkg/kubelet/images/pullmanager and pkg/features/kube_features.go, versions as named at each place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kubectl_imagepull.image.reference import InvalidReference, Reference

ALWAYS = "Always"
IF_NOT_PRESENT = "IfNotPresent"
NEVER = "Never"


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

_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})")


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
    def old_grammar(self) -> bool:
        """Whether references are parsed by the grammar before distribution/reference (up to 1.28)."""
        return not self._since(29)

    @property
    def backoff_tells_cause(self) -> bool:
        """Whether the message of ImagePullBackOff carries the error before it (1.32)."""
        return self._since(32)

    @property
    def always_skips_inspection(self) -> bool:
        """Whether policy Always pulls without asking first if the image is there (1.32)."""
        return self._since(32)

    @property
    def tells_missing_secrets(self) -> bool:
        """Whether a pull secret that cannot be read makes an event FailedToRetrieveImagePullSecret (1.28)."""
        return self._since(28)

    @property
    def secret_error_is_reason(self) -> bool:
        """Whether the error about a malformed pull secret stands as waiting reason instead of ErrImagePull
        (1.33).
        """
        return self._since(33)

    @property
    def plugins_come_last(self) -> bool:
        """Whether credential provider plugins are a source of their own behind the node's docker config
        (1.33).
        """
        return self._since(33)

    @property
    def image_volumes(self) -> str:
        """Gate ImageVolume: "absent", "off" by default (1.31) or "on" by default (1.35)."""
        return "on" if self._since(35) else "off" if self._since(31) else "absent"

    @property
    def checks_cached_images(self) -> str:
        """Gate KubeletEnsureSecretPulledImages (KEP-2535): "absent", "off" (1.33) or "on" by default
        (1.35).
        """
        return "on" if self._since(35) else "off" if self._since(33) else "absent"

    @property
    def reads_secrets_of_present_images(self) -> bool:
        """Whether, with KEP-2535 on, a malformed secret fails a pod whose image is on the node (1.33 and
        1.34).
        """
        return self.minor in (33, 34)


# ------------------------------------------------------------------------------------------------------------
# KEP-2535: who may use an image that is on the node


class PulledBy(Enum):
    """How an image came to the node, as the kubelet's records under image_manager/pulled have it."""

    NOT_RECORDED = "not by this kubelet: preloaded, or pulled before the gate was on"
    ANYONE = "without credentials, or with credentials of the node"
    SAME_SECRET = "with a pull secret or credentials that this pod has, too"
    OTHER_SECRET = "with a pull secret or service account that this pod has not"


NEVER_VERIFY = "NeverVerify"
NEVER_VERIFY_PRELOADED = "NeverVerifyPreloadedImages"
NEVER_VERIFY_ALLOWLISTED = "NeverVerifyAllowlistedImages"
ALWAYS_VERIFY = "AlwaysVerify"


def may_use_present_image(
    image: str,
    pulled_by: PulledBy,
    verification: str = NEVER_VERIFY_PRELOADED,
    allowlist: Sequence[str] = (),
) -> bool:
    """Whether a pod may use an image on the node without a new pull, with KubeletEnsureSecretPulledImages on.

    image: as written in the pod; the records, too, go by the name as written, so that nginx and
    docker.io/library/nginx are two. verification and allowlist: imagePullCredentialsVerificationPolicy and
    preloadedImagesVerificationAllowlist of the kubelet's configuration (image_pull_policies.go): an entry is
    a name without tag, or a beginning with /* behind it.
    """
    asks_for_proof = {
        NEVER_VERIFY: False,
        NEVER_VERIFY_PRELOADED: pulled_by is not PulledBy.NOT_RECORDED,
        NEVER_VERIFY_ALLOWLISTED: not _allowlisted(image, allowlist),
    }.get(verification, True)
    return not asks_for_proof or pulled_by in (PulledBy.ANYONE, PulledBy.SAME_SECRET)


def _allowlisted(image: str, allowlist: Sequence[str]) -> bool:
    try:
        reference = Reference.parse(image)
    except InvalidReference:
        return False
    name = image.removesuffix(f"@{reference.digest}").removesuffix(f":{reference.tag}")
    return any(name.startswith(e[:-1]) if e.endswith("/*") else name == e for e in allowlist)


class Step(Enum):
    """What the kubelet does about an image at the start of a container."""

    PULL = "pull"
    USE = "use the image on the node"
    PULL_TO_PROVE = "pull again to prove that the pod's credentials are good for the image on the node"
    REFUSE = "refuse with ErrImageNeverPull"


def step(policy: str, present: bool, may_use: bool = True) -> Step:
    """What follows from pull policy, presence, and whether the pod may use what is there (image_manager.go).

    With PULL_TO_PROVE a registry that is down or a token that expired breaks a pod whose image is on the
    node.
    """
    if policy == NEVER:
        return Step.USE if present and may_use else Step.REFUSE
    if policy == ALWAYS or not present:
        return Step.PULL
    return Step.USE if may_use else Step.PULL_TO_PROVE


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

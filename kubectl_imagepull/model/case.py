"""What a verdict is drawn from: what the API server knows of one container's pull, and what vantages saw."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from ..command import argv, is_name, join
from ..redaction import clean
from .observation import Detail, Observation

CASE_VERSION = 2
K = TypeVar("K", bound=Detail)


@dataclass(frozen=True)
class Owner:
    """The workload a fix is for: the top of the pod's owner chain."""

    kind: str
    """As in the owner reference: Deployment, Node (a static pod), Rollout, …"""
    name: str
    """In the pod's namespace."""
    managed_by: tuple[str, ...] = ()
    """Who made the workload and would revert a change: Argo CD, Flux, Helm."""
    uid: str = ""
    """Of the object that was read and is the one that the chain's references mean; "" where it was not read."""

    images: tuple[str, ...] = ()
    """The images of its pod template, each as container=image; () where it was not read."""

    @property
    def slash(self) -> str:
        """As kubectl takes it: deployment/web."""
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Target:
    """One container of one pod."""

    namespace: str
    """The pod's namespace."""
    pod: str
    """The pod's name, "" for a workload that could make none."""
    container: str = ""
    """The container's name, or that of the image volume."""
    role: str = "container"
    """One of vocabulary.CONTAINER_ROLES."""
    image: str = ""
    """The reference as the pod's spec has it."""
    node: str = ""
    """The node's name, "" while the pod is not scheduled."""
    owner: Owner | None = None
    """The workload at the top, None for a bare pod."""


@dataclass(frozen=True)
class Event:
    """One event of the pod."""

    type: str
    """Normal | Warning."""
    reason: str
    """Pulling, Failed, BackOff, …"""
    message: str
    """As the kubelet wrote it."""
    count: int = 1
    """How often it was said."""
    first: float = 0.0
    """Seconds since the epoch, 0 where it has no time."""
    last: float = 0.0
    """Seconds since the epoch, 0 where it has no time."""
    container: str = ""
    """The container it is about, "" for the pod."""


@dataclass(frozen=True)
class NodeFacts:
    """What the API knows of the node."""

    name: str
    """The node's name."""
    found: bool = True
    """False where there is no such node any more."""
    ready: bool = True
    """The Ready condition."""
    ready_message: str = ""
    """The condition's own words."""
    os: str = ""
    """linux | windows; "" where the node was not read."""
    arch: str = ""
    """As Go names it: amd64, arm64, …"""
    os_image: str = ""
    """E.g. "Debian GNU/Linux 12"."""
    runtime: str = ""
    """E.g. containerd://2.4.2."""
    kubelet: str = ""
    """E.g. v1.34.1."""
    disk_pressure: bool = False
    """The DiskPressure condition."""
    unschedulable: bool = False
    """It is cordoned."""
    lists_all: bool = False
    """It lists fewer images, and fewer names of each, than it would leave any out for, so what is not listed is not there."""
    provider_id: str = ""
    """spec.providerID: who runs the machine, e.g. aws:///eu-west-1a/i-0abc; "" where nobody says so."""
    labels: tuple[str, ...] = ()
    """Those labels that recognise a platform, each as key=value."""
    annotations: tuple[str, ...] = ()
    """The keys of those annotations that recognise a platform."""
    read: bool = True
    """False where it may not be read or could not be: then no more is known than its name, and its runtime's without a version
    where a pod's status has it."""


@dataclass(frozen=True)
class RunningImage:
    """An image that runs on a node now."""

    image: str
    """As the pod's spec writes it."""
    host_network: bool = False
    """Every pod that runs it there is on the host's network."""


@dataclass(frozen=True)
class NodeImages:
    """Images on a node, told apart by whose they are: a probe runs over none that a stranger may have made."""

    listed: tuple[str, ...] = ()
    """Names in the node's status, smallest image first; the kubelet lists its largest fifty."""
    system: tuple[str, ...] = ()
    """Those of kube-system's DaemonSets that run there."""
    sandbox: tuple[str, ...] = ()
    """What the node's own settings name as the image of its sandboxes."""
    own: tuple[RunningImage, ...] = ()
    """Those of pods of `namespace` that run there without pull secrets."""
    namespace: str = ""
    """Whose `own` are, "" where none were looked for."""


@dataclass(frozen=True)
class PullSecret:
    """What one named pull secret means for this image."""

    name: str
    """The secret's name."""
    state: str
    """used | unused | missing | forbidden | malformed: see vocabulary.OUTCOMES, hop credentials."""
    why: str = ""
    """The same for a person, one line."""
    cause: str = ""
    """The auth.* id that says why it is not used, or ""."""
    usernames: tuple[str, ...] = ()
    """Of the entries that match; "" for an entry without one."""
    registry_keys: tuple[str, ...] = ()
    """Of the entries that match; of an unused secret, those that it has."""
    from_service_account: bool = False
    """The pod has it from its service account."""
    entries: int = 0
    """How many it has in all, 0 where that is not known."""
    managed_by: str = ""
    """The object that writes it (ExternalSecret/…, SealedSecret/…) and would revert a change; "" for none that is known."""


@dataclass(frozen=True)
class ReferenceFacts:
    """The image string as the runtime reads it."""

    text: str
    """As it is written."""
    valid: bool = True
    """It parses."""
    registry: str = ""
    """The domain, with a port where it has one; "" where it does not parse."""
    repository: str = ""
    """Domain and path as they are written, without tag and digest."""
    asked: str = ""
    """What is asked for: the tag, or the digest where there is one."""
    normalised: str = ""
    """With everything that is implied: docker.io/library/nginx:latest."""
    mistake: str = ""
    """The id of the mistake where it does not parse."""
    advice: str = ""
    """The same for a person."""
    suggestion: str = ""
    """A reference that parses and may be meant, or ""."""


@dataclass(frozen=True)
class Facts:
    """What the API server knows about one container's pull."""

    phase: str = ""
    """The pod's phase: Pending, Running, …"""
    state: str = "absent"
    """The container's: waiting | running | terminated | absent."""
    reason: str = ""
    """Of the waiting state: ErrImagePull, …"""
    message: str = ""
    """Of the waiting state."""
    said: str = ""
    """The runtime's own words about the last failure, from the status or the newest event."""
    said_at: float = 0.0
    """When it said so, seconds since the epoch; 0 where that is not known."""
    failing: bool = False
    """The kubelet reports a failed pull."""
    pulled: bool = False
    """The image is there and the container was started from it."""
    pulling: bool = False
    """A pull has begun and has no end yet."""
    since: float = 0.0
    """When the first failure was seen, seconds since the epoch; 0 for none."""
    attempts: int = 0
    """How often the pull failed, 0 where that is not known."""
    next_retry: float | None = None
    """Expected seconds until the next attempt, None where that is not known."""
    policy: str = ""
    """The container's imagePullPolicy."""
    reference: ReferenceFacts = field(default_factory=lambda: ReferenceFacts(""))
    """The image string, read."""
    service_account: str = ""
    """The pod's service account."""
    pull_secret_names: tuple[str, ...] = ()
    """As in the pod's spec."""
    account_secrets: tuple[str, ...] = ()
    """The service account's pull secrets of today."""
    secrets: tuple[PullSecret, ...] = ()
    """What each named secret means for the image, in the pod's order."""
    node: NodeFacts | None = None
    """None where the pod has no node."""
    events: tuple[Event, ...] = ()
    """The pod's events about the pull, oldest first."""
    sandbox: str = ""
    """The image of the pod's sandbox, where its pull is the one that fails; reference, secrets and pull are about it then."""
    pod_reason: str = ""
    """status.reason of the pod; Gone where it was judged from its events."""
    pod_message: str = ""
    """status.message of the pod."""
    created: float = 0.0
    """When the pod was made, seconds since the epoch."""
    pulling_since: float = 0.0
    """When the pull that has no end began, seconds since the epoch; 0 for none."""
    on_node: bool = False
    """The node lists the image."""
    one_at_a_time: bool | None = None
    """The kubelet's serializeImagePulls, None where it could not be read."""
    older_pulls: tuple[str, ...] = ()
    """Other pulls on the node that began earlier and have no end, one line each."""
    since_revision: str = ""
    """What the workload's last good revision had in this one's place; "" where there was none."""
    read_at: float = 0.0
    """When all this was read, seconds since the epoch."""
    late_secrets: tuple[PullSecret, ...] = ()
    """Of account_secrets that the pod was admitted without: what they mean for the image, as far as they were read."""


@dataclass(frozen=True)
class ReadError:
    """Something that could not be looked at, and what it would have needed."""

    where: str
    """api | node | workstation."""
    message: str
    """For a person, one line."""
    kind: str = ""
    """The kind of object that could not be read (ServiceAccount, Secret, …); "" where it is about none."""


@dataclass(frozen=True)
class ProbeRun:
    """The way out of the node that was taken."""

    rung: str = ""
    """The rung's name; "" where none was tried."""
    node: str = ""
    """The node."""
    namespace: str = ""
    """Where its objects were made."""
    pod: str = ""
    """The name of its pod, the first of several."""
    image: str = ""
    """The image that it ran, "" for none."""
    created: bool = False
    """An object was made in the cluster."""
    deleted: bool = False
    """All that was made is gone again."""
    seconds: float = 0.0
    """How long it took."""
    why_not: tuple[str, ...] = ()
    """One line for each rung that was tried or ruled out before."""
    cannot_see: tuple[str, ...] = ()
    """What this rung cannot see, for a person."""
    owner: str = ""
    """The object to delete, as kubectl takes it (job/…, pod/…): what else was made goes with it. "" where there are several."""

    @property
    def removal(self) -> str:
        """The command that removes what was kept; "" where a name, which may come from a file, is none that Kubernetes takes."""
        kind, _, name = self.owner.partition("/")
        if not is_name(self.namespace) or (self.owner and not (kind in ("job", "pod") and is_name(name))):
            return ""
        what = ("delete", kind, name) if self.owner else ("imagepull", "cleanup")
        return join(argv("kubectl", *what, "-n", self.namespace))


@dataclass(frozen=True)
class Pull:
    """One image as the probes are asked about it."""

    id: str
    """Short and unique in a run."""
    host: str
    """The host that is really asked: registry-1.docker.io for docker.io."""
    port: int
    """Its port."""
    repository: str
    """The path on that host."""
    asked: str
    """Tag or digest."""
    scheme: str = "https"
    """https | http."""
    short: str = ""
    """The image's name as it is written, where no registry stands in front; else ""."""
    named: str = ""
    """The registry as the reference spells it, port 443 included, and docker.io for Docker Hub: what runtimes look up in their
    configuration. "" where it is not known."""

    @property
    def authority(self) -> str:
        """host, or host:port where the port is not 443."""
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Case:
    """Everything known about one container's pull: what the verdict is drawn from and nothing else.

    A Case is cleaned when it is made (`redaction.hide`): no text in it is a secret by its form, so no output has to look.
    """

    target: Target
    """Whose pull it is."""
    facts: Facts
    """What the API server knows."""
    pull: Pull | None = None
    """What the probes were asked for; None where the reference does not parse."""
    observations: tuple[Observation, ...] = ()
    """What vantages saw, in the order in which it came."""
    probe: ProbeRun = field(default_factory=ProbeRun)
    """How the node was looked out of."""
    errors: tuple[ReadError, ...] = ()
    """What could not be looked at."""
    version: int = CASE_VERSION
    """Of the format."""
    peer_probe: ProbeRun | None = None
    """The way out of a second node that the first is compared with."""

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            cleaned = clean(value)
            if cleaned is not value:
                object.__setattr__(self, one.name, cleaned)

    def seen(self, kind: type[K], role: str = "", place: str = "") -> tuple[Observation[K], ...]:
        """The observations with this kind of detail, of one role of host and from one place where these are given."""
        return tuple(
            o
            for o in of_kind(self.observations, kind)
            if (not role or o.subject.role == role) and (not place or o.vantage.place == place)
        )

    def at(self, hop: str, role: str = "", place: str = "") -> tuple[Observation, ...]:
        """The observations of one hop, of one role of host and from one place where these are given."""
        return tuple(
            o
            for o in self.observations
            if o.hop == hop and (not role or o.subject.role == role) and (not place or o.vantage.place == place)
        )


def of_kind(observations: Iterable[Observation], kind: type[K]) -> list[Observation[K]]:
    """Those of the observations that have this kind of detail."""
    return [o for o in observations if isinstance(o.detail, kind)]  # type: ignore[misc]

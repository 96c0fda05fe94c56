"""The words everything is said in.

Facts are what the API server knows, observations are what a vantage saw; together they are a `Case`, and a `Verdict` comes out of
it. All of it is frozen, holds no credential, and turns into JSON (`to_json`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CASE_VERSION = 1

HOPS = (
    "reference",
    "policy",
    "credentials",
    "dns",
    "connect",
    "tls",
    "registry",
    "auth",
    "rate",
    "manifest",
    "platform",
    "blobs",
    "storage",
    "runtime",
)
"""The path of a pull, in order."""

Status = Literal["pass", "warn", "fail", "not-reached", "skipped", "unknown"]
Confidence = Literal["confirmed", "likely", "possible", "unknown"]
CONFIDENCES: tuple[Confidence, ...] = ("confirmed", "likely", "possible", "unknown")
"""Strongest first."""

Place = Literal["api", "node", "peer-node", "workstation"]
Applicability = Literal["safe", "review", "manual"]
Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Subject:
    """On which host of the path something happened. role: registry, mirror, token, blob, proxy, dns-server, node, pod."""

    role: str
    host: str

    def __str__(self) -> str:
        return f"{self.role} {self.host}" if self.host else self.role


@dataclass(frozen=True)
class Vantage:
    """From where something was seen: a value, so that what it can prove is worked out once (`verdict.engine`).

    network: host | pod | local; resolver: host | kubelet | local; trust: host (the node's CA bundle) | local | none;
    proxy: known | unknown | none; rung: the way out that was taken (host-python, kubelet, …); name: the node's name.
    """

    place: Place
    network: str = ""
    resolver: str = ""
    trust: str = ""
    proxy: str = ""
    rung: str = ""
    name: str = ""


@dataclass(frozen=True)
class Observation:
    """One answer to one question.

    hop: one of HOPS; outcome: the probe's word for what it saw ("refused", "nxdomain", "401"…); summary: the same for a
    person, one line; data: details as JSON values; pull: which image it is about ("" for the whole host), as `Pull.id`;
    ms: milliseconds taken; at: seconds since the epoch by the clock of the place that saw it.
    """

    hop: str
    subject: Subject
    vantage: Vantage
    outcome: str
    summary: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    pull: str = ""
    ms: float = 0.0
    at: float = 0.0


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

    @property
    def slash(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Target:
    """One container of one pod. role: container | init | sidecar | ephemeral."""

    namespace: str
    pod: str
    container: str = ""
    role: str = "container"
    image: str = ""
    node: str = ""
    owner: Owner | None = None


@dataclass(frozen=True)
class Event:
    """One event of the pod. first/last: seconds since the epoch (0 where the event has none)."""

    type: str
    reason: str
    message: str
    count: int = 1
    first: float = 0.0
    last: float = 0.0
    container: str = ""


@dataclass(frozen=True)
class NodeFacts:
    """What the API knows of the node. ready: the Ready condition; runtime: e.g. containerd://2.4.2; lists_all: it lists fewer
    images than it would leave any out for, so what is not listed is not there."""

    name: str
    found: bool = True
    ready: bool = True
    ready_message: str = ""
    os: str = ""
    arch: str = ""
    os_image: str = ""
    runtime: str = ""
    kubelet: str = ""
    disk_pressure: bool = False
    unschedulable: bool = False
    lists_all: bool = False


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
    """What one named pull secret means for this image.

    state: used (gives credentials) | unused (applies to other images, or is skipped) | missing | forbidden (we may not
    read it) | malformed. cause: the auth.* id that explains why it is not used, or "". usernames and registry_keys: of
    the entries that match; entries: how many it has in all, 0 where that is not known.
    """

    name: str
    state: str
    why: str = ""
    cause: str = ""
    usernames: tuple[str, ...] = ()
    registry_keys: tuple[str, ...] = ()
    from_service_account: bool = False
    entries: int = 0


@dataclass(frozen=True)
class ReferenceFacts:
    """The image string as the runtime reads it; mistake and advice where it does not parse."""

    text: str
    valid: bool = True
    registry: str = ""
    repository: str = ""
    asked: str = ""
    normalised: str = ""
    mistake: str = ""
    advice: str = ""
    suggestion: str = ""
    registry_kind: str = ""


@dataclass(frozen=True)
class Facts:
    """What the API server knows about one container's pull.

    state: waiting | running | terminated | absent; reason, message: of the waiting state; said: the runtime's own words
    about the last failure, from the status or the newest event; failing: the kubelet reports a failed pull;
    since: when the first failure was seen, attempts: how often, next_retry: expected seconds until the next one
    (None: unknown); pull_secret_names: as in the pod's spec; secrets_readable: every named one could be read;
    account_secrets: the service account's pull secrets of today; late_secrets: what those mean for the image that the pod does
    without, as far as it was looked at; pulling_since: of the pull that has no end yet; on_node:
    the node lists the image; one_at_a_time: the kubelet's serializeImagePulls, None
    where it could not be read; older_pulls: other pulls on the node that began earlier and have no end, one line each;
    since_revision: what the workload's last good revision had in this one's place; read_at: seconds since the epoch.
    """

    phase: str = ""
    state: str = "absent"
    reason: str = ""
    message: str = ""
    said: str = ""
    said_at: float = 0.0
    failing: bool = False
    pulled: bool = False
    pulling: bool = False
    since: float = 0.0
    attempts: int = 0
    next_retry: float | None = None
    policy: str = ""
    reference: ReferenceFacts = field(default_factory=lambda: ReferenceFacts(""))
    service_account: str = ""
    pull_secret_names: tuple[str, ...] = ()
    account_secrets: tuple[str, ...] = ()
    secrets: tuple[PullSecret, ...] = ()
    node: NodeFacts | None = None
    events: tuple[Event, ...] = ()
    pod_reason: str = ""
    pod_message: str = ""
    created: float = 0.0
    pulling_since: float = 0.0
    on_node: bool = False
    one_at_a_time: bool | None = None
    older_pulls: tuple[str, ...] = ()
    since_revision: str = ""
    read_at: float = 0.0
    late_secrets: tuple[PullSecret, ...] = ()


@dataclass(frozen=True)
class ReadError:
    """Something that could not be looked at, and what it would have needed. where: api | node | workstation."""

    where: str
    message: str


@dataclass(frozen=True)
class ProbeRun:
    """The way out of the node that was taken. why_not: one line for each rung that was tried or ruled out before."""

    rung: str = ""
    node: str = ""
    namespace: str = ""
    pod: str = ""
    image: str = ""
    created: bool = False
    deleted: bool = False
    seconds: float = 0.0
    why_not: tuple[str, ...] = ()
    cannot_see: tuple[str, ...] = ()

    @property
    def removal(self) -> str:
        """The command that removes what was kept: the Job takes its pod and ConfigMap along."""
        job, _, tail = self.pod.rpartition("-")
        if self.rung == "kubelet" or not job:
            return f"kubectl imagepull cleanup -n {self.namespace}"  # one pod or several
        # the name of a Job's pod ends with five characters more, that of a run with six
        kind, name = ("job", job) if len(tail) == 5 else ("pod", self.pod)
        return f"kubectl delete {kind} {name} -n {self.namespace}"


@dataclass(frozen=True)
class Pull:
    """One image as the probes are asked about it. id: short and unique in a run; asked: tag or digest; short: its name as it is
    written, where no registry stands in front."""

    id: str
    host: str
    port: int
    repository: str
    asked: str
    scheme: str = "https"
    short: str = ""

    @property
    def authority(self) -> str:
        """host, or host:port where the port is not 443."""
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Case:
    """Everything known about one container's pull: what the verdict is drawn from and nothing else.

    peer_probe: the way out of a second node that the first is compared with.
    """

    target: Target
    facts: Facts
    pull: Pull | None = None
    observations: tuple[Observation, ...] = ()
    probe: ProbeRun = field(default_factory=ProbeRun)
    errors: tuple[ReadError, ...] = ()
    version: int = CASE_VERSION
    peer_probe: ProbeRun | None = None

    def seen(self, hop: str, role: str = "", place: str = "") -> tuple[Observation, ...]:
        """The observations of one hop, of one role of host and from one place where these are given."""
        return tuple(
            o
            for o in self.observations
            if o.hop == hop and (not role or o.subject.role == role) and (not place or o.vantage.place == place)
        )


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. because: indexes into Case.observations; reason: the evidence in a sentence."""

    cause: str
    subject: Subject
    confidence: Confidence
    hop: str
    reason: str
    because: tuple[int, ...] = ()
    level: Level = "error"
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fix:
    """One way to mend it. commands: ready to run, real names in them."""

    title: str
    commands: tuple[str, ...]
    applicability: Applicability
    actor: str
    note: str = ""


@dataclass(frozen=True)
class HopLine:
    """One line of the path as it is shown."""

    hop: str
    subject: Subject
    status: Status
    vantage: str
    summary: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuledOut:
    """What was seen working, and the causes that it rules out (a star stands for any word). host: where, "" for the verdict's
    own."""

    causes: tuple[str, ...]
    why: str
    host: str = ""


@dataclass(frozen=True)
class Verdict:
    """What is wrong, how sure, who must act. cause "none": nothing; "unknown.insufficient": cannot tell; passed: the pull
    failed so, and would work now."""

    cause: str
    confidence: Confidence
    subject: Subject
    title: str
    actor: str
    hop: str = ""
    explanation: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    hops: tuple[HopLine, ...] = ()
    fixes: tuple[Fix, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    alternatives: tuple[str, ...] = ()
    passed: bool = False

    @property
    def exit_code(self) -> int:
        """0 no pull problem, 1 cause named, 3 a pull problem whose cause is not determined (see the design)."""
        if self.cause in NO_PROBLEM:
            return 0
        return 3 if self.cause in UNDETERMINED or self.confidence == "unknown" else 1


NO_PROBLEM = frozenset({"none", "not_a_pull_failure", "pull.in_progress", "pull.queued"})
UNDETERMINED = frozenset({"unknown.insufficient", "backoff.only"})


def worst_exit(codes: Iterable[int]) -> int:
    """The exit code of several targets: the first that applies of 130, 2, 3, 1, 0."""
    found = set(codes)
    return next((code for code in (130, 2, 3, 1) if code in found), 0)


def to_json(value: Any) -> Any:
    """Dataclasses as JSON values, fields in their order."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    return value

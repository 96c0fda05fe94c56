"""Reading what the API server knows about a pod's pulls, everything side by side, as `Facts`."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import ApiError, KubeError
from ..image.keyring import BadPullSecret, Credential, Keyring, decode_secret
from ..image.policy import Role, pulled_images
from ..image.reference import InvalidReference, Reference
from ..image.secrets import explain_secrets
from ..model import (
    Event,
    Facts,
    NodeFacts,
    NodeImages,
    Owner,
    Pull,
    PullSecret,
    ReadError,
    ReferenceFacts,
    RunningImage,
    Target,
)
from ..redaction import Secrets, clean
from .client import Api, get_object, reading
from .paths import RESOURCES, BadName, fields, is_name, path_of

PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Waiting reasons of a failed pull (kubernetes: pkg/kubelet/images/types.go, cri-api pkg/errors/errors.go)."""
NOT_PULLING = frozenset(
    {
        "ContainerCreating",
        "PodInitializing",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreStartHookError",
        "PostStartHookError",
        "StartError",
    }
)
PULLED_REASONS = NOT_PULLING - {"ContainerCreating", "PodInitializing"}
"""Waiting reasons of a container whose image is there."""
BACK_OFF_FIRST, BACK_OFF_MOST = 10.0, 300.0
"""Seconds (kubernetes: pkg/kubelet/kubelet.go, the image back-off)."""


@dataclass(frozen=True)
class ContainerRead:
    """One container: target and facts for its Case, pull for the probes, logins for the workstation (never stored).

    known: every login of the pod's pull secrets, to be hidden wherever it is quoted; the facts are without them already.
    """

    target: Target
    facts: Facts
    pull: Pull | None
    credentials: tuple[Credential, ...] = field(default=(), repr=False)
    known: Secrets = field(default_factory=Secrets, repr=False, compare=False)


@dataclass(frozen=True)
class PodRead:
    """A pod and all its containers. failing: those whose pull fails or hangs; errors: what could not be read."""

    namespace: str
    name: str
    node: NodeFacts | None
    containers: tuple[ContainerRead, ...]
    images: NodeImages
    errors: tuple[ReadError, ...]
    object: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def failing(self) -> tuple[ContainerRead, ...]:
        return tuple(c for c in self.containers if c.facts.failing)

    @property
    def pulling(self) -> tuple[ContainerRead, ...]:
        """Those whose pull has begun and not ended."""
        return tuple(c for c in self.containers if c.facts.pulling)


def read_pod(api: Api, namespace: str, name: str, known: dict[str, Any] | None = None) -> PodRead:
    """Read a pod and everything around it; known: the pod, where it is at hand already.

    Raises ApiError or Unreachable where the pod itself cannot be had.
    """
    try:
        pod = known or get_object(api, "Pod", namespace, name)
    except ApiError as error:
        if error.gone:
            _raise_if_no_namespace(api, namespace)
        raise
    spec, metadata = pod.get("spec") or {}, pod.get("metadata") or {}
    errors: list[ReadError] = []
    secret_names = _names(spec.get("imagePullSecrets"))
    account = spec.get("serviceAccountName") or ""
    node_name = spec.get("nodeName") or ""
    with reading(8) as pool:
        events = pool.submit(
            _read,
            api,
            errors,
            "list events",
            ("Event", namespace),
            fieldSelector=fields(involvedObject__uid=str(metadata.get("uid"))),
        )
        account_read = (
            pool.submit(_read, api, errors, "get serviceaccounts", ("ServiceAccount", namespace, account))
            if account
            else None
        )
        node_read = pool.submit(_node, api, errors, node_name) if node_name else None
        on_node = pool.submit(_images_on, api, node_name, namespace) if node_name else None
        owner_read = pool.submit(owner_of, api, namespace, pod)
        secret_reads = [(s, pool.submit(_secret, api, namespace, s)) for s in secret_names]
        secrets = {s: read() for s, read in secret_reads}
        account_object = account_read() if account_read else None
        account_secrets = _names((account_object or {}).get("imagePullSecrets"))
        # a pod made now would get them
        late_reads = [(s, pool.submit(_secret, api, namespace, s)) for s in account_secrets if not secret_names]
        node, images = node_read() if node_read else (None, NodeImages())
        event_list = (events() or {}).get("items") or []
        owner = owner_read()
        running = on_node() if on_node else NodeImages()
        late = {s: read() for s, read in late_reads}
    for secret, found in secrets.items():
        if isinstance(found, KubeError):
            message = f'cannot read pull secret "{secret}": needs get on secrets in {namespace} ({_short(found)})'
            errors.append(ReadError("api", message))
    shared = _Shared(
        pod=pod,
        events=tuple(sorted((_event(e) for e in event_list), key=lambda e: e.last)),
        node=node,
        owner=owner,
        account=account,
        account_secrets=account_secrets,
        secret_names=secret_names,
        secrets={**secrets, **late},
        listed=frozenset(images.listed),
        now=_now(),
    )
    containers = tuple(shared.container(role, s, number) for number, (role, s) in enumerate(_containers(spec)))
    if any(c.facts.pulling for c in containers):
        containers = _with_queue(api, containers, node_name)
    return PodRead(
        namespace, metadata.get("name") or name, node, containers, _both(images, running), tuple(errors), pod
    )


def read_node(api: Api, name: str, namespace: str) -> tuple[NodeFacts, NodeImages, tuple[str, ...]]:
    """(facts, images there and of which `namespace` is the owner, image references of all pods there).

    Raises ApiError where the node cannot be read; a missing right to list pods leaves the lists empty.
    """
    node = get_object(api, "Node", "", name)
    pods = _pods_on(api, name)
    wanted = [c.get("image") or "" for pod in pods for _, c in _containers(pod.get("spec") or {})]
    images = _both(_named(node), _running(api, pods, namespace))
    return _node_facts(node), images, tuple(dict.fromkeys(w for w in wanted if w))


def read_peer(api: Api, name: str, image: str, node: str, namespace: str) -> tuple[NodeFacts, NodeImages] | None:
    """The node to compare `node` with: (facts, images there as `read_node` tells them); None: there is no other.

    name: a node, or "auto" for one where a pod runs this image, else any that is Ready. Raises ApiError where a node that was
    named cannot be read.
    """
    chosen = name if name != "auto" else _node_that_runs(api, image, node)
    if not chosen or chosen == node:
        return None
    facts, images, _ = read_node(api, chosen, namespace)
    return facts, images


def _node_that_runs(api: Api, image: str, but: str) -> str:
    nodes = [_node_facts(n) for n in api.pages(path_of("Node"))]
    ready = [n.name for n in nodes if n.ready and n.os in ("", "linux") and n.name != but]
    try:
        for pod in api.pages(path_of("Pod"), fieldSelector="status.phase=Running"):
            spec = pod.get("spec") or {}
            if spec.get("nodeName") in ready and any(c.get("image") == image for c in spec.get("containers") or []):
                return str(spec["nodeName"])
    except ApiError:
        pass  # no right to see other namespaces' pods: then any node will do
    return ready[0] if ready else ""


def pull_of(image: str, identifier: str) -> tuple[ReferenceFacts, Pull | None]:
    """What an image string means, and the pull to ask the registry for; None where it does not parse."""
    try:
        reference = Reference.parse(image)
    except InvalidReference as error:
        facts = ReferenceFacts(
            image, False, mistake=error.mistake, advice=str(error), suggestion=getattr(error, "suggestion", None) or ""
        )
        return facts, None
    host, port, scheme = _endpoint(reference.registry_host)
    facts = ReferenceFacts(
        image,
        registry=reference.registry_host,
        repository=reference.repository,
        asked=reference.manifest_reference,
        normalised=reference.normalised,
    )
    return facts, Pull(identifier, host, port, reference.path, reference.manifest_reference, scheme, _short_name(image))


def _short_name(image: str) -> str:
    """The name in an image string that has no registry in front, which CRI-O completes by its own rules; else ""."""
    first, slash, _ = image.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    name = image.partition("@")[0]
    return "" if named else name.partition(":")[0]


def _endpoint(authority: str) -> tuple[str, int, str]:
    """(host, port, scheme) of a registry as the runtime dials it: plain HTTP only for the local host with another port.

    containerd: core/remotes/docker/config (MatchLocalhost); localhost may speak both, 443 and no port mean TLS.
    """
    text = authority
    port = 0
    if ":" in text and not text.endswith("]"):
        text, _, digits = text.rpartition(":")
        port = int(digits) if digits.isdigit() and int(digits) < 65536 else 0
    host = text.strip("[]")
    local = host == "localhost" or host.startswith("127.") or host == "::1"
    scheme = "http" if local and port != 443 else "https"
    return host, port or (80 if scheme == "http" else 443), scheme


@dataclass(frozen=True)
class _Shared:
    """What all containers of one pod have in common."""

    pod: Mapping[str, Any]
    events: tuple[Event, ...]
    node: NodeFacts | None
    owner: Owner | None
    account: str
    account_secrets: tuple[str, ...]
    secret_names: tuple[str, ...]
    secrets: Mapping[str, dict[str, Any] | KubeError | None]
    listed: frozenset[str]
    now: float

    def container(self, role: str, spec: Mapping[str, Any], number: int) -> ContainerRead:
        name, image = str(spec.get("name") or ""), str(spec.get("image") or "")
        mine = tuple(e for e in self.events if e.container == name or (not e.container and _concerns(e, image)))
        state = self._about(_state(self.pod, role, name), role, image)
        reference, pull = pull_of(_sandbox_image(mine) or image, f"p{number}")
        metadata, status = self.pod.get("metadata") or {}, self.pod.get("status") or {}
        target = Target(
            namespace=str(metadata.get("namespace") or ""),
            pod=str(metadata.get("name") or ""),
            container=name,
            role=role,
            image=image,
            node=str((self.pod.get("spec") or {}).get("nodeName") or ""),
            owner=self.owner,
        )
        uses, credentials = self._credentials(image, reference)
        facts = Facts(
            phase=str(status.get("phase") or ""),
            policy=str(spec.get("imagePullPolicy") or ""),
            reference=reference,
            service_account=self.account,
            pull_secret_names=self.secret_names,
            account_secrets=self.account_secrets,
            secrets=uses,
            late_secrets=self._explained(() if self.secret_names else self.account_secrets, image, reference)[0],
            node=self.node,
            events=mine,
            pod_reason=str(status.get("reason") or ""),
            pod_message=str(status.get("message") or ""),
            created=_time(metadata.get("creationTimestamp")),
            on_node=bool(self.listed & {image, reference.normalised}),
            read_at=self.now,
            **_pulling(state, mine, image, self.now),
        )
        if facts.failing and not facts.since:
            facts = replace(facts, since=_not_ready_since(self.pod))
        known = self._known(target)
        return ContainerRead(target, clean(clean(facts), known.hide), pull, credentials, known)

    def _known(self, target: Target) -> Secrets:
        """The logins of all secrets that were read. The names of objects are no secrets, whatever a password is."""
        owner = target.owner.name if target.owner else ""
        named = (target.namespace, target.pod, target.container, target.image, target.node, owner, self.account)
        known = Secrets([*named, *self.secrets])
        for secret in self.secrets.values():
            if isinstance(secret, dict):
                with contextlib.suppress(BadPullSecret):
                    for entry in decode_secret(secret).values():
                        known.learn(entry.password, entry.username)
        return known

    def _about(self, state: Mapping[str, Any], role: str, image: str) -> Mapping[str, Any]:
        """The state as it concerns this image: the kubelet reports an image volume on the containers that mount it."""
        message = str((state.get("waiting") or {}).get("message") or "")
        others = [v.image for v in pulled_images(self.pod) if v.role is Role.VOLUME and v.image != image]
        if role != "volume" and any(f'"{o}"' in message for o in others) and f'"{image}"' not in message:
            return {"waiting": {"reason": "ContainerCreating"}}
        if role == "volume" and f'"{image}"' not in message:
            return {"waiting": {"reason": "ContainerCreating"}} if state.get("waiting") else state
        return state

    def _credentials(
        self, image: str, reference: ReferenceFacts
    ) -> tuple[tuple[PullSecret, ...], tuple[Credential, ...]]:
        """What each named secret means for the image, and the credentials that the kubelet would use."""
        uses, objects = self._explained(self.secret_names, image, reference)
        try:
            credentials = tuple(Keyring.from_secrets(objects).lookup(image)) if reference.valid else ()
        except BadPullSecret:
            credentials = ()
        return uses, tuple(c for c in credentials if c.username or c.password)

    def _explained(
        self, names: Iterable[str], image: str, reference: ReferenceFacts
    ) -> tuple[tuple[PullSecret, ...], list[dict[str, Any]]]:
        """What each of these secrets means for the image, and those that could be read."""
        readable = {n: s for n, s in self.secrets.items() if isinstance(s, dict)}
        objects = [readable[n] for n in names if n in readable]
        explained = {u.secret: u for u in explain_secrets(objects, image)} if reference.valid else {}
        uses = []
        for name in names:
            found = self.secrets.get(name)
            from_account = name in self.account_secrets
            use = explained.get(name)
            if found is None:
                why = "does not exist"
                uses.append(PullSecret(name, "missing", why, "auth.secret_missing", from_service_account=from_account))
            elif isinstance(found, KubeError):
                uses.append(PullSecret(name, "forbidden", "cannot be read by you", from_service_account=from_account))
            elif use is not None:
                state = "used" if use.applies else "malformed" if use.cause == "auth.secret_malformed" else "unused"
                uses.append(
                    PullSecret(
                        name,
                        state,
                        use.why,
                        use.cause or "",
                        use.usernames,
                        use.registry_keys,
                        from_account,
                        use.entries,
                    )
                )
            else:
                uses.append(PullSecret(name, "unused", "not looked at: the image does not parse"))
        return tuple(uses), objects


def _pulling(state: Mapping[str, Any], events: Sequence[Event], image: str, now: float) -> dict[str, Any]:
    """The fields of Facts that tell how the pull stands, from the container's state and the events about it."""
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    failures = [e for e in events if e.reason == "Failed" and e.message.startswith("Failed to pull image")]
    failures += [e for e in events if e.reason in ("InspectFailed", "ErrImageNeverPull")]
    failures += [e for e in events if e.reason == "FailedCreatePodSandBox" and SANDBOX_IMAGE.search(e.message)]
    failures.sort(key=lambda e: e.last)
    starts = [e for e in events if e.reason == "Pulling"]
    pulled = [e for e in events if e.reason == "Pulled"]
    kind = next((k for k in ("running", "terminated", "waiting") if state.get(k)), "absent")
    started = kind in ("running", "terminated")
    free_text = bool(reason) and reason not in NOT_PULLING and reason not in PULL_REASONS
    hangs = kind != "running" and reason in ("ContainerCreating", "PodInitializing", "") and bool(failures)
    hangs = hangs and not (pulled and pulled[-1].last >= failures[-1].last)
    failing = (kind == "waiting" and (reason in PULL_REASONS or free_text)) or (kind in ("waiting", "absent") and hangs)
    latest = failures[-1] if failures else None
    said = message if message and reason in PULL_REASONS else f"{reason}: {message}" if free_text else ""
    if latest is not None and (not said or (said.startswith("Back-off pulling image") and "ErrImagePull:" not in said)):
        said = latest.message
    attempts = max([e.count for e in starts], default=0)
    last = latest.last if latest else 0.0
    retry = None
    if reason == "ImagePullBackOff" and last:
        back_off = min(BACK_OFF_MOST, BACK_OFF_FIRST * 2 ** min(10, max(0, attempts - 1)))
        # an event of a node whose clock is ahead lies in the future
        retry = min(back_off, max(0.0, round(last + back_off - now, 1)))
    in_flight = bool(starts) and starts[-1].last > max([last, *(e.last for e in pulled)], default=0.0)
    return {
        "state": kind,
        "reason": reason,
        "message": message,
        "said": said if failing else "",
        "said_at": last,
        "failing": failing,
        "pulled": started or (bool(pulled) and not failing),
        "pulling": kind == "waiting" and in_flight and not failing,
        "pulling_since": starts[-1].last if kind == "waiting" and in_flight else 0.0,
        "since": min((e.first for e in failures), default=0.0),
        "attempts": attempts,
        "next_retry": retry,
    }


def _not_ready_since(pod: Mapping[str, Any]) -> float:
    """When the pod's containers were last not ready: events are gone after an hour (kubernetes: kube-apiserver --event-ttl)."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    since = (
        c.get("lastTransitionTime")
        for c in conditions
        if c.get("type") == "ContainersReady" and c.get("status") == "False"
    )
    return next((_time(at) for at in since), 0.0)


def _containers(spec: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """(role, container spec) in the order in which they start."""
    for entry in spec.get("initContainers") or []:
        yield ("sidecar" if entry.get("restartPolicy") == "Always" else "init"), entry
    for entry in spec.get("containers") or []:
        yield "container", entry
    for entry in spec.get("ephemeralContainers") or []:
        yield "ephemeral", entry
    for entry in spec.get("volumes") or []:
        source = entry.get("image")
        if isinstance(source, dict) and source.get("reference"):
            policy = source.get("pullPolicy")
            yield "volume", {"name": entry.get("name"), "image": source["reference"], "imagePullPolicy": policy}


NAMED = re.compile(
    r"\A(?:Pulling|Failed to pull|Successfully pulled|Back-off pulling|Container) image \"([^\"]{1,500})\""
)
SANDBOX_IMAGE = re.compile(r"failed to (?:get|pull) sandbox image \"?([^\s\":]{1,300}(?::[^\s\"]{1,128})?)")
"""containerd: internal/cri/server/podsandbox/sandbox_run.go; the sandbox's image is the node's setting, not the pod's."""


def _concerns(event: Event, image: str) -> bool:
    """Whether an event that names no container (those of image volumes, of the whole pod) may be about this image."""
    named = NAMED.match(event.message)
    return named is None or named[1] == image


def _sandbox_image(events: Sequence[Event]) -> str:
    """The sandbox (pause) image whose pull failed last, "" where the pod's own images were asked for since."""
    if not events or any(e.reason in ("Pulling", "Pulled", "Created", "Started") for e in events):
        return ""
    found = [m[1] for e in events if e.reason == "FailedCreatePodSandBox" and (m := SANDBOX_IMAGE.search(e.message))]
    return found[-1] if found else ""


def _with_queue(api: Api, containers: Sequence[ContainerRead], node: str) -> tuple[ContainerRead, ...]:
    """The containers that pull now, with what else the node pulls and whether it does one at a time.

    The Pulling event is written before the wait for the slot (kubernetes: pkg/kubelet/images/image_manager.go), and a deleted
    pod's pull goes on, so events are asked, not pods. What cannot be read stays unknown.
    """
    one_at_a_time: bool | None = None
    ends: dict[tuple[str, str], float] = {}
    begun: dict[tuple[str, str], tuple[float, str]] = {}
    try:
        config = api.get(path_of("Node", "", node, "proxy", "configz")).get("kubeletconfig") or {}
        one_at_a_time = bool(config.get("serializeImagePulls", True))
    except KubeError:
        pass
    try:
        for reason in ("Pulling", "Pulled", "Failed"):
            for event in api.pages(path_of("Event"), fieldSelector=f"reason={reason}"):
                host = (event.get("source") or {}).get("host") or event.get("reportingInstance")
                if host != node:
                    continue
                about = event.get("involvedObject") or {}
                key = (str(about.get("uid")), str(about.get("fieldPath") or ""))
                at = _event(event).last
                if reason == "Pulling":
                    image = NAMED.match(str(event.get("message") or ""))
                    line = f"{about.get('namespace')}/{about.get('name')} {image[1] if image else ''}".strip()
                    begun[key] = (at, line)
                else:
                    ends[key] = max(at, ends.get(key, 0.0))
    except KubeError:
        pass
    open_pulls = sorted((at, line) for key, (at, line) in begun.items() if ends.get(key, 0.0) < at)
    out = []
    for container in containers:
        since, me = container.facts.pulling_since, f"{container.target.namespace}/{container.target.pod} "
        older = tuple(line for at, line in open_pulls if at <= since and not line.startswith(me)) if since else ()
        facts = replace(container.facts, one_at_a_time=one_at_a_time, older_pulls=older)
        out.append(replace(container, facts=facts))
    return tuple(out)


def _state(pod: Mapping[str, Any], role: str, name: str) -> Mapping[str, Any]:
    status = pod.get("status") or {}
    if role == "volume":
        users = next((v.needed_by for v in pulled_images(pod) if v.role is Role.VOLUME and v.name == name), ())
        groups = [("init", "initContainers"), ("container", "containers")]
        spec = pod.get("spec") or {}
        found_states = [
            _state(pod, r, n) for r, g in groups for c in spec.get(g) or [] if (n := c.get("name")) in users
        ]
        return next((s for s in found_states if s.get("waiting")), found_states[0] if found_states else {})
    key = {
        "init": "initContainerStatuses",
        "sidecar": "initContainerStatuses",
        "ephemeral": "ephemeralContainerStatuses",
    }
    for entry in status.get(key.get(role, "containerStatuses")) or []:
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry.get("state") or {}
            return found
    return {}


def has_image(pod: Mapping[str, Any], role: str, name: str) -> bool:
    """Whether a container has its image: it ran, or it waits for something that comes after the pull."""
    state = _state(pod, role, name)
    reason = str((state.get("waiting") or {}).get("reason") or "")
    return state.get("running") is not None or state.get("terminated") is not None or reason in PULLED_REASONS


def _event(event: Mapping[str, Any]) -> Event:
    series = event.get("series") or {}
    first = _time(event.get("firstTimestamp") or event.get("eventTime"))
    last = _time(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime"))
    path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
    name = path[path.index("{") + 1 : -1] if path.startswith("spec.") and "{" in path else ""
    return Event(
        type=str(event.get("type") or ""),
        reason=str(event.get("reason") or ""),
        message=str(event.get("message") or ""),
        count=int(series.get("count") or event.get("count") or 1),
        first=first or last,
        last=last or first,
        container=name,
    )


KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
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
        owner = Owner(kind, name, managers_of(found), uid)
        current = found
    return owner


def controller_of(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The owner reference of an object's controller, {} where it has none."""
    references = (found.get("metadata") or {}).get("ownerReferences") or []
    controller: Mapping[str, Any] = next((r for r in references if r.get("controller")), {})
    return controller


def uid_of(found: Mapping[str, Any]) -> str:
    """An object's uid, "" where it has none."""
    return str((found.get("metadata") or {}).get("uid") or "")


def managers_of(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Who owns an object beyond Kubernetes, so that a change by hand would be reverted: Argo CD, Flux, Helm."""
    metadata = found.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    managers = []
    if "argocd.argoproj.io/instance" in labels or "argocd.argoproj.io/tracking-id" in annotations:
        managers.append("Argo CD")
    if any(".toolkit.fluxcd.io/" in key for key in labels):
        managers.append("Flux")
    if labels.get("app.kubernetes.io/managed-by") == "Helm" or "meta.helm.sh/release-name" in annotations:
        managers.append("Helm")
    return tuple(managers)


def _node(api: Api, errors: list[ReadError], name: str) -> tuple[NodeFacts | None, NodeImages]:
    try:
        node = get_object(api, "Node", "", name)
    except BadName as error:
        errors.append(ReadError("api", str(error)))
        return None, NodeImages()
    except ApiError as error:
        if error.gone:
            return NodeFacts(
                name, found=False, ready=False, ready_message="the node does not exist any more"
            ), NodeImages()
        errors.append(ReadError("api", f"cannot read node {name}: needs get on nodes ({_short(error)})"))
        return None, NodeImages()
    return _node_facts(node), _named(node)


def _node_facts(node: Mapping[str, Any]) -> NodeFacts:
    status, info = node.get("status") or {}, (node.get("status") or {}).get("nodeInfo") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or []}
    ready = conditions.get("Ready") or {}
    return NodeFacts(
        name=str((node.get("metadata") or {}).get("name") or ""),
        ready=ready.get("status") == "True",
        ready_message=str(ready.get("message") or ready.get("reason") or ""),
        os=str(info.get("operatingSystem") or "linux"),
        arch=str(info.get("architecture") or ""),
        os_image=str(info.get("osImage") or ""),
        runtime=str(info.get("containerRuntimeVersion") or ""),
        kubelet=str(info.get("kubeletVersion") or ""),
        disk_pressure=(conditions.get("DiskPressure") or {}).get("status") == "True",
        unschedulable=bool((node.get("spec") or {}).get("unschedulable")),
        lists_all=0 < len(status.get("images") or []) < MOST_IMAGES,
    )


MOST_IMAGES = 50
"""How many images a kubelet lists, the largest (kubernetes: nodeStatusMaxImages of KubeletConfiguration)."""


def _listed(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of images on the node, smallest first: the kubelet lists its largest fifty, and a probe wants a small one."""
    images = sorted((node.get("status") or {}).get("images") or [], key=lambda i: int(i.get("sizeBytes") or 0))
    return tuple(name for image in images for name in (image.get("names") or []) if not name.startswith("<none>"))


def _named(node: Mapping[str, Any]) -> NodeImages:
    """What the node itself says of its images."""
    return NodeImages(listed=_listed(node), sandbox=_sandbox_setting((node.get("metadata") or {}).get("annotations")))


NODE_ARGS = ("k3s.io/node-args", "rke2.io/node-args")
"""Annotations in which a node of k3s or RKE2 says how it was started (k3s: pkg/nodeconfig/nodeconfig.go)."""
PAUSE_OF_RANCHER = "rancher/mirrored-pause:3.6"
"""What k3s and RKE2 take from --system-default-registry (k3s: pkg/cli/cmds/agent.go, DefaultPauseImage)."""


def _sandbox_setting(annotations: Any) -> tuple[str, ...]:
    """The sandbox image that the node was told to use, where it says so."""
    found = []
    for name in NODE_ARGS:
        try:
            words = json.loads(str((annotations or {}).get(name) or "[]"))
        except (ValueError, RecursionError):
            continue
        words = [w for w in words if isinstance(w, str)] if isinstance(words, list) else []
        options = dict(itertools.pairwise(words))
        options |= {key: value for key, equals, value in (w.partition("=") for w in words) if equals}
        if options.get("--pause-image"):
            found.append(options["--pause-image"])
        if options.get("--system-default-registry"):
            found.append(f"{options['--system-default-registry']}/{PAUSE_OF_RANCHER}")
    return tuple(found)


def _both(named: NodeImages, running: NodeImages) -> NodeImages:
    return replace(running, listed=named.listed, sandbox=named.sandbox)


def _pods_on(api: Api, node: str) -> list[Mapping[str, Any]]:
    try:
        return list(api.pages(path_of("Pod"), fieldSelector=fields(spec__nodeName=node)))
    except KubeError:
        return []


def _images_on(api: Api, node: str, namespace: str) -> NodeImages:
    pods = _pods_on(api, node)
    if not pods:  # no right to see all: those of the namespace may be seen
        try:
            pods = list(api.pages(path_of("Pod", namespace), fieldSelector=fields(spec__nodeName=node)))
        except KubeError:
            pods = []
    return _running(api, pods, namespace)


def _running(api: Api, pods: Sequence[Mapping[str, Any]], namespace: str) -> NodeImages:
    """What runs among these pods of a node: of kube-system's DaemonSets, and of the namespace."""
    system = [p for p in pods if _namespace(p) == SYSTEM and controller_of(p).get("kind") == "DaemonSet"]
    names: tuple[str, ...] = ()
    if system:
        try:
            known = {uid_of(found) for found in api.pages(path_of("DaemonSet", SYSTEM))} - {""}
        except KubeError:
            known = set()  # who made those pods cannot be seen
        of_sets = [pod for pod in system if str(controller_of(pod).get("uid") or "") in known]
        names = tuple(found.image for found in _runnable(of_sets))
    return NodeImages(
        system=names, own=_runnable(pod for pod in pods if _namespace(pod) == namespace), namespace=namespace
    )


SYSTEM = "kube-system"


def _namespace(pod: Mapping[str, Any]) -> str:
    return str((pod.get("metadata") or {}).get("namespace") or "")


def _runnable(pods: Iterable[Mapping[str, Any]]) -> tuple[RunningImage, ...]:
    """Images that run now in pods without pull secrets: others may be refused to us."""
    found: dict[str, bool] = {}
    for pod in pods:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        if spec.get("imagePullSecrets"):
            continue
        running = {
            s.get("name") for s in status.get("containerStatuses") or [] if (s.get("state") or {}).get("running")
        }
        for container in spec.get("containers") or []:
            if container.get("name") in running and container.get("image"):
                image = str(container["image"])
                found[image] = found.get(image, True) and spec.get("hostNetwork") is True
    return tuple(RunningImage(image, host_network) for image, host_network in found.items())


def _secret(api: Api, namespace: str, name: str) -> dict[str, Any] | KubeError | None:
    """The secret, None where it does not exist, the error where it cannot be read: absence of a right is not absence.

    No API server checks the names in imagePullSecrets: what can be no name is asked for nowhere, and does not exist.
    """
    try:
        return get_object(api, "Secret", namespace, name)
    except BadName:
        return None
    except ApiError as error:
        return None if error.gone else error
    except KubeError as error:
        return error


def _read(api: Api, errors: list[ReadError], needs: str, what: tuple[str, ...], **query: Any) -> dict[str, Any] | None:
    """One object or list. what: the arguments of path_of. -> None where it is absent, or cannot be read, which goes to errors."""
    try:
        return api.get(path_of(*what), **query)
    except BadName as error:
        errors.append(ReadError("api", f"cannot {needs}: {str(error).removeprefix('error: ')}"))
        return None
    except ApiError as error:
        if not error.gone:
            errors.append(ReadError("api", f"cannot {needs} ({_short(error)})"))
        return None


def _raise_if_no_namespace(api: Api, namespace: str) -> None:
    try:
        api.get(path_of("Namespace", name=namespace))
    except ApiError as error:
        if error.gone:
            raise


def _short(error: KubeError) -> str:
    return "forbidden" if isinstance(error, ApiError) and error.forbidden else str(error)[:120]


def _names(entries: Any) -> tuple[str, ...]:
    return tuple(str(e["name"]) for e in entries or [] if isinstance(e, dict) and e.get("name"))


def _time(text: Any) -> float:
    try:
        return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp() if text else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _now() -> float:
    return datetime.datetime.now(datetime.timezone.utc).timestamp()

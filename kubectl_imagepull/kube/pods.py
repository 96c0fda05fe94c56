"""Pods and what surrounds their pulls, everything side by side, as `Facts`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import ApiError, KubeError, Unreachable
from ..image.containers import containers_of, state_of, statuses_of
from ..image.keyring import BadPullSecret, Credential, Keyring, decode_secret
from ..image.policy import Role, pulled_images
from ..image.pulls import pull_of, sandbox_image_in
from ..image.secrets import explain_secrets
from ..image.waiting import NOT_PULLING, PULL_REASONS, PULLED_REASONS
from ..model import Event, Facts, NodeFacts, NodeImages, Owner, Pull, PullSecret, ReadError, ReferenceFacts, Target
from ..model.runs import of_a_run
from ..reading import reading
from ..redaction import Secrets, clean
from .client import Api, get_object
from .events import NAMED, concerns, event_of, sandbox_image, troubled_pods
from .nodes import OnNode, _both, node_of, on_node, queue_of, runtime_among
from .objects import controller_of, names_of, now, time_of
from .paths import BadName, fields, is_name, path_of
from .workloads import owner_of

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


def read_pod(
    api: Api,
    namespace: str,
    name: str,
    known: Mapping[str, Any] | None = None,
    to_probe: bool = True,
    side_by_side: int = 8,
) -> PodRead:
    """Read a pod and everything around it; known: the pod, where it is at hand already; to_probe: what a probe of its node could
    run over, too; side_by_side: requests at a time, 0 where most of what is asked is known already.

    Raises ApiError or Unreachable where the pod itself cannot be had; what else cannot be read is in `errors`.
    """
    try:
        pod = known or get_object(api, "Pod", namespace, name)
    except ApiError as error:
        if error.gone:
            raise_if_no_namespace(api, namespace)
        raise
    spec, metadata = pod.get("spec") or {}, pod.get("metadata") or {}
    if not any(containers_of(spec)):
        raise Unreachable(f"error: what the server gives as pod/{name} has no containers, so it is no pod")
    errors: list[ReadError] = []
    secret_names = names_of(spec.get("imagePullSecrets"))
    account = spec.get("serviceAccountName") or ""
    node_name = spec.get("nodeName") or ""
    with reading(side_by_side) as pool:
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
        node_read = pool.submit(node_of, api, errors, node_name) if node_name else None
        there_read = pool.submit(on_node, api, node_name, namespace) if node_name and to_probe else None
        owner_read = pool.submit(owner_of, api, namespace, pod)
        secret_reads = [(s, pool.submit(_secret, api, namespace, s)) for s in secret_names]
        secrets = {s: read() for s, read in secret_reads}
        account_object = account_read() if account_read else None
        account_secrets = names_of((account_object or {}).get("imagePullSecrets"))
        # a pod made now would get them
        late_reads = [(s, pool.submit(_secret, api, namespace, s)) for s in account_secrets if not secret_names]
        node, images = node_read() if node_read else (None, NodeImages())
        event_list = (events() or {}).get("items") or []
        owner = owner_read()
        there = there_read() if there_read else OnNode()
        late = {s: read() for s, read in late_reads}
    for secret, found in {**secrets, **late}.items():
        if isinstance(found, KubeError):
            errors.append(ReadError("api", f'cannot read pull secret "{secret}"{_why(found, namespace)}', "Secret"))
    if node is not None and not node.read:
        node = replace(node, runtime=runtime_among([pod]) or there.runtime, os=_os_of(spec))
    shared = _Shared(
        pod=pod,
        events=tuple(sorted((event_of(e) for e in event_list), key=lambda e: e.last)),
        node=node,
        owner=owner,
        account=account,
        account_secrets=account_secrets,
        secret_names=secret_names,
        secrets={**secrets, **late},
        listed=frozenset(images.listed),
        now=now(),
    )
    containers = tuple(shared.container(role, s, number) for number, (role, s) in enumerate(containers_of(spec)))
    if any(c.facts.pulling for c in containers):
        containers = _with_queue(api, containers, node_name)
    return PodRead(
        namespace, metadata.get("name") or name, node, containers, _both(images, there.images), tuple(errors), pod
    )


def _os_of(spec: Mapping[str, Any]) -> str:
    """The operating system that a pod says it is for, "" where it says nothing."""
    asked = (spec.get("nodeSelector") or {}).get("kubernetes.io/os")
    return str((spec.get("os") or {}).get("name") or asked or "")


def _why(error: KubeError, namespace: str) -> str:
    """Why a secret could not be read, behind its name."""
    forbidden = isinstance(error, ApiError) and error.forbidden
    return f": needs get on secrets in {namespace} (forbidden)" if forbidden else f" ({error.short})"


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
        mine = tuple(e for e in self.events if e.container == name or (not e.container and concerns(e, image)))
        state = self._about(state_of(self.pod, role, name), role, image)
        sandbox = sandbox_image(mine)
        reference, pull = pull_of(sandbox or image, f"p{number}")
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
        # the runtime pulls the sandbox's image by itself, with no secret of any pod
        uses, credentials = ((), ()) if sandbox else self._credentials(image, reference)
        secret_names, account_secrets = ((), ()) if sandbox else (self.secret_names, self.account_secrets)
        facts = Facts(
            phase=str(status.get("phase") or ""),
            policy=str(spec.get("imagePullPolicy") or ""),
            reference=reference,
            service_account=self.account,
            pull_secret_names=secret_names,
            account_secrets=account_secrets,
            secrets=uses,
            late_secrets=self._explained(() if secret_names else account_secrets, image, reference)[0],
            sandbox=sandbox,
            node=self.node,
            events=mine,
            pod_reason=str(status.get("reason") or ""),
            pod_message=str(status.get("message") or ""),
            created=time_of(metadata.get("creationTimestamp")),
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
                forbidden = isinstance(found, ApiError) and found.forbidden
                why = "cannot be read by you" if forbidden else f"could not be read ({found.short})"
                uses.append(PullSecret(name, "forbidden", why, from_service_account=from_account))
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
                        _writer(found),
                    )
                )
            else:
                uses.append(PullSecret(name, "unused", "not looked at: the image does not parse"))
        return tuple(uses), objects


def _writer(secret: Mapping[str, Any]) -> str:
    """What writes a secret, as kind/name; "" for what has no controller."""
    reference = controller_of(secret)
    return f"{reference.get('kind')}/{reference.get('name')}" if reference else ""


def _pulling(state: Mapping[str, Any], events: Sequence[Event], image: str, now: float) -> dict[str, Any]:
    """The fields of Facts that tell how the pull stands, from the container's state and the events about it."""
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    failures = [e for e in events if e.reason == "Failed" and e.message.startswith("Failed to pull image")]
    failures += [e for e in events if e.reason in ("InspectFailed", "ErrImageNeverPull")]
    failures += [e for e in events if e.reason == "FailedCreatePodSandBox" and sandbox_image_in(e.message)]
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
    return next((time_of(at) for at in since), 0.0)


def has_image(pod: Mapping[str, Any], role: str, name: str) -> bool:
    """Whether a container has its image: it ran, or it waits for something that comes after the pull."""
    state = state_of(pod, role, name)
    reason = str((state.get("waiting") or {}).get("reason") or "")
    return state.get("running") is not None or state.get("terminated") is not None or reason in PULLED_REASONS


def _with_queue(api: Api, containers: Sequence[ContainerRead], node: str) -> tuple[ContainerRead, ...]:
    """The containers that pull now, with what else the node pulls and whether it does one at a time."""
    one_at_a_time, open_pulls = queue_of(api, node)
    out = []
    for container in containers:
        since, me = container.facts.pulling_since, f"{container.target.namespace}/{container.target.pod} "
        older = tuple(line for at, line in open_pulls if at <= since and not line.startswith(me)) if since else ()
        facts = replace(container.facts, one_at_a_time=one_at_a_time, older_pulls=older)
        out.append(replace(container, facts=facts))
    return tuple(out)


@dataclass(frozen=True)
class Search:
    """What a search for pods that wait for an image finds."""

    failing: Sequence[Mapping[str, Any]]
    """The pods, as they were listed."""
    looked_at: int
    """How many pods there are in all."""
    uncertain: int = 0
    """How many are being created and may be held up by a pull, as far as is known."""
    error: KubeError | None = None
    """What kept the events from being read that would tell, None where they were or nobody needed them."""


def failing_pods(api: Api, namespace: str, selector: str = "", field_selector: str = "") -> Search:
    """The pods that wait for an image, without those of runs: a trial pull waits too. namespace "": of all namespaces. Raises
    KubeError where pods may not be listed.

    A pod whose container is still being created may be held up by a pull as well: its own events tell.
    """
    pods = list(api.pages(path_of("Pod", namespace), labelSelector=selector, fieldSelector=field_selector))
    if not pods and namespace:
        raise_if_no_namespace(api, namespace)  # says NotFound where kubectl would only find nothing
    theirs = [p for p in pods if not of_a_run("pod", p)]
    created = {p["metadata"]["uid"] for p in theirs if _being_created(p) and not waits_for_image(p)}
    troubled, error = troubled_pods(api, namespace) if created else (set(), None)
    held = created & troubled
    failing = [p for p in theirs if waits_for_image(p) or p["metadata"]["uid"] in held]
    return Search(failing, len(pods), len(created - held) if error is not None else 0, error)


def waits_for_image(pod: Mapping[str, Any]) -> bool:
    """Whether a container's state says that its image could not be had."""
    return any(r in PULL_REASONS or _is_text(r) for r in waiting_reasons(pod))


def _is_text(reason: str) -> bool:
    # a secret that cannot be decoded becomes the reason itself (kubernetes 1.33 and later)
    return " " in reason


def _being_created(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") == "Pending" and bool((pod.get("spec") or {}).get("nodeName"))


def waiting_reasons(pod: Mapping[str, Any]) -> list[str]:
    """For what each container waits, "" for those that wait for nothing."""
    waiting = [(entry.get("state") or {}).get("waiting") or {} for entry in statuses_of(pod)]
    return [str(one.get("reason") or "") for one in waiting]


def gone_pod(api: Api, namespace: str, name: str) -> PodRead | None:
    """A pod that does not exist any more, as its events tell; None where there are none."""
    try:
        listed = api.get(path_of("Event", namespace), fieldSelector=fields(involvedObject__name=name))
    except KubeError:
        return None
    events = [e for e in listed.get("items") or [] if (e.get("involvedObject") or {}).get("kind") == "Pod"]
    if not events:
        return None
    newest = max(events, key=lambda e: event_of(e).last)
    uid = (newest.get("involvedObject") or {}).get("uid")
    return read_pod(api, namespace, name, _as_events_tell(namespace, name, [e for e in events if _same(e, uid)]))


def _same(event: Mapping[str, Any], uid: Any) -> bool:
    return bool((event.get("involvedObject") or {}).get("uid") == uid)


def _as_events_tell(namespace: str, name: str, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A pod object put together from events: its node, and a container for each image that they name."""
    images: dict[str, str] = {}
    node = ""
    for event in events:
        host = str((event.get("source") or {}).get("host") or "")
        node = host if is_name(host) else node
        named = NAMED.match(str(event.get("message") or ""))
        container = event_of(event).container
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
        return get_object(api, *what) if len(what) == 3 else {"items": list(api.pages(path_of(*what), **query))}
    except BadName as error:
        errors.append(ReadError("api", f"cannot {needs}: {str(error).removeprefix('error: ')}", what[0]))
    except KubeError as error:
        if not (isinstance(error, ApiError) and error.gone):
            errors.append(ReadError("api", f"cannot {needs} ({error.short})", what[0]))
    return None


def raise_if_no_namespace(api: Api, namespace: str) -> None:
    """Raises ApiError where there is no such namespace; whoever may not read it learns nothing here."""
    try:
        api.get(path_of("Namespace", name=namespace))
    except KubeError as error:
        if isinstance(error, ApiError) and error.gone:
            raise

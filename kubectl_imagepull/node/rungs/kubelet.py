"""The kubelet's own HTTP probes as a way to look out: nothing is needed inside any image.

A startup probe with a `host` makes the kubelet itself send a request from the node, with the node's resolver; an Unhealthy event
says what happened. It verifies no certificate, ignores proxies and shows no header or body (kubernetes: pkg/probe/http).
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from ... import lazily
from ...catalogue.registries import kind_of
from ...model import Auth, Connect, Detail, Dns, Http, Manifest, NameAnswer, Observation, Pull, Subject, Tls, Vantage
from ...model.vocabulary import KUBELET
from ...redaction import HIDDEN
from ..attempt import Attempt
from ..created_objects import Client
from ..failures import Refused, RungFailed
from ..harmless import guesses, pauses
from ..job import Question, Run, kubelet_spec, named_spec
from ..plan import Plan
from ..probe_log import Taken
from ..run_pod import POLL, STARTUP_SECONDS, pod_events, pod_of, start, statuses, try_dry, why_hopeless
from ..wanted import Challenges
from .rung import NO, Rung

PATIENCE = 12
"""Seconds that the kubelet waits for one answer: Go gives up on one silent resolver after ten, and says so."""
IN_A_POD = 3
"""Questions for one pod. The kubelet sends 25 events about a pod and then one in five minutes (client-go:
tools/record/events_cache.go); three are spent on the start of each container, and each question is put again and again."""
SIDE_BY_SIDE = 4
"""Pods at the same time."""
ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*"

_STATUS = lazily.pattern(r"HTTP probe failed with statuscode: (\d{3})")
_LOOKUP = lazily.pattern(r"lookup ([^ ]+)(?: on ([^ ]+?)(?::53)?)?: ")
_PARAMETER = lazily.pattern(r'(realm|service)="([^"]*)"')
_REALM = lazily.pattern(r"https://([a-z0-9.-]+)(?::(\d{1,5}))?(/[A-Za-z0-9._~/%?&=+:-]*)?", re.I)
_NUMBER = lazily.pattern(r"(?:0x[0-9a-f]*|\d+)", re.I)
METADATA = frozenset({"100.100.100.200", "168.63.129.16"})
"""Addresses of a cloud's own services that are not link-local (Alibaba, Azure: their docs, 2026-11-28)."""
REALM_SECONDS = 2.0
"""How long to wait for what this machine learns of a registry's token host."""
Server = tuple[str, int, str]
"""host, port, scheme"""


@dataclass(frozen=True)
class Asked:
    """A question, the hop that its answer is about, the pulls for which it is put, and the role of the host."""

    question: Question
    hop: str
    pulls: tuple[str, ...] = ()
    role: str = "registry"

    @property
    def server(self) -> Server:
        return self.question.host, self.question.port, self.question.scheme


def greetings(plan: Plan) -> list[Asked]:
    """`/v2/` of each host, once."""
    servers: dict[Server, list[str]] = {}
    for pull in plan.pulls:
        servers.setdefault((pull.host, pull.port, pull.scheme), []).append(pull.id)
    return [
        Asked(Question(f"v2-{number}", *server, "/v2/"), "registry", tuple(ids))
        for number, (server, ids) in enumerate(servers.items())
    ]


def manifests(plan: Plan, servers: Iterable[Server]) -> list[Asked]:
    """The manifests of these hosts."""
    wanted, headers = set(servers), (("Accept", ACCEPT),)
    asked = []
    for number, pull in enumerate(plan.pulls):
        if (pull.host, pull.port, pull.scheme) in wanted:
            question = Question(f"m-{number}", pull.host, pull.port, pull.scheme, _path(pull), headers)
            asked.append(Asked(question, "manifest", (pull.id,)))
    return asked


def tokens(pulls: Sequence[Pull], challenges: Challenges) -> list[Asked]:
    """The token hosts of these registries, as far as they are known: from a challenge, else from the table of registries."""
    realms: dict[tuple[str, int, str], list[str]] = {}
    for pull in pulls:
        place = _realm(pull, challenges(pull))
        if place is not None:
            realms.setdefault(place, []).append(pull.id)
    return [
        Asked(Question(f"t-{number}", host, port, "https", path), "auth", tuple(ids), "token")
        for number, ((host, port, path), ids) in enumerate(realms.items())
    ]


def _realm(pull: Pull, lines: Sequence[str] | None) -> tuple[str, int, str] | None:
    """Host, port and path of the token request for a pull, None where there is none. The node's own addresses are none."""
    said = dict(_PARAMETER.findall(next((line for line in lines or () if line[:7].lower() == "bearer "), "")))
    url = said.get("realm", "")
    if lines is None:
        host = "docker.io" if pull.host == "registry-1.docker.io" else pull.host
        url = kind_of(host).token_realm
    found = _REALM.fullmatch(url)
    if found is None or HIDDEN in url or _inward(found.group(1).lower()):
        return None
    path = found.group(3) or "/"
    query = {"service": said.get("service", ""), "scope": f"repository:{pull.repository}:pull"}
    path += ("&" if "?" in path else "?") + urlencode({k: v for k, v in query.items() if v})
    return found.group(1).lower(), int(found.group(2) or 443), path


def _inward(host: str) -> bool:
    """Whether a host's name is an address of the node's own, of its link or of its cloud, or a number that may stand for one."""
    name = host.rstrip(".")
    if name == "localhost" or name.endswith((".localhost", ".internal")):
        return True
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return False
    try:
        address = ipaddress.IPv4Address(name)
    except ValueError:
        return True  # octal, hexadecimal, or fewer parts than four
    return address.is_loopback or address.is_link_local or address.is_unspecified or name in METADATA


def _path(pull: Pull) -> str:
    return f"/v2/{pull.repository}/manifests/{pull.asked}"


@dataclass
class _Pod:
    """A pod that waits for answers. open: questions by id. put: they wait from then on."""

    run: Run
    open: dict[str, Asked]
    began: float
    running: bool = False


@dataclass
class _Asking:
    way: Attempt
    image: str
    vantage: Vantage
    patience: int
    resources: bool = False
    open_hosts: list[Server] = field(default_factory=list)
    closed_hosts: list[Server] = field(default_factory=list)
    _pods: list[_Pod] = field(default_factory=list)
    _told: set[tuple[str, str, str, str]] = field(default_factory=set)

    def put(self, asked: Sequence[Asked], until: float) -> bool:
        """Put the questions, a few to a pod, some pods side by side. -> True where all were answered. Raises RungFailed."""
        groups = [asked[at : at + IN_A_POD] for at in range(0, len(asked), IN_A_POD)]
        waiting: list[_Pod] = []
        while (groups or waiting) and time.monotonic() < until:
            while groups and len(waiting) < SIDE_BY_SIDE:
                waiting.append(self._start(groups.pop(0)))
            for pod in waiting:
                self._look(pod)
            waiting = [pod for pod in waiting if pod.open]
            if waiting:
                time.sleep(POLL * 2)
        return not groups and not waiting

    def _start(self, asked: Sequence[Asked]) -> _Pod:
        run = self.way.run()
        questions = [a.question for a in asked]
        spec = kubelet_spec(run, self.image, questions, self.patience, self.resources)
        if not self._pods:
            try:
                try_dry(self.way.api, run, spec)
            except Refused:  # where there is a quota, every container has to say what it needs
                self.resources = True
                spec = kubelet_spec(run, self.image, questions, self.patience, True)
                try_dry(self.way.api, run, spec)
        run, _ = start(self.way.created, run, spec)
        self._pods.append(_Pod(run, {a.question.id: a for a in asked}, time.monotonic()))
        return self._pods[-1]

    def _look(self, mine: _Pod) -> None:
        pod = pod_of(self.way.api, mine.run)
        if pod is None:
            if time.monotonic() > mine.began + STARTUP_SECONDS:
                raise RungFailed("no pod was made for the kubelet's probes")
            return
        hopeless = why_hopeless(pod)
        if hopeless:
            raise RungFailed(f"no pause image is on the node under a known name ({hopeless[:120]})")
        answers = _answers(self.way.api, mine.run, pod)
        for entry in statuses(pod):
            if (entry.get("state") or {}).get("running"):
                mine.running = True
                if entry.get("started"):
                    answers.setdefault(entry["name"], "HTTP probe failed with statuscode: 200")
        for question in list(mine.open):
            if question in answers:
                self._tell(mine.open.pop(question), answers[question])
        if not mine.running and time.monotonic() > mine.began + STARTUP_SECONDS:
            raise RungFailed(f"the pod did not start within {STARTUP_SECONDS:.0f} s")

    def _tell(self, asked: Asked, text: str) -> None:
        for observation in observations(text, asked, self.vantage, self.patience):
            if observation.hop == "registry":
                (self.closed_hosts if observation.outcome == "401" else self.open_hosts).append(asked.server)
            key = (observation.hop, observation.subject.host, observation.outcome, observation.pull)
            if key not in self._told:
                self._told.add(key)
                self.way.seen(observation)

    @property
    def pod(self) -> str:
        """The name of the first pod. Raises RungFailed where there was no time for one."""
        if not self._pods:
            raise RungFailed("the time for the probes is over before a question was put")
        found = pod_of(self.way.api, self._pods[0].run)
        return found["metadata"]["name"] if found else self._pods[0].run.name


@dataclass(frozen=True)
class Kubelet:
    """A rung (`rungs.rung.Rung`)."""

    name: str = KUBELET
    cannot_see: tuple[str, ...] = (
        "certificates (the kubelet does not verify them)",
        "proxies (the kubelet ignores them)",
        "headers and bodies, so neither tokens nor the registry's own words",
    )

    @property
    def sees(self) -> Mapping[str, str]:
        """By hop."""
        return {
            **dict.fromkeys(("dns", "connect"), "unless a proxy may be set"),
            "tls": "handshake only",
            **dict.fromkeys(("registry", "auth"), "status"),
            "rate": "status 429",
            "manifest": "status, of open registries",
            "runtime": NO,
        }

    def attempt(self, way: Attempt) -> Taken:
        """Put every question to the kubelet; complete where all were answered. Raises RungFailed, KubeError.

        A manifest of a registry that wants credentials is not asked for, since the kubelet sends none and gets the same answer
        for every image: its token host is.
        """
        plan, challenges = way.plan, way.wanted.challenges
        until = time.monotonic() + plan.budget
        # what such an image starts runs: only one that does nothing will do
        images = pauses(way.node.images)[:1] or guesses(way.node.images)
        image = images[0] if len(images) == 1 else _there(way, images)
        vantage = Vantage(way.place, "host", "host", "none", "unknown", self.name, way.node.name)
        asking = _Asking(way, image, vantage, min(PATIENCE, max(5, int(plan.budget) - 8)))
        first = greetings(plan)
        if len(plan.pulls) == 1:
            _await(challenges, plan.pulls)
            # in one pod: what is behind the door is known or nearly so
            then = tokens(plan.pulls, challenges) or manifests(plan, [first[0].server])
            complete = asking.put([*first, *then], until)
        else:
            complete = asking.put(first, until)
            closed = [p for p in plan.pulls if (p.host, p.port, p.scheme) in asking.closed_hosts]
            then = [*manifests(plan, asking.open_hosts), *tokens(closed, challenges)]
            complete = asking.put(then, until) and complete
        return Taken(image, asking.pod, complete, self.cannot_see)


def _await(challenges: Challenges, pulls: Sequence[Pull]) -> None:
    """Wait a little for what another vantage learns of these registries."""
    deadline = time.monotonic() + REALM_SECONDS
    while any(challenges(pull) is None for pull in pulls) and time.monotonic() < deadline:
        time.sleep(POLL)


def _there(way: Attempt, images: Sequence[str]) -> str:
    """Which of these names is a pause image on the node: the first that runs in a pod of all of them. Raises RungFailed."""
    api, run = way.api, way.run()
    spec = named_spec(run, images)
    try_dry(api, run, spec)
    run, _ = start(way.created, run, spec)
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        pod = pod_of(api, run)
        for entry in statuses(pod) if pod else ():
            if (entry.get("state") or {}).get("running"):
                found: str = images[int(entry["name"].rpartition("-")[2])]
                return found
        hopeless = why_hopeless(pod) if pod else ""
        if hopeless:
            raise RungFailed(f"no pause image is on the node under a known name ({hopeless[:120]})")
        time.sleep(POLL)
    raise RungFailed(f"the pod did not start within {STARTUP_SECONDS:.0f} s")


def _answers(api: Client, run: Run, pod: dict[str, Any]) -> dict[str, str]:
    """The kubelet's words by question id, from the pod's Unhealthy and ProbeWarning events."""
    found = {}
    for event in pod_events(api, run, pod["metadata"]["name"]):
        field_path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
        if event.get("reason") in ("Unhealthy", "ProbeWarning") and field_path.startswith("spec.containers{"):
            found[field_path[len("spec.containers{") : -1]] = str(event.get("message") or "")
    return found


def observations(text: str, asked: Asked, vantage: Vantage, patience: int = PATIENCE) -> Iterator[Observation]:
    """What the kubelet's words say about each hop up to the one that they end at.

    Texts as Go's net and net/http write them; a time-out does not tell the resolver's silence from the host's, where that has
    several.
    """
    hops = list(_hops(text, asked, vantage, patience))
    if asked.role == "token" and hops[-1].hop != "auth":
        subject = hops[-1].subject
        hops.append(Observation(Auth(), subject, vantage, "not-reached", f"{subject.host} cannot be spoken to"))
    for pull in asked.pulls or ("",):
        yield from (replace(hop, pull=pull) for hop in hops)


def _hops(text: str, asked: Asked, vantage: Vantage, patience: int) -> Iterator[Observation]:
    question = asked.question
    authority = question.host if question.port == 443 else f"{question.host}:{question.port}"
    subject = Subject(asked.role, authority)

    def at(detail: Detail, outcome: str, summary: str) -> Observation:
        return Observation(detail, subject, vantage, outcome, summary)

    status = _STATUS.search(text)
    lookup = _LOOKUP.search(text)
    if lookup:
        server = lookup.group(2) or ""
        outcome = "nxdomain" if "no such host" in text else "timeout" if "i/o timeout" in text else "server-failure"
        said = {
            "nxdomain": "says that the name does not exist",
            "timeout": "does not answer",
            "server-failure": "fails",
        }
        servers = (NameAnswer(server, lookup.group(1), outcome),) if server else ()
        yield at(Dns(servers=servers), outcome, f"{server or 'the resolver'} {said[outcome]}")
        return
    endings = (
        ("connect: connection refused", "refused", "connection refused"),
        ("connect: no route to host", "no-route", "no route to host"),
        ("connect: network is unreachable", "no-route", "network is unreachable"),
        ("dial tcp", "timeout", "no answer"),
    )
    for ending, outcome, summary in endings:
        if ending in text and not status:
            yield at(Dns(), "ok", "resolves")
            yield at(Connect(), outcome, summary)
            return
    if not status and ("context deadline exceeded" in text or "Client.Timeout" in text):
        yield at(Connect(), "no-answer", f"no answer within {patience} s (resolver, host or a proxy in between)")
        return
    yield at(Dns(), "ok", "resolves")
    yield at(Connect(), "open", "answers")
    if "server gave HTTP response to HTTPS client" in text or "first record does not look like a TLS" in text:
        yield at(Tls(), "plain-http", "the port answers plain HTTP")
        return
    if not status and ("tls:" in text or "EOF" in text or "reset by peer" in text):
        outcome = "reset" if "reset by peer" in text else "closed" if "EOF" in text else "handshake-failed"
        yield at(Tls(), outcome, text.rpartition(": ")[2][:120])
        return
    if question.scheme == "https":
        yield at(Tls(), "not-verified", "handshake done, certificate not checked")
    code = status.group(1) if status else "redirected"
    words = "redirects" if status is None else "HTTP 2xx" if code == "200" else f"HTTP {code}"
    number = int(code) if status else 0
    details: dict[str, Detail] = {
        "registry": Http(number),
        "manifest": Manifest(number),
        "auth": Auth(status=number),
    }
    outcome = "token" if asked.hop == "auth" and code == "200" else code
    if asked.hop == "auth":
        words += " for the token of an anonymous pull"
    yield at(details[asked.hop], outcome, words)


RUNG: Rung = Kubelet()

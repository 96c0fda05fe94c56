"""The kubelet's own HTTP probes as a way to look out: nothing is needed inside any image.

A startup probe with a `host` makes the kubelet itself send a request from the node, with the node's resolver; an Unhealthy event
says what happened. It verifies no certificate, ignores proxies and shows no header or body (kubernetes: pkg/probe/http).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..model import Observation, Subject, Vantage
from .follow import POLL, STARTUP_SECONDS, RungFailed, Taken, pod_events, pod_of, start, statuses, try_dry, why_hopeless
from .plan import Plan
from .pod import Question, Run, kubelet_spec
from .trail import Client, Trail

PATIENCE = 5
"""Seconds that the kubelet waits for one answer."""
MOST_QUESTIONS = 12
ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*"

_STATUS = re.compile(r"HTTP probe failed with statuscode: (\d{3})")
_NO_HOST = re.compile(r"lookup [^ ]+(?: on ([^ ]+))?: no such host")


def questions(plan: Plan) -> list[tuple[Question, str, str]]:
    """(question, hop, pull id): `/v2/` of each host once, then the manifests."""
    asked: list[tuple[Question, str, str]] = []
    hosts = list(dict.fromkeys((p.host, p.port, p.scheme) for p in plan.pulls))
    for number, (host, port, scheme) in enumerate(hosts):
        asked.append((Question(f"v2-{number}", host, port, scheme, "/v2/"), "registry", ""))
    for number, pull in enumerate(plan.pulls):
        path = f"/v2/{pull.repository}/manifests/{pull.asked}"
        headers = (("Accept", ACCEPT),)
        asked.append((Question(f"m-{number}", pull.host, pull.port, pull.scheme, path, headers), "manifest", pull.id))
    return asked[:MOST_QUESTIONS]


def ask(
    api: Client,
    trail: Trail,
    run: Run,
    plan: Plan,
    images: Sequence[str],
    vantage: Vantage,
    seen: Callable[[Observation], None],
) -> Taken:
    """Put every question to the kubelet; complete where all were answered. Raises RungFailed."""
    asked = questions(plan)
    spec = kubelet_spec(run, images, [q for q, _, _ in asked], PATIENCE)
    try_dry(api, run, spec)
    start(trail, run, spec)
    open_questions = {q.id: (q, hop, pull) for q, hop, pull in asked}
    told: set[tuple[str, str, str, str]] = set()
    began = time.monotonic()
    image = ""
    while open_questions and time.monotonic() < began + plan.budget:
        pod = pod_of(api, run)
        if pod is None:
            if time.monotonic() > began + STARTUP_SECONDS:
                raise RungFailed("no pod was made for the kubelet's probes")
            time.sleep(POLL)
            continue
        hopeless = why_hopeless(pod)
        if hopeless:
            raise RungFailed(f"no pause image is on the node under a known name ({hopeless[:120]})")
        answers = _answers(api, run, pod)
        for entry in statuses(pod):
            question = entry["name"].rpartition("-")[0]
            if (entry.get("state") or {}).get("running"):
                image = entry["image"]
                if entry.get("started"):
                    answers.setdefault(question, "HTTP probe failed with statuscode: 200")
        for question, text in answers.items():
            if question not in open_questions:
                continue
            q, hop, pull = open_questions.pop(question)
            for observation in observations(text, q, hop, pull, vantage):
                key = (observation.hop, observation.subject.host, observation.outcome, observation.pull)
                if key not in told:
                    told.add(key)
                    seen(observation)
        if not image and time.monotonic() > began + STARTUP_SECONDS:
            raise RungFailed(f"the pod did not start within {STARTUP_SECONDS:.0f} s")
        time.sleep(POLL * 2)
    pod = pod_of(api, run)
    return Taken(image, pod["metadata"]["name"] if pod else run.name, not open_questions)


def _answers(api: Client, run: Run, pod: dict[str, Any]) -> dict[str, str]:
    """The kubelet's words by question id, from the pod's Unhealthy and ProbeWarning events."""
    found = {}
    for event in pod_events(api, run, pod["metadata"]["name"]):
        field = str((event.get("involvedObject") or {}).get("fieldPath") or "")
        if event.get("reason") in ("Unhealthy", "ProbeWarning") and field.startswith("spec.containers{"):
            question = field[len("spec.containers{") : -1].rpartition("-")[0]
            found[question] = str(event.get("message") or "")
    return found


def observations(text: str, question: Question, hop: str, pull: str, vantage: Vantage) -> Iterator[Observation]:
    """What the kubelet's words say about each hop up to the one that they end at.

    Texts as Go's net and net/http write them; a time-out does not tell the resolver's silence from the host's.
    """
    authority = question.host if question.port == 443 else f"{question.host}:{question.port}"
    subject = Subject("registry", authority)

    def at(name: str, outcome: str, summary: str, about: str = "", **data: Any) -> Observation:
        return Observation(name, subject, vantage, outcome, summary, {**data, "kubelet": text[:600]}, about)

    status = _STATUS.search(text)
    missing = _NO_HOST.search(text)
    if missing:
        server = (missing.group(1) or "").removesuffix(":53")
        yield at("dns", "nxdomain", f"{server or 'the resolver'} says that the name does not exist", servers=[])
        return
    if "lookup " in text:
        outcome = "timeout" if "i/o timeout" in text else "server-failure"
        yield at(
            "dns", outcome, "the resolver does not answer" if outcome == "timeout" else "the resolver fails", servers=[]
        )
        return
    endings = (
        ("connect: connection refused", "refused", "connection refused"),
        ("connect: no route to host", "no-route", "no route to host"),
        ("connect: network is unreachable", "no-route", "network is unreachable"),
        ("dial tcp", "timeout", "no answer"),
    )
    for ending, outcome, summary in endings:
        if ending in text and not status:
            yield at("dns", "ok", "resolves")
            yield at("connect", outcome, summary, tried=[])
            return
    if not status and ("context deadline exceeded" in text or "Client.Timeout" in text):
        yield at("connect", "no-answer", f"no answer within {PATIENCE} s (resolver, host or a proxy in between)")
        return
    yield at("dns", "ok", "resolves")
    yield at("connect", "open", "answers")
    if "server gave HTTP response to HTTPS client" in text or "first record does not look like a TLS" in text:
        yield at("tls", "plain-http", "the port answers plain HTTP")
        return
    if not status and ("tls:" in text or "EOF" in text or "reset by peer" in text):
        outcome = "reset" if "reset by peer" in text else "closed" if "EOF" in text else "handshake-failed"
        yield at("tls", outcome, text.rpartition(": ")[2][:120])
        return
    if question.scheme == "https":
        yield at("tls", "not-verified", "handshake done, certificate not checked")
    code = status.group(1) if status else "3xx"
    words = "redirects" if code == "3xx" else "HTTP 2xx" if code == "200" else f"HTTP {code}"
    yield at(hop, code, words, pull, status=int(code) if code.isdigit() else 0, via="anonymous", errors=[])

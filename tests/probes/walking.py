"""A walk to a local site, its frames read as a node's log is read, and the verdict on them with every rule switched on."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from kubectl_imagepull import model
from kubectl_imagepull.model import (
    Case,
    Facts,
    Finding,
    NodeFacts,
    Observation,
    ReferenceFacts,
    Target,
    Vantage,
    Verdict,
)
from kubectl_imagepull.model.vocabulary import UNDECLARED, outcome
from kubectl_imagepull.node.frames import FrameReader
from kubectl_imagepull.verdict import judge
from probes import dns_lookup
from probes.frames import Frames
from probes.host.resolver import ResolvConf
from probes.place import Place
from probes.plan import Login, Pull
from probes.timing import Deadline
from probes.tls_handshake import trusting
from probes.walk import Walk

NONCE = "0123456789abcdef"
HOST_PYTHON = Vantage("node", "host", "host", "host", "unknown", "host-python", "node-1")


@dataclass
class Walked:
    """What a walk left behind. log: its frames as text; seconds: how long it took."""

    case: Case
    log: str
    seconds: float
    verdict: Verdict
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def named(self) -> list[tuple[str, str, str]]:
        """(cause, role, host) of every finding."""
        return [(f.cause, f.subject.role, f.subject.host) for f in self.findings]

    def outcome(self, hop: str, role: str = "registry") -> str:
        """The outcome of the first observation of a hop."""
        return next((o.outcome for o in self.case.at(hop, role)), "")


SHORT = 2.0
"""A patience with one request for tests of silence: what a busy machine is slow with takes less."""


class Walker:
    """Walks to a site as a node would that has this CA and this resolver."""

    def __init__(self, authority: trustme.CA, folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        self.context, self._patch = trusting(str(bundle)), monkeypatch
        self.servers: tuple[str, ...] = ()

    def use_resolver(self, address: str, port: int) -> None:
        """Ask this server for names."""
        self.servers = (address,)
        self._patch.setattr(dns_lookup, "PORT", port)

    def walk(
        self,
        port: int,
        host: str = "127.0.0.1",
        asked: str = "1.0",
        budget: float = 60.0,
        scheme: str = "https",
        node: NodeFacts | None = None,
        place: Place | None = None,
        short: str = "",
        said: str = "",
        logins: Sequence[Login] = (),
        before: Sequence[Pull] = (),
        **more: Any,
    ) -> Walked:
        """Walk to team/app at host:port and judge what was seen. before: other images of the same run."""
        conf = ResolvConf(self.servers) if self.servers else None
        place = place or Place(
            resolve=lambda name, deadline: dns_lookup.lookup(name, conf, (), deadline),
            context=self.context,
            trust="/etc/ssl/certs/ca-certificates.crt",
        )
        written = io.StringIO()
        started = time.monotonic()
        with contextlib.redirect_stdout(written):
            pull = Pull("p1", host, port, scheme, "team/app", asked, short, tuple(logins))
            frames = Frames(NONCE, [*before, pull])
            Walk(place, frames.emit, frames.learn, Deadline(budget)).run([*before, pull], **more)
        seconds = time.monotonic() - started
        log = written.getvalue()
        every_frame_is_taken(log)
        case = case_of(observations_of(log), host, port, asked, scheme, node, said)
        verdict = judge(case)
        return Walked(case, log, seconds, verdict, verdict.findings)


def observations_of(log: str, vantage: Vantage = HOST_PYTHON) -> list[Observation]:
    """The observations in a log."""
    reader = FrameReader(NONCE, vantage)
    frames = [reader.read(line) for line in log.encode().split(b"\n")]
    return [f.observation for f in frames if f is not None and f.observation is not None]


def every_frame_is_taken(log: str, vantage: Vantage = HOST_PYTHON) -> None:
    """What a probe says has a declared word and the declared fields, and names the image that it is about."""
    reader = FrameReader(NONCE, vantage)
    for line in log.splitlines():
        frame = reader.read(line.encode())
        assert frame is not None, f"refused: {line}"
        seen = frame.observation
        if seen is not None:
            assert outcome(seen.hop, seen.outcome) is not UNDECLARED, (
                f"nobody declared {seen.outcome} of {seen.hop}: {line}"
            )
            assert seen.pull or seen.subject.role == "node", f"about no image: {line}"


def case_of(
    observations: Sequence[Observation],
    host: str,
    port: int,
    asked: str = "1.0",
    scheme: str = "https",
    node: NodeFacts | None = None,
    said: str = "",
) -> Case:
    """A pod on node-1 whose pull fails with these words or none, and what the node saw."""
    authority = host if port == 443 else f"{host}:{port}"
    image = f"{authority}/team/app:{asked}"
    facts = Facts(
        phase="Pending",
        state="waiting",
        reason="ErrImagePull",
        failing=True,
        said=said,
        said_at=time.time(),
        policy="IfNotPresent",
        reference=ReferenceFacts(image, True, authority, f"{authority}/team/app", asked, image),
        node=node or NodeFacts("node-1", os="linux", arch="amd64", runtime="containerd://2.2.1"),
    )
    pull = model.Pull("p1", host, port, "team/app", asked, scheme)
    target = Target("shop", "web-1", "web", image=image, node="node-1")
    return Case(target, facts, pull, tuple(observations), model.ProbeRun("host-python", "node-1"))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The authority that the node trusts."""
    return trustme.CA()


@pytest.fixture
def walker(authority: trustme.CA, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walker]:
    yield Walker(authority, tmp_path, monkeypatch)

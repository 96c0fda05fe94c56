"""How sure a verdict may be where the runtime and the probes do not see the same."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.model import (
    Case,
    Facts,
    NodeFacts,
    Observation,
    ProbeRun,
    Pull,
    PullSecret,
    ReferenceFacts,
    Subject,
    Target,
    Vantage,
    Verdict,
)
from kubectl_imagepull.verdict import judge
from tests.build import observed

HOST = "registry.example.com"
ON_NODE = Vantage("node", name="node1", network="host", resolver="host", trust="host", rung="host-python")
REGISTRY, RUNTIME, TOKEN = Subject("registry", HOST), Subject("node", "node1"), Subject("token", "auth.example.com")
IMAGE = f"{HOST}/web:1.0"
GONE = observed("dns", REGISTRY, ON_NODE, "nxdomain", "no such name")
SILENT = observed("connect", REGISTRY, ON_NODE, "timeout", "no answer")
NAMED = observed("dns", REGISTRY, ON_NODE, "ok", "192.0.2.1", addresses=["192.0.2.1"])
OPEN = observed("connect", REGISTRY, ON_NODE, "open", "open")


def read(outcome: str = "default", **detail: Any) -> Observation:
    """What was found of the runtime's configuration."""
    return observed("runtime", RUNTIME, ON_NODE, outcome, "", family="containerd", **detail)


def judged(said: str, *seen: Observation, **facts: Any) -> Verdict:
    """A pod whose pull fails with these words."""
    reference = ReferenceFacts(IMAGE, registry=HOST, repository=f"{HOST}/web", asked="1.0")
    node = NodeFacts("node1", runtime="containerd://2.4.2", os="linux", arch="amd64")
    known = {"failing": True, "reason": "ErrImagePull", "state": "waiting", **facts}
    target = Target("shop", "web-1", "app", image=IMAGE, node="node1")
    return judge(
        Case(
            target,
            Facts(reference=reference, node=node, said=said, read_at=10_000.0, **known),
            Pull("p0", HOST, 443, "web", "1.0"),
            seen,
            ProbeRun("host-python", "node1"),
        )
    )


def failed(said: str) -> str:
    return f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": {said}'


MIRROR = f'failed to do request: Head "https://mirror.corp.test/v2/web/manifests/1.0?ns={HOST}": '


@pytest.mark.parametrize(
    ("said", "cause", "host"),
    [
        (f"{IMAGE}: not found", "image.tag_unknown", HOST),
        ("pulling from host registry.example.com failed with status code [manifests 1.0]: 503 Service Unavailable",
         "registry.unavailable", HOST),
        (f"{MIRROR}dial tcp 192.0.2.9:443: connect: connection refused", "net.refused", "mirror.corp.test"),
        (f"{MIRROR}dial tcp 192.0.2.9:443: i/o timeout", "net.timeout", "mirror.corp.test"),
        (f"{MIRROR}dial tcp: lookup mirror.corp.test: no such host", "dns.nxdomain", "mirror.corp.test"),
        (f"{MIRROR}tls: failed to verify certificate: x509: certificate signed by unknown authority",
         "tls.unknown_authority", "mirror.corp.test"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("config", [read(), read(assumed=True), read("unknown")], ids=["read", "assumed", "unknown"])
def test_the_runtime_got_further(said: str, cause: str, host: str, config: Observation) -> None:
    """The upstream's name cannot be resolved, and the runtime has an answer from somewhere: it goes another way."""
    verdict = judged(failed(said), config, GONE)
    assert (verdict.cause, verdict.subject.host) == (cause, host)
    assert verdict.confidence != "confirmed"
    assert [f.confidence for f in verdict.findings if f.cause == "dns.nxdomain" and f.because] == ["possible"]
    assert "did not see" in " ".join(verdict.explanation)


@pytest.mark.parametrize(
    ("said", "seen", "cause"),
    [
        # it got no further than the probe
        ("failed to do request: dial tcp: lookup registry.example.com: no such host", (GONE,), "dns.nxdomain"),
        ("failed to do request: dial tcp 192.0.2.1:443: i/o timeout", (NAMED, SILENT), "net.timeout"),
        # the token host is asked after the registry, and the probe broke off there too
        (
            'failed to authorize: failed to fetch anonymous token: Get "https://auth.example.com/token": dial tcp: lookup'
            " auth.example.com: no such host",
            (NAMED, OPEN, observed("dns", TOKEN, ON_NODE, "nxdomain", "no such name")),
            "dns.nxdomain",
        ),
    ],
)
def test_it_got_no_further(said: str, seen: tuple[Observation, ...], cause: str) -> None:
    verdict = judged(failed(said), read(assumed=True), *seen)
    assert (verdict.cause, verdict.confidence) == (cause, "confirmed")


@pytest.mark.parametrize(
    ("config", "confidence"),
    [
        ((read(),), "confirmed"),
        ((read(assumed=True),), "likely"),
        ((read("unknown"),), "likely"),
        ((read("unreadable"),), "likely"),
        ((), "likely"),
    ],
)
def test_not_found_is_not_none(config: tuple[Observation, ...], confidence: str) -> None:
    """Nothing is said yet: what the probe meets on the way is sure where the runtime is known to go that way."""
    verdict = judged("", *config, NAMED, SILENT)
    assert (verdict.cause, verdict.confidence) == ("net.timeout", confidence)


def blob(outcome: str, **detail: Any) -> Observation:
    return observed("blobs", REGISTRY, ON_NODE, outcome, f"layer: {outcome}", kind="layer", **detail)


@pytest.mark.parametrize(
    ("seen", "cause", "confidence"),
    [
        (blob("stalled", looks=2), "transfer.stalled", "confirmed"),
        (blob("stalled", looks=1), "transfer.stalled", "possible"),
        (blob("trickles", rate=4000, size=200_000_000), "pull.in_progress", "likely"),
    ],
)
def test_slow_is_not_stalled(seen: Observation, cause: str, confidence: str) -> None:
    pulling = {"failing": False, "reason": "", "pulling": True, "pulling_since": 9_400.0}
    verdict = judged("", read(), NAMED, OPEN, seen, **pulling)
    assert (verdict.cause, verdict.confidence) == (cause, confidence)
    told = " ".join(verdict.explanation)
    assert ("3.9 KiB a second: about 14 h for all layers" in told) == (cause == "pull.in_progress"), told


def test_a_slow_transfer_that_was_given_up() -> None:
    said = f'failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://{HOST}/v2/web/blobs/sha256:1": '
    verdict = judged(failed(f"{said}context deadline exceeded"), read(), blob("trickles", rate=4000, size=200_000_000))
    assert verdict.cause.startswith("transfer.") and verdict.confidence in ("likely", "possible")


@pytest.mark.parametrize(
    ("said", "seen", "cause"),
    [
        ("", (), "auth.secret_missing"),
        # who answers, or says why, is believed before a secret that may not have been needed
        ("", (observed("registry", REGISTRY, ON_NODE, "200", "HTTP 200"),), "unknown.insufficient"),
        (failed(f"{IMAGE}: not found"), (), "image.tag_unknown"),
    ],
)
def test_a_secret_that_is_named_and_not_there(said: str, seen: tuple[Observation, ...], cause: str) -> None:
    verdict = judged(
        said, *seen, secrets=(PullSecret("regred", "missing", "it does not exist", "auth.secret_missing"),)
    )
    assert verdict.cause == cause and verdict.confidence in ("possible", "unknown")


def test_no_right_helps_where_the_address_is_refused() -> None:
    """The registry's firewall names it: neither a pull secret nor a right of the node's identity is advised first."""
    said = (
        f"failed to resolve reference: unexpected status from HEAD request to https://{HOST}/v2/web/manifests/1.0: "
        "403 Forbidden: denied: client with IP '203.0.113.25' is not allowed access. Refer https://aka.ms/acr/firewall to grant "
        "access."
    )
    verdict = judged(said)
    assert verdict.cause == "auth.forbidden"
    assert "refuses the address" in verdict.fixes[0].title
    assert not [c for fix in verdict.fixes for c in fix.commands if "create secret" in c or "attach-acr" in c]


def test_a_runtime_without_its_cri_plugin() -> None:
    verdict = judged("rpc error: code = Unimplemented desc = unknown service runtime.v1.ImageService")
    assert verdict.cause == "runtime.unavailable" and "disabled_plugins" in verdict.fixes[0].title

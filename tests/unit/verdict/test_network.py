"""A certificate that the node does not know: who may have made it."""

from __future__ import annotations

import pytest

from kubectl_imagepull.model import Observation, Subject, Vantage
from kubectl_imagepull.verdict import judge
from tests.build import observed
from tests.probes.walking import HOST_PYTHON, case_of

HOST = Subject("registry", "registry.test")


def tls(vantage: Vantage, outcome: str, issuer: str) -> Observation:
    return observed("tls", HOST, vantage, outcome, f"issued by {issuer}", chain=[{"issuer": issuer}])


@pytest.mark.parametrize(
    ("outcome", "issuer", "said"),
    [("ok", "Public CA", True), ("ok", "Corp Proxy", False), ("unknown-authority", "Public CA", False)],
)
def test_another_issuer_from_this_machine(outcome: str, issuer: str, said: bool) -> None:
    seen = [tls(HOST_PYTHON, "unknown-authority", "Corp Proxy"), tls(Vantage("workstation"), outcome, issuer)]
    finding = judge(case_of(seen, "registry.test", 443)).findings[0]
    assert finding.cause == "tls.unknown_authority"
    assert ("something on the node's way opens TLS" in finding.reason) == said

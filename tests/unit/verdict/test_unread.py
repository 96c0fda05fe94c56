"""What could not be read is unknown: neither absent nor in order, and no fix goes by it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.model import Case, NodeFacts, PullSecret, Subject, Vantage
from kubectl_imagepull.model.vocabulary import HOST_PYTHON
from kubectl_imagepull.verdict import judge
from kubectl_imagepull.verdict.fixes import CONDITIONS, fixes_for
from kubectl_imagepull.verdict.hop_status import status_of
from tests.build import observed
from tests.unit.verdict.test_fixes import REGISTRY, case, commands, finding

NODE = Vantage("node", "host", "host", "host", "known", HOST_PYTHON, "node1")
UNREAD = NodeFacts("node1", read=False, runtime="containerd://")


def secret(state: str, name: str = "regcred", cause: str = "") -> PullSecret:
    return PullSecret(name, state, "because", cause)


def refused(outcome: str = "401", **facts: Any) -> Case:
    """A pull that the registry refuses to whoever sends nothing."""
    made = case(pull_secret_names=tuple(s.name for s in facts.get("secrets", ())), **facts)
    seen = observed("auth", Subject("registry", REGISTRY), NODE, outcome, outcome, pull="p0")
    object.__setattr__(made, "observations", (seen,))
    return made


@pytest.mark.parametrize("outcome", ["401", "basic"])
def test_a_secret_that_could_not_be_read_is_not_none(outcome: str) -> None:
    found = judge(refused(outcome, secrets=(secret("forbidden"),)))
    assert (found.cause, found.confidence) == ("auth.denied_or_missing", "possible")
    assert "auth.bad_credentials" in found.alternatives and "auth.no_credentials" not in found.alternatives
    assert "what the kubelet sends is not known: pull secret regcred could not be read" in " ".join(found.explanation)
    assert judge(refused("basic")).cause == "auth.no_credentials", "where nothing is named nothing is sent"


@pytest.mark.parametrize("cause", ["auth.denied_or_missing", "auth.no_credentials", "auth.bad_credentials"])
def test_who_may_not_read_a_secret_is_told_whom_to_ask(cause: str) -> None:
    """He makes no other one, and writes over none."""
    unread = case(secrets=(secret("forbidden"),), pull_secret_names=("regcred",))
    text = commands(unread, cause)
    assert "create secret" not in text and "kubectl replace" not in text
    [look] = [fix for fix in fixes_for(unread, finding(cause)) if "you may not read" in fix.title]
    assert look.actor == "cluster" and "get secret regcred" in look.commands[0] and "keys" in look.commands[0]
    read = case(secrets=(secret("used"),), pull_secret_names=("regcred",))
    assert "you may not read" not in " ".join(fix.title for fix in fixes_for(read, finding(cause)))


def test_of_several_secrets_the_unread_one_is_looked_at() -> None:
    both = case(secrets=(secret("unused", "one"), secret("forbidden", "two")), pull_secret_names=("one", "two"))
    assert "get secret two" in commands(both, "auth.denied_or_missing")
    sent = case(secrets=(secret("used", "one"), secret("forbidden", "two")), pull_secret_names=("one", "two"))
    assert "get secret one -o json" in commands(sent, "auth.bad_credentials"), "what was sent and read can be renewed"


@pytest.mark.parametrize(
    ("names", "new"),
    [((), "regcred"), (("other",), "regcred"), (("regcred",), "regcred-2"), (("regcred", "regcred-2"), "regcred-3")],
)
def test_a_secret_that_is_made_has_a_name_of_its_own(names: tuple[str, ...], new: str) -> None:
    """One that exists already cannot be created."""
    there = case(secrets=tuple(secret("unused", name) for name in names), pull_secret_names=names)
    text = commands(there, "auth.denied_or_missing")
    assert f"create secret docker-registry {new} " in text
    late = case(account_secrets=names)
    assert f"create secret docker-registry {new} " in commands(late, "rate.registry_limit")


def test_a_version_that_is_not_known_is_not_an_old_one() -> None:
    for name in ("containerd-1", "containerd-2.1", "containerd-2.2"):
        assert not CONDITIONS[name](case(node=UNREAD), finding("net.proxy")), name
    assert CONDITIONS["containerd"](case(node=UNREAD), finding("net.proxy"))
    assert not CONDITIONS["cri-o"](case(node=UNREAD), finding("net.proxy"))


def test_a_node_that_was_not_read_is_of_no_platform() -> None:
    """No file and no command is named as this node's; that the platform is not known is said."""
    unread = case(node=UNREAD)
    for cause in ("tls.unknown_authority", "net.proxy", "runtime.config_invalid"):
        fixes = fixes_for(unread, finding(cause))
        notes = " ".join(fix.note for fix in fixes)
        assert "since you may not read nodes" in notes, (cause, notes)
        assert notes.count("since you may not read nodes") == 1, "once is enough"
    assert judge(unread).cause != "node.not_ready"


@pytest.mark.parametrize(
    ("node", "status"),
    [
        (UNREAD, "unknown"),
        (NodeFacts("node1", os="linux", arch="arm64"), "pass"),
        (NodeFacts("node1", os="linux", arch="amd64"), "fail"),
    ],
)
def test_whether_an_image_fits_a_node(node: NodeFacts, status: str) -> None:
    entry = {"os": "linux", "architecture": "arm64"}
    seen = observed("platform", Subject("registry", REGISTRY), NODE, "index", "index", platforms=[entry])
    assert status_of(case(node=node), seen) == status

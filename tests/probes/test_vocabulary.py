"""The probes' words and the model's table, both ways: what can be said is declared, and what is declared somebody says."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kubectl_imagepull.node
import probes
from kubectl_imagepull.model.observation import DETAILS, Detail, TrialPull
from kubectl_imagepull.model.vocabulary import OUTCOMES, PROBED_ROLES, UNDECLARED, outcome

PROBES = Path(next(iter(probes.__path__)))
NODE = Path(next(iter(kubectl_imagepull.node.__path__)))
PYTHON = "\n".join(path.read_text() for path in sorted(PROBES.rglob("*.py")))
SHELL = "\n".join(path.read_text() for path in sorted(PROBES.glob("sh/*.sh")))
RUNGS = "\n".join(path.read_text() for path in sorted(NODE.rglob("*.py")))
API_HOPS = {"reference", "policy", "credentials"}

HOPS = {
    # module -> the hops of which it speaks
    "dns_lookup": {"dns"},
    "resolved": {"dns"},
    "tcp_connect": {"connect"},
    "tls_handshake": {"tls"},
    "reach": {"dns", "connect", "tls"},
    "attempt": {"tls", "registry", "auth", "rate", "manifest", "blobs"},
    "content": {"platform", "blobs", "manifest"},
    "walk": {"registry", "runtime"},
    "files": {"storage"},
    "containerd": {"runtime"},
    "crio": {"runtime"},
    "rancher": {"runtime"},
    "runtime": {"runtime"},
}
SAYING = {"Observation", "Found", "NoTunnel"}
"""Classes whose first argument is an outcome."""
NETWORK = ("refused", "timeout", "no-route", "reset", "closed", "error")
"""What `network_outcome` returns."""
TROUBLES = (*NETWORK, "slow", "garbage")
"""What a reply without a status has as its trouble."""


def literals(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be, as far as they stand there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from literals(value)


def said_in_python() -> Iterator[tuple[str, str]]:
    """(module, word) of every outcome that is written out."""
    for path in sorted(PROBES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYING and node.args:
                for word in literals(node.args[0]):
                    yield path.stem, word
            if isinstance(node, ast.keyword) and node.arg in ("outcome", "trouble"):
                for word in literals(node.value):
                    yield path.stem, word


def test_what_python_says_is_declared() -> None:
    found = list(said_in_python())
    assert len(found) > 50
    undeclared = [
        (module, word)
        for module, word in found
        if word and all(outcome(hop, word) is UNDECLARED for hop in HOPS.get(module, set()))
    ]
    assert not undeclared


def test_what_ends_a_network_call_is_what_its_function_returns() -> None:
    (function,) = [
        node
        for node in ast.walk(ast.parse((PROBES / "address.py").read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "network_outcome"
    ]
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    assert {word for value in returned for word in literals(value)} == set(NETWORK)


@pytest.mark.parametrize("hop", ["connect", "tls", "registry", "auth", "manifest", "blobs"])
def test_how_a_conversation_ends_is_declared(hop: str) -> None:
    words = NETWORK if hop in ("connect", "tls") else TROUBLES
    assert not [word for word in words if outcome(hop, word) is UNDECLARED]


def said_in_shell() -> Iterator[tuple[str, str]]:
    """(hop, word) of every observation of probe.sh whose word is written out."""
    for hop, word in re.findall(r'^\s*(?:.*\s)?emit ([a-z]+) \S+ \S+ ("[^"]*"|[a-z0-9-]+) ', SHELL, re.MULTILINE):
        word = word.strip('"')
        if "$" not in word:
            yield hop, word


def test_what_the_shell_says_is_declared() -> None:
    found = list(said_in_shell())
    assert len(found) > 20 and {hop for hop, _ in found} >= {"connect", "tls", "auth", "manifest", "platform", "blobs"}
    assert not [(hop, word) for hop, word in found if outcome(hop, word) is UNDECLARED]
    endings = set(re.findall(r"\bending=([a-z][a-z-]*)", SHELL)) - {"http"}
    hops = ("connect", "tls", "registry", "manifest", "blobs")
    assert len(endings) > 12 and not [e for e in endings if all(outcome(h, e) is UNDECLARED for h in hops)]
    resolve = SHELL[SHELL.index("resolve() {") : SHELL.index("# name server -> $answer")]
    names = set(re.findall(r"\boutcome=([a-z][a-z-]*)", resolve))
    assert len(names) > 5 and not [name for name in names if outcome("dns", name) is UNDECLARED]
    configured = set(re.findall(r"\bconfigured=([a-z]+)", SHELL))
    assert len(configured) > 3 and not [word for word in configured if outcome("runtime", word) is UNDECLARED]


@pytest.mark.parametrize("hop", sorted(set(OUTCOMES) - API_HOPS))
def test_what_is_declared_is_said_by_somebody(hop: str) -> None:
    """By a probe, by the shell or by another rung."""
    quoted = PYTHON + RUNGS
    for word in OUTCOMES[hop]:
        if word[0].isdigit():
            continue  # a status: whatever a server says
        spoken = f'"{word}"' in quoted or re.search(rf"[\s=\"]{re.escape(word)}[\s;\"]", SHELL)
        assert spoken, f"{hop}: {word} is declared and nobody says it"


def test_roles() -> None:
    roles = set(re.findall(r"emit [a-z]+ (registry|mirror|token|blob|proxy|node|dns-server) ", SHELL))
    assert roles <= PROBED_ROLES and {"token", "proxy", "node"} <= roles
    assert all(f'"{role}"' in PYTHON for role in PROBED_ROLES)


def fields(shape: type) -> Iterator[str]:
    for one in dataclasses.fields(shape):
        yield one.name


@pytest.mark.parametrize("shape", [*DETAILS.values(), TrialPull], ids=lambda shape: shape.__name__)
def test_every_field_of_a_detail_is_written_by_somebody(shape: type[Detail]) -> None:
    """By its name, as a key of what a probe or a rung tells. (Those of KubeletLimits are read by their own names.)"""
    quoted = PYTHON + RUNGS
    for name in fields(shape):
        key = f'"{name}"' in quoted or f'\\"{name}\\"' in SHELL or re.search(rf"\b{name}=", quoted)
        assert key, f"{shape.__name__}.{name} is written by nobody"

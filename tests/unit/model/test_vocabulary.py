"""The table of outcomes: its form, its causes, what an unknown word means, and the words of the rungs that run no probe.

That the probes and the table say the same is tests/probes/test_vocabulary.py's matter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import kubectl_imagepull.node
from kubectl_imagepull import catalogue
from kubectl_imagepull.model.vocabulary import CONFIDENCES, HOPS, OUTCOMES, UNDECLARED, causes_of, outcome

NODE = Path(next(iter(kubectl_imagepull.node.__path__)))


def constants(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from constants(body)
            yield from constants(other)
        case ast.Tuple(elts=[first, *_]):
            yield from constants(first)
        case _:
            return


def words_of(path: Path) -> set[str]:
    """The outcomes that a module of a rung may say: of observations that it makes, in variables that hold one, and in tables of
    (words of a message, outcome, summary)."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name(id="Observation"), args=[_, _, _, word, *_]):
                found.update(constants(word))
            case ast.Call(func=ast.Name(id="at"), args=[_, word, *_]):
                found.update(constants(word))
            case ast.Assign(targets=[ast.Name(id="outcome" | "code")], value=value):
                found.update(constants(value))
            case ast.Tuple(elts=[ast.Constant(value=str()), ast.Constant(value=str(word)), ast.Constant(value=str())]):
                found.add(word)
            case _:
                pass
    return {word for word in found if re.fullmatch(r"[a-z][a-z-]+", word)}


KUBELET = next(path for path in sorted(NODE.rglob("*.py")) if "HTTP probe failed with statuscode" in path.read_text())
"""The module that reads the kubelet's words."""


def test_every_word_of_the_kubelet_is_declared() -> None:
    words = words_of(KUBELET)
    assert words >= {"nxdomain", "refused", "no-answer", "plain-http", "redirected"}
    assert not {w for w in words if all(outcome(hop, w) is UNDECLARED for hop in HOPS)}


def test_words_are_well_formed() -> None:
    assert set(OUTCOMES) == set(HOPS)
    for hop, table in OUTCOMES.items():
        for word, one in table.items():
            assert one.word == word and one.meaning and not one.meaning.endswith(".")
            assert not one.also or one.cause, f"{hop}: {word} allows causes and shows none"


def causes(hops: Iterable[str]) -> set[str]:
    return {cause for hop in hops for one in OUTCOMES[hop].values() for cause in (one.cause, *one.also) if cause}


def test_causes_are_those_of_the_catalogue() -> None:
    assert causes(HOPS) <= set(catalogue.load())
    assert causes_of("dns") and set(causes_of("dns")) <= causes(["dns"])


def test_statuses_by_class() -> None:
    assert outcome("manifest", "418").status == "fail" and outcome("manifest", "404").meaning.startswith("HTTP 404")
    assert outcome("registry", "418").status == "warn" and outcome("registry", "501").cause == "registry.server_error"
    assert outcome("rate", "418") is UNDECLARED and outcome("connect", "4٣1") is UNDECLARED


@pytest.mark.parametrize("word", ["", "weird", "OK", "40", "4040", "é"])
@pytest.mark.parametrize("hop", HOPS)
def test_what_is_not_declared_is_unknown(hop: str, word: str) -> None:
    assert outcome(hop, word).status == "unknown" and not outcome(hop, word).cause


def test_confidences() -> None:
    assert CONFIDENCES == ("confirmed", "likely", "possible", "unknown")

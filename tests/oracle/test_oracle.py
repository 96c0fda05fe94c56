"""Random cases of every kind, put to our code and to the code that runs on nodes. `python -m tests.oracle`
for many.

Derandomised: the same cases in every run. Where the real code and a vector differ, the real code is right;
today that is so for one text: docker/distribution 2.8.2 says "repository name must be lowercase" without the
name that `legacy_error` in vectors/reference.json has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.cases import T
from tests.oracle.compare import KINDS, Kind
from tests.oracle.process import Oracle, OracleUnavailable

VECTORS = Path(__file__).parents[1] / "vectors"
EXAMPLES = {"references": 800, "keyrings": 250, "challenges": 350, "tokens": 250, "platforms": 250}
"""Enough to notice what a change breaks; `make oracle` takes hundreds of times as many."""


class _Drawn:
    """Lets hypothesis choose, so that it can shrink."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def one(self, options: Sequence[T]) -> T:
        return options[self._draw(st.integers(0, len(options) - 1))]

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


@st.composite
def _cases(draw: st.DrawFn, kind: Kind) -> Any:
    return kind.generate(_Drawn(draw))


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    try:
        running = Oracle()
    except OracleUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    with running:
        yield running


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_random_cases(kind: Kind, oracle: Oracle) -> None:
    @settings(
        max_examples=EXAMPLES[kind.name],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases(kind))
    def agree(case: Any) -> None:
        (answer,) = oracle.ask([kind.question(case)])
        difference = kind.differs(case, answer)
        assert difference is None, difference

    agree()


def test_vectors_of_references(oracle: Oracle) -> None:
    """The oracle itself agrees with the vectors, so that both of us cannot be wrong together."""
    cases = json.loads((VECTORS / "reference.json").read_text())["cases"]
    (kind,) = (k for k in KINDS if k.name == "references")
    answers = oracle.ask(kind.question(case["input"]) for case in cases)
    for case, answer in zip(cases, answers, strict=True):
        theirs = answer["Reference"]
        assert (theirs["Error"] or None) == case.get("error")
        assert theirs["Normalised"] == case["normalised"] and theirs["Domain"] == case["domain"]
        assert (not answer["Legacy"]["Error"]) == case["valid_legacy"]
        assert kind.differs(case["input"], answer) is None


def test_vectors_of_challenges(oracle: Oracle) -> None:
    cases = json.loads((VECTORS / "challenge.json").read_text())["cases"]
    (kind,) = (k for k in KINDS if k.name == "challenges")
    for case, answer in zip(cases, oracle.ask(kind.question(c["headers"]) for c in cases), strict=True):
        for name, expected in (("Containerd", case["containerd"]), ("Distribution", case["crio"])):
            assert [{"scheme": c["Scheme"], "params": c["Params"]} for c in answer[name]] == expected
        assert kind.differs(case["headers"], answer) is None


def test_without_go_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OracleUnavailable, match=r"needs Go .* no `go` on PATH") as raised:
        Oracle()
    assert "\n" not in str(raised.value)

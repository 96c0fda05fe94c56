"""docs/performance.md and its plots show what tests/bench/results.json has. Nothing is measured here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench import page
from tests.bench.growth import DOCS, PLOTS, Plot
from tests.bench.lines import LINES, Line, shown
from tests.bench.results import Sample, keep, load, write
from tests.documents import ROOT

RESULTS = load()


def of(*runs: float) -> Sample:
    return Sample(runs, "2026-11-29", "2 cores")


# ---- what is written -------------------------------------------------------------------------------------------------


def test_the_page_is_up_to_date() -> None:
    """If not: python -m tests.bench.page"""
    assert page.page(RESULTS) == page.FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.file)
def test_a_plot_shows_the_results(plot: Plot) -> None:
    """If not: python -m tests.bench --draw"""
    file = DOCS / plot.file
    assert file.exists() == bool(plot.points(RESULTS))
    if file.exists():
        text = file.read_text(encoding="utf-8")
        assert plot.digest(RESULTS) in text and len(text) < 60_000 and "<dc:date>" not in text


def test_every_measurement_can_be_asked_for() -> None:
    """By the names that the page tells, through make."""
    told = re.findall(r'make bench LINES="([^"]+)"', page.FILE.read_text(encoding="utf-8"))
    assert told and all(name in bench.MEASUREMENTS for line in told for name in line.split())
    assert "-m tests.bench $(LINES)" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", [line for line in LINES if line.test], ids=lambda line: line.test)
def test_what_a_test_counts(line: Line) -> None:
    file, _, name = line.test.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


# ---- how it is judged ------------------------------------------------------------------------------------------------


def test_a_ratio_and_what_it_comes_from() -> None:
    line = Line("x", "y", "ratio", 1.2, "ours", "theirs")
    found = {"ours": of(1.0, 1.3, *[1.1] * 5), "theirs": of(0.9, 2.0, 1.0, 1.0, 1.0)}
    assert line.met(found) and line.promise == "at most 1.2 of it"
    assert line.measured(found) == "**1.10**: 1.10 s (1.00 s to 1.30 s), against 1.00 s (900 ms to 2.00 s, 5 runs)"
    assert line.met({**found, "ours": of(1.21)}) is False
    assert line.met({"ours": of(1.0)}) is None and line.measured({}) == ""


def test_a_difference() -> None:
    line = Line("x", "y", "more", 0.09, "ours", "theirs")
    assert line.promise == "+ 90 ms at most" and line.met({"ours": of(0.11), "theirs": of(0.02)})
    assert line.measured({"ours": of(0.2), "theirs": of(0.02)}).startswith("**+ 180 ms**")
    assert line.measured({"ours": of(0.02), "theirs": of(0.05)}).startswith("**- 30 ms**")
    assert not line.met({"ours": of(0.2), "theirs": of(0.02)})


def test_a_figure_by_itself() -> None:
    line = Line("x", "", "value", 300, "size", unit="KiB")
    assert line.met({"size": of(300)}) and not line.met({"size": of(301)})
    assert line.measured({"size": of(221.4)}) == "**221 KiB**"
    assert [shown(3, ""), shown(3.5, "MB"), shown(0.19, "ms"), shown(47.71, "s")] == [
        "3",
        "3.50 MB",
        "0.19 ms",
        "47.7 s",
    ]


def test_what_was_not_measured_is_said() -> None:
    text = page.page({})
    assert text.count(page.NOT_MEASURED) >= len([line for line in LINES if line.ours])
    assert text.count("| yes |") == len([line for line in LINES if line.test]) and "**no**" not in text


def test_what_is_measured_anew_takes_the_place_of_what_was(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write({"a": Sample((1.0,), "2026-01-01", "m", 7), "b": of(1, 2)}, file)
    keep({"b": [3.14159265]}, "another", file)
    found = load(file)
    assert found["a"] == Sample((1.0,), "2026-01-01", "m", 7) and (found["a"].count, found["a"].spread) == (7, None)
    assert (found["b"].runs, found["b"].machine) == ((3.142,), "another")


def test_a_curve_needs_two_points() -> None:
    plot = Plot("x.svg", "x", "things", (1, 10), (("a", "a {}"), ("b", "b {}")))
    found = {"a 1": of(1, 2, 4), "a 10": of(20), "b 1": of(1)}
    assert plot.points(found) == [("a", [(1, 2, 1, 4), (10, 20, 20, 20)])]
    assert plot.digest(found) != plot.digest({**found, "a 10": of(21)})

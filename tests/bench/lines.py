"""What docs/performance.md promises: each line with what it is measured against and how far it may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.bench.measure import RUNS
from tests.bench.results import Results, Sample

COUNTS = ("", "KiB")
"""Units of what is no time and no memory."""
Way = Literal["ratio", "more", "value"]


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    what: str
    """The command, or what of it."""
    against: str
    """What it is measured against, "" for nothing."""
    way: Way = "value"
    """ratio: times `other`; more: in addition to `other`; value: by itself."""
    limit: float = 0.0
    """The most that is promised."""
    ours: str = ""
    """The sample; "" where a test counts."""
    other: str = ""
    """The sample that it is measured against."""
    unit: str = "s"
    """Of the samples."""
    reach: str = ""
    """In words where `limit` does not say it."""
    test: str = ""
    """FILE::TEST that counts it."""

    @property
    def promise(self) -> str:
        """How far it may go, in words."""
        if self.reach:
            return self.reach
        if self.way == "ratio":
            return f"at most {self.limit:g} of it"
        return f"{'+ ' if self.way == 'more' else ''}{shown(self.limit, self.unit)} at most"

    def figure(self, results: Results) -> float | None:
        """What is promised about, of medians; None where something was not measured."""
        if self.ours not in results or (self.other and self.other not in results):
            return None
        ours = results[self.ours]
        other = results[self.other].median if self.other else 0.0
        return ours.median / other if self.way == "ratio" else ours.median - other

    def met(self, results: Results) -> bool | None:
        """Whether the promise is kept; None where that was not measured."""
        figure = self.figure(results)
        if figure is None:
            return None
        return figure <= self.limit

    def measured(self, results: Results) -> str:
        """The figure, and what it comes from, with least and most."""
        figure = self.figure(results)
        if figure is None:
            return ""
        ours = results[self.ours]
        if not self.other:
            return f"**{shown(ours.median, self.unit)}**{_spread(ours, self.unit)}"
        first = f"{figure:.2f}" if self.way == "ratio" else f"{figure:+.0f} ms".replace("+", "+ ")
        if self.way == "more":
            first = f"{'+' if figure >= 0 else '-'} {shown(abs(figure), self.unit)}"
        sides = [f"{shown(one.median, self.unit)}{_spread(one, self.unit)}" for one in (ours, results[self.other])]
        return f"**{first}**: {sides[0]}, against {sides[1]}"


def shown(figure: float, unit: str) -> str:
    """A figure for people."""
    if unit == "s" and figure < 1:
        return f"{figure * 1000:.0f} ms"
    if unit == "s":
        return f"{figure:.2f} s" if figure < 10 else f"{figure:.1f} s"
    return f"{figure:.{2 if figure < 10 and figure != int(figure) else 0}f}{f' {unit}' if unit else ''}"


def _spread(sample: Sample, unit: str) -> str:
    """Least and most; of fewer runs than are promised, how many, counts apart, which are the same in each."""
    low, high = sample.spread or (0.0, 0.0)
    words = [f"{shown(low, unit)} to {shown(high, unit)}"] if low != high else []
    if sample.count < RUNS and unit not in COUNTS:
        words.append("one run" if sample.count == 1 else f"{sample.count} runs")
    return f" ({', '.join(words)})" if words else ""


_BARE = "`python3 -c pass`"
_JOB = "a bare Job with `echo`, from its creation until its log is read"
_START = "the start of its container"
LINES: Sequence[Line] = (
    *(
        Line(f"`kubectl imagepull {words}`", _BARE, "more", 0.09, f"start: {name}", "start: python3 -c pass")
        for name, words in (("--help", "--help"), ("version", "version"), ("explain", "explain CAUSE"))
    ),
    Line("`why POD --no-probe`", "by hand, API alone", "ratio", 1.2, "why: --no-probe", "why: by hand, API alone"),
    Line("`why POD`, every hop in order", "by hand, with a look from the node", "ratio", 1.2, "why: end", "why: by hand"),
    Line("the same", _JOB, "more", 0.9, "why: end", "why: a bare Job"),
    Line("CPU of the client in it", "", "value", 0.5, "why: CPU"),
    Line("its first hop from the node on the screen", _JOB, "more", 0.7, "why: first hop", "why: a bare Job"),
    Line(
        "its verdict on the screen", "the removal of its pod", reach="not after it",
        test="tests/unit/session/test_cost.py::test_the_verdict_does_not_wait_for_the_removal",
    ),
    Line(
        "`scan -A`, 10,000 pods", "`kubectl get pods -A`", "ratio", 0.6,
        "scan: scan, 10000 pods", "scan: kubectl get pods, 10000 pods",
    ),
    Line(
        "`scan -A`, 50,000 pods", "`kubectl get pods -A`", "ratio", 0.5,
        "scan: scan, 50000 pods", "scan: kubectl get pods, 50000 pods",
    ),
    Line("`scan -A`, 10,000 pods", "`popeye -A -s pod`", "ratio", 0.5, "scan: scan, 10000 pods", "scan: popeye, 10000 pods"),
    Line("`scan -A`, 50,000 pods", "`popeye -A -s pod`", "ratio", 0.5, "scan: scan, 50000 pods", "scan: popeye, 50000 pods"),
    Line("its peak of memory, 50,000 pods", "", "value", 150, "scan: MB of scan, 50000 pods", unit="MB"),
    Line(
        "`scan -A`, 50,000 pods", "10,000 pods", "ratio", 5, "scan: scan, 50000 pods", "scan: scan, 10000 pods",
        reach="at most five times: linear",
    ),
    Line(
        "probe pods of `why -A`, 400 failing pods, 20 nodes, 8 causes", "100 of them", "ratio", 1,
        "why -A: probe pods, 400 pods", "why -A: probe pods, 100 pods", unit="", reach="not more",
    ),
    Line(
        "API requests of it, 400 failing pods", "100 of them", "ratio", 1.05,
        "why -A: requests, 400 pods", "why -A: requests, 100 pods", unit="", reach="not more",
    ),
    Line(
        "`probe-node` on two nodes", "on one", "ratio", 1.2,
        "probe-node: 2 of the lab", "probe-node: 1 of the lab",
    ),
    Line(
        "`probe-node --all`, 1,000 simulated nodes", "the nodes' own time, 50 at a time", "ratio", 1.2,
        "probe-node: 1000 nodes", "probe-node: the nodes' own time, 1000 nodes",
    ),
    Line("CPU of the client in it", "", "value", 20, "probe-node: CPU, 1000 nodes"),
    Line("its peak of memory", "", "value", 200, "probe-node: MB, 1000 nodes", unit="MB"),
    Line(
        "`check` of 500 images of one registry", "`crane digest`, one after the other", "ratio", 0.2,
        "check: check, 500 images", "check: crane, 500 images",
    ),
    Line("the same", "`crane digest`, `xargs -P8`", "ratio", 0.8, "check: check, 500 images", "check: crane -P8, 500 images"),
    Line("`pin --write` of 1,000 files", "", "value", 3, "pin: 1000 files"),
    Line(
        "the same", "100 files", "ratio", 10, "pin: 1000 files", "pin: 100 files", reach="at most ten times: linear",
    ),
    Line("what a message means (`classify`)", "", "value", 0.2, "classify: ms a message", unit="ms"),
    Line("the bundle of the probes, compressed", "", "value", 300, "probes: KiB", unit="KiB"),
    Line("its first line", _START, "value", 0.3, "probes: first frame"),
    Line("the last hop of a path in order", _START, "value", 0.6, "probes: last hop"),
    Line(
        "API requests of one `why` of a bare pod, without the log that is followed", "", reach="14 at most",
        test="tests/unit/session/test_cost.py::test_of_one_pod",
    ),
    Line(
        "bytes pulled from a registry by one `why`", "", reach="300 KiB at most",
        test="tests/probes/test_bytes.py::test_bytes_of_both_vantages",
    ),
    Line(
        "pulls that a registry counts, as Docker Hub does, by one `why`", "", reach="none",
        test="tests/probes/test_content.py::test_counted_pulls_are_not_spent",
    ),
)  # fmt: skip

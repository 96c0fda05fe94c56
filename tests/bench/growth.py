"""How cost grows: what the plots of docs/performance.md show. The plots are drawn by tests/bench/plots.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.results import Results

DOCS = Path(__file__).resolve().parents[2] / "docs"


@dataclass(frozen=True)
class Plot:
    """Seconds over a number of things."""

    file: str
    """In docs/."""
    title: str
    """Above it."""
    of: str
    """What there are ever more of."""
    sizes: Sequence[int]
    """How many."""
    curves: Sequence[tuple[str, str]]
    """(what it is, the name of its sample with {} for a size), ours first."""

    def points(self, results: Results) -> list[tuple[str, list[tuple[int, float, float, float]]]]:
        """(what it is, (size, median, least, most) of each size that was measured) of each curve that has two of them."""
        found = []
        for what, name in self.curves:
            samples = [(size, results[name.format(size)]) for size in self.sizes if name.format(size) in results]
            if len(samples) > 1:
                found.append((what, [(size, one.median, *(one.spread or (one.median,) * 2)) for size, one in samples]))
        return found

    def digest(self, results: Results) -> str:
        """Stands in the picture, and tells whether it shows these results."""
        return "sha256:" + hashlib.sha256(json.dumps(self.points(results)).encode()).hexdigest()


PLOTS: Sequence[Plot] = (
    Plot(
        "growth-pods.svg",
        "scan -A",
        "pods in the cluster",
        (1_000, 10_000, 50_000),
        (
            ("scan -A", "scan: scan, {} pods"),
            ("kubectl get pods -A", "scan: kubectl get pods, {} pods"),
            ("popeye -A -s pod", "scan: popeye, {} pods"),
        ),
    ),
    Plot(
        "growth-nodes.svg",
        "probe-node --all",
        "simulated nodes",
        (10, 100, 1000),
        (
            ("probe-node --all", "probe-node: {} nodes"),
            ("the nodes' own time", "probe-node: the nodes' own time, {} nodes"),
            ("CPU of the client", "probe-node: CPU, {} nodes"),
        ),
    ),
    Plot(
        "growth-images.svg",
        "check",
        "distinct images in one registry",
        (10, 100, 500),
        (
            ("check", "check: check, {} images"),
            ("crane digest, one after the other", "check: crane, {} images"),
            ("crane digest, xargs -P8", "check: crane -P8, {} images"),
        ),
    ),
)

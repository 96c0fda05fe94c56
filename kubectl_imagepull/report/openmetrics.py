"""Gauges in the OpenMetrics text format 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..text import printable


@dataclass(frozen=True)
class Gauge:
    """One family of gauges."""

    name: str
    """As Prometheus has it; one that ends in _seconds is in seconds."""
    help: str
    """What it counts, one sentence."""
    samples: Sequence[tuple[Mapping[str, str], float]]
    """Labels, whose values may be foreign text, and the value: whole numbers, and times since the epoch."""


def text(*gauges: Gauge) -> str:
    """The whole exposition, with its end."""
    lines = []
    for gauge in gauges:
        unit = [f"# UNIT {gauge.name} seconds"] if gauge.name.endswith("_seconds") else []
        lines += [f"# TYPE {gauge.name} gauge", *unit, f"# HELP {gauge.name} {gauge.help}"]
        lines += [f"{gauge.name}{_labels(labels)} {value:.0f}" for labels, value in gauge.samples]
    return "".join(f"{line}\n" for line in [*lines, "# EOF"])


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    """A label's value ("Escaping" of the format)."""
    return printable(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


__all__ = ["Gauge", "text"]

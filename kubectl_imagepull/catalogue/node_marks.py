"""What nodes have in common that breaks together, and how it is spoken of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from . import read_yaml


@dataclass(frozen=True)
class Mark:
    """A label, or a field of `status.nodeInfo`, that is known."""

    word: str
    """zone, pool, kubelet: several keys may have one."""
    says: str
    """What stands before a value: "in zone"."""
    rank: int
    """Its place among the others: the lowest is named first."""


@dataclass(frozen=True)
class Marks:
    """All of them."""

    by_key: Mapping[str, Mark]
    """By label, or by field of nodeInfo."""
    names: frozenset[str]
    """Labels that name one node."""


@cache
def load() -> Marks:
    """Those of node_marks.yaml."""
    value = read_yaml(
        resources.files(__package__).joinpath("node_marks.yaml").read_text(encoding="utf-8"), "node_marks.yaml"
    )
    keys = [(key, one) for one in value["marks"] for key in one["keys"]]
    marks = {key: Mark(one["word"], one["says"], rank) for rank, (key, one) in enumerate(keys)}
    return Marks(marks, frozenset(value["names"]))

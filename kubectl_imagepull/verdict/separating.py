"""Which label sets broken nodes apart from healthy ones: where to look for what they share.

A cluster has dozens of labels, and among few nodes some of them always fit: that is said. The measure is the chance that as many
of the broken nodes would have the values if they were drawn at random (hypergeometric: Fisher's exact test, one-sided), times the
number of labels, and of sets of as many values of this one, that could have been named in its place (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..catalogue import node_marks

MOST_VALUES = 3
"""Values of one label that are named together: of more, nobody sees what they share."""
BY_CHANCE = 0.05
"""From this chance on, what fits may fit by chance."""

Marks = Mapping[str, str]
"""Of one node: its labels, and what it says of its system by the name of the field."""


@dataclass(frozen=True)
class Apart:
    """A label that sets broken nodes apart."""

    key: str
    """The label, or the field of `status.nodeInfo`."""
    values: tuple[str | None, ...]
    """Those that the broken nodes have; None stands for a node without the label. Where `but` is set, those that they lack."""
    but: bool
    """The broken nodes are those with any other value."""
    with_it: int
    """How many of the broken nodes it fits."""
    broken: int
    """How many broken nodes there are."""
    healthy_with_it: int
    """How many of the healthy ones it fits."""
    healthy: int
    """How many healthy nodes there are."""
    chance: float
    """That so many would fit by chance, 0 to 1."""
    also: tuple[str, ...] = ()
    """Other labels that set exactly the same nodes apart."""

    @property
    def exact(self) -> bool:
        """Whether it fits every broken node and no healthy one."""
        return self.with_it == self.broken and not self.healthy_with_it

    @property
    def may_be_chance(self) -> bool:
        return self.chance >= BY_CHANCE


def separating(broken: Sequence[Marks], healthy: Sequence[Marks]) -> Apart | None:
    """The label that sets the broken nodes apart best, with others that do the same in `also`.

    None where none does: none fits better than chance, and none of those that are known (zone, pool, version) fits exactly.
    """
    if not broken or not healthy:
        return None
    known = node_marks.load()
    keys = {key for marks in (*broken, *healthy) for key in marks} - known.names
    tried = [one for key in sorted(keys) for one in _of_key(key, broken, healthy)]
    labels = len({apart.key for apart, _, _ in tried})
    found = []
    for apart, sets, nodes in tried:
        chance = min(1.0, math.exp(_log_chance(apart)) * labels * sets)
        if chance < BY_CHANCE or (apart.exact and apart.key in known.by_key):
            found.append((chance, apart, nodes))

    def order(one: tuple[float, Apart, frozenset[int]]) -> tuple[object, ...]:
        apart = one[1]
        mark = known.by_key.get(apart.key)
        return (
            round(math.log(one[0] or 5e-324), 6),
            len(apart.values),
            mark is None,
            mark.rank if mark else 0,
            apart.key,
        )

    found.sort(key=order)
    if not found:
        return None
    chance, best, nodes = found[0]
    words = {_word(best.key)}
    also = []
    for _, other, same in found[1:]:
        if same == nodes and _word(other.key) not in words:
            words.add(_word(other.key))
            also.append(other.key)
    return Apart(
        best.key,
        best.values,
        best.but,
        best.with_it,
        best.broken,
        best.healthy_with_it,
        best.healthy,
        chance,
        tuple(also),
    )


def _word(key: str) -> str:
    mark = node_marks.load().by_key.get(key)
    return mark.word if mark else key


def _of_key(key: str, broken: Sequence[Marks], healthy: Sequence[Marks]) -> Iterator[tuple[Apart, int, frozenset[int]]]:
    """(what is set apart, how many sets of values could have been named, the nodes that it fits), likeliest sets of a label."""
    of_broken = Counter(marks.get(key) for marks in broken)
    of_healthy = Counter(marks.get(key) for marks in healthy)
    values = set(of_broken) | set(of_healthy)
    alone = sum(1 for value in values if value is not None and of_broken[value] + of_healthy[value] == 1)
    if len(values) < 2 or (alone > 2 and 2 * alone > len(broken) + len(healthy)):
        return  # the same everywhere, or a name of the node
    ordered = sorted(values, key=lambda v: (-of_broken[v] / (of_broken[v] + of_healthy[v]), -of_broken[v], v or ""))
    sizes = {*range(1, min(MOST_VALUES, len(values) - 1) + 1), len(values) - 1}
    for size in sorted(sizes):
        chosen = ordered[:size]
        but = size > 1 and size == len(values) - 1
        if any(not of_broken[value] for value in chosen):
            continue
        nodes = frozenset(n for n, marks in enumerate((*broken, *healthy)) if marks.get(key) in chosen)
        yield (
            Apart(
                key,
                tuple(ordered[size:] if but else chosen),
                but,
                sum(of_broken[value] for value in chosen),
                len(broken),
                sum(of_healthy[value] for value in chosen),
                len(healthy),
                1.0,
            ),
            math.comb(len(values), size) * len(sizes),
            nodes,
        )


def _log_chance(apart: Apart) -> float:
    """Natural logarithm of the chance that `with_it` or more of the broken nodes are among those that the label fits."""
    total, fitting = apart.broken + apart.healthy, apart.with_it + apart.healthy_with_it
    ways = _log_comb(total, apart.broken)
    terms = [
        _log_comb(fitting, k) + _log_comb(total - fitting, apart.broken - k) - ways
        for k in range(apart.with_it, min(fitting, apart.broken) + 1)
        if apart.broken - k <= total - fitting
    ]
    top = max(terms)
    return top + math.log(sum(math.exp(term - top) for term in terms))


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from ..model import Detail, Finding
from .view import CaseView

Look = Callable[[CaseView], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """A question to a case whose answers are findings. It opens nothing, knows no clock, and leaves how sure to `confidence`."""

    name: str
    """The function's name: it says the cause."""
    causes: tuple[str, ...]
    """The cause ids that it may yield; tests refuse any other."""
    needs: tuple[type[Detail], ...]
    """The kinds of observation of which it needs at least one; () for a rule about what the API knows."""
    look: Look
    """The question."""

    def lacks(self, kinds: Set[type[Detail]]) -> tuple[str, ...]:
        """The hops of which it needs one and none was seen; () where it has what it goes by. kinds: those that were seen."""
        if not self.needs or not kinds.isdisjoint(self.needs):
            return ()
        return tuple(dict.fromkeys(kind.HOP for kind in self.needs))

    def findings(self, case: CaseView) -> list[Finding]:
        """What it finds."""
        return list(self.look(case))


def rule(*causes: str, needs: tuple[type[Detail], ...] = ()) -> Callable[[Look], Rule]:
    """Make a rule of a function."""

    def made(look: Look) -> Rule:
        return Rule(look.__name__, tuple(dict.fromkeys(causes)), needs, look)

    return made

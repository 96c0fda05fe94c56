"""What is said of a case: findings, hop lines, fixes, and the one verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .observation import Subject
from .vocabulary import Applicability, Confidence, Level, RunsOn, Status


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    cause: str
    """A cause id of the catalogue."""
    subject: Subject
    """Where it is wrong."""
    confidence: Confidence
    """How sure that is."""
    hop: str
    """At which hop it breaks the pull."""
    reason: str
    """The evidence in a sentence."""
    because: tuple[int, ...] = ()
    """Indexes into Case.observations."""
    level: Level = "error"
    """warning: it breaks nothing now; note: how the pull stands."""
    also: tuple[str, ...] = ()
    """Causes that the same evidence allows."""


@dataclass(frozen=True)
class Fix:
    """One way to put it right."""

    title: str
    """What it does, for a person."""
    commands: tuple[str, ...]
    """Ready to run, with real names in them."""
    applicability: Applicability
    """safe: nothing is lost by it; review: look before; manual: parts of it are for a person to fill in."""
    actor: str
    """Who can do it: one of catalogue.ACTORS."""
    note: str = ""
    """What to know before."""
    runs_on: tuple[RunsOn, ...] = ()
    """Where each command runs, in their order; () where all of them run where kubectl does."""


@dataclass(frozen=True)
class HopLine:
    """One line of the path as it is shown."""

    hop: str
    """One of HOPS."""
    subject: Subject
    """The host or object that it is about."""
    status: Status
    """How the hop fares."""
    vantage: str
    """The place in a word: node-3, workstation, api."""
    summary: str
    """What was seen, for a person."""
    evidence: tuple[str, ...] = ()
    """Details that let a reader check it, a line each."""


@dataclass(frozen=True)
class RuledOut:
    """What was seen working."""

    causes: tuple[str, ...]
    """What that rules out; a star stands for any word."""
    why: str
    """What works, for a person."""
    host: str = ""
    """Where, "" for the verdict's own host."""


@dataclass(frozen=True)
class Skipped:
    """What was not looked for."""

    causes: tuple[str, ...]
    """The causes that no rule could look for, but those that the verdict names by the runtime's words."""
    hops: tuple[str, ...]
    """The hops of which a probe would have had to see one."""

    @property
    def why(self) -> str:
        """Why not, for a person."""
        return f"no vantage saw {' or '.join(self.hops)}"


@dataclass(frozen=True)
class Verdict:
    """What is wrong, how sure that is, who must act."""

    cause: str
    """A cause id; "none": nothing; "unknown.insufficient": cannot tell."""
    confidence: Confidence
    """How sure."""
    subject: Subject
    """Where."""
    title: str
    """The cause in a sentence, with names."""
    actor: str
    """One of catalogue.ACTORS."""
    hop: str = ""
    """Where on the path, "" for nowhere."""
    explanation: tuple[str, ...] = ()
    """The evidence, a sentence each."""
    findings: tuple[Finding, ...] = ()
    """All that is wrong, what decides first."""
    hops: tuple[HopLine, ...] = ()
    """The path."""
    fixes: tuple[Fix, ...] = ()
    """What to do, best first."""
    ruled_out: tuple[RuledOut, ...] = ()
    """What works."""
    alternatives: tuple[str, ...] = ()
    """Cause ids that are not told apart from the verdict's."""
    passed: bool = False
    """The pull failed so, and would work now."""
    skipped: tuple[Skipped, ...] = ()
    """What was not looked for, since no vantage saw what it takes."""

    @property
    def exit_code(self) -> int:
        """0 no pull problem, 1 cause named, 3 a pull problem whose cause is not determined."""
        if self.cause in NO_PROBLEM:
            return 0
        return 3 if self.cause in UNDETERMINED or self.confidence == "unknown" else 1


NO_PROBLEM = frozenset({"none", "not_a_pull_failure", "pull.in_progress", "pull.queued"})
UNDETERMINED = frozenset({"unknown.insufficient", "backoff.only"})


def worst_exit(codes: Iterable[int]) -> int:
    """The exit code of several targets: the first that applies of 130, 2, 3, 1, 0."""
    found = set(codes)
    return next((code for code in (130, 2, 3, 1) if code in found), 0)

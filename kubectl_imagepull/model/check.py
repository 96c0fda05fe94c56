"""What a check of many images finds: which would not pull, and what else is wrong with how they are named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Worst first."""


@dataclass(frozen=True)
class Use:
    """One place where an image is named."""

    where: str
    """FILE:LINE, or NAMESPACE/KIND/NAME of what runs; "" for a reference that was given as it is."""
    container: str = ""
    """The container's name, or that of the image volume; of values and kustomizations the repository."""
    role: str = ""
    """One of vocabulary.CONTAINER_ROLES; "" outside of pods."""
    file: str = ""
    """The file alone, "" where there is none."""
    line: int = 0
    """Its line, from 1; 0 where there is none."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    id: str
    """A cause of the catalogue, or check.… for what is no cause of a failed pull; stays after a release."""
    severity: Severity
    """error: it does not pull; warning: it will not, or not what is meant; note: worth knowing."""
    text: str
    """What is wrong, one line."""
    advice: str = ""
    """What to do, one line; "" where nothing is known."""


@dataclass(frozen=True)
class Checked:
    """One image with one set of credentials."""

    image: str
    """As it is written."""
    uses: tuple[Use, ...]
    """Everywhere that it is named so."""
    login: str = ""
    """Whose login was used, in words; "" for none."""
    digest: str = ""
    """What its tag is now, "" where that is not known."""
    problems: tuple[Problem, ...] = ()
    """What is wrong, worst first."""
    unchecked: str = ""
    """Why the registry could not be asked about it, "" where it was."""

    @property
    def worst(self) -> Severity | None:
        """Of its problems, None without any."""
        return next((s for s in SEVERITIES if any(p.severity == s for p in self.problems)), None)


@dataclass(frozen=True)
class CheckReport:
    """All of it."""

    images: tuple[Checked, ...]
    """In the order in which they were found."""
    read_at: float
    """Seconds since the epoch."""
    troubles: tuple[str, ...] = ()
    """What of the input could not be read, a line each."""
    notes: tuple[Problem, ...] = ()
    """What is about all images together."""
    fail_on: str = "error"
    """The least severity that fails the check, or never."""
    unseen: tuple[str, ...] = field(default=())
    """What of the cluster could not be looked at, a phrase each."""

    def count(self, severity: Severity) -> int:
        """How many images have a problem of this severity as their worst."""
        return sum(1 for one in self.images if one.worst == severity)

    @property
    def exit_code(self) -> int:
        """2 where input could not be read, 3 where something was not checked, 1 for a problem that fails it, else 0."""
        if self.troubles:
            return 2
        if any(one.unchecked for one in self.images) or self.unseen:
            return 3
        failing = SEVERITIES[: SEVERITIES.index(self.fail_on) + 1] if self.fail_on in SEVERITIES else ()
        return 1 if any(one.worst in failing for one in self.images if one.worst) else 0

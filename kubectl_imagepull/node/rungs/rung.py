"""What a way out of the node is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..attempt import Attempt
from ..probe_log import Taken

YES, NO = "yes", "no"
ANONYMOUSLY = "anonymously"


class Rung(Protocol):
    """One way out of the node, and all that is said of it."""

    @property
    def name(self) -> str:
        """One of `vocabulary.RUNGS`."""

    @property
    def sees(self) -> Mapping[str, str]:
        """What it sees of a hop: yes, no, or what limits it; a hop that is not named is not seen. docs/limits.md shows it."""

    @property
    def cannot_see(self) -> tuple[str, ...]:
        """What a report says that it cannot see, one line each."""

    def attempt(self, way: Attempt) -> Taken:
        """Take this way: make its pods, tell `way.seen` each observation. Raises RungFailed where it does not work here,
        KubeError."""

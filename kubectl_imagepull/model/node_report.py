"""What registries look like from a node, and from many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .case import Case, NodeFacts
from .observation import Observation, TrialPull
from .verdict import HopLine, Verdict, worst_exit

ANSWERED = ("registry", "auth", "rate")
"""Hops that are seen only where a registry has answered."""


@dataclass(frozen=True)
class RegistrySeen:
    """One registry as the node sees it."""

    host: str
    """host, or host:port where the port is not 443."""
    lines: tuple[HopLine, ...]
    """What the node saw of it and of its token host, in the order of the path; empty: it could not be asked."""
    outcomes: tuple[str, ...] = ()
    """The word of the vocabulary for each of the lines."""

    @property
    def walked(self) -> bool:
        """Whether its path was walked until it answered or broke: probes may run out of time, or be interrupted."""
        return any(line.status == "fail" or line.hop in ANSWERED for line in self.lines)


@dataclass(frozen=True)
class Pulled:
    """How the node's pull of an image ended."""

    seen: Observation[TrialPull]
    """How it ended: pulled, failed or unfinished."""
    verdict: Verdict | None = None
    """Why it failed, None where it did not."""


@dataclass(frozen=True)
class NodeReport:
    """What `probe_node` finds."""

    case: Case
    """Of the node, without an image: its probe and what could not be looked at."""
    node: NodeFacts
    """What the API server knows of the node."""
    registries: tuple[RegistrySeen, ...]
    """One a registry that was asked."""
    pulled: Pulled | None
    """How the image was pulled, None where none was."""
    exit_code: int
    """0 every registry answers and the image was pulled, 1 something is broken, 3 it could not be seen from the node, 2 there is
    no such node."""


@dataclass(frozen=True)
class FleetReport:
    """What `probe_nodes` finds."""

    reports: tuple[NodeReport, ...] = ()
    """One a node, in the order in which they were named, else in that of the API server. Where nothing was seen of a node, the
    errors of its Case and its probe's `why_not` say why."""
    marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By node, what may set it apart: its labels, and what it says of its system by the name of the field."""
    interrupted: bool = False
    """Somebody did not want to wait for the rest."""
    read_at: float = 0.0
    """When the nodes were read, in seconds since the epoch."""
    left: str = ""
    """That something of an interrupted run may be left in the cluster, and why; "" for nothing."""

    @property
    def exit_code(self) -> int:
        """130 interrupted, else the first that applies to a node: 2 there is none, 3 not seen, 1 something is broken, 0."""
        return 130 if self.interrupted else worst_exit(one.exit_code for one in self.reports)

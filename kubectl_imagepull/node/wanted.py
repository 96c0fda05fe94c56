"""What the user says about the way out of a node; light, for every command line reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..model.vocabulary import TRIAL_PULL

if TYPE_CHECKING:
    from ..model import Pull
    from .shared import Shared

Labels = tuple[tuple[str, str], ...]
"""Labels of an object, as pairs."""
Challenges: TypeAlias = "Callable[[Pull], Sequence[str] | None]"
"""The WWW-Authenticate lines of a registry as another vantage has seen them, None while it has seen nothing."""


@dataclass(frozen=True)
class Wanted:
    """What the user says about the way out."""

    via: str = ""
    """This rung and no other, "" for the best that works."""
    image: str = ""
    """For the probes; pulled if it is not on the node."""
    namespace: str = ""
    """Where the pod is made, "" for the failing pod's own."""
    secret: str = ""
    """The pull secret for `image`."""
    host_network: bool = True
    kept: bool = False
    """The pod of the rung that worked stays."""
    try_pull: bool = False
    """Pull the image again as well."""
    challenges: Challenges = lambda _: None
    """What another vantage knows of the registries."""
    harmless: tuple[str, ...] = ()
    """Images that the operator vouches for, by whole names: where one is on the node, a probe with the node's own tools may run
    over it."""
    shared: Shared | None = None
    """What this run shares with those on other nodes, None for a run by itself."""
    labels: Labels = ()
    """Labels that our objects get besides their own, for namespaces that admit none without."""

    @property
    def tries_pull(self) -> bool:
        return self.try_pull or self.via == TRIAL_PULL


__all__ = ["Challenges", "Labels", "Wanted"]

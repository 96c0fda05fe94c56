"""What the caller of a session chooses: frozen values, the same for the command line and for Python."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..kube.config import Flags
from ..node.wanted import Wanted

SECONDS = 30.0
"""The usual time for the probes."""


@dataclass(frozen=True)
class Options:
    """How a diagnosis is made."""

    probe: bool = True
    """Start a probe pod and probe from the workstation; False: judge by what the API server knows."""
    credentials: bool = True
    """Try the pod's credentials. That is done from the workstation only."""
    token_hosts: tuple[str, ...] = ()
    """Hosts to which a credential may go when its registry names them for tokens, beside the registry itself and known pairs."""
    seconds: float = SECONDS
    """Time for the probes, the start of their pod included."""
    way_out: Wanted = field(default_factory=Wanted)
    """How the node is reached: by which rung, from which image, in which namespace."""
    compare_node: str = ""
    """A second node that is asked the same: its name, "auto" for one that runs the image, "" for none."""


USUAL = Options()
"""What `why` does without a flag."""

__all__ = ["SECONDS", "USUAL", "Flags", "Options", "Wanted"]

"""The ways out of a node, a module each; their order is that in which they are tried."""

from __future__ import annotations

from .host_python import HostPython
from .image_python import ImagePython
from .kubelet import Kubelet
from .rung import Rung
from .shell import Shell
from .trial_pull import TrialPulling

ALL: tuple[Rung, ...] = (HostPython(), ImagePython(), Shell(), Kubelet())
"""Best first."""
TRIAL_PULL = TrialPulling()
"""On request only, and after the others."""

__all__ = ["ALL", "TRIAL_PULL", "Rung"]

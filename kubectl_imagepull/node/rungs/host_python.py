"""The probes with the host's own Python, over an image that is only their root: the way that sees most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...model.vocabulary import HOST_PYTHON
from ..attempt import Attempt
from ..probe_log import Taken
from .rung import ANONYMOUSLY, YES, Rung

PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class HostPython:
    """A rung (`rungs.rung.Rung`)."""

    name: str = HOST_PYTHON
    cannot_see: tuple[str, ...] = ("the environment of the runtime's process: its unit's files are read",)

    @property
    def sees(self) -> Mapping[str, str]:
        """By hop."""
        return {
            **dict.fromkeys(("dns", "connect", "tls", "registry", "rate"), YES),
            **dict.fromkeys(("auth", "manifest", "platform", "blobs"), ANONYMOUSLY),
            "storage": "little room beside /etc",
            "runtime": "the files of containerd, k3s, RKE2, CRI-O",
        }

    def attempt(self, way: Attempt) -> Taken:
        """Raises RungFailed, KubeError."""
        return replace(way.with_host_tools(self.name, PYTHON), cannot_see=self.cannot_see)


RUNG: Rung = HostPython()

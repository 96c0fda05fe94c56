"""The same questions in POSIX sh: with the host's tools where they can be borrowed, else with those of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...model.vocabulary import SHELL
from ..attempt import Attempt
from ..failures import NoPodThere, RungFailed
from ..probe_log import Taken
from .image_python import NOTHING_OF_THE_HOST
from .rung import ANONYMOUSLY, YES, Rung

SH = "/usr/bin/sh"
LIKELY = ("busybox", "alpine", "debian", "ubuntu", "curl", "nginx", "kube-proxy", "node", "calico", "flannel")
"""Words in names of images that mostly have a shell."""
TOOLS = "more than the tools that were found can tell"
WITH_TOOLS = "with curl or GNU wget"


@dataclass(frozen=True)
class Shell:
    """A rung (`rungs.rung.Rung`)."""

    name: str = SHELL
    cannot_see: tuple[str, ...] = (
        "the environment of the runtime's process, and mirrors of CRI-O and k3s",
        TOOLS,
    )
    in_an_image: tuple[str, ...] = (*NOTHING_OF_THE_HOST, TOOLS)
    """What it cannot see with an image's tools."""

    @property
    def sees(self) -> Mapping[str, str]:
        """By hop."""
        return {
            "dns": "with nslookup; else found or not",
            "connect": YES,
            "tls": "with curl, GNU wget or openssl",
            "registry": YES,
            "auth": f"{ANONYMOUSLY}, {WITH_TOOLS}",
            "rate": WITH_TOOLS,
            "manifest": f"open ones; others {WITH_TOOLS}",
            **dict.fromkeys(("platform", "blobs"), ANONYMOUSLY),
            "runtime": "containerd's plain files",
        }

    def attempt(self, way: Attempt) -> Taken:
        """Raises RungFailed, KubeError."""
        if not way.wanted.image:
            try:
                return replace(way.with_host_tools(self.name, SH), cannot_see=self.cannot_see)
            except NoPodThere:
                raise
            except RungFailed as error:
                way.failed(f"{self.name} of the host", error)
        return replace(way.in_image(self.name, LIKELY, "sh"), cannot_see=self.in_an_image)


RUNG: Rung = Shell()

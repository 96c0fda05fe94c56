"""What the probes are asked for: an image, and what is known of the node it is pulled to."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Tuple

HUB = "docker.io"
HUB_HOST = "registry-1.docker.io"
"""Where docker.io is really asked (containerd: core/remotes/docker DefaultHost; containers/image: docker/docker_client.go)."""
CONTAINERD, CRIO = "containerd", "cri-o"
"""Families of runtimes that read a challenge each in its own way."""


@dataclass(frozen=True)
class Login:
    """A credential in memory. It is sent to its registry and to that registry's token host, nowhere else."""

    username: str
    """As the secret has it."""
    password: str
    """Never shown: repr leaves it out."""
    secret: str
    """The pull secret's name."""
    registry_key: str
    """The key of its entry."""

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def __repr__(self) -> str:
        return f"Login(username={self.username!r}, secret={self.secret!r})"


@dataclass(frozen=True)
class Pull:
    """One image to ask for."""

    id: str
    """Short, unique in a run."""
    host: str
    """Where the registry is really asked."""
    port: int
    """Its port."""
    scheme: str
    """https | http."""
    repository: str
    """The path, without host."""
    asked: str
    """A tag or a digest."""
    short: str = ""
    """The name as it is written, where no registry stands in front; else ""."""
    logins: Tuple[Login, ...] = ()
    """Credentials in the kubelet's order, only ever set on the workstation."""
    named: str = ""
    """The registry as the reference spells it, "" where that is not known."""

    @property
    def by_digest(self) -> bool:
        return ":" in self.asked

    @property
    def domain(self) -> str:
        """The registry as runtimes look it up in their configuration: as the reference spells it, port 443 included."""
        if self.named:
            return self.named
        if self.host == HUB_HOST:
            return HUB
        return self.host if self.port == 443 else f"{self.host}:{self.port}"

    @property
    def reference(self) -> str:
        """domain/repository:tag or @digest."""
        return f"{self.domain}/{self.repository}{'@' if self.by_digest else ':'}{self.asked}"


@dataclass(frozen=True)
class Node:
    """What the node's status says of it."""

    runtime: str = ""
    """cri-o://1.34.1; "" where it is not known."""
    kubelet: str = ""
    """v1.34.2+k3s1; "" where it is not known."""

    @property
    def family(self) -> str:
        """containerd | k3s | rke2 | cri-o | docker | "" for unknown."""
        name = self.runtime.partition("://")[0]
        if name == "containerd":
            return next((f for f in ("k3s", "rke2") if f"+{f}" in self.kubelet), name)
        return name if name in ("cri-o", "docker") else ""

    @property
    def version(self) -> Tuple[int, int]:
        """Major and minor version of the runtime, (0, 0) where it is not known."""
        return self.release[:2]

    @property
    def release(self) -> Tuple[int, int, int]:
        """Major, minor and patch version of the runtime, (0, 0, 0) where it is not known."""
        found = re.search(r"://v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", self.runtime)
        return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)

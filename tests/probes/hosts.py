"""A host's files below a folder, and what the probes make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probes.host.endpoints import Found
from probes.host.runtime import Configuration
from probes.plan import Node, Pull

Write = Callable[[dict[str, str]], str]
CONTAINERD = Node("containerd://2.1.4", "v1.34.1")


@pytest.fixture
def host(tmp_path: Path) -> Write:
    """Writes files below a host's root and gives the root."""

    def write(files: dict[str, str]) -> str:
        for name, text in files.items():
            path = tmp_path / "host" / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(tmp_path / "host")

    return write


def looked(
    root: str,
    name: str = "reg.test",
    port: int = 443,
    node: Node = CONTAINERD,
    scheme: str = "https",
    repository: str = "team/app",
    asked: str = "1.0",
    short: str = "",
) -> Found:
    """What the node's configuration says of an image."""
    return Configuration(root, root, node).endpoints(Pull("p1", name, port, scheme, repository, asked, short))


def ends(found: Found) -> list[str]:
    """The endpoints as URLs of the image's repository."""
    return [f"{e.scheme}://{e.label}{e.prefix}/{e.repository or 'team/app'}" for e in found.endpoints]

"""What a node's runtime takes of the platforms that an image is made for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..image.platform import CONTAINERD, CRIO, Choice, choose
from ..image.platform import Platform as NodePlatform
from ..model import Case, PlatformEntry
from .names import runtime_of


def choice(case: Case, platforms: Sequence[PlatformEntry]) -> Choice | None:
    """What the node's runtime takes of an image's platforms; None where the node's is not known."""
    node = case.facts.node
    if node is None or not node.os or not node.arch:
        return None
    runtime = CRIO if runtime_of(case)[0] == "cri-o" else CONTAINERD
    own = NodePlatform.of_node({"operatingSystem": node.os, "architecture": node.arch})
    return choose({"manifests": [_descriptor(entry) for entry in platforms]}, own, runtime)


def _descriptor(entry: PlatformEntry) -> dict[str, Any]:
    """An entry as an index has it (OCI image-spec: image-index.md)."""
    fields = (
        ("os", entry.os),
        ("architecture", entry.architecture),
        ("variant", entry.variant),
        ("os.version", entry.os_version),
        ("os.features", list(entry.os_features)),
    )
    return {"platform": {name: value for name, value in fields if value} or None}


def mismatch(case: Case, platforms: Sequence[PlatformEntry]) -> bool:
    """True where the node's runtime takes none of an image's platforms."""
    chosen = choice(case, platforms)
    return chosen is not None and chosen.descriptor is None

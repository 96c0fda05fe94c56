"""Rules for the platform: what the image is made for against what the node is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from ..image.platform import CONTAINERD, CRIO, Choice, choose
from ..image.platform import Platform as NodePlatform
from ..model import Case, Confidence, Finding, Platform, PlatformEntry
from .evidence import found, rule, where

MOST_LISTED = 60
"""As many platforms as a probe reports (`probes.blobs.MOST_PLATFORMS`)."""


def choice(case: Case, platforms: Sequence[PlatformEntry]) -> Choice | None:
    """What the node's runtime takes of an image's platforms; None where the node's is not known."""
    node = case.facts.node
    if node is None or not node.os or not node.arch:
        return None
    runtime = CRIO if node.runtime.startswith("cri-o") else CONTAINERD
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


@rule("image.platform_mismatch", hop="platform")
def unfit(case: Case) -> Iterator[Finding]:
    """An index without an image for the node, or an image for another platform.

    A single image of another platform is pulled all the same (containerd: core/images/image.go checks entries of an index
    only) and dies when it starts, so that alone stops no pull.
    """
    for seen in (*case.seen(Platform, place="node"), *case.seen(Platform)):
        chosen = choice(case, seen.detail.platforms) if seen.means.status == "pass" else None
        if chosen is None or chosen.descriptor is not None:
            continue
        single = seen.detail.single
        cut = seen.detail.entries > MOST_LISTED
        finding = found(
            case,
            "image.platform_mismatch",
            seen.subject,
            "platform",
            f"{where(seen)}: {chosen.why}",
            [seen],
            at_most="possible" if cut else "confirmed",
        )
        yield dataclasses.replace(finding, level="warning") if single else finding
        return


@rule("image.format_unsupported", hop="platform")
def unusable(case: Case) -> Iterator[Finding]:
    """The registry serves something that no runtime takes for an image."""
    for seen in (*case.seen(Platform, place="node"), *case.seen(Platform)):
        if seen.outcome != "no-image" or "html" in seen.detail.media_type.lower():
            continue
        reason = f"{where(seen)}: {seen.summary}"
        # containerd before 2.0 and CRI-O still read schema 1 (containerd: RELEASES.md)
        old = seen.detail.kind == "schema1"
        at_most: Confidence = "likely" if old else "confirmed"
        yield found(case, "image.format_unsupported", seen.subject, "platform", reason, [seen], (), at_most)
        return

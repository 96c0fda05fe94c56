"""Rules for the platform: what the image is made for against what the node is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ..image.platform import CONTAINERD, CRIO, Choice, Platform, choose
from ..model import Case, Confidence, Finding, Observation
from .evidence import found, rule, where

MOST_LISTED = 60
"""As many platforms as a probe reports (`probes.blobs.MOST_PLATFORMS`)."""


def choice(case: Case, seen: Observation) -> Choice | None:
    """What the node's runtime takes from the platforms that were seen; None where node or platforms are not known."""
    node = case.facts.node
    listed = seen.data.get("platforms")
    if seen.hop != "platform" or node is None or not node.os or not node.arch or not isinstance(listed, list):
        return None
    runtime = CRIO if node.runtime.startswith("cri-o") else CONTAINERD
    own = Platform.of_node({"operatingSystem": node.os, "architecture": node.arch})
    return choose({"manifests": listed}, own, runtime)


def mismatch(case: Case, seen: Observation) -> bool:
    """True where the node's runtime takes nothing of what was seen."""
    chosen = choice(case, seen)
    return chosen is not None and chosen.descriptor is None


@rule("image.platform_mismatch", hop="platform")
def unfit(case: Case) -> Iterator[Finding]:
    """An index without an image for the node, or an image for another platform.

    A single image of another platform is pulled all the same (containerd: core/images/image.go checks entries of an index
    only) and dies when it starts, so that alone stops no pull.
    """
    for seen in (*case.seen("platform", place="node"), *case.seen("platform")):
        chosen = choice(case, seen)
        if chosen is None or chosen.descriptor is not None:
            continue
        single = seen.data.get("single") is True
        cut = (seen.data.get("entries") or 0) > MOST_LISTED
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
    for seen in (*case.seen("platform", place="node"), *case.seen("platform")):
        if seen.outcome != "no-image" or "html" in str(seen.data.get("media_type", "")).lower():
            continue
        reason = f"{where(seen)}: {seen.summary}"
        # containerd before 2.0 and CRI-O still read schema 1 (containerd: RELEASES.md)
        old = seen.data.get("kind") == "schema1"
        at_most: Confidence = "likely" if old else "confirmed"
        yield found(case, "image.format_unsupported", seen.subject, "platform", reason, [seen], (), at_most)
        return

"""The platform: what the image is made for against what the node is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ...model import Confidence, Finding, Platform
from ..confidence import found
from ..evidence import where
from ..platform_choice import choice
from ..rule import rule
from ..view import CaseView

MOST_LISTED = 60
"""As many platforms as a probe reports (`probes.blobs.MOST_PLATFORMS`)."""


@rule("image.platform_mismatch", needs=(Platform,))
def image_for_other_platform(case: CaseView) -> Iterator[Finding]:
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


@rule("image.format_unsupported", needs=(Platform,))
def no_image_of_a_runtime(case: CaseView) -> Iterator[Finding]:
    """The registry serves something that no runtime takes for an image."""
    for seen in (*case.seen(Platform, place="node"), *case.seen(Platform)):
        if seen.outcome != "no-image" or seen.detail.is_page:
            continue
        reason = f"{where(seen)}: {seen.summary}"
        # containerd before 2.0 and CRI-O still read schema 1 (containerd: RELEASES.md)
        old = seen.detail.kind == "schema1"
        at_most: Confidence = "likely" if old else "confirmed"
        yield found(case, "image.format_unsupported", seen.subject, "platform", reason, [seen], (), at_most)
        return


RULES = (image_for_other_platform, no_image_of_a_runtime)

"""Another image in the place of one that cannot be had: which one was meant."""

from __future__ import annotations

import dataclasses

from ..catalogue.actions import SetImage
from ..image.spelling import near, only_written_otherwise, plain
from ..model import Case, Finding, Manifest


@dataclasses.dataclass(frozen=True)
class NewImage:
    """An image that exists or parses in the place of the pod's."""

    image: str
    """The whole reference."""
    same: bool
    """It surely is the one that was meant."""
    why: str
    """What it is, for a person."""

    @property
    def action(self) -> SetImage:
        """What puts it there: printed as a command, and made a patch of."""
        return SetImage((self.image,))


def better_image(case: Case, finding: Finding) -> NewImage | None:
    """Another image, where one is known that is surely or probably the one that was meant."""
    suggestion = case.facts.reference.suggestion
    if finding.cause == "reference.invalid" and suggestion:
        return NewImage(suggestion, only_written_otherwise(case.target.image, suggestion), f"use {suggestion}")
    if finding.cause != "image.tag_unknown":
        return None
    asked = case.pull.asked if case.pull else ""
    tags = existing_tags(case)
    same = [t for t in tags if plain(t) == plain(asked)]
    nearest = same or [t for t in tags if near(t, asked)]
    if not nearest:
        return None
    why = "the nearest to what was asked for"
    if len(same) == 1:
        why = "it differs only in spelling"
    elif same:
        why = f"{', '.join(same)} differ only in spelling: choose one"
    image = f"{case.facts.reference.repository}:{nearest[0]}"
    return NewImage(image, len(same) == 1, f"use tag {nearest[0]}, which exists ({why})")


def has_image_fix(case: Case, finding: Finding) -> bool:
    """Whether there is another image, or a list of tags to choose one from."""
    return better_image(case, finding) is not None or (
        finding.cause == "image.tag_unknown" and bool(existing_tags(case))
    )


def existing_tags(case: Case) -> list[str]:
    """Tags that the repository was seen to have, those most like the one that was asked for first; the probes send a few."""
    return next((list(seen.detail.closest) for seen in case.seen(Manifest) if seen.detail.closest), [])

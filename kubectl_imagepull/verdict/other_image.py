"""Another image in the place of one that cannot be had: which one was meant."""

from __future__ import annotations

import dataclasses
import difflib
import re

from ..catalogue.actions import SetImage
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
        return NewImage(suggestion, _only_written_otherwise(case.target.image, suggestion), f"use {suggestion}")
    if finding.cause != "image.tag_unknown":
        return None
    asked = case.pull.asked if case.pull else ""
    tags = existing_tags(case)
    same = [t for t in tags if _plain(t) == _plain(asked)]
    near = same or [t for t in tags if _near(t, asked)]
    if not near:
        return None
    why = "the nearest to what was asked for"
    if len(same) == 1:
        why = "it differs only in spelling"
    elif same:
        why = f"{', '.join(same)} differ only in spelling: choose one"
    image = f"{case.facts.reference.repository}:{near[0]}"
    return NewImage(image, len(same) == 1, f"use tag {near[0]}, which exists ({why})")


def has_image_fix(case: Case, finding: Finding) -> bool:
    """Whether there is another image, or a list of tags to choose one from."""
    return better_image(case, finding) is not None or (
        finding.cause == "image.tag_unknown" and bool(existing_tags(case))
    )


def existing_tags(case: Case) -> list[str]:
    """Tags that the repository was seen to have, those most like the one that was asked for first; the probes send a few."""
    return next((list(seen.detail.closest) for seen in case.seen(Manifest) if seen.detail.closest), [])


def _near(tag: str, asked: str) -> bool:
    """Whether one tag may have been meant by the other: an end more or less, another patch version, a slip of the finger."""
    one, other = _plain(tag), _plain(asked)
    if min(len(one), len(other)) < 3:
        return False
    shorter, longer = sorted((one, other), key=len)
    if longer.startswith(shorter) and longer[len(shorter)] in "-._+":
        return True
    version, meant = (re.fullmatch(r"(\d+\.\d+)\.\d+(.*)", text) for text in (one, other))
    if version and meant:
        return version.groups() == meant.groups()
    if one[:1].isdigit() or other[:1].isdigit():
        return False  # two versions that look alike are two versions
    return difflib.SequenceMatcher(None, one, other).ratio() >= 0.8


def _only_written_otherwise(image: str, suggestion: str) -> bool:
    """Whether a reference differs from what was written only by a scheme, white space or case in its name."""
    written = re.sub(r"\A[a-z]+://", "", "".join(image.split()), flags=re.IGNORECASE)
    return written.lower() == suggestion.lower()


def _plain(tag: str) -> str:
    """A tag without what is often mistyped: case, a leading v, white space."""
    return tag.strip().lower().removeprefix("v")

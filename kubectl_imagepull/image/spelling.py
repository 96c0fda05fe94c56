"""Tags and references that differ only in how they are written, or in a slip."""

from __future__ import annotations

import difflib
import re


def near(tag: str, asked: str) -> bool:
    """Whether one tag may have been meant by the other: an end more or less, another patch version, a slip of the finger."""
    one, other = plain(tag), plain(asked)
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


def only_written_otherwise(image: str, suggestion: str) -> bool:
    """Whether a reference differs from what was written only by a scheme, white space or case in its name."""
    written = re.sub(r"\A[a-z]+://", "", "".join(image.split()), flags=re.IGNORECASE)
    return written.lower() == suggestion.lower()


def plain(tag: str) -> str:
    """A tag without what is often mistyped: case, a leading v, white space."""
    return tag.strip().lower().removeprefix("v")

"""Digests in place of tags: which image of a manifest needs one, and the text with it. Every other character stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from .manifests import Manifests, Place, Trouble, read
from .reference import InvalidReference, Reference

NEVER: Final = "Never"

State = Literal["pinned", "unpinned", "untagged", "never", "invalid"]
Outcome = Literal["pinned", "unpinned", "changed", "kept", "failed"]


@dataclass(frozen=True)
class Pin:
    """One image, and whether its digest is written."""

    place: Place
    """Where it stands."""
    state: State
    """pinned: it has a digest; unpinned: it has none; untagged: it has one and no tag that tells which digest comes next; never:
    imagePullPolicy Never, so it is not pulled and a digest would name an image that is not on the node; invalid: no reference."""
    reference: Reference | None = None
    """The image by its tag, without a digest (`latest` where none is written); None where there is nothing to ask for."""
    digest: str = ""
    """The digest that is written."""
    why: str = ""
    """What is wrong with an invalid one, one line."""


def pin_of(place: Place) -> Pin:
    """What is to be done with an image."""
    try:
        reference = Reference.parse(place.image)
    except InvalidReference as error:
        return Pin(place, "invalid", why=str(error))
    name = place.image.partition("@")[0]
    tagged = name if reference.tag else f"{name}:latest"
    if reference.digest and not reference.tag:
        return Pin(place, "untagged", digest=reference.digest)
    asked = Reference.parse(tagged)
    if reference.digest:
        return Pin(place, "pinned", asked, reference.digest)
    if place.pull_policy == NEVER:
        return Pin(place, "never", asked)
    return Pin(place, "unpinned", asked)


def pinned(pin: Pin, digest: str) -> str:
    """The whole image with this digest behind its tag."""
    return f"{pin.reference}@{digest}" if pin.reference is not None else pin.place.image


def written(pin: Pin, digest: str, before: str) -> str:
    """What stands at the place then. before: what stands there now. "" where this digest cannot be written there.

    Charts with a field `sha` put `@sha256:` before it themselves (grafana, kube-prometheus-stack).
    """
    part = pin.place.part
    if part == "image":
        return pinned(pin, digest)
    if part == "tag":
        return f"{before.partition('@')[0]}@{digest}"
    if part == "digest":
        return digest
    algorithm, _, digits = digest.partition(":")
    return digits if algorithm == "sha256" else ""


@dataclass(frozen=True)
class Edited:
    """A file with digests."""

    text: str
    """All of it."""
    done: Mapping[Place, str]
    """Places that changed -> the whole image that stands there now."""
    refused: Mapping[Place, str]
    """Places that should have changed -> why they did not, one line."""


SHARED = "the same text is used for other images by an anchor: write them out"
UNFIT = "it is not written so that its text can be replaced: write it on one line"


def edited(found: Manifests, digest_for: Callable[[Pin], str], pins: Sequence[Pin]) -> Edited:
    """Write digests into a file. digest_for: the digest that an image gets, "" for one that stays as it is.

    What cannot be written so that it reads as it should is left alone: the result is read once more, and has exactly the images
    that it should have.
    """
    edits: dict[tuple[int, int], str] = {}
    wanted: dict[Place, str] = {}
    refused: dict[Place, str] = {}
    shared: set[tuple[int, int]] = set()
    for pin in pins:
        digest = digest_for(pin)
        place = pin.place
        span = (place.start, place.end)
        if not digest or digest == pin.digest:
            if span in edits:
                shared.add(span)  # it would change as well
            edits.setdefault(span, found.text[slice(*span)])
            continue
        new = written(pin, digest, found.text[slice(*span)])
        if not new:
            refused[place] = f"{digest.partition(':')[0]} digests do not fit into this field"
        elif edits.setdefault(span, new) != new:
            shared.add(span)
        wanted[place] = pinned(pin, digest)
    for place in list(wanted):
        if (place.start, place.end) in shared or place in refused:
            refused.setdefault(place, SHARED)
            del wanted[place]
    text, done = _written(found, edits, wanted)
    if done is None:
        # an empty field may stand where nothing can be put; the others do not wait for it
        text, done = _written(found, edits, {p: image for p, image in wanted.items() if p.start < p.end})
    kept = done or {}
    refused |= {place: UNFIT for place in wanted if place not in kept}
    return Edited(text if done else found.text, kept, refused)


def _written(
    found: Manifests, edits: Mapping[tuple[int, int], str], wanted: Mapping[Place, str]
) -> tuple[str, Mapping[Place, str] | None]:
    """(the text with these edits, the places that it changes); None where it does not read as it should then."""
    spans = {(place.start, place.end) for place in wanted}
    text = _spliced(found.text, {span: new for span, new in edits.items() if span in spans})
    reads = not spans or [p.image for p in read(text, found.name).places] == [
        wanted.get(p, p.image) for p in found.places
    ]
    return text, wanted if reads else None


def _spliced(text: str, changes: Mapping[tuple[int, int], str]) -> str:
    parts: list[str] = []
    at = 0
    for (start, end), new in sorted(changes.items()):
        # a key without a value has no room before it
        space = " " if start == end and text[start - 1 : start] == ":" else ""
        parts += (text[at:start], space, new)
        at = end
    parts.append(text[at:])
    return "".join(parts)


# ---- what `pin` finds ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One image, and what becomes of it."""

    place: Place
    """Where it stands."""
    outcome: Outcome
    """pinned: it has its digest; unpinned: it has none (nobody was asked for it); changed: it gets one; kept: it stays without a
    digest and may; failed: it should get one and does not."""
    image: str = ""
    """The whole image as it is then; "" where it does not change."""
    why: str = ""
    """Why it is kept or failed, or what else is to be known, one line."""
    cause: str = ""
    """The id of the cause that a registry's answer means; "" where there is none."""


@dataclass(frozen=True)
class FileChange:
    """A file that changes."""

    name: str
    """As it was named."""
    before: str = field(repr=False)
    """Its text as it was read."""
    after: str = field(repr=False)
    """Its text with digests."""


@dataclass
class Pinning:
    """What `pin_files` and `pin_live` find."""

    rows: list[Row] = field(default_factory=list)
    """Every image, in the order of the files."""
    changes: list[FileChange] = field(default_factory=list)
    """Files that change."""
    troubles: list[Trouble] = field(default_factory=list)
    """What could not be read."""
    commands: list[str] = field(default_factory=list)
    """Commands that change live workloads."""
    notes: list[str] = field(default_factory=list)
    """What whoever runs these commands has to know, a line each."""
    through: str = field(default="", repr=False)
    """The standard input with digests, or as it was; "" where it was not read."""

    def exit_code(self, check: bool) -> int:
        """0, 1 where `check` finds something without its digest, 2 where something could not be read or pinned."""
        untold = any(trouble.what != "no-tag" for trouble in self.troubles)
        if untold or any(row.outcome == "failed" for row in self.rows):
            return 2
        lacking = any(row.outcome in ("unpinned", "changed") for row in self.rows) or bool(self.troubles)
        return 1 if check and lacking else 0

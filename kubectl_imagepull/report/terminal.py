"""What a terminal can show: width, symbols, colour."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from ..model import Confidence, Status
from ..text import printable

SYMBOLS: Mapping[Status, str] = {
    "pass": "✓",
    "warn": "!",
    "fail": "✗",
    "not-reached": "-",
    "skipped": "·",
    "unknown": "?",
}
WORDS: Mapping[Status, str] = {
    "pass": "ok",
    "warn": "warn",
    "fail": "FAIL",
    "not-reached": "-",
    "skipped": "skip",
    "unknown": "?",
}
COLOURS: Mapping[str, str] = {"pass": "32", "warn": "33", "fail": "31", "bold": "1", "faint": "2"}
NARROWEST = 40


@dataclass(frozen=True)
class Style:
    """width: columns; symbols: ✓ and ✗ instead of words; colour: ANSI colours."""

    width: int = 80
    symbols: bool = False
    colour: bool = False

    def paint(self, kind: str, text: str) -> str:
        """text in a colour of COLOURS, or as it is."""
        code = COLOURS.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text

    def mark(self, status: Status) -> str:
        """The mark of a status, padded to the width of the column."""
        text = SYMBOLS[status] if self.symbols else f"{WORDS[status]:<4}"
        return self.paint(status, text)

    @property
    def mark_width(self) -> int:
        return 1 if self.symbols else 4

    def wrap(self, text: str, indent: int, first: int | None = None) -> str:
        """text wrapped to the width: first line after `first` columns (default indent), the others indented."""
        width = max(NARROWEST, self.width)
        lines = textwrap.wrap(
            printable(text),
            width=width,
            initial_indent=" " * (indent if first is None else first),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
            break_long_words=True,
        )
        # before a long word that it broke, textwrap leaves a blank
        return "\n".join(line.rstrip() for line in lines)


CONFIDENT: Mapping[Confidence, str] = {
    "confirmed": "confirmed",
    "likely": "likely, not proven",
    "possible": "possible, one of several",
    "unknown": "cannot tell",
}

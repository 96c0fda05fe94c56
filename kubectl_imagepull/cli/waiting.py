"""What is waited for, on a terminal: one line on the standard error that is gone when it has come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from ..text import printable

MOST_NAMES = 3
USUAL = 80
"""Columns of a terminal that does not say how many it has."""


class Waiting:
    """The line. A stream that is no terminal gets nothing."""

    def __init__(self, err: TextIO) -> None:
        """err: where it is shown."""
        self._err, self._shown = err, ""
        self._terminal = err.isatty()
        # a terminal that cannot take a line back is told once (terminfo: dumb)
        self._steady = os.environ.get("TERM", "dumb") == "dumb"

    def begin(self, what: str) -> None:
        """Say what is waited for."""
        self._shown = printable(what)
        self._write(self._shown + "\n" if self._steady else self._over(self._shown))

    def add(self, step: str) -> None:
        """Say behind it what has come last."""
        if self._shown and not self._steady:
            self._write(self._over(f"{self._shown} {printable(step)}"))

    def end(self) -> None:
        """Take the line back."""
        if self._shown and not self._steady:
            self._write(self._over(""))
        self._shown = ""

    def _over(self, text: str) -> str:
        """Over what stands there; never longer than a line, of which the cursor does not come back."""
        return f"\r\x1b[K{text[: self._columns() - 1]}"

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._err.fileno()).columns or USUAL
        except (OSError, ValueError):
            return USUAL

    def _write(self, text: str) -> None:
        if self._terminal:
            self._err.write(text)
            self._err.flush()


def nodes_in_words(names: Sequence[str]) -> str:
    """The first few by name, the others counted; "this machine" for none."""
    if len(names) <= MOST_NAMES:
        return ", ".join(names) or "this machine"
    return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more nodes"

"""The three streams: closed ones, and what the encoding of the output cannot hold."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from ..text import escaped

DOCUMENTS = ("json", "yaml", "html")
"""Formats that programs read: UTF-8 whatever the terminal shows (RFC 8259, section 8.1; kubectl writes nothing else)."""
PLAIN: Mapping[str, str] = {
    "✓": "ok",
    "✗": "FAIL",
    "…": "...",
    "·": "-",
    "\u2013": "-",  # en dash
    "\u2014": "-",  # em dash
    "→": "->",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "µ": "u",
}
"""What people read in place of a character that their terminal lacks; others are written by their number."""


def open_all() -> None:
    """Make the streams of the process usable: closed ones (`>&-`) lead nowhere, and no character is refused."""
    codecs.register_error("imagepull-plain", _plainly)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  # as long as the process
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="imagepull-plain")


def write_as(form: str, out: TextIO) -> None:
    """Write this format to `out` from now on: a document as UTF-8, everything else as the terminal's encoding has it."""
    if form in DOCUMENTS and hasattr(out, "reconfigure"):
        # what is no character at all (half a pair) has its JSON spelling then
        out.reconfigure(encoding="utf-8", errors="backslashreplace")


def bytes_from(stdin: TextIO) -> Callable[[int], bytes]:
    """What reads so many bytes of the standard input at most, as they are: what people pipe in need not be UTF-8."""
    raw = getattr(stdin, "buffer", None)
    if raw is not None:
        read: Callable[[int], bytes] = raw.read
        return read
    return lambda most: stdin.read(most).encode("utf-8", "surrogateescape")


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unfit = error.object[error.start : error.end]
    return "".join(PLAIN.get(char) or escaped(char) for char in unfit), error.end

"""One way to make text printable that somebody else wrote."""

from __future__ import annotations


def printable(text: str, limit: int = 0) -> str:
    """One line that a terminal acts on nothing of: line ends and tabs as spaces, other signs that do not print as escapes.

    The escapes are those of Python and of Go's %q: \\x1b, \\u202e, \\U000e0001. limit: characters of the result, a cut marked
    by "…"; 0 for all of it.
    """
    cut = bool(limit) and len(text) > limit
    if cut:
        text = text[: limit - 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c in "\r\n\t" else escaped(c) for c in text)
        if limit and len(text) > limit:
            text, cut = text[: limit - 1], True
    return text + "…" if cut else text


def escaped(char: str) -> str:
    """A character by its number."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

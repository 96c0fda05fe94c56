"""One way to make text printable that somebody else wrote, and one to write a number of bytes.

What does not print is written as Python and Go's %q write it: \x1b, \u202e, \U000e0001. Formats have escapes of their own
beside that (JSON's, HTML's); a terminal has none.
"""

from __future__ import annotations


def printable(text: str, limit: int = 0) -> str:
    """For prose: one line, in which line ends and tabs are spaces, and nothing that a terminal acts on.

    limit: characters of the result, a cut marked by "…"; 0 for all of it.
    """
    return _shown(text, limit, {"\r": " ", "\n": " ", "\t": " "})


def spelled(text: str, limit: int = 0) -> str:
    """For a value that is quoted: the same with line ends and tabs as \\n, \\r and \\t, for they may be what is wrong with it."""
    return _shown(text, limit, {"\r": "\\r", "\n": "\\n", "\t": "\\t"})


def amount(count: float) -> str:
    """A number of bytes for people: in bytes below 1 KiB, then in KiB, MiB or GiB (each 1,024 of the one before).

    With one decimal below ten of a unit, and in GiB always.
    """
    if count < 1024:
        return f"{count:.0f} byte{'' if round(count) == 1 else 's'}"
    value, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if round(value) >= 1024:
            value, unit = value / 1024, larger
    return f"{value:.1f} {unit}" if value < 9.95 or unit == "GiB" else f"{value:.0f} {unit}"


def _shown(text: str, limit: int, others: dict[str, str]) -> str:
    cut = bool(limit) and len(text) > limit
    if cut:
        text = text[: limit - 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else others.get(c) or escaped(c) for c in text)
        if limit and len(text) > limit:
            text, cut = text[: limit - 1], True
    return text + "…" if cut else text


def escaped(char: str) -> str:
    """A character by its number."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

"""Pasted text made plain again: what terminals, JSON, YAML, log formats and table drawings did to an error
message is undone.

Knows nothing of pulls. Everything here is linear in the length of the text.
"""

from __future__ import annotations

import itertools
import re

from .. import lazily

HEAD, TAIL = 96 * 1024, 32 * 1024
"""A longer text is read at its two ends: no program writes an error of this size, and the time must stay
bounded."""

NARROWEST = 40
"""Characters of the narrowest line that a terminal breaks."""

_ANSI = lazily.pattern(r"\x1b(?:\[[0-9;?]{0,32}[@-~]?|\][^\x07\x1b\n]{0,512}\x07?|.?)", re.DOTALL)
# A table drawn with bars (k9s): the text goes on behind the bar of the next line, in the middle of a word.
_BARS = lazily.pattern(r" ?[│┃][ \t]*\n[ \t]*[│┃] ?")
_BAR = lazily.pattern(r"[│┃]")
# The look-behind keeps a long run of backslashes from being read once for each of them.
_ESCAPED_QUOTE = lazily.pattern(r"(?<!\\)\\+([\"'])")
_ESCAPES = lazily.pattern(r"(?<!\\)\\+(?:([nrt])|u00(3[cC]|3[eE]|26|27|22))")
_COLUMNS = lazily.pattern(r"(?<=[^\s])(?:[ \t]{2,}|\t)(?=[^\s])")
_SPACES = lazily.pattern(r"[ \t\f\v\xa0\u2000-\u200b\u3000\ufeff]+")
_LINES = lazily.pattern(r" ?(?:\r\n?|\n)(?: ?\r?\n)* ?")
_BREAKS = lazily.pattern(r"[ \t]*\r?\n[ \t]*")
_ENTITIES = {"&quot;": '"', "&#34;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&"}
# Quotation marks and signs that word processors and keyboards put in the place of ASCII's: opening and
# closing, low and double-prime quotes, full-width colon, comma and semicolon, dashes.
_PRINTED_ALIKE = {
    **dict.fromkeys((0x201C, 0x201D, 0x201E, 0x2033), '"'),
    **dict.fromkeys((0x2018, 0x2019), "'"),
    **dict.fromkeys((0x2013, 0x2014), "-"),
    0xFF1A: ": ",
    0xFF0C: ", ",
    0xFF1B: "; ",
    0: " ",
}
_UNICODE_ESCAPES = {"3c": "<", "3e": ">", "26": "&", "27": "'", "22": '"'}


def as_text(given: object) -> str:
    """Anything at all as a str of bounded length: bytes as UTF-8 with replacement, None as the empty text."""
    if given is None:
        return ""
    if isinstance(given, (bytes, bytearray, memoryview)):
        raw = bytes(given)
        if len(raw) > 4 * (HEAD + TAIL):
            raw = raw[: 4 * HEAD] + b"\n" + raw[-4 * TAIL :]
        given = raw.decode("utf-8", "replace")
    if not isinstance(given, str):
        try:
            given = str(given)
        except Exception:  # a stranger's __str__ may raise anything
            return ""
    if len(given) > HEAD + TAIL:
        given = given[:HEAD] + "\n" + given[-TAIL:]
    return given


def plain(text: str) -> str:
    """One error text with single spaces, single newlines, unescaped quotes and straight quotation marks.

    The columns of a table (two spaces and more within a line) become lines.
    """
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "│" in text or "┃" in text:
        text = _BAR.sub(" ", _BARS.sub("", text))
    if not text.isascii() or "\0" in text:
        text = text.translate(_PRINTED_ALIKE)
    if "\\" in text:
        text = _ESCAPED_QUOTE.sub(r"\1", text)
        text = _ESCAPES.sub(_unescape, text)
    if "&" in text and ";" in text:
        for entity, char in _ENTITIES.items():
            text = text.replace(entity, char)
    text = _COLUMNS.sub("\n", text.strip())
    text = _SPACES.sub(" ", text)
    if "\n" in text or "\r" in text:
        text = _LINES.sub("\n", text)
    return text


def _unescape(found: re.Match[str]) -> str:
    letter = found.group(1)
    if letter:
        return " " if letter == "t" else "\n"
    return _UNICODE_ESCAPES[found.group(2).lower()]


def joined(text: str) -> str:
    """The text with its line breaks taken out: a terminal breaks words in two."""
    return _BREAKS.sub(lambda found: " " if found.group().strip("\r\n") else "", text.strip())


def was_wrapped(text: str) -> bool:
    """Whether a terminal or a mail program broke the text in the middle of its words: the lines are equally long, the
    last one is not longer, and a break stands where no sentence has one."""
    lines = text.strip().splitlines()
    widths = [len(line) for line in lines[:-1]]
    if not widths or min(widths) < NARROWEST or max(widths) - min(widths) > 1 or len(lines[-1]) > max(widths):
        return False
    return any(not a[-1:].isspace() and not b[:1].isspace() for a, b in itertools.pairwise(lines))

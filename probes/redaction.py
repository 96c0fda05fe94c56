"""What the probes know of credentials never leaves them: not as it is, and in no form in which a server may quote it.

`kubectl_imagepull/redaction.py` does the same for what the API server quotes; one test holds both to the same vectors.
"""

from __future__ import annotations

import base64
import html
import re
import threading
from typing import Any, Dict, List, Match, Sequence, Tuple, Union

HIDDEN = "REDACTED"
SHORTEST = 4
"""Bytes from which on a secret is looked for by itself; a shorter one only together with its user name."""
ROUNDS = 3
"""How often text is decoded that was encoded more than once: JSON in a URL in HTML."""
TAIL, CUT_TAIL = 6, 3
"""Bytes of a secret that count as its beginning at the end of a text, and before the mark of a cut."""
WINDOW, CUTS = 8192, 16
"""Bytes before a cut in which a beginning is looked for, and how many cuts of a text are looked at."""
PLACEHOLDERS = frozenset({"", "x", "x-oauth-basic", "x-access-token"})
"""Passwords that say that the user name is the token (github.com: "Easier builds and deployments using Git over HTTPS")."""
ESCAPE_BYTES = 16
"""Of the longest escape that a cut can go through."""

_ESCAPE = re.compile(
    rb"%(?P<percent>[0-9A-Fa-f]{2})"
    rb"|\\u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    rb"|\\u(?P<unicode>[0-9A-Fa-f]{4})|\\U(?P<long>[0-9A-Fa-f]{8})|\\x(?P<hex>[0-9A-Fa-f]{2})"
    rb"|\\(?P<control>[nrt])|\\(?P<same>[\"'\\/])|&(?P<entity>#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,10});"
)
_ALIKE = bytes.maketrans(b"+\r\n\t", b"    ")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_-]*")
_MARK = "…".encode()
_BEGINS_ESCAPE = (b"%", b"\\", b"&")
_PART = re.compile(rb"[%\\&#A-Za-z0-9]*")


class Secrets:
    """Secrets that are known, and `hide` for texts. public: words that are no secret even where one of the secrets is part of
    them (hosts, repositories, names of secrets): hiding it would only tell it. Safe to use from several threads."""

    def __init__(self, public: Sequence[str] = ()) -> None:
        self._public = [_alike(word) for word in public if word]
        self._lock = threading.Lock()
        self._known: Dict[bytes, Tuple[bool, bool]] = {}

    def learn(self, secret: str, username: str = "") -> None:
        """Hide this from now on, and its base64, with and without the user name. A user name beside a placeholder is itself the
        secret."""
        if secret in PLACEHOLDERS:
            secret, username = username, ""
        found = self._needles(secret, username)
        with self._lock:
            self._known = {**self._known, **found}

    def _needles(self, secret: str, username: str) -> Dict[bytes, Tuple[bool, bool]]:
        """Needle -> (it is base64: the whole run goes; its beginning counts too)."""
        raw = secret.encode("utf-8", "surrogatepass")
        found: Dict[bytes, Tuple[bool, bool]] = {}
        if not raw:
            return found
        if username:
            pair = username.encode("utf-8", "surrogatepass") + b":" + raw
            found[_alike(pair)] = (False, False)
            for text in _base64(pair):
                found[text] = (True, True)
        if len(raw) >= SHORTEST and not any(_alike(raw) in word for word in self._public):
            found[_alike(raw)] = (False, True)
            # as a header's bytes are read by those who take them for Latin-1 (RFC 9110, section 5.5)
            found[_alike(raw.decode("latin-1"))] = (False, True)
            for text in (*_base64(raw), *(_inner(raw) if len(raw) > 5 else ())):
                if len(text) > 5:
                    found[text] = (True, True)
        return found

    def hide(self, text: str) -> str:
        """The text without any known secret in any form. Takes time linear in the text's length."""
        known = self._known
        if not known or len(text) < SHORTEST - 1:
            return text
        data = text.encode("utf-8", "surrogatepass")
        spans: List[Tuple[int, int]] = []
        starts: Sequence[int] = range(len(data))
        ends: Sequence[int] = range(1, len(data) + 1)
        seen = data
        for turn in range(ROUNDS + 1):
            for begin, end in _found(known, seen):
                spans.append((starts[begin], ends[end - 1]))
            if turn == ROUNDS or not _ESCAPE.search(seen):
                break
            seen, starts, ends = _decoded(seen, starts, ends)
        if not spans:
            return text
        out, at = [], 0
        for begin, end in _merged(spans):
            out += [data[at:begin], HIDDEN.encode()]
            at = end
        return b"".join([*out, data[at:]]).decode("utf-8", "replace")

    def clean(self, value: Any) -> Any:
        """A JSON value with every text of it hidden but the keys of objects."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {k: self.clean(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.clean(item) for item in value]
        return value


def _alike(text: Union[str, bytes]) -> bytes:
    """As texts are compared: without case, and a plus or a line end is a space, as forms and logs write it."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return raw.lower().translate(_ALIKE)


def _base64(raw: bytes) -> List[bytes]:
    """Both alphabets, without padding, as they are compared."""
    return [_alike(coded.rstrip(b"=")) for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw))]


def _inner(raw: bytes) -> List[bytes]:
    """What base64 makes of these bytes in the middle of others: the digits that depend on nothing else."""
    found = []
    for before in range(3):
        size = before + len(raw)
        last = (size // 3) * 4 + (0, 1, 2)[size % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.append(_alike(encode(bytes(before) + raw)[(0, 2, 3)[before] : last]))
    return found


def _found(known: Dict[bytes, Tuple[bool, bool]], data: bytes) -> List[Tuple[int, int]]:
    """Where secrets stand in these bytes, and beginnings of secrets where the text was cut."""
    text, spans = _alike(data), []
    cuts = _cuts(text)
    for needle, (coded, begins) in known.items():
        at = text.find(needle)
        while at >= 0:
            end = at + len(needle)
            if coded:
                end = _BASE64.match(data, end).end()  # type: ignore[union-attr]
                at -= _BASE64.match(data[max(0, at - WINDOW) : at][::-1]).end()  # type: ignore[union-attr]
            spans.append((at, end))
            at = text.find(needle, end)
        if begins:
            for cut, end, least in cuts:
                begin = _beginning(text, end, needle, least)
                if begin >= 0:
                    spans.append((begin, cut))
    return spans


def _cuts(text: bytes) -> List[Tuple[int, int, int]]:
    """(where a text was or may have been cut, where what was cut may end, bytes of a secret before it that count).

    They differ where the cut went through an escape, or through an escape of an escape.
    """
    marks, at = [(len(text), TAIL)], text.find(_MARK)
    while at >= 0 and len(marks) < CUTS:
        marks.append((at, CUT_TAIL))
        at = text.find(_MARK, at + 1)
    return [
        (cut, end, least)
        for cut, least in marks
        for end in range(cut, max(-1, cut - ESCAPE_BYTES), -1)
        if end == cut or (text[end : end + 1] in _BEGINS_ESCAPE and _PART.fullmatch(text, end, cut))
    ]


def _beginning(text: bytes, cut: int, needle: bytes, least: int) -> int:
    """Where the beginning of the needle stands that ends at the cut, -1 for nowhere."""
    first = max(0, cut - min(len(needle) - 1, WINDOW))
    at = text.find(needle[:least], first, cut)
    for _ in range(CUTS):
        if at < 0 or text[at:cut] == needle[: cut - at]:
            return at
        at = text.find(needle[:least], at + 1, cut)
    return -1


def _decoded(data: bytes, starts: Sequence[int], ends: Sequence[int]) -> Tuple[bytes, Sequence[int], Sequence[int]]:
    """One layer of escapes undone, with the place in the first text of every byte that is left."""
    out: List[bytes] = []
    first: List[int] = []
    last: List[int] = []
    at = 0
    for found in _ESCAPE.finditer(data):
        begin, end = found.span()
        meant = _meant(found)
        out += [data[at:begin], meant]
        first += [*starts[at:begin], *[starts[begin]] * len(meant)]
        last += [*ends[at:begin], *[ends[end - 1]] * len(meant)]
        at = end
    out.append(data[at:])
    return b"".join(out), [*first, *starts[at:]], [*last, *ends[at:]]


def _meant(found: Match[bytes]) -> bytes:
    """What an escape stands for, as UTF-8."""
    kind, text = found.lastgroup, found[found.lastgroup or 0].decode("ascii")
    if kind in ("percent", "hex"):
        return bytes([int(text, 16)]) if kind == "percent" else _utf8(int(text, 16))
    if kind == "low":
        return _utf8(0x10000 + ((int(found["high"], 16) & 0x3FF) << 10) + (int(text, 16) & 0x3FF))
    if kind in ("unicode", "long"):
        return _utf8(int(text, 16))
    if kind == "control":
        return b" "
    if kind == "same":
        return bytes(text, "ascii")
    return html.unescape(f"&{text};").encode("utf-8", "surrogatepass")


def _utf8(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"?"


def _merged(spans: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """In order, those that touch as one."""
    merged: List[Tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged

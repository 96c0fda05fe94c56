"""What is a secret in a text that somebody else wrote, and the text without it.

Two ways: `hide` knows secrets by their form and by the names beside them (signed addresses, tokens, `"password":"…"`); `Secrets`
hides what is known (the pull secrets' own values) in every form in which a server or a runtime may quote it, as the probes do for
themselves (`probes/redaction.py`; one test holds both to the same vectors). A Case is cleaned when it is made, so that nothing
that is made of one has to be.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import html
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from . import lazily

T = TypeVar("T")

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

_ESCAPE = lazily.pattern(
    rb"%(?P<percent>[0-9A-Fa-f]{2})"
    rb"|\\u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    rb"|\\u(?P<unicode>[0-9A-Fa-f]{4})|\\U(?P<long>[0-9A-Fa-f]{8})|\\x(?P<hex>[0-9A-Fa-f]{2})"
    rb"|\\(?P<control>[nrt])|\\(?P<same>[\"'\\/])|&(?P<entity>#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,10});"
)
_ALIKE = bytes.maketrans(b"+\r\n\t", b"    ")
_BASE64 = lazily.pattern(rb"[A-Za-z0-9+/=_-]*")
_MARK = "…".encode()
_BEGINS_ESCAPE = (b"%", b"\\", b"&")
_PART = lazily.pattern(rb"[%\\&#A-Za-z0-9]*")


QUERY_KEPT = frozenset(
    {
        *("scope", "service", "ns", "n", "last", "digest", "mount", "from", "account", "client_id"),
        *("charset", "timeout", "tag", "fromimage", "expires"),
        *("x-amz-algorithm", "x-amz-date", "x-amz-expires", "x-amz-signedheaders"),
    }
)
"""Query parameters that carry no secret (distribution: token specification and list API; docker: Engine API; AWS: "Authenticating
requests, query parameters"). Of all others nobody knows: a redirect to a blob store carries a signature, which opens the blob to
whoever reads it."""
SECRET_KEYS = frozenset(
    {
        "password",
        "passwd",
        "auth",
        "authorization",
        "identitytoken",
        "registrytoken",
        "access_token",
        "refresh_token",
        "id_token",
    }
)
"""Keys of objects whose value is a secret whatever it looks like (docker: cli/config/types/authconfig.go; RFC 6749)."""

_START = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=u00[0-9A-Fa-f]{2}))"
"""Where a word begins, also behind an escape."""
_TOKENS = lazily.pattern(
    rf"{_START}(?:"
    r"eyJ[A-Za-z0-9_+/=.\-]{12,}"  # JSON in base64: JWT (RFC 7519), ECR's password
    r"|QVdTOmV5S[A-Za-z0-9_+/=\-]{8,}"  # base64 of AWS:eyJ…, ECR's login
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}"  # GitHub: "About authentication", token formats
    r"|gl(?:pat|dt|cbt|rt|ptt|ft|oas|soat|agent)-[A-Za-z0-9_.\-]{12,}"  # GitLab: "Token overview", prefixes
    r"|dckr_(?:pat|oat)_[A-Za-z0-9_\-]{12,}"  # Docker Hub
    r"|do[opr]_v1_[a-f0-9]{32,}"  # DigitalOcean
    r"|ya29\.[A-Za-z0-9_.\-]{12,}|AIza[A-Za-z0-9_\-]{30,}|GOCSPX-[A-Za-z0-9_\-]{16,}"  # Google
    r"|A[KS]IA[A-Z0-9]{12,}|IQoJb3JpZ2lu[A-Za-z0-9_+/=%\-]{8,}"  # AWS: "IAM identifiers", session tokens
    r"|cmVmdGtu[A-Za-z0-9_\-]{8,}|AKCp[A-Za-z0-9]{20,}"  # Artifactory: reference tokens, API keys
    r"|hv[sb]\.[A-Za-z0-9_\-]{16,}|xox[a-z]-[A-Za-z0-9\-]{10,}|npm_[A-Za-z0-9]{30,}"  # Vault, Slack, npm
    r")"
)
"""Secrets that say what they are. Each is found once: nothing that it consists of begins another."""
_PRIVATE_KEY = lazily.pattern(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:(?!-----END).)*(?:-----END[A-Z ]{0,31}KEY-----)?", re.DOTALL
)

_AT = r"(?:@|%40|%2540|\\{1,4}u0040|&#64;|&commat;)"
_AUTHORITY = lazily.pattern(
    r"(?i)(?::|%3a|%253a|\\{1,4}u003a|&#58;)(?:/|\\/|%2f|%252f|\\{1,4}u002f|&#47;){2}"
    r"((?:(?!%2f|%252f|%3f)(?:[^\s/\"'<>?#\\`]|\\{1,4}u00(?:40|3a|25))){1,4096})"
)
_ODD_AUTHORITY = lazily.pattern(r"://[^\s/:@\"'<>?#]{1,256}:(?!\d{1,5}/)[^\s@\"'<>]{1,512}@(?!sha\d{3}:)")
_LAST_AT = lazily.pattern(rf"(?i).*{_AT}", re.DOTALL)
_NO_SCHEME = lazily.pattern(
    rf"(?i)(?<![\w/.@%+~$-])[\w.+~$-]{{1,128}}(?::|%3a)(?!\d{{1,5}}/|/|%2f)[^\s@/\"'<>,;()\\]{{1,256}}?{_AT}"
    r"(?!sha\d{3}\b)(?=[a-z0-9\[])"
)

_AND = r"(?P<and>&amp;|&#38;|&#x26;|[?&#]|%26|%3f|%23|%2526|\\{1,4}u0026|\\x26)"
_EQUALS = r"(?P<equals>=|%3d|%253d|\\{1,4}u003d|\\x3d|&#61;|&#x3d;)"
_PARAMETER = lazily.pattern(rf"(?i){_AND}(?P<key>[a-z0-9_.\-\[\]$]{{1,64}}){_EQUALS}")
_VALUE = lazily.pattern(r"(?:[^&\s\"'<>\\#…]|\\/)*")
_ENCODED_VALUE = lazily.pattern(r"(?i)(?:(?!%26|%23|%2526|%20|%22|&)(?:[^\s\"'<>\\#…]|\\/))*")
_END = lazily.pattern(r"[.,:;)\]}]+\Z")

_QUOTE = r"(?:\\{0,8}[\"']|&quot;|&#34;|&#39;|%22|\\{1,4}u0022)"
_STRICT = (
    r"pass(?:word|wd|phrase)|(?:secret|secret[_-]?access|account|shared[_-]?access|access|api|private)[_-]?key|access[_-]?key[_-]?id"
    r"|client[_-]?secret|(?:access|refresh|identity|registry|id|private|job|deploy|security|session|auth)[_-]?token"
)
"""Names behind which a value follows a colon; of the others prose does ("failed to fetch oauth token: unexpected status")."""
_NAMED = lazily.pattern(
    rf"(?i)(?P<name>(?P<strict>{_STRICT})|token|signature|credential|key-pair-id|{_START}(?:pwd|auth|sig|jwt))(?P<quote>{_QUOTE})?"
    rf"[ \t]{{0,3}}(?P<sep>=|:|%3d|%3a|\\{{1,4}}u003[da])(?:[ \t]{{0,3}}|%20)(?P<open>{_QUOTE})?"
)
_SEPARATED = lazily.pattern(r"[=:]|3[adAD]")
"""What is behind every name: most texts have none, and a name may begin anywhere."""
_BARE = lazily.pattern(r"[^\s&,;\"'<>}\])\\]+")
_PROSE = lazily.pattern(r"[A-Za-z]+[.,:;]?\Z|REDACTED")
_HEADER = lazily.pattern(
    rf"(?i){_START}"
    r"(?P<scheme>basic|bearer|negotiate)(?P<space>[ +=]|%20|\\u0020|&#32;|: )(?P<quote>\\{0,4}[\"']?)"
    r"(?P<value>[A-Za-z0-9+/._~%\-]{4,16384}={0,2})(?![A-Za-z0-9=])(?!(?<==)[\"'])"
)
_AUTHORIZATION = lazily.pattern(
    r"(?i)(?P<name>(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{1,40}-(?:token|key|api|auth)|private-token|job-token)"
    r"(?P<mid>(?:\\{0,4}[\"'])?\s{0,3}[:=]\s{0,3}\[?(?:\\{0,4}[\"'])?)"
    r"(?P<scheme>(?:basic|bearer|token|negotiate|aws4-hmac-sha256)[ +])?(?P<value>[^\s\"'\\,]+)"
)


def hide(text: str) -> str:
    """A text without what is a secret by its form or its name. The same again changes nothing; time is linear in the length."""
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.sub(HIDDEN, text)
    text = _TOKENS.sub(HIDDEN, text)
    if "@" in text or "40" in text or "commat" in text:
        text = _AUTHORITY.sub(_without_userinfo, text)
        text = _ODD_AUTHORITY.sub(f"://{HIDDEN}@", text)
        text = _NO_SCHEME.sub(f"{HIDDEN}@", text)
    if "=" in text or "3d" in text or "3D" in text or "61" in text:
        text = _without_parameters(text)
    if _SEPARATED.search(text):
        text = _AUTHORIZATION.sub(_without_authorization, text)
        text = _without_named(text)
    return _HEADER.sub(_without_header, text)


def _without_userinfo(found: re.Match[str]) -> str:
    last = _LAST_AT.match(found[1])
    return found[0] if last is None else found[0][: -len(found[1])] + HIDDEN + "@" + found[1][last.end() :]


def _without_parameters(text: str) -> str:
    """Without query and fragment parameters, but those that carry no secret. An encoded sign before a value tells how it ends."""
    out, at = [], 0
    for found in _PARAMETER.finditer(text):
        if found.start() < at or found["key"].lower() in QUERY_KEPT:
            continue
        value = (_VALUE if found["equals"] == "=" else _ENCODED_VALUE).match(text, found.end())
        assert value is not None
        end = value.end() - len(m[0]) if (m := _END.search(value[0])) else value.end()
        if end > found.end():
            out += [text[at : found.end()], HIDDEN]
            at = end
    return "".join([*out, text[at:]]) if out else text


def _without_named(text: str) -> str:
    """Values beside a name that says that they are secret: quoted ones to their quote, others to the next space."""
    out, at = [], 0
    for found in _NAMED.finditer(text):
        begin, opened = found.end(), found["open"]
        if found.start() < at:
            continue
        if not (found["sep"] == "=" or found["quote"] or found["strict"]):
            continue
        if opened:
            end = _closing(text, begin, opened)
        else:
            bare = _BARE.match(text, begin)
            if bare is None or text[begin] in "{[" or (found["sep"] != "=" and _PROSE.match(bare[0])):
                continue
            end = bare.end() - len(m[0]) if (m := _END.search(bare[0])) else bare.end()
        if end > begin and text[begin:end] != HIDDEN:
            out += [text[at:begin], HIDDEN]
            at = end
    return "".join([*out, text[at:]]) if out else text


def _closing(text: str, at: int, opened: str) -> int:
    """Where the quote ends that was opened so: at the next one with no more backslashes; at the end of a text that was cut."""
    sign = opened.lstrip("\\")
    slashes = len(opened) - len(sign)
    while True:
        found = text.find(sign, at)
        if found < 0:
            return len(text)
        before = found
        while before > at and text[before - 1] == "\\":
            before -= 1
        if found - before <= slashes:
            return before
        at = found + len(sign)


def _without_authorization(found: re.Match[str]) -> str:
    if not found["scheme"] and _PROSE.match(found["value"]):
        return found[0]  # "may require authorization: server message"
    return f"{found['name']}{found['mid']}{found['scheme'] or ''}{HIDDEN}"


def _without_header(found: re.Match[str]) -> str:
    value = found["value"]
    if len(value) < 16 and not (found["scheme"].lower() == "basic" and _is_login(value)):
        return found[0]
    return f"{found['scheme']}{found['space']}{found['quote']}{HIDDEN}"


def _is_login(value: str) -> bool:
    """Whether this is the base64 of user:password."""
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


_hide_again = functools.lru_cache(maxsize=4096)(hide)
"""For the texts of a model: a thousand pods of one workload have them all in common."""


def clean(value: T, hidden: Callable[[str], str] = _hide_again) -> T:
    """The same value of the model, or JSON value, with every text of it hidden; what does not change stays the same object."""
    return _cleaned(value, hidden)  # type: ignore[return-value]


def _cleaned(value: object, hidden: Callable[[str], str]) -> object:
    if isinstance(value, str):
        shown = hidden(value)
        return value if shown == value else shown
    if value is None or isinstance(value, (int, float)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        new = {}
        for name in _looked_at(type(value)):
            item = getattr(value, name)
            if (cleaned := _cleaned(item, hidden)) is not item:
                new[name] = cleaned
        return dataclasses.replace(value, **new) if new else value
    if isinstance(value, (dict, Mapping)):
        items = {hidden(k) if isinstance(k, str) else k: _of_key(k, v, hidden) for k, v in value.items()}
        same = len(items) == len(value) and all(k in value and items[k] is value[k] for k in items)
        return value if same else items
    if isinstance(value, (tuple, list)):
        found = [_cleaned(item, hidden) for item in value]
        if all(a is b for a, b in zip(found, value, strict=True)):
            return value
        return tuple(found) if isinstance(value, tuple) else found
    return value


@functools.cache
def _looked_at(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass that may hold a secret."""
    return tuple(f.name for f in dataclasses.fields(kind) if f.init and f.name not in UNTOUCHED)


def _of_key(key: object, value: object, hidden: Callable[[str], str]) -> object:
    if isinstance(key, str) and key.lower() in SECRET_KEYS and isinstance(value, str) and value:
        return HIDDEN
    return _cleaned(value, hidden)


UNTOUCHED = frozenset(
    {
        "role",
        "place",
        "name",
        "namespace",
        "pod",
        "container",
        "pull_secret_names",
        "account_secrets",
        "via",
        "kind",
    }
)
"""Fields that hold words of this program's own, or names of objects."""


class Secrets:
    """Secrets that are known, and `hide` for texts. public: words that are no secret even where one of the secrets is part of
    them (hosts, repositories, names of secrets): hiding it would only tell it. Safe to use from several threads."""

    def __init__(self, public: Sequence[str] = ()) -> None:
        self._public = [_alike(word) for word in public if word]
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[bool, bool]] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._known)

    def learn(self, secret: str, username: str = "") -> None:
        """Hide this from now on, and its base64, with and without the user name. A user name beside a placeholder is itself the
        secret."""
        if secret in PLACEHOLDERS:
            secret, username = username, ""
        found = self._needles(secret, username)
        with self._lock:
            self._known = {**self._known, **found}

    @classmethod
    def of(cls, several: Iterable[Secrets]) -> Secrets:
        """What any of these knows."""
        made = cls()
        for one in several:
            made._public += one._public
            made._known.update(one._known)
        return made

    def _needles(self, secret: str, username: str) -> dict[bytes, tuple[bool, bool]]:
        """Needle -> (it is base64: the whole run goes; its beginning counts too)."""
        raw = secret.encode("utf-8", "surrogatepass")
        found: dict[bytes, tuple[bool, bool]] = {}
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
        spans: list[tuple[int, int]] = []
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


def _alike(text: str | bytes) -> bytes:
    """As texts are compared: without case, and a plus or a line end is a space, as forms and logs write it."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return raw.lower().translate(_ALIKE)


def _base64(raw: bytes) -> list[bytes]:
    """Both alphabets, without padding, as they are compared."""
    return [_alike(coded.rstrip(b"=")) for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw))]


def _inner(raw: bytes) -> list[bytes]:
    """What base64 makes of these bytes in the middle of others: the digits that depend on nothing else."""
    found = []
    for before in range(3):
        size = before + len(raw)
        last = (size // 3) * 4 + (0, 1, 2)[size % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.append(_alike(encode(bytes(before) + raw)[(0, 2, 3)[before] : last]))
    return found


def _found(known: dict[bytes, tuple[bool, bool]], data: bytes) -> list[tuple[int, int]]:
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


def _cuts(text: bytes) -> list[tuple[int, int, int]]:
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


def _decoded(data: bytes, starts: Sequence[int], ends: Sequence[int]) -> tuple[bytes, Sequence[int], Sequence[int]]:
    """One layer of escapes undone, with the place in the first text of every byte that is left."""
    out: list[bytes] = []
    first: list[int] = []
    last: list[int] = []
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


def _meant(found: re.Match[bytes]) -> bytes:
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


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged

"""What Go's standard library does, as far as it decides which credentials a kubelet finds.

Go 1.26, which Kubernetes 1.37 is built with: encoding/json, encoding/base64, net/url, net.SplitHostPort and
path/filepath.Match. A pull secret with a repeated key, a base64 string with a line end in it or a registry
key with two colons is read differently by Python's own modules. Texts are bytes here where they are bytes in
Go.
"""

from __future__ import annotations

import base64
import codecs
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple, NoReturn, TypeAlias

from .. import lazily


class GoError(ValueError):
    """What the Go function returned as error; str() is Go's own text, which may quote from the input."""


# ------------------------------------------------------------------------------------------------------------
# encoding/json


class Number(str):
    """A JSON number, as written."""

    __slots__ = ()


class Pairs(list[tuple[str, "Json"]]):
    """A JSON object with its members in order, repeated ones included."""

    __slots__ = ()


Json: TypeAlias = "bool | str | Number | list[Json] | Pairs | None"

_MAX_DEPTH = 10000
_WS = lazily.pattern(rb"[ \t\r\n]*")
_STRING_RUN = lazily.pattern(rb'[^"\\\x00-\x1f]*')
_NUMBER = lazily.pattern(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HEX4 = lazily.pattern(rb"[0-9A-Fa-f]{4}")
_LITERALS: dict[bytes, bool | None] = {b"null": None, b"true": True, b"false": False}
_ESCAPES = {34: '"', 92: "\\", 47: "/", 98: "\b", 102: "\f", 110: "\n", 114: "\r", 116: "\t"}


def _replace_each_byte(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\ufffd" * (error.end - error.start), error.end


# Go puts U+FFFD for each byte that is not UTF-8, Python for each sequence
codecs.register_error("kubectl_imagepull.go", _replace_each_byte)


def text(raw: bytes) -> str:
    """Bytes as text the way encoding/json reads them."""
    return raw.decode("utf-8", "kubectl_imagepull.go")


def read_json(raw: bytes) -> Json:
    """Parse a whole document; raises GoError with the text of Go's json.SyntaxError. Linear, and no
    recursion.
    """
    return _JsonReader(raw).document()


class _JsonReader:
    """Reads one document with a stack of its own: Go allows 10000 levels, Python's recursion does not."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def document(self) -> Json:
        holders: list[Pairs | list[Json]] = []
        keys: list[str] = []
        value: Json
        while True:
            value, opened = self._begin_value()
            if opened is not None:
                holders.append(opened)
                if len(holders) > _MAX_DEPTH:
                    self._fail("exceeded max depth", self.at - 1)
                if not self._closed_at_once(opened):
                    if isinstance(opened, Pairs):
                        keys.append(self._key())
                    continue
                value = holders.pop()
            while True:
                if not holders:
                    self._skip()
                    if self.at < len(self.raw):
                        self._fail("after top-level value")
                    return value
                holder = holders[-1]
                if isinstance(holder, Pairs):
                    holder.append((keys.pop(), value))
                else:
                    holder.append(value)
                if self._goes_on(holder):
                    if isinstance(holder, Pairs):
                        keys.append(self._key())
                    break
                value = holders.pop()

    def _skip(self) -> None:
        match = _WS.match(self.raw, self.at)
        self.at = match.end() if match else self.at

    def _fail(self, context: str, at: int | None = None) -> NoReturn:
        """Where white space may stand, in or between values."""
        at = self.at if at is None else at
        if at >= len(self.raw):
            raise GoError("unexpected end of JSON input")
        raise GoError(f"invalid character {_quote_char(self.raw[at])} {context}")

    def _fail_inside(self, context: str, at: int) -> NoReturn:
        """Inside a literal or an escape: Go tries the end of the input as if a space stood there."""
        code = self.raw[at] if at < len(self.raw) else 32
        raise GoError(f"invalid character {_quote_char(code)} {context}")

    def _begin_value(self) -> tuple[Json, Pairs | list[Json] | None]:
        """A literal, or the holder that opens here."""
        self._skip()
        first = self.raw[self.at : self.at + 1]
        if first == b"{":
            self.at += 1
            return None, Pairs()
        if first == b"[":
            self.at += 1
            return None, []
        if first == b'"':
            return self._string(), None
        if first and first in b"-0123456789":
            return self._number(), None
        if first and first in b"tfn":
            return self._literal(), None
        self._fail("looking for beginning of value")

    def _closed_at_once(self, holder: Pairs | list[Json]) -> bool:
        self._skip()
        closed = self.raw.startswith(b"}" if isinstance(holder, Pairs) else b"]", self.at)
        self.at += closed
        return closed

    def _key(self) -> str:
        self._skip()
        if not self.raw.startswith(b'"', self.at):
            self._fail("looking for beginning of object key string")
        key = self._string()
        self._skip()
        if not self.raw.startswith(b":", self.at):
            self._fail("after object key")
        self.at += 1
        return key

    def _goes_on(self, holder: Pairs | list[Json]) -> bool:
        """Whether another member follows; else the holder is closed."""
        self._skip()
        in_object = isinstance(holder, Pairs)
        if self.raw.startswith(b",", self.at):
            self.at += 1
            return True
        if not self.raw.startswith(b"}" if in_object else b"]", self.at):
            self._fail("after object key:value pair" if in_object else "after array element")
        self.at += 1
        return False

    def _string(self) -> str:
        at = self.at + 1
        parts: list[str] = []
        while True:
            run = _STRING_RUN.match(self.raw, at)
            end = run.end() if run else at
            parts.append(text(self.raw[at:end]))
            if self.raw.startswith(b'"', end):
                self.at = end + 1
                return "".join(parts)
            if not self.raw.startswith(b"\\", end):
                self._fail("in string literal", end)
            at = self._escape(end + 1, parts)

    def _escape(self, at: int, parts: list[str]) -> int:
        code = self.raw[at] if at < len(self.raw) else 0
        if code in _ESCAPES:
            parts.append(_ESCAPES[code])
            return at + 1
        if code != 117:
            self._fail_inside("in string escape code", at)
        unit = self._unit(at + 1)
        at += 5
        if 0xD800 <= unit < 0xDC00 and self.raw.startswith(b"\\u", at) and _HEX4.match(self.raw, at + 2):
            low = int(self.raw[at + 2 : at + 6], 16)
            if 0xDC00 <= low < 0xE000:
                parts.append(chr(0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00))
                return at + 6
        parts.append("\ufffd" if 0xD800 <= unit < 0xE000 else chr(unit))
        return at

    def _unit(self, at: int) -> int:
        """The four hexadecimal digits of an escape."""
        for i in range(at, at + 4):
            if self.raw[i : i + 1] not in _HEX_DIGITS:
                self._fail_inside("in \\u hexadecimal character escape", i)
        return int(self.raw[at : at + 4], 16)

    def _literal(self) -> bool | None:
        for word, value in _LITERALS.items():
            if self.raw.startswith(word, self.at):
                self.at += len(word)
                return value
        word = next(w for w in _LITERALS if w[0] == self.raw[self.at])
        wrong = next(i for i in range(len(word)) if self.raw[self.at + i : self.at + i + 1] != word[i : i + 1])
        self._fail_inside(f"in literal {word.decode()} (expecting '{chr(word[wrong])}')", self.at + wrong)

    def _number(self) -> Number:
        match = _NUMBER.match(self.raw, self.at)
        end = match.end() if match else self.at
        if end == self.at:
            self._fail_inside("in numeric literal", self.at + 1)
        written = self.raw[self.at : end]
        rest = self.raw[end : end + 1]
        if rest == b"." and b"." not in written and b"e" not in written.lower():
            self._fail_inside("after decimal point in numeric literal", end + 1)
        if rest in (b"e", b"E") and b"e" not in written.lower():
            sign = self.raw[end + 1 : end + 2] in (b"+", b"-")
            self._fail_inside("in exponent of numeric literal", end + 1 + sign)
        self.at = end
        return Number(written.decode("ascii"))


_HEX_DIGITS = tuple(bytes([c]) for c in b"0123456789abcdefABCDEF")


def _quote_char(code: int) -> str:
    """A byte as Go's scanner quotes it in errors: as the character of that number."""
    special = {
        39: "\\'",
        34: '"',
        92: "\\\\",
        7: "\\a",
        8: "\\b",
        12: "\\f",
        10: "\\n",
        13: "\\r",
        9: "\\t",
        11: "\\v",
    }
    if code in special:
        return f"'{special[code]}'"
    char = chr(code)
    if code < 32 or code == 127:
        return f"'\\x{code:02x}'"
    # Go counts the soft hyphen and the no-break space as not printable, as Python does
    return f"'{char}'" if char.isprintable() else f"'\\u{code:04x}'"


_FOLDED = {**{code: code - 32 for code in range(97, 123)}, 0x017F: ord("S"), 0x212A: ord("K")}


def fold(name: str) -> str:
    """A member name as encoding/json compares it when none fits exactly (fold.go), for field names that are
    ASCII: the long s and the Kelvin sign fold into ASCII, too.
    """
    return name.translate(_FOLDED)


def kind(value: Json) -> str:
    """What an UnmarshalTypeError calls the value."""
    if isinstance(value, Pairs):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, Number):
        return "number"
    return "bool" if isinstance(value, bool) else "string"


# ------------------------------------------------------------------------------------------------------------
# encoding/base64, and strings.TrimSpace

# unicode.IsSpace; str.strip() would take the four separators below the space as well
WHITE_SPACE = (
    "\t\n\v\f\r "
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

_OUTSIDE_BASE64 = lazily.pattern(rb"[^A-Za-z0-9+/\r\n]")


def decode_base64(field: bytes, padded: bool) -> bytes:
    """base64.StdEncoding (padded) or RawStdEncoding; raises GoError naming the byte. Line ends are
    skipped.
    """
    stop = _OUTSIDE_BASE64.search(field)
    end = stop.start() if stop else len(field)
    digits = field[:end].translate(None, b"\r\n")
    over = len(digits) % 4
    if stop is not None:
        _check_padding(field, end, over, padded)
    elif over == 1 or (over and padded):
        # the byte count of the last quantum, as Go counts it back from the end
        raise GoError(f"illegal base64 data at input byte {len(field) - over}")
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))


def _check_padding(field: bytes, at: int, over: int, padded: bool) -> None:
    """The byte at `at` is outside the alphabet: fine only as the padding that ends the text."""
    if not padded or field[at : at + 1] != b"=" or over < 2:
        raise GoError(f"illegal base64 data at input byte {at}")
    at = _skip_lines(field, at + 1)
    if over == 2:
        if at == len(field):
            raise GoError(f"illegal base64 data at input byte {at}")
        if field[at : at + 1] != b"=":
            raise GoError(f"illegal base64 data at input byte {at - 1}")
        at = _skip_lines(field, at + 1)
    if at < len(field):
        raise GoError(f"illegal base64 data at input byte {at}")


def _skip_lines(field: bytes, at: int) -> int:
    while field[at : at + 1] in (b"\r", b"\n"):
        at += 1
    return at


# ------------------------------------------------------------------------------------------------------------
# net/url and net


class HostPath(NamedTuple):
    """Host (with port) and path of an address, unescaped."""

    host: bytes
    path: bytes


_ESCAPED = lazily.pattern(rb"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE = lazily.pattern(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = lazily.pattern(rb"[\x00-\x1f\x7f]")
# encoding_table.go: ASCII that may stand in a host as it is; a percent sign only before hexadecimal digits
_NOT_HOST = lazily.pattern(rb"[^A-Za-z0-9!\"$&'()*+,\-.:;<=>\[\]_~\x80-\xff%]")
_USERINFO = lazily.pattern(rb"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_HOST_ESCAPE = lazily.pattern(rb"%(?!25)[0-7][0-9A-Fa-f]")
_PORT = lazily.pattern(rb"(?::[0-9]*)?")


def split_url(address: bytes) -> HostPath:
    """url.Parse of an https or http address; raises GoError where Go refuses it (text shortened to the
    reason).
    """
    # the fragment goes first: control characters in it are no error
    whole = address.partition(b"#")
    if _CONTROL.search(whole[0]):
        raise GoError("net/url: invalid control character in URL")
    rest = whole[0].partition(b"://")[2].partition(b"?")[0]
    authority, slash, tail = rest.partition(b"/")
    userinfo, at, host = authority.rpartition(b"@")
    host = _host(host)
    if at:
        if not _USERINFO.fullmatch(userinfo):
            raise GoError("net/url: invalid userinfo")
        _unescape(userinfo)
    path = _unescape(slash + tail)
    _unescape(whole[2])
    return HostPath(host, path)


def _unescape(part: bytes) -> bytes:
    broken = _BROKEN_ESCAPE.search(part)
    if broken:
        raise GoError(f"invalid URL escape {text(part[broken.start() : broken.start() + 3])!r}")
    return _ESCAPED.sub(lambda m: bytes([int(m.group(1), 16)]), part)


def _unescape_host(part: bytes) -> bytes:
    if _HOST_ESCAPE.search(part) or _NOT_HOST.search(part):
        raise GoError("invalid character in host name")
    return _unescape(part)


def _host(host: bytes) -> bytes:
    bracket = host.rfind(b"[")
    if bracket > 0:
        raise GoError("invalid IP-literal")
    if bracket == 0:
        end = host.rfind(b"]")
        if end < 0:
            raise GoError("missing ']' in host")
        if not _PORT.fullmatch(host, end + 1):
            raise GoError("invalid port after host")
        return b"[" + _ip_literal(host[1:end]) + b"]" + host[end + 1 :]
    colon = host.find(b":")
    if colon >= 0 and not _PORT.fullmatch(host, colon):
        raise GoError("invalid port after host")
    return _unescape_host(host)


def _ip_literal(literal: bytes) -> bytes:
    zone_at = literal.find(b"%25")
    if zone_at < 0:
        name = _unescape_host(literal)
    else:
        name = _unescape_host(literal[:zone_at]) + _unescape_zone(literal[zone_at:])
    address, percent, zone = name.partition(b"%")
    if (percent and not zone) or not _is_ipv6(address):
        raise GoError("invalid host")
    return name


def _unescape_zone(zone: bytes) -> bytes:
    if _NOT_HOST.search(zone):
        raise GoError("invalid character in host name")
    for escape in _ESCAPED.finditer(zone):
        value = int(escape.group(1), 16)
        plain = bytes([value])
        # shouldEscape: everything outside the host's own characters, which a high byte is, too
        if escape.group() != b"%25" and value != 32 and (value > 127 or _NOT_HOST.search(plain) or plain == b"%"):
            raise GoError("invalid URL escape")
    return _unescape(zone)


def _is_ipv6(address: bytes) -> bool:
    try:
        IPv6Address(address.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError):
        return False
    return True


def split_host_port(address: bytes) -> tuple[bytes, bytes]:
    """As the keyring uses net.SplitHostPort (keyring.go SplitURL): all of it as host where there is no
    port.
    """
    colon = address.rfind(b":")
    if colon < 0:
        return address, b""
    host, port = address[:colon], address[colon + 1 :]
    if address.startswith(b"["):
        end = address.find(b"]")
        if end < 0 or end + 1 != colon or b"[" in address[1:] or b"]" in address[end + 1 :]:
            return address, b""
        return address[1:end], port
    if b":" in host or b"[" in address or b"]" in address:
        return address, b""
    return host, port


# ------------------------------------------------------------------------------------------------------------
# path/filepath.Match


def glob_matches(pattern: bytes, name: bytes) -> bool:
    """filepath.Match for one label of a registry key's host and one of an image's. Linear in both.

    `split_url` leaves of its special characters the star, and a bracket only around an IPv6 address: which
    then is a class of characters (a zone does not survive that the keyring parses its own key again).
    """
    if pattern.startswith(b"["):
        return pattern.endswith(b"]") and len(name) == 1 and name in pattern[1:-1]
    return _stars_match(pattern.split(b"*"), name)


def _stars_match(parts: list[bytes], name: bytes) -> bool:
    """Whether the parts stand in the name in order, the first at its beginning, the last at its end."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return first == name
    at, end = len(first), len(name) - len(last)
    if end < at or not name.startswith(first) or not name.endswith(last):
        return False
    for part in parts[1:-1]:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True

"""One HTTP request to one address: bounded in size and time, never redirected behind our back."""

from __future__ import annotations

import email.utils
import http.client
import json
import ssl
import time
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote

from .address import Address, network_outcome
from .observation import printable
from .tcp_connect import dial
from .timing import Deadline, Stopwatch, Watchdog

PATIENCE = 10.0
"""Seconds of silence. A whole request may take LONGER times as many."""
LONGER = 1.4
ERROR_BODY = 64 << 10
MOST_VALUE = 16 << 10
"""Characters of a header that is used and not only shown: signed addresses of blobs have some thousands."""
MOST_OBJECTS, MOST_VALUES = 20_000, 100_000
"""Of a JSON document: 4 MiB of empty objects take 270 MiB, and a probe has 128. An index has two objects for an image."""
USER_AGENT = "kubectl-imagepull"
AS_IT_IS = "%/:@!$&'()*+,;=?~-._"
"""Characters of a path and its query that need no quoting (RFC 3986, 3.3 and 3.4), and those that are quoted already."""


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    """The HTTP status, 0 where nothing came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower case -> as they may be shown, each cut at 2,000 characters."""
    challenges: Tuple[str, ...] = ()
    """The WWW-Authenticate lines as they were sent, to be used."""
    location: str = ""
    """The Location header as it was sent, to be used; see too_long."""
    body: bytes = b""
    """As much of it as was asked for."""
    cut: bool = False
    """There is more of it."""
    trouble: str = ""
    """Without a status, what happened (timeout, slow, reset, closed, garbage, …); with one, how the body ended before its end."""
    detail: str = ""
    """The same in the system's words."""
    ms: float = 0.0
    """Milliseconds that it took."""

    @property
    def too_long(self) -> bool:
        """True where the address that a redirect leads to is longer than one that is followed."""
        return len(self.location) > MOST_VALUE

    @property
    def too_many(self) -> bool:
        """True where the body, as JSON, would be of more objects than fit into a probe's memory."""
        objects = self.body.count(b"{") + self.body.count(b"[")
        return objects > MOST_OBJECTS or self.body.count(b",") > MOST_VALUES

    @property
    def document(self) -> Any:
        """The body as JSON, None where it is not, or where it has `too_many` objects."""
        if self.too_many:
            return None
        try:
            # the default for numbers takes time that grows with the square of their length (before Python 3.11)
            return json.loads(self.body.decode("utf-8", "replace"), parse_int=_short_int) if self.body else None
        except (ValueError, RecursionError):
            return None

    @property
    def errors(self) -> List[Dict[str, str]]:
        """The registry's own errors: code and message (distribution-spec, "Error Codes"); at most five."""
        document = self.document
        listed = document.get("errors") if isinstance(document, dict) else None
        found = []
        for entry in listed[:5] if isinstance(listed, list) else []:
            if isinstance(entry, dict):
                found.append(
                    {
                        "code": printable(entry.get("code") or "", 60),
                        "message": printable(entry.get("message") or "", 300),
                    }
                )
        return found

    @property
    def skew(self) -> Optional[float]:
        """Seconds by which this machine's clock is ahead of the server's, None where it does not say or a cache answers."""
        if "age" in self.headers:
            return None
        try:
            date = email.utils.parsedate_to_datetime(self.headers.get("date", ""))
            return round(time.time() - date.timestamp(), 1)
        except (TypeError, ValueError, OverflowError):
            return None

    @property
    def said(self) -> str:
        """The reply in a few words: status, then the registry's own words where it gave any."""
        if not self.status:
            return self.detail or self.trouble
        words = [f"HTTP {self.status}"]
        for entry in self.errors[:1]:
            words.append(" ".join(w for w in (entry["code"], entry["message"]) if w))
        return " ".join(words)


def _short_int(text: str) -> int:
    return int(text) if len(text) <= 20 else 0


def ask(
    method: str,
    address: Address,
    path: str,
    deadline: Deadline,
    context: Optional[ssl.SSLContext],
    headers: Optional[Mapping[str, str]] = None,
    most: int = ERROR_BODY,
    body: bytes = b"",
) -> Reply:
    """Send one request over a new connection to address.ip. context None: plain HTTP. Reads at most `most` bytes of body.

    body: what is sent, of which the type is among the headers.

    Takes at most LONGER * PATIENCE seconds, and what is left of the deadline.
    """
    watch = Stopwatch()
    sent = {"Host": address.authority, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
    longest = deadline.left(PATIENCE * LONGER)
    path = quote(path, safe=AS_IT_IS)
    if context is None and address.via:
        path = f"http://{address.authority}{path}"  # RFC 9112, absolute-form: for proxies
    status = 0
    kept: Dict[str, str] = {}
    challenges: Tuple[str, ...] = ()
    location = ""
    received: List[bytes] = []
    cut = False
    with Watchdog(longest) as dog:
        connection = _Connection(address, context, longest / LONGER, dog)
        try:
            connection.request(method, path, body or None, sent)
            response = connection.getresponse()
            if dog.fired:  # the rest of the headers never came
                raise http.client.HTTPException("headers cut")
            for name, value in response.headers.items():
                known = kept.get(name.lower())
                kept[name.lower()] = printable(value if known is None else f"{known}, {value}", 2000)
            challenges = tuple(str(v) for v in response.headers.get_all("WWW-Authenticate", [])[:10])
            location = str(response.headers.get("Location", ""))
            status = response.status
            cut = _read(response, most, deadline, received)
        except (http.client.HTTPException, OSError, ValueError) as error:
            trouble = "slow" if dog.fired else _trouble(error)
            detail = f"not done after {watch.ms / 1000:.0f} s" if dog.fired else printable(_plain(error))
            return Reply(status, kept, challenges, location, b"".join(received), True, trouble, detail, watch.ms)
        finally:
            connection.close()
    trouble, detail = ("slow", f"not done after {watch.ms / 1000:.0f} s") if dog.fired else ("", "")
    return Reply(
        status, kept, challenges, location, b"".join(received)[:most], cut or dog.fired, trouble, detail, watch.ms
    )


class _Connection(http.client.HTTPConnection):
    """To an address that is known, whatever its name resolves to; each of its sockets is shown to the watchdog.

    Python's own client and no other: it is there as byte code, and a node's Python would compile another one at every start.
    """

    def __init__(self, address: Address, context: Optional[ssl.SSLContext], seconds: float, dog: Watchdog) -> None:
        super().__init__(address.ip, address.port, timeout=seconds)
        self._address, self._context, self._seconds, self._dog = address, context, seconds, dog

    def connect(self) -> None:
        address = self._address
        if self._context is None and address.via:
            address = replace(address, port=address.via, via=0)  # a proxy takes plain HTTP without a tunnel
        self.sock = dial(address, self._seconds)
        self.sock.settimeout(self._seconds)
        self._dog.watch(self.sock)
        if self._context is not None:
            secured = self._context.wrap_socket(self.sock, server_hostname=address.host, do_handshake_on_connect=False)
            self.sock = secured
            self._dog.watch(secured)
            secured.do_handshake()


def _trouble(error: BaseException) -> str:
    word = network_outcome(error)
    if word != "error":
        return word
    inner: Optional[BaseException] = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError):
            return "closed"  # the handshake was done before: the conversation breaks off
        inner = inner.__cause__ or inner.__context__
    return "closed" if "without response" in str(error) or "IncompleteRead" in str(error) else "garbage"


def _read(response: http.client.HTTPResponse, most: int, deadline: Deadline, parts: List[bytes]) -> bool:
    """The body up to `most` bytes into parts. -> True where there is more, or time ran out."""
    size = 0
    while size <= most:
        if deadline.over:
            return True
        part = response.read1(min(65536, most + 1 - size))
        if not part:
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            return False
        parts.append(part)
        size += len(part)
    return True


def _plain(error: BaseException) -> str:
    """The innermost cause's own words."""
    inner: BaseException = error
    for _ in range(5):
        below = inner.__cause__ or inner.__context__
        if below is None:
            break
        inner = below
    return str(inner) or type(inner).__name__

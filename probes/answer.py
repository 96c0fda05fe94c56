"""What every probe returns, and the time it may take."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Dict, List, Optional, Type


@dataclass(frozen=True)
class Seen:
    """One answer. outcome: a word of the probe's own list; summary: one line for a person; data: JSON values, named as the fields
    of the hop's detail; ms: taken; attempt: the mirror that was being tried; via: the secret whose credential was shown."""

    outcome: str
    summary: str
    data: Dict[str, Any] = field(default_factory=dict)
    ms: float = 0.0
    attempt: str = ""
    via: str = ""


@dataclass(frozen=True)
class Address:
    """Where to connect. host: the name that TLS and HTTP use; ip: the address that is dialled; via: 0, or the port of the proxy
    at ip that leads to host and port."""

    host: str
    port: int
    ip: str
    via: int = 0

    @property
    def family(self) -> int:
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET

    @property
    def authority(self) -> str:
        """host as an HTTP Host header and a URL have it: the port only where it is not 443, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


class Deadline:
    """A point in time that several steps share."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self, at_most: Optional[float] = None) -> float:
        """Seconds left, never less than 0.05 (a time-out of 0 would mean non-blocking), never more than at_most."""
        left = max(0.05, self._end - time.monotonic())
        return left if at_most is None else min(left, at_most)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._end


class Watchdog:
    """Ends a conversation after some seconds however slowly the other side goes on: a socket's own time-out begins anew with
    every byte. fired: it did."""

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self._socks: List[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> Watchdog:
        self._timer.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._timer.cancel()

    def watch(self, sock: socket.socket) -> None:
        """This socket belongs to the conversation."""
        with self._lock:
            self._socks.append(sock)

    def _bite(self) -> None:
        self.fired = True
        with self._lock:
            for sock in self._socks:
                with contextlib.suppress(OSError, ValueError):
                    socket.socket.shutdown(
                        sock, socket.SHUT_RDWR
                    )  # not SSLSocket's own, which another thread may be in


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def ms(self) -> float:
        return round((time.monotonic() - self._start) * 1000, 1)


def network_outcome(error: BaseException) -> str:
    """The word for a failed network call: refused, timeout, no-route, reset, closed, or error.

    Linux says EHOSTUNREACH both for a host that does not answer on its segment and for a firewall that rejects with
    "administratively prohibited", so no-route covers both.
    """
    cause: Optional[BaseException] = error
    seen = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, (socket.timeout, TimeoutError)):
            return "timeout"
        # the last is a ConnectionResetError by name, but what it tells of is an orderly end without an answer
        if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError, http.client.RemoteDisconnected)):
            return "closed"
        number = getattr(cause, "errno", None)
        if isinstance(cause, ConnectionRefusedError) or number == errno.ECONNREFUSED:
            return "refused"
        if isinstance(cause, (ConnectionResetError, BrokenPipeError)) or number == errno.ECONNRESET:
            return "reset"
        if number in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL, errno.EACCES):
            return "no-route"
        if number == errno.ETIMEDOUT:
            return "timeout"
        reason = getattr(cause, "reason", None)
        cause = cause.__cause__ or cause.__context__ or (reason if isinstance(reason, BaseException) else None)
    return "error"


def printable(text: Any, at_most: int = 300) -> str:
    """Text from outside as one line: control characters escaped, cut at at_most characters."""
    text = text if isinstance(text, str) else str(text)
    cut = text[: at_most + 1]
    shown = "".join(c if c.isprintable() else " " if c in "\r\n\t" else repr(c)[1:-1] for c in cut)
    return shown[:at_most] + ("…" if len(text) > at_most else "")

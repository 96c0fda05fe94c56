"""An address to connect to, and the word for how that ends."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Address:
    """Where to connect."""

    host: str
    """The name that TLS and HTTP use."""
    port: int
    """Its port."""
    ip: str
    """The address that is dialled."""
    via: int = 0
    """The port of the proxy at `ip` that leads to host and port; 0 for a direct way."""

    @property
    def family(self) -> int:
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET

    @property
    def authority(self) -> str:
        """host as an HTTP Host header and a URL have it: the port only where it is not 443, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


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

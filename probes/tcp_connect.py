"""Does anything listen there?"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .address import Address, network_outcome
from .observation import Observation, printable
from .timing import Deadline, Stopwatch, wait_until

PATIENCE = 5.0
"""Seconds for one connection: a second lost SYN is sent again after 1 s and 3 s, so 5 s covers two losses."""
MOST = 8
MOST_HEAD = 4096


def connect(addresses: Sequence[Address], deadline: Deadline) -> Tuple[Observation, Optional[Address]]:
    """Open one TCP connection to each address at once. -> what was seen, and the first address that is open.

    outcome open (at least one) | refused | timeout | no-route | reset | error (all the same) | mixed. data.tried: one entry
    an address with its own outcome and milliseconds.
    """
    watch = Stopwatch()
    chosen = list(addresses[:MOST])
    with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
        tried: List[Dict[str, Any]] = list(pool.map(lambda a: _one(a, deadline), chosen))
    good = [(a, t) for a, t in zip(chosen, tried) if t["outcome"] == "open"]
    words = sorted({t["outcome"] for t in tried})
    outcome = "open" if good else words[0] if len(words) == 1 else "mixed"
    if good:
        address, first = good[0]
        summary = f"{address.ip}:{address.port} open in {first['ms']:.0f} ms"
        bad = [t for t in tried if t["outcome"] != "open"]
        if bad:
            summary += f"; {len(bad)} of {len(tried)} addresses do not answer"
        return Observation(outcome, summary, {"tried": tried}, watch.ms), address
    summary = "; ".join(f"{t['ip']}:{t['port']} {SAID.get(t['outcome'], t['outcome'])}" for t in tried[:3])
    return Observation(outcome, summary, {"tried": tried}, watch.ms), None


SAID = {
    "refused": "connection refused",
    "timeout": f"no answer within {PATIENCE:.0f} s",
    "no-route": "no route to host",
    "reset": "connection reset",
}


def _one(address: Address, deadline: Deadline) -> Dict[str, Any]:
    watch = Stopwatch()
    outcome, detail = "open", ""
    try:
        with socket.socket(address.family, socket.SOCK_STREAM) as sock:
            sock.settimeout(deadline.left(PATIENCE))
            sock.connect((address.ip, address.port))
    except OSError as error:
        outcome, detail = network_outcome(error), str(error)[:200]
    return {"ip": address.ip, "port": address.port, "outcome": outcome, "detail": detail, "ms": watch.ms}


class NoTunnel(OSError):
    """A proxy that does not lead to a host. outcome: its status, closed or garbage."""

    def __init__(self, outcome: str, said: str) -> None:
        super().__init__(said)
        self.outcome = outcome


def dial(address: Address, seconds: float) -> socket.socket:
    """A TCP connection to an address, through its proxy where it has one (RFC 9110, CONNECT), without credentials.

    Raises OSError, NoTunnel for a proxy that answers something else than a tunnel.
    """
    sock = socket.create_connection((address.ip, address.via or address.port), timeout=seconds)
    # else a request waits until the end of the handshake before it is acknowledged (RFC 896): 40 ms each
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.via:
        return sock
    try:
        authority = f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
        sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode("ascii", "replace"))
        _read_head(sock, time.monotonic() + seconds)
    except BaseException:
        sock.close()
        raise
    return sock


def _read_head(sock: socket.socket, end: float) -> None:
    """The proxy's answer to CONNECT, byte by byte: what follows it is the other side's. Raises NoTunnel."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        wait_until(end, sock)
        byte = sock.recv(1)
        if not byte and not head:
            raise NoTunnel("closed", "the connection ends without an answer")
        head += byte
        words = head.split(b"\r\n")[0].decode("latin-1").split(" ")
        if len(head) > MOST_HEAD or not byte or not (head.startswith(b"HTTP/") or b"HTTP/".startswith(head)):
            raise NoTunnel("garbage", f"it answers {printable(' '.join(words), 80)}")
    if len(words) < 2 or not (words[1].isdigit() and len(words[1]) == 3):
        raise NoTunnel("garbage", f"it answers {printable(' '.join(words), 80)}")
    if not words[1].startswith("2"):
        raise NoTunnel(words[1], f"it answers {printable(' '.join(words[1:]), 80)}")


def tunnel(address: Address, deadline: Deadline) -> Observation:
    """Ask the proxy of an address to lead to it.

    -> outcome tunnel | the proxy's status | timeout | reset | closed | garbage | error.
    """
    watch = Stopwatch()
    asked = f"asked for {address.host}:{address.port}"
    try:
        dial(address, deadline.left(PATIENCE)).close()
    except NoTunnel as error:
        return Observation(error.outcome, f"{asked}, {error}", {}, watch.ms)
    except (OSError, UnicodeError) as error:
        return Observation(network_outcome(error), printable(f"{asked}: {error}"), {}, watch.ms)
    return Observation("tunnel", f"lets through to {address.host}:{address.port}", {}, watch.ms)

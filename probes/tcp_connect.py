"""Does anything listen there?"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .seen import Address, Deadline, Seen, Stopwatch, network_outcome, printable

PATIENCE = 5.0
"""Seconds for one connection: a second lost SYN is sent again after 1 s and 3 s, so 5 s covers two losses."""
MOST = 8


def connect(addresses: Sequence[Address], deadline: Deadline) -> Tuple[Seen, Optional[Address]]:
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
        return Seen(outcome, summary, {"tried": tried}, watch.ms), address
    summary = "; ".join(f"{t['ip']}:{t['port']} {SAID.get(t['outcome'], t['outcome'])}" for t in tried[:3])
    return Seen(outcome, summary, {"tried": tried}, watch.ms), None


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


def tunnel(proxy: Address, host: str, port: int, deadline: Deadline) -> Seen:
    """Ask an HTTP proxy for a connection to host (RFC 9110, CONNECT), without credentials.

    -> outcome tunnel | the proxy's status | timeout | reset | closed | garbage | error.
    """
    watch = Stopwatch()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        with socket.create_connection((proxy.ip, proxy.port), timeout=deadline.left(PATIENCE)) as sock:
            sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
            first = sock.recv(500).split(b"\r\n")[0].decode("latin-1")
    except OSError as error:
        return Seen(network_outcome(error), printable(f"asked for {authority}: {error}"), {}, watch.ms)
    words = first.split(" ")
    if not first:
        return Seen("closed", f"asked for {authority}: the connection ends without an answer", {}, watch.ms)
    if not first.startswith("HTTP/") or len(words) < 2 or not (words[1].isdigit() and len(words[1]) == 3):
        return Seen("garbage", f"asked for {authority}: {printable(first, 80)}", {}, watch.ms)
    if words[1].startswith("2"):
        return Seen("tunnel", f"lets through to {authority}", {}, watch.ms)
    return Seen(words[1], f"asked for {authority}, it answers {printable(' '.join(words[1:]), 80)}", {}, watch.ms)

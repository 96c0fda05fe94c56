"""Does anything listen there?"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .seen import Address, Deadline, Seen, Stopwatch, network_outcome

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

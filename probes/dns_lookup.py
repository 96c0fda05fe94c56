"""Does the name resolve, and what does each resolver say?"""

from __future__ import annotations

import ipaddress
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Sequence, Tuple

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from .address import network_outcome
from .host.resolver import ResolvConf
from .observation import Observation, printable
from .resolved import is_address, with_routes
from .timing import Deadline, Stopwatch, wait_until

PORT = 53
MOST = 65535
"""Bytes of a message (RFC 1035, 4.2.2)."""
PATIENCE = 2.0
"""Seconds for one question, asked twice. Go waits 5 s and also asks twice; less is enough to tell silence from an answer."""


def lookup(
    host: str, conf: Optional[ResolvConf], hosts: Sequence[str], deadline: Deadline, label: str = "host"
) -> Observation:
    """Resolve host as a Go program with this resolv.conf and these hosts-file addresses would.

    -> outcome ok | literal | hosts-file | nxdomain | server-failure | timeout | no-data | no-usable-address |
    no-resolver. data: addresses, servers (one entry a server and name: server, name, outcome, ms, addresses).
    Order of names and servers: go src/net/dnsclient_unix.go (goLookupIPCNAMEOrder, tryOneName).
    """
    watch = Stopwatch()
    if is_address(host):
        return Observation("literal", "an address, nothing to resolve", {"addresses": [host]}, watch.ms)
    if hosts:
        return with_routes("hosts-file", list(hosts), f"{', '.join(hosts)} from /etc/hosts", {}, watch)
    if conf is None:
        return Observation("no-resolver", "the resolver configuration cannot be read", {}, watch.ms)
    tries: List[Dict[str, Any]] = []
    for name in conf.candidates(host):
        with ThreadPoolExecutor(max_workers=max(1, len(conf.servers))) as pool:
            answers = list(pool.map(lambda server, n=name: ask(server, n, deadline), conf.servers))
        tries.extend(answers)
        decisive = next((a for a in answers if a["outcome"] in ("ok", "nxdomain", "no-data")), None)
        if decisive and decisive["outcome"] == "ok":
            server = f"{decisive['server']}"
            said = f"{', '.join(decisive['addresses'][:3])} from {server} in {decisive['ms']:.0f} ms"
            if decisive["name"] != host.rstrip(".") + ".":
                said += f", completed by the search list to {decisive['name'].rstrip('.')}"
            if all(_blocking(ip) for ip in decisive["addresses"]):
                said += ", which is this machine itself: so answer resolvers that block a name"
            silent = [a for a in answers if a["outcome"] not in ("ok", "nxdomain", "no-data")]
            if silent:
                said += f"; {', '.join(a['server'] for a in silent)} does not help ({silent[0]['outcome']})"
            return with_routes("ok", decisive["addresses"], said, {"servers": tries, "resolver": label}, watch)
        if deadline.over:
            break
    outcome, summary = _why_not(host, tries)
    return Observation(outcome, summary, {"servers": tries, "resolver": label, "addresses": []}, watch.ms)


def beside(host: str, seen: Observation, conf: ResolvConf, deadline: Deadline) -> Optional[Observation]:
    """What a second resolver says of a name that was asked for already; None where it says the same or nobody was asked.

    -> outcome differs: one of them resolves the name and the other does not, or one gives addresses of a private network and
    the other public ones. Addresses differ by themselves where a name has many. data: server, name, other_outcome, addresses.
    """
    if seen.outcome in ("literal", "hosts-file", "no-resolver"):
        return None
    other = lookup(host, conf, (), deadline, "kubelet")
    mine, theirs = seen.data.get("addresses") or [], other.data.get("addresses") or []
    if bool(mine) == bool(theirs) and (not mine or _private(mine) == _private(theirs)):
        return None
    data = {"server": ", ".join(conf.servers), "name": host, "other_outcome": other.outcome, "addresses": theirs}
    said = f"the kubelet's resolver, which pods get, says otherwise of {host}: {other.summary}"
    return Observation("differs", said, data, other.ms)


def _blocking(ip: str) -> bool:
    address = ipaddress.ip_address(ip)
    return address.is_unspecified or address.is_loopback


def _private(addresses: Sequence[str]) -> bool:
    return all(ipaddress.ip_address(ip).is_private for ip in addresses)


def _why_not(host: str, tries: Sequence[Dict[str, Any]]) -> Tuple[str, str]:
    """What the tries amount to, and the line that says it, for the name as it was written."""
    plain = [t for t in tries if t["name"] == host.rstrip(".") + "."] or list(tries)
    answered = next((t for t in plain if t["outcome"] in ("nxdomain", "no-data")), None)
    if answered:
        words = {"nxdomain": "says that the name does not exist", "no-data": "has no address for the name"}
        return answered["outcome"], f"{answered['server']} {words[answered['outcome']]}"
    servers = ", ".join(sorted({t["server"] for t in plain}))
    if all(t["outcome"] == "timeout" for t in plain):
        return "timeout", f"no answer from {servers}"
    said = sorted({f"{t['server']}: {t['outcome']}" for t in plain})
    return "server-failure", "; ".join(said)


def ask(server: str, name: str, deadline: Deadline) -> Dict[str, Any]:
    """Ask one server for A and AAAA. -> outcome ok | nxdomain | no-data | servfail | refused | port-closed | timeout | …"""
    watch = Stopwatch()
    with ThreadPoolExecutor(max_workers=2) as pool:
        four, six = pool.map(lambda kind: _ask_one(server, name, kind, deadline), ("A", "AAAA"))
    addresses = [*four[1], *six[1]]
    outcome = "ok" if addresses else four[0] if four[0] != "no-data" else six[0]
    return {"server": server, "name": name, "outcome": outcome, "addresses": addresses, "ms": watch.ms}


def _ask_one(server: str, name: str, kind: str, deadline: Deadline) -> Tuple[str, List[str]]:
    """One question over UDP, twice, then TCP where the answer was cut."""
    outcome = "timeout"
    for _ in range(2):
        if deadline.over:
            break
        try:
            answer = _exchange(server, dns.message.make_query(name, kind), deadline.left(PATIENCE))
        except socket.timeout:
            outcome = "timeout"
            continue
        except OSError as error:
            word = network_outcome(error)
            return {"refused": "port-closed", "no-route": "unreachable"}.get(word, word), []
        except Exception as error:  # a damaged answer is the server's fault, and untrusted input
            return f"bad answer ({printable(type(error).__name__, 60)})", []
        code = answer.rcode()
        if code == dns.rcode.NXDOMAIN:
            return "nxdomain", []
        if code != dns.rcode.NOERROR:
            return dns.rcode.to_text(code).lower(), []
        wanted = dns.rdatatype.from_text(kind)
        found = [item.address for rrset in answer.answer if rrset.rdtype == wanted for item in rrset]
        return ("ok" if found else "no-data"), found
    return outcome, []


class NotTheAnswer(Exception):
    """What came back answers another question."""


def _exchange(server: str, query: dns.message.Message, seconds: float) -> dns.message.Message:
    """UDP, and TCP where the answer was cut (RFC 1035, 4.2).

    The sockets are our own: dns.query does the same, but imports zones, transfers and QUIC with it, which a node's Python would
    compile at every start. Raises socket.timeout after so many seconds, OSError, and what dns.message raises for damage.
    """
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    wire = query.to_wire()
    # connected, so that an ICMP "port unreachable" is seen at once instead of as silence
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.connect((server, PORT))
        sock.send(wire)
        answer = _answer(sock.recv(MOST), query)
    if answer.flags & dns.flags.TC:
        end = time.monotonic() + seconds
        with socket.create_connection((server, PORT), seconds) as sock:
            sock.sendall(len(wire).to_bytes(2, "big") + wire)
            answer = _answer(_exactly(sock, int.from_bytes(_exactly(sock, 2, end), "big"), end), query)
    return answer


def _answer(wire: bytes, query: dns.message.Message) -> dns.message.Message:
    answer = dns.message.from_wire(wire)
    if not query.is_response(answer):
        raise NotTheAnswer
    return answer


def _exactly(sock: socket.socket, count: int, end: float) -> bytes:
    """So many bytes until that time (time.monotonic). Raises EOFError, socket.timeout."""
    found = b""
    while len(found) < count:
        wait_until(end, sock)
        part = sock.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found

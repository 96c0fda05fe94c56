"""What a name resolves to where this machine's own resolver is asked, and whether its addresses can be reached at all."""

from __future__ import annotations

import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

from .observation import Observation, printable
from .timing import Deadline, Stopwatch


def is_address(host: str) -> bool:
    """True for an IPv4 or IPv6 literal, which nobody needs to resolve."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def system_lookup(host: str, deadline: Deadline) -> Observation:
    """Resolve host as this machine's own programs do (getaddrinfo): hosts file, VPN and split DNS included.

    -> outcome ok | literal | nxdomain | server-failure | timeout | no-usable-address.
    """
    watch = Stopwatch()
    if is_address(host):
        return Observation("literal", "an address, nothing to resolve", {"addresses": [host]}, watch.ms)
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(socket.getaddrinfo, host, None, 0, socket.SOCK_STREAM)
    try:
        found = future.result(timeout=deadline.left(6))
    except socket.gaierror as error:
        gone = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        outcome = "nxdomain" if gone else "server-failure"
        return Observation(outcome, printable(error.strerror or error), {"addresses": []}, watch.ms)
    except Exception:
        return Observation("timeout", "the resolver of this machine does not answer", {"addresses": []}, watch.ms)
    finally:
        pool.shutdown(wait=False)
    addresses = list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))
    return with_routes("ok", addresses, ", ".join(addresses[:3]), {}, watch)


def with_routes(outcome: str, addresses: List[str], said: str, data: Dict[str, Any], watch: Stopwatch) -> Observation:
    """The same, or no-usable-address where there is no route for the family of any address."""
    usable = [ip for ip in addresses if has_route(ip)]
    data = {**data, "addresses": addresses, "usable": usable}
    if usable:
        return Observation(outcome, said, data, watch.ms)
    family = "IPv6" if all(":" in ip for ip in addresses) else "these"
    return Observation("no-usable-address", f"{said}, but there is no route for {family} addresses", data, watch.ms)


def has_route(ip: str) -> bool:
    """True where the kernel has a route for the address; sends nothing."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((ip, 443))
    except OSError:
        return False
    return True

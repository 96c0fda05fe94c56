"""Which addresses are this machine's own, its link's or its cloud's: nobody from outside may send us there.

Behind such an address are the node's own services and the metadata service that hands out the machine's credentials.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Iterable, Optional, Tuple, Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

OWN: Tuple[Tuple[str, str], ...] = (
    # RFC 6890, tables 1 to 20 (2013-04)
    ("0.0.0.0/8", "this host"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local, metadata services among them"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("fe80::/10", "link-local"),
)
"""(network, what it is): the machine's own and its link's."""

METADATA: Tuple[Tuple[str, str], ...] = (
    # the clouds' own documentation of their metadata services, read 2026-11-28
    ("169.254.169.254/32", "metadata service of most clouds"),
    ("169.254.170.0/24", "AWS: credentials of ECS tasks (.2) and of EKS pods (.23)"),
    ("169.254.42.42/32", "Scaleway"),
    ("169.254.0.23/32", "Tencent Cloud"),
    ("100.100.100.200/32", "Alibaba Cloud"),
    ("168.63.129.16/32", "Azure: WireServer"),
    ("192.0.0.192/32", "Oracle Cloud Classic"),
    ("fd00:ec2::/32", "AWS: metadata (::254) and EKS pod identity (::23)"),
    ("fd20:ce::254/128", "Google Cloud"),
    ("fd00:c1::a9fe:a9fe/128", "Oracle Cloud"),
    ("fd00:42::42/128", "Scaleway"),
    ("fd00:a9fe:a9fe::1/128", "Akamai (Linode)"),
    ("fd00:100::100:200/128", "Alibaba Cloud"),
)
"""(network, whose): what answers there gives away the machine's credentials. sh/52-inward.sh has the same list."""

_OWN = tuple(ipaddress.ip_network(network) for network, _ in OWN)
_METADATA = tuple(ipaddress.ip_network(network) for network, _ in METADATA)
_NAT64 = tuple(ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48"))  # RFC 6052, RFC 8215
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291 section 2.5.5.1


def address_of(host: str) -> Optional[Address]:
    """The address that a host is, in any way in which resolvers take one (inet_aton(3): 0x7f.1, 017700000001, 2130706433);
    None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host.isascii() and " " not in host else None
    except (OSError, ValueError):
        return None


def _reached(address: Address) -> Tuple[Address, ...]:
    """The address and the IPv4 one that it leads to, where it holds one: mapped, compatible, NAT64, 6to4 (RFC 3056)."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    number, inner = int(address), address.ipv4_mapped
    if inner is None and (address in _COMPATIBLE or any(address in network for network in _NAT64)):
        inner = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    inner = inner or address.sixtofour
    return (address,) if inner is None else (address, inner)


def inward(host: str) -> bool:
    """True for an address of this machine, of its link or of its cloud; False for a name and every other address."""
    address = address_of(host)
    return address is not None and any(
        one in network for one in _reached(address) for network in (*_OWN, *_METADATA) if one.version == network.version
    )


def metadata(host: str) -> bool:
    """True for an address at which a cloud hands out the machine's credentials."""
    address = address_of(host)
    return address is not None and any(
        one in network for one in _reached(address) for network in _METADATA if one.version == network.version
    )


def all_inward(addresses: Iterable[str]) -> bool:
    """True for a host that is nowhere else: it may send to its own kind. False for one without addresses."""
    listed = list(addresses)
    return bool(listed) and all(inward(one) for one in listed)


def first_forbidden(addresses: Iterable[str], from_inside: bool) -> str:
    """The first address at which a host that a registry named must not be asked, "" for none.

    from_inside: the registry is itself on such addresses only (`all_inward`), and so are its token and blob hosts; a metadata
    service is never among them.
    """
    return next((one for one in addresses if metadata(one) or (inward(one) and not from_inside)), "")

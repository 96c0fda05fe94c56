"""The host's resolver: resolv.conf, systemd-resolved behind it, and the hosts file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Optional, Tuple


@dataclass(frozen=True)
class ResolvConf:
    """What resolv.conf(5) says."""

    servers: Tuple[str, ...]
    """Addresses; the local host where none is named, as for glibc and Go."""
    search: Tuple[str, ...] = ()
    """Domains that complete a name."""
    ndots: int = 1
    """From how many dots on a name is asked for as it is first."""

    def candidates(self, name: str) -> Tuple[str, ...]:
        """The absolute names that are asked for name, in Go's order (go: src/net/dnsclient_unix.go nameList)."""
        if name.endswith("."):
            return (name,)
        plain = name + "."
        longer = tuple(f"{plain}{s.strip('.')}." for s in self.search if s.strip("."))
        return (plain, *longer) if name.count(".") >= self.ndots else (*longer, plain)


def resolv_conf(text: Optional[str]) -> Optional[ResolvConf]:
    """Parse resolv.conf; None stays None. Three servers and six search domains count, as in Go and glibc."""
    if text is None:
        return None
    servers: List[str] = []
    search: Tuple[str, ...] = ()
    ndots = 1
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver" and len(servers) < 3:
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:7])
        elif words[0] == "options":
            for option in words[1:]:
                if option.startswith("ndots:") and option[6:].isdigit():
                    ndots = min(15, int(option[6:]))
    return ResolvConf(tuple(servers) or ("127.0.0.1",), search, ndots)


STUB = "127.0.0.53"
SOCKETS = "/proc/net/udp"


def stub_listens() -> bool:
    """Whether systemd-resolved's stub can be asked on this network."""
    try:
        with open(SOCKETS) as file:
            return any(line.split()[1:2] == ["3500007F:0035"] for line in file)
    except OSError:
        return False


def stub_behind(root: str, own: Optional[ResolvConf]) -> Optional[ResolvConf]:
    """What the host's resolv.conf says where it is a link to systemd-resolved's, in /run, which is not mounted; None where it is
    not, or where the stub does not listen on this network. own: the kubelet's, which has the same search domains."""
    try:
        target = os.readlink(f"{root}/etc/resolv.conf")
    except OSError:
        return None
    if not target.endswith("systemd/resolve/stub-resolv.conf") or not stub_listens():
        return None
    return ResolvConf((STUB,), own.search if own else (), own.ndots if own else 1)


def hosts_addresses(text: Optional[str], name: str) -> Tuple[str, ...]:
    """The addresses that a hosts file gives to name (any case, trailing dot ignored)."""
    wanted = name.rstrip(".").lower()
    found: List[str] = []
    for line in (text or "").splitlines():
        words = line.split("#")[0].split()
        if len(words) > 1 and wanted in (w.rstrip(".").lower() for w in words[1:]) and words[0] not in found:
            found.append(words[0].split("%")[0])
    return tuple(found)

"""The node's own resolver files and CA bundle, read below a root.

In a pod the host's /etc is mounted at ROOT/etc; on the workstation the root is empty. Symbolic links are followed as the
host would follow them: an absolute link starts at ROOT again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Optional, Tuple

# The order in which Go's crypto/x509 looks for a bundle on Linux (go: src/crypto/x509/root_linux.go): the first that
# exists is what a runtime trusts, unless its environment says otherwise.
CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
MAX_FILE = 4 << 20


def below(root: str, path: str) -> Optional[str]:
    """Where the host's path is found below root, links resolved; None where a link leaves what is mounted or loops."""
    if not root:
        return path
    left = [p for p in path.split("/") if p]
    real: List[str] = []
    for _ in range(200):
        if not left:
            return root + "/" + "/".join(real)
        part = left.pop(0)
        if part == ".":
            continue
        if part == "..":
            real[-1:] = []
            continue
        here = root + "/" + "/".join([*real, part])
        try:
            target = os.readlink(here)
        except OSError:
            real.append(part)
            continue
        if target.startswith("/"):
            real = []
        left = [p for p in target.split("/") if p] + left
    return None


def read(root: str, path: str) -> Optional[str]:
    """The text of a host's file, None where it cannot be read; at most 4 MiB."""
    where = below(root, path)
    if where is None:
        return None
    try:
        with open(where, "rb") as file:
            return file.read(MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return None


@dataclass(frozen=True)
class ResolvConf:
    """What resolv.conf(5) says. ndots defaults to 1, servers to the local host as glibc and Go do."""

    servers: Tuple[str, ...]
    search: Tuple[str, ...] = ()
    ndots: int = 1

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


def hosts_addresses(text: Optional[str], name: str) -> Tuple[str, ...]:
    """The addresses that a hosts file gives to name (any case, trailing dot ignored)."""
    wanted = name.rstrip(".").lower()
    found: List[str] = []
    for line in (text or "").splitlines():
        words = line.split("#")[0].split()
        if len(words) > 1 and wanted in (w.rstrip(".").lower() for w in words[1:]) and words[0] not in found:
            found.append(words[0].split("%")[0])
    return tuple(found)


def ca_bundle(root: str) -> Optional[Tuple[str, str]]:
    """(path on the host, path to open here) of the bundle that a Go runtime on this host loads; None: none is readable."""
    for path in CA_BUNDLES:
        where = below(root, path)
        if where is not None and os.access(where, os.R_OK) and os.path.isfile(where):
            return path, where
    return None

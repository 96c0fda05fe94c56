"""What the lab consists of: versions, paths, names and addresses. Everything else is derived from here."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

KUBERNETES = "v1.37.2"
CONTAINERD = "v2.4.2"
KREW = "v0.5.0"

DOMAIN = "lab.test"
NODES = ("node1", "node2")
MACHINES = ("core", *NODES, "workstation")
SERVICE_RANGE = "10.96.0.0/16"
USER = "alice"

# Last octet of every address in the lab's /24. Each name below DOMAIN has an address of its own.
CORE, DNS, DNS_KUBELET, DNS_SPARE, DNS_SILENT, DNS_SERVFAIL = 1, 2, 3, 4, 5, 6
WORKSTATION, NODE_BASE, MACHINE_SIDE = 10, 10, 254
HOSTS = {
    "registry": 20,
    "private": 21,
    "bearer": 22,
    "auth": 23,
    "orphan": 24,
    "hub": 25,
    "auth-hub": 26,
    "unknownca": 30,
    "expired": 31,
    "wrongname": 32,
    "plain": 33,
    "future": 34,
    "lone": 35,
    "skewed": 36,
    "refused": 40,
    "dropped": 41,
    "odd": 50,
    "alert": 51,
    "hush": 52,
    "cutoff": 53,
    "proxy": 54,
    "mtls": 55,
    "noroute": 250,
}
NOBODY_HAS = ("noroute",)
STATUSES = ("e403", "e404", "e429", "e500", "e502", "e503", "website")
# Further names of the address of `odd`: what each does stands in odd.py.
ODD = (
    *STATUSES,
    "reset",
    "stale",
    # Registries that tests put a failing mirror in front of.
    *(f"behind-{name}" for name in ("ghost", "refused", "dropped", "expired", "e503")),
    *(
        f"{kind}-{name}"
        for kind in ("token", "blobs")
        for name in (
            *("ghost", "silent", "refused", "dropped", "expired", "unknownca", "plain", "hush"),
            *("e403", "e404", "e429", "e500", "e503", "odd"),
        )
    ),
)
PROXY_PORT = 3128
SKEW = 12 * 3600
# Seconds by which the clock of `skewed` is behind: its certificate has expired by the computer's clock, and not by its own.
# Names that exist on no address: what asking for them shows.
V6ONLY_ADDRESS = "fd00:1ab::20"

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """The directory of everything that is built once and kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "kubectl-imagepull"


def state() -> Path:
    """The directory of the running lab; short, because unix socket paths end at 108 bytes. IMAGEPULL_LAB
    overrides it.
    """
    return Path(os.environ.get("IMAGEPULL_LAB") or "/run/kubectl-imagepull-lab").absolute()


def tag(at: Path | None = None) -> str:
    """A short name of one lab, for what must be unique on the machine (links, cgroups): labs in other
    directories run beside it.
    """
    return "ipl" + hashlib.sha256(str(at or state()).encode()).hexdigest()[:6]

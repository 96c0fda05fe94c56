"""What each way out of a node can and cannot see, written down once: reports and docs/limits.md say it from here."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import HOPS

CANNOT_SEE: Mapping[str, tuple[str, ...]] = {
    "host-python": ("the environment of the runtime's process: its unit's files are read",),
    "image-python": (
        "the node's own CA bundle, hosts file, proxy settings and mirrors",
        "the host's resolver (the kubelet's is asked)",
    ),
    "shell": (
        "the runtime's proxy settings and mirrors",
        "hosts that blobs are redirected to",
        "more than the tools that were found can tell",
    ),
    "kubelet": (
        "certificates (the kubelet does not verify them)",
        "proxies (the kubelet ignores them)",
        "headers and bodies, so neither tokens nor the registry's own words",
    ),
    "rehearsal": ("anything beyond the runtime's own words",),
    "": ("the network as the node sees it",),
}
"""By rung; "" is api-only. Sentences that a report shows."""

YES, NO = "yes", "no"
SEES: Mapping[str, Mapping[str, str]] = {
    "host-python": {
        "dns": YES,
        "connect": YES,
        "tls": YES,
        "registry": YES,
        "auth": "anonymously",
        "rate": YES,
        "manifest": "anonymously",
        "platform": "anonymously",
        "blobs": "anonymously",
        "storage": "little room beside /etc",
        "runtime": "the files of containerd, k3s, RKE2, CRI-O",
    },
    "image-python": {
        "dns": "kubelet's resolver",
        "connect": YES,
        "tls": "image's CAs",
        "registry": YES,
        "auth": "anonymously",
        "rate": YES,
        "manifest": "anonymously",
        "platform": "anonymously",
        "blobs": "anonymously",
        "runtime": NO,
    },
    "shell": {
        "dns": "with nslookup; else found or not",
        "connect": YES,
        "tls": "with curl, wget or openssl",
        "registry": YES,
        "auth": "with curl or GNU wget",
        "rate": NO,
        "manifest": "open ones; others with curl or GNU wget",
        "runtime": NO,
    },
    "kubelet": {
        "dns": YES,
        "connect": "unless a proxy may be set",
        "tls": "handshake only",
        "registry": "status",
        "auth": "status",
        "rate": "status 429",
        "manifest": "open registries",
        "runtime": NO,
    },
    "rehearsal": dict.fromkeys(
        ("dns", "connect", "tls", "registry", "auth", "rate", "manifest", "platform", "blobs", "storage", "runtime"),
        "in the runtime's words",
    ),
    "api-only": {"storage": "with nodes/proxy", "runtime": "kubelet's limits, with nodes/proxy"},
}
"""What a rung sees of a hop: yes, no, or what limits it; a hop that is not named is not seen."""
EVERYWHERE = ("reference", "policy", "credentials")
"""Hops that the API server answers, whichever rung is taken."""


def table() -> str:
    """The table of docs/limits.md: a row a hop, a column a rung."""
    rows = [["hop", *SEES], ["---"] * (len(SEES) + 1)]
    for hop in HOPS:
        rows.append([hop, *("API" if hop in EVERYWHERE else sees.get(hop, NO) for sees in SEES.values())])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)

"""Which places does this node's runtime ask for an image, in which order, with which trust, and through which proxy?

Read from the host's files, as the runtime that the node names reads them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, Mapping, Optional

from ..plan import Node, Pull
from .endpoints import Found, of_registry
from .files import booted_at, is_folder
from .trust import ca_bundle
from .units import Host, Unit, proxies_of, proxy_for, unit_of

Reader = Callable[[str, Pull, Node, Unit], Found]
"""(root of the host's files, image, node, the runtime's unit) -> the endpoints of the image."""


# each is imported where its runtime runs: a node's Python compiles what is imported at every start
def _containerd(root: str, pull: Pull, node: Node, unit: Unit) -> Found:
    from . import containerd

    named = unit.option("--config", "-c") if unit.name == "containerd" else ""
    return containerd.look(
        root, pull, node, named or (containerd.CONFIG if unit.start and unit.name == "containerd" else "")
    )


def _crio(root: str, pull: Pull, node: Node, unit: Unit) -> Found:
    from . import crio

    return crio.look(root, pull, node)


def _rancher(root: str, pull: Pull, node: Node, unit: Unit) -> Found:
    from . import rancher

    return rancher.look(root, pull, node)


def _docker(root: str, pull: Pull, node: Node, unit: Unit) -> Found:
    return Found("unknown", (of_registry(pull),), "the configuration of docker")


READERS: Mapping[str, Reader] = {
    "containerd": _containerd,
    "cri-o": _crio,
    "k3s": _rancher,
    "rke2": _rancher,
    "docker": _docker,
}
"""Family of the node's runtime (`Node.family`) -> who reads its configuration; containerd's for an unknown one."""


class Configuration:
    """A node's, read once. root: where its /etc is; usr: where its /usr and /lib are, None where they cannot be seen."""

    def __init__(self, root: str, usr: Optional[str], node: Node) -> None:
        self._root, self._node = root, _guessed(root, node)
        self._visible = is_folder(root, "/etc")
        host = Host(root, usr)
        self._unit = unit_of(host, self._node)
        self.proxies = proxies_of(host, self._unit, self._node)
        environment = self._unit.environment
        self.bundle = ca_bundle(root, environment.get("SSL_CERT_FILE", ""), environment.get("SSL_CERT_DIR", ""))

    @property
    def family(self) -> str:
        """The runtime's, by the node's status or by the configuration that is there."""
        return self._node.family

    def endpoints(self, pull: Pull) -> Found:
        """The endpoints of an image; what is known of the proxy and of the bundle's age is with them. Never raises."""
        found = self._look(pull)
        facts: Dict[str, Any] = {
            **found.facts,
            "family": self._node.family,
            **({"assumed": True} if self._assumed(found) else {}),
            "proxy": self.proxies.told(),
            **self._ages(),
        }
        place = f"that the runtime reads {found.source} is assumed" if self._assumed(found) else ""
        note = "; ".join(filter(None, (found.note, place, self._proxy_words(found))))
        return dataclasses.replace(found, facts=facts, note=note)

    def _assumed(self, found: Found) -> bool:
        """Whether the file is where it usually is, and no unit says so: another may be named on the command line."""
        return self._node.family != "cri-o" and not self._unit.start and found.outcome in ("default", "configured")

    def _proxy_words(self, found: Found) -> str:
        """What a reader has to know of the way to the endpoints."""
        if not self._visible or found.outcome not in ("default", "configured"):
            return ""
        if self.proxies.state == "unknown":
            return "whether it uses a proxy is unknown"
        ways = (proxy_for(self.proxies, e.scheme, e.host, e.port) for e in found.endpoints)
        proxy = next((p for p in ways if p is not None), None)
        return f"through proxy {proxy.label} ({self.proxies.source})" if proxy is not None else ""

    def _look(self, pull: Pull) -> Found:
        read = READERS.get(self._node.family, _containerd)
        return (
            read(self._root, pull, self._node, self._unit) if self._visible else Found("unknown", (of_registry(pull),))
        )

    def _ages(self) -> Dict[str, Any]:
        """When the system's bundle was changed and when the node was booted: a bundle that is older is loaded for sure."""
        file, changed = self.bundle.newest(self._root) if self.bundle else ("", 0.0)
        booted = booted_at()
        if self.bundle is None or not changed or not booted:
            return {}
        return {"bundle": self.bundle.name, "bundle_newest": file, "bundle_changed": changed, "booted": booted}


def _guessed(root: str, node: Node) -> Node:
    """The node with the runtime whose configuration is there, where its status was not read: then it has no runtime, or no more
    than the runtime's name, which several distributions share."""
    if node.kubelet or node.family not in ("", "containerd"):
        return node
    for folder, guess in (
        ("/etc/crio", Node("cri-o://")),
        ("/etc/rancher/k3s", Node("containerd://", "+k3s")),
        ("/etc/rancher/rke2", Node("containerd://", "+rke2")),
    ):
        if (guess.family != "cri-o" or not node.family) and is_folder(root, folder):
            return guess
    return node if node.family else Node("containerd://")

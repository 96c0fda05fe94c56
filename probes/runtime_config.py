"""Which places does this node's runtime ask for an image, in which order, with which trust, and through which proxy?

Read from the host's files, as the runtime that the node names reads them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional

from . import containerd_files, crio_files, rancher_files
from .asked import Node, Pull
from .endpoints import Found, of_registry
from .host_files import booted_at, ca_bundle, is_folder
from .unit_files import Host, proxies_of, proxy_for, unit_of


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

    def endpoints(self, pull: Pull) -> Found:
        """The endpoints of an image; what is known of the proxy and of the bundle's age is with them. Never raises."""
        found = self._look(pull)
        facts: Dict[str, Any] = {"family": self._node.family, "proxy": self.proxies.told(), **self._ages()}
        note = "; ".join(filter(None, (found.note, self._proxy_words(found))))
        return dataclasses.replace(found, facts=facts, note=note)

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
        family = self._node.family
        if not self._visible or family == "docker":
            return Found("unknown", (of_registry(pull),), "the configuration of docker" if family == "docker" else "")
        if family == "cri-o":
            return crio_files.look(self._root, pull, self._node)
        if family in ("k3s", "rke2"):
            return rancher_files.look(self._root, pull, self._node)
        named = self._unit.option("--config", "-c") if self._unit.name == "containerd" else ""
        known = named or (containerd_files.CONFIG if self._unit.start and self._unit.name == "containerd" else "")
        return containerd_files.look(self._root, pull, self._node, known)

    def _ages(self) -> Dict[str, Any]:
        """When the system's bundle was changed and when the node was booted: a bundle that is older is loaded for sure."""
        file, changed = self.bundle.newest(self._root) if self.bundle else ("", 0.0)
        booted = booted_at()
        if self.bundle is None or not changed or not booted:
            return {}
        return {"bundle": self.bundle.name, "bundle_newest": file, "bundle_changed": changed, "booted": booted}


def _guessed(root: str, node: Node) -> Node:
    """The node with a runtime where its status names none: the one whose configuration is there."""
    if node.runtime:
        return node
    for folder, guess in (
        ("/etc/crio", Node("cri-o://")),
        ("/etc/rancher/k3s", Node("containerd://", "+k3s")),
        ("/etc/rancher/rke2", Node("containerd://", "+rke2")),
    ):
        if is_folder(root, folder):
            return guess
    return Node("containerd://")

"""What a vantage is asked: the plan that `probes/__main__.py` runs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..model import Pull


@dataclass(frozen=True)
class Login:
    """A credential on its way to the workstation's probes, in memory only."""

    username: str
    """As the secret has it."""
    password: str = field(repr=False)
    """Never shown."""
    secret: str
    """The pull secret's name."""
    registry_key: str
    """The key of its entry."""


@dataclass(frozen=True)
class Plan:
    """What one vantage is asked, and how long it may take."""

    pulls: tuple[Pull, ...]
    """Images to ask for."""
    budget: float
    """Seconds."""
    logins: dict[str, tuple[Login, ...]] = field(default_factory=dict, repr=False)
    """Credentials by pull id; they go nowhere but standard input."""
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    """Stands in each frame of this run."""
    runtime: str = ""
    """The node's, as its status says: which configuration there is to read."""
    kubelet: str = ""
    """The version of the node's kubelet."""
    token_hosts: tuple[str, ...] = ()
    """Hosts to which the operator lets credentials go when a registry names them for tokens."""

    def for_node(self, root: str, lock: str, shown: Sequence[str] = (), more: bool = False) -> str:
        """The JSON that lies in a ConfigMap: without any credential.

        shown: the host's places that can be seen below root; more: rather than miss a place that the host's configuration names
        besides, the probes end and name it.
        """
        node: dict[str, Any] = {"place": "node", "root": root, "lock": lock, "runtime": self.runtime}
        node |= {"kubelet": self.kubelet, "shown": list(shown), "more": more}
        return json.dumps({**self._common(), **node, "pulls": self._pulls({})})

    def for_shell(self, root: str, lock: str) -> list[str]:
        """The arguments of probe.sh: nonce, seconds, root, lock, then six words for each pull."""
        words = [self.nonce, str(int(self.budget)), root, lock]
        for pull in self.pulls:
            words += [pull.id, pull.scheme, pull.host, str(pull.port), pull.repository, pull.asked]
        return words

    def for_workstation(self) -> str:
        """The JSON for a child process's standard input, credentials included."""
        own = {"place": "workstation", "token_hosts": list(self.token_hosts)}
        return json.dumps({**self._common(), **own, "pulls": self._pulls(self.logins)})

    def _common(self) -> dict[str, Any]:
        return {"nonce": self.nonce, "budget": self.budget}

    def _pulls(self, logins: dict[str, tuple[Login, ...]]) -> list[dict[str, Any]]:
        listed = []
        for pull in self.pulls:
            known: Sequence[Login] = logins.get(pull.id, ())
            entry: dict[str, Any] = {
                "id": pull.id,
                "host": pull.host,
                "port": pull.port,
                "scheme": pull.scheme,
                "repository": pull.repository,
                "asked": pull.asked,
                "short": pull.short,
                "named": pull.named,
            }
            if known:
                entry["logins"] = [
                    {"username": k.username, "password": k.password, "secret": k.secret, "registry_key": k.registry_key}
                    for k in known
                ]
            listed.append(entry)
        return listed

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
    """A credential on its way to the workstation's probes, in memory only. repr never shows the password."""

    username: str
    password: str = field(repr=False)
    secret: str
    registry_key: str


@dataclass(frozen=True)
class Plan:
    """Pulls to ask for, within budget seconds. logins: credentials by pull id; they go nowhere but standard input. runtime,
    kubelet: of the node, as its status says: which configuration there is to read."""

    pulls: tuple[Pull, ...]
    budget: float
    logins: dict[str, tuple[Login, ...]] = field(default_factory=dict, repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    runtime: str = ""
    kubelet: str = ""

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
        return json.dumps({**self._common(), "place": "workstation", "pulls": self._pulls(self.logins)})

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
            }
            if known:
                entry["logins"] = [
                    {"username": k.username, "password": k.password, "secret": k.secret, "registry_key": k.registry_key}
                    for k in known
                ]
            listed.append(entry)
        return listed

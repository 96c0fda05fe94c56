"""The logins of this workstation: docker's configuration and its credential helpers, as docker itself finds them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import pathlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import lazily
from ..image.reference import Reference
from .client import Login

SECONDS = 10.0
"""That a credential helper may take."""
MOST_BYTES = 4 << 20
HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io")
"""Under which docker keeps Docker Hub's login (docker/cli: cli/config/credentials, registry.IndexServer)."""
_HELPER = lazily.pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TOKEN_USER = "<token>"
"""User name of an identity token (docker/docker-credential-helpers: credentials)."""


def config_file(environ: Mapping[str, str]) -> pathlib.Path:
    """Where docker keeps its configuration: $DOCKER_CONFIG/config.json, else ~/.docker/config.json."""
    folder = environ.get("DOCKER_CONFIG")
    return (pathlib.Path(folder) if folder else pathlib.Path.home() / ".docker") / "config.json"


class Unreadable(ValueError):
    """A configuration that is there and cannot be read. str(): file and why, one line."""


@dataclass
class Logins:
    """The logins that a configuration has, by registry; a helper is asked once for each registry."""

    auths: Mapping[str, object] = field(default_factory=dict, repr=False)
    """As in the file."""
    store: str = ""
    """credsStore: the helper for all registries, "" for none."""
    helpers: Mapping[str, str] = field(default_factory=dict)
    """credHelpers: registry -> helper."""
    troubles: list[str] = field(default_factory=list)
    """Helpers that failed, a line each."""
    _known: dict[str, Login | None] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, file: pathlib.Path) -> Logins:
        """Of a configuration file; none where there is no file. Raises Unreadable."""
        try:
            with file.open("rb") as opened:
                found = json.loads(opened.read(MOST_BYTES))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, RecursionError) as error:
            raise Unreadable(f"{file}: {getattr(error, 'strerror', None) or 'no JSON'}") from None
        if not isinstance(found, dict):
            raise Unreadable(f"{file}: no object")
        helpers = found.get("credHelpers")
        store, auths = found.get("credsStore"), found.get("auths")
        return cls(
            auths if isinstance(auths, dict) else {},
            store if isinstance(store, str) else "",
            {k: v for k, v in helpers.items() if isinstance(v, str)} if isinstance(helpers, dict) else {},
        )

    def of(self, reference: Reference) -> Login | None:
        """The login for a reference's registry, None without one. A helper that fails is told in `troubles`."""
        domain = reference.domain
        if domain not in self._known:
            self._known[domain] = self._find(domain)
        return self._known[domain]

    def _find(self, domain: str) -> Login | None:
        keys = HUB_KEYS if domain == "docker.io" else (domain, f"https://{domain}", f"http://{domain}")
        helper = next((self.helpers[key] for key in keys if key in self.helpers), self.store)
        if helper:
            for key in keys[:1]:
                found = self._helped(helper, key)
                if found is not None:
                    return found
        entry = next((self.auths[key] for key in keys if key in self.auths), None)
        return _entry(entry) if isinstance(entry, dict) else None

    def _helped(self, helper: str, key: str) -> Login | None:
        """What docker-credential-HELPER says (docker/docker-credential-helpers: client/client.go)."""
        if _HELPER.fullmatch(helper) is None:
            self.troubles.append(f"credential helper {helper[:60]!r}: no name of a program")
            return None
        program = f"docker-credential-{helper}"
        try:
            ran = subprocess.run(
                [program, "get"], input=key.encode(), capture_output=True, timeout=SECONDS, check=False, env=os.environ
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self.troubles.append(
                f"{program}: {getattr(error, 'strerror', None) or f'no answer within {SECONDS:.0f} s'}"
            )
            return None
        if ran.returncode:
            said = (ran.stdout + ran.stderr).decode("utf-8", "replace").strip()
            if "credentials not found" not in said:
                self.troubles.append(f"{program}: {said[:200] or f'exit code {ran.returncode}'}")
            return None
        try:
            found = json.loads(ran.stdout)
            name, secret = found["Username"], found["Secret"]
        except (ValueError, KeyError, TypeError, RecursionError):
            self.troubles.append(f"{program}: no credential in what it prints")
            return None
        if not isinstance(name, str) or not isinstance(secret, str) or not secret:
            return None
        return Login("" if name == TOKEN_USER else name, secret, program)


def _entry(entry: Mapping[str, object]) -> Login | None:
    """An entry of `auths` (docker/cli: cli/config/configfile, decodeAuth)."""
    name, password = entry.get("username"), entry.get("password")
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:
        try:
            decoded = base64.b64decode(auth, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return None
        name, _, password = decoded.partition(":")
        password = password.rstrip("\x00")
    if isinstance(name, str) and isinstance(password, str) and name:
        return Login(name, password, "docker's configuration")
    return None


__all__ = ["Logins", "Unreadable", "config_file"]

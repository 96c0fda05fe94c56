"""As whom a request is sent: bearer tokens and their files, HTTP Basic, client certificates, credential plugins, impersonation.

Followed: client-go, transport/round_trippers.go and transport/token_source.go of v0.37.2.
"""

from __future__ import annotations

import base64
import binascii
import json
import pathlib
import threading
import time
from collections.abc import Callable, Mapping

from .. import lazily
from ..errors import ConfigError
from .config import Settings
from .kubeconfig import Plugin
from .plugin import Made, Pair, ask, bytes_of

TOKEN_SECONDS = 50.0
"""How long a token out of a file is used before it is read again (token_source.go: one minute, less ten seconds)."""
_FIELD_VALUE = lazily.pattern(r"[\t\x20-\x7e\x80-\xff]*")
"""What a header may hold (RFC 9110, 5.5)."""
REMOVED = {
    "gcp": "gke-gcloud-auth-plugin",
    "azure": "kubelogin",
}
"""Providers that kubectl 1.26 removed, with the plugin that took each one's place (client-go: plugin/pkg/client/auth)."""


class Identity:
    """What a request carries so that the server knows who asks. Safe for threads."""

    def __init__(
        self, chosen: Settings, secure: bool, environment: Mapping[str, str], policy: Callable[[Plugin], None]
    ) -> None:
        """secure: whether the server is asked over TLS; without it no credential is sent (client_config.go, ClientConfig).

        policy: raises ConfigError for a plugin that may not run. Raises ConfigError for an identity that cannot be used.
        """
        self._user, self._cluster, self._environment, self._policy = chosen.user, chosen.cluster, environment, policy
        self._secure = secure
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0
        self._made: Made | None = None
        self._static: Pair | None = None
        if secure:
            self._prove_usable(chosen)

    def _prove_usable(self, chosen: Settings) -> None:
        user = self._user
        if user.auth_provider in REMOVED:
            raise ConfigError(
                f"error: The {user.auth_provider} auth plugin has been removed. Please use the "
                f'"{REMOVED[user.auth_provider]}" kubectl/client-go credential plugin instead.'
            )
        if user.auth_provider not in (None, "oidc"):
            raise ConfigError(f'error: no Auth Provider found for name "{user.auth_provider}"')
        for key in ("idp-issuer-url", "client-id") if user.auth_provider else ():
            if not user.auth_config.get(key):
                raise ConfigError(f"error: the kubeconfig's auth provider oidc: Must provide {key}")
        if user.token_file:
            self._token = self._read_token(first=True)
            self._until = time.monotonic() + TOKEN_SECONDS
        if (user.token_file or user.token) and user.username:
            raise ConfigError("error: username/password or bearer token may be set, but not both")
        if user.has_certificate:
            self._static = Pair(
                user.certificate_data or bytes_of(user.certificate_file), user.key_data or bytes_of(user.key_file)
            )
        named = user.username or user.has_certificate or self._token or user.token
        if not named and user.plugin is None and user.auth_provider is None:
            # kubectl asks for a name and a password here; no API server has taken those since 1.19
            who = f'user "{chosen.user_name}"' if chosen.user_name else "context without a user"
            raise ConfigError(
                f"error: the kubeconfig has no credentials for the {who} (--token, --user or --client-certificate)"
            )

    def headers(self) -> list[tuple[str, str]]:
        """(name, value) pairs for one request. Raises ConfigError where a plugin or a file gives no credential."""
        found = self._impersonation()
        if not self._secure:
            return found
        user = self._user
        token = self._current_token()
        if token:
            found.append(("Authorization", f"Bearer {token}"))
        elif user.username:
            login = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
            found.append(("Authorization", f"Basic {login}"))
        for name, value in found:
            if not _FIELD_VALUE.fullmatch(value):
                raise ConfigError(f"error: the kubeconfig's value for {name} holds a character that no header can hold")
        return found

    def pair(self) -> Pair | None:
        """The client certificate of now, None where there is none. Raises ConfigError."""
        if self._static is not None or not self._secure:
            return self._static
        made = self._plugins()
        return made.pair if made else None

    def renew(self) -> bool:
        """After the server refused with 401: have the credential made anew. -> whether it may be another one now."""
        with self._lock:
            if self._user.token_file:
                before, self._until = self._token, 0.0
                self._token = self._read_token() or before
                return self._token != before
            if self._made is None:
                return False
            before_made, self._made = self._made, None
        return self._plugins() != before_made

    def _impersonation(self) -> list[tuple[str, str]]:
        """Impersonate-* headers (round_trippers.go, impersonatingRoundTripper)."""
        user = self._user
        if not user.impersonate:
            return []
        found = [("Impersonate-User", user.impersonate)]
        found += [("Impersonate-Uid", user.impersonate_uid)] if user.impersonate_uid else []
        found += [("Impersonate-Group", group) for group in user.impersonate_groups]
        for key, values in user.impersonate_extra:
            found += [(f"Impersonate-Extra-{_escaped(key)}", value) for value in values]
        return found

    def _current_token(self) -> str:
        user = self._user
        if user.token_file:
            with self._lock:
                if time.monotonic() > self._until:
                    self._token = self._read_token() or self._token
                    self._until = time.monotonic() + TOKEN_SECONDS
                return self._token
        if user.token or user.username:
            return user.token
        if user.auth_provider is not None:
            return self._of_provider()
        made = self._plugins()
        return made.token if made else ""

    def _read_token(self, first: bool = False) -> str:
        """The file's token; where it cannot be read the one of the kubeconfig, and an error if that is all there was."""
        path = self._user.token_file
        try:
            token = pathlib.Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            if first and not self._user.token:
                why = error.strerror if isinstance(error, OSError) else "it is no text"
                raise ConfigError(f"error: open {path}: {(why or '').lower()}") from None
            return self._user.token
        if not token and first and not self._user.token:
            raise ConfigError(f'error: read empty token from file "{path}"')
        return token or self._user.token

    def _plugins(self) -> Made | None:
        """What the credential plugin gave, asked again when that has expired. None: there is no plugin, or it is not needed."""
        user = self._user
        if user.plugin is None or user.token or user.token_file or user.username or user.has_certificate:
            return None
        with self._lock:
            if self._made is None or (self._made.until is not None and time.time() > self._made.until):
                self._policy(user.plugin)
                self._made = ask(user.plugin, self._cluster, self._environment)
            return self._made

    def _of_provider(self) -> str:
        """kubectl's own OpenID provider. Only kubectl renews its token: it keeps the new refresh token in the kubeconfig, and a
        second program that did the same would log the first one out."""
        token = self._user.auth_config.get("id-token", "")
        until = _expiry(token)
        if token and (until is None or until > time.time()):
            return token
        raise ConfigError(
            "error: the id-token of the kubeconfig's oidc provider has expired; any command of kubectl renews it, "
            "for example `kubectl version`"
        )


_TOKEN_BYTES = frozenset(b"!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _escaped(key: str) -> str:
    """A key as part of a header's name (round_trippers.go, headerKeyEscape)."""
    return "".join(chr(b) if b in _TOKEN_BYTES else f"%{b:02X}" for b in key.encode())


def _expiry(token: str) -> float | None:
    """When an id-token ends, in seconds since 1970; None where it does not say so."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None

"""Who may see a credential, and what a token host answers."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from .http_request import Reply


def token_in(reply: Reply) -> Optional[str]:
    """The token of a token reply: access_token before token, as containerd prefers it (auth/fetch.go)."""
    document = reply.document
    if reply.status != 200 or not isinstance(document, dict):
        return None
    found = document.get("access_token") or document.get("token")
    fitting = isinstance(found, str) and 0 < len(found) < 64 << 10 and found.isascii() and found.isprintable()
    return found if fitting else None


def granted(reply: Reply) -> List[str]:
    """Everything in a token reply that opens something (token specification; RFC 6749 section 5.1; OpenID Connect Core)."""
    document = reply.document if isinstance(reply.document, dict) else {}
    found = (document.get(name) for name in ("token", "access_token", "refresh_token", "id_token"))
    return [token for token in found if isinstance(token, str)]


KNOWN_PAIRS: Dict[str, Tuple[str, ...]] = {
    "registry-1.docker.io": ("auth.docker.io",),  # distribution: docs/content/spec/auth/token.md, 2026-11-28
    "docker.io": ("auth.docker.io",),
    "index.docker.io": ("auth.docker.io",),
    "registry.gitlab.com": ("gitlab.com",),  # GitLab: doc/administration/packages/container_registry.md, 2026-11-28
    "registry.digitalocean.com": ("api.digitalocean.com",),  # its own challenge, as clients quote it, 2026-11-28
    "registry.connect.redhat.com": ("sso.redhat.com",),  # openshift/ansible-service-broker, 2026-11-28
    # their own challenges, as clients quote them, 2026-11-28: the token host of all regions inside China
    "registry.cn-hangzhou.aliyuncs.com": ("dockerauth.cn-hangzhou.aliyuncs.com",),
    "registry.cn-shanghai.aliyuncs.com": ("dockerauth.cn-hangzhou.aliyuncs.com",),
}
"""registry -> the hosts that give out its tokens and have another name. A credential goes to no other: neighbours in a domain may
be strangers (a.azurecr.io and b.azurecr.io, 10.0.0.5 and 6.0.0.5)."""


def may_have_credentials(registry: str, scheme: str, host: str, named: Sequence[str] = ()) -> bool:
    """True where a credential of this registry may be shown to this token host: the very same host, a known pair, or one that the
    operator has named; never over plain HTTP."""
    host, registry = host.lower(), registry.lower()
    return scheme == "https" and (host == registry or host in KNOWN_PAIRS.get(registry, ()) or host in named)

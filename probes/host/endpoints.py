"""The places that a node's runtime asks for an image, as its configuration lists them.

Nothing of it holds a credential when it leaves: of headers, keys and logins no more than names and the fact are kept.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from ..bounded import without_logins
from ..observation import Observation, printable
from ..plan import Pull
from .files import below, config, is_folder, need

MOST_ENDPOINTS = 8
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")


@dataclass(frozen=True)
class Endpoint:
    """One place that the runtime asks."""

    role: str
    """registry | mirror."""
    scheme: str
    """https | http."""
    host: str
    """A name or an address."""
    port: int
    """Its port."""
    prefix: str = "/v2"
    """The path before the repository."""
    ns: str = ""
    """The registry that a mirror is told it stands in for; "" where it is told nothing."""
    ca: Tuple[str, ...] = ()
    """Files on the host that are trusted; () for the system's bundle."""
    skip_verify: bool = False
    """Certificates are not checked."""
    resolve: bool = True
    """It is asked for tags."""
    pull: bool = True
    """It is asked for digests."""
    repository: str = ""
    """The repository's name there, "" where it is the same."""
    plain: bool = False
    """Plain HTTP is taken where the port speaks no TLS."""
    client: Tuple[Tuple[str, str], ...] = ()
    """Pairs of certificate and key ("": in one file)."""
    headers: Tuple[str, ...] = ()
    """Names of headers that the runtime adds."""
    login: bool = False
    """The node has credentials of its own for it."""

    @property
    def label(self) -> str:
        return self.host if self.port == 443 else f"{self.host}:{self.port}"

    @property
    def answers_differ(self) -> bool:
        """True where the runtime shows the endpoint something that the probe does not have."""
        return self.login or bool(self.client) or any(h.lower() in ("authorization", "cookie") for h in self.headers)


@dataclass(frozen=True)
class Found:
    """What was found for one image."""

    outcome: str
    """default | configured | invalid | unreadable | unknown | blocked | short-name."""
    endpoints: Tuple[Endpoint, ...]
    """In the runtime's order, the registry itself among them unless another stands for it."""
    source: str = ""
    """The file that says so."""
    problems: Tuple[Dict[str, Any], ...] = ()
    """What cannot be used or is refused, by file, with "fatal" where it breaks every pull."""
    note: str = ""
    """What a reader has to know beside it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the hop's detail."""

    def seen(self) -> Observation:
        """The same as an observation."""
        listed = [
            {
                "role": e.role,
                "host": e.label,
                "scheme": e.scheme,
                "prefix": e.prefix,
                "skip_verify": e.skip_verify,
                "ca": list(e.ca),
                "resolve": e.resolve,
                "pull": e.pull,
                **({"repository": e.repository} if e.repository else {}),
                **({"plain": True} if e.plain else {}),
                **({"client_certificate": True} if e.client else {}),
                **({"headers": [printable(h, 60) for h in e.headers]} if e.headers else {}),
                **({"login": True} if e.login else {}),
            }
            for e in self.endpoints
        ]
        said = {
            "default": "no mirror is configured for it",
            "configured": f"{self.source}: {', then '.join(_words(e) for e in self.endpoints)}",
            "unreadable": f"{self.source} cannot be read by the probe, so mirrors are unknown",
            "unknown": f"{self.source or 'the configuration of the runtime'} is not to be seen, so mirrors are unknown",
        }.get(self.outcome, "")
        if self.problems:
            said = "; ".join(f"{p['file']}: {p['problem']}" for p in self.problems[:3])
        if self.note:
            said = f"{said}; {self.note}" if said else self.note
        data = {"endpoints": listed, "source": self.source, "problems": list(self.problems), **self.facts}
        return Observation(self.outcome, printable(said, 500), data)


def _words(endpoint: Endpoint) -> str:
    return f"{endpoint.label}/{endpoint.repository}" if endpoint.repository else endpoint.label


def of_registry(pull: Pull) -> Endpoint:
    """The registry itself, as it is asked where nothing is configured."""
    return Endpoint("registry", pull.scheme, pull.host, pull.port)


def split_url(text: str) -> Optional[Tuple[str, str, int, str]]:
    """(scheme, host, port, path without a slash at its end) of an http or https URL; None for anything else."""
    try:
        parts = urlsplit(text)
        port = parts.port or (80 if parts.scheme == "http" else 443)
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or "@" in parts.path:
        return None
    return parts.scheme, host, port, parts.path.rstrip("/")


def good_host(host: str) -> bool:
    """True for what may be a host name or an address: it becomes part of requests."""
    return bool(_HOST.fullmatch(host))


def problem(file: str, text: str, fatal: bool = False) -> Dict[str, Any]:
    """One entry of Found.problems, without a login that a URL in it may have."""
    said = printable(without_logins(text), 200)
    return {"file": printable(file, 200), "problem": said, **({"fatal": True} if fatal else {})}


def unusable_files(root: str, file: str, endpoints: Sequence[Endpoint]) -> Tuple[Dict[str, Any], ...]:
    """Authorities and client pairs that the configuration names and that surely cannot be loaded: they are not there, are a
    folder, hold no certificate or no key, or do not belong together. containerd then asks no endpoint of that registry at all
    (core/remotes/docker/config/hosts.go updateTLSConfigFromHost). A file that the probe cannot see is not held against it.
    """
    found = []
    for path in (p for e in endpoints for p in (*e.ca, *(q for pair in e.client for q in pair)) if p):
        need(root, path, "File")
    for path in dict.fromkeys(path for e in endpoints for path in e.ca):
        why = _unusable_authority(root, path)
        if why:
            found.append(problem(file, f"ca {path} {why}", fatal=True))
    for certificate, key in dict.fromkeys(pair for e in endpoints for pair in e.client):
        why = unusable_pair(root, certificate, key or certificate)
        if why:
            found.append(problem(file, f"client {why}", fatal=True))
    return tuple(found)


def _unusable_authority(root: str, path: str) -> str:
    if surely_absent(root, path):
        return "does not exist"
    if is_folder(root, path):
        return "is a folder"
    text = config(root, path).text
    return "" if text is None or _certificates(text) else "holds no certificate"


def unusable_pair(root: str, certificate: str, key: str) -> str:
    """Why a client's certificate and key surely do not load, "" where they may; files as the host names them."""
    for path in dict.fromkeys((certificate, key)):
        if surely_absent(root, path):
            return f"{path} does not exist"
        if is_folder(root, path):
            return f"{path} is a folder"
    texts = [config(root, path).text for path in (certificate, key)]
    if texts[0] is not None and not _certificates(texts[0]):
        return f"{certificate} holds no certificate"
    # a probe may mostly not read a private key
    return f"{key} holds no private key" if texts[1] is not None and "PRIVATE KEY-----" not in texts[1] else ""


_BLOCK = re.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


def _certificates(text: str) -> bool:
    """Whether any block of the text is a certificate (Go: crypto/x509 AppendCertsFromPEM leaves out what does not parse)."""
    for block in _BLOCK.findall(text)[:500]:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=block)
            return True
        except (ssl.SSLError, ValueError):
            continue
    return False


def surely_absent(root: str, path: str) -> bool:
    """True only where the folder that it would be in can be looked into: most of the host is not mounted."""
    where = below(root, path)
    if where is None or os.path.lexists(where):
        return False
    top = root + "/" + path.strip("/").split("/")[0]
    parent = os.path.dirname(where)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    return os.path.isdir(top) and os.access(parent, os.X_OK)

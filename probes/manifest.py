"""Is the image there, may it be read, and how many pulls are left?"""

from __future__ import annotations

import difflib
import re
from typing import Any, Dict, List, Set, Tuple
from urllib.parse import quote

from .http_request import Reply

# containerd: core/remotes/docker/resolver.go (the Accept header of a resolve)
ACCEPT = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "*/*",
    )
)
TAGS_BODY = 1 << 20
CLOSEST = 30
COMPARED = 200
"""Tags that are compared sign by sign with the one that was asked for."""


def manifest_path(prefix: str, repository: str, asked: str) -> str:
    """distribution-spec, "Pulling manifests"."""
    return f"{prefix}/{quote(repository)}/manifests/{quote(asked, safe=':')}"


def tags_path(prefix: str, repository: str) -> str:
    """distribution-spec, "Listing tags"."""
    return f"{prefix}/{quote(repository)}/tags/list?n=1000"


def rate_data(reply: Reply) -> Dict[str, Any]:
    """The rate-limit headers, as Docker Hub sends them on manifests: limit, remaining, window in seconds, source."""
    found: Dict[str, Any] = {}
    for header, name in (("ratelimit-limit", "limit"), ("ratelimit-remaining", "remaining")):
        match = re.match(r"(\d{1,9})(?:;w=(\d{1,9}))?", reply.headers.get(header, ""))
        if match:
            found[name] = int(match.group(1))
            if match.group(2):
                found["window"] = int(match.group(2))
    for header, name in (("docker-ratelimit-source", "source"), ("retry-after", "retry_after")):
        if header in reply.headers:
            found[name] = reply.headers[header][:100]
    return found


def closest_tags(reply: Reply, asked: str) -> Tuple[List[str], int]:
    """The tags of a tag list that look most like the one asked for, best first, and how many there are in all."""
    document = reply.document
    listed = document.get("tags") if isinstance(document, dict) else None
    tags = [t for t in listed if isinstance(t, str) and len(t) <= 128] if isinstance(listed, list) else []
    plain = _plain(asked)
    # comparing takes time that grows with the square of a tag's length: only what shares most pairs of signs is compared
    pairs = _pairs(plain)
    near = (
        tags if len(tags) <= COMPARED else sorted(tags, key=lambda t: (-_alike(pairs, _pairs(_plain(t))), t))[:COMPARED]
    )
    ranked = sorted(near, key=lambda t: (-difflib.SequenceMatcher(None, _plain(t), plain).ratio(), t))
    return ranked[:CLOSEST], len(tags)


def _plain(tag: str) -> str:
    return tag.lower().lstrip("v")


def _pairs(text: str) -> Set[str]:
    return {text[at : at + 2] for at in range(len(text) - 1)} or {text}


def _alike(one: Set[str], other: Set[str]) -> float:
    """The share of pairs that both have (Dice's coefficient)."""
    return len(one & other) / (len(one) + len(other))

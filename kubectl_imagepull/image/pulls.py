"""What is asked of a registry for an image string."""

from __future__ import annotations

import re

from .. import lazily
from ..model import Pull, ReferenceFacts
from .reference import InvalidReference, Reference


def pull_of(image: str, identifier: str) -> tuple[ReferenceFacts, Pull | None]:
    """What an image string means, and the pull to ask the registry for; None where it does not parse."""
    try:
        reference = Reference.parse(image)
    except InvalidReference as error:
        facts = ReferenceFacts(
            image, False, mistake=error.mistake, advice=str(error), suggestion=getattr(error, "suggestion", None) or ""
        )
        return facts, None
    host, port, scheme = _endpoint(reference.registry_host)
    facts = ReferenceFacts(
        image,
        registry=reference.registry_host,
        repository=reference.repository,
        asked=reference.manifest_reference,
        normalised=reference.normalised,
    )
    asked, short = reference.manifest_reference, _short_name(image)
    return facts, Pull(identifier, host, port, reference.path, asked, scheme, short, reference.domain)


def _short_name(image: str) -> str:
    """The name in an image string that has no registry in front, which CRI-O completes by its own rules; else ""."""
    first, slash, _ = image.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    name = image.partition("@")[0]
    return "" if named else name.partition(":")[0]


def _endpoint(authority: str) -> tuple[str, int, str]:
    """(host, port, scheme) of a registry as the runtime dials it: plain HTTP only for the local host with another port.

    containerd: core/remotes/docker/config/hosts.go, ConfigureHosts; localhost may speak both, 443 and no port mean TLS.
    """
    text = authority
    port = 0
    if ":" in text and not text.endswith("]"):
        text, _, digits = text.rpartition(":")
        port = int(digits) if digits.isdigit() and int(digits) < 65536 else 0
    host = text.strip("[]")
    local = host == "localhost" or host.startswith("127.") or host == "::1"
    scheme = "http" if local and port not in (0, 443) else "https"
    return host, port or 443, scheme


_IMAGE = r"[^\s\":\\]{1,300}(?::[0-9]{1,5}/[^\s\":\\]{1,300})?(?::[^\s\":\\]{1,128})?"
_SANDBOX = lazily.pattern(
    r"(?:(?:failed to|unable to) (?:get|pull) sandbox image|failed pulling image"
    r"|(?:creat|run)[a-z]* pod ?sandbox\b.{0,400}?(?:initializing source docker://|failed to pull image)) ?"
    rf"\\?\"?({_IMAGE})",
    re.IGNORECASE | re.DOTALL,
)
"""The sandbox's image is the node's setting, not the pod's (containerd: internal/cri/server/podsandbox/sandbox_run.go; dockershim
and cri-dockerd: core/sandbox_helpers.go, ensureSandboxImageExists; CRI-O: server/sandbox_run_linux.go)."""

_SANDBOX_URL = lazily.pattern(
    r"failed to start sandbox .{0,800}?\bget \\?\"https?://([^/\s\"]{1,253})/v2/([^\s\"]{1,255}?)/(?:blobs|manifests)/",
    re.IGNORECASE | re.DOTALL,
)
"""A snapshotter that fetches layers by itself (SOCI, stargz) asks for them when the sandbox is made: only the address names the
image then."""


def sandbox_image_in(text: str) -> str:
    """The sandbox (pause) image that a text says could not be had, "" where it speaks of none. It is the node's setting, not the
    pod's."""
    if "sandbox" not in text.lower():
        return ""
    found = _SANDBOX.search(text)
    if found:
        return found[1]
    asked = _SANDBOX_URL.search(text)
    return f"{asked[1]}/{asked[2]}" if asked else ""

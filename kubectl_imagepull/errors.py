"""What can go wrong on the way to the API server, in kubectl's words: at the bottom, so that every room can name it."""

from __future__ import annotations

import json
from typing import Any

from .redaction import hide
from .text import printable


class KubeError(Exception):
    """Anything that keeps us from asking the API server.

    str(): the one line that the user reads, printable and without secrets that a proxy, a credential plugin or the server quote
    in it.
    """

    def __init__(self, line: str) -> None:
        super().__init__(printable(hide(line)))

    @property
    def short(self) -> str:
        """For a place where there is little room."""
        return str(self)[:120]


class BundleMissing(Exception):
    """The probes were not built into this installation, or do not fit where they have to travel. str(): one line."""


class ConfigError(KubeError):
    """The kubeconfig cannot be used: absent, damaged, without the context, or its credential plugin fails."""


class Unreachable(KubeError):
    """The API server did not answer."""


class ApiError(KubeError):
    """The API server answered with an error.

    status: HTTP; reason: the Status object's, e.g. NotFound; resource: the plural that it is about, e.g. pods, "" if not told.
    """

    def __init__(self, status: int, reason: str, message: str, resource: str = "") -> None:
        self.status, self.reason, self.message, self.resource = status, reason, hide(message), resource
        super().__init__(self._line())

    def _line(self) -> str:
        # the wording of kubectl (kubernetes/kubectl: pkg/cmd/util/helpers.go)
        if self.status == 401:
            return f"error: You must be logged in to the server ({self.message or 'Unauthorized'})"
        return f"Error from server ({self.reason or self.status}): {self.message}"

    @property
    def short(self) -> str:
        """For a place where there is little room: a missing right in a word."""
        return "forbidden" if self.forbidden else super().short

    @property
    def gone(self) -> bool:
        return self.status == 404

    @property
    def forbidden(self) -> bool:
        return self.status in (401, 403)


def from_response(status: int, body: bytes) -> ApiError:
    """An error answer as ApiError; its body is a Status object, or anything at all where a proxy stands between."""
    text = body[:4096].decode("utf-8", "replace")
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and document.get("kind") == "Status":
        details = document.get("details")
        resource = str(details.get("kind") or "") if isinstance(details, dict) else ""
        return ApiError(status, str(document.get("reason") or ""), str(document.get("message") or ""), resource)
    # cut short, since nobody knows what a proxy put into it
    return ApiError(status, "", " ".join(text[:256].split()) or f"HTTP {status}")

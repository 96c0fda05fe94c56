"""Events as they come, for as long as it takes: a watch that expires or breaks is begun anew."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ApiError, KubeError
from .client import Api
from .paths import path_of
from .shapes import shaped

QUIET = 5
"""Seconds after which the caller gets a turn although nothing has happened."""
PAUSE = 1.0
"""Seconds before a server that does not answer is asked again."""


def events(api: Api, namespace: str) -> Iterator[Mapping[str, Any] | None]:
    """Every event object of a namespace, those that are there first; None when all known ones have been given, and at
    least every QUIET seconds.

    Survives the expiry of the watch (410), a broken connection and a restart of the API server: it lists again, so an event
    may be given twice. Raises ApiError where events may not be read.
    """
    path = path_of("Event", namespace)
    version = ""
    while True:
        try:
            if not version:
                listed = api.get(path)
                version = str((listed.get("metadata") or {}).get("resourceVersion") or "")
                yield from listed.get("items") or []
            yield None
            for line in api.lines(path, QUIET * 3, watch="1", resourceVersion=version, timeoutSeconds=QUIET):
                change = _parsed(line)
                about = change.get("object")
                about = shaped(about) if isinstance(about, dict) else shaped({})
                if change.get("type") in (None, "ERROR"):
                    version = ""  # 410 Gone, or a line that broke off
                    break
                version = str((about.get("metadata") or {}).get("resourceVersion") or version)
                if change.get("type") != "DELETED":
                    yield about
        except ApiError as error:
            if error.forbidden and error.status == 403:
                raise
            version = ""
            time.sleep(PAUSE)
        except KubeError:
            version = ""
            time.sleep(PAUSE)


def _parsed(line: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {}

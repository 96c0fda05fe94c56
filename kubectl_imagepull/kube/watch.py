"""Events and other objects as they change, for as long as it takes: a watch that expires or breaks is begun anew."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ApiError, KubeError
from .client import Api
from .paths import path_of
from .shapes import shaped

QUIET = 5
"""Seconds after which the caller gets a turn although nothing has happened."""
PAUSE = 1.0
"""Seconds before a server that does not answer is asked again, and one whose watch ended within them without a line: what stands
between us may not let watches through (client-go: tools/cache/reflector.go, "very short watch")."""


def events(api: Api, namespace: str) -> Iterator[Mapping[str, Any] | None]:
    """Every event object of a namespace, those that are there first; None when all known ones have been given, and at
    least every QUIET seconds.

    Survives the expiry of the watch (410), a broken connection and a restart of the API server: it lists again, so an event
    may be given twice. Raises ApiError where events may not be read.
    """
    for change in changes(api, path_of("Event", namespace)):
        if change is None or change.kind != "DELETED":
            yield change.object if change is not None else None


@dataclass(frozen=True)
class Change:
    """One object of a watch."""

    kind: str
    """ADDED (also for those that are there at the start), MODIFIED or DELETED."""
    object: Mapping[str, Any]
    """As it is then."""


def changes(api: Api, path: str, since: str = "", **query: Any) -> Iterator[Change | None]:
    """What happens to the objects of a list; None when all known ones have been given, and at least every QUIET seconds.

    since: a resourceVersion after which changes are given, "" for all objects that are there first. query: selectors. Survives
    what `events` survives, by listing again. Raises ApiError where they may not be read.
    """
    version = since
    while True:
        try:
            if not version:
                listed = api.get(path, **query)
                version = str((listed.get("metadata") or {}).get("resourceVersion") or "")
                for item in listed.get("items") or []:
                    yield Change("ADDED", item)
            yield None
            began, told = time.monotonic(), False
            for line in api.lines(path, QUIET * 3, watch="1", resourceVersion=version, timeoutSeconds=QUIET, **query):
                change = _parsed(line)
                about = change.get("object")
                about = shaped(about) if isinstance(about, dict) else shaped({})
                if change.get("type") in (None, "ERROR"):
                    version = ""  # 410 Gone, or a line that broke off
                    break
                told = True
                version = str((about.get("metadata") or {}).get("resourceVersion") or version)
                yield Change(str(change.get("type")), about)
            if not told and time.monotonic() - began < PAUSE:
                time.sleep(PAUSE)
        except ApiError as error:
            if error.forbidden and error.status == 403:
                raise
            version = ""
            time.sleep(PAUSE)
        except KubeError:
            version = ""
            time.sleep(PAUSE)


def pods(api: Api, namespace: str, selector: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The pods of a namespace with these labels, as they change: ("all", those that are there), ("there", [one that is new or has
    changed]), ("gone", [one]), ("lost", []) where the watch broke off, and ("", []) at least every QUIET seconds.

    The first "all" is empty: a watch without a version begins with those that are there (kubernetes: API concepts, "Semantics for
    watch"), which saves a list. What was lost is listed anew. Raises ApiError where pods may not be listed or watched.
    """
    path = path_of("Pod", namespace)
    version, begun = "", False
    while True:
        lost, told, asked = False, False, time.monotonic()
        try:
            if not begun:
                yield "all", []
            elif not version:
                listed = api.get(path, labelSelector=selector)
                version = str((listed.get("metadata") or {}).get("resourceVersion") or "")
                yield "all", listed.get("items") or []
            since: dict[str, Any] = {"labelSelector": selector}
            since |= {"resourceVersion": version} if begun else {}
            begun, asked = True, time.monotonic()
            for line in api.lines(path, QUIET * 3, watch="1", timeoutSeconds=QUIET, **since):
                change = _parsed(line)
                about = change.get("object")
                if change.get("type") in (None, "ERROR") or not isinstance(about, dict):
                    version, lost = "", True  # 410 Gone, or a line that broke off
                    break
                about, told = shaped(about), True
                version = str((about.get("metadata") or {}).get("resourceVersion") or version)
                yield "gone" if change["type"] == "DELETED" else "there", [about]
            yield "", []
        except KubeError as error:
            if isinstance(error, ApiError) and error.status in (401, FORBIDDEN):
                raise
            version, lost = "", True
        if lost:
            yield "lost", []
        if lost or (not told and time.monotonic() - asked < PAUSE):
            time.sleep(PAUSE)


FORBIDDEN = 403


def _parsed(line: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {}

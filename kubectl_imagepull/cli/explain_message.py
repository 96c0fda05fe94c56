"""`explain` for a text that somebody has: a message, an event, a line of a log."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import catalogue
from ..catalogue import FixTemplate, platforms, registries
from ..catalogue.helpers import in_the_way
from ..catalogue.platforms import platform_in
from ..catalogue.registries import RegistryKind, kind_of, moved_values
from ..catalogue.view import PLAIN, FixView, Settle, fixes_of, view_of_right
from ..image.messages import Classified, classify
from ..image.reference import InvalidReference, Reference
from ..image.wording import as_text
from ..redaction import hide
from ..verdict.clouds import takes_right
from ..verdict.message import Message, read
from ..verdict.names import DOCKER_HUB_KEY
from ..verdict.sandbox import for_sandbox
from ..verdict.told import settled
from .explain import entry_as_json, of_entry


def of_message(text: object) -> tuple[Iterable[str], Mapping[str, Any]]:
    """What a text (str or bytes) means: (lines for a person, document)."""
    shown = hide(as_text(text))
    found = classify(shown)
    entry, values, message = catalogue.entry(found.cause), _values(found), read(shown)
    entry = for_sandbox(entry) if message.sandbox else entry
    kind, name = kind_of(values.get("registry", "")), _name_in_registry(values)
    told = {**moved_values(kind, name), "permission": message.permission, "principal": message.principal}
    values |= {field: value for field, value in told.items() if value}
    own = fixes_of(entry, values, platform_in(shown), _settle(entry, message, kind, name))
    granted = () if message.address_refused else _granted(entry, kind, values)
    # what a pull secret is worth there is nothing to a pull that takes none
    granted = tuple(dataclasses.replace(one, condition="") for one in granted) if message.sandbox else granted
    fixes = (*granted, *own)
    if message.sandbox:
        also = tuple(cause for cause in found.also if not cause.startswith("auth.secret_"))
        found = dataclasses.replace(found, also=also)
    return _of_found(found, entry, fixes), _message_as_json(found, entry, fixes)


def _name_in_registry(values: Mapping[str, str]) -> str:
    """The repository of a message as the catalogue of registries matches it: host without port, and path."""
    return f"{values.get('domain', values.get('registry', '')).partition(':')[0]}/{values.get('path', '')}"


def _settle(entry: catalogue.Entry, message: Message, kind: RegistryKind, name: str) -> Settle:
    """What message and registry together say of the conditions of a fix."""
    by_node = takes_right(kind, entry.id) and not message.address_refused
    known = {"pull-secret": kind.takes_credentials and not by_node, "node-pulls": by_node} if kind.by_name else {}
    known |= {"explain": False} if by_node else {}  # there is something more exact

    def settle(fix: FixTemplate) -> FixTemplate | None:
        if not all(known.get(one, True) for one in fix.when):
            return None
        told = settled(dataclasses.replace(fix, when=tuple(one for one in fix.when if one not in known)), message)
        if told is None or name != "/":
            return registries.settled(told, kind, name) if told is not None else None
        # a text that names no registry leaves open what that one is; what holds for few is no advice then
        return None if registries.RARE.intersection(told.when) else told

    return settle


def _granted(entry: catalogue.Entry, kind: RegistryKind, values: Mapping[str, str]) -> tuple[FixView, ...]:
    """What gives the node's own identity the right to pull, where the message is of a registry that asks for it."""
    if kind.right is None or not takes_right(kind, entry.id):
        return ()
    parts = kind.right.fields(values.get("registry", "").partition(":")[0], values.get("path", ""))
    return (view_of_right(kind.right, parts, values),)


def _of_found(found: Classified, entry: catalogue.Entry, fixes: Sequence[FixView]) -> Iterator[str]:
    values = _values(found)
    facts = {
        "because": f'the text says "{found.said}"' if found.said else "",
        "certain": "likely, the text leaves a choice" if found.confidence == "likely" or found.also else "yes",
        "image": found.image or "",
        "host": f"{found.host} ({found.role})" if found.host and found.role else found.host or "",
        "address": found.detail.get("address", ""),
        "resolver": found.detail.get("resolver", ""),
        "status": found.detail.get("status", ""),
        "secret": found.detail.get("secret", ""),
        "also there": "; ".join(f"{one.title}: {one.changes}" for one in in_the_way(found.said)),
    }
    if found.cause == "not_a_pull_failure" and not found.said:
        facts = {"because": "nothing in the text speaks of a failed image pull"}
    yield from of_entry(entry, values, found.also, fixes, facts, {**values, **_asked(found)})


def _values(found: Classified) -> dict[str, str]:
    """What the message itself tells for titles and commands, by the fields of the catalogue."""
    image, detail = found.image or "", found.detail
    name = image.partition("@")[0]
    first, slash, _ = name.partition("/")
    given = bool(slash) and ("." in first or ":" in first or first == "localhost")
    short = name if ":" not in name.rpartition("/")[2] else name.rpartition(":")[0]
    host = found.host or ""
    address, _, dialled = detail.get("address", "").rpartition(":")
    port = dialled or (host.rpartition(":")[2] if ":" in host else "443")
    registry = first if given else "docker.io" if image else host if found.role == "registry" else ""
    parsed = _parsed(image)
    path = detail.get("path", "")
    values = {
        "image": image,
        "repository": short,
        "short": short,
        "path": parsed.path if parsed else "",
        "normalised": parsed.normalised if parsed else "",
        "registry": registry,
        "domain": parsed.domain if parsed else registry,
        "server": DOCKER_HUB_KEY if kind_of(registry).id == "docker-hub" else registry,
        "entry": DOCKER_HUB_KEY if kind_of(registry).id == "docker-hub" else registry,
        "username": kind_of(registry).username if registry else "",
        "suffix": _asked(found).get("suffix", ""),
        "host": host,
        "port": port if host else "",
        "endpoint": host if not host or host.endswith(f":{port}") else f"{host}:{port}",
        "ip": address.strip("[]"),
        "realm": detail.get("url", "").partition("?")[0] if found.role == "token" else "",
        "certified": detail.get("certified", ""),
        "platform": detail.get("platform", ""),
        "file": path if path.startswith("/etc/") else "",
        "service": platforms.load()[PLAIN].units.get(detail.get("runtime", ""), ""),
        "namespace": detail.get("namespace", ""),
        "pod": detail.get("pod", ""),
        "container": detail.get("container", ""),
        # a kubelet names the namespace before it
        "secret": detail.get("secret", "").partition(",")[0].rpartition("/")[2],
    }
    return {key: value for key, value in values.items() if value}


def _parsed(image: str) -> Reference | None:
    try:
        return Reference.parse(image) if image else None
    except InvalidReference:
        return None


def _asked(found: Classified) -> dict[str, str]:
    """Tag or digest that the message speaks of: for titles only, since what is to be done names another one."""
    name, _, digest = (found.image or "").partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    asked = digest or tag
    return {"tag": asked, "suffix": f"@{digest}" if digest else f":{tag}"} if asked else {}


def _message_as_json(found: Classified, entry: catalogue.Entry, fixes: Sequence[FixView]) -> dict[str, Any]:
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {
        "message": {**fields, "detail": dict(found.detail)},
        "cause": entry_as_json(entry, _values(found), fixes),
    }

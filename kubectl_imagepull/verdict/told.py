"""Which fixes of the catalogue a message alone rules out, and which of their conditions it settles."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ..catalogue import FixTemplate
from .message import Message, is_loopback


def _role(*roles: str) -> Callable[[Message], bool | None]:
    return lambda message: message.role in roles if message.role else None


def _not_role(*roles: str) -> Callable[[Message], bool | None]:
    return lambda message: message.role not in roles if message.role else None


def _runtime(name: str) -> Callable[[Message], bool | None]:
    return lambda message: message.runtime == name if message.runtime else None


TOLD: Mapping[str, Callable[[Message], bool | None]] = {
    "damaged-archive": lambda message: message.damaged_archive,
    "numbers-in-image": lambda message: message.numbers_in_image and not message.damaged_archive,
    "not-in-image": lambda message: not message.in_the_image,
    "content-lost": lambda message: message.content_lost and not message.imported,
    "imported": lambda message: message.imported,
    "web-page": lambda message: message.web_page,
    "cancelled": lambda message: message.cancelled,
    "address-refused": lambda message: message.address_refused,
    "address-not-refused": lambda message: not message.address_refused,
    "cri-off": lambda message: message.cri_off,
    "windows": lambda message: message.windows,
    "vulnerable": lambda message: message.vulnerable,
    "not-vulnerable": lambda message: not message.vulnerable,
    "no-web-page": lambda message: not message.web_page,
    # a message that names none does not say that it is another file
    "hosts-file": lambda message: message.hosts_toml or None,
    "not-hosts-file": lambda message: False if message.hosts_toml else None,
    "registry-host": _not_role("token", "blob"),
    "token-host": _role("token"),
    "blob-host": _role("blob"),
    "not-blob": _not_role("blob"),
    "mirror": _role("mirror"),
    "not-mirror": _not_role("mirror"),
    "loopback": lambda message: is_loopback(message.host) if message.host else None,
    "not-loopback": lambda message: not is_loopback(message.host) if message.host else None,
    "ipv4-failed": lambda message: ":" not in message.address if message.address else None,
    "principal-named": lambda message: bool(message.principal),
    "permission-named": lambda message: bool(message.permission and not message.principal),
    "address": lambda message: bool(message.address),
    "no-address": lambda message: not message.address,
    "ipv6-failed": lambda message: ":" in message.address if message.address else None,
    "containerd": _runtime("containerd"),
    "cri-o": _runtime("cri-o"),
    "docker": _runtime("docker"),
}
"""Condition -> whether it holds by the message alone, None where that does not tell. What is seen elsewhere is not here."""


def settled(fix: FixTemplate, message: Message) -> FixTemplate | None:
    """A fix without the conditions that a message settles; None where it rules the fix out."""
    found: dict[str, Any] = {condition: TOLD[condition](message) for condition in fix.when if condition in TOLD}
    if False in found.values():
        return None
    return dataclasses.replace(fix, when=tuple(condition for condition in fix.when if not found.get(condition)))

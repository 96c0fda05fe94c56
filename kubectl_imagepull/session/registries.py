"""Registries, asked from this machine with the logins that docker has on it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator

from ..registry.client import PER_REGISTRY, Registries
from ..registry.logins import Logins, Unreadable, config_file


@contextlib.contextmanager
def from_here(
    told: Callable[[str], None],
    per_registry: int = PER_REGISTRY,
    token_hosts: Collection[str] = (),
    plain_http: Collection[str] = (),
) -> Iterator[tuple[Registries, Logins]]:
    """Connections that end with the block. told: what is wrong with the logins, a line each; the other parameters are those of
    `Registries`."""
    try:
        logins = Logins.read(config_file(os.environ))
    except Unreadable as error:
        told(str(error))
        logins = Logins()
    registries = Registries(per_registry=per_registry, token_hosts=token_hosts, plain_http=plain_http)
    try:
        yield registries, logins
    finally:
        registries.close()
        for trouble in dict.fromkeys(logins.troubles):
            told(trouble)


__all__ = ["from_here"]

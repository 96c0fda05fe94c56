"""Which right the node, or a service account, lacks where a registry takes its pulls for the node's own business."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from . import FIELDS, CatalogueError, FixTemplate, parse_fix, read_yaml


@dataclass(frozen=True)
class Right:
    """How one kind of registry grants the right to pull."""

    host: re.Pattern[str]
    """What its hosts look like; named parts are fields."""
    path: re.Pattern[str]
    """What its repositories look like, without the host; named parts are fields."""
    fix: FixTemplate
    """What grants it, over the parts and catalogue.FIELDS."""
    note: str
    """What a pasted password is worth there."""

    @property
    def parts(self) -> set[str]:
        """The fields that host and path give."""
        return set(self.host.groupindex) | set(self.path.groupindex)

    def fields(self, host: str, path: str) -> dict[str, str]:
        """The parts of a host and a repository; those that are not known are left out."""
        found = [self.host.fullmatch(host), self.path.fullmatch(path)]
        return {name: value for match in found if match for name, value in match.groupdict().items() if value}


@dataclass(frozen=True)
class Rights:
    """All of them."""

    causes: frozenset[str]
    """The refusals that a right of the node ends."""
    by_kind: Mapping[str, Right]
    """Id of a kind of registry -> its right."""


@cache
def load() -> Rights:
    """The data of rights.yaml. Raises CatalogueError for what does not have its form."""
    value = read_yaml(resources.files(__package__).joinpath("rights.yaml").read_text(encoding="utf-8"))
    return Rights(
        frozenset(value["causes"]),
        MappingProxyType({kind: parse(kind, right) for kind, right in value["rights"].items()}),
    )


def parse(kind: str, value: Mapping[str, Any]) -> Right:
    """One right from its YAML value. Raises CatalogueError."""
    at = f"rights.yaml: {kind}"
    wanted = {"source", "host", "path", "text", "actions", "applicability", "actor", "note"}
    if set(value) != wanted:
        raise CatalogueError(f"{at}: missing or unknown: {', '.join(sorted(set(value) ^ wanted))}")
    host, path = re.compile(value["host"]), re.compile(value["path"])
    parts = {*host.groupindex, *path.groupindex}
    if parts & set(FIELDS):
        raise CatalogueError(f"{at}: {', '.join(sorted(parts & set(FIELDS)))} is a field of its own")
    template = {name: value[name] for name in ("text", "actions", "applicability", "actor")}
    return Right(host, path, parse_fix(template, at, frozenset(parts)), value["note"])

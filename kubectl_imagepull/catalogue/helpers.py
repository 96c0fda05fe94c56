"""What some clusters put between the runtime and the registry (helpers.yaml): named, with what it changes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from .. import lazily
from . import CatalogueError, read_yaml


@dataclass(frozen=True)
class Helper:
    """One of them."""

    title: str
    """Its name."""
    words: tuple[re.Pattern[str], ...]
    """What a runtime's message holds of it."""
    labels: frozenset[str]
    """key=value of a node that has it."""
    changes: str
    """What it changes for a pull, one sentence."""


@cache
def load() -> tuple[Helper, ...]:
    """All of them. Raises CatalogueError for what does not have its form."""
    value = read_yaml(resources.files(__package__).joinpath("helpers.yaml").read_text(encoding="utf-8"), "helpers.yaml")
    found = []
    for name, one in value.items():
        if set(one) != {"title", "words", "labels", "changes", "sources"} or not one["sources"]:
            raise CatalogueError(f"helpers.yaml: {name}: missing or unknown, or nothing says so")
        words = tuple(lazily.pattern(word, re.IGNORECASE) for word in one["words"])
        found.append(Helper(one["title"], words, frozenset(one["labels"]), one["changes"]))
    return tuple(found)


def in_the_way(text: str, labels: Iterable[str] = ()) -> tuple[Helper, ...]:
    """Those that a message or the labels of a node speak of."""
    there = set(labels)
    return tuple(one for one in load() if one.labels & there or any(word.search(text) for word in one.words))


def label_keys() -> frozenset[str]:
    """The labels of nodes that tell of one."""
    return frozenset(label.partition("=")[0] for one in load() for label in one.labels)

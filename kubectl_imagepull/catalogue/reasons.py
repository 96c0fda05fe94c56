"""The waiting reasons of the kubelet: what each says, and the causes that stand behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from . import read_yaml


@dataclass(frozen=True)
class Reason:
    """One waiting reason."""

    name: str
    """As the kubelet writes it: ErrImagePull."""
    says: tuple[str, ...]
    """What it means, a paragraph each."""
    see: tuple[str, ...]
    """Ids of the causes that stand behind it, likeliest first."""


@cache
def load() -> Mapping[str, Reason]:
    """All of them by their name in lower case, in the order of reasons.yaml."""
    value = read_yaml(resources.files(__package__).joinpath("reasons.yaml").read_text(encoding="utf-8"), "reasons.yaml")
    back_off = value["back_off"]
    return MappingProxyType(
        {
            name.lower(): Reason(name, (one["says"], *((back_off,) if one["backs_off"] else ())), tuple(one["see"]))
            for name, one in value["reasons"].items()
        }
    )

"""Which right a cloud's registry asks for: data, and nothing is guessed for one that is not in it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubectl_imagepull import catalogue
from kubectl_imagepull.catalogue import rights
from kubectl_imagepull.image import registries


def test_every_registry_that_takes_the_nodes_identity_has_its_right() -> None:
    """One that comes new gets no other cloud's advice: it has none until somebody writes it down."""
    of_nodes = {kind.id for kind in registries.KINDS if registries.NODE_ROLE in kind.credentials}
    assert of_nodes | {"openshift"} == set(rights.load().by_kind)


def test_the_causes_exist() -> None:
    assert rights.load().causes <= set(catalogue.load())


GOOD: dict[str, Any] = {
    "source": "a page",
    "host": r"(?P<place>[a-z]+)\.example\.com",
    "path": ".*",
    "text": "ask {place}",
    "actions": [{"command": "tool allow {place}"}],
    "applicability": "manual",
    "actor": "cluster",
    "note": "",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": None}, "missing or unknown: source"),
        ({"text": "ask {where}"}, "where is no field"),
        ({"actions": [{"command": "tool {where}"}]}, "where is no field"),
        ({"host": "(?P<pod>.*)"}, "pod is a field of its own"),
        ({"actor": "me"}, "actor 'me'"),
    ],
)
def test_a_bad_right_is_refused(change: dict[str, Any], said: str) -> None:
    value = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
    with pytest.raises(catalogue.CatalogueError, match=re.escape(said)):
        rights.parse("some", value)


def test_the_parts_of_a_host() -> None:
    right = rights.parse("some", GOOD)
    assert right.fields("eu.example.com", "a/b") == {"place": "eu"}
    assert right.fields("example.org", "a/b") == {} and right.parts == {"place"}

"""Images as a node sees them: which are asked for together, and which not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.model.check import Use
from kubectl_imagepull.session import Options, check_node
from kubectl_imagepull.session.check import Asked
from kubectl_imagepull.session.check_node import MOST_IMAGES, ImagesOnNode, from_node

ANONYMOUSLY = Options()
PULLED = replace(ANONYMOUSLY, way_out=replace(ANONYMOUSLY.way_out, try_pull=True))


@pytest.fixture
def api() -> Api:
    return Api(Flags(server="http://127.0.0.1:9", namespace="mine"))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[ImagesOnNode]:
    """What is asked of the node, a run each."""
    asked: list[ImagesOnNode] = []
    monkeypatch.setattr(check_node, "diagnose", lambda api, target, options, observer: asked.append(target) or [])
    return asked


def image(name: str, *secrets: str, namespace: str = "shop") -> Asked:
    return Asked(name, Use("file", ""), namespace=namespace, secrets=secrets)


def test_a_run_for_each_namespace_and_set_of_secrets(no_kubeconfig: None, api: Api, runs: list[ImagesOnNode]) -> None:
    wanted = [
        image("a:1", "s"),
        image("b:1", "s"),
        image("a:1", "s"),
        image("a:1", "s", namespace="bank"),
        image("c:1"),
    ]
    assert from_node(api, "node1", wanted, PULLED) == ([], ())
    assert runs == [
        ImagesOnNode("node1", "shop", ("a:1", "b:1"), ("s",)),
        ImagesOnNode("node1", "bank", ("a:1",), ("s",)),
        ImagesOnNode("node1", "mine", ("c:1",)),
    ]


def test_one_run_where_the_probes_ask(no_kubeconfig: None, api: Api, runs: list[ImagesOnNode]) -> None:
    """They ask without credentials: neither namespace nor secrets make a difference."""
    from_node(api, "node1", [image("a:1", "s"), image("a:1", "t", namespace="bank"), image("b:1")], ANONYMOUSLY)
    assert runs == [ImagesOnNode("node1", "mine", ("a:1", "b:1"))]


def test_what_is_no_image_starts_no_run(no_kubeconfig: None, api: Api, runs: list[ImagesOnNode]) -> None:
    assert from_node(api, "node1", [image("UPPER CASE")], ANONYMOUSLY) == ([], ()) and runs == []


def test_what_is_too_many_is_named(no_kubeconfig: None, api: Api, runs: list[ImagesOnNode]) -> None:
    """Once each, and those that are asked for already are none of them."""
    names = [f"app:{n}" for n in range(MOST_IMAGES + 2)]
    found = from_node(api, "node1", [image(name) for name in (*names, names[-1], names[0])], ANONYMOUSLY)
    assert found == ([], tuple(names[-2:])) and runs[0].images == tuple(names[:-2])

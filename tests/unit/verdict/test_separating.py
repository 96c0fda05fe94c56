"""The label that sets broken nodes apart: ten that are planted among many, and what must not be named."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest

from kubectl_imagepull.catalogue import node_marks
from kubectl_imagepull.verdict.separating import Apart, separating

Node = dict[str, str]
ZONE, POOL = "topology.kubernetes.io/zone", "cloud.google.com/gke-nodepool"


def fleet(count: int, seed: int = 7) -> list[Node]:
    """Nodes as clusters have them: each label at random, so that none goes with another."""
    draw = random.Random(seed)
    nodes = []
    for number in range(count):
        node = {
            "kubernetes.io/hostname": f"node-{number}",
            "kubernetes.io/os": "linux",
            ZONE: draw.choice("abcd"),
            POOL: draw.choice(["web", "db", "batch", "gpu", "infra"]),
            "kubernetes.io/arch": draw.choice(["amd64", "amd64", "amd64", "arm64"]),
            "node.kubernetes.io/instance-type": draw.choice(["m5.large", "m5.xlarge", "c6.large"]),
            "kubeletVersion": draw.choice(["v1.33.5", "v1.34.1", "v1.34.2"]),
            "containerRuntimeVersion": draw.choice(["containerd://1.7.27", "containerd://2.0.5"]),
            "osImage": draw.choice(["Ubuntu 22.04.5 LTS", "Ubuntu 24.04.1 LTS"]),
            "kernelVersion": draw.choice(["6.1.0", "6.8.0"]),
            "example.com/rack": f"r{draw.randrange(20)}",
            "example.com/team": draw.choice(["red", "blue", "green"]),
            "example.com/serial": f"s-{number * 7919}",
        }
        if draw.random() < 0.3:
            node["example.com/spot"] = "true"
        nodes.append(node)
    return nodes


Broken = Callable[[Node], bool]
PLANTED: Mapping[str, tuple[str, tuple[str | None, ...], Broken]] = {
    "zone": (ZONE, ("b",), lambda n: n[ZONE] == "b"),
    "pool": (POOL, ("gpu",), lambda n: n[POOL] == "gpu"),
    "architecture": ("kubernetes.io/arch", ("arm64",), lambda n: n["kubernetes.io/arch"] == "arm64"),
    "kubelet": ("kubeletVersion", ("v1.33.5",), lambda n: n["kubeletVersion"] == "v1.33.5"),
    "runtime": (
        "containerRuntimeVersion",
        ("containerd://1.7.27",),
        lambda n: n["containerRuntimeVersion"] == "containerd://1.7.27",
    ),
    "OS image": ("osImage", ("Ubuntu 24.04.1 LTS",), lambda n: n["osImage"] == "Ubuntu 24.04.1 LTS"),
    "label of one's own": ("example.com/rack", ("r3",), lambda n: n["example.com/rack"] == "r3"),
    "label that is not there": ("example.com/spot", (None,), lambda n: "example.com/spot" not in n),
    "two of four zones": (ZONE, ("a", "c"), lambda n: n[ZONE] in "ac"),
    "all pools but one": (POOL, ("infra",), lambda n: n[POOL] != "infra"),
}
"""What breaks -> the label, its values, and which nodes."""


@pytest.mark.parametrize("count", [200, 1000])
@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(what: str, count: int) -> None:
    key, values, is_broken = PLANTED[what]
    nodes = fleet(count)
    found = separating([n for n in nodes if is_broken(n)], [n for n in nodes if not is_broken(n)])
    assert found is not None and found.exact and not found.may_be_chance
    assert (found.key, set(found.values)) == (key, set(values))
    assert found.but == (what == "all pools but one") and found.also == ()


@pytest.mark.parametrize("what", PLANTED)
def test_some_nodes_of_another_trouble_hide_it_not(what: str) -> None:
    """One in twenty of the others breaks too, and one in twenty of those does not."""
    key, values, is_broken = PLANTED[what]
    nodes = fleet(300)
    broken = [n for number, n in enumerate(nodes) if is_broken(n) != (number % 20 == 0)]
    found = separating(broken, [n for n in nodes if n not in broken])
    assert found is not None and (found.key, set(found.values)) == (key, set(values))
    assert not found.exact and found.with_it < found.broken


def test_three_of_forty_in_a_zone_of_their_own() -> None:
    nodes = fleet(40)
    for number, node in enumerate(nodes):
        node[ZONE] = "z" if number in (3, 17, 29) else node[ZONE]
    found = separating([nodes[3], nodes[17], nodes[29]], [n for n in nodes if n[ZONE] != "z"])
    assert found is not None
    assert (found.key, found.values, found.with_it, found.healthy_with_it) == (ZONE, ("z",), 3, 0)
    assert found.exact and not found.may_be_chance


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_named_where_nodes_break_at_random(seed: int) -> None:
    """A cluster has many labels, and some always fit a little."""
    nodes = fleet(200, seed)
    broken = random.Random(seed + 100).sample(range(200), 20)
    found = separating([nodes[n] for n in broken], [n for number, n in enumerate(nodes) if number not in broken])
    assert found is None


def test_among_few_nodes_what_fits_may_be_chance() -> None:
    """A label of one's own is not even named then."""
    one = {ZONE: "a", "kubeletVersion": "v1", "example.com/x": "1"}
    two = {ZONE: "b", "kubeletVersion": "v1", "example.com/x": "2"}
    found = separating([one], [two])
    assert found is not None and (found.key, found.values) == (ZONE, ("a",))
    assert found.exact and found.may_be_chance
    assert separating([{"example.com/x": "1"}], [{"example.com/x": "2"}]) is None


def test_what_names_a_node_sets_nothing_apart() -> None:
    nodes = [{"kubernetes.io/hostname": f"n{n}", "serial": f"s{n}", "same": "x"} for n in range(40)]
    assert separating(nodes[:3], nodes[3:]) is None


def test_labels_that_go_together_are_named_together() -> None:
    """The one that people speak of first."""
    nodes = [{ZONE: z, POOL: f"pool-{z}", "rack": f"r-{z}", "same": "x"} for z in "aabbccddee" * 4]
    found = separating([n for n in nodes if n[ZONE] == "b"], [n for n in nodes if n[ZONE] != "b"])
    assert found is not None and found.key == ZONE and set(found.also) == {POOL, "rack"}


def test_nothing_to_compare_with() -> None:
    assert separating([{ZONE: "a"}], []) is None and separating([], [{ZONE: "a"}]) is None
    assert separating([{}], [{}]) is None


def test_the_catalogue_names_each_label_once() -> None:
    marks = node_marks.load()
    assert marks.by_key[ZONE].word == "zone" and "kubernetes.io/hostname" in marks.names
    assert not marks.names & set(marks.by_key)
    assert isinstance(separating([{ZONE: "a"}], [{ZONE: "b"}]), Apart)

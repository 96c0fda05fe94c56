"""What is wrong with a node itself: its way out, its proxy, its clock, its disk, its kubelet's limits. On both nodes at once."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, pod, wait_for
from tests.lab import faults
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab

MISSING = "registry.lab.test/busybox:9.9"
PRIVATE = "private.lab.test/team/app:1.0"
GOOD = "registry.lab.test/busybox:1.35"
Said = tuple[str, str, str, str]


def on_each(namespace: str, name: str, image: str, policy: str = "Always", **spec: Any) -> list[dict[str, Any]]:
    """The same pod on every node."""
    made = [pod(namespace, f"{name}-{node}", node, image, **spec) for node in NODES]
    for one in made:
        one["spec"]["containers"][0]["imagePullPolicy"] = policy
    return made


def said(cluster: Cluster, namespace: str, names: Sequence[str], *words: str, **env: str) -> dict[str, Said]:
    """Cause, role, host and confidence of each pod's verdict."""
    _, found = cluster.why(*names, "-n", namespace, *words, **env)
    items = found["items"] if found["kind"] == "DiagnosisList" else [found]
    return {i["target"]["pod"]: verdict(i) for i in items}


def verdict(item: dict[str, Any]) -> Said:
    v = item["verdict"]
    return (v["cause"], v["subject"]["role"], v["subject"]["host"], v["confidence"])


def named(name: str) -> list[str]:
    return [f"{name}-{node}" for node in NODES]


@pytest.fixture(scope="module", autouse=True)
def private(cluster: Cluster, namespace: str) -> None:
    """Pods that run a private image: the kubelets need a while until they list it among the images of their node."""
    cluster.make_secret(namespace, "private", "private.lab.test")
    cluster.apply(*on_each(namespace, "may", PRIVATE, secrets=["private"]))
    cluster.wait_running(namespace, named("may"))


def test_dead_proxy(cluster: Cluster, namespace: str) -> None:
    with contextlib.ExitStack() as stack:
        for node in NODES:
            stack.enter_context(faults.proxy(cluster.lab, node, "http://refused.lab.test:3128"))
        cluster.apply(*on_each(namespace, "dead-proxy", MISSING))
        cluster.wait_failing(namespace, named("dead-proxy"))
        expected = ("net.proxy", "proxy", "refused.lab.test:3128", "confirmed")
        assert said(cluster, namespace, named("dead-proxy")) == dict.fromkeys(named("dead-proxy"), expected)


def test_a_proxy_that_the_node_needs(cluster: Cluster, namespace: str) -> None:
    """The direct way is closed, which is no fault: the tag is missing, and what is there runs."""
    with contextlib.ExitStack() as stack:
        for node in NODES:
            stack.enter_context(faults.proxy(cluster.lab, node, "http://proxy.lab.test:3128"))
            stack.enter_context(faults.unreachable(cluster.lab, node, "registry"))
        cluster.apply(*on_each(namespace, "by-proxy", MISSING), *on_each(namespace, "runs", GOOD))
        cluster.wait_failing(namespace, named("by-proxy"))
        cluster.wait_running(namespace, named("runs"))
        for found in said(cluster, namespace, named("by-proxy")).values():
            assert found[:3] == ("image.tag_unknown", "registry", "registry.lab.test")


def test_one_of_two_nodes(cluster: Cluster, namespace: str) -> None:
    """Only the first is cut off: where the two part is said. With both cut off, that they see the same."""
    lost = ("net.timeout", "registry", "registry.lab.test", "confirmed")
    with faults.unreachable(cluster.lab, "node1", "registry"):
        cluster.apply(*on_each(namespace, "cut-off", MISSING))
        cluster.wait_pulling(namespace, named("cut-off"))
        _, found = cluster.why("cut-off-node1", "-n", namespace, "--compare-node", "node2")
        assert verdict(found) == lost
        assert "node1 and node2 part at connect of registry registry.lab.test" in json.dumps(found["verdict"])
        with faults.unreachable(cluster.lab, "node2", "registry"):
            # the kubelet of node2 has heard before that the tag is missing: that is not taken back by what a probe sees now
            _, found = cluster.why("cut-off-node2", "-n", namespace)
            assert verdict(found)[:3] == ("image.tag_unknown", "registry", "registry.lab.test")
            cluster.apply(pod(namespace, "cut-off-later", "node2", MISSING))
            cluster.wait_pulling(namespace, ["cut-off-later"])
            _, found = cluster.why("cut-off-later", "-n", namespace, "--compare-node", "node1")
            assert verdict(found) == lost
            assert "node1 sees the same as node2" in json.dumps(found["verdict"])


def test_one_pull_at_a_time(cluster: Cluster, namespace: str) -> None:
    """A pull that has stalled, and one that waits for it: neither has an error."""
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.lab.end_stalls)
        for node in NODES:
            stack.enter_context(faults.kubelet_config(cluster.lab, node, serializeImagePulls=True))
        cluster.apply(*on_each(namespace, "stalls", "odd.lab.test/hang:1.0"))
        cluster.wait_pulling(namespace, named("stalls"))
        cluster.apply(*on_each(namespace, "waits", GOOD))
        cluster.wait_pulling(namespace, named("waits"))
        with ThreadPoolExecutor(len(NODES)) as pool:
            both = pool.map(lambda n: said(cluster, namespace, [f"stalls-{n}", f"waits-{n}"]), NODES)
            found = {name: one for half in both for name, one in half.items()}
        stalled = ("transfer.stalled", "registry", "odd.lab.test", "confirmed")
        assert found == {
            **dict.fromkeys(named("stalls"), stalled),
            **{f"waits-{node}": ("pull.queued", "node", node, "likely") for node in NODES},
        }


def test_disk_full(cluster: Cluster, namespace: str) -> None:
    with contextlib.ExitStack() as stack:
        for node in NODES:
            stack.enter_context(faults.disk_full(cluster.lab, node))
        cluster.apply(*on_each(namespace, "full", f"odd.lab.test/fresh/{secrets.token_hex(4)}:1.0"))
        cluster.wait_failing(namespace, named("full"))
        found = said(cluster, namespace, named("full"))
        assert {name: one[:2] for name, one in found.items()} == dict.fromkeys(
            named("full"), ("storage.no_space", "node")
        )


def test_wrong_clock(cluster: Cluster, namespace: str) -> None:
    """The registry's clock and the workstation's agree, and the certificate is good by them: the node is ahead."""
    cluster.apply(*on_each(namespace, "clock", "skewed.lab.test/team/app:1.0"))
    cluster.wait_failing(namespace, named("clock"))
    found = said(cluster, namespace, named("clock"), **faults.right_clock())
    assert found == {f"clock-{node}": ("node.clock_skew", "node", node, "confirmed") for node in NODES}


def test_denied_although_it_is_there(cluster: Cluster, namespace: str) -> None:
    """An image that was pulled with a secret is not for a pod without one (KEP-2535), whatever its pull policy."""
    image = "private.lab.test/team/app:1.0"
    cluster.make_secret(namespace, "private", "private.lab.test")
    cluster.apply(*on_each(namespace, "may", image, secrets=["private"]))
    cluster.wait_running(namespace, named("may"))
    cluster.apply(
        *on_each(namespace, "may-not", image, "Never"), *on_each(namespace, "must-ask", image, "IfNotPresent")
    )
    cluster.wait_failing(namespace, [*named("may-not"), *named("must-ask")])

    def listed() -> bool:
        """The kubelets say every few seconds what images they have."""
        nodes = cluster.get("nodes")["items"]
        return all(any(PRIVATE in i["names"] for i in n["status"].get("images", [])) for n in nodes)

    wait_for(listed, 60)
    found = said(cluster, namespace, [*named("may-not"), *named("must-ask")])
    assert found == {
        **{f"may-not-{node}": ("auth.cached_image_denied", "node", node, "likely") for node in NODES},
        **dict.fromkeys(named("must-ask"), ("auth.no_credentials", "registry", "private.lab.test", "confirmed")),
    }

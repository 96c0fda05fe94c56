"""scan on a real API server, whose tables and events it reads: 2,000 pods of which 250 fail, and real pods beside them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.crowd.cluster import crowded
from tests.crowd.pods import Crowd
from tests.e2e.cluster import Cluster, pod
from tests.lab.api import Lab

pytestmark = pytest.mark.lab


def test_probed(cluster: Cluster, namespace: str) -> None:
    """One pod of each root cause is diagnosed from its node; nothing is left."""
    cluster.apply(
        pod(namespace, "a", "node1", "registry.lab.test/busybox:none"),
        pod(namespace, "b", "node1", "registry.lab.test/busybox:none"),
    )
    cluster.wait_failing(namespace, ["a", "b"])
    before = cluster.snapshot()
    ran = cluster.run("imagepull", "scan", "-n", namespace, "--probe", "-o", "json", check=False)
    [cause] = json.loads(ran.stdout)["causes"]
    assert (cause["cause"], cause["confidence"], cause["pods"]) == ("image.tag_unknown", "confirmed", 2), ran.stderr
    assert cause["probe"]["created"] and cause["probe"]["deleted"] and cluster.snapshot() == before


def test_watched(cluster: Cluster, namespace: str) -> None:
    """A pod that appears is told, and that it is solved when it is gone."""
    process = cluster.popen("imagepull", "scan", "-n", namespace, "--watch")
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        cluster.apply(pod(namespace, "late", "node2", "registry.lab.test/team/none:1"))
        lines = iter(process.stdout.readline, "")
        assert any("appeared: 1 pod" in line and "image." in line for line in lines)
        cluster.run("-n", namespace, "delete", "pod", "late", "--wait=false")
        assert any("solved" in line for line in lines)
    finally:
        process.send_signal(2)
        deadline = time.monotonic() + 10
        assert process.wait(timeout=max(1, deadline - time.monotonic())) == 130


@pytest.fixture(scope="module")
def crowd(lab: Lab) -> Iterator[Crowd]:
    """From here on no controller runs: the tests above need them."""
    with crowded(2000) as found:
        yield found


def test_finds_every_one(cluster: Cluster, crowd: Crowd) -> None:
    """In Running pods, masked by a crash, an end or a removal, in init containers, image volumes, sandboxes, ephemeral ones."""
    ran = cluster.run("imagepull", "scan", "-A", "-o", "json", check=False)
    found = json.loads(ran.stdout)
    assert ran.returncode == 1 and found["errors"] == [], ran.stderr
    seen = {f"{one['namespace']}/{one['pod']}" for cause in found["causes"] for one in cause["affected"]}
    mine = {name for name in seen if name.startswith("crowd-")}
    assert mine == set(crowd.expected)
    assert len({cause["cause"] for cause in found["causes"]}) == 12
    shop = [c for c in found["causes"] if c["title"].startswith("registry.corp.test/shop/web has no tag")]
    assert len(shop) == 1 and len(shop[0]["workloads"]) > 5


def test_one_namespace_as_a_table(cluster: Cluster, crowd: Crowd) -> None:
    ran = cluster.run("imagepull", "scan", "-n", "crowd-03", check=False)
    mine = sum(1 for name in crowd.expected if name.startswith("crowd-03/"))
    assert ran.stdout.startswith(f"{mine} pods cannot pull an image"), ran.stdout[:300]

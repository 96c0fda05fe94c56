"""check on the lab: manifests from the workstation, what runs with its secrets, and a node that is asked and pulls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, pod
from tests.e2e.test_settings import CERTS_D, configured, mirrors, version_of

pytestmark = pytest.mark.lab


def checked(cluster: Cluster, *words: str, stdin: str | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    """(exit code, image -> what the check says of it)."""
    ran = cluster.run("imagepull", "check", *words, "-o", "json", check=False, stdin=stdin)
    found = json.loads(ran.stdout)
    return ran.returncode, {one["image"]: one for one in found["images"]}


def ids(one: dict[str, Any]) -> list[str]:
    return [problem["id"] for problem in one["problems"]]


def test_references(cluster: Cluster) -> None:
    """A registry with TLS and tokens, one without, one that is not there; no cluster is asked."""
    words = ("registry.lab.test/busybox:1.35", "registry.lab.test/busybox:9", "expired.lab.test/team/app:1.0")
    code, found = checked(cluster, *words, "private.lab.test/team/app:1.0", "orphan.lab.test/team/app:1.0")
    good, tag, expired, private, orphan = found.values()
    assert code == 1 and ids(good) == [] and good["digest"].startswith("sha256:")
    assert ids(tag) == ["image.tag_unknown"] and ids(expired) == ["tls.expired"]
    assert ids(private)[0].startswith("auth.") and ids(orphan) and not ids(orphan)[0].startswith("image.")


def test_what_runs(cluster: Cluster, namespace: str) -> None:
    """With the pods' own secrets: a good one, a wrong one, and a pod whose tag does not exist."""
    cluster.make_secret(namespace, "good", "private.lab.test")
    cluster.make_secret(namespace, "wrong", "private.lab.test", "wrong")
    cluster.apply(
        pod(namespace, "fine", "node1", "private.lab.test/team/app:1.0", ["good"]),
        pod(namespace, "near", "node2", "registry.lab.test/busybox:1.35", ["good"]),
        pod(namespace, "refused", "node2", "private.lab.test/team/app:1.0", ["wrong"]),
        pod(namespace, "gone", "node1", "registry.lab.test/busybox:gone"),
    )
    ran = cluster.run("imagepull", "check", "-n", namespace, "-o", "json", check=False)
    found = {use["where"]: one for one in json.loads(ran.stdout)["images"] for use in one["uses"]}
    assert ran.returncode == 1
    assert ids(found[f"{namespace}/pod/fine"]) == [] and found[f"{namespace}/pod/fine"]["login"] == "pull secret good"
    assert ids(found[f"{namespace}/pod/refused"]) == ["auth.bad_credentials"]
    assert ids(found[f"{namespace}/pod/gone"]) == ["image.tag_unknown"]


def test_a_node_is_asked_and_pulls(cluster: Cluster, namespace: str) -> None:
    """With the pod's secret the kubelet can what this machine could not be let in for; nothing is left."""
    cluster.wait_running(namespace, ["near"])  # from here on its node may read the secret
    before = cluster.snapshot()
    private = f"pod/{'fine'}"
    code, found = checked(cluster, private, "-n", namespace, "--from-node", "node2", "--try-pull")
    assert code == 0, found
    code, found = checked(cluster, "registry.lab.test/busybox:none", "--from-node", "node1")
    [one] = found.values()
    assert code == 1 and any(p["text"].startswith("from node1") for p in one["problems"]), one
    assert cluster.snapshot() == before


def test_what_an_upgrade_stops_reading(cluster: Cluster) -> None:
    """The settings of a node's containerd 1.6 as 2.2.0 reads them: mirrors are refused there, and nothing changes without any."""
    version = version_of(cluster, "node1")
    with configured(cluster, "node1", lambda text: text.replace(CERTS_D, "") + mirrors(version, tls=False), {}):
        words = ("registry.lab.test/busybox:1.35", "one.lab.test/busybox:1.35", "--from-node", "node1")
        _, found = checked(cluster, *words, "--runtime", "containerd://2.2.0")
    lost = {
        image: [p["text"] for p in one["problems"] if p["id"] == "check.setting_lost"] for image, one in found.items()
    }
    assert lost["one.lab.test/busybox:1.35"], found
    assert "containerd 2.2.0 on node1" in lost["one.lab.test/busybox:1.35"][0]
    _, found = checked(cluster, words[0], "--from-node", "node1", "--runtime", "containerd://2.4.2")
    assert not ids(found[words[0]]), found

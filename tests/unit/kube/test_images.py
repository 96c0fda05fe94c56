"""Whose the images on a node are: of kube-system's DaemonSets through uids, of one namespace, of nobody known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.nodes import read_node
from kubectl_imagepull.model import RunningImage
from tests.unit.node.fake import Cluster, Object


def pod(namespace: str, name: str, image: str, owner: Object | None = None, **spec: Any) -> Object:
    return {
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "ownerReferences": [owner] if owner else []},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": image}], **spec},
        "status": {"containerStatuses": [{"name": "c", "state": {"running": {"startedAt": "2026-11-28T12:00:00Z"}}}]},
    }


def of_set(uid: str) -> Object:
    return {"kind": "DaemonSet", "name": "proxy", "uid": uid, "controller": True}


class Server(Cluster):
    """As the objects are, without a kubelet that would change their status."""

    def _start(self, at: str, pod: Object) -> None:
        return


def served(*pods: Object, annotations: Object | None = None, refuse: str = "") -> Any:
    def refused(verb: str, path: str, body: Any) -> Exception | None:
        return ApiError(403, "Forbidden", "no") if refuse and path.endswith(refuse) else None

    cluster = Server(refuse=refused)
    for one in pods:
        cluster.put(f"/api/v1/namespaces/{one['metadata']['namespace']}/pods", one)
    sets = {"kind": "DaemonSet", "metadata": {"name": "proxy", "namespace": "kube-system", "uid": "real"}}
    cluster.put("/apis/apps/v1/namespaces/kube-system/daemonsets", sets)
    node = {"kind": "Node", "metadata": {"name": "n1", "annotations": annotations or {}}, "status": {"images": []}}
    cluster.put("/api/v1/nodes", node)
    return cluster


def test_whose_they_are() -> None:
    found = read_node(
        served(
            pod("kube-system", "proxy", "k/proxy:1", of_set("real")),
            pod("kube-system", "forged", "evil/proxy:1", of_set("another")),
            pod("kube-system", "bare", "evil/bare:1"),
            pod("team", "daemon", "evil/daemon:1", of_set("real")),
            pod("ns", "app", "mine/app:1"),
            pod("ns", "agent", "mine/agent:1", hostNetwork=True),
            pod("ns", "both", "mine/both:1", hostNetwork=True),
            pod("ns", "both-too", "mine/both:1"),
            pod("ns", "private", "mine/private:1", imagePullSecrets=[{"name": "s"}]),
        ),
        "n1",
        "ns",
    ).images
    assert found.system == ("k/proxy:1",)
    assert set(found.own) == {
        RunningImage("mine/app:1"),
        RunningImage("mine/agent:1", True),
        RunningImage("mine/both:1"),
    }
    assert found.namespace == "ns"


def test_daemon_sets_that_may_not_be_read_vouch_for_nothing() -> None:
    cluster = served(pod("kube-system", "proxy", "k/proxy:1", of_set("real")), refuse="/daemonsets")
    assert read_node(cluster, "n1", "ns").images.system == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["agent", "--pause-image", "corp/pause:3.6"], ("corp/pause:3.6",)),
        (["agent", "--pause-image=corp/pause:3.6"], ("corp/pause:3.6",)),
        (["server", "--system-default-registry", "corp.example"], ("corp.example/rancher/mirrored-pause:3.6",)),
        (["agent"], ()),
        ([1, None], ()),
        ({"a": 1}, ()),
    ],
)
def test_what_the_node_was_started_with(words: Any, expected: tuple[str, ...]) -> None:
    cluster = served(annotations={"k3s.io/node-args": json.dumps(words)})
    assert read_node(cluster, "n1", "ns").images.sandbox == expected


def test_annotations_that_are_none() -> None:
    cluster = served(annotations={"rke2.io/node-args": "[1, "})
    assert read_node(cluster, "n1", "ns").images.sandbox == ()

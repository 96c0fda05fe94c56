"""Nodes: facts, the images there, the node to compare with, and what else it pulls."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.nodes import node_of, queue_of, read_node, read_peer, runtime_among
from kubectl_imagepull.model import NodeFacts, ReadError
from tests.unit.fake_cluster import DirectApi, FakeCluster
from tests.unit.kube import objects

NODE = "/api/v1/nodes/node1"


@pytest.fixture
def filled() -> FakeCluster:
    return objects.fill(FakeCluster())


def test_what_is_known_of_a_node(filled: FakeCluster) -> None:
    read = read_node(DirectApi(filled), "node1", "kube-system")
    images, wanted = read.images, read.wanted
    assert read.errors == () and read.facts == NodeFacts(
        "node1",
        ready=True,
        ready_message="kubelet is posting ready status",
        os="linux",
        arch="amd64",
        os_image="Debian GNU/Linux 12",
        runtime="containerd://2.1.4",
        kubelet="v1.34.1",
        lists_all=True,
    )
    assert images.listed == ("registry.example/cni:1",)
    assert [found.image for found in images.own] == ["registry.example/cni:1"] and images.system == ()
    # of every pod there, once each: what one that fails wants as well
    assert wanted == (objects.SIDE, objects.IMAGE, "registry.example/model:3", "registry.example/cni:1")


def test_a_probe_beside_this_one_names_no_registry(filled: FakeCluster) -> None:
    before = read_node(DirectApi(filled), "node1", "shop").wanted
    beside = filled.add("Pod", "shop", "probe", metadata=objects.OF_A_RUN, spec=objects.pod_spec("pause.example/p:1"))
    assert read_node(DirectApi(filled), "node1", "shop").wanted == before
    beside["metadata"] = {**objects.OF_A_RUN, "ownerReferences": [objects.reference("ReplicaSet", "web-x")]}
    assert "pause.example/p:1" in read_node(DirectApi(filled), "node1", "shop").wanted


def test_a_node_in_trouble(filled: FakeCluster) -> None:
    found = filled.objects[NODE]
    found["spec"]["unschedulable"] = True
    found["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"},
        {"type": "DiskPressure", "status": "True"},
    ]
    found["status"]["images"] = [{"names": [f"x{n}:1", "<none>@<none>"], "sizeBytes": 100 - n} for n in range(50)]
    read = read_node(DirectApi(filled), "node1", "shop")
    facts, images = read.facts, read.images
    assert (facts.ready, facts.ready_message, facts.disk_pressure, facts.unschedulable, facts.lists_all) == (
        False,
        "NodeStatusUnknown",
        True,
        True,
        False,
    )
    assert images.listed[0] == "x49:1" and len(images.listed) == 50  # the smallest first, and names only


@pytest.mark.parametrize(("images", "all_of_them"), [(0, False), (1, True), (49, True), (50, False)])
def test_when_a_node_lists_all_images(filled: FakeCluster, images: int, all_of_them: bool) -> None:
    filled.objects[NODE]["status"]["images"] = [{"names": [f"x{n}"], "sizeBytes": n} for n in range(images)]
    assert read_node(DirectApi(filled), "node1", "shop").facts.lists_all is all_of_them


@pytest.mark.parametrize(("names", "all_of_them"), [(4, True), (5, False)])
def test_when_a_node_lists_all_names(filled: FakeCluster, names: int, all_of_them: bool) -> None:
    """Five of an image at most: another one that it has may be missing there."""
    filled.objects[NODE]["status"]["images"].append({"names": [f"r{n}.example/app:1" for n in range(names)]})
    assert read_node(DirectApi(filled), "node1", "shop").facts.lists_all is all_of_them


def test_a_node_that_is_gone_and_one_that_may_not_be_read(filled: FakeCluster) -> None:
    errors: list[ReadError] = []
    gone, _ = node_of(DirectApi(filled), errors, "node9")
    assert gone is not None and (gone.name, gone.found, gone.ready) == ("node9", False, False) and not errors
    for status, why in ((403, "needs get on nodes (forbidden)"), (500, "500")):
        filled.refuse[NODE] = status
        assert node_of(DirectApi(filled), errors, "node1")[0] == NodeFacts("node1", read=False)
        assert errors[-1].message.startswith("cannot read node node1: ") and why in errors[-1].message
        assert errors[-1].message.endswith("whether it is ready are not known")
    with pytest.raises(ApiError):
        read_node(DirectApi(filled), "node1", "shop")


def test_a_node_that_may_not_be_read_is_what_its_pods_tell(filled: FakeCluster) -> None:
    """The runtime's name comes of a container that it made; a version is guessed nowhere."""
    filled.refuse |= {NODE: 403, "/api/v1/pods": 403}
    spec = {"nodeName": "node1", "containers": [{"name": "c", "image": "own:1"}]}
    state = {"name": "c", "containerID": "cri-o://0123", "state": {"running": {"startedAt": objects.AT}}}
    filled.add("Pod", "shop", "mine", spec=spec, status={"phase": "Running", "containerStatuses": [state]})
    read = read_node(DirectApi(filled), "node1", "shop")
    assert read.facts == NodeFacts("node1", read=False, runtime="cri-o://")
    assert [one.image for one in read.images.own] == ["own:1"] and read.images.listed == ()
    assert "own:1" in read.wanted and [e.kind for e in read.errors] == ["Node", "Pod"]


@pytest.mark.parametrize(
    ("container_id", "runtime"),
    [
        ("containerd://0123", "containerd://"),
        ("docker://0123", "docker://"),
        ("", ""),
        ("evil://0123", ""),
        ("cri-o", ""),
    ],
)
def test_whose_containers_a_node_runs(container_id: str, runtime: str) -> None:
    pods = [{"status": {}}, {"status": {"initContainerStatuses": [{"name": "c", "containerID": container_id}]}}]
    assert runtime_among(pods) == runtime


def test_no_right_to_pods(filled: FakeCluster) -> None:
    filled.refuse |= {"/api/v1/pods": 403, "/api/v1/namespaces/kube-system/pods": 403}
    read = read_node(DirectApi(filled), "node1", "kube-system")
    assert read.wanted == () and read.images.own == () and read.images.listed
    assert [e.message for e in read.errors] == [
        "cannot list the pods of all namespaces on node1 (forbidden)",
        "cannot list the pods of kube-system on node1 (forbidden)",
    ]


def peer(cluster: FakeCluster, name: str = "auto") -> str | None:
    found = read_peer(DirectApi(cluster), name, objects.IMAGE, "node1", "shop")
    return found.facts.name if found is not None else None


def running(cluster: FakeCluster, node: str) -> None:
    spec = {"nodeName": node, "containers": [{"name": "c", "image": objects.IMAGE}]}
    cluster.add("Pod", "other", f"there-{node}", spec=spec, status={"phase": "Running"})


def test_the_node_to_compare_with(filled: FakeCluster) -> None:
    """The one that is named; else one where the image runs; else any other that is ready."""
    assert peer(filled) == "node2"
    filled.add("Node", "", "node3", status=objects.node_status())
    running(filled, "node3")
    assert peer(filled) == "node3"
    assert peer(filled, "node2") == "node2"
    assert peer(filled, "node1") is None
    filled.refuse["/api/v1/pods"] = 403
    assert peer(filled) == "node2"
    with pytest.raises(ApiError):
        peer(filled, "node9")


def test_who_may_not_list_nodes_compares_with_one_where_the_image_runs(filled: FakeCluster) -> None:
    filled.refuse |= {"/api/v1/nodes": 403, "/api/v1/nodes/node2": 403}
    assert peer(filled) is None
    spec = {"nodeName": "node2", "containers": [{"name": "c", "image": objects.IMAGE}]}
    filled.add("Pod", "shop", "runs", spec=spec, status={"phase": "Running"})
    assert peer(filled) == "node2"
    filled.refuse["/api/v1/nodes"] = 500
    with pytest.raises(ApiError):
        peer(filled)


def test_no_node_to_compare_with(filled: FakeCluster) -> None:
    status = filled.objects["/api/v1/nodes/node2"]["status"]
    status["nodeInfo"]["operatingSystem"] = "windows"
    running(filled, "node2")
    assert peer(filled) is None
    status["nodeInfo"]["operatingSystem"] = "linux"
    assert peer(filled) == "node2"
    status["conditions"][0]["status"] = "False"
    assert peer(filled) is None


def pulls(cluster: FakeCluster, *steps: tuple[str, str, str]) -> None:
    """(reason, pod, second) of events from node1, each pod one image."""
    for number, (reason, name, second) in enumerate(steps):
        about = {"kind": "Pod", "namespace": "other", "name": name, "uid": name, "fieldPath": "spec.containers{c}"}
        word = {"Pulling": f'Pulling image "{name}:1"'}.get(reason, "done")
        more: dict[str, Any] = {"source": {"host": "node1"}} if number % 2 else {"reportingInstance": "node1"}
        cluster.add(
            "Event",
            "other",
            f"q{number}",
            reason=reason,
            message=word,
            lastTimestamp=f"2026-05-04T03:00:{second}Z",
            involvedObject=about,
            **more,
        )


def test_what_else_a_node_pulls(filled: FakeCluster) -> None:
    filled.objects = {k: v for k, v in filled.objects.items() if "/events/" not in k}
    filled.objects[f"{NODE}/proxy/configz"] = {"kubeletconfig": {"serializeImagePulls": False}}
    pulls(
        filled,
        ("Pulling", "b", "20"),
        ("Pulling", "a", "10"),
        ("Pulling", "done", "11"),
        ("Pulled", "done", "12"),
        ("Pulling", "failed", "11"),
        ("Failed", "failed", "30"),
        ("Failed", "again", "13"),
        ("Pulling", "again", "14"),
    )
    one, other = filled.objects["/api/v1/namespaces/other/events/q0"], dict(filled.objects)
    other["/api/v1/namespaces/other/events/elsewhere"] = {
        **one,
        "reportingInstance": "node2",
        "involvedObject": {"uid": "x"},
    }
    filled.objects = other
    serial, found = queue_of(DirectApi(filled), "node1")
    assert serial is False
    assert [line for _, line in found] == ["other/a a:1", "other/again again:1", "other/b b:1"]


def test_what_of_the_queue_cannot_be_read(filled: FakeCluster) -> None:
    filled.objects[f"{NODE}/proxy/configz"] = {"kubeletconfig": {}}
    assert queue_of(DirectApi(filled), "node1")[0] is True  # the default of KubeletConfiguration
    filled.refuse |= {f"{NODE}/proxy/configz": 403, "/api/v1/events": 403}
    assert queue_of(DirectApi(filled), "node1") == (None, [])

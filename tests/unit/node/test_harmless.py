"""Over which images probes run: by whole names and by whose they are, never by what a name looks like."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.model import NodeImages, Pull, RunningImage
from kubectl_imagepull.node.created_objects import CreatedObjects
from kubectl_imagepull.node.harmless import EKS_ACCOUNTS, GUESSES, PUBLISHED, guesses, harmless, is_pause, pauses
from kubectl_imagepull.node.ladder import NodeAsked, climb
from kubectl_imagepull.node.plan import Plan
from kubectl_imagepull.node.wanted import Wanted
from tests.unit.node.fake import Cluster, Object, Ran, waiting

PAUSE = "registry.k8s.io/pause:3.9"


@pytest.mark.parametrize(
    "image",
    [
        PAUSE,
        "docker.io/rancher/mirrored-pause:3.6",
        "602401143452.dkr.ecr.eu-central-1.amazonaws.com/eks/pause:3.5",
        "961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn/eks/pause:3.5",
    ],
)
def test_published(image: str) -> None:
    assert is_pause(image)


@pytest.mark.parametrize(
    "image",
    [
        "evil.example/pause:3.9",
        "registry.k8s.io/pause:evil",
        "registry.k8s.io/pause",
        "registry.k8s.io.evil.example/pause:3.9",
        "evil.example/registry.k8s.io/pause:3.9",
        "docker.io/someone/pause:3.9",
        "111111111111.dkr.ecr.eu-central-1.amazonaws.com/eks/pause:3.5",
        "602401143452.dkr.ecr.eu-central-1.amazonaws.com.evil.example/eks/pause:3.5",
        "602401143452.dkr.ecr.evil.example/eks/pause:3.5",
        "961992271922.dkr.ecr.eu-central-1.amazonaws.com/eks/pause:3.5",
        "602401143452.dkr.ecr.eu-central-1.amazonaws.com/team/pause:3.5",
        "pause",
    ],
)
def test_only_called_pause(image: str) -> None:
    images = NodeImages(listed=(image,), own=(RunningImage(image, True),), namespace="ns")
    assert not is_pause(image) and pauses(images) == () and harmless(images, ()) == ()
    assert image not in guesses(images)


def test_the_data_has_sources() -> None:
    assert all(entry.source and entry.tags and "/" in entry.repository for entry in PUBLISHED)
    assert all(is_pause(guess) for guess in GUESSES) and all(len(a) == 12 for a in EKS_ACCOUNTS)


def test_what_the_operator_vouches_for_counts_where_it_is() -> None:
    images = NodeImages((PAUSE, "x/tool:1"), ("x/system:1",), own=(RunningImage("x/mine:1"),), namespace="ns")
    assert harmless(images, ["x/tool:1", "x/absent:1"]) == ("x/tool:1", PAUSE, "x/system:1")
    assert harmless(images, ["x/mine:1"]) == ("x/mine:1", PAUSE, "x/system:1")
    assert guesses(images, ["x/absent:1"])[0] == "x/absent:1"


def test_a_private_copy_as_the_node_names_it() -> None:
    images = NodeImages(("corp.example/pause:3.9", "other.example/pause:3.9"), sandbox=("corp.example/pause:3.9",))
    assert pauses(images) == ("corp.example/pause:3.9",) and guesses(images)[0] == "corp.example/pause:3.9"


ANY = Wanted()
PULL = Pull("p0", "r.example", 443, "a", "1")
STRANGER = "evil.example/pause:3.9"
"""Called so, running in another tenant's namespace and listed by the node."""


def used(images: NodeImages, wanted: Wanted = ANY, namespace: str = "ns") -> tuple[list[Object], Any]:
    """The pods that a climb makes on a node where no image is there, and what it says."""

    def nothing_there(pod: Object) -> Ran:
        never = waiting("ErrImageNeverPull", "not there")
        return Ran({c["name"]: never for c in pod["spec"]["containers"]}, phase="Pending")

    cluster = Cluster(nothing_there)
    made: Any = cluster
    asked = NodeAsked("n1", namespace, os_image="Debian GNU/Linux 12", images=images)
    done, _ = climb(made, CreatedObjects(made), asked, Plan((PULL,), 5.0), lambda _: None, wanted)
    pods = [
        o["spec"]["template"]["spec"] if o["kind"] == "Job" else o["spec"]
        for o in cluster.made
        if o["kind"] != "ConfigMap"
    ]
    return pods, done


def names(pods: list[Object]) -> set[str]:
    return {container["image"] for pod in pods for container in pod["containers"]}


def test_a_strangers_image_is_never_used() -> None:
    """Whatever it is called, and whatever rung is climbed to: it is neither the root of a probe nor asked for anything."""
    images = NodeImages((STRANGER, "other.example/python:3"), namespace="ns")
    pods, done = used(images)
    assert names(pods) == set(GUESSES), names(pods)
    assert any("known to be harmless" in line for line in done.why_not), done.why_not
    pods, done = used(NodeImages((STRANGER, PAUSE), namespace="ns"))
    assert names(pods) == {PAUSE}, names(pods)


def test_the_namespaces_own_image_is_on_its_own_network() -> None:
    """Its code runs there, and gets no more than its pods have: no host folders, no network of the host's."""
    own = (RunningImage("r.example/python:3"), RunningImage("r.example/busybox:1", True))
    pods, _ = used(NodeImages((PAUSE,), own=own, namespace="ns"))
    ours = [pod for pod in pods if names([pod]) & {one.image for one in own}]
    assert names(ours) == {one.image for one in own}
    for pod in ours:
        assert not any("hostPath" in volume for volume in pod.get("volumes", ())), pod
        alone = names([pod]) == {"r.example/busybox:1"}
        assert bool(pod.get("hostNetwork")) <= alone, pod
    assert any(pod.get("hostNetwork") for pod in ours), "an image whose pods are on the host's network may be"


def test_an_image_of_another_namespace_is_not_taken_along() -> None:
    """Where the probe is made in another namespace, that is where its images are looked for."""
    own = (RunningImage("r.example/python:3"),)
    pods, done = used(NodeImages((PAUSE,), own=own, namespace="ns"), Wanted(namespace="ops"))
    assert names(pods) == {PAUSE} and any("no image of ops" in line for line in done.why_not), done.why_not


def test_what_the_operator_names() -> None:
    pods, _ = used(NodeImages((STRANGER,)), Wanted(image="r.example/tools:1"))
    assert "r.example/tools:1" in names(pods) and STRANGER not in names(pods)
    pods, _ = used(NodeImages(("r.example/tools:1",)), Wanted(harmless=("r.example/tools:1",)))
    assert "r.example/tools:1" in names(pods)

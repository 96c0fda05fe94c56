"""A pod and what surrounds its pulls, as facts."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError, Unreachable
from kubectl_imagepull.kube.events import event_of, troubled_pods
from kubectl_imagepull.kube.objects import time_of
from kubectl_imagepull.kube.pods import (
    PodRead,
    Search,
    _writer,
    failing_pods,
    gone_pod,
    has_image,
    read_pod,
    waits_for_image,
)
from kubectl_imagepull.model import NodeFacts
from tests.unit.fake_cluster import DirectApi, FakeCluster
from tests.unit.kube import objects

POD = "/api/v1/namespaces/shop/pods/web-x-1"


@pytest.fixture
def filled() -> FakeCluster:
    return objects.fill(FakeCluster())


def read(cluster: FakeCluster) -> PodRead:
    return read_pod(DirectApi(cluster), "shop", "web-x-1")


def status(cluster: FakeCluster, name: str, **state: Any) -> None:
    """Set a container's state."""
    entries = cluster.objects[POD]["status"]["containerStatuses"]
    next(e for e in entries if e["name"] == name)["state"] = state


def test_facts(filled: FakeCluster) -> None:
    found = read(filled)
    assert [(c.target.container, c.target.role) for c in found.containers] == [
        ("first", "sidecar"),
        ("app", "container"),
        ("side", "container"),
        ("model", "volume"),
    ]
    app = found.failing[0]
    facts = app.facts
    assert (facts.phase, facts.state, facts.reason, facts.policy) == ("Pending", "waiting", "ErrImagePull", "Always")
    assert (facts.service_account, facts.pull_secret_names, facts.account_secrets) == (
        "default",
        ("pull", "absent"),
        ("pull",),
    )
    assert [(s.name, s.state, s.from_service_account) for s in facts.secrets] == [
        ("pull", "used", True),
        ("absent", "missing", False),
    ]
    assert [(c.username, c.secret) for c in app.credentials] == [("bob", "pull")]
    assert facts.message == facts.said == objects.FAILED.removeprefix("Failed to ")
    assert facts.node is not None and facts.node.name == app.target.node == "node1"
    assert (facts.attempts, facts.since, facts.said_at, facts.created) == (3, *[time_of(objects.AT)] * 3)
    assert sorted(e.reason for e in facts.events) == ["BackOff", "Failed", "Pulling"]
    assert not facts.on_node and facts.late_secrets == () and "403 Forbidden" in facts.said
    assert found.name == "web-x-1" and found.pulling == () and found.containers[0].facts.pulled


def test_rights_that_are_missing(filled: FakeCluster) -> None:
    """Each is named, and nothing counts as absent for it."""
    space = "/api/v1/namespaces/shop"
    filled.refuse |= {f"{space}/{p}": 403 for p in ("events", "secrets/pull", "serviceaccounts/default")}
    filled.refuse |= {"/api/v1/nodes/node1": 403, "/api/v1/pods": 403}
    found = read(filled)
    assert sorted(e.message for e in found.errors) == [
        "cannot get serviceaccounts (forbidden)",
        "cannot list events (forbidden)",
        "cannot read node node1: needs get on nodes (forbidden); its platform, its runtime's version and whether it is ready are "
        "not known",
        'cannot read pull secret "pull": needs get on secrets in shop (forbidden)',
    ]
    app = found.failing[0]
    assert [(s.name, s.state) for s in app.facts.secrets] == [("pull", "forbidden"), ("absent", "missing")]
    assert app.facts.node == NodeFacts("node1", read=False) and app.credentials == ()


@pytest.mark.parametrize(
    ("more", "system"),
    [
        ({}, ""),
        ({"os": {"name": "windows"}}, "windows"),
        ({"nodeSelector": {"kubernetes.io/os": "linux"}}, "linux"),
    ],
)
def test_what_a_pod_tells_of_a_node_that_may_not_be_read(filled: FakeCluster, more: Any, system: str) -> None:
    filled.refuse["/api/v1/nodes/node1"] = 403
    filled.objects[POD]["spec"] |= more
    filled.objects[POD]["status"]["containerStatuses"][1]["containerID"] = "containerd://0123"
    assert read(filled).node == NodeFacts("node1", read=False, runtime="containerd://", os=system)


def test_a_pod_without_containers_is_none(filled: FakeCluster) -> None:
    """Something stands between that answers for the API server: nothing is healthy for it."""
    del filled.objects[POD]["spec"]
    with pytest.raises(Unreachable, match="it is no pod"):
        read(filled)


def test_secrets_that_a_new_pod_would_get(filled: FakeCluster) -> None:
    filled.objects[POD]["spec"]["imagePullSecrets"] = []
    facts = read(filled).failing[0].facts
    assert facts.secrets == () and [(s.name, s.state) for s in facts.late_secrets] == [("pull", "used")]


def test_an_image_that_is_on_the_node(filled: FakeCluster) -> None:
    names = filled.objects["/api/v1/nodes/node1"]["status"]["images"][0]["names"]
    assert not read(filled).failing[0].facts.on_node
    names.append(objects.IMAGE)
    assert read(filled).failing[0].facts.on_node


def test_a_pod_that_does_not_exist(filled: FakeCluster) -> None:
    with pytest.raises(ApiError) as error:
        read_pod(DirectApi(filled), "shop", "absent")
    assert error.value.gone and error.value.resource == "pods"
    with pytest.raises(ApiError) as error:
        read_pod(DirectApi(filled), "nowhere", "absent")
    assert error.value.resource == "namespaces"
    filled.refuse["/api/v1/namespaces/nowhere"] = 403
    with pytest.raises(ApiError) as error:
        read_pod(DirectApi(filled), "nowhere", "absent")
    assert error.value.resource == "pods"


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 10.0), (2, 20.0), (3, 40.0), (5, 160.0), (6, 300.0), (90, 300.0)]
)
def test_when_the_kubelet_tries_again(
    filled: FakeCluster, monkeypatch: pytest.MonkeyPatch, attempts: int, seconds: float
) -> None:
    monkeypatch.setattr("kubectl_imagepull.kube.pods.now", lambda: time_of(objects.AT))
    status(filled, "app", waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"})
    filled.objects["/api/v1/namespaces/shop/events/e1"]["count"] = attempts
    facts = read(filled).failing[0].facts
    assert facts.next_retry == seconds and facts.attempts == attempts
    assert facts.said == objects.FAILED  # a back-off says less than what came before it
    monkeypatch.setattr("kubectl_imagepull.kube.pods.now", lambda: time_of(objects.AT) + 1000)
    assert read(filled).failing[0].facts.next_retry == 0
    monkeypatch.setattr("kubectl_imagepull.kube.pods.now", lambda: time_of(objects.AT) - 1000)
    assert read(filled).failing[0].facts.next_retry == seconds  # the node's clock is ahead


def test_a_pull_under_way(filled: FakeCluster) -> None:
    """Its Pulling event is the last word, and what the node pulls beside it is told."""
    status(filled, "app", waiting={"reason": "ContainerCreating"})
    space = "/api/v1/namespaces/shop/events"
    del filled.objects[f"{space}/e2"]
    filled.objects[f"{space}/e1"]["lastTimestamp"] = "2026-05-04T03:09:00Z"
    filled.objects["/api/v1/nodes/node1/proxy/configz"] = {"kubeletconfig": {"serializeImagePulls": True}}
    for name, at in (("older", "2026-05-04T03:08:00Z"), ("newer", "2026-05-04T03:10:00Z")):
        objects.event(filled, name, "Pulling", f'Pulling image "{name}:1"', name=name, uid=name)
        filled.objects[f"{space}/{name}"]["lastTimestamp"] = at
    found = read(filled)
    assert [c.target.container for c in found.pulling] == ["app"] and found.failing == ()
    facts = found.pulling[0].facts
    assert facts.one_at_a_time is True and facts.older_pulls == ("shop/older older:1",)
    assert facts.pulling_since == time_of("2026-05-04T03:09:00Z") and facts.said == ""


def test_a_container_that_hangs_after_a_failure(filled: FakeCluster) -> None:
    status(filled, "app", waiting={"reason": "ContainerCreating"})
    found = read(filled)
    assert [c.target.container for c in found.failing] == ["app"] and found.failing[0].facts.said == objects.FAILED
    objects.event(filled, "e5", "Pulled", f'Successfully pulled image "{objects.IMAGE}" in 1s')
    assert read(filled).failing == ()


def test_since_when_where_the_events_are_gone(filled: FakeCluster) -> None:
    filled.objects = {k: v for k, v in filled.objects.items() if "/events/" not in k}
    facts = read(filled).failing[0].facts
    assert facts.events == () and facts.since == time_of(objects.AT) and facts.attempts == 0


def test_an_image_volume(filled: FakeCluster) -> None:
    """Its failure is told on the container that mounts it, and is the volume's."""
    message = 'failed to pull image "registry.example/model:3": 404 Not Found'
    status(filled, "app", waiting={"reason": "ErrImagePull", "message": message})
    filled.objects = {k: v for k, v in filled.objects.items() if "/events/" not in k}
    assert [(c.target.container, c.target.role) for c in read(filled).failing] == [("model", "volume")]


def test_a_pod_that_is_gone_as_its_events_tell(filled: FakeCluster) -> None:
    del filled.objects[POD]
    objects.event(filled, "old", "Failed", 'Failed to pull image "other:1": no', uid="an-older-pod")
    filled.objects["/api/v1/namespaces/shop/events/old"]["lastTimestamp"] = "2026-01-01T00:00:00Z"
    found = gone_pod(DirectApi(filled), "shop", "web-x-1")
    assert found is not None and found.node is not None and found.node.name == "node1"
    assert [(c.target.container, c.target.image) for c in found.containers] == [("app", objects.IMAGE)]
    assert found.containers[0].facts.pod_reason == "Gone"
    assert gone_pod(DirectApi(filled), "shop", "never") is None
    filled.refuse["/api/v1/namespaces/shop/events"] = 403
    assert gone_pod(DirectApi(filled), "shop", "web-x-1") is None


def test_pods_that_wait_for_an_image(filled: FakeCluster) -> None:
    api = DirectApi(filled)
    waits = [filled.objects[POD]]
    assert failing_pods(api, "shop") == Search(waits, looked_at=1)
    assert failing_pods(api, "") == Search(waits, looked_at=3)
    trial = copy.deepcopy(waits[0])
    trial["metadata"] |= {**objects.OF_A_RUN, "uid": "of-a-run"}
    filled.objects["/api/v1/namespaces/shop/pods/trial"] = trial
    assert failing_pods(api, "shop").failing == waits, "a trial pull that fails is nobody's workload"
    del trial["status"]["containerStatuses"]
    filled.refuse["/api/v1/namespaces/shop/events"] = 403
    assert failing_pods(api, "shop") == Search(waits, looked_at=2), "nor are events read for one that starts"
    filled.refuse.clear()
    trial["metadata"]["ownerReferences"] = []
    trial["status"] = waits[0]["status"]
    assert failing_pods(api, "shop").failing == [*waits, trial], "labels can be worn by anybody"
    del filled.objects["/api/v1/namespaces/shop/pods/trial"]
    status(filled, "app", waiting={"reason": "ContainerCreating"})
    # its events say that a pull failed
    assert failing_pods(api, "shop").failing == waits
    filled.refuse["/api/v1/namespaces/shop/events"] = 403
    unread = failing_pods(api, "shop")
    assert (unread.failing, unread.uncertain) == ([], 1) and unread.error is not None
    filled.refuse.clear()
    filled.objects[POD]["spec"]["nodeName"] = ""
    assert failing_pods(api, "shop") == Search([], looked_at=1)
    with pytest.raises(ApiError) as error:
        failing_pods(api, "nowhere")
    assert error.value.resource == "namespaces"


@pytest.mark.parametrize(
    ("state", "waits", "has"),
    [
        ({"waiting": {"reason": "ErrImagePull"}}, True, False),
        ({"waiting": {"reason": "ImagePullBackOff"}}, True, False),
        ({"waiting": {"reason": "unable to decode secret"}}, True, False),
        ({"waiting": {"reason": "ContainerCreating"}}, False, False),
        ({"waiting": {"reason": "PodInitializing"}}, False, False),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, False, True),
        ({"waiting": {"reason": "CreateContainerConfigError"}}, False, True),
        ({"running": {}}, False, True),
        ({"terminated": {"exitCode": 0}}, False, True),
        ({}, False, False),
    ],
)
@pytest.mark.parametrize(
    ("role", "key"),
    [
        ("container", "containerStatuses"),
        ("init", "initContainerStatuses"),
        ("sidecar", "initContainerStatuses"),
        ("ephemeral", "ephemeralContainerStatuses"),
    ],
)
def test_what_a_state_says_of_the_image(state: dict[str, Any], waits: bool, has: bool, role: str, key: str) -> None:
    pod = {"status": {key: [{"name": "other", "state": {}}, {"name": "app", "state": state}]}}
    assert (waits_for_image(pod), has_image(pod, role, "app")) == (waits, has)


def test_events_of_a_series() -> None:
    found = event_of(
        {
            "reason": "Failed",
            "count": 1,
            "eventTime": "1970-01-01T00:00:10Z",
            "series": {"count": 7, "lastObservedTime": "1970-01-01T00:00:30Z"},
            "involvedObject": {"fieldPath": "spec.initContainers{first}"},
        }
    )
    assert (found.count, found.first, found.last, found.container) == (7, 10.0, 30.0, "first")
    lone = event_of({"lastTimestamp": "1970-01-01T00:00:05Z", "involvedObject": {"fieldPath": "metadata{x}"}})
    assert (lone.count, lone.first, lone.last, lone.container) == (1, 5.0, 5.0, "")
    assert event_of({"firstTimestamp": "1970-01-01T00:00:05Z"}).last == 5.0


def test_pods_in_trouble_by_their_events(filled: FakeCluster) -> None:
    sandbox = 'failed to pull sandbox image "registry.example/pause:3.9": not found'
    objects.event(filled, "s1", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {sandbox}", uid="sandbox")
    objects.event(filled, "s2", "FailedCreatePodSandBox", "no network", uid="network")
    objects.event(filled, "s3", "Failed", "Error: ErrImagePull", uid="said-again")
    assert troubled_pods(DirectApi(filled), "shop") == ({"uid-pod-web-x-1", "sandbox"}, None)


def test_whose_an_event_is(filled: FakeCluster) -> None:
    """That of the container in its path; without one, that of the image it names, or everybody's."""
    space = "/api/v1/namespaces/shop/events"
    for name, message in (("v", 'Pulling image "registry.example/model:3"'), ("s", f'Pulling image "{objects.SIDE}"')):
        objects.event(filled, name, "Pulling", message, fieldPath="")
    found = {c.target.container: {e.message for e in c.facts.events} for c in read(filled).containers}
    of_all = filled.objects[f"{space}/e4"]["message"]
    assert found["model"] == {of_all, 'Pulling image "registry.example/model:3"'}
    assert found["first"] == found["side"] == {of_all, f'Pulling image "{objects.SIDE}"'}
    assert found["app"] == {of_all, f'Pulling image "{objects.IMAGE}"', objects.FAILED}


def test_what_writes_a_secret() -> None:
    made = {"metadata": {"ownerReferences": [{"kind": "ExternalSecret", "name": "regcred", "controller": True}]}}
    assert _writer(made) == "ExternalSecret/regcred" and _writer({"metadata": {}}) == ""

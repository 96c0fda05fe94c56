"""Staying with a pull: what is told, what ends it, and what is diagnosed at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.model import Owner
from kubectl_imagepull.session.named import Named
from kubectl_imagepull.session.observer import Diagnosis, Observer, Step
from kubectl_imagepull.session.options import Options
from kubectl_imagepull.session.targets import Targets
from kubectl_imagepull.session.watching import (
    End,
    Followed,
    One,
    PodGone,
    follow,
    known_events,
    step_of,
    watch,
)
from tests.unit.fake_cluster import FakeCluster

API_ONLY = Options(probe=False)
IMAGE = "registry.lab.test/busybox:9.9"
NOT_FOUND = f'Failed to pull image "{IMAGE}": rpc error: code = NotFound desc = {IMAGE}: not found'
DENIED = f'Failed to pull image "{IMAGE}": pull access denied, repository does not exist or may require authorization'
REFUSED = f'Failed to pull image "{IMAGE}": dial tcp 10.0.0.1:443: connect: connection refused'


def event(pod: str, reason: str, message: str, count: int = 1, number: int = 0) -> dict[str, Any]:
    """An event of a pod. number: tells apart events of one reason."""
    return {
        "metadata": {"uid": f"{pod}-{reason}-{number}", "name": f"{pod}.{reason}.{number}", "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "name": pod, "uid": f"uid-pod-{pod}"},
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": f"2026-01-01T00:00:{number:02}Z",
    }


def pulled(pod: str = "web-1") -> dict[str, Any]:
    return event(pod, "Pulled", f'Successfully pulled image "{IMAGE}" in 1.2s (1.2s including waiting)', number=50)


STATES: dict[str, dict[str, Any]] = {
    "waits": {"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}},
    "creating": {"waiting": {"reason": "ContainerCreating"}},
    "crashes": {"waiting": {"reason": "CrashLoopBackOff"}},
    "runs": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    "ended": {"terminated": {"exitCode": 1}},
}


def add_pod(
    cluster: FakeCluster, name: str = "web-1", state: str = "waits", owner: str = "", **metadata: Any
) -> dict[str, Any]:
    """A pod of one container. owner: "Kind/name" of its workload."""
    kind, _, workload = owner.partition("/")
    references = [{"kind": kind, "name": workload, "uid": f"uid-{kind.lower()}-{workload}", "controller": True}]
    return cluster.add(
        "Pod",
        "shop",
        name,
        metadata={"ownerReferences": references if owner else [], **metadata},
        spec={"nodeName": "node1", "containers": [{"name": "app", "image": IMAGE}]},
        status={
            "phase": "Running" if state in ("runs", "crashes") else "Pending",
            "containerStatuses": [{"name": "app", "state": STATES[state]}],
        },
    )


class Told(Observer):
    """Remembers the steps and the diagnoses."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.diagnoses: list[Sequence[Diagnosis]] = []

    def step(self, step: Step) -> None:
        self.steps.append(f"{step.pod} {step.kind}")

    def diagnosed(self, diagnoses: Sequence[Diagnosis]) -> None:
        self.diagnoses.append(diagnoses)


Chapter = Callable[[], list[dict[str, Any]]]


def following(
    api: Api,
    cluster: FakeCluster,
    *story: Chapter,
    pod: str = "web-1",
    owner: Owner | None = None,
    causes: Sequence[str] = (),
    mended: bool = False,
) -> tuple[End, list[str]]:
    """Follow a pod of namespace shop through a story. -> its end, and what was told."""
    told = Told()
    cluster.story = list(story)
    end = follow(api, Followed("shop", [One(pod, owner)]), {}, causes, told, mended)
    return end, told.steps


# ---- what is told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("Pulling", f'Pulling image "{IMAGE}"', Step("pulling", "web-1", IMAGE, attempt=3)),
        ("Pulled", f'Successfully pulled image "{IMAGE}" in 1.2s (x)', Step("pulled", "web-1", IMAGE, took="1.2s")),
        ("Pulled", f'Container image "{IMAGE}" already present', Step("present", "web-1", IMAGE)),
        ("Failed", NOT_FOUND, Step("failed", "web-1", IMAGE, cause="image.tag_unknown", message=NOT_FOUND)),
        ("Failed", "Error: ImagePullBackOff", None),
        (
            "ErrImageNeverPull",
            f'Container image "{IMAGE}" is not present with pull policy of Never',
            Step(
                "failed",
                "web-1",
                IMAGE,
                cause="image.never_pull_absent",
                message=f'Container image "{IMAGE}" is not present with pull policy of Never',
            ),
        ),
        ("Started", "Started container app", Step("started", "web-1")),
        ("Scheduled", "assigned", None),
    ],
)
def test_a_step(reason: str, message: str, expected: Step | None) -> None:
    assert step_of(event("web-1", reason, message, count=3)) == expected


def test_the_count_of_a_series(api: Api) -> None:
    found = event("web-1", "Pulling", f'Pulling image "{IMAGE}"')
    step = step_of({**found, "series": {"count": 7}})
    assert step is not None and step.attempt == 7


# ---- how it ends -----------------------------------------------------------------------------------------------------


def test_a_known_failure_is_waited_out(api: Api, cluster: FakeCluster) -> None:
    pod = add_pod(cluster)

    def fails_again() -> list[dict[str, Any]]:
        return [event("web-1", "Failed", NOT_FOUND, 2)]

    def succeeds() -> list[dict[str, Any]]:
        pod["status"]["containerStatuses"][0]["state"] = STATES["runs"]
        return [pulled()]

    end, told = following(api, cluster, fails_again, succeeds, causes=["image.tag_unknown"])
    assert end == End(pods=("web-1",)) and told == ["web-1 failed", "web-1 pulled"]


def test_another_failure_ends_it(api: Api, cluster: FakeCluster) -> None:
    add_pod(cluster)
    end, told = following(
        api, cluster, lambda: [event("web-1", "Failed", REFUSED)], lambda: [pulled()], causes=["image.tag_unknown"]
    )
    assert end == End(failed="web-1") and told == ["web-1 failed"]


def test_what_was_known_before_is_no_news(api: Api, cluster: FakeCluster) -> None:
    pod = add_pod(cluster)
    old = event("web-1", "Failed", REFUSED, 4)
    cluster.add("Event", "shop", "old", **old)
    known = known_events(api, "shop")
    assert known == {"web-1-Failed-0": 4}

    def again() -> list[dict[str, Any]]:
        pod["status"]["containerStatuses"][0]["state"] = STATES["runs"]
        return [{**old, "count": 5}]

    told = Told()
    cluster.story = [again]
    assert follow(api, Followed("shop", [One("web-1", None)]), known, ["net.refused"], told).pods == ("web-1",)
    assert told.steps == ["web-1 failed", "web-1 present"]


def test_a_status_that_comes_before_its_event(api: Api, cluster: FakeCluster) -> None:
    """The kubelet writes the two apart: the end is told by whichever is there."""
    pod = add_pod(cluster)
    pod["spec"]["containers"].append({"name": "beside", "image": f"{IMAGE}-other"})
    pod["status"]["containerStatuses"].append({"name": "beside", "state": STATES["creating"]})

    def comes() -> list[dict[str, Any]]:
        for status in pod["status"]["containerStatuses"]:
            status["state"] = STATES["runs"]
        return [event("web-1", "Pulling", f'Pulling image "{IMAGE}"')]

    assert following(api, cluster, lambda: [pulled()], comes) == (
        End(pods=("web-1",)),
        ["web-1 pulled", "web-1 pulling", "web-1 present"],
    )


def test_events_may_not_be_read(api: Api, cluster: FakeCluster) -> None:
    cluster.refuse["/api/v1/namespaces/shop/events"] = 403
    assert known_events(api, "shop") == {}
    add_pod(cluster)
    with pytest.raises(ApiError):
        following(api, cluster)


def test_events_of_others_are_not_told(api: Api, cluster: FakeCluster) -> None:
    pod = add_pod(cluster)

    def others() -> list[dict[str, Any]]:
        pod["status"]["containerStatuses"][0]["state"] = STATES["ended"]
        about_job = {**event("once", "Failed", REFUSED), "involvedObject": {"kind": "Job", "name": "web-1"}}
        return [event("other-1", "Failed", REFUSED), about_job, pulled()]

    assert following(api, cluster, others) == (End(pods=("web-1",)), ["web-1 pulled"])


def test_a_pod_that_is_gone_for_good(api: Api, cluster: FakeCluster) -> None:
    assert following(api, cluster) == (End(gone=True), [])


@pytest.mark.parametrize("state", ["waits", "creating"])
def test_a_pod_without_its_image_is_waited_for(api: Api, cluster: FakeCluster, state: str) -> None:
    pod = add_pod(cluster, state=state)

    def comes() -> list[dict[str, Any]]:
        pod["status"]["containerStatuses"][0]["state"] = STATES["crashes"]
        return [pulled()]

    assert following(api, cluster, lambda: [], comes)[0].pods == ("web-1",)


def test_every_container_needs_its_image(api: Api, cluster: FakeCluster) -> None:
    pod = add_pod(cluster, state="runs")
    pod["spec"]["initContainers"] = [{"name": "first", "image": IMAGE}]

    def comes() -> list[dict[str, Any]]:
        pod["status"]["initContainerStatuses"] = [{"name": "first", "state": STATES["ended"]}]
        return [pulled()]

    assert following(api, cluster, comes) == (End(pods=("web-1",)), ["web-1 pulled"])


def test_until_it_runs(api: Api, cluster: FakeCluster) -> None:
    pod = add_pod(cluster, state="crashes")
    pod["status"]["phase"] = "Pending"

    def runs() -> list[dict[str, Any]]:
        pod["status"]["phase"] = "Running"
        return [event("web-1", "Started", "Started container app")]

    assert following(api, cluster, runs, mended=True) == (End(pods=("web-1",)), ["web-1 started"])


@pytest.mark.parametrize(
    ("mended", "message", "count", "ended"),
    [(True, DENIED, 1, False), (True, DENIED, 2, True), (True, NOT_FOUND, 1, True), (False, DENIED, 1, True)],
)
def test_a_new_pod_whose_first_pull_had_no_login(
    api: Api, cluster: FakeCluster, mended: bool, message: str, count: int, ended: bool
) -> None:
    """The kubelet may be refused the secret that it was just given; it has it with its second attempt."""
    pod = add_pod(cluster)

    def runs() -> list[dict[str, Any]]:
        pod["status"]["phase"], pod["status"]["containerStatuses"][0]["state"] = "Running", STATES["runs"]
        return [pulled()]

    end, told = following(api, cluster, lambda: [event("web-1", "Failed", message, count)], runs, mended=mended)
    assert end == (End(failed="web-1") if ended else End(pods=("web-1",)))
    assert told == ["web-1 failed", *([] if ended else ["web-1 pulled"])]


def test_a_server_that_refuses_for_a_while_is_asked_again(api: Api, cluster: FakeCluster) -> None:
    add_pod(cluster, state="runs")
    path = "/api/v1/namespaces/shop/pods/web-1"
    cluster.refuse[path] = 500

    def recovers() -> list[dict[str, Any]]:
        del cluster.refuse[path]
        return [pulled()]

    assert following(api, cluster, recovers)[0].pods == ("web-1",)


# ---- pods that are made anew -----------------------------------------------------------------------------------------

WEB = Owner("StatefulSet", "web", uid="uid-statefulset-web")


def stateful(cluster: FakeCluster, observed: int = 1, revision: str = "web-2") -> dict[str, Any]:
    return cluster.add(
        "StatefulSet",
        "shop",
        "web",
        spec={"replicas": 1},
        status={"observedGeneration": observed, "updateRevision": revision},
    )


def test_the_next_pod_of_an_owner_takes_the_place_of_one_that_is_gone(api: Api, cluster: FakeCluster) -> None:
    stateful(cluster)

    def remade() -> list[dict[str, Any]]:
        add_pod(cluster, "web-0", "runs", "StatefulSet/web", labels={"controller-revision-hash": "web-2"})
        return [pulled("web-0")]

    assert following(api, cluster, remade, pod="web-9", owner=WEB) == (End(pods=("web-0",)), ["web-0 pulled"])


def test_a_pod_that_is_being_deleted_is_not_waited_for(api: Api, cluster: FakeCluster) -> None:
    stateful(cluster)
    add_pod(cluster, "web-0", "runs", "StatefulSet/web", deletionTimestamp="2026-01-01T00:00:00Z")

    def remade() -> list[dict[str, Any]]:
        add_pod(cluster, "web-0", "runs", "StatefulSet/web", labels={"controller-revision-hash": "web-2"}, uid="new")
        return []

    assert following(api, cluster, remade, pod="web-0", owner=WEB)[0].pods == ("web-0",)


def test_a_pod_of_an_older_revision_is_not_the_end(api: Api, cluster: FakeCluster) -> None:
    stateful(cluster)
    old = add_pod(cluster, "web-0", "runs", "StatefulSet/web", labels={"controller-revision-hash": "web-1"})

    def updated() -> list[dict[str, Any]]:
        old["metadata"]["labels"]["controller-revision-hash"] = "web-2"
        return []

    assert following(api, cluster, lambda: [], updated, pod="", owner=WEB)[0].pods == ("web-0",)
    assert cluster.story == []


def test_a_controller_that_has_not_seen_the_change_is_waited_for(api: Api, cluster: FakeCluster) -> None:
    found = stateful(cluster, observed=0)
    add_pod(cluster, "web-0", "runs", "StatefulSet/web", labels={"controller-revision-hash": "web-2"})

    def seen() -> list[dict[str, Any]]:
        found["status"]["observedGeneration"] = 1
        return []

    assert following(api, cluster, lambda: [], seen, pod="", owner=WEB)[0].pods == ("web-0",)
    assert cluster.story == []


def test_one_of_several_that_is_gone_leaves_the_others(api: Api, cluster: FakeCluster) -> None:
    add_pod(cluster, "web-1", "runs")
    followed = Followed("shop", [One("gone", None), One("web-1", Owner("Rollout", "web"))])
    assert [p["metadata"]["name"] for p in followed.pods(api)] == ["web-1"]
    assert followed.each == [One("web-1", Owner("Rollout", "web"))]
    del cluster.objects["/api/v1/namespaces/shop/pods/web-1"]
    with pytest.raises(ApiError):
        followed.pods(api)


# ---- from the diagnosis to the end -----------------------------------------------------------------------------------


def target(name: str = "web-1") -> Targets:
    return Targets((Named("Pod", name, "shop"),))


def causes(diagnoses: Sequence[Diagnosis]) -> list[str]:
    return [d.verdict.cause for d in diagnoses]


def failing(cluster: FakeCluster, message: str = NOT_FOUND) -> dict[str, Any]:
    """A pod whose kubelet reports this failure."""
    cluster.add("Namespace", "", "shop")
    cluster.add("Node", "", "node1", status={"conditions": [{"type": "Ready", "status": "True"}]})
    pod = add_pod(cluster)
    pod["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ErrImagePull", "message": message}}
    return pod


@pytest.mark.parametrize("report_end", [True, False])
def test_a_pull_that_comes_right(api: Api, cluster: FakeCluster, report_end: bool) -> None:
    pod, told = failing(cluster), Told()

    def comes() -> list[dict[str, Any]]:
        pod["status"]["containerStatuses"][0]["state"] = STATES["runs"]
        return [pulled()]

    cluster.story = [comes]
    found = watch(api, target(), API_ONLY, told, report_end)
    assert causes(told.diagnoses[0]) == ["image.tag_unknown"] and told.steps == ["web-1 pulled"]
    assert causes(found) == (["none"] if report_end else []) and len(told.diagnoses) == 1 + report_end


def test_a_pull_that_fails_otherwise_is_diagnosed_again(api: Api, cluster: FakeCluster) -> None:
    pod, told = failing(cluster), Told()

    def other() -> list[dict[str, Any]]:
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = REFUSED
        return [event("web-1", "Failed", REFUSED, number=3)]

    cluster.story = [lambda: [event("web-1", "Failed", NOT_FOUND, number=2)], other]
    assert causes(watch(api, target(), API_ONLY, told, False)) == ["net.refused"]
    assert told.steps == ["web-1 failed", "web-1 failed"] and len(told.diagnoses) == 2


def test_nothing_is_watched_where_nothing_fails(api: Api, cluster: FakeCluster) -> None:
    failing(cluster)["status"]["containerStatuses"][0]["state"] = STATES["runs"]
    assert causes(watch(api, target(), API_ONLY, Told())) == ["none"]
    assert not [a for a in cluster.asked if a.query.get("watch")]


def test_a_pod_that_goes_while_it_is_watched(api: Api, cluster: FakeCluster) -> None:
    failing(cluster)

    def goes() -> list[dict[str, Any]]:
        del cluster.objects["/api/v1/namespaces/shop/pods/web-1"]
        return []

    cluster.story = [goes]
    with pytest.raises(PodGone, match="web-1"):
        watch(api, target(), API_ONLY, Told())

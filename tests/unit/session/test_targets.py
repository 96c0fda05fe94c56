"""Which pods are meant: by name, by workload, by search; and what is said of those that cannot be had."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError, KubeError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.session.named import Named
from kubectl_imagepull.session.options import USUAL
from kubectl_imagepull.session.targets import Found, OnlyWorkload, Targets
from tests.crowd.pods import Crowd
from tests.unit.fake_cluster import FakeCluster
from tests.unit.kube import objects
from tests.unit.session.conftest import recorded


def find(api: Api, *named: Named, **search: object) -> Found:
    return Targets(named, **search).find(api, USUAL)  # type: ignore[arg-type]


def pods(found: Found) -> list[str]:
    return sorted(read.name for read in found.reads)


def owners(found: Found) -> set[str]:
    return {c.target.owner.slash for r in found.reads for c in r.containers if c.target.owner is not None}


def test_a_pod_by_name(shop: Api) -> None:
    found = find(shop, Named("Pod", "db-0"))
    [container] = found.containers
    assert (container.target.pod, container.target.namespace, container.facts.failing) == ("db-0", "shop", True)
    assert owners(found) == {"statefulset/db"}


def test_the_containers_that_fail_and_no_others(shop: Api) -> None:
    assert [c.target.container for c in find(shop, Named("Pod", "lone")).containers] == ["second"]
    assert [c.target.container for c in find(shop, Named("Pod", "healthy")).containers] == ["app"]


def test_another_namespace_than_the_connections(shop: Api, cluster: FakeCluster) -> None:
    elsewhere = Api(Flags(server=cluster.url, namespace="default"))
    assert pods(find(elsewhere, Named("Pod", "db-0", "shop"))) == ["db-0"]
    with pytest.raises(ApiError):
        find(elsewhere, Named("Pod", "db-0"))


@pytest.mark.parametrize(
    ("kind", "name", "count"),
    [("Deployment", "web", 1), ("StatefulSet", "db", 1), ("DaemonSet", "agent", 2), ("Job", "once", 1)],
)
def test_the_pods_of_a_workload(shop: Api, kind: str, name: str, count: int) -> None:
    found = find(shop, Named(kind, name))
    assert len(found.reads) == count and owners(found) == {f"{kind.lower()}/{name}"}
    assert all(c.facts.failing for c in found.containers)


def test_the_pods_of_a_replica_set_and_of_a_cron_job(shop: Api, cluster: FakeCluster) -> None:
    replica_sets = [o["metadata"] for o in cluster.objects.values() if o["kind"] == "ReplicaSet"]
    found = [find(shop, Named("ReplicaSet", m["name"], m["namespace"])) for m in replica_sets]
    assert sorted(len(one.reads) for one in found if not one.refused) == [0, 1]
    assert owners(find(shop, Named("CronJob", "nightly"))) == {"cronjob/nightly"}


def test_a_workload_whose_pods_are_refused(shop: Api) -> None:
    found = find(shop, Named("Deployment", "refused", "strict"))
    [case] = found.refused
    assert not found.reads and case.facts.reason == "FailedCreate" and "PodSecurity" in case.facts.said


def test_a_workload_of_which_nothing_fails(cluster: FakeCluster, shop: Api) -> None:
    cluster.objects.clear()
    cluster.load(recorded("mended"))
    found = find(shop, Named("Deployment", "web"))
    assert not found.reads and not found.refused and found.healthy == ["deployment/web (1 pod)"]


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("Deployment", {"spec": {"replicas": 0}}, "deployment/idle has no pods to look at: it wants none"),
        (
            "DaemonSet",
            {"status": {"desiredNumberScheduled": 0}},
            "daemonset/idle has no pods to look at: it wants none",
        ),
        ("Job", {"spec": {"suspend": True}}, "job/idle has no pods to look at: it wants none"),
        ("CronJob", {}, "cronjob/idle has no pods to look at"),
    ],
)
def test_a_workload_without_pods_is_not_called_healthy(
    cluster: FakeCluster, shop: Api, kind: str, content: dict[str, Any], said: str
) -> None:
    cluster.add(kind, "shop", "idle", **content)
    found = find(shop, Named(kind, "idle"))
    assert (found.empty, found.healthy, found.unseen) == ([said], [], [])


def test_a_workload_whose_pods_are_missing_and_nothing_says_why(cluster: FakeCluster, shop: Api) -> None:
    """Its events may not be read, or are gone."""
    cluster.add("Deployment", "shop", "stuck", spec={"replicas": 3})
    found = find(shop, Named("Deployment", "stuck"))
    assert found.unseen == ["deployment/stuck has none of the 3 pods that it wants, and nothing says why"]
    assert (found.empty, found.healthy) == ([], [])


@pytest.mark.parametrize("search", [{"selector": "app=nothing"}, {"kind": "StatefulSet", "selector": "app=nothing"}])
def test_a_search_that_matches_nothing_finds_nothing_in_order(shop: Api, search: dict[str, str]) -> None:
    assert find(shop, **search).empty == ["no resources found"]


def test_a_search_without_events_says_what_it_does_not_know(cluster: FakeCluster, shop: Api) -> None:
    cluster.refuse["/api/v1/namespaces/shop/events"] = 403
    creating = {
        "phase": "Pending",
        "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}],
    }
    cluster.add("Pod", "shop", "slow", spec={"nodeName": "node1", "containers": [{"name": "c"}]}, status=creating)
    [said] = find(shop).unseen
    assert said.startswith("whether 1 pod being created wait") and "needs list on events" in said


def test_one_pod_of_a_search_that_cannot_be_read(cluster: FakeCluster, shop: Api) -> None:
    """The others are: but one that was named has to be there."""
    pod = cluster.objects["/api/v1/namespaces/shop/pods/db-0"]
    pod["spec"] = {**pod["spec"], "containers": []}
    found = find(shop)
    assert len(found.reads) == len(FAILING) - 1 and "pod db-0 of shop could not be read" in found.unseen[0]
    with pytest.raises(KubeError):
        find(shop, Named("Pod", "db-0"))


def test_a_pod_of_a_search_is_not_asked_for_again(cluster: FakeCluster, shop: Api) -> None:
    cluster.refuse["/api/v1/namespaces/shop/pods/db-0"] = 500
    assert len(find(shop).reads) == len(FAILING) and len(find(shop, Named("StatefulSet", "db")).reads) == 1
    with pytest.raises(ApiError):
        find(shop, Named("Pod", "db-0"))


def test_a_pod_that_is_gone_is_known_from_its_events(shop: Api) -> None:
    [read] = find(shop, Named("Pod", "gone")).reads
    assert read.containers[0].facts.pod_reason == "Gone" and read.containers[0].target.image.endswith("busybox:9.9")


def test_a_pod_that_never_was(shop: Api) -> None:
    with pytest.raises(ApiError) as caught:
        find(shop, Named("Pod", "nobody"))
    assert caught.value.gone


def test_a_workload_that_is_taken_for_a_pod(shop: Api) -> None:
    with pytest.raises(OnlyWorkload) as caught:
        find(shop, Named("Pod", "agent"))
    assert (caught.value.kinds, caught.value.namespace, caught.value.name) == (("DaemonSet",), "shop", "agent")
    assert "NotFound" in str(caught.value)


def test_other_errors_of_the_server_pass(shop: Api, cluster: FakeCluster) -> None:
    """A namespace that does not exist is no pod that does not exist."""
    cluster.refuse["/api/v1/namespaces/shop/pods/db-0"] = 403
    with pytest.raises(ApiError) as caught:
        find(shop, Named("Pod", "db-0"))
    assert caught.value.forbidden
    del cluster.objects["/api/v1/namespaces/shop"]
    with pytest.raises(ApiError) as caught:
        find(shop, Named("Pod", "agent"))
    assert caught.value.gone and caught.value.resource == "namespaces"


FAILING = ["agent-", "agent-", "by-hand-", "db-", "lone", "once-", "web-"]


def test_a_search_finds_what_fails(shop: Api) -> None:
    found = pods(find(shop))
    assert len(found) == len(FAILING)
    assert all(name.startswith(start) for name, start in zip(found, FAILING, strict=True))
    assert not {c.target.container for r in find(shop).reads for c in r.failing} - {"app", "second"}


def test_a_search_by_label_and_by_kind(shop: Api) -> None:
    assert [p for p in pods(find(shop, selector="app=web")) if not p.startswith("web-")] == []
    assert owners(find(shop, kind="StatefulSet")) == {"statefulset/db"}
    assert find(shop, kind="Deployment", everywhere=True).refused
    assert not find(shop, kind="Deployment", selector="app=other").reads


def test_jobs_of_runs_are_not_among_all_jobs(shop: Api, cluster: FakeCluster) -> None:
    """A colleague's trial pull fails as it must; whoever names it means it."""
    before = owners(find(shop, kind="Job"))
    cluster.add("Job", "shop", objects.RUN, metadata={"labels": objects.OF_A_RUN["labels"]}, spec={"template": {}})
    [pod] = [p for path, p in cluster.objects.items() if path.endswith("/pods/db-0")]
    trial = {**pod, "metadata": {**objects.OF_A_RUN, "namespace": "shop", "uid": "t"}}
    trial["metadata"]["ownerReferences"] = [objects.reference("Job", objects.RUN, "batch/v1")]
    cluster.load([trial])
    assert owners(find(shop, kind="Job")) == before
    assert owners(find(shop, Named("Job", objects.RUN))) == {f"job/{objects.RUN}"}


def test_a_search_of_all_namespaces(shop: Api, cluster: FakeCluster) -> None:
    elsewhere = Api(Flags(server=cluster.url, namespace="default"))
    assert len(pods(find(elsewhere, everywhere=True))) == len(FAILING)


def test_a_pod_that_is_named_twice_is_read_once(shop: Api, cluster: FakeCluster) -> None:
    assert pods(find(shop, Named("Pod", "db-0"), Named("StatefulSet", "db"), Named("Pod", "db-0", "shop"))) == ["db-0"]


def test_fields(shop: Api, cluster: FakeCluster) -> None:
    """The server chooses: what is asked of it is the selector as it was given."""
    assert pods(find(shop, field_selector="metadata.name=db-0")) == ["db-0"]
    find(shop, kind="StatefulSet", field_selector="metadata.name=db")
    asked = [one.query.get("fieldSelector") for one in cluster.asked if one.path.endswith(("/pods", "/statefulsets"))]
    assert {"metadata.name=db-0", "metadata.name=db"} <= set(asked)


def test_what_pods_share_is_read_once(cluster: FakeCluster, no_kubeconfig: None) -> None:
    """Forty failing pods: requests grow with nodes, secrets and workloads, and by two for each pod."""
    cluster.load(Crowd(40, datetime.datetime.now(datetime.timezone.utc), failing=40).objects())
    found = find(Api(Flags(server=cluster.url)), everywhere=True)
    assert len(found.reads) >= 30
    asked = Counter((a.path, *sorted(a.query.items())) for a in cluster.asked)
    assert max(asked.values()) == 1, asked.most_common(3)
    # the pod itself and its events
    shared = [key for key in asked if "/pods/" not in key[0] and not key[0].endswith("/events")]
    nodes, spaces = len({r.node.name for r in found.reads if r.node}), len({r.namespace for r in found.reads})
    assert len(shared) <= 2 * nodes + 12 * 2 * spaces + 3 * spaces + 5

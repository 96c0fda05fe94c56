"""Which pods are meant: by name, by workload, by search; and what is said of those that cannot be had."""

from __future__ import annotations

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.session.options import USUAL
from kubectl_imagepull.session.targets import Found, Named, OnlyWorkload, Targets
from tests.unit.fake_cluster import FakeCluster
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
    assert not found.reads and not found.refused and found.healthy == ["deployment/web (1 pods)"]


def test_a_workload_that_wants_no_pods_is_asked_for_refusals_too(cluster: FakeCluster, shop: Api) -> None:
    cluster.add("Deployment", "shop", "idle", spec={"replicas": 0})
    assert find(shop, Named("Deployment", "idle")).healthy == ["deployment/idle (0 pods)"]


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


def test_a_search_of_all_namespaces(shop: Api, cluster: FakeCluster) -> None:
    elsewhere = Api(Flags(server=cluster.url, namespace="default"))
    assert len(pods(find(elsewhere, everywhere=True))) == len(FAILING)


def test_a_pod_that_is_named_twice_is_read_once(shop: Api, cluster: FakeCluster) -> None:
    assert pods(find(shop, Named("Pod", "db-0"), Named("StatefulSet", "db"), Named("Pod", "db-0", "shop"))) == ["db-0"]

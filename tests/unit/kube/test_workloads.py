"""Workloads: their pods, the pods that they cannot make, and what they had before."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.kinds import KINDS
from kubectl_imagepull.kube.objects import managers_of, time_of
from kubectl_imagepull.kube.workloads import (
    History,
    _template_images,
    read_workload,
    refused_case,
    same_name,
)
from kubectl_imagepull.model import Owner
from tests.unit.fake_cluster import DirectApi, FakeCluster
from tests.unit.kube import objects

DEPLOYMENT = Owner("Deployment", "web", (), "uid-deployment-web")
SETS = "/apis/apps/v1/namespaces/shop/replicasets"


@pytest.fixture
def filled() -> FakeCluster:
    return objects.fill(FakeCluster())


def names(found: Any) -> list[str]:
    return [one["metadata"]["name"] for one in found]


def owned(cluster: FakeCluster, name: str, owner: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return cluster.add("Pod", "shop", name, metadata={"ownerReferences": [owner], **metadata}, spec=objects.pod_spec())


def test_the_pods_of_a_deployment(filled: FakeCluster) -> None:
    """Those of its ReplicaSets, by uid; current are those of the newest revision; what is being deleted is none of them."""
    owned(filled, "web-w-1", objects.reference("ReplicaSet", "web-w"))
    owned(filled, "web-x-2", objects.reference("ReplicaSet", "web-x"), deletionTimestamp=objects.AT)
    owned(filled, "stranger", {**objects.reference("ReplicaSet", "web-x"), "uid": "another"})
    found = read_workload(DirectApi(filled), "shop", "Deployment", "web")
    assert found.name == "web"
    assert sorted(names(found.pods)) == ["web-w-1", "web-x-1"] and names(found.current) == ["web-x-1"]
    assert sorted(names(found.children)) == ["web-w", "web-x"]


def test_the_pods_of_a_job_of_a_cron_job(filled: FakeCluster) -> None:
    """A Job has no revision: the one that was made last counts."""
    filled.add("CronJob", "shop", "nightly")
    for name, at in (("n-1", "2026-05-01T00:00:00Z"), ("n-2", "2026-05-02T00:00:00Z")):
        above = [objects.reference("CronJob", "nightly", "batch/v1")]
        filled.add("Job", "shop", name, metadata={"ownerReferences": above, "creationTimestamp": at})
        owned(filled, f"{name}-x", objects.reference("Job", name, "batch/v1"))
    found = read_workload(DirectApi(filled), "shop", "CronJob", "nightly")
    assert sorted(names(found.pods)) == ["n-1-x", "n-2-x"] and names(found.current) == ["n-2-x"]


def test_the_pods_of_a_set(filled: FakeCluster) -> None:
    filled.add("StatefulSet", "shop", "db")
    owned(filled, "db-0", objects.reference("StatefulSet", "db"))
    found = read_workload(DirectApi(filled), "shop", "StatefulSet", "db")
    assert names(found.pods) == names(found.current) == ["db-0"] and found.children == ()
    with pytest.raises(ApiError):
        read_workload(DirectApi(filled), "shop", "StatefulSet", "absent")


def test_pods_that_are_refused(filled: FakeCluster) -> None:
    """The newest event of the newest ReplicaSet or of the workload; the condition where the events are gone."""
    api = DirectApi(filled)
    workload = read_workload(api, "shop", "Deployment", "web")
    case = refused_case(api, "shop", workload)
    assert case is not None and (case.facts.reason, case.facts.message) == ("FailedCreate", 'pods "web-" is forbidden')
    assert (case.target.pod, case.target.container, case.target.image) == ("", "app", objects.IMAGE)
    assert case.target.owner == Owner("Deployment", "web", ("Helm",), "uid-deployment-web")
    assert case.facts.failing and case.facts.since == case.facts.said_at == time_of(objects.AT) > 0
    assert case.pull is not None and case.pull.repository == "team/app" and len(case.facts.events) == 1
    objects.event(filled, "e9", "FailedCreate", "quota", kind="ReplicaSet", uid="uid-replicaset-web-x")
    filled.objects["/api/v1/namespaces/shop/events/e9"]["lastTimestamp"] = "2026-05-04T09:00:00Z"
    case = refused_case(api, "shop", workload)
    assert case is not None and case.facts.message == "quota" and case.facts.since < case.facts.said_at


def test_pods_that_were_refused_long_ago(filled: FakeCluster) -> None:
    filled.refuse["/api/v1/namespaces/shop/events"] = 403
    api = DirectApi(filled)
    workload = read_workload(api, "shop", "Deployment", "web")
    case = refused_case(api, "shop", workload)
    assert case is not None and case.facts.message == 'pods "web-" is forbidden' and case.facts.events == ()
    assert case.facts.since == time_of(objects.AT)
    for change in ({"status": "False"}, {"type": "Available"}):
        condition = {"type": "ReplicaFailure", "status": "True", "message": "m", **change}
        filled.objects["/apis/apps/v1/namespaces/shop/deployments/web"]["status"]["conditions"] = [condition]
        assert refused_case(api, "shop", read_workload(api, "shop", "Deployment", "web")) is None


def changed(
    cluster: FakeCluster, owner: Owner | None = DEPLOYMENT, pod: str = "web-x-1", container: str = "app"
) -> str:
    found = cluster.objects[f"/api/v1/namespaces/shop/pods/{pod}"]
    return History(DirectApi(cluster)).before("shop", found, owner, container)


def test_what_a_deployment_had_before(filled: FakeCluster) -> None:
    assert changed(filled) == (
        "revision 1, whose pods still run, had image private.example/team/app:0.9 and no pull secrets"
    )
    filled.objects[f"{SETS}/web-w"]["status"] = {}
    assert changed(filled) == "revision 1 had image private.example/team/app:0.9 and no pull secrets"
    assert changed(filled, container="side") == "revision 1 had no pull secrets"


def test_the_older_revision_that_is_told(filled: FakeCluster) -> None:
    """Of several, the newest that still runs; else the one before."""
    older = filled.objects[f"{SETS}/web-w"]
    for number, image, ready in ((0, "x:0", 1), (-1, "x:old", 0)):
        metadata = {
            "ownerReferences": older["metadata"]["ownerReferences"],
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
        }
        filled.add(
            "ReplicaSet",
            "shop",
            f"web-{abs(number)}",
            metadata=metadata,
            spec={"template": {"spec": objects.pod_spec(image)}},
            status={"readyReplicas": ready},
        )
    assert changed(filled).startswith("revision 1, whose pods still run,")
    older["status"] = {}
    assert changed(filled) == "revision 0, whose pods still run, had image x:0"


@pytest.mark.parametrize(
    "owner", [None, Owner("Deployment", "web"), Owner("Job", "web", (), "u"), Owner("Deployment", "web", (), "another")]
)
def test_no_history_without_a_proven_owner(filled: FakeCluster, owner: Owner | None) -> None:
    assert changed(filled, owner) == ""


@pytest.mark.parametrize("text", ["\u00b2", "9" * 5000, "-1", "x", "1e3"])
def test_a_revision_that_is_no_number(filled: FakeCluster, text: str) -> None:
    """Anybody may write it, on a ReplicaSet of nobody: what the others had is told all the same."""
    wanted = changed(filled)
    metadata = {"annotations": {"deployment.kubernetes.io/revision": text}}
    filled.add("ReplicaSet", "shop", "odd", metadata=metadata, spec={"template": {"spec": objects.pod_spec()}})
    assert wanted and changed(filled) == wanted


def test_what_a_namespace_keeps_is_listed_once(filled: FakeCluster) -> None:
    filled.add("Namespace", "", "other")
    history = History(DirectApi(filled))
    daemons = Owner("DaemonSet", "agent", (), "uid-daemonset-agent")
    history.learn([("shop", DEPLOYMENT), ("other", DEPLOYMENT), ("shop", daemons), ("shop", None)])
    asked = [a.path for a in filled.asked]
    assert sorted(asked) == [
        "/api/v1/namespaces/shop/pods",
        "/apis/apps/v1/namespaces/other/replicasets",
        "/apis/apps/v1/namespaces/shop/controllerrevisions",
        SETS,
    ]
    assert history.before("shop", filled.objects["/api/v1/namespaces/shop/pods/web-x-1"], DEPLOYMENT, "app")
    assert len(filled.asked) == len(asked)


def test_no_history_that_may_not_be_read(filled: FakeCluster) -> None:
    filled.refuse[SETS] = 403
    assert changed(filled) == ""


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_what_a_set_had_before(filled: FakeCluster, kind: str) -> None:
    """ControllerRevisions: a StatefulSet's pod names one, a DaemonSet's bears its hash."""
    above = [objects.reference(kind, "db")]
    owner = Owner(kind, "db", (), f"uid-{kind.lower()}-db")
    for number, image in ((1, "db:1"), (2, "db:2"), (3, "db:3")):
        labels = {"controller-revision-hash": f"h{number}"}
        data = {"spec": {"template": {"spec": objects.pod_spec(image)}}}
        filled.add(
            "ControllerRevision",
            "shop",
            f"db-h{number}",
            metadata={"ownerReferences": above, "labels": labels},
            data=data,
            revision=number,
        )
    # a second set of the same templates, whose first revision runs
    beside = objects.reference(kind, "beside")
    data = {"spec": {"template": {"spec": objects.pod_spec("beside:1")}}}
    theirs = {"ownerReferences": [beside], "labels": {"controller-revision-hash": "h1"}}
    filled.add("ControllerRevision", "shop", "beside-h1", metadata=theirs, data=data, revision=1)
    labels = {"controller-revision-hash": "db-h1" if kind == "StatefulSet" else "h1"}
    owned(filled, "beside-0", beside, labels=labels)["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    label = "db-h3" if kind == "StatefulSet" else "h3"
    owned(filled, "db-0", above[0], labels={"controller-revision-hash": label})
    assert changed(filled, owner, "db-0") == "revision 2 had image db:2"
    ready = owned(filled, "db-1", above[0], labels={"controller-revision-hash": label[:-1] + "1"})
    ready["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert changed(filled, owner, "db-0") == "revision 1, whose pods still run, had image db:1"
    ready["status"]["conditions"][0]["status"] = "False"
    assert changed(filled, owner, "db-0") == "revision 2 had image db:2"


def test_workloads_of_a_name(filled: FakeCluster) -> None:
    filled.add("CronJob", "shop", "web")
    filled.refuse["/apis/batch/v1/namespaces/shop/jobs/web"] = 403
    assert same_name(DirectApi(filled), "shop", "web") == ["Deployment", "CronJob"]


def test_what_kubectl_takes_for_a_kind() -> None:
    words = ("deploy", "deployment", "deployments", "deployment.apps", "deployments.apps")
    assert {w for w, kind in KINDS.items() if kind == "Deployment"} == set(words)
    assert {w for w, kind in KINDS.items() if kind == "Pod"} == {"po", "pod", "pods"}
    assert {w for w, kind in KINDS.items() if kind == "Job"} == {"job", "jobs", "job.batch", "jobs.batch"}
    assert (KINDS["po"], KINDS["deploy"], KINDS["sts"], KINDS["ds"], KINDS["rs"], KINDS["job"], KINDS["cj"]) == (
        *("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"),
    )


@pytest.mark.parametrize(
    ("metadata", "managers"),
    [
        ({"labels": {"argocd.argoproj.io/instance": "x"}}, ("Argo CD",)),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, ("Argo CD",)),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, ("Flux",)),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "x", "app.kubernetes.io/managed-by": "Helm"}}, ("Flux", "Helm")),
        ({"annotations": {"meta.helm.sh/release-name": "x"}}, ("Helm",)),
        ({"labels": {"app.kubernetes.io/managed-by": "me"}}, ()),
        ({}, ()),
    ],
)
def test_who_would_revert_a_change(metadata: dict[str, Any], managers: tuple[str, ...]) -> None:
    assert managers_of({"metadata": metadata}) == managers


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T00:00:01.500000Z", 1.5),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("x", 0.0),
        (None, 0.0),
        (7, 0.0),
    ],
)
def test_times(text: Any, seconds: float) -> None:
    assert time_of(text) == seconds


def test_the_images_of_a_template() -> None:
    pod = {
        "containers": [{"name": "app", "image": "r.io/a:1"}],
        "initContainers": [{"name": "first", "image": "r.io/b:1"}],
    }
    of_deployment = {"spec": {"template": {"spec": pod}}}
    assert set(_template_images("Deployment", of_deployment)) == {"app=r.io/a:1", "first=r.io/b:1"}
    assert _template_images("CronJob", {"spec": {"jobTemplate": of_deployment}}) == _template_images(
        "Job", of_deployment
    )
    assert _template_images("Deployment", {}) == ()

"""scan over a crowd: every failing pull is found however it hides, and stands under its root cause."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.model.scan import Scan
from kubectl_imagepull.session.observer import CauseChange, Observer
from kubectl_imagepull.session.options import Options
from kubectl_imagepull.session.scan import Scope, scan
from kubectl_imagepull.session.scan_watch import watch
from tests.crowd.pods import Crowd
from tests.unit.fake_cluster import FakeCluster, running
from tests.unit.kube import objects

NO_PROBE = Options(probe=False)
REFUSED = (
    'Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/shop/ was blocked due to '
    "the following policies restrict-image-registries: validate-registries: Unknown image registry evil.test."
)


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd(150, datetime.datetime.now(datetime.timezone.utc), failing=110)


@pytest.fixture(scope="module")
def crowded(crowd: Crowd) -> Iterator[FakeCluster]:
    with running(FakeCluster().load(crowd.objects())) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def found(crowded: FakeCluster) -> Scan:
    return scan(Api(Flags(server=crowded.url)), Scope(everywhere=True), NO_PROBE)


def names(found: Scan) -> dict[str, str]:
    """namespace/pod -> cause."""
    return {
        f"{one.namespace}/{one.pod}": "sandbox" if cause.case.facts.sandbox else cause.verdict.cause
        for cause in found.causes
        for one in cause.affected
    }


def test_finds_every_one_and_no_other(crowd: Crowd, found: Scan) -> None:
    assert names(found) == crowd.expected
    assert (found.failing, found.exit_code, found.unseen) == (110, 1, ())
    assert found.pods == 150


@pytest.mark.parametrize(
    "way", ["running", "crash", "completed", "terminating", "init", "volume", "sandbox", "ephemeral", "plain"]
)
def test_however_it_hides(crowd: Crowd, found: Scan, way: str) -> None:
    assert len(crowd.ways[way]) >= 5 and set(crowd.ways[way]) <= set(names(found))


def test_one_entry_a_root(found: Scan) -> None:
    """A tag, a host's certificate or address: one for the cluster; a secret: one a namespace that lacks it."""
    entries = Counter(cause.verdict.cause for cause in found.causes if not cause.case.facts.sandbox)
    spaces = {one.namespace for c in found.causes if c.verdict.cause == "auth.secret_missing" for one in c.affected}
    assert entries["auth.secret_missing"] == len(spaces) > 3
    alone = {cause for cause, count in entries.items() if count == 1}
    assert alone >= {"image.tag_unknown", "dns.nxdomain", "tls.expired", "net.refused", "rate.registry_limit"}
    assert len({c.verdict.cause for c in found.causes}) == 12


def test_most_harm_first(found: Scan) -> None:
    assert [c.pods for c in found.causes] == sorted((c.pods for c in found.causes), reverse=True)


def test_reads_what_pods_share_once(crowded: FakeCluster, found: Scan) -> None:
    """Events in one pass, each secret, account, node and owner once; healthy pods not at all."""
    reads = Counter(asked.path for asked in crowded.asked if "labelSelector" not in asked.query)
    once = [
        path
        for path in reads
        if any(kind in path for kind in ("/secrets/", "/serviceaccounts/", "/nodes/", "/replicasets/"))
    ]
    assert len(once) > 50 and all(reads[path] == 1 for path in once)
    assert reads["/api/v1/events"] == 1 and not any(path.endswith("/events") and "namespaces" in path for path in reads)


def test_a_trial_pull_is_no_trouble(cluster: FakeCluster, no_kubeconfig: None) -> None:
    cluster.load([{"kind": "Namespace", "metadata": {"name": "shop", "uid": "n"}}])
    trial = pod("trial", failing=True)
    trial["metadata"] |= objects.OF_A_RUN
    labels, spec = objects.OF_A_RUN["labels"], {"template": {"spec": objects.pod_spec("evil.test/a:1")}}
    job = cluster.add("Job", "shop", objects.RUN, metadata={"labels": labels}, spec=spec, status={})
    about = {"kind": "Job", "name": objects.RUN, "uid": job["metadata"]["uid"]}
    cluster.load([pod("a", failing=True), trial, event("refused", about, "FailedCreate", REFUSED, 5)])
    for one in cluster.objects.values():
        one.get("spec", {})["nodeName"] = "node1"
    found = scan(Api(Flags(server=cluster.url, namespace="shop")), Scope(), NO_PROBE)
    assert list(names(found)) == ["shop/a"]


def test_one_namespace_and_a_selector(crowd: Crowd, crowded: FakeCluster) -> None:
    space = next(key.partition("/")[0] for key in crowd.expected)
    api = Api(Flags(server=crowded.url, namespace=space))
    mine = {key: cause for key, cause in crowd.expected.items() if key.startswith(f"{space}/")}
    assert names(scan(api, Scope(), NO_PROBE)) == mine
    app = scan(api, Scope(selector="app=bad-0"), NO_PROBE)
    assert set(names(app).values()) <= {"image.tag_unknown", "sandbox"} and len(names(app)) < len(mine)


def test_without_the_right_to_list_namespaces_or_events(crowd: Crowd, crowded: FakeCluster) -> None:
    """One table with names in it; what only events tell is said to be unknown."""
    crowded.refuse = {"/api/v1/namespaces": 403, "/api/v1/events": 403}
    try:
        found = scan(Api(Flags(server=crowded.url)), Scope(everywhere=True), NO_PROBE)
    finally:
        crowded.refuse = {}
    assert set(names(found)) == set(crowd.expected) - set(crowd.ways["sandbox"])
    assert len(found.unseen) == 1 and "needs list on events" in found.unseen[0]


class _Heard(Observer):
    def __init__(self) -> None:
        self.first: Scan | None = None
        self.lines: list[tuple[str, str, int]] = []

    def scanned(self, found: Scan) -> None:
        self.first = found

    def changed(self, change: CauseChange) -> None:
        self.lines.append((change.kind, change.cause.verdict.cause, change.cause.pods))
        if change.kind == "solved":
            raise KeyboardInterrupt


def pod(name: str, *, failing: bool, image: str = "registry.corp.test/shop/web:v99") -> dict[str, Any]:
    waiting = {
        "reason": "ErrImagePull",
        "message": f'failed to pull image "{image}": failed to resolve reference "{image}": {image}: not found',
    }
    state = {"waiting": waiting} if failing else {"running": {}}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "7"},
        "spec": {"containers": [{"name": "app", "image": image}], "nodeName": ""},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "app", "image": image, "state": state, "ready": not failing}],
        },
    }


def test_watched(cluster: FakeCluster, no_kubeconfig: None) -> None:
    """Appears, grows, goes on failing (no news), shrinks, is solved; a trial pull of ours is no trouble."""
    cluster.load([{"kind": "Namespace", "metadata": {"name": "shop", "uid": "n"}}])
    again = pod("a", failing=True)
    again["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] = "ImagePullBackOff"
    trial = pod("trial", failing=True)
    ended = pod("trial", failing=False)
    trial["metadata"] |= objects.OF_A_RUN
    ended["metadata"] |= objects.OF_A_RUN
    cluster.story = [
        lambda: [pod("a", failing=True)],
        lambda: [pod("b", failing=True), again, trial],
        lambda: [pod("b", failing=False)],
        lambda: [ended, pod("a", failing=False), pod("c", failing=False)],
    ]
    heard = _Heard()
    with pytest.raises(KeyboardInterrupt):
        watch(Api(Flags(server=cluster.url, namespace="shop")), Scope(), heard)
    assert heard.first is not None and heard.first.causes == ()
    assert heard.lines == [
        ("appeared", "image.tag_unknown", 1),
        ("grew", "image.tag_unknown", 2),
        ("shrank", "image.tag_unknown", 1),
        ("solved", "image.tag_unknown", 1),
    ]


def event(name: str, about: dict[str, str], reason: str, message: str, minutes: int) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.timezone.utc)
    at = (now - datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "Event",
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "type": "Normal",
        "reason": reason,
        "message": message,
        "involvedObject": {"namespace": "shop", **about},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


@pytest.mark.parametrize(("minutes", "causes"), [(1, []), (4, ["pull.in_progress"]), (10, ["transfer.stalled"])])
def test_a_pull_that_reports_nothing(
    cluster: FakeCluster, no_kubeconfig: None, minutes: int, causes: list[str]
) -> None:
    """Told once it takes longer than pulls do, and with doubt: that is no failure yet."""
    hanging = pod("slow", failing=True, image="registry.corp.test/big:1")
    hanging["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ContainerCreating"}}
    about = {"kind": "Pod", "name": "slow", "uid": "slow", "fieldPath": "spec.containers{app}"}
    pulling = event("e", about, "Pulling", 'Pulling image "registry.corp.test/big:1"', minutes)
    cluster.load([hanging, pulling])
    found = scan(Api(Flags(server=cluster.url, namespace="shop")), Scope(), NO_PROBE)
    assert [cause.verdict.cause for cause in found.causes] == causes
    assert all(cause.verdict.confidence != "confirmed" or not cause.verdict.exit_code for cause in found.causes)


def test_a_workload_whose_pods_are_refused(cluster: FakeCluster, no_kubeconfig: None) -> None:
    """There is no pod to find: the event on its ReplicaSet tells, and the Deployment above it is named."""
    spec = {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "image": "evil.test/a:1"}]}}}
    web = cluster.add("Deployment", "shop", "web", spec=spec, status={})
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "uid": web["metadata"]["uid"],
        "controller": True,
    }
    made = cluster.add("ReplicaSet", "shop", "web-1", metadata={"ownerReferences": [owner]}, spec=spec, status={})
    about = {"kind": "ReplicaSet", "name": "web-1", "uid": made["metadata"]["uid"]}
    cluster.add("Namespace", "", "shop")
    cluster.load([event("refused", about, "FailedCreate", REFUSED, 5)])
    found = scan(Api(Flags(server=cluster.url, namespace="shop")), Scope(), NO_PROBE)
    [cause] = found.causes
    assert (cause.verdict.cause, cause.workloads, found.failing) == ("policy.admission", ("shop/deployment/web",), 1)

"""probe-node over many nodes: how many at a time, what becomes of those that cannot be asked, what an interruption leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.model.node_report import FleetReport, NodeReport
from kubectl_imagepull.node import run_pod
from kubectl_imagepull.session import FleetObserver, FleetTarget, Limits, NodeTarget, Options, Wanted, probe_nodes
from kubectl_imagepull.session import fleet as fleets
from kubectl_imagepull.session.collect import Emit, Outcome
from kubectl_imagepull.session.fleet import INTERRUPTED, NOT_BEGUN
from tests.unit.fake_cluster import running
from tests.unit.fake_fleet import FleetCluster, SimNode, answers, breaks

HOSTS = ("a.test", "b.test")
Make = Callable[..., tuple[FleetCluster, Api]]


class NoWorkstation:
    """This machine asks nobody."""

    def __init__(self, plan: object) -> None:
        self.plan = plan

    def run(self, emit: Emit) -> Outcome:
        return Outcome()

    def stop(self) -> None:
        """Nothing runs."""

    def challenges(self, pull: object) -> tuple[str, ...]:
        return ()


@pytest.fixture
def make(no_kubeconfig: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A cluster of these nodes, served, and a connection to it."""
    monkeypatch.setattr(fleets, "Workstation", NoWorkstation)
    served = []

    def begin(nodes: Sequence[SimNode], **more: Any) -> tuple[FleetCluster, Api]:
        context = running(FleetCluster(nodes=list(nodes), **more))
        served.append(context)
        cluster = context.__enter__()
        assert isinstance(cluster, FleetCluster)
        return cluster, Api(Flags(server=cluster.url, namespace="shop"))

    yield begin
    for context in served:
        context.__exit__(None, None, None)


def asked(*names: str, selector: str = "", hosts: Sequence[str] = HOSTS) -> FleetTarget:
    return FleetTarget(NodeTarget("", tuple(hosts)), names, selector)


def codes(report: FleetReport) -> dict[str, int]:
    return {one.node.name: one.exit_code for one in report.reports}


def test_every_node_has_a_report_and_nothing_is_left(make: Make) -> None:
    """Each is asked about each registry; the nodes are read once, whatever their number."""
    nodes = [SimNode(f"n{n}", takes=0.05) for n in range(12)]
    nodes[3].say = lambda pull: breaks(pull, "connect", "refused")
    cluster, api = make(nodes)
    heard: list[str] = []

    class Told(FleetObserver):
        def planned(self, names: Sequence[str]) -> None:
            heard.append(f"{len(names)} nodes")

        def ended(self, report: NodeReport) -> None:
            heard.append(report.node.name)

    report = probe_nodes(api, asked(), Options(), Limits(4), Told())
    assert codes(report) == {f"n{n}": int(n == 3) for n in range(12)} and report.exit_code == 1
    assert heard[0] == "12 nodes" and sorted(heard[1:]) == sorted(codes(report))
    assert all([one.host for one in seen.registries] == list(HOSTS) for seen in report.reports)
    assert report.reports[3].registries[0].outcomes == ("resolved", "refused")
    assert all(one.case.probe.deleted for one in report.reports) and cluster.left == []
    assert [one.path for one in cluster.asked if one.path.startswith("/api/v1/nodes")] == ["/api/v1/nodes"]
    assert 2 <= cluster.most <= 4
    assert report.marks["n1"]["kubernetes.io/hostname"] == "n1" and report.marks["n1"]["kubeletVersion"] == "v1.34.2"


def test_one_registry_is_asked_by_few_nodes_at_a_time(make: Make) -> None:
    """Those that ask another one go first meanwhile."""
    cluster, api = make([SimNode(f"n{n}", takes=0.5) for n in range(8)])
    for number, node in enumerate(cluster.nodes):
        image = f"{'busy' if number < 6 else 'other'}.test/x:1"
        cluster.add(
            "Pod", "web", f"p{number}", spec={"nodeName": node.name, "containers": [{"name": "c", "image": image}]}
        )
    report = probe_nodes(api, asked(hosts=()), Options(), Limits(8, 2))
    assert set(codes(report).values()) == {0} and cluster.most == 4
    assert cluster.asking == {"busy.test": 2, "other.test": 2}
    assert [one.registries[0].host for one in report.reports] == ["busy.test"] * 6 + ["other.test"] * 2
    pods = [one.query for one in cluster.asked if one.path == "/api/v1/pods"]
    assert len(pods) == 8 and all("fieldSelector" in query for query in pods), "eight nodes, by the server's index"


def test_what_runs_on_many_nodes_is_read_once(make: Make) -> None:
    cluster, api = make([SimNode(f"n{n}") for n in range(20)])
    cluster.add("Pod", "web", "p", spec={"nodeName": "n7", "containers": [{"name": "c", "image": "only.test/x:1"}]})
    report = probe_nodes(api, asked(hosts=()), Options())
    hosts = {one.node.name: [seen.host for seen in one.registries] for one in report.reports}
    assert hosts == {f"n{n}": ["only.test"] if n == 7 else [] for n in range(20)} and report.exit_code == 0
    assert len([one for one in cluster.asked if one.path == "/api/v1/pods"]) == 1
    made = [one.body["kind"] for one in cluster.asked if one.method == "POST" and one.changes]
    assert made == ["Job", "ConfigMap", "Job"], "the ConfigMap that runs share, what owns it, and one run"


def test_one_bad_node_stops_no_other(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gone, not ready, silent, refused: each is named with why."""
    monkeypatch.setattr(run_pod, "STARTUP_SECONDS", 3.0)
    nodes = [
        SimNode("good"),
        SimNode("away", ready=False),
        SimNode("silent", takes=None),
        SimNode("full"),
        SimNode("last"),
    ]
    cluster, api = make(nodes, fails=lambda name: 403 if name == "full" else 0)
    report = probe_nodes(api, asked("good", "nowhere", "away", "silent", "full", "last"), Options())
    assert codes(report) == {"good": 0, "nowhere": 2, "away": 3, "silent": 3, "full": 3, "last": 0}
    assert report.exit_code == 2 and cluster.left == []
    why = {one.node.name: "; ".join(one.case.probe.why_not) for one in report.reports}
    assert "there is no such node" in why["nowhere"] and "not ready" in why["away"]
    assert "the kubelet of silent does not answer" in why["silent"] and "quota is used up" in why["full"]


def test_a_node_whose_api_server_breaks_off(make: Make) -> None:
    """What a request of one node runs into is that node's."""
    cluster, api = make([SimNode("a"), SimNode("b")])
    cluster.fault = lambda one: "reset" if one.method == "POST" and '"nodeName": "b"' in json.dumps(one.body) else None
    report = probe_nodes(api, asked(), Options())
    assert codes(report) == {"a": 0, "b": 3} and cluster.left == []


@pytest.mark.parametrize("forbidden", ["watch", "configmaps", "jobs"])
def test_what_may_not_be_shared(make: Make, forbidden: str) -> None:
    """Then each run asks for its own pod, and brings its own ConfigMap; or the probes travel as arguments."""
    cluster, api = make([SimNode(f"n{n}", takes=0.05) for n in range(4)])
    refused = {
        "watch": lambda one: "watch" in one.query and one.path.endswith("/pods"),
        "configmaps": lambda one: one.method == "POST" and one.path.endswith("/configmaps"),
        "jobs": lambda one: one.method == "POST" and (one.body.get("spec") or {}).get("completions") == 0,
    }[forbidden]
    cluster.fault = lambda one: 403 if refused(one) else None
    report = probe_nodes(api, asked(), Options(), Limits(2))
    assert set(codes(report).values()) == {0} and cluster.left == []
    made = [one.body["kind"] for one in cluster.asked if one.method == "POST" and one.changes]
    assert made.count("ConfigMap") == {"watch": 1, "configmaps": 0, "jobs": 4}[forbidden]


def test_nodes_by_their_labels(make: Make) -> None:
    _, api = make([SimNode(f"n{n}", {"pool": "web" if n % 2 else "db"}) for n in range(6)])
    assert list(codes(probe_nodes(api, asked(selector="pool=web"), Options()))) == ["n1", "n3", "n5"]
    assert probe_nodes(api, asked(selector="pool=none"), Options()).reports == ()


def test_nodes_that_may_not_be_listed(make: Make) -> None:
    """Those that are named are asked all the same; which nodes there are, nobody knows."""
    cluster, api = make([SimNode("a"), SimNode("b")])
    cluster.refuse["/api/v1/nodes"] = 403
    report = probe_nodes(api, asked("a", "b"), Options())
    assert codes(report) == {"a": 0, "b": 0} and not report.reports[0].node.read
    assert "needs list on nodes (forbidden)" in report.reports[0].case.errors[0].message
    with pytest.raises(ApiError):
        probe_nodes(api, asked(), Options())


@pytest.mark.parametrize("after", [1, 4])
def test_an_interruption_shows_what_is_known_and_leaves_nothing(make: Make, after: int) -> None:
    nodes = [SimNode(f"n{n}", takes=0.05 if n < after else 5.0) for n in range(12)]
    cluster, api = make(nodes)
    ended: list[str] = []

    class Impatient(FleetObserver):
        def ended(self, report: NodeReport) -> None:
            ended.append(report.node.name)
            if len(ended) == after:
                raise KeyboardInterrupt

    report = probe_nodes(api, asked(), Options(), Limits(6), Impatient())
    assert report.interrupted and report.exit_code == 130 and cluster.left == []
    assert len(report.reports) == 12
    why = {one.node.name: [*one.case.probe.why_not, *(e.message for e in one.case.errors)] for one in report.reports}
    assert sorted(codes(report).values()) == [0] * after + [3] * (12 - after)
    assert any(INTERRUPTED in lines for lines in why.values()) and any(NOT_BEGUN in lines for lines in why.values())
    assert cluster.most <= 6


def test_a_node_that_is_interrupted_on_the_way_is_not_in_order(make: Make) -> None:
    """What it has seen until then is shown, and says nothing of the rest."""
    nodes = [SimNode("a", takes=0.05), SimNode("b", takes=0.05)]
    nodes[1].say = lambda pull: [{**frame, "wait": 5.0} if frame["hop"] == "tls" else frame for frame in answers(pull)]
    cluster, api = make(nodes)

    class Impatient(FleetObserver):
        def ended(self, report: NodeReport) -> None:
            raise KeyboardInterrupt

    report = probe_nodes(api, asked(hosts=["a.test"]), Options(), Limits(2), Impatient())
    assert codes(report) == {"a": 0, "b": 3} and cluster.left == []
    assert [line.hop for line in report.reports[1].registries[0].lines] in ([], ["dns"], ["dns", "connect"])


def test_the_way_out_is_each_nodes_own(make: Make) -> None:
    cluster, api = make([SimNode("a"), SimNode("b")])
    report = probe_nodes(api, asked(), Options(way_out=Wanted(via="api-only")))
    assert codes(report) == {"a": 3, "b": 3}
    assert not [one for one in cluster.asked if one.method != "GET"]

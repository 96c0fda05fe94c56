"""probe-node: which registries are asked, what the node saw of each, and how it pulled an image."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.model import Observation, Pull, ReadError, Subject, Vantage
from kubectl_imagepull.node.wanted import Wanted
from kubectl_imagepull.session import NodeReport, NodeTarget, Observer, Options, Plan, probe_node
from kubectl_imagepull.session.node_report import MOST_REGISTRIES, BadTarget
from tests.build import observed
from tests.unit.fake_cluster import FakeCluster
from tests.unit.session.test_diagnosis import NODE, Vantages, vantages

__all__ = ["vantages"]

REG = "reg.test"


def seen(
    pull: Pull, hop: str, outcome: str, role: str = "registry", place: str = "node", host: str = ""
) -> Observation:
    vantage = NODE if place == "node" else Vantage("workstation")
    return observed(hop, Subject(role, host or pull.authority), vantage, outcome, f"{hop} {outcome}", pull=pull.id)


def healthy(pull: Pull) -> Sequence[Observation]:
    return [
        seen(pull, "connect", "open"),
        seen(pull, "auth", "basic"),
        seen(pull, "manifest", "404"),
        seen(pull, "connect", "refused", place="workstation"),
        seen(pull, "runtime", "default", "node"),
    ]


def probed(api: Api, vantages: Vantages, *registries: str, **more: str) -> NodeReport:
    report = probe_node(api, NodeTarget("node1", registries, **more), Options(way_out=Wanted(try_pull="image" in more)))
    assert report is not None
    return report


def test_a_row_a_registry_with_what_the_node_saw_of_it(shop: Api, vantages: Vantages) -> None:
    vantages.say = healthy
    report = probed(shop, vantages, REG, "other.test:5000", REG)
    assert [one.host for one in report.registries] == [REG, "other.test:5000"]
    # whether an image is there, and who else saw it, is another question; asking for credentials is in order
    assert [(line.hop, line.status) for line in report.registries[0].lines] == [("connect", "pass"), ("auth", "pass")]
    assert (report.exit_code, report.pulled, report.node.name) == (0, None, "node1")
    assert report.case.probe.created and report.case.target.namespace == "shop"


def test_a_registry_that_is_broken(shop: Api, vantages: Vantages) -> None:
    vantages.say = lambda pull: [seen(pull, "connect", "refused")] if pull.host == REG else healthy(pull)
    report = probed(shop, vantages, REG, "other.test")
    assert [line.status for line in report.registries[0].lines] == ["fail"] and report.exit_code == 1


def test_a_registry_that_could_not_be_asked(shop: Api, vantages: Vantages) -> None:
    vantages.say = lambda pull: () if pull.host == REG else [seen(pull, "connect", "refused")]
    vantages.errors = (ReadError("node", "late"),)
    report = probed(shop, vantages, REG, "other.test")
    assert report.registries[0].lines == () and report.exit_code == 3
    assert report.case.errors == (ReadError("node", "late"),)


def test_the_registries_of_the_pods_on_the_node(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    told: list[Plan] = []

    class Told(Observer):
        def planned(self, plan: Plan) -> None:
            told.append(plan)

    report = probe_node(shop, NodeTarget("node1"), Options(), Told())
    assert report is not None
    hosts = {one.host for one in report.registries}
    assert "expired.lab.test" in hosts and len(hosts) == len(report.registries) == len(told[0].cases)
    pods = [o for o in cluster.objects.values() if o["kind"] == "Pod" and o["spec"].get("nodeName") == "node1"]
    for number in range(2 * MOST_REGISTRIES):
        pods[0]["spec"]["containers"].append({"name": f"c{number}", "image": f"reg{number}.test/x"})
    report = probe_node(shop, NodeTarget("node1"), Options())
    assert report is not None and len(report.registries) == MOST_REGISTRIES


def test_a_node_without_pods(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    cluster.add("Node", "", "bare")
    assert probe_node(shop, NodeTarget("bare"), Options()) is None and not vantages.rungs
    with pytest.raises(ApiError):
        probe_node(shop, NodeTarget("nowhere"), Options())


def test_a_node_that_may_not_be_read(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    """It is named, and Jobs may be made: registries are asked from it, and what is not known is said."""
    cluster.refuse["/api/v1/nodes/node1"] = 403
    vantages.say = healthy
    report = probed(shop, vantages, REG)
    assert (report.exit_code, report.node.name, report.node.read) == (0, "node1", False)
    assert [error.kind for error in report.case.errors] == ["Node"]
    assert vantages.rungs[0][0].os == ""


def test_pods_of_a_node_that_may_not_be_listed_name_no_registry(
    shop: Api, cluster: FakeCluster, vantages: Vantages
) -> None:
    """That is no node without registries."""
    cluster.refuse |= {"/api/v1/pods": 403, "/api/v1/namespaces/shop/pods": 403}
    told: list[Plan] = []

    class Told(Observer):
        def planned(self, plan: Plan) -> None:
            told.append(plan)

    assert probe_node(shop, NodeTarget("node1"), Options(), Told()) is None
    assert [one.partition(" on ")[0] for one in told[0].unseen] == [
        "cannot list the pods of all namespaces",
        "cannot list the pods of shop",
    ]
    report = probed(shop, vantages, REG)
    assert report.case.errors == (), "who names a registry needs no pods"


# ---- an image --------------------------------------------------------------------------------------------------------

IMAGE = f"{REG}/team/app:1.0"
UNAUTHORIZED = f"failed to resolve image: unexpected status from HEAD request to https://{REG}/v2/x: 401 Unauthorized"


def trial(pull: Pull, outcome: str, message: str = "") -> Observation:
    vantage = Vantage("node", "host", "host", "host", "known", "trial-pull", "node1")
    subject = Subject("node", "node1")
    return observed("runtime", subject, vantage, outcome, "tried", message=message, image=IMAGE, pull=pull.id)


def with_trial(outcome: str, message: str = "") -> object:
    def say(pull: Pull) -> Sequence[Observation]:
        tried = [trial(pull, outcome, message)] if pull.repository == "team/app" else []
        return [*healthy(pull), *tried]

    return say


def test_an_image_that_can_be_pulled(shop: Api, vantages: Vantages) -> None:
    vantages.say = with_trial("pulled")  # type: ignore[assignment]
    report = probed(shop, vantages, "other.test", REG, image=IMAGE, pull_secret="login")
    assert report.pulled is not None and report.pulled.seen.outcome == "pulled"
    assert report.pulled.verdict is None and report.exit_code == 0
    # its registry is asked once, for the image
    assert [one.host for one in report.registries] == ["other.test", REG]
    asked, plan, _ = vantages.trials[0]
    assert list(asked.trial_pull.images.values()) == [IMAGE] and asked.trial_pull.secrets == ("login",)
    assert [pull.repository for pull in plan.pulls if pull.host == REG] == ["team/app"]


def test_an_image_that_cannot_be_pulled_has_a_verdict(shop: Api, vantages: Vantages) -> None:
    vantages.say = with_trial("failed", UNAUTHORIZED)  # type: ignore[assignment]
    report = probed(shop, vantages, image=IMAGE)
    assert report.pulled is not None and report.pulled.verdict is not None and report.exit_code == 1
    assert report.pulled.verdict.cause.startswith("auth.")


def test_an_image_that_was_not_tried(shop: Api, vantages: Vantages) -> None:
    vantages.say = healthy
    assert probed(shop, vantages, image=IMAGE).pulled is None
    only = Options(way_out=Wanted(via="trial-pull", try_pull=True))
    for say, code in ((healthy, 3), (with_trial("pulled"), 0)):
        vantages.say = say  # type: ignore[assignment]
        report = probe_node(shop, NodeTarget("node1", image=IMAGE), only)
        assert report is not None and report.exit_code == code


@pytest.mark.parametrize("host", ["", "a b", "reg.test/x", "https://reg.test", "reg", "-x.test", "reg.test:x"])
def test_what_is_no_registry(host: str) -> None:
    with pytest.raises(BadTarget) as caught:
        NodeTarget("node1", (host,))
    assert caught.value.field == "registries" and "is no registry host" in str(caught.value)


@pytest.mark.parametrize(
    "host", ["docker.io", "index.docker.io", "10.0.0.5:5000", "reg.test", "localhost", "[::1]:5000"]
)
def test_what_is_a_registry(host: str) -> None:
    assert NodeTarget("node1", (host,)).registries == (host,)


def test_what_is_no_image() -> None:
    with pytest.raises(BadTarget) as caught:
        NodeTarget("node1", image="Reg.test/App:1.0")
    assert caught.value.field == "image" and "\n" not in str(caught.value)

"""One diagnosis from the API server to the verdict: what is asked of which vantage, and whose Case gets what was seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.pods import ContainerRead
from kubectl_imagepull.model import Observation, ProbeRun, Pull, ReadError, Subject, TrialPull, Vantage
from kubectl_imagepull.node.ladder import NodeAsked
from kubectl_imagepull.node.plan import Plan as Asked
from kubectl_imagepull.node.wanted import Wanted
from kubectl_imagepull.session import Diagnosis, Named, Observer, Options, Plan, Targets, diagnose
from kubectl_imagepull.session import diagnosis as diagnosing
from kubectl_imagepull.session.collect import Emit, Outcome
from kubectl_imagepull.session.group import Key, key_of
from tests.build import observed
from tests.unit.fake_cluster import FakeCluster
from tests.unit.session.conftest import recorded

API_ONLY = Options(probe=False)
DB = Targets((Named("StatefulSet", "db"),))


def causes(diagnoses: Sequence[Diagnosis]) -> dict[str, str]:
    return {d.case.target.owner.name if d.case.target.owner else d.case.target.pod: d.verdict.cause for d in diagnoses}


def key_of_case(one: Diagnosis) -> Key:
    return key_of(ContainerRead(one.case.target, one.case.facts, one.case.pull))


class Told(Observer):
    def __init__(self) -> None:
        self.plan = Plan()
        self.seen_hops: list[str] = []
        self.diagnoses: Sequence[Diagnosis] = ()

    def planned(self, plan: Plan) -> None:
        self.plan = plan

    def seen(self, observation: Observation) -> None:
        self.seen_hops.append(f"{observation.vantage.place} {observation.hop}")

    def diagnosed(self, diagnoses: Sequence[Diagnosis]) -> None:
        self.diagnoses = diagnoses


# ---- by what the API server knows ------------------------------------------------------------------------------------


def test_every_workload_of_the_shop(shop: Api) -> None:
    assert causes(diagnose(shop, Targets(), API_ONLY)) == {
        "web": "image.tag_unknown",
        "db": "auth.no_credentials",
        "agent": "tls.expired",
        "once": "dns.nxdomain",
        "nightly": "net.refused",
        "lone": "dns.nxdomain",
    }


def test_nothing_is_created_without_a_probe(shop: Api, cluster: FakeCluster) -> None:
    [one] = diagnose(shop, DB, API_ONLY)
    assert {asked.method for asked in cluster.asked} == {"GET"}
    assert one.case.observations == ()
    assert one.case.probe == ProbeRun(why_not=("no probe was asked for",)), (
        "whether one ran, and if not, why, is always said"
    )


def test_the_observer_is_told_from_the_plan_to_the_end(shop: Api) -> None:
    told = Told()
    target = Targets((Named("StatefulSet", "db"), Named("Deployment", "refused", "strict")))
    found = diagnose(shop, target, API_ONLY, told)
    assert list(told.diagnoses) == found
    [bare], [refused] = told.plan.cases, told.plan.refused
    assert (bare.target.pod, bare.observations) == ("db-0", ()) and refused.target.owner is not None
    assert [d.case.target.pod for d in found] == ["db-0", ""]


def test_workloads_of_which_nothing_fails_are_told_of(shop: Api, cluster: FakeCluster) -> None:
    cluster.add("Deployment", "shop", "idle", spec={"replicas": 0})
    told = Told()
    assert diagnose(shop, Targets((Named("Deployment", "idle"),)), API_ONLY, told) == []
    assert told.plan == Plan(empty=("deployment/idle has no pods to look at: it wants none",)) and told.diagnoses == []


def test_what_the_revision_before_had(shop: Api) -> None:
    [one] = diagnose(shop, Targets((Named("Deployment", "web"),)), API_ONLY)
    assert one.case.facts.since_revision.endswith("had image registry.lab.test/busybox:1.35")


def test_workloads_of_one_trouble_keep_their_own_history(shop: Api, cluster: FakeCluster) -> None:
    """A second Deployment that fails as the first does and had another image before; what both were is read once."""
    web = [o for o in recorded("broken") if o["metadata"]["name"].startswith("web") and o["kind"] != "Event"]
    text = json.dumps(web).replace("web", "wob").replace("busybox:1.35", "busybox:1.34")
    for uid in {o["metadata"]["uid"] for o in web}:
        text = text.replace(uid, f"{uid}-b")
    cluster.load(json.loads(text))
    both = diagnose(shop, Targets((Named("Deployment", "web"), Named("Deployment", "wob"))), API_ONLY)
    assert key_of_case(both[0]) == key_of_case(both[1])
    assert [one.case.facts.since_revision.rpartition(":")[2] for one in both] == ["1.35", "1.34"]
    # one to find the pods of each, one for what both were
    assert len([a for a in cluster.asked if a.path.endswith("/replicasets")]) == 3


def test_pods_of_one_trouble_keep_their_own_facts(shop: Api) -> None:
    agents = diagnose(shop, Targets((Named("DaemonSet", "agent"),)), API_ONLY)
    assert sorted(d.case.target.node for d in agents) == ["node1", "node2"]
    assert len({d.case.target.pod for d in agents}) == 2


def test_a_missing_right_is_named_in_the_case(shop: Api, cluster: FakeCluster) -> None:
    cluster.refuse["/api/v1/nodes/node1"] = cluster.refuse["/api/v1/nodes/node2"] = 403
    [one] = diagnose(shop, DB, API_ONLY)
    assert any("needs get on nodes" in error.message for error in one.case.errors)


# ---- with vantages ---------------------------------------------------------------------------------------------------

NODE = Vantage("node", "host", "host", "host", "known", "host-python", "node1")
MADE = ProbeRun("host-python", "node1", created=True, deleted=True)
Say = Callable[[Pull], Sequence[Observation]]


def again(seen: Observation) -> bool:
    """Whether it is what a trial pull sees."""
    return isinstance(seen.detail, TrialPull)


class Vantages:
    """Stands in for every source: remembers what it is asked, and says what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rungs: list[tuple[NodeAsked, Asked, Wanted]] = []
        self.trials: list[tuple[NodeAsked, Asked, Wanted]] = []
        self.peers: list[tuple[NodeAsked, Asked, Wanted]] = []
        self.workstations: list[Asked] = []
        self.kubelets: list[tuple[str, bool]] = []
        self.say: Say = lambda pull: ()
        self.errors: tuple[ReadError, ...] = ()
        for name in ("NodeRung", "KubeletPull", "PeerNode", "Workstation", "KubeletApi"):
            monkeypatch.setattr(diagnosing, name, getattr(self, name))

    class Source:
        def __init__(self, pulls: Sequence[Pull], say: Say, outcome: Outcome) -> None:
            self._pulls, self._say, self._outcome = pulls, say, outcome

        def run(self, emit: Emit) -> Outcome:
            for pull in self._pulls:
                for observation in self._say(pull):
                    emit(observation)
            return self._outcome

        def stop(self) -> None:
            """Nothing runs."""

        def challenges(self, pull: Pull) -> None:
            """Nothing is known."""

    def NodeRung(self, api: Api, node: NodeAsked, plan: Asked, wanted: Wanted, counted: bool = False) -> Source:
        self.rungs.append((node, plan, wanted))
        probed = Outcome(replace(MADE, node=node.name), errors=self.errors)
        return self.Source(plan.pulls, lambda pull: [o for o in self.say(pull) if not again(o)], probed)

    def KubeletPull(self, api: Api, node: NodeAsked, plan: Asked, wanted: Wanted, counted: bool = False) -> Source:
        self.trials.append((node, plan, wanted))
        tried = Outcome(replace(MADE, rung="trial-pull", node=node.name))
        return self.Source(plan.pulls, lambda pull: [o for o in self.say(pull) if again(o)], tried)

    def PeerNode(self, api: Api, node: NodeAsked, plan: Asked, wanted: Wanted) -> Source:
        self.peers.append((node, plan, wanted))
        return self.Source((), self.say, Outcome(peer_probe=replace(MADE, node=node.name)))

    def Workstation(self, plan: Asked) -> Source:
        self.workstations.append(plan)
        return self.Source((), self.say, Outcome())

    def KubeletApi(self, api: Api, node: str, needed: bool) -> Source:
        self.kubelets.append((node, needed))
        return self.Source((), self.say, Outcome())


@pytest.fixture
def vantages(monkeypatch: pytest.MonkeyPatch) -> Vantages:
    return Vantages(monkeypatch)


def manifest(pull: Pull, outcome: str = "404") -> Observation:
    subject = Subject("registry", pull.authority)
    return observed("manifest", subject, NODE, outcome, f"{pull.asked}: {outcome}", pull=pull.id)


def test_what_the_node_sees_decides(shop: Api, vantages: Vantages) -> None:
    vantages.say = lambda pull: [manifest(pull)]
    told = Told()
    [one] = diagnose(shop, Targets((Named("Deployment", "web"),)), Options(), told)
    assert told.seen_hops == ["node manifest"] and [o.hop for o in one.case.observations] == ["manifest"]
    assert (one.verdict.cause, one.case.probe.node) == ("image.tag_unknown", one.case.target.node)
    assert one.case.probe.created


def test_a_probe_for_each_node_and_what_it_is_asked(shop: Api, vantages: Vantages) -> None:
    diagnose(shop, Targets((Named("DaemonSet", "agent"),)), Options(seconds=12, way_out=Wanted(via="shell")))
    assert sorted(node.name for node, _, _ in vantages.rungs) == ["node1", "node2"]
    node, plan, wanted = vantages.rungs[0]
    assert (node.namespace, node.ready, node.os, node.arch) == ("shop", True, "linux", "amd64")
    assert (wanted.via, plan.budget) == ("shell", 7.0) and plan.runtime.startswith("containerd://")
    assert [pull.authority for pull in plan.pulls] == ["expired.lab.test"]
    assert not plan.logins and len(vantages.workstations) == 2
    assert sorted(vantages.kubelets) == [("node1", False), ("node2", False)]


@pytest.mark.parametrize(("seconds", "budget"), [(1.0, 3.0), (30.0, 25.0), (900.0, 120.0)])
def test_the_time_of_the_probes(shop: Api, vantages: Vantages, seconds: float, budget: float) -> None:
    diagnose(shop, DB, Options(seconds=seconds))
    assert vantages.rungs[0][1].budget == vantages.workstations[0].budget == budget


@pytest.mark.parametrize("credentials", [True, False])
def test_credentials_are_for_the_workstation_alone(shop: Api, vantages: Vantages, credentials: bool) -> None:
    diagnose(shop, DB, Options(credentials=credentials))
    tried = [login.password for logins in vantages.workstations[0].logins.values() for login in logins]
    assert tried == (["not-the-password"] if credentials else [])
    assert not vantages.rungs[0][1].logins


def test_what_a_trial_pull_would_pull(shop: Api, vantages: Vantages) -> None:
    diagnose(shop, DB, Options())
    trial = vantages.rungs[0][0].trial_pull
    assert list(trial.images.values()) == ["private.lab.test/team/app:1.0"] and trial.secrets == ("wrong",)


@pytest.mark.parametrize(
    ("wanted", "rungs", "trials"),
    [(Wanted(), 1, 0), (Wanted(try_pull=True), 1, 1), (Wanted(via="trial-pull"), 0, 1)],
)
def test_a_trial_pull_is_made_on_request_and_alone_where_nothing_else_is_wanted(
    shop: Api, vantages: Vantages, wanted: Wanted, rungs: int, trials: int
) -> None:
    [one] = diagnose(shop, DB, Options(way_out=wanted))
    assert (len(vantages.rungs), len(vantages.trials)) == (rungs, trials)
    assert one.case.probe.rung == ("host-python" if rungs else "trial-pull") and one.case.probe.deleted


def test_the_kubelet_is_needed_where_no_pod_is_started(shop: Api, vantages: Vantages) -> None:
    diagnose(shop, DB, Options(way_out=Wanted(via="api-only")))
    assert [needed for _, needed in vantages.kubelets] == [True]


def test_a_pod_that_is_on_no_node_is_seen_from_the_workstation(
    shop: Api, cluster: FakeCluster, vantages: Vantages
) -> None:
    del cluster.objects["/api/v1/namespaces/shop/pods/db-0"]["spec"]["nodeName"]
    [one] = diagnose(shop, DB, Options())
    assert not vantages.rungs and not vantages.kubelets and len(vantages.workstations) == 1
    assert one.case.probe.rung == "api-only" and "the pod is on no node" in one.case.probe.why_not[0]


UNREADABLE = {f"/api/v1/nodes/{node}": 403 for node in ("node1", "node2")} | {"/api/v1/nodes": 403}


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(via="shell", image="r.test/sh:1"), Wanted(try_pull=True)])
def test_a_node_that_may_not_be_read_is_looked_out_of(
    shop: Api, cluster: FakeCluster, vantages: Vantages, wanted: Wanted
) -> None:
    """Whoever has a role in the namespace alone: the pod names its node, Jobs may be made, and what was asked for is done."""
    cluster.refuse |= UNREADABLE
    pod = cluster.objects["/api/v1/namespaces/shop/pods/db-0"]
    cluster.refuse["/api/v1/pods"] = 403
    pod["status"]["containerStatuses"][0]["containerID"] = "cri-o://0123"
    vantages.say = lambda pull: [manifest(pull)]
    [one] = diagnose(shop, DB, Options(way_out=wanted))
    [(node, plan, given)] = vantages.rungs
    assert (node.name, node.os, node.arch, node.ready) == (pod["spec"]["nodeName"], "", "", True)
    assert (plan.runtime, plan.kubelet) == ("cri-o://", "") and (given.via, given.image) == (wanted.via, wanted.image)
    assert len(vantages.trials) == wanted.tries_pull
    assert one.case.probe.created and one.verdict.cause == "image.tag_unknown"
    facts = one.case.facts.node
    assert facts is not None and not facts.read and facts.runtime == "cri-o://"
    assert "its platform, its runtime's version" in " ".join(error.message for error in one.case.errors)


def test_a_second_node_that_may_not_be_read(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    """One that is named is compared with; where none may be chosen, that is said and costs nothing else."""
    mine = cluster.objects["/api/v1/namespaces/shop/pods/db-0"]["spec"]["nodeName"]
    other = {"node1": "node2", "node2": "node1"}[mine]
    cluster.refuse |= UNREADABLE
    [one] = diagnose(shop, DB, Options(compare_node=other))
    assert [node.name for node, _, _ in vantages.peers] == [other]
    assert f"cannot read node {other}" in str(one.case.errors)
    cluster.refuse["/api/v1/nodes"] = 500
    [one] = diagnose(shop, DB, Options(compare_node="auto"))
    assert len(vantages.peers) == 1 and len(vantages.rungs) == 2
    assert "could not be compared with another node" in str(one.case.errors)


def test_a_node_that_is_gone_has_no_kubelet(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    for node in ("node1", "node2"):
        del cluster.objects[f"/api/v1/nodes/{node}"]
    diagnose(shop, DB, Options())
    assert not vantages.kubelets and vantages.rungs[0][0].ready is False


def test_a_second_node_to_compare_with(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    mine = cluster.objects["/api/v1/namespaces/shop/pods/db-0"]["spec"]["nodeName"]
    other = {"node1": "node2", "node2": "node1"}[mine]
    [one] = diagnose(shop, DB, Options(compare_node=other, way_out=Wanted(via="shell")))
    [(node, plan, wanted)] = vantages.peers
    assert (node.name, node.namespace, wanted.via) == (other, "shop", "shell")
    assert plan.nonce != vantages.rungs[0][1].nonce and plan.pulls == vantages.rungs[0][1].pulls
    assert one.case.peer_probe is not None and one.case.peer_probe.node == other


def test_a_node_is_not_compared_with_itself(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    mine = cluster.objects["/api/v1/namespaces/shop/pods/db-0"]["spec"]["nodeName"]
    [one] = diagnose(shop, DB, Options(compare_node=mine))
    assert not vantages.peers and f"there is no other node to compare {mine} with" in str(one.case.errors)


def test_what_a_source_could_not_do_is_in_the_case(shop: Api, vantages: Vantages) -> None:
    vantages.errors = (ReadError("node", "late"),)
    [one] = diagnose(shop, DB, Options())
    assert one.case.errors[-1] == ReadError("node", "late")


def test_an_image_that_does_not_parse_is_asked_of_nobody(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    pod = cluster.objects["/api/v1/namespaces/shop/pods/db-0"]
    pod["spec"]["containers"][0]["image"] = "Not A Reference"
    waiting = {"reason": "InvalidImageName", "message": "couldn't parse image name"}
    pod["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}
    [one] = diagnose(shop, DB, Options())
    assert not vantages.rungs and one.verdict.cause == "reference.invalid" and one.case.pull is None


def test_the_same_image_of_two_pods_is_probed_once(shop: Api, cluster: FakeCluster, vantages: Vantages) -> None:
    pod: dict[str, Any] = cluster.objects["/api/v1/namespaces/shop/pods/db-0"]
    cluster.add("Pod", "shop", "db-1", spec=pod["spec"], status=pod["status"])
    vantages.say = lambda pull: [manifest(pull, "401")]
    found = diagnose(shop, Targets((Named("Pod", "db-0"), Named("Pod", "db-1"))), Options())
    assert len(vantages.rungs) == 1 and [d.case.target.pod for d in found] == ["db-0", "db-1"]
    assert found[0].case.observations == found[1].case.observations != ()

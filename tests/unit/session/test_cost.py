"""What a diagnosis costs: requests to the API server, counted, on a simulated node; and what is waited for."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.node.workstation import LocalProbes
from kubectl_imagepull.session import diagnose
from kubectl_imagepull.session.named import Named
from kubectl_imagepull.session.observer import Diagnosis, Observer
from kubectl_imagepull.session.targets import Targets
from tests.unit.fake_cluster import Asked, running
from tests.unit.fake_fleet import FleetCluster, SimNode

MOST = 14
STARTS_IN = 1.0
"""Seconds, as a real node's pod does: what is asked while it starts counts too."""


def pod(name: str, node: str, image: str) -> dict[str, Any]:
    """A pod that cannot pull."""
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    return {
        "spec": {"nodeName": node, "serviceAccountName": "default", "containers": [{"name": "app", "image": image}]},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "app", "image": image, "imageID": "", "state": waiting}],
        },
    }


@pytest.fixture(autouse=True)
def no_probes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine asks by itself is no request to the API server, and may take long."""
    monkeypatch.setattr(LocalProbes, "run", lambda self, plan, seen: "")


def asked(pods: Sequence[tuple[str, str, str]], named: str = "") -> tuple[Counter[str], int]:
    """(requests by kind without the log's, Jobs) of `why` over these pods (name, node, image); named: one of them."""
    nodes = [SimNode(name, takes=STARTS_IN) for name in dict.fromkeys(node for _, node, _ in pods)]
    with running(FleetCluster(nodes=nodes)) as cluster:
        cluster.add("ServiceAccount", "shop", "default")
        for name, node, image in pods:
            cluster.add("Pod", "shop", name, **pod(name, node, image))
        target = Targets((Named("Pod", named),)) if named else Targets(())
        found = diagnose(Api(Flags(server=cluster.url, namespace="shop")), target)
        assert len(found) == (1 if named else len(pods))
        assert all(one.case.probe.created and one.case.probe.deleted for one in found)
        kinds = Counter(kind for kind in map(kind_of, cluster.asked) if kind != "GET log")
        return kinds, sum(1 for one in cluster.asked if kind_of(one) == "POST jobs")


def test_of_a_deployment_s_pod(no_kubeconfig: None) -> None:
    """The secret, ReplicaSet and Deployment, and the revisions before are read as well."""
    with running(FleetCluster(nodes=[SimNode("n1", takes=STARTS_IN)])) as cluster:
        cluster.add("ServiceAccount", "shop", "default")
        found = pod("web-1", "n1", "127.0.0.1:5001/team/app:1")
        found["spec"]["imagePullSecrets"] = [{"name": "pull"}]
        login = b64encode(b'{"auths":{"127.0.0.1:5001":{"username":"u","password":"s3cret-word"}}}').decode()
        cluster.add("Secret", "shop", "pull", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": login})
        template = {"template": {"spec": found["spec"]}}
        cluster.add("Deployment", "shop", "web", spec=template)
        cluster.add(
            "ReplicaSet", "shop", "web-x", spec=template, metadata={"ownerReferences": [by("Deployment", "web")]}
        )
        cluster.add("Pod", "shop", "web-1", metadata={"ownerReferences": [by("ReplicaSet", "web-x")]}, **found)
        diagnose(Api(Flags(server=cluster.url, namespace="shop")), Targets((Named("Pod", "web-1"),)))
        kinds = Counter(kind for kind in map(kind_of, cluster.asked) if kind != "GET log")
    assert sum(kinds.values()) <= MOST + 4, kinds


def by(kind: str, name: str) -> dict[str, Any]:
    """A reference to an owner."""
    return {
        "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"uid-{kind.lower()}-{name}", "controller": True
    }  # fmt: skip


def kind_of(request: Asked) -> str:
    """GET pods, DELETE jobs: a request without its names."""
    words = request.path.split("/")
    plurals = {"pods", "nodes", "events", "secrets", "serviceaccounts", "jobs", "configmaps", "log", "runtimeclasses"}
    last = words[-1] if words[-1] in plurals or len(words) < 2 else words[-2]
    return f"{request.method} {last}{' (watch)' * ('watch' in request.query)}"


def test_of_one_pod(no_kubeconfig: None) -> None:
    kinds, jobs = asked([("web-1", "n1", "127.0.0.1:5001/team/app:1")], "web-1")
    assert jobs == 1 and sum(kinds.values()) <= MOST, kinds


@pytest.mark.parametrize("pods", [4, 24])
def test_of_many_pods_that_want_the_same(no_kubeconfig: None, pods: int) -> None:
    """Two nodes and two images: what is asked does not grow with the pods."""
    listed = [(f"web-{n}", f"n{n % 2}", f"127.0.0.1:5001/team/app:{n // 2 % 2}") for n in range(pods)]
    kinds, jobs = asked(listed)
    assert jobs == 2 and sum(kinds.values()) <= 2 * MOST, kinds


class Noting(Observer):
    """What is there of our runs when each is called, and what it is told."""

    def __init__(self, cluster: FleetCluster) -> None:
        self._cluster = cluster
        self.there: dict[str, list[str]] = {}
        self.told: dict[str, Sequence[Diagnosis]] = {}

    def judged(self, diagnoses: Sequence[Diagnosis]) -> None:
        self.there["judged"], self.told["judged"] = self._cluster.left, diagnoses

    def diagnosed(self, diagnoses: Sequence[Diagnosis]) -> None:
        self.there["diagnosed"], self.told["diagnosed"] = self._cluster.left, diagnoses


def test_the_verdict_does_not_wait_for_the_removal(no_kubeconfig: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.fake_fleet.GONE_AFTER", 3.0)
    with running(FleetCluster(nodes=[SimNode("n1")])) as cluster:
        cluster.add("Pod", "shop", "web-1", **pod("web-1", "n1", "127.0.0.1:5001/team/app:1"))
        noting = Noting(cluster)
        api = Api(Flags(server=cluster.url, namespace="shop"))
        diagnose(api, Targets((Named("Pod", "web-1"),)), observer=noting)
    assert noting.there["judged"] and not noting.there["diagnosed"]
    assert noting.told["judged"] == noting.told["diagnosed"]

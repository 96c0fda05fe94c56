"""Every kind of request that is made, and everything that can become of it: a report, one line or both, and never a bug.

What a command cannot do without ends it with one line; what else it asks for costs that check alone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from kubectl_imagepull.cli.main import run
from kubectl_imagepull.node import bundle, created_objects, probe_log, run_pod
from kubectl_imagepull.node.workstation import LocalProbes
from tests.unit.fake_cluster import Asked, FakeCluster, Fault, running
from tests.unit.fake_node import NodeCluster
from tests.unit.kube import objects

FAULTS: tuple[Fault, ...] = (401, 403, 404, 409, 410, 422, 429, 500, 503, "reset", "cut", "html", "empty", "silent")
SHOP, NODE = "/api/v1/namespaces/shop", "/api/v1/nodes/node1"
POD = ("why", "web-x-1")
WORKLOAD = ("why", "deploy/web")
SEARCH = ("why",)
REGISTRY = ("probe-node", "node1", "--registry", "private.example")
MISSING = (
    f'Failed to pull image "{objects.IMAGE}": rpc error: code = NotFound desc = failed to pull and unpack image '
    f'"{objects.IMAGE}": failed to resolve reference "{objects.IMAGE}": {objects.IMAGE}: not found'
)


def is_ours(asked: Asked) -> bool:
    """Whether a request is about the run's own objects."""
    return "imagepull" in asked.path or "imagepull" in json.dumps(asked.query)


def get(path: str, **query: str) -> Callable[[Asked], bool]:
    """A read of the cluster's objects: its path, and what has to stand in its query."""
    return lambda asked: (
        asked.method == "GET"
        and asked.path == path
        and not is_ours(asked)
        and all(value in asked.query.get(key, "") for key, value in query.items())
    )


def ours(method: str, end: str, **query: str) -> Callable[[Asked], bool]:
    """A request about our own objects: the end of its path without names."""
    return lambda asked: (
        asked.method == method
        and asked.path.endswith(end)
        and (method == "POST" or is_ours(asked))
        and all(value in asked.query.get(key, "") for key, value in query.items())
    )


@dataclass(frozen=True)
class Request:
    """A kind of request.

    words: the command; hits: the requests that are meant; needed: the command cannot do without; blind: without it nothing is
    seen from the node; told: a word of what the report says that it lacks, "" for what only explains; also: what is refused as
    well, and slow: pods start slowly, so that the request is made.
    """

    id: str
    words: tuple[str, ...]
    hits: Callable[[Asked], bool]
    needed: bool = False
    blind: bool = False
    told: str = ""
    also: Callable[[Asked], Fault | None] = lambda asked: None
    slow: bool = False


def no_jobs(asked: Asked) -> Fault | None:
    return 403 if asked.method == "POST" and asked.path.endswith("/jobs") else None


def no_foreign_pods(asked: Asked) -> Fault | None:
    return 403 if asked.path == "/api/v1/pods" else None


def no_watch(asked: Asked) -> Fault | None:
    return 403 if asked.path == f"{SHOP}/pods" and "watch" in asked.query else None


def no_pod(asked: Asked) -> Fault | None:
    return 404 if asked.path == f"{SHOP}/pods/web-x-1" else None


APPS = "/apis/apps/v1/namespaces/shop"
REQUESTS = (
    Request("pod", POD, get(f"{SHOP}/pods/web-x-1"), needed=True),
    Request("events of a pod that is gone", POD, get(f"{SHOP}/events", fieldSelector="name"), needed=True, also=no_pod),
    Request("its events", POD, get(f"{SHOP}/events", fieldSelector="uid"), told="list events"),
    Request("its service account", POD, get(f"{SHOP}/serviceaccounts/default"), told="serviceaccounts"),
    Request("its pull secret", POD, get(f"{SHOP}/secrets/pull"), told='pull secret "pull"'),
    Request("its node", POD, get(NODE), told="node node1"),
    Request("pods on the node", POD, get("/api/v1/pods")),
    Request("pods on the node here", POD, get(f"{SHOP}/pods", fieldSelector="nodeName"), also=no_foreign_pods),
    Request("DaemonSets of kube-system", POD, get("/apis/apps/v1/namespaces/kube-system/daemonsets")),
    Request("its ReplicaSet", POD, get(f"{APPS}/replicasets/web-x")),
    Request("its Deployment", POD, get(f"{APPS}/deployments/web")),
    Request("earlier revisions", POD, get(f"{APPS}/replicasets")),
    Request("the kubelet's configuration", POD, get(f"{NODE}/proxy/configz")),
    Request("the kubelet's figures", POD, get(f"{NODE}/proxy/stats/summary")),
    Request("dry run", POD, ours("POST", "/pods", dryRun="All")),
    Request("create Job", POD, ours("POST", "/jobs")),
    Request("create bare pod", POD, lambda a: ours("POST", "/pods")(a) and a.changes, blind=True, also=no_jobs),
    Request("create ConfigMap", POD, ours("POST", "/configmaps")),
    Request("watch our pods", POD, ours("GET", "/pods", watch="1")),
    Request("our pod", POD, ours("GET", "/pods", labelSelector="run="), blind=True, also=no_watch),
    Request("our pod's log", POD, ours("GET", "/log")),
    Request("our pod's events", POD, ours("GET", "/events"), slow=True),
    Request("delete Job", POD, lambda a: a.method == "DELETE" and "/jobs/" in a.path),
    Request("list ConfigMaps", POD, ours("GET", "/configmaps")),
    Request("workload", WORKLOAD, get(f"{APPS}/deployments/web"), needed=True),
    Request("its ReplicaSets", WORKLOAD, get(f"{APPS}/replicasets"), needed=True),
    Request("its pods", WORKLOAD, get(f"{SHOP}/pods"), needed=True),
    Request("pods to search", SEARCH, get(f"{SHOP}/pods", limit="500"), needed=True),
    Request("events to search", SEARCH, get(f"{SHOP}/events", fieldSelector="reason"), told="being created"),
    Request("node to probe", REGISTRY, get(NODE), needed=True),
    Request("pods on the node to probe", REGISTRY, get("/api/v1/pods")),
)
SIDE_BY_SIDE = 7
"""Cells at the same time: most of one is waiting."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, no_kubeconfig: None) -> None:
    """Little patience, and no probes on this machine."""
    monkeypatch.setattr(LocalProbes, "run", lambda self, plan, seen: "")
    monkeypatch.setattr(run_pod, "STARTUP_SECONDS", 30.0)
    monkeypatch.setattr(run_pod, "POLL", 0.05)
    monkeypatch.setattr(probe_log, "POLL", 0.05)
    monkeypatch.setattr(probe_log, "SILENCE", 0.3)
    monkeypatch.setattr(created_objects, "PATIENCE", 0.5)
    monkeypatch.setattr(bundle, "_packed", tuple)  # as arguments the probes are a third of a MB, which nobody runs here


def shop() -> NodeCluster:
    """The failing pod, and a node that runs ours."""
    found = NodeCluster()
    objects.fill(found)
    found.objects[f"{SHOP}/events/e2"]["message"] = MISSING
    waiting = found.objects[f"{SHOP}/pods/web-x-1"]["status"]["containerStatuses"][0]["state"]["waiting"]
    waiting["message"] = MISSING.removeprefix("Failed to ")
    creating = {"phase": "Pending", "containerStatuses": [objects.waiting("app", "ContainerCreating")]}
    found.add("Pod", "shop", "slow", spec={"nodeName": "node1", "containers": [{"name": "app"}]}, status=creating)
    pause = {"names": ["registry.k8s.io/pause:3.10"], "sizeBytes": 300000}
    found.objects[NODE]["status"]["images"] = [pause]
    owner = objects.reference("DaemonSet", "cni")
    found.objects["/api/v1/namespaces/kube-system/pods/cni-1"]["metadata"]["ownerReferences"] = [owner]
    found.add("DaemonSet", "kube-system", "cni")
    found.objects[f"{NODE}/proxy/configz"] = {"metadata": {}, "kubeletconfig": {"serializeImagePulls": True}}
    found.objects[f"{NODE}/proxy/stats/summary"] = {"metadata": {}, "node": {}}
    return found


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def one(self) -> dict[str, Any]:
        """The document, of a list the first."""
        found = json.loads(self.out)
        return dict(found["items"][0] if "items" in found else found)


def command(cluster: FakeCluster, *words: str, patience: str = "20s") -> Ran:
    """patience: for one request; only what is silent has to wait for its end."""
    out, err = io.StringIO(), io.StringIO()
    connection = ("-s", cluster.url, "-n", "shop", "--request-timeout", patience)
    code = run([*words, *connection, "--timeout", "60s", "-o", "json"], out, err, io.StringIO())
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize("words", [POD, WORKLOAD, SEARCH], ids=" ".join)
def test_without_a_fault(impatient: None, words: tuple[str, ...]) -> None:
    """What the table changes one thing of: seen from the node, and nothing left behind."""
    with running(shop()) as cluster:
        found = command(cluster, *words)
    assert (found.code, found.err) == (1, "")
    verdict, probe = found.one["verdict"], found.one["probe"]
    assert verdict["cause"] == "image.tag_unknown", verdict
    assert (probe["rung"], probe["created"], probe["deleted"]) == ("host-python", True, True)
    assert found.one["errors"] == [] and not left(cluster)


def test_registries_without_a_fault(impatient: None) -> None:
    with running(shop()) as cluster:
        found = command(cluster, *REGISTRY)
    assert (found.code, found.one["registries"][0]["brokenHop"], left(cluster)) == (0, None, []), found


def left(cluster: FakeCluster) -> list[str]:
    """The objects of ours that are still there."""
    return [path for path in cluster.objects if "/imagepull-" in path]


def test_the_table_is_whole() -> None:
    assert len(REQUESTS) >= 19 and len(REQUESTS) * len(FAULTS) >= 200
    assert set(get_args(get_args(Fault)[1])) < set(FAULTS)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.id)
def test_faults(impatient: None, request_: Request) -> None:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        wrong = [one for one in pool.map(lambda fault: cell(request_, fault), FAULTS) if one]
    assert not wrong, "\n".join(wrong)


def cell(request_: Request, fault: Fault) -> str:
    """One cell of the table: "" where it is as it should be, else what is wrong."""
    hit: list[Asked] = []
    cluster = shop()
    cluster.slow = request_.slow

    def broken(asked: Asked) -> Fault | None:
        if request_.hits(asked):
            hit.append(asked)
            return fault
        return request_.also(asked)

    cluster.fault = broken
    with running(cluster):
        found = command(cluster, *request_.words, patience="2s" if fault == "silent" else "20s")
    try:
        assert hit, "the request was not made"
        assert "this is a bug" not in found.err and "Traceback" not in found.err, found.err
        right(request_, fault, found)
    except AssertionError as error:
        return f"{request_.id}, {fault}: {error}"
    return ""


def right(request_: Request, fault: Fault, found: Ran) -> None:
    """Fails where a cell of the table is not as it should be."""
    if request_.needed and (request_.id, fault) not in SURVIVES:
        assert found.code == 2 and len(found.err.splitlines()) == 1, (found.code, found.err, found.out)
        assert found.err.startswith(("Error from server", "error: ", "Unable to connect")), found.err
        return
    assert found.err == "" and found.out, (found.code, found.err)
    if request_.words == REGISTRY:
        assert found.code == 0 and found.one["registries"], found.out
        return
    verdict, probe = found.one["verdict"], found.one["probe"]
    causes = GONE.get((request_.id, fault), ("image.tag_unknown",))
    assert verdict["cause"] in causes and found.code == 1, (found.code, verdict)
    seen = any(h["vantage"] == "node1" for h in found.one["hops"])
    if request_.blind:
        assert not seen and probe["whyNot"], probe
    elif (request_.id, fault) not in NO_WAY:
        assert seen and probe["created"], (probe, found.one["errors"])
    said = " ".join(e["message"] for e in found.one["errors"])
    if (request_.id, fault) in NO_WAY:
        assert probe["whyNot"], probe
    if request_.told and (fault != 404 or request_.words == SEARCH):
        assert request_.told in said, found.one["errors"]


GONE: dict[tuple[str, Fault], tuple[str, ...]] = {("its node", 404): ("node.not_ready", "image.tag_unknown")}
"""What an honest 404 means: the object is gone."""
NO_WAY: set[tuple[str, Fault]] = {("its node", 404), ("dry run", 403), ("dry run", 422)}
"""Where no pod can be put onto the node, or what guards the namespace refuses it."""
SURVIVES: set[tuple[str, Fault]] = {("pod", 404), ("a pod that was found", 404), ("node to probe", 403)}
"""Where a command goes on without what it needs, since the answer says why: a pod that is gone is judged by its events, and
whoever may not read nodes can still probe one."""

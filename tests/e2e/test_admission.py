"""Namespaces and nodes that do not let every pod of ours in: what is tried in its place, how soon, and what is said of it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.node import run_pod
from kubectl_imagepull.node.failures import Missing, RungFailed
from kubectl_imagepull.node.job import Run, Shape, job, probe_spec
from kubectl_imagepull.node.mounts import FILE, HostPath
from tests.e2e.cluster import TRIES, Cluster, pod, wait_for
from tests.lab import faults
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab

PYTHON, BUSYBOX = "registry.lab.test/python:3", "registry.lab.test/busybox:1.35"
MISSING, BEHIND_TOKEN = "registry.lab.test/busybox:9.9", "bearer.lab.test/public/app:9.9"
API = "admissionregistration.k8s.io/v1"
SOON = 15.0
"""Seconds of `probe.seconds` for a rung that works after others did not; most of it is for a machine that is busy."""


def harmless(namespace: str, name: str, node: str, image: str) -> dict[str, Any]:
    """A pod that PodSecurity restricted admits."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    whole = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {"name": "app", "image": image, "command": ["sleep", "36000"], "securityContext": security}
    return pod(namespace, name, node, "", containers=[container], securityContext=whole)


@pytest.fixture(scope="module")
def cached(cluster: Cluster, namespace: str) -> str:
    """A namespace that allows all, with images that have Python and a shell running on both nodes."""
    sleeps = ["python3", "-c", "import time; time.sleep(36000)"]
    for node in NODES:
        python = [{"name": "app", "image": PYTHON, "command": sleeps}]
        cluster.apply(
            pod(namespace, f"python-{node}", node, "", containers=python), pod(namespace, f"sh-{node}", node, BUSYBOX)
        )
    cluster.wait_running(namespace, [f"{kind}-{node}" for kind in ("python", "sh") for node in NODES])
    return namespace


@pytest.fixture(scope="module")
def guarded(cluster: Cluster, cached: str) -> Iterator[str]:
    """A second namespace, for what is laid upon a whole namespace, with pods that fail on either node."""
    name = f"{cached}-guarded"
    cluster.make_namespace(name)
    cluster.apply(*(harmless(name, f"no-tag-{node}", node, MISSING) for node in NODES))
    cluster.apply(harmless(name, "behind-token", "node1", BEHIND_TOKEN))
    for node in NODES:  # an image of its own that has Python
        python = harmless(name, f"python-{node}", node, PYTHON)
        python["spec"]["containers"][0]["command"] = ["python3", "-c", "import time; time.sleep(36000)"]
        cluster.apply(python)
    cluster.wait_running(name, [f"python-{node}" for node in NODES])
    cluster.wait_failing(name, [*(f"no-tag-{node}" for node in NODES), "behind-token"])
    yield name
    cluster.drop_namespace(name)


@contextlib.contextmanager
def laid_on(cluster: Cluster, *objects: dict[str, Any], in_force: Callable[[], bool]) -> Iterator[None]:
    """These objects exist and have come into effect; afterwards they are gone and admission has forgotten them.

    The API server admits by its own copy, which follows what is created and deleted a moment later.
    """
    names = [(o["kind"], o["metadata"]) for o in objects]
    try:
        cluster.apply(*objects)
        wait_for(in_force, 30)
        yield
    finally:
        for kind, meta in names:
            where = ["-n", meta["namespace"]] if "namespace" in meta else []
            cluster.run(*where, "delete", kind, meta["name"], "--ignore-not-found")
        wait_for(lambda: not in_force(), 30)


def dry(cluster: Cluster, namespace: str, volumes: Sequence[dict[str, Any]] = ()) -> tuple[bool, str]:
    """A pod with our label, as the API server would make it or refuse it."""
    asked = harmless(namespace, "asked", "node1", BUSYBOX)
    asked["spec"]["volumes"] = list(volumes)
    asked["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "kubectl-imagepull"}
    asked["spec"]["containers"][0]["name"] = "probe-0"
    ran = cluster.run("create", "-f", "-", "--dry-run=server", "-o", "json", stdin=json.dumps(asked), check=False)
    return ran.returncode == 0, ran.stdout + ran.stderr


def why(cluster: Cluster, guarded: str, node: str = "node1", *more: str) -> dict[str, Any]:
    """The diagnosis, its verdict checked: whatever stands in the way of our pod, the tag is missing."""
    for _ in range(TRIES):
        _, found = cluster.why(f"no-tag-{node}", "-n", guarded, *more)
        if found["probe"]["seconds"] < SOON:
            break
    assert found["verdict"]["cause"] == "image.tag_unknown", found["verdict"]
    assert found["probe"]["deleted"] == found["probe"]["created"]
    assert found["probe"]["seconds"] < SOON, found["probe"]
    assert not any("\n" in line or len(line) > 400 for line in found["probe"]["whyNot"]), found["probe"]
    print(found["probe"]["rung"], found["probe"]["seconds"], found["probe"]["whyNot"])
    return dict(found["probe"])


@pytest.mark.parametrize("level", ["restricted", "baseline"])
def test_pod_security(cluster: Cluster, cached: str, guarded: str, level: str) -> None:
    """Works within what is allowed, says what more could be seen, and where; nothing is widened."""
    label = "pod-security.kubernetes.io/enforce"
    cluster.run("label", "namespace", guarded, f"{label}={level}")
    try:
        before = cluster.get("namespace", guarded)["metadata"]["labels"]
        _, found = cluster.why("behind-token", "-n", guarded)
        assert cluster.get("namespace", guarded)["metadata"]["labels"] == before
        elsewhere = why(cluster, guarded, "node1", "--probe-namespace", cached) if level == "restricted" else None
    finally:
        cluster.run("label", "namespace", guarded, f"{label}-")
    probe = found["probe"]
    assert found["verdict"]["cause"] == "image.tag_unknown"
    assert (probe["rung"], probe["namespace"]) == ("image-python", guarded), probe
    assert any(line.startswith("host-python") and f"PodSecurity {level}" in line for line in probe["whyNot"]), probe
    assert any("--probe-namespace" in what for what in probe["cannotSee"]), probe
    assert elsewhere is None or (elsewhere["rung"], elsewhere["namespace"]) == ("host-python", cached), elsewhere


@pytest.mark.parametrize(
    "limit",
    [
        {
            "max": {"memory": "64Mi"},
            "default": {"memory": "64Mi"},
            "min": {"cpu": "50m"},
            "defaultRequest": {"cpu": "50m"},
        },
        {"min": {"memory": "192Mi"}, "default": {"memory": "256Mi"}, "defaultRequest": {"memory": "192Mi"}},
    ],
    ids=["below ours", "above ours"],
)
def test_limits(cluster: Cluster, guarded: str, limit: dict[str, Any]) -> None:
    """A LimitRange that our few resources do not suit is no obstacle."""
    meta = {"name": "narrow", "namespace": guarded}
    ranged = {
        "kind": "LimitRange",
        "apiVersion": "v1",
        "metadata": meta,
        "spec": {"limits": [{"type": "Container", **limit}]},
    }
    with laid_on(cluster, ranged, in_force=lambda: '"resources": {}' not in dry(cluster, guarded)[1]):
        assert why(cluster, guarded)["rung"] == "host-python"


def test_limits_that_nothing_of_ours_suits(cluster: Cluster, guarded: str) -> None:
    """The LimitRange's own words, and the way out."""
    limits = {"limits": [{"type": "Pod", "min": {"memory": "4Gi"}}]}
    meta = {"name": "wide", "namespace": guarded}
    ranged = {"kind": "LimitRange", "apiVersion": "v1", "metadata": meta, "spec": limits}
    with laid_on(cluster, ranged, in_force=lambda: not dry(cluster, guarded)[0]):
        probe = why(cluster, guarded)
    assert (probe["rung"], probe["created"]) == ("api-only", False) and probe["whyNot"], probe
    for line in probe["whyNot"]:
        assert "LimitRange does not let it in: minimum memory usage per Pod is 4Gi" in line and WAY_OUT in line, probe


WAY_OUT = "--probe-namespace names a namespace"


def test_quota(cluster: Cluster, guarded: str) -> None:
    """One that is used up is named, and nothing is made; one that wants resources to be said gets them said."""
    meta = {"name": "narrow", "namespace": guarded}
    quota = {"kind": "ResourceQuota", "apiVersion": "v1", "metadata": meta}

    def refused(words: str) -> Callable[[], bool]:
        # one whose use is not counted yet refuses as well, in other words
        return lambda: words in dry(cluster, guarded)[1]

    with laid_on(cluster, {**quota, "spec": {"hard": {"pods": "3"}}}, in_force=refused("exceeded quota")):
        probe = why(cluster, guarded)
    assert (probe["rung"], probe["created"], len(probe["whyNot"])) == ("api-only", False, 1), probe
    assert "the namespace's quota is used up: narrow" in probe["whyNot"][0], probe
    assert "--probe-namespace" in probe["whyNot"][0], probe
    hard = {"limits.memory": "2Gi", "requests.cpu": "1"}
    with laid_on(cluster, {**quota, "spec": {"hard": hard}}, in_force=refused("must specify")):
        assert why(cluster, guarded)["rung"] == "host-python"
        assert why(cluster, guarded, "node1", "--via", "kubelet")["rung"] == "kubelet"


def test_webhook_down(cluster: Cluster, guarded: str) -> None:
    """A webhook without which no pod is admitted, and which does not answer: said, and judged without any pod."""
    webhook = {
        "name": "nobody.imagepull.test",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 1,
        "clientConfig": {"url": "https://127.0.0.1:9/nobody"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": guarded}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }
    metadata = {"name": f"{guarded}-hook"}
    hook = {"apiVersion": API, "kind": "ValidatingWebhookConfiguration", "metadata": metadata, "webhooks": [webhook]}
    with laid_on(cluster, hook, in_force=lambda: not dry(cluster, guarded)[0]):
        probe = why(cluster, guarded)
    assert probe["rung"] == "api-only" and len(probe["whyNot"]) == 1, probe
    assert 'webhook "nobody.imagepull.test", without which no pod is admitted, does not answer' in probe["whyNot"][0]


def policy(guarded: str, mutating: bool, expression: str) -> list[dict[str, Any]]:
    """An admission policy for pods with our label, bound to the namespace."""
    name = {"name": f"{guarded}-policy"}
    kind = f"{'Mutating' if mutating else 'Validating'}AdmissionPolicy"
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    ours = "has(object.metadata.labels) && 'app.kubernetes.io/managed-by' in object.metadata.labels"
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": rules,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": guarded}},
        },
        "matchConditions": [{"name": "ours", "expression": ours}],
    }
    binding: dict[str, Any] = {"policyName": name["name"]}
    if mutating:
        kinds = (
            ("JSONPatch", "jsonPatch") if expression.startswith("[") else ("ApplyConfiguration", "applyConfiguration")
        )
        mutation = {"patchType": kinds[0], kinds[1]: {"expression": expression}}
        spec |= {"reinvocationPolicy": "Never", "mutations": [mutation]}
    else:
        spec["validations"] = [{"expression": expression, "message": "only what the platform team knows may run here"}]
        binding["validationActions"] = ["Deny"]
    return [
        {"apiVersion": API, "kind": kind, "metadata": name, "spec": spec},
        {"apiVersion": API, "kind": f"{kind}Binding", "metadata": name, "spec": binding},
    ]


def test_policy_refuses(cluster: Cluster, guarded: str) -> None:
    """Its own words are passed on, once for all ways out."""
    with laid_on(cluster, *policy(guarded, False, "false"), in_force=lambda: not dry(cluster, guarded)[0]):
        probe = why(cluster, guarded)
    assert (probe["rung"], probe["created"], len(probe["whyNot"])) == ("api-only", False, 1), probe
    assert "refuses it: only what the platform team knows may run here" in probe["whyNot"][0], probe
    assert WAY_OUT in probe["whyNot"][0], probe


def test_labels_are_asked_for(cluster: Cluster, guarded: str) -> None:
    """A rule for labels, as platform teams have them: named, with the flag that meets it."""
    expression = "has(object.metadata.labels) && 'team' in object.metadata.labels"
    with laid_on(cluster, *policy(guarded, False, expression), in_force=lambda: not dry(cluster, guarded)[0]):
        probe = why(cluster, guarded)
        assert probe["rung"] == "api-only" and "--probe-label KEY=VALUE" in probe["whyNot"][0], probe
        assert why(cluster, guarded, "node1", "--probe-label", "team=web")["rung"] == "host-python"


def test_jobs_are_refused(cluster: Cluster, guarded: str) -> None:
    """What guards Jobs and not pods: a bare pod does."""
    objects = policy(guarded, False, "false")
    rules = objects[0]["spec"]["matchConstraints"]["resourceRules"]
    rules[0] |= {"apiGroups": ["batch"], "resources": ["jobs"]}
    labels = {"app.kubernetes.io/managed-by": "kubectl-imagepull"}
    metadata = {"name": "asked", "namespace": guarded, "labels": labels}
    asked = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
    container = {"name": "probe-0", "image": BUSYBOX}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}

    def refused() -> bool:
        document = json.dumps({**asked, "spec": {"template": template}})
        return cluster.run("create", "-f", "-", "--dry-run=server", stdin=document, check=False).returncode != 0

    with laid_on(cluster, *objects, in_force=refused):
        assert why(cluster, guarded)["rung"] == "host-python"


def test_dry_runs_are_refused(cluster: Cluster, guarded: str) -> None:
    """A policy against dry runs says nothing of the pod itself."""
    objects = policy(guarded, False, "!request.dryRun")
    del objects[0]["spec"]["validations"][0]["message"]
    with laid_on(cluster, *objects, in_force=lambda: not dry(cluster, guarded)[0]):
        assert why(cluster, guarded)["rung"] == "host-python"


def test_policy_refuses_host_folders(cluster: Cluster, guarded: str) -> None:
    """The next way out that it lets through is taken."""
    expression = "!has(object.spec.volumes) || !object.spec.volumes.exists(v, has(v.hostPath))"
    volumes = [{"name": "etc", "hostPath": {"path": "/etc"}}]
    with laid_on(cluster, *policy(guarded, False, expression), in_force=lambda: not dry(cluster, guarded, volumes)[0]):
        assert why(cluster, guarded)["rung"] == "image-python"


SIDECAR = """[JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{
    name: "sidecar", image: "registry.lab.test/busybox:1.35", command: ["sleep", "3600"]}}]"""
ALWAYS = """Object{spec: Object.spec{containers: object.spec.containers.map(c,
    Object.spec.containers{name: c.name, imagePullPolicy: "Always"})}}"""


def test_sidecar(cluster: Cluster, guarded: str) -> None:
    """A container that admission puts beside ours neither is waited for nor keeps a rung that cannot work going."""
    with laid_on(cluster, *policy(guarded, True, SIDECAR), in_force=lambda: "sidecar" in dry(cluster, guarded)[1]):
        for rung in ("host-python", "kubelet"):
            assert why(cluster, guarded, "node1", "--via", rung)["rung"] == rung
        probe = why(cluster, guarded, "node1", "--via", "image-python", "--probe-image", BUSYBOX)
    assert probe["rung"] == "api-only" and any("python3" in line for line in probe["whyNot"]), probe


def test_always_pull_images(cluster: Cluster, guarded: str) -> None:
    """What AlwaysPullImages does: as long as the registry answers our pods run; else no pod will, which is said once."""

    def always() -> bool:
        return '"imagePullPolicy": "Always"' in dry(cluster, guarded)[1]

    with laid_on(cluster, *policy(guarded, True, ALWAYS), in_force=always):
        # the lab cannot pull from registry.k8s.io, whose image would be taken
        assert why(cluster, guarded, "node1", "--probe-image", BUSYBOX)["rung"] == "host-python"
        with faults.unreachable(cluster.lab, "node1", "registry"):
            began = time.monotonic()
            _, found = cluster.why("no-tag-node1", "-n", guarded)
            print(f"nothing can be pulled: {time.monotonic() - began:.1f} s")
    probe = found["probe"]
    assert probe["rung"] == "api-only" and len(probe["whyNot"]) == 1, probe
    assert "imagePullPolicy Always" in probe["whyNot"][0], probe


def test_node_not_for_pods(cluster: Cluster, guarded: str) -> None:
    """Cordoned, and with a taint that evicts: our pod comes and stays."""
    cluster.run("cordon", "node2")
    cluster.run("taint", "node", "node2", "imagepull.test/gone=yes:NoSchedule")
    try:
        assert why(cluster, guarded, "node2")["rung"] == "host-python"
    finally:
        cluster.run("taint", "node", "node2", "imagepull.test/gone-", check=False)
        cluster.run("uncordon", "node2")


def test_node_without_python(cluster: Cluster, guarded: str) -> None:
    """The host's Python is hidden from the runtime: the next way out within seconds."""
    node, program = cluster.lab.machine("node2"), str(Path("/usr/bin/python3").resolve())
    node.enter(["mount", "--bind", "/dev/null", program])
    try:
        probe = why(cluster, guarded, "node2")
    finally:
        node.enter(["umount", program])
    assert probe["rung"] == "image-python" and probe["whyNot"][0].startswith("host-python: "), probe
    assert "cannot be run" in probe["whyNot"][0], probe


class Reader:
    """What `run_pod` needs of a client, with the lab's own."""

    def __init__(self, cluster: Cluster) -> None:
        self._api = cluster.lab.api

    def get(self, path: str, **query: str) -> dict[str, Any]:
        asked = "&".join(f"{name}={value.replace('=', '%3D').replace('/', '%2F')}" for name, value in query.items())
        status, body = self._api.request("GET", f"{path}?{asked}")
        assert status == 200, body
        return dict(json.loads(body))


def missed(reader: Any, run: Run) -> set[str]:
    """What the kubelet has found missing by now; it tells of each mount by itself."""
    try:
        run_pod.wait_started(reader, run)
    except Missing as error:
        return set(error.paths)
    except RungFailed:  # the node has too much to do to say so yet
        return set()
    raise AssertionError("it has started")


def test_node_without_a_folder(cluster: Cluster, cached: str) -> None:
    """A folder and a file that the node has not got: both are named, and neither is made."""
    missing = "/etc/of-imagepull"
    run = Run.on("node2", cached, 60)
    shape = Shape((BUSYBOX,), host_tools=True, paths=(HostPath(missing), HostPath(f"{missing}.conf", FILE)))
    cluster.apply(job(run, probe_spec(run, shape, ["/usr/bin/python3", "-V"], files=False)))
    run = replace(run, owner=cluster.get("-n", cached, "job", run.name)["metadata"]["uid"])
    reader: Any = Reader(cluster)
    try:
        wait_for(lambda: missed(reader, run) == {missing, f"{missing}.conf"}, 60)
    finally:
        cluster.run("-n", cached, "delete", "job", run.name)
    assert "of-imagepull" not in cluster.lab.machine("node2").enter(["ls", "-1a", "/etc"])

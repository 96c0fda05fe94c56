"""What `why` can be asked about: nothing at all, workloads, selectors, files, pods that are gone or never came to be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.report.sentences import MOST_NAMES
from tests.e2e.cluster import Cluster, pod, wait_for

pytestmark = pytest.mark.lab

GOOD = "registry.lab.test/busybox:1.35"
MISSING = "registry.lab.test/busybox:9.9"


def template(image: str, labels: Mapping[str, str], node: str = "node1", **spec: Any) -> dict[str, Any]:
    """A pod template of one container."""
    container = {"name": "app", "image": image, "command": ["sleep", "36000"]}
    return {
        "metadata": {"labels": dict(labels)},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }


def workload(kind: str, namespace: str, name: str, image: str, replicas: int = 1, **more: Any) -> dict[str, Any]:
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob of busybox pods."""
    labels = {"app": name}
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    made = template(image, labels, **more)
    if kind in ("Job", "CronJob"):
        made["spec"]["restartPolicy"] = "Never"
        job: dict[str, Any] = {"template": made}
        spec = job if kind == "Job" else {"schedule": "* * * * *", "jobTemplate": {"spec": job}}
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": spec}
    spec = {"selector": {"matchLabels": labels}, "template": made}
    if kind == "DaemonSet":
        del made["spec"]["nodeName"]
    else:
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


KINDS = {"Deployment": "deploy", "StatefulSet": "sts", "DaemonSet": "ds", "ReplicaSet": "rs", "Job": "job"}


@pytest.fixture(scope="module")
def full(cluster: Cluster, namespace: str) -> str:
    """A workload of each kind whose image is missing, one that runs, and one that may not create its pods."""
    made = [workload(kind, namespace, f"x-{short}", MISSING, 2) for kind, short in KINDS.items()]
    cluster.apply(*made, workload("Deployment", namespace, "fine", GOOD), pod(namespace, "alone", "node2", MISSING))
    wait_for(lambda: len(failing(cluster, namespace)) >= 10, 90)
    cluster.run("-n", namespace, "rollout", "status", "deploy/fine", "--timeout=60s")
    return namespace


def failing(cluster: Cluster, namespace: str) -> list[str]:
    found = []
    for item in cluster.listed(namespace, "pods"):
        states = [
            s.get("state", {}).get("waiting", {}).get("reason", "") for s in item["status"].get("containerStatuses", [])
        ]
        found += [item["metadata"]["name"]] if any("Image" in s for s in states) else []
    return found


def causes(found: Mapping[str, Any]) -> set[str]:
    items = found["items"] if found["kind"] == "DiagnosisList" else [found]
    return {i["verdict"]["cause"] for i in items}


def pods(found: Mapping[str, Any]) -> set[str]:
    items = found["items"] if found["kind"] == "DiagnosisList" else [found]
    return {i["target"]["pod"] for i in items}


def test_no_argument(cluster: Cluster, full: str) -> None:
    """Every failing pod, one probe pod a node, the same trouble counted."""
    code, found = cluster.why("-n", full)
    jsonschema.validate(found, schema())
    assert (code, found["kind"], causes(found)) == (1, "DiagnosisList", {"image.tag_unknown"})
    assert pods(found) == set(failing(cluster, full))
    assert {i["verdict"]["confidence"] for i in found["items"]} == {"confirmed"}
    assert len({i["probe"]["pod"] for i in found["items"]}) == 2
    printed = cluster.run("imagepull", "why", "-n", full, "--no-probe", check=False).stdout
    assert printed.count("VERDICT") == 2
    others = len({i["target"]["pod"] for i in found["items"] if i["target"]["node"] == "node1"}) - 1
    assert f"and {others - MOST_NAMES} more" in " ".join(printed.split())


def test_nothing_fails(cluster: Cluster, full: str) -> None:
    ran = cluster.run("imagepull", "why", "-n", "kube-public", check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), "where there is nothing to look at, nothing is in order"
    assert ran.stderr == "No resources found in kube-public namespace.\n"
    assert cluster.why("-n", "kube-public") == (
        0,
        {"apiVersion": "imagepull.dev/v1alpha1", "kind": "DiagnosisList", "items": []},
    )
    ran = cluster.run("imagepull", "why", "-n", full, "deploy/fine", check=False)
    assert (ran.returncode, ran.stdout) == (0, "No image pull problem found in deployment/fine (1 pod).\n")


@pytest.mark.parametrize("kind", KINDS)
def test_workloads(cluster: Cluster, full: str, kind: str) -> None:
    name = f"x-{KINDS[kind]}"
    code, found = cluster.why("-n", full, f"{KINDS[kind]}/{name}", "--no-probe")
    assert (code, causes(found)) == (1, {"image.tag_unknown"})
    items = found["items"] if found["kind"] == "DiagnosisList" else [found]
    assert {(i["target"]["owner"]["kind"], i["target"]["owner"]["name"]) for i in items} == {(kind, name)}
    if kind == "Deployment":
        assert pods(cluster.why("-n", full, "deployment", name, "--no-probe")[1]) == pods(found)


def test_cron_job(cluster: Cluster, full: str) -> None:
    """Its pods belong to a Job that belongs to it; made by hand, since the schedule would take a minute."""
    cluster.apply(workload("CronJob", full, "nightly", MISSING))
    cluster.run("-n", full, "create", "job", "--from=cronjob/nightly", "nightly-now")
    wait_for(lambda: any(p.startswith("nightly") for p in failing(cluster, full)), 60)
    code, found = cluster.why("-n", full, "cj/nightly", "--no-probe")
    assert (code, causes(found)) == (1, {"image.tag_unknown"})
    cluster.run("-n", full, "delete", "cronjob", "nightly")
    # its jobs and pods go in the background, and the next test takes what fails
    wait_for(lambda: not any(p["metadata"]["name"].startswith("nightly") for p in cluster.listed(full, "pods")), 60)


def test_several_and_selectors(cluster: Cluster, full: str) -> None:
    two = failing(cluster, full)[:2]
    assert pods(cluster.why("-n", full, *two, "--no-probe")[1]) == set(two)
    assert pods(cluster.why("-n", full, f"pod/{two[0]}", f"po/{two[1]}", "--no-probe")[1]) == set(two)
    by_label = pods(cluster.why("-n", full, "-l", "app=x-deploy", "--no-probe")[1])
    assert by_label == {p for p in failing(cluster, full) if p.startswith("x-deploy")}
    everywhere = pods(cluster.why("-A", "--no-probe")[1])
    assert everywhere >= set(failing(cluster, full))


def test_file(cluster: Cluster, full: str) -> None:
    document = json.dumps(
        {"kind": "List", "items": [workload("Deployment", full, "x-deploy", MISSING), {"kind": "Secret"}]}
    )
    ran = cluster.run(
        "imagepull", "why", "-n", full, "--no-probe", "-o", "json", "-f", "-", stdin=document, check=False
    )
    assert all(p.startswith("x-deploy") for p in pods(json.loads(ran.stdout)))


def test_a_workloads_bare_name(cluster: Cluster, full: str) -> None:
    ran = cluster.run("imagepull", "why", "x-deploy", "-n", full, check=False)
    assert ran.returncode == 2
    assert ran.stderr == (
        'Error from server (NotFound): pods "x-deploy" not found\n'
        f"There is a deployment of that name: `kubectl imagepull why deployment/x-deploy -n {full}`\n"
    )


def test_a_pod_that_is_gone(cluster: Cluster, full: str) -> None:
    cluster.run("-n", full, "delete", "pod", "alone", "--force")
    code, found = cluster.why("alone", "-n", full)
    jsonschema.validate(found, schema())
    assert (code, found["verdict"]["cause"], found["target"]["node"]) == (1, "image.tag_unknown", "node2")
    assert any("judged from its events" in line for line in found["verdict"]["explanation"])


def refused(cluster: Cluster, namespace: str, what: str) -> tuple[int, dict[str, Any]]:
    """The diagnosis of a workload that gets no pods, once its controller has tried."""
    events = ("-n", namespace, "events", "--field-selector", "reason=FailedCreate")
    name = what.partition("/")[2]
    wait_for(lambda: any(e["involvedObject"]["name"].startswith(name) for e in cluster.get(*events)["items"]), 30)
    return cluster.why("-n", namespace, what)


def test_refused_at_admission(cluster: Cluster, full: str) -> None:
    """Pod security refuses the pods of one workload, a quota those of another: only the first is a policy."""
    name = "t-admission"
    cluster.make_namespace(name)
    try:
        cluster.run("label", "namespace", name, "pod-security.kubernetes.io/enforce=baseline")
        cluster.apply(workload("Deployment", name, "web", GOOD, hostNetwork=True))
        code, found = refused(cluster, name, "deploy/web")
        jsonschema.validate(found, schema())
        assert (code, found["verdict"]["cause"], found["verdict"]["confidence"]) == (1, "policy.admission", "confirmed")
        assert "violates PodSecurity" in " ".join(found["verdict"]["explanation"])
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": name}}
        cluster.apply({**quota, "spec": {"hard": {"pods": "0"}}})
        one = json.dumps(pod(name, "asked", "node1", GOOD))
        # a quota whose use is not counted yet holds nothing back
        asking = ("create", "-f", "-", "--dry-run=server")
        wait_for(lambda: "exceeded quota" in cluster.run(*asking, stdin=one, check=False).stderr, 30)
        cluster.apply(workload("Deployment", name, "second", GOOD))
        code, found = refused(cluster, name, "deploy/second")
        assert (code, found["verdict"]["cause"]) == (0, "not_a_pull_failure")
    finally:
        cluster.drop_namespace(name)


def test_what_changed(cluster: Cluster, full: str) -> None:
    """The image of the revision that still runs, else of the one before; Deployments keep it otherwise than the other two."""
    for what, image in (("deploy/fine", MISSING), ("sts/x-sts", f"{MISSING}9"), ("ds/x-ds", f"{MISSING}9")):
        cluster.run("-n", full, "set", "image", what, f"app={image}")
    # a StatefulSet waits for its broken pods for ever (kubernetes.io: StatefulSets, "Forced rollback")
    cluster.run("-n", full, "delete", "pod", "-l", "app=x-sts", "--wait=false")

    def images(label: str) -> list[str]:
        items = cluster.get("-n", full, "pods", "-l", f"app={label}")["items"]
        return [i["spec"]["containers"][0]["image"] for i in items if i["metadata"]["name"] in failing(cluster, full)]

    new = [[MISSING], [f"{MISSING}9"] * 2, [f"{MISSING}9"] * 2]
    wait_for(lambda: [images(x) for x in ("fine", "x-sts", "x-ds")] == new, 90)
    code, found = cluster.why("-n", full, "deploy/fine", "sts/x-sts", "ds/x-ds", "--no-probe")
    assert code == 1
    said = {(i["target"]["owner"]["kind"], line) for i in found["items"] for line in i["verdict"]["explanation"]}
    assert {(kind, line) for kind, line in said if line.startswith("before: ")} == {
        ("Deployment", f"before: revision 1, whose pods still run, had image {GOOD}"),
        ("StatefulSet", f"before: revision 1 had image {MISSING}"),
        ("DaemonSet", f"before: revision 1 had image {MISSING}"),
    }
    assert all(i["state"]["since"] for i in found["items"])

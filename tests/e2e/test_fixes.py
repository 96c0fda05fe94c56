"""The commands of a report, run as they are printed: what they promise to fix runs afterwards."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, wait_for
from tests.e2e.test_targets import failing, workload
from tests.lab import build, node, workstation
from tests.lab.machine import Machine

pytestmark = pytest.mark.lab

PRIVATE = "private.lab.test/team/app:1.0"
PLAIN = "plain.lab.test"
SECRETS: Mapping[str, str] = {
    "no-credentials": "",
    "missing": "auth.secret_missing",
    "other-registry": "auth.secret_wrong_registry",
    "wrong": "auth.bad_credentials",
    "one-of-two": "auth.bad_credentials",
    "empty": "auth.secret_empty",
    "opaque": "auth.secret_ignored",
    "malformed": "auth.secret_malformed",
}
"""Workload -> what is wrong with the pull secret of its name."""
CAUSES = {**SECRETS, "no-credentials": "auth.no_credentials", "plain": "tls.http_on_https", "tag": "image.tag_unknown"}


def secret(namespace: str, name: str, auths: Any, kind: str = "kubernetes.io/dockerconfigjson") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {".dockerconfigjson": json.dumps({"auths": auths})},
    }


@pytest.fixture(scope="module")
def reports(cluster: Cluster, namespace: str) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """Workload -> its diagnosis, all of one run."""
    good = {"username": "alice", "password": cluster.lab.password}
    bad = {"username": "alice", "password": "no"}
    cluster.apply(
        secret(namespace, "other-registry", {"bearer.lab.test": good}),
        secret(namespace, "wrong", {"private.lab.test": bad}),
        secret(namespace, "one-of-two", {"private.lab.test": bad, "bearer.lab.test": good}),
        secret(namespace, "empty", {"private.lab.test": {"auth": ""}}),
        secret(namespace, "opaque", {"private.lab.test": good}, "Opaque"),
        secret(namespace, "malformed", {"private.lab.test": {"auth": "?"}}),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "poor", "namespace": namespace}},
    )
    made = [
        workload("Deployment", namespace, name, PRIVATE, node="node2", imagePullSecrets=[{"name": name}])
        for name in SECRETS
        if name != "no-credentials"
    ]
    made.append(workload("Deployment", namespace, "no-credentials", PRIVATE, node="node2", serviceAccountName="poor"))
    plain = workload("Deployment", namespace, "plain", f"{PLAIN}/team/app:1.0", node="node2")
    plain["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = (
        "Always"  # it may be there from an earlier run
    )
    made.append(plain)
    made.append(workload("StatefulSet", namespace, "tag", "registry.lab.test/busybox:v1.35", node="node2"))
    cluster.apply(*made)
    names = {m["metadata"]["name"] for m in made}

    def all_wait() -> bool:
        # a secret that cannot be decoded has words of its own for a state, so that any counts
        found = {}
        for one in cluster.listed(namespace, "pods"):
            states = [s["state"].get("waiting", {}) for s in one["status"].get("containerStatuses", [])]
            found[one["metadata"]["name"]] = {state.get("reason", "") for state in states} - {"", "ContainerCreating"}
        return all(any(one.startswith(f"{name}-") and why for one, why in found.items()) for name in names)

    wait_for(all_wait, 90)
    code, found = cluster.why("-n", namespace)
    assert code == 1
    yield {item["target"]["owner"]["name"]: item for item in found["items"]}
    machine = cluster.lab.machine("node2")
    node.hosts_toml(machine, PLAIN, None)
    # to other tests it is an image that cannot be had
    ctr = [str(build.CONTAINERD.program("ctr")), "--address", node.SOCKET, "--namespace", "k8s.io"]
    machine.enter([*ctr, "images", "rm", "--sync", f"{PLAIN}/team/app:1.0"])


def run_on(machine: Machine | None, cluster: Cluster, command: str) -> None:
    """A command of the report, as a person would run it who knows user and password."""
    line = command.replace("<username>", "alice")
    assert "<" not in line.replace("<<", ""), f"something is left to fill in: {command}"
    if machine is not None:
        machine.enter(["sh", "-c", line])
        return
    environment = cluster.environment(TOKEN=cluster.lab.password)
    ran = subprocess.run(
        [*workstation.prefix(env=environment), "bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"


def test_the_printed_commands_mend_it(
    cluster: Cluster, namespace: str, reports: Mapping[str, Mapping[str, Any]]
) -> None:
    assert {name: item["verdict"]["cause"] for name, item in reports.items()} == CAUSES
    for name, item in reports.items():
        on_node = name == "plain"
        fix = next(f for f in item["fixes"] if f["commands"])
        for command in fix["commands"]:
            run_on(cluster.lab.machine("node2") if on_node else None, cluster, command)
    # the kubelet takes it at its next attempt; that of a new pod is at once
    cluster.run("-n", namespace, "delete", "pod", "--all", "--wait=false")
    wait_for(lambda: not failing(cluster, namespace) and _ready(cluster, namespace) == len(CAUSES), 120)
    kept = cluster.get("-n", namespace, "secret", "one-of-two")["data"][".dockerconfigjson"]
    assert set(json.loads(base64.b64decode(kept))["auths"]) == {"private.lab.test", "bearer.lab.test"}
    kept = cluster.get("-n", namespace, "secret", "other-registry")["data"][".dockerconfigjson"]
    assert set(json.loads(base64.b64decode(kept))["auths"]) == {"private.lab.test", "bearer.lab.test"}


def _ready(cluster: Cluster, namespace: str) -> int:
    items = cluster.listed(namespace, "pods")
    return sum(1 for i in items if i["status"].get("phase") == "Running" and not i["metadata"].get("deletionTimestamp"))

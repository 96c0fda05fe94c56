"""probe-node over the lab's two nodes."""

from __future__ import annotations

import json
import signal
import time

import jsonschema
import pytest

from kubectl_imagepull.node.job import HOLDER_SECONDS, Run, holder
from kubectl_imagepull.report.machine import schema
from tests.e2e.cluster import LATE, TRIES, Cluster, wait_for
from tests.lab import faults
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab


def test_one_of_two_nodes(cluster: Cluster) -> None:
    """One cannot reach a registry: a row a node, the same in a document, and who it is."""
    words = ("imagepull", "probe-node", "--registry", "registry.lab.test")
    with faults.unreachable(cluster.lab, NODES[0], "registry"):
        for _ in range(TRIES):
            text = cluster.run(*words, "--all", check=False)
            ran = cluster.run(*words, *NODES, "node9", "-o", "json", check=False)
            if LATE.search(text.stdout + ran.stdout) is None:
                break
    rows = {line.split()[0]: line for line in text.stdout.splitlines() if line.startswith("node")}
    assert text.returncode == 1, text.stdout + text.stderr
    assert "broken" in rows[NODES[0]] and "registry.lab.test connect: " in rows[NODES[0]] and " ok " in rows[NODES[1]]
    assert f"1 of {len(NODES)} nodes cannot connect to registry.lab.test" in text.stdout
    found = json.loads(ran.stdout)
    jsonschema.validate(found, schema())
    assert (ran.returncode, found["kind"]) == (2, "NodeReportList")
    assert {one["node"]: [r["brokenHop"] for r in one["registries"]] for one in found["items"]} == {
        NODES[0]: ["connect"],
        NODES[1]: [None],
        "node9": [],
    }
    assert [(one["kind"], one["nodes"]) for one in found["groups"]] == [("broken", [NODES[0]]), ("gone", ["node9"])]
    assert all(one["probe"]["deleted"] for one in found["items"][:2])
    asked = cluster.run(*words, *NODES, "-o", "html", "-v", "6", check=False)
    assert asked.stdout.startswith("<!doctype html>") and asked.stderr.count("/configmaps 201") == 1, asked.stderr


def test_what_holds_the_probes_vanishes_by_itself(cluster: Cluster, namespace: str) -> None:
    """Runs on many nodes share a ConfigMap; its Job makes no pod and has ended at once, so that the cluster removes both."""
    run = Run.on("fleet", namespace, HOLDER_SECONDS)
    cluster.apply(holder(run))

    def complete() -> bool:
        found = cluster.get("job", run.name, "-n", namespace)
        return any(c["type"] == "Complete" for c in found["status"].get("conditions") or [])

    wait_for(complete, 20)
    assert cluster.get("pods", "-n", namespace)["items"] == []
    cluster.run("delete", "job", run.name, "-n", namespace)


def test_an_interruption_leaves_nothing(cluster: Cluster) -> None:
    """What is known is shown; no Job, pod or ConfigMap of ours stays."""
    with faults.unreachable(cluster.lab, NODES[0], "registry"):
        for _ in range(TRIES):  # again where the node that sees nothing was the first to say so
            child = cluster.popen("imagepull", "probe-node", "--all", "--registry", "registry.lab.test")
            assert child.stdout is not None
            first = next(line for line in iter(child.stdout.readline, "") if line.startswith(NODES))
            if first.startswith(NODES[1]):
                break
            child.communicate(timeout=60)
        child.send_signal(signal.SIGINT)
        began = time.monotonic()
        rest, _ = child.communicate(timeout=30)
    assert child.returncode == 130 and time.monotonic() - began < 15
    assert f"{len(NODES)} nodes: 1 ok, 1 unseen; interrupted" in rest
    left = cluster.get("jobs,pods,configmaps", "-A", "-l", "app.kubernetes.io/managed-by=kubectl-imagepull")
    assert left["items"] == []

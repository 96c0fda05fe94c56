"""What a tenant writes into a pod reaches no object but its own, on the lab's API server: nothing read, nothing changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, pod
from tests.e2e.test_apply import NEAR, fix, together
from tests.e2e.test_targets import workload

pytestmark = pytest.mark.lab

VICTIM = "t-holes-victim"
UNKNOWN = "nosuch.example/v1"
"""A group that the garbage collector cannot ask for the owner, so that the pod stays."""
PRIVATE = "private.lab.test/team/app:1.0"


def owners() -> Mapping[str, tuple[str, str]]:
    """Pod -> name in its owner reference, and the reference's apiVersion."""
    return {
        "up": (f"../../{VICTIM}/deployments/core", "apps/v1"),
        "encoded": (f"..%2f..%2f{VICTIM}%2fdeployments%2fcore", UNKNOWN),
        "query": ("web?x=y", UNKNOWN),
        "fragment": ("web#", UNKNOWN),
        "below": ("web/scale", UNKNOWN),
        "forged": ("web", "apps/v1"),
    }


@pytest.fixture(scope="module")
def attacked(cluster: Cluster, namespace: str) -> Iterator[str]:
    """Pods of a tenant, and what they are after: a workload and a secret of another namespace, and one of their own."""
    cluster.make_namespace(VICTIM)
    try:
        cluster.make_secret(VICTIM, "regcred", "private.lab.test")
        stopped = [workload("Deployment", where, name, NEAR) for where, name in ((VICTIM, "core"), (namespace, "web"))]
        for one in stopped:
            one["spec"]["replicas"] = 0
        cluster.apply(*stopped)
        uid = cluster.get("-n", VICTIM, "deploy", "core")["metadata"]["uid"]
        made = []
        for name, (owner, version) in owners().items():
            one = pod(namespace, name, "node1", NEAR)
            reference = {"apiVersion": version, "kind": "Deployment", "name": owner, "uid": uid, "controller": True}
            # the collector deletes a pod whose owner has another uid; this one has to stay until it was looked at
            one["metadata"].update(
                ownerReferences=[reference], finalizers=["lab.test/stay"] if name == "forged" else []
            )
            made.append(one)
        made.append(pod(namespace, "thief", "node2", PRIVATE, [f"../../{VICTIM}/secrets/regcred"]))
        cluster.apply(*made)
        cluster.wait_failing(namespace, [*(n for n in owners() if n != "forged"), "thief"])
        yield namespace
    finally:
        cluster.run(
            "-n",
            namespace,
            "patch",
            "pod",
            "forged",
            "--type=merge",
            "-p",
            '{"metadata":{"finalizers":null}}',
            check=False,
        )
        cluster.drop_namespace(VICTIM)


def versions(cluster: Cluster, namespace: str) -> dict[str, Any]:
    found = [cluster.get("-n", where, "deploy", name) for where, name in ((VICTIM, "core"), (namespace, "web"))]
    return {f["metadata"]["name"]: (f["metadata"]["generation"], f["spec"]) for f in found}


@pytest.mark.parametrize("answer", ["", "n\n", "y\n"], ids=["yes", "no", "agreed"])
def test_an_owner_that_leads_elsewhere(cluster: Cluster, attacked: str, answer: str) -> None:
    """With --yes, and asked: neither the other namespace's workload is changed nor the own one that has the name."""
    before = versions(cluster, attacked)
    flags = [] if answer else ["--yes"]
    ran = together(partial(fix, cluster, attacked, f"pod/{name}", *flags, answer=answer) for name in owners())
    for name, one in zip(owners(), ran, strict=True):
        assert "applied\n" not in one.stderr + one.stdout, (name, one.stderr)
        assert one.returncode in (0, 1, 2, 3), (name, one.stdout, one.stderr)
        assert "Traceback" not in one.stderr and "bug" not in one.stderr
    assert versions(cluster, attacked) == before


def test_a_pull_secret_that_leads_elsewhere(
    cluster: Cluster, attacked: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It is missing, as the kubelet finds; nobody signs in with another namespace's password."""
    file = tmp_path_factory.mktemp("case") / "case.json"
    code, found = cluster.why("thief", "-n", attacked, "--save-case", str(file))
    saved = json.loads(file.read_text())["cases"][0]
    assert [(s["name"], s["state"]) for s in saved["facts"]["secrets"]] == [
        (f"../../{VICTIM}/secrets/regcred", "missing")
    ]
    assert code == 1 and found["verdict"]["cause"].startswith("auth."), found["verdict"]
    used = {o.get("data", {}).get("via") for o in saved["observations"]}
    assert used <= {None, "", "anonymous"}, used
    assert cluster.lab.password not in json.dumps(found) + file.read_text()

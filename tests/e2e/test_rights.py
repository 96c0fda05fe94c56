"""deploy/rbac: each level lets its holder do what docs/rights.md says, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.documents import ROOT
from tests.e2e.cluster import Cluster, pod, wait_for

pytestmark = pytest.mark.lab
FOLDER = ROOT / "deploy" / "rbac"
LEVELS = {"reader": "imagepull-read", "prober": "imagepull-probe", "puller": "imagepull-trial-pull"}
"""User -> role."""
SECRET = "regcred"


@pytest.fixture(scope="module")
def bound(cluster: Cluster, namespace: str) -> Iterator[str]:
    """The manifests, a user for each level, and a pod whose pull secret has a wrong password. -> the namespace."""
    cluster.run("apply", "-f", str(FOLDER))
    for user, role in LEVELS.items():
        cluster.run("-n", namespace, "create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}")
        cluster.run("create", "clusterrolebinding", f"t-{user}", "--clusterrole=imagepull-nodes", f"--user={user}")
        cluster.run(
            "-n", "kube-system", "create", "rolebinding", f"t-{user}", "--role=imagepull-system", f"--user={user}"
        )
    cluster.make_secret(namespace, SECRET, "private.lab.test", "wrong")
    cluster.apply(pod(namespace, "app", "node1", "private.lab.test/team/app:1.0", [SECRET]))
    cluster.wait_failing(namespace, ["app"])
    # the authorizer learns of bindings one by one
    wait_for(
        lambda: all(
            may(cluster, namespace, user, "get", "nodes") and may(cluster, namespace, user, "list", "events")
            for user in LEVELS
        ),
        20,
    )
    yield namespace
    users = [f"t-{user}" for user in LEVELS]
    cluster.run("delete", "clusterrolebinding", *users)
    cluster.run("-n", "kube-system", "delete", "rolebinding", *users)
    cluster.run("delete", "-f", str(FOLDER))


def may(cluster: Cluster, namespace: str, user: str, verb: str, resource: str) -> bool:
    """Whether the API server lets the user do it. resource: "pods", or "pods/log" with a subresource."""
    name, _, part = resource.partition("/")
    words = [verb, name, *([f"--subresource={part}"] if part else []), "-n", namespace, "--as", user]
    return cluster.run("auth", "can-i", *words, check=False).returncode == 0


def test_read(cluster: Cluster, bound: str) -> None:
    """Nothing is made, the secret is not known, and both are said."""
    before = cluster.snapshot()
    code, found = cluster.why("app", "-n", bound, "--as", "reader")
    assert cluster.snapshot() == before
    assert code == 1 and found["verdict"]["cause"].startswith("auth."), json.dumps(found, indent=1)
    assert found["probe"]["rung"] == "api-only" and found["probe"]["created"] is False
    assert any("create" in line or "jobs" in line for line in found["probe"]["whyNot"]), found["probe"]
    assert any("secrets" in error["message"] for error in found["errors"]), found["errors"]
    assert not any("nodes" in error["message"] or "events" in error["message"] for error in found["errors"]), found[
        "errors"
    ]


def test_probe(cluster: Cluster, bound: str) -> None:
    """The node is asked; the secret stays unknown; nothing is left."""
    before = cluster.snapshot()
    code, found = cluster.why("app", "-n", bound, "--as", "prober")
    assert cluster.snapshot() == before
    assert code == 1 and found["probe"]["rung"] == "host-python", json.dumps(found, indent=1)
    assert found["probe"]["deleted"] is True
    assert {error["message"] for error in found["errors"] if "secrets" not in error["message"]} == set()
    assert any(hop["vantage"] == "node1" and hop["hop"] == "tls" for hop in found["hops"])


def test_trial_pull(cluster: Cluster, bound: str) -> None:
    """The secret is judged, its login tried from here, and the kubelet pulls again with it."""
    before = cluster.snapshot()
    code, found = cluster.why("app", "-n", bound, "--as", "puller", "--via", "trial-pull")
    assert cluster.snapshot() == before
    assert (code, found["verdict"]["cause"]) == (1, "auth.bad_credentials"), json.dumps(found, indent=1)
    assert found["verdict"]["confidence"] == "confirmed" and found["errors"] == []
    assert found["probe"]["rung"] == "trial-pull", found["probe"]
    assert any(h["hop"] == "runtime" and h["vantage"] == "node1" and h["status"] == "fail" for h in found["hops"])


@pytest.mark.parametrize(
    ("user", "verb", "resource", "allowed"),
    [
        ("reader", "create", "jobs", False),
        ("reader", "create", "pods", False),
        ("reader", "get", "secrets", False),
        ("reader", "get", "pods/log", False),
        ("prober", "create", "jobs", True),
        ("prober", "get", "secrets", False),
        ("prober", "create", "pods/exec", False),
        ("puller", "get", "secrets", True),
        ("puller", "list", "secrets", False),
        ("puller", "create", "pods/exec", False),
        ("puller", "get", "nodes/proxy", False),
        ("puller", "patch", "deployments", False),
    ],
)
def test_no_more(cluster: Cluster, bound: str, user: str, verb: str, resource: str, allowed: bool) -> None:
    assert may(cluster, bound, user, verb, resource) == allowed


def test_a_level_holds_what_the_one_below_it_holds() -> None:
    """Each is whole: one binding is enough."""

    def rights(name: str) -> set[tuple[str, str, str]]:
        (role,) = [one for one in yaml.safe_load_all((FOLDER / name).read_text()) if one["kind"] == "ClusterRole"]
        return {
            (g, r, v)
            for rule in role["rules"]
            for g in rule["apiGroups"]
            for r in rule["resources"]
            for v in rule["verbs"]
        }

    read, probe, trial = (rights(f"{name}.yaml") for name in ("read", "probe", "trial-pull"))
    assert read < probe < trial and trial - probe == {("", "secrets", "get")}

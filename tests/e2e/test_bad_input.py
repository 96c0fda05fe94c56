"""What cannot be done is said in one plain line, with the right exit code; what can still be found out is found out."""

from __future__ import annotations

import json
import socket

import pytest

from tests.e2e.cluster import Cluster, pod
from tests.lab import faults

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def target(cluster: Cluster, namespace: str) -> str:
    cluster.make_secret(namespace, "wrong", "private.lab.test", "not-the-password")
    cluster.apply(pod(namespace, "app", "node2", "private.lab.test/team/app:1.0", ["wrong"]))
    cluster.wait_failing(namespace, ["app"])
    return namespace


def closed_port() -> int:
    """A port of this machine where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        number: int = sock.getsockname()[1]
    return number


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("why", "nosuch"), 'Error from server (NotFound): pods "nosuch" not found'),
        (("why", "app", "-n", "nowhere"), 'Error from server (NotFound): namespaces "nowhere" not found'),
        (("probe-node", "node9"), 'Error from server (NotFound): nodes "node9" not found'),
        (("why", "app", "--context", "nope"), 'error: context "nope" does not exist (contexts: lab)'),
        (("why", "app", "--kubeconfig", "/no/such/file"), "error: stat /no/such/file: no such file or directory"),
        (("why", "deploy/x"), 'Error from server (NotFound): deployments.apps "x" not found'),
        (("why", "cj", "x"), 'Error from server (NotFound): cronjobs.batch "x" not found'),
        (("why", "-n", "nowhere"), 'Error from server (NotFound): namespaces "nowhere" not found'),
        (("why", "pod/a/b"), "error: arguments in resource/name form may not have more than one slash"),
        (("why", "pod", "pod/a"), "error: there is no need to specify a resource type as a separate argument"),
        (("why", "svc/x"), 'error: "svc" is no kind that has pods (known: po, deploy, sts, ds, rs, job, cj)'),
        (("why", "app", "-A"), "error: a resource cannot be retrieved by name across all namespaces"),
        (("why", "app", "-l", "a=b"), "error: name cannot be provided when a selector is specified"),
        (("why", "-f", "/no/such/file"), 'error: the path "/no/such/file" does not exist'),
        (
            ("why", "app", "--timeout", "soon"),
            'error: argument --timeout: invalid duration "soon" (use 30s, 1m30s or seconds)',
        ),
        (("why", "app", "--nope"), "error: unrecognized arguments: --nope"),
        (("wyh", "app"), 'error: unknown verb "wyh". Did you mean why?'),
        (("probe-node", "node1", "--registry", "https://x"), 'error: --registry "https://x" is no registry host'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_line(cluster: Cluster, target: str, words: tuple[str, ...], line: str) -> None:
    namespace = () if "-n" in words or words[0] == "probe-node" else ("-n", target)
    ran = cluster.run("imagepull", *words, *namespace, check=False)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[0].startswith(line), ran.stderr
    assert not ran.stdout
    assert "Traceback" not in ran.stderr


def test_no_kubeconfig(cluster: Cluster, target: str) -> None:
    ran = cluster.run("imagepull", "why", "app", check=False, KUBECONFIG="", HOME="/nonexistent")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: no kubeconfig")
    assert len(ran.stderr.splitlines()) == 1


def test_server_down(cluster: Cluster, target: str) -> None:
    server = f"https://127.0.0.1:{closed_port()}"
    ran = cluster.run("imagepull", "why", "app", "-n", target, "--server", server, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("Unable to connect to the server")
    assert len(ran.stderr.splitlines()) == 1


def role(namespace: str, name: str, *rules: tuple[str, str, str]) -> list[dict[str, object]]:
    """A Role for the user of the same name. rules: (API group, resources, verbs), comma-separated."""
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": name, "namespace": namespace},
            "rules": [
                {"apiGroups": [group], "resources": resources.split(","), "verbs": verbs.split(",")}
                for group, resources, verbs in rules
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}],
        },
    ]


def test_may_read_pods_only(cluster: Cluster, target: str) -> None:
    """No right to create pods or to read the secret, the node, the events: said each, and judged by the rest."""
    cluster.apply(*role(target, "reader", ("", "pods", "get,list")))
    code, found = cluster.why("app", "-n", target, "--as", "reader")
    assert code == 1, json.dumps(found, indent=1)
    assert found["verdict"]["confidence"] in ("possible", "likely")
    assert found["verdict"]["cause"].startswith("auth.")
    messages = " ".join(e["message"] for e in found["errors"])
    assert "needs get on secrets" in messages
    assert "needs get on nodes" in messages
    assert found["probe"]["created"] is False
    assert not [h for h in found["hops"] if h["vantage"].startswith("node")]


def test_may_not_create(cluster: Cluster, target: str) -> None:
    """Everything may be read, nothing created: the report says which right is missing."""
    cluster.apply(*role(target, "onlooker", ("", "pods,pods/log,secrets,events,serviceaccounts", "get,list")))
    cluster.run("create", "clusterrole", "t-nodes", "--verb=get,list", "--resource=nodes,pods")
    cluster.run("create", "clusterrolebinding", "t-nodes", "--clusterrole=t-nodes", "--user=onlooker")
    try:
        code, found = cluster.why("app", "-n", target, "--as", "onlooker")
    finally:
        cluster.run("delete", "clusterrolebinding,clusterrole", "t-nodes")
    assert code == 1
    assert found["probe"]["rung"] == "api-only"
    assert any("may not create jobs or pods" in why for why in found["probe"]["whyNot"]), found["probe"]
    # the credentials can still be tried from here
    assert found["verdict"]["cause"] == "auth.bad_credentials"


def test_may_create_pods_but_no_jobs(cluster: Cluster, target: str) -> None:
    """Without the right to create Jobs a bare pod does, and it is gone afterwards."""
    cluster.apply(
        *role(
            target,
            "podder",
            ("", "pods,pods/log,configmaps,events,secrets,serviceaccounts", "get,list,create,delete"),
        )
    )
    cluster.run("create", "clusterrole", "t-podder", "--verb=get,list", "--resource=nodes,pods")
    cluster.run("create", "clusterrolebinding", "t-podder", "--clusterrole=t-podder", "--user=podder")
    before = cluster.snapshot()
    try:
        code, found = cluster.why("app", "-n", target, "--as", "podder")
    finally:
        after = cluster.snapshot()
        cluster.run("delete", "clusterrolebinding,clusterrole", "t-podder")
    assert (code, found["verdict"]["cause"], found["probe"]["rung"]) == (1, "auth.bad_credentials", "host-python")
    assert found["probe"]["deleted"] and after == before


def test_api_server_stops(cluster: Cluster, target: str) -> None:
    with faults.api_server_down(cluster.lab):
        ran = cluster.run("imagepull", "why", "app", "-n", target, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("Unable to connect to the server"), ran.stderr


def test_closed_pipe_is_silent(cluster: Cluster, target: str) -> None:
    process = cluster.popen("imagepull", "why", "app", "-n", target)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr.read() == ""

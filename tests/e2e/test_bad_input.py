"""What cannot be done is said in one plain line, with the right exit code; what can still be found out is found out."""

from __future__ import annotations

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
            'error: invalid argument "soon" for "--timeout" flag: time: invalid duration "soon"',
        ),
        (("why", "app", "--nope"), "error: unknown flag: --nope"),
        (("wyh", "app"), 'error: unknown command "wyh" for "kubectl imagepull". Did you mean "why"?'),
        (("probe-node", "node1", "--registry", "https://x"), 'error: --registry "https://x" is no registry host'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_line(cluster: Cluster, target: str, words: tuple[str, ...], line: str) -> None:
    namespace = () if "-n" in words or words[0] == "probe-node" else ("-n", target)
    ran = cluster.run("imagepull", *words, *namespace, check=False)
    assert ran.returncode == 2
    first, *others = ran.stderr.splitlines()
    assert first.startswith(line), ran.stderr
    # what the API server says is no matter of the command line
    verb = words[0] if words[0] != "wyh" else ""
    pointer = f"See '{f'kubectl imagepull {verb}'.rstrip()} --help' for usage."
    assert others == ([] if line.startswith(("Error from server", "error: the path")) else [pointer])
    assert not ran.stdout
    assert "Traceback" not in ran.stderr


def test_no_kubeconfig(cluster: Cluster, target: str) -> None:
    ran = cluster.run("imagepull", "why", "app", check=False, KUBECONFIG="", HOME="/nonexistent")
    assert ran.returncode == 2
    # kubectl asks localhost then, and says whom it has asked
    [line] = ran.stderr.splitlines()
    assert "localhost:8080" in line


def test_server_down(cluster: Cluster, target: str) -> None:
    server = f"https://127.0.0.1:{closed_port()}"
    ran = cluster.run("imagepull", "why", "app", "-n", target, "--server", server, check=False)
    assert ran.returncode == 2
    refused = f"The connection to the server {server[8:]} was refused - did you specify the right host or port?\n"
    assert ran.stderr == refused


def test_api_server_stops(cluster: Cluster, target: str) -> None:
    with faults.api_server_down(cluster.lab):
        ran = cluster.run("imagepull", "why", "app", "-n", target, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith(("Unable to connect to the server", "The connection to the server")), ran.stderr


def test_closed_pipe_is_silent(cluster: Cluster, target: str) -> None:
    process = cluster.popen("imagepull", "why", "app", "-n", target, "-o", "wide")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr.read() == ""

"""The lab itself: that each of its failures is real on both nodes, that faults mend, and that ``down`` leaves
nothing behind.

What starts and stops labs does so in a second lab beside the running one.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, api, faults, settings, workstation
from tests.lab.common import LabError, wait_for, write
from tests.lab.machine import Machine, Service, machines, services, started, strays
from tests.lab.node import PAUSE

pytestmark = pytest.mark.lab
NODES = pytest.mark.parametrize("node", settings.NODES)


# ---------------------------------------------------------------- the running lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of the tests' own; one that somebody works in stays as it is."""
    before = os.environ.get("IMAGEPULL_LAB")
    os.environ["IMAGEPULL_LAB"] = "/run/kubectl-imagepull-lab-test"
    try:
        yield api.up()
    finally:
        api.down()
        os.environ.pop("IMAGEPULL_LAB")
        if before is not None:
            os.environ["IMAGEPULL_LAB"] = before


class Namespace:
    """A namespace of its own for a test's pods."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.name = lab, f"lab-test-{uuid.uuid4().hex[:8]}"

    def call(self, method: str, kind: str, body: object = None) -> Any:
        status, data = self.lab.api.request(method, f"/api/v1/namespaces/{self.name}/{kind}", body)
        assert status < 300, data.decode()
        return json.loads(data)

    def __enter__(self) -> Namespace:
        assert self.lab.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.name}})[0] == 201
        wait_for(
            lambda: self.lab.api.exists(f"/api/v1/namespaces/{self.name}/serviceaccounts/default"),
            "the service account",
            seconds=20,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for pod in self.call("GET", "pods")["items"]:
            self.call("DELETE", f"pods/{pod['metadata']['name']}?gracePeriodSeconds=0")
        wait_for(lambda: not self.call("GET", "pods")["items"], "the end of the pods", seconds=60)
        self.lab.api.request("DELETE", f"/api/v1/namespaces/{self.name}")
        wait_for(
            lambda: not self.lab.api.exists(f"/api/v1/namespaces/{self.name}"),
            "the end of the namespace",
            seconds=60,
        )

    def secret(self, name: str, config: str) -> None:
        self.call(
            "POST",
            "secrets",
            {
                "metadata": {"name": name},
                "type": "kubernetes.io/dockerconfigjson",
                "data": {".dockerconfigjson": base64.b64encode(config.encode()).decode()},
            },
        )

    def pod(
        self,
        name: str,
        node: str,
        image: str,
        *,
        secret: str = "",
        container: dict[str, object] | None = None,
        **spec: object,
    ) -> None:
        pull: dict[str, object] = {"imagePullSecrets": [{"name": secret}]} if secret else {}
        self.call(
            "POST",
            "pods",
            {
                "metadata": {"name": name},
                "spec": {
                    "nodeName": node,
                    "terminationGracePeriodSeconds": 0,
                    "automountServiceAccountToken": False,
                    "restartPolicy": "Never",
                    "containers": [{"name": "c", "image": image, "imagePullPolicy": "Always", **(container or {})}],
                    **pull,
                    **spec,
                },
            },
        )

    def state(self, name: str) -> tuple[str, str]:
        """What the pod's container is at: (``running``, ``""``), (``done``, code) or the reason and message
        of its waiting.
        """
        for status in self.call("GET", f"pods/{name}")["status"].get("containerStatuses", []):
            if "running" in status["state"]:
                return "running", ""
            if "terminated" in status["state"]:
                return "done", str(status["state"]["terminated"]["exitCode"])
            waiting = status["state"].get("waiting", {})
            if waiting.get("reason") not in (None, "ContainerCreating"):
                return waiting["reason"], waiting.get("message", "")
        return "", ""

    def await_state(
        self, name: str, seconds: float, wanted: Callable[[str, str], bool] = lambda reason, _: bool(reason)
    ) -> tuple[str, str]:
        end = time.monotonic() + seconds
        while True:
            try:
                reason, message = self.state(name)
            except (ConnectionError, TimeoutError):  # a busy API server: there is a next look
                reason, message = "", ""
            if wanted(reason, message):
                return reason, message
            assert time.monotonic() < end, f"{name} after {seconds} s: {reason or 'no word'} {message}"
            time.sleep(0.1)

    def await_running(self, name: str) -> None:
        """A sandbox that fails once costs its kubelet 10 to 15 s."""
        self.await_state(name, 90, lambda reason, _: reason == "running")

    def await_words(self, name: str, words: str) -> None:
        """In some attempt: what is in the way of the first one may be something else."""
        self.await_state(name, 90, lambda _, message: words in message)

    def log(self, name: str) -> str:
        status, data = self.lab.api.request("GET", f"/api/v1/namespaces/{self.name}/pods/{name}/log")
        assert status == 200, data.decode()
        return data.decode()


@pytest.fixture
def namespace(lab: Lab) -> Iterator[Namespace]:
    with Namespace(lab) as made:
        yield made


# image, pull secret, and what the two generations of containerd say: node1 (1.6), node2 (2.4)
NO_HOST, NOT_FOUND, TRUST = "no such host", ": not found", "x509: certificate signed by unknown authority"
BASIC_401 = "status code [manifests 1.0]: 401 Unauthorized"
SAYS: dict[str, tuple[str, str, str, str]] = {
    "healthy": ("registry.lab.test/busybox:1.35", "", "running", "running"),
    "index": ("registry.lab.test/multi:1.0", "", "running", "running"),
    "foreign": (
        "registry.lab.test/armonly:1.0",
        "",
        "no match for platform in manifest",
        "no match for platform in manifest",
    ),
    "library": ("registry.lab.test/library/busybox:v2.0.0", "", "running", "running"),
    "tag": ("registry.lab.test/busybox:9", "", NOT_FOUND, NOT_FOUND),
    "repository": ("registry.lab.test/nobody/nothing:1", "", NOT_FOUND, NOT_FOUND),
    "basic": ("private.lab.test/team/app:1.0", "right", "running", "running"),
    "basic-none": ("private.lab.test/team/app:1.0", "", BASIC_401, "no basic auth credentials"),
    "basic-wrong": ("private.lab.test/team/app:1.0", "wrong", BASIC_401, "401 Unauthorized"),
    "basic-absent": ("private.lab.test/team/app:1.0", "absent", BASIC_401, "no basic auth credentials"),
    "bearer": ("bearer.lab.test/team/app:1.0", "right", "running", "running"),
    "bearer-public": ("bearer.lab.test/public/app:1.0", "", "running", "running"),
    "bearer-none": ("bearer.lab.test/team/app:1.0", "", "insufficient_scope", "insufficient_scope"),
    "bearer-wrong": (
        "bearer.lab.test/team/app:1.0",
        "wrong",
        "failed to fetch oauth token",
        "https://auth.lab.test/token",
    ),
    "token-host": (
        "orphan.lab.test/team/app:1.0",
        "",
        "lookup ghost-auth.lab.test on",
        "lookup ghost-auth.lab.test on",
    ),
    "hub": ("hub.lab.test/library/busybox:1.35", "", "running", "running"),
    "hub-limited": ("hub.lab.test/limited/app:1.0", "", "429 Too Many Requests", "429 Too Many Requests"),
    "unknown-ca": ("unknownca.lab.test/team/app:1.0", "", TRUST, TRUST),
    "expired": ("expired.lab.test/team/app:1.0", "", "certificate has expired", "certificate has expired"),
    "wrong-name": (
        "wrongname.lab.test/team/app:1.0",
        "",
        "valid for othername.lab.test",
        "valid for othername.lab.test",
    ),
    "plain": ("plain.lab.test/team/app:1.0", "", "server gave HTTP response", "server gave HTTP response"),
    "refused": ("refused.lab.test/team/app:1.0", "", "connection refused", "connection refused"),
    "no-route": ("noroute.lab.test/team/app:1.0", "", "no route to host", "no route to host"),
    "missing": ("missing.lab.test/team/app:1.0", "", NO_HOST, NO_HOST),
    "outside": ("docker.io/library/busybox:1", "", NO_HOST, NO_HOST),
    "servfail": ("servfail.lab.test/team/app:1.0", "", "server misbehaving", "server misbehaving"),
    "v6-only": ("v6only.lab.test/team/app:1.0", "", "network is unreachable", "network is unreachable"),
    "silent": ("silent.lab.test/team/app:1.0", "", "i/o timeout", "i/o timeout"),
    "token-503": ("token-e503.lab.test/team/app:1.0", "", "status: 503 Service", "https://e503.lab.test/token"),
    "token-plain": ("token-plain.lab.test/team/app:1.0", "", "gave HTTP response", "gave HTTP response"),
    "token-fine": ("token-odd.lab.test/team/app:1.0", "", "running", "running"),
    "blobs-refused": ("blobs-refused.lab.test/team/app:1.0", "", "connection refused", "connection refused"),
    "blobs-404": ("blobs-e404.lab.test/team/app:1.0", "", "could not fetch content", "could not fetch content"),
    "blobs-fine": ("blobs-odd.lab.test/team/app:1.0", "", "running", "running"),
    "blob-gone": ("odd.lab.test/gone:1.0", "", "image.layer.v1.tar) from remote", "image.layer.v1.tar) from remote"),
    "blob-short": ("odd.lab.test/short:1.0", "", "unexpected EOF", "short read"),
    "config-wrong": ("odd.lab.test/wrong:1.0", "", "unexpected commit digest", "unexpected commit digest"),
    "no-tar": ("odd.lab.test/nottar:1.0", "", "invalid tar header", "invalid tar header"),
    "thing": ("odd.lab.test/thing:1.0", "", "vnd.example.thing", "vnd.example.thing"),
    "denied": ("odd.lab.test/denied/app:1.0", "", "403 Forbidden", "denied: Permission"),
    "502": ("e502.lab.test/team/app:1.0", "", "502 Bad Gateway", "502 Bad Gateway"),
    "429": ("e429.lab.test/team/app:1.0", "", "429 Too Many Requests", "429 Too Many Requests"),
    "website": ("website.lab.test/team/app:1.0", "", NOT_FOUND, NOT_FOUND),
    "reset": ("reset.lab.test/team/app:1.0", "", "connection reset by peer", "connection reset by peer"),
    "cut-off": ("cutoff.lab.test/team/app:1.0", "", "connection reset by peer", "connection reset by peer"),
    "alert": ("alert.lab.test/team/app:1.0", "", "tls: handshake failure", "tls: handshake failure"),
    "future": ("future.lab.test/team/app:1.0", "", "is before", "is before"),
    "skewed": ("skewed.lab.test/team/app:1.0", "", "is after", "is after"),
    "lone": ("lone.lab.test/team/app:1.0", "", TRUST, TRUST),
    "scheme": (
        "https://registry.lab.test/busybox:1.35",
        "",
        "invalid reference format",
        "invalid reference format",
    ),
}


def test_each_failure_shows_on_both_nodes(lab: Lab, namespace: Namespace) -> None:
    """All at once, as the kubelets say it. (`dropped` is below: containerd 2 needs 150 s until its first word
    on it.)

    A kubelet may be refused a pull secret that was made a moment ago (the API server's node authorizer learns of pod and
    secret by a watch of its own), and then its first attempt goes out anonymous. So a pod with a secret that exists has the
    kubelet's next attempts to say what is meant, and so has one that is to run, whose first attempt a hundred others may hold
    up; all others are held to their first word.
    """
    for host in ("private", "bearer"):
        namespace.secret(f"{host}-right", lab.docker_config(f"{host}.lab.test"))
        namespace.secret(f"{host}-wrong", lab.docker_config(f"{host}.lab.test", "not-the-password"))
    for case, (image, secret, *_) in SAYS.items():
        for node in lab.nodes:
            namespace.pod(f"{case}-{node}", node, image, secret=f"{image.partition('.')[0]}-{secret}" if secret else "")
    wrong = []
    for case, (_, secret, *expected) in SAYS.items():
        for node, wanted in zip(lab.nodes, expected, strict=True):
            patient = secret in ("right", "wrong") or wanted == "running"
            reason, message = namespace.await_state(
                f"{case}-{node}",
                120,
                lambda reason, message, wanted=wanted, patient=patient: (
                    wanted in (message or reason) if patient else bool(reason)
                ),
            )
            if wanted not in (message or reason):
                wrong.append(f"{case} on {node}: {reason} {message}")
    assert not wrong, "\n".join(wrong)


CONNECT = """
import errno, socket, sys
try:
    socket.create_connection((sys.argv[1], 443), 2).close(); print('open')
except TimeoutError: print('timeout')
except OSError as error: print(errno.errorcode.get(error.errno, error))
"""


def connect(lab: Lab, machine: str, host: str) -> str:
    """What a TCP connection from a machine to a host of the lab comes to."""
    return lab.machine(machine).enter(["/usr/bin/python3", "-c", CONNECT, lab.address(host)]).strip()


@pytest.mark.parametrize("machine", [*settings.NODES, "workstation"])
def test_packets_are_dropped(lab: Lab, machine: str) -> None:
    assert [connect(lab, machine, host) for host in ("dropped", "refused", "registry")] == [
        "timeout",
        "ECONNREFUSED",
        "open",
    ]


def test_admin_kubeconfig_works_here_and_on_the_workstation(lab: Lab) -> None:
    argv = ["kubectl", "--kubeconfig", str(lab.kubeconfig), "get", "nodes", "-o", "name"]
    here = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    there = workstation.run(argv[:1] + argv[3:], check=True).stdout
    assert here == there == "node/node1\nnode/node2\n"


@NODES
def test_a_pod_sees_the_whole_etc_of_its_node(lab: Lab, namespace: Namespace, node: str) -> None:
    """Through a read-only hostPath, by the computer's Python in the pause image: the way that probes go."""
    code = (
        "import json, os; r = lambda p: open('/host/etc/' + p).read();"
        "print(json.dumps([os.getuid(), *map(r, ('resolv.conf', 'hosts', 'hostname', "
        "'containerd/config.toml', 'ssl/certs/ca-certificates.crt')),"
        "open('/etc/resolv.conf').read()]))"
    )
    paths = {"usr": "/usr", "lib": "/lib", "lib64": "/lib64", "etc": "/etc"}
    mounts = [
        {"name": name, "mountPath": f"/host{path}" if name == "etc" else path, "readOnly": True}
        for name, path in paths.items()
        if Path(path).exists()
    ]
    namespace.pod(
        "peek",
        node,
        PAUSE,
        hostNetwork=True,
        volumes=[{"name": entry["name"], "hostPath": {"path": paths[str(entry["name"])]}} for entry in mounts],
        container={
            "imagePullPolicy": "Never",
            "command": ["/usr/bin/python3", "-I", "-c", code],
            "volumeMounts": mounts,
        },
    )
    assert namespace.await_state("peek", 30, lambda reason, _: reason == "done") == ("done", "0")
    user, resolv, hosts, hostname, config, bundle, pod_resolv = json.loads(namespace.log("peek"))
    assert user == 65535
    assert resolv == f"nameserver {lab.segment[settings.DNS]}\n"
    assert (hostname, f"{lab.address(node)} {node}" in hosts) == (f"{node}\n", True)
    assert f"version = {2 if node == 'node1' else 3}" in config
    assert lab.registry_ca.read_text() in bundle
    # The second node's kubelet has a resolv.conf of its own.
    assert ("nameserver " + lab.segment[settings.DNS if node == "node1" else settings.DNS_KUBELET]) in pod_resolv


def test_nodes_report_their_image_file_system(lab: Lab) -> None:
    for node in lab.nodes:
        status, body = lab.api.request("GET", f"/api/v1/nodes/{node}/proxy/stats/summary")
        assert status == 200, body.decode()
        assert json.loads(body)["node"]["runtime"]["imageFs"]["capacityBytes"] > 0


def test_hub_counts_get_and_not_head(lab: Lab) -> None:
    def left(method: str) -> tuple[str, str, str]:
        script = (
            'T=$(curl -sS https://auth-hub.lab.test/token | sed \'s/.*"token": "\\([^"]*\\).*/\\1/\');'
            f'curl -sS {method} -D - -o /dev/null -H "Authorization: Bearer $T" https://hub.lab.test/v2/library/busybox/manifests/1.35'
        )
        lines = workstation.run(["sh", "-c", script], check=True).stdout.lower().splitlines()
        found = dict(line.split(": ", 1) for line in lines if ": " in line)
        return found["ratelimit-limit"], found["ratelimit-remaining"], found["docker-ratelimit-source"]

    here = lab.address("workstation")
    lab.reset_rate_limits()
    assert [left("-I"), left("-I")] == [("100;w=21600", "57;w=21600", here)] * 2
    assert left("-X GET")[1] == left("-I")[1] == "56;w=21600"
    lab.reset_rate_limits()
    assert left("-I")[1] == "57;w=21600"


def test_run_passes_exit_code_input_and_signals(lab: Lab) -> None:
    cli = [sys.executable, "-m", "tests.lab", "run", "--"]
    done = subprocess.run([*cli, "sh", "-c", "cat; pwd; exit 7"], input=b"in\n", capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (7, f"in\n{Path.cwd()}\n")
    with subprocess.Popen([*cli, "sh", "-c", "echo up; exec sleep 60"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(5) == -signal.SIGINT


def test_run_keeps_a_kubeconfig_that_is_given(lab: Lab) -> None:
    for given, wanted in (({}, str(lab.kubeconfig)), ({"KUBECONFIG": "/dev/null"}, "/dev/null")):
        env = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"} | given
        done = subprocess.run(
            [sys.executable, "-m", "tests.lab", "run", "--", "printenv", "KUBECONFIG"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == wanted


# ---------------------------------------------------------------- faults


def resolves(lab: Lab, machine: str, file: str = "/etc/resolv.conf") -> bool:
    """Whether a name resolves there by the resolver that ``file`` names, within a second."""
    code = (
        "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1);"
        "q = bytes.fromhex('abcd01000001000000000000')"
        " + b'\\x08registry\\x03lab\\x04test\\0\\0\\x01\\0\\x01'\n"
        "s.sendto(q, (open(sys.argv[1]).read().split()[1], 53))\n"
        "try: print(s.recv(512)[3] & 15 == 0)\nexcept TimeoutError: print(False)"
    )
    return lab.machine(machine).enter(["/usr/bin/python3", "-c", code, file]).strip() == "True"


def test_dns_of_one_node_dies_and_comes_back(lab: Lab, namespace: Namespace) -> None:
    with faults.dns_dead(lab, "node1"):
        assert [resolves(lab, machine) for machine in ("node1", "node2", "workstation")] == [
            False,
            True,
            True,
        ]
        namespace.pod("web", "node1", "registry.lab.test/busybox:1.35")
        reason, message = namespace.await_state("web", 60, lambda _, message: bool(message))
        assert (reason, "i/o timeout" in message) == ("ErrImagePull", True), message
    assert resolves(lab, "node1")
    namespace.await_state("web", 60, lambda reason, _: reason == "running")


@pytest.mark.parametrize(
    ("resolver", "host", "kubelet"), [("host", False, True), ("kubelet", True, False), ("both", False, False)]
)
def test_host_and_kubelet_resolver_of_node2_die_apart(lab: Lab, resolver: str, host: bool, kubelet: bool) -> None:
    files = ("/etc/resolv.conf", "/etc/kubernetes/resolv.conf")
    with faults.dns_dead(lab, "node2", resolver):
        assert [resolves(lab, "node2", file) for file in files] == [host, kubelet]
    assert [resolves(lab, "node2", file) for file in files] == [True, True]


def test_one_node_loses_one_host(lab: Lab) -> None:
    with faults.unreachable(lab, "node1", "registry.lab.test"):
        assert [connect(lab, machine, "registry") for machine in ("node1", "node2", "workstation")] == [
            "timeout",
            "open",
            "open",
        ]
        assert connect(lab, "node1", "private") == "open"
    assert connect(lab, "node1", "registry") == "open"


def test_registry_stops_and_starts(lab: Lab) -> None:
    with faults.stopped(lab, "private.lab.test"):
        assert connect(lab, "node1", "private") == "ECONNREFUSED"
    wait_for(lambda: connect(lab, "node1", "private") == "open", "the registry", seconds=10)


@NODES
def test_hosts_toml_is_read_with_the_next_pull(lab: Lab, namespace: Namespace, node: str) -> None:
    mirror = '[host."https://registry.lab.test"]\n  capabilities = ["pull", "resolve"]\n'
    with faults.hosts_toml(lab, node, "mirrored.lab.test", mirror):
        namespace.pod("by-mirror", node, "mirrored.lab.test/busybox:1.35")
        namespace.await_running("by-mirror")
    namespace.pod("without", node, "mirrored.lab.test/busybox:1.35")
    namespace.await_words("without", NO_HOST)


def test_containerd_goes_through_a_proxy(lab: Lab, namespace: Namespace) -> None:
    with faults.proxy(lab, "node1", "http://refused.lab.test:3128"):
        namespace.pod("dead", "node1", "registry.lab.test/busybox:1.35")
        namespace.await_words("dead", "proxyconnect")
    with (
        faults.proxy(lab, "node1", "http://proxy.lab.test:3128"),
        faults.unreachable(lab, "node1", "registry"),
    ):
        namespace.pod("alive", "node1", "registry.lab.test/busybox:1.35")
        namespace.await_running("alive")
    namespace.pod("without", "node1", "registry.lab.test/busybox:1.35")
    namespace.await_running("without")


def test_a_disk_is_full(lab: Lab, namespace: Namespace) -> None:
    image = f"odd.lab.test/fresh/{uuid.uuid4().hex[:8]}:1.0"
    with faults.disk_full(lab, "node2"):
        namespace.pod("full", "node2", image)
        namespace.await_words("full", "no space left on device")


def test_kubelet_stops_and_starts(lab: Lab) -> None:
    with faults.kubelet_down(lab, "node2"):
        assert lab.service("kubelet-node2").pid is None
    assert lab.api.nodes()["node2"] == "Ready" and lab.service("kubelet-node2").pid


def test_api_server_stops_and_starts(lab: Lab) -> None:
    with faults.api_server_down(lab):
        assert not lab.api.ready()
    wait_for(lab.healthy, "the lab", seconds=30)


def test_up_undoes_what_a_killed_test_has_left(lab: Lab) -> None:
    faults.dns_dead(lab, "node1").on()
    faults.unreachable(lab, "node2", "private").on()
    faults.hosts_toml(lab, "node1", "missing.lab.test", "").on()
    faults.disk_full(lab, "node1").on()
    faults.proxy(lab, "node1", "http://refused.lab.test:3128").on()
    faults.kubelet_config(lab, "node2", serializeImagePulls=True).on()
    faults.stopped(lab, "registry").on()  # the last: whoever waits for a node gives up where a service is dead
    wait_for(api.up().healthy, "the lab", seconds=30)
    assert not lab.machine("node1").path("/etc/systemd/system/containerd.service.d").exists()
    assert b"PROXY" not in Path(f"/proc/{lab.service('containerd-node1').pid}/environ").read_bytes()
    assert '"serializeImagePulls": false' in lab.machine("node2").path("/etc/kubernetes/kubelet.yaml").read_text()
    found = os.statvfs(lab.machine("node1").path("/var/lib/containerd"))
    assert found.f_bavail * found.f_frsize > 1 << 30
    assert resolves(lab, "node1") and connect(lab, "node2", "private") == "open"
    assert not lab.machine("node1").path("/etc/containerd/certs.d/missing.lab.test").exists()
    wait_for(lambda: connect(lab, "node1", "registry") == "open", "the registry", seconds=10)


# ---------------------------------------------------------------- up and down, in a lab beside


class Second:
    """A second lab, driven by its command line."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.env = {**os.environ, "IMAGEPULL_LAB": str(state)}

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.lab", *words],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def begin(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.lab", "up"],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def pids(self) -> dict[str, int | None]:
        return {item.name: item.pid for item in services(self.state)} | {
            item.name: item.holder() for item in machines(self.state)
        }


@pytest.fixture
def second() -> Iterator[Second]:
    made = Second(Path(f"/run/ipl-test-{os.getpid()}"))
    before = traces(made.state)
    try:
        yield made
    finally:
        ran = members(made.state)
        down = made.cli("down")
    assert down.returncode == 0, down.stderr
    after = traces(made.state)
    # The kernel takes a dead namespace's links apart a moment after its last process.
    end = time.monotonic() + 10
    while after != before and time.monotonic() < end:
        time.sleep(0.1)
        after = traces(made.state)
    assert after == before
    assert [words for (pid, start), words in ran.items() if started(pid) == start] == []
    assert members(made.state) == {}


def members(state: Path) -> dict[tuple[int, int | None], bytes]:
    """Living processes (pid and start) that name the lab, are in one of its machines, or in their pods."""
    holders = [machine.holder() for machine in machines(state) if machine.own_pids]
    inside = [Path(f"/proc/{holder}/ns/pid").readlink() for holder in holders if holder]
    found, marked = {}, strays(state)
    for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            ours = str(state).encode() in words or not set(holders).isdisjoint(_ancestors(pid))
            if ours or pid in marked or Path(f"/proc/{pid}/ns/pid").readlink() in inside:
                found[pid, started(pid)] = words
        except OSError:
            continue
    return {key: words for key, words in found.items() if key[1] is not None}


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid


def traces(state: Path) -> dict[str, object]:
    """Everything of this computer that the lab could leave something in. What other labs have, which may come
    and go, is left out.
    """

    def others(text: str) -> bool:
        return any(name != settings.tag(state) for name in re.findall("ipl[0-9a-f]{6}", text))

    def text(*argv: str) -> list[str]:
        lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
        return [line for line in lines if not others(line)]

    cgroups = [
        path for depth in ("*", "*/*") for path in map(str, Path("/sys/fs/cgroup").glob(depth)) if not others(path)
    ]
    return {
        "mounts": sorted(line.split(maxsplit=3)[3] for line in text("cat", "/proc/self/mountinfo")),
        "links": sorted(line.split(maxsplit=1)[1] for line in [*text("ip", "-o", "link"), *text("ip", "-o", "addr")]),
        "routes": text("ip", "route", "show", "table", "all"),
        "rules": [line for line in text("iptables-save") if not line.startswith(("#", ":"))],
        "netns": sorted(Path("/run/netns").glob("*")),
        "run": sorted(path for path in Path("/run").iterdir() if not (path / "lab.json").exists() or path == state),
        "opt": sorted(Path("/opt").glob("*")),
        "cgroups": sorted(cgroups),
        "sysctls": {
            name: Path("/proc/sys", name).read_text()
            for name in (
                "net/ipv4/ip_forward",
                "vm/overcommit_memory",
                "vm/panic_on_oom",
                "kernel/panic",
                "kernel/panic_on_oops",
            )
        },
        "etc": sorted((path, path.lstat().st_mtime_ns) for path in Path("/etc").iterdir()),
    }


def test_up_is_idempotent_and_down_leaves_nothing(second: Second) -> None:
    first = second.cli("up")
    assert first.returncode == 0, first.stderr
    pids = second.pids()
    assert None not in pids.values()
    again = second.cli("up")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert second.pids() == pids
    assert second.cli("status").returncode == 0
    # Down with pods running: their shims and containers go too.
    for node in settings.NODES:
        made = subprocess.run(
            [
                "kubectl",
                "--kubeconfig",
                first.stdout.strip(),
                "run",
                f"web-{node}",
                "--image=registry.lab.test/busybox:1.35",
                f'--overrides={{"spec":{{"nodeName":"{node}"}}}}',
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
    for node in settings.NODES:
        subprocess.run(
            [
                "kubectl",
                "--kubeconfig",
                first.stdout.strip(),
                "wait",
                "--for=condition=Ready",
                f"pod/web-{node}",
                "--timeout=60s",
            ],
            check=True,
            capture_output=True,
        )
    # The fixture's ``down`` and what it compares then is the rest of this test.


@pytest.mark.parametrize(
    "moment",
    ["subnet", "starting etcd", "starting DNS", "starting node1", "starting node2", "waiting for the nodes"],
)
def test_down_after_kill_9_of_up(second: Second, moment: str) -> None:
    with second.begin() as child:
        assert child.stderr is not None
        for line in child.stderr:
            if moment in line:
                break
        child.kill()
    assert child.returncode == -signal.SIGKILL


def test_up_after_kill_9_of_up(second: Second) -> None:
    with second.begin() as child:
        assert child.stderr is not None
        next(line for line in child.stderr if "starting node2" in line)
        child.kill()
    done = second.cli("up")
    assert done.returncode == 0, done.stderr


def test_down_after_the_state_was_deleted(second: Second) -> None:
    assert second.cli("up").returncode == 0
    shutil.rmtree(second.state)


def test_up_mends_a_dead_service_and_a_dead_machine(second: Second) -> None:
    assert second.cli("up").returncode == 0
    for name in ("registry-private", "kubelet-node2"):
        pid = second.pids()[name]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert second.cli("status").returncode == 1
    assert second.cli("up").returncode == 0
    assert None not in second.pids().values()
    os.kill(Machine("node1", second.state).pid(), signal.SIGKILL)
    wait_for(lambda: Machine("node1", second.state).holder() is None, "the end of node1", seconds=30)
    assert second.cli("up").returncode == 0
    assert None not in second.pids().values()


def test_a_service_that_dies_is_named_with_the_end_of_its_log(second: Second, tmp_path: Path) -> None:
    cache = Path(tmp_path / "kubectl-imagepull")
    cache.mkdir()
    (cache / "src").symlink_to(settings.cache() / "src")
    (cache / "bin").mkdir()
    for entry in (settings.cache() / "bin").iterdir():
        (cache / "bin" / entry.name).symlink_to(entry)
    kubernetes = cache / "bin" / f"kubernetes-{settings.KUBERNETES}"
    real = kubernetes.resolve()
    kubernetes.unlink()
    kubernetes.mkdir()
    for entry in real.iterdir():
        (kubernetes / entry.name).symlink_to(entry)
    (kubernetes / "kube-apiserver").unlink()
    (kubernetes / "kube-apiserver").write_text("#!/bin/sh\necho out of order >&2\nexit 3\n")
    (kubernetes / "kube-apiserver").chmod(0o755)
    second.env["XDG_CACHE_HOME"] = str(tmp_path)
    done = second.cli("up")
    assert done.returncode == 1
    assert "apiserver" in done.stderr and "out of order" in done.stderr and "apiserver.log" in done.stderr


def test_a_service_that_ended_before_anybody_looked_is_dead(tmp_path: Path) -> None:
    """Its start was never seen, and neither is it now: two unknowns are not one process."""
    service = Service("brief", tmp_path)
    ended = subprocess.Popen(["true"])
    ended.wait()
    write(service.record, json.dumps({"pid": ended.pid, "start": started(ended.pid)}))
    assert service.pid is None
    with pytest.raises(LabError, match="brief died"):
        service.check()


def test_refusals_are_one_line(lab: Lab, second: Second) -> None:
    user = subprocess.run(
        ["unshare", "--user", sys.executable, "-m", "tests.lab", "up"],
        env=second.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (user.returncode, user.stderr.count("\n")) == (2, 1), user.stderr
    inside = workstation.run([sys.executable, "-m", "tests.lab", "down"])
    assert (inside.returncode, inside.stderr.count("\n")) == (2, 1), inside.stderr
    none = second.cli("status")
    assert (none.returncode, none.stderr.count("\n")) == (1, 1), none.stderr

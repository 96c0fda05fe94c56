"""Whatever happens to the command, the cluster is as it was before: at once after a run or Ctrl-C, soon after kill -9."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import TRIES, Cluster, pod, wait_for

pytestmark = pytest.mark.lab

MOMENTS = {
    "reading": r"GET \S+/pods/\S+ 200",
    "dry-run": r"POST \S+/pods\?dryRun",
    "job": r"POST \S+/jobs 201",
    "configmap": r"POST \S+/configmaps 201",
    "watching": r"GET \S+/pods\?\S*watch=",
    "log-open": r"GET \S+/log\?",
    "first-hop": r"out: .*10\.\d+\.\d+\.\d+ from",
    "deleting-job": r"DELETE \S+/jobs/",
    "deleting-configmap": r"DELETE \S+/configmaps/",
    "verdict": r"out: VERDICT",
}
"""Ten moments of a run, by the request that was logged last, or by what was printed."""
WITHIN = 120.0


@pytest.fixture(scope="module")
def target(cluster: Cluster, namespace: str) -> str:
    """A pod whose registry drops packets, so that a run takes some seconds."""
    cluster.apply(pod(namespace, "slow", "node1", "dropped.lab.test/team/app:1.0"))
    cluster.wait_pulling(namespace, ["slow"])
    return "slow"


@pytest.fixture()
def unchanged(cluster: Cluster) -> Iterator[set[tuple[str, str]]]:
    yield cluster.snapshot()


def started(cluster: Cluster, namespace: str, target: str) -> subprocess.Popen[str]:
    """The command itself, not kubectl's exec of it: the same process, since kubectl replaces itself."""
    return cluster.popen("imagepull", "why", target, "-n", namespace, "-o", "wide", "-v", "6", PYTHONUNBUFFERED="1")


def until(process: subprocess.Popen[str], moment: str) -> bool:
    """Read what the process says until the moment has come. -> False: it ended before."""
    assert process.stdout is not None and process.stderr is not None
    seen = ""
    streams = {process.stdout.fileno(): "out: ", process.stderr.fileno(): ""}
    for number in streams:
        os.set_blocking(number, False)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        ended = process.poll() is not None  # before the last look at what it has said
        for number, mark in streams.items():
            try:
                part = os.read(number, 65536).decode()
            except BlockingIOError:
                continue
            seen += "".join(mark + line for line in part.splitlines(keepends=True))
        if re.search(moment, seen):
            return True
        if ended:
            return False
        time.sleep(0.005)
    raise AssertionError(f"{moment!r} did not come:\n{seen}")


def test_killed(cluster: Cluster, namespace: str, target: str, unchanged: set[tuple[str, str]]) -> None:
    """kill -9 at ten moments; the cluster itself takes everything away within two minutes."""
    pids = []
    for moment in MOMENTS.values():
        process = started(cluster, namespace, target)
        assert until(process, moment), f"the run was over before {moment!r}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        pids.append(process.pid)
    killed = time.monotonic()
    wait_for(lambda: cluster.snapshot() == unchanged, WITHIN)
    assert time.monotonic() - killed < WITHIN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("moment", ["reading", "job", "configmap", "watching", "log-open", "first-hop", "deleting-job"])
def test_interrupted(
    cluster: Cluster, namespace: str, target: str, unchanged: set[tuple[str, str]], moment: str, number: signal.Signals
) -> None:
    """Silent, exit 130, and nothing left when the prompt is back."""
    for _ in range(TRIES):
        process = started(cluster, namespace, target)
        assert until(process, MOMENTS[moment])
        process.send_signal(number)
        code = process.wait(timeout=30)
        if code == 130 or moment != "deleting-job":
            break  # little comes after that moment: a signal that is late meets a run that has ended by itself
    assert process.stderr is not None
    rest = process.stderr.read() or ""
    # the moment may be told in mid-line: what is left of that line is its end
    spoken = [line for line in rest.splitlines() if line and not re.match(r"(GET|POST|DELETE) https://", line)]
    assert (code, spoken) == (130, [])
    if moment in ("job", "configmap"):
        # a controller that has not heard yet may make the pod of a Job that is gone, which the garbage collector then takes
        wait_for(lambda: cluster.snapshot() == unchanged, 5)
    else:
        assert cluster.snapshot() == unchanged


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_interrupted_while_starting(cluster: Cluster, namespace: str, target: str, delay: float) -> None:
    """Before any request is out, too: silent, 130, from our first line on.

    Before that, for some 20 ms, it is the interpreter that starts up: it dies of the signal in its own way, and nothing of
    ours can run to prevent it.
    """
    process = started(cluster, namespace, target)
    time.sleep(delay)  # the moment is the point of the test
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    spoken = [line for line in err.splitlines() if not re.match(r"(GET|POST|DELETE) https://", line)]
    if process.returncode == 130:
        assert not spoken
    else:
        assert process.returncode in (1, -signal.SIGINT)
        assert "/kubectl_imagepull/" not in err, err


@pytest.mark.parametrize(
    "words", [(), ("--no-probe",), ("--via", "kubelet"), ("-o", "json")], ids=lambda w: " ".join(w) or "plain"
)
def test_a_run_leaves_nothing(
    cluster: Cluster, namespace: str, target: str, unchanged: set[tuple[str, str]], words: tuple[str, ...]
) -> None:
    ran = cluster.run("imagepull", "why", target, "-n", namespace, *words, check=False)
    assert ran.returncode == 1, ran.stderr
    assert cluster.snapshot() == unchanged


def test_cleanup(cluster: Cluster, namespace: str, target: str, unchanged: set[tuple[str, str]]) -> None:
    """What was kept goes once it is over, and a second clean-up finds nothing; what still runs is somebody's."""
    process = started(cluster, namespace, target)
    assert until(process, MOMENTS["log-open"])
    first = cluster.run("imagepull", "cleanup", "-n", namespace)
    assert not first.stdout and "at work" in first.stderr and "job/imagepull-node1-" in first.stderr, first
    assert process.wait(timeout=60) == 1, "nobody has taken its pod away"
    cluster.run("imagepull", "why", target, "-n", namespace, "--keep-pod", check=False)

    def gone() -> bool:
        return "job/imagepull-node1-" in cluster.run("imagepull", "cleanup", "-n", namespace).stdout

    wait_for(gone, 60)
    wait_for(lambda: cluster.snapshot() == unchanged, 30)
    assert "nothing" in cluster.run("imagepull", "cleanup", "-A").stderr


def test_cleanup_spares_what_only_wears_the_label(cluster: Cluster, namespace: str) -> None:
    """A pod of somebody's with both labels, ended long ago, stays."""
    name = "imagepull-node1-0a1b2c"
    made = pod(namespace, "web-0", "node1", "registry.lab.test/busybox:1.35", restartPolicy="Never")
    made["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "kubectl-imagepull", "imagepull.dev/run": name}
    cluster.apply(made)
    try:
        ran = cluster.run("imagepull", "cleanup", "-n", namespace)
        assert not ran.stdout and "nothing" in ran.stderr, ran
        assert cluster.get("-n", namespace, "pod", "web-0")["metadata"]["name"] == "web-0"
    finally:
        cluster.run("-n", namespace, "delete", "pod", "web-0", "--wait=true")

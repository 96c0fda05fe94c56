"""`why` and `probe-node` on the lab, beside the manual way (manual/) and a bare Job; and the probes inside their pod.

Every command runs alone: the next one begins when the pods of the last one are gone. Reports are read from a terminal, as a
person would see them.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pty
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubectl_imagepull.node.bundle import bundle
from tests.bench import peers
from tests.bench.measure import Samples, on_workstation, once
from tests.e2e.cluster import Cluster, pod
from tests.lab import api, build, node, settings
from tests.lab.common import wait_for
from tests.lab.machine import CLEAN_ENV

NAMESPACE, POD, NODE, HOST = "bench", "healthy", settings.NODES[0], f"registry.{settings.DOMAIN}"
IMAGE = f"{HOST}/busybox:1.35"
MANUAL = Path(__file__).with_name("manual")
FIRST_HOP = re.compile(rf"probing from {NODE} \.\.\. \w+ \w+")
"""The line that grows while a report of one pod is waited for."""
OURS = "app.kubernetes.io%2Fmanaged-by%3Dkubectl-imagepull"


@contextlib.contextmanager
def healthy() -> Iterator[Cluster]:
    """The lab, which is started if need be, with a running pod on each node."""
    cluster = Cluster(api.up())
    cluster.make_namespace(NAMESPACE)
    try:
        names = {f"{POD}-{name}" if name != NODE else POD: name for name in settings.NODES}
        cluster.apply(*(pod(NAMESPACE, name, where, IMAGE) for name, where in names.items()))
        cluster.wait_running(NAMESPACE, [*names])
        yield cluster
    finally:
        cluster.drop_namespace(NAMESPACE)


def listed(cluster: Cluster, kind: str = "pods", selector: str = "") -> list[dict[str, Any]]:
    """Objects of the namespace, asked for without kubectl."""
    group = "/apis/batch/v1" if kind == "jobs" else "/api/v1"
    path = f"{group}/namespaces/{NAMESPACE}/{kind}?labelSelector={selector}"
    status, body = cluster.lab.api.request("GET", path)
    assert status == 200, body
    found: list[dict[str, Any]] = json.loads(body)["items"]
    return found


def settled(cluster: Cluster) -> None:
    """Remove what bare Jobs have left, and wait until no pod is there but those that stay."""
    if listed(cluster, "jobs"):
        cluster.run("delete", "jobs", "--all", "-n", NAMESPACE, "--wait=false")
    alone = {f"{POD}-{name}" for name in settings.NODES} | {POD}
    wait_for(
        lambda: {one["metadata"]["name"] for one in listed(cluster)} <= alone,
        "the end of the pods of the last run",
        seconds=60,
    )


# ---- why -------------------------------------------------------------------------------------------------------------


def why(runs: int) -> Samples:
    """`why` of a healthy pod, with and without probes, beside what is done by hand and a bare Job."""
    found: Samples = {}
    with healthy() as cluster:
        crane = str(peers.program(peers.CRANE).parent)
        plain = {
            "why: by hand, API alone": on_workstation("sh", str(MANUAL / "api.sh"), NAMESPACE, POD),
            "why: --no-probe": on_workstation("kubectl", "imagepull", "why", POD, "-n", NAMESPACE, "--no-probe"),
            "why: by hand": on_workstation(
                "sh", str(MANUAL / "node.sh"), NAMESPACE, POD, NODE, HOST, IMAGE, IMAGE, PATH=crane
            ),
            "why: a bare Job": on_workstation("sh", str(MANUAL / "job.sh"), NAMESPACE, NODE, IMAGE),
        }
        for number in range(runs + 1):
            one: dict[str, float] = {}
            for name, argv in plain.items():
                settled(cluster)
                one[name] = once(argv)[0]
            settled(cluster)
            one |= seen(cluster)
            for name, figure in one.items() if number else ():
                found.setdefault(name, []).append(figure)
    return found


def seen(cluster: Cluster) -> dict[str, float]:
    """One `why`, read from a terminal. -> when the first hop from the node, the verdict and the end came, the client's CPU,
    and how many of our pods were there when the verdict was."""
    ours, theirs = pty.openpty()
    began = time.monotonic()
    child = subprocess.Popen(
        on_workstation("kubectl", "imagepull", "why", POD, "-n", NAMESPACE),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text, hop, verdict, left = "", 0.0, 0.0, 0
    with os.fdopen(ours, "rb", buffering=0) as screen:
        while data := _read(screen.fileno()):
            now = time.monotonic() - began
            text += data.decode(errors="replace")
            if not hop and FIRST_HOP.search(text):
                hop = now
            if not verdict and "VERDICT" in text:
                verdict, left = now, len(listed(cluster, selector=OURS))
    _, status, used = os.wait4(child.pid, 0)
    end = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0 and hop and verdict, text
    return {
        "why: first hop": hop,
        "why: verdict": verdict,
        "why: end": end,
        "why: CPU": used.ru_utime + used.ru_stime,
        "why: pods at the verdict": left,
    }


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 1 << 16)
    except OSError:  # nobody writes any more
        return b""


# ---- the probes in their pod -----------------------------------------------------------------------------------------


def probes(runs: int) -> Samples:
    """The bundle's size, and when its first frame and the last hop of a healthy path come after its container has started: by
    the node's clock, as containerd's event of the start and the container's log tell."""
    found: Samples = {"probes: KiB": [len(bundle()) / 1024], "probes: first frame": [], "probes: last hop": []}
    with healthy() as cluster:
        machine = cluster.lab.machine(NODE)
        ctr = "ctr" if settings.NODES[0] == NODE else str(build.CONTAINERD.program("ctr"))
        argv = [*machine.argv(pids=False), ctr, "--address", node.SOCKET, "--namespace", "k8s.io", "events"]
        for number in range(runs + 1):
            settled(cluster)
            with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=CLEAN_ENV) as events:
                try:
                    cluster.run("imagepull", "why", POD, "-n", NAMESPACE, "--keep-pod")
                    ran = listed(cluster, selector=OURS)
                finally:
                    events.terminate()
                told = events.communicate()[0]
            first, last = _walked(machine.path("/var/log/pods"), ran, told)
            cluster.run("imagepull", "cleanup", "-n", NAMESPACE, check=False)
            if number:
                found["probes: first frame"].append(first)
                found["probes: last hop"].append(last)
    return found


def _walked(logs: Path, pods: list[dict[str, Any]], events: str) -> tuple[float, float]:
    """(first frame, last hop) in seconds after the start of the container that walked the plan."""
    for one in pods:
        metadata = one["metadata"]
        for state in one["status"]["containerStatuses"]:
            identity = state["containerID"].rpartition("/")[2]
            folder = logs / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}" / state["name"]
            lines = [line for file in sorted(folder.glob("*.log")) for line in file.read_text().splitlines()]
            frames = [line for line in lines if '"kind":"' in line]
            hops = [line for line in frames if '"kind":"seen"' in line]
            if hops:
                start = next(line for line in events.splitlines() if " /tasks/start " in line and identity in line)
                began = _time(start[:29].replace(" ", "T"))
                return _time(frames[0]) - began, _time(hops[-1]) - began
    raise AssertionError(f"no container has walked the plan: {pods}")


def _time(text: str) -> float:
    """Seconds of a time in UTC with up to nine digits behind the point, at the beginning of a line."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?", text)
    assert match is not None, text
    whole = datetime.datetime.fromisoformat(match[1]).replace(tzinfo=datetime.timezone.utc)
    return whole.timestamp() + float(match[2] or 0)


# ---- probe-node ------------------------------------------------------------------------------------------------------


def nodes(runs: int) -> Samples:
    """`probe-node` on one node of the lab and on both."""
    asked = ("--registry", HOST)
    found: Samples = {}
    with healthy() as cluster:
        commands = {
            f"probe-node: {count} of the lab": on_workstation(
                "kubectl", "imagepull", "probe-node", *settings.NODES[:count], "-n", NAMESPACE, *asked
            )
            for count in (1, 2)
        }
        for number in range(runs + 1):
            for name, argv in commands.items():
                settled(cluster)
                took = once(argv)[0]
                if number:
                    found.setdefault(name, []).append(took)
    return found

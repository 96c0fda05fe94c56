"""The way back to Running: `--apply` on Deployments, what it refuses, and `--watch` that sees the end."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, pod, wait_for
from tests.e2e.test_targets import GOOD, MISSING, failing, workload
from tests.lab import faults

pytestmark = pytest.mark.lab

PRIVATE = "private.lab.test/team/app:1.0"


ACCOUNTS = {"poor": "poor", "late": "late"}
BROKEN: Mapping[str, str] = {
    "leading-v": "registry.lab.test/busybox:v1.35",
    "scheme": f"https://{GOOD}",
    "other-tag": MISSING,
    "poor": PRIVATE,
    "late": PRIVATE,
    "worse": MISSING,
    "no-argo": "registry.lab.test/busybox:v1.35",
    "no-flux": "registry.lab.test/busybox:v1.35",
    "no-guess": MISSING,
}
LABELS = {
    "no-argo": {"argocd.argoproj.io/instance": "shop"},
    "no-flux": {"kustomize.toolkit.fluxcd.io/name": "shop"},
}


@pytest.fixture(scope="module", autouse=True)
def broken(cluster: Cluster, namespace: str) -> None:
    """All the workloads, failing."""
    for name, host in (("pull", "private.lab.test"), ("elsewhere", "bearer.lab.test")):
        cluster.make_secret(namespace, name, host)
    cluster.apply(*(account(namespace, name) for name in ACCOUNTS.values()))
    cluster.apply(pod(namespace, "no-bare", "node1", "registry.lab.test/busybox:v1.35"))
    for name, image in BROKEN.items():
        spec = {"serviceAccountName": ACCOUNTS[name]} if name in ACCOUNTS else {}
        metadata = {"labels": LABELS.get(name, {})}
        cluster.apply(workload("Deployment", namespace, name, image, metadata=metadata, **spec))
    wait_for(lambda: len(failing(cluster, namespace)) == len(BROKEN) + 1, 90)


def account(namespace: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def mend(
    cluster: Cluster, namespace: str, name: str, *flags: str, answer: str = ""
) -> subprocess.CompletedProcess[str]:
    words = ["imagepull", "why", f"deploy/{name}", "-n", namespace, "--apply", *flags]
    return cluster.run(*words, stdin=answer, check=False, timeout=100)


def image_of(cluster: Cluster, namespace: str, name: str) -> str:
    image: str = cluster.get("-n", namespace, "deploy", name)["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def runs(cluster: Cluster, namespace: str, name: str) -> bool:
    return cluster.get("-n", namespace, "deploy", name).get("status", {}).get("readyReplicas") == 1


class Watching:
    """`why --watch` beside the test."""

    def __init__(self, cluster: Cluster, namespace: str, what: str) -> None:
        self._child = cluster.popen("imagepull", "why", what, "-n", namespace, "--watch")
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.lines.append(line.rstrip())

    def until_verdict(self) -> Watching:
        wait_for(lambda: any(line.startswith("more: ") for line in self.lines), 60)
        return self

    def ended(self, seconds: float = 60) -> int:
        code = self._child.wait(seconds)
        self._reader.join(10)
        return code

    def interrupt(self) -> int:
        # the child is behind nsenter: what a terminal does is to signal all of the group
        subprocess.run(["kill", "-INT", str(self.pid_of_plugin())], check=True)
        return self.ended(20)

    def pid_of_plugin(self) -> int:
        """The process at the end of the chain that popen started."""
        pid = self._child.pid
        while True:
            below = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
            if not below:
                return pid
            pid = int(below[0])


@pytest.mark.parametrize(
    ("name", "flags"), [("leading-v", ["--yes"]), ("scheme", ["--yes"]), ("other-tag", ["--yes", "--tag", "1.35"])]
)
def test_another_image(cluster: Cluster, namespace: str, name: str, flags: Sequence[str]) -> None:
    image = BROKEN[name]
    watching = Watching(cluster, namespace, f"deploy/{name}").until_verdict()
    ran = mend(cluster, namespace, name, *flags)
    assert (ran.returncode, image_of(cluster, namespace, name)) == (0, GOOD), ran.stdout + ran.stderr
    assert runs(cluster, namespace, name)
    diff = [line.strip() for line in ran.stderr.splitlines()]
    assert any(line.startswith("-") and image in line for line in diff), ran.stderr
    assert any(line.startswith("+") and GOOD in line for line in diff), ran.stderr
    assert watching.ended() == 0
    assert any("Pulled" in line or "is on the node" in line for line in watching.lines[-4:]), watching.lines


def test_account_without_its_secret(cluster: Cluster, namespace: str) -> None:
    """The one secret of the namespace that fits is given to the account, whose other secrets stay; nobody reads it out."""
    watching = Watching(cluster, namespace, "deploy/poor").until_verdict()
    refused = mend(cluster, namespace, "poor", "--yes")
    assert refused.returncode == 1 and "not applied: with --yes only" in refused.stderr
    assert "imagePullSecrets" not in cluster.get("-n", namespace, "serviceaccount", "poor")
    ran = mend(cluster, namespace, "poor", answer="y\n")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert cluster.get("-n", namespace, "serviceaccount", "poor")["imagePullSecrets"] == [{"name": "pull"}]
    assert runs(cluster, namespace, "poor") and watching.ended() == 0
    assert cluster.lab.password not in ran.stdout + ran.stderr


def test_account_that_got_its_secret_late(cluster: Cluster, namespace: str) -> None:
    watching = Watching(cluster, namespace, "deploy/late").until_verdict()
    cluster.apply({**account(namespace, "late"), "imagePullSecrets": [{"name": "pull"}]})
    ran = mend(cluster, namespace, "late", "--yes")
    assert ran.returncode == 0 and "auth.secret_added_late" in ran.stdout, ran.stdout + ran.stderr
    assert runs(cluster, namespace, "late") and watching.ended() == 0


def test_retry_after_the_registry_came_back(cluster: Cluster, namespace: str) -> None:
    dark = workload("Deployment", namespace, "dark", "registry.lab.test/multi:1.0")
    dark["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"  # it may be on the node already
    with faults.stopped(cluster.lab, "registry"):
        cluster.apply(dark)
        wait_for(lambda: any(p.startswith("dark") for p in failing(cluster, namespace)), 60)
        watching = Watching(cluster, namespace, "deploy/dark").until_verdict()
    ran = mend(cluster, namespace, "dark", "--yes")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert runs(cluster, namespace, "dark") and watching.ended() == 0


REFUSED = (
    ("no-argo", ["--yes"], "managed by Argo CD"),
    ("no-flux", ["--yes"], "managed by Flux"),
    ("no-guess", ["--yes"], "with --yes only what changes no meaning is done"),
    ("no-guess", [], "you did not say yes"),
)


def test_refused(cluster: Cluster, namespace: str) -> None:
    """With a reason, and nothing is changed."""
    for name, flags, said in REFUSED:
        ran = mend(cluster, namespace, name, *flags)
        assert ran.returncode == 1 and "not applied: " in ran.stderr and said in ran.stderr, (name, ran.stderr)
        assert image_of(cluster, namespace, name) == BROKEN[name]
    ran = cluster.run("imagepull", "why", "no-bare", "-n", namespace, "--apply", "--yes", check=False)
    assert ran.returncode == 1 and "not applied: pod no-bare belongs to no workload" in ran.stderr
    assert cluster.get("-n", namespace, "pod", "no-bare")["spec"]["containers"][0]["image"].endswith("v1.35")


def test_watch_ends_with_another_verdict_or_ctrl_c(cluster: Cluster, namespace: str) -> None:
    """The same failure again is waited out, another one ends it; Ctrl-C is 130."""
    with ExitStack() as stack:
        watching = Watching(cluster, namespace, "deploy/worse").until_verdict()
        second = Watching(cluster, namespace, "deploy/worse").until_verdict()
        assert second.interrupt() == 130
        # the API server goes away and comes back: the watch goes on
        stack.enter_context(faults.api_server_down(cluster.lab))
        stack.close()
        cluster.run("-n", namespace, "set", "image", "deploy/worse", "app=missing.lab.test/x:1")
        assert watching.ended(90) == 1
    text = "\n".join(watching.lines)
    assert text.count("VERDICT") == 2 and "failed: dns.nxdomain" in text and "confirmed (dns.nxdomain" in text

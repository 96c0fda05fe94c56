"""The way back to Running: `--apply` on Deployments, what it refuses, and `--watch` that sees the end."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, pod, wait_for
from tests.e2e.test_targets import GOOD, MISSING, failing, workload
from tests.lab import faults

pytestmark = pytest.mark.lab

PRIVATE = "private.lab.test/team/app:1.0"


NEAR = "registry.lab.test/busybox:v1.35"
BROKEN: Mapping[str, str] = {
    "leading-v": NEAR,
    "scheme": f"https://{GOOD}",
    "other-tag": MISSING,
    "poor": PRIVATE,
    "late": PRIVATE,
    "worse": MISSING,
    "no-argo": NEAR,
    "no-flux": NEAR,
    "no-operator": NEAR,
    "no-guess": f"{GOOD}-musl",
    "no-idea": MISSING,
}
ACCOUNTS = {"poor": "poor", "late": "late"}
LABELS = {
    "no-argo": {"argocd.argoproj.io/instance": "shop"},
    "no-flux": {"kustomize.toolkit.fluxcd.io/name": "shop"},
    "other-tag": {"app.kubernetes.io/managed-by": "Helm"},
}


@pytest.fixture(scope="module", autouse=True)
def broken(cluster: Cluster, namespace: str) -> None:
    """All the workloads, failing."""
    for name, host in (("pull", "private.lab.test"), ("elsewhere", "bearer.lab.test")):
        cluster.make_secret(namespace, name, host)
    lord = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lord", "namespace": namespace}}
    cluster.apply(*(account(namespace, name) for name in ACCOUNTS.values()), lord)
    uid = cluster.get("-n", namespace, "configmap", "lord")["metadata"]["uid"]
    # for an operator any object of a kind that is no workload of Kubernetes' own will do
    owned = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "lord", "uid": uid, "controller": True}]
    made = [pod(namespace, "no-bare", "node1", NEAR)]
    for name, image in BROKEN.items():
        spec = {"serviceAccountName": ACCOUNTS[name]} if name in ACCOUNTS else {}
        metadata: dict[str, Any] = {"labels": LABELS.get(name, {})}
        if name == "no-operator":
            metadata["ownerReferences"] = owned
        made.append(workload("Deployment", namespace, name, image, metadata=metadata, **spec))
    made += [workload(kind, namespace, f"no-{kind.lower()}", NEAR) for kind in ("Job", "CronJob")]
    near = pod(namespace, "near", "node1", GOOD, ["pull"])  # from here on the node may read the secret
    cluster.apply(near, *made)
    cluster.run("-n", namespace, "create", "job", "--from=cronjob/no-cronjob", "no-cronjob-1")
    cluster.wait_running(namespace, ["near"])
    names = (*BROKEN, "no-bare", "no-job", "no-cronjob-1")

    def all_fail() -> bool:
        found = failing(cluster, namespace)
        return all(any(f"{one}-".startswith(f"{name}-") for one in found) for name in names)

    wait_for(all_fail, 90)


def account(namespace: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


Ran = subprocess.CompletedProcess[str]


def fix(cluster: Cluster, namespace: str, what: str, *flags: str, answer: str = "") -> Ran:
    """`why --apply`. what: the name of a Deployment, or KIND/NAME."""
    target = what if "/" in what else f"deploy/{what}"
    words = ["imagepull", "why", target, "-n", namespace, "--apply", *flags]
    return cluster.run(*words, stdin=answer, check=False, timeout=100)


def together(calls: Iterable[Callable[[], Ran]]) -> list[Ran]:
    """The same side by side: most of the time a diagnosis waits for its node."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def image_of(cluster: Cluster, namespace: str, name: str) -> str:
    image: str = cluster.get("-n", namespace, "deploy", name)["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def runs(cluster: Cluster, namespace: str, name: str) -> bool:
    return cluster.get("-n", namespace, "deploy", name).get("status", {}).get("readyReplicas") == 1


def attempts(cluster: Cluster, namespace: str, name: str) -> int:
    """How often the image of a Deployment's pod could not be pulled."""
    events = cluster.listed(namespace, "events", fieldSelector="reason=Failed")
    mine = [e for e in events if e["involvedObject"]["name"].startswith(f"{name}-")]
    return sum(e.get("count") or 1 for e in mine if e["message"].startswith("Failed to pull"))


def uids(cluster: Cluster, namespace: str, name: str) -> set[str]:
    """Of a Deployment's pods."""
    pods = cluster.listed(namespace, "pods")
    return {p["metadata"]["uid"] for p in pods if p["metadata"]["name"].startswith(f"{name}-")}


class Watching:
    """`why --watch` beside the test."""

    def __init__(self, cluster: Cluster, namespace: str, what: str) -> None:
        # what is watched is not what is tested of the diagnosis: no probe pod for it
        self._child = cluster.popen("imagepull", "why", what, "-n", namespace, "--watch", "--no-probe")
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


FIXED: Mapping[str, tuple[Sequence[str], str]] = {
    "leading-v": (["--yes"], ""),
    "scheme": (["--yes"], ""),
    "other-tag": (["--yes", "--tag", "1.35"], ""),
    "late": (["--yes"], ""),
    "poor": ([], "y\n"),
}
"""Deployment -> flags, and what is answered when it asks."""


@pytest.fixture(scope="module")
def fixed(cluster: Cluster, namespace: str, broken: None) -> Mapping[str, tuple[Ran, Watching]]:
    """What `--apply` said of each, and what `--watch` saw of it meanwhile."""
    watching = {name: Watching(cluster, namespace, f"deploy/{name}") for name in FIXED}
    for one in watching.values():
        one.until_verdict()
    cluster.apply({**account(namespace, "late"), "imagePullSecrets": [{"name": "pull"}]})
    # who says no keeps the pod: what was shown was a dry run for the API server too
    pods = uids(cluster, namespace, "late")
    assert "you did not say yes" in fix(cluster, namespace, "late", answer="n\n").stdout
    assert uids(cluster, namespace, "late") == pods
    ran = together(
        partial(fix, cluster, namespace, name, *flags, answer=answer) for name, (flags, answer) in FIXED.items()
    )
    return {name: (one, watching[name]) for name, one in zip(FIXED, ran, strict=True)}


@pytest.mark.parametrize("name", FIXED)
def test_mended(cluster: Cluster, namespace: str, fixed: Mapping[str, tuple[Ran, Watching]], name: str) -> None:
    """It runs, and whoever watched has seen it."""
    ran, watching = fixed[name]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    wait_for(lambda: runs(cluster, namespace, name), 30)
    assert watching.ended() == 0
    assert any("Pulled" in line or "is on the node" in line for line in watching.lines[-4:]), watching.lines
    assert cluster.lab.password not in ran.stdout + ran.stderr
    if BROKEN[name] != PRIVATE:
        assert image_of(cluster, namespace, name) == GOOD
        diff = [line.strip() for line in ran.stdout.splitlines()]
        assert any(line.startswith("-") and BROKEN[name] in line for line in diff), ran.stdout
        assert any(line.startswith("+") and GOOD in line for line in diff), ran.stdout
    assert ("note: deployment/other-tag is managed by Helm" in ran.stdout) == (name == "other-tag")
    assert ("auth.secret_added_late" in ran.stdout) == (name == "late")
    if name == "poor":
        # the one secret of the namespace that fits, and nobody reads it out
        assert cluster.get("-n", namespace, "serviceaccount", "poor")["imagePullSecrets"] == [{"name": "pull"}]


def test_retry_after_the_registry_came_back(cluster: Cluster, namespace: str) -> None:
    # at a registry that no other workload here pulls from: an attempt of theirs would be refused too, and change their cause
    dark = workload("Deployment", namespace, "dark", "bearer.lab.test/public/spare:1.0")
    dark["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"  # it may be on the node already
    with faults.stopped(cluster.lab, "bearer"):
        cluster.apply(dark)
        wait_for(lambda: any(p.startswith("dark") for p in failing(cluster, namespace)), 60)
        watching = Watching(cluster, namespace, "deploy/dark").until_verdict()
        # the kubelet's fourth attempt is 40 s off: it does not mend the pod before we do
        wait_for(lambda: attempts(cluster, namespace, "dark") >= 3, 90)
        refused = fix(cluster, namespace, "dark", "--yes", "-o", "json")
    # one document, that of the end, where it is no text
    assert refused.returncode == 1 and "not applied: " in refused.stderr
    assert json.loads(refused.stdout)["verdict"]["cause"] == "net.refused"
    ran = fix(cluster, namespace, "dark", "--yes", "-o", "json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["verdict"]["cause"] == "none"
    wait_for(lambda: runs(cluster, namespace, "dark"), 30)
    assert watching.ended() == 0


REFUSED = (
    ("no-argo", ["--yes", "--no-probe"], "deployment/no-argo is managed by Argo CD, which would revert"),
    ("no-flux", ["--yes", "--no-probe"], "deployment/no-flux is managed by Flux, which would revert"),
    (
        "no-operator",
        ["--yes", "--no-probe"],
        "the pod belongs to configmap/lord, whose operator would revert the change",
    ),
    ("no-guess", ["--yes"], "with --yes only what changes no meaning is done"),
    ("no-guess", [], "you did not say yes"),
    ("no-idea", ["--yes"], "no tag is near to 9.9; --tag TAG chooses one (there are 1.35, v2.0.0)"),
    ("pod/no-bare", ["--yes", "--no-probe"], "pod no-bare belongs to no workload"),
    ("job/no-job", ["--yes"], "the pod template of job/no-job never changes; this makes the job anew: kubectl -n"),
)


def test_refused(cluster: Cluster, namespace: str) -> None:
    """With a reason, and nothing is changed."""
    before = {name: image_of(cluster, namespace, name) for name, _, _ in REFUSED if "/" not in name}
    said = together(partial(fix, cluster, namespace, name, *flags) for name, flags, _ in REFUSED)
    for (name, flags, reason), ran in zip(REFUSED, said, strict=True):
        assert ran.returncode == 1 and f"not applied: {reason}" in ran.stdout, (name, flags, ran.stdout)
    assert before == {name: image_of(cluster, namespace, name) for name in before}
    assert cluster.get("-n", namespace, "pod", "no-bare")["spec"]["containers"][0]["image"] == NEAR


def test_cron_job(cluster: Cluster, namespace: str) -> None:
    """Its next runs are fixed; the job of now is not, which is said, and the exit code is that of what still fails."""
    ran = fix(cluster, namespace, "cj/no-cronjob", "--yes")
    assert ran.returncode == 1 and "the next run of cronjob/no-cronjob has the change" in ran.stdout, ran.stdout
    spec = cluster.get("-n", namespace, "cronjob", "no-cronjob")["spec"]
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] == GOOD


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
    assert text.count("VERDICT") == 2 and "failed: dns.nxdomain" in text and "likely, not proven (dns.nxdomain" in text

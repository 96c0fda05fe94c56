"""Every way out of a node, forced: what it sees, what it says it cannot see, and that it leaves the node as it was."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest

from kubectl_imagepull.case import parse
from kubectl_imagepull.model import Case, Verdict
from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.verdict import judge
from tests import limits
from tests.e2e.cluster import LATE, TRIES, Cluster, Witness, pod, wait_for
from tests.lab import faults
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab

PYTHON, BUSYBOX = "registry.lab.test/python:3", "registry.lab.test/busybox:1.35"
IMAGES = {
    "nxdomain": "missing.lab.test/team/app:1.0",
    "servfail": "servfail.lab.test/team/app:1.0",
    "silent": "silent.lab.test/team/app:1.0",
    "ipv6": "v6only.lab.test/team/app:1.0",
    "refused": "refused.lab.test/team/app:1.0",
    "dropped": "dropped.lab.test/team/app:1.0",
    "noroute": "noroute.lab.test/team/app:1.0",
    "unknownca": "unknownca.lab.test/team/app:1.0",
    "intermediate": "lone.lab.test/team/app:1.0",
    "expired": "expired.lab.test/team/app:1.0",
    "wrongname": "wrongname.lab.test/team/app:1.0",
    "plain": "plain.lab.test/team/app:1.0",
    "basic": "private.lab.test/team/app:1.0",
    "throttled": "hub.lab.test/limited/app:1.0",
    "token-nxdomain": "orphan.lab.test/team/app:1.0",
    "token-broken": "token-e500.lab.test/team/app:1.0",
    "unavailable": "e503.lab.test/team/app:1.0",
    "blob-refused": "blobs-refused.lab.test/team/app:1.0",
    "blob-missing": "blobs-e404.lab.test/team/app:1.0",
    "tag": "registry.lab.test/busybox:9.9",
    "repository": "registry.lab.test/nosuch/app:1.0",
    "tag-bearer": "bearer.lab.test/public/app:9.9",
    "private-bearer": "bearer.lab.test/team/app:1.0",
    "platform": "registry.lab.test/armonly:1.0",
    "mirror": "mirrored.lab.test/team/app:1.0",
    "mirror-works": "stood-in-for.lab.test/team/app:1.0",
    "own-ca": "own-ca.lab.test/team/app:1.0",
    "hosts-file": "broken-file.lab.test/team/app:1.0",
}
"""By the fault of `limits.FAULTS`: an image whose pull meets it on the lab."""
HEALTHY = {"healthy": "registry.lab.test/team/app:1.0", "healthy-token": "bearer.lab.test/public/app:1.0"}
"""The same for those that meet none, as containers of one pod that runs."""
FILES = {
    "mirrored.lab.test": 'server = "https://refused.lab.test"\n',
    "stood-in-for.lab.test": '[host."https://registry.lab.test"]\n  capabilities = ["pull", "resolve"]\n',
    "own-ca.lab.test": 'server = "https://unknownca.lab.test"\nca = "own.crt"\n',
    "broken-file.lab.test": "[host.\n",
}
"""hosts.toml by registry."""
WAYS = {
    "host-python": ("node2", []),
    "image-python": ("node1", ["--probe-image", PYTHON]),
    "shell": ("node1", []),
    "shell with busybox alone": ("node2", ["--probe-image", BUSYBOX]),
    "kubelet": ("node2", []),
}
"""By the column of `limits.FAULTS`: on which node all faults are put to it, and flags. The healthy paths are on both."""


@pytest.fixture(scope="module")
def cached(cluster: Cluster, namespace: str) -> str:
    """The namespace, with images that have Python and a shell running on both nodes, and a few pods that fail."""
    sleeps = ["python3", "-c", "import time; time.sleep(36000)"]
    made = [pod(namespace, "denied", "node2", "refused.lab.test/team/app:1.0")]
    for node in NODES:
        python = {"containers": [{"name": "app", "image": PYTHON, "command": sleeps}]}
        made.append(pod(namespace, f"python-{node}", node, "", **python))
        made.append(pod(namespace, f"shell-{node}", node, BUSYBOX))
        made.append(pod(namespace, f"no-tag-{node}", node, "registry.lab.test/busybox:9.9"))
    cluster.apply(*made)
    cluster.wait_running(namespace, [f"{kind}-{node}" for kind in ("python", "shell") for node in NODES])
    cluster.wait_failing(namespace, [*(f"no-tag-{node}" for node in NODES), "denied"])
    return namespace


Told = dict[str, tuple[Case, Verdict]]


@pytest.fixture(scope="module")
def told(cluster: Cluster, cached: str, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Told]:
    """What each rung says of each fault by itself: without the runtime's words and the workstation's view.

    The faults are containers of one pod a node. Their policy is Never, so all of them fail at once, and the lab's registries
    are asked by nobody but the probes.
    """
    folder = tmp_path_factory.mktemp("cases")
    for node in NODES:
        never = [{"name": name, "image": image, "imagePullPolicy": "Never"} for name, image in IMAGES.items()]
        fine = [{"name": name, "image": image, "command": ["sleep", "36000"]} for name, image in HEALTHY.items()]
        cluster.apply(
            pod(cached, f"broken-{node}", node, "", containers=never),
            pod(cached, f"healthy-{node}", node, "", containers=fine),
        )
    ca = (cluster.lab.state / "pki" / "unknown-ca.crt").read_text()

    def ask(way: str, node: str) -> Told:
        whole, more = WAYS[way]
        words = ["-n", cached, "--via", way.split()[0], *more, "--no-credentials", "--timeout", "120s", "-o", "name"]
        found = {}
        for which, code in (("healthy", 0), ("broken", 1)) if node == whole else (("healthy", 0),):
            file = folder / f"{way}-{node}-{which}.json"
            asked = ("imagepull", "why", f"{which}-{node}", *words, "--save-case", str(file))
            for _ in range(TRIES):
                ran = cluster.run(*asked, check=False, timeout=240)
                if not file.exists() or LATE.search(file.read_text()) is None:
                    break
            assert ran.returncode == code, ran.stdout + ran.stderr
            for case in parse(file.read_bytes(), file.name).cases:
                found[case.target.container] = (case, judge(alone(case)))
        return found

    with contextlib.ExitStack() as stack:
        for node in NODES:
            for host, text in FILES.items():
                stack.enter_context(faults.hosts_toml(cluster.lab, node, host, text))
            (cluster.lab.machine(node).path("/etc/containerd/certs.d/own-ca.lab.test") / "own.crt").write_text(ca)
        cluster.wait_running(cached, [f"healthy-{node}" for node in NODES])
        cluster.wait_failing(cached, [f"broken-{node}" for node in NODES])
        with ThreadPoolExecutor(max_workers=4) as pool:
            asked = {(way, node): pool.submit(ask, way, node) for way in WAYS for node in NODES}
            return {key: future.result() for key, future in asked.items()}


def alone(case: Case) -> Case:
    """The case as the node's rung alone would have it."""
    node = tuple(o for o in case.observations if o.vantage.place == "node")
    facts = dataclasses.replace(
        case.facts, said="", message="", reason="ErrImagePull", policy="IfNotPresent", events=(), failing=True
    )
    return dataclasses.replace(case, observations=node, facts=facts)


@pytest.mark.parametrize("way", WAYS)
def test_faults(told: dict[tuple[str, str], Told], way: str) -> None:
    """Each fault is named as the table of docs/limits.md says, and a path in order gives no finding at all."""
    assert {*IMAGES, *HEALTHY} == set(limits.FAULTS)
    wrong = []
    for node in NODES:
        cases = told[way, node]
        assert set(cases) >= set(HEALTHY)
        for name, (case, verdict) in cases.items():
            probe, fault = case.probe, limits.FAULTS[name]
            assert (probe.rung, probe.node, probe.deleted, case.errors) == (way.split()[0], node, True, ()), case.probe
            assert probe.cannot_see, probe
            broken = [f for f in verdict.findings if f.level == "error"]
            first = broken[0] if broken else None
            said = (first.cause, first.confidence) if first is not None else ("", "")
            right = said == fault.expected(way) and len(broken) <= (2 if name == "hosts-file" else 1)
            if first is not None and first.cause == fault.cause:
                right = right and first.subject.role == fault.role
            if name in HEALTHY:
                right = right and not verdict.findings
            if not right:
                wrong.append((node, name, said, "and not", fault.expected(way), verdict.findings, verdict.hops))
    assert set(told[way, WAYS[way][0]]) == set(limits.FAULTS)
    assert not wrong, "\n".join(map(str, wrong))


@contextlib.contextmanager
def file_on(cluster: Cluster, node: str, path: str, text: str) -> Iterator[None]:
    """A node has this file in a folder of its own."""
    file = cluster.lab.machine(node).path(path)
    file.parent.mkdir(parents=True)
    try:
        file.write_text(text)
        yield
    finally:
        shutil.rmtree(file.parent)


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("way", ["host-python", "shell"])
def test_proxy(cluster: Cluster, cached: str, way: str, node: str) -> None:
    """A dead proxy in the runtime's unit file is found by whoever can read that."""
    unit = '[Service]\nEnvironment="HTTPS_PROXY=http://refused.lab.test:3128"\n'
    with file_on(cluster, node, "/etc/systemd/system/containerd.service.d/proxy.conf", unit):
        _, found = cluster.why(f"no-tag-{node}", "-n", cached, "--via", way)
    named = [(f["cause"], f["subject"]["role"], f["subject"]["host"]) for f in found["findings"]]
    assert ("net.proxy", "proxy", "refused.lab.test:3128") in named, json.dumps(found, indent=1)


def test_confidence(cluster: Cluster, cached: str) -> None:
    """What the host's network shows is confirmed, what a pod's shows is likely; an image that nobody has named is on no network
    but its own pods'."""
    sure = {}
    for more in (("--probe-image", PYTHON), ("--probe-image", PYTHON, "--no-host-network"), ()):
        _, found = cluster.why("denied", "-n", cached, "--via", "image-python", *more)
        sure[more] = (found["verdict"]["cause"], found["verdict"]["confidence"])
        assert found["probe"]["rung"] == "image-python" and found["probe"]["cannotSee"], found["probe"]
    assert list(sure.values()) == [("net.refused", sure_of) for sure_of in ("confirmed", "likely", "likely")], sure


def test_trial_pull(cluster: Cluster, cached: str) -> None:
    """The kubelet's own answer, for a pod that fails, one that would work by now, and an image not deployed yet."""
    cluster.make_secret(cached, "good", "private.lab.test")
    cluster.make_secret(cached, "wrong", "private.lab.test", "not-it")
    cluster.apply(
        pod(cached, "refused", "node2", "private.lab.test/team/app:1.0", ["wrong"]),
        pod(cached, "early", "node1", "private.lab.test/team/app:1.0"),
        pod(cached, "near", "node1", BUSYBOX, ["good"]),
    )
    cluster.wait_running(cached, ["near"])  # from here on its node may read the secret
    cluster.wait_failing(cached, ["refused", "early"])
    code, found = cluster.why("refused", "-n", cached, "--via", "trial-pull", "--no-credentials")
    runtime = [h for h in found["hops"] if h["hop"] == "runtime" and h["vantage"] == "node2"]
    assert (code, found["probe"]["rung"], runtime[0]["status"]) == (1, "trial-pull", "fail"), found
    assert found["verdict"]["cause"].startswith("auth."), found["verdict"]
    patch = '{"imagePullSecrets":[{"name":"good"}]}'
    cluster.run("-n", cached, "patch", "serviceaccount", "default", "-p", patch)
    try:
        code, found = cluster.why("early", "-n", cached, "--try-pull", "--no-credentials")
    finally:
        cluster.run("-n", cached, "patch", "serviceaccount", "default", "-p", '{"imagePullSecrets":null}')
    jsonschema.validate(found, schema())
    verdict = found["verdict"]
    assert (code, verdict["cause"], verdict["confidence"]) == (1, "auth.secret_added_late", "confirmed"), verdict
    assert any("cost one pull" in h["summary"] for h in found["hops"] if h["hop"] == "runtime")
    words = ["imagepull", "probe-node", "node1", "-n", cached, "--via", "trial-pull"]
    image = ["--image", "private.lab.test/team/app:1.0"]
    ran = cluster.run(*words, *image, "--pull-secret", "good", "-o", "json", check=False)
    jsonschema.validate(json.loads(ran.stdout), schema())
    assert (ran.returncode, json.loads(ran.stdout)["pull"]["outcome"]) == (0, "pulled"), ran.stdout
    ran = cluster.run(*words, *image, "-o", "json", check=False)
    found = json.loads(ran.stdout)
    jsonschema.validate(found, schema())
    pull = found["pull"]
    assert (ran.returncode, pull["outcome"], pull["cause"]) == (1, "failed", "auth.no_credentials"), ran.stdout
    assert pull["confidence"] == "confirmed", "the runtime's words and what the workstation sees together"


def test_keep_pod(cluster: Cluster, cached: str) -> None:
    """It stays, its name and the one command that deletes all of it are said, and that works."""
    ran = cluster.run("imagepull", "why", "no-tag-node1", "-n", cached, "--keep-pod", check=False)
    said = " ".join(ran.stdout.split()).partition("to delete it: kubectl ")[2].split(" not ")[0].split()[:5]
    ours = [
        "-n",
        cached,
        "get",
        "jobs,pods,configmaps",
        "-l",
        "app.kubernetes.io/managed-by=kubectl-imagepull",
        "-o",
        "name",
    ]
    kept = cluster.run(*ours).stdout.split()
    assert sorted(name.partition("/")[0] for name in kept) == ["configmap", "job.batch", "pod"], kept
    assert next(name for name in kept if name.startswith("pod/"))[4:] in ran.stdout
    assert said[:2] == ["delete", "job"] and f"job.batch/{said[2]}" in kept, ran.stdout
    cluster.run(*said)
    wait_for(lambda: not cluster.run(*ours).stdout.split(), 30)


def test_without_any_pod(cluster: Cluster, cached: str) -> None:
    """The kubelet's own figures, through the API."""
    with Witness(cluster, cached) as witness:
        _, found = cluster.why("no-tag-node2", "-n", cached, "--via", "api-only")
    assert not witness.texts
    lines = {h["hop"]: (h["status"], h["summary"]) for h in found["hops"] if h["vantage"] == "api"}
    assert lines["storage"][0] == "pass" and "GiB are free for images" in lines["storage"][1]
    assert lines["runtime"] == ("pass", "pulls side by side, 50 a second")
    assert (found["probe"]["rung"], found["probe"]["created"]) == ("api-only", False)


@pytest.mark.parametrize("rung", ["host-python", "image-python", "shell", "kubelet", "trial-pull"])
def test_node_unchanged(cluster: Cluster, cached: str, rung: str) -> None:
    """No file or folder of the node appears or goes, and what a run stores is small beside its one ConfigMap."""
    node = cluster.lab.machine("node2")

    def listing() -> set[str]:
        roots = "ls -1a / /usr /lib /lib64 /host /imagepull /imagepull-lock 2>&1; find /var/lib/kubelet -name none"
        etc = "find /etc -ls | sed 's/  */ /g' | cut -d' ' -f2-"
        return set(node.enter(["sh", "-c", f"{roots}; {etc}"]).splitlines())

    before = listing()
    with Stored(cluster, cached) as stored:
        _, found = cluster.why("no-tag-node2", "-n", cached, "--via", rung)
    assert found["probe"]["rung"] == rung, found["probe"]
    assert listing() == before
    print(f"{rung}: {sum(map(sum, stored.sizes.values()))} bytes, {stored.sizes}")
    assert all(stored.sizes.values()), "nothing was seen"
    # every file and folder of the host that is mounted is told of in each version, twice: as it is and as a managed field
    assert sum(map(sum, stored.sizes.values())) < 90_000, stored.sizes


class Stored:
    """What is written to etcd while a command runs: every version of our Jobs and Pods, in the stored encoding.

    The watch cache is asked afterwards, so that no version is missed. sizes: bytes of each, in the order of writing.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._api = cluster.lab.api
        self._paths = (f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/pods")
        self._selector = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkubectl-imagepull"
        self.sizes: dict[str, list[int]] = {}

    def __enter__(self) -> Stored:
        lists = (json.loads(self._api.request("GET", path)[1]) for path in self._paths)
        self._since = [found["metadata"]["resourceVersion"] for found in lists]
        return self

    def __exit__(self, *_: object) -> None:
        accept = "application/vnd.kubernetes.protobuf;stream=watch"
        for path, since in zip(self._paths, self._since, strict=True):
            query = f"watch=1&timeoutSeconds=1&resourceVersion={since}&{self._selector}"
            status, body = self._api.request("GET", f"{path}?{query}", accept=accept)
            assert status == 200, body
            self.sizes[path.rpartition("/")[2]] = sizes = []
            while body:
                end = 4 + int.from_bytes(body[:4], "big")  # a frame: its length, then a WatchEvent of type and object
                if b"DELETED" not in body[4:16]:
                    sizes.append(end - 4)
                body = body[end:]


@contextlib.contextmanager
def hosts_file(cluster: Cluster, node: str, host: str, other: str) -> Iterator[None]:
    """A node's hosts file sends the one host to the other's address."""
    file = cluster.lab.machine(node).path("/etc/hosts")
    before = file.read_text()
    file.write_text(f"{before}{cluster.lab.address(other)} {host}.lab.test\n")
    try:
        yield
    finally:
        file.write_text(before)


def test_compare_node(cluster: Cluster, cached: str) -> None:
    """The same plan from a second node: the report says where they part, and nothing stays on either."""
    with hosts_file(cluster, "node1", "registry", "refused"):
        cluster.apply(pod(cached, "alone", "node1", "registry.lab.test/busybox:9.8"))

        def refused() -> bool:
            [status] = cluster.get("-n", cached, "pod", "alone")["status"].get("containerStatuses") or [{}]
            return "connection refused" in str((status.get("state") or {}).get("waiting"))

        # containerd may know the hosts file of a moment before: Go reads it every five seconds (src/net/hosts.go)
        wait_for(refused, 60)
        code, found = cluster.why("alone", "-n", cached, "--compare-node", "auto")
    jsonschema.validate(found, schema())
    assert (code, found["verdict"]["cause"]) == (1, "net.refused")
    said = " ".join(found["verdict"]["explanation"])
    assert "node1 and node2 part at connect of registry registry.lab.test" in said, said
    views = {(h["vantage"], h["hop"]): h["status"] for h in found["hops"]}
    assert (views["node1", "connect"], views["node2", "connect"]) == ("fail", "pass")
    ours = ["-n", cached, "get", "jobs,pods", "-l", "app.kubernetes.io/managed-by=kubectl-imagepull", "-o", "name"]
    assert not cluster.run(*ours).stdout.split()
    peer = found["peerProbe"]
    assert (peer["rung"], peer["node"], peer["deleted"]) == ("host-python", "node2", True), peer
    ran = cluster.run("imagepull", "why", "no-tag-node2", "-n", cached, "--compare-node", "node1", check=False)
    assert "node1 sees the same as node2" in ran.stdout, ran.stdout
    assert "\nseen from node2, node1 and this machine\n" in ran.stdout, ran.stdout

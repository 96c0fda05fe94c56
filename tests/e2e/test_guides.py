"""What the guides have a reader type, on the lab's nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.documents import ROOT
from tests.e2e.cluster import LATE, TRIES, Cluster, pod, wait_for
from tests.lab import faults

pytestmark = pytest.mark.lab
CRONJOB = str(ROOT / "deploy" / "monitoring" / "cronjob.yaml")
SCANNER = "system:serviceaccount:imagepull-scan:imagepull-scan"


def test_a_cache_is_seen(cluster: Cluster) -> None:
    """A node that was told of a mirror shows it, another one does not; and its pull ends well."""
    host = "registry.lab.test"
    asks = ("imagepull", "probe-node")
    words = [
        (*asks, "node1", "--registry", host),
        (*asks, "node1", "--registry", host, "-o", "json"),
        (*asks, "node2", "--registry", host, "-o", "json"),
        (*asks, "node1", "--image", f"{host}/busybox:1.35"),
    ]
    with faults.mirror(cluster.lab, "node1", host, "https://hub.lab.test"):
        for _ in range(TRIES):
            running = [cluster.popen(*one) for one in words]
            ended = [(*one.communicate(timeout=120), one.returncode) for one in running]
            if not any(LATE.search(out) for out, _, _ in ended):
                break
    assert [code for _, _, code in ended] == [0] * len(words), ended
    text, told, other, pulled = (out for out, _, _ in ended)
    assert host in text and "pulled it again" in " ".join(pulled.split())
    # as the page's grep finds it
    assert '"role": "mirror",\n' in told and '"host": "hub.lab.test"' in told.partition('"role": "mirror",\n')[2]
    assert '"role": "mirror"' not in other


@pytest.fixture
def installed(cluster: Cluster) -> Iterator[None]:
    cluster.run("label", "node", "node1", "imagepull.dev/scan=")
    cluster.run("apply", "-f", CRONJOB)
    # no pod of it is to run here, where its image is not
    cluster.run("-n", "imagepull-scan", "patch", "cronjob", "imagepull-scan", "-p", '{"spec": {"suspend": true}}')
    try:
        yield
    finally:
        cluster.run("delete", "-f", CRONJOB, "--wait=true", "--timeout=60s")
        cluster.run("label", "node", "node1", "imagepull.dev/scan-")


def test_the_cronjob(cluster: Cluster, namespace: str, installed: None) -> None:
    """The manifests are taken, and the account's rights are enough for a whole scan, and not for a secret."""
    cluster.run("-n", "imagepull-scan", "create", "job", "--from=cronjob/imagepull-scan", "first", "--dry-run=server")
    cluster.make_secret(namespace, "regcred", "private.lab.test", "wrong")
    cluster.apply(
        pod(namespace, "no-tag", "node1", "registry.lab.test/busybox:9.9"),
        pod(namespace, "wrong-login", "node1", "private.lab.test/team/app:1.0", ["regcred"]),
    )
    cluster.wait_failing(namespace, ["no-tag", "wrong-login"])

    def may(*words: str) -> bool:
        return cluster.run("auth", "can-i", *words, "-A", "--as", SCANNER, check=False).returncode == 0

    wait_for(lambda: may("list", "pods") and may("list", "events") and may("get", "jobs"), 20)
    assert not may("get", "secrets") and not may("create", "pods") and not may("create", "jobs")
    ran = cluster.run("imagepull", "scan", "-A", "-o", "openmetrics", "--as", SCANNER, check=False)
    assert ran.returncode in (1, 3), ran.stderr
    lines = [line for line in ran.stdout.splitlines() if line.startswith("imagepull_failing_containers{")]
    mine = [line for line in lines if f'namespace="{namespace}"' in line]
    assert len(mine) == 2 and any('cause="image.tag_unknown"' in line for line in mine), ran.stdout
    assert any('cause="auth.' in line for line in mine) and ran.stdout.endswith("# EOF\n")
    assert json.loads(cluster.run("get", "-f", CRONJOB, "-o", "json").stdout)["items"]

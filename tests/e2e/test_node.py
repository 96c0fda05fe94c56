"""The other ways of asking: probe-node, the kubelet's own probes, several containers, another resolver, a dead node."""

from __future__ import annotations

import json
import time

import jsonschema
import pytest

from kubectl_imagepull.report.machine import schema
from tests.e2e.cluster import Cluster, pod, wait_for
from tests.lab import faults
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab

HOSTS = {
    "registry.lab.test": None,
    "private.lab.test": None,
    "bearer.lab.test": None,
    "missing.lab.test": "dns",
    "refused.lab.test": "connect",
    "expired.lab.test": "tls",
    "wrongname.lab.test": "tls",
    "orphan.lab.test": "auth",
}


@pytest.mark.parametrize("node", NODES)
def test_probe_node(cluster: Cluster, node: str) -> None:
    """A row a registry, the first broken hop named; the same in JSON."""
    words = ["imagepull", "probe-node", node, *(w for host in HOSTS for w in ("--registry", host))]
    ran = cluster.run(*words, "-o", "json", check=False)
    found = json.loads(ran.stdout)
    jsonschema.validate(found, schema())
    assert {r["host"]: r["brokenHop"] for r in found["registries"]} == HOSTS
    assert ran.returncode == 1
    table = cluster.run(*words, check=False).stdout.splitlines()
    for host, broken in HOSTS.items():
        row = next(line for line in table if line.startswith(host))
        assert (f"{broken}: " in row) if broken else row.rstrip().endswith("ok"), row


def test_probe_node_finds_registries(cluster: Cluster, namespace: str) -> None:
    """Without --registry: those of the pods on the node."""
    cluster.apply(pod(namespace, "here", "node1", "registry.lab.test/busybox:1.35"))
    cluster.wait_running(namespace, ["here"])
    ran = cluster.run("imagepull", "probe-node", "node/node1", "-o", "json", check=False)
    assert "registry.lab.test" in [r["host"] for r in json.loads(ran.stdout)["registries"]]


def test_several_containers(cluster: Cluster, namespace: str) -> None:
    """One diagnosis for each failing container, init containers too, and none for the healthy one."""
    spec = {
        "initContainers": [{"name": "prepare", "image": "registry.lab.test/busybox:9.9"}],
        "containers": [
            {"name": "app", "image": "registry.lab.test/busybox:1.35"},
            {"name": "second", "image": "expired.lab.test/team/app:1.0"},
        ],
    }
    cluster.apply(pod(namespace, "init-fails", "node2", "", **spec))
    both = {
        "containers": [
            spec["initContainers"][0],
            spec["containers"][1],
            {"name": "third", "image": "registry.lab.test/busybox:1.35"},
        ]
    }
    cluster.apply(pod(namespace, "two-fail", "node2", "", **both))
    cluster.wait_failing(namespace, ["init-fails", "two-fail"])
    code, found = cluster.why("init-fails", "-n", namespace)
    assert (code, found["kind"], found["target"]["container"], found["target"]["role"]) == (
        1,
        "Diagnosis",
        "prepare",
        "init",
    )
    wait_for(lambda: cluster.why("two-fail", "-n", namespace, "--no-probe")[1]["kind"] == "DiagnosisList", 30)
    code, found = cluster.why("two-fail", "-n", namespace)
    jsonschema.validate(found, schema())
    causes = {d["target"]["container"]: d["verdict"]["cause"] for d in found["items"]}
    assert (code, causes) == (1, {"prepare": "image.tag_unknown", "second": "tls.expired"})
    printed = cluster.run("imagepull", "why", "two-fail", "-n", namespace, check=False).stdout
    assert "container prepare" in printed and "container second" in printed and "container third" not in printed


KUBELET_SEES = {
    "registry.lab.test/busybox:9.9": ("image.tag_unknown", "confirmed"),
    "missing.lab.test/team/app:1.0": ("dns.nxdomain", "confirmed"),
    "refused.lab.test/team/app:1.0": ("net.refused", "confirmed"),
    "noroute.lab.test/team/app:1.0": ("net.unreachable", "confirmed"),
    "plain.lab.test/team/app:1.0": ("tls.http_on_https", "likely"),
    "private.lab.test/team/app:1.0": ("auth.no_credentials", "confirmed"),
    "unknownca.lab.test/team/app:1.0": ("tls.unknown_authority", "likely"),
    "hub.lab.test/limited/app:1.0": ("rate.registry_limit", "likely"),
}
"""With the runtime's words, which show for some of them that it goes by no proxy. By itself: see test_rungs."""


@pytest.mark.parametrize("node", NODES)
def test_kubelet_rung(cluster: Cluster, namespace: str, node: str) -> None:
    """The kubelet's own probes name the same causes, and confirm nothing that they cannot see."""
    names = {f"k{number}-{node}": image for number, image in enumerate(KUBELET_SEES)}
    cluster.apply(*(pod(namespace, name, node, image) for name, image in names.items()))
    cluster.wait_failing(namespace, list(names))
    _, found = cluster.why(*names, "-n", namespace, "--via", "kubelet", "--timeout", "60s")
    jsonschema.validate(found, schema())
    assert {d["probe"]["rung"] for d in found["items"]} == {"kubelet"}
    said = {d["target"]["image"]: (d["verdict"]["cause"], d["verdict"]["confidence"]) for d in found["items"]}
    assert said == KUBELET_SEES, json.dumps(found, indent=1)


@pytest.mark.parametrize("node", NODES)
def test_dead_resolver(cluster: Cluster, namespace: str, node: str) -> None:
    """The host's resolver is silent: the resolver is the subject, not the registry."""
    with faults.dns_dead(cluster.lab, node, "both"):
        cluster.apply(pod(namespace, f"dark-{node}", node, "registry.lab.test/busybox:dark"))
        cluster.wait_pulling(namespace, [f"dark-{node}"])
        code, found = cluster.why(f"dark-{node}", "-n", namespace)
    verdict = found["verdict"]
    assert (code, verdict["cause"], verdict["confidence"]) == (1, "dns.timeout", "confirmed"), json.dumps(
        found, indent=1
    )
    assert verdict["subject"]["role"] == "dns-server"


def test_one_node_only(cluster: Cluster, namespace: str) -> None:
    """Dropped from one node, reachable from everywhere else: the report says both."""
    with faults.unreachable(cluster.lab, "node1", "registry"):
        cluster.apply(pod(namespace, "alone", "node1", "registry.lab.test/busybox:alone"))
        cluster.wait_pulling(namespace, ["alone"])
        code, found = cluster.why("alone", "-n", namespace)
        text = cluster.run("imagepull", "why", "alone", "-n", namespace, check=False).stdout
    assert (code, found["verdict"]["cause"], found["verdict"]["confidence"]) == (1, "net.timeout", "confirmed")
    views = {
        (h["vantage"], h["hop"]): h["status"] for h in found["hops"] if h["subject"]["host"] == "registry.lab.test"
    }
    assert views[("node1", "connect")] == "fail" and views[("workstation", "connect")] == "pass"
    assert "seen from this machine" in text and "connect" in text.partition("seen from this machine")[2]


def test_kubelet_down(cluster: Cluster, namespace: str) -> None:
    """A node that is not Ready: no pod is started there, and that is the cause."""
    with faults.kubelet_down(cluster.lab, "node2"):
        began = time.monotonic()
        wait_for(lambda: cluster.lab.api.nodes().get("node2") != "Ready", 90)
        cluster.apply(pod(namespace, "stranded", "node2", "registry.lab.test/busybox:1.35"))
        code, found = cluster.why("stranded", "-n", namespace)
        assert time.monotonic() - began < 120
    assert (code, found["verdict"]["cause"], found["probe"]["rung"]) == (1, "node.not_ready", "api-only")
    wait_for(lambda: cluster.lab.api.nodes().get("node2") == "Ready", 60)

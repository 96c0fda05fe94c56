"""Mirrors on the lab: dead with and without a working fallback, and a hosts.toml that nobody can read."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster import Cluster, pod
from tests.lab import faults

pytestmark = pytest.mark.lab
ONLY = 'server = "https://refused.lab.test"\n'
DEAD = '[host."https://refused.lab.test"]\n'


@pytest.mark.parametrize(
    ("name", "node", "host", "text", "image", "cause", "role", "said_beside"),
    [
        # the tag is missing where the runtime falls back to; the dead mirror is beside it
        ("m-fallback", "node1", "registry.lab.test", DEAD, "busybox:9.9", "image.tag_unknown", "registry", "net.refused"),
        ("m-alone", "node2", "registry.lab.test", ONLY, "busybox:9.7", "net.refused", "mirror", ""),
        ("m-broken-1", "node1", "missing.lab.test", "[host.", "a:1.0", "runtime.config_invalid", "node", "dns.nxdomain"),
        ("m-broken", "node2", "missing.lab.test", "[host.", "a:1.0", "runtime.config_invalid", "node", "dns.nxdomain"),
    ],
)  # fmt: skip
def test_mirror(
    cluster: Cluster,
    namespace: str,
    name: str,
    node: str,
    host: str,
    text: str,
    image: str,
    cause: str,
    role: str,
    said_beside: str,
) -> None:
    with faults.hosts_toml(cluster.lab, node, host, text):
        cluster.apply(pod(namespace, name, node, f"{host}/{image}"))
        cluster.wait_failing(namespace, [name])
        code, found = cluster.why(name, "-n", namespace, rung="host-python")
    verdict = found["verdict"]
    assert (verdict["cause"], verdict["subject"]["role"], code) == (cause, role, 1), json.dumps(found, indent=1)
    assert found["probe"]["rung"] == "host-python"
    assert said_beside in {"", *(f["cause"] for f in found["findings"])}


def test_an_authority_that_the_runtime_has_not_loaded(cluster: Cluster, namespace: str) -> None:
    """The node's bundle vouches for the registry since a moment ago, its containerd has the bundle of before. Beside it the
    resolver of the node's pods is dead, which is none of the runtime's business.
    """
    cluster.apply(pod(namespace, "m-late-ca", "node2", "unknownca.lab.test/team/app:1.0"))
    cluster.wait_failing(namespace, ["m-late-ca"])
    with faults.vouches_late(cluster.lab, "node2", "unknown-ca"), faults.dns_dead(cluster.lab, "node2", "kubelet"):
        code, found = cluster.why("m-late-ca", "-n", namespace)
    verdict, beside = found["verdict"], {f["cause"]: f["level"] for f in found["findings"]}
    assert (verdict["cause"], verdict["confidence"], code) == ("runtime.config_invalid", "likely", 1), json.dumps(found)
    assert beside.get("dns.timeout") == "warning", json.dumps(found["findings"])

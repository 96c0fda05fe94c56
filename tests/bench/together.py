"""`why -A` with many failing pods: how many requests it makes, and pods, for more and more pods of the same troubles.

The API server counts; it and its nodes are simulated (tests/unit/fake_fleet.py), so the counts are the same in each run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.installed import PLUGIN
from tests.bench.measure import Samples, environment
from tests.unit.fake_cluster import running
from tests.unit.fake_fleet import FleetCluster, SimNode, answers, breaks
from tests.unit.fake_node import Frame

NODES, PODS = 20, (100, 200, 400)
RESOLVE = 'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
HEAD = RESOLVE + 'failed to do request: Head "https://{host}/v2/team/app/manifests/1.0": '
TROUBLES: Sequence[tuple[str, str, str, str]] = (
    ("image.tag_unknown", "", "", RESOLVE + "{image}: not found"),
    ("dns.nxdomain", "dns", "nxdomain", HEAD + "dial tcp: lookup {host} on 10.0.0.2:53: no such host"),
    ("net.refused", "connect", "refused", HEAD + "dial tcp 10.0.3.4:443: connect: connection refused"),
    ("net.timeout", "connect", "timeout", HEAD + "dial tcp 10.0.3.5:443: i/o timeout"),
    (
        "tls.unknown_authority",
        "tls",
        "unknown-authority",
        HEAD + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    (
        "tls.hostname_mismatch",
        "tls",
        "hostname-mismatch",
        HEAD + "tls: failed to verify certificate: x509: certificate is valid for a.test, not {host}",
    ),
    (
        "registry.server_error",
        "registry",
        "500",
        RESOLVE + "unexpected status from HEAD request to https://{host}/v2/team/app/manifests/1.0: 502 Bad Gateway",
    ),
    (
        "auth.no_credentials",
        "registry",
        "401",
        RESOLVE + "pull access denied, repository does not exist or may require authorization: authorization failed: "
        "no basic auth credentials",
    ),
)
"""(cause, hop and its outcome on the node, the runtime's words), each of a registry of its own on loopback: this machine asks it
too, and there is no other traffic."""


def host(number: int) -> str:
    """The registry of a trouble."""
    return f"127.0.0.1:{5001 + number}"


def say(pull: Mapping[str, Any]) -> list[Frame]:
    """What a node sees of a pull."""
    _, hop, word, _ = TROUBLES[int(pull["port"]) - 5001]
    return breaks(dict(pull), hop, word) if hop else answers(dict(pull))


def cluster_of(pods: int) -> FleetCluster:
    """So many failing pods on the nodes: pod n is on node n modulo 20 and has trouble n modulo 8, so that 40 pairs of node and
    trouble come again and again."""
    cluster = FleetCluster(nodes=[SimNode(f"node-{n}", takes=0.05, say=say) for n in range(NODES)])
    cluster.add("ServiceAccount", "shop", "default")
    for number in range(pods):
        trouble = number % len(TROUBLES)
        image = f"{host(trouble)}/team/app:1.0"
        said = TROUBLES[trouble][3].format(image=image, host=host(trouble))
        waiting = {
            "reason": "ImagePullBackOff",
            "message": f'Back-off pulling image "{image}": ErrImagePull: failed to pull image "{image}": {said}',
        }
        status = {"name": "app", "image": image, "imageID": "", "ready": False, "restartCount": 0}
        cluster.add(
            "Pod",
            "shop",
            f"web-{number}",
            spec={
                "nodeName": f"node-{number % NODES}",
                "serviceAccountName": "default",
                "containers": [{"name": "app", "image": image}],
            },
            status={"phase": "Pending", "containerStatuses": [{**status, "state": {"waiting": waiting}}]},
        )
    return cluster


def measure(runs: int) -> Samples:
    """Requests and pods for each number of failing pods. Counts: one run tells, whatever `runs` says."""
    found: Samples = {}
    for pods in PODS:
        with running(cluster_of(pods)) as cluster:
            assert isinstance(cluster, FleetCluster)
            argv = [str(PLUGIN), "-s", cluster.url, "why", "-A", "-o", "json"]
            ran = subprocess.run(argv, capture_output=True, check=False, env=environment())
            items = json.loads(ran.stdout)["items"]
            causes = {one["verdict"]["cause"] for one in items}
            made = [one for one in cluster.asked if one.method == "POST" and one.changes]
            assert len(items) == pods and len(causes) == len(TROUBLES), (len(items), causes)
            assert not cluster.left, cluster.left
            found[f"why -A: requests, {pods} pods"] = [float(len(cluster.asked))]
            found[f"why -A: probe pods, {pods} pods"] = [
                float(sum(one.body["kind"] == "Job" and one.body["spec"].get("completions") != 0 for one in made))
            ]
    return found

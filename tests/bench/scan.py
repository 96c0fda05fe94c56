"""`scan -A` over crowds of pods, beside `kubectl get pods -A` and popeye."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence

from tests.bench import peers
from tests.bench.measure import Samples, on_workstation, side_by_side
from tests.crowd import etcd
from tests.crowd.cluster import crowded
from tests.crowd.pods import namespace_of, pod_names
from tests.lab import api, settings

PODS = (1_000, 10_000, 50_000)


def measure(runs: int, sizes: Sequence[int] = PODS) -> Samples:
    """Each size, on the lab, which is started if need be and left as it was."""
    words = {
        "scan": ("kubectl", "imagepull", "scan", "-A"),
        "kubectl get pods": ("kubectl", "get", "pods", "-A"),
        "popeye": (str(peers.program(peers.POPEYE)), "-A", "-s", "pod"),
    }
    api.up()
    found: Samples = {}
    for pods in sizes:
        with crowded(pods) as crowd:
            paths = (f"/api/v1/namespaces/{namespace_of(n)}/pods/{name}" for n, name in enumerate(pod_names(pods)))
            etcd.rewritten(paths, str(settings.state() / "admin.kubeconfig"))
            ran = subprocess.run(
                on_workstation("kubectl", "imagepull", "scan", "-A", "-o", "json"),
                capture_output=True,
                text=True,
                check=False,
            )
            causes = json.loads(ran.stdout)["causes"]
            names = {f"{one['namespace']}/{one['pod']}" for cause in causes for one in cause["affected"]}
            assert names == set(crowd.expected), (len(names), len(crowd.expected))
            # popeye ends with 1 where it finds something, as scan does, and keeps a log and its reports at home
            with tempfile.TemporaryDirectory() as home:
                commands = {name: on_workstation(*argv, HOME=home) for name, argv in words.items()}
                ran_of = side_by_side(commands, runs)
            for name, one in ran_of.items():
                found[f"scan: {name}, {pods} pods"] = one.seconds
                found[f"scan: MB of {name}, {pods} pods"] = one.megabytes
    return found

"""How long `why` takes on a healthy node of the lab: until the first hop seen from the node, and in all.

Prints one line a node with the median, least and most of several runs, and beside it what `kubectl get pod` takes on the same
machine, since absolute times are noisy. Nothing is judged.
"""

from __future__ import annotations

import statistics
import sys
import time

from tests.e2e.cluster import Cluster, pod
from tests.lab import api
from tests.lab.settings import NODES

RUNS = 7


def once(cluster: Cluster, namespace: str, name: str, node: str) -> tuple[float, float]:
    """(seconds until the first line that was seen from the node, seconds in all)."""
    start = time.monotonic()
    process = cluster.popen("imagepull", "why", name, "-n", namespace)
    assert process.stdout is not None
    first = 0.0
    for line in process.stdout:
        if not first and line.startswith(f"seen from {node}"):  # printed together with the first hop below it
            first = time.monotonic() - start
    process.wait()
    assert process.returncode == 0 and first
    return first, time.monotonic() - start


def main() -> int:
    """Start the lab if need be, measure, and leave it as it was."""
    cluster = Cluster(api.up())
    namespace = "bench"
    cluster.make_namespace(namespace)
    try:
        for node in NODES:
            cluster.apply(pod(namespace, f"healthy-{node}", node, "registry.lab.test/busybox:1.35"))
        cluster.wait_running(namespace, [f"healthy-{node}" for node in NODES])
        for node in NODES:
            runs = [once(cluster, namespace, f"healthy-{node}", node) for _ in range(RUNS)]
            base = []
            for _ in range(RUNS):
                start = time.monotonic()
                cluster.run("-n", namespace, "get", "pod", f"healthy-{node}")
                base.append(time.monotonic() - start)
            first, whole = [r[0] for r in runs], [r[1] for r in runs]
            unit = statistics.median(base)
            print(
                f"{node}: first hop from the node {spread(first)}, in all {spread(whole)}; "
                f"kubectl get pod {spread(base)}; ratio {statistics.median(whole) / unit:.1f}"
            )
    finally:
        cluster.drop_namespace(namespace)
    return 0


def spread(seconds: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}-{max(seconds):.2f})"


if __name__ == "__main__":
    sys.exit(main())

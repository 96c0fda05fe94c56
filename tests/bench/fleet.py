"""`probe-node --all` over many simulated nodes: how long, how much CPU and memory, beside the ideal schedule.

The API server runs in a process of its own and behaves like the real one (tests/unit/fake_fleet.py); nodes answer after 0.5 to 2
seconds, some never.
"""

from __future__ import annotations

import heapq
import json
import multiprocessing
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from kubectl_imagepull.node.run_pod import STARTUP_SECONDS
from tests.bench.installed import PLUGIN
from tests.bench.measure import MEBIBYTE, Samples
from tests.unit.fake_cluster import PLURALS as KINDS
from tests.unit.fake_cluster import Asked, running
from tests.unit.fake_fleet import FleetCluster, SimNode, breaks

ZONE = "topology.kubernetes.io/zone"
PLURALS = {plural for _, plural in KINDS.values()}
ENOUGH = 1.2
"""Of the ideal schedule and one time-out."""
NODES, PARALLEL, REGISTRIES = (10, 100, 1000), 50, 2


def simulated(count: int, silent: int, scale: float = 1.0, seed: int = 1) -> list[SimNode]:
    """Nodes in four zones, of which those of zone c cannot connect to the first registry; silent ones are anywhere."""
    draw = random.Random(seed)
    dumb = set(draw.sample(range(count), silent))
    nodes = []
    for number in range(count):
        labels = {ZONE: draw.choice("abcd"), "pool": draw.choice(["web", "db"]), "rack": f"r{draw.randrange(30)}"}
        takes = None if number in dumb else scale * draw.uniform(0.5, 2.0)
        node = SimNode(f"node-{number}", labels, takes)
        if labels[ZONE] == "c":
            node.say = refused
        nodes.append(node)
    return nodes


def refused(pull: dict[str, Any]) -> list[dict[str, Any]]:
    """What a node of zone c sees."""
    return breaks(pull, "connect", "refused")


def ideal(takes: Sequence[float], parallel: int) -> float:
    """Seconds until the last of these ends, where each begins as soon as one of `parallel` places is free."""
    places = [0.0] * parallel
    for one in takes:
        heapq.heapreplace(places, places[0] + one)
    return max(places)


def serve(count: int, silent: int, pipe: Connection, scale: float = 1.0) -> None:
    """The API server, until it is told to stop. scale: of what the nodes take."""
    with running(FleetCluster(nodes=simulated(count, silent, scale))) as cluster:
        assert isinstance(cluster, FleetCluster)
        pipe.send(cluster.url)
        pipe.recv()
        kinds = Counter(kind_of(one) for one in cluster.asked)
        pipe.send({"most": cluster.most, "left": cluster.left, "asking": dict(cluster.asking), "requests": dict(kinds)})


def kind_of(asked: Asked) -> str:
    """GET pods, DELETE jobs: a request without its names."""
    words = asked.path.split("/")
    last = words[-1] if words[-1] in PLURALS or words[-1] == "log" else words[-2]
    return (
        f"{asked.method} {last}{' (dry)' * (asked.query.get('dryRun') == 'All')}{' (watch)' * ('watch' in asked.query)}"
    )


def measure(runs: int, sizes: Sequence[int] = NODES) -> Samples:
    """`probe-node --all` over so many nodes, of which three in a hundred never answer; beside it the time that the nodes
    themselves take at this many at a time. Raises AssertionError where a run is not what it should be."""
    found: Samples = {}
    for count in sizes:
        silent = count * 3 // 100
        nodes = simulated(count, silent)
        best = ideal([node.takes for node in nodes if node.takes is not None], PARALLEL) + (
            STARTUP_SECONDS if silent else 0
        )
        found[f"probe-node: the nodes' own time, {count} nodes"] = [best] * runs
        for _ in range(runs):
            for name, figure in once(count, silent).items():
                found.setdefault(f"probe-node: {name}{count} nodes", []).append(figure)
    return found


def once(count: int, silent: int) -> dict[str, float]:
    """One run. -> its wall time, CPU time and peak memory, by the beginnings of their names."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(count, silent, theirs))
    server.start()
    words = [str(PLUGIN), "-s", ours.recv(), "-n", "shop", "probe-node", "--all"]
    # of this machine, which is asked as well: there is no other traffic
    words += [w for n in range(REGISTRIES) for w in ("--registry", f"127.0.0.1:{5001 + n}")]
    words += ["--parallel", str(PARALLEL), "-o", "json"]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(words, stdout=out, env={**os.environ, "HOME": tempfile.gettempdir()}, cwd=Path.cwd())
        _, status, used = os.wait4(child.pid, 0)
        took = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        report = json.load(out)
    ours.send("stop")
    stats = ours.recv()
    server.join()
    nodes = simulated(count, silent)
    dumb = sorted(node.name for node in nodes if node.takes is None)
    named = sorted(n for one in report["groups"] if one["kind"] == "unseen" for n in one["nodes"])
    labels = [one["apart"] and (one["apart"]["label"], one["apart"]["values"]) for one in report["groups"]]
    wrong = [
        what
        for what, bad in {
            "too many in flight": stats["most"] > PARALLEL,
            "left": bool(stats["left"]),
            "silent ones": named != dumb,
            "label": count >= 100 and (ZONE, ["c"]) not in labels,
        }.items()
        if bad
    ]
    assert not wrong, (wrong, stats, labels)
    return {"": took, "CPU, ": used.ru_utime + used.ru_stime, "MB, ": used.ru_maxrss / 1024 * MEBIBYTE}

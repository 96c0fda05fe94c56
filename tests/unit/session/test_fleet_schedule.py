"""A hundred nodes, some of which never answer: how long that takes, and that nobody is kept waiting.

`python -m tests.bench fleet` is the same with a thousand.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.node import run_pod
from kubectl_imagepull.report import fleet as told
from kubectl_imagepull.session import FleetReport, FleetTarget, Limits, NodeTarget, Options, probe_nodes
from kubectl_imagepull.session import fleet as fleets
from tests.bench.fleet import ENOUGH, ZONE, ideal, serve, simulated
from tests.unit.session.test_fleet import NoWorkstation

pytestmark = pytest.mark.alone

NODES, SILENT, PARALLEL, TIME_OUT = 100, 4, 25, 6.0


def probed(silent: int, scale: float) -> tuple[FleetReport, float, dict[str, Any]]:
    """(what is said of the fleet, the seconds that it took, what its API server had)."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(NODES, silent, theirs, scale), daemon=True)
    server.start()
    api = Api(Flags(server=ours.recv(), namespace="shop"))
    began = time.monotonic()
    report = probe_nodes(api, FleetTarget(NodeTarget("", ("a.test", "b.test"))), Options(), Limits(PARALLEL))
    took = time.monotonic() - began
    ours.send("stop")
    stats = ours.recv()
    server.join()
    return report, took, stats


def test_as_fast_as_the_nodes_are(no_kubeconfig: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ideal schedule and one time-out, and a fifth, beside what nodes that take no time cost on this machine: silent nodes
    are waited for beside the others, and named."""
    monkeypatch.setattr(run_pod, "STARTUP_SECONDS", TIME_OUT)
    monkeypatch.setattr(fleets, "Workstation", NoWorkstation)
    _, own, _ = probed(0, 0.0)
    report, took, stats = probed(SILENT, 1.0)
    nodes = simulated(NODES, SILENT)
    best = ideal([node.takes for node in nodes if node.takes is not None], PARALLEL) + TIME_OUT
    assert took < ENOUGH * best + own, f"{took:.1f} s, ideal {best:.1f} s, without nodes {own:.1f} s"
    assert 20 <= stats["most"] <= PARALLEL and stats["left"] == [], stats
    assert stats["requests"]["POST configmaps"] == 1 and stats["requests"]["GET pods"] < NODES / 4, stats
    broken, unseen = told.troubles(report)
    assert set(unseen.nodes) == {node.name for node in nodes if node.takes is None}
    assert broken.apart is not None and (broken.apart.key, broken.apart.values) == (ZONE, ("c",))
    assert broken.apart.exact and not broken.apart.may_be_chance


def test_the_ideal_schedule() -> None:
    assert ideal([1.0, 1.0, 1.0], 3) == 1.0 and ideal([1.0, 2.0, 1.0], 2) == 2.0 and ideal([], 2) == 0.0

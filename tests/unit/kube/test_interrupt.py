"""Ctrl-C while the API server is silent: the command ends at once, and nothing is left of it."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.unit.fake_cluster import Asked, FakeCluster
from tests.unit.kube import objects

pytestmark = pytest.mark.alone

PATIENCE = 30.0


@pytest.mark.parametrize(
    ("words", "silent"),
    [(["web-x-1"], "/secrets/pull"), (["web-x-1"], "/pods/web-x-1"), (["deploy/web"], "/nodes/node1"), ([], "/web-x")],
)
def test_it_ends_at_once(cluster: FakeCluster, tmp_path: pathlib.Path, words: list[str], silent: str) -> None:
    objects.fill(cluster)
    reached, over = threading.Event(), threading.Event()

    def before(asked: Asked) -> None:
        if asked.path.endswith(silent):
            reached.set()
            over.wait(PATIENCE)

    cluster.before = before
    command = [sys.executable, "-m", "kubectl_imagepull", "why", *words, "-n", "shop", "--no-probe", "-s", cluster.url]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    root = pathlib.Path(__file__).parents[3]
    child = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert reached.wait(PATIENCE)
        before_signal = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
        took = time.monotonic() - before_signal
    finally:
        over.set()
        child.kill()
        child.wait()
    assert (child.returncode, err) == (130, b""), (out, err)
    assert took < 3, took
    assert not cluster.changed and not list(tmp_path.iterdir())

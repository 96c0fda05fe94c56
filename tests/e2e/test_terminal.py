"""What a person sees on a terminal: one line while the probes work, and the report in its place."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from tests.e2e.cluster import Cluster, pod
from tests.lab import workstation

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def target(cluster: Cluster, namespace: str) -> str:
    cluster.apply(pod(namespace, "seen", "node1", "registry.lab.test/busybox:9.9"))
    cluster.wait_failing(namespace, ["seen"])
    return namespace


def on_terminal(cluster: Cluster, *words: str, columns: int = 80, until: str = "") -> tuple[int, str]:
    """(exit code, all that came to the terminal); interrupted once `until` has come."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**cluster.environment(), "TERM": "xterm", "COLUMNS": ""}
    words = ("imagepull", *words)
    child = subprocess.Popen([*workstation.prefix(env=env), "kubectl", *words], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end in the middle of a character
    shown, stopped, deadline = "", False, time.monotonic() + 90
    try:
        while (part := os.read(master, 65536)) and time.monotonic() < deadline:
            shown += decoder.decode(part)
            if until and until in shown and not stopped:
                child.send_signal(signal.SIGINT)
                stopped = True
    except OSError:  # Linux: the other end has been closed
        pass
    os.close(master)
    return child.wait(30), shown.replace("\r\n", "\n")


def screen(shown: str) -> str:
    """What is left of it: a line that was taken back is gone, and colours are no text."""
    return re.sub(r"\x1b\[[0-9]*m", "", re.sub(r"[^\n]*\r\x1b\[K", "", shown))


@pytest.mark.parametrize("columns", [80, 40])
def test_one_line_and_then_the_report(cluster: Cluster, target: str, columns: int) -> None:
    code, shown = on_terminal(cluster, "why", "seen", "-n", target, columns=columns)
    steps = [part for part in shown.split("\r\x1b[K")[1:-1] if part]
    assert code == 1 and steps[0] == "probing from node1 ..." and any("dns ok" in step for step in steps), shown
    assert all(len(step) < columns for step in steps)
    left = screen(shown)
    assert left.startswith("pod    ") and left.count("VERDICT") == 1 and left.count(" manifest: ") == 1, left
    assert re.search(r"  (\u2713|ok  ) reference, ", left) and "probing" not in left, left
    first = [line[:3] for line in left.splitlines()[:24]]
    assert "VER" in first and "FIX" in first, left


def test_interrupted_it_is_gone(cluster: Cluster, target: str) -> None:
    code, shown = on_terminal(cluster, "why", "seen", "-n", target, until="probing from")
    assert code == 130 and screen(shown) == "", shown


def test_a_pipe_has_the_report_alone(cluster: Cluster, target: str) -> None:
    ran = cluster.run("imagepull", "why", "seen", "-n", target, check=False)
    assert (ran.returncode, ran.stderr) == (1, "") and ran.stdout.startswith("pod    ") and ran.stdout.isascii()

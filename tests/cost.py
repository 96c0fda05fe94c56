"""Bounds of processor time that hold on any machine: told in starts of a bare Python, which take 20 ms of an idle one."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
BARE = 0.02
"""Seconds that a start of a bare Python takes on an idle machine."""
THIRD_OF_A_SECOND = 0.3 / BARE
"""Starts of a bare Python."""


def starts(script: str, words: Sequence[str]) -> float:
    """The processor's time of a script in starts of a bare Python, the cheapest of three tries each; it has to end with 0.

    How long a process waits for a busy machine is not its own doing, and each of its instructions takes longer there too.
    """
    best, bare = 99.0, 99.0
    for _ in range(3):
        bare = min(bare, _seconds(["-c", "pass"]))
        best = min(best, _seconds(["-c", script, *words]))
    return best / bare


def here(seconds: float) -> float:
    """What takes so many seconds of an idle machine's processor, in seconds of this one's as it is now."""
    return seconds / BARE * min(_seconds(["-c", "pass"]) for _ in range(3))


def _seconds(words: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime

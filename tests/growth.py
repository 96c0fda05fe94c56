"""How the time that something takes grows with what it is given."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMES = 4
"""How much more the larger of two inputs is."""


def grows_in_proportion(work: Callable[[int], object], size: int) -> bool:
    """Whether `work(size)` takes about TIMES as long as `work(size // TIMES)`: what grows with the square takes TIMES * TIMES.

    In the processor's time, the best of three: how many seconds it takes says more about the machine than about the code.
    """
    return _seconds(work, size) < _seconds(work, size // TIMES) * TIMES * 2.2 + 0.05


def _seconds(work: Callable[[int], object], size: int) -> float:
    best = float("inf")
    for _ in range(3):
        before = time.process_time()
        work(size)
        best = min(best, time.process_time() - before)
    return best

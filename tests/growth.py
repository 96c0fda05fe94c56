"""How the time that something takes grows with what it is given."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMES = 4
"""How much more the larger of two inputs is."""


def grows_in_proportion(work: Callable[[int], object], size: int) -> bool:
    """Whether `work(size)` takes about TIMES as long as `work(size // TIMES)`: what grows with the square takes TIMES * TIMES.

    In the processor's time, the best of three: how many seconds it takes says more about the machine than about the code.
    Of the larger input no more than one where that is good enough.
    """
    most = min(_seconds(work, size // TIMES) for _ in range(3)) * TIMES * 2.2 + 0.05
    return any(_seconds(work, size) < most for _ in range(3))


def _seconds(work: Callable[[int], object], size: int) -> float:
    before = time.process_time()
    work(size)
    return time.process_time() - before

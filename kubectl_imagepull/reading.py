"""Questions side by side: to an API server, to registries."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet  # another one before Python 3.11
from typing import Any, TypeVar

T = TypeVar("T")
GLANCE = 0.2
"""Seconds between two looks for a signal."""


class Reading:
    """Requests side by side that only read."""

    def __init__(self, side_by_side: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=side_by_side) if side_by_side else None

    def submit(self, ask: Callable[..., T], *arguments: Any, **named: Any) -> Callable[[], T]:
        """Call it in a thread. -> what waits for its result and returns it, or raises its error."""
        if self._pool is None:
            return lambda: ask(*arguments, **named)
        future = self._pool.submit(ask, *arguments, **named)

        def result() -> T:
            # a signal that comes just ahead of an endless wait is not heard before its end
            while not future.done():
                with contextlib.suppress(NotYet):
                    future.exception(GLANCE)
            return future.result()

        return result

    def close(self, at_once: bool) -> None:
        """at_once: requests under way are left alone."""
        if self._pool is not None:
            self._pool.shutdown(wait=not at_once, cancel_futures=at_once)


@contextlib.contextmanager
def reading(side_by_side: int) -> Iterator[Reading]:
    """Threads for requests that only read; 0: each is made when its result is asked for. An error or Ctrl-C leaves at once, for
    nobody waits for a server that is silent."""
    pool = Reading(side_by_side)
    try:
        yield pool
    except BaseException:
        pool.close(at_once=True)
        raise
    pool.close(at_once=False)

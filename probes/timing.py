"""The time that questions may take."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import List, Optional


class Deadline:
    """A point in time that several steps share."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self, at_most: Optional[float] = None) -> float:
        """Seconds left, never less than 0.05 (a time-out of 0 would mean non-blocking), never more than at_most."""
        left = max(0.05, self._end - time.monotonic())
        return left if at_most is None else min(left, at_most)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._end


class Watchdog:
    """Ends a conversation after some seconds however slowly the other side goes on: a socket's own time-out begins anew with
    every byte. fired: it did."""

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self._socks: List[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, sock: socket.socket) -> None:
        """This socket belongs to the conversation, which may be over by then."""
        with self._lock:
            self._socks.append(sock)
            if self.fired:
                _end(sock)

    def _bite(self) -> None:
        with self._lock:
            self.fired = True
            for sock in self._socks:
                _end(sock)


def wait_until(end: float, sock: socket.socket) -> None:
    """Let the socket's next step wait until that time (time.monotonic) and no longer: a time-out that is set once begins anew
    with every byte. Raises socket.timeout where it has come."""
    left = end - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    sock.settimeout(left)


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not SSLSocket's own, which another thread may be in


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def ms(self) -> float:
        return round((time.monotonic() - self._start) * 1000, 1)

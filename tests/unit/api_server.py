"""An API server of a few lines, for the faults that a real one does not make on request."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TRICKLE = 0.05
"""Seconds between the parts of an answer that is an iterator."""
Answer = tuple[int, Any, dict[str, str]]


@contextmanager
def serving(answer: Callable[[str, str], Answer]) -> Iterator[tuple[str, list[str]]]:
    """Serve `answer(method, path)` -> (status, JSON value, bytes or an iterator of parts, headers).

    Gives the URL and the requests so far.
    """
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # as Go's servers: else a body waits 40 ms for the acknowledgement of its head

        def do_GET(self) -> None:
            seen.append(f"{self.command} {self.path}")
            status, body, headers = answer(self.command, self.path)
            data = body if isinstance(body, bytes) else b"" if isinstance(body, Iterator) else json.dumps(body).encode()
            if status == 0:
                self.connection.close()
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if isinstance(body, Iterator):
                with contextlib.suppress(OSError):
                    for part in body:
                        self.wfile.write(part)
                        time.sleep(TRICKLE)
            else:
                self.wfile.write(data)

        do_POST = do_DELETE = do_PATCH = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

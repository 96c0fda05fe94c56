"""A registry on loopback that answers what a test wants, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(text: str) -> str:
    """A digest that stands for this text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass
class FakeRegistry:
    """What it holds and how it behaves."""

    images: dict[str, str] = field(default_factory=dict)
    """path:tag or path@digest -> digest."""
    bodies: dict[str, Any] = field(default_factory=dict)
    """Digest -> manifest or blob, as JSON."""
    login: tuple[str, str] | None = None
    """User and password that it wants, None for none."""
    bearer: bool = False
    """It sends for a token, here where `realm` names nothing else."""
    realm: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """(status, headers) of its next answers, in place of what it would say."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path with query, Authorization) of each request."""
    host: str = ""
    most: int = 0
    """How many requests it had at a time."""
    slow: float = 0.0
    """Seconds that an answer waits for others to come."""

    def __post_init__(self) -> None:
        self._now, self._lock, self._go = 0, threading.Lock(), threading.Event()

    def respond(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of one request."""
        said = handler.headers.get("Authorization") or ""
        with self._lock:
            self.asked.append((handler.command, handler.path, said))
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            if self.slow:
                self._go.wait(self.slow)
            return self._answer(handler, said)
        finally:
            with self._lock:
                self._now -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, said: str) -> tuple[int, dict[str, str], bytes]:
        url = urllib.parse.urlsplit(handler.path)
        if url.path == "/token":
            scope = urllib.parse.parse_qs(url.query)["scope"][0]
            return 200, {}, json.dumps({"token": f"T {scope} {said}".encode().hex()}).encode()
        if self.answers:
            status, headers = self.answers.pop(0)
            return status, headers, b""
        if self.bearer and not said.startswith("Bearer "):
            realm = self.realm or f"http://{self.host}/token"
            return 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="fake"'}, b""
        if self.login is not None and not self.bearer and not said.startswith("Basic "):
            return 401, {"WWW-Authenticate": 'Basic realm="fake"'}, b""
        path, _, asked = url.path.removeprefix("/v2/").partition("/manifests/")
        if "/blobs/" in path:
            body = self.bodies.get(path.partition("/blobs/")[2])
            return (200, {}, json.dumps(body).encode()) if body is not None else (404, {}, b"")
        digest = self.images.get(f"{path}{'@' if ':' in asked else ':'}{asked}")
        if digest is None:
            known = any(name.startswith((f"{path}:", f"{path}@")) for name in self.images)
            code = "MANIFEST_UNKNOWN" if known else "NAME_UNKNOWN"
            return 404, {}, json.dumps({"errors": [{"code": code, "message": "unknown"}]}).encode()
        body = json.dumps(self.bodies.get(digest, {})).encode()
        return 200, {"Docker-Content-Digest": digest, "Content-Type": INDEX}, body


@contextlib.contextmanager
def serving(registry: FakeRegistry) -> Iterator[FakeRegistry]:
    """The registry, listening on 127.0.0.1; its host (with port) is in `host`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # as Go's servers: else a body waits 40 ms for the acknowledgement of its head

        def do_GET(self) -> None:
            status, headers, body = registry.respond(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

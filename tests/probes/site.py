"""Servers and resolvers that misbehave on purpose, in this process, on addresses of 127.0.0.0/8."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import dns.message
import dns.rcode
import dns.rrset

Answer = bytes | Iterator[bytes]


@dataclass(frozen=True)
class Request:
    """One request as it was read."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Handler = Callable[[Request], Answer]


def http(
    status: int, body: object = b"", headers: Mapping[str, str] | None = None, content_type: str = "application/json"
) -> bytes:
    """A whole answer. A body that is not bytes goes out as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + data


def error(status: int, code: str, message: str = "because", headers: Mapping[str, str] | None = None) -> bytes:
    """An error in the form of the distribution specification."""
    return http(status, {"errors": [{"code": code, "message": message, "detail": None}]}, headers)


def page(status: int) -> bytes:
    """What a web server or a captive portal answers."""
    return http(status, b"<html><body>Please sign in</body></html>", content_type="text/html; charset=utf-8")


class Server:
    """A TCP server on address with a port of its own. context None: plain HTTP.

    greet: called with the raw socket before anything else; True ends the connection. Every connection has a thread.
    """

    def __init__(
        self,
        handler: Handler,
        context: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
        greet: Callable[[socket.socket], bool] | None = None,
    ) -> None:
        self.handler, self.context, self.greet = handler, context, greet
        self.requests: list[Request] = []
        self.closed = threading.Event()
        self._listener = socket.create_server((address, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and let every thread end."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self.closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client:
            client.settimeout(60)
            if self.greet is not None and self.greet(client):
                return
            wrapped = self.context.wrap_socket(client, server_side=True) if self.context else client
            with wrapped as sock:
                self._answer(sock)

    def _answer(self, sock: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = sock.recv(65536)
            if not part:
                return
            head += part
            if not head[:1].isalpha():  # a TLS hello, say
                sock.sendall(http(400, b"Bad Request", content_type="text/plain"))
                return
        first, *lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = head.split(b"\r\n\r\n", 1)[1]
        while len(body) < int(headers.get("content-length", "0")):
            part = sock.recv(65536)
            if not part:
                return
            body += part
        request = Request(method, path, headers, body)
        self.requests.append(request)
        answer = self.handler(request)
        if isinstance(answer, bytes):
            if method == "HEAD" and answer:
                answer = answer.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            sock.sendall(answer)
            return
        for part in answer:
            if self.closed.is_set():
                return
            sock.sendall(part)


def reset(client: socket.socket) -> bool:
    """Read the first bytes, then end the connection with RST."""
    client.recv(4096)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    return True


def hang_up(client: socket.socket) -> bool:
    """Read the first bytes, then close."""
    client.recv(4096)
    return True


def silence(server: list[Server]) -> Callable[[socket.socket], bool]:
    """Say nothing until the server is closed."""

    def wait(client: socket.socket) -> bool:
        server[0].closed.wait(20)
        return True

    return wait


@contextlib.contextmanager
def deaf_port(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that drops connection attempts: its queue of connections that nobody accepts is full (tcp(7))."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.2)
            try:
                filler.connect((address, port))
            except OSError:
                break
        yield port


def free_port(address: str = "127.0.0.1") -> int:
    """A port on which nobody listens, and which nobody else is given: it stays bound until this process ends."""
    _taken.append(sock := socket.socket())
    sock.bind((address, 0))
    port: int = sock.getsockname()[1]
    return port


_taken: list[socket.socket] = []


class Resolver:
    """A DNS server over UDP. answers: name without the last dot -> addresses, or an outcome in capitals (NXDOMAIN, SERVFAIL,
    SILENCE, NODATA, JUNK). Names that it does not know do not exist."""

    def __init__(self, answers: Mapping[str, list[str] | str], address: str = "127.0.0.1", port: int = 0) -> None:
        self.answers, self.address = answers, address
        self.asked: list[str] = []
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, port))
        self.port: int = self._sock.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            self._closing = True
            waker.sendto(b"end", (self.address, self.port))
        self._thread.join(5)
        self._sock.close()

    _closing = False

    def _serve(self) -> None:
        while True:
            data, client = self._sock.recvfrom(4096)
            if self._closing:
                return
            reply = self._reply(dns.message.from_wire(data))
            if reply is not None:
                self._sock.sendto(reply, client)

    def _reply(self, query: Any) -> bytes | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        answer = self.answers.get(name, "NXDOMAIN")
        if answer == "SILENCE":
            return None
        if answer == "JUNK":
            wire: bytes = query.to_wire()[:2] + b"\xff" * 40
            return wire
        reply = dns.message.make_response(query)
        if isinstance(answer, str):
            if answer != "NODATA":
                reply.set_rcode(dns.rcode.from_text(answer))
        else:
            kind = "AAAA" if question.rdtype == 28 else "A"
            fitting = [ip for ip in answer if (":" in ip) == (kind == "AAAA")]
            if fitting:
                reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *fitting))
        done: bytes = reply.to_wire()
        return done


def digest_of(data: bytes) -> str:
    """``sha256:…`` of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class Repository:
    """The image team/app:1.0 as a registry serves it. images: os/architecture of each; one image has no index, unless indexed.

    blobs: called with the request for a blob and its bytes, in place of serving them.
    """

    def __init__(
        self,
        images: Sequence[str] = ("linux/amd64", "linux/arm64"),
        indexed: bool | None = None,
        blobs: Callable[[Request, bytes], Answer] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.files: dict[str, tuple[bytes, str]] = {}
        self._blobs, self._headers = blobs, dict(headers or {})
        descriptors = []
        for text in images:
            system, architecture, *variant = text.split("/")
            platform = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
            descriptors.append({**self._image(platform), "platform": platform})
        if indexed or (indexed is None and len(images) != 1):
            top, media = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}).encode(), INDEX
        else:
            top, media = self.files[str(descriptors[0]["digest"])]
        self.files["1.0"] = self.files[digest_of(top)] = (top, media)

    def _image(self, platform: Mapping[str, str]) -> dict[str, Any]:
        config = json.dumps({**platform, "rootfs": {"type": "layers"}}).encode()
        layer = b"layer " * 60000
        body = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"digest": self._keep(config), "size": len(config)},
            "layers": [{"digest": self._keep(layer), "size": len(layer)}],
        }
        data = json.dumps(body).encode()
        return {"mediaType": MANIFEST, "digest": self._keep(data, MANIFEST), "size": len(data)}

    def _keep(self, data: bytes, media: str = "application/octet-stream") -> str:
        self.files[digest_of(data)] = (data, media)
        return digest_of(data)

    def __call__(self, request: Request) -> Answer:
        if request.path == "/v2/":
            return http(200, {}, {"Docker-Distribution-Api-Version": "registry/2.0"})
        kind, name = request.path.split("?")[0].rsplit("/", 2)[1:]
        if name not in self.files:
            return error(404, "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN")
        data, media = self.files[name]
        if kind == "blobs" and self._blobs is not None:
            return self._blobs(request, data)
        return serve(request, data, media, self._headers)


def serve(
    request: Request, data: bytes, media: str = "application/octet-stream", headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes, or the range of them that was asked for."""
    more = {"Docker-Content-Digest": digest_of(data), **(headers or {})}
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
    if asked:
        return http(206, data[int(asked[1]) : int(asked[2]) + 1], more, media)
    return http(200, data, more, media)

"""The servers that Debian has none of: a token server, a registry in the manner of Docker Hub, a resolver
that fails.

Run in the core machine as ``python -m tests.lab.servers KIND CONFIG.json``.
"""

from __future__ import annotations

import base64
import json
import secrets
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.lab import images


class TLSServer(ThreadingHTTPServer):
    """An HTTPS server on one address whose handshakes happen in the request's own thread, so a silent client
    blocks nobody.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, handler: type[BaseHTTPRequestHandler], certificate: str, key: str) -> None:
        super().__init__((address, 443), handler)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(60)
        try:
            with self.context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)
        except OSError as error:  # a client that does not trust us, or went away
            print(f"{client_address[0]} - {error}", flush=True)

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)


class Handler(BaseHTTPRequestHandler):
    """What both servers share."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as Go's servers: else a body waits 40 ms for the acknowledgement of its head
    server_version, sys_version = "lab", ""
    config: ClassVar[dict[str, Any]] = {}

    def answer(
        self,
        status: int,
        body: bytes | object = b"",
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def error(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        detail: object = None,
    ) -> None:
        """An error in the form of the distribution specification."""
        self.answer(status, {"errors": [{"code": code, "message": message, "detail": detail}]}, headers)

    def query(self) -> dict[str, list[str]]:
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)

    def basic(self) -> tuple[str, str] | None:
        """User and password of the Authorization header."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return ("", "")
        return (user, password)

    def form(self) -> dict[str, str]:
        """The fields of a form in the body; of one that is there several times, all with blanks between."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), 65536))
        return {name: " ".join(values) for name, values in urllib.parse.parse_qs(body.decode()).items()}

    def log_message(self, format: str, *args: object) -> None:
        # Never a header, and no query values: passwords and tokens do not belong into logs.
        words = getattr(self, "requestline", "").partition("?")[0]
        agent = self.headers.get("User-Agent", "-") if hasattr(self, "headers") else "-"
        print(f'{self.client_address[0]} "{words}" {args[1] if len(args) > 1 else "-"} {agent!r}', flush=True)


class TokenHandler(Handler):
    """A token server as Docker's token specification has it: GET with Basic, and POST in OAuth2 form."""

    def do_GET(self) -> None:
        if urllib.parse.urlsplit(self.path).path != "/token":
            self.error(404, "NOT_FOUND", "no such path")
            return
        credentials, query = self.basic(), self.query()
        if credentials is not None and credentials != (self.config["user"], self.config["password"]):
            self.error(401, "UNAUTHORIZED", "incorrect username or password")
            return
        scopes = [scope for value in query.get("scope", []) for scope in value.split(" ")]
        self._token(credentials[0] if credentials else "", query.get("service", [""])[0], scopes)

    def do_POST(self) -> None:
        form = self.form()
        if urllib.parse.urlsplit(self.path).path != "/token":
            self.error(404, "NOT_FOUND", "no such path")
            return
        if form.get("grant_type") != "password":
            self.answer(400, {"error": "unsupported_grant_type"})
            return
        user = form.get("username", "")
        if (user, form.get("password", "")) != (self.config["user"], self.config["password"]):
            self.error(401, "UNAUTHORIZED", "incorrect username or password")
            return
        self._token(user, form.get("service", ""), form.get("scope", "").split())

    def _token(self, user: str, service: str, scopes: list[str]) -> None:
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            wanted = actions.split(",")
            # Anyone may pull what is below public/; the user may pull everything; nobody is told what does
            # not exist.
            if kind == "repository" and "pull" in wanted and (user or name.startswith("public/")):
                access.append({"type": kind, "name": name, "actions": ["pull"]})
        now = int(time.time())
        claims = {
            "iss": self.config["issuer"],
            "sub": user,
            "aud": service,
            "iat": now,
            "nbf": now - 10,
            "exp": now + 300,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        token = jwt.encode(claims, self.config["key_pem"], algorithm="RS256", headers={"x5c": [self.config["x5c"]]})
        self.answer(
            200,
            {
                "token": token,
                "access_token": token,
                "expires_in": 300,
                "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
                "scope": " ".join(scopes),
            },
        )


class HubHandler(Handler):
    """A registry that counts as Docker Hub does: GET of a manifest counts, HEAD does not, and below limited/
    nothing is left.

    Counted a client address; SIGHUP sets the counts back. The same process answers for the registry and for
    its token host.
    """

    contents: ClassVar[dict[str, dict[str, images.Image]]] = {}
    used: ClassVar[dict[str, int]] = {}
    tokens: ClassVar[dict[str, float]] = {}
    LIMIT, LEFT, WINDOW = 100, 57, 21600

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if self.headers.get("Host", "").partition(":")[0] == self.config["token_host"]:
            self._token(path, self.basic())
        elif not self._authorised():
            scope = self._scope(path)
            challenge = (
                f'Bearer realm="https://{self.config["token_host"]}/token",service="{self.config["service"]}"{scope}'
            )
            self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})
        elif path in ("/v2", "/v2/"):
            self.answer(200, {})
        else:
            self._content(path)

    def do_POST(self) -> None:
        """In OAuth2 form, as containerd asks first where it has credentials."""
        form = self.form()
        self._token(urllib.parse.urlsplit(self.path).path, (form.get("username", ""), form.get("password", "")))

    def _token(self, path: str, credentials: tuple[str, str] | None) -> None:
        if path != "/token":
            self.error(404, "NOT_FOUND", "no such path")
        elif credentials not in (None, (self.config["user"], self.config["password"])):
            self.answer(401, {"details": "incorrect username or password"})
        else:
            token = secrets.token_urlsafe(24)
            self.tokens[token] = time.monotonic() + 300
            self.answer(
                200,
                {
                    "token": token,
                    "access_token": token,
                    "expires_in": 300,
                    "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                },
            )

    def _authorised(self) -> bool:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.tokens.get(token, 0) > time.monotonic()

    def _scope(self, path: str) -> str:
        repository = self._split(path)[0]
        return f',scope="repository:{repository}:pull"' if repository else ""

    @staticmethod
    def _split(path: str) -> tuple[str, str, str]:
        """/v2/REPOSITORY/manifests|blobs/REFERENCE"""
        for kind in ("manifests", "blobs"):
            head, found, reference = path.removeprefix("/v2/").rpartition(f"/{kind}/")
            if found:
                return head, kind, reference
        return "", "", ""

    def _content(self, path: str) -> None:
        repository, kind, reference = self._split(path)
        client = self.client_address[0]
        if kind == "manifests":
            spent = repository.startswith("limited/")
            if self.command == "GET" and not spent:
                self.used[client] = self.used.get(client, 0) + 1
            left = 0 if spent else max(self.LEFT - self.used.get(client, 0), 0)
            rate = {
                "ratelimit-limit": f"{self.LIMIT};w={self.WINDOW}",
                "ratelimit-remaining": f"{left};w={self.WINDOW}",
                "docker-ratelimit-source": client,
            }
            if spent or (self.used.get(client, 0) > self.LEFT):
                self.error(
                    429,
                    "TOOMANYREQUESTS",
                    "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
                    rate,
                )
                return
            image = self._find(repository, reference)
            if repository not in self.contents:
                self.error(
                    401,
                    "UNAUTHORIZED",
                    "authentication required",
                    None,
                    [{"Type": "repository", "Class": "", "Name": repository, "Action": "pull"}],
                )
            elif image is None:
                self.error(404, "MANIFEST_UNKNOWN", "manifest unknown", rate, {"Tag": reference})
            else:
                self.answer(200, image.body, {**rate, "Docker-Content-Digest": image.digest}, image.media_type)
            return
        for image in self._all(repository):
            if kind == "blobs" and reference in image.blobs:
                self.answer(
                    200,
                    image.blobs[reference],
                    {"Docker-Content-Digest": reference},
                    "application/octet-stream",
                )
                return
        self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")

    def _all(self, repository: str) -> list[images.Image]:
        tops = list(self.contents.get(repository, {}).values())
        return tops + [child for top in tops for child in top.children]

    def _find(self, repository: str, reference: str) -> images.Image | None:
        tagged = self.contents.get(repository, {}).get(reference)
        return tagged or next((image for image in self._all(repository) if image.digest == reference), None)


def token(config: dict[str, Any]) -> None:
    """Serve auth.lab.test."""
    config["key_pem"] = Path(config["signing_key"]).read_text()
    certificate = x509.load_pem_x509_certificate(Path(config["signing_certificate"]).read_bytes())
    config["x5c"] = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    TokenHandler.config = config
    TLSServer(config["address"], TokenHandler, config["certificate"], config["key"]).serve_forever()


def hub(config: dict[str, Any]) -> None:
    """Serve hub.lab.test and its token host."""
    HubHandler.config = config
    HubHandler.contents = {
        "library/busybox": {"1.35": images.busybox("1.35"), "latest": images.busybox("latest")},
        "team/app": {"1.0": images.busybox("hub")},
        "limited/app": {"1.0": images.busybox("limited")},
    }
    signal.signal(signal.SIGHUP, lambda *_: HubHandler.used.clear())
    second = TLSServer(config["token_address"], HubHandler, config["certificate"], config["key"])
    threading.Thread(target=second.serve_forever, daemon=True).start()
    TLSServer(config["address"], HubHandler, config["certificate"], config["key"]).serve_forever()


def servfail(config: dict[str, Any]) -> None:
    """A resolver that says SERVFAIL to every question (RFC 1035 4.1.1: QR and RA set, RCODE 2), by UDP and
    TCP.
    """

    def reply(question: bytes) -> bytes:
        return question[:2] + struct.pack("!HHHHH", 0x8182, 1, 0, 0, 0) + question[12 : question.index(b"\0", 12) + 5]

    def by_tcp() -> None:
        with socket.create_server((config["address"], 53)) as server:
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(5)
                    try:
                        message = reply(connection.recv(4096)[2:])
                        connection.sendall(struct.pack("!H", len(message)) + message)
                    except (OSError, ValueError):
                        continue

    threading.Thread(target=by_tcp, daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((config["address"], 53))
        while True:
            question, client = udp.recvfrom(4096)
            if len(question) > 16:
                udp.sendto(reply(question), client)


if __name__ == "__main__":
    {"token": token, "hub": hub, "servfail": servfail}[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text()))

"""API servers and proxies on the loopback that write down who asked them, and how."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import json
import re
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = "127.0.0.1"
DISCOVERY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
        ],
    },
}
POD = re.compile(r"(?P<prefix>.*)/api/v1/namespaces/(?P<namespace>[^/]+)/pods/x")
SAID = ("Authorization", "Impersonate-User", "Impersonate-Uid", "Impersonate-Group")


@dataclass
class Log:
    """What arrived since the last `take`."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    """One for each request for pod x: server, prefix, namespace, certificate and the headers that name somebody."""
    proxies: list[str] = field(default_factory=list)
    """The proxies that were asked, each with the login that was sent."""

    def take(self) -> tuple[list[dict[str, Any]], list[str]]:
        """(requests, proxies) so far; both are empty afterwards."""
        found = (list(self.requests), sorted(set(self.proxies)))
        self.requests.clear()
        self.proxies.clear()
        return found


class Authority:
    """A CA of a few lines, which may lack what strict X.509 asks for."""

    def __init__(
        self, name: str, above: Authority | None = None, strict: bool = True, own: tuple[str, ...] = ()
    ) -> None:
        """above: who has signed it, itself if None. own: a server's own certificate for these names, signed by itself."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        build = _builder(self.name, above.name if above else self.name, self.key)
        build = build.add_extension(x509.BasicConstraints(ca=not own, path_length=None), critical=True)
        if own:
            build = build.add_extension(_names(own), critical=False)
        if strict and not own:
            build = build.add_extension(_usage(), critical=True).add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
            )
            if above:
                issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key())
                build = build.add_extension(issuer, critical=False)
        self.certificate = build.sign((above or self).key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, *names: str, days: int = 30, subject: str = "") -> tuple[bytes, bytes]:
        """(certificate, key) in PEM for these names and addresses; it ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject or names[0])])
        build = _builder(name, self.name, key, days)
        if names:
            build = build.add_extension(_names(names), critical=False)
        return build.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), pem_of(key)


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _builder(name: x509.Name, issuer: x509.Name, key: Any, days: int = 30) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _names(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    def one(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    return x509.SubjectAlternativeName([one(name) for name in names])


def _usage() -> x509.KeyUsage:
    off = dict.fromkeys(
        (
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "content_commitment",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **off)


class _Handler(BaseHTTPRequestHandler):
    """An API server that knows no pod and writes down who asked for pod x."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as Go's servers: else a body waits 40 ms for the acknowledgement of its head
    server: Any

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        match = POD.fullmatch(path)
        if match:
            self.server.log.requests.append(self._said(match))
        known = next((value for suffix, value in DISCOVERY.items() if path.endswith(suffix)), None)
        missing = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "NotFound",
            "code": 404,
            "message": 'pods "x" not found',
            "details": {"name": "x", "kind": "pods"},
        }
        body = json.dumps(known or missing).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _said(self, match: re.Match[str]) -> dict[str, Any]:
        found: dict[str, Any] = {"server": self.server.name, "namespace": match["namespace"]}
        if match["prefix"]:
            found["prefix"] = re.sub(r"^http://[^/]*", "", match["prefix"])
        for name in SAID:
            values = self.headers.get_all(name) or []
            if values:
                found[name] = values if name == "Impersonate-Group" else values[0]
        extra = sorted((k.lower(), v) for k, v in self.headers.items() if k.lower().startswith("impersonate-extra-"))
        if extra:
            found["extra"] = [list(pair) for pair in extra]
        peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        if peer:
            found["certificate"] = next(
                value for part in peer["subject"] for name, value in part if name == "commonName"
            )
        return found

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that leaves is no error here."""


class _Tls(_Quiet):
    """The handshake is made in the thread of its connection: one that fails holds up nobody."""

    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)


class _Proxy(BaseHTTPRequestHandler):
    """An HTTP proxy: CONNECT, and GET of a whole URL."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as Go's servers: else a body waits 40 ms for the acknowledgement of its head
    server: Any

    def _write_down(self) -> None:
        login = self.headers.get("Proxy-Authorization", "")
        if login.startswith("Basic "):
            login = base64.b64decode(login[6:]).decode()
        self.server.log.proxies.append(f"{self.server.name} {login}".strip())

    def do_CONNECT(self) -> None:
        self._write_down()
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((_here(host), int(port)), timeout=10) as far:
            self.send_response(200)
            self.end_headers()
            pump(self.connection, far)
        self.close_connection = True

    def do_GET(self) -> None:
        self._write_down()
        match = re.match(r"http://([^/:]+):(\d+)(/.*)", self.path)
        assert match
        with socket.create_connection((_here(match[1]), int(match[2])), timeout=10) as far:
            lines = [f"{self.command} {match[3]} HTTP/1.1"]
            lines += [f"{k}: {v}" for k, v in self.headers.items() if not k.lower().startswith("proxy-")]
            far.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            while part := far.recv(65536):
                self.connection.sendall(part)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _here(host: str) -> str:
    """Names under .test are here, whatever DNS says."""
    return HERE if host.endswith(".test") else host.strip("[]")


def pump(near: Any, far: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    while True:
        pending = isinstance(near, ssl.SSLSocket) and near.pending()
        ready = [near] if pending else select.select([near, far], [], [], 10)[0]
        if not ready:
            return
        for side in ready:
            try:
                data = side.recv(65536)
            except OSError:
                return
            if not data:
                return
            (far if side is near else near).sendall(data)


class _Socks(socketserver.BaseRequestHandler):
    """SOCKS 5 (RFC 1928, RFC 1929): CONNECT, with and without a login."""

    server: Any

    def handle(self) -> None:
        near: socket.socket = self.request
        _, count = near.recv(2)
        methods = near.recv(count)
        login = ""
        if 2 in methods:
            near.sendall(b"\x05\x02")
            near.recv(1)
            user = near.recv(near.recv(1)[0])
            password = near.recv(near.recv(1)[0])
            login = f"{user.decode()}:{password.decode()}"
            near.sendall(b"\x01\x00")
        else:
            near.sendall(b"\x05\x00")
        kind = near.recv(4)[3]
        host = near.recv(near.recv(1)[0]).decode() if kind == 3 else socket.inet_ntoa(near.recv(4))
        port = int.from_bytes(near.recv(2), "big")
        self.server.log.proxies.append(f"{self.server.name} {login}".strip())
        with socket.create_connection((_here(host), port), timeout=10) as far:
            near.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            pump(near, far)


class _SocksServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A client that leaves is no error here."""


@dataclass
class World:
    """The servers, and what a row's text may name as @word@."""

    log: Log
    """What arrived."""
    words: dict[str, str]
    """@word@ -> its text."""

    def fill(self, text: str, folder: Path) -> str:
        """A row's text with its words filled in. Raises KeyError for a word that is not there."""
        return re.sub(r"@([\w.-]+)@", lambda m: str(folder) if m[1] == "dir" else self.words[m[1]], text)

    def empty(self, text: str, folder: Path) -> str:
        """The text with what differs from run to run put back into words."""
        for word, value in sorted(self.words.items(), key=lambda pair: -len(pair[1])):
            if len(value) > 8:
                text = text.replace(value, f"@{word}@")
        return text.replace(str(folder), "@dir@")


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start them all; they end with the block. folder: for certificates."""
    log, words = Log(), {}
    running: list[tuple[Any, threading.Thread]] = []

    def start(server: Any, name: str) -> int:
        server.name, server.log = name, log
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        running.append((server, thread))
        return int(server.server_address[1])

    def keep(word: str, data: bytes) -> None:
        path = folder / word
        path.write_bytes(data)
        words[word] = str(path)
        words[f"{word}.64"] = base64.b64encode(data).decode()
        words[f"{word}.pem"] = data.decode()
        words[f"{word}.json"] = json.dumps(data.decode())[1:-1]

    root, other, loose = Authority("root"), Authority("other"), Authority("loose", strict=False)
    middle = Authority("middle", above=root)
    people = Authority("people")
    itself = Authority("itself", own=(HERE, "localhost"))
    pairs = {
        "A": root.issue(HERE, "localhost", "a.test"),
        "B": root.issue(HERE, "localhost", "b.test"),
        "OTHER": other.issue(HERE, "localhost"),
        "LOOSE": loose.issue(HERE, "localhost"),
        "MIDDLE": middle.issue(HERE, "localhost"),
        "ITSELF": (itself.pem, pem_of(itself.key)),
        "NAMED": root.issue("kube.internal"),
        "EXPIRED": root.issue(HERE, "localhost", days=-1),
        "COMMON": root.issue(subject=HERE),
    }
    people_file = folder / "people"
    people_file.write_bytes(people.pem)
    for name, (certificate, key) in pairs.items():
        keep(f"of-{name.lower()}", certificate)
        file = folder / f"server-{name}"
        file.write_bytes(certificate + (middle.pem if name == "MIDDLE" else b"") + key)
        tls = _Tls((HERE, 0), _Handler)
        tls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.context.load_cert_chain(file)
        tls.context.load_verify_locations(people_file)
        tls.context.verify_mode = ssl.CERT_OPTIONAL
        words[f"{name}.port"] = str(start(tls, name))
        words[name] = f"https://{HERE}:{words[f'{name}.port']}"
    words["PLAIN.port"] = str(start(_Quiet((HERE, 0), _Handler), "PLAIN"))
    words["PLAIN"] = f"http://{HERE}:{words['PLAIN.port']}"
    words["PROXY"] = f"{HERE}:{start(_Quiet((HERE, 0), _Proxy), 'PROXY')}"
    words["PROXY2"] = f"{HERE}:{start(_Quiet((HERE, 0), _Proxy), 'PROXY2')}"
    tls = _Tls((HERE, 0), _Proxy)
    tls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.context.load_cert_chain(folder / "server-A")
    words["TLSPROXY"] = f"{HERE}:{start(tls, 'TLSPROXY')}"
    words["SOCKS"] = f"{HERE}:{start(_SocksServer((HERE, 0), _Socks), 'SOCKS')}"
    with socket.socket() as nobody:
        nobody.bind((HERE, 0))
        words["NOBODY"] = f"{HERE}:{nobody.getsockname()[1]}"
        for word, authority in (("root", root), ("other", other), ("loose", loose), ("middle", middle)):
            keep(word, authority.pem)
        for word in ("jane", "joe"):
            certificate, key = people.issue(subject=word)
            keep(word, certificate)
            keep(f"{word}-key", key)
        try:
            yield World(log, words)
        finally:
            for server, thread in running:
                server.shutdown()
                server.server_close()
                thread.join()

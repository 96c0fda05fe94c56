"""One server for the many hosts that fail in a way of their own: by TLS (an address each), by status, token host, blob host
and content (by name), and the lab's HTTP proxy.

Run in the core machine as ``python -m tests.lab.odd CONFIG.json``. SIGHUP lets go of the transfers that stand still.
"""

from __future__ import annotations

import contextlib
import email.utils
import functools
import json
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from tests.lab import images, settings
from tests.lab.servers import Handler, TLSServer

PAGE = b"<html><head><title>nginx</title></head><body><h1>%s</h1></body></html>"
PERMISSION = (
    'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource '
    '"projects/lab/locations/here/repositories/team" (or it may not exist)'
)
EXPIRED = "Your authorization token has expired. Reauthenticate and try again."


def _errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


# name -> what it answers to everything: status, type, body, further headers
STATUSES: dict[str, tuple[int, str, bytes, dict[str, str]]] = {
    "e403": (403, "text/plain", b"", {}),
    # As an object store says it: no registry's error body.
    "e404": (404, "application/xml", b"<Error><Code>NoSuchKey</Code></Error>", {}),
    "e429": (429, "application/json", _errors("TOOMANYREQUESTS", "slow down"), {"Retry-After": "30"}),
    "e500": (500, "application/json", _errors("UNKNOWN", "unknown error"), {}),
    "e502": (502, "text/html", PAGE % b"502 Bad Gateway", {}),
    "e503": (503, "application/json", _errors("UNAVAILABLE", "service unavailable"), {"Retry-After": "30"}),
    "website": (404, "text/html", PAGE % b"404 Not Found", {}),
}
CUT = 64 << 10
"""Bytes after which a transfer breaks off, stands still or goes on slowly: fewer than a probe reads."""
STOP = 512 << 10
"""Bytes after which one stands still that has gone well so far: more than a probe reads."""
DRIP, PAUSE = 512, 0.5
"""Bytes, and seconds between them, of a transfer that is slow."""


# By the first part of its name: what goes wrong with a repository; with `fresh`, nothing.
FAULTY = ("gone", "gone-config", "short", "wrong", "wrong-end", "hang", "slow", "creep", "stop", "denied", "fresh")
THING = "application/vnd.example.thing.v1+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


@functools.cache
def _image(label: str, repository: str) -> images.Image | None:
    """The image ``1.0`` of a repository: its own for each name, since a node fetches the same layer only once."""
    if repository == "team/app":
        return images.filler(label) if label.startswith("blobs-") and label != "blobs-odd" else images.busybox(label)
    if repository.partition("/")[0] in FAULTY:
        return images.filler(repository)
    if repository == "nottar":
        return images.not_a_tar()
    if repository == "empty-index":
        return images.index()
    if repository in images.ARTIFACTS:
        return images.artifact(repository)
    if repository == "thing":
        return images.Image(THING, b'{"thing":"no image"}')
    if repository == "old":
        body = {"schemaVersion": 1, "name": "old", "tag": "1.0", "architecture": "amd64", "fsLayers": [], "history": []}
        return images.Image(SCHEMA1, json.dumps(body).encode())
    return None


class OddHandler(Handler):
    """A registry, token host or blob host, by the first label of the name that it is asked under:

    a name of STATUSES answers that to everything; ``token-X`` wants a token from host X; ``blobs-X`` sends to host X for blobs;
    ``stale`` takes the user's credentials and says that they have expired; all others are a registry with odd contents.
    """

    release: ClassVar[threading.Event] = threading.Event()

    @property
    def label(self) -> str:
        return self.headers.get("Host", "").partition(":")[0].partition(".")[0]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, label = urllib.parse.urlsplit(self.path).path, self.label
        kind, _, other = label.partition("-")
        if label == "reset":
            _will_reset(self.connection)
            self.close_connection = True
        elif label in STATUSES:
            status, media, body, headers = STATUSES[label]
            self.answer(status, body, headers, media)
        elif kind == "token" and not self.headers.get("Authorization", "").startswith("Bearer "):
            realm = f'Bearer realm="https://{other}.{settings.DOMAIN}/token",service="{label}"'
            self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": realm})
        elif label == "stale" and self.basic() is None:
            self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="stale"'})
        elif label == "stale" and path != "/v2/":
            self.error(403, "DENIED", EXPIRED)
        elif path in ("/v2", "/v2/"):
            self.answer(200, {}, {"Docker-Distribution-API-Version": "registry/2.0"})
        elif path == "/token":
            self.answer(200, {"token": "odd", "expires_in": 300})
        else:
            self._content(path, other if kind == "blobs" else "")

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, by the clock of ``skewed`` on that host."""
        behind = settings.SKEW if self.label == "skewed" else 0
        return email.utils.formatdate(time.time() - behind, usegmt=True)

    def _content(self, path: str, blob_host: str) -> None:
        for kind in ("manifests", "blobs", "tags"):
            repository, found, reference = path.removeprefix("/v2/").rpartition(f"/{kind}/")
            if found:
                break
        label = self.query().get("for", [self.label])[0]
        image = _image(label, repository) if found else None
        if kind == "blobs" and found and blob_host:
            # `odd` has to know whose image it is: each has layers of its own
            where = f"https://{blob_host}.{settings.DOMAIN}{path}?for={self.label}"
            self.answer(307, b"", {"Location": where})
        elif image is None:
            self.error(404, "NAME_UNKNOWN", "repository name not known to registry", None, {"name": repository})
        elif repository.startswith("denied/"):
            self.error(403, "DENIED", PERMISSION)
        elif kind == "tags":
            self.answer(200, {"name": repository, "tags": ["1.0"]})
        elif kind == "blobs":
            self._blob(repository, reference, image)
        elif reference in ("1.0", image.digest):
            self.answer(200, image.body, {"Docker-Content-Digest": image.digest}, image.media_type)
        else:
            self.error(404, "MANIFEST_UNKNOWN", "manifest unknown", None, {"Tag": reference})

    def _blob(self, repository: str, digest: str, image: images.Image) -> None:
        data = image.blobs.get(digest)
        fault = repository.partition("/")[0]
        is_config = json.loads(image.body).get("config", {}).get("digest") == digest
        if data is None or fault == ("gone-config" if is_config else "gone"):
            self.error(404, "BLOB_UNKNOWN", "blob unknown to registry", None, {"digest": digest})
            return
        if fault == "wrong" and is_config:
            data = data.replace(b"linux", b"xunil")
        elif fault == "wrong-end" and not is_config:
            data = data[:-512] + b"\1" * 512
        whole, begin = len(data), 0
        asked = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if asked[0].isdigit():
            begin, end = int(asked[0]), int(asked[2] or whole - 1)
            data = data[begin : end + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{begin + len(data) - 1}/{whole}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        at = {"short": CUT, "hang": CUT, "slow": CUT, "creep": DRIP, "stop": STOP}.get(fault, whole)
        cut = len(data) if is_config else max(0, at - begin)
        self.wfile.write(data[:cut])
        if cut >= len(data):
            return
        if fault == "creep":
            self._drop_by_drop(data[cut:])
        elif fault in ("hang", "stop"):
            self.release.wait(900)
        elif fault == "slow":
            # Half of it in the time of a probe, the rest drop by drop.
            self.wfile.write(data[cut : cut + 2 * CUT])
            self._drop_by_drop(data[cut + 2 * CUT :])
        self.close_connection = True

    def _drop_by_drop(self, data: bytes) -> None:
        for at in range(0, len(data), DRIP):
            if self.release.wait(PAUSE):
                break
            self.wfile.write(data[at : at + DRIP])


def _will_reset(connection: Any) -> None:
    """Its close is an RST (socket(7): SO_LINGER with a time of 0)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class OddServer(TLSServer):
    """One address. way: how the handshake goes: a certificate's, "alert", "hush" (silence), "reset", "client" (it wants one of
    the client's, which nobody has)."""

    def __init__(self, address: str, way: str, certificate: str, key: str) -> None:
        super().__init__(address, OddHandler, certificate, key)
        self.way = way
        if way == "client":
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(certificate)
        if way == "alert":
            self.context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.way in ("hush", "reset"):
            request.settimeout(60)
            with contextlib.suppress(OSError):
                request.recv(4096)  # the client's hello
                if self.way == "reset":
                    _will_reset(request)
                else:
                    request.recv(4096)  # until the client gives up
            return
        with contextlib.suppress(OSError, ValueError):  # a connection that was reset on purpose
            super().finish_request(request, client_address)


class ProxyHandler(BaseHTTPRequestHandler):
    """An HTTP proxy for CONNECT, to hosts of the lab alone."""

    hosts: ClassVar[Mapping[str, str]] = {}

    def do_CONNECT(self) -> None:
        name, _, port = self.path.rpartition(":")
        try:
            there = socket.create_connection((self.hosts[name], int(port)), timeout=5)
        except (KeyError, OSError):
            self.send_error(502, "Bad Gateway")
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        back = threading.Thread(target=_pump, args=(there, self.connection), daemon=True)
        back.start()
        _pump(self.connection, there)
        back.join()
        there.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        print(f"proxy: {self.client_address[0]} {format % args}", flush=True)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(900)
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def main(config: dict[str, Any]) -> None:
    """Serve every address of the configuration."""
    ProxyHandler.hosts = config["hosts"]

    def let_go(*_: object) -> None:
        held, OddHandler.release = OddHandler.release, threading.Event()
        held.set()

    signal.signal(signal.SIGHUP, let_go)
    proxy = ThreadingHTTPServer((config["proxy"], settings.PROXY_PORT), ProxyHandler)
    proxy.daemon_threads = True
    serving: list[Callable[[], None]] = [proxy.serve_forever]
    for one in config["servers"]:
        serving.append(OddServer(**one).serve_forever)
    for serve in serving[1:]:
        threading.Thread(target=serve, daemon=True).start()
    threading.Thread(target=serving[0], daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))

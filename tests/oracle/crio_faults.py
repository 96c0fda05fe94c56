"""What CRI-O's own library says of every fault that a registry, its hosts and a node's files can have.

`python -m tests.oracle.crio_faults` makes each fault with real servers on this machine, pulls through the library's code
(go/crio-pull) and writes tests/corpus/crio-faults.jsonl. The cause of a line is the fault's, written here beside it; nothing
reads the text. Exit codes: 0 written, 1 a fault made no error, 2 the program cannot be built.

How CRI-O passes a text on: server/image_pull.go, internal/storage/image.go and internal/ociartifact/store.go of its tags 1.33,
1.34 and 1.36; the kubelet: pkg/kubelet/images/image_manager.go.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import hashlib
import http.client as http_client
import io
import json
import os
import re
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.oracle.process import OracleUnavailable, Program
from tests.probes.site import (
    Answer,
    Handler,
    Request,
    Resolver,
    Server,
    deaf_port,
    error,
    free_port,
    hang_up,
    http,
    page,
    reset,
    serve,
    silence,
)

CORPUS = Path(__file__).parents[1] / "corpus" / "crio-faults.jsonl"
VERSIONS = ("5.38.0", "5.42.1")
HERE = "127.0.0.1"
REGISTRY, TOKEN, STORE, MIRROR, OTHER = (
    f"{name}.corp.example" for name in ("registry", "token", "store", "mirror", "second")
)
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ACCEPT_ALL = '{"default":[{"type":"insecureAcceptAnything"}]}'
UNSAID = ("auth.no_credentials", "auth.bad_credentials", "auth.denied_or_missing")
"""What a Basic registry's refusal may mean: it is the same with a wrong login and without one."""
REFUSED_TOO = ("auth.denied_or_missing", "auth.secret_missing", "auth.secret_wrong_registry")


@dataclass
class Pull:
    """One pull of the library, and what is true of it. Names with a port of this machine are written without in the corpus."""

    name: str
    """The fault."""
    cause: str
    """Its cause."""
    host: str
    """Where it is, "" for the node."""
    image: str
    """As the pod has it."""
    accept: tuple[str, ...] = ()
    """Causes that a reader of the text alone may name as well."""
    role: str = "registry"
    question: dict[str, Any] = field(default_factory=dict)
    """What else the program is told: User, Password, Proxy, Cancel, Files, Dirs."""


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image:
    """team/app:1.0 as a registry holds it: one layer, a real archive."""

    def __init__(
        self,
        platform: str = "amd64",
        indexed: bool = False,
        layer: bytes | None = None,
        diff_id: str = "",
        media: str = CONFIG,
    ) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            info = tarfile.TarInfo("file")
            info.size = 200_000
            tar.addfile(info, io.BytesIO(os.urandom(info.size)))
        self.layer = gzip.compress(archive.getvalue()) if layer is None else layer
        config = json.dumps(
            {
                "os": "linux",
                "architecture": platform,
                "rootfs": {"type": "layers", "diff_ids": [diff_id or digest_of(archive.getvalue())]},
                "config": {},
            }
        ).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": media, "digest": digest_of(config), "size": len(config)},
                "layers": [{"mediaType": LAYER, "digest": digest_of(self.layer), "size": len(self.layer)}],
            }
        ).encode()
        self.config, self.layer_digest = digest_of(config), digest_of(self.layer)
        self.files = {digest_of(manifest): (manifest, MANIFEST)}
        self.blobs = {self.config: config, self.layer_digest: self.layer}
        top = (manifest, MANIFEST)
        if indexed:
            entry = {"mediaType": MANIFEST, "digest": digest_of(manifest), "size": len(manifest)}
            platforms = {"platform": {"os": "linux", "architecture": platform}}
            top = (
                json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry | platforms]}).encode(),
                INDEX,
            )
            self.files[digest_of(top[0])] = top
        self.files["1.0"] = top


Blob = Callable[[Request, bytes], Answer]


def registry(
    image: Image | None = None, manifest: Answer | None = None, layer: Blob | None = None, config: Blob | None = None
) -> Handler:
    """A registry that asks for nothing. manifest: its answer to any; layer, config: what it does with these blobs."""
    held = image or Image()

    def handler(request: Request) -> Answer:
        if request.path == "/v2/":
            return http(200, {}, {"Docker-Distribution-Api-Version": "registry/2.0"})
        kind, name = request.path.split("?")[0].rsplit("/", 2)[1:]
        if kind == "manifests":
            if manifest is not None:
                return manifest
            if name not in held.files:
                return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
            data, media = held.files[name]
            return serve(request, data, media)
        if name not in held.blobs:
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        special = layer if name == held.layer_digest else config
        return special(request, held.blobs[name]) if special else serve(request, held.blobs[name])

    return handler


def wants_login(inner: Handler | None = None, user: str = "") -> Handler:
    """A registry with Basic authentication that takes nobody's credentials."""

    def handler(request: Request) -> Answer:
        refused = error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="corp"'})
        return refused

    return handler


def wants_token(port: int, inner: Handler | None = None) -> Handler:
    """A registry that sends to TOKEN for a token."""

    def handler(request: Request) -> Answer:
        if request.headers.get("authorization", "").startswith("Bearer "):
            return (inner or registry())(request)
        realm = f'Bearer realm="https://{TOKEN}:{port}/token",service="corp"'
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": realm})

    return handler


class World:
    """The servers of all pulls, on this machine, under names that only its resolver knows."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.authority = trustme.CA()
        self.good = self.context(self.authority.issue_cert(REGISTRY, TOKEN, STORE, MIRROR, OTHER))
        self.names: dict[str, list[str] | str] = {name: [HERE] for name in (REGISTRY, TOKEN, STORE, MIRROR, OTHER)}
        self.ports: dict[int, str] = {}
        self.over = threading.Event()
        stack.callback(self.over.set)

    @staticmethod
    def context(*leaves: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for leaf in leaves:
            leaf.configure_cert(context)
        return context

    def serve(self, handler: Handler, context: ssl.SSLContext | str | None = "good", greet: Any = None) -> int:
        """A server until the end; its port."""
        used = self.good if isinstance(context, str) else context

        def phrased(request: Request) -> Answer:
            answer = handler(request)
            return with_phrase(answer) if isinstance(answer, bytes) else answer

        return self.stack.enter_context(Server(phrased, used, greet=greet)).port

    def odd(self, critical: bool = False, usage: bool = False, named: bool = True) -> ssl.SSLContext:
        """A certificate of the authority that breaks the standard."""
        issuer = x509.load_pem_x509_certificate(self.authority.cert_pem.bytes())
        signer = serialization.load_pem_private_key(self.authority.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, REGISTRY)]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + DAY)
        )
        if named:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(REGISTRY)]), critical=False)
        if critical:
            unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
            builder = builder.add_extension(unknown, critical=True)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        leaf = builder.sign(signer, hashes.SHA256())
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        file = self.folder / f"odd-{critical}-{usage}-{named}.pem"
        file.write_bytes(pem + leaf.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def with_client_certificate(self, newest: ssl.TLSVersion) -> ssl.SSLContext:
        context = self.context(self.authority.issue_cert(REGISTRY))
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = newest
        self.authority.configure_trust(context)
        return context


def with_phrase(answer: bytes) -> bytes:
    """An answer with the words that servers put behind a status: the library repeats them."""
    found = re.match(rb"HTTP/1.1 (\d{3}) X\r\n", answer)
    phrase = http_client.responses.get(int(found[1]), "") if found else ""
    return answer.replace(b" X\r\n", f" {phrase}\r\n".encode(), 1) if found else answer


def image_at(port: int, name: str = REGISTRY) -> str:
    return f"{name}:{port}/team/app:1.0"


def conf(*tables: str) -> dict[str, str]:
    return {"/etc/containers/registries.conf": "\n".join(tables)}


def mirrored(upstream: int, *mirrors: tuple[str, int], more: str = "") -> dict[str, Any]:
    lines = "".join(f'[[registry.mirror]]\nlocation = "{name}:{port}"\n' for name, port in mirrors)
    return {"Files": conf(f'[[registry]]\nlocation = "{REGISTRY}:{upstream}"\n{more}\n{lines}')}


def pulls(world: World) -> Iterator[Pull]:
    """Every fault."""
    yield from of_names(world)
    yield from of_connections(world)
    yield from of_certificates(world)
    yield from of_answers(world)
    yield from of_logins(world)
    yield from of_token_hosts(world)
    yield from of_content(world)
    yield from of_mirrors(world)
    yield from of_the_node(world)


def of_names(world: World) -> Iterator[Pull]:
    for answer, cause, accept in (
        ("NXDOMAIN", "dns.nxdomain", ()),
        ("SERVFAIL", "dns.server_failure", ()),
        ("REFUSED", "dns.server_failure", ()),
        ("JUNK", "dns.server_failure", ("dns.timeout",)),
        ("SILENCE", "dns.timeout", ()),
    ):
        name = f"{answer.lower()}.corp.example"
        world.names[name] = answer
        role = "registry" if cause == "dns.nxdomain" else "dns-server"
        yield Pull(f"dns-{answer.lower()}", cause, name, f"{name}/team/app:1.0", accept, role)


def of_connections(world: World) -> Iterator[Pull]:
    yield Pull("refused", "net.refused", REGISTRY, image_at(free_port()))
    port = world.stack.enter_context(deaf_port())
    yield Pull("dropped", "net.timeout", REGISTRY, image_at(port))
    insecure = {"Files": conf(f'[[registry]]\nlocation = "{REGISTRY}:{free_port()}"\ninsecure = true')}
    refused = insecure["Files"]["/etc/containers/registries.conf"].partition(":")[2].partition('"')[0]
    yield Pull("refused-insecure", "net.refused", REGISTRY, image_at(int(refused)), question=insecure)
    proxy = {"Proxy": f"http://{HERE}:{free_port()}"}
    yield Pull("proxy-refused", "net.proxy", "", f"{REGISTRY}/team/app:1.0", role="proxy", question=proxy)
    for status in (403, 407, 502):
        port = world.serve(lambda request, status=status: page(status), None)
        accept = ("auth.forbidden",) if status == 403 else ("registry.server_error",) if status == 502 else ()
        asked = {"Proxy": f"http://{HERE}:{port}"}
        yield Pull(f"proxy-{status}", "net.proxy", "", f"{REGISTRY}/team/app:1.0", accept, "proxy", asked)


def of_certificates(world: World) -> Iterator[Pull]:
    ours, context = world.authority, world.context
    cases: list[tuple[str, str, ssl.SSLContext | None, Any, tuple[str, ...]]] = [
        ("unknown-authority", "tls.unknown_authority", context(trustme.CA().issue_cert(REGISTRY)), None, ()),
        (
            "expired",
            "tls.expired",
            context(ours.issue_cert(REGISTRY, not_before=NOW - 9 * DAY, not_after=NOW - DAY)),
            None,
            (),
        ),
        (
            "not-yet-valid",
            "tls.not_yet_valid",
            context(ours.issue_cert(REGISTRY, not_before=NOW + DAY, not_after=NOW + 9 * DAY)),
            None,
            (),
        ),
        ("other-name", "tls.hostname_mismatch", context(ours.issue_cert("other.corp.example")), None, ()),
        ("common-name-only", "tls.hostname_mismatch", world.odd(named=False), None, ()),
        ("plain-http", "tls.http_on_https", None, None, ()),
        ("closed-handshake", "tls.handshake", world.good, hang_up, ("transfer.interrupted", "net.reset")),
        ("reset-handshake", "tls.handshake", world.good, reset, ("net.reset",)),
        ("client-certificate-1.3", "tls.handshake", world.with_client_certificate(ssl.TLSVersion.TLSv1_3), None,
         ("auth.no_credentials",)),
        ("client-certificate-1.2", "tls.handshake", world.with_client_certificate(ssl.TLSVersion.TLSv1_2), None,
         ("auth.no_credentials",)),
        ("critical-extension", "tls.handshake", world.odd(critical=True), None, ()),
        ("key-usage", "tls.handshake", world.odd(usage=True), None, ()),
    ]  # fmt: skip
    for name, cause, used, greet, accept in cases:
        port = world.serve(registry(), used, greet)
        yield Pull(name, cause, REGISTRY, image_at(port), accept)
    servers: list[Server] = []
    silent = world.stack.enter_context(Server(registry(), world.good, greet=silence(servers)))
    servers.append(silent)
    yield Pull("silent-handshake", "tls.handshake", REGISTRY, image_at(silent.port), ("net.timeout",))


def of_answers(world: World) -> Iterator[Pull]:
    nowhere = error(404, "NAME_UNKNOWN", "repository name not known to registry")
    permission = 'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "x"'
    everywhere: list[tuple[str, str, Handler, tuple[str, ...]]] = [
        ("ping-500", "registry.server_error", lambda r: http(500, b"oops"), ("registry.unavailable",)),
        ("ping-502", "registry.server_error", lambda r: page(502), ("registry.unavailable",)),
        ("ping-503", "registry.unavailable", lambda r: http(503, b""), ("registry.server_error",)),
        ("ping-404", "registry.not_a_registry", lambda r: page(404), ("image.tag_unknown", "image.name_unknown")),
        ("sign-in-page", "registry.not_a_registry", lambda r: page(200), ("image.format_unsupported",)),
        ("not-http", "registry.not_a_registry", lambda r: b"220 mail.corp.example ESMTP\r\n", ("tls.http_on_https",)),
        ("no-answer", "transfer.interrupted", lambda r: b"", ("net.reset",)),
    ]
    for name, cause, handler, accept in everywhere:
        yield Pull(name, cause, REGISTRY, image_at(world.serve(handler)), accept)
    manifests: list[tuple[str, str, bytes, tuple[str, ...]]] = [
        ("manifest-500", "registry.server_error", error(500, "UNKNOWN"), ("registry.unavailable",)),
        ("manifest-502", "registry.server_error", page(502), ("registry.unavailable",)),
        ("manifest-503", "registry.unavailable", error(503, "UNAVAILABLE"), ("registry.server_error",)),
        ("manifest-504", "registry.server_error", page(504), ("registry.unavailable", "net.timeout")),
        ("tag", "image.tag_unknown", error(404, "MANIFEST_UNKNOWN", "manifest unknown"), ()),
        ("name", "image.name_unknown", nowhere, ()),
        ("404-page", "image.tag_unknown", page(404), ("image.name_unknown", "registry.not_a_registry")),
        ("denied", "auth.denied_or_missing", error(403, "DENIED", "requested access to the resource is denied"), ()),
        ("403", "auth.forbidden", http(403, b""), ("auth.denied_or_missing",)),
        ("403-page", "auth.forbidden", page(403), ("auth.denied_or_missing",)),
        ("permission", "auth.forbidden", error(403, "DENIED", permission), ()),
        ("429", "rate.registry_limit", error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit."), ()),
        ("manifest-page", "registry.not_a_registry", page(200), ("image.format_unsupported",)),
        ("manifest-closed", "transfer.interrupted", b"", ("net.reset",)),
        ("manifest-html-500", "registry.server_error", page(500), ("registry.unavailable",)),
        ("451", "auth.forbidden", http(451, b""), ("auth.denied_or_missing",)),
    ]  # fmt: skip
    for name, cause, answer, accept in manifests:
        yield Pull(name, cause, REGISTRY, image_at(world.serve(registry(manifest=answer))), accept)
    port = world.serve(registry(manifest=error(404, "MANIFEST_UNKNOWN", "manifest unknown")))
    digest = f"{REGISTRY}:{port}/team/app@sha256:{'b' * 64}"
    yield Pull("digest", "image.digest_unknown", REGISTRY, digest)


def of_logins(world: World) -> Iterator[Pull]:
    basic = world.serve(wants_login())
    yield Pull("basic-without-login", "auth.no_credentials", REGISTRY, image_at(basic), UNSAID)
    wrong = {"User": "someone", "Password": "guessed"}
    # the same text, word for word: only the pod's secrets tell them apart
    yield Pull("basic-wrong-login", "auth.bad_credentials", REGISTRY, image_at(basic), UNSAID, question=wrong)
    refusals = (
        ("denied", error(401, "DENIED", "requested access to the resource is denied")),
        ("unauthorized", error(401, "UNAUTHORIZED", "access to the requested resource is not authorized")),
        ("empty-401", http(401, b"")),
        ("403", http(403, b"")),
    )
    for name, answer in refusals:
        token = world.serve(lambda request, answer=answer: answer)
        port = world.serve(wants_token(token))
        yield Pull(
            f"token-{name}-without-login", "auth.denied_or_missing", TOKEN, image_at(port),
            (*REFUSED_TOO, "auth.no_credentials", "auth.forbidden", "auth.bad_credentials"), "token",
        )  # fmt: skip
    for name, answer in (
        ("401", error(401, "UNAUTHORIZED", "incorrect username or password")),
        ("expired", error(401, "UNAUTHORIZED", "token has expired")),
    ):
        token = world.serve(lambda request, answer=answer: answer)
        port = world.serve(wants_token(token))
        cause = "auth.expired" if name == "expired" else "auth.bad_credentials"
        yield Pull(f"token-{name}-with-login", cause, TOKEN, image_at(port), ("auth.bad_credentials",), "token", wrong)
    granted = world.serve(lambda request: http(200, {"token": "abc"}))
    scope = {"WWW-Authenticate": f'Bearer realm="https://{TOKEN}:{granted}/token",error="insufficient_scope"'}
    refuse = error(401, "DENIED", "requested access to the resource is denied", scope)
    port = world.serve(wants_token(granted, lambda request: refuse))
    yield Pull("scope", "auth.denied_or_missing", REGISTRY, image_at(port), ("auth.no_credentials",))


def of_token_hosts(world: World) -> Iterator[Pull]:
    cases: list[tuple[str, str, Handler, tuple[str, ...]]] = [
        ("500", "registry.server_error", lambda r: http(500, b"oops"), ("registry.unavailable",)),
        ("503", "registry.unavailable", lambda r: http(503, b""), ("registry.server_error",)),
        ("page", "registry.server_error", lambda r: page(200), ("registry.not_a_registry", "net.proxy")),
        ("404", "registry.server_error", lambda r: page(404),
         ("registry.not_a_registry", "auth.denied_or_missing", "image.tag_unknown")),
        ("closed", "transfer.interrupted", lambda r: b"", ("net.reset",)),
        ("429", "rate.registry_limit", lambda r: error(429, "TOOMANYREQUESTS", "too many requests"), ()),
    ]  # fmt: skip
    for name, cause, handler, accept in cases:
        port = world.serve(wants_token(world.serve(handler)))
        yield Pull(f"token-{name}", cause, TOKEN, image_at(port), accept, "token")
    yield Pull("token-refused", "net.refused", TOKEN, image_at(world.serve(wants_token(free_port()))), (), "token")
    foreign = world.serve(registry(), world.context(trustme.CA().issue_cert(TOKEN)))
    port = world.serve(wants_token(foreign))
    yield Pull("token-unknown-authority", "tls.unknown_authority", TOKEN, image_at(port), (), "token")

    def lost(request: Request) -> Answer:
        realm = 'Bearer realm="https://nxdomain.corp.example/token",service="corp"'
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": realm})

    port = world.serve(lost)
    yield Pull("token-nxdomain", "dns.nxdomain", "nxdomain.corp.example", image_at(port), (), "token")
    bare = world.serve(lambda request: http(401, b"", {"WWW-Authenticate": 'Bearer service="corp"'}))
    yield Pull("no-realm", "registry.server_error", REGISTRY, image_at(bare), ("registry.not_a_registry",))


def of_content(world: World) -> Iterator[Pull]:
    whole = b"x" * 1000

    def half(request: Request, data: bytes) -> Iterator[bytes]:
        answer = serve(request, data)
        yield answer[: len(answer) - len(data) // 2]

    def trickle(request: Request, data: bytes) -> Iterator[bytes]:
        yield serve(request, data)[:2000]
        world.over.wait(20)

    def redirected(where: str) -> Blob:
        return lambda request, data: http(307, b"", {"Location": f"https://{where}/bucket/layer?X-Amz-Signature=0123"})

    def answering(answer: bytes) -> Blob:
        return lambda request, data: answer

    foreign = world.serve(registry(), world.context(trustme.CA().issue_cert(STORE)))
    unknown = error(404, "BLOB_UNKNOWN", "blob unknown to registry")
    blobs: list[tuple[str, str, str, Blob, tuple[str, ...], str]] = [
        ("blob-404", "image.blob_unknown", REGISTRY, answering(unknown), ("content.corrupt",), "registry"),
        ("blob-404-page", "image.blob_unknown", REGISTRY, answering(page(404)), ("content.corrupt",), "registry"),
        ("blob-403", "auth.forbidden", REGISTRY, answering(page(403)), ("auth.denied_or_missing",), "registry"),
        ("blob-500", "registry.server_error", REGISTRY, answering(page(500)), ("registry.unavailable",), "registry"),
        ("blob-503", "registry.unavailable", REGISTRY, answering(page(503)), ("registry.server_error",), "registry"),
        ("blob-corrupt", "content.corrupt", REGISTRY, lambda r, d: serve(r, d[:-9] + whole[:9]), (), "registry"),
        ("blob-short", "transfer.interrupted", REGISTRY, half, ("content.corrupt",), "registry"),
        ("store-refused", "net.refused", STORE, redirected(f"{STORE}:{free_port()}"), (), "blob"),
        ("store-nxdomain", "dns.nxdomain", "nxdomain.corp.example", redirected("nxdomain.corp.example"), (), "blob"),
        ("store-authority", "tls.unknown_authority", STORE, redirected(f"{STORE}:{foreign}"), (), "blob"),
    ]  # fmt: skip
    for name, cause, host, layer, accept, role in blobs:
        yield Pull(name, cause, host, image_at(world.serve(registry(layer=layer))), accept, role)
    port = world.serve(registry(config=answering(unknown)))
    yield Pull("config-404", "image.blob_unknown", REGISTRY, image_at(port), ("content.corrupt",))
    port = world.serve(registry(layer=trickle))
    # CRI-O's limit without progress cancels
    accept = ("transfer.stalled", "transfer.interrupted", "net.timeout")
    yield Pull("no-progress", "transfer.timeout", REGISTRY, image_at(port), accept, question={"Cancel": 3})
    images: list[tuple[str, str, Image, tuple[str, ...]]] = [
        ("platform", "image.platform_mismatch", Image("s390x", indexed=True), ()),
        ("not-a-tar", "storage.extract_failed", Image(layer=gzip.compress(b"layer " * 3000)),
         ("content.corrupt", "image.format_unsupported")),
        ("diff-id", "content.corrupt", Image(diff_id="sha256:" + "c" * 64), ("storage.extract_failed",)),
        ("helm-chart", "image.format_unsupported", Image(media="application/vnd.cncf.helm.config.v1+json"), ()),
        ("signature", "image.format_unsupported", Image(media="application/vnd.dev.cosign.artifact.sig.v1+json"), ()),
        ("module", "image.format_unsupported", Image(media="application/vnd.wasm.config.v0+json"), ()),
    ]  # fmt: skip
    for name, cause, image, accept in images:
        yield Pull(name, cause, REGISTRY, image_at(world.serve(registry(image))), accept)
    prettyjws = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    schema1 = http(200, b'{"schemaVersion":1,"name":"team/app"}', content_type=prettyjws)
    yield Pull("schema-1", "image.format_unsupported", REGISTRY, image_at(world.serve(registry(manifest=schema1))))
    odd = http(200, b'{"schemaVersion":2,"layers":5}', content_type=MANIFEST)
    yield Pull("odd-manifest", "image.format_unsupported", REGISTRY, image_at(world.serve(registry(manifest=odd))),
               ("registry.not_a_registry", "content.corrupt"))  # fmt: skip


def of_mirrors(world: World) -> Iterator[Pull]:
    lacking = world.serve(registry(manifest=error(404, "MANIFEST_UNKNOWN", "manifest unknown")))
    closed, good = free_port(), world.serve(registry())
    foreign = world.serve(registry(), world.context(trustme.CA().issue_cert(MIRROR)))
    login = world.serve(wants_login())
    yield Pull(
        "mirror-refused-upstream-lacks", "image.tag_unknown", REGISTRY, image_at(lacking), ("net.refused",),
        question=mirrored(lacking, (MIRROR, closed)),
    )  # fmt: skip
    yield Pull(
        "mirror-authority-upstream-refused", "tls.unknown_authority", MIRROR, image_at(closed), ("net.refused",), "mirror",
        mirrored(closed, (MIRROR, foreign)),
    )  # fmt: skip
    yield Pull(
        "mirror-lacks-upstream-refused", "net.refused", REGISTRY, image_at(closed), ("image.tag_unknown",),
        question=mirrored(closed, (MIRROR, lacking)),
    )  # fmt: skip
    yield Pull(
        "mirror-login-upstream-refused", "auth.no_credentials", MIRROR, image_at(closed), ("net.refused", *UNSAID), "mirror",
        mirrored(closed, (MIRROR, login)),
    )  # fmt: skip
    yield Pull(
        "blocked-mirror-lacks", "image.tag_unknown", MIRROR, image_at(good), ("policy.registry_blocked",), "mirror",
        mirrored(good, (MIRROR, lacking), more="blocked = true"),
    )  # fmt: skip
    yield Pull(
        "blocked-mirror-refused", "net.refused", MIRROR, image_at(good), ("policy.registry_blocked",), "mirror",
        mirrored(good, (MIRROR, closed), more="blocked = true"),
    )  # fmt: skip
    yield Pull(
        "two-mirrors-upstream-refused", "tls.unknown_authority", MIRROR, image_at(closed), ("net.refused",), "mirror",
        mirrored(closed, (OTHER, closed), (MIRROR, foreign)),
    )  # fmt: skip
    yield Pull(
        "two-mirrors-upstream-login", "auth.no_credentials", REGISTRY, image_at(login),
        ("net.refused", "tls.unknown_authority", *UNSAID), question=mirrored(login, (OTHER, closed), (MIRROR, foreign)),
    )  # fmt: skip
    yield Pull(
        "blocked", "policy.registry_blocked", REGISTRY, image_at(good),
        question={"Files": conf(f'[[registry]]\nlocation = "{REGISTRY}:{good}"\nblocked = true')},
    )  # fmt: skip


def of_the_node(world: World) -> Iterator[Pull]:
    good = world.serve(registry())
    certs = f"/etc/docker/certs.d/{REGISTRY}:{good}"
    rejecting = {"Files": {"/etc/containers/policy.json": '{"default":[{"type":"reject"}]}'}}
    signed = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/nonexistent"}
    wanting = {"Files": {"/etc/containers/policy.json": json.dumps({"default": [signed]})}}
    files: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
        ("conf-broken", "runtime.config_invalid", {"Files": conf("[[registry]")}, ()),
        ("conf-location", "runtime.config_invalid",
         {"Files": conf(f'[[registry]]\nprefix = "{REGISTRY}:{good}"\nlocation = "https://x"')}, ("reference.invalid",)),
        ("certificate-without-key", "runtime.config_invalid", {"Files": {f"{certs}/client.cert": "x"}}, ()),
        ("key-without-certificate", "runtime.config_invalid", {"Files": {f"{certs}/client.key": "x"}}, ()),
        ("pair-garbage", "runtime.config_invalid",
         {"Files": {f"{certs}/client.cert": "x", f"{certs}/client.key": "x"}}, ()),
        ("authority-a-directory", "runtime.config_invalid", {"Dirs": [f"{certs}/ca.crt"]}, ()),
        ("policy-rejects", "policy.signature", rejecting, ()),
        ("policy-wants-signature", "policy.signature", wanting, ()),
        ("policy-missing", "policy.signature", {"Files": {"/etc/containers/policy.json": ""}}, ("runtime.config_invalid",)),
    ]  # fmt: skip
    for name, cause, question, accept in files:
        role = "registry" if cause.startswith("policy") else "node"
        yield Pull(name, cause, "", image_at(good), accept, role, question)


def forms(answer: dict[str, Any], image: str) -> Iterator[tuple[str, str]]:
    """How the kubelet gets an error from CRI-O, and what an event says of it."""
    said, artifact = answer["Library"], answer["Artifact"]
    prefix = "RegistryUnavailable: " if answer["Refused"] else "SignatureValidationFailed: " if answer["Policy"] else ""
    yield "1.33.3", prefix + said
    as_artifact = (
        f"get manifest: build image source: {artifact}" if artifact else "provided artifact is a container image"
    )
    older = f"unable to pull image or OCI artifact: pull image err: {said}; artifact err: {as_artifact}"
    yield "1.34", prefix + older
    newer = f"unable to pull image: {said}"
    if not answer["Net"]:
        source = (
            f"get manifest from ref: create image source: {artifact}"
            if artifact
            else "reference is a container image, not an OCI artifact"
        )
        newer = f"unable to pull image or OCI artifact: pull image err: {said}; artifact err: image reference: {source}"
    yield "1.36", prefix + newer
    if answer["Refused"]:
        event = f"image pull failed for {image} because the registry is unavailable: {newer}"
    elif answer["Policy"]:
        event = f"image pull failed for {image} because the signature validation failed: {newer}"
    else:
        event = newer
    yield "event", f'Failed to pull image "{image}": {event}'


def main() -> int:
    lines = []
    silent = 0
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        world = World(stack, Path(folder))
        todo = list(pulls(world))
        resolver = Resolver(world.names)
        stack.callback(resolver.close)
        bundle = Path(folder, "ca.pem")
        world.authority.cert_pem.write_to_path(str(bundle))
        for version in VERSIONS:
            try:
                program = Program("crio-pull", version).binary()
            except OracleUnavailable as problem:
                print(problem, file=sys.stderr)
                return 2
            questions = [question_of(pull) for pull in todo]
            environment = {**os.environ, "SSL_CERT_FILE": str(bundle), "SSL_CERT_DIR": "/nonexistent"}
            done = subprocess.run(
                [str(program), "-resolver", f"{resolver.address}:{resolver.port}"],
                input=json.dumps(questions) + "\n", capture_output=True, text=True, check=True, env=environment,
            )  # fmt: skip
            for pull, answer in zip(todo, json.loads(done.stdout), strict=True):
                if not answer["Library"]:
                    print(f"{pull.name}: no error of {version}", file=sys.stderr)
                    silent += 1
                    continue
                lines += written(pull, answer, version)
    CORPUS.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} texts of {len(todo)} faults")
    return 1 if silent else 0


def question_of(pull: Pull) -> dict[str, Any]:
    question = {"Image": pull.image, **pull.question}
    usual = {"/etc/containers/policy.json": ACCEPT_ALL, "/etc/containers/registries.conf": ""}
    question["Files"] = {**usual, **question.get("Files", {})}
    return question


def written(pull: Pull, answer: dict[str, Any], version: str) -> Iterator[dict[str, Any]]:
    """The lines of one answer, with the ports of this machine taken out."""
    for form, text in forms(answer, pull.image):
        yield {
            "fault": pull.name, "library": version, "form": form, "text": without_ports(text), "cause": pull.cause,
            "accept": list(pull.accept), "role": pull.role, "host": pull.host,
        }  # fmt: skip


def without_ports(text: str) -> str:
    # where CRI-O keeps large files
    text = text.replace('"/container_images_storage', '"/var/tmp/container_images_storage')
    text = re.sub(r"(corp\.example):\d{4,5}", r"\1", text)
    text = re.sub(r"127\.0\.0\.1:\d{4,5}(?=->)", "10.0.0.9:40000", text)
    return re.sub(r"127\.0\.0\.1:(?!53\b)\d{4,5}", "10.0.0.1:443", text)


if __name__ == "__main__":
    sys.exit(main())

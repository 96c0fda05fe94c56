"""Every fault of a registry, its token host and its resolver, made by a real server: named by exactly one cause and subject."""

from __future__ import annotations

import datetime
import email.utils
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from probes import inward, resolved
from tests.probes.site import (
    Handler,
    Repository,
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
    silence,
)
from tests.probes.walking import Walker

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)
HERE = "127.0.0.1"


def context_of(*leaves: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for leaf in leaves:
        leaf.configure_cert(context)
    return context


@pytest.fixture
def good(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate that the node accepts."""
    return context_of(authority.issue_cert(HERE, "registry.test", "token.test"))


def test_a_server_that_wants_a_clients_certificate(walker: Walker, authority: trustme.CA) -> None:
    """In TLS 1.3 the handshake is done before the server says so, and a request meets a closed connection."""
    context = context_of(authority.issue_cert(HERE))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with Server(Repository(), context) as server:
        walked = walker.walk(server.port, said="remote error: tls: certificate required")
    assert walked.named == [("tls.handshake", "registry", f"{HERE}:{server.port}")], walked.log
    assert (walked.verdict.cause, walked.verdict.actor) == ("tls.handshake", "cluster")
    assert walked.outcome("registry") == "" and "certificate required" in walked.verdict.explanation[0]


healthy = Repository()
"""A registry that asks for nothing."""


def answering(manifest: bytes, greeting: bytes | None = None, tags: bytes | None = None) -> Handler:
    """A registry that answers the manifest with this."""

    def handler(request: Request) -> bytes:
        if request.path == "/v2/":
            return greeting or http(200, {}, {"Docker-Distribution-Api-Version": "registry/2.0"})
        if "/tags/" in request.path:
            return tags or error(404, "NAME_UNKNOWN")
        return manifest

    return handler


class TestResolver:
    """Names: what the resolver says, and who is to blame for it."""

    @pytest.mark.parametrize(
        ("answer", "cause", "role"),
        [
            ("NXDOMAIN", "dns.nxdomain", "registry"),
            ("NODATA", "dns.nxdomain", "registry"),
            ("SERVFAIL", "dns.server_failure", "dns-server"),
            ("REFUSED", "dns.server_failure", "dns-server"),
            ("JUNK", "dns.server_failure", "dns-server"),
            ("SILENCE", "dns.timeout", "dns-server"),
        ],
    )
    def test_fault(self, walker: Walker, answer: Any, cause: str, role: str) -> None:
        resolver = Resolver({"registry.test": answer})
        walker.use_resolver(resolver.address, resolver.port)
        try:
            walked = walker.walk(443, "registry.test", budget=1.5 if answer == "SILENCE" else 60)
        finally:
            resolver.close()
        host = "127.0.0.1" if role == "dns-server" else "registry.test"
        assert walked.named == [(cause, role, host)], walked.log

    def test_no_route_for_the_only_family(self, walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resolved, "has_route", lambda ip: ":" not in ip)
        resolver = Resolver({"registry.test": ["2001:db8::1"]})
        walker.use_resolver(resolver.address, resolver.port)
        try:
            walked = walker.walk(443, "registry.test")
        finally:
            resolver.close()
        assert walked.named == [("dns.no_usable_address", "registry", "registry.test")]

    def test_nobody_on_port_53(self, walker: Walker) -> None:
        walker.use_resolver(HERE, free_port())
        walked = walker.walk(443, "registry.test")
        assert walked.named == [("dns.server_failure", "dns-server", HERE)]
        assert "port-closed" in walked.findings[0].reason

    def test_healthy(self, walker: Walker, good: ssl.SSLContext) -> None:
        resolver = Resolver({"registry.test": [HERE]})
        walker.use_resolver(resolver.address, resolver.port)
        try:
            with Server(healthy, good) as server:
                walked = walker.walk(server.port, "registry.test")
        finally:
            resolver.close()
        assert walked.named == [] and walked.outcome("manifest") == "200", walked.log


class TestPort:
    """Connections."""

    def test_refused(self, walker: Walker) -> None:
        port = free_port()
        assert walker.walk(port).named == [("net.refused", "registry", f"{HERE}:{port}")]

    def test_dropped(self, walker: Walker) -> None:
        with deaf_port() as port:
            walked = walker.walk(port, budget=1.5)
        assert walked.named == [("net.timeout", "registry", f"{HERE}:{port}")]

    def test_reset_over_plain_http(self, walker: Walker) -> None:
        with Server(healthy, greet=reset) as server:
            walked = walker.walk(server.port, scheme="http")
        assert walked.named == [("transfer.interrupted", "registry", f"{HERE}:{server.port}")]


def leaf_without_its_intermediate(authority: trustme.CA, folder: Any) -> ssl.SSLContext:
    """A server that forgets to send the intermediate; the leaf says where it is published, as public ones do."""
    below = authority.create_child_ca()
    issuer = x509.load_pem_x509_certificate(below.cert_pem.bytes())
    signer = serialization.load_pem_private_key(below.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    place = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.test/intermediate.crt")
    )
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HERE)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("registry.test")]), critical=False)
        .add_extension(x509.AuthorityInformationAccess([place]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.pem").write_bytes(pem + leaf.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context


class TestCertificate:
    """What the node makes of the certificate."""

    @pytest.mark.parametrize(
        ("make", "cause"),
        [
            (lambda ca: trustme.CA().issue_cert(HERE), "tls.unknown_authority"),
            (lambda ca: ca.issue_cert(HERE, not_before=NOW - 9 * DAY, not_after=NOW - DAY), "tls.expired"),
            (lambda ca: ca.issue_cert(HERE, not_before=NOW + DAY, not_after=NOW + 9 * DAY), "tls.not_yet_valid"),
            (lambda ca: ca.issue_cert("other.test"), "tls.hostname_mismatch"),
            (lambda ca: ca.issue_cert(common_name=HERE), "tls.hostname_mismatch"),
        ],
        ids=["unknown", "expired", "not-yet", "other-name", "common-name-only"],
    )
    def test_fault(
        self, walker: Walker, authority: trustme.CA, make: Callable[[trustme.CA], trustme.LeafCert], cause: str
    ) -> None:
        with Server(healthy, context_of(make(authority))) as server:
            walked = walker.walk(server.port)
        assert walked.named == [(cause, "registry", f"{HERE}:{server.port}")], walked.log

    @pytest.mark.parametrize("ahead", [2, -2, 0])
    def test_clock(self, walker: Walker, authority: trustme.CA, ahead: int) -> None:
        """By its Date the server lives when its certificate is good; or it does not, and the certificate is to blame."""
        shift = -ahead * DAY
        leaf = authority.issue_cert(HERE, not_before=NOW + shift - DAY / 2, not_after=NOW + shift + DAY / 2)
        if not ahead:
            leaf = authority.issue_cert(HERE, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        date = email.utils.format_datetime(NOW + shift)
        with Server(lambda r: http(200, {}, {"Date": date}), context_of(leaf)) as server:
            walked = walker.walk(server.port)
            assert not [r for r in server.requests if "authorization" in r.headers]
        if ahead:
            assert walked.named == [("node.clock_skew", "node", "node-1")], walked.log
            assert walked.findings[0].confidence == "likely"
        else:
            assert walked.named == [("tls.expired", "registry", f"{HERE}:{server.port}")]

    def test_missing_intermediate(self, walker: Walker, authority: trustme.CA, tmp_path: Any) -> None:
        with Server(healthy, leaf_without_its_intermediate(authority, tmp_path)) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("tls.unknown_authority", "registry", f"{HERE}:{server.port}")]
        assert "should send" in walked.findings[0].reason

    def test_sent_intermediate_is_fine(self, walker: Walker, authority: trustme.CA) -> None:
        with Server(healthy, context_of(authority.create_child_ca().issue_cert(HERE))) as server:
            assert walker.walk(server.port).named == []

    def test_plain_http(self, walker: Walker) -> None:
        with Server(healthy) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("tls.http_on_https", "registry", f"{HERE}:{server.port}")]

    @pytest.mark.parametrize("greet", [hang_up, reset], ids=["close", "reset"])
    def test_broken_off(self, walker: Walker, good: ssl.SSLContext, greet: Any) -> None:
        with Server(healthy, good, greet=greet) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("tls.handshake", "registry", f"{HERE}:{server.port}")]

    def test_silence(self, walker: Walker, good: ssl.SSLContext) -> None:
        servers: list[Server] = []
        with Server(healthy, good, greet=silence(servers)) as server:
            servers.append(server)
            walked = walker.walk(server.port, budget=1.5)
        assert walked.named == [("tls.handshake", "registry", f"{HERE}:{server.port}")]
        assert walked.seconds < 3

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
    def test_old_protocol(self, walker: Walker, authority: trustme.CA) -> None:
        context = context_of(authority.issue_cert(HERE))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with Server(healthy, context) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("tls.handshake", "registry", f"{HERE}:{server.port}")]


RATE = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "0;w=21600", "Docker-RateLimit-Source": "198.51.100.7"}


class TestRegistry:
    """What the registry answers."""

    @pytest.mark.parametrize(
        ("handler", "cause"),
        [
            (lambda r: http(500, b"oops"), "registry.server_error"),
            (lambda r: http(502, b"<html>Bad Gateway</html>", content_type="text/html"), "registry.server_error"),
            (lambda r: http(503, b""), "registry.unavailable"),
            (lambda r: page(404), "registry.not_a_registry"),
            (lambda r: page(200), "registry.not_a_registry"),
            (lambda r: b"220 mail.example.com ESMTP\r\n", "registry.not_a_registry"),
            (lambda r: b"", "transfer.interrupted"),
            (lambda r: http(401), "registry.server_error"),
            (lambda r: http(401, headers={"WWW-Authenticate": "Bearer realm=\"\", ,,=\"x"}), "registry.server_error"),
            (lambda r: http(401, headers={"WWW-Authenticate": "\x80\xff garbage"}), "registry.server_error"),
            (lambda r: http(401, headers={"WWW-Authenticate": 'Basic realm="x"'}), "auth.no_credentials"),
            (answering(error(500, "UNKNOWN")), "registry.server_error"),
            (answering(error(503, "UNAVAILABLE")), "registry.unavailable"),
            (answering(error(404, "MANIFEST_UNKNOWN"), tags=http(200, {"tags": ["1.1"]})), "image.tag_unknown"),
            (answering(error(404, "NAME_UNKNOWN")), "image.name_unknown"),
            (answering(error(403, "DENIED", "requested access is denied")), "auth.denied_or_missing"),
            (answering(http(403, b"")), "auth.forbidden"),
            (answering(error(403, "DENIED", 'Permission "artifactregistry.x" denied on resource "y"')), "auth.forbidden"),
            (answering(error(429, "TOOMANYREQUESTS", headers=RATE)), "rate.registry_limit"),
            (answering(error(429, "TOOMANYREQUESTS")), "rate.registry_limit"),
            (lambda r: error(429, "TOOMANYREQUESTS", headers={"Retry-After": "5"}), "rate.registry_limit"),
            (answering(http(307, b"", {"Location": "/v2/team/app/manifests/1.0"})), "registry.server_error"),
            (answering(http(307, b"", {"Location": "ftp://files.test/x"})), "registry.server_error"),
        ],
        ids=[
            "500", "502-page", "503", "404-page", "captive-portal", "not-http", "closed", "bare-401", "empty-realm",
            "garbage-challenge", "basic", "manifest-500", "manifest-503", "tag", "name", "denied", "403", "permission",
            "429-headers", "429",
            "429-everywhere", "circle", "odd-redirect",
        ],
    )  # fmt: skip
    def test_fault(self, walker: Walker, good: ssl.SSLContext, handler: Handler, cause: str) -> None:
        with Server(handler, good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [(cause, "registry", f"{HERE}:{server.port}")], walked.log
        assert walked.verdict.cause == cause

    def test_digest(self, walker: Walker, good: ssl.SSLContext) -> None:
        with Server(answering(error(404, "MANIFEST_UNKNOWN")), good) as server:
            walked = walker.walk(server.port, asked="sha256:" + "b" * 64)
        assert [f.cause for f in walked.findings] == ["image.digest_unknown"]

    def test_healthy(self, walker: Walker, good: ssl.SSLContext) -> None:
        with Server(healthy, good) as server:
            walked = walker.walk(server.port)
        assert walked.named == []
        statuses = {line.hop: line.status for line in walked.verdict.hops}
        # there is no pull secret, and nothing that works either
        assert statuses.pop("credentials") == "skipped" and set(statuses.values()) == {"pass"}, walked.verdict.hops


def bearer(realm: str, inner: Handler = healthy) -> Handler:
    """A registry that wants a token from realm."""

    def handler(request: Request) -> Any:
        if request.headers.get("authorization", "").startswith("Bearer "):
            return inner(request)
        return http(401, {}, {"WWW-Authenticate": f'Bearer realm="{realm}",service="test"'})

    return handler


class TestTokenHost:
    """The token host by itself; the registry is fine."""

    @pytest.mark.parametrize(
        ("handler", "cause"),
        [
            (lambda r: http(500), "registry.server_error"),
            (lambda r: http(503), "registry.unavailable"),
            (lambda r: page(200), "registry.server_error"),
            (lambda r: http(200, {"no": "token"}), "registry.server_error"),
            (lambda r: http(200, {"token": 5}), "registry.server_error"),
            (lambda r: http(200, {"token": "a\r\nX: y"}), "registry.server_error"),
            (lambda r: http(404), "registry.server_error"),
            (lambda r: b"", "transfer.interrupted"),
            (lambda r: http(429), "rate.registry_limit"),
        ],
        ids=["500", "503", "page", "no-token", "number", "header-in-token", "404", "closed", "429"],
    )
    def test_fault(self, walker: Walker, good: ssl.SSLContext, handler: Handler, cause: str) -> None:
        with Server(handler, good) as token, Server(bearer(f"https://{HERE}:{token.port}/token"), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [(cause, "token", f"{HERE}:{token.port}")], walked.log

    def test_refused(self, walker: Walker, good: ssl.SSLContext) -> None:
        port = free_port()
        with Server(bearer(f"https://{HERE}:{port}/token"), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("net.refused", "token", f"{HERE}:{port}")]

    def test_unknown_authority(self, walker: Walker, good: ssl.SSLContext) -> None:
        foreign = context_of(trustme.CA().issue_cert(HERE))
        with Server(healthy, foreign) as token, Server(bearer(f"https://{HERE}:{token.port}/token"), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("tls.unknown_authority", "token", f"{HERE}:{token.port}")]

    def test_another_name(self, walker: Walker, authority: trustme.CA, good: ssl.SSLContext) -> None:
        """The name is checked by the handshake still after HTTP was spoken with the same trust."""
        other = context_of(authority.issue_cert("other.test"))
        with Server(healthy, other) as token, Server(bearer(f"https://{HERE}:{token.port}/token"), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("tls.hostname_mismatch", "token", f"{HERE}:{token.port}")]

    @pytest.mark.parametrize("status", [401, 403])
    def test_anonymous_refused(self, walker: Walker, good: ssl.SSLContext, status: int) -> None:
        def refuse(request: Request) -> bytes:
            return error(status, "DENIED")

        with Server(refuse, good) as token, Server(bearer(f"https://{HERE}:{token.port}/token"), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("auth.denied_or_missing", "registry", f"{HERE}:{server.port}")]

    def test_insufficient_scope(self, walker: Walker, good: ssl.SSLContext) -> None:
        def grant(request: Request) -> bytes:
            return http(200, {"token": "abc"})

        def refuse(request: Request) -> bytes:
            return http(401, {}, {"WWW-Authenticate": 'Bearer realm="x",error="insufficient_scope"'})

        with Server(grant, good) as token, Server(bearer(f"https://{HERE}:{token.port}/token", refuse), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("auth.denied_or_missing", "registry", f"{HERE}:{server.port}")]

    def test_healthy(self, walker: Walker, good: ssl.SSLContext) -> None:
        def grant(request: Request) -> bytes:
            return http(200, {"access_token": "abc", "token": "other"})

        with Server(grant, good) as token, Server(bearer(f"https://{HERE}:{token.port}/token"), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [] and walked.outcome("manifest") == "200"
        assert {r.headers.get("authorization") for r in server.requests} >= {"Bearer abc"}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address of this machine that counts as one elsewhere, so that the rest of 127.0.0.0/8 is inward of it."""
    is_inward = inward.inward
    monkeypatch.setattr(inward, "inward", lambda host: host != "127.9.9.9" and is_inward(host))
    yield "127.9.9.9"


class TestInward:
    """A registry elsewhere that sends the node to its own doors."""

    @pytest.mark.parametrize("target", [HERE, "169.254.169.254", "[::1]"])
    def test_manifest_redirect(self, walker: Walker, authority: trustme.CA, elsewhere: str, target: str) -> None:
        with Server(healthy, context_of(authority.issue_cert(HERE))) as door:
            where = f"https://{target}:{door.port}/secret"
            context = context_of(authority.issue_cert(elsewhere))
            with Server(answering(http(307, b"", {"Location": where})), context, elsewhere) as server:
                walked = walker.walk(server.port, elsewhere)
        assert not door.requests
        assert walked.named == [("registry.server_error", "registry", f"{elsewhere}:{server.port}")], walked.log
        assert target.strip("[]") in walked.findings[0].reason

    @pytest.mark.parametrize("target", [HERE, "169.254.169.254"])
    def test_realm(self, walker: Walker, authority: trustme.CA, elsewhere: str, target: str) -> None:
        with Server(healthy, context_of(authority.issue_cert(HERE))) as door:
            realm = f"https://{target}:{door.port}/token"
            with Server(bearer(realm), context_of(authority.issue_cert(elsewhere)), elsewhere) as server:
                walked = walker.walk(server.port, elsewhere)
        assert not door.requests
        assert [(c, h) for c, _, h in walked.named] == [("registry.server_error", f"{elsewhere}:{server.port}")]

    def test_to_another_host(self, walker: Walker, good: ssl.SSLContext) -> None:
        with Server(healthy, good) as other:

            def sent(request: Request) -> bytes:
                return http(307, b"", {"Location": f"https://{HERE}:{other.port}{request.path}"})

            with Server(sent, good) as server:
                walked = walker.walk(server.port)
        assert walked.named == [] and walked.outcome("manifest") == "200"

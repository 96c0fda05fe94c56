"""What a registry says may not act for whoever runs the probes: where a redirect or a realm leads, and who sees a credential."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable

import pytest
import trustme

from kubectl_imagepull.model import Auth, Manifest
from probes import inward as guard
from probes.observation import Observation
from probes.place import Place
from probes.plan import Login, Pull
from probes.token_host import may_have_credentials
from tests.probes.site import Answer, Handler, Repository, Request, Resolver, Server, error, http
from tests.probes.test_matrix import HERE, answering, bearer, context_of
from tests.probes.walking import Walked, Walker

ELSEWHERE, OTHER = "127.9.9.9", "127.8.8.8"
"""Addresses of this machine that count as some elsewhere."""
BOB = Login("bob", "hidden", "regcred", "")
BASIC = "Basic " + base64.b64encode(b"bob:hidden").decode()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    is_inward = guard.inward
    monkeypatch.setattr(guard, "inward", lambda host: host not in (ELSEWHERE, OTHER) and is_inward(host))
    return ELSEWHERE


@pytest.fixture
def good(authority: trustme.CA) -> ssl.SSLContext:
    return context_of(authority.issue_cert(HERE, ELSEWHERE, OTHER, "registry.test", "token.test", "blob.test"))


class TestLongRedirects:
    """Signed addresses of S3 and CloudFront with a session token have some thousand characters."""

    @pytest.mark.parametrize("length", [300, 2100, 5000, 15000])
    def test_followed_whole(self, walker: Walker, good: ssl.SSLContext, length: int) -> None:
        signature = "X-Amz-Security-Token=" + "aB3%2F" * (length // 6) + "&X-Amz-Signature=end"
        repository = Repository()

        def storage(request: Request) -> Answer:
            path, _, query = request.path.partition("?")
            return repository(Request(request.method, path, request.headers)) if query == signature else error(403, "X")

        with Server(storage, good) as other:

            def sent(request: Request, data: bytes) -> bytes:
                return http(307, b"", {"Location": f"https://{HERE}:{other.port}{request.path}?{signature}"})

            with Server(Repository(blobs=sent), good) as server:
                walked = walker.walk(server.port)
        assert walked.named == [] and walked.outcome("blobs", "blob") == "ok", walked.log[-3000:]
        assert "Signature" not in walked.log

    def test_too_long_to_follow(self, walker: Walker, good: ssl.SSLContext) -> None:
        def sent(request: Request, data: bytes) -> bytes:
            return http(307, b"", {"Location": f"https://{HERE}/x?{'y' * 17000}"})

        with Server(Repository(blobs=sent), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [] and walked.outcome("blobs") == "not-verified", walked.log[-3000:]
        assert "too long to follow" in walked.log
        assert [h.status for h in walked.verdict.hops if h.hop == "blobs"] == ["unknown"]

    @pytest.mark.parametrize("location", ["/v2/te\xe4m/x y", "//[::1", "\x01\x02", "https://a\tb/"])
    def test_odd_ones(self, walker: Walker, good: ssl.SSLContext, location: str) -> None:
        with Server(answering(http(307, b"", {"Location": location})), good) as server:
            walked = walker.walk(server.port)
        assert "the probe failed" not in walked.log, walked.log

    def test_long_realm(self, walker: Walker, good: ssl.SSLContext) -> None:
        with Server(lambda r: http(200, {"token": "abc"}), good) as tokens:
            realm = f"https://{HERE}:{tokens.port}/token?{'x' * 6000}=end"
            with Server(bearer(realm), good) as server:
                walked = walker.walk(server.port)
            assert tokens.requests[0].path.endswith(f"&{'x' * 6000}=end")
        assert walked.named == [], walked.log[-3000:]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "::1", "::", "0.0.0.0", "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "fd00:ec2::254", "fd00:ec2::23", "100.100.100.200", "168.63.129.16", "fd20:ce::254",
        "64:ff9b::a9fe:a9fe", "64:ff9b::127.0.0.1", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "2002:7f00:1::",
        "::127.0.0.1", "0177.0.0.1", "0x7f.1", "017700000001", "2130706433", "0xa9fea9fe", "127.1",
    ],
)  # fmt: skip
def test_inward(host: str) -> None:
    assert guard.inward(host) and guard.first_forbidden([host], from_inside=False) == host


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "10.0.0.5", "64:ff9b::c000:201", "2002:c000:201::1", "2001:db8::1", "a.b"]
)
def test_outward(host: str) -> None:
    """IPv6-only clusters reach the whole IPv4 internet through NAT64."""
    assert not guard.inward(host) and not guard.first_forbidden([host], from_inside=False)


def test_a_metadata_service_is_nobodys_token_host() -> None:
    assert guard.first_forbidden(["169.254.169.254"], from_inside=True) == "169.254.169.254"
    assert guard.first_forbidden(["127.0.0.1"], from_inside=True) == ""


class TestTwoQuestions:
    """Whether a registry is exempt, and whether another host may be asked, are two questions."""

    def walk(self, walker: Walker, names: dict[str, list[str] | str], port: int) -> Walked:
        resolver = Resolver(names)
        walker.use_resolver(resolver.address, resolver.port)
        try:
            return walker.walk(port, "registry.test")
        finally:
            resolver.close()

    def test_registry_with_one_inward_address(self, walker: Walker, good: ssl.SSLContext, elsewhere: str) -> None:
        """It is elsewhere, and may not send us to our own doors."""
        with Server(lambda r: http(200, {"token": "stolen"}), good) as door:
            realm = f"https://{HERE}:{door.port}/latest/token"
            with Server(bearer(realm), good, elsewhere) as server:
                names: dict[str, list[str] | str] = {"registry.test": [elsewhere, "127.0.0.3"]}
                walked = self.walk(walker, names, server.port)
                assert not [r for r in server.requests if "authorization" in r.headers]
            assert not door.requests, walked.log
        assert walked.outcome("connect", "token") == "not-asked", walked.log

    @pytest.mark.parametrize("role", ["token", "blob"])
    def test_other_host_with_one_inward_address(
        self, walker: Walker, good: ssl.SSLContext, elsewhere: str, role: str
    ) -> None:
        """Which of them a connection goes to is nobody's promise."""
        with Server(lambda r: http(200, {"token": "stolen"}), good, OTHER) as door:
            where = f"https://{role}.test:{door.port}/x"
            handler: Handler = bearer(where) if role == "token" else Repository(blobs=lambda r, d: to(where))
            with Server(handler, good, elsewhere) as server:
                names: dict[str, list[str] | str] = {"registry.test": [elsewhere], f"{role}.test": [OTHER, HERE]}
                walked = self.walk(walker, names, server.port)
            assert not door.requests, walked.log
        assert walked.outcome("connect", role) == "not-asked", walked.log

    def test_own_host_that_another_image_may_ask(
        self, walker: Walker, good: ssl.SSLContext, elsewhere: str, authority: trustme.CA
    ) -> None:
        """A registry on this machine was asked for one image; that opens it to no other registry's realm."""
        with Server(lambda r: http(200, {"token": "stolen"}), good) as door:
            with Server(bearer(f"https://{HERE}:{door.port}/token"), good, elsewhere) as server:
                first = Pull("p0", HERE, door.port, "https", "team/app", "1.0")
                walked = walker.walk(server.port, elsewhere, before=(first,))
            assert not [r for r in door.requests if r.path.startswith("/token")], walked.log

    def test_checked_address_is_the_one_that_is_asked(
        self, walker: Walker, good: ssl.SSLContext, elsewhere: str
    ) -> None:
        """A name that resolves outward first and inward the second time."""
        answers = [[OTHER], [HERE], [HERE]]

        def resolve(name: str, deadline: object) -> Observation:
            found = [elsewhere] if name == "registry.test" else answers.pop(0)
            return Observation("ok", ", ".join(found), {"addresses": found, "usable": found})

        with Server(lambda r: http(200, {"token": "abc"}), good, OTHER) as tokens:
            with Server(bearer(f"https://token.test:{tokens.port}/t"), good, elsewhere) as server:
                place = Place(resolve, walker.context, "x")
                walked = walker.walk(server.port, "registry.test", place=place)
            assert {r.path.split("?")[0] for r in tokens.requests} == {"/t"}
        assert len(answers) == 2 and walked.outcome("connect", "token") == "open", walked.log

    def test_from_a_workstation(
        self, walker: Walker, good: ssl.SSLContext, elsewhere: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A CI runner's registry beside it (on loopback only) gets no token of the metadata service either."""
        with Server(lambda r: http(200, {"access_token": "of-the-cloud"}), good, OTHER) as cloud:
            monkeypatch.setattr(guard, "metadata", lambda host: host == OTHER)
            with Server(bearer(f"https://{OTHER}:{cloud.port}/token"), good) as server:
                walked = walker.walk(server.port)
                assert not [r for r in server.requests if "authorization" in r.headers]
            assert not cloud.requests, walked.log


def to(where: str) -> bytes:
    return http(307, b"", {"Location": where})


@pytest.mark.parametrize(
    ("registry", "host", "scheme", "may"),
    [
        ("registry.test", "registry.test", "https", True),
        ("registry.test", "REGISTRY.test", "https", True),
        ("registry-1.docker.io", "auth.docker.io", "https", True),
        ("registry.gitlab.com", "gitlab.com", "https", True),
        ("registry.test", "registry.test", "http", False),
        ("10.0.0.5", "6.0.0.5", "https", False),
        ("10.0.0.5", "11.0.0.5", "https", False),
        ("a.azurecr.io", "evil.azurecr.io", "https", False),
        ("mine.github.io", "evil.github.io", "https", False),
        ("registry.corp.test", "auth.corp.test", "https", False),
        ("registry.test", "a.registry.test", "https", False),
        ("evil.docker.io", "auth.docker.io", "https", False),
        ("registry-1.docker.io", "auth.docker.io.evil.test", "https", False),
    ],
)
def test_who_may_see_a_credential(registry: str, host: str, scheme: str, may: bool) -> None:
    assert may_have_credentials(registry, scheme, host) is may


@pytest.mark.parametrize(
    ("host", "scheme", "may"),
    [
        ("auth.corp.test", "https", True),
        ("AUTH.corp.test", "https", True),
        ("auth.corp.test", "http", False),
        ("evil.corp.test", "https", False),
        ("a.auth.corp.test", "https", False),
    ],
)
def test_a_token_host_that_the_operator_names(host: str, scheme: str, may: bool) -> None:
    assert may_have_credentials("registry.corp.test", scheme, host, ("auth.corp.test",)) is may


def test_a_neighbour_sees_no_credential(walker: Walker, authority: trustme.CA) -> None:
    """Whoever may register names beside the registry is no part of it."""
    good = context_of(authority.issue_cert("mine.shared.test", "evil.shared.test"))
    resolver = Resolver({"mine.shared.test": [HERE], "evil.shared.test": [HERE]})
    walker.use_resolver(resolver.address, resolver.port)
    try:
        with Server(lambda r: http(200, {"token": "abc"}), good) as tokens:
            with Server(bearer(f"https://evil.shared.test:{tokens.port}/t"), good) as server:
                walked = walker.walk(server.port, "mine.shared.test", logins=(BOB,))
            assert tokens.requests and not [r for r in tokens.requests if "authorization" in r.headers], walked.log
    finally:
        resolver.close()


def basic(answer: Callable[[Request], Answer]) -> Handler:
    """A registry that wants a user name and a password, and then answers the manifest with this."""

    def handler(request: Request) -> Answer:
        if "authorization" not in request.headers:
            return http(401, {}, {"WWW-Authenticate": 'Basic realm="x"'})
        return answer(request)

    return handler


class TestOnce:
    """A registry that counts failures locks the account: one run is one try."""

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
    def test_sent_once(self, walker: Walker, good: ssl.SSLContext, status: int) -> None:
        inner = Repository()
        with Server(basic(lambda r: inner(r) if status == 200 else error(status, "X")), good) as server:
            walked = walker.walk(server.port, logins=(BOB,), before=(again(server.port),))
            sent = [r for r in server.requests if r.headers.get("authorization") == BASIC]
        assert len(sent) == (2 if status == 200 else 1), [(r.method, r.path) for r in sent]
        assert "hidden" not in walked.log

    def test_one_image_one_request(self, walker: Walker, good: ssl.SSLContext) -> None:
        inner = Repository()
        with Server(basic(inner), good) as server:
            walked = walker.walk(server.port, logins=(BOB,))
            assert len([r for r in server.requests if "authorization" in r.headers]) == 1
        assert walked.outcome("platform") == "index" and walked.outcome("auth") == "basic"
        assert ("manifest", "200") in [(o.hop, o.outcome) for o in walked.case.observations]

    def test_errors_are_read_all_the_same(self, walker: Walker, good: ssl.SSLContext) -> None:
        with Server(basic(lambda r: error(404, "NAME_UNKNOWN")), good) as server:
            walked = walker.walk(server.port, logins=(BOB,))
        read = [o for o in walked.case.seen(Manifest) if o.via == "regcred"]
        assert [(o.outcome, o.detail.errors[0].code) for o in read] == [("404", "NAME_UNKNOWN")]

    @pytest.mark.parametrize("where", ["elsewhere", "same host"])
    def test_a_redirected_hosts_401_is_not_bobs(self, walker: Walker, good: ssl.SSLContext, where: str) -> None:
        with Server(lambda r: error(401, "UNAUTHORIZED"), good, OTHER) as other:

            def sent(request: Request) -> bytes:
                there = f"https://{OTHER}:{other.port}" if where == "elsewhere" else "/moved"
                return http(307, b"", {"Location": there + request.path})

            with Server(basic(sent), good) as server:
                walked = walker.walk(server.port, logins=(BOB,))
                assert len([r for r in server.requests if "authorization" in r.headers]) == 1
            assert not [r for r in other.requests if "authorization" in r.headers]
        auth = [o for o in walked.case.seen(Auth) if o.via]
        assert [o.outcome for o in auth] == ["not-verified"], walked.log
        assert "auth.bad_credentials" not in [cause for cause, _, _ in walked.named]

    def test_a_token_host_that_refuses_is_asked_once(self, walker: Walker, good: ssl.SSLContext) -> None:
        def refuse(request: Request) -> bytes:
            shown = "authorization" in request.headers or request.body
            return error(401, "UNAUTHORIZED") if shown else http(200, {"token": "abc"})

        def registry(request: Request) -> bytes:
            if request.path.startswith("/token"):
                return refuse(request)
            return http(401, {}, {"WWW-Authenticate": f'Bearer realm="https://{HERE}:{ports[0]}/token",service="s"'})

        ports: list[int] = []
        with Server(registry, good) as server:
            ports.append(server.port)
            walked = walker.walk(server.port, logins=(BOB,), before=(again(server.port),))
            assert len([r for r in server.requests if r.headers.get("authorization") == BASIC]) == 1, walked.log
            assert len([r for r in server.requests if r.body]) == 1


def again(port: int) -> Pull:
    """Another image of the same registry, with the same credential."""
    return Pull("p0", HERE, port, "https", "team/other", "1.0", logins=(BOB,))

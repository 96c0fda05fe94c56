"""A token is asked for as the node's own runtime asks: what is held against its code is what runs."""

from __future__ import annotations

import base64
import dataclasses
import ssl
from urllib.parse import parse_qsl

import pytest
import trustme

from probes import dns_lookup
from probes.challenge import CONTAINERD, CRIO
from probes.place import Place
from probes.plan import Login
from tests.probes.site import Repository, Request, Server, error, http
from tests.probes.test_matrix import HERE, context_of
from tests.probes.walking import Walked, Walker

BOB = Login("bob", "p w+", "regcred", "")
BASIC = "Basic " + base64.b64encode(b"bob:p w+").decode()


@pytest.fixture
def good(authority: trustme.CA) -> ssl.SSLContext:
    return context_of(authority.issue_cert(HERE))


def walk(
    walker: Walker,
    good: ssl.SSLContext,
    refused: tuple[str, ...] = (),
    runtime: str = CONTAINERD,
    login: Login | None = BOB,
    challenge: str = 'Bearer realm="{realm}?a=b",service="s",scope="repository:team/base:pull"',
    status: int = 404,
) -> tuple[Walked, list[Request]]:
    """refused: the methods that the token host refuses with this status. -> the walk, and what the token host was asked."""
    inner = Repository()

    def tokens(request: Request) -> bytes:
        return error(status, "X") if request.method in refused else http(200, {"access_token": "t0ken"})

    with Server(tokens, good) as host:

        def registry(request: Request) -> bytes:
            if request.headers.get("authorization") == "Bearer t0ken":
                answer = inner(request)
                assert isinstance(answer, bytes)
                return answer
            return http(401, {}, {"WWW-Authenticate": challenge.format(realm=f"https://{HERE}:{host.port}/token")})

        with Server(registry, good) as server:
            place = Place(lambda name, deadline: dns_lookup.lookup(name, None, (), deadline), walker.context, "x")
            place = dataclasses.replace(place, runtime=runtime)
            walked = walker.walk(server.port, place=place, logins=[login] if login else [])
        return walked, list(host.requests)


PULL, BASE = "repository:team/app:pull", "repository:team/base:pull"


class TestContainerd:
    """core/remotes/docker/auth/fetch.go."""

    def test_without_a_credential(self, walker: Walker, good: ssl.SSLContext) -> None:
        """The challenge's own scopes as well, sorted."""
        walked, asked = walk(walker, good, login=None)
        assert [(r.method, parse_qsl(r.path.partition("?")[2])) for r in asked] == [
            ("GET", [("a", "b"), ("scope", PULL), ("scope", BASE), ("service", "s")])
        ]
        assert walked.named == [] and walked.outcome("manifest") == "200", walked.log

    def test_with_one(self, walker: Walker, good: ssl.SSLContext) -> None:
        """A form, by POST, and no Basic header."""
        walked, asked = walk(walker, good)
        post = next(r for r in asked if r.method == "POST")
        assert dict(parse_qsl(post.body.decode())) == {
            "client_id": "containerd-client",
            "scope": f"{PULL} {BASE}",
            "service": "s",
            "grant_type": "password",
            "username": "bob",
            "password": "p w+",
        }
        assert post.headers["content-type"].startswith("application/x-www-form-urlencoded")
        assert not [r for r in asked if "authorization" in r.headers]
        assert [o.outcome for o in walked.case.observations if o.via == "regcred" and o.hop == "auth"] == ["token"]

    @pytest.mark.parametrize("status", [400, 401, 404, 405])
    def test_a_host_that_takes_no_form(self, walker: Walker, good: ssl.SSLContext, status: int) -> None:
        walked, asked = walk(walker, good, refused=("POST",), status=status)
        shown = [
            (r.method, r.headers.get("authorization", "")) for r in asked if r.body or "authorization" in r.headers
        ]
        assert shown == [("POST", ""), ("GET", BASIC)], walked.log
        assert [o.outcome for o in walked.case.observations if o.via == "regcred" and o.hop == "auth"] == ["token"]

    @pytest.mark.parametrize("status", [403, 500])
    def test_a_host_that_refuses(self, walker: Walker, good: ssl.SSLContext, status: int) -> None:
        """Whatever else it says ends it: a credential is not shown in a second form."""
        walked, asked = walk(walker, good, refused=("POST",), status=status)
        assert not [r for r in asked if "authorization" in r.headers], walked.log

    def test_basic_before_bearer_in_one_line(self, walker: Walker, good: ssl.SSLContext) -> None:
        """Of a line only the first challenge is read, so the runtime knows of no realm."""
        line = 'Basic realm="x", Bearer realm="{realm}"'
        walked, asked = walk(walker, good, login=None, challenge=line)
        assert not asked and walked.outcome("auth") == "basic", walked.log


class TestCrio:
    """containers/image docker/docker_client.go getBearerToken."""

    def test_with_a_credential(self, walker: Walker, good: ssl.SSLContext) -> None:
        """Always GET, with the account, and for its own scope only."""
        walked, asked = walk(walker, good, runtime=CRIO)
        with_login = [r for r in asked if "authorization" in r.headers]
        assert [(r.method, parse_qsl(r.path.partition("?")[2]), r.headers["authorization"]) for r in with_login] == [
            ("GET", [("a", "b"), ("account", "bob"), ("scope", PULL), ("service", "s")], BASIC)
        ]
        assert not [r for r in asked if r.body] and walked.named == [], walked.log


@pytest.mark.parametrize("realm", ["", "ftp://a.test/x", "https://u:p@a.test/", "https://a b/"])
def test_realms_that_are_none(walker: Walker, good: ssl.SSLContext, realm: str) -> None:
    walked, asked = walk(walker, good, login=None, challenge=f'Bearer realm="{realm}",service="s"')
    assert not asked and walked.outcome("auth") == "bad-realm", walked.log

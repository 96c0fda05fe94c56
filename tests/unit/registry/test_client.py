"""registry/client.py against a registry on loopback: what it sends, to whom, and what it makes of the answers."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator

import pytest

from kubectl_imagepull.image.reference import Reference
from kubectl_imagepull.registry.client import Answer, Login, Registries
from tests.unit.registry.fake_registry import FakeRegistry, digest_of, serving

ALICE = Login("alice", "s3cret", "pull secret regcred")


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serving(FakeRegistry({"team/app:1.0": digest_of("app")})) as found:
        yield found


def ref(registry: FakeRegistry, name: str = "team/app:1.0") -> Reference:
    return Reference.parse(f"{registry.host}/{name}")


def test_one_head_is_enough(registry: FakeRegistry) -> None:
    answer = Registries().head(ref(registry))
    assert answer.found and answer.digest == digest_of("app")
    assert registry.asked == [("HEAD", "/v2/team/app/manifests/1.0", "")]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("team/app:2.0", "image.tag_unknown"),
        ("team/none:1.0", "image.name_unknown"),
        (f"team/app@{digest_of('other')}", "image.digest_unknown"),
    ],
)
def test_absent(registry: FakeRegistry, name: str, cause: str) -> None:
    answer = Registries().head(ref(registry, name))
    assert (answer.cause, answer.status) == (cause, 404) and registry.host in answer.summary


def test_a_token_for_each_repository(registry: FakeRegistry) -> None:
    """Anonymous tokens as well; the second question of a repository needs no new one."""
    registry.bearer = True
    registry.images["team/other:1"] = digest_of("other")
    asks = Registries()
    for name in ("team/app:1.0", "team/app:1.0", "team/other:1"):
        assert asks.head(ref(registry, name)).found
    tokens = [path for _, path, _ in registry.asked if path.startswith("/token")]
    assert len(tokens) == 2 and "repository%3Ateam%2Fapp%3Apull" in tokens[0] and "service=fake" in tokens[0]


def test_a_credential_goes_to_its_registry_and_its_own_token_host(registry: FakeRegistry) -> None:
    registry.bearer = True
    assert Registries().head(ref(registry), ALICE).found
    basic = "Basic " + base64.b64encode(b"alice:s3cret").decode()
    assert [said for _, path, said in registry.asked if path.startswith("/token")] == [basic]
    assert all(not said.startswith("Basic") for _, path, said in registry.asked if not path.startswith("/token"))


def test_no_credential_for_a_stranger(registry: FakeRegistry) -> None:
    """A realm on another host is asked anonymously, and a redirect without anything."""
    with serving(FakeRegistry({"team/app:1.0": digest_of("app")})) as stranger:
        registry.bearer, registry.realm = True, f"http://localhost:{stranger.host.rpartition(':')[2]}/token"
        Registries().head(ref(registry), ALICE)
        assert [said for _, _, said in stranger.asked] == [""]
        stranger.asked.clear()
        registry.bearer = False
        registry.answers = [(307, {"Location": f"http://{stranger.host}/v2/team/app/manifests/1.0"})]
        assert Registries().head(ref(registry), ALICE).found
        assert [said for _, _, said in stranger.asked] == [""]


def test_no_realm_without_tls_for_a_registry_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may name any address that this machine reaches, such as a cloud's metadata: nothing is asked there."""
    asked: list[str] = []
    monkeypatch.setattr(Registries, "_read", lambda self, pool, method, url, headers: asked.append(url))
    asks = Registries()
    host = asks._known("https://registry.example.com")
    reference = Reference.parse("registry.example.com/a:1")
    assert asks._token(host, reference, None, {"realm": "http://169.254.169.254/x"}) == "" and asked == []


@pytest.mark.parametrize(
    ("image", "realm", "named", "allowed"),
    [
        ("registry.example.com/a", "https://registry.example.com/token", (), True),
        ("registry.example.com/a", "https://auth.example.com/token", (), False),
        ("registry.example.com/a", "https://auth.example.com/token", ("AUTH.example.com",), True),
        ("registry.example.com/a", "https://registry.example.com.evil.test/token", (), False),
        ("nginx", "https://auth.docker.io/token", (), True),
        ("registry.example.com/a", "https://auth.docker.io/token", (), False),
        ("ghcr.io/a/b", "https://ghcr.io/token", (), True),
        ("ghcr.io/a/b", "https://pkg-containers.githubusercontent.com/token", (), False),
        ("registry.example.com/a", "http://registry.example.com/token", (), False),
    ],
)
def test_who_may_see_a_credential(image: str, realm: str, named: tuple[str, ...], allowed: bool) -> None:
    asks = Registries(token_hosts=named)
    reference = Reference.parse(image)
    assert asks._may_see(reference, urllib.parse.urlsplit(realm), asks._host(reference)) is allowed


def test_basic(registry: FakeRegistry) -> None:
    registry.login = ("alice", "s3cret")
    assert Registries().head(ref(registry)).cause == "auth.no_credentials"
    assert Registries().head(ref(registry), ALICE).found


def test_refused_credentials(registry: FakeRegistry) -> None:
    registry.answers = [(401, {"WWW-Authenticate": 'Basic realm="x"'}), (401, {}), (401, {})]
    assert Registries().head(ref(registry), ALICE).cause == "auth.bad_credentials"
    registry.answers = [(403, {}), (403, {})]
    assert Registries().head(ref(registry), ALICE).cause == "auth.forbidden"


def test_waits_as_long_as_it_is_told(registry: FakeRegistry) -> None:
    waited: list[float] = []
    registry.answers = [(429, {"Retry-After": "7"})]
    assert Registries(sleep=waited.append).head(ref(registry)).found
    assert len(waited) == 1 and 6 < waited[0] <= 7


def test_a_registry_that_wants_too_long_a_wait_is_left_alone(registry: FakeRegistry) -> None:
    registry.answers = [(429, {"Retry-After": "3600"})]
    asks = Registries(sleep=lambda seconds: pytest.fail("waited"))
    assert [asks.head(ref(registry)).cause for _ in range(3)] == ["rate.registry_limit"] * 3
    assert len(registry.asked) == 1


def test_a_registry_that_stays_away_is_waited_for_once(registry: FakeRegistry) -> None:
    """Twenty images were twenty times its Retry-After, twice each."""
    registry.answers = [(503, {"Retry-After": "30"})] * 50
    waited: list[float] = []
    asks = Registries(sleep=waited.append)
    found = [asks.head(ref(registry)) for _ in range(20)]
    assert {(one.cause, one.status) for one in found} == {("registry.unavailable", 503)}
    assert len(waited) <= 2 and len(registry.asked) <= 3 and "is not available now" in found[-1].summary


DRIPPING = b"HTTP/1.1 200 OK\r\nX-Drip: "
REFUSAL = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 9999\r\n\r\n"


@pytest.mark.parametrize("after", [DRIPPING, REFUSAL], ids=["headers", "body"])
def test_an_answer_byte_by_byte_has_one_end(after: bytes) -> None:
    """A registry that holds whoever asks would hold all of `check`."""
    with dripping(after) as place:
        answer, took = asked_of(f"{place}/team/app:1")
    assert answer.cause in ("transfer.timeout", "net.timeout") and took < 5, (answer, took)


def test_a_tunnel_byte_by_byte_has_one_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(DRIPPING) as place:
        monkeypatch.setenv("https_proxy", f"http://{place}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        answer, took = asked_of("registry.example/team/app:1")
    assert answer.cause in ("net.proxy", "net.timeout") and took < 5, (answer, took)


def asked_of(image: str) -> tuple[Answer, float]:
    """(what is said of an image, the seconds that it took)."""
    asks = Registries(seconds=0.2)
    began = time.monotonic()
    try:
        return asks.head(Reference.parse(image)), time.monotonic() - began
    finally:
        asks.close()


@contextlib.contextmanager
def dripping(after: bytes) -> Iterator[str]:
    """A server that sends a byte now and then after these; to a HEAD without a body nothing more. -> host:port."""
    over = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                client, _ = server.accept()
                head = client.recv(4096).startswith(b"HEAD") and after == REFUSAL
                with client, contextlib.suppress(OSError):
                    client.sendall(after)
                    while not head and not over.wait(0.02):
                        client.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_bounded_for_each_registry(registry: FakeRegistry) -> None:
    registry.slow = 0.3
    asks = Registries(per_registry=3)
    threads = [threading.Thread(target=asks.head, args=(ref(registry),)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.most == 3 and len(registry.asked) == 12


def test_this_machine_is_asked_without_a_proxy(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """As clients in Go do, whatever NO_PROXY says."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert Registries().head(ref(registry)).found


def test_no_registry_there() -> None:
    answer = Registries(seconds=1).head(Reference.parse("127.0.0.1:1/team/app:1.0"))
    assert (answer.cause, answer.summary) == ("net.refused", "127.0.0.1:1: connection refused")


def test_reads_a_manifest_and_a_blob(registry: FakeRegistry) -> None:
    registry.bodies = {
        digest_of("app"): {"config": {"digest": digest_of("config")}},
        digest_of("config"): {"os": "linux"},
    }
    asks = Registries()
    assert asks.get(ref(registry)).body == {"config": {"digest": digest_of("config")}}
    assert asks.blob(ref(registry), digest_of("config")) == {"os": "linux"}
    assert asks.blob(ref(registry), digest_of("none")) == {}


def test_more_than_a_manifest(registry: FakeRegistry) -> None:
    registry.bodies = {digest_of("app"): {"a": "x" * (5 << 20)}}
    assert Registries().get(ref(registry)).cause == "registry.not_a_registry"

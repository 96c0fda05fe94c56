"""The same faults for probe.sh, by each shell and each tool that shows headers: what it names is what the Python probes name."""

from __future__ import annotations

import pathlib
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import trustme

from kubectl_imagepull.model import Blobs, NodeFacts, Platform, Rate, RuntimeConfig, Tls, Vantage
from kubectl_imagepull.node.bundle import script
from kubectl_imagepull.verdict import judge
from tests.needs import needs
from tests.probes.site import Answer, Repository, Request, Server, error, free_port, http, page, serve
from tests.probes.test_matrix import HERE, context_of, leaf_without_its_intermediate
from tests.probes.walking import NONCE, Walked, case_of, every_frame_is_taken, observations_of

SHELL = Vantage("node", "host", "host", "host", "unknown", "shell", "node-1")
OTHER = "127.0.0.2"
WAYS = [("dash", "curl"), ("busybox", "curl"), ("dash", "wget")]
pytestmark = needs("dash", "busybox", "curl", "wget")
RATE = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600", "Docker-RateLimit-Source": "192.0.2.7"}


class Sheller:
    """Walks with probe.sh. The host's folders are below `root`; tools but the one named are hidden from the script."""

    def __init__(self, shell: str, tool: str, root: pathlib.Path, authority: trustme.CA) -> None:
        self.shell, self.root = shell, root
        hidden = {"curl": "", "wget": " curl"}[tool]
        text = script()
        assert "missing=' '\n" in text
        (root / "probe.sh").write_text(text.replace("missing=' '\n", f"missing='{hidden} '\n"))
        self.write("ssl/certs/ca-certificates.crt", authority.cert_pem.bytes().decode())

    def write(self, name: str, text: str) -> None:
        """A file of the host's /etc."""
        path = self.root / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def walk(
        self, port: int, host: str = HERE, asked: str = "1.0", scheme: str = "https", before: Sequence[str] = ()
    ) -> Walked:
        """Walk to team/app at host:port and judge what was seen. before: the words of another image of the same run."""
        words = [self.shell, *(["sh"] if self.shell == "busybox" else []), str(self.root / "probe.sh")]
        words += [NONCE, "50", str(self.root), "", *before, "p1", scheme, host, str(port), "team/app", asked]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0 and f'imagepull/1 {NONCE} {{"kind":"end","complete":true}}' in ran.stdout, ran
        every_frame_is_taken(ran.stdout, SHELL)
        node = NodeFacts("node-1", os="linux", arch="amd64", runtime="containerd://2.2.1")
        case = case_of(observations_of(ran.stdout, SHELL), host, port, asked, scheme, node)
        verdict = judge(case)
        return Walked(case, ran.stdout + ran.stderr, 0, verdict, verdict.findings)


@pytest.fixture(params=WAYS, ids="-".join)
def sheller(request: pytest.FixtureRequest, tmp_path: pathlib.Path, authority: trustme.CA) -> Iterator[Sheller]:
    yield Sheller(*request.param, tmp_path, authority)


@pytest.fixture
def good(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate that the node accepts."""
    return context_of(authority.issue_cert(HERE, OTHER))


def test_healthy(sheller: Sheller, good: ssl.SSLContext) -> None:
    """To its end, and no finding."""
    with Server(Repository(), good) as server:
        walked = sheller.walk(server.port)
    assert walked.named == [], walked.log
    hops = ("connect", "tls", "registry", "auth", "manifest", "platform", "blobs")
    assert [walked.outcome(hop) for hop in hops] == ["open", "ok", "200", "not-needed", "200", "index", "ok"]


def test_missing_intermediate(sheller: Sheller, authority: trustme.CA, tmp_path: pathlib.Path) -> None:
    with Server(Repository(), leaf_without_its_intermediate(authority, tmp_path)) as server:
        walked = sheller.walk(server.port)
    assert walked.named == [("tls.unknown_authority", "registry", f"{HERE}:{server.port}")], walked.log


def test_platform(sheller: Sheller, good: ssl.SSLContext) -> None:
    with Server(Repository(["linux/s390x", "linux/arm64/v8", "unknown/unknown"]), good) as server:
        walked = sheller.walk(server.port)
    assert walked.named == [("image.platform_mismatch", "registry", f"{HERE}:{server.port}")], walked.log
    assert "linux/arm64/v8" in walked.case.seen(Platform)[0].summary


def test_counted_pulls_are_not_spent(sheller: Sheller, good: ssl.SSLContext) -> None:
    with Server(Repository(headers=RATE), good) as server:
        walked = sheller.walk(server.port)
        assert not [r for r in server.requests if r.method == "GET" and "/manifests/" in r.path]
    rate = walked.case.seen(Rate)[0]
    assert walked.named == [] and rate.outcome == "ok", walked.log
    assert rate.detail.limit == 100 and rate.detail.remaining == 76 and rate.detail.source == "192.0.2.7"


def truncated(request: Request, data: bytes) -> Iterator[bytes]:
    """Half of what was announced."""
    whole = serve(request, data)
    yield whole[: len(whole) - 20]


BLOBS: dict[str, tuple[Callable[[Request, bytes], Answer], str]] = {
    "404": (lambda r, d: error(404, "BLOB_UNKNOWN"), "image.blob_unknown"),
    "500": (lambda r, d: http(500), "registry.server_error"),
    "503": (lambda r, d: http(503), "registry.unavailable"),
    "403": (lambda r, d: page(403), "auth.forbidden"),
    "429": (lambda r, d: http(429), "rate.registry_limit"),
    "truncated": (truncated, "transfer.interrupted"),
    "circle": (lambda r, d: http(307, b"", {"Location": r.path}), "registry.server_error"),
}


@pytest.mark.parametrize("sheller", WAYS[::2], indirect=True, ids="-".join)
@pytest.mark.parametrize(("at", "fault"), [*(("registry", f) for f in BLOBS), ("blob", "404"), ("blob", "truncated")])
def test_blobs(sheller: Sheller, good: ssl.SSLContext, fault: str, at: str) -> None:
    """A blob that cannot be had, from the registry or from the host that it sends to."""
    blob, cause = BLOBS[fault]
    repository = Repository()

    def storage(request: Request) -> Answer:
        return blob(request, repository.files[request.path.rsplit("/", 1)[1]][0])

    with Server(storage, good, OTHER) as other:

        def sent(request: Request, data: bytes) -> bytes:
            return http(307, b"", {"Location": f"https://{OTHER}:{other.port}{request.path}"})

        with Server(Repository(blobs=blob if at == "registry" else sent), good) as server:
            walked = sheller.walk(server.port)
            host = f"{HERE}:{server.port}" if at == "registry" else f"{OTHER}:{other.port}"
    assert walked.named == [(cause, at, host)], walked.log


@pytest.mark.parametrize("fault", ["", "refused", "authority", "name"])
def test_blob_host(sheller: Sheller, good: ssl.SSLContext, fault: str) -> None:
    """The redirect is followed by hand: name, port and certificate of the blob host are told."""
    context = good if not fault else context_of(trustme.CA().issue_cert(OTHER))
    with Server(Repository(), context, OTHER) as other:
        host = {"refused": f"{OTHER}:{free_port(OTHER)}", "name": "blobs.invalid"}.get(fault, f"{OTHER}:{other.port}")

        def sent(request: Request, data: bytes) -> bytes:
            return http(307, b"", {"Location": f"https://{host}{request.path}?sig=a%2Fb&x=1"})

        with Server(Repository(blobs=sent), good) as server:
            walked = sheller.walk(server.port)
        assert not [r for r in other.requests if "authorization" in r.headers]
    if fault == "name":  # how it does not resolve is the affair of this machine's resolver
        assert walked.outcome("dns", "blob") not in ("", "ok") and walked.outcome("blobs", "blob") == "not-reached"
        return
    named = {"refused": "net.refused", "authority": "tls.unknown_authority"}
    assert walked.named == ([(named[fault], "blob", host)] if fault else []), walked.log
    assert walked.outcome("blobs", "blob") == ("not-reached" if fault else "ok")


def with_token(inner: Repository, realm: Callable[[], str]) -> Callable[[Request], Answer]:
    """A registry that wants a token."""

    def handler(request: Request) -> Answer:
        if request.headers.get("authorization") == "Bearer t0ken":
            return inner(request)
        return http(401, {}, {"WWW-Authenticate": f'Bearer realm="{realm()}",service="s s"'})

    return handler


TOKENS: dict[str, tuple[bytes, str]] = {
    "granted": (http(200, {"expires_in": 300, "token": "t0ken"}), ""),
    "pretty": (http(200, b'{\n  "access_token" : "t0ken"\n}'), ""),
    "none": (http(200, {}), "registry.server_error"),
    "503": (http(503), "registry.unavailable"),
    "429": (http(429), "rate.registry_limit"),
}


@pytest.mark.parametrize("answer", TOKENS)
def test_token_host(sheller: Sheller, good: ssl.SSLContext, answer: str) -> None:
    said, cause = TOKENS[answer]
    with Server(lambda request: said, good, OTHER) as tokens:
        with Server(with_token(Repository(), lambda: f"https://{OTHER}:{tokens.port}/t"), good) as server:
            walked = sheller.walk(server.port)
        assert [r.path for r in tokens.requests] == ["/t?service=s%20s&scope=repository%3Ateam/app%3Apull"]
    assert walked.named == ([(cause, "token", f"{OTHER}:{tokens.port}")] if cause else []), walked.log


@pytest.mark.parametrize("fault", ["refused", "authority"])
def test_token_host_unreachable(sheller: Sheller, good: ssl.SSLContext, fault: str) -> None:
    with Server(Repository(), context_of(trustme.CA().issue_cert(OTHER)), OTHER) as tokens:
        port = tokens.port if fault == "authority" else free_port(OTHER)
        with Server(with_token(Repository(), lambda: f"https://{OTHER}:{port}/t"), good) as server:
            walked = sheller.walk(server.port)
    cause = {"refused": "net.refused", "authority": "tls.unknown_authority"}[fault]
    assert walked.named == [(cause, "token", f"{OTHER}:{port}")], walked.log


CONFIG = "[plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = \"/etc/containerd/certs.d\"\n"


def hosts_toml(sheller: Sheller, server: Server, text: str) -> None:
    sheller.write("containerd/config.toml", CONFIG)
    sheller.write(f"containerd/certs.d/{HERE}:{server.port}/hosts.toml", text)


@pytest.mark.parametrize("sheller", WAYS[:2], indirect=True, ids="-".join)
class TestConfiguration:
    """What /etc shows of where the runtime goes."""

    def test_mirror_with_a_fallback(self, sheller: Sheller, good: ssl.SSLContext) -> None:
        dead = f"{OTHER}:{free_port(OTHER)}"
        with Server(Repository(), good) as server:
            hosts_toml(sheller, server, f'# first\n[host."https://{dead}"]\n  capabilities = ["pull", "resolve"]\n')
            walked = sheller.walk(server.port)
        assert walked.named == [("net.refused", "mirror", dead)], walked.log
        assert [f.level for f in walked.findings] == ["warning"]

    def test_mirrors_alone(self, sheller: Sheller, good: ssl.SSLContext) -> None:
        dead = f"{OTHER}:{free_port(OTHER)}"
        with Server(Repository(), good) as server:
            hosts_toml(sheller, server, f"server = 'https://{dead}'\n")
            walked = sheller.walk(server.port)
            assert not server.requests
        assert [(f.cause, f.subject.role, f.level) for f in walked.findings] == [("net.refused", "mirror", "error")]

    def test_mirror_that_answers(self, sheller: Sheller, good: ssl.SSLContext) -> None:
        with Server(Repository(), good, OTHER) as mirror, Server(Repository(), good) as server:
            text = f'[host."https://{OTHER}:{mirror.port}/proxied"]\noverride_path = true\nskip_verify = true\n'
            more = f'[host."https://{OTHER}:{mirror.port}/proxied".header]\nx = ["y"]\n'
            hosts_toml(sheller, server, text + more)
            walked = sheller.walk(server.port)
            asked = {r.path for r in mirror.requests}
        assert walked.named == [], walked.log
        assert f"/proxied/team/app/manifests/1.0?ns={HERE}:{server.port}" in asked
        assert walked.outcome("blobs", "mirror") == "ok" and walked.outcome("manifest") == "200"
        assert not walked.case.seen(Blobs, "registry"), "an image is read once"

    def test_its_own_ca(self, sheller: Sheller, tmp_path: pathlib.Path) -> None:
        other = trustme.CA()
        with Server(Repository(), context_of(other.issue_cert(HERE))) as server:
            hosts_toml(sheller, server, 'ca = ["/etc/nowhere.crt", "own.crt"]\n')
            folder = f"containerd/certs.d/{HERE}:{server.port}"
            sheller.write(f"{folder}/own.crt", other.cert_pem.bytes().decode())
            walked = sheller.walk(server.port)
        assert walked.named == [], walked.log
        assert walked.case.seen(Tls)[0].detail.trust == f"/etc/{folder}/own.crt"

    @pytest.mark.parametrize(
        "text",
        ["[host.\n", 'server = """x"""\n', '[host."https://a"]\ncapabilities = [\n"pull"]\n', "[[host]]\n", "what\n"],
    )
    def test_what_cannot_be_read_is_unknown(self, sheller: Sheller, good: ssl.SSLContext, text: str) -> None:
        with Server(Repository(), good) as server:
            hosts_toml(sheller, server, text)
            walked = sheller.walk(server.port)
        assert walked.outcome("runtime", "node") == "unreadable" and walked.named == [], walked.log
        assert [h.status for h in walked.verdict.hops if h.hop == "runtime"] == ["unknown"]

    @pytest.mark.parametrize(
        ("files", "outcome"),
        [
            ({}, "unknown"),
            ({"containerd/config.toml": "version = 2\n"}, "default"),
            ({"containerd/config.toml": CONFIG}, "default"),
            ({"containerd/config.toml": '[plugins.x.registry.mirrors."r"]\nendpoint = ["https://m"]\n'}, "unreadable"),
        ],
    )
    def test_without_a_file(
        self, sheller: Sheller, good: ssl.SSLContext, files: Mapping[str, str], outcome: str
    ) -> None:
        for name, text in files.items():
            sheller.write(name, text)
        with Server(Repository(), good) as server:
            walked = sheller.walk(server.port)
        assert walked.outcome("runtime", "node") == outcome and walked.named == [], walked.log

    @pytest.mark.parametrize("answer", ["refused", "403", "200", "spared"])
    def test_proxy(self, sheller: Sheller, good: ssl.SSLContext, answer: str) -> None:
        """Asked by curl: wget cannot ask a proxy for a connection."""

        def through(client: Any) -> bool:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 %s X\r\n\r\n" % answer.encode())
            return True

        with Server(Repository(), good) as server, Server(lambda r: b"", None, OTHER, through) as proxy:
            host = f"{OTHER}:{free_port(OTHER) if answer in ('refused', 'spared') else proxy.port}"
            spared = f'"NO_PROXY=.svc,{HERE}"' if answer == "spared" else ""
            unit = f'[Service]\nEnvironment="HTTPS_PROXY=http://u:secret@{host}" {spared}\n'
            sheller.write("systemd/system/containerd.service.d/proxy.conf", unit)
            walked = sheller.walk(server.port)
        assert walked.named == ([("net.proxy", "proxy", host)] if answer in ("refused", "403") else []), walked.log
        assert "secret" not in walked.log
        seen = walked.case.seen(RuntimeConfig, "node")[0].detail.proxy
        assert seen is not None and seen.https_proxy == f"http://{host}" and seen.source.endswith("/proxy.conf")

    @pytest.mark.parametrize("login", ["u:secret@", "http://u:an'odd-secret@", "http://u:secret@twice@"])
    def test_login_of_a_proxy(self, sheller: Sheller, good: ssl.SSLContext, login: str) -> None:
        """Go takes a proxy without a scheme as well, and systemd any character between the quotes."""
        host = f"{OTHER}:{free_port(OTHER)}"
        unit = f'[Service]\nEnvironment="HTTPS_PROXY={login}{host}"\n'
        sheller.write("systemd/system/containerd.service.d/proxy.conf", unit)
        with Server(Repository(), good) as server:
            walked = sheller.walk(server.port)
        seen = walked.case.seen(RuntimeConfig, "node")[0].detail.proxy
        assert "secret" not in walked.log and seen is not None and seen.https_proxy.endswith(host), walked.log


@pytest.mark.parametrize("sheller", WAYS[:2], indirect=True, ids="-".join)
def test_each_image_is_told_of_its_hosts(sheller: Sheller, good: ssl.SSLContext) -> None:
    """Two images behind one registry and one token host: walked to once, told for each."""
    tokens = Server(lambda r: http(200, {"token": "t0ken"}), good, OTHER)
    with tokens, Server(with_token(Repository(), lambda: f"https://{OTHER}:{tokens.port}/t"), good) as server:
        walked = sheller.walk(server.port, before=("p0", "https", HERE, str(server.port), "team/other", "1.0"))
        assert len([r for r in server.requests if r.path == "/v2/"]) == 1
    told = {pull: [(o.hop, o.subject) for o in walked.case.observations if o.pull == pull] for pull in ("p0", "p1")}
    assert told["p0"] == told["p1"] and len(told["p0"]) > 8, walked.log

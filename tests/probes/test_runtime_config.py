"""containerd's registry configuration: which endpoints in which order, and what a broken one does to a pull."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from probes.__main__ import on_node
from probes.runtime_config import Endpoint, endpoints_for, proxy_for, proxy_settings
from tests.probes.site import Repository, Server, error, free_port, http
from tests.probes.test_matrix import HERE, answering, context_of
from tests.probes.walking import Walked, Walker

V1 = '[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n'
V3 = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/a:/etc/containerd/certs.d'\n"
Write = Callable[[dict[str, str]], str]


@pytest.fixture
def host(tmp_path: Path) -> Write:
    """Writes files below a host's root and gives the root."""

    def write(files: dict[str, str]) -> str:
        for name, text in files.items():
            path = tmp_path / "host" / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(tmp_path / "host")

    return write


def shown(root: str, name: str = "reg.test", port: int = 443) -> list[tuple[str, str, str, bool, bool]]:
    found = endpoints_for(root, "https", name, port)
    return [(e.role, f"{e.scheme}://{e.label}{e.prefix}", e.ns, e.resolve, e.pull) for e in found.endpoints]


OWN = ("registry", "https://reg.test/v2", "", True, True)


@pytest.mark.parametrize("config", [V1, V3], ids=["version 2", "version 3"])
def test_mirrors_in_order_then_the_registry(host: Write, config: str) -> None:
    text = (
        '[host."https://z.test"]\n[host."http://a.test:5000/cache"]\ncapabilities = ["pull"]\n'
        '[host."https://b.test/v2/prefix"]\noverride_path = true\nskip_verify = true\n'
    )
    root = host({"etc/containerd/config.toml": config, "etc/containerd/certs.d/reg.test/hosts.toml": text})
    assert shown(root) == [
        ("mirror", "https://z.test/v2", "reg.test", True, True),
        ("mirror", "http://a.test:5000/cache/v2", "reg.test", False, True),
        ("mirror", "https://b.test/v2/prefix", "reg.test", True, True),
        OWN,
    ]


def test_server_in_place_of_the_registry(host: Write) -> None:
    text = 'server = "https://only.test"\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/_default/hosts.toml": text})
    assert shown(root) == [("mirror", "https://only.test/v2", "reg.test", True, True)]


@pytest.mark.parametrize("folder", ["reg.test_5000_", "reg.test:5000"])
def test_names_of_directories(host: Write, folder: str) -> None:
    text = '[host."https://z.test"]\n'
    files = {"etc/containerd/config.toml": V1, f"etc/containerd/certs.d/{folder}/hosts.toml": text}
    assert shown(host(files), port=5000)[0][1] == "https://z.test/v2"
    assert shown(host(files)) == [OWN]


def test_docker_hub_is_called_docker_io(host: Write) -> None:
    text = '[host."https://z.test"]\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/docker.io/hosts.toml": text})
    assert shown(root, "registry-1.docker.io")[0] == ("mirror", "https://z.test/v2", "docker.io", True, True)


def test_deprecated_mirrors(host: Write) -> None:
    text = '[plugins."io.containerd.grpc.v1.cri".registry.mirrors."reg.test"]\nendpoint = ["https://z.test"]\n'
    root = host({"etc/containerd/config.toml": text})
    assert [e[1] for e in shown(root)] == ["https://z.test/v2", "https://reg.test/v2"]


@pytest.mark.parametrize(
    "text",
    ["[host.", "x = [[[[", 'capabilities = ["fly"]', "skip_verify = 'yes'", "host = 5", "[host]\na = 5", "[" * 20000],
)
def test_a_file_that_cannot_be_used_is_left_out(host: Write, text: str) -> None:
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": text})
    found = endpoints_for(root, "https", "reg.test", 443)
    assert (found.outcome, shown(root)) == ("invalid", [OWN])
    assert found.problems[0]["file"] == "/etc/containerd/certs.d/reg.test/hosts.toml"


def test_no_configuration_is_unknown_not_none(host: Write) -> None:
    assert endpoints_for(host({"etc/hosts": ""}), "https", "reg.test", 443).outcome == "unknown"
    assert endpoints_for(host({"etc/containerd/config.toml": ""}), "https", "reg.test", 443).outcome == "default"


def test_nothing_of_a_header_leaves_the_node(host: Write) -> None:
    text = '[host."https://u:hidden@z.test"]\n[host."https://u:hidden@z.test".header]\nauthorization = "Basic hidden"\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": text})
    found = endpoints_for(root, "https", "reg.test", 443)
    assert found.endpoints[0].host == "z.test" and "hidden" not in repr(found) + repr(found.seen())


def test_proxy_settings(host: Write) -> None:
    root = host(
        {
            "etc/systemd/system/containerd.service.d/proxy.conf": (
                '[Service]\n# Environment=HTTPS_PROXY=http://old:1\nEnvironment="HTTPS_PROXY=http://u:hidden@proxy.test:3128"'
                ' "NO_PROXY=10.0.0.0/8,.test"\n'
            )
        }
    )
    assert proxy_settings(root) == {
        "https_proxy": "http://proxy.test:3128",
        "no_proxy": "10.0.0.0/8,.test",
        "source": "/etc/systemd/system/containerd.service.d/proxy.conf",
    }
    assert proxy_settings(host({"etc/default/k3s": "HTTP_PROXY=http://p.test:1\n"}))["http_proxy"] == "http://p.test:1"


@pytest.mark.parametrize(
    ("listed", "name", "direct"),
    [
        ("", "reg.test", False),
        ("reg.test", "reg.test", True),
        (".test", "reg.test", True),
        ("test", "reg.test", True),
        ("g.test", "reg.test", False),
        ("*", "reg.test", True),
        ("reg.test:5000", "reg.test", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("", "127.0.0.1", True),
        ("", "localhost", True),
    ],
)
def test_no_proxy(listed: str, name: str, direct: bool) -> None:
    settings = {"https_proxy": "http://proxy.test:3128", "no_proxy": listed}
    found = proxy_for(settings, Endpoint("registry", "https", name, 443))
    assert found == (None if direct else ("proxy.test", 3128))


class TestProxy:
    """A proxy in the runtime's unit file; the registry is elsewhere, so it is not spared."""

    @pytest.mark.parametrize("answer", ["refused", "200", "403", "407", "502", "closed"])
    def test_proxy(self, walker: Walker, host: Write, authority: trustme.CA, answer: str) -> None:
        with Server(lambda r: b"" if answer == "closed" else http(int(answer))) as server:
            port = free_port() if answer == "refused" else server.port
            root = host(
                {
                    "etc/containerd/config.toml": V1,
                    "etc/resolv.conf": "nameserver 127.0.0.1\n",
                    "etc/hosts": "240.0.0.1 registry.test\n",
                    "etc/systemd/system/containerd.service.d/p.conf": (
                        f"[Service]\nEnvironment=HTTPS_PROXY=http://{HERE}:{port}\n"
                    ),
                    "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
                }
            )
            walked = walker.walk(443, "registry.test", place=on_node(root), budget=2)
        errors = [(f.cause, f.subject.role, f.confidence) for f in walked.findings if f.level == "error"]
        if answer == "200":
            assert errors == [] and walked.verdict.cause == "unknown.insufficient", walked.log
        else:
            sure = "possible" if answer == "407" else "confirmed"
            assert errors == [("net.proxy", "proxy", sure)], walked.log


class TestAttempts:
    """A mirror before a registry, each working or broken."""

    @pytest.fixture
    def good(self, authority: trustme.CA) -> ssl.SSLContext:
        return context_of(authority.issue_cert(HERE))

    def walk(self, walker: Walker, host: Write, authority: trustme.CA, registry: int, hosts: str) -> Walked:
        root = host(
            {
                "etc/containerd/config.toml": V1,
                f"etc/containerd/certs.d/{HERE}:{registry}/hosts.toml": hosts,
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
                "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
            }
        )
        return walker.walk(registry, place=on_node(root))

    @pytest.mark.parametrize("registry_works", [True, False])
    @pytest.mark.parametrize("fault", ["refused", "authority", "404", "503", "401", ""])
    def test_mirror(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext, fault: str, registry_works: bool
    ) -> None:
        handlers: dict[str, Any] = {
            "404": answering(error(404, "NAME_UNKNOWN")),
            "503": lambda r: http(503),
            "401": lambda r: http(401, {}, {"WWW-Authenticate": 'Basic realm="m"'}),
        }
        context = context_of(trustme.CA().issue_cert(HERE)) if fault == "authority" else good
        with Server(handlers.get(fault, Repository()), context) as mirror, Server(Repository(), good) as registry:
            there = free_port() if fault == "refused" else mirror.port
            own = registry.port if registry_works else free_port()
            walked = self.walk(walker, host, authority, own, f'[host."https://{HERE}:{there}"]\n')
        cause = {
            "refused": "net.refused",
            "authority": "tls.unknown_authority",
            "404": "image.name_unknown",
            "503": "registry.unavailable",
            "401": "auth.no_credentials",
        }.get(fault)
        at_mirror = (cause, "mirror", f"{HERE}:{there}")
        at_registry = ("net.refused", "registry", f"{HERE}:{own}")
        errors = [(f.cause, f.subject.role, f.subject.host) for f in walked.findings if f.level == "error"]
        warnings = [(f.cause, f.subject.role, f.subject.host) for f in walked.findings if f.level == "warning"]
        if not fault:
            assert errors == [] and warnings == ([] if registry_works else [at_registry])
        elif registry_works:
            assert errors == [] and warnings == [at_mirror], walked.log
        elif fault == "refused":
            assert errors == [at_registry] and warnings == [at_mirror]
        else:  # the mirror got further, so its repair is enough
            assert errors == [at_mirror] and warnings == [at_registry], walked.log
        if fault in ("404", ""):
            assert all("ns=127.0.0.1" in r.path for r in mirror.requests if "manifests" in r.path)

    def test_own_ca_and_no_check(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext, tmp_path: Path
    ) -> None:
        other = trustme.CA()
        (tmp_path / "host/etc").mkdir(parents=True)
        other.cert_pem.write_to_path(str(tmp_path / "host/etc/mirror.crt"))
        with Server(Repository(), context_of(other.issue_cert(HERE))) as mirror, Server(Repository(), good) as registry:
            url = f'[host."https://{HERE}:{mirror.port}"]\n'
            for line in ('ca = "/etc/mirror.crt"\n', "skip_verify = true\n"):
                walked = self.walk(walker, host, authority, registry.port, url + line)
                assert walked.named == [] and walked.outcome("manifest", "mirror") == "200", walked.log

    def test_missing_ca(self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext) -> None:
        with Server(Repository(), good) as registry:
            walked = self.walk(walker, host, authority, registry.port, 'ca = "/etc/ssl/nowhere.crt"\n')
        assert walked.named == [("runtime.config_invalid", "node", "node-1")]
        assert walked.verdict.cause == "runtime.config_invalid" and walked.verdict.confidence == "confirmed"

    @pytest.mark.parametrize("works", [True, False])
    def test_broken_file(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext, works: bool
    ) -> None:
        with Server(Repository(), good) as registry:
            port = registry.port if works else free_port()
            walked = self.walk(walker, host, authority, port, "[host.")
        levels = {f.cause: f.level for f in walked.findings}
        if works:
            assert levels == {"runtime.config_invalid": "warning"}
        else:
            assert levels == {"runtime.config_invalid": "error", "net.refused": "error"}
            assert walked.verdict.cause == "runtime.config_invalid"

"""containerd's registry configuration: which endpoints in which order, and what a broken one does to a pull."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from probes.host import containerd as containerd_files
from probes.place import on_node
from probes.plan import Node
from tests.probes.hosts import Write, ends, looked
from tests.probes.site import Repository, Request, Server, error, free_port, http
from tests.probes.test_matrix import HERE, answering, context_of
from tests.probes.walking import Walked, Walker, observations_of

V1 = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n'
V3 = (
    "version = 3\n[plugins.'io.containerd.cri.v1.images']\nuse_local_image_pull = true\n"
    "[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/a:/etc/containerd/certs.d'\n"
)


def shown(root: str, name: str = "reg.test", port: int = 443) -> list[tuple[str, str, str, bool, bool]]:
    found = looked(root, name, port)
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


def test_names_of_fields_at_any_depth(host: Write) -> None:
    """Go takes them in any case; of two spellings the later one in the order of bytes, however far down it stands."""
    registry = '[plugins."io.containerd.grpc.v1.cri".registry]\n'
    config = f'version = 2\n{registry}cOnfig_path = "/etc/a"\nconfig_path = "/etc/b"\ncoNfig_path = "/etc/c"\n'
    hosts = {f"etc/{name}/reg.test/hosts.toml": f'[host."https://{name}.test"]\n' for name in "abc"}
    root = host({"etc/containerd/config.toml": config, **hosts})
    assert shown(root) == [("mirror", "https://b.test/v2", "reg.test", True, True), OWN]
    named = '[plugins."io.containerd.grpc.v1.cri".registry.conFigs."reg.test".tLs]\ninsecure_skip_Verify = true\n'
    found = looked(
        host({"etc/containerd/config.toml": f"version = 2\n{named}"}), "reg.test", 443, Node("containerd://1.7.20", "")
    )
    assert [e.skip_verify for e in found.endpoints] == [True]


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


@pytest.mark.parametrize(
    ("url", "asked"), [("https://z.test", "https://z.test/v2"), ("z.test//a//b/", "https://z.test/a/b")]
)
def test_deprecated_mirrors(host: Write, url: str, asked: str) -> None:
    text = f'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."reg.test"]\nendpoint = ["{url}"]\n'
    root = host({"etc/containerd/config.toml": text})
    assert [e[1] for e in shown(root)] == [asked, "https://reg.test/v2"]


def test_imports_are_read_in_their_order(host: Write) -> None:
    root = host(
        {
            "etc/containerd/config.toml": 'version = 2\nimports = ["conf.d/*.toml", "/etc/other.toml"]\n',
            "etc/containerd/conf.d/10.toml": V1.replace("/etc/containerd/certs.d", "/etc/first"),
            "etc/containerd/conf.d/20.toml": V1.replace("/etc/containerd/certs.d", "/etc/second"),
            "etc/containerd/conf.d/notes.txt": "no TOML [",
            "etc/other.toml": "version = 2\n",
            "etc/second/reg.test/hosts.toml": '[host."https://z.test"]\n',
        }
    )
    assert ends(looked(root)) == ["https://z.test/v2/team/app", "https://reg.test/v2/team/app"]
    host({"etc/other.toml": V1.replace("/etc/containerd/certs.d", "/etc/third")})
    assert ends(looked(root)) == ["https://reg.test/v2/team/app"]


@pytest.mark.parametrize(
    ("pattern", "outcome"),
    [
        ("conf.d/[0-9]*.toml", "default"),
        ("/etc/none/*.toml", "default"),
        ("conf.d/[^0-9]*.toml", "default"),
        ("conf.d/[*.toml", "invalid"),
        ("[conf/d/*.toml", "invalid"),
        ("conf.d/[^]*.toml", "invalid"),
        ("*/10.toml", "unreadable"),
        (r"conf.d/1\\0*.toml", "unreadable"),
    ],
)
def test_patterns_of_imports(host: Write, pattern: str, outcome: str) -> None:
    """One that is none ends containerd at its start ("syntax error in pattern"); of what is not read nothing is claimed."""
    found = looked(host({"etc/containerd/config.toml": f'version = 2\nimports = ["{pattern}"]\n'}))
    assert found.outcome == outcome, found
    if outcome == "invalid":
        assert [p["problem"] for p in found.problems] == [f"imports: {pattern} is no pattern"]


def test_an_import_that_is_not_there_ends_containerd(host: Write) -> None:
    """Held against containerd 2.3.7: "no such file or directory" at its start."""
    found = looked(host({"etc/containerd/config.toml": 'version = 2\nimports = ["conf.d/10.toml"]\n'}))
    assert found.outcome == "invalid" and found.problems[0]["file"] == "/etc/containerd/conf.d/10.toml"
    assert found.problems[0]["problem"] == "does not exist and is imported"


def test_imports_in_a_circle(host: Write) -> None:
    root = host({"etc/containerd/config.toml": V1.replace("\n", '\nimports = ["/etc/containerd/*.toml"]\n', 1)})
    assert looked(root).outcome == "default"


UNIT = {"usr/lib/systemd/system/containerd.service": "[Service]\nExecStart=/usr/bin/containerd --config /etc/c.toml\n"}


def test_the_unit_names_the_file(host: Write) -> None:
    text = '[host."https://z.test"]\n'
    files = {**UNIT, "etc/c.toml": V1, "etc/containerd/certs.d/_default/hosts.toml": text}
    assert looked(host(files)).endpoints[0].host == "z.test"


@pytest.mark.parametrize(
    ("version", "mode", "outcome"),
    [
        ("2.1.9", "true", "default"),
        ("2.2.2", "true", "configured"),
        ("2.2.2", "false", "default"),
        ("2.4.2", "false", "default"),
    ],
)
def test_defaults_without_a_path(host: Write, version: str, mode: str, outcome: str) -> None:
    """From 2.2 on the default is a list of directories, which only the local pull splits (tests/oracle; seen on 2.4.2)."""
    text = f"version = 3\n[plugins.'io.containerd.cri.v1.images']\nuse_local_image_pull = {mode}\n"
    root = host(
        {"etc/containerd/config.toml": text, "etc/docker/certs.d/reg.test/hosts.toml": '[host."https://z.test"]\n'}
    )
    assert looked(root, node=Node(f"containerd://{version}")).outcome == outcome
    root = host({"etc/containerd/config.toml": "version = 2\n"})
    assert looked(root, node=Node(f"containerd://{version}")).outcome == "default"


def test_a_folder_that_may_not_be_searched(host: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": ""})
    monkeypatch.setattr(containerd_files, "searchable", lambda root, path: False)  # root may search every folder
    assert looked(root).outcome == "unreadable"


@pytest.mark.parametrize(("port", "speaks"), [(5000, "https"), (80, "http"), (443, "https")])
def test_local_host_speaks_either(host: Write, port: int, speaks: str) -> None:
    root = host({"etc/containerd/config.toml": V1})
    found = looked(root, "localhost", port, scheme="https" if port == 443 else "http").endpoints[0]
    assert (found.scheme, found.plain, found.skip_verify) == (speaks, port == 5000, port != 80)


def test_http_with_trust_is_tried_with_tls_first(host: Write) -> None:
    text = '[host."http://z.test:5000"]\nskip_verify = true\n[host."http://y.test:5000"]\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/_default/hosts.toml": text})
    assert [(e.scheme, e.plain) for e in looked(root).endpoints[:2]] == [("https", True), ("http", False)]


@pytest.mark.parametrize(
    ("written", "pairs"),
    [
        ("'/etc/both.pem'", (("/etc/both.pem", ""),)),
        ("['a.pem', '/etc/b.pem']", (("/etc/containerd/certs.d/reg.test/a.pem", ""), ("/etc/b.pem", ""))),
        ("[['/etc/c.crt', '/etc/c.key']]", (("/etc/c.crt", "/etc/c.key"),)),
    ],
)
def test_client_certificates(host: Write, written: str, pairs: tuple[tuple[str, str], ...]) -> None:
    text = f'[host."https://z.test"]\nclient = {written}\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": text})
    found = looked(root)
    assert found.endpoints[0].client == pairs
    assert found.outcome == "invalid" and all(p["fatal"] for p in found.problems)  # none of the files is there


def test_docker_layout(host: Write) -> None:
    folder = "etc/containerd/certs.d/reg.test"
    root = host(
        {"etc/containerd/config.toml": V1, f"{folder}/ca.crt": "", f"{folder}/c.cert": "", f"{folder}/c.key": ""}
    )
    found = looked(root).endpoints[0]
    assert (found.ca, found.client) == ((f"/{folder}/ca.crt",), ((f"/{folder}/c.cert", f"/{folder}/c.key"),))


def test_odd_files_do_not_hang_or_mislead(host: Write) -> None:
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/x": ""})
    hosts = Path(root) / "etc/containerd/certs.d/reg.test/hosts.toml"
    os.mkfifo(hosts)
    assert looked(root).outcome == "unreadable"
    hosts.unlink()
    hosts.symlink_to("hosts.toml")
    assert looked(root).outcome == "unreadable"
    hosts.unlink()
    hosts.write_bytes(b'[host."https://\xff\x1b[2J.test"]\n')
    assert ends(looked(root)) == ["https://reg.test/v2/team/app"] and "\x1b" not in looked(root).seen().summary
    hosts.write_text("# " + "x" * (1 << 20))
    assert looked(root).outcome == "unreadable"


@pytest.mark.parametrize(
    "text",
    [
        "client = 5",
        "client = [['a']]",
        "dial_timeout = '5 apples'",
        "[header]\na = 5",
        "server = 5",
        "[host.",
        "x = [[[[",
        'capabilities = ["fly"]',
        "skip_verify = 'yes'",
        "host = 5",
        "[host]\na = 5",
        "[" * 20000,
    ],
)
def test_a_file_that_cannot_be_used_is_left_out(host: Write, text: str) -> None:
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": text})
    found = looked(root)
    assert (found.outcome, shown(root)) == ("invalid", [OWN])
    assert found.problems[0]["file"] == "/etc/containerd/certs.d/reg.test/hosts.toml"


def test_no_configuration_is_unknown_not_none(host: Write) -> None:
    assert looked(host({"etc/hosts": ""})).outcome == "unknown"
    assert looked(host({"etc/containerd/config.toml": ""})).outcome == "default"
    nowhere = looked("/nowhere").seen()
    assert (nowhere.outcome, nowhere.summary[:66]) == (
        "unknown",
        "the configuration of the runtime is not to be seen, so mirrors are",
    )


@pytest.mark.parametrize("url", ["https://u:1/hidden@z.test", "https://u:a@hidden@z.test", "https://u:a/hidden@z.test"])
def test_odd_logins_stay_on_the_node(host: Write, url: str) -> None:
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": f'[host."{url}"]\n'})
    found = looked(root)
    assert "hidden" not in repr(found) + repr(found.seen())


def test_nothing_of_a_header_leaves_the_node(host: Write) -> None:
    text = '[host."https://u:hidden@z.test"]\n[host."https://u:hidden@z.test".header]\nauthorization = "Basic hidden"\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": text})
    found = looked(root)
    assert found.endpoints[0].headers == ("authorization",) and found.endpoints[0].answers_differ
    assert found.endpoints[0].host == "z.test" and "hidden" not in repr(found) + repr(found.seen())


class TestAttempts:
    """A mirror before a registry, each working or broken."""

    @pytest.fixture
    def good(self, authority: trustme.CA) -> ssl.SSLContext:
        return context_of(authority.issue_cert(HERE))

    def walk(
        self, walker: Walker, host: Write, authority: trustme.CA, registry: int, hosts: str, asked: str = "1.0"
    ) -> Walked:
        root = host(
            {
                "etc/containerd/config.toml": V1,
                f"etc/containerd/certs.d/{HERE}:{registry}/hosts.toml": hosts,
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
                "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
            }
        )
        return walker.walk(registry, asked=asked, place=on_node(root))

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

    @pytest.mark.parametrize("readable", [True, False])
    def test_client_certificate(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext, readable: bool
    ) -> None:
        """A mirror that wants a certificate: the probe shows it where it may read the key, and else claims nothing."""
        asks = context_of(authority.issue_cert(HERE))
        asks.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(asks)
        shown = authority.issue_cert("node-1.test")
        pem = shown.private_key_and_cert_chain_pem.bytes().decode()
        root = host({"etc/client.pem": pem})
        if not readable:  # a link that leads nowhere stands for what only root may read: the tests run as root
            (Path(root) / "etc/client.pem").unlink()
            (Path(root) / "etc/client.pem").symlink_to("client.pem")
        with Server(Repository(), asks) as mirror:
            registry = free_port()
            text = f'[host."https://{HERE}:{mirror.port}"]\nclient = "/etc/client.pem"\n'
            walked = self.walk(walker, host, authority, registry, text)
        assert root
        if readable:
            assert walked.outcome("manifest", "mirror") == "200", walked.log
        else:
            # the registry is broken for sure, and of the mirror nothing is known
            assert walked.named == [("net.refused", "registry", f"{HERE}:{registry}")], walked.log
            mirrored = [o for o in observations_of(walked.log) if o.subject.role == "mirror"]
            assert mirrored[-1].outcome == "not-verified", walked.log

    def test_a_login_of_the_node(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext
    ) -> None:
        """A refusal says nothing where the runtime would have shown a header that stays on the node."""

        def refuse(request: Request) -> bytes:
            return http(401, {}, {"WWW-Authenticate": 'Basic realm="m"'})

        with Server(refuse, good) as mirror, Server(Repository(), good) as registry:
            url = f"https://{HERE}:{mirror.port}"
            text = f'[host."{url}"]\n[host."{url}".header]\nAuthorization = ["Basic hidden"]\n'
            walked = self.walk(walker, host, authority, registry.port, text)
        assert walked.named == [] and "hidden" not in walked.log, walked.log

    @pytest.mark.parametrize("tls", [True, False])
    def test_plain_where_it_is_allowed(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext, tls: bool
    ) -> None:
        with Server(Repository(), good if tls else None) as mirror:
            text = f'server = "http://{HERE}:{mirror.port}"\nskip_verify = true\n'
            walked = self.walk(walker, host, authority, free_port(), text)
        assert walked.named == [] and walked.outcome("manifest", "mirror") == "200", walked.log
        assert walked.outcome("tls", "mirror") == ("ok" if tls else "plain")

    @pytest.mark.parametrize("asked", ["1.0", "sha256:" + "a" * 64])
    def test_a_mirror_that_is_not_asked(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext, asked: str
    ) -> None:
        with Server(Repository(), good) as mirror, Server(Repository(), good) as registry:
            kind = "pull" if asked == "1.0" else "resolve"
            text = f'[host."https://{HERE}:{mirror.port}"]\ncapabilities = ["{kind}"]\n'
            walked = self.walk(walker, host, authority, registry.port, text, asked)
        assert not mirror.requests and registry.requests
        said = f"not asked for {'tags' if kind == 'pull' else 'digests'}: {HERE}:{mirror.port}"
        assert said in next(line.summary for line in walked.verdict.hops if line.hop == "runtime")

    @pytest.mark.parametrize("file", ["nowhere.crt", "empty.crt"])
    def test_unusable_ca(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext, file: str
    ) -> None:
        host({"etc/ssl/empty.crt": "no certificate\n"})
        with Server(Repository(), good) as registry:
            walked = self.walk(walker, host, authority, registry.port, f'ca = "/etc/ssl/{file}"\n')
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


MIRRORS = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."reg.test"]\nendpoint = ["%s", "https://b.test"]\n'


@pytest.mark.parametrize(
    ("url", "taken"), [("https://b.test/%41", True), ("b.test/%4", False), ("https://b.test/#%", False)]
)
def test_an_escape_that_is_none_makes_no_url(host: Write, url: str, taken: bool) -> None:
    """Held against containerd 2.2.9, which then leaves the file out."""
    hosts = f'server = "{url}"\n[host."https://a.test"]\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": hosts})
    found = looked(root)
    assert [e.host for e in found.endpoints] == (["a.test", "b.test"] if taken else ["reg.test"]), found


def test_an_endpoint_that_is_no_url_stops_them_all(host: Write) -> None:
    """Held against containerd 2.2.9: "first path segment in URL cannot contain colon", and nobody is asked."""
    found = looked(host({"etc/containerd/config.toml": MIRRORS % "h,ttps://a.test/v2"}))
    assert found.outcome == "invalid"
    assert [p["problem"] for p in found.problems] == ["h,ttps://a.test/v2 is no URL"]


def test_an_endpoint_of_another_scheme_stops_nobody(host: Write) -> None:
    assert [url for _, url, *_ in shown(host({"etc/containerd/config.toml": MIRRORS % "ftp://a.test"}))] == [
        "https://b.test/v2",
        "https://reg.test/v2",
    ]


def test_two_names_of_the_plugin_in_version_1_are_chance(host: Write) -> None:
    """Both become one key of a Go map, whose order differs from start to start (containerd 2.3.7 was seen to take either)."""
    text = (
        '[plugins.cri.registry]\nconfig_path = "/etc/a"\n'
        '[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/b"\n'
    )
    found = looked(host({"etc/containerd/config.toml": text}), node=Node("containerd://2.3.7"))
    assert found.outcome == "unknown" and "is chance" in found.note

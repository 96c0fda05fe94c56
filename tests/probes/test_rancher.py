"""registries.yaml of k3s and RKE2: mirrors, rewrites, trust; what is not to be seen, and what breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from probes import bounded
from probes.host import rancher as rancher_files
from probes.place import on_node
from probes.plan import Node
from tests.probes.hosts import Write, ends, looked
from tests.probes.site import Repository, Server, free_port
from tests.probes.test_matrix import HERE, context_of
from tests.probes.walking import Walker

K3S = Node("containerd://2.1.4-k3s1", "v1.34.1+k3s1")
FILE = "etc/rancher/k3s/registries.yaml"
MIRRORS = """
mirrors:
  reg.test:
    endpoint:
      - https://a.test:5000
      - "http://b.test/prefix"
      - c.test
      - https://a.test:5000
    rewrite:
      "^team/(.*)": "copies/$1"
  "*":
    endpoint: [https://any.test]
configs:
  a.test:5000:
    auth: {username: u, password: hidden}
    tls:
      ca_file: /etc/ca.crt
  b.test:
    tls: {insecure_skip_verify: true}
"""


def test_endpoints_in_their_order_then_the_registry(host: Write) -> None:
    root = host({FILE: MIRRORS, "etc/ca.crt": ""})
    found = looked(root, node=K3S)
    assert ends(found) == [
        "https://a.test:5000/v2/copies/app",
        "http://b.test:80/prefix/copies/app",
        "https://c.test/v2/copies/app",
        "https://reg.test/v2/team/app",
    ]
    a, b, _, own = found.endpoints
    assert (a.login, a.ca, b.skip_verify, own.role) == (True, ("/etc/ca.crt",), True, "registry")
    assert ends(looked(root, "other.test", node=K3S)) == [
        "https://any.test/v2/team/app",
        "https://other.test/v2/team/app",
    ]
    assert "hidden" not in repr(found) + repr(found.seen())


def test_rke2_has_its_own_folder(host: Write) -> None:
    root = host({FILE.replace("k3s", "rke2"): MIRRORS, "etc/ca.crt": ""})
    assert len(looked(root, node=Node("containerd://2.1.4", "v1.34.1+rke2r1")).endpoints) == 4
    assert len(looked(root, node=K3S).endpoints) == 1


def test_without_the_default_endpoint(host: Write) -> None:
    root = host(
        {
            "etc/rancher/k3s/config.yaml": "private-registry: /etc/mirrors.yaml\n",
            "etc/rancher/k3s/config.yaml.d/1.yaml": "disable-default-registry-endpoint: true\n",
            "etc/mirrors.yaml": "mirrors: {'*': {endpoint: ['https://any.test']}}\n",
        }
    )
    assert ends(looked(root, node=K3S)) == ["https://any.test/v2/team/app"]


def test_configuration_without_mirrors(host: Write) -> None:
    root = host({FILE: "configs: {reg.test: {tls: {insecure_skip_verify: true}}}\n"})
    found = looked(root, node=K3S)
    assert [e.skip_verify for e in found.endpoints] == [True] and found.outcome == "configured"


def test_what_cannot_be_seen_is_unknown(host: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = host({"etc/hosts": ""})
    assert looked(root, node=K3S).outcome == "default"
    host({FILE: "# " + "x" * bounded.MOST_YAML})
    assert looked(root, node=K3S).outcome == "unreadable"
    monkeypatch.setattr(rancher_files, "searchable", lambda root, path: False)  # root may search every folder
    assert looked(root, node=K3S).outcome == "unreadable"
    assert looked(str(Path(root) / "nowhere"), node=K3S).outcome == "unknown"


def test_what_is_too_deep_for_us_is_unknown(host: Write) -> None:
    assert looked(host({FILE: "[" * 5000}), node=K3S).outcome == "unreadable"


@pytest.mark.parametrize(
    "text",
    [
        "mirrors: [",
        "- a\n",
        "a: !!python/object/apply:os.system ['true']\n",
        "\tmirrors:",
        "a: &a [*a, *b]",
        "x: \x1b[2J",
        "? {a: b}\n: c\n",
    ],
)
def test_broken_files(host: Write, text: str) -> None:
    found = looked(host({FILE: text}), node=K3S)
    assert (found.outcome, ends(found)) == ("invalid", ["https://reg.test/v2/team/app"])
    assert "\x1b" not in found.seen().summary and found.problems[0]["file"] == f"/{FILE}"


@pytest.mark.parametrize(
    "password", ["*hidden", "!hidden", "%hidden", "@hidden", "'hidden", '"hidden', "{hidden", "&hidden\n:"]
)
def test_a_broken_password_stays_on_the_node(host: Write, password: str) -> None:
    found = looked(host({FILE: f"configs:\n  reg.test:\n    auth:\n      password: {password}\n"}), node=K3S)
    assert "hidden" not in repr(found) + repr(found.seen())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mirrors: 5\n",
        "mirrors: {reg.test: 5}\n",
        "mirrors: {reg.test: {endpoint: {a: b}, rewrite: [1]}}\nconfigs: {reg.test: [1]}\n",
        "mirrors: {reg.test: {endpoint: ['ftp://a.test', 'https://', 'http://[', {a: 5}, 'https://a b.test']}}\n",
        "mirrors: &a {reg.test: *a}\n",
        "a: 2026-99-99\n",  # what is nobody's field is not looked at
        "a: !!int ''\n",
    ],
)
def test_odd_values_are_left_out(host: Write, text: str) -> None:
    assert ends(looked(host({FILE: text}), node=K3S)) == ["https://reg.test/v2/team/app"]


@pytest.mark.parametrize(
    ("pattern", "replacement", "expected"),
    [
        ("^team", "x", "x/app"),
        ("(.*)/(.*)", "${2}/$1", "app/team"),
        ("nothing", "x", "team/app"),
        ("(a+)+$", "x", None),
        ("(", "x", None),
        ("team", "$7", "/app"),
    ],
)
def test_rewrites(pattern: str, replacement: str, expected: str | None) -> None:
    assert rancher_files._rewritten("team/app", {pattern: replacement}) == expected


@pytest.mark.parametrize("works", [True, False])
def test_walk(walker: Walker, host: Write, authority: trustme.CA, works: bool) -> None:
    """A mirror with an authority of its own, and a dead one that breaks nothing as long as the other works."""
    other = trustme.CA()
    with Server(Repository(), context_of(other.issue_cert(HERE))) as mirror:
        port, own = mirror.port if works else free_port(), free_port()
        place = f"{HERE}:{port}"
        root = host(
            {
                FILE: f"mirrors: {{'{HERE}:{own}': {{endpoint: ['https://{place}']}}}}\n"
                f"configs: {{'{place}': {{tls: {{ca_file: /etc/other.crt}}}}}}\n",
                "etc/other.crt": other.cert_pem.bytes().decode(),
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
                "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
            }
        )
        walked = walker.walk(own, place=on_node(root, root, K3S))
    errors = [(f.subject.role, f.subject.host) for f in walked.findings if f.level == "error"]
    assert errors == ([] if works else [("registry", f"{HERE}:{own}")]), walked.log
    assert walked.outcome("manifest", "mirror") == ("200" if works else "not-reached")


@pytest.mark.parametrize("node", [Node(), Node("containerd://")], ids=["nothing", "no more than its name"])
@pytest.mark.parametrize("folder", ["k3s", "rke2"])
def test_a_node_whose_status_was_not_read(host: Write, node: Node, folder: str) -> None:
    """Whoever may not read nodes knows the runtime's name at best: then the configuration that is there says whose it is."""
    root = host({f"etc/rancher/{folder}/registries.yaml": MIRRORS, "etc/ca.crt": ""})
    assert ends(looked(root, node=node))[0] == "https://a.test:5000/v2/copies/app"
    known = Node("containerd://2.1.4", "v1.34.1")
    assert ends(looked(root, node=known)) == ["https://reg.test/v2/team/app"], "what its status says is not guessed"
    crio = Node("cri-o://1.34.1", "")
    assert ends(looked(root, node=crio))[0] != "https://a.test:5000/v2/copies/app"

"""CRI-O's registries.conf: mirrors with their names, what is blocked, short names, certificates, and what breaks it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme

from probes.place import on_node
from probes.plan import Node
from tests.probes.hosts import Write, ends, looked
from tests.probes.site import Repository, Server, free_port
from tests.probes.test_matrix import HERE, context_of
from tests.probes.walking import Walker

CRIO = Node("cri-o://1.34.2", "v1.34.2")
OLDER = Node("cri-o://1.33.1", "v1.33.1")
CONF = "etc/containers/registries.conf"
DIGEST = "sha256:" + "a" * 64
MIRRORED = """
[[registry]]
prefix = "reg.test/team"
location = "store.test/copies"
[[registry.mirror]]
location = "a.test:5000/x"
[[registry.mirror]]
location = "b.test"
pull-from-mirror = "digest-only"
insecure = true
"""


def test_mirrors_with_their_names_then_the_location(host: Write) -> None:
    found = looked(host({CONF: MIRRORED}), node=CRIO)
    assert ends(found) == [
        "https://a.test:5000/v2/x/app",
        "https://b.test/v2/app",
        "https://store.test/v2/copies/app",
    ]
    assert [(e.resolve, e.pull) for e in found.endpoints] == [(True, True), (False, True), (True, True)]
    assert found.endpoints[1].plain and found.endpoints[1].skip_verify and found.outcome == "configured"


@pytest.mark.parametrize(
    ("prefix", "matches"),
    [
        ("reg.test", True),
        ("reg.test/team", True),
        ("reg.test/team/app", True),
        ("reg.test/te", False),
        (
            "reg.test/team/app:1.0",
            False,
        ),  # what is looked up is the name without its tag (seen with image 5.38 and 5.42)
        ("reg.test/team/app:2.0", False),
        ("*.test", True),
        ("*.example.com", False),
    ],
)
def test_prefixes(host: Write, prefix: str, matches: bool) -> None:
    text = f'[[registry]]\nprefix = "{prefix}"\nlocation = "else.test/where"\n'
    found = looked(host({CONF: text}), node=CRIO)
    assert (found.endpoints[0].host == "else.test") == matches, found


def test_the_longest_prefix_wins_and_a_drop_in_replaces(host: Write) -> None:
    long = '[[registry]]\nprefix = "reg.test/team"\nlocation = "long.test"\n'
    short = '[[registry]]\nprefix = "reg.test"\nlocation = "short.test"\n'
    root = host({CONF: short + long})
    assert ends(looked(root, node=CRIO)) == ["https://long.test/v2/app"]
    host({f"{CONF}.d/10.conf": long.replace("long.test", "later.test"), f"{CONF}.d/20.txt": "[[["})
    assert ends(looked(root, node=CRIO)) == ["https://later.test/v2/app"]


def test_mirrors_for_digests_alone(host: Write) -> None:
    text = (
        '[[registry]]\nlocation = "reg.test"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.test"\n'
    )
    found = looked(host({CONF: text}), node=CRIO)
    assert [(e.host, e.resolve, e.pull) for e in found.endpoints] == [
        ("m.test", False, True),
        ("reg.test", True, True),
    ]


def test_docker_hub_is_called_docker_io(host: Write) -> None:
    text = '[[registry]]\nlocation = "docker.io/library"\n[[registry.mirror]]\nlocation = "m.test/hub"\n'
    found = looked(host({CONF: text}), "registry-1.docker.io", node=CRIO, repository="library/busybox")
    assert [(e.role, e.host, e.repository) for e in found.endpoints] == [
        ("mirror", "m.test", "hub/busybox"),
        ("registry", "registry-1.docker.io", ""),
    ]


@pytest.mark.parametrize(
    "text", ['[[registry]]\nlocation = "reg.test"\nblocked = true\n', "[registries.block]\nregistries = ['reg.test']\n"]
)
def test_blocked(walker: Walker, host: Write, text: str) -> None:
    root = host({CONF: text, "etc/resolv.conf": "nameserver 127.0.0.1\n"})
    os.utime(Path(root) / CONF, (1, 1))
    walked = walker.walk(443, "reg.test", place=on_node(root, root, CRIO))
    assert walked.named == [("policy.registry_blocked", "node", "node-1")], walked.log
    assert walked.verdict.confidence == "confirmed" and "registries.conf" in walked.findings[0].reason
    (Path(root) / CONF).touch()
    assert walker.walk(443, "reg.test", place=on_node(root, root, CRIO)).verdict.confidence == "likely"


@pytest.mark.parametrize(
    "text",
    [
        '[[registry]]\nlocation = "reg.test"\n[[Registry]]\nlocation = "b.test"\n',
        '[[registry]]\nlocation = "reg.test"\nmirror = [{location = "a.test"}]\nmirroR = [{location = "b.test"}]\n',
        '[[registry]]\nlocation = "reg.test"\nLocation = "b.test"\n',
    ],
)
def test_two_spellings_of_a_field_are_taken_by_chance(host: Write, text: str) -> None:
    """Of a map's two keys the one that Go gives last counts, another one in each run: nothing is claimed."""
    found = looked(host({CONF: text}), node=CRIO)
    assert (found.outcome, ends(found)) == ("unknown", ["https://reg.test/v2/team/app"])
    assert "in two spellings, of which CRI-O takes one by chance" in found.seen().summary


def test_two_spellings_that_say_the_same_are_one(host: Write) -> None:
    text = MIRRORED.replace("insecure = true\n", "insecure = true\nInsecure = true\n")
    assert looked(host({CONF: text}), node=CRIO).endpoints[1].skip_verify


TWO = "unqualified-search-registries = ['quay.io', 'docker.io']\n"


@pytest.mark.parametrize(
    ("text", "node", "expected"),
    [
        ("", CRIO, []),
        (TWO, CRIO, []),
        (TWO, OLDER, ["quay.io/tools", "registry-1.docker.io/library/tools"]),
        ("unqualified-search-registries = ['quay.io']\n", CRIO, ["quay.io/tools"]),
        (TWO + "[aliases]\ntools = 'reg.test/team/tools'\n", CRIO, ["reg.test/team/tools"]),
        (TWO + "[aliases]\ntools = ''\n", CRIO, []),
        ("[registries.search]\nregistries = ['docker.io']\n", CRIO, ["registry-1.docker.io/library/tools"]),
    ],
)
def test_short_names(host: Write, text: str, node: Node, expected: list[str]) -> None:
    root = host({CONF: text})
    found = looked(root, "registry-1.docker.io", node=node, repository="library/tools", short="tools")
    assert [f"{e.host}/{e.repository or 'library/tools'}" for e in found.endpoints] == expected
    assert (found.outcome == "short-name") == (not expected)


def test_a_search_registry_without_a_dot_is_a_name_on_docker_hub(host: Write) -> None:
    root = host({CONF: "unqualified-search-registries = ['corp']\n"})
    found = looked(root, "registry-1.docker.io", node=CRIO, repository="library/tools", short="tools")
    assert [(e.host, e.repository) for e in found.endpoints] == [("registry-1.docker.io", "corp/tools")]


def test_short_names_as_crio_is_told(host: Write) -> None:
    root = host({CONF: TWO, "etc/crio/crio.conf.d/10.conf": '[crio.image]\nshort_name_mode = "disabled"\n'})
    assert len(looked(root, node=CRIO, short="tools").endpoints) == 2


def test_credentials_of_the_node_are_told_of(host: Write) -> None:
    text = '[crio.image]\nglobal_auth_file = "/var/lib/kubelet/config.json"\n'
    found = looked(host({CONF: MIRRORED, "etc/crio/crio.conf": text}), node=CRIO)
    assert "credentials of the node's own" in found.seen().summary


def test_refused_short_name(walker: Walker, host: Write) -> None:
    root = host({CONF: TWO, "etc/resolv.conf": "nameserver 127.0.0.1\n"})
    walked = walker.walk(443, "registry-1.docker.io", place=on_node(root, root, CRIO), short="tools")
    assert walked.named == [("reference.short_name", "node", "node-1")], walked.log
    assert walked.verdict.confidence == "likely" and "quay.io, docker.io" in walked.findings[0].reason


@pytest.mark.parametrize(
    "text",
    [
        "[[registry]",
        "[" * 20000,
        "registry = 5",
        "[[registry]]\nblocked = true\n",
        '[[registry]]\nlocation = "https://reg.test"\n',
        "[[registry]]\nlocation = 5\n",
        '[[registry]]\nlocation = "a.test"\nblocked = "yes"\n',
        '[[registry]]\nprefix = "*.a.test/x"\nlocation = "b.test"\n',
        '[[registry]]\nlocation = "a.test"\nmirror = ["b.test"]\n',
        '[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\ninsecure = true\n',
        '[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\nlocation = "b.test"\npull-from-mirror = "never"\n',
        'short-name-mode = "strict"\n',
        "short-name-mode = ['a']\n",
        '[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\nlocation = "b.test"\npull-from-mirror = ["all"]\n',
        "[registries.search]\nregistries = []\n[[registry]]\nlocation = 'a.test'\n",
    ],
)
def test_broken_files_break_every_pull(walker: Walker, host: Write, text: str) -> None:
    root = host({CONF: text, "etc/resolv.conf": "nameserver 127.0.0.1\n", "etc/hosts": f"{HERE} reg.test\n"})
    walked = walker.walk(free_port(), "reg.test", place=on_node(root, root, CRIO))
    assert walked.verdict.cause == "runtime.config_invalid" and walked.verdict.confidence == "confirmed", walked.log


@pytest.mark.parametrize("place", ["https://u:hidden@reg.test", "u:hidden@reg.test", "https://u:hid/hidden@reg.test"])
def test_a_login_in_a_location_stays_on_the_node(host: Write, place: str) -> None:
    text = f'[[registry]]\nprefix = "reg.test"\nlocation = "{place}"\n'
    found = looked(host({CONF: text}), node=CRIO)
    assert "hidden" not in repr(found) + repr(found.seen())


def test_what_cannot_be_seen_is_unknown(host: Write) -> None:
    assert looked(host({"etc/hosts": ""}), node=CRIO).outcome == "unknown"
    assert looked(host({"etc/containers/policy.json": ""}), node=CRIO).outcome == "default"
    root = host({CONF: "# " + "x" * (1 << 20)})
    assert looked(root, node=CRIO).outcome == "unreadable"


class TestWalk:
    """Through a mirror, with CRI-O's names and certificates."""

    @pytest.mark.parametrize("folder", ["containers", "docker"])
    def test_name_and_authority(self, walker: Walker, host: Write, authority: trustme.CA, folder: str) -> None:
        other = trustme.CA()
        with Server(Repository(), context_of(other.issue_cert(HERE))) as mirror:
            place = f"{HERE}:{mirror.port}"
            root = host(
                {
                    CONF: f'[[registry]]\nprefix = "reg.test"\nlocation = "{place}/copies"\n',
                    f"etc/{folder}/certs.d/{place}/ca.crt": other.cert_pem.bytes().decode(),
                    "etc/resolv.conf": "nameserver 127.0.0.1\n",
                    "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
                }
            )
            walked = walker.walk(443, "reg.test", place=on_node(root, root, CRIO))
        assert walked.named == [], walked.log
        assert any(r.path.startswith("/v2/copies/team/app/manifests/1.0") for r in mirror.requests)

    def test_certificate_without_its_key(self, walker: Walker, host: Write) -> None:
        root = host({f"etc/containers/certs.d/{HERE}/client.cert": "x", "etc/resolv.conf": "nameserver 127.0.0.1\n"})
        walked = walker.walk(443, HERE, place=on_node(root, root, CRIO), budget=3)
        assert walked.verdict.cause == "runtime.config_invalid", walked.log
        assert "client.key does not exist" in walked.findings[0].reason

    @pytest.mark.parametrize("works", [True, False])
    def test_dead_mirror(self, walker: Walker, host: Write, authority: trustme.CA, works: bool) -> None:
        with Server(Repository(), context_of(authority.issue_cert(HERE))) as server:
            own, dead = server.port if works else free_port(), free_port()
            root = host(
                {
                    CONF: f'[[registry]]\nlocation = "{HERE}:{own}"\n[[registry.mirror]]\nlocation = "{HERE}:{dead}"\n',
                    "etc/resolv.conf": "nameserver 127.0.0.1\n",
                    "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
                }
            )
            walked = walker.walk(own, place=on_node(root, root, CRIO))
        at_mirror, at_registry = ("mirror", f"{HERE}:{dead}", "warning"), ("registry", f"{HERE}:{own}", "error")
        named = [(f.subject.role, f.subject.host, f.level) for f in walked.findings]
        assert named == ([at_mirror] if works else [at_registry, at_mirror]), walked.log

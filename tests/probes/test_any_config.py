"""Whatever stands in a node's files: they are read in bounded time, nothing is raised, and nothing odd leaves the node."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.host.runtime import Configuration
from probes.host.units import Host, proxies_of, proxy_for, unit_of
from probes.plan import Node, Pull
from tests.probes.hosts import CONTAINERD

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["reg.test", "reg.test/team", "*.test", "https://m.test", "m.test:5000/x", "/etc/x", "app", "true", "*", "5s"]
    ),
)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def shaped(
    always: dict[str, Any] | None = None, /, **keys: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """A table that may have these keys, each with what belongs there or, now and then, with anything. always: it has these."""
    known = {name.replace("_dash_", "-"): st.one_of(*[good] * 7, VALUES) for name, good in keys.items()}
    return st.fixed_dictionaries(always or {}, optional=known)


def named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table by hosts."""
    return st.dictionaries(
        st.one_of(st.sampled_from(["reg.test", "https://m.test", "*", "docker.io"]), TEXTS), inner, max_size=3
    )


PATHS, YES = st.one_of(TEXTS, st.lists(TEXTS, max_size=2)), st.booleans()
HOST = {
    "capabilities": st.lists(st.sampled_from(["pull", "resolve", "PUSH"])),
    "ca": PATHS,
    "client": st.one_of(PATHS, st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=2)),
    "skip_verify": YES,
    "override_path": YES,
    "dial_timeout": TEXTS,
    "header": st.dictionaries(TEXTS, PATHS, max_size=2),
}
TLS = shaped(ca_file=TEXTS, cert_file=TEXTS, key_file=TEXTS, insecure_skip_verify=YES)
MIRRORS = named(shaped(endpoint=st.lists(TEXTS, max_size=3), rewrite=st.dictionaries(TEXTS, TEXTS, max_size=2)))
CONFIGS = named(shaped(tls=TLS, auth=VALUES))
PLACE = {"location": st.sampled_from(["reg.test", "m.test/x", "docker.io"])}
MIRROR = shaped(PLACE, insecure=YES, pull_dash_from_dash_mirror=st.sampled_from(["all", "digest-only", "tag-only"]))
REGISTRY = shaped(
    PLACE,
    insecure=YES,
    prefix=TEXTS,
    blocked=YES,
    mirror_dash_by_dash_digest_dash_only=YES,
    mirror=st.lists(MIRROR, max_size=2),
)
FILES = st.fixed_dictionaries(
    {
        "containerd/config.toml": shaped(
            imports=st.lists(TEXTS, max_size=2),
            plugins=st.fixed_dictionaries(
                {
                    "io.containerd.grpc.v1.cri": shaped(
                        registry=shaped(
                            config_path=st.just("/etc/containerd/certs.d"), mirrors=MIRRORS, configs=CONFIGS
                        )
                    )
                }
            ),
        ),
        "containerd/certs.d/reg.test/hosts.toml": shaped(**HOST, server=TEXTS, host=named(shaped(**HOST))),
        "containers/registries.conf": shaped(
            registry=st.lists(REGISTRY, max_size=3),
            aliases=st.dictionaries(TEXTS, TEXTS, max_size=2),
            unqualified_dash_search_dash_registries=st.lists(TEXTS, max_size=2),
            short_dash_name_dash_mode=st.just("permissive"),
        ),
        "containers/registries.conf.d/1.conf": shaped(registry=st.lists(REGISTRY, max_size=2), registries=VALUES),
        "crio/crio.conf": shaped(
            crio=shaped(image=shaped(short_name_mode=st.just("disabled"), insecure_registries=st.lists(TEXTS)))
        ),
        "rancher/k3s/registries.yaml": shaped(mirrors=MIRRORS, configs=CONFIGS),
        "rancher/k3s/config.yaml": shaped(
            private_dash_registry=TEXTS, disable_dash_default_dash_registry_dash_endpoint=YES
        ),
    }
)
EXAMPLES = 20
PULLS = [
    Pull("p1", "reg.test", 443, "https", "team/app", "1.0"),
    Pull("p2", "registry-1.docker.io", 443, "https", "library/app", "sha256:" + "a" * 64, "app"),
]
NODES = {
    "containerd": CONTAINERD,
    "containerd 2.2": Node("containerd://2.2.0"),
    "k3s": Node("containerd://2.1.4-k3s1", "v1.34.1+k3s1"),
    "cri-o": Node("cri-o://1.34.0"),
    "unknown": Node(),
}


def as_toml(table: dict[str, Any]) -> str:
    """The table in TOML: inline values, and arrays of tables where all of a list are tables."""

    def inline(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{inline(k)} = {inline(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(inline(v) for v in value) + "]"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "")

    return "".join(f"{inline(k)} = {inline(v)}\n" for k, v in table.items())


def hardly(root: str, node: Node) -> None:
    """Ask for the images, and look at what would leave the node."""
    configuration = Configuration(root, root, node)
    for pull in PULLS:
        seen = configuration.endpoints(pull).seen()
        assert len(json.dumps(seen.data)) < 30_000 and seen.summary.isprintable()
        for end in configuration.endpoints(pull).endpoints:
            assert 0 < end.port < 65536 and not set(end.host + end.prefix) & set("\r\n")


@pytest.mark.parametrize("node", NODES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(files=FILES)
def test_any_tables(node: str, files: dict[str, dict[str, Any]]) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        for name, table in files.items():
            path = root / "etc" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(table) if name.endswith(".yaml") else as_toml(table))
        if node == "unknown":
            shutil.rmtree(root / "etc/crio")
        hardly(str(root), NODES[node])
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("node", NODES)
@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes(node: str, data: bytes) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        for name in (
            "containerd/config.toml",
            "containers/registries.conf",
            "rancher/k3s/registries.yaml",
            "systemd/system/containerd.service",
            "environment",
            "resolv.conf",
        ):
            path = root / "etc" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        hardly(str(root), NODES[node])
    finally:
        shutil.rmtree(root)


UNIT_WORDS = st.sampled_from(
    [
        *(
            "Environment=",
            "EnvironmentFile=",
            "ExecStart=",
            "HTTPS_PROXY=",
            "NO_PROXY=",
            '"',
            "'",
            "\\\n",
            "\n",
            " ",
            "-",
            "%N",
            "%",
        ),
        *(
            "http://u:secret@p.test:3128",
            "https://",
            "socks5://[::1",
            "http://p.test:99999",
            "10.0.0.0/99",
            "[",
            ":",
            ",",
            "=",
            "*",
        ),
    ]
)


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(words=st.lists(UNIT_WORDS, max_size=25))
def test_any_unit(words: list[str]) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        (root / "etc/systemd/system").mkdir(parents=True)
        (root / "etc/systemd/system/containerd.service").write_text("[Service]\n" + "".join(words))
        host = Host(str(root), str(root))
        found = proxies_of(host, unit_of(host, CONTAINERD), CONTAINERD)
        assert "secret@" not in json.dumps(found.told())
        for name in ("reg.test", "10.1.2.3", "::1"):
            proxy = proxy_for(found, "https", name, 443)
            assert proxy is None or 0 < proxy.port < 65536
    finally:
        shutil.rmtree(root)

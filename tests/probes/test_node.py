"""What the node's files say beside the registry's configuration: its two resolvers, and a bundle that is newer than its boot."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from probes import dns_lookup
from probes.host import files, resolver
from probes.host.resolver import ResolvConf, stub_behind
from probes.place import on_node
from probes.plan import Pull
from tests.probes.hosts import CONTAINERD, Write
from tests.probes.site import Repository, Resolver, Server
from tests.probes.test_matrix import context_of
from tests.probes.walking import Walked, Walker

UNKNOWN = (
    'failed to resolve reference: failed to do request: Head "https://registry.test:{port}/v2/team/app/manifests/1.0": tls: '
    "failed to verify certificate: x509: certificate signed by unknown authority"
)


class TestResolvers:
    """The host's resolver is 127.0.0.1, the kubelet's 127.0.0.2."""

    @contextlib.contextmanager
    def resolvers(self, monkeypatch: pytest.MonkeyPatch, host: Any, kubelet: Any) -> Iterator[None]:
        first = Resolver({"registry.test": host})
        second = Resolver({"registry.test": kubelet}, "127.0.0.2", first.port)
        monkeypatch.setattr(dns_lookup, "PORT", first.port)
        try:
            yield
        finally:
            first.close()
            second.close()

    def walk(self, walker: Walker, root: str, tmp_path: Path, port: int = 1) -> Walked:
        mine = tmp_path / "resolv.conf"
        mine.write_text("nameserver 127.0.0.2\n")
        place = on_node(root, root, CONTAINERD, str(mine))
        return walker.walk(port, "registry.test", place=place, budget=20)

    @pytest.mark.parametrize(
        ("first", "second", "named"),
        [
            (["127.0.0.1"], ["127.0.0.1"], []),
            (["127.0.0.1"], ["127.0.0.9"], []),
            (["127.0.0.1"], "NXDOMAIN", [("dns.nxdomain", "dns-server", "warning")]),
            (["127.0.0.1"], "SERVFAIL", [("dns.server_failure", "dns-server", "warning")]),
            ("NXDOMAIN", ["127.0.0.1"], [("dns.nxdomain", "registry", "error")]),
            ("NXDOMAIN", "NXDOMAIN", [("dns.nxdomain", "registry", "error")]),
        ],
    )
    def test_both(
        self,
        walker: Walker,
        host: Write,
        authority: trustme.CA,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        first: Any,
        second: Any,
        named: list[tuple[str, str, str]],
    ) -> None:
        root = host(
            {
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
                "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
            }
        )
        good = context_of(authority.issue_cert("registry.test"))
        with self.resolvers(monkeypatch, first, second), Server(Repository(), good) as server:
            walked = self.walk(walker, root, tmp_path, server.port)
        assert [(f.cause, f.subject.role, f.level) for f in walked.findings] == named, walked.log
        if named and second != "NXDOMAIN" and first == "NXDOMAIN":
            assert "the kubelet's resolver, which pods get, says otherwise" in walked.findings[0].reason

    def test_one_of_two_servers(
        self, walker: Walker, host: Write, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second server of the node's own resolv.conf is of no use: no finding, and a line that says so."""
        root = host(
            {
                "etc/resolv.conf": "nameserver 127.0.0.1\nnameserver 127.0.0.2\n",
                "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
            }
        )
        good = context_of(authority.issue_cert("registry.test"))
        with self.resolvers(monkeypatch, ["127.0.0.1"], "SERVFAIL"), Server(Repository(), good) as server:
            walked = walker.walk(server.port, "registry.test", place=on_node(root, root, CONTAINERD))
        line = next(line for line in walked.verdict.hops if line.hop == "dns")
        assert (line.status, walked.named) == ("warn", []) and "127.0.0.2 does not help" in line.summary

    def test_search_list_and_blocking_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name of few dots that a search domain's wildcard completes, and a resolver that blocks."""
        resolver = Resolver({"registry.test.corp.test": ["192.0.2.7"], "blocked.test": ["0.0.0.0"]})
        monkeypatch.setattr(dns_lookup, "PORT", resolver.port)
        conf = ResolvConf(("127.0.0.1",), ("corp.test",), 5)
        try:
            completed = dns_lookup.lookup("registry.test", conf, (), dns_lookup.Deadline(3))
            blocked = dns_lookup.lookup("blocked.test", conf, (), dns_lookup.Deadline(3))
        finally:
            resolver.close()
        assert "completed by the search list to registry.test.corp.test" in completed.summary
        assert "so answer resolvers that block a name" in blocked.summary

    def test_private_or_public(self, monkeypatch: pytest.MonkeyPatch, walker: Walker) -> None:
        """A name that is private to one of them alone."""
        seen = dns_lookup.Observation("ok", "", {"addresses": ["203.0.113.5"]})
        monkeypatch.setattr(dns_lookup, "_private", lambda ips: ips[0].startswith("10."))
        with self.resolvers(monkeypatch, "NXDOMAIN", ["10.0.0.7"]):
            other = dns_lookup.beside("registry.test", seen, ResolvConf(("127.0.0.2",)), dns_lookup.Deadline(3))
        assert other is not None and other.outcome == "differs"

    def test_the_stub_of_systemd(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The host's file is a link into /run, which is not mounted: what it links to says enough where the stub is there."""
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
        own = ResolvConf(("10.0.0.2",), ("corp.test",), 2)
        listening = tmp_path / "udp"
        listening.write_text("  sl  local_address\n 1: 3500007F:0035 00000000:0000 07\n")
        monkeypatch.setattr(resolver, "SOCKETS", str(listening))
        assert stub_behind(str(tmp_path), own) == ResolvConf(("127.0.0.53",), ("corp.test",), 2)
        listening.write_text("  sl  local_address\n")
        assert stub_behind(str(tmp_path), own) is None


class TestBundle:
    """The runtime says "unknown authority", and the probe with the node's bundle is content."""

    def walk(self, walker: Walker, host: Write, authority: trustme.CA, changed: float, said: bool = True) -> Walked:
        root = host(
            {
                "etc/hosts": "127.0.0.1 registry.test\n",
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
                "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
            }
        )
        os.utime(Path(root) / "etc/ssl/certs/ca-certificates.crt", (changed, changed))
        with Server(Repository(), context_of(authority.issue_cert("registry.test"))) as server:
            words = UNKNOWN.format(port=server.port) if said else ""
            return walker.walk(server.port, "registry.test", place=on_node(root, root, CONTAINERD), said=words)

    @pytest.mark.parametrize("ago", [-60, 60])
    def test_newer_than_the_boot(self, walker: Walker, host: Write, authority: trustme.CA, ago: float) -> None:
        walked = self.walk(walker, host, authority, time.time() - ago)
        assert walked.named == [("runtime.config_invalid", "node", "node-1")], walked.log
        assert walked.verdict.confidence == "likely"
        assert ("before" if ago > 0 else "after") + " the last failure" in walked.findings[0].reason
        assert any("restart" in command for fix in walked.verdict.fixes for command in fix.commands)

    def test_older_than_the_boot(self, walker: Walker, host: Write, authority: trustme.CA) -> None:
        walked = self.walk(walker, host, authority, files.booted_at() - 60)
        assert "runtime.config_invalid" not in {c for c, _, _ in walked.named}
        assert walked.verdict.cause == "tls.unknown_authority" and walked.verdict.confidence == "likely"

    @pytest.mark.parametrize("kind", ["folder", "SSL_CERT_FILE", "SSL_CERT_DIR"])
    def test_where_go_looks(self, walker: Walker, host: Write, authority: trustme.CA, kind: str) -> None:
        """Beside the bundle every file of /etc/ssl/certs counts; what the unit's environment names stands for both."""
        place = {"folder": "etc/ssl/certs/own.pem", "SSL_CERT_FILE": "etc/own.pem", "SSL_CERT_DIR": "etc/own/ca.pem"}[
            kind
        ]
        value = "/etc/own.pem" if kind == "SSL_CERT_FILE" else "/etc/nowhere:/etc/own"
        unit = (
            f"[Service]\nExecStart=/usr/bin/containerd\n{f'Environment={kind}={value}' if kind != 'folder' else ''}\n"
        )
        root = host(
            {
                "etc/hosts": "127.0.0.1 registry.test\n",
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
                "etc/systemd/system/containerd.service": unit,
                "etc/ssl/certs/ca-certificates.crt": trustme.CA().cert_pem.bytes().decode(),
                "etc/ssl/certs/README": "no certificate\n",
                place: authority.cert_pem.bytes().decode(),
            }
        )
        with Server(Repository(), context_of(authority.issue_cert("registry.test"))) as server:
            walked = walker.walk(server.port, "registry.test", place=on_node(root, root, CONTAINERD))
        assert walked.named == [], walked.log

    def test_a_bundle_that_is_not_to_be_seen(self, host: Write) -> None:
        """The unit names one in a place that is not mounted: what a certificate is worth there cannot be said."""
        unit = "[Service]\nExecStart=/usr/bin/containerd\nEnvironment=SSL_CERT_FILE=/opt/ca.pem\n"
        files = {"etc/ssl/certs/ca-certificates.crt": "", "etc/resolv.conf": "nameserver 127.0.0.1\n"}
        root = host(files)
        assert on_node(root, root, CONTAINERD).says == {"resolver": "host", "trust": "host"}
        host({"etc/systemd/system/containerd.service": unit})
        assert on_node(root, root, CONTAINERD).says == {"resolver": "host", "trust": "image"}
        (Path(root) / "etc/resolv.conf").unlink()
        assert on_node(root, root, CONTAINERD).says["resolver"] == "kubelet"

    def test_only_where_the_runtime_says_so(self, walker: Walker, host: Write, authority: trustme.CA) -> None:
        assert self.walk(walker, host, authority, time.time() - 60, said=False).named == []


def test_each_image_is_told_of_its_hosts(walker: Walker, authority: trustme.CA) -> None:
    """Two images of one registry behind one resolver: walked to once, told for each."""
    resolver = Resolver({"registry.test": ["127.0.0.1"]})
    walker.use_resolver(resolver.address, resolver.port)
    try:
        with Server(Repository(), context_of(authority.issue_cert("registry.test"))) as server:
            other = Pull("p0", "registry.test", server.port, "https", "team/other", "1.0")
            walked = walker.walk(server.port, "registry.test", before=[other])
            assert len([r for r in server.requests if r.path == "/v2/"]) == 1
    finally:
        resolver.close()
    assert sorted(resolver.asked) == ["registry.test"] * 2  # A and AAAA
    told = {pull: [(o.hop, o.subject) for o in walked.case.observations if o.pull == pull] for pull in ("p0", "p1")}
    assert [hop for hop, _ in told["p0"]] == [
        "dns",
        "connect",
        "tls",
        "registry",
        "auth",
        "manifest",
        "platform",
        "blobs",
    ]
    assert told["p0"] == told["p1"], walked.log

"""The runtime's proxy: where it is named, whom it is for, and a pull that is walked through it."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from probes.host.units import Host, Proxies, Proxy, proxies_of, proxy_for, unit_of
from probes.observation import Observation as Seen
from probes.place import Place, on_node
from probes.plan import Node
from probes.reach import Hosts, Turn
from probes.tcp_connect import NoTunnel, _read_head
from probes.timing import Deadline, Watchdog
from tests.probes.hosts import CONTAINERD, Write
from tests.probes.site import Repository, Request, Server, deaf_port, error, free_port, http
from tests.probes.test_matrix import HERE, bearer, context_of
from tests.probes.walking import Walked, Walker

UNIT = "[Service]\nExecStart=/usr/bin/containerd\n"
K3S = Node("containerd://2.1.4-k3s1", "v1.34.1+k3s1")


def proxies(root: str, node: Node = CONTAINERD, usr: bool = True) -> Proxies:
    host = Host(root, root if usr else None)
    return proxies_of(host, unit_of(host, node), node)


def test_a_redirect_to_the_proxy_itself(tmp_path: Path) -> None:
    """Which is asked directly: through itself, whoever meets it would wait for himself, and all others for him."""
    told: list[tuple[str, str, str]] = []
    with Server(lambda request: http(200)) as server:
        found = Seen("resolved", HERE, {"usable": [HERE]})
        proxy = Proxy(HERE, server.port)
        place = Place(lambda name, deadline: found, ssl.create_default_context(), "", proxy=lambda *_: proxy)
        hosts = Hosts(place, lambda hop, role, host, seen, pull: told.append((hop, role, seen.outcome)), Deadline(10))
        meeting = threading.Thread(target=hosts.meet, args=(Turn("p0"), "blob", HERE, server.port, "http"), daemon=True)
        meeting.start()
        meeting.join(10)
        assert not meeting.is_alive()
        hosts.finish()
    assert told[:2] == [("dns", "blob", "resolved"), ("connect", "blob", "open")]


def test_a_tunnel_that_is_told_byte_by_byte_has_one_end() -> None:
    """A time-out for each byte would go on for as long as they come."""
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        for byte in b"HTTP/1.1 200 " + b"y" * 4000:
            if over.wait(0.01):
                return
            theirs.send(bytes([byte]))

    writer = threading.Thread(target=drip)
    writer.start()
    began = time.monotonic()
    try:
        with pytest.raises(socket.timeout):
            _read_head(ours, began + 0.3)
        assert time.monotonic() - began < 3
    except NoTunnel as error:
        raise AssertionError(error) from None
    finally:
        over.set()
        writer.join()
        ours.close()
        theirs.close()


def test_a_connection_that_comes_after_the_time_is_over_is_ended() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Watchdog(0.01) as dog:
        bitten = time.monotonic() + 10
        while not dog.fired and time.monotonic() < bitten:
            time.sleep(0.005)
        dog.watch(ours)
        theirs.settimeout(5)
        assert theirs.recv(1) == b""


class TestFiles:
    """Where a service gets its environment from."""

    def test_nothing_set_is_known_only_from_the_whole_unit(self, host: Write) -> None:
        root = host({"etc/hosts": ""})
        assert proxies(root).state == "unknown"
        host({"usr/lib/systemd/system/containerd.service": UNIT})
        assert proxies(root).state == "none"
        assert proxies(root, usr=False).state == "unknown"
        host({"usr/lib/systemd/system/containerd.service": UNIT + "EnvironmentFile=-/run/flags\n"})
        assert proxies(root, usr=False).state == "unknown"

    def test_drop_in(self, host: Write) -> None:
        text = (
            '[Service]\n# Environment=HTTPS_PROXY=http://old:1\nEnvironment="HTTPS_PROXY=http://u:hidden@proxy.test:3128" \\\n'
            ' "NO_PROXY=10.0.0.0/8,.test"\n'
        )
        found = proxies(host({"etc/systemd/system/containerd.service.d/proxy.conf": text}))
        assert found.told() == {
            "state": "set",
            "https_proxy": "http://proxy.test:3128",
            "no_proxy": "10.0.0.0/8,.test",
            "source": "/etc/systemd/system/containerd.service.d/proxy.conf",
            "login": True,
        }
        assert "hidden" not in repr(found)

    def test_drop_ins_of_etc_replace_those_of_the_package(self, host: Write) -> None:
        root = host(
            {
                "usr/lib/systemd/system/containerd.service": UNIT,
                "usr/lib/systemd/system/containerd.service.d/a.conf": "[Service]\nEnvironment=HTTPS_PROXY=http://a.test:1\n",
                "usr/lib/systemd/system/containerd.service.d/b.conf": "[Service]\nEnvironment=HTTPS_PROXY=http://b.test:1\n",
                "etc/systemd/system/containerd.service.d/b.conf": "[Service]\nUMask=0\n",
            }
        )
        assert proxies(root).urls["https"] == "http://a.test:1"

    def test_an_empty_assignment_begins_anew(self, host: Write) -> None:
        unit = f"{UNIT}Environment=HTTPS_PROXY=http://a.test:1\nEnvironment=\nUnsetEnvironment=HTTP_PROXY\n"
        assert proxies(host({"etc/systemd/system/containerd.service": unit})).state == "none"

    @pytest.mark.parametrize(
        ("line", "file"),
        [
            ("EnvironmentFile=/etc/flags", "etc/flags"),
            ("EnvironmentFile=-/etc/default/%N", "etc/default/containerd"),
            ("EnvironmentFile=/etc/flags.d/*.env", "etc/flags.d/1.env"),
        ],
    )
    def test_environment_files(self, host: Write, line: str, file: str) -> None:
        root = host(
            {
                "etc/systemd/system/containerd.service": f"{UNIT}Environment=HTTPS_PROXY=http://a.test:1\n{line}\n",
                file: "# x\nHTTPS_PROXY='http://b.test:1'\n",
            }
        )
        found = proxies(root)
        assert (found.urls["https"], found.source) == ("http://b.test:1", f"/{file}")

    def test_a_pipe_is_not_waited_for(self, host: Write) -> None:
        root = host({"etc/systemd/system/containerd.service": f"{UNIT}EnvironmentFile=/etc/pipe\n"})
        os.mkfifo(Path(root) / "etc/pipe")
        assert (proxies(root).state, proxies(root).unread) == ("unknown", ("/etc/pipe",))

    @pytest.mark.parametrize("file", ["etc/systemd/system/k3s.service.env", "etc/default/k3s"])
    def test_k3s(self, host: Write, file: str) -> None:
        unit = (
            "[Service]\nExecStart=/usr/local/bin/k3s server\nEnvironmentFile=-/etc/default/%N\n"
            "EnvironmentFile=-/etc/systemd/system/k3s.service.env\n"
        )
        text = "HTTPS_PROXY=http://a.test:1\nCONTAINERD_HTTPS_PROXY=http://b.test:1\n"
        root = host({"etc/systemd/system/k3s.service": unit, file: text})
        assert proxies(root, K3S).urls == {"https": "http://b.test:1"}
        assert proxies(root).state == "unknown"  # that is not containerd's unit

    def test_lower_case_is_second_and_all_proxy_nothing(self, host: Write) -> None:
        unit = UNIT + "Environment=https_proxy=http://a.test:1 HTTPS_PROXY=b.test:2 ALL_PROXY=http://c.test:3\n"
        assert proxies(host({"etc/systemd/system/containerd.service": unit})).urls == {"https": "http://b.test:2"}

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("etc/environment", "https_proxy=http://u:hidden@proxy.test:3128\n"),
            ("etc/apt/apt.conf.d/80proxy", 'Acquire::http::Proxy "http://proxy.test:3128";\n'),
            ("etc/dnf/dnf.conf", "[main]\nproxy=http://proxy.test:3128\n"),
            ("etc/profile.d/corp.sh", "export HTTPS_PROXY=proxy.test:3128\n"),
        ],
    )
    def test_a_proxy_of_others(self, host: Write, file: str, text: str) -> None:
        found = proxies(host({"etc/systemd/system/containerd.service": UNIT, file: text}))
        assert found.elsewhere == ("proxy.test:3128", f"/{file}") and found.state == "none"
        assert "hidden" not in repr(found)

    @pytest.mark.parametrize(
        "password", ["a@hidden", "a/hidden", "1/hidden@hidden", "http://hidden", "hidden://x", ":hidden"]
    )
    def test_odd_passwords_stay_on_the_node(self, host: Write, password: str) -> None:
        line = f"HTTPS_PROXY=http://u:{password}@proxy.test:3128\n"
        root = host({"etc/systemd/system/containerd.service": f"{UNIT}Environment={line}"})
        found = proxies(root)
        assert found.urls == {"https": "http://proxy.test:3128"} and found.logins == ("https",)
        assert "hidden" not in repr(found) + repr(found.told())
        root = host({"etc/systemd/system/containerd.service": UNIT, "etc/environment": line})
        assert proxies(root).elsewhere[0] == "proxy.test:3128"

    @pytest.mark.parametrize("text", ["\x00\xff", "Environment='", "=", "Environment=A", "x" * 100000, "ExecStart='"])
    def test_odd_units(self, host: Write, text: str) -> None:
        assert proxies(host({"etc/systemd/system/containerd.service": text})).urls == {}


@pytest.mark.parametrize(
    ("listed", "name", "direct"),
    [
        ("", "reg.test", False),
        ("reg.test", "reg.test", True),
        (".test", "reg.test", True),
        (".reg.test", "reg.test", False),
        ("*.test", "reg.test", True),
        ("test", "reg.test", True),
        ("g.test", "reg.test", False),
        ("*", "reg.test", True),
        ("a, *", "reg.test", True),
        ("*eg.test", "reg.test", False),
        ("reg.test:5000", "reg.test", False),
        ("REG.test:443", "reg.test", True),
        (":443", "reg.test", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("[2001:db8::1]:443", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("1.2.3.4", "reg.test", False),
        ("", "127.0.0.1", True),
        ("", "localhost", True),
        ("", "::1", True),
    ],
)
def test_no_proxy(listed: str, name: str, direct: bool) -> None:
    """As golang.org/x/net/http/httpproxy reads NO_PROXY."""
    found = proxy_for(Proxies("set", {"https": "http://proxy.test:3128"}, spared=listed), "https", name, 443)
    assert (found is None) == direct


class Forwarding:
    """A proxy that leads CONNECT anywhere on this machine; it knows registry.test and token.test as this machine's names."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server((HERE, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Forwarding:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._lead, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _lead(self, client: socket.socket) -> None:
        with client:
            client.settimeout(5)
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(4096)
                if not part:
                    return
                head += part
            method, target, _ = head.split(b" ", 2)
            self.asked.append(f"{method.decode()} {target.decode()}")
            if method == b"CONNECT":
                port = int(target.rpartition(b":")[2])
                answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"
            else:
                port = int(target.split(b"/")[2].rpartition(b":")[2])
                answer = b""
            with socket.create_connection((HERE, port), timeout=5) as server:
                client.sendall(answer)
                if not answer:
                    path = b"/" + target.split(b"/", 3)[3]
                    server.sendall(head.replace(target, path, 1))
                self._both_ways(client, server)

    @staticmethod
    def _both_ways(one: socket.socket, other: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([one, other], [], [], 5)
            for sock in ready:
                try:
                    data = sock.recv(65536)
                    (other if sock is one else one).sendall(data)
                except OSError:
                    return
                if not data:
                    return
            if not ready:
                return


class TestWalk:
    """The registry is where only the proxy leads: its name does not resolve here."""

    @pytest.fixture
    def good(self, authority: trustme.CA) -> ssl.SSLContext:
        return context_of(authority.issue_cert("registry.test", "token.test"))

    def walk(
        self,
        walker: Walker,
        host: Write,
        authority: trustme.CA,
        port: int,
        proxy: str,
        scheme: str = "https",
        said: str = "",
        budget: float = 6,
        **more: str,
    ) -> Walked:
        root = host(
            {
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
                "etc/systemd/system/containerd.service": f"{UNIT}Environment={scheme.upper()}_PROXY={proxy}\n",
                "etc/ssl/certs/ca-certificates.crt": authority.cert_pem.bytes().decode(),
                **more,
            }
        )
        return walker.walk(
            port, "registry.test", place=on_node(root, root, CONTAINERD), budget=budget, scheme=scheme, said=said
        )

    def test_through_it(self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext) -> None:
        def grant(request: Request) -> bytes:
            return http(200, {"token": "abc"})

        with (
            Forwarding() as proxy,
            Server(grant, good) as token,
            Server(bearer(f"https://token.test:{token.port}/token", Repository()), good) as server,
        ):
            walked = self.walk(walker, host, authority, server.port, f"http://{HERE}:{proxy.port}")
        assert walked.named == [], walked.log
        runtime = next(line.summary for line in walked.verdict.hops if line.hop == "runtime")
        assert f"through proxy {HERE}:{proxy.port} (/etc/systemd/system/containerd.service)" in runtime
        assert walked.outcome("dns") == "by-proxy" and walked.outcome("connect") == "tunnel"
        assert walked.outcome("manifest") == "200" and walked.outcome("blobs") == "ok"
        assert {f"CONNECT registry.test:{server.port}", f"CONNECT token.test:{token.port}"} == set(proxy.asked)
        assert {line.status for line in walked.verdict.hops} == {"pass", "skipped"}

    def test_plain_http_through_it(self, walker: Walker, host: Write, authority: trustme.CA) -> None:
        with Forwarding() as proxy, Server(Repository()) as server:
            walked = self.walk(walker, host, authority, server.port, f"http://{HERE}:{proxy.port}", "http")
        assert walked.named == [] and walked.outcome("manifest") == "200", walked.log
        assert f"GET http://registry.test:{server.port}/v2/" in proxy.asked

    def test_a_proxy_that_opens_tls(self, walker: Walker, host: Write, authority: trustme.CA) -> None:
        """What is wrong behind a proxy is told as it is without one."""
        foreign = context_of(trustme.CA().issue_cert("registry.test"))
        with Forwarding() as proxy, Server(Repository(), foreign) as server:
            walked = self.walk(walker, host, authority, server.port, f"http://{HERE}:{proxy.port}")
        assert walked.named == [("tls.unknown_authority", "registry", f"registry.test:{server.port}")], walked.log
        assert f"through the proxy {HERE}:{proxy.port}, which may open TLS" in walked.findings[0].reason

    @pytest.mark.parametrize(
        ("fault", "login", "sure"),
        [
            ("refused", False, "confirmed"),
            ("silent", False, "confirmed"),
            ("403", False, "confirmed"),
            ("502", False, "confirmed"),
            ("closed", False, "confirmed"),
            ("garbage", False, "confirmed"),
            ("407", False, "confirmed"),
            ("407", True, "possible"),
        ],
    )
    def test_fault(
        self, walker: Walker, host: Write, authority: trustme.CA, fault: str, login: bool, sure: str
    ) -> None:
        answers = {"closed": b"", "garbage": b"220 mail.example.com ESMTP\r\n"}
        with Server(lambda _: answers[fault] if fault in answers else http(int(fault))) as server, deaf_port() as deaf:
            port = {"refused": free_port(), "silent": deaf}.get(fault, server.port)
            at = "u:hidden@" if login else ""
            seconds = 1.5 if fault == "silent" else 6
            walked = self.walk(walker, host, authority, 443, f"http://{at}{HERE}:{port}", budget=seconds)
        assert [(f.cause, f.subject.role, f.subject.host, f.confidence) for f in walked.findings] == [
            ("net.proxy", "proxy", f"{HERE}:{port}", sure)
        ], walked.log
        assert "hidden" not in walked.log

    @pytest.mark.parametrize("kind", ["drip", "endless"])
    def test_one_that_never_comes_to_an_end(
        self, walker: Walker, host: Write, authority: trustme.CA, kind: str
    ) -> None:
        def drip(request: Request) -> Iterator[bytes]:
            yield b"HTTP/1.1 200 Connection established\r\n"
            for _ in range(100000):
                yield b"X: " + (b"y" * 60000 if kind == "endless" else b"y") + b"\r\n"
                if kind == "drip":
                    time.sleep(0.1)

        with Server(drip) as server:
            walked = self.walk(walker, host, authority, 443, f"http://{HERE}:{server.port}", budget=1.5)
        assert walked.named == [("net.proxy", "proxy", f"{HERE}:{server.port}")], walked.log
        assert walked.seconds < 6

    @pytest.mark.parametrize(
        ("words", "sure"),
        [
            ("proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused", "confirmed"),
            (
                'failed to pull and unpack image "registry.test/team/app:1.0": failed to resolve reference '
                '"registry.test/team/app:1.0": registry.test/team/app:1.0: not found',
                "possible",
            ),
        ],
    )
    def test_settings_that_are_not_in_force(
        self, walker: Walker, host: Write, authority: trustme.CA, words: str, sure: str
    ) -> None:
        """The unit names a dead proxy, and the runtime got past it: it was started before."""
        walked = self.walk(walker, host, authority, 443, f"http://{HERE}:{free_port()}", said=words)
        assert [f.confidence for f in walked.findings if f.cause == "net.proxy"] == [sure]
        assert (walked.verdict.cause == "net.proxy") == (sure == "confirmed"), walked.verdict

    @pytest.mark.parametrize("kind", ["https", "socks5"])
    def test_a_kind_that_the_probe_does_not_speak(
        self, walker: Walker, host: Write, authority: trustme.CA, kind: str
    ) -> None:
        walked = self.walk(walker, host, authority, 443, f"{kind}://{HERE}:1")
        assert walked.named == [] and walked.outcome("connect") == "not-verified", walked.log

    def test_token_host_that_the_proxy_refuses(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext
    ) -> None:
        class Choosing(Forwarding):
            def _lead(self, client: socket.socket) -> None:
                if client.recv(40, socket.MSG_PEEK).startswith(b"CONNECT token"):
                    with client:
                        client.recv(4096)
                        client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                    return
                super()._lead(client)

        with Choosing() as proxy, Server(bearer("https://token.test/token"), good) as server:
            walked = self.walk(walker, host, authority, server.port, f"http://{HERE}:{proxy.port}")
        assert walked.named == [("net.proxy", "proxy", f"{HERE}:{proxy.port}")], walked.log
        assert "token.test:443" in walked.findings[0].reason

    @pytest.mark.parametrize("inside", [True, False])
    def test_a_host_that_should_be_spared(
        self, walker: Walker, host: Write, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, inside: bool
    ) -> None:
        """A registry inside, to which the proxy does not lead."""
        monkeypatch.setattr("probes.reach.inward", lambda ip: False)
        with Server(lambda r: http(502)) as proxy, Server(Repository()) as server:
            port = server.port if inside else free_port()
            hosts = {"etc/hosts": f"{HERE} registry.test\n"}
            walked = self.walk(walker, host, authority, port, f"http://{HERE}:{proxy.port}", **hosts)
        assert walked.named == [("net.proxy", "proxy", f"{HERE}:{proxy.port}")], walked.log
        assert ("it may belong into NO_PROXY" in walked.findings[0].reason) == inside

    def test_one_that_is_needed_and_not_set(self, walker: Walker, host: Write, authority: trustme.CA) -> None:
        """The registry is not to be reached directly, and the node's own programs go through a proxy."""
        root = host(
            {
                "etc/systemd/system/containerd.service": UNIT,
                "etc/environment": "HTTPS_PROXY=http://proxy.test:3128\n",
                "etc/hosts": f"{HERE} registry.test\n",
                "etc/resolv.conf": "nameserver 127.0.0.1\n",
            }
        )
        port = free_port()
        walked = walker.walk(port, "registry.test", place=on_node(root, root, CONTAINERD))
        assert walked.named == [("net.refused", "registry", f"registry.test:{port}")]
        assert walked.verdict.alternatives == ("net.proxy",)
        assert "/etc/environment names the proxy proxy.test:3128" in walked.findings[0].reason

    def test_spared_hosts_are_asked_directly(
        self, walker: Walker, host: Write, authority: trustme.CA, good: ssl.SSLContext
    ) -> None:
        hosts = {"etc/hosts": f"{HERE} registry.test\n"}
        with Server(lambda r: error(404, "MANIFEST_UNKNOWN"), good) as server:
            proxy = f"http://{HERE}:{free_port()} NO_PROXY=.test"
            walked = self.walk(walker, host, authority, server.port, proxy, **hosts)
        assert walked.outcome("connect") == "open" and "net.proxy" not in {c for c, _, _ in walked.named}, walked.log

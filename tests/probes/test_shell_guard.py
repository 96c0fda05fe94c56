"""What nobody may make probe.sh do: read without an end, ask the node's own doors, send a token in the clear, tell a password."""

from __future__ import annotations

import itertools
import json
import ssl
import subprocess
import time
from collections.abc import Iterator

import pytest

from kubectl_imagepull.node.bundle import script
from kubectl_imagepull.node.frames import FrameReader
from probes import inward as guard
from tests.probes import test_guard, test_shell
from tests.probes.site import Answer, Handler, Repository, Request, Server, error, free_port, http
from tests.probes.test_matrix import HERE, bearer
from tests.probes.test_shell import OTHER, SHELL, WAYS, Sheller, pytestmark
from tests.probes.walking import NONCE

__all__ = ["good", "pytestmark", "sheller"]
sheller, good = test_shell.sheller, test_shell.good
MOST = 8 << 20
"""Bytes that a server may get rid of on one connection: pipes and sockets hold some of it."""


class Endless:
    """A chunked body that goes on for as long as somebody takes it. sent: bytes of it."""

    def __init__(self, head: bytes = b"HTTP/1.1 200 OK\r\n") -> None:
        self.head, self.sent = head, 0

    def __call__(self, *anything: object) -> Iterator[bytes]:
        yield self.head + b"Transfer-Encoding: chunked\r\n\r\n"
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in itertools.repeat(None):
            self.sent += len(chunk)
            yield chunk


class TestBound:
    """A body without an end costs no more than the beginning that is looked at."""

    @pytest.mark.parametrize("at", ["manifest", "blob"])
    def test_chunks_without_an_end(self, sheller: Sheller, good: ssl.SSLContext, at: str) -> None:
        endless = Endless()
        repository = Repository(blobs=endless)

        def manifest(request: Request) -> Answer:
            return endless() if "/manifests/" in request.path and request.method == "GET" else repository(request)

        started = time.monotonic()
        with Server(manifest if at == "manifest" else repository, good) as server:
            walked = sheller.walk(server.port)
        assert 0 < endless.sent < 2 * MOST and time.monotonic() - started < 60, (endless.sent, walked.log)

    def test_greeting_without_an_end(self, sheller: Sheller) -> None:
        endless = Endless()
        with Server(lambda r: endless()) as server:
            walked = sheller.walk(server.port, scheme="http")
        assert 0 < endless.sent < 2 * MOST, (endless.sent, walked.log)
        assert walked.outcome("registry") == "200", walked.log


def shell_says(sheller: Sheller, words: str) -> str:
    """What a few lines print after the script's functions were defined."""
    body = script()
    functions = body[body.index("# IPv4 address in any") : body.index("# role host port scheme path [method]: dns")]
    command = [sheller.shell, *(["sh"] if sheller.shell == "busybox" else []), "-c", functions + words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


ADDRESSES = [
    "127.0.0.1",
    "::1",
    "::",
    "0.0.0.0",
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "febf::1",
    "fe80::1%eth0",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "fd00:ec2::254",
    "FD00:EC2:0:0::23",
    "100.100.100.200",
    "168.63.129.16",
    "fd20:ce::254",
    "192.0.0.192",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
    "::127.0.0.1",
    "0177.0.0.1",
    "0x7f.1",
    "017700000001",
    "2130706433",
    "0xa9fea9fe",
    "127.1",
    "0",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fd00:a9fe:a9fe::1",
    "fd00:100::100:200",
    "192.0.2.1",
    "10.0.0.5",
    "64:ff9b::c000:201",
    "2002:c000:201::1",
    "2001:db8::1",
    "8.8.8.8",
    "100.64.0.1",
    "172.16.3.4",
    "fd00::1",
    "fec0::1",
    "1:2:3:4:5:6:7:8",
    "100.100.100.201",
    "168.63.129.17",
    "010.1",
    "3232235777",
]


@pytest.mark.parametrize("sheller", WAYS[:2], indirect=True, ids="-".join)
def test_inward_is_what_python_says(sheller: Sheller) -> None:
    lines = "".join(f"if inward '{a}'; then echo in $clouds; else echo out; fi\n" for a in ADDRESSES)
    said = shell_says(sheller, lines).splitlines()
    wanted = ["in 1" if guard.metadata(a) else "in" if guard.inward(a) else "out" for a in ADDRESSES]
    assert dict(zip(ADDRESSES, said, strict=True)) == dict(zip(ADDRESSES, wanted, strict=True))


@pytest.mark.parametrize("sheller", WAYS[:2], indirect=True, ids="-".join)
class TestInward:
    """The registry is on an address that counts as elsewhere: the last line of the functions says so."""

    @pytest.fixture
    def elsewhere(self, sheller: Sheller) -> str:
        path = sheller.root / "probe.sh"
        text = path.read_text()
        assert "    0.* | 127.* | 169.254.*) ;;\n" in text
        path.write_text(
            text.replace(
                "    0.* | 127.* | 169.254.*) ;;\n", f"    {OTHER}) return 1 ;;\n    0.* | 127.* | 169.254.*) ;;\n"
            )
        )
        return OTHER

    def names(self, sheller: Sheller, **names: str) -> None:
        lines = [f"{ip} {name.replace('_', '.')}\n" for name, ips in names.items() for ip in ips.split()]
        sheller.write("hosts", "".join(lines))

    @pytest.mark.parametrize("role", ["token", "blob"])
    @pytest.mark.parametrize("ips", [f"{OTHER} {HERE}", f"{HERE} {OTHER}", "169.254.169.254", "0x7f000001"])
    def test_one_inward_address_is_enough(
        self, sheller: Sheller, good: ssl.SSLContext, elsewhere: str, role: str, ips: str
    ) -> None:
        """Whatever stands first in the list."""
        with (
            Server(lambda r: http(200, {"token": "stolen"}), good) as door,
            Server(lambda r: http(200, {"token": "stolen"}), good, elsewhere) as outside,
        ):
            self.names(sheller, x_test=ips)
            where = f"https://x.test:{door.port if ips.startswith(HERE) else outside.port}/x"
            handler: Handler = bearer(where) if role == "token" else Repository(blobs=lambda r, d: test_guard.to(where))
            with Server(handler, good, elsewhere) as server:
                walked = sheller.walk(server.port, elsewhere)
            assert not door.requests and not outside.requests, walked.log
        assert walked.outcome("connect", role) == "not-asked", walked.log

    def test_registry_with_one_inward_address_is_not_exempt(
        self, sheller: Sheller, good: ssl.SSLContext, elsewhere: str, authority: object
    ) -> None:
        with Server(lambda r: http(200, {"token": "stolen"}), good) as door:
            self.names(sheller, reg_test=f"{elsewhere} 127.0.0.3")
            handler = bearer(f"https://{HERE}:{door.port}/latest")
            with Server(handler, None, elsewhere) as server:
                walked = sheller.walk(server.port, "reg.test", scheme="http")
            assert server.requests and not door.requests, walked.log
        assert walked.outcome("connect", "token") == "not-asked", walked.log

    def test_metadata_never(self, sheller: Sheller, good: ssl.SSLContext) -> None:
        """A registry beside us may send to its own kind, and to no metadata service."""
        with Server(bearer("https://168.63.129.16/token"), good) as server:
            walked = sheller.walk(server.port)
        assert walked.outcome("connect", "token") == "not-asked", walked.log


class TestRedirects:
    """Where a blob's redirect leads."""

    @pytest.mark.parametrize("sheller", WAYS[:2], indirect=True, ids="-".join)
    def test_no_token_in_the_clear(self, sheller: Sheller, good: ssl.SSLContext) -> None:
        """The same host and port without TLS is another place: who listens on the way reads along."""
        seen: list[bytes] = []

        class Both(Server):
            def _serve(self, client: object) -> None:
                import socket

                assert isinstance(client, socket.socket)
                if client.recv(1, socket.MSG_PEEK) != b"\x16":
                    seen.append(client.recv(65536))
                    client.sendall(http(404))
                    client.close()
                    return
                super()._serve(client)

        def sent(request: Request, data: bytes) -> bytes:
            return http(307, b"", {"Location": f"http://{HERE}:{server.port}{request.path}"})

        inner = Repository(blobs=sent)

        def registry(request: Request) -> Answer:
            if request.path.startswith("/token"):
                return http(200, {"token": "t0ken"})
            return bearer(f"https://{HERE}:{server.port}/token", inner)(request)

        with Both(registry, good) as server:
            walked = sheller.walk(server.port)
        assert seen and not [head for head in seen if b"uthorization" in head], (seen, walked.log)

    def test_long_ones_are_followed_whole(self, sheller: Sheller, good: ssl.SSLContext) -> None:
        repository, query = Repository(), "X-Amz-Security-Token=" + "aB3%2F" * 1500 + "&sig=end"

        def storage(request: Request) -> Answer:
            path, _, given = request.path.partition("?")
            return repository(Request(request.method, path, request.headers)) if given == query else error(403, "X")

        with Server(storage, good, OTHER) as other:

            def sent(request: Request, data: bytes) -> bytes:
                return http(307, b"", {"Location": f"https://{OTHER}:{other.port}{request.path}?{query}"})

            with Server(Repository(blobs=sent), good) as server:
                walked = sheller.walk(server.port)
        assert walked.named == [] and walked.outcome("blobs", "blob") == "ok", walked.log

    def test_too_long_to_follow(self, sheller: Sheller, good: ssl.SSLContext) -> None:
        def sent(request: Request, data: bytes) -> bytes:
            return http(307, b"", {"Location": f"https://{OTHER}/x?{'y' * 17000}"})

        with Server(Repository(blobs=sent), good) as server:
            walked = sheller.walk(server.port)
        assert walked.named == [] and walked.outcome("blobs") == "not-verified", walked.log
        assert "too long to follow" in walked.log


@pytest.mark.parametrize("path", ["/token?a=b&c=d", "?a=b"])
def test_realm_with_a_query(sheller: Sheller, good: ssl.SSLContext, path: str) -> None:
    with Server(lambda r: http(200, {"token": "t0ken"}), good, OTHER) as tokens:
        with Server(bearer(f"https://{OTHER}:{tokens.port}{path}"), good) as server:
            walked = sheller.walk(server.port)
        wanted = f"{path if path.startswith('/') else '/' + path}&service=test&scope=repository%3Ateam/app%3Apull"
        assert [r.path for r in tokens.requests] == [wanted], walked.log
    assert walked.named == [], walked.log


PASSWORDS = [
    "s3cret", "a s3cret", "12 s3cret", "s3cret//x", "//s3cret", "s3cret/x", 's3"cret', "s3'cret", '"s3cret', "a@s3cret",
    "s3cret@", "a\\\"s3cret", "s3cret NO_PROXY=s3cret", "1 X=s3cret", 's3cret" x', "s3cret' y", 'a" s3cret "b', "#s3cret",
    "s3cret;", "http://s3cret", "s3cret:80", 'x" HTTP_PROXY="s3cret', "%s3cret", "$s3cret", "s3cret\t1", "\u00e9s3cret",
]  # fmt: skip
FORMS = [
    'Environment="HTTPS_PROXY={url}"',
    "Environment='HTTPS_PROXY={url}'",
    "Environment=HTTPS_PROXY={url}",
    'Environment="HTTP_PROXY=http://proxy.test:1" "HTTPS_PROXY={url}" "NO_PROXY=.svc"',
    'Environment="HTTPS_PROXY={url}" "HTTP_PROXY={url}"',
]
ENVIRONMENT = ["HTTPS_PROXY={url}", 'https_proxy="{url}"', "HTTPS_PROXY='{url}'", "export HTTPS_PROXY={url}"]


@pytest.mark.parametrize("sheller", WAYS[:2], indirect=True, ids="-".join)
def test_no_part_of_a_proxys_password_leaves_the_node(sheller: Sheller) -> None:
    """Whatever it is made of and however it is quoted, nothing of it is told; and what is told is the proxy or nothing."""
    body = script()
    functions = "\n".join(
        [
            "tab='\t'\ncr=$(printf '\\r')",
            body[body.index("# $line without the blanks") : body.index("# a TOML string or list")],
            body[
                body.index("# the proxy settings in the runtime's unit files") : body.index(
                    "# host -> 0 where no_proxy"
                )
            ],
        ]
    )
    told = 0
    lines = [(form, password) for form in (*FORMS, *ENVIRONMENT) for password in PASSWORDS]
    calls = []
    for number, (form, password) in enumerate(lines):
        for scheme in ("http://", ""):
            root = sheller.root / "many" / f"{number}{scheme[:1]}"
            name = "default/containerd" if form in ENVIRONMENT else "systemd/system/containerd.service.d/p.conf"
            path = root / "etc" / name
            path.parent.mkdir(parents=True)
            path.write_text(form.replace("{url}", f"{scheme}user:{password}@proxy.test:3128") + "\n")
            calls.append(f'root={root}; proxies; echo "$proxy_https|$proxy_http|$proxy_no"')
    command = [
        sheller.shell,
        *(["sh"] if sheller.shell == "busybox" else []),
        "-c",
        functions + "\n" + "\n".join(calls),
    ]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()
    for (form, password), line in zip([pair for pair in lines for _ in range(2)], said, strict=True):
        assert not [part for part in ("s3cret", "user", "cret") if part in line], (form, password, line)
        https, plain, _ = line.split("|")
        assert https in ("", "http://proxy.test:3128", "proxy.test:3128"), (form, password, line)
        assert plain in ("", "http://proxy.test:1", "http://proxy.test:3128", "proxy.test:3128"), (form, password, line)
        told += bool(https)
    assert told > len(said) / 3, "a shell that tells of no proxy at all would pass as well"


ODD_NUMBERS = ["007", "9" * 400, "-5", "1e9", "", "100;w=08", ";w=60", "0x10", "1 2", "٣"]


@pytest.mark.parametrize("sheller", WAYS[::2], indirect=True, ids="-".join)
@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_rate_headers_of_any_kind(sheller: Sheller, good: ssl.SSLContext, number: str) -> None:
    headers = {"RateLimit-Limit": f"{number}", "RateLimit-Remaining": number, "Docker-RateLimit-Source": '1"\\\x01'}
    with Server(Repository(headers={k: v.encode().decode("latin-1") for k, v in headers.items()}), good) as server:
        walked = sheller.walk(server.port)
    frames_are_whole(walked.log)
    assert [o.outcome for o in walked.case.at("manifest")] == ["200"], walked.log


@pytest.mark.parametrize("sheller", WAYS[:2], indirect=True, ids="-".join)
def test_frames_of_any_node_and_image(sheller: Sheller, good: ssl.SSLContext) -> None:
    """What the node's files and the registry's documents say may be odd; a frame is JSON all the same."""
    sheller.write("resolv.conf", 'nameserver 127.0.0.3"x\nnameserver \\\nnameserver $(id)\n')
    sheller.write("containerd/config.toml", test_shell.CONFIG)
    index = {
        "manifests": [
            {"digest": "sha256:" + "a" * 64, "platform": {"os": "l" * 70000, "architecture": 'a"b'}},
            {"digest": "../" * 9, "platform": {"os": "linux", "architecture": "\u202e\x00"}},
        ]
    }
    with Server(lambda r: http(200, index if "/manifests/" in r.path else {}), good) as server:
        path = f"containerd/certs.d/{HERE}:{server.port}/hosts.toml"
        sheller.write(path, f'[host."https://{HERE}:{free_port()}/a\\\\b"]\nca = "/x\\"y"\n')
        walked = sheller.walk(server.port)
        sheller.write(path, "".join(f'[host."https://{HERE}:{n}"]\n' for n in range(2000, 2040)))
        more = sheller.walk(server.port)
        sheller.write(path, "")
        last = sheller.walk(server.port)
    for one in (walked, more, last):
        frames_are_whole(one.log)
    assert last.outcome("platform") == "index", last.log


def frames_are_whole(log: str) -> None:
    """Every line of the log is a frame that its reader takes."""
    reader = FrameReader(NONCE, SHELL)
    for line in log.splitlines():
        json.loads(line.split(" ", 2)[2])
        assert reader.read(line.encode()) is not None, line
    assert not reader.foreign

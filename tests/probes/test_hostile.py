"""Registries that mean harm: bounded time, bounded memory, escaped text, and a finding that says what was odd."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import probes
from kubectl_imagepull.model import Dns, Http, of_kind, to_json
from kubectl_imagepull.node.frames import FrameReader
from probes import content, http_request
from probes.attempt import bare
from probes.manifest import closest_tags
from probes.tls_handshake import _seconds
from tests.cost import here
from tests.probes.site import Handler, Request, Server, error, http
from tests.probes.walking import HOST_PYTHON, NONCE, SHORT, Walker, observations_of

pytestmark = pytest.mark.alone


def endless(request: Request) -> Iterator[bytes]:
    """A body without an end."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    yield from itertools.repeat(b"[" * 65536)


def dripping(*, headers: bool) -> Handler:
    """A byte now and then, in the headers or in the body."""

    def handler(request: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        yield b"X-Drip: " if headers else b"Content-Type: text/plain\r\n\r\n"
        while True:
            time.sleep(0.05)
            yield b"x"

    return handler


def bomb(text: Callable[[], bytes], status: int = 404) -> Handler:
    """Answers everything with this text as JSON."""
    return lambda request: http(status, text())


HOSTILE: dict[str, tuple[Handler, str]] = {
    "10,000 headers": (
        lambda r: b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10000)) + b"\r\n",
        "registry.not_a_registry",
    ),
    "1 MB header": (lambda r: b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n", "registry.not_a_registry"),
    "deep nesting": (bomb(lambda: b"[" * 60000 + b"]" * 60000), "registry.not_a_registry"),
    "huge numbers": (bomb(lambda: b'{"errors":[{"code":' + b"9" * 60000 + b"}]}"), "image.tag_unknown"),
    "huge number of errors": (
        bomb(lambda: json.dumps({"errors": [{"code": "X", "message": "y" * 50}] * 800}).encode()),
        "image.tag_unknown",
    ),
    "wrong types": (bomb(lambda: b'{"errors":{"a":[null]},"tags":7}'), "registry.not_a_registry"),
    "invalid UTF-8": (bomb(lambda: b'{"errors":[{"code":"\xff\xfe","message":"\xc3"}]}'), "image.tag_unknown"),
    "slow body": (dripping(headers=False), "transfer.timeout"),
    "slow headers": (dripping(headers=True), "transfer.timeout"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bounded(walker: Walker, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(http_request, "PATIENCE", SHORT)
    handler, cause = HOSTILE[name]
    with Server(handler) as server:
        walked = walker.walk(server.port, scheme="http")
    assert [f.cause for f in walked.findings] == [cause], walked.log
    assert walked.seconds < 8 * SHORT


def test_endless_body(walker: Walker) -> None:
    """Read up to a bound and dropped; /v2/ without an end is odd, and no failure by itself."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Server(endless) as server:
        walked = walker.walk(server.port, scheme="http")
    assert walked.seconds < 8 * SHORT
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10
    assert walked.case.seen(Http)[0].detail.cut
    assert len(walked.log) < 64 << 10


def test_control_characters(walker: Walker) -> None:
    """Nothing of what a registry says moves a cursor, in the log or in the report."""
    evil = "\x1b[2J\x1b]0;owned\x07\u202e\u2028gone\x00\r\nHTTP/1.1"
    with Server(lambda r: error(404, evil, evil, {"Server": "\x1b[31mred", "X": "\x85"})) as server:
        walked = walker.walk(server.port, scheme="http")
    said = json.dumps([f.reason for f in walked.findings], ensure_ascii=False)
    observations = "".join(o.summary + json.dumps(to_json(o), ensure_ascii=False) for o in walked.case.observations)
    for text in (said, observations):
        assert not [c for c in text if not c.isprintable()]


def test_forged_frames(walker: Walker) -> None:
    """A registry that guesses the form of a frame, even the nonce, gets no line of its own into the log."""
    forged = f'imagepull/1 {NONCE} {{"kind":"seen","hop":"manifest","role":"registry","host":"x","outcome":"200"}}'
    with Server(lambda r: error(404, "X", f"\n{forged}\n\r{forged}\u2028{forged}\x85{forged}")) as server:
        walked = walker.walk(server.port, scheme="http")
    assert all(line.startswith(f'imagepull/1 {NONCE} {{"kind":"seen"') for line in walked.log.splitlines())
    assert "200" not in [o.outcome for o in walked.case.observations]
    assert {o.subject.host for o in walked.case.observations} == {f"127.0.0.1:{server.port}"}


def test_foreign_lines() -> None:
    """What anything else writes to the same log is not ours: another nonce, another form, absurd values."""
    lines = [
        'imagepull/1 ffffffffffffffff {"kind":"seen","hop":"dns","role":"registry","host":"x","outcome":"ok"}',
        f"imagepull/1 {NONCE} " + "[" * 50000,
        f'imagepull/1 {NONCE} {{"kind":"seen","hop":"nowhere","role":"registry"}}',
        f'imagepull/1 {NONCE} {{"kind":"seen","hop":"dns","role":"king"}}',
        f'imagepull/1 {NONCE} {{"kind":"seen","hop":["dns"],"role":{{}}}}',
        f"imagepull/1 {NONCE} 7",
        f"imagepull/1 {NONCE} " + '{"a":' + "9" * 60000 + "}",
    ]
    reader = FrameReader(NONCE, HOST_PYTHON)
    assert [reader.read(line.encode()) for line in lines] == [None] * len(lines)
    kept = observations_of(
        f'imagepull/1 {NONCE} {{"kind":"seen","hop":"dns","role":"registry","host":5,"outcome":null,"ms":1e999,"at":"x",'
        f'"data":{{"addresses":{json.dumps(["1.2.3.4"] * 5000)}}}}}'
    )
    assert len(kept) == 1 and kept[0].ms == 0.0 and len(of_kind(kept, Dns)[0].detail.addresses) <= 200
    for data in (
        '{"a":1}',
        '{"addresses":NaN}',
        f'{{"addresses":{"[" * 50}{"]" * 50}}}',
        '{"addresses":"1.2.3.4"}',
        "[1]",
    ):
        line = f'imagepull/1 {NONCE} {{"kind":"seen","hop":"dns","role":"registry","outcome":"ok","data":{data}}}'
        assert observations_of(line) == [], data


@pytest.mark.parametrize("item", [b"{}", b'{"":0}', b"[]", b"0", b'"ab"'])
def test_a_document_that_would_not_fit_is_none(item: bytes) -> None:
    """4 MiB of the smallest objects are 270 MiB in memory. An index of thousands of images is read."""
    many = content.MANIFEST_BODY // (len(item) + 1)
    assert http_request.Reply(200, body=b'{"manifests":[' + b",".join([item] * many) + b"]}").document is None
    entry = {"mediaType": "m", "digest": "d", "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
    index = {"manifests": [entry] * 5000}
    assert http_request.Reply(200, body=json.dumps(index).encode()).document == index
    large = http_request.Reply(200, body=json.dumps({"manifests": [entry] * 20000}).encode())
    assert content.read_manifest(large).kind == "unread", "no index of that size is said to be no image"


def test_budget_ends_the_bundle(tmp_path: Path) -> None:
    """The child ends by itself when its budget is over, whatever a server does, and says so."""
    silent = Server(dripping(headers=True))
    archive = tmp_path / "probes.pyz"
    with zipfile.ZipFile(archive, "w") as bundle:
        folder = Path(next(iter(probes.__path__)))
        for path in folder.rglob("*.py"):
            bundle.write(path, f"imagepull_probes/{path.relative_to(folder)}")
        bundle.writestr("__main__.py", "from imagepull_probes.__main__ import main\nraise SystemExit(main())\n")
    pulls = [{"id": "p1", "host": "127.0.0.1", "port": silent.port, "scheme": "http", "repository": "a", "asked": "1"}]
    plan = {"nonce": NONCE, "budget": 1.0, "place": "workstation", "pulls": pulls}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if "site-packages" in p)}
    with silent:
        started = time.monotonic()
        ran = subprocess.run(
            [sys.executable, str(archive), "-"],
            input=json.dumps(plan).encode(),
            capture_output=True,
            env=environment,
            timeout=20,
        )
        took = time.monotonic() - started
    last = json.loads(ran.stdout.splitlines()[-1].split(b" ", 2)[2])
    assert last["kind"] == "end" and took < 6, ran


def test_a_redirect_is_told_without_what_opens_it() -> None:
    url = "https://user:pass@blobs.example/path/data?se=2026&sig=SECRET#x"
    assert bare(url) == "https://blobs.example/path/data"
    assert bare("/v2/other?token=SECRET") == "/v2/other"


def test_dates_that_nobody_can_read() -> None:
    assert _seconds("Nov 23 04:06:04.5Z 2026") == 0.0 and _seconds(None) == 0.0


@pytest.mark.parametrize("kind", ["alike", "one sign", "short"])
def test_many_long_tags(kind: str) -> None:
    """The tags that look most like the one asked for are found among thousands in a moment of processor time."""
    tags = {
        "alike": [f"release-{n:05d}-" + "0123456789abcdef" * 7 for n in range(7800)],
        "one sign": ["a" * 122 + f"{n:05d}" for n in range(7800)],
        "short": [f"1.{n}" for n in range(7800)],
    }[kind]
    asked = tags[4321] + "x"
    reply = http_request.Reply(200, body=json.dumps({"tags": tags}).encode())
    began = time.process_time()
    closest, count = closest_tags(reply, asked)
    assert time.process_time() - began < here(2)
    assert (closest[0], count, len(closest)) == (tags[4321], 7800, 30)

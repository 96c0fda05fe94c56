"""The streams: what a terminal cannot show, pipes that end, disks that are full, streams that the shell has closed."""

from __future__ import annotations

import html
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from kubectl_imagepull.cli.options import style_of
from kubectl_imagepull.report.formats import FORMATS
from tests.unit.cli.conftest import Ran

ROOT = Path(__file__).parents[3]
ODD = "ünï—✓…😀"
PROGRAM = [sys.executable, "-m", "kubectl_imagepull"]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved case whose node says something that is not ASCII."""
    text = (ROOT / "tests" / "cases" / "net.refused.json").read_text(encoding="utf-8")
    document = json.loads(text)
    whole = json.dumps(document, ensure_ascii=False)
    assert "connection refused" in whole
    file = tmp_path_factory.mktemp("case") / "case.json"
    file.write_text(whole.replace("connection refused", f"connection refused {ODD}"), encoding="utf-8")
    return file


def program(*words: str, encoding: str = "utf-8", **more: Any) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    ran: subprocess.CompletedProcess[bytes] = subprocess.run(
        [*PROGRAM, *words], cwd=ROOT, env=environment, **{"capture_output": True, "check": False, **more}
    )
    return ran


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_in_every_encoding(case: Path, form: str, encoding: str) -> None:
    ran = program("why", "--case", str(case), "-o", form, encoding=encoding)
    assert (ran.returncode, ran.stderr) == (1, b"")
    document = form in ("json", "yaml", "html")
    text = ran.stdout.decode("utf-8" if document else encoding)
    if form in ("json", "yaml"):
        found = json.loads(text) if form == "json" else yaml.safe_load(text)
        assert ODD in json.dumps(found, ensure_ascii=False)
    elif form == "html":
        assert "😀" in html.unescape(text)
    elif form != "name" and encoding == "ascii":
        assert "\\xfcn\\xef-ok...\\U0001f600" in text.replace("\n", " ")
    elif form != "name" and encoding == "utf-8":
        assert ODD in text.replace("\n", " ")


def test_an_error_in_every_encoding() -> None:
    for encoding in ("ascii", "latin-1"):
        ran = program("why", f"{ODD}/x", encoding=encoding)
        assert ran.returncode == 2 and ran.stderr.startswith(b"error: ") and b"Traceback" not in ran.stderr


def test_bytes_that_are_no_text() -> None:
    ran = subprocess.run(
        [*PROGRAM, "why", b"\xff\xfe/x"], cwd=ROOT, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert ran.returncode == 2 and b"\\udcff\\udcfe" in ran.stderr and ran.stderr.count(b"\n") == 2


@pytest.mark.parametrize(
    "words", [["options"], ["why", "--help"], ["explain", "net.refused"], ["why", "-o", "json", "--case"]]
)
def test_a_pipe_that_ends_is_silent(case: Path, words: list[str]) -> None:
    words = [*words, str(case)] if words[-1] == "--case" else words
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as broken:
        ran = program(*words, capture_output=False, stdout=broken, stderr=subprocess.PIPE)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_said(case: Path) -> None:
    for words in (["options"], ["why", "--case", str(case)]):
        with open("/dev/full", "wb") as full:  # noqa: PTH123
            ran = program(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert (ran.returncode, ran.stderr) == (2, b"error: no space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["version", "why --nope", "explain -", "why --case -"])
def test_streams_that_the_shell_has_closed(closed: str, words: str) -> None:
    ran = subprocess.run(
        ["sh", "-c", f'exec "$0" -m kubectl_imagepull {words} {closed}', sys.executable],
        cwd=ROOT,
        input=b"connection refused",
        capture_output=True,
        check=False,
    )
    assert b"bug" not in ran.stderr and b"Traceback" not in ran.stderr and ran.returncode in (0, 2)


class Fake(io.StringIO):
    """A terminal of an encoding."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("columns", "variable", "width"),
    [(0, "", 80), (100, "", 100), (400, "", 120), (20, "", 60), (100, "0", 80), (100, "x", 80), (100, "90", 90)],
)
def test_the_width_of_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, variable: str, width: int) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: SimpleNamespace(columns=columns))
    monkeypatch.setenv("COLUMNS", variable)
    assert style_of(Fake()).width == width


@pytest.mark.parametrize(
    ("set_", "colour"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, False),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_by_kubectls_rules(monkeypatch: pytest.MonkeyPatch, set_: dict[str, str], colour: bool) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in set_.items():
        monkeypatch.setenv(name, value)
    assert style_of(Fake()).colour is colour and style_of(io.StringIO()).colour is False


def test_a_terminal_without_columns(case: Path) -> None:
    """What a serial console says of itself: 0 columns, 0 lines."""
    main, other = pty.openpty()
    try:
        process = subprocess.Popen(
            [*PROGRAM, "why", "--case", str(case)],
            cwd=ROOT,
            stdout=other,
            stderr=subprocess.PIPE,
            env={**{k: v for k, v in os.environ.items() if k != "COLUMNS"}, "TERM": "xterm", "PYTHONUTF8": "1"},
        )
        os.close(other)
        said = b""
        while chunk := _read(main):
            said += chunk
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (1, b"")
        process.stderr.close()
    finally:
        os.close(main)
    lines = said.decode().splitlines()
    assert "✗" in said.decode() and 40 < max(len(line) for line in lines if "\x1b" not in line) <= 80


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO where the other side is closed
        return b""


def test_results_and_the_rest(ran: Ran) -> None:
    """On the standard output stands what was asked for, and nothing else."""
    for words in (["why", "db-0", "--no-probe", "-v", "9"], ["why", "--no-probe", "-o", "json", "-v", "6"]):
        code, out, _ = ran(*words)
        assert code == 1 and "GET /" not in out

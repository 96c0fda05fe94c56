"""Case files: the same verdict after the way through a file; whatever does not fit is one clear line; no secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull.case import (
    LARGEST,
    CaseError,
    case_from_json,
    case_to_json,
    dump,
    parse,
)
from kubectl_imagepull.cli.main import run
from kubectl_imagepull.model import CASE_VERSION
from kubectl_imagepull.verdict import judge

CASES = Path(__file__).parents[2] / "cases"
FILES = sorted(CASES.glob("*.json"))
GOOD = json.loads((CASES / "auth.bad_credentials-token.json").read_text())


def changed(path: str, value: Any) -> bytes:
    """A good file with one thing in it replaced (or removed, for the value Ellipsis). path: keys and indexes by dots."""
    document = json.loads(json.dumps(GOOD))
    at = document
    *way, last = [int(word) if word.isdigit() else word for word in path.split(".")]
    for step in way:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_round_trip(file: Path) -> None:
    read = parse(file.read_bytes(), file.name)
    again = parse(dump(read).encode(), "again")
    assert again == read
    assert [judge(case) for case in again.cases] == [judge(case) for case in read.cases]
    for case in read.cases:
        assert case_from_json(json.loads(json.dumps(case_to_json(case)))) == case


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("cases.0.facts.attempts", "three", 'FILE: cases[0].facts.attempts: expected a whole number, got "three"'),
        ("cases.0.facts.attempts", True, "FILE: cases[0].facts.attempts: expected a whole number, got true"),
        ("cases.0.facts.failing", 1, "FILE: cases[0].facts.failing: expected true or false, got 1"),
        ("cases.0.facts.since", "x" * 99, 'FILE: cases[0].facts.since: expected a number, got "' + "x" * 56 + "..."),
        ("cases.0.facts.events", {}, "FILE: cases[0].facts.events: expected a list, got an object"),
        (
            "cases.0.facts.events.0.count",
            None,
            "FILE: cases[0].facts.events[0].count: expected a whole number, got null",
        ),
        ("cases.0.facts.reference", "x", 'FILE: cases[0].facts.reference: expected an object, got "x"'),
        ("cases.0.facts.color", 1, "FILE: cases[0].facts.color: no field of a case: damaged, or from another version"),
        (
            "cases.0.facts.x\x1b[31m",
            1,
            "FILE: cases[0].facts.x\\x1b[31m: no field of a case: damaged, or from another version",
        ),
        ("cases.0.target", ..., "FILE: cases[0].target: missing"),
        ("cases.0.target.pod", ..., "FILE: cases[0].target.pod: missing"),
        ("cases.0.target.pod", "\ud800", "FILE: cases[0].target.pod: half of a surrogate pair, which is no text"),
        ("cases.0.observations.0.hop", "dance", None),
        ("cases.0.observations.0.subject.role", "king", None),
        ("cases.0.observations.0.vantage.place", "moon", None),
        (
            "cases.0.facts.secrets",
            [{"name": "mine", "state": "lost"}],
            'FILE: cases[0].facts.secrets[0].state: expected one of used, unused, missing, forbidden, malformed, got "lost"',
        ),
        (
            "cases.0.facts.secrets",
            [{"name": "mine", "state": "unused", "cause": "auth.made_up"}],
            "FILE: cases[0].facts.secrets[0].cause: expected one of auth.secret_empty, auth.secret_ignored, "
            'auth.secret_malformed, auth.secret_missing, auth.secret_wrong_registry or an empty text, got "auth.made_up"',
        ),
        ("cases.0.observations.0.ms", 1e300, None),
        ("cases.0.observations.0.ms", 10**400, None),
        ("cases.0.observations.0.ms", -(10**400), None),
        ("cases.0.facts.attempts", -(10**400), None),
        ("cases.0.observations.0.detail", [], "FILE: cases[0].observations[0].detail: expected an object, got a list"),
        ("cases.0.facts.reference", None, "FILE: cases[0].facts.reference: expected an object, got null"),
        ("cases", [], "FILE: cases: expected a list with at least one case"),
        ("about", [], "FILE: about: expected an object of texts"),
        ("version", 1, f"FILE: version: expected {CASE_VERSION}, got 1"),
        ("version", "2", f'FILE: version: expected {CASE_VERSION}, got "2"'),
        ("version", ..., f"FILE: version: expected {CASE_VERSION}, got null"),
        ("more", 1, "FILE: more: no field of a case file"),
        (
            "kind",
            "Diagnosis",
            "FILE: not a case of kubectl imagepull but a Diagnosis (why --save-case FILE writes one)",
        ),
        ("kind", 7, "FILE: not a case of kubectl imagepull but something else (why --save-case FILE writes one)"),
    ],
)
def test_damage_is_named(path: str, value: Any, line: str | None) -> None:
    with pytest.raises(CaseError) as raised:
        parse(changed(path, value), "FILE")
    said = str(raised.value)
    assert said.startswith("FILE: ") and said.isprintable()
    if line is None:
        steps = path.split(".")
        assert steps[-1] in said
    else:
        assert said == line


def test_newer_version() -> None:
    with pytest.raises(CaseError, match=f"in case version {CASE_VERSION + 1}; .*use a newer kubectl imagepull"):
        parse(changed("version", CASE_VERSION + 1), "FILE")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b"\xff\xfe\x00", "no UTF-8 text"),
        (b"[]", "expected an object, got a list"),
        (b"null", "expected an object, got null"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b'{"a": 1, "a": 2}', "'a' stands there twice"),
        (b'{"\\u001b[31m\\ud800": 1, "\\u001b[31m\\ud800": 2}', r"'\x1b[31m\ud800' stands there twice"),
        (b"{" + b"".join(b'"k%d":1,' % n for n in range(200_000)) + b'"k9":1}', "'k9' stands there twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"apiVersion: v1\nkind: Pod\n", "line 1, column 1"),
        (b'{"apiVersion": "v1", "kind": "Pod"}', "but a Pod"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b" " * (LARGEST + 1), "larger than 64 MiB"),
    ],
)
def test_foreign_files(data: bytes, said: str) -> None:
    with pytest.raises(CaseError) as raised:
        parse(data, "FILE")
    assert said in str(raised.value) and str(raised.value).startswith("FILE: ") and str(raised.value).isprintable()


DAMAGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**53, 1e308, -0.0]),
    st.text(max_size=5),
    st.sampled_from(["\x1b[31m", "\u202e", "\ud800", "x" * 10_000, "https://u:p@h"]),
    st.sampled_from([[], {}, [[1]], {"a": {"b": [{}]}}, {"": None}, {"\x1b": "\x1b"}]),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to everything in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, item in inner for path in places(item, (*at, key)))]


@given(path=st.sampled_from([p for p in places(GOOD) if p]), value=DAMAGE)
def test_damaged_anywhere(path: tuple[Any, ...], value: Any) -> None:
    """One line and exit 2, or a report: never a traceback, whatever stands in whichever place."""
    document = json.loads(json.dumps(GOOD))
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    code, _, err = offline(json.dumps(document).encode())
    assert "bug" not in err and code in (0, 1, 2, 3), err
    assert bool(err) == (code == 2) and len(err.splitlines()) <= 1


class Input:
    """Standard input with these bytes."""

    def __init__(self, data: bytes) -> None:
        import io

        self.buffer = io.BytesIO(data)


def offline(data: bytes, *words: str) -> tuple[int, str, str]:
    """`why --case -` with these bytes -> exit code, output, errors."""
    import io

    out, err = io.StringIO(), io.StringIO()
    code = run(["why", "--case", "-", *words], out, err, Input(data))  # type: ignore[arg-type]
    return code, out.getvalue(), err.getvalue()


def test_offline_needs_no_client(tmp_path: Path) -> None:
    """Judged without a client, without a kubeconfig, without a socket."""
    program = f"""
import socket, sys
def refuse(*a, **k): raise AssertionError("a socket")
socket.socket = refuse
sys.modules["kubernetes"] = sys.modules["urllib3"] = None
from kubectl_imagepull.cli.main import run
sys.exit(run(["why", "--case", {str(CASES / "image.tag_unknown.json")!r}], sys.stdout, sys.stderr, sys.stdin))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"HOME": str(tmp_path)}, check=False
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "image.tag_unknown" in ran.stdout


def test_no_such_file() -> None:
    import io

    err = io.StringIO()
    assert run(["why", "--case", "/no/such/file"], io.StringIO(), err, sys.stdin) == 2
    assert err.getvalue() == "error: /no/such/file: No such file or directory\n"

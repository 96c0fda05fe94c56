"""Any command line ends with an exit code of ours and a line that people can read: never a traceback, never "a bug"."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_imagepull.cli.commands import COMMANDS, all_flags
from kubectl_imagepull.cli.complete import complete
from kubectl_imagepull.cli.main import run
from kubectl_imagepull.registry.client import Answer, Registries

VALUES = [
    *(
        "",
        "x",
        "a/b",
        "a/b/c",
        "pod/x",
        "deploy",
        "svc/x",
        "/",
        "-",
        "--",
        "=",
        "0",
        "-1s",
        ".5s",
        "99999999999999999999",
    ),
    *(
        "true",
        "T",
        "maybe",
        "text",
        "json",
        "wide",
        "api-only",
        "rehearsal",
        "a=b",
        "==",
        "a,b",
        '"a,b',
        "é",
        "\x00",
        "\x1b[2J",
    ),
    *("\udcff", "a b", "A", "*", "x" * 300, "http://127.0.0.1:1", "https://[", "socks5://x", "/dev/null", "/", "."),
]
FLAGS = sorted({name for flag in all_flags() for name in (f"--{flag.name}", f"-{flag.short}") if name != "-"})
WORD = st.one_of(
    st.sampled_from([*COMMANDS, "help", "__complete", "wyh"]),
    st.sampled_from(FLAGS),
    st.sampled_from(VALUES),
    st.builds("{}{}{}".format, st.sampled_from(FLAGS), st.sampled_from("= "), st.sampled_from(VALUES)),
    st.text(max_size=6),
)
WRITES = {"completion", "__complete"}
"""`completion` writes a file where it is asked to, `__complete` ends the process: each has tests of its own."""


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, for --save-case writes; and no registry is asked for what happens to be an image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registries, "head", lambda *asked: Answer("net.refused", "nobody is asked"))
    return tmp_path


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORD, max_size=7))
def test_any_command_line(no_kubeconfig: None, somewhere: Path, words: list[str]) -> None:
    if WRITES.intersection(words):
        return
    out, err = io.StringIO(), io.StringIO()
    code = run(["-s", "http://127.0.0.1:1", *words], out, err, io.StringIO("stdin"))
    said = err.getvalue()
    assert code in (0, 1, 2, 3) and "this is a bug" not in said and "Errno" not in said and "Traceback" not in said
    if code == 2:
        first, *rest = said.splitlines()
        assert (
            first.startswith(("error", "Error", "Unable", "The connection"))
            and len(rest) <= 1
            and all(r.startswith("See '") for r in rest)
        )
        assert all(line.isprintable() for line in said.splitlines())


@pytest.mark.parametrize("last", VALUES)
@pytest.mark.parametrize(
    "before", [[], ["why"], ["explain"], ["probe-node"], ["why", "-n"], ["why", "-f"], ["why", "--via"]]
)
def test_any_word_can_be_completed(no_kubeconfig: None, before: list[str], last: str) -> None:
    out = io.StringIO()
    complete([*before, last], out)
    *choices, directive = out.getvalue().splitlines()
    assert (
        directive.startswith(":")
        and directive[1:].isdigit()
        and all(c.replace("\t", "").isprintable() for c in choices)
    )

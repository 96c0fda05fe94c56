"""The command line is read as kubectl reads its own."""

from __future__ import annotations

import argparse
import io

import pytest

from kubectl_imagepull.cli.main import run
from kubectl_imagepull.cli.options import UsageError, add_connection, duration, flags_of, program, spread_booleans


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("0", 0), ("1h2m3s", 3723)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "5x", "-1s", "1s2", "s", "1 s", "9" * 50, "٣s"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        duration(text)


def test_switches_take_values() -> None:
    assert spread_booleans(["--no-probe=true", "-A=false", "x", "--", "--no-probe=true"]) == [
        "--no-probe",
        "x",
        "--",
        "--no-probe=true",
    ]
    with pytest.raises(UsageError):
        spread_booleans(["--no-probe=maybe"])


def test_connection_flags() -> None:
    parser = argparse.ArgumentParser()
    add_connection(parser)
    flags = flags_of(
        parser.parse_args(["-n", "shop", "--as", "jane", "--as-group", "a", "--as-group", "b", "-s", "https://x"])
    )
    assert (flags.namespace, flags.impersonate, flags.impersonate_groups, flags.server) == (
        "shop",
        "jane",
        ("a", "b"),
        "https://x",
    )
    assert flags_of(parser.parse_args([])).namespace == ""


@pytest.mark.parametrize(
    "words", [["-n", "a", "why", "x"], ["why", "-n", "a", "x"], ["why", "x", "-n", "a"], ["--namespace=a", "why", "x"]]
)
def test_flags_on_either_side_of_the_verb(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from kubectl_imagepull.cli import why

    seen: list[argparse.Namespace] = []
    monkeypatch.setattr(why, "run", lambda args, out, err, stdin: seen.append(args) or 0)
    assert run(words, io.StringIO(), io.StringIO(), io.StringIO()) == 0
    assert (seen[0].namespace, seen[0].pod) == ("a", ["x"])


def test_how_we_were_called() -> None:
    assert program("/somewhere/kubectl-imagepull") == "kubectl imagepull"
    assert program("/x/kubectl_imagepull/__main__.py") == "python -m kubectl_imagepull"


@pytest.mark.parametrize(
    "words",
    [["--help"], ["-h"], [], ["why", "--help"], ["probe-node", "-h"], ["explain", "--help"], ["options"], ["version"]],
)
def test_help_is_help(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run(words, out, err, io.StringIO()) == 0
    assert out.getvalue() and not err.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        ["--nope"],
        ["why", "--names", "x"],
        ["wyh"],
        ["why", "x", "-o", "xml"],
        ["why", "a b"],
        ["why", "x", "--timeout", "0"],
    ],
)
def test_bad_usage_is_one_line_and_two(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run(words, out, err, io.StringIO()) == 2
    assert err.getvalue().startswith("error: ") and not out.getvalue()
    assert len(err.getvalue().splitlines()) <= 2


EVIL = "\x1b[31m\u202e\x07\nx"


@pytest.mark.parametrize(
    "words",
    [
        [EVIL],
        [f"--{EVIL}"],
        ["why", f"--{EVIL}"],
        ["why", "-o", EVIL],
        ["why", "--timeout", EVIL],
        ["why", "--via", EVIL],
        ["why", "--case", EVIL],
        ["why", "--case", "x", EVIL],
        ["why", f"--watch={EVIL}"],
        ["why", "-v", EVIL],
        ["why", "-f", EVIL],
        ["why", f"{EVIL}/x"],
        ["why", f"pod/{EVIL}"],
        ["why", EVIL, "--probe-namespace", EVIL],
        ["why", "x", "--probe-secret", EVIL],
        ["why", "x", "--probe-image", "i", "--probe-secret", EVIL],
        ["why", "x", "--save-case", f"/nowhere/{EVIL}"],
        ["why", "x", "--kubeconfig", EVIL],
        ["why", "x", "--kubeconfig", "/dev/null", "--context", EVIL],
        ["probe-node", EVIL],
        ["probe-node", "n", "--registry", EVIL],
        ["probe-node", "n", "--image", EVIL],
        ["explain", EVIL],
        ["explain", f"net.{EVIL}"],
        ["cleanup", EVIL],
    ],
    ids=lambda words: " ".join(words).replace(EVIL, "EVIL"),
)
def test_usage_errors_are_printable(words: list[str]) -> None:
    """What stands on a command line may come from a script that took it from a pod: an error shows it, and acts on nothing."""
    err = io.StringIO()
    assert run(words, io.StringIO(), err, io.StringIO()) == 2
    lines = err.getvalue().splitlines()
    assert all(line.isprintable() for line in lines) and 1 <= len(lines) <= 2
    assert len(lines) == 1 or lines[1].startswith("See '")

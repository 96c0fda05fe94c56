"""The command line is read as kubectl reads its own."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from kubectl_imagepull.cli.commands import COMMANDS, WHY, flag_rows, flags_for
from kubectl_imagepull.cli.flags import Args, UsageError, read
from kubectl_imagepull.cli.help import program
from kubectl_imagepull.cli.main import run
from kubectl_imagepull.cli.options import flags_of, options_of
from kubectl_imagepull.session.options import SECONDS


def given(*words: str) -> Args:
    return read(words, flags_for(WHY))


def test_connection_flags() -> None:
    flags = flags_of(given("-n", "shop", "--as", "jane", "--as-group", "a", "--as-group", "b", "-s", "https://x"))
    assert (flags.namespace, flags.impersonate, flags.impersonate_groups, flags.server) == (
        "shop",
        "jane",
        ("a", "b"),
        "https://x",
    )
    assert flags_of(given()).namespace == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a/b", """error: invalid namespace "a/b": [may not contain '/']"""),
        ("a%/b", """error: invalid namespace "a%/b": [may not contain '/' may not contain '%']"""),
        ("Shop", 'error: invalid namespace "Shop": [a lowercase RFC 1123 label'),
        ("-x", 'error: invalid namespace "-x": [a lowercase RFC 1123 label'),
    ],
)
def test_what_can_be_no_namespace(name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        flags_of(given(f"--namespace={name}"))
    assert str(caught.value).startswith(said)


def test_labels_of_the_probe_pod() -> None:
    """A label is no name of a namespace: it has a key and a value."""
    labels = options_of(given("--probe-label", "team=web", "--probe-label=corp.io/Cost_Centre=A.1")).way_out.labels
    assert labels == (("team", "web"), ("corp.io/Cost_Centre", "A.1"))
    with pytest.raises(UsageError):
        options_of(given("--probe-label", "team"))


def test_the_time_for_the_probes() -> None:
    assert options_of(given()).seconds == SECONDS
    assert [row.default for row in flag_rows("why") if row.names == "--timeout"] == [f"{SECONDS:.0f}s"]
    for none in ("0", "-5s", "25h"):
        with pytest.raises(UsageError):
            options_of(given(f"--timeout={none}"))


@pytest.mark.parametrize(
    "words",
    [
        ["-A=false", "-na", "why", "x"],
        ["-n", "a", "why", "x"],
        ["why", "-n", "a", "x"],
        ["why", "x", "-n", "a"],
        ["--namespace=a", "why", "x"],
    ],
)
def test_flags_on_either_side_of_the_verb(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from kubectl_imagepull.cli import why

    seen: list[Args] = []
    monkeypatch.setattr(why, "run", lambda args, out, err, stdin: seen.append(args) or 0)
    assert run(words, io.StringIO(), io.StringIO(), io.StringIO()) == 0
    assert (seen[0].namespace, seen[0].operands) == ("a", ["x"])


def test_how_we_were_called() -> None:
    assert program("/somewhere/kubectl-imagepull") == "kubectl imagepull"
    assert program("/x/kubectl_imagepull/__main__.py") == "python -m kubectl_imagepull"


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["-h"],
        [],
        ["-n", "x"],
        ["why", "--help"],
        ["probe-node", "-h"],
        ["options"],
        ["version"],
        ["--version"],
    ],
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
        ["why", "pod", "pod/a"],
        ["why", "a/b/c"],
        ["why", "what/x"],
        ["why", "x", "-n", "a/b"],
        ["why", "x", "-l", "a=b"],
        ["why", "x", "--field-selector", "a=b"],
        ["why", "x", "-A"],
        ["why", "x", "-f", "y"],
        ["why", "x", "--tag", "y"],
        ["why", "x", "--compare-node", "a b"],
        ["why", "x", "--probe-image", "A/B"],
        ["why", "x", "--request-timeout", "soon"],
        ["why", "--case", "a\0b"],
        ["why", "x", "--save-case", "a\0b"],
        ["probe-node"],
        ["probe-node", "a", "--all"],
        ["probe-node", "a", "-l", "x=y"],
        ["probe-node", "--all", "-l", "x=y"],
        ["probe-node", "--all", "--parallel", "0"],
        ["probe-node", "--all", "--per-registry", "501"],
        ["probe-node", "--all", "--keep-pod"],
        ["probe-node", "a/b/c"],
        ["probe-node", "n", "--image", "A"],
        ["explain"],
        ["explain", "nothing.of.this"],
        ["explain", "two", "words"],
        ["cleanup", "x"],
        ["version", "x"],
        ["help", "wyh"],
        ["-n"],
        ["-A"],
    ],
    ids=lambda words: " ".join(words).replace("\0", "NUL"),
)
def test_bad_usage_is_one_line_and_where_the_help_is(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/kubectl-imagepull"])
    out, err = io.StringIO(), io.StringIO()
    assert run(words, out, err, io.StringIO()) == 2
    first, second = err.getvalue().splitlines()
    assert first.startswith("error: ") and not out.getvalue()
    assert "bug" not in first and "Errno" not in first and "Traceback" not in first
    verb = f" {words[0]}" if words[0] in COMMANDS else ""
    assert second == f"See 'kubectl imagepull{verb} --help' for usage."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "read {}: is a directory"),
        (b"a: [1", "yaml: line 1: did not find expected ',' or ']'"),
        (b"\xff\xfe\x00", "yaml: invalid leading UTF-8 octet"),
        (b"- x", "cannot unmarshal"),
        (b"contexts: 3", "cannot unmarshal"),
        (b"a: \x07", "yaml: control characters are not allowed"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read(
    no_kubeconfig: None, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "config"
    file.mkdir() if content is None else file.write_bytes(content)
    err = io.StringIO()
    assert run(["why", "--kubeconfig", str(file)], io.StringIO(), err, io.StringIO()) == 2
    first, second = err.getvalue().splitlines()
    assert first.startswith(f'error: error loading config file "{file}": {said.format(file)}')
    assert "Errno" not in first and "codec" not in first and "<" not in first and second.startswith("See '")


def test_a_server_that_refuses_is_named_as_kubectl_names_it(no_kubeconfig: None) -> None:
    err = io.StringIO()
    assert run(["why", "-s", "http://127.0.0.1:1"], io.StringIO(), err, io.StringIO()) == 2
    said = "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n"
    assert err.getvalue() == said


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

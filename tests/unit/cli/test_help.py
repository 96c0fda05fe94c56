"""Help as kubectl writes it, and true: every example is a command that our own command line takes."""

from __future__ import annotations

import importlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_imagepull.cli.commands import COMMANDS, CONNECTION, ROOT, Command, flag_rows, flags_for
from kubectl_imagepull.cli.flags import read
from kubectl_imagepull.cli.help import help_of, program
from kubectl_imagepull.cli.main import run

EVERY = [ROOT, *COMMANDS.values()]
PLUGIN = "kubectl imagepull"


def shown(*words: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    assert run(words, out, err, io.StringIO()) == 0 and not err.getvalue()
    return out.getvalue()


def examples() -> Iterator[str]:
    for command in EVERY:
        for _, lines in command.examples:
            yield from lines.splitlines()


@pytest.mark.parametrize("example", list(examples()))
def test_an_example_is_a_command_that_we_take(example: str) -> None:
    words = shlex.split(example)
    # what stands before us in a pipe is somebody else's
    words = words[len(words) - words[::-1].index("kubectl") - 1 :]
    assert words[:2] == ["kubectl", "imagepull"]
    command = COMMANDS[words[2]]
    args = read(words[3:], flags_for(command))
    assert command.most is None or len(args.operands) <= command.most


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name or "root")
def test_the_parts_in_kubectls_order(command: Command) -> None:
    if command.name == "options":
        return
    text = help_of(command, PLUGIN)
    parts = ["Examples:", "Available Commands:", "Options:", "Usage:", f'Use "{PLUGIN} options" for a list of global']
    at = [text.index(part) for part in parts if part in text]
    assert at == sorted(at) and at[0] > 0 and text.index("Examples:") == at[0]
    assert max(len(line) for line in text.splitlines() if not line.startswith(("  kubectl", "Use "))) <= 100
    assert text.endswith("\n") and "\n\n\n" not in text


def test_connection_flags_are_under_options_only() -> None:
    for command in COMMANDS.values():
        for flag in CONNECTION:
            assert (f"--{flag.name}=" in help_of(command, PLUGIN)) is (command.name == "options")
    assert shown("options").startswith(
        "The following options can be passed to any command:\n\n    --as='':\n        User"
    )
    assert flag_rows("options")[0].names == "--as" and flag_rows("why")[0].names == "-A, --all-namespaces"


@pytest.mark.parametrize("verb", list(COMMANDS))
def test_ways_to_the_same_help(verb: str) -> None:
    text = shown("help", verb)
    assert text == shown(verb, "--help") == shown(verb, "-h") == shown("-h", verb) == shown("-n", "x", verb, "--help=T")


def test_ways_to_the_help_of_the_program() -> None:
    text = shown()
    assert text == shown("--help") == shown("-h") == shown("help") == shown("-n", "shop")
    assert all(f"  {verb} " in text for verb in COMMANDS)
    assert shown("--version") == shown("version") and shown("version", "--help=false") == shown("version")


def test_every_command_has_its_module() -> None:
    for verb in set(COMMANDS) - {"options"}:
        module = importlib.import_module(f"kubectl_imagepull.cli.{verb.replace('-', '_')}")
        assert callable(module.run)


def test_sentences() -> None:
    for command in EVERY:
        assert not command.short.endswith(".") and command.short[0].isupper() and command.examples
        for flag in command.flags:
            assert flag.help.endswith((".", ": ")) and flag.help[0].isupper(), flag.name
    for row in (*flag_rows("options"), *flag_rows("why"), *flag_rows("probe-node")):
        assert row.default and row.help.endswith(".") and (row.metavar or row.default in ("true", "false"))


def test_our_name_is_as_we_were_called() -> None:
    assert program("/somewhere/kubectl-imagepull") == program("/x/kubectl_complete-imagepull") == PLUGIN
    assert program("/x/kubectl_imagepull/__main__.py") == "python -m kubectl_imagepull"
    assert PLUGIN not in help_of(ROOT, "python -m kubectl_imagepull")


NEVER = {"asyncio", "argparse", "socks", "kubernetes", "kubectl_imagepull.probes"}
"""What is of use to nobody before a node is probed, or a proxy is asked."""
HEAVY = {
    "": {"yaml", "urllib3", "ssl", "socket", "argparse", "json", "kubectl_imagepull.model"},
    "why --help": {"yaml", "urllib3", "ssl", "socket", "argparse"},
    "options": {"yaml", "urllib3", "ssl", "socket", "argparse", "json", "kubectl_imagepull.model"},
    "version": {"yaml", "urllib3", "ssl", "socket", "argparse", "kubectl_imagepull.model"},
    "why --nope": {"yaml", "urllib3", "ssl", "socket", "argparse", "kubectl_imagepull.model"},
    "completion": {"yaml", "urllib3", "ssl", "socket", "argparse", "kubectl_imagepull.model"},
    "explain net.refused": {"urllib3", "ssl", "socket", "argparse", "asyncio", "http", "kubectl_imagepull.kube"},
    "why --case tests/cases/net.refused.json": {
        "urllib3",
        "ssl",
        "socket",
        "argparse",
        "asyncio",
        "http",
        "dns",
        "tabulate",
    },
    "cleanup -s http://127.0.0.1:1": {
        *NEVER,
        "dns",
        "tabulate",
        "kubectl_imagepull.report",
        "kubectl_imagepull.verdict",
    },
    "why x --no-probe -s http://127.0.0.1:1": {*NEVER, "dns", "tabulate"},
    "probe-node n -s http://127.0.0.1:1": {*NEVER, "dns"},
}
"""A command line -> what it needs none of."""
SCRIPT = """
import sys
from kubectl_imagepull.cli.main import run
run(sys.argv[1:], sys.stdout, sys.stderr, sys.stdin)
print("\\n".join(["LOADED", *sys.modules]))
"""


@pytest.mark.parametrize("line", list(HEAVY))
def test_nothing_heavy_is_imported_before_it_is_needed(line: str) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *line.split()], cwd=root, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.partition("LOADED\n")[2].split())
    assert "kubectl_imagepull.cli.main" in loaded and not loaded & HEAVY[line]


def test_no_placeholder_in_angles() -> None:
    """They are what a shell takes for a file."""
    for command in EVERY:
        assert not re.search(r"<[a-z]+>", help_of(command, PLUGIN)), command.name

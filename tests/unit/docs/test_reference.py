"""docs/reference.md says what the command line takes, and the examples of the help are command lines that it takes."""

from __future__ import annotations

import io
import shlex

import pytest

from kubectl_imagepull.cli.commands import COMMANDS, ROOT, flag_rows, flags_for
from kubectl_imagepull.cli.flags import read
from kubectl_imagepull.cli.main import run
from tools import reference

EXAMPLES = [line for one in (ROOT, *COMMANDS.values()) for _, lines in one.examples for line in lines.splitlines()]


def test_the_page_is_up_to_date() -> None:
    """If not: python -m tools.reference"""
    assert reference.page() == reference.FILE.read_text(encoding="utf-8")


def test_every_flag_of_every_command_is_there() -> None:
    page = reference.page()
    for name, command in COMMANDS.items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert bool(section) != command.hidden
        for row in flag_rows(name) if section else ():
            assert all(f"`{one}`" in section for one in row.names.split(", ")), (name, row)


@pytest.mark.parametrize("line", EXAMPLES)
def test_examples(line: str) -> None:
    """Each is read without an error; what asks no cluster is run."""
    command = line.rpartition("| ")[2]
    program, plugin, verb, *words = [*shlex.split(command), ""]
    assert (program, plugin) == ("kubectl", "imagepull")
    words = words[:-1] if words else []
    read(words, flags_for(COMMANDS[verb]))
    if verb in ("explain", "version", "options"):
        out, err = io.StringIO(), io.StringIO()
        said = io.StringIO("dial tcp 10.0.0.1:443: connect: connection refused")
        assert run([verb, *words], out, err, said) == 0, err.getvalue()
        assert out.getvalue() and not err.getvalue()

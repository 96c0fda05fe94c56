"""Writes docs/reference.md, commands and flags, from the table that the command line is read by.

python -m tools.reference [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubectl_imagepull.cli.commands import COMMANDS, OPTIONS, ROOT, Command, FlagRow, flag_rows

FILE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
NOTE = "<!-- Written by `python -m tools.reference` from kubectl_imagepull/cli/commands.py -->"
TESTED = "<!-- run: by tests/unit/docs/test_reference.py::test_examples -->"

HEAD = """\
Flags stand before or after the command, as `--flag value` or `--flag=value`; `--` ends them. Durations are as Go writes them
(`30s`, `1m30s`). Exit codes of every command: 0 no pull problem, 1 a pull problem whose cause is named, 2 the job could not be
done, 3 a pull problem whose cause is not determined, 130 interrupted.

| command | what it does |
|---|---|"""


def page() -> str:
    """The page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    shown = [command for command in COMMANDS.values() if not command.hidden]
    yield from ("# Commands and flags", "", NOTE, "", ROOT.long or f"{ROOT.short}.", "")
    yield HEAD
    for command in shown:
        yield f"| [`{command.name}`](#{command.name}) | {_cell(command.short)} |"
    for command in shown:
        yield from ("", f"## {command.name}", "")
        yield from _of_command(command)


def _of_command(command: Command) -> Iterator[str]:
    for paragraph in (command.long or f"{command.short}.").split("\n\n"):
        yield from (_text(paragraph), "")
    usage = " ".join(filter(None, ("kubectl imagepull", command.name, command.operands, "[options]")))
    yield f"`{usage}`"
    if command.examples:
        yield from ("", TESTED, "```sh")
        for number, (what, lines) in enumerate(command.examples):
            yield from (*([""] if number else []), f"# {what}", *lines.splitlines())
        yield "```"
    rows = flag_rows(command.name)
    if rows:
        yield from ("", "| flag | value | without it | what it does |", "|---|---|---|---|", *map(_row, rows))
    if command is not OPTIONS:
        yield from ("", f"And those of [options](#{OPTIONS.name}).")


def _row(row: FlagRow) -> str:
    names = ", ".join(f"`{name}`" for name in row.names.split(", "))
    default = "" if row.default in ("''", "false", "[]") else f"`{row.default}`"
    return f"| {names} | {_cell(row.metavar)} | {default} | {_cell(row.help)} |"


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")


def _text(text: str) -> str:
    """Text in which nothing is taken for markup, as help writes it."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check only compare. -> 0 done or up to date, 1 out of date."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is out of date")
    args = parser.parse_args(argv)
    if args.check:
        return int(FILE.read_text(encoding="utf-8") != page())
    FILE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Help as kubectl writes it: what a command does, examples, its own options, usage (kubectl: pkg/util/templates)."""

from __future__ import annotations

import pathlib
import textwrap
from collections.abc import Iterable, Iterator

from .commands import COMMANDS, OPTIONS, ROOT, Command, FlagRow, flag_rows

WIDTH = 80
PLUGIN = "kubectl imagepull"


def program(argv0: str) -> str:
    """How the user called us: as a plugin, or by a path of its own."""
    name = pathlib.PurePath(argv0).name
    if name.startswith(("kubectl-", "kubectl_complete-")):
        return PLUGIN
    return "python -m kubectl_imagepull" if name.startswith("__") else name


def help_of(command: Command, prog: str) -> str:
    """The help of a command, of ROOT for the program. prog: how it is called."""
    if command is OPTIONS:
        return "The following options can be passed to any command:\n\n" + "\n".join(_flags(flag_rows(command.name)))
    return "\n".join(_help(command, prog)).replace(PLUGIN, prog)


def _help(command: Command, prog: str) -> Iterator[str]:
    for paragraph in (command.long or f"{command.short}.").split("\n\n"):
        yield from (*textwrap.wrap(paragraph, WIDTH, break_on_hyphens=False, break_long_words=False), "")
    if command.examples:
        yield "Examples:"
        for number, (what, lines) in enumerate(command.examples):
            yield from (*([""] if number else []), f"  # {what}", *(f"  {line}" for line in lines.splitlines()))
        yield ""
    if command is ROOT:
        shown = [one for one in COMMANDS.values() if not one.hidden]
        width = max(len(one.name) for one in shown) + 3
        yield from ("Available Commands:", *(f"  {one.name:<{width}}{one.short}" for one in shown), "")
    if command.flags:
        yield from ("Options:", *_flags(flag_rows(command.name)))
    name = f"{PLUGIN} {command.name}".rstrip()
    words = [name, command.operands, "[flags]" if command is ROOT else "", "[options]"]
    yield from ("Usage:", f"  {' '.join(filter(None, words))}", "")
    if command is ROOT:
        yield f'Use "{PLUGIN} COMMAND --help" for more information about a given command.'
    yield f'Use "{PLUGIN} options" for a list of global command-line options (applies to all commands).'
    yield ""


def _flags(rows: Iterable[FlagRow]) -> Iterator[str]:
    for row in rows:
        yield f"    {row.names}={row.default}:"
        yield from textwrap.wrap(
            row.help, WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8, break_on_hyphens=False
        )
        yield ""

"""Completion for kubectl: the choices for the last word of a command line.

kubectl runs `kubectl_complete-imagepull WORD...` and reads a line `choice<TAB>description` each, and last `:N`, what the shell is
to do with them (kubectl: pkg/cmd/plugin/plugin_completion.go; cobra: completions.go, ShellCompDirective). A person waits between
two keys: nothing heavy is imported for what needs no cluster, and what needs one is left out where it does not answer at once.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TextIO

from ..text import printable
from .commands import COMMANDS, ROOT, Command, all_flags, flags_for
from .flags import Args, Flag, NeedsValue, UsageError, read, verb_at
from .streams import open_all

NO_SPACE, NO_FILES, KEEP_ORDER, FILES = 2, 4, 32, 0
"""cobra's ShellCompDirective: bits; FILES lets the shell offer its own."""
PATIENCE = 2.0
"""Seconds for what is asked of a cluster, the start of the client included."""
FILE_FLAGS = frozenset(
    {
        "case",
        "save-case",
        "filename",
        "kubeconfig",
        "kuberc",
        "certificate-authority",
        "client-certificate",
        "client-key",
        "cache-dir",
        "to",
    }
)
"""Flags whose value is the name of a file."""
LONGEST = 70
"""Characters of a description."""
DATA = pathlib.Path(__file__).parents[1] / "catalogue"

Choices = Iterable[tuple[str, str]]


def main(words: Sequence[str] | None = None) -> int:
    """The program kubectl_complete-imagepull: print the choices for the last word. It ends the process, with 0 in any case.

    An error has no place between two keys: then there are no choices.
    """
    # kubectl shows what is written there, and a credential plugin must not wait for an answer
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 2)
    try:
        open_all()
        complete(sys.argv[1:] if words is None else words, sys.stdout)
        sys.stdout.flush()
    finally:
        # not by the usual way: a thread may still wait for a silent server
        os._exit(0)


def complete(words: Sequence[str], out: TextIO) -> None:
    """Write the choices for the last of the words, "" for one that is not begun; the words do not hold our own name."""
    choices, directive = _choices(list(words[:-1]), words[-1] if words else "")
    for word, what in choices:
        short = what if len(what) <= LONGEST else what[: LONGEST - 3] + "..."
        out.write(printable(word) + (f"\t{printable(short)}" if short else "") + "\n")
    out.write(f":{directive}\n")


def _choices(before: list[str], last: str) -> tuple[list[tuple[str, str]], int]:
    """(choices that begin with the last word, directive)."""
    at = verb_at(before, all_flags())
    command = COMMANDS.get(before[at], ROOT) if at is not None else ROOT
    words = before if at is None else [*before[:at], *before[at + 1 :]]
    if "--" not in before:
        by_name = {flag.name: flag for flag in flags_for(command)}
        waiting = _waiting(words, flags_for(command))
        name, equals, begun = last[2:].partition("=") if last.startswith("--") else ("", "", "")
        if waiting is not None:
            return _values(waiting, command, _given(words[:-1], command), last)
        if equals:
            # what shells put behind the "=" is the value alone
            flag = by_name.get(name)
            return ([], NO_FILES) if flag is None else _values(flag, command, _given(words, command), begun)
        if last.startswith("-"):
            return _fitting(_names(command, _given(words, command)), last), NO_FILES
    if at is None or before[at] == "help":
        return _fitting(((c.name, c.short) for c in COMMANDS.values() if not c.hidden), last), NO_FILES
    operands = {"why": _targets, "pin": _targets, "probe-node": _nodes, "explain": _explained}.get(command.name)
    return operands(_given(words, command), last) if operands is not None else ([], NO_FILES)


def _waiting(words: Sequence[str], flags: Iterable[Flag]) -> Flag | None:
    """The flag whose value the next word is."""
    try:
        read(words, flags)
    except NeedsValue as error:
        return error.flag
    except UsageError:
        pass
    return None


def _given(words: Sequence[str], command: Command) -> Args:
    """The command line so far, without what cannot be read yet."""
    for end in range(len(words), -1, -1):
        try:
            return read(words[:end], flags_for(command))
        except UsageError:
            continue
    return read((), flags_for(command))


def _names(command: Command, args: Args) -> Choices:
    """The flags of a command, its own first, without those that are given and count once."""
    for flag in flags_for(command):
        if flag.repeated or getattr(args, flag.field) == flag.default:
            yield f"--{flag.name}", flag.help.rstrip(": .")


def _fitting(choices: Choices, begun: str) -> list[tuple[str, str]]:
    return [(word, what) for word, what in choices if word.startswith(begun)]


def _values(flag: Flag, command: Command, args: Args, begun: str) -> tuple[list[tuple[str, str]], int]:
    """The values of a flag."""
    if flag.name in FILE_FLAGS:
        return [], FILES
    if flag.name == "via":
        from ..model.vocabulary import RUNGS

        return _fitting(RUNGS.items(), begun), NO_FILES | KEEP_ORDER
    if flag.name in ("namespace", "probe-namespace"):
        return _fitting(_asked(args, lambda of, api: of.namespaces(api)), begun), NO_FILES
    if flag.name == "context":
        return _fitting(_contexts(args), begun), NO_FILES
    if flag.name == "compare-node":
        return _fitting(
            [("auto", "a node that runs the image"), *_asked(args, lambda of, api: of.nodes(api))], begun
        ), NO_FILES
    if flag.name == "registry":
        node = args.operands[-1].rpartition("/")[2] if args.operands else ""
        return _fitting(_asked(args, lambda of, api: of.registries(api, node)), begun), NO_FILES
    return _fitting(((word, "") for word in flag.choices()), begun), NO_FILES


# ---- operands --------------------------------------------------------------------------------------------------------


def _targets(args: Args, begun: str) -> tuple[list[tuple[str, str]], int]:
    """Pods and workloads for `why` and `pin`: NAME, KIND/NAME, or the names behind a KIND."""
    if getattr(args, "all_namespaces", False) or getattr(args, "case", None) is not None or args.filename:
        return [], NO_FILES
    from ..session.named import KINDS  # not above: most questions need none

    word, slash, name = begun.partition("/")
    first = args.operands[0].lower() if args.operands else ""
    if slash:
        kind = KINDS.get(word.lower())
        found = _fitting(_of_kind(args, kind), name) if kind else []
        return [(f"{word}/{one}", what) for one, what in found], NO_FILES | KEEP_ORDER
    if first in KINDS and "/" not in first:
        return _fitting(_of_kind(args, KINDS[first]), begun), NO_FILES | KEEP_ORDER
    pods = _fitting(_asked(args, lambda of, api: of.pods(api)), begun)
    kinds = _fitting(((f"{one.lower()}/", f"a {one}") for one in dict.fromkeys(KINDS.values())), begun)
    if pods:
        # a kind only where it has been begun: who looks for a pod has no use for seven more lines
        return [*pods, *(kinds if begun else [])], NO_FILES | KEEP_ORDER
    return kinds, NO_FILES | NO_SPACE


def _of_kind(args: Args, kind: str) -> Choices:
    return (
        _asked(args, lambda of, api: of.pods(api))
        if kind == "Pod"
        else _asked(args, lambda of, api: of.workloads(api, kind))
    )


def _nodes(args: Args, begun: str) -> tuple[list[tuple[str, str]], int]:
    """Nodes for `probe-node`, without those that are named already."""
    if args.all or args.selector:
        return [], NO_FILES
    kind, slash, name = begun.rpartition("/")
    named = {word.rpartition("/")[2] for word in args.operands}
    found = _fitting(_asked(args, lambda of, api: of.nodes(api)), name)
    return [(f"{kind}{slash}{one}", what) for one, what in found if one not in named], NO_FILES


def _explained(args: Args, begun: str) -> tuple[list[tuple[str, str]], int]:
    """What `explain` can be asked about."""
    if args.operands:
        return [], NO_FILES
    return _fitting(explainable(), begun), NO_FILES


def explainable() -> list[tuple[str, str]]:
    """(name, title) of every cause, waiting reason, platform and registry.

    Read line by line from the files of the catalogue: to load them takes longer than a person waits for a key.
    """
    causes = "".join(file.read_text(encoding="utf-8") for file in sorted((DATA / "causes").glob("*.yaml")))
    reasons = (DATA / "reasons.yaml").read_text(encoding="utf-8").partition("\nreasons:\n")[2]
    platforms = (DATA / "platforms.yaml").read_text(encoding="utf-8")
    registries = (DATA / "registries.yaml").read_text(encoding="utf-8").partition("\nregistries:\n")[2]
    found = [
        *re.findall(r"^([a-z0-9_.]+):\n  title: (.*)$", causes, re.MULTILINE),
        *((name, "a waiting reason") for name in re.findall(r"^  ([A-Za-z]+):$", reasons, re.MULTILINE)),
        *re.findall(r"^id: (.*)\ntitle: (.*)$", platforms, re.MULTILINE),
        *re.findall(r"^  ([a-z0-9-]+):\n    title: (.*)$", registries, re.MULTILINE),
    ]
    return [(name, re.sub(r"\{(\w+)\}", r"<\1>", title.strip("'\""))) for name, title in found]


# ---- a cluster -------------------------------------------------------------------------------------------------------


def _asked(args: Args, question: Callable[[Any, Any], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """What a question finds on the cluster of the command line; nothing where it cannot be had in time.

    question: of the module session.choices and an Api, which are imported when it is asked.
    """

    def ask() -> list[tuple[str, str]]:
        from ..session import Api, choices
        from .options import flags_of

        return question(choices, Api(replace(flags_of(args), request_timeout=PATIENCE)))

    return _in_time(ask)


def _contexts(args: Args) -> list[tuple[str, str]]:
    def ask() -> list[tuple[str, str]]:
        from ..session.choices import contexts
        from .options import flags_of

        return contexts(flags_of(args))

    return _in_time(ask)


def _in_time(ask: Callable[[], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """What `ask` gives within PATIENCE; nothing where it raises or takes longer."""
    from ..errors import KubeError

    found: list[tuple[str, str]] = []

    def run() -> None:
        # a file that cannot be read, or a namespace that can be none, is no matter here either
        with contextlib.suppress(KubeError, UsageError, OSError):
            found.extend(ask())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return list(found)

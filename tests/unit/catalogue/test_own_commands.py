"""Every command of this program that the catalogue prints, or names in a sentence, is one that its command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_imagepull import catalogue
from kubectl_imagepull.catalogue.view import fixes_of
from kubectl_imagepull.cli.commands import COMMANDS, flags_for
from kubectl_imagepull.cli.flags import UsageError, read

OWN = "kubectl imagepull "


def parses(command: str) -> None:
    """Raises UsageError, or AssertionError for a verb that is none."""
    verb, *words = shlex.split(re.sub(r"<([a-z_-]+)>", r"\1", command))[2:]
    assert verb in COMMANDS, command
    read(words, flags_for(COMMANDS[verb]))


def printed() -> Iterator[str]:
    for entry in catalogue.load().values():
        for fix in fixes_of(entry):
            yield from (command for command in fix.commands if OWN in command)


@pytest.mark.parametrize("command", sorted(set(printed())))
def test_a_printed_command_parses(command: str) -> None:
    parses(command[command.index(OWN) :])


def test_a_command_that_does_not_parse_is_told() -> None:
    for wrong in ("kubectl imagepull chekc -f x", "kubectl imagepull why <pod> --no-such-flag"):
        with pytest.raises((AssertionError, UsageError)):
            parses(wrong)


def test_no_sentence_names_a_verb_that_is_none() -> None:
    for file in sorted(Path(catalogue.__file__).parent.rglob("*.yaml")):
        for verb in re.findall(r"kubectl imagepull ([a-z-]+)", file.read_text(encoding="utf-8")):
            assert verb in COMMANDS, f"{file.name}: {verb}"

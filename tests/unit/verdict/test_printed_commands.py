"""No name runs anything: hostile text in every field that holds one, and every printed command in a real shell.

`python -m tests.printed_commands` does the same for every text field of every case.
"""

from __future__ import annotations

import pytest

from tests import printed_commands
from tests.printed_commands import in_shell, run, structure


def test_no_printed_command_does_what_a_name_says() -> None:
    tally = run(600, names_only=True)
    assert tally.injections == []
    assert tally.judgements == 600 and tally.commands > 200 and len(tally.crashes) < 3


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("kubectl delete pod x$(pwned)", "runs what a name says"),
        ("kubectl delete pod x; pwned", "runs what a name says"),
        ("kubectl delete pod 'x'\npwned", "runs what a name says"),
        ("kubectl delete pod `reboot`", "runs another program"),
        ("kubectl delete pod x > stolen", "a file 'stolen' is made"),
        ("kubectl delete pod --all", "a name is the option '--all'"),
        ("kubectl delete pod 'x$(pwned)'", ""),
    ],
)
def test_the_shell_sees_an_injection(command: str, said: str) -> None:
    wrong = in_shell([command], frozenset({"-n"}))
    assert (wrong == []) == (said == "") and said in "".join(wrong)


def test_the_structure_is_that_of_the_shell() -> None:
    assert structure("a 'b|c' | d && e > f") == "| && >"
    assert structure("a=<host>:<port>") == ""


def test_every_payload_is_tried() -> None:
    missing = set(printed_commands.PAYLOADS)
    assert len(missing) >= 10
    for name, _ in printed_commands.mutations(names_only=True):
        missing = {payload for payload in missing if repr(payload) not in name}
        if not missing:
            break  # all of them are hundreds of thousands
    assert not missing

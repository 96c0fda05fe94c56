"""Commands are argument lists until they are joined: whatever a value holds, a shell reads it as the text that it is."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull.command import (
    Blank,
    Unfit,
    Variable,
    argv,
    fields,
    fill,
    is_name,
    join,
    parse,
    with_blanks,
)
from kubectl_imagepull.model import ProbeRun

TEXT = st.text(
    st.characters(exclude_categories=["C", "Zl", "Zp"], include_characters="$`'\"\\;|&<>(){}#!*?~ "), min_size=1
)


@given(st.lists(TEXT, min_size=1))
def test_a_shell_reads_the_words_that_were_given(words: list[str]) -> None:
    words = [w for w in words if w.isprintable()] or ["x"]
    assert shlex.split(join(argv(*words))) == words


@given(TEXT.filter(lambda t: t.isprintable() and not t.startswith("-")))
def test_a_value_stays_one_word(value: str) -> None:
    line = join(fill(parse("kubectl get {pod} -o json | jq '.a'"), {"pod": value}))
    assert shlex.split(line) == ["kubectl", "get", value, "-o", "json", "|", "jq", ".a"]


@pytest.mark.parametrize(
    ("template", "values", "shown"),
    [
        ("a {x}", {"x": "b"}, "a b"),
        ("a -n {x}", {"x": "b c"}, "a -n 'b c'"),
        ("a --to={x}", {"x": "-b"}, "a --to=-b"),
        ('a \'{{"k":"{x}"}}\'', {"x": "v"}, 'a \'{"k":"v"}\''),
        ("a {x}=<host>:<port>/b", {"x": "c"}, "a c=<host>:<port>/b"),
        ("a {x}=<host>/b", {"x": "c d"}, "a 'c d=<host>/b'"),
        ('a --p="$TOKEN"', {}, 'a --p="$TOKEN"'),
        ('a "{x}$TOKEN"', {"x": "b"}, 'a b"$TOKEN"'),
        ('a "b\\"c"', {}, "a 'b\"c'"),
        ("a b\\ c", {}, "a 'b c'"),
        ("a ''", {}, "a ''"),
        ("a </dev/null && b || c > d.{x}", {"x": "e"}, "a </dev/null && b || c > d.e"),
        ("a {x}", {"x": with_blanks("<b>,c")}, "a <b>,c"),
        ("a '{x}'", {"x": with_blanks("<b>")}, "a '<b>'"),
    ],
)
def test_templates(template: str, values: dict[str, str], shown: str) -> None:
    command = parse(template)
    assert fields(command) == set(values)
    assert join(fill(command, values)) == shown


@pytest.mark.parametrize(
    ("template", "value", "said"),
    [
        ("a {x}", "-b", "x would be an option"),
        ("a {x}", "b\nc", "a control character"),
        ("a {x}", "b\u202ec", "a control character"),
        ("a {x}", "b\u2028c", "a control character"),
        ("a '\"{x}\"'", 'b"c', "x does not fit into quotes"),
        ("a '\"{x}\"'", "b%sc", "x does not fit into quotes"),
        ("a '\"{x}\"'", "b\\c", "x does not fit into quotes"),
        ("a {y}", "b", "y is not known"),
    ],
)
def test_what_does_not_fit_makes_no_command(template: str, value: str, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        join(fill(parse(template), {"x": value}))


def test_a_template_is_no_command() -> None:
    with pytest.raises(Unfit, match="x is not filled in"):
        join(parse("a {x}"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *[(name, True) for name in ("web-0", "a.b-c.d", "a" * 253)],
        *[(name, False) for name in ("", "Web", "-a", "a-", "a..b", "a\n", "../a", "a" * 254)],
    ],
)
def test_names(text: str, name: bool) -> None:
    assert is_name(text) == name


def test_parts_are_told_apart() -> None:
    (simple,) = parse('a <b> "$C" d').simple
    assert simple.words == (("a",), (Blank("b"),), (Variable("C"),), ("d",))


@pytest.mark.parametrize(
    ("run", "command"),
    [
        (ProbeRun(namespace="shop", owner="job/imagepull-ab12"), "kubectl delete job imagepull-ab12 -n shop"),
        (ProbeRun(namespace="shop", owner="pod/imagepull-ab12cd"), "kubectl delete pod imagepull-ab12cd -n shop"),
        (ProbeRun(namespace="shop"), "kubectl imagepull cleanup -n shop"),
        (ProbeRun(namespace="shop; reboot"), ""),
        (ProbeRun(namespace="shop; reboot", owner="job/imagepull-ab12"), ""),
        (ProbeRun(namespace="shop", owner="job/$(reboot)"), ""),
        (ProbeRun(namespace="shop", owner="job/--all"), ""),
        (ProbeRun(namespace="shop", owner="$(reboot)/x"), ""),
    ],
)
def test_the_removal_of_a_probe(run: ProbeRun, command: str) -> None:
    assert run.removal == command

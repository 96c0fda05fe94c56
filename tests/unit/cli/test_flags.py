"""Flags are read as kubectl reads its own.

The tables are what kubectl 1.32 does; tests/e2e/test_flags.py puts them through the real one again.
"""

from __future__ import annotations

import pytest

from kubectl_imagepull.cli.commands import WHY, all_flags, flags_for
from kubectl_imagepull.cli.flags import Args, UsageError, go_duration, read, request_timeout, seconds, verb_at

NAMESPACE_OF: list[tuple[list[str], str]] = [
    (["-nfoo"], "foo"),
    (["-n=foo"], "foo"),
    (["-n", "foo"], "foo"),
    (["--namespace=foo"], "foo"),
    (["--namespace", "foo"], "foo"),
    (["--namespace=a", "-nb"], "b"),
    (["-na", "--namespace=b", "-n", "c"], "c"),
    (["-n="], "="),
    (["-n=="], "="),
    (["-n=a=b"], "a=b"),
    (["--namespace="], ""),
    (["--namespace", "--context"], "--context"),
    (["-n", "--"], "--"),
    (["-n", "-n"], "-n"),
    (["-namespace=foo"], "amespace=foo"),
    (["--tls_server_name=x", "-nq"], "q"),
    (["--insecure-skip-tls-verify=TRUE", "-nq"], "q"),
    (["--insecure-skip-tls-verify=0", "-nq"], "q"),
    (["--insecure-skip-tls-verify=F", "-nq"], "q"),
    (["--insecure-skip-tls-verify", "-nq"], "q"),
    (["--warnings-as-errors=False", "-nq"], "q"),
    (["-v6", "-nq"], "q"),
    (["-v=6", "-nq"], "q"),
    (["--v=6", "-nq"], "q"),
    (["--v", "-1", "-nq"], "q"),
    (["-v", "+6", "-nq"], "q"),
    (["-v", "0000000000000000006", "-nq"], "q"),
    (["--help=false", "-nq"], "q"),
    (["-s=", "-nq"], "q"),
    (["--token", "-nq", "-nq2"], "q2"),
    (["-n", "a b"], "a b"),
    (["-n", 'a"b'], 'a"b'),
    (["-nö"], "ö"),
]
"""Words of connection flags, and the namespace that kubectl takes from them."""

REFUSED: list[tuple[list[str], str]] = [
    (["--names=foo"], "error: unknown flag: --names"),
    (["--namespac", "foo"], "error: unknown flag: --namespac"),
    (["--Namespace=foo"], "error: unknown flag: --Namespace"),
    (["--name_space=x"], "error: unknown flag: --name_space"),
    (
        ["--insecure_skip_tls_verify=x"],
        'error: invalid argument "x" for "--insecure-skip-tls-verify" flag: strconv.ParseBool: parsing "x": invalid syntax',
    ),
    (["-n"], "error: flag needs an argument: 'n' in -n"),
    (["--namespace"], "error: flag needs an argument: --namespace"),
    (["--context"], "error: flag needs an argument: --context"),
    (["--nope"], "error: unknown flag: --nope"),
    (["--nope=1"], "error: unknown flag: --nope"),
    (["--nope", "x"], "error: unknown flag: --nope"),
    (["-Z"], "error: unknown shorthand flag: 'Z' in -Z"),
    (["-Zx"], "error: unknown shorthand flag: 'Z' in -Zx"),
    (["-nfoo", "-Z"], "error: unknown shorthand flag: 'Z' in -Z"),
    (["---x"], "error: bad flag syntax: ---x"),
    (["--=x"], "error: bad flag syntax: --=x"),
    (["--=", "x"], "error: bad flag syntax: --="),
    (
        ["--insecure-skip-tls-verify=may"],
        'error: invalid argument "may" for "--insecure-skip-tls-verify" flag: strconv.ParseBool: parsing "may": invalid syntax',
    ),
    (
        ["--insecure-skip-tls-verify=yes"],
        'error: invalid argument "yes" for "--insecure-skip-tls-verify" flag: strconv.ParseBool: parsing "yes": invalid syntax',
    ),
    (
        ["--insecure-skip-tls-verify="],
        'error: invalid argument "" for "--insecure-skip-tls-verify" flag: strconv.ParseBool: parsing "": invalid syntax',
    ),
    (
        ["--insecure-skip-tls-verify=tRUE"],
        'error: invalid argument "tRUE" for "--insecure-skip-tls-verify" flag: strconv.ParseBool: parsing "tRUE": invalid syntax',
    ),
    (
        ["--disable-compression=2"],
        'error: invalid argument "2" for "--disable-compression" flag: strconv.ParseBool: parsing "2": invalid syntax',
    ),
    (["-v", "x"], 'error: invalid argument "x" for "-v, --v" flag: strconv.ParseInt: parsing "x": invalid syntax'),
    (["-vx"], 'error: invalid argument "x" for "-v, --v" flag: strconv.ParseInt: parsing "x": invalid syntax'),
    (["-v"], "error: flag needs an argument: 'v' in -v"),
    (["-v=6x"], 'error: invalid argument "6x" for "-v, --v" flag: strconv.ParseInt: parsing "6x": invalid syntax'),
    (
        ["-v", "0x6"],
        'error: invalid argument "0x6" for "-v, --v" flag: strconv.ParseInt: parsing "0x6": invalid syntax',
    ),
    (
        ["-v", "6.5"],
        'error: invalid argument "6.5" for "-v, --v" flag: strconv.ParseInt: parsing "6.5": invalid syntax',
    ),
    (
        ["-v", "99999999999"],
        'error: invalid argument "99999999999" for "-v, --v" flag: strconv.ParseInt: parsing "99999999999": value out of range',
    ),
    (
        ["-v", "1_0"],
        'error: invalid argument "1_0" for "-v, --v" flag: strconv.ParseInt: parsing "1_0": invalid syntax',
    ),
    (["-v", ""], 'error: invalid argument "" for "-v, --v" flag: strconv.ParseInt: parsing "": invalid syntax'),
    (["--help", "--nope"], "error: unknown flag: --nope"),
    (["--as-group"], "error: flag needs an argument: --as-group"),
    (["-s"], "error: flag needs an argument: 's' in -s"),
    (
        ["-v", 'a"b\\c'],
        'error: invalid argument "a\\"b\\\\c" for "-v, --v" flag: strconv.ParseInt: parsing "a\\"b\\\\c": invalid syntax',
    ),
    (
        ["-v", "a\tb"],
        'error: invalid argument "a\\tb" for "-v, --v" flag: strconv.ParseInt: parsing "a\\tb": invalid syntax',
    ),
    (["--ö"], "error: unknown flag: --ö"),
]
"""Words that kubectl refuses, and how it says so. "See 'kubectl ... --help' for usage." follows in each."""


def joined(value: object) -> str:
    """The name of a test: the words of its command line."""
    return " ".join(value) if isinstance(value, list) else ""


def given(*words: str) -> Args:
    return read(words, flags_for(WHY))


@pytest.mark.parametrize(("words", "namespace"), NAMESPACE_OF, ids=joined)
def test_what_kubectl_takes_is_taken(words: list[str], namespace: str) -> None:
    assert given(*words).namespace == namespace


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=joined)
def test_what_kubectl_refuses_is_refused_in_its_words(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        given(*words)
    assert (str(caught.value), caught.value.pointed) == (said, True)


def test_the_tables_are_large_enough() -> None:
    assert len(NAMESPACE_OF) + len(REFUSED) > 60


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", 0),
        ("30s", 30),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("250ms", 0.25),
        (".5s", 0.5),
        ("1.s", 1),
        ("+5s", 5),
        ("-1m", -60),
        ("1h2m3s", 3723),
        ("1us1µs1μs1ns", 3.001e-6),
        ("2562047h", 9223369200),
    ],
)
def test_durations_of_go(text: str, length: float) -> None:
    assert go_duration(text) == pytest.approx(length)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'time: invalid duration ""'),
        ("soon", 'time: invalid duration "soon"'),
        (".s", 'time: invalid duration ".s"'),
        ("-", 'time: invalid duration "-"'),
        ("s", 'time: invalid duration "s"'),
        ("30", 'time: missing unit in duration "30"'),
        ("1s2", 'time: missing unit in duration "1s2"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
        ("1S", 'time: unknown unit "S" in duration "1S"'),
        ("٣s", 'time: invalid duration "٣s"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_durations_that_go_refuses(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        go_duration(text)
    assert str(caught.value) == said


def test_whole_numbers_are_seconds() -> None:
    assert (seconds("30"), seconds("007"), seconds(".5s")) == (30, 7, 0.5)
    with pytest.raises(ValueError):
        seconds("1.5")


@pytest.mark.parametrize(("text", "limit"), [("0", 0), ("0s", 0), ("-1s", 0), ("5", 5), ("2m", 120), (".5s", 0.5)])
def test_request_timeouts(text: str, limit: float) -> None:
    assert request_timeout(text) == limit
    assert given("--request-timeout", text).request_timeout == limit
    assert given().request_timeout is None


def test_a_request_timeout_that_is_none_is_refused_in_kubectls_words() -> None:
    for text in ("x", "", "1.5", "-5", "5x"):
        with pytest.raises(UsageError) as caught:
            given(f"--request-timeout={text}")
        assert str(caught.value).startswith("error: Invalid timeout value. Timeout must be a single integer in seconds")


def test_lists_and_switches() -> None:
    args = given("-f", "a,b", "-f=c", "--as-group", "x,y", "--as-group=z", "-Aw", "-lapp=x", "p", "--", "-n", "q")
    assert args.filename == ("a", "b", "c") and args.as_group == ("x,y", "z")
    assert (args.all_namespaces, args.watch, args.selector, args.namespace) == (True, True, "app=x", "")
    assert args.operands == ["p", "-n", "q"]
    assert given("-f", '"a,b",c').filename == ("a,b", "c") and given("-f", ",a").filename == ("", "a")
    assert given("-f", "").filename == () and given("-f", 'x,"say ""a"""').filename == ("x", 'say "a"')
    assert given("-A=false").all_namespaces is False and given("-wA=0").watch is True
    # what was not said is left to the kubeconfig
    assert given().insecure_skip_tls_verify is None and given("--disable-compression=f").disable_compression is False


def test_the_last_of_several_counts() -> None:
    assert given("-o", "json", "-oyaml").output == "yaml"
    assert given("--watch", "--watch=false").watch is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["-o", "xml"],
            'error: unable to match a printer suitable for the output format "xml", allowed formats are: html,',
        ),
        (["--via", "magic"], 'error: invalid argument "magic" for "--via" flag: must be one of host-python, '),
        (["--timeout", "soon"], 'error: invalid argument "soon" for "--timeout" flag: time: invalid duration "soon"'),
        (["-f", 'a"b'], 'error: invalid argument "a\\"b" for "-f, --filename" flag: parse error on line 1'),
        (["-A=maybe"], 'error: invalid argument "maybe" for "-A, --all-namespaces" flag: strconv.ParseBool: '),
    ],
)
def test_values_that_are_none(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        given(*words)
    assert str(caught.value).startswith(said)


def test_other_names_of_a_rung() -> None:
    assert given("--via", "rehearsal").via == "trial-pull"


@pytest.mark.parametrize(
    ("words", "at"),
    [
        (["why", "x"], 0),
        (["-n", "why", "x"], 2),
        (["-nwhy", "why"], 1),
        (["-n=why", "why"], 1),
        (["--namespace", "why", "x"], 2),
        (["--namespace=why", "x"], 1),
        (["-A", "why"], 1),
        (["-Al", "a=b", "why"], 2),
        (["-wlapp=x", "why"], 1),
        (["--nope", "why"], 1),
        (["--tls_server_name", "why", "x"], 2),
        (["--", "why"], 1),
        (["-", "why"], 0),
        (["--"], None),
        (["-A"], None),
        (["-n"], None),
        ([], None),
    ],
)
def test_where_the_verb_stands(words: list[str], at: int | None) -> None:
    assert verb_at(words, all_flags()) == at


def test_a_flag_takes_a_value_in_every_command_or_in_none() -> None:
    """Before the verb nobody knows yet whose flag it is."""
    kinds: dict[str, set[bool]] = {}
    for flag in all_flags():
        for name in filter(None, (flag.name, flag.short)):
            kinds.setdefault(name, set()).add(flag.takes_value)
    assert {name for name, kind in kinds.items() if len(kind) > 1} == set()

"""Flags as kubectl reads them: its library is spf13/pflag, and so are the rules and the words of its errors.

argparse takes abbreviations, refuses `-A=true`, loses flags before a verb and words its errors in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import lazily
from ..text import printable, spelled


class UsageError(Exception):
    """A command line that cannot be meant. str(): one line, values of the command line printable.

    The line is followed by a second one: what to do instead (advice), or else where the help is (pointed), which whoever knows
    the command adds.
    """

    def __init__(self, line: str, advice: str = "", pointed: bool = True) -> None:
        """pointed: the help tells more. False where a file or an object is at fault, not the command line."""
        self.advice, self.pointed = printable(advice), pointed and not advice
        super().__init__(printable(line))


class NeedsValue(UsageError):
    """A flag at the end of a command line whose value is not there. flag: that one."""

    def __init__(self, flag: Flag, named: str) -> None:
        self.flag = flag
        super().__init__(f"error: flag needs an argument: {named}")


@dataclass(frozen=True)
class Flag:
    """One flag of a command."""

    name: str
    """The long name without dashes."""
    help: str
    """What it does, for the help: one sentence or more."""
    short: str = ""
    """The shorthand, one letter; "" for none."""
    metavar: str = ""
    """What its value is, for the reference; "" for a switch."""
    default: Any = ""
    """The value where it is not given; an empty tuple where it may be given more than once."""
    read: Callable[[str], Any] = str
    """Makes the value of a text. Raises ValueError with the reason, in Go's words where kubectl has the same kind of value."""
    bare: str | None = None
    """The text that is read where no value follows: "true" for a switch; None where a value must follow."""
    choices: Callable[[], Collection[str]] = tuple
    """The values that there are, for completion; empty where there is no list. A function, for some take time to import."""
    shown: str | None = None
    """The default as the help shows it, where that is not what `default` says."""

    @property
    def field(self) -> str:
        """The attribute of `Args` that holds its value."""
        return {"as": "as_", "v": "verbosity"}.get(self.name, self.name.replace("-", "_"))

    @property
    def names(self) -> str:
        """As the help and errors name it: "-n, --namespace"."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"

    @property
    def takes_value(self) -> bool:
        """Whether the next word is its value where none is given with it."""
        return self.bare is None

    @property
    def repeated(self) -> bool:
        """Whether each time that it is given adds to a list; of others the last one counts."""
        return isinstance(self.default, tuple)


class Args:
    """A command line that was read: the operands, and for each flag an attribute of `Flag.field`."""

    def __init__(self, operands: Sequence[str], values: Mapping[str, Any]) -> None:
        self.operands = list(operands)
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        """The value of a flag. Raises AttributeError for one that the command does not have."""
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None


def read(words: Sequence[str], flags: Iterable[Flag]) -> Args:
    """Read a command line without its verb. Raises UsageError in pflag's words (spf13/pflag v1.0.10: flag.go, errors.go)."""
    long = {flag.name: flag for flag in flags}
    short = {flag.short: flag for flag in long.values() if flag.short}
    values: dict[str, Any] = {flag.field: flag.default for flag in long.values()}
    operands: list[str] = []
    rest = list(words)

    def put(flag: Flag, text: str) -> None:
        try:
            value = flag.read(text)
        except ValueError as error:
            raise UsageError(f'error: invalid argument {quoted(text)} for "{flag.names}" flag: {error}') from None
        values[flag.field] = (*values[flag.field], *value) if flag.repeated else value

    def value_of(flag: Flag, missing: str) -> str:
        if flag.bare is not None:
            return flag.bare
        if not rest:
            raise NeedsValue(flag, missing)
        return rest.pop(0)

    while rest:
        word = rest.pop(0)
        if word == "--":
            operands += rest
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
        elif word.startswith("--"):
            name, equals, text = word[2:].partition("=")
            if not name or name.startswith("-"):
                raise UsageError(f"error: bad flag syntax: {word[:100]}")
            # kubectl reads - and _ in a name alike (component-base: cli/flag, WordSepNormalizeFunc)
            flag = long.get(name.replace("_", "-"))
            if flag is None:
                raise UsageError(f"error: unknown flag: --{name[:100]}")
            put(flag, text if equals else value_of(flag, f"--{name}"))
        else:
            letters = word[1:]
            while letters:
                flag, after = short.get(letters[0]), letters[1:]
                if flag is None:
                    raise UsageError(f"error: unknown shorthand flag: {_letter(letters[0])} in -{letters[:100]}")
                if len(letters) > 2 and after.startswith("="):
                    text, letters = after[1:], ""
                elif flag.takes_value and after:
                    text, letters = after, ""
                else:
                    text, letters = value_of(flag, f"{_letter(letters[0])} in -{letters}"), after
                put(flag, text)
    return Args(operands, values)


def verb_at(words: Sequence[str], flags: Iterable[Flag]) -> int | None:
    """Where the verb stands: the first word that is neither a flag nor the value of one. None: there is none.

    flags: those of all commands, for they may stand before the verb too.
    """
    taking = [flag for flag in flags if flag.takes_value]
    names, letters = {flag.name for flag in taking}, {flag.short for flag in taking if flag.short}
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or word == "-":
            return at
        if word == "--":
            return at + 1 if at + 1 < len(words) else None
        if word.startswith("--"):
            follows = "=" not in word and word[2:].replace("_", "-") in names
        else:
            # the first letter that takes a value takes the rest of its word, and the next word only where there is no rest
            first = next((i for i, letter in enumerate(word) if letter in letters), 0)
            follows = bool(first) and first == len(word) - 1 and "=" not in word
        at += 2 if follows else 1
    return None


def quoted(text: str) -> str:
    """A value in an error, in double quotes as Go's %q has them; cut where it is long."""
    escaped = spelled(text.replace("\\", "\\\\").replace('"', '\\"'), 200)
    return f'"{escaped}"'


def _letter(letter: str) -> str:
    return f"'{spelled(letter)}'"


# ---- kinds of values -------------------------------------------------------------------------------------------------

_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


def boolean(text: str) -> bool:
    """A switch (Go: strconv.ParseBool). Raises ValueError."""
    if text not in _TRUE + _FALSE:
        raise ValueError(f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax")
    return text in _TRUE


def integer(text: str) -> int:
    """A whole number of 32 bits (Go: strconv.ParseInt). Raises ValueError."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    # cut, for Python itself refuses to read a number of thousands of digits
    value = int(text.lstrip("+-").lstrip("0")[:11] or "0") * (-1 if text.startswith("-") else 1)
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return value


_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # U+00B5
    "μs": 1e-6,  # U+03BC
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = lazily.pattern(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_MOST_SECONDS = (2**63 - 1) / 1e9


def go_duration(text: str) -> float:
    """A Go duration ("1m30s", ".5s", "0") -> seconds, negative ones too (Go: time.ParseDuration). Raises ValueError."""
    bad = ValueError(f"time: invalid duration {quoted(text)}")
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0.0
    if not unsigned:
        raise bad
    total = 0.0
    while unsigned:
        part = _PART.match(unsigned)
        if part is None or not (part.group(1) or part.group(2)):
            raise bad
        unit = part.group(3)
        if not unit:
            raise ValueError(f"time: missing unit in duration {quoted(text)}")
        if unit not in _UNITS:
            raise ValueError(f"time: unknown unit {quoted(unit)} in duration {quoted(text)}")
        total += float(f"{part.group(1) or 0}.{part.group(2) or 0}") * _UNITS[unit]
        unsigned = unsigned[part.end() :]
    if total > _MOST_SECONDS:
        raise bad
    return -total if text.startswith("-") else total


def seconds(text: str) -> float:
    """A Go duration, or a whole number of seconds. Raises ValueError."""
    return float(text) if re.fullmatch(r"[0-9]{1,9}", text) else go_duration(text)


def request_timeout(text: str) -> float:
    """--request-timeout -> seconds, 0 for no limit (client-go: tools/clientcmd/helpers.go, ParseTimeout).

    Raises UsageError: kubectl reads it only when it connects, and words it by itself.
    """
    try:
        # a client of Go takes a negative limit for none
        return max(0.0, seconds(text))
    except ValueError:
        raise UsageError(
            "error: Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a "
            "corresponding time unit (e.g. 1s | 2m | 3h)"
        ) from None


def once(text: str) -> tuple[str, ...]:
    """One more element of a list, commas and all (pflag: StringArray)."""
    return (text,)


_FIELD = lazily.pattern(r'(?:^|,)("(?:[^"]|"")*"|[^",]*)')
_RECORD = lazily.pattern(rf"(?:{_FIELD.pattern})+")


def with_commas(text: str) -> tuple[str, ...]:
    """Elements with commas between, as one record of CSV (pflag: StringSlice). Raises ValueError."""
    if not text:
        return ()
    if _RECORD.fullmatch(text) is None:
        raise ValueError("parse error on line 1: a quote is not closed, or stands within a value")
    fields = (match.group(1) for match in _FIELD.finditer(text))
    return tuple(f[1:-1].replace('""', '"') if f.startswith('"') else f for f in fields)


def one_of(choices: Callable[[], Collection[str]], aliases: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """A reader that takes these values, and others that mean them. It raises ValueError."""

    def read_choice(text: str) -> str:
        value = (aliases or {}).get(text, text)
        if value not in choices():
            raise ValueError(f"must be one of {', '.join(choices())}")
        return value

    return read_choice


def output(choices: Callable[[], Collection[str]]) -> Callable[[str], str]:
    """A reader of -o (cli-runtime: pkg/genericclioptions/print_flags.go, NoCompatiblePrinterError). It raises UsageError."""

    def read_output(text: str) -> str:
        if text not in choices():
            raise UsageError(
                f"error: unable to match a printer suitable for the output format {quoted(text)}, allowed formats are: "
                + ",".join(sorted(choices()))
            )
        return text

    return read_output

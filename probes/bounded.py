"""Reading what somebody else wrote in bounded time: a parser that takes too long is stopped."""

from __future__ import annotations

import re
import sys
import time
from types import FrameType
from typing import Any, Callable, Dict, Optional, Set, Tuple, TypeVar

T = TypeVar("T")
SECONDS = 3.0
"""For one file. No configuration written by hand takes a tenth of it."""
MOST_TOML = 256 << 10
MOST_YAML = 128 << 10
"""PyYAML in pure Python reads some 100 kB a second."""
MOST_ALIASES = 100
MOST_MERGED = 1000


class TooMuch(Exception):
    """What was to be read takes more time or memory than it is given; it says nothing about whether it is right. No ValueError:
    parsers take those for what is wrong with a value."""


_given_up: Set[Tuple[str, int]] = set()
"""Kind and hash of texts that took too long once: every image asks for the same files."""


def within(seconds: float, read: Callable[[], T], reader: str) -> T:
    """What `read` returns. reader: the package or module whose functions read. Raises TooMuch where it takes longer than that,
    and whatever it raises itself.

    Looks at the clock at every call of a Python function, so a single call into C is not stopped: bound its input.
    It raises in the reader's functions alone: what is raised in those that the garbage collector calls (a finalizer, a callback)
    goes nowhere, and nobody looks at the clock after it (CPython: Python/sysmodule.c, trace_trampoline).
    """
    end = time.monotonic() + seconds

    def look(frame: FrameType, event: str, _: Any) -> None:
        if time.monotonic() > end and f"{frame.f_globals.get('__name__')}.".startswith(f"{reader}."):
            raise TooMuch(f"is not read in {seconds:.0f} s")

    before = sys.gettrace()
    sys.settrace(look)  # of this thread alone
    try:
        return read()
    finally:
        sys.settrace(before)


def toml(text: str) -> Dict[str, Any]:
    """A TOML document. Raises TooMuch; ValueError (tomli.TOMLDecodeError among them) for what is none.

    tomli takes time that grows with the square of a dotted key's parts.
    """
    import tomli

    if len(text) > MOST_TOML:
        raise TooMuch(f"has more than {MOST_TOML >> 10} KiB")
    try:
        return once("toml", text, lambda: within(SECONDS, lambda: tomli.loads(text), "tomli"))
    except RecursionError:
        raise TooMuch("is nested too deeply") from None


def once(kind: str, text: str, read: Callable[[], T]) -> T:
    """What `read` returns; TooMuch at once for a text that took too long before. kind: of reading."""
    if (kind, hash(text)) in _given_up:
        raise TooMuch("was not read before either")
    try:
        return read()
    except TooMuch:
        _given_up.add((kind, hash(text)))
        raise


def yaml(text: str) -> Any:
    """A YAML document; numbers and dates stay text. Raises TooMuch, yaml.YAMLError and ValueError.

    Aliases and merged keys are counted: a few lines of them hold millions of entries (YAML 1.1, "Merge Key").
    """
    import yaml as library  # only nodes of k3s and RKE2 need it

    class Loader(library.SafeLoader):
        aliases = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(library.AliasEvent):
                self.aliases += 1
                if self.aliases > MOST_ALIASES:
                    raise TooMuch(f"has more than {MOST_ALIASES} aliases")
            return super().compose_node(parent, index)

        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)
            if len(node.value) > MOST_MERGED:
                raise TooMuch(f"has a table of more than {MOST_MERGED} entries")

    def text_of(loader: Any, node: Any) -> Any:
        return loader.construct_yaml_str(node)

    numbers = tuple(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp"))
    Loader.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] not in numbers]
        for first, pairs in library.SafeLoader.yaml_implicit_resolvers.items()
    }
    for tag in numbers:
        Loader.add_constructor(tag, text_of)
    if len(text) > MOST_YAML:
        raise TooMuch(f"has more than {MOST_YAML >> 10} KiB")
    return once(
        "yaml", text, lambda: within(SECONDS, lambda: library.load(text, Loader=Loader), "yaml")
    )  # a SafeLoader


# ---- logins ---------------------------------------------------------------------------------------------------------


def without_logins(text: str) -> str:
    """The text without what stands between // (or the word's beginning, where it has a colon) and the last @ of a word; of
    more than 2,000 characters the last word goes."""
    words = re.split(r"(\s)", text[:2000])
    if len(text) > 2000:
        words[-1] = "…"
    return "".join(_without_login(word) for word in words)


def _without_login(word: str) -> str:
    before, at, after = word.rpartition("@")
    if re.match(r"sha\d", after):  # a digest
        return _without_login(before) + at + after
    place, slashes, login = before.partition("//")
    if at and slashes and login:
        return f"{place}//{after}"
    return after if at and ":" in before else word


# ---- Go's regular expressions ---------------------------------------------------------------------------------------

MOST_PATTERN = 200
MOST_SUBJECT = 255
"""A repository's name has no more characters (distribution: reference/reference.go)."""
_REPEATS = re.compile(r"(?<!\\)(?:\\\\)*(?:[*+]|\{\d+,?\d*\})")
_OPTIONS = re.compile(r"(?<!\\)(?:\\\\)*\?")
_NOT_FOLLOWED = re.compile(
    r"""\)\s*(?:[*+]|\{\d)      # a group that is repeated: time may grow with a power of its length
      | \(\?(?![:P])            # look-around, flags: Go has none, or means another thing
      | \(\?P[=>]
      | \\[1-9AZQEpPzCbB]       # back-references, and escapes that only one of the two has or that differ
      | \[\[ | \[:              # POSIX classes are Go's alone
      | \{,                     # a number in Python, plain text in Go
      | [*+}?][+]               # possessive in Python, an error in Go""",
    re.VERBOSE,
)
_ONE_CHOICE = re.compile(r"[^|]*\([^()|]*(?:\|[^()|]*)+\)[^|]*|[^()]*")
"""Alternatives in one group, or where there is no group."""
MOST_CHOICES = 3
"""Bars elsewhere: groups of alternatives in a row take time that grows with the product of their numbers."""
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")


def go_replaced(pattern: str, template: str, subject: str) -> Optional[str]:
    """The subject as Go's regexp.ReplaceAllString makes it, None where that is not followed here.

    Go's expressions (RE2) take no time that grows with a power of their length; Python's may. So only those are followed whose
    search is short in Python too: no group that is repeated, two repeats, two optional pieces, few alternatives; and none that
    the two read differently.
    """
    if max(len(pattern), len(template)) > MOST_PATTERN or len(subject) > MOST_SUBJECT or _NOT_FOLLOWED.search(pattern):
        return None
    if len(_REPEATS.findall(pattern)) > 2 or len(_OPTIONS.findall(pattern.replace("(?", "("))) > 2:
        return None
    if pattern.count("|") > MOST_CHOICES and not _ONE_CHOICE.fullmatch(pattern):
        return None
    if not (subject + pattern).isascii():
        return None
    try:
        expression = re.compile(pattern, re.ASCII)
    except (re.error, OverflowError):
        return None

    def expanded(match: "re.Match[str]") -> str:
        def value(variable: "re.Match[str]") -> str:
            name = variable[1] or variable[2]
            if name is None:
                return "$"
            try:
                return match[int(name) if name.isdigit() else name] or ""
            except (IndexError, ValueError):
                return ""  # Go: a group that is not there is empty

        return _VARIABLE.sub(value, template)

    return expression.sub(expanded, subject)

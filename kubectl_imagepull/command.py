"""Commands for a person to paste: argument lists from end to end, quoted once, when they are joined.

What a registry, a node or an API object says only ever becomes text of one word. A word that would be read as an option, a
value that leaves the quotes of another language (JSON, jq, TOML) and a control character are refused, so that the command is
left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from . import lazily

Operator = Literal["|", "&&", "||"]
NAME = lazily.pattern(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LONGEST_NAME = 253
"""Characters (kubernetes: apimachinery pkg/util/validation, IsDNS1123Subdomain)."""
PLAIN = lazily.pattern(r"[A-Za-z0-9._:/@+=,-]+")
"""A value that means the same in the quotes of every language that a command may hold."""
_BLANK = lazily.pattern(r"<([a-z][a-z0-9_-]*)>")
_FIELD = lazily.pattern(r"\{([a-z_]+)\}")
_VARIABLE = lazily.pattern(r"\$([A-Z]+)")


class Unfit(ValueError):
    """A command cannot be written with these values. str(): which one, and why."""


@dataclass(frozen=True)
class Blank:
    """What a person fills in: `<name>`."""

    name: str
    """Lower-case letters, digits, `_` and `-`: so that a shell to which it is given unfilled finds no file and runs nothing."""

    def __str__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True)
class Variable:
    """A variable of the reader's shell, as `"$TOKEN"`: what is secret stands in no command."""

    name: str
    """Upper-case letters."""

    def __str__(self) -> str:
        return f"${self.name}"


@dataclass(frozen=True)
class Field:
    """The place of a value in a template."""

    name: str
    """What it is called in the catalogue."""
    nested: bool
    """It stands in a quoted part of the template, which is JSON, jq or TOML."""


Word = tuple[str | Blank | Variable | Field, ...]
"""The parts of one argument."""
Value = str | Word
"""What a field is filled with: text, or text with blanks in it."""


@dataclass(frozen=True)
class Simple:
    """One program with its arguments."""

    words: tuple[Word, ...]
    """The program and its arguments, at least one."""
    stdin: Word | None = None
    """The file that it reads, None for none."""
    stdout: Word | None = None
    """The file that it writes, None for none."""


@dataclass(frozen=True)
class Command:
    """One line for a shell: programs and what stands between them."""

    simple: tuple[Simple, ...]
    """At least one."""
    between: tuple[Operator, ...] = ()
    """One less than there are programs."""

    def __or__(self, other: Command) -> Command:
        """A pipe: what this writes is what the other reads."""
        return Command(self.simple + other.simple, (*self.between, "|", *other.between))


def argv(*words: Value, stdout: Value | None = None) -> Command:
    """The command of an argument list."""
    return Command((Simple(tuple(map(word, words)), stdout=None if stdout is None else word(stdout)),))


def word(value: Value) -> Word:
    """A value as one argument."""
    return (value,) if isinstance(value, str) else value


def with_blanks(text: str) -> Word:
    """A text of this program's own as a word, each `<name>` in it a blank."""
    parts: list[str | Blank | Variable | Field] = []
    at = 0
    for found in _BLANK.finditer(text):
        parts += [text[at : found.start()], Blank(found[1])]
        at = found.end()
    return tuple(part for part in (*parts, text[at:]) if part != "")


def is_name(text: str) -> bool:
    """Whether Kubernetes takes it as an object's name (an RFC 1123 subdomain): what is none stands in no command."""
    return len(text) <= LONGEST_NAME and NAME.fullmatch(text) is not None


def named(text: str) -> str:
    """The name of an object of Kubernetes. Raises Unfit for what is none."""
    if not is_name(text):
        raise Unfit(f"{text[:80]!r} is no name of an object")
    return text


def parse(template: str) -> Command:
    """A template of this program's own as argument lists. Raises ValueError for what is none.

    As a shell reads it, with `|`, `&&`, `||`, `<` and `>` between words, `{name}` for a field (braces that are meant are
    doubled), `<name>` for a blank and `"$NAME"` for a variable.
    """
    simple: list[Simple] = []
    between: list[Operator] = []
    words: list[Word] = []
    into: dict[str, Word] = {}
    redirect = ""
    for token in _tokens(template):
        if isinstance(token, tuple):
            if redirect:
                into[redirect] = token
                redirect = ""
            else:
                words.append(token)
        elif redirect:
            raise ValueError(f"nothing behind {redirect}: {template!r}")
        elif token in ("<", ">"):
            redirect = token
        else:
            simple.append(_simple(words, into, template))
            between.append(token)  # type: ignore[arg-type]  # of Operator: the scanner knows no other
            words, into = [], {}
    if redirect:
        raise ValueError(f"nothing behind {redirect}: {template!r}")
    return Command((*simple, _simple(words, into, template)), tuple(between))


def _simple(words: list[Word], into: Mapping[str, Word], template: str) -> Simple:
    if not words:
        raise ValueError(f"a program is missing: {template!r}")
    return Simple(tuple(words), into.get("<"), into.get(">"))


def _tokens(template: str) -> Iterator[Word | str]:
    """The words of a template, and the operators between them as text."""
    at = 0
    parts: list[str | Blank | Variable | Field] = []
    begun = False
    while at < len(template):
        run = PLAIN.match(template, at)
        if run:
            begun = True
            parts.append(run[0])
            at = run.end()
            continue
        rest = template[at:]
        blank = _BLANK.match(rest)
        operator = next((o for o in ("&&", "||", "|", "<", ">") if rest.startswith(o)), "") if not blank else ""
        if rest[0].isspace() or operator:
            if begun:
                yield _merged(parts)
            parts, begun = [], False
            if operator:
                yield operator
            at += len(operator) or 1
            continue
        begun = True
        if blank:
            parts.append(Blank(blank[1]))
            at += blank.end()
        elif rest[0] in "'\"":
            end = _end_of_quotes(template, at)
            parts += _quoted(template[at + 1 : end], rest[0])
            at = end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            parts.append(rest[1])
            at += 2
        elif rest[0] in "$`;&()*?[#~!":
            raise ValueError(f"{rest[0]} outside of quotes: {template!r}")
        else:
            found, length = _braces(rest, False, template)
            parts.append(found)
            at += length
    if begun:
        yield _merged(parts)


def _end_of_quotes(template: str, at: int) -> int:
    mark = template[at]
    end = at + 1
    while end < len(template) and template[end] != mark:
        end += 2 if mark == '"' and template[end] == "\\" else 1
    if end >= len(template):
        raise ValueError(f"quotes are not closed: {template!r}")
    return end


def _quoted(inner: str, mark: str) -> list[str | Blank | Variable | Field]:
    parts: list[str | Blank | Variable | Field] = []
    at = 0
    while at < len(inner):
        run = PLAIN.match(inner, at)
        if run:
            parts.append(run[0])
            at = run.end()
            continue
        rest = inner[at:]
        variable = _VARIABLE.match(rest) if mark == '"' else None
        if variable:
            parts.append(Variable(variable[1]))
            at += variable.end()
        elif mark == '"' and rest[0] == "\\" and rest[1:2] in ('"', "\\", "$", "`"):
            parts.append(rest[1])
            at += 2
        else:
            found, length = _braces(rest, True, inner)
            parts.append(found)
            at += length
    return parts or [""]


def _braces(rest: str, nested: bool, template: str) -> tuple[str | Field, int]:
    """A field, a brace that is meant, or one character; and how long it is in the template."""
    if rest.startswith(("{{", "}}")):
        return rest[0], 2
    field = _FIELD.match(rest)
    if field:
        return Field(field[1], nested), field.end()
    if rest[0] in "{}":
        raise ValueError(f"a brace alone: {template!r}")
    return rest[0], 1


def _merged(parts: Iterable[str | Blank | Variable | Field]) -> Word:
    """The same parts, texts beside each other as one."""
    merged: list[str | Blank | Variable | Field] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return tuple(merged)


def fields(command: Command) -> set[str]:
    """The names of the fields of a template."""
    return {part.name for one in _words(command) for part in one if isinstance(part, Field)}


def _words(command: Command) -> Iterator[Word]:
    for simple in command.simple:
        yield from simple.words
        yield from (one for one in (simple.stdin, simple.stdout) if one is not None)


def fill(template: Command, values: Mapping[str, Value]) -> Command:
    """The command with values in its fields. Raises Unfit for a field without a value, and for a value that does not fit."""

    def filled(one: Word | None) -> Word | None:
        return None if one is None else fill_word(one, values)

    return Command(
        tuple(
            Simple(tuple(fill_word(w, values) for w in s.words), filled(s.stdin), filled(s.stdout))
            for s in template.simple
        ),
        template.between,
    )


def fill_word(template: Word, values: Mapping[str, Value]) -> Word:
    """One word with values in its fields. Raises Unfit as `fill` does."""
    parts: list[str | Blank | Variable | Field] = []
    for number, part in enumerate(template):
        if not isinstance(part, Field):
            parts.append(part)
            continue
        if part.name not in values:
            raise Unfit(f"{part.name} is not known")
        value = word(values[part.name])
        text = "".join(p for p in value if isinstance(p, str))
        if part.nested and not PLAIN.fullmatch(text or "x"):
            raise Unfit(f"{part.name} does not fit into quotes: {text[:80]!r}")
        if number == 0 and text.startswith("-"):
            raise Unfit(f"{part.name} would be an option: {text[:80]!r}")
        parts += [str(p) if part.nested and isinstance(p, Blank) else p for p in value]
    return _merged(parts)


def join(command: Command) -> str:
    """The command as one line for a POSIX shell, in which every text stays text. Raises Unfit for a control character."""
    shown = [_join_simple(simple) for simple in command.simple]
    return shown[0] + "".join(f" {o} {s}" for o, s in zip(command.between, shown[1:], strict=True))


def _join_simple(simple: Simple) -> str:
    line = " ".join(_quote(one) for one in simple.words)
    line += f" <{_quote(simple.stdin)}" if simple.stdin is not None else ""
    return line + (f" > {_quote(simple.stdout)}" if simple.stdout is not None else "")


def _quote(parts: Word) -> str:
    """One argument. A blank beside text that needs quotes stands in them: it is there to be written over."""
    texts = [part for part in parts if isinstance(part, str)]
    for text in texts:
        if not text.isprintable():
            raise Unfit(f"a control character: {text[:80]!r}")
    if any(shlex.quote(text) != text for text in texts if text):
        parts = _merged(str(part) if isinstance(part, Blank) else part for part in parts)
    shown = ""
    for part in parts:
        if isinstance(part, Field):
            raise Unfit(f"{part.name} is not filled in")
        shown += (
            f'"{part}"' if isinstance(part, Variable) else str(part) if isinstance(part, Blank) else shlex.quote(part)
        )
    return shown


def text(words: Word) -> str:
    """A word for reading, unquoted."""
    return "".join(str(part) if not isinstance(part, Field) else f"{{{part.name}}}" for part in words)

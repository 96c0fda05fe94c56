"""Say what a cause, a waiting reason, a platform or a message about a failed pull means.

What else it could be, what would prove it, and what to do. Asks no cluster.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from .. import catalogue
from ..catalogue import platforms, reasons, registries
from ..catalogue.platforms import Platform
from ..catalogue.reasons import Reason
from ..catalogue.registries import RegistryKind, kind_of
from ..catalogue.view import FixView, fixes_of, view_of_right, ways_of
from ..text import printable
from .flags import Args, UsageError

API_VERSION = "imagepull.dev/v1alpha1"
WIDTH = 80


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Explain one thing; asks no cluster. -> 0. Raises UsageError where it is not known what was meant."""
    what: str | None = next(iter(args.operands), None)
    if (what is None) == (args.message is None):
        raise UsageError(
            "error: say one thing to explain: a cause, a waiting reason, a platform, a registry, --message TEXT, "
            "or - (standard input)"
        )
    if what is None or what == "-" or " " in what.strip():
        text: object = args.message if what is None else _everything(stdin) if what == "-" else what
        if not text or (isinstance(text, (str, bytes)) and not text.strip()):
            raise UsageError(f"error: {'nothing on standard input' if what == '-' else 'the message is empty'}")
        from .explain_message import of_message  # not above: a cause is explained without what reads messages

        _write(out, args.output, *of_message(text))
        return 0
    name = what.strip()
    if name.lower() in reasons.load():
        reason = reasons.load()[name.lower()]
        _write(
            out,
            args.output,
            _of_reason(reason),
            {"reason": {"name": reason.name, "says": reason.says, "see": reason.see}},
        )
        return 0
    entry = _cause(name.lower())
    if entry is not None:
        fixes = fixes_of(entry)
        _write(out, args.output, of_entry(entry, {}, (), fixes), {"cause": entry_as_json(entry, {}, fixes)})
        return 0
    platform = platforms.load().get(name.lower())
    if platform is not None:
        _write(out, args.output, _of_platform(platform), {"platform": _platform_as_json(platform)})
        return 0
    kind = registries.load().get(name.lower()) or kind_of(name)
    if kind.by_name:
        _write(out, args.output, _of_registry(kind), {"registry": _registry_as_json(kind)})
        return 0
    raise UsageError(f"error: {_unknown(name)}")


def _cause(name: str) -> catalogue.Entry | None:
    try:
        return catalogue.entry(name)
    except KeyError:
        return None


def _everything(stdin: TextIO) -> object:
    """Standard input as bytes where that can be had: what people pipe in need not be UTF-8."""
    raw = getattr(stdin, "buffer", None)
    return stdin.read() if raw is None else raw.read()


def _unknown(name: str) -> str:
    names = [
        *catalogue.load(),
        *(reason.name for reason in reasons.load().values()),
        *platforms.load(),
        *registries.load(),
    ]
    by_lower = {one.lower(): one for one in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)
    # a group, or the part after the dot
    close += [one for one in by_lower if one not in close and name.lower() in one.split(".")][: 3 - len(close)]
    shown = printable(name, 80)
    none = f'no cause, waiting reason, platform or registry "{shown}"'
    if not close:
        groups = sorted({one.partition(".")[0] for one in catalogue.load()})
        return f"{none}; causes begin with {', '.join(groups)}"
    return f"{none}; did you mean {' or '.join(by_lower[one] for one in close)}?"


def _write(out: TextIO, form: str, lines: Iterable[str], said: Mapping[str, Any]) -> None:
    if form == "json":
        document = {"apiVersion": API_VERSION, "kind": "Explanation", **said}
        out.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        out.write("\n".join(lines) + "\n")


# --- text ----------


def _of_reason(reason: Reason) -> Iterator[str]:
    yield reason.name
    for paragraph in reason.says:
        yield ""
        yield from _wrapped(paragraph, 2)
    yield ""
    yield "Causes behind it, the most common first (explain CAUSE tells more)"
    for cause in reason.see:
        yield from hanging(cause, catalogue.fill(catalogue.entry(cause).title), 2, 26)


def _of_platform(platform: Platform) -> Iterator[str]:
    yield f"{platform.id}: {platform.title}"
    for name, fact in platforms.facts_of(platform).items():
        yield from hanging(name, fact, 2, 20)
    for topic in platform.details.fixes:
        yield from ("", catalogue.TOPICS[topic])
        yield from _of_fixes(ways_of(platform, topic), "cluster")
    yield from ("", "Sources", *(f"  {one.url} ({one.date})" for one in platform.details.sources))


def _of_registry(kind: RegistryKind) -> Iterator[str]:
    yield f"{kind.id}: {kind.title}"
    for name, fact in registries.facts_of(kind).items():
        yield from hanging(name, fact, 2, 16)
    if kind.codes:
        yield from ("", "What it says, and what that means")
        for code, means in kind.codes:
            yield from (*_wrapped(code, 2), *_wrapped(means, 6))
    if kind.moves:
        yield from ("", "What has left")
        for move in kind.moves:
            yield from hanging(move.since, move.text, 2, 11)
    if kind.right is not None:
        yield from ("", "How the right to pull is granted")
        yield from _of_fixes([view_of_right(kind.right, {}, {})], "")
    yield from ("", "Sources", *(f"  {url} ({date})" for url, date in kind.sources))


def of_entry(
    entry: catalogue.Entry,
    values: Mapping[str, str],
    also: tuple[str, ...],
    fixes: Sequence[FixView],
    facts: Mapping[str, str] | None = None,
    for_title: Mapping[str, str] | None = None,
) -> Iterator[str]:
    yield from _wrapped(f"{entry.id}: {catalogue.fill(entry.title, for_title or values)}", 0, 4)
    for name, fact in (facts or {}).items():
        if fact:
            yield from hanging(name, fact, 2, 10)
    if entry.actor:
        yield from hanging("who acts", entry.actor, 2, 10)
    yield ""
    yield from _wrapped(entry.means, 2)
    others = {
        **{
            cause: entry.confused_with.get(cause)
            or catalogue.fill(catalogue.entry(cause).title, {**values, **(for_title or {})})
            for cause in also
        },
        **({} if also else entry.confused_with),
    }
    if others:
        yield from ("", "What else it could be")
        for cause, how in others.items():
            yield from hanging(cause, how, 2, 26)
    if entry.confirmed_by:
        yield from ("", "What would prove it")
        for one in entry.confirmed_by:
            yield from hanging("-", one, 2, 1)
    if fixes:
        yield from ("", "What to do")
    yield from _of_fixes(fixes, entry.actor)
    if entry.prevention:
        yield from ("", "So that it does not come back")
        yield from _wrapped(entry.prevention, 2)


def _of_fixes(fixes: Sequence[FixView], usual: str) -> Iterator[str]:
    """Numbered fixes. usual: who acts where nothing is said of it."""
    for number, fix in enumerate(fixes, 1):
        who = fix.actor if fix.actor != usual else ""
        notes = [who, fix.condition, "" if fix.applicability == "safe" else fix.applicability]
        note = f" ({', '.join(filter(None, notes))})" if any(notes) else ""
        yield from hanging(f"{number}.", fix.title + note, 2, 3)
        for command in fix.commands:
            # never wrapped: it is there to be copied
            yield f"       {command}"


def _wrapped(text: str, indent: int, hang: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if hang is None else hang),
        break_on_hyphens=False,
    )


def hanging(head: str, text: str, indent: int, column: int) -> list[str]:
    """A head in a column of its own, the text beside it."""
    lines = _wrapped(text, indent + column + 1)
    if not lines:
        return [" " * indent + head]
    if len(head) > column:
        return [" " * indent + head, *lines]
    return [" " * indent + head.ljust(column + 1) + lines[0].lstrip(" "), *lines[1:]]


# --- JSON ----------


def entry_as_json(entry: catalogue.Entry, values: Mapping[str, str], fixes: Sequence[FixView]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "title": catalogue.fill(entry.title, values),
        "actor": entry.actor,
        "hop": entry.hop,
        "means": entry.means,
        "confirmedBy": entry.confirmed_by,
        "confusedWith": dict(entry.confused_with),
        "fixes": _fixes_as_json(fixes),
        "prevention": entry.prevention,
    }


def _platform_as_json(platform: Platform) -> dict[str, Any]:
    details = platform.details
    return {
        "id": platform.id,
        "title": platform.title,
        "facts": platforms.facts_of(platform),
        "files": list(details.files),
        "rungs": list(platform.rungs),
        "topics": [
            {"topic": topic, "title": catalogue.TOPICS[topic], "fixes": _fixes_as_json(ways_of(platform, topic))}
            for topic in details.fixes
        ],
        "sources": [dataclasses.asdict(one) for one in details.sources],
    }


def _registry_as_json(kind: RegistryKind) -> dict[str, Any]:
    return {
        "id": kind.id,
        "title": kind.title,
        "facts": registries.facts_of(kind),
        "codes": [{"says": code, "means": means} for code, means in kind.codes],
        "moves": [{"since": move.since, "text": move.text, "to": move.to} for move in kind.moves],
        "right": _fixes_as_json([view_of_right(kind.right, {}, {})]) if kind.right is not None else [],
        "sources": [{"url": url, "date": date} for url, date in kind.sources],
    }


def _fixes_as_json(fixes: Sequence[FixView]) -> list[dict[str, Any]]:
    return [
        {
            "title": fix.title,
            "commands": list(fix.commands),
            "applicability": fix.applicability,
            "actor": fix.actor,
            "condition": fix.condition,
        }
        for fix in fixes
    ]

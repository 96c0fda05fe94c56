"""What `pin` finds: a unified diff, lines for CI, or one document."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from .. import __version__
from ..image.pins import Pinning, Row
from ..text import printable
from .machine import API_VERSION, utc

CONTEXT = 3
"""Lines around a change, as diff -u has them."""
NO_NEWLINE = "\\ No newline at end of file\n"


def line_of(row: Row) -> str:
    """An image with what is wrong or to be known of it, in one line."""
    where = row.place
    named = f"{where.kind} {where.namespace + '/' if where.namespace else ''}{where.name}" if where.name else ""
    told = f"{where.role} {where.container}" if where.role and where.container else ""
    parts = ", ".join(filter(None, (named, told)))
    why = row.why or (
        "has no digest" if row.outcome == "unpinned" else f"its tag has {row.image.partition('@')[2]} now"
    )
    head = f"{where.where if where.line else where.file}: " if where.file else ""
    return printable(f"{head}{where.image}{f' ({parts})' if parts else ''}: {why}", 400)


def unified(name: str, before: str, after: str) -> Iterator[str]:
    """A unified diff, each line with its end; the line ends of the file stay in it, so that it can be applied.

    Linear where no line comes or goes, which is so but for values that were folded over several.
    """
    old, new = _lines(before), _lines(after)
    yield from (f"--- {printable(name)}\n", f"+++ {printable(name)}\n")
    if len(old) != len(new):
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        groups = [[(a, b, c, d) for _, a, b, c, d in group] for group in matcher.get_grouped_opcodes(CONTEXT)]
        for group in groups:
            a, b, c, d = group[0][0], group[-1][1], group[0][2], group[-1][3]
            yield f"@@ -{_range(a, b)} +{_range(c, d)} @@\n"
            for a, b, c, d in group:
                if old[a:b] == new[c:d]:
                    yield from _marked(" ", old[a:b])
                else:
                    yield from _marked("-", old[a:b])
                    yield from _marked("+", new[c:d])
        return
    changed = [n for n, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    for first, last in _runs(changed):
        start, end = max(0, first - CONTEXT), min(len(old), last + CONTEXT + 1)
        yield f"@@ -{_range(start, end)} +{_range(start, end)} @@\n"
        n = start
        while n < end:
            stop = n
            while stop < end and old[stop] != new[stop]:
                stop += 1
            if stop > n:
                yield from _marked("-", old[n:stop])
                yield from _marked("+", new[n:stop])
                n = stop
            else:
                yield from _marked(" ", [old[n]])
                n += 1


def _lines(text: str) -> list[str]:
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of lines whose context meets."""
    first = last = -1
    for number in numbers:
        if first >= 0 and number - last > 2 * CONTEXT + 1:
            yield first, last
            first = -1
        first = number if first < 0 else first
        last = number
    if first >= 0:
        yield first, last


def _range(start: int, end: int) -> str:
    return f"{start + 1}" if end - start == 1 else f"{start + 1 if end > start else start},{end - start}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line if line.endswith("\n") else f"{mark}{line}\n{NO_NEWLINE}"


def document(mode: str, now: float, found: Pinning, written: Sequence[str]) -> dict[str, Any]:
    """One Pin. mode: diff, write or check; now: seconds; written: names of files that were written."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Pin",
        "toolVersion": __version__,
        "generatedAt": utc(now),
        "mode": mode,
        "images": [_image(row) for row in found.rows],
        "files": [{"name": change.name, "written": change.name in written} for change in found.changes],
        "commands": list(found.commands),
        "notes": list(found.notes),
        "errors": [
            {"file": one.file, "line": one.line, "what": one.what, "message": one.message} for one in found.troubles
        ],
    }


def _image(row: Row) -> dict[str, Any]:
    where = row.place
    return {
        "file": where.file,
        "line": where.line,
        "column": where.column,
        "field": where.field,
        "object": {"kind": where.kind, "namespace": where.namespace, "name": where.name},
        "container": where.container,
        "role": where.role,
        "image": where.image,
        "outcome": row.outcome,
        "pinned": row.image,
        "why": row.why,
        "cause": row.cause,
    }

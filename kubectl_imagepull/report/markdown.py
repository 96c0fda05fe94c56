"""The report for an issue or a chat. Whatever came from outside stands in code spans or code blocks, where it is only text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..model import Case, Fix, HopLine, Verdict
from ..text import printable
from . import sentences
from .terminal import CONFIDENT, SYMBOLS


def report(both: Sequence[tuple[Case, Verdict]]) -> str:
    """A section a verdict, what is the same once."""
    shown = sentences.groups(both)
    parts = [_section(group) for group in shown]
    if len(shown) > 1:
        rows = ["| | Container | Verdict |", "|---|---|---|"]
        for group in shown:
            case, found = group[0]
            mark = "✗" if found.exit_code else "✓"
            where = f"{sentences.place(case)} {case.target.container}"
            more = f" and {len(group) - 1} more" if len(group) > 1 else ""
            rows.append(f"| {mark} | {cell(where)}{more} | {prose(sentences.headline(found), table=True)} |")
        parts.insert(0, "\n".join(rows) + "\n")
    done = dict.fromkeys(line for case, found in both for line in sentences.means(case, found))
    foot = "\n".join(f"- {prose(line)}" for line in done)
    return "\n".join(parts) + (f"\n{foot}\n" if foot else "")


def _section(group: Sequence[tuple[Case, Verdict]]) -> str:
    case, found = group[0]
    good = found.exit_code == 0
    lines = [f"### {'✓' if good else '✗'} {prose(sentences.headline(found))}", ""]
    if not good:
        about = sentences.at(found)
        lines.append(f"**{CONFIDENT[found.confidence]}**: {code(found.cause)}{about and f' {prose(about)}'}.")
        if found.actor:
            lines.append(f"Who must act: {prose(sentences.who(found.actor))}.")
        lines.append("")
    lines += ["| | |", "|---|---|"]
    for name, value in sentences.facts(case):
        lines.append(f"| {name} | {cell(value) if name == 'image' else prose(value, table=True)} |")
        if name == "pod" and len(group) > 1:
            lines.append(f"| same | {prose(sentences.also(group), table=True)} |")
    lines.append("")
    evidence = [f"- {prose(line)}" for line in sentences.evidence(case, found)]
    lines += [*evidence, ""] if evidence else []
    for number, fix in enumerate(found.fixes, 1):
        lines += _fix(fix, f"Fix {number}" if len(found.fixes) > 1 else "Fix", found)
    if case.facts.said and case.target.pod:
        lines += [f"<details><summary>{sentences.speaker(case).capitalize()}</summary>", ""]
        lines += [block(sentences.said(case), "text"), "", "</details>", ""]
    lines += ["<details><summary>The path of the pull</summary>", "", *_path(found.hops), "", "</details>"]
    return "\n".join(lines) + "\n"


def _fix(fix: Fix, name: str, found: Verdict) -> list[str]:
    lines = [f"**{name}**: {prose(sentences.fix_title(fix, found))}", ""]
    if fix.commands:
        lines += [block("\n".join(fix.commands), "sh"), ""]
    if fix.note:
        lines += [f"Note: {prose(fix.note)}", ""]
    return lines


def _path(hops: Sequence[HopLine]) -> list[str]:
    rows = ["| | hop | seen from | what was seen |", "|---|---|---|---|"]
    for line in hops:
        details = [
            e for e in line.evidence if line.status in ("fail", "warn") and printable(e) not in printable(line.summary)
        ]
        what = "<br>".join(cell(part) for part in (line.summary, *details) if part)
        seen = {"api": "API server", "workstation": "this machine"}.get(line.vantage) or cell(line.vantage)
        rows.append(f"| {SYMBOLS[line.status]} | {sentences.label(line)} | {seen} | {what} |")
    return rows


def code(value: str) -> str:
    """A code span, in which nothing is acted on: its fence is longer than any run of backticks in it."""
    inner = " ".join(printable(value).split()) or " "
    longest = max((len(run) for run in re.findall("`+", inner)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def cell(value: str) -> str:
    """A code span in a table, where a bar ends the cell even inside of code (GitHub Flavored Markdown: tables)."""
    return code(value).replace("|", "\\|")


def block(value: str, language: str) -> str:
    """A fenced block."""
    inner = "\n".join(printable(line) for line in value.splitlines())
    longest = max((len(run) for run in re.findall("`+", inner)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{inner}\n{fence}"


_WORD = re.compile(r"(\(?)([A-Za-z0-9%']+(?:-[A-Za-z0-9]+)*|[0-9]+(?:\.[0-9]+)+)?([,;:.)!?]*)")


def prose(value: str, table: bool = False) -> str:
    """A sentence in which names from outside may stand: plain words as they are, everything else as code.

    So no name becomes a link, a mention, markup or a cell of its own.
    """
    out: list[str] = []
    held: list[str] = []

    def release() -> None:
        if held:
            joined = " ".join(held)
            bracket = "(" if joined.startswith("(") else ""
            core = joined[len(bracket) :].rstrip(",;:.)") or joined[len(bracket) :] or " "
            out.append(bracket + (cell if table else code)(core) + joined[len(bracket) + len(core) :])
            held.clear()

    for word in printable(value).split():
        if _WORD.fullmatch(word) and any(c.isalnum() for c in word):
            release()
            out.append(word)
        else:
            if word.startswith("("):
                release()
            held.append(word)
    release()
    return " ".join(out)

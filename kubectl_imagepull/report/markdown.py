"""The report for an issue or a chat. Whatever came from outside stands in code spans or code blocks, where it is only text.

Headings, lists and code are all that GitHub, GitLab, Jira and Slack have in common; what only some of them fold comes last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .. import lazily
from ..model import Case, Fix, HopLine, Verdict
from ..text import printable
from . import sentences
from .terminal import CONFIDENT, SYMBOLS


def report(both: Sequence[tuple[Case, Verdict]], cluster: str = "") -> str:
    """A section a verdict, what is the same once."""
    shown = sentences.groups(both)
    parts = [_section(group) for group in shown]
    if len(shown) > 1:
        rows = []
        for group in shown:
            case, found = group[0]
            mark = "✗" if found.exit_code else "✓"
            where = sentences.place_in(case)
            more = f" and {len(group) - 1} more" if len(group) > 1 else ""
            rows.append(f"- {mark} {code(where)}{more}: {prose(sentences.headline(found))}")
        parts.insert(0, "\n".join(rows) + "\n")
    done = dict.fromkeys(line for case, found in both for line in sentences.means(case, found))
    foot = "\n".join(f"- {prose(line)}" for line in (*sentences.made_by(both, cluster), *done))
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
    for name, value in sentences.facts(case):
        lines.append(f"- {name}: {code(value) if name == 'image' else prose(value)}")
        if name == "pod" and len(group) > 1:
            lines.append(f"- same: {prose(sentences.also(group))}")
    lines.append("")
    evidence = [f"- {prose(line)}" for line in sentences.evidence(case, found)]
    lines += ["Evidence:", "", *evidence, ""] if evidence else []
    for number, fix in enumerate(found.fixes, 1):
        lines += _fix(fix, f"Fix {number}" if len(found.fixes) > 1 else "Fix", found, case)
    if case.facts.said and case.target.pod:
        lines += [f"<details><summary>{sentences.speaker(case).capitalize()}</summary>", ""]
        lines += [block(sentences.said(case), "text"), "", "</details>", ""]
    lines += [
        "<details><summary>The path of the pull</summary>",
        "",
        block(_path(found.hops), "text"),
        "",
        "</details>",
    ]
    return "\n".join(lines) + "\n"


def _fix(fix: Fix, name: str, found: Verdict, case: Case) -> list[str]:
    lines = [f"**{name}**: {prose(sentences.fix_title(fix, found))}", ""]
    if fix.commands:
        lines += [block("\n".join(sentences.script(fix, case)), "sh"), ""]
    if fix.note:
        lines += [f"Note: {prose(fix.note)}", ""]
    return lines


def _path(hops: Sequence[HopLine]) -> str:
    """The hops as they are in a terminal: a table is nothing where it is not rendered."""
    rows = []
    place = ""
    for line in hops:
        if line.vantage != place:
            place = line.vantage
            rows.append({"api": "API server", "workstation": "this machine"}.get(place, place))
        rows.append(f"  {SYMBOLS[line.status]} {sentences.label(line):<14} {line.summary}".rstrip())
        if line.status in ("fail", "warn"):
            rows += [f"{'':<19}{e}" for e in line.evidence if printable(e) not in printable(line.summary)]
    return "\n".join(rows)


def code(value: str) -> str:
    """A code span, in which nothing is acted on: its fence is longer than any run of backticks in it."""
    inner = " ".join(printable(value).split()) or " "
    longest = max((len(run) for run in re.findall("`+", inner)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def block(value: str, language: str) -> str:
    """A fenced block."""
    inner = "\n".join(printable(line) for line in value.splitlines())
    longest = max((len(run) for run in re.findall("`+", inner)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{inner}\n{fence}"


_WORD = lazily.pattern(r"(\(?)([A-Za-z0-9%']+(?:-[A-Za-z0-9]+)*|[0-9]+(?:\.[0-9]+)+)?([,;:.)!?]*)")


def prose(value: str) -> str:
    """A sentence in which names from outside may stand: plain words as they are, everything else as code.

    So no name becomes a link, a mention or markup.
    """
    out: list[str] = []
    held: list[str] = []

    def release() -> None:
        if held:
            joined = " ".join(held)
            bracket = "(" if joined.startswith("(") else ""
            core = joined[len(bracket) :].rstrip(",;:.)") or joined[len(bracket) :] or " "
            out.append(bracket + code(core) + joined[len(bracket) + len(core) :])
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

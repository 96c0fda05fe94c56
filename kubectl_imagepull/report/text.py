"""The report for a terminal: path first, then the verdict, its evidence, and how to fix it last."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Case, Fix, HopLine, Verdict
from ..text import printable
from . import sentences
from .terminal import CONFIDENT, NARROWEST, Style

LABEL = 14
"""Columns of the widest label: "mirror connect"."""
INDENT = 9
"""Columns before what stands beside VERDICT and FIX."""


def report(both: Sequence[tuple[Case, Verdict]], style: Style) -> str:
    """The whole report, container by container; what is the same is said once, and a summary ends it where it is long."""
    blocks = []
    shown = sentences.groups(both)
    for group in shown:
        case, found = group[0]
        lines = [header(case, style)]
        if len(group) > 1:
            lines = [lines[0].rstrip("\n"), style.wrap(f"same   {sentences.also(group)}", 7, 0), ""]
        vantage = ""
        node, others = sides(case, found)
        for line in (*(line for line in found.hops if line.vantage == "api"), *node):
            lines += [heading(line.vantage, style)] if line.vantage != vantage else []
            lines.append(hop(line, style))
            vantage = line.vantage
        lines += [beside(name, seen, node, style) for name, seen in others.items()]
        blocks.append("\n".join([*lines, verdict(case, found, style)]) + "\n")
    if len(shown) > 1:
        blocks.append(summary(shown, style))
    rule = "\n" + style.paint("faint", "-" * max(NARROWEST, style.width)) + "\n\n"
    done = dict.fromkeys(line for case, found in both for line in sentences.means(case, found))
    foot = "\n".join(style.paint("faint", style.wrap(line, 2, 0)) for line in done)
    return rule.join(blocks) + (f"\n{foot}\n" if foot else "")


def summary(shown: Sequence[Sequence[tuple[Case, Verdict]]], style: Style) -> str:
    """A line a verdict, the last thing of a long report."""
    lines = [style.paint("bold", "SUMMARY")]
    for group in shown:
        case, found = group[0]
        more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
        mark = style.mark("fail" if found.exit_code else "pass")
        text = f"{sentences.place(case)}, {sentences.container(case)}{more}: {sentences.headline(found)}"
        lines.append(f"  {mark} {style.wrap(text, 2 + style.mark_width + 1).lstrip()}")
        if found.exit_code:
            lines.append(style.wrap(f"{found.cause}, {CONFIDENT[found.confidence]}", 2 + style.mark_width + 1))
    return "\n".join(lines) + "\n"


def header(case: Case, style: Style) -> str:
    """What is being looked at: pod and container, since when it fails, image, node."""
    lines = [f"{name:<6} {value}" for name, value in sentences.facts(case)]
    return "\n".join(style.wrap(line, 7, 0) for line in lines) + "\n"


def heading(vantage: str, style: Style) -> str:
    """The line above the hops that one vantage knows or saw."""
    text = "known from the API server" if vantage == "api" else f"seen from {printable(vantage)}"
    return style.paint("bold", style.wrap(text, 0))


def hop(line: HopLine, style: Style) -> str:
    """One line of the path, with its evidence below where it fails. Who saw it stands in the heading above."""
    start = f"  {style.mark(line.status)} {sentences.label(line):<{LABEL}} "
    indent = 2 + style.mark_width + 1 + LABEL + 1
    body = style.wrap(line.summary, indent).lstrip() if line.summary else ""
    text = f"{start}{body}".rstrip()
    if line.status in ("fail", "warn"):
        for evidence in line.evidence:
            if printable(evidence) not in printable(line.summary):
                text += "\n" + style.wrap(evidence, indent + 2)
    return text


def sides(case: Case, found: Verdict) -> tuple[list[HopLine], dict[str, list[HopLine]]]:
    """What the node saw, and by vantage what others saw: a node that it is compared with, and this machine."""
    peer = next((o.vantage.name for o in case.observations if o.vantage.place == "peer-node"), "")
    others = {name: [line for line in found.hops if line.vantage == name] for name in (peer, "workstation") if name}
    node = [line for line in found.hops if line.vantage not in ("api", *others)]
    return node, {name: lines for name, lines in others.items() if lines}


def beside(vantage: str, lines: list[HopLine], node_lines: list[HopLine], style: Style) -> str:
    """The view of another than the node: only where it differs from the node's, and what was tried with credentials."""
    differing = [line for line in lines if not _same(line, node_lines)]
    seen = f"seen from {'this machine' if vantage == 'workstation' else printable(vantage)}"
    if not lines or not node_lines:
        differing = lines
    elif not differing:
        return style.paint("bold", seen) + ": the same"
    title = seen + (", where it differs" if len(differing) < len(lines) else "")
    return "\n".join([style.paint("bold", title), *(hop(line, style) for line in differing)])


def _same(line: HopLine, others: list[HopLine]) -> bool:
    return any(o.hop == line.hop and o.subject == line.subject and o.status == line.status for o in others)


def verdict(case: Case, found: Verdict, style: Style) -> str:
    """Verdict, evidence, the runtime's own words once, and the fixes."""
    if found.exit_code == 0:
        return _no_problem(case, found, style)
    lines = [""]
    title = style.wrap(sentences.headline(found), INDENT, INDENT).lstrip()
    lines.append(f"{style.paint('bold', 'VERDICT')}  {style.paint('bold', title)}")
    lines.append(style.wrap(sure(found), INDENT))
    if found.actor in sentences.ACTORS:
        lines.append(style.wrap(f"who must act: {sentences.who(found.actor)}", INDENT))
    lines += ["", *(style.wrap(line, INDENT + 2, INDENT) for line in sentences.evidence(case, found))]
    if case.facts.said and case.target.pod:
        lines.append(style.wrap(f"{sentences.speaker(case)}: {sentences.said(case)}", INDENT + 2, INDENT))
    for number, fix in enumerate(found.fixes, 1):
        lines += ["", *_fix(fix, f"FIX {number}" if len(found.fixes) > 1 else "FIX", found, style)]
    lines += ["", style.wrap(f"more: kubectl imagepull explain {found.cause}", 6, 0)]
    return "\n".join(lines)


def sure(found: Verdict) -> str:
    """How sure it is, the cause's id, and the host it is about."""
    return f"{CONFIDENT[found.confidence]} ({', '.join(filter(None, (found.cause, sentences.at(found))))})"


def _no_problem(case: Case, found: Verdict, style: Style) -> str:
    title = style.wrap(sentences.no_problem(found), INDENT).lstrip()
    lines = ["", f"{style.paint('bold', 'VERDICT')}  {style.paint('pass', title)}"]
    lines += [style.wrap(line, INDENT + 2, INDENT) for line in sentences.evidence(case, found)]
    for number, fix in enumerate(found.fixes, 1):
        lines += ["", *_fix(fix, f"FIX {number}" if len(found.fixes) > 1 else "FIX", found, style)]
    return "\n".join(lines)


def _fix(fix: Fix, name: str, found: Verdict, style: Style) -> list[str]:
    title = style.wrap(sentences.fix_title(fix, found), INDENT).lstrip()
    lines = [f"{style.paint('bold', f'{name:<{INDENT}}')}{title}"]
    # a command is never wrapped: it is there to be copied
    lines += [f"  {printable(line)}" for command in fix.commands for line in command.splitlines()]
    if fix.note:
        lines.append(style.wrap(f"note: {fix.note}", INDENT + 2, INDENT))
    return lines


def footer(case: Case, found: Verdict | None, style: Style) -> str:
    """What was done to find out, and what could not be looked at."""
    return "\n".join(style.paint("faint", style.wrap(line, 2, 0)) for line in sentences.means(case, found))

"""The report for a terminal.

Brief, so that verdict, evidence and first fix stand on one screen: what works is one line, and nothing is told twice. In full
(`-o wide`) every hop has a line and every sentence is told; that one grows while the probes answer, so the path comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..model import Case, Fix, HopLine, Status, Verdict
from ..text import printable
from . import sentences
from .terminal import CONFIDENT, NARROWEST, Style

LABEL = 14
"""Columns of the widest label: "mirror connect"."""
INDENT = 9
"""Columns before what stands beside VERDICT and FIX."""
MOST_FIXES = 3
"""Fixes of a brief report."""
SPOKEN, SPOKEN_UNPROVEN = 2, 4
"""Lines of a brief report for the kubelet's words: where a hop was seen to fail, and where the words are all there is."""
SHORTEST = 30
"""Characters that the end of a message has to have to say something by itself."""


def report(both: Sequence[tuple[Case, Verdict]], style: Style, full: bool = False) -> str:
    """The whole report, container by container; what is the same is said once, and a summary ends it where it is long."""
    blocks: list[str] = []
    shown = sentences.groups(both)
    known: dict[str, str] = {}
    for group in shown:
        case, found = group[0]
        rows = dict(sentences.facts(case))
        # what the block above has said already
        new = (
            rows if full else {name: value for name, value in rows.items() if name == "pod" or known.get(name) != value}
        )
        lines = [_header(new, style, sentences.also(group) if len(group) > 1 else "")]
        lines += _path_in_full(case, found, style) if full else []
        blocks.append("\n".join([*lines, verdict(case, found, style) if full else _brief(case, found, style)]) + "\n")
        known = rows
    if len(shown) > 1:
        blocks.append(summary(shown, style))
    rule = "\n" + style.paint("faint", "-" * max(NARROWEST, style.width)) + "\n\n"
    done = dict.fromkeys(line for case, found in both for line in sentences.means(case, found))
    foot = "\n".join(style.paint("faint", style.wrap(line, 2, 0)) for line in done)
    gap = "\n" if full or len(blocks) > 1 or not any(found.exit_code for _, found in both) else ""
    return rule.join(blocks) + (f"{gap}{foot}\n" if foot else "")


def summary(shown: Sequence[Sequence[tuple[Case, Verdict]]], style: Style) -> str:
    """A line a verdict, the last thing of a long report."""
    lines = [style.paint("bold", "SUMMARY")]
    for group in shown:
        case, found = group[0]
        more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
        mark = style.mark("fail" if found.exit_code else "pass")
        text = f"{sentences.place_in(case)}{more}: {sentences.headline(found)}"
        text += f" ({found.cause}, {CONFIDENT[found.confidence]})" if found.exit_code else ""
        lines.append(f"  {mark} {style.wrap(text, 2 + style.mark_width + 1).lstrip()}")
    return "\n".join(lines) + "\n"


def header(case: Case, style: Style) -> str:
    """What is being looked at: pod and container, since when it fails, image, node."""
    return _header(dict(sentences.facts(case)), style)


def _header(rows: dict[str, str], style: Style, also: str = "") -> str:
    lines = [f"{name:<6} {value}" for name, value in rows.items()]
    lines[1:1] = [f"same   {also}"] if also else []
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
    details = _details(line) if line.status in ("fail", "warn") else []
    return "\n".join([f"{start}{body}".rstrip(), *(style.wrap(detail, indent + 2) for detail in details)])


def _details(line: HopLine) -> list[str]:
    """The evidence that the summary does not say."""
    return [detail for detail in line.evidence if printable(detail) not in printable(line.summary)]


def sides(case: Case, found: Verdict) -> tuple[list[HopLine], dict[str, list[HopLine]]]:
    """What the node saw, and by vantage what others saw: a node that it is compared with, and this machine."""
    peer = next((o.vantage.name for o in case.observations if o.vantage.place == "peer-node"), "")
    others = {name: [line for line in found.hops if line.vantage == name] for name in (peer, "workstation") if name}
    node = [line for line in found.hops if line.vantage not in ("api", *others)]
    return node, {name: lines for name, lines in others.items() if lines}


def place_of(vantage: str) -> str:
    """A vantage in words."""
    return "this machine" if vantage == "workstation" else printable(vantage)


def same(line: HopLine, others: list[HopLine]) -> bool:
    """Whether a hop fares as it does in the lines of another vantage."""
    return any(o.hop == line.hop and o.subject == line.subject and o.status == line.status for o in others)


# ---- brief -----------------------------------------------------------------------------------------------------------


def _brief(case: Case, found: Verdict, style: Style) -> str:
    """Verdict, path and evidence, the kubelet's words, fixes: each fact once."""
    bad = bool(found.exit_code)
    title = style.wrap(sentences.headline(found), INDENT, INDENT).lstrip()
    lines = [f"{style.paint('bold', 'VERDICT')}  {style.paint('bold' if bad else 'pass', title)}"]
    if bad:
        parts = [sure(found, known=f"{found.title} {case.target.image}")]
        parts += [_who(found)] if found.actor in sentences.ACTORS else []
        fits = len("; ".join(parts)) <= max(NARROWEST, style.width) - INDENT
        lines += [style.wrap(part, INDENT) for part in (["; ".join(parts)] if fits else parts)]
    hops, told = sentences.merged(case, found)
    lines += ["", *_path(case, found, hops, style)]
    lines += [style.wrap(line, 2, 0) for line in (*told, *_open(case, found))]
    if bad and case.facts.said and case.target.pod:
        most = SPOKEN if any(line.status == "fail" for line in found.hops) else SPOKEN_UNPROVEN
        lines.append(_spoken(f"{sentences.speaker(case)}: ", sentences.said(case), most, style))
    lines += _fixes(found, case, style, MOST_FIXES)
    return "\n".join([*lines, *_more(found, style)] if bad else lines)


def _open(case: Case, found: Verdict) -> list[str]:
    """What else it could be: the first in words, two more by name, the rest counted."""
    first, others = sentences.still_open(case, found)[:1], found.alternatives[1 : sentences.MOST_OPEN]
    left = len(found.alternatives) - sentences.MOST_OPEN
    more = f" and {left} more (-o wide lists them)" if left > 0 else ""
    return ["".join((line, *(f", or {other}" for other in others), more)) for line in first]


def _who(found: Verdict) -> str:
    return f"who must act: {sentences.who(found.actor)}"


def _spoken(speaker: str, message: str, most: int, style: Style) -> str:
    """A message in so many lines. The end is kept, where a Go program puts the cause; it begins behind a colon."""
    room = most * max(NARROWEST, style.width) - len(speaker)
    ends = [at.end() for at in re.finditer(": ", message) if len(message) - at.end() >= SHORTEST]
    ways = [message, *(f"... {message[end:]}" for end in ends if len(message) - end <= room)]
    wrapped = (style.wrap(speaker + way, 2, 0) for way in ways if len(way) <= room)
    # one that has no short end is told from its last colon that leaves something to say
    last = f"... {message[ends[-1] :]}" if ends else message
    return next((text for text in wrapped if text.count("\n") < most), None) or style.wrap(speaker + last, 2, 0)


def _path(case: Case, found: Verdict, as_told: Mapping[HopLine, HopLine], style: Style) -> list[str]:
    """The path: the node's view, and another's where it differs. as_told: of the hops that are told, how."""
    node, others = sides(case, found)
    api = [line for line in found.hops if line.vantage == "api"]
    if not node and not others:
        return [
            heading("api", style),
            *(_marked(as_told[x].status, _sentence(as_told[x]), style) for x in api if x in as_told),
        ]
    alike = [name for name, lines in others.items() if node and all(same(line, node) for line in lines)]
    views = [([*dict.fromkeys(line.vantage for line in node), *alike], node)] if node else []
    views += [([name], lines) for name, lines in others.items() if name not in alike]
    out: list[str] = []
    for names, lines in views:
        beside_node = bool(out) and bool(node)
        seen_from = f"seen from {_listed([place_of(name) for name in names])}{', where it differs' * beside_node}"
        # a secret is a hop only where there is one
        first = [line for line in api if line.status != "skipped"] if not out else []
        shown = [line for line in lines if not beside_node or not same(line, node)]
        out.append(style.paint("bold", style.wrap(seen_from, 2, 0)))
        out += _folded([as_told[line] for line in (*first, *shown) if line in as_told], found, style)
    return out


def _listed(names: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _folded(lines: Sequence[HopLine], found: Verdict, style: Style) -> list[str]:
    """What works in one line, what was not reached in another, the rest a line each with the evidence of the hop that decides."""
    others = [line for line in lines if line.status not in ("pass", "skipped", "not-reached")]
    said = " ".join(line.summary for line in others)
    out = _together("pass", "", lines, style)
    for line in others:
        out.append(_marked(line.status, _sentence(line), style))
        if line.hop == found.hop and line.status == "fail":
            out += [style.wrap(detail, 4 + style.mark_width + 1) for detail in _details(line) if detail not in said]
    broken = {sentences.label(line) for line in others}
    out += _together("skipped", "", lines, style)
    return out + _together(
        "not-reached", "not reached: ", [x for x in lines if sentences.label(x) not in broken], style
    )


def _sentence(line: HopLine) -> str:
    return f"{sentences.label(line)}: {line.summary}" if line.summary else sentences.label(line)


def _together(status: Status, words: str, lines: Sequence[HopLine], style: Style) -> list[str]:
    """The hops of one status in one line, none for none."""
    labels = _labels(line for line in lines if line.status == status)
    return [_marked(status, f"{words}{labels}", style)] if labels else []


def _marked(status: Status, text: str, style: Style) -> str:
    return f"  {style.mark(status)} {style.wrap(text, 2 + style.mark_width + 1).lstrip()}"


def _labels(lines: Iterable[HopLine]) -> str:
    """The hops by name, those of another host than the registry together: "dns, tls, token server (dns, tls), auth"."""
    runs: list[tuple[str, list[str]]] = []
    for line in lines:
        words = sentences.label(line)
        role = line.subject.role if words != line.hop else ""
        if not runs or runs[-1][0] != role:
            runs.append((role, []))
        if line.hop not in runs[-1][1]:
            runs[-1][1].append(line.hop)
    done = [f"{role} ({', '.join(names)})" if role else ", ".join(names) for role, names in runs]
    return ", ".join(dict.fromkeys(done))


# ---- in full ---------------------------------------------------------------------------------------------------------


def _path_in_full(case: Case, found: Verdict, style: Style) -> list[str]:
    lines: list[str] = []
    vantage = ""
    node, others = sides(case, found)
    for line in (*(line for line in found.hops if line.vantage == "api"), *node):
        lines += [heading(line.vantage, style)] if line.vantage != vantage else []
        lines.append(hop(line, style))
        vantage = line.vantage
    return [*lines, *(beside(name, seen, node, style) for name, seen in others.items())]


def beside(vantage: str, lines: list[HopLine], node_lines: list[HopLine], style: Style) -> str:
    """The view of another than the node: only where it differs from the node's, and what was tried with credentials."""
    differing = [line for line in lines if not same(line, node_lines)]
    seen = f"seen from {place_of(vantage)}"
    if not lines or not node_lines:
        differing = lines
    elif not differing:
        return style.paint("bold", seen) + ": the same"
    title = seen + (", where it differs" if len(differing) < len(lines) else "")
    return "\n".join([style.paint("bold", title), *(hop(line, style) for line in differing)])


def verdict(case: Case, found: Verdict, style: Style) -> str:
    """Verdict, evidence, the runtime's own words, and the fixes, all in full."""
    if found.exit_code == 0:
        return _no_problem(case, found, style)
    lines = [""]
    title = style.wrap(sentences.headline(found), INDENT, INDENT).lstrip()
    lines.append(f"{style.paint('bold', 'VERDICT')}  {style.paint('bold', title)}")
    lines.append(style.wrap(sure(found), INDENT))
    if found.actor in sentences.ACTORS:
        lines.append(style.wrap(_who(found), INDENT))
    lines += ["", *(style.wrap(line, INDENT + 2, INDENT) for line in sentences.evidence(case, found))]
    if case.facts.said and case.target.pod:
        lines.append(style.wrap(f"{sentences.speaker(case)}: {sentences.said(case)}", INDENT + 2, INDENT))
    return "\n".join([*lines, *_fixes(found, case, style), *_more(found, style)])


def sure(found: Verdict, known: str = "") -> str:
    """How sure it is, the cause's id, and the host it is about. known: what is told beside it; a host in it is not told again."""
    at = "" if known and found.subject.host in known else sentences.at(found)
    return f"{CONFIDENT[found.confidence]} ({', '.join(filter(None, (found.cause, at)))})"


def _no_problem(case: Case, found: Verdict, style: Style) -> str:
    title = style.wrap(sentences.no_problem(found), INDENT).lstrip()
    lines = ["", f"{style.paint('bold', 'VERDICT')}  {style.paint('pass', title)}"]
    lines += [style.wrap(line, INDENT + 2, INDENT) for line in sentences.evidence(case, found)]
    return "\n".join([*lines, *_fixes(found, case, style)])


def _fixes(found: Verdict, case: Case, style: Style, most: int | None = None) -> list[str]:
    """The fixes, best first. most: how many."""
    shown = found.fixes[:most]
    lines = [""] if shown else []
    for number, fix in enumerate(shown, 1):
        lines += _fix(fix, f"FIX {number}" if len(found.fixes) > 1 else "FIX", found, case, style)
    left = len(found.fixes) - len(shown)
    return [*lines, style.wrap(f"and {left} more: -o wide lists them", INDENT)] if left else lines


def _fix(fix: Fix, name: str, found: Verdict, case: Case, style: Style) -> list[str]:
    title = style.wrap(sentences.fix_title(fix, found), INDENT).lstrip()
    lines = [f"{style.paint('bold', f'{name:<{INDENT}}')}{title}"]
    # a command is never wrapped: it is there to be copied
    lines += [f"  {line}" for line in sentences.script(fix, case)]
    if fix.note:
        lines.append(style.wrap(f"note: {fix.note}", INDENT + 2, INDENT))
    return lines


def _more(found: Verdict, style: Style) -> list[str]:
    return ["", style.wrap(f"more: kubectl imagepull explain {found.cause}", 6, 0)]


def footer(case: Case, found: Verdict | None, style: Style) -> str:
    """What was done to find out, and what could not be looked at."""
    return "\n".join(style.paint("faint", style.wrap(line, 2, 0)) for line in sentences.means(case, found))

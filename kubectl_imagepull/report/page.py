"""The report as one self-contained page: verdict, fixes, the path host by host; it asks nobody for anything.

Everything is text that wraps, so a phone, a wide screen and paper show the same words.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib import resources

from ..model import Case, Fix, HopLine, Status, Subject, Verdict
from ..text import printable
from . import sentences
from .terminal import CONFIDENT, SYMBOLS
from .text import place_of, same, sides

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""No script, no request: also not where a browser would find something to ask for in a text from outside."""


def report(both: Sequence[tuple[Case, Verdict]], cluster: str = "") -> str:
    """The whole page, in ASCII: what is not stands as a reference, so that no stream and no server can spoil it."""
    shown = sentences.groups(both)
    bad = sum(1 for group in shown if group[0][1].exit_code)
    title = (
        sentences.headline(shown[0][0][1])
        if len(shown) == 1
        else f"{bad} pull problems"
        if bad != 1
        else "1 pull problem"
    )
    parts: list[str] = []
    made_by = "; ".join(sentences.made_by(both, cluster))
    parts += [f'<p class="made">{esc(made_by)}</p>'] if made_by else []
    if len(shown) > 1:
        parts += ["<nav><h1>Verdicts</h1><ul>", *(_entry(group, n) for n, group in enumerate(shown)), "</ul></nav>"]
    parts += [_section(group, number) for number, group in enumerate(shown)]
    done = dict.fromkeys(line for case, found in both for line in sentences.means(case, found))
    if done:
        parts += ["<footer>", *(f"<p>{esc(line)}</p>" for line in done), "</footer>"]
    return framed(title, parts)


def framed(title: str, body: Sequence[str]) -> str:
    """A whole page of these parts, with our style and nothing that is loaded from anywhere."""
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f'<link rel="icon" href="data:,"><title>{esc(title)}</title>',
        f"<style>{style}</style></head><body>",
        *body,
        "</body></html>",
    ]
    return "\n".join(parts).encode("ascii", "xmlcharrefreplace").decode("ascii") + "\n"


def esc(value: str) -> str:
    """Text for an element or a quoted attribute."""
    return html.escape(printable(value), quote=True)


def _long(value: str) -> str:
    """Text with names of images and files in it, which break behind a slash before they break anywhere."""
    return esc(value).replace("/", "/<wbr>")


def _entry(group: Sequence[tuple[Case, Verdict]], number: int) -> str:
    case, found = group[0]
    kind: Status = "fail" if found.exit_code else "pass"
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    what = esc(f"{sentences.place_in(case)}{more}: {sentences.headline(found)}")
    return f'<li><a href="#v{number}"><span class="mark {kind}">{SYMBOLS[kind]}</span> {what}</a></li>'


def _section(group: Sequence[tuple[Case, Verdict]], number: int) -> str:
    case, found = group[0]
    good = found.exit_code == 0
    title = sentences.headline(found)
    parts = [f'<article id="v{number}" class="{"good" if good else "bad"}">']
    parts.append(f'<header><p class="kind">Verdict</p><h2>{_long(title)}</h2>')
    if not good:
        badge = f'<span class="badge {found.confidence}">{esc(CONFIDENT[found.confidence])}</span>'
        parts.append(f"<p>{badge} <code>{esc(found.cause)}</code> {esc(sentences.at(found))}</p>")
        if found.actor:
            parts.append(f"<p>Who must act: <strong>{esc(sentences.who(found.actor))}</strong></p>")
    parts.append("</header>")
    parts.append(_facts(group))
    reasons = [f"<li>{esc(line)}</li>" for line in sentences.evidence(case, found)]
    if reasons:
        parts += ["<section><h3>Why</h3><ul>", *reasons, "</ul></section>"]
    if found.fixes:
        name = "To fix it" if not good else "To go on"
        parts += [f"<section><h3>{name}</h3><ol>", *(_fix(fix, case, found) for fix in found.fixes), "</ol></section>"]
    if found.hops:
        parts += ["<section><h3>The path of the pull</h3>", path(case, found), "</section>"]
    if case.facts.said and case.target.pod:
        parts.append(
            f"<details><summary>{esc(sentences.speaker(case).capitalize())}</summary><pre>{esc(sentences.said(case))}</pre></details>"
        )
    return "\n".join([*parts, "</article>"])


def _facts(group: Sequence[tuple[Case, Verdict]]) -> str:
    rows = sentences.facts(group[0][0])
    rows[1:1] = [("same", sentences.also(group))] if len(group) > 1 else []
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{_long(value)}</dd>" for name, value in rows) + "</dl>"


def _fix(fix: Fix, case: Case, found: Verdict) -> str:
    lines = [(line, line not in fix.commands and line.startswith("# ")) for line in sentences.script(fix, case)]
    # a line is a block of its own: where it wraps, one sees where the next begins
    kinds = {True: ' class="soft"', False: ""}
    commands = "".join(f"<code{kinds[said]}>{esc(line)}</code>" for line, said in lines)
    shown = f"<pre>{commands}</pre>" if commands else ""
    note = f"<p>Note: {esc(fix.note)}</p>" if fix.note else ""
    return f"<li><p>{esc(sentences.fix_title(fix, found))}</p>{shown}{note}</li>"


def path(case: Case, found: Verdict) -> str:
    """The path: a lane a vantage, in it a box a host, in it a line a hop; the first break of a lane is marked.

    A lane that shows nothing that the node's does not is folded.
    """
    lanes = list(dict.fromkeys(line.vantage for line in found.hops))
    node, others = sides(case, found)
    parts, seen_from = [], 0
    for vantage in lanes:
        lines = [line for line in found.hops if line.vantage == vantage]
        if vantage in others and node and all(same(line, node) for line in lines):
            head = f"Seen from {place_of(vantage)}: the same"
            parts.append(f'<details class="lane"><summary>{esc(head)}</summary>{_lane(lines)}</details>')
            continue
        head = "Known from the API server" if vantage == "api" else f"Seen from {place_of(vantage)}"
        seen_from += vantage != "api"
        kind = "lane api" if vantage == "api" else "lane"
        parts.append(f'<section class="{kind}"><h4>{esc(head)}</h4>{_lane(lines)}</section>')
    return f'<div class="lanes{" one" * (seen_from == 1)}">{"".join(parts)}</div>'


def _lane(lines: Sequence[HopLine]) -> str:
    """What one vantage saw, host by host."""
    parts, stopped = [], False
    for subject, hops in _hosts(lines):
        first = next((line for line in hops if line.status == "fail"), None)
        breaks = first is not None and not stopped
        stopped = stopped or breaks
        reached = any(line.status != "not-reached" for line in hops)
        kind = "host broken" if breaks else "host" if reached else "host unreached"
        role = sentences.ROLES.get(subject.role, subject.role)
        name = f'<p class="name"><span class="soft">{esc(role)}</span> {esc(subject.host)}</p>' if subject.host else ""
        rows = "".join(_row(line, broken=breaks and line is first) for line in hops)
        parts.append(f'<div class="{kind}">{name}<ul>{rows}</ul></div>')
    return "".join(parts)


def _hosts(lines: Sequence[HopLine]) -> list[tuple[Subject, list[HopLine]]]:
    """The lines of one vantage by host; what the API server knows is about the pod."""
    found: dict[Subject, list[HopLine]] = {}
    for line in lines:
        found.setdefault(Subject("pod", "") if line.vantage == "api" else line.subject, []).append(line)
    return list(found.items())


def _row(line: HopLine, broken: bool) -> str:
    details = [e for e in line.evidence if printable(e) not in printable(line.summary)]
    listed = f"<ul>{''.join(f'<li>{_long(e)}</li>' for e in details)}</ul>" if details else ""
    text = "not reached" if line.status == "not-reached" and not line.summary else line.summary
    said = f"{_long(text)}{listed}"
    if details and line.status == "pass":
        said = f"<details><summary>{_long(text)}</summary>{listed}</details>"
    mark = f'<span class="mark {line.status}" title="{line.status}">{SYMBOLS[line.status]}</span>'
    here = '<p class="here">the pull breaks here</p>' if broken else ""
    return f'<li class="hop">{mark}<span class="what">{esc(line.hop)}</span><div>{said}{here}</div></li>'

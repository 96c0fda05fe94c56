"""The report as one self-contained page: the path as a picture, evidence to unfold; it asks nobody for anything."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib import resources

from .. import __version__
from ..model import Case, Fix, HopLine, Status, Subject, Verdict
from ..text import printable
from . import sentences
from .machine import utc
from .terminal import CONFIDENT, SYMBOLS

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""No script, no request: also not where a browser would find something to ask for in a text from outside."""


def report(both: Sequence[tuple[Case, Verdict]]) -> str:
    """The whole page."""
    shown = sentences.groups(both)
    bad = sum(1 for group in shown if group[0][1].exit_code)
    title = (
        sentences.headline(shown[0][0][1])
        if len(shown) == 1
        else f"{bad} pull problems"
        if bad != 1
        else "1 pull problem"
    )
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f'<link rel="icon" href="data:,"><title>{esc(title)}</title>',
        f"<style>{style}</style></head><body>",
    ]
    if len(shown) > 1:
        parts += ["<nav><h1>Verdicts</h1><ul>", *(_entry(group, n) for n, group in enumerate(shown)), "</ul></nav>"]
    parts += [_section(group, number) for number, group in enumerate(shown)]
    done = dict.fromkeys(line for case, found in both for line in sentences.means(case, found))
    at = utc(both[0][0].facts.read_at) if both else ""
    parts.append(f"<footer><p>kubectl imagepull {esc(__version__)}, {at}</p>")
    parts += [f"<p>{esc(line)}</p>" for line in done]
    return "\n".join([*parts, "</footer></body></html>"]) + "\n"


def esc(value: str) -> str:
    """Text for an element or a quoted attribute."""
    return html.escape(printable(value), quote=True)


def _entry(group: Sequence[tuple[Case, Verdict]], number: int) -> str:
    case, found = group[0]
    kind: Status = "fail" if found.exit_code else "pass"
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    what = esc(f"{sentences.place(case)}, {sentences.container(case)}{more}: {sentences.headline(found)}")
    return f'<li><a href="#v{number}"><span class="mark {kind}">{SYMBOLS[kind]}</span> {what}</a></li>'


def _section(group: Sequence[tuple[Case, Verdict]], number: int) -> str:
    case, found = group[0]
    good = found.exit_code == 0
    title = sentences.headline(found)
    parts = [f'<article id="v{number}" class="{"good" if good else "bad"}">']
    parts.append(f'<header><p class="kind">{"No problem" if good else "Verdict"}</p><h2>{esc(title)}</h2>')
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
        parts += [f"<section><h3>{name}</h3><ol>", *(_fix(fix, found) for fix in found.fixes), "</ol></section>"]
    if found.hops:
        parts += ["<section><h3>The path of the pull</h3>", f'<div class="picture">{picture(found.hops)}</div>']
        parts += [_details(found.hops), "</section>"]
    if case.facts.said and case.target.pod:
        parts.append(
            f"<details><summary>{esc(sentences.speaker(case).capitalize())}</summary><pre>{esc(sentences.said(case))}</pre></details>"
        )
    return "\n".join([*parts, "</article>"])


def _facts(group: Sequence[tuple[Case, Verdict]]) -> str:
    rows = sentences.facts(group[0][0])
    rows[1:1] = [("same", sentences.also(group))] if len(group) > 1 else []
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{esc(value)}</dd>" for name, value in rows) + "</dl>"


def _fix(fix: Fix, found: Verdict) -> str:
    commands = "\n".join(esc(line) for command in fix.commands for line in command.splitlines())
    shown = f"<pre>{commands}</pre>" if commands else ""
    note = f"<p>Note: {esc(fix.note)}</p>" if fix.note else ""
    return f"<li><p>{esc(sentences.fix_title(fix, found))}</p>{shown}{note}</li>"


def _details(hops: Sequence[HopLine]) -> str:
    parts = []
    for vantage in dict.fromkeys(line.vantage for line in hops):
        name = {"api": "Known from the API server", "workstation": "Seen from this machine"}.get(vantage)
        mine = [line for line in hops if line.vantage == vantage]
        opened = " open" if any(line.status == "fail" for line in mine) else ""
        rows = "".join(_row(line) for line in mine)
        head = esc(name or f"Seen from {vantage}")
        parts.append(f"<details{opened}><summary>{head}</summary><table>{rows}</table></details>")
    return "\n".join(parts)


def _row(line: HopLine) -> str:
    evidence = "".join(f"<li>{esc(e)}</li>" for e in line.evidence if printable(e) not in printable(line.summary))
    more = f"<ul>{evidence}</ul>" if evidence else ""
    mark = f'<td class="mark {line.status}" title="{line.status}">{SYMBOLS[line.status]}</td>'
    return f'<tr>{mark}<th scope="row">{esc(sentences.label(line))}</th><td>{esc(line.summary)}{more}</td></tr>'


START, WIDE, GAP, ROW, TOP = 130, 312, 30, 20, 34
"""The picture's measures in its own units: the width of the first station and of the others, what is between them, the
height of a hop's row and of a station's head."""
BROKEN: tuple[Status, ...] = ("fail",)


def picture(hops: Sequence[HopLine]) -> str:
    """The path as SVG: a lane a vantage, a station a host, a row a hop; the first break of each lane is marked."""
    lanes = list(dict.fromkeys(line.vantage for line in hops))
    parts, y, widest = [], 8, 0
    for vantage in lanes:
        mine = [line for line in hops if line.vantage == vantage]
        stations = _stations(mine, vantage)
        height = TOP + ROW * max(len(lines) for _, lines in stations) + 8
        parts.append(_station(0, y, START, height, *_start(vantage), ()))
        x, broken = START, False
        for subject, lines in stations:
            reached = any(line.status != "not-reached" for line in lines)
            # nothing behind a break was reached, except for what has a way of its own
            state = "none" if not reached or vantage == "api" else "way"
            first = next((line for line in lines if line.status in BROKEN), None)
            stops = first is not None and not broken and first.hop in ("dns", "connect")
            parts.append(_link(x, y + TOP / 2, state, stops))
            x += GAP
            head = "image and secrets" if vantage == "api" else subject.host
            role = "of the pod" if vantage == "api" else sentences.ROLES.get(subject.role, subject.role)
            parts.append(_station(x, y, WIDE, height, role, head, lines, first is not None and not broken))
            broken = broken or first is not None
            x += WIDE
        widest, y = max(widest, x), y + height + 16
    label = "the stations of the pull, with the place where it breaks"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {widest + 8} {y}" width="{widest + 8}" height="{y}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _stations(lines: Sequence[HopLine], vantage: str) -> list[tuple[Subject, list[HopLine]]]:
    """The lines of one vantage by host. The registry's challenge is asked at the registry, whoever answers it."""
    found: dict[Subject, list[HopLine]] = {}
    for line in lines:
        key = Subject("pod", "") if vantage == "api" else line.subject
        found.setdefault(key, []).append(line)
    return list(found.items())


def _start(vantage: str) -> tuple[str, str]:
    return {"api": ("known from", "API server"), "workstation": ("seen from", "this machine")}.get(
        vantage, ("seen from node", vantage)
    )


def _station(
    x: float, y: float, width: int, height: int, over: str, name: str, lines: Sequence[HopLine], broken: bool = False
) -> str:
    kind = "station broken" if broken else "station" if lines else "station start"
    parts = [
        f'<g><rect class="{kind}" x="{x + 1}" y="{y}" width="{width - 2}" height="{height}" rx="6"/>',
        f'<text class="over" x="{x + 10}" y="{y + 14}">{esc(over)}</text>',
        f'<text class="name" x="{x + 10}" y="{y + 29}">{esc(_fit(name, width))}<title>{esc(name)}</title></text>',
    ]
    for number, line in enumerate(lines):
        at = y + TOP + ROW * number + 14
        note = _fit(line.summary if line.status != "not-reached" else "not reached", width - 82)
        parts.append(
            f'<text class="mark {line.status}" x="{x + 10}" y="{at}">{SYMBOLS[line.status]}</text>'
            f'<text class="hop" x="{x + 26}" y="{at}">{esc(line.hop)}</text>'
            f'<text class="note" x="{x + 99}" y="{at}">{esc(note)}<title>{esc(line.summary)}</title></text>'
        )
    if broken:
        parts.append(f'<text class="break" x="{x + width - 24}" y="{y + 24}">✗</text>')
    return "".join([*parts, "</g>"])


def _link(x: float, y: float, state: str, stops: bool) -> str:
    kind = "link cut" if stops else "link" if state == "way" else "link none"
    line = f'<line class="{kind}" x1="{x}" y1="{y}" x2="{x + GAP}" y2="{y}"/>'
    middle = x + GAP / 2
    return line + (f'<text class="break" x="{middle}" y="{y + 8}" text-anchor="middle">✗</text>' if stops else "")


def _fit(value: str, width: int) -> str:
    """As much of a text as surely fits into so many units of the picture (a character: at most 7)."""
    most = max(4, (width - 20) // 7)
    shown = printable(value)
    return shown if len(shown) <= most else shown[: most - 1] + "…"

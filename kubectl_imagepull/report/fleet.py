"""What many nodes see of registries: rows as they come, a matrix, and what nodes that break alike have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tabulate import tabulate

from .. import __version__
from ..catalogue import node_marks
from ..model.node_report import FleetReport, NodeReport
from ..text import printable
from ..verdict.separating import Apart, Marks, separating
from . import machine, sentences
from .node import document, rows_of
from .table import RegistryRow
from .terminal import Style

STATES: Mapping[int, str] = {0: "ok", 1: "broken", 2: "gone", 3: "unseen"}
"""What a node's exit code means, in a word."""
COLOURS: Mapping[int, str] = {0: "pass", 1: "fail", 2: "warn", 3: "warn"}
CANNOT: Mapping[str, str] = {
    "dns": "cannot resolve",
    "connect": "cannot connect to",
    "tls": "cannot speak TLS with",
    "registry": "get no registry's answer from",
    "auth": "get no token from",
    "rate": "are limited by",
}
"""What nodes that break at a hop cannot do, before the host."""
WIDEST_NAME = 40
"""Characters of a node's name in a row."""
MOST_NAMES = 10
"""Nodes that are named in a line of text."""

Kind = Literal["broken", "pull", "unseen", "gone"]


@dataclass(frozen=True)
class Trouble:
    """What some nodes have in common that is not as it should be."""

    kind: Kind
    """broken: a registry does not answer; pull: an image cannot be pulled; unseen: it could not be asked; gone: no such node."""
    what: str
    """What they cannot do: "cannot resolve auth.corp"."""
    said: str
    """What the first of them saw, "" where `what` says all."""
    nodes: tuple[str, ...]
    """Their names, in the order of the report."""
    of: int
    """How many nodes were asked the same."""
    hop: str = ""
    """Where the path breaks, as in the matrix: what keeps the token host from answering is `auth`. "" for other troubles."""
    registries: tuple[str, ...] = ()
    """Those that it keeps from being reached."""
    apart: Apart | None = field(default=None)
    """What sets them apart from the nodes that were asked the same and do not have it, None where nothing does."""


# ---- what nodes have in common ---------------------------------------------------------------------------------------


def troubles(report: FleetReport) -> list[Trouble]:
    """Equal outcomes together, those of the most nodes first."""
    names = [one.node.name for one in report.reports]
    broken: dict[tuple[str, str, str, str, str], dict[str, RegistryRow]] = {}
    hosts: dict[tuple[str, str, str, str, str], dict[str, None]] = {}
    others: dict[tuple[Kind, str, str], list[str]] = {}
    asked: dict[str, set[str]] = {}
    for one in report.reports:
        node = one.node.name
        for row in rows_of(one):
            asked.setdefault(row.host, set()).update({node} if row.walked else ())
            if row.first is not None:
                first = row.first
                key = (row.broken or first.hop, first.hop, row.outcome, first.subject.role, first.subject.host)
                broken.setdefault(key, {}).setdefault(node, row)
                hosts.setdefault(key, {})[row.host] = None
        if one.pulled is not None and one.pulled.verdict is not None:
            verdict = one.pulled.verdict
            others.setdefault(("pull", f"cannot pull {one.pulled.seen.detail.image}", verdict.title), []).append(node)
        if one.exit_code == 2:
            others.setdefault(("gone", "are not there", ""), []).append(node)
        elif one.exit_code == 3:
            others.setdefault(("unseen", "could not be asked", _without_name(why(one), node)), []).append(node)
    seen = {one.node.name for one in report.reports if one.exit_code in (0, 1)}
    found = [
        _trouble(report, kind, what, said, nodes, seen | set(nodes) if kind != "pull" else set(names))
        for (kind, what, said), nodes in others.items()
    ]
    merged: dict[tuple[object, ...], list[tuple[str, str, str, str, str]]] = {}
    for key, rows in broken.items():
        merged.setdefault((*key[:4], tuple(rows)), []).append(key)
    for keys in merged.values():
        column, hop, _, role, _ = keys[0]
        rows = broken[keys[0]]
        registries = tuple(dict.fromkeys(host for key in keys for host in hosts[key]))
        who = _listed([key[4] for key in keys])
        what = f"{CANNOT.get(hop, f'break at {hop} with')} {who}"
        if role == "dns-server":
            what = f"cannot resolve {_listed(registries)}"
        elif role not in ("registry", "token"):
            what = f"{CANNOT.get(hop, f'break at {hop} with')} the {sentences.ROLES.get(role, role)} {who}"
        able = set().union(*(asked[host] for host in registries))
        said = next(iter(rows.values())).summary
        found.append(_trouble(report, "broken", what, said, list(rows), able, column, registries))
    order = {"broken": 0, "pull": 1, "unseen": 2, "gone": 3}
    return sorted(found, key=lambda one: (order[one.kind], -len(one.nodes)))


def _trouble(
    report: FleetReport,
    kind: Kind,
    what: str,
    said: str,
    nodes: Sequence[str],
    able: set[str],
    hop: str = "",
    registries: tuple[str, ...] = (),
) -> Trouble:
    mine = set(nodes)
    marks: Mapping[str, Marks] = report.marks
    bad = [marks[name] for name in nodes if name in marks]
    good = [marks[name] for name in marks if name in able and name not in mine]
    return Trouble(kind, what, said, tuple(nodes), len(able), hop, registries, separating(bad, good))


def why(report: NodeReport) -> str:
    """Why a node was not asked, or not about everything, one line."""
    lines = (*report.case.probe.why_not, *(e.message for e in report.case.errors if e.kind != "Pod"))
    return "; ".join(dict.fromkeys(lines)) or "; ".join(e.message for e in report.case.errors) or "it did not answer"


def _without_name(text: str, node: str) -> str:
    """A reason as it may hold for other nodes too."""
    return re.sub(rf"(?<![\w.-]){re.escape(node)}(?![\w-]|\.\w)", "the node", text)


def _listed(names: Sequence[str]) -> str:
    few = list(dict.fromkeys(names))
    if len(few) > 3:
        return f"{', '.join(few[:2])} and {len(few) - 2} more"
    return " and ".join(filter(None, (", ".join(few[:-1]), few[-1]))) if few else ""


def apart_in_words(apart: Apart) -> str:
    """What sets nodes apart: "all in zone b, where no other node is"."""
    fits = "all" if apart.with_it == apart.broken else f"{apart.with_it} of the {apart.broken}"
    others = f"{apart.healthy} other{'s' * (apart.healthy != 1)}"
    if not apart.healthy_with_it:
        more = f"none of the {others}" if apart.healthy > 1 else "not the other"
    else:
        more = f"so {'is' if apart.healthy_with_it == 1 else 'are'} {apart.healthy_with_it} of the {others}"
    known = node_marks.load().by_key
    also = [known[key].word if key in known else key for key in apart.also]
    besides = f"; {_listed(also)} set{'s' * (len(also) == 1)} the same nodes apart" if also else ""
    chance = ", which may be chance" if apart.may_be_chance else ""
    return f"{fits} {_having(apart)}, {more}{chance}{besides}"


def _having(apart: Apart) -> str:
    mark = node_marks.load().by_key.get(apart.key)
    if apart.values == (None,):
        return f"with a label {apart.key}" if apart.but else f"without a label {apart.key}"
    values = _either(
        [value if value is not None else "none" for value in apart.values], "or" if not apart.but else "nor"
    )
    if mark is None:
        return f"with another {apart.key} than {values}" if apart.but else f"with {apart.key}={values}"
    return f"not {mark.says} {values}" if apart.but else f"{mark.says} {values}"


def _either(values: Sequence[str], word: str) -> str:
    shown = [value or '""' for value in values]
    return f" {word} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


# ---- text ------------------------------------------------------------------------------------------------------------


class Rows:
    """Rows of nodes for a terminal, one by one as they come."""

    def __init__(self, nodes: Sequence[str], style: Style) -> None:
        self._width = min(WIDEST_NAME, max(4, *(len(printable(name)) for name in nodes), 4))
        self._style = style

    def head(self) -> str:
        """The line above them."""
        return f"{'NODE':<{self._width}}  STATE   ANSWER     BROKEN\n"

    def row(self, report: NodeReport) -> str:
        """One node: how many of its registries answer, and the first that does not."""
        rows = rows_of(report)
        state = self._style.paint(COLOURS[report.exit_code], f"{STATES[report.exit_code]:<6}")
        good = sum(1 for row in rows if row.walked and row.broken is None)
        answer = f"{good} of {len(rows)}" if rows else "-"
        line = f"{printable(report.node.name, self._width):<{self._width}}  {state}  {answer:<9}  "
        room = self._style.width - self._width - 21
        return f"{line}{printable(_worst(report, rows), max(room, 30))}".rstrip() + "\n"


def _worst(report: NodeReport, rows: Sequence[RegistryRow]) -> str:
    bad = [row for row in rows if row.broken]
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        return f"{bad[0].host} {bad[0].broken}: {bad[0].summary}{more}"
    if report.pulled is not None and report.pulled.verdict is not None:
        return f"image: {report.pulled.verdict.title}"
    if report.exit_code in (2, 3):
        return why(report)
    return "" if rows else "its pods name no registry"


def summary(report: FleetReport, style: Style) -> str:
    """How many nodes are how, and what those have in common that break alike."""
    lines = [counted(report)]
    for one in troubles(report):
        lines += ["", *_told(one, style)]
    return "\n".join(lines) + "\n"


def counted(report: FleetReport) -> str:
    """How many nodes are how: "40 nodes: 36 ok, 3 broken, 1 unseen"."""
    codes = [one.exit_code for one in report.reports]
    parts = [f"{codes.count(code)} {STATES[code]}" for code in (0, 1, 3, 2) if code in codes]
    late = "; interrupted" if report.interrupted else ""
    return f"{len(codes)} node{'s' * (len(codes) != 1)}: {', '.join(parts)}{late}" if codes else "no node"


def headline(one: Trouble) -> str:
    """How many of how many nodes, and what they cannot do."""
    count = len(one.nodes)
    what = one.what
    if count == 1:
        first, space, rest = what.partition(" ")
        what = {"are": "is", "get": "gets", "break": "breaks"}.get(first, first) + space + rest
    return f"{count} of {one.of} node{'s' * (one.of != 1)} {what}"


def _told(one: Trouble, style: Style) -> list[str]:
    said = f": {one.said}" if one.said else ""
    lines = [style.wrap(f"{headline(one)}{said}", 2, 0)]
    if one.apart is not None:
        lines.append(style.wrap(apart_in_words(one.apart), 4, 2))
    names = ", ".join(one.nodes[:MOST_NAMES])
    more = f" and {len(one.nodes) - MOST_NAMES} more" if len(one.nodes) > MOST_NAMES else ""
    return [*lines, style.wrap(f"{names}{more}", 4, 2)]


def table(report: FleetReport, style: Style) -> str:
    """The matrix: a row a node, a column a registry with the first broken hop, and below it what they have in common."""
    hosts = list(dict.fromkeys(row.host for one in report.reports for row in rows_of(one)))
    lines = []
    for one in report.reports:
        cells = {row.host: _cell(row, style) for row in rows_of(one)}
        last = printable(why(one), 60) if one.exit_code in (2, 3) else ""
        state = style.paint(COLOURS[one.exit_code], STATES[one.exit_code])
        lines.append([printable(one.node.name), state, *(cells.get(host, "-") for host in hosts), last])
    heads = ["NODE", "STATE", *(printable(host) for host in hosts), ""]
    matrix: str = tabulate(lines, headers=heads, tablefmt="plain", disable_numparse=True)
    return "\n".join(line.rstrip() for line in matrix.splitlines()) + f"\n\n{summary(report, style)}"


def _cell(row: RegistryRow, style: Style) -> str:
    if row.broken:
        return style.paint("fail", row.broken)
    return style.paint("pass", "ok") if row.walked else style.paint("warn", "?")


# ---- for a program ---------------------------------------------------------------------------------------------------


def documents(report: FleetReport) -> dict[str, Any]:
    """A NodeReportList: every node's NodeReport, and what nodes that break alike have in common."""
    return {
        "apiVersion": machine.API_VERSION,
        "kind": "NodeReportList",
        "toolVersion": __version__,
        "generatedAt": machine.utc(report.read_at),
        "interrupted": report.interrupted,
        "items": [document(one) for one in report.reports],
        "groups": [
            {
                "kind": one.kind,
                "title": headline(one),
                "summary": one.said,
                "hop": one.hop,
                "registries": list(one.registries),
                "nodes": list(one.nodes),
                "of": one.of,
                "apart": _apart(one.apart) if one.apart is not None else None,
            }
            for one in troubles(report)
        ],
    }


def _apart(apart: Apart) -> dict[str, Any]:
    return {
        "label": apart.key,
        "values": list(apart.values),
        "but": apart.but,
        "withIt": apart.with_it,
        "broken": apart.broken,
        "healthyWithIt": apart.healthy_with_it,
        "healthy": apart.healthy,
        "chance": float(f"{apart.chance:.3g}"),
        "also": list(apart.also),
        "words": apart_in_words(apart),
    }

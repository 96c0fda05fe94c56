"""Many nodes as one self-contained page: what breaks alike, and a heat map of nodes by registries.

Every cell has a word as well as a colour, so that paper, a phone and whoever tells no red from green read the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import __version__
from ..model.node_report import FleetReport, NodeReport
from . import fleet, machine
from .node import rows_of
from .page import esc, framed
from .table import RegistryRow

STYLE = """
.map { overflow-x: auto; margin: 1rem 0; } .map table { border-collapse: separate; border-spacing: 2px; font-size: .85rem; }
.map th { font-weight: 500; text-align: left; vertical-align: bottom; overflow-wrap: anywhere; }
.map thead span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 14rem; }
.map tbody th { position: sticky; left: 0; background: var(--back); min-width: 6rem; max-width: 14rem;
  padding-right: .4rem; vertical-align: middle; }
.map td { min-width: 3.2rem; height: 1.7rem; text-align: center; border-radius: 3px; border: 1px solid var(--line);
  padding: 0 .3rem; }
.map td.pass { background: var(--goodback); color: var(--good); border-color: transparent; }
.map td.fail { background: var(--badback); color: var(--bad); border-color: var(--bad); font-weight: 700; }
.map td.warn { color: var(--warn); border-style: dashed; } .map td.none { color: var(--soft); border-color: transparent; }
.map td.why { text-align: left; border: 0; min-width: 12rem; color: var(--soft); }
"""
MOST_NAMES = 50
"""Nodes that are named with what they have in common; the map has all."""
ORDER = (1, 3, 2, 0)
"""Of nodes in the map, by what their exit code means: the broken ones first."""


def page(report: FleetReport, cluster: str = "") -> str:
    """The whole page, in ASCII. cluster: which one was asked, in words."""
    when = machine.utc(report.read_at) if report.read_at else ""
    made = "; ".join(filter(None, (f"kubectl imagepull {__version__}", when, cluster)))
    found = fleet.troubles(report)
    title = fleet.counted(report)
    parts = [f"<style>{STYLE}</style>", f'<p class="made">{esc(made)}</p>', f"<h1>{esc(title)}</h1>"]
    parts += [_trouble(one) for one in found]
    return framed(title, [*parts, *_map(report)])


def _trouble(one: fleet.Trouble) -> str:
    names = ", ".join(one.nodes[:MOST_NAMES])
    more = f" and {len(one.nodes) - MOST_NAMES} more" if len(one.nodes) > MOST_NAMES else ""
    parts = [f'<article class="bad"><header><h2>{esc(fleet.headline(one))}</h2>']
    parts += [f"<p>{esc(one.said)}</p>"] if one.said else []
    parts += [f"<p><strong>{esc(fleet.apart_in_words(one.apart))}</strong></p>"] if one.apart is not None else []
    return "".join([*parts, f"</header><p>{esc(names + more)}</p></article>"])


def _map(report: FleetReport) -> list[str]:
    hosts = list(dict.fromkeys(row.host for one in report.reports for row in rows_of(one)))
    heads = "".join(f'<th scope="col"><span>{esc(host)}</span></th>' for host in hosts)
    parts = ['<section class="map"><h2>Nodes by registries</h2><table>']
    parts.append(f'<thead><tr><th scope="col">node</th>{heads}<th></th></tr></thead><tbody>')
    for one in sorted(report.reports, key=lambda one: ORDER.index(one.exit_code)):
        parts.append(_row(one, hosts))
    return [*parts, "</tbody></table></section>"]


def _row(one: NodeReport, hosts: Sequence[str]) -> str:
    rows = {row.host: row for row in rows_of(one)}
    cells = "".join(_cell(rows.get(host)) for host in hosts)
    why = fleet.why(one) if one.exit_code in (2, 3) else ""
    return f'<tr><th scope="row">{esc(one.node.name)}</th>{cells}<td class="why">{esc(why)}</td></tr>'


def _cell(row: RegistryRow | None) -> str:
    if row is None:
        return '<td class="none" title="not asked">-</td>'
    kind, word = ("fail", row.broken) if row.broken else ("pass", "ok") if row.walked else ("warn", "?")
    return f'<td class="{kind}" title="{esc(row.summary)}">{esc(word or "")}</td>'

"""Tables: the only user of tabulate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from ..model import HopLine
from ..text import printable
from .terminal import Style

COLUMNS = ("dns", "connect", "tls", "registry", "auth")


@dataclass(frozen=True)
class RegistryRow:
    """One registry as a node sees it. broken: the first hop that fails, None where none does; lines: its hops."""

    host: str
    broken: str | None
    summary: str
    lines: tuple[HopLine, ...]


def row_of(host: str, lines: Sequence[HopLine]) -> RegistryRow:
    """A row from a registry's hop lines, in the order of the path; a token host's hops count as auth."""
    mine = tuple(lines)
    broken = next((line for line in mine if line.status == "fail"), None)
    if broken is None:
        return RegistryRow(host, None, mine[-1].summary if mine else "not looked at", mine)
    hop = "auth" if broken.subject.role == "token" else broken.hop
    return RegistryRow(host, hop, broken.summary, mine)


def registries(rows: Sequence[RegistryRow], style: Style) -> str:
    """A row a registry, a column a hop, the first broken hop named."""
    table = []
    for row in rows:
        cells = [printable(row.host)]
        for hop in COLUMNS:
            line = next(
                (x for x in row.lines if x.hop == hop and (x.subject.role == "registry" or hop == "auth")), None
            )
            status = "fail" if row.broken == hop else line.status if line is not None else "not-reached"
            cells.append(style.mark(status).strip())
        cells.append(printable(f"{row.broken}: {row.summary}") if row.broken else "" if row.lines else row.summary)
        table.append(cells)
    headers = ["REGISTRY", *(c.upper() for c in COLUMNS), "BROKEN"]
    text: str = tabulate(table, headers=headers, tablefmt="plain", disable_numparse=True)
    return text

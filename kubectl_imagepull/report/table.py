"""Tables: the only user of tabulate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from ..model import HopLine
from ..model.node_report import RegistrySeen
from ..text import printable
from .terminal import Style

COLUMNS = ("dns", "connect", "tls", "registry", "auth")


@dataclass(frozen=True)
class RegistryRow:
    """One registry as a node sees it."""

    host: str
    """host, or host:port where the port is not 443."""
    broken: str | None
    """The first hop that fails, None where none does; of the token host each counts as auth."""
    summary: str
    """What was seen at that hop, else at the last one."""
    lines: tuple[HopLine, ...]
    """Its hops, empty where it could not be asked."""
    walked: bool = False
    """Its path was walked until it answered or broke."""
    first: HopLine | None = None
    """The line that fails first, as it is."""
    outcome: str = ""
    """The word of the vocabulary for that line."""


def row_of(one: RegistrySeen) -> RegistryRow:
    """A row from what a node saw of a registry."""
    number = next((n for n, line in enumerate(one.lines) if line.status == "fail"), None)
    if number is None:
        return RegistryRow(
            one.host, None, one.lines[-1].summary if one.lines else "not looked at", one.lines, one.walked
        )
    first = one.lines[number]
    hop = "auth" if first.subject.role == "token" else first.hop
    return RegistryRow(one.host, hop, first.summary, one.lines, True, first, one.outcomes[number])


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

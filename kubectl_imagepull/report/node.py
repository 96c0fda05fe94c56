"""What a node sees of registries: for a terminal, and as a NodeReport."""

from __future__ import annotations

from typing import Any

from .. import __version__
from ..model.node_report import NodeReport, Pulled
from . import machine, text
from .table import RegistryRow, registries, row_of
from .terminal import Style


def rows_of(report: NodeReport) -> list[RegistryRow]:
    """A row a registry."""
    return [row_of(one) for one in report.registries]


def as_text(report: NodeReport, style: Style) -> str:
    """The report for the terminal."""
    node = report.node
    platform = f"{node.os}/{node.arch}" if node.arch else ""
    about = ", ".join(filter(None, (node.runtime.replace("://", " ").strip(), platform)))
    found = f"node {node.name} ({about or 'not read'})\n\n"
    found += registries(rows_of(report), style) + "\n"
    if report.pulled is not None:
        found += f"\n{_pull(report.pulled, style)}\n"
    foot = text.footer(report.case, None, style)
    return found + (f"\n{foot}\n" if foot else "")


def _pull(pulled: Pulled, style: Style) -> str:
    """How the pull ended, for the terminal."""
    seen, verdict = pulled.seen, pulled.verdict
    lines = [style.wrap(f"image {seen.detail.image}: {seen.summary}", 2, 0)]
    if verdict is not None:
        lines.append(style.wrap(f"{verdict.title} ({verdict.cause}, {verdict.confidence})", 2))
        lines += [style.wrap(line, 4, 2) for line in verdict.explanation]
        if verdict.alternatives:
            lines.append(style.wrap(f"could also be: {', '.join(verdict.alternatives)}", 2))
        lines.append(style.wrap(f"the kubelet said: {seen.detail.message}", 2))
    return "\n".join(lines)


def document(report: NodeReport) -> dict[str, Any]:
    """A NodeReport."""
    case, pulled = report.case, report.pulled
    return {
        "apiVersion": machine.API_VERSION,
        "kind": "NodeReport",
        "toolVersion": __version__,
        "generatedAt": machine.utc(case.facts.read_at),
        "node": report.node.name,
        "registries": [
            {
                "host": row.host,
                "brokenHop": row.broken,
                "summary": row.summary,
                "hops": [machine.hop(line) for line in row.lines],
            }
            for row in rows_of(report)
        ],
        **({"pull": _pull_document(pulled)} if pulled is not None else {}),
        "probe": machine.probe_document(case.probe),
        "errors": [{"where": e.where, "message": e.message} for e in case.errors],
    }


def _pull_document(pulled: Pulled) -> dict[str, object]:
    seen, verdict = pulled.seen, pulled.verdict
    return {
        "image": seen.detail.image,
        "outcome": seen.outcome,
        "cause": verdict.cause if verdict is not None else "none",
        **({"confidence": verdict.confidence, "title": verdict.title} if verdict is not None else {}),
        "also": list(verdict.alternatives) if verdict is not None else [],
        "message": seen.detail.message,
        "seconds": round(seen.ms / 1000, 1),
    }

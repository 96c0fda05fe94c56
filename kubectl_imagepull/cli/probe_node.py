"""Ask registries from a node: name, port, certificate, API and challenge, a row each with the first broken hop named.

Without --registry, the registries of the images of the pods on that node. With --image, the node also pulls that image once,
and nothing of it runs.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TextIO

from .. import __version__
from ..report import machine, text
from ..report.table import RegistryRow, registries, row_of
from ..report.terminal import Style
from ..session.node_report import BadTarget, NodeReport, NodeTarget, Pulled, probe_node
from ..session.observer import Observer, Plan
from .options import UsageError, add_timeout, add_way_out, api_of, options_of, style_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("node", nargs="*", metavar="NODE", help="the node, as NAME or node/NAME")
    parser.add_argument("--registry", action="append", default=[], metavar="HOST[:PORT]", help="a registry; repeatable")
    parser.add_argument("--image", default="", metavar="REF", help="let the node pull this image: costs one pull")
    parser.add_argument("--pull-secret", default="", metavar="NAME", help="pull secret for --image, in the namespace")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="output format")
    add_timeout(parser)
    add_way_out(parser)


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Probe registries from a node. -> 0 all of them answer, 1 one is broken, 3 they could not be seen from the node."""
    options = options_of(args)
    try:
        target = NodeTarget(_node_name(args.node), tuple(args.registry), args.image, args.pull_secret)
    except BadTarget as error:
        flag = {"registries": "--registry", "image": "--image:"}[error.field]
        raise UsageError(f"error: {flag} {error}") from None
    if args.image:
        options = dataclasses.replace(options, way_out=dataclasses.replace(options.way_out, try_pull=True))
    elif args.pull_secret or options.way_out.tries_pull:
        raise UsageError(
            "error: --pull-secret, --try-pull and --via trial-pull need --image: which image is to be pulled?"
        )
    waiting = _Waiting(target.node, err if args.output == "text" and err.isatty() else None)
    report = probe_node(api_of(args), target, options, waiting)
    if report is None:
        print(f"no pod on node {target.node} names a registry; use --registry HOST", file=err)
        return 0
    rows = [row_of(one.host, one.lines) for one in report.registries]
    if args.output == "json":
        out.write(machine.dump(_document(report, rows)) + "\n")
    else:
        out.write(_report(report, rows, style_of(out)))
    return report.exit_code


class _Waiting(Observer):
    """Says on a terminal what is waited for."""

    def __init__(self, node: str, err: TextIO | None) -> None:
        self._node, self._err = node, err

    def planned(self, plan: Plan) -> None:
        if self._err is not None and plan.cases:
            print(f"probing {len(plan.cases)} registries from {self._node} ...", file=self._err)


def _node_name(operands: Sequence[str]) -> str:
    words = list(operands)
    if len(words) == 2 and words[0] in ("node", "nodes", "no"):
        words = [words[1]]
    if len(words) != 1:
        wanted = (
            "error: a node is needed: kubectl imagepull probe-node NODE" if not words else "error: one node at a time"
        )
        raise UsageError(wanted, "kubectl imagepull probe-node")
    kind, slash, name = words[0].rpartition("/")
    if (slash and kind not in ("node", "nodes", "no")) or not name or not all(c.isalnum() or c in "-." for c in name):
        raise UsageError(f'error: "{words[0][:80]}" is no name of a node')
    return name


def _report(report: NodeReport, rows: Sequence[RegistryRow], style: Style) -> str:
    """The report for the terminal."""
    node = report.node
    found = f"node {node.name} ({node.runtime.replace('://', ' ')}, {node.os}/{node.arch})\n\n"
    found += registries(rows, style) + "\n"
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


def _document(report: NodeReport, rows: Sequence[RegistryRow]) -> dict[str, object]:
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
            for row in rows
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

"""Ask registries from nodes: name, port, certificate, API and challenge, with the first broken hop named.

Without --registry, the registries of the images of the pods on each node. With --image, the nodes also pull that image once, and
nothing of it runs. One node that is named has a report of its own; of several, rows come as the nodes answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TextIO

from ..command import is_name
from ..model.node_report import FleetReport, NodeReport
from ..report import fleet, fleet_page, machine, node
from ..report.terminal import Style
from ..session import Api
from ..session.fleet import FleetObserver, FleetTarget, Limits, probe_nodes
from ..session.node_report import BadTarget, NodeTarget, probe_node
from ..session.observer import Observer, Plan
from ..session.options import Options
from ..text import printable
from .flags import Args, UsageError, quoted
from .options import api_of, options_of, refuse_warnings, style_of
from .show import CANNOT_TELL
from .waiting import Waiting

MOST_PARALLEL = 500
"""Nodes at a time: each has a thread here and a Job there."""


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Probe registries from nodes. -> the first that applies to one of them: 2 there is no such node, 3 they could not be seen
    from it, 1 one is broken, 0 all of them answer; 130 interrupted."""
    names = _names(args)
    options = options_of(args)
    try:
        target = NodeTarget(names[0] if names else "", tuple(args.registry), args.image, args.pull_secret)
    except BadTarget as error:
        flag = {"registries": "--registry", "image": "--image:"}[error.field]
        raise UsageError(f"error: {flag} {error}") from None
    if args.image:
        options = dataclasses.replace(options, way_out=dataclasses.replace(options.way_out, try_pull=True))
    elif args.pull_secret or options.way_out.tries_pull:
        raise UsageError(
            "error: --pull-secret, --try-pull and --via trial-pull need --image: which image is to be pulled?"
        )
    limits = Limits(_at_least_one("parallel", args.parallel), _at_least_one("per-registry", args.per_registry))
    if len(names) == 1:
        return _one(api_of(args), target, options, args.output, out, err)
    if options.way_out.kept:
        raise UsageError("error: --keep-pod is for one node")
    return _many(api_of(args), FleetTarget(target, names, args.selector), options, limits, args.output, out, err)


def _names(args: Args) -> tuple[str, ...]:
    """The nodes that are named, each once. Raises UsageError, in kubectl's words where it has some (cli-runtime:
    pkg/resource/builder.go)."""
    words = list(args.operands)
    searched = bool(args.selector) or args.all
    if words and words[0] in KINDS and (len(words) > 1 or searched):
        words = words[1:]
    if words and searched:
        raise UsageError("error: name cannot be provided when a selector is specified")
    if args.selector and args.all:
        raise UsageError("error: setting 'all' parameter but found a non empty selector. ")
    if not words and not searched:
        raise UsageError("error: nodes are needed: kubectl imagepull probe-node NODE ..., -l SELECTOR or --all")
    return tuple(dict.fromkeys(map(_name, words)))


KINDS = ("node", "nodes", "no")


def _name(word: str) -> str:
    kind, slash, name = word.rpartition("/")
    if (slash and kind not in KINDS) or not is_name(name):
        raise UsageError(f"error: {quoted(word[:80])} is no name of a node")
    return name


def _at_least_one(flag: str, value: int) -> int:
    if not 1 <= value <= MOST_PARALLEL:
        raise UsageError(f"error: --{flag} must be from 1 to {MOST_PARALLEL}")
    return value


# ---- one node --------------------------------------------------------------------------------------------------------


def _one(api: Api, target: NodeTarget, options: Options, form: str, out: TextIO, err: TextIO) -> int:
    waiting = Waiting(err)
    observer = _Told(target.node, waiting if form == "text" else None)
    try:
        report = probe_node(api, target, options, observer)
    finally:
        waiting.end()
    if report is None:
        print(f"no pod on node {target.node} names a registry; use --registry HOST", file=err)
        for what in observer.unseen:
            print(printable(what), file=err)
        return refuse_warnings(api, CANNOT_TELL if observer.unseen else 0)
    if form == "text":
        out.write(node.as_text(report, style_of(out)))
    elif form in ("table", "html"):
        out.write(_shown(FleetReport((report,), read_at=report.case.facts.read_at), form, api, style_of(out)))
    else:
        found = node.document(report)
        out.write(machine.dump(found) + "\n" if form == "json" else machine.dump_yaml(found))
    return refuse_warnings(api, report.exit_code)


class _Told(Observer):
    """Says on a terminal what is waited for."""

    def __init__(self, node: str, waiting: Waiting | None) -> None:
        self._node, self._waiting = node, waiting
        self.unseen: tuple[str, ...] = ()

    def planned(self, plan: Plan) -> None:
        """Begin to wait."""
        self.unseen = plan.unseen
        if self._waiting is not None and plan.cases:
            self._waiting.begin(f"probing {len(plan.cases)} registries from {self._node} ...")


# ---- several ---------------------------------------------------------------------------------------------------------


def _many(api: Api, target: FleetTarget, options: Options, limits: Limits, form: str, out: TextIO, err: TextIO) -> int:
    waiting = Waiting(err)
    style = style_of(out)
    observer = _Rows(out, style, waiting) if form == "text" else _Counted(waiting)
    try:
        report = probe_nodes(api, target, options, limits, observer)
    finally:
        waiting.end()
    out.write(_shown(report, form, api, style))
    if not report.reports:
        print("No resources found", file=err)
    if report.left:
        print(f"error: {report.left}", file=err)
    return refuse_warnings(api, report.exit_code)


def _shown(report: FleetReport, form: str, api: Api, style: Style) -> str:
    """The report in its format; of the text, what comes after the rows."""
    if form == "text":
        return "\n" + fleet.summary(report, style) if report.reports else ""
    if form == "table":
        return fleet.table(report, style)
    if form == "html":
        return fleet_page.page(report, ", ".join(filter(None, (api.settings.context, api.server))))
    found = fleet.documents(report)
    return machine.dump(found) + "\n" if form == "json" else machine.dump_yaml(found)


class _Rows(FleetObserver):
    """Prints a row when a node has been asked."""

    def __init__(self, out: TextIO, style: Style, waiting: Waiting) -> None:
        self._out, self._style, self._waiting = out, style, waiting
        self._rows = fleet.Rows((), style)

    def planned(self, nodes: Sequence[str]) -> None:
        """Print the line above them."""
        self._rows = fleet.Rows(nodes, self._style)
        if nodes:
            self._print(self._rows.head())
            self._waiting.begin(_probing(len(nodes)))

    def ended(self, report: NodeReport) -> None:
        """Print its row."""
        self._waiting.end()
        self._print(self._rows.row(report))

    def _print(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class _Counted(FleetObserver):
    """Says on a terminal how many nodes are waited for."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting, self._all, self._done = waiting, 0, 0

    def planned(self, nodes: Sequence[str]) -> None:
        """Begin to wait."""
        self._all = len(nodes)
        self._waiting.begin(_probing(self._all))

    def ended(self, report: NodeReport) -> None:
        """One less."""
        self._done += 1
        self._waiting.add(f"{self._done} of {self._all}")


def _probing(count: int) -> str:
    return f"probing from {count} node{'s' * (count != 1)} ..."

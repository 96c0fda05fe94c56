"""Find every failing pull of a namespace or a cluster, by root cause, most harm first."""

from __future__ import annotations

import dataclasses
import time
from typing import TextIO

from ..model.scan import Scan
from ..report import scan as report
from ..session.observer import CauseChange, Observer, Plan
from ..session.options import Wanted
from ..session.scan import Scope, scan
from ..session.scan_watch import watch
from .flags import Args, UsageError
from .options import EVERYWHERE, api_of, options_of, refuse_warnings, style_of
from .waiting import Waiting


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Scan. -> 0 nothing fails, 1 causes are named, 3 one is not determined or something could not be looked at."""
    options = dataclasses.replace(options_of(args), probe=args.probe)
    if options.way_out.tries_pull:
        raise UsageError("error: a scan pulls nothing; kubectl imagepull why POD --try-pull does")
    given = dataclasses.replace(options.way_out, harmless=()) != Wanted() or args.timeout is not None
    if given and not args.probe:
        raise UsageError("error: flags that say how a node is reached are for --probe")
    api = api_of(args)
    scope = Scope(args.all_namespaces, args.selector)
    where = EVERYWHERE if args.all_namespaces else f"{api.namespace} namespace"
    cluster = ", ".join(filter(None, (api.settings.context, api.server)))
    if args.watch and (args.probe or args.output not in WATCHED):
        raise UsageError(
            f"error: --watch tells what the API server knows, line by line: without --probe, -o {' or '.join(WATCHED)}"
        )
    waiting = Waiting(err)
    waiting.begin(f"reading the pods of {where} ...")
    if args.watch:
        watch(api, scope, _Live(waiting, out, args.output, where))
    try:
        found = scan(api, scope, options, _Told(waiting))
    finally:
        waiting.end()
    out.write(report.render(args.output, found, style_of(out), where, cluster))
    return refuse_warnings(api, found.exit_code)


WATCHED = ("table", "wide")
"""Formats of --watch."""


class _Told(Observer):
    """Says on a terminal how far it is."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting

    def read(self, pods: int, of: int) -> None:
        """So many of the pods that may fail."""
        self._waiting.add(f"{pods} of {of} that may fail")

    def planned(self, plan: Plan) -> None:
        """Probes begin."""
        self._waiting.begin(f"probing for {len(plan.cases)} containers ...")


class _Live(_Told):
    """Prints the scan, and a line for each change."""

    def __init__(self, waiting: Waiting, out: TextIO, form: str, where: str) -> None:
        super().__init__(waiting)
        self._out, self._form, self._where = out, form, where

    def scanned(self, found: Scan) -> None:
        """The report as it is without --watch."""
        self._waiting.end()
        self._out.write(report.render(self._form, found, style_of(self._out), self._where))
        self._out.flush()

    def changed(self, change: CauseChange) -> None:
        """When, what, how many there are now, and of which workload."""
        line = report.change_line(change.kind, change.cause, time.strftime("%H:%M:%S"))
        self._out.write(line + "\n")
        self._out.flush()

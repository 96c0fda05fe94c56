"""Say why a pod's images cannot be pulled: which link of the pull is broken, proven from the pod's node.

A short-lived pod is started on the node from an image that is already there; it asks DNS, connects, shakes hands and talks to the
registry as the container runtime does. The workstation does the same. The report says who must do what.
"""

from __future__ import annotations

import argparse
import pathlib
from typing import TextIO

from ..case import CaseError
from ..model import worst_exit
from ..report.formats import FORMATS, render
from ..session.saved import MOST_BYTES, diagnose_saved
from .options import UsageError, add_timeout, add_way_out, style_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument(
        "pod",
        nargs="*",
        metavar="TARGET",
        help="NAME of a pod, or KIND/NAME (pod, deploy, sts, ds, rs, job, cj); none: all",
    )
    parser.add_argument("-l", "--selector", default="", metavar="SELECTOR", help="the pods with these labels")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the failing pods of every namespace")
    parser.add_argument(
        "-f", "--filename", action="append", default=[], metavar="FILE", help="what this manifest names"
    )
    parser.add_argument("-o", "--output", choices=FORMATS, default="text", help="output format")
    parser.add_argument("--no-probe", action="store_true", help="start nothing: judge by what the API server knows")
    parser.add_argument(
        "--no-credentials", action="store_true", help="do not try the pod's credentials from the workstation"
    )
    parser.add_argument(
        "--token-host",
        action="append",
        default=[],
        metavar="HOST",
        help="let credentials go to this host too, if the registry names it for tokens",
    )
    parser.add_argument("--save-case", metavar="FILE", help="write what the verdict is drawn from, without secrets")
    parser.add_argument(
        "--case", metavar="FILE", help="judge a saved case; no cluster is asked (- reads standard input)"
    )
    parser.add_argument(
        "-w",
        "--watch",
        action="store_true",
        help="stay until the image is pulled, or fails otherwise; in a format other than text: one document at the end",
    )
    parser.add_argument("--apply", action="store_true", help="offer the change that fixes it; make it when you say yes")
    parser.add_argument(
        "--yes", action="store_true", help="with --apply: do not ask where the change alters no meaning"
    )
    parser.add_argument("--tag", default="", metavar="TAG", help="with --apply: use this tag of the image")
    add_timeout(parser)
    add_way_out(parser)
    parser.add_argument(
        "--compare-node",
        default="",
        metavar="NODE",
        help="probe from a second node as well (auto: one that runs the image)",
    )


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Diagnose what is meant. -> 0 no pull problem, 1 cause named, 3 cause not determined."""
    if args.case is not None:
        return _offline(args, out, stdin)
    from . import on_cluster  # not above: a saved case is judged without the Kubernetes client

    return on_cluster.run(args, out, err, stdin)


def _offline(args: argparse.Namespace, out: TextIO, stdin: TextIO) -> int:
    """Judge a saved case: the same verdict and the same report as where it was saved."""
    if args.pod or args.save_case is not None:
        raise UsageError("error: --case takes a file in place of a pod, and saves nothing")
    name = "standard input" if args.case == "-" else args.case
    try:
        if args.case == "-":
            data = stdin.buffer.read(MOST_BYTES)
        else:
            with pathlib.Path(args.case).open("rb") as file:
                data = file.read(MOST_BYTES)
    except OSError as error:
        raise UsageError(f"error: {name}: {error.strerror or error}") from None
    except ValueError as error:  # a name with a NUL in it
        raise UsageError(f"error: {error}") from None
    try:
        diagnoses = diagnose_saved(data, name)
        report = render(args.output, [d.case for d in diagnoses], [d.verdict for d in diagnoses], style_of(out))
    except CaseError as error:
        raise UsageError(f"error: {error}") from None
    out.write(report)
    return worst_exit(d.verdict.exit_code for d in diagnoses)

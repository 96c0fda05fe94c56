"""Say why a pod's images cannot be pulled: which link of the pull is broken, proven from the pod's node.

A short-lived pod is started on the node from an image that is already there; it asks DNS, connects, shakes hands and talks to the
registry as the container runtime does. The workstation does the same. The report says who must do what.
"""

from __future__ import annotations

import pathlib
from typing import TextIO

from ..case import CaseError
from ..model import worst_exit
from ..report.formats import render
from ..session.saved import MOST_BYTES, diagnose_saved
from .flags import Args, UsageError, quoted
from .options import style_of


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Diagnose what is meant. -> 0 no pull problem, 1 cause named, 3 cause not determined."""
    if args.pseudonymous and args.save_case is None:
        raise UsageError("error: --pseudonymous is for --save-case")
    if not args.open:
        return _diagnose(args, out, err, stdin)
    if args.output != "html":
        raise UsageError("error: --open is for -o html")
    from . import browser

    with browser.page(out) as document:
        return _diagnose(args, document, err, stdin)


def _diagnose(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    if args.case is not None:
        return _offline(args, out, stdin)
    from . import on_cluster  # not above: a saved case is judged without what asks an API server

    return on_cluster.run(args, out, err, stdin)


def _offline(args: Args, out: TextIO, stdin: TextIO) -> int:
    """Judge a saved case: the same verdict and the same report as where it was saved. With pseudonyms it may be saved again."""
    if args.operands or (args.save_case is not None and not args.pseudonymous):
        raise UsageError("error: --case takes a file in place of a pod, and saves only with --pseudonymous")
    name = "standard input" if args.case == "-" else args.case
    try:
        if args.case == "-":
            data = stdin.buffer.read(MOST_BYTES)
        else:
            with pathlib.Path(args.case).open("rb") as file:
                data = file.read(MOST_BYTES)
    except OSError as error:
        raise UsageError(f"error: {name}: {error.strerror or error}", pointed=False) from None
    except ValueError:  # a NUL in its name
        raise UsageError(f"error: {quoted(name)} can be the name of no file") from None
    try:
        diagnoses = diagnose_saved(data, name)
        report = render(args.output, [d.case for d in diagnoses], [d.verdict for d in diagnoses], style_of(out))
    except CaseError as error:
        raise UsageError(f"error: {error}", pointed=False) from None
    out.write(report)
    if args.save_case is not None:
        from .show import save_cases  # not above: it brings what a session on a cluster needs

        save_cases(args.save_case, [d.case for d in diagnoses], pseudonymous=True)
    return worst_exit(d.verdict.exit_code for d in diagnoses)

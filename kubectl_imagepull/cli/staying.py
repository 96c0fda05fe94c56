"""What `why` does beside a diagnosis, for --watch and --apply: it stays with the pull."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from ..model import worst_exit
from ..session import Api, apply
from ..session.apply import Preview
from ..session.diagnosis import diagnose
from ..session.observer import Diagnosis
from ..session.options import Options
from ..session.targets import Targets
from ..session.watching import Followed, One, PodGone, after, follow, known_events, watch
from ..text import printable
from .flags import Args
from .show import Printer


def stay(
    api: Api, args: Args, target: Targets, options: Options, printer: Printer, out: TextIO, err: TextIO, stdin: TextIO
) -> int:
    """Watch, or offer the change that fixes it. -> exit code as in the design."""
    try:
        if args.apply:
            return _apply(api, args, target, options, printer, out if printer.is_text else err, stdin)
        return printer.exit_code(watch(api, target, options, printer, report_end=not printer.is_text))
    except PodGone as gone:
        print(f"pod {gone} does not exist any more", file=err)
        return 1


def _apply(
    api: Api,
    args: Args,
    target: Targets,
    options: Options,
    printer: Printer,
    say: TextIO,
    stdin: TextIO,
) -> int:
    """Offer the change that fixes it, make it, and stay until the pod runs or fails again. -> 0 it runs."""
    diagnoses = diagnose(api, target, options, printer)
    failing = [d for d in diagnoses if d.verdict.exit_code]
    if not failing:
        return _code(diagnoses)
    case, verdict = failing[0].case, failing[0].verdict
    try:
        cases = [d.case for d in failing]
        if len({(c.target.owner or c.target.pod, c.target.container, c.target.image) for c in cases}) > 1:
            raise apply.Refused("several containers fail: fix them one by one, by hand")
        change = apply.plan(api, case, verdict, args.tag)
        known = known_events(api, case.target.namespace)

        def agree() -> bool:
            say.write("Apply this change? [y/N] ")
            say.flush()
            return stdin.readline().strip().lower() in ("y", "yes")

        apply.make(api, case, change, lambda shown: _show(shown, say), None if args.yes else agree)
        print("applied", file=say, flush=True)
    except apply.Refused as refusal:
        print(printable(f"not applied: {refusal}"), file=say)
        return verdict.exit_code
    if change.later:
        print(printable(change.later), file=say)
        return verdict.exit_code  # the pod of now fails as before
    followed = Followed(case.target.namespace, [One("", case.target.owner)])
    end = follow(api, followed, known, (), printer, mended=True)
    return _code(after(api, end, case, options, printer, report_end=not printer.is_text))


def _code(diagnoses: Sequence[Diagnosis]) -> int:
    return worst_exit(d.verdict.exit_code for d in diagnoses)


def _show(shown: Preview, say: TextIO) -> None:
    """Print a change as the server would make it."""
    lines = [f"change: {shown.change.what}", *(f"note: {note}" for note in shown.notes)]
    lines += [f"  {line}" for line in shown.difference]
    lines += [f"  delete pod/{shown.change.pod}"] if shown.change.pod else []
    say.writelines(printable(line) + "\n" for line in lines)
    say.flush()

"""`why` on a cluster: one diagnosis, and what --watch and --apply add to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from ..model import worst_exit
from ..session import Api, apply
from ..session.diagnosis import diagnose
from ..session.observer import Diagnosis
from ..session.options import Options
from ..session.targets import OnlyWorkload, Targets
from ..session.watching import Followed, One, PodGone, after, follow, known_events, watch
from ..text import printable
from . import operands
from .flags import Args, UsageError
from .options import api_of, options_of, refuse_warnings
from .show import Printer, save, searched, show_change


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Diagnose what is meant, and do what --watch or --apply ask for. -> exit code as in the design."""
    target = operands.parse(
        args.operands, args.selector, args.all_namespaces, args.filename, stdin, args.field_selector
    )
    options = options_of(args)
    _check(args, options, target)
    if args.save_case is not None:
        save(args.save_case, "")  # what cannot be written is better known before a pod is started
    api = api_of(args)
    cluster = ", ".join(filter(None, (api.settings.context, api.server)))
    where = searched(target, api.namespace)
    printer = Printer(args.output, out, err, where, args.save_case, cluster, args.pseudonymous)
    try:
        if args.apply:
            code = _apply(api, args, target, options, printer, out if printer.is_text else err, stdin)
        elif args.watch:
            code = printer.exit_code(watch(api, target, options, printer, report_end=not printer.is_text))
        else:
            code = printer.exit_code(diagnose(api, target, options, printer))
        return refuse_warnings(api, code)
    except OnlyWorkload as error:
        words = [kind.lower() for kind in error.kinds]
        instead = ", ".join(f"`kubectl imagepull why {word}/{error.name} -n {error.namespace}`" for word in words)
        advice = f"There is a {' and a '.join(words)} of that name: {instead}"
        raise UsageError(str(error), advice=advice) from None
    except PodGone as gone:
        print(f"pod {gone} does not exist any more", file=err)
        return 1
    finally:
        printer.close()


def _code(diagnoses: Sequence[Diagnosis]) -> int:
    return worst_exit(d.verdict.exit_code for d in diagnoses)


def _check(args: Args, options: Options, target: Targets) -> None:
    """Flags that do not go together. Raises UsageError."""
    one_named = len(target.named) == 1
    if (args.yes or args.tag) and not args.apply:
        raise UsageError("error: --yes and --tag are for --apply")
    if args.watch and (target.everywhere or len({one.namespace for one in target.named}) > 1):
        raise UsageError("error: --watch stays with the pods of one namespace")
    if args.apply and not one_named:
        raise UsageError("error: --apply wants one pod or one workload (NAME or KIND/NAME)")
    if (options.way_out.try_pull or options.compare_node) and not one_named:
        raise UsageError("error: --try-pull and --compare-node want one pod or one workload (NAME or KIND/NAME)")


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

        apply.make(api, case, change, lambda shown: show_change(shown, say), None if args.yes else agree)
        print("applied", file=say, flush=True)
    except apply.Refused as refusal:
        print(printable(f"not applied: {refusal}"), file=say)
        return verdict.exit_code
    if change.later:
        print(printable(change.later), file=say)
        return verdict.exit_code  # the pod of now fails as before
    followed = Followed(case.target.namespace, [One("", case.target.owner)])
    end = follow(api, followed, known, set(), True, printer)
    return _code(after(api, end, case, options, printer, report_end=not printer.is_text))

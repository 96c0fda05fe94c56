"""`why` on a cluster: one diagnosis; `staying` has what --watch and --apply add to it."""

from __future__ import annotations

from typing import TextIO

from ..session.diagnosis import diagnose
from ..session.options import Options
from ..session.targets import OnlyWorkload, Targets
from . import operands
from .flags import Args, UsageError
from .options import api_of, options_of, refuse_warnings
from .show import Printer, save, searched


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
        if args.apply or args.watch:
            from .staying import stay  # not above: a diagnosis alone needs nothing of it

            code = stay(api, args, target, options, printer, out, err, stdin)
        else:
            code = printer.exit_code(diagnose(api, target, options, printer))
        return refuse_warnings(api, code)
    except OnlyWorkload as error:
        words = [kind.lower() for kind in error.kinds]
        instead = ", ".join(f"`kubectl imagepull why {word}/{error.name} -n {error.namespace}`" for word in words)
        advice = f"There is a {' and a '.join(words)} of that name: {instead}"
        raise UsageError(str(error), advice=advice) from None
    finally:
        printer.close()


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

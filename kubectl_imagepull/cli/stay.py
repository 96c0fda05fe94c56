"""`why` on a cluster from beginning to end: one diagnosis, then staying with the pull, or mending it and staying."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from typing import TextIO

from ..image.messages import classify
from ..kube.client import Api
from ..model import Case, Verdict, worst_exit
from ..report.style import clean
from . import apply, targets
from .diagnose import diagnose, save
from .options import UsageError, flags_of, wanted_of
from .watch import End, Followed, One, follow, known_events

Both = Sequence[tuple[Case, Verdict]]
PROGRESS = ("pull.in_progress", "pull.queued")


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Diagnose what is asked about, and do what --watch or --apply ask for. -> exit code as in the design."""
    asked = targets.parse(args.pod, args.selector, args.all_namespaces, args.filename, stdin)
    _check(args, asked)
    if args.save_case is not None:
        save(args.save_case, "")  # what cannot be written is better known before a pod is started
    api = Api(flags_of(args), getattr(args, "verbosity", 0) or 0)
    if not (args.watch or args.apply):
        return worst_exit(v.exit_code for _, v in diagnose(api, asked, args, out, err))
    return _Stay(api, args, out, err, stdin).run(asked)


def _check(args: argparse.Namespace, asked: targets.Asked) -> None:
    """Flags that do not go together. Raises UsageError."""
    if args.timeout <= 0:
        raise UsageError("error: --timeout must be more than 0 (for example 30s)")
    if (args.yes or args.tag) and not args.apply:
        raise UsageError("error: --yes and --tag are for --apply")
    if args.watch and (asked.everywhere or len({one.namespace for one in asked.named}) > 1):
        raise UsageError("error: --watch stays with the pods of one namespace")
    if args.apply and len(asked.named) != 1:
        raise UsageError("error: --apply wants one pod or one workload (NAME or KIND/NAME)")
    if (wanted_of(args).try_pull or args.compare_node) and len(asked.named) != 1:
        raise UsageError("error: --try-pull and --compare-node want one pod or one workload (NAME or KIND/NAME)")


class _Stay:
    """A diagnosis that is followed until the pull has an end.

    As text each report is printed when it is due. In every other format the output is one document, that of the end: what
    happens on the way goes to the standard error.
    """

    def __init__(self, api: Api, args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> None:
        self._api, self._args = api, args
        self._out, self._err, self._stdin = out, err, stdin
        self._as_text = args.output == "text"
        self._last = ""

    def run(self, asked: targets.Asked) -> int:
        namespace = next((one.namespace for one in asked.named if one.namespace), self._api.namespace)
        known = known_events(self._api, namespace)
        both = self._diagnose(asked, self._args)
        code = worst_exit(v.exit_code for _, v in both)
        failing = [(c, v) for c, v in both if v.exit_code]
        try:
            if self._args.apply:
                return self._mend(failing) if failing else code
            open_end = failing + [(c, v) for c, v in both if v.cause in PROGRESS]
            return self._watch(asked, open_end, namespace, known) if open_end else code
        finally:
            if not self._as_text:
                self._out.write(self._last)

    def _diagnose(self, asked: targets.Asked, args: argparse.Namespace) -> Both:
        """Diagnose and report, or keep the report for the end."""
        if self._as_text:
            return diagnose(self._api, asked, args, self._out, self._err)
        held = io.StringIO()
        both = diagnose(self._api, asked, args, held, self._err)
        self._last = held.getvalue()
        return both

    def _watch(self, asked: targets.Asked, both: Both, namespace: str, known: dict[str, int]) -> int:
        """Stay with the pulls. -> 0 pulled, else the exit code of the verdict that it ends with."""
        by_name = not asked.named or any(one.kind == "Pod" for one in asked.named)
        each = [One(c.target.pod if by_name else "", c.target.owner) for c, _ in both]
        causes = {classify(c.facts.said).cause if c.facts.said else v.cause for c, v in both}
        followed = Followed(namespace, list(dict.fromkeys(each)))
        return self._ended(both, follow(self._api, followed, known, causes, False, self._say))

    @property
    def _say(self) -> TextIO:
        return self._out if self._as_text else self._err

    def _ended(self, both: Both, end: End) -> int:
        """What is to be said at the end. -> the exit code."""
        case = both[0][0]
        if end.gone:
            print(f"pod {case.target.pod} does not exist any more", file=self._err)
            return 1
        if self._as_text and not end.failed:
            return 0
        # where every image is there, nobody needs to be asked again
        args = self._args if end.failed else argparse.Namespace(**{**vars(self._args), "no_probe": True})
        names = [end.failed] if end.failed else end.pods
        again = targets.Asked(tuple(targets.Named("Pod", name, case.target.namespace) for name in names))
        return worst_exit(v.exit_code for _, v in self._diagnose(again, args))

    def _mend(self, both: Both) -> int:
        """Offer the change that mends it, make it, and stay until the pod runs or fails again. -> 0 it runs."""
        case, verdict = both[0]
        try:
            if len({(c.target.owner or c.target.pod, c.target.container, c.target.image) for c, _ in both}) > 1:
                raise apply.Refused("several containers fail: mend them one by one, by hand")
            change = apply.plan(self._api, case, verdict, self._args.tag)
            known = known_events(self._api, case.target.namespace)
            apply.make(self._api, case, change, self._args.yes, self._err, self._stdin)
        except apply.Refused as refusal:
            print(clean(f"not applied: {refusal}"), file=self._err)
            return verdict.exit_code
        if change.later:
            return verdict.exit_code  # the pod of now fails as before
        followed = Followed(case.target.namespace, [One("", case.target.owner)])
        return self._ended(both, follow(self._api, followed, known, set(), True, self._err))

"""What `why` does with a cluster: read, look from both vantages, judge, report; then stay with the pull or mend it."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TextIO

from ..case import CaseFile, dump
from ..image.messages import classify
from ..kube.client import Api
from ..kube.read import ContainerRead, PodRead
from ..kube.workloads import what_changed
from ..model import Case, HopLine, Observation, Pull, ReadError, Verdict, worst_exit
from ..node.plan import Login
from ..report import text
from ..report.formats import render
from ..report.style import Style, clean
from ..verdict import judge
from ..verdict.hops import api_lines, line_of
from . import apply, targets
from .look import Looked, Where, about, look, peer_of, rehearsal_of
from .options import UsageError, flags_of, style_of, wanted_of
from .watch import End, Followed, follow, known_events

LOGINLESS = ("", "anonymous", None)


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Diagnose what is asked about. -> 0 no pull problem, 1 cause named, 3 cause not determined."""
    asked = targets.parse(args.pod, args.selector, args.all_namespaces, args.filename, stdin)
    if args.timeout <= 0:
        raise UsageError("error: --timeout must be more than 0 (for example 30s)")
    if (args.yes or args.tag) and not args.apply:
        raise UsageError("error: --yes and --tag are for --apply")
    if (args.watch or args.apply) and len(asked.named) != 1:
        raise UsageError("error: --watch and --apply want one pod or one workload (NAME or KIND/NAME)")
    if (wanted_of(args).try_pull or args.compare_node) and len(asked.named) != 1:
        raise UsageError("error: --try-pull and --compare-node want one pod or one workload (NAME or KIND/NAME)")
    if args.save_case is not None:
        _save(args.save_case, "")  # what cannot be written is better known before a pod is started
    api = Api(flags_of(args), getattr(args, "verbosity", 0) or 0)
    known = known_events(api, asked.named[0].namespace or api.namespace) if args.watch or args.apply else {}
    both = diagnose(api, asked, args, out, err)
    code = worst_exit(v.exit_code for _, v in both)
    open_end = [(c, v) for c, v in both if v.exit_code or v.cause in ("pull.in_progress", "pull.queued")]
    if args.apply and code:
        return _mend(api, [(c, v) for c, v in both if v.exit_code], args, out, err, stdin)
    if args.watch and open_end:
        return _watch(api, asked, *open_end[0], known, args, out, err)
    return code


def _watch(
    api: Api,
    asked: targets.Asked,
    case: Case,
    verdict: Verdict,
    known: dict[str, int],
    args: argparse.Namespace,
    out: TextIO,
    err: TextIO,
) -> int:
    """Stay with the pull. -> 0 pulled, else the exit code of the verdict that it ends with."""
    pod = case.target.pod if asked.pod else ""
    followed = Followed(case.target.namespace, pod, case.target.owner)
    cause = classify(case.facts.said).cause if case.facts.said else verdict.cause
    end = follow(api, followed, known, cause, False, out if args.output == "text" else err)
    return _ended(api, case, end, args, out, err)


def _ended(api: Api, case: Case, end: End, args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    if end.gone:
        print(f"pod {case.target.pod} does not exist any more", file=err)
        return 1
    if not end.pod:
        return 0
    again = targets.Asked((targets.Named("Pod", end.pod, case.target.namespace),))
    return worst_exit(v.exit_code for _, v in diagnose(api, again, args, out, err))


def _mend(
    api: Api, both: Sequence[tuple[Case, Verdict]], args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO
) -> int:
    """Offer the change that mends it, make it, and stay until the pod runs or fails again. -> 0 it runs."""
    case, verdict = both[0]
    try:
        if len({(c.target.owner or c.target.pod, c.target.container, c.target.image) for c, _ in both}) > 1:
            raise apply.Refused("several containers fail: mend them one by one, by hand")
        change = apply.plan(api, case, verdict, args.tag)
        known = known_events(api, case.target.namespace)
        apply.make(api, case, change, args.yes, out, err, stdin)
    except apply.Refused as refusal:
        print(clean(f"not applied: {refusal}"), file=err)
        return verdict.exit_code
    end = follow(api, Followed(case.target.namespace, "", case.target.owner), known, "", True, err)
    return _ended(api, case, end, args, out, err)


def diagnose(
    api: Api, asked: targets.Asked, args: argparse.Namespace, out: TextIO, err: TextIO
) -> list[tuple[Case, Verdict]]:
    """Read, look, judge and report. -> what was reported, [] where nothing fails."""
    found = targets.find(api, asked)
    chosen = [c for read in found.reads for c in (read.failing or (read.containers if len(found.reads) == 1 else ()))]
    chosen = chosen or [c for read in found.reads for c in read.containers]
    if not chosen and not found.refused:
        _nothing(api, asked, found, args.output, out)
        return []
    style = style_of(out)
    live = args.output == "text" and len(chosen) == 1 and not found.refused
    shown = _Shown(out, style, chosen[0]) if live else None
    if shown is not None:
        shown.start()
    elif args.output == "text" and err.isatty():
        nodes = dict.fromkeys(c.target.node for c in chosen if c.target.node)
        print(f"looking from {', '.join(nodes) or 'here'} ...", file=err)
    cases = _looked_at(api, found.reads, chosen, args, shown.seen if shown is not None else lambda _: None)
    cases += found.refused
    both = [(case, judge(case)) for case in cases]
    if args.save_case is not None:
        _save(args.save_case, dump(CaseFile(tuple(cases))))
    if shown is not None:
        shown.finish(*both[0])
    else:
        out.write(render(args.output, cases, [verdict for _, verdict in both], style))
    return both


def _nothing(api: Api, asked: targets.Asked, found: targets.Found, output: str, out: TextIO) -> None:
    """Nothing fails: said in a line, or as an empty list."""
    if output in ("json", "yaml"):
        out.write(render(output, [], [], Style()))
    elif output == "name":
        return
    elif found.looked_at:
        out.write("".join(f"No image pull problem found in {what}.\n" for what in found.looked_at))
    else:
        where = "any namespace" if asked.everywhere else f"{api.namespace} namespace"
        out.write(f"No image pull problem found in {where}.\n")


def _looked_at(
    api: Api,
    reads: Sequence[PodRead],
    chosen: Sequence[ContainerRead],
    args: argparse.Namespace,
    seen: Callable[[Observation], None],
) -> list[Case]:
    """The Cases of these containers: the same trouble is looked at once, each node through one probe pod, in turn."""
    first: dict[tuple[object, ...], ContainerRead] = {}
    for container in chosen:
        first.setdefault(targets.same_trouble(container), container)
    # a pull's id is unique in one pod only
    numbered = {
        key: replace(c, pull=replace(c.pull, id=f"q{n}") if c.pull else None)
        for n, (key, c) in enumerate(first.items())
    }
    by_node: dict[str, list[ContainerRead]] = {}
    for container in numbered.values():
        by_node.setdefault(container.target.node, []).append(container)
    errors = {(r.namespace, r.name): r.errors for r in reads}
    tried: set[tuple[str, str, str]] = set()
    cases: dict[tuple[object, ...], Case] = {}
    for node, containers in by_node.items():
        read = next(
            r for r in reads if (r.namespace, r.name) == (containers[0].target.namespace, containers[0].target.pod)
        )
        pulls, alias = _distinct(containers)
        logins = {} if args.no_credentials else _logins(containers, alias, tried)
        where = Where(
            None if args.no_probe or not node else read.node,
            read.namespace,
            read.images_running,
            read.images_listed,
            wanted_of(args),
            rehearsal_of(containers, alias),
        )
        looked = Looked()
        if not args.no_probe:
            peer, troubles = peer_of(api, args.compare_node, where, containers)
            looked = look(api, replace(where, peer=peer), pulls, logins, args.timeout, seen)
            looked = replace(looked, errors=(*looked.errors, *troubles))
        for container in containers:
            container = _with_history(api, read_of(reads, container), container)
            pod_errors = errors.get((container.target.namespace, container.target.pod), ())
            cases[targets.same_trouble(container)] = _case(container, alias, looked, pod_errors)
    _share_logins(cases.values(), cases)
    out = []
    for container in chosen:
        case = cases[targets.same_trouble(container)]
        history = case.facts.since_revision if case.target.owner == container.target.owner else ""
        out.append(replace(case, target=container.target, facts=replace(container.facts, since_revision=history)))
    return out


def read_of(reads: Sequence[PodRead], container: ContainerRead) -> PodRead:
    """The pod that a container belongs to."""
    where = (container.target.namespace, container.target.pod)
    return next(r for r in reads if (r.namespace, r.name) == where)


def _with_history(api: Api, read: PodRead, container: ContainerRead) -> ContainerRead:
    """With what the workload's revision before had in the place of this container's image and secrets."""
    target = container.target
    if not container.facts.failing:
        return container
    changed = what_changed(api, target.namespace, read.object, target.owner, target.container)
    return replace(container, facts=replace(container.facts, since_revision=changed))


def _share_logins(cases: Iterable[Case], by_key: dict[tuple[object, ...], Case]) -> None:
    """What a credential got from this machine counts for every node: it is tried once in a run."""
    tried: dict[tuple[object, ...], list[Observation]] = {}
    for case in cases:
        if case.pull is not None:
            where = (case.target.namespace, case.pull.host, case.pull.repository, case.pull.asked)
            with_login = [o for o in case.observations if o.data.get("secret") or o.data.get("via") not in LOGINLESS]
            tried.setdefault(where, []).extend(with_login)
    for key, case in list(by_key.items()):
        if case.pull is not None and case.facts.secrets:
            where = (case.target.namespace, case.pull.host, case.pull.repository, case.pull.asked)
            missing = [o for o in tried[where] if o not in case.observations]
            by_key[key] = replace(case, observations=(*case.observations, *missing))


def _distinct(containers: Sequence[ContainerRead]) -> tuple[list[Pull], dict[str, str]]:
    """The different pulls of these containers, and for each container's pull the one that is asked in its place."""
    first: dict[tuple[str, int, str, str], Pull] = {}
    alias = {}
    for container in containers:
        pull = container.pull
        if pull is not None:
            kept = first.setdefault((pull.host, pull.port, pull.repository, pull.asked), pull)
            alias[pull.id] = kept.id
    return list(first.values()), alias


def _logins(
    containers: Sequence[ContainerRead], alias: dict[str, str], tried: set[tuple[str, str, str]]
) -> dict[str, tuple[Login, ...]]:
    """Credentials for the workstation, each once for a host in a run: accounts get locked. tried: those so far."""
    logins: dict[str, tuple[Login, ...]] = {}
    for container in containers:
        pull = container.pull
        if pull is None or alias[pull.id] != pull.id:
            continue
        mine = []
        for credential in container.credentials:
            key = (pull.host, credential.username, credential.password)
            if key not in tried:
                tried.add(key)
                mine.append(Login(credential.username, credential.password, credential.secret, credential.registry_key))
        logins[pull.id] = tuple(mine)
    return logins


def _case(container: ContainerRead, alias: dict[str, str], looked: Looked, errors: Sequence[ReadError]) -> Case:
    """The Case of one container: of all observations, those that concern its image and the hosts on its path."""
    pull = container.pull
    observations: tuple[Observation, ...] = ()
    if pull is not None:
        observations = about(looked.observations, alias[pull.id], pull.authority)
    return Case(
        target=container.target,
        facts=container.facts,
        pull=pull,
        observations=observations,
        probe=looked.probe,
        errors=(*errors, *looked.errors),
    )


def _save(file: str, text: str) -> None:
    """Write a file. Raises UsageError where it cannot be written."""
    try:
        with pathlib.Path(file).open("a" if not text else "w", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"error: {file}: {error.strerror or error}") from None


class _Shown:
    """Prints a single diagnosis while it grows: the node's hops as they come, this machine's when the node is done."""

    def __init__(self, out: TextIO, style: Style, container: ContainerRead) -> None:
        self._out, self._style = out, style
        self._case = Case(container.target, container.facts, container.pull)
        self._printed: list[HopLine] = []

    def start(self) -> None:
        self._print(text.header(self._case, self._style))
        for line in api_lines(self._case):
            self._hop(line)

    def seen(self, observation: Observation) -> None:
        if observation.vantage.place == "node":
            self._hop(line_of(self._case, observation))

    def finish(self, case: Case, verdict: Verdict) -> None:
        """What has not been printed yet: hops not reached, this machine's view, verdict and fixes."""
        node = [line for line in verdict.hops if line.vantage not in ("api", "workstation")]
        for line in node:
            if line not in self._printed:
                self._hop(line)
        local = [line for line in verdict.hops if line.vantage == "workstation"]
        if local:
            self._print(text.here(local, node, self._style))
        self._print(text.verdict(case, verdict, self._style))
        foot = text.footer(case, [], self._style)
        if foot:
            self._print("\n" + foot)

    def _hop(self, line: HopLine) -> None:
        if not self._printed or self._printed[-1].vantage != line.vantage:
            self._print(text.heading(line.vantage, self._style))
        self._printed.append(line)
        self._print(text.hop(line, self._style))

    def _print(self, block: str) -> None:
        self._out.write(block + "\n")
        self._out.flush()

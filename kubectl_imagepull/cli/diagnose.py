"""One diagnosis: read, look from both vantages, judge, report."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TextIO

from ..case import CaseFile, dump
from ..kube.client import Api
from ..kube.read import ContainerRead, PodRead
from ..kube.workloads import what_changed
from ..model import Case, HopLine, Observation, Pull, ReadError, Verdict
from ..node.plan import Login
from ..report import text
from ..report.formats import render
from ..report.style import Style
from ..verdict import judge
from ..verdict.hops import api_lines, line_of
from . import targets
from .look import Job, Looked, Where, look_side_by_side, peer_of, rehearsal_of
from .on_path import on_path
from .options import UsageError, style_of, wanted_of

LOGINLESS = ("", "anonymous", None)


def diagnose(
    api: Api, asked: targets.Asked, args: argparse.Namespace, out: TextIO, err: TextIO
) -> list[tuple[Case, Verdict]]:
    """Read, look, judge and report. -> what was reported, [] where nothing fails."""
    found = targets.find(api, asked)
    alone = len(found.reads) == 1
    # a pod that was asked for by name may hang as well as fail
    chosen = [c for r in found.reads for c in (r.failing or (r.containers if alone else r.pulling))]
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
        save(args.save_case, dump(CaseFile(tuple(cases))))
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
    """The Cases of these containers: the same trouble is looked at once, each node through one probe pod."""
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
    groups = list(by_node.values())
    asked = [_distinct(containers) for containers in groups]
    if args.no_probe:
        looks = [Looked() for _ in groups]
    else:
        looks = _from_all_nodes(api, reads, groups, asked, args, seen)
    cases: dict[tuple[object, ...], Case] = {}
    for containers, (_, alias), looked in zip(groups, asked, looks, strict=True):
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


def _from_all_nodes(
    api: Api,
    reads: Sequence[PodRead],
    groups: Sequence[Sequence[ContainerRead]],
    asked: Sequence[tuple[list[Pull], dict[str, str]]],
    args: argparse.Namespace,
    seen: Callable[[Observation], None],
) -> list[Looked]:
    """What is seen from the node of each group, and from here for its pulls."""
    tried: set[tuple[str, str, str]] = set()
    jobs, troubles = [], []
    for containers, (pulls, alias) in zip(groups, asked, strict=True):
        read = read_of(reads, containers[0])
        where = Where(
            read.node if containers[0].target.node else None,
            read.namespace,
            read.images,
            wanted_of(args),
            rehearsal_of(containers, alias),
        )
        peer, trouble = peer_of(api, args.compare_node, where, containers)
        troubles.append(trouble)
        logins = {} if args.no_credentials else _logins(containers, alias, tried)
        jobs.append(Job(replace(where, peer=peer), pulls, logins))
    looks = look_side_by_side(api, jobs, args.timeout, seen)
    return [replace(one, errors=(*one.errors, *more)) for one, more in zip(looks, troubles, strict=True)]


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
    """What a credential got from this machine counts for every node: it is tried once in a run.

    That a registry refuses it (Basic) counts for all images of the registry.
    """
    tried: dict[tuple[object, ...], list[Observation]] = {}
    refused: dict[tuple[object, ...], list[Observation]] = {}
    for case in cases:
        if case.pull is not None:
            where = (case.target.namespace, case.pull.host, case.pull.repository, case.pull.asked)
            with_login = [o for o in case.observations if o.data.get("secret") or o.data.get("via") not in LOGINLESS]
            tried.setdefault(where, []).extend(with_login)
            refused.setdefault(where[:2], []).extend(o for o in with_login if o.outcome == "refused")
    for key, case in list(by_key.items()):
        if case.pull is not None and case.facts.secrets:
            where = (case.target.namespace, case.pull.host, case.pull.repository, case.pull.asked)
            own = {secret.name for secret in case.facts.secrets}
            shared = [o for o in tried[where] if o not in case.observations]
            shared += [o for o in refused[where[:2]] if o not in (*case.observations, *shared)]
            missing = [o for o in shared if (o.data.get("secret") or o.data.get("via")) in own]
            by_key[key] = replace(case, observations=(*case.observations, *missing))


def _distinct(containers: Sequence[ContainerRead]) -> tuple[list[Pull], dict[str, str]]:
    """The different pulls of these containers, and for each container's pull the one that is asked in its place.

    The same image with other credentials is another pull: what they get belongs to the pods that have them.
    """
    first: dict[tuple[object, ...], Pull] = {}
    alias = {}
    for container in containers:
        pull = container.pull
        if pull is not None:
            kept = first.setdefault((pull.host, pull.port, pull.repository, pull.asked, container.credentials), pull)
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
        observations = on_path(looked.observations, pull, alias[pull.id])
    return Case(
        target=container.target,
        facts=container.facts,
        pull=pull,
        observations=observations,
        probe=looked.probe,
        errors=(*errors, *looked.errors),
        peer_probe=looked.peer_probe,
    )


def save(file: str, text: str) -> None:
    """Write a file. Raises UsageError where it cannot be written."""
    try:
        with pathlib.Path(file).open("a" if not text else "w", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"error: {file}: {error.strerror or error}") from None


def _told(line: HopLine) -> tuple[object, ...]:
    return line.hop, line.subject, line.vantage, line.summary


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
        node, beside = text.sides(case, verdict)
        # what a later observation made milder (a mirror whose fallback works) is not told twice
        told = {_told(line) for line in self._printed}
        for line in node:
            if _told(line) not in told:
                self._hop(line)
        for vantage, lines in beside.items():
            self._print(text.beside(vantage, lines, node, self._style))
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

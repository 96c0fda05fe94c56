"""Say why a pod's images cannot be pulled: which link of the pull is broken, proven from the pod's node.

A short-lived pod is started on the node from an image that is already there; it asks DNS, connects, shakes hands and talks to the
registry as the container runtime does. The same is asked from this machine. Then it is said who must do what.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TextIO

from ..kube.client import Api
from ..kube.read import ContainerRead, PodRead, read_pod
from ..model import Case, HopLine, Observation, Pull, ReadError, Verdict, worst_exit
from ..node.plan import Login
from ..report import document, text
from ..report.style import Style
from ..verdict import judge
from ..verdict.hops import api_lines, line_of
from .look import Looked, Where, look, peer_of, rehearsal_of
from .options import UsageError, add_way_out, duration, flags_of, style_of, wanted_of

TIMEOUT = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("pod", nargs="*", metavar="POD", help="the pod, as NAME or pod/NAME")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="output format")
    parser.add_argument("--no-probe", action="store_true", help="start nothing: judge by what the API server knows")
    parser.add_argument(
        "--no-credentials", action="store_true", help="do not try the pod's credentials from this machine"
    )
    parser.add_argument(
        "--timeout", type=duration, default=TIMEOUT, metavar="DURATION", help="time for the probes (default 30s)"
    )
    add_way_out(parser)
    parser.add_argument(
        "--compare-node", default="", metavar="NODE", help="ask a second node the same (auto: one that runs the image)"
    )


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Diagnose the containers of one pod. -> 0 no pull problem, 1 cause named, 3 cause not determined."""
    name, wanted = pod_name(args.pod), wanted_of(args)
    if args.timeout <= 0:
        raise UsageError("error: --timeout must be more than 0 (for example 30s)")
    api = Api(flags_of(args), getattr(args, "verbosity", 0) or 0)
    read = read_pod(api, api.namespace, name)
    chosen = read.failing or read.containers
    style = style_of(out)
    live = args.output == "text" and len(chosen) == 1
    shown = _Shown(out, style, chosen[0], read) if live else None
    if shown is not None:
        shown.start()
    elif args.output == "text" and err.isatty():
        print(f"looking from {read.node.name if read.node else 'here'} ...", file=err)
    pulls, alias = _distinct(chosen)
    logins = {} if args.no_credentials else _logins(chosen, alias)
    where = Where(
        None if args.no_probe else read.node,
        read.namespace,
        read.images_running,
        read.images_listed,
        wanted,
        rehearsal_of(chosen, alias),
    )
    looked = Looked()
    if not args.no_probe:
        peer, troubles = peer_of(api, args.compare_node, where, chosen)
        where = dataclasses.replace(where, peer=peer)
        looked = look(api, where, pulls, logins, args.timeout, shown.seen if shown is not None else lambda _: None)
        looked = dataclasses.replace(looked, errors=(*looked.errors, *troubles))
    cases = [_case(c, alias, looked, read.errors) for c in chosen]
    verdicts = [judge(case) for case in cases]
    if args.output == "json":
        items = [document.diagnosis(case, verdict) for case, verdict in zip(cases, verdicts, strict=True)]
        out.write(document.dump(document.one_or_list(items)) + "\n")
    elif shown is not None:
        shown.finish(cases[0], verdicts[0])
    else:
        _print_all(out, style, cases, verdicts)
    return worst_exit(v.exit_code for v in verdicts)


def pod_name(operands: Sequence[str]) -> str:
    """NAME or pod/NAME -> NAME. Raises UsageError in kubectl's words."""
    words = list(operands)
    if len(words) == 2 and words[0] in ("pod", "pods", "po"):
        words = [words[1]]
    if not words:
        raise UsageError(
            "error: a pod is needed: kubectl imagepull why POD\nSee 'kubectl imagepull why --help' for usage."
        )
    if len(words) > 1:
        raise UsageError(f"error: one pod at a time, got {len(words)}: {' '.join(w[:60] for w in words[:4])}")
    kind, slash, name = words[0].rpartition("/")
    if slash and (kind not in ("pod", "pods", "po") or not name):
        raise UsageError(f'error: "{words[0][:80]}": only pods can be asked about (NAME or pod/NAME)')
    if not name or len(name) > 253 or not all(c.isalnum() or c in "-." for c in name):
        raise UsageError(f'error: "{name[:80]!s}" is no name of a pod'.replace("\n", " "))
    return name


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


def _logins(containers: Sequence[ContainerRead], alias: dict[str, str]) -> dict[str, tuple[Login, ...]]:
    """Credentials for the workstation, each once for a host in a run: accounts get locked."""
    tried: set[tuple[str, str, str]] = set()
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
        mine = alias[pull.id]
        hosts = {o.subject.host for o in looked.observations if o.pull == mine} | {pull.authority}
        observations = tuple(
            o
            for o in looked.observations
            if o.pull == mine or (not o.pull and (o.subject.role == "node" or o.subject.host in hosts))
        )
    return Case(
        target=container.target,
        facts=container.facts,
        pull=pull,
        observations=observations,
        probe=looked.probe,
        errors=(*errors, *looked.errors),
    )


class _Shown:
    """Prints a single diagnosis while it grows: the node's hops as they come, this machine's when the node is done."""

    def __init__(self, out: TextIO, style: Style, container: ContainerRead, read: PodRead) -> None:
        self._out, self._style, self._container, self._read = out, style, container, read
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
        self._printed.append(line)
        self._print(text.hop(line, self._style))

    def _print(self, block: str) -> None:
        self._out.write(block + "\n")
        self._out.flush()


def _print_all(out: TextIO, style: Style, cases: Sequence[Case], verdicts: Sequence[Verdict]) -> None:
    """Several diagnoses, one after the other; what was done to find out is said once."""
    for number, (case, verdict) in enumerate(zip(cases, verdicts, strict=True)):
        out.write("\n\n" if number else "")
        out.write(text.header(case, style) + "\n")
        node = [line for line in verdict.hops if line.vantage != "workstation"]
        for line in node:
            out.write(text.hop(line, style) + "\n")
        local = [line for line in verdict.hops if line.vantage == "workstation"]
        if local:
            out.write(text.here(local, [line for line in node if line.vantage != "api"], style) + "\n")
        out.write(text.verdict(case, verdict, style) + "\n")
    foot = text.footer(cases[0], [], style) if cases else ""
    if foot:
        out.write("\n" + foot + "\n")

"""Ask registries from a node: name, port, certificate, API and challenge, a row each with the first broken hop named.

Without --registry, the registries of the images of the pods on that node.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TextIO

from .. import __version__
from ..image.reference import InvalidReference, Reference
from ..kube.client import Api
from ..kube.read import pull_of, read_node
from ..model import Case, Facts, HopLine, NodeFacts, Observation, Pull, Target
from ..report import document, text
from ..report.table import RegistryRow, registries, row_of
from ..verdict.hops import line_of
from .look import Looked, Where, look
from .options import UsageError, add_way_out, duration, flags_of, style_of, wanted_of
from .why import TIMEOUT

MOST_REGISTRIES = 20
NOBODY = "imagepull-probe/does-not-exist"
"""A repository that is asked for to see the challenge; no registry lets a name like it be guessed at by accident."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("node", nargs="*", metavar="NODE", help="the node, as NAME or node/NAME")
    parser.add_argument("--registry", action="append", default=[], metavar="HOST[:PORT]", help="a registry; repeatable")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="output format")
    parser.add_argument(
        "--timeout", type=duration, default=TIMEOUT, metavar="DURATION", help="time for the probes (default 30s)"
    )
    add_way_out(parser)


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Probe registries from a node. -> 0 all of them answer, 1 one is broken, 3 the node could not be looked out of."""
    name, wanted = _node_name(args.node), wanted_of(args)
    pulls = [_registry(host, number) for number, host in enumerate(dict.fromkeys(args.registry))]
    if args.timeout <= 0:
        raise UsageError("error: --timeout must be more than 0 (for example 30s)")
    api = Api(flags_of(args), getattr(args, "verbosity", 0) or 0)
    facts, running, listed, images = read_node(api, name)
    pulls = pulls or _registries_of(images)
    if not pulls:
        print(f"no pod on node {name} names a registry; use --registry HOST", file=err)
        return 0
    if args.output == "text" and err.isatty():
        print(f"asking {len(pulls)} registries from {name} ...", file=err)
    looked = look(api, Where(facts, api.namespace, running, listed, wanted), pulls, {}, args.timeout, lambda _: None)
    rows = [_row(pull, looked, facts) for pull in pulls]
    blind = not all(row.lines for row in rows)
    case = Case(
        Target(api.namespace, "", node=name), Facts(read_at=time.time()), probe=looked.probe, errors=looked.errors
    )
    if args.output == "json":
        out.write(document.dump(_document(case, facts, rows)) + "\n")
    else:
        style = style_of(out)
        out.write(f"node {name} ({facts.runtime.replace('://', ' ')}, {facts.os}/{facts.arch})\n\n")
        out.write(registries(rows, style) + "\n")
        foot = text.footer(case, [], style)
        out.write(f"\n{foot}\n" if foot else "")
    return 3 if blind else 1 if any(row.broken for row in rows) else 0


def _node_name(operands: Sequence[str]) -> str:
    words = list(operands)
    if len(words) == 2 and words[0] in ("node", "nodes", "no"):
        words = [words[1]]
    if len(words) != 1:
        wanted = (
            "error: a node is needed: kubectl imagepull probe-node NODE" if not words else "error: one node at a time"
        )
        raise UsageError(f"{wanted}\nSee 'kubectl imagepull probe-node --help' for usage.")
    kind, slash, name = words[0].rpartition("/")
    if (slash and kind not in ("node", "nodes", "no")) or not name or not all(c.isalnum() or c in "-." for c in name):
        raise UsageError(f'error: "{words[0][:80]}" is no name of a node')
    return name


def _registry(host: str, number: int) -> Pull:
    """A pull that only serves to ask this registry. Raises UsageError for what is no registry host."""
    try:
        reference = Reference.parse(f"{host}/{NOBODY}:latest")
    except InvalidReference:
        reference = None
    if reference is None or "/" in host or reference.domain != ("docker.io" if host == "index.docker.io" else host):
        raise UsageError(
            f'error: --registry "{host[:80]}" is no registry host (like registry.example.com or 10.0.0.5:5000)'
        )
    _, pull = pull_of(f"{host}/{NOBODY}:latest", f"r{number}")
    assert pull is not None
    return pull


def _registries_of(images: Sequence[str]) -> list[Pull]:
    """One pull for each registry that these images come from, the first image standing for it."""
    found: dict[tuple[str, int], Pull] = {}
    for number, image in enumerate(images):
        _, pull = pull_of(image, f"r{number}")
        if pull is not None:
            found.setdefault((pull.host, pull.port), pull)
    return list(found.values())[:MOST_REGISTRIES]


def _row(pull: Pull, looked: Looked, node: NodeFacts) -> RegistryRow:
    """The row of one registry: what the node saw of it and of its token host. Whether an image is there is another question."""
    mine = [o for o in looked.observations if o.vantage.place == "node"]
    hosts = {o.subject.host for o in mine if o.pull == pull.id} | {pull.authority}
    chosen = [o for o in mine if (o.pull == pull.id or not o.pull) and o.subject.host in hosts and o.hop != "manifest"]
    case = Case(Target("", "", node=node.name), Facts(), pull)
    return row_of(pull.authority, [_asked_only(line_of(case, o), o) for o in chosen])


def _asked_only(line: HopLine, seen: Observation) -> HopLine:
    """A registry that asks for credentials is in order here: nobody was going to pull."""
    from dataclasses import replace

    asks = seen.hop == "auth" and seen.outcome in ("basic", "401", "403")
    return replace(line, status="pass") if asks else line


def _document(case: Case, node: NodeFacts, rows: Sequence[RegistryRow]) -> dict[str, object]:
    return {
        "apiVersion": document.API_VERSION,
        "kind": "NodeReport",
        "toolVersion": __version__,
        "generatedAt": document.utc(case.facts.read_at),
        "node": node.name,
        "registries": [
            {
                "host": row.host,
                "brokenHop": row.broken,
                "summary": row.summary,
                "hops": [document.hop(line) for line in row.lines],
            }
            for row in rows
        ],
        "probe": document.probe_document(case),
        "errors": [{"where": e.where, "message": e.message} for e in case.errors],
    }

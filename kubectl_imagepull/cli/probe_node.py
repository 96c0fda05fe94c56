"""Ask registries from a node: name, port, certificate, API and challenge, a row each with the first broken hop named.

Without --registry, the registries of the images of the pods on that node. With --image, the node also pulls that image once,
and nothing of it runs.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from typing import TextIO

from .. import __version__
from ..image.reference import InvalidReference, Reference
from ..kube.client import Api
from ..kube.read import pull_of, read_node
from ..model import (
    Case,
    Facts,
    HopLine,
    NodeFacts,
    Observation,
    Pull,
    PullSecret,
    ReferenceFacts,
    Target,
    Verdict,
)
from ..node.rehearsal import Rehearsal
from ..report import document, text
from ..report.style import Style
from ..report.table import RegistryRow, registries, row_of
from ..verdict import judge
from ..verdict.hops import line_of
from .look import Looked, Where, look
from .on_path import on_path
from .options import UsageError, add_way_out, duration, flags_of, style_of, wanted_of
from .why import TIMEOUT

MOST_REGISTRIES = 20
NOBODY = "imagepull-probe/does-not-exist"
"""A repository that is asked for to see the challenge; no registry lets a name like it be guessed at by accident."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("node", nargs="*", metavar="NODE", help="the node, as NAME or node/NAME")
    parser.add_argument("--registry", action="append", default=[], metavar="HOST[:PORT]", help="a registry; repeatable")
    parser.add_argument("--image", default="", metavar="REF", help="let the node pull this image: costs one pull")
    parser.add_argument("--pull-secret", default="", metavar="NAME", help="pull secret for --image, in the namespace")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="output format")
    parser.add_argument(
        "--timeout", type=duration, default=TIMEOUT, metavar="DURATION", help="time for the probes (default 30s)"
    )
    add_way_out(parser)


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Probe registries from a node. -> 0 all of them answer, 1 one is broken, 3 the node could not be looked out of."""
    name, wanted = _node_name(args.node), wanted_of(args)
    pulls = [_registry(host, number) for number, host in enumerate(dict.fromkeys(args.registry))]
    rehearsal = Rehearsal()
    if args.image:
        reference, pull = _image(args.image)
        pulls = [p for p in pulls if p.authority != pull.authority] + [pull]
        secrets = (args.pull_secret,) if args.pull_secret else ()
        rehearsal, wanted = Rehearsal({pull.id: args.image}, secrets), dataclasses.replace(wanted, try_pull=True)
    elif args.pull_secret or wanted.rehearses:
        raise UsageError(
            "error: --pull-secret, --try-pull and --via rehearsal need --image: which image is to be pulled?"
        )
    if args.timeout <= 0:
        raise UsageError("error: --timeout must be more than 0 (for example 30s)")
    api = Api(flags_of(args), getattr(args, "verbosity", 0) or 0)
    facts, images, references = read_node(api, name, wanted.namespace or api.namespace)
    pulls = pulls or _registries_of(references)
    if not pulls:
        print(f"no pod on node {name} names a registry; use --registry HOST", file=err)
        return 0
    if args.output == "text" and err.isatty():
        print(f"asking {len(pulls)} registries from {name} ...", file=err)
    looked = look(api, Where(facts, api.namespace, images, wanted, rehearsal), pulls, {}, args.timeout, lambda _: None)
    pulled = _judged(looked, reference, pull, facts, secrets) if args.image else None
    rows = [_row(pull, looked, facts) for pull in pulls]
    blind = not all(row.lines for row in rows) if wanted.via != "rehearsal" else pulled is None
    case = Case(
        Target(api.namespace, "", node=name), Facts(read_at=time.time()), probe=looked.probe, errors=looked.errors
    )
    if args.output == "json":
        out.write(document.dump(_document(case, facts, rows, pulled)) + "\n")
    else:
        style = style_of(out)
        out.write(f"node {name} ({facts.runtime.replace('://', ' ')}, {facts.os}/{facts.arch})\n\n")
        out.write(registries(rows, style) + "\n")
        out.write(f"\n{_said(pulled, style)}\n" if pulled is not None else "")
        foot = text.footer(case, [], style)
        out.write(f"\n{foot}\n" if foot else "")
    failed = pulled is not None and pulled.verdict is not None
    return 1 if failed else 3 if blind else 1 if any(row.broken for row in rows) else 0


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


def _image(image: str) -> tuple[ReferenceFacts, Pull]:
    """The pull that --image asks for. Raises UsageError for what is no reference."""
    facts, pull = pull_of(image, "image")
    if pull is None:
        raise UsageError(f'error: --image "{image[:120]}": {facts.advice}'.replace("\n", " "))
    return facts, pull


@dataclasses.dataclass(frozen=True)
class _Pulled:
    """How the pull ended, and the verdict on it."""

    seen: Observation
    verdict: Verdict | None = None


def _judged(
    looked: Looked, reference: ReferenceFacts, pull: Pull, node: NodeFacts, secrets: Sequence[str]
) -> _Pulled | None:
    """The verdict on the rehearsed pull as on a pod's whose kubelet says the same. The pull secret is not read for it."""
    seen = next((o for o in looked.observations if o.vantage.rung == "rehearsal"), None)
    if seen is None or seen.outcome != "failed":
        return _Pulled(seen) if seen is not None else None
    facts = Facts(
        phase="Pending",
        state="waiting",
        reason="ErrImagePull",
        said=str(seen.data.get("message")),
        failing=True,
        policy="Always",
        reference=reference,
        pull_secret_names=tuple(secrets),
        secrets=tuple(PullSecret(name, "forbidden", "not looked at") for name in secrets),
        node=node,
        read_at=time.time(),
    )
    target = Target("", "", image=reference.text, node=node.name)
    seen_of_it = on_path(looked.observations, pull, pull.id)
    return _Pulled(seen, judge(Case(target, facts, pull, seen_of_it, looked.probe)))


def _said(pulled: _Pulled, style: Style) -> str:
    """How the pull ended, for the terminal."""
    seen, verdict = pulled.seen, pulled.verdict
    lines = [style.wrap(f"image {seen.data.get('image')}: {seen.summary}", 2, 0)]
    if verdict is not None:
        lines.append(style.wrap(f"{verdict.title} ({verdict.cause}, {verdict.confidence})", 2))
        lines += [style.wrap(line, 4, 2) for line in verdict.explanation]
        if verdict.alternatives:
            lines.append(style.wrap(f"could also be: {', '.join(verdict.alternatives)}", 2))
        lines.append(style.wrap(f"the kubelet said: {seen.data.get('message')}", 2))
    return "\n".join(lines)


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
    chosen = [o for o in on_path(mine, pull, pull.id) if o.subject.role != "node" and o.hop != "manifest"]
    case = Case(Target("", "", node=node.name), Facts(), pull)
    return row_of(pull.authority, [_asked_only(line_of(case, o), o) for o in chosen])


def _asked_only(line: HopLine, seen: Observation) -> HopLine:
    """A registry that asks for credentials is in order here: nobody was going to pull."""
    asks = seen.hop == "auth" and seen.outcome in ("basic", "401", "403")
    return dataclasses.replace(line, status="pass") if asks else line


def _document(case: Case, node: NodeFacts, rows: Sequence[RegistryRow], pulled: _Pulled | None) -> dict[str, object]:
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
        **({"pull": _pull_document(pulled)} if pulled is not None else {}),
        "probe": document.probe_document(case.probe),
        "errors": [{"where": e.where, "message": e.message} for e in case.errors],
    }


def _pull_document(pulled: _Pulled) -> dict[str, object]:
    seen, verdict = pulled.seen, pulled.verdict
    return {
        "image": str(seen.data.get("image")),
        "outcome": seen.outcome,
        "cause": verdict.cause if verdict is not None else "none",
        **({"confidence": verdict.confidence, "title": verdict.title} if verdict is not None else {}),
        "also": list(verdict.alternatives) if verdict is not None else [],
        "message": str(seen.data.get("message")),
        "seconds": round(seen.ms / 1000, 1),
    }

"""What registries look like from a node, and whether the node can pull an image."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..image.pulls import pull_of
from ..image.reference import InvalidReference, Reference
from ..kube.client import Api
from ..kube.nodes import NodeRead, read_node
from ..kube.pods import ContainerRead, PodRead
from ..model import Case, Facts, HopLine, NodeFacts, Observation, Pull, PullSecret, Target, TrialPull, of_kind
from ..model.node_report import NodeReport, Pulled, RegistrySeen
from ..model.vocabulary import TRIAL_PULL
from ..verdict import judge
from ..verdict.hop_status import line_of
from .diagnosis import diagnose
from .observer import Observer
from .options import Options
from .targets import Found

MOST_REGISTRIES = 20
NOBODY = "imagepull-probe/does-not-exist"
"""A repository that is asked for to see the challenge; no registry lets a name like it be guessed at by accident."""


class BadTarget(ValueError):
    """What cannot be asked of a node. field: registries or image; str(): what is wrong with it, one line."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(" ".join(message.split()))


@dataclass(frozen=True)
class NodeTarget:
    """Registries as a node sees them, each as a pull that belongs to no pod. Raises BadTarget."""

    node: str
    """The node's name."""
    registries: tuple[str, ...] = ()
    """Hosts, with port or without. Empty, and no image: those of the images of the pods on that node."""
    image: str = ""
    """An image that the node pulls once (`Wanted.try_pull`), "" for none."""
    pull_secret: str = ""
    """The pull secret for the image, in the namespace of the connection."""

    def __post_init__(self) -> None:
        for host in self.registries:
            _registry_pull(host, 0)
        facts, pull = pull_of(self.image, "image")
        if self.image and pull is None:
            raise BadTarget("image", f'"{self.image[:120]}": {facts.advice}')

    def find(self, api: Api, options: Options) -> Found:
        """The registries, and the image last, as containers without a pod. Raises KubeError where there is no such node."""
        return self.on(read_node(api, self.node, options.way_out.namespace or api.namespace), api.namespace)

    def on(self, read: NodeRead, namespace: str) -> Found:
        """The same of a node that is read; namespace: that of the connection."""
        node, errors = read.facts, read.errors
        pulls = [_registry_pull(host, number) for number, host in enumerate(dict.fromkeys(self.registries))]
        where = Target(namespace, "", node=node.name)
        last = []
        if self.image:
            last = [self._image(where, node)]
            pulls = [p for p in pulls if last[0].pull is None or p.authority != last[0].pull.authority]
        elif not pulls:
            pulls = _registries_of(read.wanted)
        if self.image or self.registries:
            errors = tuple(e for e in errors if e.kind != "Pod")  # its pods were to name registries
        now = time.time()
        containers = [ContainerRead(where, Facts(node=node, read_at=now), pull) for pull in pulls]
        unseen = [e.message for e in errors] if not (containers or last) else []
        return Found([PodRead(namespace, "", node, (*containers, *last), read.images, errors)], unseen=unseen)

    def _image(self, where: Target, node: NodeFacts) -> ContainerRead:
        """The image as a container whose pull nobody has tried. Its pull secret is not read: only the kubelet uses it."""
        reference, pull = pull_of(self.image, "image")
        names = (self.pull_secret,) if self.pull_secret else ()
        facts = Facts(
            policy="Always",
            reference=reference,
            pull_secret_names=names,
            secrets=tuple(PullSecret(name, "forbidden", "not looked at") for name in names),
            node=node,
            read_at=time.time(),
        )
        return ContainerRead(dataclasses.replace(where, image=self.image), facts, pull)


def probe_node(api: Api, target: NodeTarget, options: Options, observer: Observer | None = None) -> NodeReport | None:
    """Probe registries from a node, and let it pull an image. -> None where the node's pods name no registry.

    Raises KubeError where the API server cannot be asked or the node cannot be read.
    """
    diagnoses = diagnose(api, target, options, observer)
    return report_of(target, [d.case for d in diagnoses], options) if diagnoses else None


def report_of(target: NodeTarget, cases: Sequence[Case], options: Options) -> NodeReport:
    """What the Cases of a node's registries, and last that of an image where one was to be pulled, say; one at least."""
    first = cases[0]
    seen = [(case.pull, case.observations) for case in cases if case.pull is not None]
    node = first.facts.node or NodeFacts(target.node)
    bare = Case(
        Target(first.target.namespace, "", node=target.node),
        Facts(read_at=first.facts.read_at),
        probe=first.probe,
        errors=first.errors,
    )
    return report_from(bare, node, seen, cases[-1] if target.image else None, options)


def report_from(
    bare: Case,
    node: NodeFacts,
    seen: Sequence[tuple[Pull, Sequence[Observation]]],
    image: Case | None,
    options: Options,
) -> NodeReport:
    """The same of what was seen of each registry. bare: of the node, without an image; image: the Case of one that was to be
    pulled."""
    registries = tuple(_registry(node.name, pull, observations) for pull, observations in seen)
    pulled = _pulled(image) if image is not None else None
    only_pulled = options.way_out.via == TRIAL_PULL
    blind = pulled is None if only_pulled else not all(one.walked for one in registries)
    broken = any(line.status == "fail" for one in registries for line in one.lines)
    failed = pulled is not None and pulled.verdict is not None
    code = 1 if failed else 3 if blind else 1 if broken else 0
    return NodeReport(bare, node, registries, pulled, code)


def _registry_pull(host: str, number: int) -> Pull:
    """A pull that only serves to ask this registry. Raises BadTarget for what is no registry host."""
    try:
        reference = Reference.parse(f"{host}/{NOBODY}:latest")
    except InvalidReference:
        reference = None
    _, pull = pull_of(f"{host}/{NOBODY}:latest", f"r{number}")
    domain = "docker.io" if host == "index.docker.io" else host
    if reference is None or pull is None or "/" in host or reference.domain != domain:
        raise BadTarget("registries", f'"{host[:80]}" is no registry host (like registry.example.com or 10.0.0.5:5000)')
    return pull


def _registries_of(images: Sequence[str]) -> list[Pull]:
    """One pull for each registry that these images come from, the first image standing for it."""
    found: dict[tuple[str, int], Pull] = {}
    for number, image in enumerate(images):
        _, pull = pull_of(image, f"r{number}")
        if pull is not None:
            found.setdefault((pull.host, pull.port), pull)
    return list(found.values())[:MOST_REGISTRIES]


def _registry(node: str, pull: Pull, observations: Sequence[Observation]) -> RegistrySeen:
    """What the node saw of a registry and of its token host. Whether an image is there is another question."""
    mine = [o for o in observations if o.vantage.place == "node" and o.subject.role != "node" and o.hop != "manifest"]
    bare = Case(Target("", "", node=node), Facts(), pull)
    lines = tuple(_nobody_pulls(line_of(bare, o), o) for o in mine)
    return RegistrySeen(pull.authority, lines, tuple(o.outcome for o in mine))


def _nobody_pulls(line: HopLine, seen: Observation) -> HopLine:
    """A registry that asks for credentials is in order here: nobody was going to pull."""
    asks = seen.hop == "auth" and seen.outcome in ("basic", "401", "403")
    return dataclasses.replace(line, status="pass") if asks else line


def _pulled(case: Case) -> Pulled | None:
    seen = next(iter(of_kind(case.observations, TrialPull)), None)
    if seen is None:
        return None
    return Pulled(seen, judge(case) if seen.outcome == "failed" else None)

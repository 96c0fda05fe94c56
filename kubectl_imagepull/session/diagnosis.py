"""One diagnosis: find what is meant, collect from every vantage, judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..catalogue.platforms import platform_of
from ..kube.client import Api
from ..kube.nodes import read_peer
from ..kube.pods import ContainerRead, PodRead
from ..kube.workloads import what_changed
from ..model import Case, Facts, NodeFacts, NodeImages, Observation, ReadError, TrialPull, of_kind
from ..model.vocabulary import API_ONLY, TRIAL_PULL
from ..node.ladder import NodeAsked
from ..node.plan import Plan
from ..redaction import Secrets
from ..verdict import judge
from .collect import Collected, InTurn, KubeletApi, KubeletPull, NodeRung, PeerNode, Source, Workstation, collect
from .group import Group, Key, groups_of, key_of, share_credential_answers
from .observer import Diagnosis, Observer
from .observer import Plan as What
from .options import USUAL, Options
from .targets import Found, Target

MOST_BUDGET = 120.0
"""Seconds for the probes of one vantage, for whoever asks for more than the usual time."""
LEAST_BUDGET = 3.0
STARTING = 5.0
"""Seconds of the time that are for starting and clearing up."""


def diagnose(api: Api, target: Target, options: Options = USUAL, observer: Observer | None = None) -> list[Diagnosis]:
    """Say of every container that is meant why its image cannot be pulled. -> [] where nothing fails.

    Objects made in the cluster are gone when this returns or raises, KeyboardInterrupt included. Raises KubeError where the API
    server cannot be asked or a named object cannot be had.
    """
    observer = observer or Observer()
    found = target.find(api, options)
    chosen = found.containers
    bare = tuple(Case(c.target, c.facts, c.pull) for c in chosen)
    observer.planned(What(bare, tuple(found.refused), tuple(found.healthy)))
    cases = [*_cases(api, found, chosen, options, observer), *found.refused]
    diagnoses = [Diagnosis(case, judge(case)) for case in cases]
    observer.diagnosed(diagnoses)
    return diagnoses


def _cases(api: Api, found: Found, chosen: Sequence[ContainerRead], options: Options, observer: Observer) -> list[Case]:
    """The Cases of these containers, in their order."""
    groups = groups_of(chosen)
    collected = [Collected() for _ in groups]
    if options.probe:
        collected = _collect(api, found, groups, options, observer)
    cases: dict[Key, Case] = {}
    for group, seen in zip(groups, collected, strict=True):
        for container in group.containers:
            read = _read_of(found.reads, container)
            cases[key_of(container)] = _case(_with_history(api, read, container), read, group, seen)
    cases = share_credential_answers(cases)
    return [_as_of(cases[key_of(container)], container) for container in chosen]


def _as_of(case: Case, container: ContainerRead) -> Case:
    """The Case that stands for a container, with its own target and facts."""
    if not container.target.pod:
        return case  # it stands for itself, and its facts are those of a trial pull
    history = case.facts.since_revision if case.target.owner == container.target.owner else ""
    return replace(case, target=container.target, facts=replace(container.facts, since_revision=history))


def _collect(api: Api, found: Found, groups: Sequence[Group], options: Options, observer: Observer) -> list[Collected]:
    """What is seen from the node of each group, and from the workstation for its pulls."""
    tried: set[tuple[str, str, str]] = set()
    prepared = [_sources(api, _read_of(found.reads, g.containers[0]), g, options, tried) for g in groups]
    known = [Secrets.of(c.known for c in group.containers) for group in groups]
    collected = collect([one.sources for one in prepared], observer.seen, known)
    return [replace(seen, errors=(*seen.errors, *one.errors)) for seen, one in zip(collected, prepared, strict=True)]


@dataclass(frozen=True)
class _Prepared:
    """The vantages of one group."""

    sources: tuple[Source, ...] = ()
    errors: tuple[ReadError, ...] = ()
    """Why one is left out that was asked for."""


def _sources(api: Api, read: PodRead, group: Group, options: Options, tried: set[tuple[str, str, str]]) -> _Prepared:
    if not group.pulls:
        return _Prepared()
    budget = min(MOST_BUDGET, max(LEAST_BUDGET, options.seconds - STARTING))
    logins = group.logins(tried) if options.credentials else {}
    workstation = Workstation(Plan(group.pulls, budget, logins, token_hosts=options.token_hosts))
    node = read.node if group.containers[0].target.node else None
    if node is None:
        return _Prepared((workstation,))
    wanted = replace(options.way_out, challenges=workstation.challenges)
    plan = Plan(group.pulls, budget, runtime=node.runtime, kubelet=node.kubelet)
    asked = replace(_asked(read.namespace, node, read.images), trial_pull=group.trial_pull())
    node_sources: list[Source] = [] if wanted.via == TRIAL_PULL else [NodeRung(api, asked, plan, wanted)]
    if wanted.tries_pull:
        node_sources.append(KubeletPull(api, asked, plan, wanted))
    sources: list[Source] = [InTurn(*node_sources), workstation]
    if node.found:
        sources.append(KubeletApi(api, node.name, needed=wanted.via == API_ONLY))
    if not options.compare_node:
        return _Prepared(tuple(sources))
    peer = read_peer(api, options.compare_node, group.containers[0].target.image, node.name, read.namespace)
    if peer is None:
        return _Prepared(tuple(sources), (ReadError("api", f"there is no other node to compare {node.name} with"),))
    facts, images = peer
    peer_plan = Plan(group.pulls, budget, runtime=facts.runtime, kubelet=facts.kubelet)
    return _Prepared((*sources, PeerNode(api, _asked(read.namespace, facts, images), peer_plan, options.way_out)))


def _asked(namespace: str, node: NodeFacts, images: NodeImages) -> NodeAsked:
    return NodeAsked(
        name=node.name,
        namespace=namespace,
        ready=node.ready,
        why_not_ready=node.ready_message,
        os=node.os,
        arch=node.arch,
        os_image=node.os_image,
        no_pod=_no_pod(node),
        images=images,
    )


def _no_pod(node: NodeFacts) -> str:
    """Why no probe pod can be put onto a node, "" where one can: on serverless ones each pod gets a machine of its own."""
    platform = platform_of(node)
    if platform is None or platform.rungs != (API_ONLY,):
        return ""
    return f"on {platform.title} no second pod comes to a node, so no probe can look out of it"


def _read_of(reads: Sequence[PodRead], container: ContainerRead) -> PodRead:
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


def _case(container: ContainerRead, read: PodRead, group: Group, seen: Collected) -> Case:
    """The Case of one container: of all observations, those that were made for its image, and those about the node."""
    pull = container.pull
    observations: tuple[Observation, ...] = ()
    if pull is not None:
        # what is about no image is about the node
        observations = tuple(o for o in seen.observations if o.pull in ("", group.alias[pull.id]))
    return Case(
        target=container.target,
        facts=container.facts if container.target.pod else _after_trial_pull(container.facts, observations),
        pull=pull,
        observations=observations,
        probe=seen.probe,
        errors=(*read.errors, *seen.errors),
        peer_probe=seen.peer_probe,
    )


def _after_trial_pull(facts: Facts, observations: Sequence[Observation]) -> Facts:
    """The facts of an image that no pod pulls: what the kubelet reports of the trial pull it would report of a pod's."""
    seen = next(iter(of_kind(observations, TrialPull)), None)
    if seen is None or seen.outcome != "failed":
        return facts
    message = seen.detail.message
    return replace(facts, phase="Pending", state="waiting", reason="ErrImagePull", said=message, failing=True)

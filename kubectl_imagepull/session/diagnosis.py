"""One diagnosis: find what is meant, collect from every vantage, judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Timer

from ..catalogue.platforms import platform_of
from ..errors import KubeError
from ..kube.client import Api
from ..kube.nodes import read_peer
from ..kube.pods import ContainerRead, PodRead
from ..kube.workloads import History
from ..model import Case, Facts, NodeFacts, NodeImages, Observation, ProbeRun, ReadError, TrialPull, of_kind
from ..model.vocabulary import API_ONLY, TRIAL_PULL
from ..node.created_objects import Client
from ..node.ladder import WITHOUT_A_POD, NodeAsked
from ..node.plan import Plan
from ..node.wanted import Wanted
from ..redaction import Secrets
from ..verdict import get_ready, judge
from .collect import Collected, InTurn, KubeletApi, KubeletPull, NodeRung, PeerNode, Source, Workstation, collect
from .group import Group, Key, groups_of, key_of, share_credential_answers
from .observer import Diagnosis, Observer
from .observer import Plan as What
from .options import USUAL, Options
from .run_pods import RunPods
from .targets import Found, Target

MOST_BUDGET = 120.0
"""Seconds for the probes of one vantage, for whoever asks for more than the usual time."""
LEAST_BUDGET = 3.0
NOT_WANTED = "no probe was asked for"
FIRST_REQUESTS = 0.1
"""Seconds for what has to be sent before a pod starts; then there is time until it does."""
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
    plan = What(bare, tuple(found.refused), tuple(found.healthy), tuple(found.empty), tuple(found.unseen))
    observer.planned(plan)
    unseen = tuple(ReadError("api", what) for what in found.unseen)

    def judged(cases: Sequence[Case]) -> list[Diagnosis]:
        whole = (replace(c, errors=(*c.errors, *unseen)) for c in (*cases, *map(_of_no_pod, found.refused)))
        return [Diagnosis(case, judge(case)) for case in whole]

    cases = _cases(api, found, chosen, options, observer, lambda early: observer.judged(judged(early)))
    diagnoses = judged(cases)
    observer.diagnosed(diagnoses)
    return diagnoses


def _of_no_pod(case: Case) -> Case:
    return replace(case, probe=ProbeRun(why_not=("there is no pod, so no node that it would be pulled on",)))


def _cases(
    api: Api,
    found: Found,
    chosen: Sequence[ContainerRead],
    options: Options,
    observer: Observer,
    early: Callable[[list[Case]], None],
) -> list[Case]:
    """The Cases of these containers, in their order. early: told the same before what was made for them is gone."""
    groups = groups_of(chosen)
    reads = {(read.namespace, read.name): read for read in found.reads}
    history = History(api)

    def since_revision(container: ContainerRead) -> str:
        """What the workload's revision before had in the place of a failing container's image and secrets."""
        target = container.target
        if not container.facts.failing:
            return container.facts.since_revision
        pod = _read_of(reads, container).object
        return history.before(target.namespace, pod, target.owner, target.container)

    def built(collected: Sequence[Collected]) -> list[Case]:
        cases: dict[Key, Case] = {}
        for group, seen in zip(groups, collected, strict=True):
            for container in group.containers:
                cases[key_of(container)] = case_of(container, _read_of(reads, container), group, seen)
        cases = share_credential_answers(cases)
        history.learn((c.target.namespace, c.target.owner) for c in chosen if c.facts.failing)
        return [_as_of(cases[key_of(c)], c, since_revision) for c in chosen]

    if not options.probe:
        return built([Collected(probe=ProbeRun(why_not=(NOT_WANTED,))) for _ in groups])
    return built(_collect(api, reads, groups, options, observer, lambda collected: early(built(collected))))


def _as_of(case: Case, container: ContainerRead, since_revision: Callable[[ContainerRead], str]) -> Case:
    """The Case that stands for a container, with its own target, facts and history."""
    if not container.target.pod:
        return case  # it stands for itself, and its facts are those of a trial pull
    facts = replace(container.facts, since_revision=since_revision(container))
    return replace(case, target=container.target, facts=facts)


def _collect(
    api: Api,
    reads: Reads,
    groups: Sequence[Group],
    options: Options,
    observer: Observer,
    early: Callable[[list[Collected]], None],
) -> list[Collected]:
    """What is seen from the node of each group, and from the workstation for its pulls. early: as of `_cases`."""
    tried: set[tuple[str, str, str]] = set()
    watched: dict[str, RunPods] = {}

    def of_runs(namespace: str) -> Client:
        """The API server, with the pods of our runs there watched: once for all groups that make any."""
        where = options.way_out.namespace or namespace
        if where not in watched:
            watched[where] = RunPods(api, where)
        return watched[where].client

    prepared = [_sources(api, of_runs, _read_of(reads, g.containers[0]), g, options, tried) for g in groups]
    known = [Secrets.of(c.known for c in group.containers) for group in groups]

    def whole(collected: Sequence[Collected]) -> list[Collected]:
        return [
            replace(seen, probe=one.probe or seen.probe, errors=(*seen.errors, *one.errors))
            for seen, one in zip(collected, prepared, strict=True)
        ]

    sources, aside = [one.sources for one in prepared], tuple(watched.values())
    while_pods_start = Timer(FIRST_REQUESTS, get_ready)
    while_pods_start.daemon = True
    while_pods_start.start()
    return whole(collect(sources, observer.seen, known, aside=aside, told=lambda seen: early(whole(seen))))


@dataclass(frozen=True)
class _Prepared:
    """The vantages of one group."""

    sources: tuple[Source, ...] = ()
    errors: tuple[ReadError, ...] = ()
    """Why one is left out that was asked for."""
    probe: ProbeRun | None = None
    """Why the node is not among them, None where it is."""


def _no_node(why: str, node: str = "") -> ProbeRun:
    return ProbeRun(API_ONLY, node, why_not=(why,), cannot_see=WITHOUT_A_POD)


def _sources(
    api: Api,
    of_runs: Callable[[str], Client],
    read: PodRead,
    group: Group,
    options: Options,
    tried: set[tuple[str, str, str]],
) -> _Prepared:
    target = group.containers[0].target
    if not group.pulls:
        return _Prepared(probe=ProbeRun(why_not=("no image has a name that could be asked for",)))
    budget = budget_of(options)
    logins = group.logins(tried) if options.credentials else {}
    workstation = Workstation(Plan(group.pulls, budget, logins, token_hosts=options.token_hosts))
    if not target.node:
        why = "the pod is on no node, so there is none to look out of: it has to be scheduled first"
        return _Prepared((workstation,), probe=_no_node(why))
    node = read.node
    if node is None:
        return _Prepared((workstation,), probe=_no_node("what the pod names can be the name of no node", target.node))
    wanted = replace(options.way_out, challenges=workstation.challenges)
    in_pods = of_runs(read.namespace) if wanted.via != API_ONLY else api
    sources: list[Source] = [out_of_node(in_pods, read, node, group, budget, wanted), workstation]
    if node.found:
        sources.append(KubeletApi(api, node.name, needed=wanted.via == API_ONLY))
    if not options.compare_node:
        return _Prepared(tuple(sources))
    try:
        peer = read_peer(api, options.compare_node, target.image, node.name, read.namespace)
    except KubeError as error:
        why = f"{node.name} could not be compared with another node ({error.short})"
        return _Prepared(tuple(sources), (ReadError("api", why),))
    if peer is None:
        return _Prepared(tuple(sources), (ReadError("api", f"there is no other node to compare {node.name} with"),))
    peer_plan = Plan(group.pulls, budget, runtime=peer.facts.runtime, kubelet=peer.facts.kubelet)
    asked = _asked(read.namespace, peer.facts, peer.images)
    errors = tuple(e for e in peer.errors if e.kind == "Node")
    return _Prepared((*sources, PeerNode(in_pods, asked, peer_plan, options.way_out)), errors)


def budget_of(options: Options) -> float:
    """Seconds for the probes of one vantage."""
    return min(MOST_BUDGET, max(LEAST_BUDGET, options.seconds - STARTING))


def out_of_node(
    api: Client, read: PodRead, node: NodeFacts, group: Group, budget: float, wanted: Wanted, counted: bool = False
) -> Source:
    """The node as a vantage on the pulls of a group: the probes, then a trial pull where one is wanted. counted: as of
    `NodeRung`."""
    plan = Plan(group.pulls, budget, runtime=node.runtime, kubelet=node.kubelet)
    asked = replace(_asked(read.namespace, node, read.images), trial_pull=group.trial_pull())
    sources: list[Source] = [] if wanted.via == TRIAL_PULL else [NodeRung(api, asked, plan, wanted, counted=counted)]
    if wanted.tries_pull:
        sources.append(KubeletPull(api, asked, plan, wanted, counted))
    return InTurn(*sources)


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


Reads = Mapping[tuple[str, str], PodRead]
"""Pods by namespace and name; what stands in for the pods of a node has no name."""


def _read_of(reads: Reads, container: ContainerRead) -> PodRead:
    """The pod that a container belongs to."""
    return reads[container.target.namespace, container.target.pod]


def case_of(container: ContainerRead, read: PodRead, group: Group, seen: Collected) -> Case:
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

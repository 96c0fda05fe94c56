"""What registries look like from many nodes at once: every node a `NodeReport`, and none keeps another from being asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..kube.client import Api
from ..kube.nodes import NodeRead, read_nodes
from ..model import Case, Facts, NodeFacts, Observation, ProbeRun, Pull, ReadError, Target
from ..model.node_report import FleetReport, NodeReport
from ..model.vocabulary import API_ONLY
from ..node.ladder import WITHOUT_A_POD
from ..node.plan import Plan
from ..node.shared import Shared
from ..node.wanted import Wanted
from ..redaction import Secrets
from .collect import Collected, Hearing, KubeletApi, Source, Turns, Workstation, gather
from .diagnosis import budget_of, case_of, out_of_node
from .group import Group, groups_of
from .node_report import MOST_REGISTRIES, NodeTarget, report_from
from .options import Options
from .run_pods import RunPods
from .targets import Found

PARALLEL = 10
"""Nodes that are asked at the same time, unless it is said otherwise: each is a Job there."""
PER_REGISTRY = 50
"""Nodes that ask one registry at the same time, unless it is said otherwise: each makes some five small requests, without
credentials and without a manifest, which Docker Hub would count."""
GONE = "there is no such node"
INTERRUPTED = "interrupted before it had answered"
NOT_BEGUN = "interrupted before it was asked"


@dataclass(frozen=True)
class FleetTarget:
    """Registries as many nodes see them."""

    asked: NodeTarget
    """What each is asked; its `node` does not count."""
    names: tuple[str, ...] = ()
    """These nodes. Empty: those that the selector means."""
    selector: str = ""
    """A label selector, "" for every node."""


@dataclass(frozen=True)
class Limits:
    """What a fleet may do at the same time."""

    parallel: int = PARALLEL
    """Nodes with a Job of ours."""
    per_registry: int = PER_REGISTRY
    """Nodes that ask one registry; those that ask others go first meanwhile."""


class FleetObserver:
    """Told what happens, in the thread that calls `probe_nodes`. A subclass may leave a method out."""

    def planned(self, nodes: Sequence[str]) -> None:
        """The nodes that are asked, in their order, before any is."""

    def ended(self, report: NodeReport) -> None:
        """A node has been asked, and what was made there is gone; or it cannot be asked, and the report says why."""


def probe_nodes(
    api: Api, target: FleetTarget, options: Options, limits: Limits = Limits(), observer: FleetObserver | None = None
) -> FleetReport:
    """Probe registries from many nodes. KeyboardInterrupt ends it: what is known until then is returned, and what may
    be left is said.

    Raises KubeError where the API server cannot be asked, or may not say which nodes there are.
    """
    observer = observer or FleetObserver()
    asked = target.asked
    namespace = options.way_out.namespace or api.namespace
    read_at = time.time()
    read = read_nodes(api, namespace, target.names, target.selector, not (asked.registries or asked.image))
    ordered = target.names or tuple(one.facts.name for one in read.nodes)
    fleet = _Fleet(api, [_Node(asked, one, api.namespace) for one in read.nodes], options, limits, observer)
    observer.planned(ordered)
    for name in read.gone:
        fleet.tell(_unseen(name, api.namespace, GONE, 2, NodeFacts(name, found=False, ready=False, ready_message=GONE)))
    interrupted, left = False, ""
    try:
        fleet.run()
    except KeyboardInterrupt as error:
        interrupted, left = True, str(error)
    reports = tuple(fleet.reports[name] for name in ordered)
    marks = {one.facts.name: one.marks for one in read.nodes}
    return FleetReport(reports, marks, interrupted, read_at, left)


def _unseen(name: str, namespace: str, why: str, code: int, facts: NodeFacts) -> NodeReport:
    probe = ProbeRun(API_ONLY, name, why_not=(why,), cannot_see=WITHOUT_A_POD)
    case = Case(Target(namespace, "", node=name), Facts(read_at=time.time()), probe=probe)
    return NodeReport(case, facts, (), None, code)


class _Node:
    """One node: what it is asked, and what it answers."""

    def __init__(self, asked: NodeTarget, read: NodeRead, namespace: str) -> None:
        self.target = replace(asked, node=read.facts.name)
        self.facts, self._namespace = read.facts, namespace
        self.found: Found = self.target.on(read, namespace)
        groups = groups_of(self.found.containers)
        self.group = groups[0] if groups else Group((), (), {})

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(pull.authority for pull in self.group.pulls)

    def report(self, collected: Collected, options: Options) -> NodeReport:
        """What was seen; of a node whose pods name no registry, that there is nothing to ask."""
        read, containers = self.found.reads[0], self.group.containers
        errors = (*read.errors, *collected.errors)
        if not containers:
            errors = tuple(ReadError("api", what) for what in self.found.unseen)
        where = Target(self._namespace, "", node=self.facts.name)
        bare = Case(where, Facts(read_at=time.time()), probe=collected.probe, errors=errors)
        if not containers:
            return NodeReport(bare, self.facts, (), None, 3 if errors else 0)
        by_pull: dict[str, list[Observation]] = {}
        for observation in collected.observations:
            by_pull.setdefault(observation.pull, []).append(observation)
        # what is about no image is about the node
        seen = [
            (c.pull, [*by_pull.get("", ()), *by_pull.get(self.group.alias[c.pull.id], ())])
            for c in containers
            if c.pull is not None
        ]
        image = case_of(containers[-1], read, self.group, collected) if self.target.image else None
        return report_from(bare, self.facts, seen, image, options)


class _Common(RunPods):
    """A source beside all nodes: it watches the pods of our runs, and removes at its end what the runs have shared."""

    def __init__(self, api: Api, namespace: str, wanted: Wanted) -> None:
        super().__init__(api, namespace)
        self.shared = Shared(api, namespace, wanted.labels)

    def stop(self) -> None:
        """Returns when nothing is left."""
        super().stop()
        self.shared.clear()


class _Fleet:
    """The nodes while they are asked."""

    def __init__(
        self, api: Api, nodes: Sequence[_Node], options: Options, limits: Limits, observer: FleetObserver
    ) -> None:
        self._api, self._options, self._limits, self._observer = api, options, limits, observer
        self._nodes = list(nodes)
        self.reports: dict[str, NodeReport] = {}
        pulls: dict[str, Pull] = {}
        for node in nodes:
            for pull in node.group.pulls:
                pulls.setdefault(pull.authority, pull)
        # which way tokens are asked for is the same for every node, so this machine asks once for all
        some = tuple(replace(pull, id=f"w{n}") for n, pull in enumerate(list(pulls.values())[:MOST_REGISTRIES]))
        workstation = Workstation(Plan(some, budget_of(options)))
        self._common = _Common(api, options.way_out.namespace or api.namespace, options.way_out)
        self._wanted: Wanted = replace(options.way_out, challenges=workstation.challenges, shared=self._common.shared)
        self._aside: tuple[Source, ...] = (workstation, self._common) if some else ()

    def tell(self, report: NodeReport) -> None:
        self.reports[report.node.name] = report
        self._observer.ended(report)

    def run(self) -> None:
        """Ask all of them. When it is interrupted, those that had not ended have a report that says so."""
        turns = Turns(self._limits.parallel, [node.hosts for node in self._nodes], self._limits.per_registry)
        hearing = Hearing(ended=self._ended, broken_off=self._broken_off)
        try:
            gather(self._make, len(self._nodes), turns, hearing, self._aside)
        finally:
            for node in self._nodes:
                if node.facts.name not in self.reports:
                    self.reports[node.facts.name] = _unseen(
                        node.facts.name, self._api.namespace, NOT_BEGUN, 3, node.facts
                    )

    def _make(self, number: int) -> tuple[Sequence[Source], Secrets]:
        node = self._nodes[number]
        if not node.group.pulls:
            return (), Secrets()
        budget = budget_of(self._options)
        out = out_of_node(
            self._common.client, node.found.reads[0], node.facts, node.group, budget, self._wanted, counted=True
        )
        # beside a trial pull, whose verdict may rest on it
        more = [KubeletApi(self._api, node.facts.name, needed=False)] if self._wanted.tries_pull else []
        return (out, *more), Secrets()

    def _ended(self, number: int, collected: Collected) -> None:
        self.tell(self._nodes[number].report(collected, self._options))

    def _broken_off(self, number: int, collected: Collected) -> None:
        node = self._nodes[number]
        late = replace(collected, errors=(*collected.errors, ReadError("node", INTERRUPTED)))
        self.reports[node.facts.name] = node.report(late, self._options)

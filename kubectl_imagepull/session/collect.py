"""Collecting observations from every vantage at once, and leaving nothing behind whatever happens."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..errors import KubeError
from ..kube.client import Api
from ..model import Http, Observation, Place, ProbeRun, Pull, ReadError, of_kind
from ..node import kubelet_api
from ..node.created_objects import CreatedObjects, Interrupted
from ..node.ladder import NodeAsked, Wanted, climb, pull_again
from ..node.plan import Plan
from ..node.workstation import LocalProbes
from ..redaction import Secrets, clean

SIDE_BY_SIDE = 4
"""Nodes that are probed at the same time: each is a pod there and a few threads here."""

Emit = Callable[[Observation], None]


@dataclass(frozen=True)
class Collected:
    """What was seen for one node."""

    observations: tuple[Observation, ...] = ()
    """In the order in which they came."""
    probe: ProbeRun = field(default_factory=ProbeRun)
    """The way out of the node that was taken."""
    errors: tuple[ReadError, ...] = ()
    """What could not be looked at."""
    peer_probe: ProbeRun | None = None
    """The way out of the node that it is compared with, None without one."""


@dataclass(frozen=True)
class Outcome:
    """What a source has to say at its end, beside its observations."""

    probe: ProbeRun | None = None
    """The way out of the node, of a source that takes one."""
    peer_probe: ProbeRun | None = None
    """The same of the node that is compared with."""
    errors: tuple[ReadError, ...] = ()
    """What it could not look at."""


class Source(Protocol):
    """One vantage. `run` is called once, in a thread of its own; `stop` from another one, at any time, also twice."""

    def run(self, emit: Emit) -> Outcome:
        """Give every observation to `emit`. Raises Interrupted after `stop`, KubeError where the API server goes away."""

    def stop(self) -> None:
        """End it and remove what it has created; returns when that is gone."""


class NodeRung:
    """The failing node, by the best rung that works there."""

    def __init__(self, api: Api, node: NodeAsked, plan: Plan, wanted: Wanted, place: Place = "node") -> None:
        self._api, self._node, self._plan, self._wanted, self._place = api, node, plan, wanted, place
        self._created = CreatedObjects(api)

    def run(self, emit: Emit) -> Outcome:
        """-> the way that was taken; deleted says whether its objects are gone."""
        probe, errors = climb(self._api, self._created, self._node, self._plan, emit, self._wanted, self._place)
        left = self._created.clear()
        gone = probe.created and not left and not self._wanted.kept
        return Outcome(replace(probe, deleted=gone), errors=(*errors, *left))

    def stop(self) -> None:
        """Nothing can be created any more, and what was is gone."""
        self._created.clear(close=True)


class KubeletPull:
    """The failing node's kubelet, which pulls the images again."""

    def __init__(self, api: Api, node: NodeAsked, plan: Plan, wanted: Wanted) -> None:
        self._api, self._node, self._plan, self._wanted = api, node, plan, wanted
        self._created = CreatedObjects(api)

    def run(self, emit: Emit) -> Outcome:
        """-> the trial pull as a way that was taken; deleted says whether its objects are gone."""
        probe = pull_again(self._api, self._created, self._node, self._plan, emit, self._wanted)
        left = self._created.clear()
        gone = probe.created and not left and not self._wanted.kept
        return Outcome(replace(probe, deleted=gone), errors=tuple(left))

    def stop(self) -> None:
        """Nothing can be created any more, and what was is gone."""
        self._created.clear(close=True)


class InTurn:
    """Sources one after the other, as one: what a trial pull changes on the node is not there yet when it is looked at."""

    def __init__(self, *sources: Source) -> None:
        self._sources = sources

    def run(self, emit: Emit) -> Outcome:
        """-> the first way that was taken, else the first that was not, with what all say against theirs."""
        outcomes = [source.run(emit) for source in self._sources]
        ways = [o.probe for o in outcomes if o.probe is not None]
        taken = [way for way in ways if way.created]
        probe = None
        if ways:
            probe = replace(
                (taken or ways)[0],
                why_not=tuple(dict.fromkeys(why for way in ways for why in way.why_not)),
                seconds=round(sum(way.seconds for way in taken), 2),
                deleted=bool(taken) and all(way.deleted for way in taken),
            )
        return Outcome(probe, errors=tuple(error for o in outcomes for error in o.errors))

    def stop(self) -> None:
        """All of them, side by side."""
        _stop(self._sources)


class PeerNode:
    """A second node that gets the same plan. Its observations are of place peer-node."""

    def __init__(self, api: Api, node: NodeAsked, plan: Plan, wanted: Wanted) -> None:
        self._rung = NodeRung(api, node, plan, replace(wanted, try_pull=False, kept=False), "peer-node")
        self._name = node.name

    def run(self, emit: Emit) -> Outcome:
        """-> the way that was taken there, and why there is none."""
        found = self._rung.run(emit)
        errors = list(found.errors)
        if found.probe is not None and not found.probe.created:
            why = "; ".join(found.probe.why_not)
            errors.append(ReadError("node", f"{self._name} could not be compared with: {why}"[:300]))
        return Outcome(peer_probe=found.probe, errors=tuple(errors))

    def stop(self) -> None:
        """As of any node."""
        self._rung.stop()


class Workstation:
    """This machine: the same probes as a child process, and the only place where credentials are tried."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._local = plan, LocalProbes()
        self._challenges: dict[str, tuple[str, ...]] = {}

    def run(self, emit: Emit) -> Outcome:
        """Reports what keeps the probes from running as an error of the outcome."""

        def learn(seen: Observation) -> None:
            for greeting in of_kind([seen], Http):
                self._challenges.setdefault(greeting.subject.host, greeting.detail.challenges)
            emit(seen)

        try:
            trouble = self._local.run(self._plan, learn)
        except OSError as error:
            trouble = f"the probes could not be started on this machine: {error}"
        return Outcome(errors=(ReadError("workstation", trouble),) if trouble else ())

    def challenges(self, pull: Pull) -> tuple[str, ...] | None:
        """The WWW-Authenticate lines of the pull's registry, None while it has not answered."""
        return self._challenges.get(pull.authority)

    def stop(self) -> None:
        """Ends the child at once."""
        self._local.stop()


class KubeletApi:
    """What the node's kubelet says of itself through the API server, without any pod."""

    def __init__(self, api: Api, node: str, needed: bool) -> None:
        """needed: report what could not be read; beside a probe pod it is an extra, and its absence no news."""
        self._api, self._node, self._needed = api, node, needed

    def run(self, emit: Emit) -> Outcome:
        """Two requests."""
        errors = kubelet_api.ask(self._api, self._node, emit)
        return Outcome(errors=tuple(errors) if self._needed else ())

    def stop(self) -> None:
        """Nothing is left of a request."""


@dataclass
class _Running:
    """The sources of one node while they run."""

    sources: Sequence[Source]
    known: Secrets = field(default_factory=Secrets, repr=False)
    observations: list[Observation] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def collected(self) -> Collected:
        outcomes = [self.outcomes[n] for n in sorted(self.outcomes)]
        return Collected(
            tuple(self.observations),
            next((o.probe for o in outcomes if o.probe is not None), ProbeRun()),
            tuple(e for o in outcomes for e in o.errors),
            next((o.peer_probe for o in outcomes if o.peer_probe is not None), None),
        )


def collect(groups: Sequence[Sequence[Source]], seen: Emit, known: Sequence[Secrets] = ()) -> list[Collected]:
    """Run the sources of every group (of a node), SIDE_BY_SIDE groups at a time. -> one Collected a group, in their order.

    known: of each group, what is hidden in all that comes back; what shows by its form always is. `seen` gets
    each observation in this thread, as it comes and cleaned. A source that raises KubeError has that as its error; any other
    exception is raised here. Whatever is raised, KeyboardInterrupt included, every source has been stopped by then.
    """
    hidden = list(known) or [Secrets() for _ in groups]
    running = [_Running(sources, secrets) for sources, secrets in zip(groups, hidden, strict=True)]
    news: queue.SimpleQueue[tuple[_Running, int, Observation | Outcome | Exception]] = queue.SimpleQueue()

    def work(group: _Running, number: int) -> None:
        try:
            outcome = group.sources[number].run(lambda observation: news.put((group, number, observation)))
        except Interrupted:
            outcome = Outcome()
        except KubeError as error:
            outcome = Outcome(errors=(ReadError("node", str(error)),))
        except Exception as error:  # a bug, to be raised where it is reported
            news.put((group, number, error))
            return
        news.put((group, number, outcome))

    def begin(group: _Running) -> None:
        begun.append(group)
        for number in range(len(group.sources)):
            threading.Thread(target=work, args=(group, number), daemon=True).start()

    begun: list[_Running] = []
    waiting = [group for group in running if group.sources]
    open_groups = len(waiting)
    try:
        for _ in range(min(SIDE_BY_SIDE, open_groups)):
            begin(waiting.pop(0))
        while open_groups:
            group, number, item = news.get()
            if isinstance(item, Exception):
                raise item
            item = clean(clean(item), group.known.hide)
            if isinstance(item, Observation):
                group.observations.append(item)
                seen(item)
                continue
            group.outcomes[number] = item
            if len(group.outcomes) == len(group.sources):
                open_groups -= 1
                if waiting:
                    begin(waiting.pop(0))
    finally:
        with _uninterrupted():
            _stop([source for group in begun for source in group.sources])
    return [group.collected() for group in running]


def _stop(sources: Sequence[Source]) -> None:
    """Stop all of them side by side: each waits for the cluster to remove what it made."""
    threads = [threading.Thread(target=source.stop, daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore the signals that end the program: a second Ctrl-C must not leave a pod behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

"""Collecting observations from every vantage at once, and leaving nothing behind whatever happens."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..errors import KubeError, Unreachable
from ..kube.client import Api
from ..model import Http, Observation, Place, ProbeRun, Pull, ReadError, of_kind
from ..node import kubelet_api
from ..node.created_objects import Client, CreatedObjects, Interrupted
from ..node.ladder import NodeAsked, climb, pull_again
from ..node.plan import Plan
from ..node.wanted import Wanted
from ..node.workstation import LocalProbes
from ..redaction import Secrets, clean
from ..system import ENDING

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
    rest: Callable[[], Outcome] | None = None
    """What is left to do when all has been seen: removes what was made, waits until that is gone, and gives the outcome that
    stands, which is this one unless something stays. None where nothing is left to do."""


def finished(outcome: Outcome) -> Outcome:
    """The outcome when nothing is left to do."""
    return outcome.rest() if outcome.rest is not None else outcome


class Source(Protocol):
    """One vantage. `run` is called once, in a thread of its own; `stop` from another one, at any time, also twice."""

    def run(self, emit: Emit) -> Outcome:
        """Give every observation to `emit`. Raises Interrupted after `stop`, KubeError where the API server goes away."""

    def stop(self) -> None:
        """End it and remove what it has created; returns when that is gone. Raises KubeError where it could not be removed."""


class NodeRung:
    """The failing node, by the best rung that works there."""

    def __init__(
        self, api: Client, node: NodeAsked, plan: Plan, wanted: Wanted, place: Place = "node", counted: bool = False
    ) -> None:
        """counted: its place is another's when it has told all, so what it has made is deleted before."""
        self._api, self._node, self._plan, self._wanted, self._place = api, node, plan, wanted, place
        self._created, self._counted = CreatedObjects(api), counted

    def run(self, emit: Emit) -> Outcome:
        """-> the way that was taken; deleted says whether its objects are gone, once the rest is done."""
        probe, errors = climb(self._api, self._created, self._node, self._plan, emit, self._wanted, self._place)
        return _cleared(self._created, probe, errors, self._wanted, self._counted)

    def stop(self) -> None:
        """Nothing can be created any more, and what was is gone. Raises KubeError where it is not."""
        self._created.close()


def _cleared(
    created: CreatedObjects, probe: ProbeRun, errors: Sequence[ReadError], wanted: Wanted, counted: bool
) -> Outcome:
    """The outcome of a way out that has told all; its objects are deleted in its rest, while the verdict is drawn. counted: by
    now."""
    if counted:
        created.delete()

    def rest() -> Outcome:
        left = created.clear()
        gone = probe.created and not left and not wanted.kept
        return Outcome(replace(probe, deleted=gone), errors=(*errors, *left))

    return Outcome(replace(probe, deleted=probe.created and not wanted.kept), errors=tuple(errors), rest=rest)


class KubeletPull:
    """The failing node's kubelet, which pulls the images again."""

    def __init__(self, api: Client, node: NodeAsked, plan: Plan, wanted: Wanted, counted: bool = False) -> None:
        """counted: as of `NodeRung`."""
        self._api, self._node, self._plan, self._wanted = api, node, plan, wanted
        self._created, self._counted = CreatedObjects(api), counted

    def run(self, emit: Emit) -> Outcome:
        """-> the trial pull as a way that was taken; deleted says whether its objects are gone, once the rest is done."""
        probe = pull_again(self._api, self._created, self._node, self._plan, emit, self._wanted)
        return _cleared(self._created, probe, (), self._wanted, self._counted)

    def stop(self) -> None:
        """Nothing can be created any more, and what was is gone. Raises KubeError where it is not."""
        self._created.close()


class InTurn:
    """Sources one after the other, as one: what a trial pull changes on the node is not there yet when it is looked at."""

    def __init__(self, *sources: Source) -> None:
        self._sources = sources

    def run(self, emit: Emit) -> Outcome:
        """-> the first way that was taken, else the first that was not, with what all say against theirs."""
        *first, last = self._sources
        before = [finished(source.run(emit)) for source in first]
        end = last.run(emit)
        rest = end.rest
        if rest is None:
            return self._together([*before, end])
        return replace(self._together([*before, end]), rest=lambda: self._together([*before, rest()]))

    @staticmethod
    def _together(outcomes: Sequence[Outcome]) -> Outcome:
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
        """All of them, side by side. Raises what the first raised that could not be stopped."""
        failed = _stop(self._sources)
        if failed is not None:
            raise failed


class PeerNode:
    """A second node that gets the same plan. Its observations are of place peer-node."""

    def __init__(self, api: Client, node: NodeAsked, plan: Plan, wanted: Wanted) -> None:
        self._rung = NodeRung(api, node, plan, replace(wanted, try_pull=False, kept=False), "peer-node")
        self._name = node.name

    def run(self, emit: Emit) -> Outcome:
        """-> the way that was taken there, and why there is none."""
        found = finished(self._rung.run(emit))
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


@dataclass(frozen=True)
class Turns:
    """How many groups run at the same time."""

    side_by_side: int = SIDE_BY_SIDE
    """Groups at a time. As many again may wait until what they made is gone, which takes no place."""
    places: Sequence[frozenset[str]] = ()
    """Of each group, the hosts that it asks; empty where nobody counts them."""
    per_place: int = 0
    """Groups at a time that ask one host, 0 for any number."""


@dataclass
class _Running:
    """The sources of one group while they run."""

    number: int
    sources: Sequence[Source]
    known: Secrets = field(repr=False)
    observations: list[Observation] = field(default_factory=list)
    seen: dict[int, Outcome] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @property
    def all_seen(self) -> bool:
        """Whether no source has anything to add but that what it made is gone."""
        return len(self.seen) == len(self.sources)

    def collected(self) -> Collected:
        return self._of(self.outcomes)

    def collected_so_far(self) -> Collected:
        """The same while something that was made is still being removed."""
        return self._of({**self.seen, **self.outcomes})

    def _of(self, by_source: Mapping[int, Outcome]) -> Collected:
        outcomes = [by_source[number] for number in sorted(by_source)]
        return Collected(
            tuple(self.observations),
            next((o.probe for o in outcomes if o.probe is not None), ProbeRun()),
            tuple(e for o in outcomes for e in o.errors),
            next((o.peer_probe for o in outcomes if o.peer_probe is not None), None),
        )


@dataclass(frozen=True)
class Hearing:
    """Who is told, in the thread that gathers."""

    seen: Emit = lambda _: None
    """Each observation as it comes, cleaned."""
    all_seen: Callable[[int, Collected], None] = lambda number, collected: None
    """A group by its number, when it has nothing to add but that what it made is gone, which is taken for granted here."""
    ended: Callable[[int, Collected], None] = lambda number, collected: None
    """A group by its number, when all that it made is gone."""
    broken_off: Callable[[int, Collected], None] = lambda number, collected: None
    """A group that was begun and has not ended, when something is raised, and all that it made is gone."""


class _Gathering:
    """The groups that wait, run, and clear up."""

    def __init__(
        self,
        make: Callable[[int], tuple[Sequence[Source], Secrets]],
        count: int,
        turns: Turns,
        aside: Sequence[Source],
    ) -> None:
        self._make, self._turns = make, turns
        self._aside = _Running(-1, aside, Secrets())
        self._waiting = list(range(count))
        self._open: dict[int, _Running] = {}
        self._running: set[int] = set()
        self._busy: Counter[str] = Counter()
        self._news: queue.SimpleQueue[tuple[_Running, int, Observation | Outcome | Exception]]
        self._news = queue.SimpleQueue()

    def run(self, hearing: Hearing) -> None:
        interrupted = False
        try:
            self._start(self._aside)
            self._begin(hearing)
            while self._open:
                group, number, item = self._news.get()
                if isinstance(item, Exception):
                    raise item
                if group is self._aside:
                    continue
                rest = isinstance(item, Outcome) and item.rest is not None
                item = clean(replace(item, rest=None) if isinstance(item, Outcome) else item)
                if group.known:
                    item = clean(item, group.known.hide)
                if isinstance(item, Observation):
                    group.observations.append(item)
                    hearing.seen(item)
                    continue
                if number not in group.seen:
                    group.seen[number] = item
                    self._free(group)
                    if group.all_seen:
                        hearing.all_seen(group.number, group.collected_so_far())
                if not rest:
                    group.outcomes[number] = item
                if len(group.outcomes) == len(group.sources):
                    hearing.ended(group.number, self._open.pop(group.number).collected())
                self._begin(hearing)
        except KeyboardInterrupt:
            interrupted = True
            raise
        finally:
            with _uninterrupted():
                failed = _stop([s for group in (self._aside, *self._open.values()) for s in group.sources])
                for group in self._open.values():
                    hearing.broken_off(group.number, group.collected())
            if interrupted and failed is not None:
                raise KeyboardInterrupt(f"{LEFT}: {failed}")

    def _free(self, group: _Running) -> None:
        """A group that only waits for a removal needs no place any more."""
        if group.all_seen and group.number in self._running:
            self._running.discard(group.number)
            self._busy.subtract(self._places(group.number))

    def _begin(self, hearing: Hearing) -> None:
        """Begin all that may."""
        most = self._turns.side_by_side
        while len(self._running) < most and len(self._open) < 2 * most:
            number = next((n for n in self._waiting if self._has_place(n)), None)
            if number is None:
                return
            self._waiting.remove(number)
            sources, known = self._make(number)
            group = _Running(number, sources, known)
            if not sources:
                hearing.all_seen(number, group.collected())
                hearing.ended(number, group.collected())
                continue
            self._open[number] = group
            self._running.add(number)
            self._busy.update(self._places(number))
            self._start(group)

    def _start(self, group: _Running) -> None:
        for index in range(len(group.sources)):
            threading.Thread(target=self._work, args=(group, index), daemon=True).start()

    def _places(self, number: int) -> frozenset[str]:
        return self._turns.places[number] if self._turns.places else frozenset()

    def _has_place(self, number: int) -> bool:
        most = self._turns.per_place
        return not most or all(self._busy[place] < most for place in self._places(number))

    def _work(self, group: _Running, number: int) -> None:
        news = self._news
        try:
            outcome = group.sources[number].run(lambda observation: news.put((group, number, observation)))
            if outcome.rest is not None:
                news.put((group, number, outcome))
                outcome = outcome.rest()
        except Interrupted:
            outcome = Outcome()
        except KubeError as error:
            outcome = Outcome(errors=(ReadError("node", str(error)),))
        except Exception as error:  # a bug, to be raised where it is reported
            news.put((group, number, error))
            return
        news.put((group, number, outcome))


def gather(
    make: Callable[[int], tuple[Sequence[Source], Secrets]],
    count: int,
    turns: Turns = Turns(),
    hearing: Hearing = Hearing(),
    aside: Sequence[Source] = (),
) -> None:
    """Run `count` groups of sources, as many at a time as `turns` lets.

    make: of a group's number, when it is begun, its sources and what is hidden in all that comes back; what shows by its form
    always is. aside: sources of no group, that nobody waits for. A source that raises KubeError has that as its error; any other
    exception is raised here. Whatever is raised, KeyboardInterrupt included, every source has been stopped by then.
    """
    _Gathering(make, count, turns, aside).run(hearing)


def collect(
    groups: Sequence[Sequence[Source]],
    seen: Emit,
    known: Sequence[Secrets] = (),
    side_by_side: int = SIDE_BY_SIDE,
    aside: Sequence[Source] = (),
    told: Callable[[list[Collected]], None] = lambda collected: None,
) -> list[Collected]:
    """Run the sources of every group (of a node). -> one Collected a group, in their order; for the rest see `gather`.

    told: called once with the same, when all of them only wait until what they made is gone, which is taken for granted there.
    """
    found = [Collected() for _ in groups]
    seen_of: dict[int, Collected] = {}

    def all_seen(number: int, collected: Collected) -> None:
        seen_of[number] = collected
        if len(seen_of) == len(groups):
            told([seen_of[n] for n in range(len(groups))])

    def ended(number: int, collected: Collected) -> None:
        found[number] = collected

    def make(number: int) -> tuple[Sequence[Source], Secrets]:
        return groups[number], known[number] if known else Secrets()

    gather(make, len(groups), Turns(side_by_side), Hearing(seen, all_seen, ended), aside)
    return found


STOPPING = 30.0
"""Seconds in which all sources have to stop: whoever interrupts has a silent server often enough, and cannot interrupt again."""
LEFT = "what this run made in the cluster may be left (kubectl imagepull cleanup)"


def _stop(sources: Sequence[Source]) -> Exception | None:
    """Stop all of them side by side: each waits for the cluster to remove what it made. -> why something of it may be left, None
    where nothing is."""
    failed: list[Exception] = []

    def end(source: Source) -> None:
        try:
            source.stop()
        except Exception as error:  # whatever it is, what it made may be there
            failed.append(error)

    threads = [threading.Thread(target=end, args=(source,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    over = time.monotonic() + STOPPING
    for thread in threads:
        thread.join(max(0.0, over - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        return Unreachable("the API server does not answer")
    return failed[0] if failed else None


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Do nothing at the signals that end the program: a second Ctrl-C must not leave a pod behind. Programs that are started
    meanwhile (credential plugins) end by them: a handler is not inherited, and what is ignored would be."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in before:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

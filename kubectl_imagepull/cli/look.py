"""Looking from both vantages at once, and clearing up whatever happens."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ..kube.client import Api
from ..kube.errors import KubeError
from ..kube.read import ContainerRead, read_peer
from ..model import NodeFacts, NodeImages, Observation, ProbeRun, Pull, ReadError
from ..node import stats
from ..node.here import Here
from ..node.ladder import NodeAsked, Wanted, climb
from ..node.plan import Login, Plan
from ..node.rehearsal import Rehearsal
from ..node.trail import Interrupted, Trail

MOST_BUDGET = 120.0
"""Seconds for the probes of one vantage, for whoever asks for more than the usual time-out."""
STARTING = 5.0
"""Seconds of the time-out that are for starting and clearing up."""
SIDE_BY_SIDE = 4
"""Nodes that are looked at at the same time: each is a pod there and a few threads here."""


@dataclass(frozen=True)
class Looked:
    """What both vantages saw."""

    observations: tuple[Observation, ...] = ()
    probe: ProbeRun = field(default_factory=ProbeRun)
    errors: tuple[ReadError, ...] = ()
    peer_probe: ProbeRun | None = None


@dataclass(frozen=True)
class Where:
    """Which node to look out of; node None: only from here. namespace: the failing pod's; rehearsal: for --try-pull; peer:
    a second node that gets the same plan."""

    node: NodeFacts | None
    namespace: str
    images: NodeImages = field(default_factory=NodeImages)
    wanted: Wanted = field(default_factory=Wanted)
    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    peer: Where | None = None


def rehearsal_of(containers: Sequence[ContainerRead], alias: Mapping[str, str]) -> Rehearsal:
    """The pulls of these containers, each different one once, as the kubelet would make them for their pod."""
    first = containers[0].facts if containers else None
    images = {c.pull.id: c.target.image for c in containers if c.pull is not None and alias[c.pull.id] == c.pull.id}
    return Rehearsal(images, first.pull_secret_names, first.service_account) if first is not None else Rehearsal()


def peer_of(
    api: Api, name: str, where: Where, containers: Sequence[ContainerRead]
) -> tuple[Where | None, tuple[ReadError, ...]]:
    """Where to compare with for --compare-node, None where there is nothing to compare."""
    if not name or where.node is None or not containers:
        return None, ()
    found = read_peer(api, name, containers[0].target.image, where.node.name, where.namespace)
    if found is None:
        return None, (ReadError("api", f"there is no other node to compare {where.node.name} with"),)
    wanted = replace(where.wanted, try_pull=False, kept=False)
    facts, images = found
    return Where(facts, where.namespace, images, wanted), ()


@dataclass
class _Result:
    observations: list[Observation] = field(default_factory=list)
    probe: ProbeRun = field(default_factory=ProbeRun)
    errors: list[ReadError] = field(default_factory=list)
    peer_probe: ProbeRun | None = None


@dataclass(frozen=True)
class Job:
    """What one node is asked for. logins: of a pull, by its id."""

    where: Where
    pulls: Sequence[Pull]
    logins: Mapping[str, tuple[Login, ...]] = field(default_factory=dict)


class Halt:
    """Ends looks that run in other threads: each says how it is stopped, also one that begins too late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], None]] = []
        self._over = False

    def by(self, stop: Callable[[], None]) -> None:
        with self._lock:
            self._stops.append(stop)
            over = self._over
        if over:
            stop()

    def now(self) -> None:
        with self._lock:
            self._over, stops = True, list(self._stops)
        for stop in stops:
            stop()


def look_side_by_side(
    api: Api, jobs: Sequence[Job], timeout: float, seen: Callable[[Observation], None]
) -> list[Looked]:
    """`look` for several nodes, a few at a time. -> one Looked a job, in their order. `seen` is told of a single job only."""
    if len(jobs) == 1:
        return [look(api, jobs[0].where, jobs[0].pulls, jobs[0].logins, timeout, seen)]
    halt = Halt()
    pool = ThreadPoolExecutor(max_workers=SIDE_BY_SIDE)
    begun = [pool.submit(look, api, j.where, j.pulls, j.logins, timeout, lambda _: None, halt) for j in jobs]
    try:
        return [future.result() for future in begun]
    finally:
        # after an interruption or an error the others must leave nothing behind, a second Ctrl-C or not
        before = _deaf(True)
        pool.shutdown(wait=False, cancel_futures=True)
        halt.now()
        pool.shutdown()
        _deaf(False, before)


def look(
    api: Api,
    where: Where,
    pulls: Sequence[Pull],
    logins: Mapping[str, tuple[Login, ...]],
    timeout: float,
    seen: Callable[[Observation], None],
    halt: Halt | None = None,
) -> Looked:
    """Ask for the pulls from the node and from here; `seen` gets each observation in this thread as it comes.

    Objects made in the cluster are gone when this returns or raises, KeyboardInterrupt included. halt: for a caller in another
    thread, to end it.
    """
    if not pulls:
        return Looked()
    budget = min(MOST_BUDGET, max(3.0, timeout - STARTING))
    results: queue.SimpleQueue[Observation | Exception | None] = queue.SimpleQueue()
    gathered = _Result()
    trail, beside, here = Trail(api), Trail(api), Here()

    def stop() -> None:
        here.stop()
        trail.clear(close=True)
        beside.clear(close=True)

    @contextlib.contextmanager
    def ending() -> Iterator[None]:
        """What may end one of the threads: an interruption, an API server that went away, or a bug, which is for the caller."""
        try:
            yield
        except Interrupted:
            pass
        except KubeError as error:
            gathered.errors.append(ReadError("node", str(error)))
        except Exception as error:
            results.put(error)
        finally:
            results.put(None)

    def challenges(pull: Pull) -> tuple[str, ...] | None:
        """What this machine has learnt so far of how a registry wants to be asked."""
        for seen in list(gathered.observations):
            if seen.vantage.place == "workstation" and seen.hop == "registry" and seen.subject.host == pull.authority:
                return tuple(str(line) for line in seen.data.get("challenges") or ())
        return None

    def from_node() -> None:
        with ending():
            if where.node is not None:
                plan, wanted = _plan(pulls, budget, where.node), replace(where.wanted, challenges=challenges)
                probe, errors = climb(api, trail, _asked(where, where.node), plan, results.put, wanted)
                errors += trail.clear()
                gone = not any("delete" in e.message or "removed" in e.message for e in errors)
                gathered.probe = _deleted(probe, probe.created and gone and not where.wanted.kept)
                gathered.errors += errors

    def from_here() -> None:
        with ending():
            try:
                trouble = here.run(Plan(tuple(pulls), budget, dict(logins)), results.put)
            except OSError as error:
                trouble = f"the probes could not be started on this machine: {error}"
            if trouble:
                gathered.errors.append(ReadError("workstation", trouble))

    def from_peer(peer: Where, node: NodeFacts) -> None:
        with ending():
            plan = _plan(pulls, budget, node)
            probe, errors = climb(api, beside, _asked(peer, node), plan, results.put, peer.wanted, "peer-node")
            left = beside.clear()
            errors += left
            gathered.peer_probe = _deleted(probe, probe.created and not left)
            if not probe.created:
                why = "; ".join(probe.why_not)
                errors.append(ReadError("node", f"{node.name} could not be compared with: {why}"[:300]))
            gathered.errors += errors

    def from_kubelet() -> None:
        with ending():
            if where.node is not None and where.node.found:
                troubles = stats.ask(api, where.node.name, results.put)
                if where.wanted.via == "api-only":  # beside a probe pod it is an extra, and its absence no news
                    gathered.errors += troubles

    threads = [threading.Thread(target=work, daemon=True) for work in (from_node, from_here, from_kubelet)]
    if where.peer is not None and where.peer.node is not None:
        threads.append(threading.Thread(target=from_peer, args=(where.peer, where.peer.node), daemon=True))
    if halt is not None:
        halt.by(stop)
    try:
        for thread in threads:
            thread.start()
        running = len(threads)
        while running:
            item = results.get()
            if item is None:
                running -= 1
            elif isinstance(item, Exception):
                raise item
            else:
                gathered.observations.append(item)
                seen(item)
    finally:
        # a second Ctrl-C must not leave a pod behind
        before = _deaf(True)
        stop()
        _deaf(False, before)
    return Looked(tuple(gathered.observations), gathered.probe, tuple(gathered.errors), gathered.peer_probe)


def _asked(where: Where, node: NodeFacts) -> NodeAsked:
    return NodeAsked(
        name=node.name,
        namespace=where.namespace,
        ready=node.ready,
        why_not_ready=node.ready_message,
        os=node.os,
        arch=node.arch,
        os_image=node.os_image,
        images=where.images,
        rehearsal=where.rehearsal,
    )


def _plan(pulls: Sequence[Pull], budget: float, node: NodeFacts) -> Plan:
    """What the node is asked, and whose configuration there is to read."""
    return Plan(tuple(pulls), budget, runtime=node.runtime, kubelet=node.kubelet)


def _deleted(probe: ProbeRun, gone: bool) -> ProbeRun:
    return replace(probe, deleted=gone)


Handlers = dict[int, object]


def _deaf(on: bool, before: Handlers | None = None) -> Handlers:
    """Ignore the signals that end us while clearing up, or hear them again. -> what was set before."""
    kept: Handlers = {}
    if threading.current_thread() is not threading.main_thread():
        return kept
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        kept[number] = signal.getsignal(number)
        signal.signal(number, signal.SIG_IGN if on else (before or {}).get(number, signal.SIG_DFL))  # type: ignore[arg-type]
    return kept

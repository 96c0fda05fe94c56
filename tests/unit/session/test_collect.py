"""Sources are run side by side, told of in one thread, and stopped whatever happens."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from kubectl_imagepull.errors import Unreachable
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.model import NodeFacts, Observation, ProbeRun, Pull, ReadError, Subject, Vantage
from kubectl_imagepull.node.created_objects import Interrupted
from kubectl_imagepull.node.ladder import NodeAsked
from kubectl_imagepull.node.plan import Plan
from kubectl_imagepull.node.wanted import Wanted
from kubectl_imagepull.redaction import Secrets
from kubectl_imagepull.session import collect as collecting
from kubectl_imagepull.session.collect import (
    SIDE_BY_SIDE,
    Collected,
    Emit,
    InTurn,
    KubeletApi,
    KubeletPull,
    NodeRung,
    Outcome,
    PeerNode,
    Source,
    Workstation,
    collect,
    finished,
)
from tests.build import observed

API = cast(Api, None)
PULL = Pull("p0", "registry.example", 443, "shop/web", "1.0")
PATIENCE = 20.0


def seen(hop: str, place: Any = "node", **data: Any) -> Observation:
    return observed(hop, Subject("registry", "registry.example"), Vantage(place), "ok", **data)


class Scripted:
    """A source that does what it is told."""

    def __init__(self, run: Callable[[Emit], Outcome], stop: Callable[[], None] = lambda: None) -> None:
        self.run, self._stop, self.stops = run, stop, 0

    def stop(self) -> None:
        self.stops += 1
        self._stop()


def says(*hops: str, **outcome: Any) -> Scripted:
    def run(emit: Emit) -> Outcome:
        for hop in hops:
            emit(seen(hop))
        return Outcome(**outcome)

    return Scripted(run)


def fails(error: BaseException) -> Scripted:
    def run(emit: Emit) -> Outcome:
        raise error

    return Scripted(run)


def waits(started: threading.Event) -> Scripted:
    """A source that runs until it is stopped."""
    stopped = threading.Event()

    def run(emit: Emit) -> Outcome:
        started.set()
        assert stopped.wait(PATIENCE)
        raise Interrupted

    return Scripted(run, stopped.set)


def ignore(observation: Observation) -> None:
    """Nobody listens."""


def test_what_sources_say_is_put_together() -> None:
    heard: list[Observation] = []
    probe, peer = ProbeRun("shell", "node-1"), ProbeRun("shell", "node-2")
    errors = ReadError("node", "late"), ReadError("workstation", "no python3")
    group = [
        says("dns", "tls", probe=probe, errors=(errors[0],)),
        says("connect", errors=(errors[1],)),
        says(peer_probe=peer),
    ]
    [found] = collect([group], heard.append)
    assert found.probe == probe and found.peer_probe == peer and found.errors == errors
    assert list(found.observations) == heard
    assert [o.hop for o in heard if o.hop != "connect"] == ["dns", "tls"] and len(heard) == 3


def test_a_group_without_sources_has_seen_nothing() -> None:
    assert collect([[], [says("dns")]], ignore)[0] == Collected()


def test_groups_are_told_apart_and_only_a_few_run_at_once() -> None:
    """As many as are allowed are under way together: each waits for the others."""
    together = threading.Barrier(SIDE_BY_SIDE, timeout=PATIENCE)
    running, most, lock = [0], [0], threading.Lock()

    def source(number: int) -> Source:
        def run(emit: Emit) -> Outcome:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            together.wait()
            emit(seen("dns", server=f"10.0.0.{number}"))
            with lock:
                running[0] -= 1
            return Outcome(errors=(ReadError("node", f"node{number}"),))

        return Scripted(run)

    found = collect([[source(n)] for n in range(2 * SIDE_BY_SIDE)], ignore)
    assert [one.errors[0].message for one in found] == [f"node{n}" for n in range(2 * SIDE_BY_SIDE)]
    assert [one.observations for one in found] == [
        (seen("dns", server=f"10.0.0.{n}"),) for n in range(2 * SIDE_BY_SIDE)
    ]
    assert most[0] == SIDE_BY_SIDE


def test_what_a_group_has_made_goes_while_the_next_one_runs() -> None:
    """It takes no place while it waits for that; and its outcome is that of the end."""
    second = threading.Event()

    def rest() -> Outcome:
        assert second.wait(PATIENCE)
        return Outcome(ProbeRun("shell", deleted=True))

    def later(emit: Emit) -> Outcome:
        second.set()
        return Outcome()

    first = Scripted(lambda emit: Outcome(ProbeRun("shell"), rest=rest))
    found = collect([[first], [Scripted(later)]], ignore, side_by_side=1)
    assert found[0].probe.deleted and found[1].probe == ProbeRun()


def test_clearing_up_is_no_way_to_have_ever_more_of_them() -> None:
    """As many groups as run may clear up beside them: a cluster that is slow to remove things gets no more to remove."""
    release, begun = threading.Event(), []

    def run(emit: Emit) -> Outcome:
        begun.append(1)
        if len(begun) == 4:
            threading.Timer(0.2, release.set).start()
        return Outcome(rest=cleared)

    def cleared() -> Outcome:
        assert release.wait(PATIENCE)
        return Outcome()

    most: list[bool] = []
    sources = [Scripted(run) for _ in range(8)]
    sources[4] = Scripted(lambda emit: (most.append(release.is_set()), Outcome())[1])
    collect([[source] for source in sources], ignore, side_by_side=2)
    assert most == [True], "the fifth waits for the first four"


def test_observations_are_told_in_the_callers_thread() -> None:
    threads = set()
    collect([[says("dns"), says("tls")], [says("dns")]], lambda _: threads.add(threading.current_thread()))
    assert threads == {threading.current_thread()}


def test_an_api_server_that_goes_away_is_an_error_of_its_source() -> None:
    [found] = collect([[fails(Unreachable("gone")), says("dns")]], ignore)
    assert found.errors == (ReadError("node", "gone"),) and len(found.observations) == 1


def test_a_bug_is_raised_where_it_is_reported_and_stops_the_others() -> None:
    started = threading.Event()
    other = waits(started)

    def broken(emit: Emit) -> Outcome:
        assert started.wait(PATIENCE)
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        collect([[Scripted(broken)], [other]], ignore)
    assert other.stops == 1


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), ValueError("odd")])
def test_an_interruption_stops_every_source_before_it_is_raised(trouble: BaseException) -> None:
    others = [waits(threading.Event()) for _ in range(3)]

    def interrupt(observation: Observation) -> None:
        raise trouble

    with pytest.raises(type(trouble)):
        collect([[others[0], says("dns")], [others[1]], [others[2]]], interrupt)
    assert [other.stops for other in others] == [1, 1, 1]


def test_a_source_that_does_not_stop_is_left_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can interrupt once more, and a silent server would hold the prompt for as long as it likes."""
    monkeypatch.setattr(collecting, "STOPPING", 0.2)
    over = threading.Event()

    def interrupted(observation: Observation) -> None:
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt, match="may be left"):
            collect([[says("dns"), Scripted(lambda emit: Outcome(), lambda: over.wait(PATIENCE))]], interrupted)
    finally:
        over.set()


@pytest.mark.parametrize("nested", [False, True])
def test_a_source_that_could_not_remove_what_it_made_is_said(nested: bool) -> None:
    def stop() -> None:
        raise Unreachable("refused")

    def interrupted(observation: Observation) -> None:
        raise KeyboardInterrupt

    stopped: list[int] = []
    failing = Scripted(lambda emit: Outcome(), stop)
    other = Scripted(lambda emit: Outcome(), lambda: stopped.append(1))
    group = [says("dns"), InTurn(failing, other)] if nested else [says("dns"), failing, other]
    with pytest.raises(KeyboardInterrupt, match=r"may be left \(kubectl imagepull cleanup\).*: refused"):
        collect([group], interrupted)
    assert stopped == [1]


def test_groups_that_wait_are_not_begun_after_an_interruption() -> None:
    begun = []

    def late(emit: Emit) -> Outcome:
        begun.append(1)
        return Outcome()

    def interrupt(observation: Observation) -> None:
        raise KeyboardInterrupt

    first = [[waits(threading.Event())] for _ in range(SIDE_BY_SIDE - 1)]
    with pytest.raises(KeyboardInterrupt):
        collect([*first, [says("dns")], [Scripted(late)]], interrupt)
    assert begun == []


def test_a_second_interruption_does_not_keep_a_source_from_being_stopped() -> None:
    before = signal.getsignal(signal.SIGINT)
    ended = []

    def stop() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        ended.append(1)

    def interrupt(observation: Observation) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect([[Scripted(says("dns").run, stop)]], interrupt)
    assert ended == [1] and signal.getsignal(signal.SIGINT) is before


# ---- the sources ---------------------------------------------------------------------------------------------------


class CreatedObjects:
    """Remembers how it was cleared."""

    left: list[ReadError] = []  # noqa: RUF012

    def __init__(self, api: object) -> None:
        self.cleared: list[bool] = []
        self.kept = False

    def clear(self, close: bool = False) -> list[ReadError]:
        self.delete(close)
        return self.left

    def close(self) -> None:
        self.clear(close=True)

    def delete(self, close: bool = False) -> None:
        self.cleared.append(close)

    def gone(self) -> list[ReadError]:
        return self.left


def climbing(monkeypatch: pytest.MonkeyPatch, probe: ProbeRun, left: list[ReadError] | None = None) -> list[Any]:
    """Put a ladder in place that takes this way. -> what it is called with."""
    calls: list[Any] = []

    def climb(*given: Any) -> tuple[ProbeRun, list[ReadError]]:
        calls.append(given)
        given[4](seen("dns"))
        return probe, [ReadError("node", "late")]

    trail = type("CreatedObjects", (CreatedObjects,), {"left": left or []})
    monkeypatch.setattr(collecting, "climb", climb)
    monkeypatch.setattr(collecting, "CreatedObjects", trail)
    return calls


ASKED = NodeAsked("node-1", "shop")
PLAN = Plan((PULL,), 5.0)
MADE = ProbeRun("shell", "node-1", created=True, why_not=("host-python: no",))


@pytest.mark.parametrize(
    ("probe", "left", "kept", "deleted"),
    [
        (MADE, [], False, True),
        (MADE, [], True, False),
        (MADE, [ReadError("api", "could not delete job x")], False, False),
        (ProbeRun("api-only", "node-1"), [], False, False),
    ],
)
def test_node_rung(
    monkeypatch: pytest.MonkeyPatch, probe: ProbeRun, left: list[ReadError], kept: bool, deleted: bool
) -> None:
    """It says whether what it created is gone, and what is left."""
    calls = climbing(monkeypatch, probe, left)
    heard: list[Observation] = []
    outcome = finished(NodeRung(API, ASKED, PLAN, Wanted(kept=kept)).run(heard.append))
    assert outcome.probe is not None and outcome.probe.deleted == deleted and outcome.probe.why_not == probe.why_not
    assert outcome.errors == (ReadError("node", "late"), *left)
    assert [o.hop for o in heard] == ["dns"] and calls[0][-1] == "node"


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("way", [NodeRung, KubeletPull])
def test_what_is_seen_waits_for_no_deletion(
    monkeypatch: pytest.MonkeyPatch, way: type[NodeRung | KubeletPull], counted: bool
) -> None:
    """A verdict can be drawn meanwhile; who counts pods gives a place away only when that is asked for."""
    climbing(monkeypatch, MADE)
    monkeypatch.setattr(collecting, "pull_again", lambda *given: MADE)
    source = way(API, ASKED, PLAN, Wanted(), counted=counted)
    outcome = source.run(ignore)
    cleared: list[bool] = source._created.cleared  # type: ignore[attr-defined]
    assert bool(cleared) == counted
    finished(outcome)
    assert cleared


@pytest.mark.parametrize(("kept", "left"), [(False, []), (True, []), (False, [ReadError("api", "job x is left")])])
def test_kubelet_pull(monkeypatch: pytest.MonkeyPatch, kept: bool, left: list[ReadError]) -> None:
    """It says whether what it created is gone, and what is left; after `stop` nothing can be created."""
    climbing(monkeypatch, MADE, left)

    def pull_again(*given: Any) -> ProbeRun:
        given[4](seen("runtime"))
        return ProbeRun("trial-pull", "node-1", created=True)

    monkeypatch.setattr(collecting, "pull_again", pull_again)
    heard: list[Observation] = []
    source = KubeletPull(API, ASKED, PLAN, Wanted(kept=kept))
    outcome = finished(source.run(heard.append))
    assert outcome.probe is not None and outcome.probe.deleted == (not kept and not left)
    assert outcome.errors == tuple(left) and [o.hop for o in heard] == ["runtime"]
    source.stop()
    assert source._created.cleared[-1] is True  # type: ignore[attr-defined]


NONE = ProbeRun("api-only", "node-1", why_not=("shell: no",))
TRIED = ProbeRun("trial-pull", "node-1", created=True, deleted=True, seconds=2.0)


@pytest.mark.parametrize(
    ("first", "second", "rung", "deleted", "why_not", "seconds"),
    [
        (replace(MADE, deleted=True, seconds=1.5), TRIED, "shell", True, ("host-python: no",), 3.5),
        (replace(MADE, deleted=True), replace(TRIED, deleted=False), "shell", False, ("host-python: no",), 2.0),
        (NONE, TRIED, "trial-pull", True, ("shell: no",), 2.0),
        (NONE, replace(NONE, why_not=("trial-pull: no",)), "api-only", False, ("shell: no", "trial-pull: no"), 0.0),
    ],
)
def test_sources_in_turn(
    first: ProbeRun, second: ProbeRun, rung: str, deleted: bool, why_not: tuple[str, ...], seconds: float
) -> None:
    """The first way that was taken stands for both, and all that either made has to be gone."""
    order: list[str] = []

    class One:
        def __init__(self, name: str, probe: ProbeRun | None) -> None:
            self.name, self.probe = name, probe

        def run(self, emit: Emit) -> Outcome:
            order.append(self.name)
            return Outcome(self.probe, errors=(ReadError("node", self.name),))

        def stop(self) -> None:
            order.append(f"stop {self.name}")

    both = InTurn(One("rung", first), One("trial", second))
    outcome = both.run(ignore)
    assert order == ["rung", "trial"] and [e.message for e in outcome.errors] == order
    assert outcome.probe is not None
    found = outcome.probe
    assert (found.rung, found.deleted, found.why_not, found.seconds) == (rung, deleted, why_not, seconds)
    both.stop()
    assert sorted(order[2:]) == ["stop rung", "stop trial"]
    assert InTurn(One("silent", None)).run(ignore).probe is None


def test_a_stopped_node_creates_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    climbing(monkeypatch, MADE)
    rung = NodeRung(API, ASKED, PLAN, Wanted())
    rung.stop()
    assert rung._created.cleared == [True]  # type: ignore[attr-defined]


def test_a_peer_node_pulls_nothing_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = climbing(monkeypatch, MADE)
    outcome = PeerNode(API, ASKED, PLAN, Wanted(via="shell", try_pull=True, kept=True)).run(ignore)
    *_, wanted, place = calls[0]
    assert (wanted.via, wanted.try_pull, wanted.kept, place) == ("shell", False, False, "peer-node")
    assert outcome.probe is None and outcome.peer_probe is not None and outcome.peer_probe.deleted
    assert outcome.errors == (ReadError("node", "late"),)


def test_a_peer_node_without_a_way_out_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    climbing(monkeypatch, ProbeRun("api-only", "node-1", why_not=("shell: no", "kubelet: no")))
    outcome = PeerNode(API, ASKED, PLAN, Wanted()).run(ignore)
    assert outcome.errors[-1].message == "node-1 could not be compared with: shell: no; kubelet: no"


def workstation(monkeypatch: pytest.MonkeyPatch, run: Callable[..., str]) -> tuple[Workstation, list[str]]:
    stopped: list[str] = []

    class Here:
        def run(self, plan: Plan, emit: Emit) -> str:
            return run(plan, emit)

        def stop(self) -> None:
            stopped.append("stopped")

    monkeypatch.setattr(collecting, "LocalProbes", Here)
    return Workstation(PLAN), stopped


def test_the_workstation_tells_the_node_how_a_registry_wants_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(plan: Plan, emit: Emit) -> str:
        emit(seen("connect", "workstation"))
        emit(seen("registry", "workstation", challenges=['Basic realm="x"']))
        emit(seen("registry", "workstation", challenges=["Bearer"]))
        return ""

    source, stopped = workstation(monkeypatch, run)
    assert source.challenges(PULL) is None
    heard: list[Observation] = []
    assert source.run(heard.append) == Outcome() and len(heard) == 3
    assert source.challenges(PULL) == ('Basic realm="x"',)
    source.stop()
    assert stopped == ["stopped"]


def test_what_the_workstation_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(plan: Plan, emit: Emit) -> str:
        raise OSError("no python3")

    for run, said in (
        (missing, "the probes could not be started on this machine: no python3"),
        (lambda plan, emit: "ended early", "ended early"),
    ):
        source, _ = workstation(monkeypatch, run)
        assert source.run(ignore).errors == (ReadError("workstation", said),)


@pytest.mark.parametrize("needed", [True, False])
def test_the_kubelet_is_an_extra_beside_a_probe_pod(monkeypatch: pytest.MonkeyPatch, needed: bool) -> None:
    trouble = ReadError("node", "needs get on nodes/proxy")

    def ask(api: Api, node: str, emit: Emit) -> list[ReadError]:
        emit(seen("storage", "api"))
        return [trouble]

    monkeypatch.setattr(collecting.kubelet_api, "ask", ask)
    heard: list[Observation] = []
    source = KubeletApi(API, NodeFacts("node-1").name, needed)
    assert source.run(heard.append).errors == ((trouble,) if needed else ())
    assert [o.hop for o in heard] == ["storage"]
    source.stop()


def test_what_comes_back_is_cleaned() -> None:
    """Of secrets that are known, as the pod's own are, and of those that show by their form; before anybody is told."""
    known = Secrets()
    known.learn("wintermute-2026", "alice")
    quoted = "user alice, password wintermute-2026, https://a.example/x?sig=Zq7RtK2m"
    observation = observed("auth", Subject("token", "t.example"), Vantage("node"), "403", quoted, detail=quoted)
    told: list[Observation] = []

    def run(emit: Emit) -> Outcome:
        emit(observation)
        return Outcome(ProbeRun("host-python", why_not=(quoted,)), errors=(ReadError("node", quoted),))

    (collected,) = collect([[Scripted(run)]], told.append, [known])
    for text in (repr(told), repr(collected)):
        assert "wintermute" not in text and "Zq7RtK2m" not in text and text.count("REDACTED") >= 4

"""Looking at several nodes: side by side, in order, and with an end to all when one of them fails."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from kubectl_imagepull.cli import look as looking
from kubectl_imagepull.cli.look import Halt, Job, Looked, Where, look, look_side_by_side
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.model import NodeFacts, Pull, ReadError

API = cast(Api, None)
PULL = Pull("p0", "registry.example", 443, "shop/web", "1.0")
PATIENCE = 20.0


def jobs(count: int) -> list[Job]:
    return [Job(Where(NodeFacts(f"node{n}"), "shop"), [PULL]) for n in range(count)]


def said(looked: Looked) -> str:
    return looked.errors[0].message


def test_side_by_side_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as allowed are under way at once: each waits here for the others."""
    assert looking.SIDE_BY_SIDE > 1
    together = threading.Barrier(looking.SIDE_BY_SIDE, timeout=PATIENCE)

    def one(api: Api, where: Where, *rest: Any) -> Looked:
        assert where.node is not None
        together.wait()
        return Looked(errors=(ReadError("node", where.node.name),))

    monkeypatch.setattr(looking, "look", one)
    found = look_side_by_side(API, jobs(2 * looking.SIDE_BY_SIDE), 30, lambda _: None)
    assert [said(looked) for looked in found] == [f"node{n}" for n in range(2 * looking.SIDE_BY_SIDE)]


@pytest.mark.parametrize("trouble", [ValueError("odd"), KeyboardInterrupt()])
def test_one_that_fails_ends_the_others(monkeypatch: pytest.MonkeyPatch, trouble: BaseException) -> None:
    stopped = []

    def one(api: Api, where: Where, *rest: Any) -> Looked:
        assert where.node is not None
        if where.node.name == "node0":
            raise trouble
        ended, halt = threading.Event(), rest[-1]
        halt.by(ended.set)
        stopped.append(ended.wait(PATIENCE))
        return Looked()

    monkeypatch.setattr(looking, "look", one)
    with pytest.raises(type(trouble)):
        look_side_by_side(API, jobs(3), 30, lambda _: None)
    assert all(stopped)


def test_a_halt_ends_what_begins_after_it() -> None:
    halt, told = Halt(), []
    halt.now()
    halt.by(lambda: told.append(1))
    assert told == [1]


def test_a_single_node_is_told_of_as_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def heard(observation: object) -> None:
        """What the caller wants to be told with."""

    def one(*given: Any) -> Looked:
        assert given[-1] is heard
        return Looked()

    monkeypatch.setattr(looking, "look", one)
    assert look_side_by_side(API, jobs(1), 30, heard) == [Looked()]


def test_a_bug_in_a_thread_is_raised_where_it_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def run(self, *_: object) -> str:
            raise RuntimeError("a bug")

        def stop(self) -> None:
            pass

    monkeypatch.setattr(looking, "Here", Broken)
    with pytest.raises(RuntimeError, match="a bug"):
        look(API, Where(None, "shop"), [PULL], {}, 30, lambda _: None)


def test_what_this_machine_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def run(self, *_: object) -> str:
            raise OSError("no python3")

        def stop(self) -> None:
            pass

    monkeypatch.setattr(looking, "Here", Missing)
    found = look(API, Where(None, "shop"), [PULL], {}, 30, lambda _: None)
    assert said(found) == "the probes could not be started on this machine: no python3"

"""The probes as a child process: what it says, that it can be ended, and what gets into it."""

from __future__ import annotations

import pathlib
import threading
import time

import pytest

from kubectl_imagepull.model import Observation, Pull
from kubectl_imagepull.node import workstation
from kubectl_imagepull.node.plan import Login, Plan
from kubectl_imagepull.node.workstation import LocalProbes

CLOSED = Pull("p0", "127.0.0.1", 1, "a", "1", "http")


def test_what_it_sees() -> None:
    seen: list[Observation] = []
    assert LocalProbes().run(Plan((CLOSED,), 20.0), seen.append) == ""
    assert [(o.hop, o.outcome) for o in seen] == [("dns", "literal"), ("connect", "refused")]
    assert {(o.vantage.place, o.vantage.rung) for o in seen} == {("workstation", "local")}


def test_nothing_of_this_machine_gets_into_it(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Not from the folder at hand, not from the environment."""
    for name in ("probes", "json", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(77)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert LocalProbes().run(Plan((), 5.0), lambda _: None) == ""


def test_probes_that_are_not_there_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workstation.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OSError, match="not installed"):
        LocalProbes().run(Plan((), 5.0), lambda _: None)


def test_it_can_be_ended() -> None:
    """From another thread, at once, and silently."""
    probes, said = LocalProbes(), []
    silent = Pull("p0", "192.0.2.1", 443, "a", "1")
    thread = threading.Thread(target=lambda: said.append(probes.run(Plan((silent,), 60.0), lambda _: None)))
    thread.start()
    deadline = time.monotonic() + 20
    while probes._child is None and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    probes.stop()
    probes.stop()
    thread.join(20)
    assert said == [""] and time.monotonic() - began < 15


def test_a_child_that_ends_early_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plan, "for_workstation", lambda self: "no plan")
    assert LocalProbes().run(Plan((), 5.0), lambda _: None) == "the probes on this machine ended early (exit 2)"


def test_a_password_is_in_no_repr() -> None:
    login = Login("u", "s3cret", "secret", "r.test")
    plan = Plan((CLOSED,), 5.0, {"p0": (login,)})
    assert "s3cret" not in repr(login) and "s3cret" not in repr(plan)
    assert "s3cret" in plan.for_workstation() and "s3cret" not in plan.for_node("/host", "")

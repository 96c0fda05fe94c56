"""The probes as a child process: what it says, that it can be ended, and where its file lies."""

from __future__ import annotations

import pathlib
import threading
import time

import pytest

from kubectl_imagepull.model import Observation, Pull
from kubectl_imagepull.node import workstation
from kubectl_imagepull.node.bundle import bundle
from kubectl_imagepull.node.plan import Login, Plan
from kubectl_imagepull.node.workstation import LocalProbes

CLOSED = Pull("p0", "127.0.0.1", 1, "a", "1", "http")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kubectl-imagepull"


def test_what_it_sees(cache: pathlib.Path) -> None:
    seen: list[Observation] = []
    assert LocalProbes().run(Plan((CLOSED,), 20.0), seen.append) == ""
    assert [(o.hop, o.outcome) for o in seen] == [("dns", "literal"), ("connect", "refused")]
    assert {(o.vantage.place, o.vantage.rung) for o in seen} == {("workstation", "local")}
    (file,) = cache.iterdir()
    assert file.read_bytes() == bundle()


def test_a_file_of_the_same_name_is_not_taken(cache: pathlib.Path) -> None:
    """What lies in the cache is compared, and written anew where it differs."""
    LocalProbes().run(Plan((), 5.0), lambda _: None)
    (file,) = cache.iterdir()
    file.chmod(0o600)
    file.write_bytes(b"print('FOREIGN')")
    assert LocalProbes().run(Plan((), 5.0), lambda _: None) == ""
    assert file.read_bytes() == bundle()


def test_without_a_cache_it_lies_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr(workstation.tempfile, "gettempdir", lambda: str(tmp_path))
    assert LocalProbes().run(Plan((), 5.0), lambda _: None) == ""
    monkeypatch.setattr(workstation.tempfile, "gettempdir", lambda: str(blocked))
    with pytest.raises(OSError, match="no folder"):
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

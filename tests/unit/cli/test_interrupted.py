"""Signals that end the program: several at once are one, and programs that are started during the clean-up still end by them."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kubectl_imagepull.cli import main
from kubectl_imagepull.session import collect
from kubectl_imagepull.system import ENDING

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be held back here")


@pytest.fixture(autouse=True)
def handled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(main, "_again", 0.0)
    before = {number: signal.signal(number, main._interrupt) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("both", list(itertools.permutations([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], 2)))
def test_two_at_once_are_one_interruption(both: tuple[signal.Signals, signal.Signals]) -> None:
    """A second one would break off what the first one has begun to clean up."""
    cleaned = []
    signal.pthread_sigmask(signal.SIG_BLOCK, both)
    for number in both:
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
        finally:
            for step in range(1000):
                cleaned.append(step)
    assert len(cleaned) == 1000


def test_one_that_comes_later_interrupts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "TOGETHER", 0.0)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_what_is_started_meanwhile_ends_by_them() -> None:
    """A credential plugin that asks somebody to sign in: nobody else could end it."""
    code = "import signal; print(*(signal.getsignal(n) is signal.SIG_DFL for n in (signal.SIGTERM, signal.SIGHUP)))"
    with collect._uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True"]

"""Commands measured side by side: one run of each after the other, as often as asked, so that a busy moment hits all of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.installed import BIN
from tests.lab import workstation

RUNS = 7
TIME = "/usr/bin/time"
"""Of Debian's package time."""
MEBIBYTE = 1.048576
"""In megabytes."""

Samples = dict[str, list[float]]
"""Name -> a figure of each run."""


@dataclass
class Measured:
    """The runs of one command."""

    seconds: list[float] = field(default_factory=list)
    """Wall time of each run."""
    cpu: list[float] = field(default_factory=list)
    """User and system time of the process and its children, of each run."""
    megabytes: list[float] = field(default_factory=list)
    """Peak memory of each run, MB."""

    @property
    def median(self) -> float:
        """Of the wall times."""
        return statistics.median(self.seconds)


def once(
    argv: Sequence[str], env: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> tuple[float, float, float]:
    """Run a command. -> (wall seconds, CPU seconds, peak MB). Raises RuntimeError for another exit code."""
    with tempfile.NamedTemporaryFile("r") as file:
        # what we fork ourselves would start with our own peak of memory
        timed = [TIME, "-f", "%e %U %S %M", "-o", file.name, *argv]
        start = time.monotonic()
        ran = subprocess.run(
            timed, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env, check=False
        )
        took = time.monotonic() - start
        if ran.returncode not in codes:
            raise RuntimeError(f"{argv[-6:]} ended with {ran.returncode}: {ran.stderr.decode()[-300:]}")
        _, user, system, peak = file.read().split()[-4:]
    return took, float(user) + float(system), int(peak) / 1024 * MEBIBYTE


def environment(**more: str) -> dict[str, str]:
    """This process's, with our plugin on PATH and nobody's cluster. more: further variables; PATH goes before."""
    path = ":".join(filter(None, (more.pop("PATH", ""), str(BIN), os.environ["PATH"])))
    return {**os.environ, "PATH": path, "KUBECONFIG": os.devnull, "COLUMNS": "80", **more}


def on_workstation(*words: str, **more: str) -> list[str]:
    """A command line that runs on the lab's workstation with our plugin on PATH. more: variables; PATH goes before."""
    path = ":".join(filter(None, (more.pop("PATH", ""), str(BIN), os.environ["PATH"])))
    return [*workstation.prefix(env={"PATH": path, "COLUMNS": "80", "TERM": "xterm", **more}), *words]


def side_by_side(
    commands: Mapping[str, Sequence[str]],
    runs: int = RUNS,
    codes: Sequence[int] = (0, 1),
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] = lambda: None,
) -> dict[str, Measured]:
    """Name -> its runs; each command is run once before, uncounted. before: is called ahead of each run, and not measured."""
    found = {name: Measured() for name in commands}
    for number in range(runs + 1):
        for name, argv in commands.items():
            before()
            took, cpu, peak = once(argv, env, codes)
            if number:
                found[name].seconds.append(took)
                found[name].cpu.append(cpu)
                found[name].megabytes.append(peak)
    return found

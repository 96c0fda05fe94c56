"""What was measured, in results.json: each sample with the figures of its runs, the day and the machine.

The page and the plots are made of it, so a long bench can be run in parts: what is measured anew takes the place of what was.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

FILE = Path(__file__).with_name("results.json")
DIGITS = 4


@dataclass(frozen=True)
class Sample:
    """A figure, measured several times."""

    runs: tuple[float, ...]
    """The figure of each run."""
    date: str
    """The day, 2026-11-29."""
    machine: str
    """What it ran on, in words."""
    median_of: int = 0
    """Where the median alone was kept, which is the only run here: of how many runs it is; else 0."""

    @property
    def median(self) -> float:
        """Of the runs."""
        return statistics.median(self.runs)

    @property
    def count(self) -> int:
        """How many runs."""
        return self.median_of or len(self.runs)

    @property
    def spread(self) -> tuple[float, float] | None:
        """Least and most, None where only a median was kept or there was one run."""
        return (min(self.runs), max(self.runs)) if len(self.runs) > 1 else None


Results = Mapping[str, Sample]
"""By name."""


def load(file: Path = FILE) -> dict[str, Sample]:
    """What is kept. Raises ValueError, TypeError for a file of another form."""
    if not file.exists():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    return {name: Sample(**{**one, "runs": tuple(one["runs"])}) for name, one in found.items()}


def keep(samples: Mapping[str, list[float]], machine: str, file: Path = FILE) -> None:
    """Put these in the place of what was measured before under their names."""
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    found = load(file) | {
        name: Sample(tuple(float(f"{one:.{DIGITS}g}") for one in runs), today, machine)
        for name, runs in samples.items()
    }
    write(found, file)


def write(found: Results, file: Path = FILE) -> None:
    """The file, in the order of the names."""
    lines = []
    for name in sorted(found):
        one = asdict(replace(found[name]))
        if not one["median_of"]:
            del one["median_of"]
        lines.append(f"{json.dumps(name)}: {json.dumps(one)}")
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def machine(*more: str) -> str:
    """This machine in words, without a name of it. more: versions that matter."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    words = (f"{cores} cores", f"{memory:.0f} GiB", f"Linux {kernel}", f"Python {platform.python_version()}", *more)
    return ", ".join(words)

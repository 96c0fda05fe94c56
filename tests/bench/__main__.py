"""Measures what docs/performance.md tells, and writes it: python -m tests.bench [NAME[=SIZE,…] …] [--runs 7]

Without a name everything, which takes half an hour. What is not named keeps its figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import fleet, here, installed, page, results, scan, together, why
from tests.bench.measure import RUNS, Samples
from tests.lab import settings
from tools.side_environment import environment

ROOT = Path(__file__).resolve().parents[2]
LAB = f"Kubernetes {settings.KUBERNETES}"
MEASUREMENTS: Mapping[str, Callable[..., Samples]] = {
    "start": here.start,
    "why": why.why,
    "probes": why.probes,
    "check": here.check,
    "pin": here.pin,
    "classify": here.classify,
    "why-all": together.measure,
    "nodes": why.nodes,
    "scan": scan.measure,
    "fleet": fleet.measure,
}
"""Name -> what takes it so many times; of scan, check, pin and fleet also the sizes."""
ON_THE_LAB = ("why", "probes", "nodes", "scan")


def drawn() -> None:
    """Draw the plots, with matplotlib in an environment of its own. Raises CalledProcessError."""
    python = environment("bench", Path(__file__).with_name("requirements.txt")) / "bin" / "python"
    subprocess.run([str(python), "-m", "tests.bench.plots"], cwd=ROOT, check=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, keep, write and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(MEASUREMENTS)}; scan=10000 is one size"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each is measured")
    parser.add_argument("--draw", action="store_true", help="measure nothing: write the page and draw the plots")
    args = parser.parse_args(argv)
    wanted = [name.partition("=")[::2] for name in args.names] or [(name, "") for name in MEASUREMENTS]
    unknown = [name for name, _ in wanted if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    os.chdir(ROOT)
    if not args.draw:
        installed.install()
    for name, sizes in () if args.draw else wanted:
        began = time.monotonic()
        more = [tuple(int(size) for size in sizes.split(","))] if sizes else []
        samples = MEASUREMENTS[name](args.runs, *more)
        machine = results.machine(*([LAB] if name in ON_THE_LAB else []))
        results.keep(samples, machine)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        for what, runs in samples.items():
            print(f"  {what}: {results.Sample(tuple(runs), '', '').median:.4g} ({min(runs):.4g} to {max(runs):.4g})")
        page.main([])
    page.main([])
    drawn()
    return 0


if __name__ == "__main__":
    sys.exit(main())

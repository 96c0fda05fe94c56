"""Many random cases against the real code: python -m tests.oracle --references 200000 --keyrings 50000.

Exit codes: 0 no disagreement, 1 at least one (the smallest is printed), 2 the oracle cannot be built.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.oracle.cases import RandomPick
from tests.oracle.compare import KINDS, Kind
from tests.oracle.process import Oracle, OracleUnavailable

BATCH = 500
DEFAULTS = {
    "references": 200_000,
    "keyrings": 50_000,
    "challenges": 50_000,
    "tokens": 20_000,
    "platforms": 20_000,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    for kind in KINDS:
        parser.add_argument(
            f"--{kind.name}",
            type=int,
            default=DEFAULTS[kind.name],
            metavar="N",
            help=f"default {DEFAULTS[kind.name]}",
        )
    parser.add_argument("--seed", type=int, default=None, help="default: another one in each run, and printed")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}")
    try:
        with Oracle() as oracle:
            disagreements = [_run(oracle, kind, getattr(options, kind.name), seed) for kind in KINDS]
    except OracleUnavailable as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if any(disagreements) else 0


def _run(oracle: Oracle, kind: Kind, count: int, seed: int) -> int:
    """Put `count` cases of a kind to both, and show the smallest on which they differ -> how many do."""
    pick = RandomPick(random.Random(f"{seed} {kind.name}"))
    start = time.perf_counter()
    smallest: Any = None
    different = 0
    for done in range(0, count, BATCH):
        for case in _differing(oracle, kind, [kind.generate(pick) for _ in range(min(BATCH, count - done))]):
            different += 1
            if smallest is None or _size(case) < _size(smallest):
                smallest = case
        if sys.stdout.isatty():
            print(f"\r{kind.name}: {done} of {count}", end="", flush=True)
    took = time.perf_counter() - start
    mark = "\r" if sys.stdout.isatty() else ""
    print(f"{mark}{kind.name}: {count} cases in {took:.1f} s, {different} disagreements", flush=True)
    if different:
        case = _shrunk(oracle, kind, smallest)
        print(f"  smallest: {json.dumps(case)}")
        (answer,) = oracle.ask([kind.question(case)])
        print(f"  {kind.differs(case, answer)}")
    return different


def _differing(oracle: Oracle, kind: Kind, cases: list[Any]) -> list[Any]:
    answers = oracle.ask(kind.question(case) for case in cases)
    return [case for case, answer in zip(cases, answers, strict=True) if kind.differs(case, answer)]


def _size(case: Any) -> int:
    return len(json.dumps(case))


def _shrunk(oracle: Oracle, kind: Kind, case: Any) -> Any:
    """Take parts away as long as both still differ."""
    while True:
        smaller = [c for c in _smaller(case) if _size(c) < _size(case)]
        left = _differing(oracle, kind, smaller)
        if not left:
            return case
        case = min(left, key=_size)


def _smaller(case: Any) -> Iterator[Any]:
    """The case with one piece left out, at every depth; names of members stay."""
    if isinstance(case, str):
        step = max(1, len(case) // 8)
        for width in {step, 1}:
            for at in range(0, len(case), width):
                yield case[:at] + case[at + width :]
    elif isinstance(case, list):
        for at, part in enumerate(case):
            yield case[:at] + case[at + 1 :]
            for less in _smaller(part):
                yield [*case[:at], less, *case[at + 1 :]]
    elif isinstance(case, dict):
        for name, part in case.items():
            for less in _smaller(part):
                yield {**case, name: less}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Many random configuration trees against the runtimes' own code: python -m tests.oracle.runtimes --trees 5000.

With --record N the first N trees and what the real code answered are kept under tests/oracle/recorded, for the fast tests.
Exit codes: 0 no disagreement, 1 at least one (the smallest is printed), 2 an oracle cannot be built.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from tests.oracle.cases import RandomPick
from tests.oracle.process import Oracle, OracleUnavailable
from tests.oracle.runtime_compare import KINDS, Kind

RECORDED = Path(__file__).parent / "recorded"
BATCH = 250


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.runtimes", description=__doc__)
    parser.add_argument(
        "--trees", type=int, default=5000, metavar="N", help="for each runtime and version; default 5000"
    )
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="runtimes whose name begins so, such as containerd-2.4"
    )
    parser.add_argument("--record", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=None, help="default: another one in each run, and printed")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}")
    wrong = 0
    for kind in KINDS:
        if kind.name.startswith(options.only):
            try:
                wrong += run(kind, options.trees, seed, options.record)
            except OracleUnavailable as error:
                print(error, file=sys.stderr)
                return 2
    return 1 if wrong else 0


def run(kind: Kind, count: int, seed: int, record: int) -> int:
    """Put `count` trees to both and show the smallest on which they differ -> how many do. Raises OracleUnavailable."""
    pick = RandomPick(random.Random(f"{seed} {kind.name}"))
    start = time.perf_counter()
    different, failing = [], 0
    kept: list[dict[str, Any]] = []
    with Oracle(kind.program) as oracle:
        for done in range(0, count, BATCH):
            cases = [kind.generate(pick) for _ in range(min(BATCH, count - done))]
            answers = oracle.ask(cases)
            failing += sum(bool(a.get("Dead") or a.get("Error")) for a in answers)
            kept += [{"case": c, "answer": a} for c, a in zip(cases, answers, strict=True)][
                : max(0, record - len(kept))
            ]
            different += [(c, d) for c, a in zip(cases, answers, strict=True) if (d := kind.differs(c, a))]
    took = time.perf_counter() - start
    print(
        f"{kind.name}: {count} trees in {took:.1f} s, {failing} refused by it, {len(different)} disagreements",
        flush=True,
    )
    if different:
        case, why = min(different, key=lambda pair: len(json.dumps(pair[0])))
        print(f"  smallest: {json.dumps(case)}\n  {why}")
    if record:
        RECORDED.mkdir(exist_ok=True)
        lines = [json.dumps(entry, sort_keys=True) for entry in kept]
        (RECORDED / f"{kind.name}.jsonl").write_text("\n".join(lines) + "\n")
    return len(different)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

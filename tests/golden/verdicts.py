"""What is said of each case, one line each: what a reviewer reads in a diff. `python -m tests.golden.verdicts` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from kubectl_imagepull.case import parse
from kubectl_imagepull.model import Case, Verdict
from kubectl_imagepull.verdict import judge

CASES = Path(__file__).parents[1] / "cases"
FILE = Path(__file__).with_name("verdicts.tsv")
COLUMNS = ("case", "container", "cause", "confidence", "subject", "actor", "exit", "fixes")


Judged = tuple[str, Sequence[Case], Sequence[Verdict]]
"""The name of a case file, its cases and the verdicts on them."""


def table(judged: Iterable[Judged]) -> str:
    """The lines of verdicts.tsv: a head, then one line for each container of each case; titles of fixes are parted by " | "."""
    lines = ["\t".join(COLUMNS)]
    for name, cases, verdicts in judged:
        for case, verdict in zip(cases, verdicts, strict=True):
            cells = (
                name,
                case.target.container or "-",
                verdict.cause,
                verdict.confidence,
                str(verdict.subject) or "-",
                verdict.actor or "-",
                str(verdict.exit_code),
                " | ".join(fix.title for fix in verdict.fixes) or "-",
            )
            lines.append("\t".join(" ".join(cell.split()) for cell in cells))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    read = [(file.stem, parse(file.read_bytes(), file.name).cases) for file in sorted(CASES.glob("*.json"))]
    print(table((name, cases, [judge(case) for case in cases]) for name, cases in read), end="")

"""Writes docs/performance.md from results.json and performance.md beside it.

python -m tests.bench.page [--check]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubectl_imagepull.node.run_pod import STARTUP_SECONDS
from tests.bench.growth import DOCS, PLOTS
from tests.bench.here import messages
from tests.bench.lines import LINES, Line, shown
from tests.bench.results import Results, load

FILE = DOCS / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.md")
REMARKS = Path(__file__).with_name("remarks.md")
"""Why a line is not met, and what would be needed; by hand, after each measurement."""
NOT_MEASURED = "not measured"


def page(results: Results) -> str:
    """The page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    parts = {
        "table": "\n".join(_row(line, results) for line in LINES),
        "machines": "\n".join(_machines(results)),
        "remarks": REMARKS.read_text(encoding="utf-8").strip() if REMARKS.exists() else "",
        "plots": "\n\n".join(
            f"![{one.title}: seconds over {one.of}]({one.file})" for one in PLOTS if one.points(results)
        ),
        "kubectl": _kubectl(results),
        "messages": f"{len(messages()):,}",
        "startup:.0f": f"{STARTUP_SECONDS:.0f}",
    }
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return re.sub(r"\n{3,}", "\n\n", text)


def _row(line: Line, results: Results) -> str:
    if not line.ours:
        name = line.test.rpartition("::")[2]
        measured = f"[a test counts it](../{line.test.partition('::')[0]}): `{name}`" if line.test else NOT_MEASURED
        return f"| {line.what} | {line.against} | {line.promise} | {measured} | {'yes' if line.test else ''} |"
    kept = {True: "yes", False: "**no**", None: ""}[line.met(results)]
    return f"| {line.what} | {line.against} | {line.promise} | {line.measured(results) or NOT_MEASURED} | {kept} |"


def _machines(results: Results) -> Iterator[str]:
    """When and where what the table shows was measured."""
    shown_in: dict[tuple[str, str], list[str]] = {}
    for line in LINES:
        if line.figure(results) is not None:
            sample = results[line.ours]
            groups = shown_in.setdefault((sample.date, sample.machine), [])
            group = _group(line.ours)
            if group not in groups:
                groups.append(group)
    for (date, machine), groups in sorted(shown_in.items(), reverse=True):
        yield f"Measured on {date}, on {machine}: {', '.join(groups)}."
    kept = [name for name, one in sorted(results.items()) if one.median_of]
    if kept:
        yield f"Of some figures the median of {results[kept[0]].median_of} runs alone was kept: those without least and most."


def _group(sample: str) -> str:
    name, _, rest = sample.partition(": ")
    size = re.search(r"\d+ (?:pods|nodes)$", rest)
    return f"{name} ({int(size[0].split()[0]):,} {size[0].split()[1]})" if size else name


def _kubectl(results: Results) -> str:
    name = "start: a plugin that does nothing"
    if name not in results:
        return "how long that takes is not measured"
    return f"with one that does nothing, a shell script, it takes {shown(results[name].median, 's')}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check only compare. -> 0 done or up to date, 1 out of date."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is out of date")
    args = parser.parse_args(argv)
    text = page(load())
    if args.check:
        return int(FILE.read_text(encoding="utf-8") != text)
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

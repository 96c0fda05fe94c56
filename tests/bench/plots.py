"""Draws the plots of docs/performance.md. Runs in an environment of its own (requirements.txt): python -m tests.bench --draw

The same results give the same file, byte for byte, by one version of matplotlib.
"""

from __future__ import annotations

import matplotlib
from matplotlib import pyplot

from tests.bench.growth import DOCS, PLOTS, Plot
from tests.bench.results import Results, load

INK, PAPER, GRID = "#24292f", "#ffffff", "#d0d7de"
COLOURS = ("#0969da", "#bc4c00", "#8250df")
"""Told apart by whoever sees fewer colours too; the marks differ as well."""
MARKS = ("o", "s", "^")


def draw(plot: Plot, results: Results) -> None:
    """Write one plot into docs/."""
    curves = plot.points(results)
    if not curves:
        return
    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), facecolor=PAPER)
    for (what, points), colour, mark in zip(curves, COLOURS, MARKS, strict=False):
        sizes, medians = [one[0] for one in points], [one[1] for one in points]
        spread = [[one[1] - one[2] for one in points], [one[3] - one[1] for one in points]]
        axes.errorbar(sizes, medians, yerr=spread, label=what, color=colour, marker=mark, capsize=3, linewidth=1.6)
    axes.set(xscale="log", yscale="log", xlabel=plot.of, ylabel="seconds", title=plot.title)
    axes.set_xticks(plot.sizes, [f"{size:,}" for size in plot.sizes])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(color=GRID, linewidth=0.6)
    axes.legend(frameon=False)
    figure.tight_layout()
    about = {"Date": None, "Creator": None, "Title": plot.title, "Identifier": plot.digest(results)}
    figure.savefig(DOCS / plot.file, format="svg", metadata=about)
    pyplot.close(figure)
    path = DOCS / plot.file
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def main() -> None:
    """Draw all of them."""
    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "kubectl-imagepull",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.size": 10,
            **{f"{what}.color": INK for what in ("text", "xtick", "ytick")},
            **{f"axes.{what}color": INK for what in ("edge", "label", "title")},
        }
    )
    results = load()
    for plot in PLOTS:
        draw(plot, results)


if __name__ == "__main__":
    main()

"""What is seen from a node, while it comes: the full report that grows, and a hop in two words."""

from __future__ import annotations

from typing import TextIO

from ..model import Case, HopLine, Observation, Verdict
from ..report import text
from ..report.sentences import label
from ..report.terminal import WORDS, Style
from ..verdict.hop_status import api_lines, line_of


def in_words(case: Case, observation: Observation) -> str:
    """dns ok: the hop and how it went."""
    line = line_of(case, observation)
    return f"{label(line)} {WORDS[line.status]}"


def _printed_before(line: HopLine) -> tuple[object, ...]:
    return line.hop, line.subject, line.vantage, line.summary


class Growing:
    """The full report of a single container while it grows: the node's hops as they come, the workstation's when it is judged."""

    def __init__(self, out: TextIO, style: Style, case: Case) -> None:
        self._out, self._style, self._case = out, style, case
        self._printed: list[HopLine] = []

    def start(self) -> None:
        """What is known before a node is asked."""
        self._print(text.header(self._case, self._style))
        for line in api_lines(self._case):
            self._hop(line)

    def seen(self, observation: Observation) -> None:
        """A hop of the node."""
        if observation.vantage.place == "node":
            self._hop(line_of(self._case, observation))

    def finish(self, case: Case, verdict: Verdict) -> None:
        """What has not been printed yet: hops not reached, the workstation's view, verdict and fixes."""
        node, beside = text.sides(case, verdict)
        # what a later observation made milder (a mirror whose fallback works) is not told twice
        told = {_printed_before(line) for line in self._printed}
        for line in node:
            if _printed_before(line) not in told:
                self._hop(line)
        for vantage, lines in beside.items():
            self._print(text.beside(vantage, lines, node, self._style))
        self._print(text.verdict(case, verdict, self._style))
        foot = text.footer(case, verdict, self._style)
        if foot:
            self._print("\n" + foot)

    def _hop(self, line: HopLine) -> None:
        if not self._printed or self._printed[-1].vantage != line.vantage:
            self._print(text.heading(line.vantage, self._style))
        self._printed.append(line)
        self._print(text.hop(line, self._style))

    def _print(self, block: str) -> None:
        self._out.write(block + "\n")
        self._out.flush()

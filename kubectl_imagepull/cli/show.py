"""Printing diagnoses as they come: the one Observer of the command line."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from typing import TextIO

from ..case import CaseFile, dump
from ..model import Case, HopLine, Observation, Verdict
from ..report import text
from ..report.formats import render
from ..report.terminal import Style
from ..session.apply import Preview
from ..session.observer import Diagnosis, Observer, Plan, Step
from ..session.targets import Targets
from ..text import printable
from ..verdict.hop_status import api_lines, line_of
from .options import UsageError, style_of


def show_change(shown: Preview, say: TextIO) -> None:
    """Print a change as the server would make it."""
    lines = [f"change: {shown.change.what}", *(f"note: {note}" for note in shown.notes)]
    lines += [f"  {line}" for line in shown.difference]
    lines += [f"  delete pod/{shown.change.pod}"] if shown.change.pod else []
    say.writelines(printable(line) + "\n" for line in lines)
    say.flush()


class Printer(Observer):
    """Prints what a session finds, and writes the file of `--save-case`.

    As text each diagnosis is printed when it is due, a single one while it grows. In every other format the output is one
    document, that of the last diagnosis, printed by `close`; what happens on the way goes to the standard error.
    """

    def __init__(self, form: str, out: TextIO, err: TextIO, where: str, save_case: str | None = None) -> None:
        """form: one of report.formats.FORMATS; where: what was searched, for a search that finds nothing."""
        self._form, self._out, self._err, self._where, self._file = form, out, err, where, save_case
        self._style = style_of(out)
        self._plan = Plan()
        self._growing: _Growing | None = None
        self._document = ""

    @property
    def is_text(self) -> bool:
        """Whether the output is for people."""
        return self._form == "text"

    def planned(self, plan: Plan) -> None:
        """Begin the report of a single container; of several, say which nodes are waited for."""
        self._plan, self._growing = plan, None
        if not self.is_text:
            return
        if len(plan.cases) == 1 and not plan.refused:
            self._growing = _Growing(self._out, self._style, plan.cases[0])
            self._growing.start()
        elif plan.cases and self._err.isatty():
            nodes = dict.fromkeys(case.target.node for case in plan.cases if case.target.node)
            print(f"probing from {', '.join(nodes) or 'the workstation'} ...", file=self._err)

    def seen(self, observation: Observation) -> None:
        """Print a hop of the node as soon as it is known."""
        if self._growing is not None:
            self._growing.seen(observation)

    def diagnosed(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Save and print. Raises UsageError where the file cannot be written."""
        cases, verdicts = [d.case for d in diagnoses], [d.verdict for d in diagnoses]
        if not diagnoses:
            self._document = self._nothing()
        elif self._file is not None:
            save(self._file, dump(CaseFile(tuple(cases))))
        if self._growing is not None:
            self._growing.finish(cases[0], verdicts[0])
            return
        if diagnoses:
            self._document = render(self._form, cases, verdicts, self._style)
        if self.is_text:
            self._out.write(self._document)

    def step(self, step: Step) -> None:
        """One line about a pull that is watched."""
        to = self._out if self.is_text else self._err
        to.write(printable(f"{time.strftime('%H:%M:%S')}  {step.pod}  {_in_words(step)}") + "\n")
        to.flush()

    def close(self) -> None:
        """Print the document of the last diagnosis, in a format that is one document."""
        if not self.is_text:
            self._out.write(self._document)

    def _nothing(self) -> str:
        """That nothing fails, in a line; as an empty list where a program reads it."""
        if self._form in ("json", "yaml"):
            return render(self._form, [], [], Style())
        if self._form == "name":
            return ""
        return "".join(f"No image pull problem found in {what}.\n" for what in self._plan.healthy or (self._where,))


def searched(target: Targets, namespace: str) -> str:
    """What a search looks through, in words."""
    return "any namespace" if target.everywhere else f"{namespace} namespace"


def save(file: str, content: str) -> None:
    """Write a file; without content, only make sure that it can be written. Raises UsageError."""
    try:
        with pathlib.Path(file).open("w" if content else "a", encoding="utf-8") as opened:
            opened.write(content)
    except OSError as error:
        raise UsageError(f"error: {file}: {error.strerror or error}") from None


def _in_words(step: Step) -> str:
    if step.kind == "pulling":
        return f"pulling {step.image}, attempt {step.attempt}"
    if step.kind == "pulled":
        return f"Pulled {step.image} in {step.took}"
    if step.kind == "present":
        return f"{step.image} is on the node"
    if step.kind == "failed":
        return f"failed: {step.cause}: {step.message[:300]}"
    return "container started"


def _printed_before(line: HopLine) -> tuple[object, ...]:
    return line.hop, line.subject, line.vantage, line.summary


class _Growing:
    """The report of a single container while it grows: the node's hops as they come, the workstation's when it is judged."""

    def __init__(self, out: TextIO, style: Style, case: Case) -> None:
        self._out, self._style, self._case = out, style, case
        self._printed: list[HopLine] = []

    def start(self) -> None:
        self._print(text.header(self._case, self._style))
        for line in api_lines(self._case):
            self._hop(line)

    def seen(self, observation: Observation) -> None:
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

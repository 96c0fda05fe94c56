"""Printing diagnoses as they come: the one Observer of the command line."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from ..case import CaseFile, dump
from ..model import Case, Observation, worst_exit
from ..report.formats import FOR_A_TERMINAL, render
from ..report.terminal import Style
from ..session.observer import Diagnosis, Observer, Plan, Step
from ..session.targets import NO_RESOURCES, Targets
from ..text import printable
from .flags import UsageError, quoted
from .options import EVERYWHERE, style_of
from .waiting import Waiting, nodes_in_words

if TYPE_CHECKING:
    from .growing import Growing

CANNOT_TELL = 3
"""Exit code."""


class Printer(Observer):
    """Prints what a session finds, and writes the file of `--save-case`.

    What is for a terminal is printed when a diagnosis is due; in full (`wide`) that of a single container grows. In every other
    format the output is one document, that of the last diagnosis, printed by `close`; what happens on the way goes to the
    standard error. What is waited for stands in a line on the standard error, where that is a terminal, until the report comes.
    """

    def __init__(
        self,
        form: str,
        out: TextIO,
        err: TextIO,
        where: str,
        save_case: str | None = None,
        cluster: str = "",
        pseudonymous: bool = False,
    ) -> None:
        """form: one of report.formats.FORMATS; where: what was searched, for a search that finds nothing; cluster: which one is
        asked, in words; pseudonymous: what is saved has no names."""
        self._form, self._out, self._err, self._where = form, out, err, where
        self._file, self._pseudonymous, self._cluster = save_case, pseudonymous, cluster
        self._style = style_of(out)
        self._plan = Plan()
        self._growing: Growing | None = None
        self._waiting = Waiting(err)
        self._answered: set[str] = set()
        self._shown: Sequence[Diagnosis] = ()
        self._document = ""

    @property
    def is_text(self) -> bool:
        """Whether the output is for people who wait for it."""
        return self._form in FOR_A_TERMINAL

    def planned(self, plan: Plan) -> None:
        """Begin the report of a single container that is told in full; else say which nodes are waited for."""
        self._plan, self._growing = plan, None
        if self._form == "wide" and len(plan.cases) == 1 and not plan.refused:
            from .growing import Growing  # not above: a node is asked sooner without

            self._growing = Growing(self._out, self._style, plan.cases[0])
            self._growing.start()
        elif self.is_text and plan.cases:
            self._answered.clear()
            self._waiting.begin(f"probing from {nodes_in_words(self._nodes())} ...")

    def seen(self, observation: Observation) -> None:
        """Show a hop of the node as soon as it is known."""
        if self._growing is not None:
            self._growing.seen(observation)
        elif observation.vantage.place == "node" and len(self._nodes()) > 1:
            self._answered.add(observation.vantage.name)
            self._waiting.add(f"{len(self._answered)} of {len(self._nodes())} answer")
        elif observation.vantage.place == "node":
            from .growing import in_words  # not above: a node is asked sooner without

            self._waiting.add(in_words(self._plan.cases[0], observation))

    def _nodes(self) -> list[str]:
        return list(dict.fromkeys(case.target.node for case in self._plan.cases if case.target.node))

    def judged(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Print what people wait for: nobody needs to see that the probe's pod is gone before."""
        if self.is_text:
            self._waiting.end()
            self._show(diagnoses)
            self._shown = diagnoses

    def diagnosed(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Print, where that is not done, and save. Raises UsageError where the file cannot be written."""
        self._waiting.end()
        if not self._shown:
            self._show(diagnoses)
        told = {error for one in self._shown for error in one.case.errors}
        for error in dict.fromkeys(e for one in diagnoses for e in one.case.errors if self._shown and e not in told):
            print(printable(f"warning: {error.message}"), file=self._err)
        self._shown = ()
        if diagnoses and self._file is not None:
            save_cases(self._file, [d.case for d in diagnoses], self._pseudonymous)

    def _show(self, diagnoses: Sequence[Diagnosis]) -> None:
        cases, verdicts = [d.case for d in diagnoses], [d.verdict for d in diagnoses]
        if not diagnoses:
            self._document = self._nothing()
        if self._growing is not None:
            self._growing.finish(cases[0], verdicts[0])
            return
        if diagnoses:
            self._document = render(self._form, cases, verdicts, self._style, self._cluster)
        if self.is_text:
            self._out.write(self._document)
            self._out.flush()

    def step(self, step: Step) -> None:
        """One line about a pull that is watched."""
        to = self._out if self.is_text else self._err
        to.write(printable(f"{time.strftime('%H:%M:%S')}  {step.pod}  {_in_words(step)}") + "\n")
        to.flush()

    def close(self) -> None:
        """Print the document of the last diagnosis, in a format that is one document; nothing is waited for any more."""
        self._waiting.end()
        if not self.is_text:
            self._out.write(self._document)

    def exit_code(self, diagnoses: Sequence[Diagnosis]) -> int:
        """That of the diagnoses; 3 where there are none because something could not be looked at."""
        return worst_exit(d.verdict.exit_code for d in diagnoses) if diagnoses or not self._plan.unseen else CANNOT_TELL

    def _nothing(self) -> str:
        """That nothing fails, in a line; as an empty list where a program reads it. What was not looked at is said to have no
        problem nowhere."""
        plan = self._plan
        nothing = "No resources found" + ("" if self._where == EVERYWHERE else f" in {self._where}.")
        left_out = [nothing if what == NO_RESOURCES else f"{what}." for what in plan.empty]
        for line in (*left_out, *(f"{what}." for what in plan.unseen)):
            print(printable(line), file=self._err)
        if self._form in ("json", "yaml"):
            return render(self._form, [], [], Style())
        if self._form == "name":
            return ""
        looked_at = plan.healthy or (() if plan.empty or plan.unseen else (self._where,))
        return "".join(f"No image pull problem found in {what}.\n" for what in looked_at)


def searched(target: Targets, namespace: str) -> str:
    """What a search looks through, in words."""
    return EVERYWHERE if target.everywhere else f"{namespace} namespace"


def save_cases(file: str, cases: Sequence[Case], pseudonymous: bool) -> None:
    """Write a case file, with pseudonyms for all names on request. Raises UsageError."""
    if pseudonymous:
        from ..session import pseudonyms  # not above: few ask for it

        try:
            cases = pseudonyms.pseudonymous(cases)
        except pseudonyms.NotTheSame as reason:
            raise UsageError(f"error: {file}: not saved: {reason}", pointed=False) from None
    save(file, dump(CaseFile(tuple(cases))))


def save(file: str, content: str) -> None:
    """Write a file; without content, only make sure that it can be written. Raises UsageError."""
    try:
        with pathlib.Path(file).open("w" if content else "a", encoding="utf-8") as opened:
            opened.write(content)
    except OSError as error:
        raise UsageError(f"error: {file}: {error.strerror or error}", pointed=False) from None
    except ValueError:  # a NUL in its name
        raise UsageError(f"error: {quoted(file)} can be the name of no file") from None


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

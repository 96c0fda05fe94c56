"""One entrance to every format of `why`, so that the same cases look the same wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Case, Verdict
from ..text import printable
from .terminal import Style

FORMATS = ("text", "wide", "json", "yaml", "markdown", "name", "html")
FOR_A_TERMINAL = frozenset({"text", "wide"})
"""Formats that are read as they come, and not as one document."""


def render(form: str, cases: Sequence[Case], verdicts: Sequence[Verdict], style: Style, cluster: str = "") -> str:
    """The whole report in one of FORMATS, with a line end. cases and verdicts: one each a container, in the same order.

    cluster: which one was asked, in words, for the formats that travel; "" where that is not known, as of a saved case.
    """
    from . import sentences, text  # not above: who asks for FORMATS only needs neither the rules nor the catalogue

    both = list(zip(cases, verdicts, strict=True))
    if form in ("json", "yaml"):
        from . import machine

        value = machine.one_or_list([machine.diagnosis(case, verdict) for case, verdict in both])
        return machine.dump(value) + "\n" if form == "json" else machine.dump_yaml(value)
    if form == "markdown":
        from . import markdown

        return markdown.report(both, cluster)
    if form == "html":
        from . import page

        return page.report(both, cluster)
    if form == "name":
        named = (
            f"pod/{c.target.pod}" if c.target.pod else sentences.place(c) for c, verdict in both if verdict.exit_code
        )
        return "".join(f"{printable(name)}\n" for name in dict.fromkeys(named))
    return text.report(both, style, full=form == "wide")

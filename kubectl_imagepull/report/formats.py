"""One entrance to every format of `why`, so that the same cases look the same wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Case, Verdict
from ..text import printable
from . import sentences, text
from .terminal import Style

FORMATS = ("text", "json", "yaml", "markdown", "name", "html")


def render(form: str, cases: Sequence[Case], verdicts: Sequence[Verdict], style: Style) -> str:
    """The whole report in one of FORMATS, with a line end. cases and verdicts: one each a container, in the same order."""
    both = list(zip(cases, verdicts, strict=True))
    if form in ("json", "yaml"):
        from . import machine

        value = machine.one_or_list([machine.diagnosis(case, verdict) for case, verdict in both])
        return machine.dump(value) + "\n" if form == "json" else machine.dump_yaml(value)
    if form == "markdown":
        from . import markdown

        return markdown.report(both)
    if form == "html":
        from . import page

        return page.report(both)
    if form == "name":
        named = (
            f"pod/{c.target.pod}" if c.target.pod else sentences.place(c) for c, verdict in both if verdict.exit_code
        )
        return "".join(f"{printable(name)}\n" for name in dict.fromkeys(named))
    return text.report(both, style)

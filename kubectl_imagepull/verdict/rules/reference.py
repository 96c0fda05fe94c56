"""The reference: what nobody can be asked for."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Finding, RuntimeConfig, Subject
from ..confidence import found
from ..evidence import where
from ..rule import rule
from ..view import CaseView


@rule("reference.invalid")
def reference_is_invalid(case: CaseView) -> Iterator[Finding]:
    """The image string is no reference, so nobody is asked for it."""
    reference = case.facts.reference
    if not reference.valid:
        yield found(case, "reference.invalid", Subject("pod", case.target.pod), "reference", reference.advice)


@rule("reference.short_name", needs=(RuntimeConfig,))
def short_name_is_not_completed(case: CaseView) -> Iterator[Finding]:
    """The runtime's configuration does not complete the image's short name.

    There is one more list of short names, which the runtime keeps for itself (/var/cache/containers), and a file that was changed
    since the node's boot may not be in force yet.
    """
    for seen in case.seen(RuntimeConfig, "node", "node"):
        if seen.outcome == "short-name":
            subject = Subject("node", case.target.node or seen.vantage.name)
            reason = f"{where(seen)}, {seen.summary}"
            yield found(case, "reference.short_name", subject, "reference", reason, [seen], at_most="likely")


RULES = (reference_is_invalid, short_name_is_not_completed)

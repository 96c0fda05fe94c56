"""The registry's limit of pulls."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Finding, Http, Manifest, Rate
from ..confidence import found
from ..evidence import decisive, where
from ..rule import rule
from ..view import CaseView


@rule("rate.registry_limit", needs=(Rate, Manifest, Http))
def pulls_are_limited(case: CaseView) -> Iterator[Finding]:
    """The registry answers 429, or says that no pull is left."""
    for seen in decisive(case, Rate):
        if seen.outcome != "limited":
            continue
        reason = f"{where(seen)}, {seen.subject.host} says: {seen.summary}"
        refused = seen.detail.status == 429
        yield found(
            case,
            "rate.registry_limit",
            seen.subject,
            "rate",
            reason,
            [seen],
            at_most="confirmed" if refused else "likely",
        )
    for other in (*decisive(case, Manifest), *decisive(case, Http)):
        if other.outcome == "429" and not decisive(case, Rate):
            reason = f"{where(other)}, {other.subject.host}: {other.summary}"
            yield found(case, "rate.registry_limit", other.subject, "rate", reason, [other])


RULES = (pulls_are_limited,)

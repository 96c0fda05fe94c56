"""Who has to act: the catalogue's one, or of its two the one that the evidence points to."""

from __future__ import annotations

from ... import catalogue
from ...model import Case, Finding
from .conditions import CONDITIONS


def actor_of(case: Case, finding: Finding) -> str:
    """One of catalogue.ACTORS, or "": the first whose conditions hold, else the one that has none."""
    actors = catalogue.entry(finding.cause).actors
    for actor, when in actors:
        if when and all(CONDITIONS[condition](case, finding) for condition in when):
            return actor
    return next((actor for actor, when in actors if not when), "")

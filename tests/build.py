"""Builders of what tests are made of."""

from __future__ import annotations

from typing import Any

from kubectl_imagepull.model import Detail, Observation, Subject, Vantage, detail_of
from kubectl_imagepull.model.strict import build


def observed(
    hop: str,
    subject: Subject,
    vantage: Vantage,
    outcome: str,
    summary: str = "",
    *,
    attempt: str = "",
    via: str = "",
    pull: str = "",
    ms: float = 0.0,
    at: float = 0.0,
    **detail: Any,
) -> Observation:
    """An observation whose detail is given as JSON values, as a probe sends it."""
    kind = detail_of(hop, outcome)
    assert kind is not None, f"nobody observes hop {hop}"
    built = build(kind, detail, "detail")
    assert isinstance(built, Detail)
    return Observation(built, subject, vantage, outcome, summary, attempt, via, pull, ms, at)

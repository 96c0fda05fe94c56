"""What a trial pull settles: the kubelet itself tried again, with the pod's own secrets, mirrors and policies."""

from __future__ import annotations

from ..model import Case, Observation, TrialPull

STANDS = frozenset({"auth.secret_added_late", "node.not_ready", "reference.invalid", "auth.secret_malformed"})
"""Causes that a pull which works for another pod does not speak against."""


def trial_pull(case: Case) -> Observation[TrialPull] | None:
    """The trial pull's observation, None where none was asked for or it did not come to an end."""
    return next((o for o in case.seen(TrialPull, place="node") if o.outcome in ("pulled", "failed")), None)


def worked(case: Case) -> bool:
    """Whether a trial pull got the image."""
    again = trial_pull(case)
    return again is not None and again.outcome == "pulled"


def has_passed(case: Case) -> str:
    """The sentence for a failing pod whose image could be pulled a moment ago, "" otherwise."""
    again = trial_pull(case)
    if again is None or not worked(case) or not case.facts.failing or without_late_secrets(case):
        return ""
    retry = case.facts.next_retry
    when = f"; the kubelet tries again in about {retry:.0f} s" if retry else ""
    return f"{again.vantage.name} pulled the image just now with the pod's own secrets, so what failed has passed{when}"


def without_late_secrets(case: Case) -> bool:
    """The service account has pull secrets that the pod was admitted without."""
    return not case.facts.pull_secret_names and bool(case.facts.account_secrets)

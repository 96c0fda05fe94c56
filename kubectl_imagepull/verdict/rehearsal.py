"""What a rehearsed pull settles: the kubelet itself tried again, with the pod's own secrets, mirrors and policies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ..model import Case, Finding, Observation, Subject, TrialPull
from .evidence import found, rule

STANDS = frozenset({"auth.secret_added_late", "node.not_ready", "reference.invalid", "auth.secret_malformed"})
"""Causes that a pull which works for another pod does not speak against."""


def rehearsed(case: Case) -> Observation[TrialPull] | None:
    """The rehearsal's observation, None where none was asked for or it did not come to an end."""
    tried = [o for o in case.seen(TrialPull, place="node") if o.vantage.rung == "rehearsal"]
    return next((o for o in tried if o.outcome in ("pulled", "failed")), None)


def said(case: Case) -> str:
    """The runtime's newest words about the pull: those of the rehearsal where it failed."""
    again = rehearsed(case)
    fresh = again.detail.message if again is not None and again.outcome == "failed" else ""
    return fresh or case.facts.said


def settled(case: Case, findings: Sequence[Finding]) -> list[Finding]:
    """The findings as a pull that worked leaves them: what would have broken it is no more than possible."""
    again = rehearsed(case)
    if again is None or again.outcome != "pulled":
        return list(findings)
    return [f if f.cause in STANDS else dataclasses.replace(f, confidence="possible") for f in findings]


def has_passed(case: Case) -> str:
    """The sentence for a failing pod whose image could be pulled a moment ago, "" otherwise."""
    again = rehearsed(case)
    if again is None or again.outcome != "pulled" or not case.facts.failing or _late(case):
        return ""
    retry = case.facts.next_retry
    when = f"; the kubelet tries again in about {retry:.0f} s" if retry else ""
    return f"{again.vantage.name} pulled the image just now with the pod's own secrets, so what failed has passed{when}"


def _late(case: Case) -> bool:
    """The service account has pull secrets that the pod was admitted without."""
    return not case.facts.pull_secret_names and bool(case.facts.account_secrets)


@rule("auth.secret_added_late", hop="auth")
def only_new_pods(case: Case) -> Iterator[Finding]:
    """A new pod can pull and this one, without the secrets that its account has by now, cannot."""
    again = rehearsed(case)
    facts = case.facts
    if again is None or again.outcome != "pulled" or not facts.failing or not _late(case):
        return
    names = ", ".join(facts.account_secrets)
    reason = (
        f"a new pod of service account {facts.service_account} pulled the image just now; it was given {names}, "
        "which this pod was admitted without"
    )
    subject = Subject("registry", case.pull.authority if case.pull else "")
    yield found(case, "auth.secret_added_late", subject, "auth", reason, [again])

"""How sure a finding may be: what each vantage can prove is written down here once, and no rule decides it.

Rules say what they saw, and at most how much their reading of it leaves open.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from ..model import CONFIDENCES, Confidence, Finding, Level, Observation, Subject
from ..model.vocabulary import KUBELET
from .endpoints import agrees, is_on_the_way, other_way
from .evidence import NETWORK
from .trial_pull import STANDS, worked
from .view import CaseView

ON_THE_WAY = ("dns", "connect", "tls")
"""Hops that a mirror, a proxy or an authority of the runtime's configuration changes."""


def proof(observation: Observation) -> Confidence:
    """The most that one observation can prove.

    Network facts count from the failing node's own network and by its own resolver; from a pod's network or by the
    kubelet's resolver they are likely, from the workstation only possible. The kubelet's probes verify no certificate and
    ignore proxies, so of them a time-out proves little and a handshake nothing about trust.
    """
    vantage = observation.vantage
    if vantage.place == "api":
        return "confirmed"
    if observation.hop not in NETWORK and observation.outcome != "429":
        return "confirmed"
    # a registry counts pulls by the address they come from, so that is a network fact too
    if vantage.place != "node":
        return "possible"
    if vantage.trust == "image" and observation.outcome == "unknown-authority":
        return "possible"  # the node has a bundle of its own
    if observation.outcome == "unresolved":
        return "possible"  # a tool that does not tell a missing name from a silent resolver
    if vantage.network != "host" or (observation.hop == "dns" and vantage.resolver != "host"):
        return "likely"
    if vantage.trust == "none" and observation.outcome in ("timeout", "no-answer", "handshake-failed"):
        return "likely"
    return "confirmed"


def weakest(confidences: Iterable[Confidence]) -> Confidence:
    """The weakest of several; confirmed for none at all."""
    return max(confidences, key=CONFIDENCES.index, default="confirmed")


def found(
    case: CaseView,
    cause: str,
    subject: Subject,
    hop: str,
    reason: str,
    because: Sequence[Observation] = (),
    also: Sequence[str] = (),
    at_most: Confidence = "confirmed",
    level: Level = "error",
) -> Finding:
    """A finding, as sure as the strongest of its observations allows (an API fact where there are none)."""
    strongest: Confidence = min((_proven(case, o) for o in because), key=CONFIDENCES.index, default="confirmed")
    return Finding(
        cause=cause,
        subject=subject,
        confidence=weakest((strongest, at_most)),
        hop=hop,
        reason=reason,
        because=tuple(case.observations.index(o) for o in because),
        also=tuple(also),
        level=level,
    )


def _proven(case: CaseView, seen: Observation) -> Confidence:
    """What an observation proves in this case: the kubelet's probes go by no proxy, so what they meet on the way is sure only
    where the runtime's own words show that it goes the same way."""
    if seen.vantage.rung == KUBELET and seen.hop in ("dns", "connect", "tls") and not case.message.direct:
        return weakest((proof(seen), "likely"))
    return proof(seen)


def adjusted(case: CaseView, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings as the rest of the case leaves them.

    A trial pull that worked leaves of what would have broken it no more than possible. Where the pull policy is Never nobody was
    asked, so what others would answer stops nothing. Where the runtime got further than the probes, it goes another way, and
    what they met is no more than possible. Where its configuration was not seen to be all that it reads, trouble on the way is
    sure only if the runtime's own words say the same.
    """
    pulls = worked(case)
    never = case.facts.reason == "ErrImageNeverPull"
    for finding in findings:
        if (pulls and finding.cause not in STANDS) or other_way(case, finding):
            finding = _at_most(finding, "possible")
        elif (
            finding.because
            and finding.hop in ON_THE_WAY
            and not agrees(case, finding)
            and not is_on_the_way(case, finding)
        ):
            finding = _at_most(finding, "likely")
        if never and finding.hop not in ("reference", "policy") and finding.level == "error":
            finding = dataclasses.replace(finding, level="warning")
        yield finding


def _at_most(finding: Finding, most: Confidence) -> Finding:
    return dataclasses.replace(finding, confidence=weakest((finding.confidence, most)))

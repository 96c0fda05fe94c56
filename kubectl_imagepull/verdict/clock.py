"""The node's clock: whether a certificate is out of date or the clock is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Case, Confidence, Finding, Observation, Subject
from .evidence import found, rule, where

MOST = 300.0
"""Seconds that a clock may be off: no certificate is made so that less matters."""


def wrong_clock(case: Case, seen: Observation) -> bool:
    """True where a certificate is refused for its dates and would be good by the server's own clock (its Date header).

    Not where this machine's clock agrees with the node's: then it is the server's that is alone.
    """
    return by_date(seen) and not any(
        by_date(o) and abs(o.data["skew"] - seen.data["skew"]) < MOST
        for o in case.seen("tls", place="workstation")
        if o.subject == seen.subject
    )


def by_date(seen: Observation) -> bool:
    """True where the refused certificate would be good by the server's own clock."""
    skew = seen.data.get("skew")
    chain = seen.data.get("chain") or [{}]
    if seen.outcome not in ("expired", "not-yet-valid") or not isinstance(skew, (int, float)) or abs(skew) < MOST:
        return False
    leaf = chain[0] if isinstance(chain[0], dict) else {}
    begins, ends = leaf.get("begins"), leaf.get("ends")
    if not isinstance(begins, (int, float)) or not isinstance(ends, (int, float)) or not seen.at:
        return False
    return begins <= seen.at - skew <= ends


def _span(seconds: float) -> str:
    """As many whole days, hours or minutes."""
    for size, unit in ((86400, "days"), (3600, "hours")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"


def behind(skew: float) -> str:
    """How far ahead of (more than 0) or behind another clock: "12 hours behind"."""
    return f"{_span(abs(skew))} {'ahead of' if skew > 0 else 'behind'}"


@rule("node.clock_skew", hop="tls")
def skewed(case: Case) -> Iterator[Finding]:
    """Certificates are refused for their dates, and the clock of the node is off by what explains it.

    The Date comes over a connection that nobody vouches for, so this is sure only where this machine accepts the certificate.
    """
    for seen in case.seen("tls", place="node"):
        if not wrong_clock(case, seen):
            continue
        good_here = any(o.outcome == "ok" and o.subject == seen.subject for o in case.seen("tls", place="workstation"))
        skew = seen.data["skew"]
        reason = f"{where(seen)}, the clock is {behind(skew)} that of {seen.subject.host}: {seen.summary}"
        at_most: Confidence = "confirmed" if good_here else "likely"
        also = [] if good_here else ["tls.expired" if seen.outcome == "expired" else "tls.not_yet_valid"]
        subject = Subject("node", case.target.node or seen.vantage.name)
        yield found(case, "node.clock_skew", subject, "tls", reason, [seen], also, at_most)
        return

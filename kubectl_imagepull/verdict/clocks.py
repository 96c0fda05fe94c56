"""Clocks: whether a certificate is out of date or a clock is wrong."""

from __future__ import annotations

from ..model import Case, Observation, Tls

MOST = 300.0
"""Seconds that a clock may be off: no certificate is made so that less matters."""


def wrong_clock(case: Case, seen: Observation[Tls]) -> bool:
    """True where a certificate is refused for its dates and would be good by the server's own clock (its Date header).

    Not where this machine's clock agrees with the node's: then it is the server's that is alone.
    """
    return by_date(seen) and not any(
        by_date(o) and abs(ahead(o) - ahead(seen)) < MOST
        for o in case.seen(Tls, place="workstation")
        if o.subject == seen.subject
    )


def ahead(seen: Observation[Tls]) -> float:
    """Seconds that the clock of the place is ahead of the server's, 0 where that is not known."""
    return seen.detail.skew or 0.0


def by_date(seen: Observation[Tls]) -> bool:
    """True where the refused certificate would be good by the server's own clock."""
    chain = seen.detail.chain
    if seen.outcome not in ("expired", "not-yet-valid") or abs(ahead(seen)) < MOST or not chain or not seen.at:
        return False
    return chain[0].begins <= seen.at - ahead(seen) <= chain[0].ends


def _span(seconds: float) -> str:
    """As many whole days, hours or minutes."""
    for size, unit in ((86400, "days"), (3600, "hours")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"


def behind(skew: float) -> str:
    """How far ahead of (more than 0) or behind another clock: "12 hours behind"."""
    return f"{_span(abs(skew))} {'ahead of' if skew > 0 else 'behind'}"

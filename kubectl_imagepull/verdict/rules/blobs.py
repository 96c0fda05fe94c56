"""Blobs: what the manifest names and cannot be fetched. Name, port and certificate of a blob host belong to their own hops."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Blobs, Confidence, Finding, Observation, Subject
from ...model.vocabulary import causes_of
from ...text import amount
from ..confidence import found
from ..evidence import where
from ..rule import rule
from ..view import CaseView

STALLED = 300.0
"""Seconds of Pulling without an end after which it is said that nothing seems to move."""
LOOKS = 2
"""How often nothing has to come before it is sure that nothing does: one silence may be the moment's."""
BY_NETWORK = frozenset({"closed", "reset", "empty", "slow", "stalled", "timeout", "corrupt"})
"""How a transfer ends by what lies between: a fact of the network that it was seen from."""


def _seen(case: CaseView) -> list[Observation[Blobs]]:
    """The node's observations, else this machine's: for a private image only this one has credentials."""
    return list(case.seen(Blobs, place="node") or case.seen(Blobs))


@rule(*causes_of("blobs"), "transfer.stalled", needs=(Blobs,))
def blob_cannot_be_fetched(case: CaseView) -> Iterator[Finding]:
    """A blob that the registry or its blob host does not give."""
    for seen in _seen(case):
        cause, also, sure = seen.means.cause, seen.means.also, _sure(seen)
        if seen.outcome == "trickles" and case.facts.failing and case.message.allows("transfer"):
            cause, also, sure = "transfer.timeout", ("transfer.stalled",), "likely"
        if not cause:
            continue
        if cause == "transfer.timeout" and case.facts.pulling and not case.facts.failing:
            cause, also = "transfer.stalled", ("transfer.timeout",)
        reason = f"{where(seen)}, {seen.subject.host}: {seen.summary}{_pace(seen)}"
        yield found(case, cause, seen.subject, "blobs", reason, [seen], also, sure)
        return


def _pace(seen: Observation[Blobs]) -> str:
    """How fast a blob comes, and what that means for the image; "" where it was not measured."""
    rate, size = seen.detail.rate, seen.detail.size
    if not rate:
        return ""
    return f", {amount(rate)} a second" + (f": about {_span(size / rate)} for all layers" if size > rate else "")


def _span(seconds: float) -> str:
    """A time in its largest fitting unit."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _sure(seen: Observation[Blobs]) -> Confidence:
    if seen.outcome == "stalled" and seen.detail.looks < LOOKS:
        return "likely" if seen.vantage.place == "node" else "possible"
    if seen.outcome in BY_NETWORK:
        return "confirmed" if seen.vantage.place == "node" else "possible"
    # a signed address that has run out looks the same as a right that is missing, so does a firewall's page
    return "likely" if seen.outcome in ("401", "403") else "confirmed"


@rule("transfer.stalled", "pull.queued", "pull.in_progress")
def pull_has_no_end_yet(case: CaseView) -> Iterator[Finding]:
    """A pull that has begun and not ended: behind another one, moving, or so long that it seems to have stopped."""
    facts = case.facts
    if not facts.pulling or not facts.pulling_since:
        return
    seconds = max(0, int(facts.read_at - facts.pulling_since))
    node = Subject("node", case.target.node)
    long = f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
    if facts.older_pulls and facts.one_at_a_time is not False:
        sure = facts.one_at_a_time is True
        why = "the kubelet pulls one image at a time" if sure else "by default the kubelet pulls one image at a time"
        reason = f"asked for {long} ago; {why}, and before it came {', '.join(facts.older_pulls[:3])}"
        yield found(case, "pull.queued", node, "policy", reason, at_most="likely" if sure else "possible", level="note")
    elif slow := next((o for o in _seen(case) if o.outcome == "trickles"), None):
        reason = f"Pulling for {long}; {where(slow)}, {slow.subject.host}: {slow.summary}{_pace(slow)}"
        also = ["transfer.stalled", "transfer.timeout"]
        yield found(case, "pull.in_progress", node, "blobs", reason, [slow], also, "likely", "note")
    elif seconds > STALLED:
        reason = f"Pulling for {long} with neither an end nor an error"
        also = ["pull.in_progress", "pull.queued"]
        yield found(
            case, "transfer.stalled", case.registry, "blobs", reason, also=also, at_most="possible", level="note"
        )
    else:
        reason = f"the kubelet has been pulling for {long}; nothing has failed"
        yield found(case, "pull.in_progress", node, "blobs", reason, at_most="likely", level="note")


RULES = (blob_cannot_be_fetched, pull_has_no_end_yet)

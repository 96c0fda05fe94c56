"""TLS: certificates that the node does not accept, and clocks."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Confidence, Connect, Finding, Observation, Subject, Tls
from ...model.vocabulary import causes_of, outcome
from ..clocks import ahead, behind, by_date, wrong_clock
from ..confidence import found
from ..evidence import decisive, where
from ..rule import rule
from ..view import CaseView


@rule("node.clock_skew", needs=(Tls,))
def node_clock_is_wrong(case: CaseView) -> Iterator[Finding]:
    """Certificates are refused for their dates, and the clock of the node is off by what explains it.

    The Date comes over a connection that nobody vouches for, so this is sure only where this machine accepts the certificate.
    """
    for seen in case.seen(Tls, place="node"):
        if not wrong_clock(case, seen):
            continue
        good_here = any(o.outcome == "ok" and o.subject == seen.subject for o in case.seen(Tls, place="workstation"))
        reason = f"{where(seen)}, the clock is {behind(ahead(seen))} that of {seen.subject.host}: {seen.summary}"
        at_most: Confidence = "confirmed" if good_here else "likely"
        also = [] if good_here else ["tls.expired" if seen.outcome == "expired" else "tls.not_yet_valid"]
        subject = Subject("node", case.target.node or seen.vantage.name)
        yield found(case, "node.clock_skew", subject, "tls", reason, [seen], also, at_most)
        return


@rule(*causes_of("tls"), needs=(Tls,))
def handshake_fails(case: CaseView) -> Iterator[Finding]:
    """A certificate that the node does not accept, or no TLS at all."""
    for seen in decisive(case, Tls):
        cause = seen.means.cause
        if cause and not wrong_clock(case, seen):
            yield found(
                case,
                cause,
                seen.subject,
                "tls",
                f"{where(seen)}, {seen.subject.host}: {seen.summary}{_between(case, seen)}{_by_its_own(seen)}",
                [seen],
                _also(seen),
                "likely" if by_date(seen) else "confirmed",
            )


def _between(case: CaseView, seen: Observation[Tls]) -> str:
    """Who may have made a certificate that the node does not know: its proxy, or whoever stands on its way and not on this
    machine's."""
    if seen.outcome != "unknown-authority":
        return ""
    mine = _issuer(seen)
    for other in case.seen(Tls, place="workstation"):
        theirs = _issuer(other)
        if other.subject == seen.subject and other.outcome == "ok" and mine and theirs and mine != theirs:
            return f"; from this machine it is issued by {theirs}: something on the node's way opens TLS"
    for way in case.seen(Connect, seen.subject.role, "node"):
        if way.subject == seen.subject and way.detail.proxy:
            return f"; the way leads through the proxy {way.detail.proxy}, which may open TLS"
    return ""


def _by_its_own(seen: Observation[Tls]) -> str:
    """What a server believes whose clock is the one that is wrong: the node's and this machine's agree."""
    if not by_date(seen):
        return ""
    node = seen.vantage.name or "the node"
    clocks = "this machine's" if seen.vantage.place == "workstation" else f"{node}'s and this machine's"
    return f"; by its own clock, {behind(-ahead(seen))} {clocks}, it is valid"


def _issuer(seen: Observation[Tls]) -> str:
    return seen.detail.chain[0].issuer if seen.detail.chain else ""


def _also(seen: Observation[Tls]) -> list[str]:
    """Further things wrong with the same certificate."""
    others = [outcome("tls", p).cause for p in seen.detail.problems if p != seen.outcome]
    # from the node, a clock that differs from the server's is this machine's as well, or the finding were another
    others += ["node.clock_skew"] if by_date(seen) and seen.vantage.place != "node" else []
    return [*filter(None, others), *seen.means.also]


RULES = (node_clock_is_wrong, handshake_fails)

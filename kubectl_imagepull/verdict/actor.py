"""Who has to act: the catalogue's one, or of its two the one that the evidence points to."""

from __future__ import annotations

from .. import catalogue
from ..model import Case, Finding
from .clouds import node_pulls
from .hop_status import status_of
from .message import message_of
from .names import chain_short
from .pull_secrets import sent


def actor_of(case: Case, finding: Finding) -> str:
    """One of catalogue.ACTORS, or ""."""
    actor = catalogue.entry(finding.cause).actor
    first, several, _ = actor.partition(" or ")
    if not several:
        return actor
    if finding.cause == "auth.no_credentials":
        return "cluster" if node_pulls(case, finding.cause) else "you"
    if finding.cause == "dns.nxdomain":
        # what nobody resolves is mistyped, unless a registry or the node's configuration named it
        return "network" if works_elsewhere(case, finding) or finding.subject.role != "registry" else "you"
    if finding.cause == "net.refused" and finding.subject.role == "mirror":
        return "cluster"  # it is in the way because the node's configuration names it
    if finding.cause == "net.refused":
        return "network" if works_elsewhere(case, finding) else "registry"
    if finding.cause == "auth.forbidden":
        return "you" if nothing_sent(case) and finding.subject.role != "blob" else "registry"
    if finding.cause == "tls.unknown_authority":
        return "registry" if chain_short(case, finding) else "cluster"
    if finding.cause == "tls.handshake":
        return "network" if silent(case, finding) or works_elsewhere(case, finding) else "registry"
    if finding.cause in ("transfer.interrupted", "transfer.stalled"):
        return "registry" if same_here(case, finding) else "network"
    if finding.cause == "storage.extract_failed":
        return "you" if message_of(case).in_the_image else "cluster"
    return first


def nothing_sent(case: Case) -> bool:
    """Whether the pull is anonymous, as far as is known: no secret of the pod is sent, and no cloud's node identity may be."""
    unread = any(s.state == "forbidden" for s in case.facts.secrets)
    return not sent(case) and not unread and not node_pulls(case, "auth.forbidden")


def works_elsewhere(case: Case, finding: Finding) -> bool:
    """Whether the same hop of the same host passes from another place: then the host is not what is broken."""
    others = [o for o in case.at(finding.hop) if o.vantage.place in ("workstation", "peer-node")]
    asked = {case.observations[i].subject.host for i in finding.because} | {finding.subject.host}
    return any(o.subject.host in asked and status_of(case, o) == "pass" for o in others)


def same_here(case: Case, finding: Finding) -> bool:
    """Whether this machine meets the very same at the same host: then it is not the node, nor its way there alone."""
    mine = [case.observations[i] for i in finding.because if case.observations[i].vantage.place == "node"]
    here = {(o.hop, o.subject, o.outcome) for o in case.observations if o.vantage.place == "workstation"}
    return bool(mine) and all((o.hop, o.subject, o.outcome) in here for o in mine)


def silent(case: Case, finding: Finding) -> bool:
    """Whether a handshake fails without a word from the other side."""
    seen = {case.observations[i].outcome for i in finding.because}
    return bool(seen & {"timeout", "reset", "closed"}) or (not seen and message_of(case).timed_out)

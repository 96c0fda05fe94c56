"""What a vantage can prove, written down once: rules say what they saw, never how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..model import (
    CONFIDENCES,
    DETAILS,
    Auth,
    Blobs,
    Case,
    Confidence,
    Detail,
    ErrorEntry,
    Finding,
    Http,
    Level,
    Manifest,
    Observation,
    Rate,
    Subject,
    of_kind,
)

K = TypeVar("K", bound=Detail)

NETWORK = frozenset({"dns", "connect", "tls", "rate", "storage", "runtime"})
"""Hops whose answer belongs to the place it was seen from; what a registry holds and refuses is the same from anywhere."""


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


@dataclass(frozen=True)
class Rule:
    """A rule as it is registered. causes: the ids it may yield; hop: where on the path it looks."""

    causes: tuple[str, ...]
    hop: str
    look: Callable[[Case], Iterator[Finding]]


RULES: list[Rule] = []


def rule(
    *causes: str, hop: str
) -> Callable[[Callable[[Case], Iterator[Finding]]], Callable[[Case], Iterator[Finding]]]:
    """Register a rule for these causes."""

    def register(look: Callable[[Case], Iterator[Finding]]) -> Callable[[Case], Iterator[Finding]]:
        RULES.append(Rule(causes, hop, look))
        return look

    return register


def decisive(case: Case, kind: type[K]) -> list[Observation[K]]:
    """The observations with this kind of detail that say how the pull fares.

    The node's, where the node was looked out of at all; for what a registry holds and whom it refuses, this machine's as
    well where the node's vantage shows a status code and nothing else.
    """
    anonymous = [o for o in case.seen(kind) if not o.via]
    node = [o for o in anonymous if o.vantage.place == "node" and not _says_nothing(o)]
    here = [o for o in anonymous if o.vantage.place == "workstation"]
    if not any(o.vantage.place == "node" and o.vantage.rung != "rehearsal" for o in case.observations):
        return here
    if kind.HOP in NETWORK or kind.HOP == "registry" or any(o.vantage.trust != "none" for o in node):
        return node
    if any(o.vantage.trust != "none" for o in case.observations if o.vantage.place == "node"):
        return node
    agreeing = [o for o in here if not node or o.outcome in {n.outcome for n in node}]
    return agreeing or node


def decisive_at(case: Case, hop: str) -> list[Observation]:
    """The same of a hop; [] for one that nobody observes."""
    kind = DETAILS.get(hop)
    return [] if kind is None else list(decisive(case, kind))


def _says_nothing(seen: Observation) -> bool:
    """A 401 for a manifest as the kubelet's probe sees it: a registry that works with tokens says so for every manifest."""
    return seen.hop == "manifest" and seen.vantage.trust == "none" and seen.outcome == "401"


def grounds(case: Case, finding: Finding, kind: type[K]) -> list[Observation[K]]:
    """The observations with this kind of detail that a finding rests on."""
    return of_kind([case.observations[i] for i in finding.because], kind)


def errors_of(seen: Observation) -> tuple[ErrorEntry, ...]:
    """The registry's own errors in an answer, () for an answer that has none."""
    match seen.detail:
        case (
            Http(errors=errors)
            | Auth(errors=errors)
            | Rate(errors=errors)
            | Manifest(errors=errors)
            | Blobs(errors=errors)
        ):
            return errors
        case _:
            return ()


def found(
    case: Case,
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


def _proven(case: Case, seen: Observation) -> Confidence:
    """What an observation proves in this case: the kubelet's probes go by no proxy, so what they meet on the way is sure only
    where the runtime's own words show that it goes the same way."""
    direct = "dial tcp" in case.facts.said and "proxyconnect" not in case.facts.said
    if seen.vantage.rung == "kubelet" and seen.hop in ("dns", "connect", "tls") and not direct:
        return weakest((proof(seen), "likely"))
    return proof(seen)


def where(observation: Observation) -> str:
    """The vantage in words: "from node-3", "from this machine"."""
    if observation.vantage.place == "workstation":
        return "from this machine"
    return f"from {observation.vantage.name or 'the node'}"

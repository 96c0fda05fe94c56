"""Which observations count, and what they say."""

from __future__ import annotations

from typing import TypeVar

from ..model import (
    DETAILS,
    Auth,
    Blobs,
    Case,
    Detail,
    ErrorEntry,
    Finding,
    Http,
    Manifest,
    Observation,
    Rate,
    of_kind,
)

K = TypeVar("K", bound=Detail)
NETWORK = frozenset({"dns", "connect", "tls", "rate", "storage", "runtime"})
"""Hops whose answer belongs to the place it was seen from; what a registry holds and refuses is the same from anywhere."""


def decisive(case: Case, kind: type[K]) -> list[Observation[K]]:
    """The observations with this kind of detail that say how the pull fares.

    The node's, where the node was looked out of at all; for what a registry holds and whom it refuses, this machine's as
    well where the node's vantage shows a status code and nothing else.
    """
    anonymous = [o for o in case.seen(kind) if not o.via]
    node = [o for o in anonymous if o.vantage.place == "node" and not _says_nothing(o)]
    here = [o for o in anonymous if o.vantage.place == "workstation"]
    if not any(o.vantage.place == "node" and o.by_probe for o in case.observations):
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


def where(observation: Observation) -> str:
    """The vantage in words: "from node-3", "from this machine"."""
    if observation.vantage.place == "workstation":
        return "from this machine"
    return f"from {observation.vantage.name or 'the node'}"

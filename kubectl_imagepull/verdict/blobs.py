"""Rules for blobs: what the manifest names and whether it can be fetched. Name, port and certificate of a blob host are the
network rules' matter."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Blobs, Case, Confidence, Finding, Observation
from .evidence import found, rule, where
from .registry import status_cause

BROKEN = {
    "closed": ("transfer.interrupted", ("net.reset",)),
    "reset": ("transfer.interrupted", ("net.reset",)),
    "empty": ("transfer.interrupted", ("content.corrupt",)),
    "slow": ("transfer.timeout", ("transfer.stalled",)),
    "stalled": ("transfer.timeout", ("transfer.stalled",)),
    "timeout": ("net.timeout", ("transfer.timeout",)),
}
"""How a transfer ended -> the cause and what it may be instead: a fact of the network it was seen from."""


def _seen(case: Case) -> list[Observation[Blobs]]:
    """The node's observations, else this machine's: for a private image only this one has credentials."""
    node = [o for o in case.seen(Blobs) if o.vantage.place == "node"]
    return node or list(case.seen(Blobs))


@rule(
    "image.blob_unknown",
    "content.corrupt",
    "registry.server_error",
    "registry.unavailable",
    "registry.not_a_registry",
    "auth.forbidden",
    "rate.registry_limit",
    "transfer.interrupted",
    "transfer.timeout",
    "transfer.stalled",
    "net.timeout",
    hop="blobs",
)
def missing(case: Case) -> Iterator[Finding]:
    """A blob that the registry or its blob host does not give."""
    for seen in _seen(case):
        reason = f"{where(seen)}, {seen.subject.host}: {seen.summary}"
        by_network: Confidence = "confirmed" if seen.vantage.place == "node" else "possible"
        if seen.outcome == "404":
            yield found(case, "image.blob_unknown", seen.subject, "blobs", reason, [seen])
        elif cause := status_cause(seen.outcome):
            yield found(case, cause, seen.subject, "blobs", reason, [seen])
        elif seen.outcome == "corrupt":
            yield found(case, "content.corrupt", seen.subject, "blobs", reason, [seen], ["net.proxy"], by_network)
        elif seen.outcome in ("401", "403"):
            # a signed address that has run out looks the same, so does a firewall's page
            also = ["node.clock_skew", "net.proxy"]
            yield found(case, "auth.forbidden", seen.subject, "blobs", reason, [seen], also, "likely")
        elif seen.outcome == "429":
            yield found(case, "rate.registry_limit", seen.subject, "blobs", reason, [seen])
        elif seen.outcome in ("redirects", "garbage"):
            yield found(case, "registry.server_error", seen.subject, "blobs", reason, [seen])
        elif seen.outcome in BROKEN:
            named, also_named = BROKEN[seen.outcome]
            if named == "transfer.timeout" and case.facts.pulling and not case.facts.failing:
                named, also_named = "transfer.stalled", ("transfer.timeout",)
            yield found(case, named, seen.subject, "blobs", reason, [seen], also_named, by_network)
        else:
            continue
        return

"""Endpoints and attempts: a pull breaks only if every endpoint of the node's configuration does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..model import HOPS, Case, Finding


def attempt_of(case: Case, finding: Finding) -> str:
    """The mirror whose attempt a finding is about, "" for the registry's own."""
    return next((case.observations[i].attempt for i in finding.because if case.observations[i].attempt), "")


def settle(case: Case, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same findings, with those of endpoints whose repair is not needed as warnings.

    An endpoint that works makes the others' trouble a warning. Where all are broken one repair is enough: of the endpoint
    that got furthest, the registry itself among equals.
    """
    node = [o for o in case.observations if o.vantage.place == "node"]
    seen = {o.attempt for o in node if o.hop == "dns" and o.subject.role != "dns-server"}
    # where the runtime shows more than a probe can, nothing is known of how it fares
    seen -= {o.attempt for o in node if o.outcome == "not-verified"}
    if len(seen) < 2:
        return tuple(findings)
    broken: dict[str, int] = {}
    for finding in findings:
        if finding.level == "error" and finding.because and finding.hop != "runtime":
            name = attempt_of(case, finding)
            broken[name] = min(broken.get(name, len(HOPS)), HOPS.index(finding.hop))
    all_broken = not seen - broken.keys()
    needed = max(broken, key=lambda name: (broken[name], name == ""), default="")
    out = []
    for finding in findings:
        name = attempt_of(case, finding)
        if finding.because and finding.hop != "runtime" and not (all_broken and name == needed):
            out.append(dataclasses.replace(finding, level="warning"))
        else:
            out.append(finding)
    return tuple(out)

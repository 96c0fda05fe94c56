"""Endpoints and attempts: a pull breaks only if every endpoint of the node's configuration does, and only of those that the
runtime asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..model import HOPS, Case, Finding, Observation, RuntimeConfig
from .view import CaseView


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


ASKED_AT = {"token": HOPS.index("auth"), "blob": HOPS.index("blobs")}
"""Role of a host -> the registry's own hop at which it is asked."""


def position_of(hop: str, role: str) -> int:
    """Where on the path something happens: trouble of a token or blob host comes after the registry's own hops."""
    return max(HOPS.index(hop), ASKED_AT.get(role, 0))


def other_way(case: CaseView, finding: Finding) -> str:
    """Why the runtime must have gone another way than the one on which a probe met this trouble; "" where it need not.

    The runtime's words prove how far it got, and whom it asked. Where no probe got as far, or none asked that host, there is
    a mirror, a proxy, a hosts entry or another setting that no probe has seen.
    """
    if not finding.because or finding.hop == "runtime":
        return ""
    elsewhere = unseen_host(case)
    if elsewhere or agrees(case, finding):
        return elsewhere
    seen = _by_probes(case)
    reached, met = case.message.reached, position_of(finding.hop, finding.subject.role)
    furthest = max((position_of(o.hop, o.subject.role) for o in seen), default=len(HOPS))
    if reached > furthest and reached > met:
        return f"the runtime got to {HOPS[reached]}, and no probe got beyond {HOPS[furthest]}"
    return ""


def unseen_host(case: CaseView) -> str:
    """That the runtime asked a host which no probe was told of, in words; "" where it names none, or one that was asked."""
    message, seen = case.message, _by_probes(case)
    known = {_bare(o.subject.host) for o in seen} | {_bare(case.pull.authority if case.pull else "")}
    if not seen or not message.host or message.role not in ("registry", "mirror") or _bare(message.host) in known:
        return ""
    stands_for = f" in place of {message.stands_for}" if message.stands_for else ""
    return f"the runtime asked {message.host}{stands_for}, of which no probe was told"


def agrees(case: CaseView, finding: Finding) -> bool:
    """Whether the runtime's words allow what a finding says."""
    message = case.message
    named = message.cause in (finding.cause, *finding.also) or finding.cause in message.alternatives
    return message.names_cause and named


def is_on_the_way(case: CaseView, finding: Finding) -> bool:
    """Whether the runtime is known to ask the host that a finding is about: it says so itself, or its configuration was read
    from the files that it reads, and what is not in them is not set.

    A unit names those files. Where none was seen, or a file could not be read, mirrors and authorities may be set elsewhere.
    """
    if case.message.host and _bare(case.message.host) == _bare(finding.subject.host):
        return True
    read = case.seen(RuntimeConfig, "node", "node")
    return bool(read) and not any(o.outcome in ("unknown", "unreadable") or o.detail.assumed for o in read)


def _by_probes(case: Case) -> list[Observation]:
    """What probes saw of the registry and its endpoints from the node."""
    hosts = ("registry", "mirror", "token", "blob")
    return [o for o in case.observations if o.vantage.place == "node" and o.by_probe and o.subject.role in hosts]


def _bare(host: str) -> str:
    return host.removesuffix(":443").lower()

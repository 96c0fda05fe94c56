"""Endpoints and attempts: a pull breaks only if every endpoint of the node's configuration does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ..image.messages import classify
from ..model import HOPS, Auth, Case, Finding, Http, Manifest, Observation, RuntimeConfig, Subject, Tls
from .evidence import found, rule, where


def attempt_of(case: Case, finding: Finding) -> str:
    """The mirror whose attempt a finding is about, "" for the registry's own."""
    marks = (_mark(case.observations[i]) for i in finding.because)
    return next((m for m in marks if m), "")


def settle(case: Case, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same findings, with those of endpoints whose repair is not needed as warnings.

    An endpoint that works makes the others' trouble a warning. Where all are broken one repair is enough: of the endpoint
    that got furthest, the registry itself among equals.
    """
    node = [o for o in case.observations if o.vantage.place == "node"]
    seen = {_mark(o) for o in node if o.hop == "dns" and o.subject.role != "dns-server"}
    # where the runtime shows more than a probe can, nothing is known of how it fares
    seen -= {_mark(o) for o in node if o.outcome == "not-verified"}
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


def _mark(seen: Observation) -> str:
    return seen.attempt


@rule("auth.no_credentials", hop="auth")
def mirror_refuses(case: Case) -> Iterator[Finding]:
    """A mirror that wants credentials. containerd shows it the pod's, which are the registry's and mostly not the mirror's."""
    told: set[str] = set()
    for seen in (*case.seen(Auth, place="node"), *case.seen(Manifest, "mirror", "node")):
        mirror = seen.attempt
        if mirror and mirror not in told and seen.outcome in ("basic", "401", "403"):
            told.add(mirror)
            reason = f"{where(seen)}, mirror {mirror}: {seen.summary}"
            subject = Subject("mirror", mirror)
            yield found(
                case, "auth.no_credentials", subject, "auth", reason, [seen], ["auth.bad_credentials"], "likely"
            )


@rule("runtime.config_invalid", hop="runtime")
def unusable(case: Case) -> Iterator[Finding]:
    """Registry configuration that the runtime cannot use.

    A hosts.toml that does not parse is logged and left out, so the registry is asked directly: that breaks the pull only
    where the registry cannot be reached. So it is with registries.yaml of k3s, which is read at its start only. A CA or a
    client key that is missing breaks every pull (containerd: docs/hosts.md), as does whatever is wrong in registries.conf.
    """
    for seen in case.seen(RuntimeConfig, "node", "node"):
        problems = seen.detail.problems
        if seen.outcome != "invalid" or not problems:
            continue
        said = "; ".join(f"{p.file}: {p.problem}" for p in problems[:3])
        subject = Subject("node", case.target.node or seen.vantage.name)
        finding = found(case, "runtime.config_invalid", subject, "runtime", f"{where(seen)}, {said}", [seen])
        fatal = any(p.fatal for p in problems)
        yield finding if fatal or not _reached(case) else dataclasses.replace(finding, level="warning")


def _reached(case: Case) -> list[Observation]:
    """Answers to /v2/ from the node: the path to that endpoint is open."""
    return [o for o in case.seen(Http, place="node") if o.outcome.isdigit()]


REFUSED = {"blocked": ("policy.registry_blocked", "policy"), "short-name": ("reference.short_name", "reference")}


@rule("policy.registry_blocked", "reference.short_name", hop="policy")
def asks_nobody(case: Case) -> Iterator[Finding]:
    """The runtime's configuration lets it ask nobody: a blocked registry, or a short name that it does not complete.

    Of short names there is one more list, which the runtime keeps for itself (/var/cache/containers), and a file that was
    changed since the node's boot may not be in force yet.
    """
    for seen in case.seen(RuntimeConfig, "node", "node"):
        if seen.outcome not in REFUSED:
            continue
        cause, hop = REFUSED[seen.outcome]
        subject = Subject("node", case.target.node or seen.vantage.name)
        sure = cause == "policy.registry_blocked" and "since the node's boot" not in seen.summary
        yield found(
            case,
            cause,
            subject,
            hop,
            f"{where(seen)}, {seen.summary}",
            [seen],
            at_most="confirmed" if sure else "likely",
        )


@rule("runtime.config_invalid", hop="tls")
def bundle_not_loaded(case: Case) -> Iterator[Finding]:
    """The runtime says "unknown authority" of a certificate that the node's bundle vouches for, and the bundle is newer than
    the node's boot: a Go program loads it once (crypto/x509), so this one has the old bundle until it is started anew.

    When the runtime started cannot be seen from a pod; that it is not older than the kernel is sure.
    """
    message = classify(case.facts.said) if case.facts.said else None
    if message is None or message.cause != "tls.unknown_authority":
        return
    host = message.host or (case.pull.authority if case.pull else "")
    for seen in case.seen(RuntimeConfig, "node", "node"):
        bundle, changed = seen.detail.bundle, seen.detail.bundle_changed
        if not bundle or changed <= seen.detail.booted:
            continue
        good = [
            o
            for o in case.seen(Tls, place="node")
            if o.outcome == "ok" and o.subject.host in (host, f"{host}:443") and o.detail.trust == bundle
        ]
        if good:
            when = "before" if case.facts.said_at and changed <= case.facts.said_at else "after"
            reason = (
                f"{where(seen)}, {bundle} vouches for {host}; {seen.detail.bundle_newest or bundle} was changed {when} "
                f"the last failure and after the node's boot, and the runtime loads the bundle at its start only"
            )
            subject = Subject("node", case.target.node or seen.vantage.name)
            also = ["tls.unknown_authority"]
            yield found(case, "runtime.config_invalid", subject, "runtime", reason, [seen, good[0]], also, "likely")
            return

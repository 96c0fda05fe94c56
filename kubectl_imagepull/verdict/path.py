"""Endpoints and attempts: a pull breaks only if every endpoint of the node's configuration does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ..model import HOPS, Case, Finding, Observation, Subject
from .evidence import found, rule, where


def attempt_of(case: Case, finding: Finding) -> str:
    """The mirror whose attempt a finding is about, "" for the registry's own."""
    marks = (str(case.observations[i].data.get("attempt") or "") for i in finding.because)
    return next((m for m in marks if m), "")


def settle(case: Case, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same findings, with those of endpoints whose repair is not needed as warnings.

    An endpoint that works makes the others' trouble a warning. Where all are broken one repair is enough: of the endpoint
    that got furthest, the registry itself among equals.
    """
    if any(o.subject.role == "proxy" for o in case.observations if o.vantage.place == "node"):
        findings = [_beside_proxy(f) for f in findings]
    seen = {str(o.data.get("attempt") or "") for o in case.observations if o.vantage.place == "node" and o.hop == "dns"}
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


def _beside_proxy(finding: Finding) -> Finding:
    """The runtime goes through a proxy, the probes do not: what they meet on the direct way is no more than a hint."""
    if finding.hop not in ("dns", "connect", "tls") or finding.cause in ("net.proxy", "node.clock_skew"):
        return finding
    also = tuple(dict.fromkeys((*finding.also, "net.proxy")))
    return dataclasses.replace(finding, level="warning", confidence="possible", also=also)


@rule("auth.no_credentials", hop="auth")
def mirror_refuses(case: Case) -> Iterator[Finding]:
    """A mirror that wants credentials. containerd shows it the pod's, which are the registry's and mostly not the mirror's."""
    told: set[str] = set()
    for seen in (*case.seen("auth", place="node"), *case.seen("manifest", "mirror", "node")):
        mirror = str(seen.data.get("attempt") or "")
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
    where the registry cannot be reached. A CA file that is missing breaks every pull (containerd: docs/hosts.md).
    """
    for seen in case.seen("runtime", "node", "node"):
        problems = [p for p in seen.data.get("problems") or [] if isinstance(p, dict)]
        if seen.outcome != "invalid" or not problems:
            continue
        said = "; ".join(f"{p.get('file')}: {p.get('problem')}" for p in problems[:3])
        subject = Subject("node", case.target.node or seen.vantage.name)
        finding = found(case, "runtime.config_invalid", subject, "runtime", f"{where(seen)}, {said}", [seen])
        fatal = any(p.get("fatal") for p in problems)
        yield finding if fatal or not _reached(case) else dataclasses.replace(finding, level="warning")


def _reached(case: Case) -> list[Observation]:
    """Answers to /v2/ from the node: the path to that endpoint is open."""
    return [o for o in case.seen("registry", place="node") if o.outcome.isdigit()]

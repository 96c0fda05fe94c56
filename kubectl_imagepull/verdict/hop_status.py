"""The path as it is shown: one line a hop, its status, and which vantage saw it."""

from __future__ import annotations

from ..model import (
    HOPS,
    Case,
    Connect,
    Dns,
    HopLine,
    Manifest,
    Observation,
    Platform,
    Status,
    Subject,
    Tls,
    TrialPull,
)
from ..model.vocabulary import LOOKS_OUT, outcome
from .evidence import errors_of
from .platform_choice import choice, mismatch
from .pull_secrets import registry_subject, sent

NODE_HOPS = ("dns", "connect", "tls", "registry", "auth", "manifest")
"""The hops that are always shown for the registry, reached or not."""


def status_of(case: Case, seen: Observation) -> Status:
    """What an observation means for its hop. An anonymous refusal breaks nothing where the kubelet has credentials."""
    status = seen.means.status
    if status == "pass":
        return _passed(case, seen)
    if status != "fail":
        return status
    if seen.outcome == "unknown-authority" and seen.vantage.trust == "image":
        return "unknown"  # what an image trusts says little about what its node trusts
    if seen.hop in ("auth", "manifest") and not seen.via and sent(case) and seen.outcome in ("basic", "401", "403"):
        return "skipped"
    return "warn" if seen.attempt and _fallback_works(case) else "fail"


def _passed(case: Case, seen: Observation) -> Status:
    """A hop that works may have something wrong with it all the same."""
    match seen.detail:
        case Platform(platforms=platforms, single=single):
            if platforms and choice(case, platforms) is None:
                return "unknown"  # nobody knows what the node is
            return "pass" if not mismatch(case, platforms) else "warn" if single else "fail"
        case Connect(tried=tried):
            return "warn" if any(t.outcome != "open" for t in tried) else "pass"
        case Dns(servers=servers):
            return "warn" if any(not s.answered for s in servers) else "pass"
        case _:
            return "pass"


def _fallback_works(case: Case) -> bool:
    """The registry itself gives the node the image, so a mirror's trouble breaks nothing."""
    return any(o.outcome == "200" and not o.attempt for o in case.seen(Manifest, place="node"))


def line_of(case: Case, seen: Observation) -> HopLine:
    """One observation as a line; shown as soon as it is made."""
    status = status_of(case, seen)
    summary = seen.summary or seen.outcome
    if status == "skipped":
        summary = f"{summary}; the pod's own credentials are never sent to the node" if seen.hop == "auth" else summary
    evidence = tuple(_evidence(seen))
    return HopLine(seen.hop, seen.subject, status, vantage_name(seen), summary, evidence)


def vantage_name(seen: Observation) -> str:
    """The place in a word: node-3, workstation."""
    return seen.vantage.name or seen.vantage.place


def _evidence(seen: Observation) -> list[str]:
    """The details that let a reader check the outcome."""
    match seen.detail:
        case Dns(servers=servers) if seen.means.status != "pass" and len(servers) > 1:
            return [f"{s.server}: {s.name} {s.outcome}" for s in servers[:4]]  # of a single one the summary says it
        case Tls(chain=(leaf, *_), trust=trust):
            lines = [f"certificate {leaf.subject} by {leaf.issuer}, {leaf.not_before} to {leaf.not_after}"]
            return [*lines, f"checked against {trust}"] if seen.outcome != "ok" else []
        case Tls(answer=answer) if answer:
            return [answer]
        case TrialPull(message=message) if message:
            return [message[:600]]
        case _:
            return [" ".join(filter(None, (e.code, e.message))) for e in errors_of(seen)[:2]]


def api_lines(case: Case) -> tuple[HopLine, ...]:
    """The lines that need no probe: reference and credentials."""
    reference = case.facts.reference
    subject = registry_subject(case)
    pod = Subject("pod", case.target.pod)
    if not reference.valid:
        return (HopLine("reference", pod, "fail", "api", reference.advice),)
    first = HopLine("reference", subject, "pass", "api", reference.normalised)
    # a workload without a pod: nobody has looked at its service account
    return (first, *_credential_lines(case, pod)) if case.target.pod else (first,)


def _credential_lines(case: Case, pod: Subject) -> list[HopLine]:
    lines = []
    for secret in case.facts.secrets:
        status = outcome("credentials", secret.state).status
        users = f" (user {', '.join(secret.usernames)})" if any(secret.usernames) else ""
        lines.append(HopLine("credentials", pod, status, "api", f"secret {secret.name}{users}: {secret.why}"))
    if not lines:
        late = case.facts.account_secrets
        text = "no pull secret named by the pod or its service account"
        if late:
            text = f"the pod has none: its service account got {', '.join(late)} only later"
        # where none are named there is nothing to look at: a public image needs none, and a refusal says itself that it does
        lines.append(HopLine("credentials", pod, "warn" if late else "skipped", "api", text))
    return lines


def hop_lines(case: Case) -> tuple[HopLine, ...]:
    """All lines in the order of the path: API, then per host and vantage what was seen, then what was not reached."""
    lines = list(api_lines(case))
    if not case.facts.reference.valid or case.pull is None:
        return tuple(lines)
    subject = registry_subject(case)
    node = [o for o in case.observations if o.vantage.place == "node"]
    rest = [o for o in case.observations if o.vantage.place != "node"]
    for group in (node, rest):
        lines += [line_of(case, o) for o in sorted(group, key=_order)]
    # what no vantage that counts has reached
    place = case.target.node if case.probe.rung in LOOKS_OUT else ""
    basis = [o for o in node if o.by_probe] or [o for o in rest if o.vantage.place == "workstation"]
    seen_hops = {o.hop for o in basis if o.subject == subject} | {o.hop for o in basis if o.hop in ("auth", "manifest")}
    if basis and any(status_of(case, o) == "fail" for o in basis):
        for hop in NODE_HOPS:
            if hop not in seen_hops and not (hop == "tls" and case.pull.scheme == "http"):
                lines.append(HopLine(hop, subject, "not-reached", place or vantage_name(basis[0]), "not reached"))
    return tuple(sorted(lines, key=lambda line: _line_order(line, place)))


def _order(seen: Observation) -> tuple[int, int]:
    return (0 if seen.subject.role == "registry" else 1, HOPS.index(seen.hop))


def _line_order(line: HopLine, node: str) -> tuple[int, int, int]:
    """The API's lines, then the node's, then the workstation's; within each the path, a token host before the manifest."""
    place = 0 if line.vantage == "api" else 1 if line.vantage == node else 2
    position = HOPS.index(line.hop) * 10
    if line.subject.role == "token" and line.hop != "auth":
        position = HOPS.index("auth") * 10 - 5 + HOPS.index(line.hop) - HOPS.index("dns")
    if line.subject.role == "blob" and line.hop != "blobs":
        position = HOPS.index("blobs") * 10 - 5 + HOPS.index(line.hop) - HOPS.index("dns")
    if line.subject.role == "mirror":
        return (place, HOPS.index("dns") * 10 - 1, position)
    if line.hop == "runtime":
        position = HOPS.index("dns") * 10 - 2  # where the runtime goes is settled before anybody is asked
    return (place, position, 0)


def parting(case: Case) -> str:
    """Where the node and the one that it is compared with part, in a sentence; "" where none was compared."""
    peers = [o for o in case.observations if o.vantage.place == "peer-node"]
    mine = [o for o in case.observations if o.vantage.place == "node" and o.by_probe]
    if not peers or not mine:
        return ""
    here, there = mine[0].vantage.name, peers[0].vantage.name
    for seen in sorted(mine, key=_order):
        same = [o for o in peers if (o.hop, o.subject) == (seen.hop, seen.subject)]
        if same and (status_of(case, same[0]) == "fail") != (status_of(case, seen) == "fail"):
            part = f"{here} and {there} part at {seen.hop} of {seen.subject}"
            return f"{part}: {seen.summary or seen.outcome}; from {there}: {same[0].summary or same[0].outcome}"
    return f"{there} sees the same as {here}"

"""From findings to one verdict: what is broken first, how sure, and what the runtime's own words are worth."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Sequence, Set

from .. import catalogue
from ..catalogue.helpers import in_the_way
from ..model import (
    CONFIDENCES,
    HOPS,
    Case,
    Confidence,
    Connect,
    Dns,
    Finding,
    HopLine,
    Observation,
    RuledOut,
    RuntimeConfig,
    Skipped,
    Subject,
    Verdict,
)
from .confidence import adjusted
from .endpoints import other_way, position_of, settle, unseen_host
from .evidence import decisive, decisive_at, where
from .fixes import actor_of, fixes_for, works_now
from .fixes.conditions import same_here, works_elsewhere
from .hop_status import hop_lines, parting, status_of
from .message import message_of, plain_address
from .names import title_of
from .pull_secrets import contrary_to_the_secrets, nobody_sends
from .rules import ALL
from .sandbox import of_sandbox
from .trial_pull import has_passed, trial_pull
from .view import CaseView, view


def judge(case: Case) -> Verdict:
    """The verdict on one container's pull. Pure: the same Case gives the same Verdict."""
    verdict = _judged(view(case))
    if case.facts.sandbox and case.facts.failing:
        verdict = of_sandbox(case, verdict)
    return dataclasses.replace(verdict, skipped=_skipped(case, {verdict.cause, *verdict.alternatives}))


def _skipped(case: Case, named: Set[str]) -> tuple[Skipped, ...]:
    """The rules that had nothing to go by, one entry for each reason. named: causes that are not left out of the verdict."""
    causes: dict[tuple[str, ...], list[str]] = {}
    looked_for, kinds = set(named), {type(seen.detail) for seen in case.observations}
    for rule in ALL:
        lacking = rule.lacks(kinds)
        if lacking:
            causes.setdefault(lacking, []).extend(rule.causes)
        else:
            looked_for.update(rule.causes)
    left = {hops: [c for c in dict.fromkeys(found) if c not in looked_for] for hops, found in causes.items()}
    return tuple(Skipped(tuple(found), hops) for hops, found in left.items() if found)


def _judged(case: CaseView) -> Verdict:
    found = settle(case, [finding for rule in ALL for finding in rule.findings(case)])
    findings = tuple(sorted(adjusted(case, found), key=_rank))
    hops = hop_lines(case)
    chosen = next((f for f in findings if f.level == "error"), None)
    # a runtime may try for minutes before it says anything: then what the node sees is ahead of it
    doomed = case.facts.pulling and chosen is not None and chosen.confidence == "confirmed"
    if case.facts.reason == "FailedCreate" and chosen is None:
        subject = Subject("pod", case.target.owner.slash if case.target.owner else "")
        return _verdict(case, "not_a_pull_failure", "likely", subject, (case.facts.said,), findings, hops)
    if not case.facts.failing and not doomed:
        return _no_failure(case, findings, hops)
    spoken = _from_message(case)
    passed = has_passed(case)
    explanation: list[str] = [passed] if passed else []
    if chosen is None and spoken is None:
        return _unknown(case, hops, findings)
    away = other_way(case, chosen) if chosen is not None and spoken is not None else ""
    if chosen is None or (spoken is not None and (away or _message_wins(chosen, spoken))):
        assert spoken is not None
        if chosen is not None:
            explanation.append(f"beside it: {chosen.reason}")
        explanation += [] if passed else _not_seen(case, away) or _not_reproduced(case, spoken)
        chosen = spoken
        findings = (spoken, *findings)
    elif spoken is not None and spoken.cause == chosen.cause:
        chosen = dataclasses.replace(
            chosen, confidence=min(chosen.confidence, spoken.confidence, key=CONFIDENCES.index)
        )
    elif spoken is not None and not _agree(chosen, spoken) and spoken.cause not in {f.cause for f in findings}:
        explanation.append(_contradiction(case, chosen, spoken))
    labels = case.facts.node.labels if case.facts.node else ()
    explanation += [f"{one.title} is in use there: {one.changes}" for one in in_the_way(case.message.text, labels)]
    if case.facts.pod_reason == "Gone":
        explanation.append("the pod does not exist any more: this is judged from its events")
    if case.facts.since_revision:
        explanation.append(f"before: {case.facts.since_revision}")
    is_past = bool(passed) or works_now(case, chosen)
    ruled_out = _ruled_out(case, chosen)
    title = title_of(case, chosen)
    return Verdict(
        cause=chosen.cause,
        confidence=chosen.confidence,
        subject=chosen.subject,
        title=f"{title}, or did: it works now" if is_past else title,
        actor="nobody" if is_past else actor_of(case, chosen),
        hop=chosen.hop,
        explanation=tuple(filter(None, (chosen.reason, _elsewhere(case, chosen), *explanation, parting(case)))),
        findings=findings,
        hops=hops,
        fixes=fixes_for(case, chosen, is_past),
        ruled_out=ruled_out,
        alternatives=_alternatives(case, chosen, ruled_out),
        passed=is_past,
    )


def _rank(finding: Finding) -> tuple[int, int, int]:
    """Surest first, then the hop that comes first on the path; among equals of one hop, the order of the rules."""
    return (finding.level != "error", CONFIDENCES.index(finding.confidence), _position(finding))


def _position(finding: Finding) -> int:
    """Where on the path the finding stops the pull. Trouble of a token or blob host comes after the registry's own hops."""
    if finding.cause == "runtime.config_invalid":
        return -1  # read before anybody is asked
    return position_of(finding.hop, finding.subject.role)


def _from_message(case: CaseView) -> Finding | None:
    """The runtime's words as a finding: likely where they are plain, possible where they allow more."""
    message = case.message
    if not message.names_cause:
        return None
    again = trial_pull(case)
    against = contrary_to_the_secrets(case)
    also = tuple(other for other in message.alternatives if other not in against)
    confidence: Confidence = "likely" if not also else "possible"
    reason = "the kubelet's message says so"
    if again is not None and again.outcome == "failed":
        # seen now, where it counts; words that allow several causes allow them still
        confidence = "confirmed" if not also else "possible"
        reason = f"the kubelet tried again just now and says: {again.detail.message[:300]}"
    elif again is not None:
        confidence = "possible"
    host = message.host or (case.pull.authority if case.pull else "")
    role = message.role or "registry"
    return Finding(
        cause=message.cause,
        subject=Subject(role, case.target.node if role == "node" else host),
        confidence=confidence,
        hop=message.hop,
        reason=reason,
        also=also,
    )


def _message_wins(chosen: Finding, spoken: Finding) -> bool:
    """The runtime's plain words beat a finding that is less sure than they are; nothing beats a confirmed one."""
    stronger = CONFIDENCES.index(spoken.confidence) < CONFIDENCES.index(chosen.confidence)
    return stronger and spoken.cause != chosen.cause


TOLD_AS = {
    # any web server says "not found"
    "registry.not_a_registry": ("image.tag_unknown", "image.name_unknown"),
    # the runtime asks for it as for a blob, by its digest
    "image.format_unsupported": ("image.digest_unknown", "image.blob_unknown"),
    "image.blob_unknown": ("image.digest_unknown",),
}
"""Cause -> what the runtime's words for it read like: no contradiction."""


def _agree(chosen: Finding, spoken: Finding) -> bool:
    if spoken.cause in TOLD_AS.get(chosen.cause, ()):
        return True
    both_refusals = spoken.cause.startswith("auth.") and chosen.cause.startswith("auth.")
    return both_refusals or spoken.cause in (chosen.cause, *chosen.also) or chosen.cause in spoken.also


def _contradiction(case: Case, chosen: Finding, spoken: Finding) -> str:
    """Why what was seen is believed and not the message."""
    runtime = case.facts.node.runtime.partition("://")[0] if case.facts.node else ""
    again = [o for o in decisive_at(case, spoken.hop) if o.subject.role == spoken.subject.role]
    told = f"{runtime or 'the runtime'} reports that {title_of(case, spoken)} ({spoken.cause})"
    place = _seen_from(case, chosen)
    if spoken.hop == "connect" and (address := _untried(case)):
        return f"{told} at {address}, an address that {_unseen(case, address)}"
    if again and all(status_of(case, o) == "pass" for o in again):
        return f"{told}, but {place} that works now"
    if runtime == "containerd":
        return f"{told}, but {place} it is the above: of several tries containerd may report the one that got furthest"
    return f"{told}, but that was the last attempt, and {place} the above is seen now"


def _untried(case: Case) -> str:
    """The address which the runtime dialled in vain and no probe did; "" where it was tried, or nothing is known of it.

    What other addresses of the same name do says nothing about that one.
    """
    address = message_of(case).address
    tried = {plain_address(t.ip) for o in decisive(case, Connect) for t in o.detail.tried}
    return address if tried and address not in tried else ""


def _unseen(case: Case, address: str) -> str:
    """Why the probes did not try an address."""
    given = {plain_address(a) for o in decisive(case, Dns) for a in o.detail.addresses}
    if address in given or not given:
        return "the probes did not try"
    on_node = any(o.vantage.place == "node" for o in decisive(case, Dns))
    return f"{f'the resolver of {case.target.node}' if on_node else 'the resolver of this machine'} does not give now"


def _seen_from(case: Case, chosen: Finding) -> str:
    places = [where(case.observations[i]) for i in chosen.because]
    return places[0] if places else "from what the API server knows"


def _elsewhere(case: Case, chosen: Finding) -> str:
    """Whether the network's trouble is the node's alone, in a sentence; "" where that was not seen."""
    mine = [case.observations[i] for i in chosen.because if case.observations[i].vantage.place == "node"]
    here = [o for o in case.at(chosen.hop, place="workstation") if mine and o.subject == mine[0].subject]
    if chosen.hop not in ("dns", "connect", "tls", "blobs") or chosen.cause == "node.clock_skew" or not here:
        return ""
    if works_elsewhere(case, chosen):
        name = mine[0].vantage.name
        return {
            "dns": f"this machine resolves the name, so what differs is {name}'s resolver",
            "connect": f"this machine gets through, so what differs is {name}'s way there",
            "tls": f"this machine accepts the certificate, so what differs is {name}: its way there, its clock or what it trusts",
            "blobs": f"this machine gets it, so what differs is {name}'s way there",
        }[chosen.hop]
    same = here[0].outcome == mine[0].outcome
    return f"this machine meets the same, so it is not {mine[0].vantage.name} alone" if same else ""


def _not_seen(case: CaseView, away: str) -> list[str]:
    """What to say where the runtime goes another way than the probes."""
    why = away or unseen_host(case)
    if not why:
        return []
    return [
        f"{why}: it goes by a setting that the probes did not see (a mirror, a proxy, an entry for the host), so what they "
        f"met or found in order on their own way says little of the runtime's"
    ]


def _not_reproduced(case: CaseView, spoken: Finding) -> list[str]:
    """What to say of a verdict that rests on the message alone although the node was looked out of."""
    if not any(o.vantage.place == "node" and o.hop != "runtime" for o in case.observations):
        return []
    again = [o for o in decisive_at(case, spoken.hop) if o.subject.role == spoken.subject.role]
    if spoken.hop == "auth" and case.has_credentials and not any(o.via and _proves(o) for o in case.at("auth")):
        # what a registry grants to anybody says nothing of credentials
        untried = [o.summary for o in case.at("auth") if o.outcome == "not-tried"]
        return [untried[0] if untried else "the credentials that the kubelet sends were not tried from here"]
    if again and all(o.means.status == "pass" for o in again):
        retry = case.facts.next_retry
        when = f"; the kubelet tries again in about {retry:.0f} s" if retry else ""
        return [f"the probes do not see it now, so it has passed or comes and goes{when}"]
    if any(status_of(case, o) == "unknown" for o in again):
        return ["this way out of the node cannot see it"]
    return ["the probes saw nothing wrong up to where they can look"]


def _alternatives(case: CaseView, chosen: Finding, ruled_out: tuple[RuledOut, ...]) -> tuple[str, ...]:
    """What else it could be: nothing for a confirmed finding but what the finding itself leaves open."""
    others = list(chosen.also)
    if chosen.confidence in ("likely", "possible") and case.message.cause:
        others += [case.message.cause, *case.message.alternatives]
    out = [*contrary_to_the_secrets(case), *(pattern for one in ruled_out for pattern in one.causes)]
    if nobody_sends(case):
        out += ["auth.bad_credentials", "auth.expired"]
    if _no_proxy(case):
        out.append("net.proxy")
    if same_here(case, chosen):
        out.append("node.clock_skew")
    return tuple(
        other
        for other in dict.fromkeys(others)
        if other not in (chosen.cause, "unknown.insufficient", "backoff.only") and not _any_match(other, out)
    )


def _no_proxy(case: Case) -> bool:
    """Whether the settings of the node's runtime were read and name no proxy, nor do those of its other programs."""
    read = [o.detail.proxy for o in case.seen(RuntimeConfig, "node", "node") if o.detail.proxy is not None]
    return bool(read) and all(proxy.none for proxy in read)


def _any_match(cause: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(cause, pattern) for pattern in patterns)


WORKS = (
    ("dns", ("dns.*",), "the name resolves"),
    ("connect", ("net.refused", "net.unreachable"), "the port accepts connections"),
    ("tls", ("tls.*",), "the certificate is accepted"),
    ("auth", ("auth.bad_credentials", "auth.expired"), "the registry accepts the credentials"),
    ("manifest", ("image.*_unknown",), "the manifest is there"),
)
"""A hop, the causes that it rules out where it works, the same in words."""


def _proves(seen: Observation) -> bool:
    """Whether a hop is seen to work; of credentials that means that some were accepted."""
    return seen.outcome == "accepted" if seen.hop == "auth" else seen.means.status == "pass"


def _ruled_out(case: Case, chosen: Finding) -> tuple[RuledOut, ...]:
    """What was seen working at the registry, and what it rules out: nothing where nobody is asked before the pull breaks."""
    if chosen.hop in (*HOPS[: HOPS.index("dns")], "runtime"):
        return ()
    host = case.pull.authority if case.pull else ""
    elsewhere = host if chosen.subject.role in ("token", "blob", "mirror", "proxy") else ""
    untried = _untried(case)
    out = []
    for hop, causes, why in WORKS:
        seen = [o for o in decisive_at(case, hop) if o.subject.host == host and _proves(o)]
        # what credentials get is asked from this machine
        working = seen or [o for o in case.at(hop) if _proves(o) and hop in ("auth", "manifest")]
        if not working:
            continue
        here = ", seen from this machine" if working[0].vantage.place == "workstation" else ""
        if not _any_match(chosen.cause, causes):
            proven = () if hop == "connect" and untried else causes
            out.append(RuledOut(proven, f"{why}{here}", elsewhere))
        elif elsewhere:
            out.append(RuledOut((), f"{why}{here}", elsewhere))
    return tuple(out)


NODE_DOWN = frozenset({"node.not_ready", "runtime.unavailable"})
"""Why a node pulls nothing at all."""
NO_IMAGE = "image.format_unsupported"
PROGRESS = frozenset({"transfer.stalled", "pull.queued", "pull.in_progress"})
"""How a pull stands that has not failed."""


def _no_failure(case: CaseView, findings: tuple[Finding, ...], hops: tuple[HopLine, ...]) -> Verdict:
    """Nothing fails now. What the probes found wrong all the same is a warning: a new pod would run into it."""
    facts = case.facts
    progress = next((f for f in findings if f.level == "note" and f.cause in PROGRESS), None)
    warnings = tuple(dataclasses.replace(f, level="warning") for f in findings if f is not progress)
    stopped = next((f for f in findings if f.cause in NODE_DOWN and f.hop == "runtime" and not facts.pulled), None)
    if stopped is not None:
        return _verdict(
            case, stopped.cause, stopped.confidence, stopped.subject, (stopped.reason,), findings, hops, stopped
        )
    subject = Subject("pod", case.target.pod)
    if facts.pulled:
        return _pulled(case, subject, findings, warnings, hops)
    if progress is not None:
        return _verdict(
            case,
            progress.cause,
            progress.confidence,
            progress.subject,
            (progress.reason,),
            warnings,
            hops,
            progress,
            progress.also,
        )
    if facts.pulling:
        return _verdict(
            case, "pull.in_progress", "likely", subject, ("the kubelet is pulling; nothing has failed",), warnings, hops
        )
    reason = facts.pod_message or facts.pod_reason or facts.reason or facts.phase or "nothing has been tried yet"
    return _verdict(case, "not_a_pull_failure", "likely", subject, (_waiting_for(case, reason),), warnings, hops)


def _pulled(
    case: CaseView,
    subject: Subject,
    findings: tuple[Finding, ...],
    warnings: tuple[Finding, ...],
    hops: tuple[HopLine, ...],
) -> Verdict:
    """The image is there. A container that does not start from it may have got what is no image; else it is stuck on
    something that is none of ours, which is named."""
    facts = case.facts
    if facts.state == "running":
        return _verdict(case, "none", "confirmed", subject, (), warnings, hops)
    stuck = f"the container does not start: {': '.join(filter(None, (facts.reason, facts.message)))[:300]}"
    wrong = next((f for f in findings if f.cause == NO_IMAGE), None)
    if wrong is None and case.start_message.cause == NO_IMAGE:
        wrong = Finding(NO_IMAGE, case.registry, "likely", "platform", "the runtime cannot unpack it")
    if wrong is None:
        return _verdict(case, "none", "confirmed", subject, (stuck,) if facts.reason else (), warnings, hops)
    others = tuple(f for f in warnings if f.cause != NO_IMAGE)
    about = (wrong.reason, "it was pulled, and nothing can be started from it", stuck)
    return _verdict(case, NO_IMAGE, wrong.confidence, wrong.subject, about, (wrong, *others), hops, wrong)


def _waiting_for(case: Case, reason: str) -> str:
    newest = next((e for e in reversed(case.facts.events) if e.type == "Warning"), None)
    if not case.target.node:
        why = f": {newest.message[:300]}" if newest is not None and newest.reason == "FailedScheduling" else ""
        return f"the pod is not scheduled to a node, so nothing has been pulled{why}"
    return newest.message[:300] if newest else f"the image has not been asked for yet ({reason})"


def _unknown(case: CaseView, hops: tuple[HopLine, ...], findings: tuple[Finding, ...]) -> Verdict:
    told = case.message.cause
    cause = told if told in ("backoff.only", "not_a_pull_failure") else "unknown.insufficient"
    why = "the pull fails, and neither the kubelet's words nor the probes say why"
    if not any(o.vantage.place == "node" for o in case.observations):
        why = "the pull fails; the kubelet's words do not say why, and nothing was asked from the node"
    asked = Subject("registry", case.pull.authority if case.pull else "")
    return _verdict(case, cause, "unknown", asked, (why,), findings, hops)


def _verdict(
    case: Case,
    cause: str,
    confidence: Confidence,
    subject: Subject,
    explanation: tuple[str, ...],
    findings: tuple[Finding, ...],
    hops: tuple[HopLine, ...],
    finding: Finding | None = None,
    alternatives: tuple[str, ...] = (),
) -> Verdict:
    stand_in = finding or Finding(cause, subject, confidence, catalogue.entry(cause).hop, "")
    return Verdict(
        cause=cause,
        confidence=confidence,
        subject=subject,
        title=title_of(case, stand_in),
        actor=actor_of(case, stand_in),
        hop=catalogue.entry(cause).hop,
        explanation=explanation,
        findings=findings,
        hops=hops,
        fixes=fixes_for(case, stand_in) if cause not in ("none", "pull.in_progress", "pull.queued") else (),
        alternatives=alternatives,
    )

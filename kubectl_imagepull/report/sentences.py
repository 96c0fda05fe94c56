"""What every format says, in the same words: who and where, how sure, what else, what works, what was done to find out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from .. import __version__
from ..command import is_name
from ..model import HOPS, UNDETERMINED, Case, Finding, Fix, HopLine, Subject, Verdict
from ..model.vocabulary import API_ONLY, HOST_PYTHON
from ..text import printable
from ..verdict.names import title_of

ACTORS = {
    "you": "you",
    "registry": "the registry's owner",
    "cluster": "the cluster's administrator",
    "network": "the network's administrator",
}
ROLES = {"token": "token server", "blob": "blob store", "dns-server": "name server"}
MOST_NAMES = 6
MOST_OTHERS = 3
MOST_OPEN = 3
"""Causes that stay open and are told in a sentence each."""
LONGEST_NAME = 40
"""Characters of a node's name in the comment above its commands, which is never wrapped."""
LONGEST_WAIT = 300.0
"""Seconds (kubernetes: pkg/kubelet/kubelet.go, the image back-off); what is said to be longer comes of two clocks that differ."""


def groups(both: Sequence[tuple[Case, Verdict]]) -> list[list[tuple[Case, Verdict]]]:
    """Those that share image, node and verdict together, in the order of their first."""
    found: dict[tuple[object, ...], list[tuple[Case, Verdict]]] = {}
    for case, one in both:
        target = case.target
        key = (target.namespace, target.image, target.node, one.cause, one.confidence, one.subject, one.title)
        unlike = () if one.subject.role != "pod" else (target.pod,)
        found.setdefault((*key, *unlike), []).append((case, one))
    return list(found.values())


def also(group: Sequence[tuple[Case, Verdict]]) -> str:
    """Where else the first of a group is seen: the first few by name, the rest counted."""
    first = group[0][0].target
    names = [
        f"container {c.target.container}" if c.target.pod == first.pod else f"pod {c.target.pod}" for c, _ in group[1:]
    ]
    different = list(dict.fromkeys(names))
    more = f" and {len(different) - MOST_NAMES} more" if len(different) > MOST_NAMES else ""
    return f"in {', '.join(different[:MOST_NAMES])}{more}"


def facts(case: Case) -> list[tuple[str, str]]:
    """The same as names and values."""
    target = case.target
    of = f" of {target.owner.slash}" if target.owner and target.owner.kind != "Node" else ""
    of = " (static pod)" if target.owner and target.owner.kind == "Node" else of
    if target.pod:
        pod = f"{target.namespace}/{target.pod}{of}, {container(case)}"
    else:
        pod = f"none{of} in {target.namespace}, {container(case)}"
    return [("pod", pod), ("state", state(case)), ("image", target.image), ("node", node(case))]


def place(case: Case) -> str:
    """The pod, or the workload that could make none."""
    target = case.target
    return target.pod or (target.owner.slash if target.owner else "")


def place_in(case: Case) -> str:
    """The same with its namespace, and the container: a line of an index."""
    return f"{case.target.namespace}/{place(case)}, {container(case)}"


def container(case: Case) -> str:
    """ "container app", "init container setup"."""
    role = {
        "init": "init container",
        "sidecar": "sidecar",
        "ephemeral": "ephemeral container",
        "volume": "image volume",
    }
    return f"{role.get(case.target.role, 'container')} {case.target.container}"


def state(case: Case) -> str:
    """How the pull stands: reason, since when, how often, when again."""
    facts = case.facts
    text = facts.reason or ("Running" if facts.state == "running" else facts.phase) or "unknown"
    if facts.failing and 0 < facts.since <= facts.read_at:
        text += f" for {ago(facts.read_at - facts.since)}"
        details = [f"{facts.attempts} attempts" if facts.attempts > 1 else ""]
        if facts.next_retry is not None and facts.next_retry <= LONGEST_WAIT:
            details.append(f"next in about {ago(facts.next_retry)}" if facts.next_retry >= 1 else "next any moment")
        joined = ", ".join(d for d in details if d)
        text += f" ({joined})" if joined else ""
    return text


def node(case: Case) -> str:
    """The node with runtime and platform."""
    if not case.target.node:
        return "none: the pod is not scheduled" if case.target.pod else "none: there is no pod"
    facts = case.facts.node
    if facts is None:
        return case.target.node
    platform = f"{facts.os}/{facts.arch}" if facts.os and facts.arch else ""
    about = ", ".join(p for p in (facts.runtime.replace("://", " ").strip(), platform) if p)
    return f"{case.target.node} ({about})" if about else case.target.node


def headline(found: Verdict) -> str:
    """The verdict in a line, with how sure it is in a word where it is not sure."""
    if not found.exit_code:
        return no_problem(found)
    doubt = {"likely": "probably ", "possible": "perhaps "}.get(found.confidence, "")
    return found.title if found.passed else f"{doubt}{found.title}"


def no_problem(found: Verdict) -> str:
    """The title of a verdict that is none."""
    return f"no pull problem: {found.title}"


def at(found: Verdict) -> str:
    """The host that the verdict is about: "at the registry r.io"; "" where it is about none, or not known."""
    role, host = found.subject.role, found.subject.host
    return (
        f"at the {ROLES.get(role, role)} {host}" if host and role != "pod" and found.cause not in UNDETERMINED else ""
    )


def who(actor: str) -> str:
    """Who acts, in words."""
    return ACTORS.get(actor, actor)


def evidence(case: Case, found: Verdict) -> list[str]:
    """What the verdict rests on, what else it could be, what else is wrong, and what works: a sentence each."""
    lines = [*reasons(found), *still_open(case, found)]
    rest = found.alternatives[MOST_OPEN:]
    lines += [f"and {len(rest)} more: {', '.join(rest)}"] if rest else []
    return [*lines, *also_wrong(found), *([_what_works(found)] if found.ruled_out else [])]


def reasons(found: Verdict) -> list[str]:
    """What the verdict rests on."""
    return [reason for reason in found.explanation if reason != found.title]


def still_open(case: Case, found: Verdict) -> list[str]:
    """What else it could be: the first few."""
    words = "not told apart from" if found.confidence == "confirmed" else "could also be"
    return [f"{words}: {title} ({cause})" for cause, title in _open_causes(case, found)[:MOST_OPEN]]


def also_wrong(found: Verdict) -> list[str]:
    """What else is wrong, or will be."""
    return list(_wrong_too(found).values())


def _wrong_too(found: Verdict) -> dict[str, str]:
    """What else is wrong -> the same with a word before it that says so."""
    word, others = ("also wrong", _others(found)[:MOST_OTHERS]) if found.exit_code else ("warning", found.findings)
    return {f"{one.reason} ({one.cause})": f"{word}: {one.reason} ({one.cause})" for one in others}


def merged(case: Case, found: Verdict) -> tuple[dict[HopLine, HopLine], list[str]]:
    """The path, the reasons of a verdict and what else is wrong, without what two of them say: a sentence that repeats a hop
    stands in its place.

    -> (each hop that is still to be told, as it is to be told; the sentences that are left).
    """
    broken = [line for line in found.hops if line.status == "fail" and line.summary]
    warned = [line for line in found.hops if line.status == "warn" and line.summary]
    out, left = {line: line for line in found.hops}, []
    told = {**{reason: reason for reason in reasons(found)}, **_wrong_too(found)}
    for sentence, alone in told.items():
        line = next((x for x in broken if x.summary in sentence and out.get(x) is x), None)
        line = line or next((x for x in warned if x.summary in sentence and out.get(x) is x), None)
        if line is None:
            left.append(alone)
            continue
        out[line] = dataclasses.replace(line, summary=_without_place(sentence, line, case.target.node))
        for other in warned:
            if other is not line and _says(sentence, other, case):
                out.pop(other, None)
    return out, left


def _says(sentence: str, line: HopLine, case: Case) -> bool:
    """Whether a sentence says all that a line says; of a secret, what is wrong with it."""
    wrong = [s.why for s in case.facts.secrets if line.hop == "credentials" and s.why and line.summary.endswith(s.why)]
    return any(words in sentence for words in (line.summary, *wrong))


def _without_place(sentence: str, line: HopLine, node: str) -> str:
    """A sentence without the vantage and the host in front, which stand above it and beside it."""
    seen_from = "this machine" if line.vantage == "workstation" else line.vantage
    for start in (
        f"from {seen_from}, {line.subject.host}: ",
        f"from {seen_from}: ",
        f"from {seen_from}, ",
        f"{node}: ",
    ):
        if sentence.startswith(start):
            return sentence[len(start) :]
    return sentence


def _open_causes(case: Case, found: Verdict) -> list[tuple[str, str]]:
    """The other causes that the verdict leaves open, and what each would say of this case."""
    host = case.pull.authority if case.pull else ""
    about_host = found.subject.role in ("registry", "mirror", "token", "blob")
    subject = found.subject if about_host else Subject("registry", host)
    return [(c, title_of(case, Finding(c, subject, "possible", "", ""))) for c in found.alternatives]


def _others(found: Verdict) -> list[Finding]:
    """What is wrong beside the verdict and not said in its explanation, each once."""
    listed: dict[tuple[str, str], Finding] = {}
    for finding in found.findings:
        if finding.cause != found.cause and finding.level == "error" and finding.reason not in found.explanation:
            listed.setdefault((finding.cause, finding.reason), finding)
    return list(listed.values())


def _what_works(found: Verdict) -> str:
    """What was seen working, and which causes that rules out."""
    parts = [f"{r.why} (so not {' or '.join(r.causes)})" if r.causes else r.why for r in found.ruled_out]
    host = found.ruled_out[0].host
    return f"what works{f' at {host}' if host else ''}: {', '.join(parts)}"


def speaker(case: Case) -> str:
    """Whose words the last failure is told in, and how old they are."""
    facts = case.facts
    return "the kubelet said" + (f" {ago(facts.read_at - facts.said_at)} ago" if facts.said_at else "")


def said(case: Case) -> str:
    """The runtime's words, without the kubelet's own that stand before them while it waits for the next attempt."""
    said = case.facts.said
    half = said[: (len(said) - 2) // 2]
    if said == f"{half}: {half}":
        return half  # a reason that is the message as well
    before, _, after = said.partition(": ErrImagePull: ")
    return after if after and before.startswith("Back-off pulling image ") else said


def fix_title(fix: Fix, found: Verdict) -> str:
    """What to do, as a sentence; who does it where that is somebody else than the verdict says."""
    by = f" ({who(fix.actor)})" if fix.actor not in ("", "nobody", found.actor) else ""
    first = fix.title.partition(" ")[0].rstrip(",:;")
    # a host's name stays as it is written
    start = fix.title[:1] if "." in first else fix.title[:1].upper()
    return f"{start}{fix.title[1:]}{by}"


def script(fix: Fix, case: Case) -> list[str]:
    """The commands of a fix, a line each. Where some of them run on the node, a comment says so above them.

    An interactive zsh runs what looks like a comment (zsh: INTERACTIVE_COMMENTS), so nothing but a plain name stands in it.
    """
    name = case.target.node if is_name(case.target.node) and len(case.target.node) <= LONGEST_NAME else "the node"
    facts = case.facts.node
    root = "" if facts is not None and facts.os == "windows" else ", as root"
    words = {"node": f"# on {name}{root}", "workstation": "# on this machine"}
    lines: list[str] = []
    before = "workstation"
    for command, place in zip(fix.commands, fix.runs_on or ("workstation",) * len(fix.commands), strict=True):
        lines += [words[place]] if place != before else []
        lines += [printable(line) for line in command.splitlines()]
        before = place
    return lines


def label(line: HopLine) -> str:
    """The hop, with its host's role where that is not the registry and not said by the hop: "token dns", "blobs"."""
    role = line.subject.role
    own = role in ("registry", "pod", "node") or line.hop == "auth" or (line.hop, role) == ("blobs", "blob")
    return line.hop if own else f"{role} {line.hop}"


def made_by(both: Sequence[tuple[Case, Verdict]], cluster: str) -> list[str]:
    """What made a report that travels, when, and of which cluster, where that is known; [] for a report of nothing."""
    if not both:
        return []
    return [made_at(max(case.facts.read_at for case, _ in both), cluster)]


def made_at(at: float, cluster: str) -> str:
    """What made a report that travels, when (seconds since the epoch, 0 where not known), and of which cluster."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at)) if at > 0 else ""
    return ", ".join(filter(None, (f"kubectl imagepull {__version__}", when, cluster and f"cluster {cluster}")))


def means(case: Case, found: Verdict | None = None) -> list[str]:
    """What was done to find out, and what could not be looked at, a line each. found: None where nothing is judged."""
    probe = case.probe
    lines = []
    if probe.created:
        gone = "deleted" if probe.deleted else "kept"
        how = "" if probe.deleted or not probe.removal else f"; to delete it: {probe.removal}"
        lines.append(f"probe pod {probe.namespace}/{probe.pod}: {gone} after {probe.seconds:.1f} s ({probe.rung}){how}")
    elif probe.rung == API_ONLY:
        lines.append("nothing was asked from the node itself")
    elif not case.observations and (case.pull is not None or probe.why_not):
        why = f" ({'; '.join(probe.why_not)})" if probe.why_not else ""
        lines.append(f"no probe was run{why}: this is what the API server alone knows")
    if probe.rung not in ("", HOST_PYTHON):
        lines += [f"not possible: {why}" for why in probe.why_not]
        lines += [f"not seen: {what}" for what in probe.cannot_see]
    lines += [f"not looked at: {error.message}" for error in case.errors]
    lines += _not_looked_for(found) if found is not None else []
    return list(dict.fromkeys(lines))


def _not_looked_for(found: Verdict) -> list[str]:
    """That rules were skipped, where the verdict is open or there is none: else the path shows how far it was seen."""
    if found.confidence == "confirmed" or not found.skipped:
        return []
    hops = {hop for one in found.skipped for hop in one.hops}
    count = len({cause for one in found.skipped for cause in one.causes})
    unseen = ", ".join(hop for hop in HOPS if hop in hops)
    what = f"{count} causes (-o json lists them)" if count > 1 else found.skipped[0].causes[0]
    return [f"not looked for, since no vantage saw {unseen}: {what}"]


def ago(seconds: float | None) -> str:
    """A duration as kubectl shows ages: 8s, 14m, 3h, 2d."""
    left = max(0, int(seconds or 0))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if left >= 2 * size:
            return f"{left // size}{unit}"
    return f"{left}s"

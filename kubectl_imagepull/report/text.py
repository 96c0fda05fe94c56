"""The report for a terminal: path first, then the verdict, its evidence, and how to mend it last."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Case, Finding, Fix, HopLine, ReadError, Verdict
from .style import CONFIDENT, Style, clean

ACTORS = {
    "you": "you",
    "registry": "the registry's owner",
    "cluster": "the cluster's administrator",
    "network": "the network's administrator",
}
ROLES = {"token": "token server", "blob": "blob store", "dns-server": "name server"}
LABEL = 14
"""Columns of the widest label: "mirror connect"."""
INDENT = 9
"""Columns before what stands beside VERDICT and FIX."""
MOST_NAMES = 6


def report(both: Sequence[tuple[Case, Verdict]], style: Style) -> str:
    """The whole report, container by container; what is the same is said once, and a summary ends it where it is long."""
    blocks = []
    shown = groups(both)
    for group in shown:
        case, found = group[0]
        lines = [header(case, style)]
        if len(group) > 1:
            lines = [lines[0].rstrip("\n"), style.wrap(f"same   {also(group)}", 7, 0), ""]
        vantage = ""
        for line in found.hops:
            if line.vantage != "workstation":
                lines += [heading(line.vantage, style)] if line.vantage != vantage else []
                lines.append(hop(line, style))
                vantage = line.vantage
        local = [line for line in found.hops if line.vantage == "workstation"]
        if local:
            lines.append(here(local, [x for x in found.hops if x.vantage not in ("api", "workstation")], style))
        blocks.append("\n".join([*lines, verdict(case, found, style)]) + "\n")
    if len(shown) > 1:
        blocks.append(summary(shown, style))
    rule = "\n" + style.paint("faint", "-" * max(60, style.width)) + "\n\n"
    done = dict.fromkeys(line for case, _ in both for line in means(case))
    foot = "\n".join(style.paint("faint", style.wrap(line, 2, 0)) for line in done)
    return rule.join(blocks) + (f"\n{foot}\n" if foot else "")


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


def summary(shown: Sequence[Sequence[tuple[Case, Verdict]]], style: Style) -> str:
    """A line a verdict, the last thing of a long report."""
    lines = [style.paint("bold", "SUMMARY")]
    for group in shown:
        case, found = group[0]
        target = case.target
        more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
        mark = style.mark("fail" if found.exit_code else "pass")
        title = found.title if found.exit_code else no_problem(found)
        text = f"{target.pod}, {container(case)}{more}: {title}"
        lines.append(f"  {mark} {style.wrap(text, 2 + style.mark_width + 1).lstrip()}")
        if found.exit_code:
            lines.append(style.wrap(f"{found.cause}, {CONFIDENT[found.confidence]}", 2 + style.mark_width + 1))
    return "\n".join(lines) + "\n"


def container(case: Case) -> str:
    """ "container app", "init container setup"."""
    role = {"init": "init container", "sidecar": "sidecar", "ephemeral": "ephemeral container"}
    return f"{role.get(case.target.role, 'container')} {case.target.container}"


def state(case: Case) -> str:
    """How the pull stands: reason, since when, how often, when again."""
    facts = case.facts
    text = facts.reason or ("Running" if facts.state == "running" else facts.phase) or "unknown"
    if facts.failing and facts.since:
        text += f" for {ago(facts.read_at - facts.since)}"
        details = [f"{facts.attempts} attempts" if facts.attempts > 1 else ""]
        details.append(f"next in about {ago(facts.next_retry)}" if facts.next_retry else "")
        joined = ", ".join(d for d in details if d)
        text += f" ({joined})" if joined else ""
    return text


def node(case: Case) -> str:
    """The node with runtime and platform."""
    if not case.target.node:
        return "none: the pod is not scheduled"
    facts = case.facts.node
    if facts is None:
        return case.target.node
    platform = f"{facts.os}/{facts.arch}" if facts.os and facts.arch else ""
    about = ", ".join(p for p in (facts.runtime.replace("://", " "), platform) if p)
    return f"{case.target.node} ({about})" if about else case.target.node


def header(case: Case, style: Style) -> str:
    """What is being looked at: pod and container, since when it fails, image, node."""
    target = case.target
    of = f" of {target.owner.slash}" if target.owner and target.owner.kind != "Node" else ""
    of = " (static pod)" if target.owner and target.owner.kind == "Node" else of
    lines = [
        f"pod    {target.namespace}/{target.pod}{of}, {container(case)}",
        f"state  {state(case)}",
        f"image  {target.image}",
        f"node   {node(case)}",
    ]
    return "\n".join(style.wrap(line, 7, 0) for line in lines) + "\n"


def heading(vantage: str, style: Style) -> str:
    """The line above the hops that one vantage knows or saw."""
    text = "known from the API server" if vantage == "api" else f"seen from {clean(vantage)}"
    return style.paint("bold", style.wrap(text, 0))


def label(line: HopLine) -> str:
    """The hop, with its host's role where that is not the registry: "token dns"."""
    role = line.subject.role
    return line.hop if role in ("registry", "pod", "node") or line.hop == "auth" else f"{role} {line.hop}"


def hop(line: HopLine, style: Style) -> str:
    """One line of the path, with its evidence below where it fails. Who saw it stands in the heading above."""
    start = f"  {style.mark(line.status)} {label(line):<{LABEL}} "
    indent = 2 + style.mark_width + 1 + LABEL + 1
    body = style.wrap(line.summary, indent).lstrip() if line.summary else ""
    text = f"{start}{body}".rstrip()
    if line.status in ("fail", "warn"):
        for evidence in line.evidence:
            if clean(evidence) not in clean(line.summary):
                text += "\n" + style.wrap(evidence, indent + 2)
    return text


def here(lines: list[HopLine], node_lines: list[HopLine], style: Style) -> str:
    """The workstation's view: only where it differs from the node's, and what was tried with credentials."""
    differing = [line for line in lines if not _same(line, node_lines)]
    if not lines or not node_lines:
        differing = lines
    elif not differing:
        return style.paint("bold", "seen from this machine") + ": the same"
    title = "seen from this machine" + (", where it differs" if len(differing) < len(lines) else "")
    return "\n".join([style.paint("bold", title), *(hop(line, style) for line in differing)])


def _same(line: HopLine, others: list[HopLine]) -> bool:
    return any(o.hop == line.hop and o.subject == line.subject and o.status == line.status for o in others)


def verdict(case: Case, found: Verdict, style: Style) -> str:
    """Verdict, evidence, the runtime's own words once, and the ways to mend it."""
    if found.exit_code == 0:
        return _no_problem(found, style)
    lines = [""]
    title = style.wrap(found.title, INDENT, INDENT).lstrip()
    lines.append(f"{style.paint('bold', 'VERDICT')}  {style.paint('bold', title)}")
    lines.append(style.wrap(sure(found), INDENT))
    if found.actor in ACTORS or " or " in found.actor:
        lines.append(style.wrap(f"who must act: {who(found.actor)}", INDENT))
    lines += ["", *(style.wrap(reason, INDENT + 2, INDENT) for reason in found.explanation)]
    if found.alternatives:
        lines.append(style.wrap(f"could also be: {', '.join(found.alternatives)}", INDENT + 2, INDENT))
    for other in others(found)[:3]:
        lines.append(style.wrap(f"also wrong: {other.reason} ({other.cause})", INDENT + 2, INDENT))
    if found.ruled_out:
        text = ", ".join(dict.fromkeys(r.why for r in found.ruled_out))
        lines.append(style.wrap(f"what works: {text}", INDENT + 2, INDENT))
    if case.facts.said:
        lines.append(style.wrap(f"{speaker(case)}: {words(case)}", INDENT + 2, INDENT))
    for number, fix in enumerate(found.fixes, 1):
        lines += ["", *_fix(fix, f"FIX {number}" if len(found.fixes) > 1 else "FIX", found, style)]
    lines += ["", style.wrap(f"more: kubectl imagepull explain {found.cause}", 6, 0)]
    return "\n".join(lines)


def sure(found: Verdict) -> str:
    """How sure it is, the cause's id, and the host it is about."""
    host = found.subject.host if found.subject.role != "pod" else ""
    at = f", at the {ROLES.get(found.subject.role, found.subject.role)} {host}" if host else ""
    return f"{CONFIDENT[found.confidence]} ({found.cause}{at})"


def who(actor: str) -> str:
    """Who acts, in words."""
    return " or ".join(ACTORS.get(word, word) for word in actor.split(" or "))


def speaker(case: Case) -> str:
    """Whose words the last failure is told in, and how old they are."""
    facts = case.facts
    return "the kubelet said" + (f" {ago(facts.read_at - facts.said_at)} ago" if facts.said_at else "")


def words(case: Case) -> str:
    """The runtime's words, without the kubelet's own that stand before them while it waits for the next attempt."""
    said = case.facts.said
    half = said[: (len(said) - 2) // 2]
    if said == f"{half}: {half}":
        return half  # a reason that is the message as well
    before, _, after = said.partition(": ErrImagePull: ")
    return after if after and before.startswith("Back-off pulling image ") else said


def others(found: Verdict) -> list[Finding]:
    """What is wrong beside the verdict and not said in its explanation, each once."""
    listed: dict[tuple[str, str], Finding] = {}
    for finding in found.findings:
        if finding.cause != found.cause and finding.level == "error" and finding.reason not in found.explanation:
            listed.setdefault((finding.cause, finding.reason), finding)
    return list(listed.values())


def no_problem(found: Verdict) -> str:
    """The title of a verdict that is none."""
    return f"no pull problem: {found.title}"


def _no_problem(found: Verdict, style: Style) -> str:
    title = style.wrap(no_problem(found), INDENT).lstrip()
    lines = ["", f"{style.paint('bold', 'VERDICT')}  {style.paint('pass', title)}"]
    lines += [style.wrap(reason, INDENT) for reason in found.explanation if reason != found.title]
    for finding in found.findings:
        lines.append(style.wrap(f"warning: {finding.reason} ({finding.cause})", INDENT + 2, INDENT))
    for number, fix in enumerate(found.fixes, 1):
        lines += ["", *_fix(fix, f"FIX {number}" if len(found.fixes) > 1 else "FIX", found, style)]
    return "\n".join(lines)


def fix_title(fix: Fix, found: Verdict) -> str:
    """What to do, as a sentence; who does it where that is somebody else than the verdict says."""
    by = f" ({who(fix.actor)})" if fix.actor not in ("", "nobody", found.actor) else ""
    return f"{fix.title[:1].upper()}{fix.title[1:]}{by}"


def _fix(fix: Fix, name: str, found: Verdict, style: Style) -> list[str]:
    title = style.wrap(fix_title(fix, found), INDENT).lstrip()
    lines = [f"{style.paint('bold', f'{name:<{INDENT}}')}{title}"]
    # a command is never wrapped: it is there to be copied
    lines += [f"  {clean(line)}" for command in fix.commands for line in command.splitlines()]
    if fix.note:
        lines.append(style.wrap(f"note: {fix.note}", INDENT + 2, INDENT))
    return lines


def footer(case: Case, errors: list[ReadError], style: Style) -> str:
    """What was done to find out, and what could not be looked at."""
    return "\n".join(style.paint("faint", style.wrap(line, 2, 0)) for line in means(case, errors))


def means(case: Case, errors: Sequence[ReadError] = ()) -> list[str]:
    """What was done to find out, and what could not be looked at, a line each."""
    probe = case.probe
    lines = []
    if probe.created:
        gone = "and deleted" if probe.deleted else "and kept"
        how = "" if probe.deleted else f"; to delete it: {probe.removal}"
        lines.append(
            f"probe pod {probe.pod} ({probe.rung}) made in {probe.namespace} {gone}, {probe.seconds:.1f} s{how}"
        )
    elif probe.rung == "api-only":
        lines.append("nothing was asked from the node itself")
    elif case.pull is not None and not case.observations:
        lines.append("no probe was run: this is what the API server alone knows")
    if probe.rung not in ("", "host-python"):
        lines += [f"not possible: {why}" for why in probe.why_not]
        lines += [f"not seen: {what}" for what in probe.cannot_see]
    lines += [f"not looked at: {error.message}" for error in (*case.errors, *errors)]
    return list(dict.fromkeys(lines))


def ago(seconds: float | None) -> str:
    """A duration as kubectl shows ages: 8s, 14m, 3h, 2d."""
    left = max(0, int(seconds or 0))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if left >= 2 * size:
            return f"{left // size}{unit}"
    return f"{left}s"

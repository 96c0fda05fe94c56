"""The report for a terminal: path first, then the verdict, its evidence, and how to mend it last."""

from __future__ import annotations

from ..model import Case, Fix, HopLine, ReadError, Verdict
from .style import CONFIDENT, Style, clean

ACTORS = {
    "you": "you",
    "registry": "the registry's owner",
    "cluster": "the cluster's administrator",
    "network": "the network's administrator",
}
LABEL = 12


def header(case: Case, style: Style) -> str:
    """What is being looked at: pod and container, since when it fails, image, node."""
    target, facts = case.target, case.facts
    state = facts.reason or facts.phase or "unknown state"
    if facts.failing and facts.since:
        state += f" for {ago(facts.read_at - facts.since)}"
        details = [f"{facts.attempts} attempts" if facts.attempts > 1 else ""]
        details.append(f"next in about {ago(facts.next_retry)}" if facts.next_retry else "")
        joined = ", ".join(d for d in details if d)
        state += f" ({joined})" if joined else ""
    lines = [f"{target.namespace}/pod/{target.pod}  container {target.container}  {state}"]
    if target.owner and target.owner.kind != "Node":
        lines[0] = f"{target.namespace}/pod/{target.pod} ({target.owner.slash})  container {target.container}  {state}"
    node = facts.node
    about = (
        f" ({', '.join(clean(p) for p in (node.runtime.replace('://', ' '), f'{node.os}/{node.arch}') if p)})"
        if node
        else ""
    )
    lines.append(f"image  {target.image}")
    lines.append(f"node   {target.node}{about}" if target.node else "node   none: the pod is not scheduled")
    return "\n".join(style.wrap(line, 7, 0) for line in lines) + "\n"


def hop(line: HopLine, style: Style) -> str:
    """One line of the path, with its evidence below where it fails."""
    role = line.subject.role
    label = f"{role} {line.hop}" if role not in ("registry", "pod", "node") and line.hop != "auth" else line.hop
    start = f"  {style.mark(line.status)} {label:<{LABEL}} "
    indent = 2 + style.mark_width + 1 + LABEL + 1
    source = clean(line.vantage)
    body = style.wrap(line.summary, indent).lstrip() if line.summary else ""
    last = body.rpartition("\n")[2]
    used = len(last) + (0 if "\n" in body else indent)
    room = style.width - used - len(source)
    gap = " " * room if room >= 2 else f"\n{' ' * (style.width - len(source))}"
    text = f"{start}{body}{gap}{style.paint('faint', source)}"
    if line.status in ("fail", "warn"):
        for evidence in line.evidence:
            if clean(evidence) not in clean(line.summary):
                text += "\n" + style.wrap(evidence, indent + 2)
    return text


def here(lines: list[HopLine], node_lines: list[HopLine], style: Style) -> str:
    """The workstation's view: only where it differs from the node's, and what was tried with credentials."""
    differing = [line for line in lines if not _same(line, node_lines)]
    if not lines or not node_lines:
        return "\n".join(hop(line, style) for line in lines)
    if not differing:
        return style.paint("faint", "  the same from this machine")
    return "\n".join(hop(line, style) for line in differing)


def _same(line: HopLine, others: list[HopLine]) -> bool:
    return any(o.hop == line.hop and o.subject == line.subject and o.status == line.status for o in others)


def verdict(case: Case, found: Verdict, style: Style) -> str:
    """Verdict, evidence, the runtime's own words once, and the ways to mend it."""
    if found.exit_code == 0:
        return _no_problem(case, found, style)
    lines = [""]
    title = style.wrap(found.title, 9, 9).lstrip()
    lines.append(f"{style.paint('bold', 'VERDICT')}  {style.paint('bold', title)}")
    subject = f", {clean(str(found.subject))}" if found.subject.host else ""
    lines.append(style.wrap(f"{found.cause}: {CONFIDENT[found.confidence]}{subject}", 9))
    for reason in found.explanation:
        lines.append(style.wrap(reason, 9))
    if found.alternatives:
        lines.append(style.wrap(f"could also be: {', '.join(found.alternatives)}", 9))
    if found.ruled_out:
        lines.append(style.wrap("ruled out: " + "; ".join(f"{r.cause} ({r.why})" for r in found.ruled_out), 9))
    lines.append(style.wrap(f"to act: {ACTORS.get(found.actor, found.actor)}", 9))
    others = [
        f for f in found.findings if f.cause != found.cause and f.level == "error" and f.reason not in found.explanation
    ]
    for other in others[:3]:
        lines.append(style.wrap(f"also: {other.cause}: {other.reason}", 9))
    if case.facts.said:
        age = f", {ago(case.facts.read_at - case.facts.said_at)} ago" if case.facts.said_at else ""
        lines += ["", style.wrap(f"the kubelet said{age}: {case.facts.said}", 2)]
    for fix in found.fixes:
        lines += ["", *_fix(fix, style)]
    lines += ["", style.wrap(f"more: kubectl imagepull explain {found.cause}", 6, 0)]
    return "\n".join(lines)


def _no_problem(case: Case, found: Verdict, style: Style) -> str:
    lines = ["", f"{style.paint('bold', 'VERDICT')}  {style.paint('pass', style.wrap(found.title, 9, 9).lstrip())}"]
    lines += [style.wrap(reason, 9) for reason in found.explanation]
    for finding in found.findings:
        lines.append(style.wrap(f"warning: {finding.cause}: {finding.reason}", 9))
    return "\n".join(lines)


def _fix(fix: Fix, style: Style) -> list[str]:
    who = "" if fix.actor == "you" else f" ({ACTORS.get(fix.actor, fix.actor)})"
    lines = [style.wrap(f"help: {fix.title}{who}", 6, 0)]
    # a command is never wrapped: it is there to be copied
    lines += [f"  {clean(line)}" for command in fix.commands for line in command.splitlines()]
    if fix.note:
        lines.append(style.wrap(f"note: {fix.note}", 8, 2))
    return lines


def footer(case: Case, errors: list[ReadError], style: Style) -> str:
    """What was done to find out, and what could not be looked at."""
    probe = case.probe
    lines = []
    if probe.created:
        gone = "and deleted" if probe.deleted else "and kept"
        how = "" if probe.deleted else f"; to delete it: kubectl imagepull cleanup -n {probe.namespace}"
        lines.append(
            f"probe pod {probe.pod} ({probe.rung}) made in {probe.namespace} {gone}, {probe.seconds:.1f} s{how}"
        )
    elif probe.rung == "api-only":
        lines.append("the node was not looked out of")
    if probe.rung not in ("", "host-python"):
        lines += [f"not possible: {why}" for why in probe.why_not]
        lines += [f"not seen: {what}" for what in probe.cannot_see]
    lines += [f"not looked at: {error.message}" for error in (*case.errors, *errors)]
    return "\n".join(style.paint("faint", style.wrap(line, 2, 0)) for line in dict.fromkeys(lines))


def ago(seconds: float | None) -> str:
    """A duration as kubectl shows ages: 8s, 14m, 3h, 2d."""
    left = max(0, int(seconds or 0))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if left >= 2 * size:
            return f"{left // size}{unit}"
    return f"{left}s"

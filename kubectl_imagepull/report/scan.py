"""What a scan has found, in every format: a root cause an entry, most harm first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .. import __version__, lazily
from ..command import argv, is_name, join
from ..model.scan import Affected, RootCause, Scan
from ..text import printable
from . import machine, openmetrics, sentences
from .markdown import block, prose
from .openmetrics import Gauge
from .page import esc, framed
from .terminal import CONFIDENT, Style

FORMATS = ("table", "wide", "json", "yaml", "markdown", "html", "name", "openmetrics")
MOST_NAMES = 2
"""Workloads and nodes that an entry names; the others are counted."""
MOST_PODS = 200
"""Pods that `wide` and the page list of one cause."""


def render(form: str, found: Scan, style: Style, where: str, cluster: str = "") -> str:
    """The scan in one of FORMATS, with a line end. where: what was searched, in words; cluster: which one, "" where not known."""
    if form in ("json", "yaml"):
        return machine.dump(document(found)) + "\n" if form == "json" else machine.dump_yaml(document(found))
    if form == "openmetrics":
        return metrics(found)
    if form == "name":
        names = (_name(one) for cause in found.causes if cause.verdict.exit_code for one in cause.affected)
        return "".join(f"{printable(name)}\n" for name in dict.fromkeys(names))
    if form == "markdown":
        return _markdown(found, where, cluster)
    if form == "html":
        return _page(found, where, cluster)
    return _table(found, style, where, full=form == "wide")


def next_step(cause: RootCause) -> str:
    """The command that tells more of a cause: `why` on the pod that stands for it; "" where a name is none that may be pasted."""
    target = cause.case.target
    name = target.pod or (target.owner.slash if target.owner else "")
    if not (is_name(target.namespace) and all(is_name(part) for part in name.split("/"))):
        return ""
    return join(argv("kubectl", "imagepull", "why", name, "-n", target.namespace))


def summary(found: Scan, where: str) -> str:
    """How much fails, in a line."""
    bad = sum(1 for cause in found.causes if cause.verdict.exit_code)
    looked = f"{_count(found.pods, 'pod')} looked at in {where}"
    if not bad:
        return f"No image pull problem found ({looked})."
    return f"{_count(found.failing, 'pod')} cannot pull an image, {_count(bad, 'cause')} ({looked})"


def change_line(kind: str, cause: RootCause, clock: str) -> str:
    """What has happened to a root cause, in a line. kind: as `session.CauseChange.kind`; clock: the time of day."""
    count = "solved" if kind == "solved" else f"{kind}: {_count(cause.pods, 'pod')}"
    return printable(f"{clock}  {count}  {cause.verdict.cause}  {_title(cause)}  ({_short(cause.workloads)})")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _short(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _title(cause: RootCause) -> str:
    return sentences.headline(cause.verdict)


def _since(cause: RootCause, read_at: float) -> str:
    return sentences.ago(read_at - cause.since) if 0 < cause.since <= read_at else "?"


def _name(one: Affected) -> str:
    return f"pod/{one.pod}" if one.pod else one.workload.partition("/")[2]


# ---- for people --------------------------------------------------------------------------------------------------------


def _table(found: Scan, style: Style, where: str, full: bool) -> str:
    lines = [style.wrap(summary(found, where), 0)]
    for cause in found.causes:
        bad = bool(cause.verdict.exit_code)
        head = f"{cause.pods:>4}  {cause.verdict.cause}"
        sure = "" if not bad else f", {CONFIDENT[cause.verdict.confidence].partition(',')[0]}"
        act = f"; who must act: {sentences.who(cause.verdict.actor)}" if bad and cause.verdict.actor else ""
        rest = f"{sure} since {_since(cause, found.read_at)}{act}"
        first = style.wrap(f"{head.strip()}{rest}", 6, len(head) - len(head.lstrip()))
        lines += ["", first.replace(head, style.paint("bold", head), 1)]
        lines.append(style.wrap(_title(cause), 6))
        on = f" on {_short(cause.nodes)}" if cause.nodes else ""
        lines.append(style.wrap(f"{_short(cause.workloads)}{on}", 6))
        if full:
            lines += _pods(cause, found.read_at)
        step = next_step(cause)
        lines += [f"      {step}"] if step else []
    lines += ["", *(style.wrap(f"not looked at: {what}", 2, 0) for what in found.unseen)] if found.unseen else []
    return "\n".join(lines) + "\n"


def _pods(cause: RootCause, read_at: float) -> list[str]:
    """A row a container."""
    from tabulate import tabulate  # not above: it takes a tenth of a second, and no other format has a table

    rows = [
        [printable(x) for x in (one.namespace, one.pod or one.workload, one.container, one.role, one.node, one.image)]
        + [sentences.ago(read_at - one.since) if 0 < one.since <= read_at else "?"]
        for one in cause.affected[:MOST_PODS]
    ]
    headers = ["NAMESPACE", "POD", "CONTAINER", "ROLE", "NODE", "IMAGE", "SINCE"]
    table: str = tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True)
    left = len(cause.affected) - MOST_PODS
    return [f"      {line}" for line in table.splitlines()] + ([f"      and {left} more"] if left > 0 else [])


def _markdown(found: Scan, where: str, cluster: str) -> str:
    lines = [f"### {prose(summary(found, where))}", ""]
    for cause in found.causes:
        on = f" on {_short(cause.nodes)}" if cause.nodes else ""
        sure = f", {cause.verdict.confidence}" if cause.verdict.exit_code else ""
        lines.append(f"- **{_count(cause.pods, 'pod')}**: {prose(_title(cause))} (`{cause.verdict.cause}`{sure})")
        lines.append(f"  - {prose(_short(cause.workloads) + on)}, since {_since(cause, found.read_at)}")
    steps = [step for cause in found.causes if (step := next_step(cause))]
    lines += ["", block("\n".join(steps), "sh")] if steps else []
    lines += ["", *(f"- not looked at: {prose(what)}" for what in found.unseen)] if found.unseen else []
    lines += ["", f"- {prose(sentences.made_at(found.read_at, cluster))}"]
    return "\n".join(lines) + "\n"


def _page(found: Scan, where: str, cluster: str) -> str:
    title = summary(found, where)
    parts = [f'<p class="made">{esc(sentences.made_at(found.read_at, cluster))}</p>', f"<h1>{esc(title)}</h1>"]
    for cause in found.causes:
        bad = bool(cause.verdict.exit_code)
        badge = (
            f'<span class="badge {cause.verdict.confidence}">{esc(CONFIDENT[cause.verdict.confidence])}</span>'
            if bad
            else ""
        )
        facts = [
            ("since", _since(cause, found.read_at)),
            ("workloads", ", ".join(cause.workloads)),
            ("nodes", ", ".join(cause.nodes)),
            ("next", next_step(cause)),
        ]
        rows = "".join(f"<dt>{name}</dt><dd>{esc(value)}</dd>" for name, value in facts if value)
        parts += [
            f'<article class="{"bad" if bad else "good"}"><header><p class="kind">{esc(_count(cause.pods, "pod"))}</p>',
            f"<h2>{esc(_title(cause))}</h2><p>{badge} <code>{esc(cause.verdict.cause)}</code></p></header>",
            f"<dl>{rows}</dl>",
            "<details><summary>The pods</summary><ul>",
            *(
                f"<li>{esc(f'{one.namespace}/{_name(one)}, {one.container}: {one.image}')}</li>"
                for one in cause.affected[:MOST_PODS]
            ),
            "</ul></details></article>",
        ]
    parts += [f"<p>not looked at: {esc(what)}</p>" for what in found.unseen]
    return framed(title, parts)


# ---- for programs ------------------------------------------------------------------------------------------------------


def document(found: Scan) -> dict[str, Any]:
    """The Scan of imagepull.dev/v1alpha1."""
    return {
        "apiVersion": machine.API_VERSION,
        "kind": "Scan",
        "toolVersion": __version__,
        "generatedAt": machine.utc(found.read_at),
        "pods": found.pods,
        "failing": found.failing,
        "causes": [_cause(cause) for cause in found.causes],
        "errors": [{"where": "api", "message": what} for what in found.unseen],
    }


def _cause(cause: RootCause) -> dict[str, Any]:
    verdict = cause.verdict
    return {
        "cause": verdict.cause,
        "confidence": verdict.confidence,
        "subject": machine.subject(verdict.subject),
        "title": verdict.title,
        "actor": verdict.actor,
        "since": machine.utc(cause.since) if cause.since else None,
        "pods": cause.pods,
        "namespaces": list(cause.namespaces),
        "workloads": list(cause.workloads),
        "nodes": list(cause.nodes),
        "next": next_step(cause),
        "probe": machine.probe_document(cause.case.probe),
        "affected": [
            {
                "namespace": one.namespace,
                "pod": one.pod,
                "container": one.container,
                "role": one.role,
                "image": one.image,
                "node": one.node,
                "owner": {"kind": one.owner.kind, "name": one.owner.name} if one.owner else None,
                "since": machine.utc(one.since) if one.since else None,
            }
            for one in cause.affected
        ],
    }


_REGISTRY = lazily.pattern(r"[a-z0-9.:_-]{1,260}", re.I)


def metrics(found: Scan) -> str:
    """Gauges in the OpenMetrics text format 1.0: failing containers by cause, namespace, owner and registry."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    oldest: dict[tuple[str, str, str, str], float] = {}
    for cause in found.causes:
        if not cause.verdict.exit_code:
            continue
        reference = cause.case.facts.reference.registry
        registry = reference if _REGISTRY.fullmatch(reference) else ""
        for one in cause.affected:
            key = (cause.verdict.cause, one.namespace, one.workload.partition("/")[2], registry)
            counts[key] += 1
            if one.since:
                oldest[key] = min(one.since, oldest.get(key, one.since))
    names = ("cause", "namespace", "owner", "registry")
    return openmetrics.text(
        Gauge(
            "imagepull_failing_containers",
            "Containers that cannot start because their image cannot be pulled.",
            [(dict(zip(names, key, strict=True)), number) for key, number in sorted(counts.items())],
        ),
        Gauge(
            "imagepull_failing_since_timestamp_seconds",
            "When the first of them failed first.",
            [(dict(zip(names, key, strict=True)), at) for key, at in sorted(oldest.items())],
        ),
        Gauge("imagepull_scan_pods", "Pods that have not ended and were looked at.", [({}, found.pods)]),
        Gauge("imagepull_scan_unseen", "What could not be looked at; 0 is a whole scan.", [({}, len(found.unseen))]),
        Gauge("imagepull_scan_timestamp_seconds", "When the scan was made.", [({}, found.read_at)]),
    )


__all__ = ["FORMATS", "document", "metrics", "next_step", "render", "summary"]

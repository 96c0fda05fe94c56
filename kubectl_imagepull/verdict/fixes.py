"""How to mend it: commands with the real names, on the object that owns the pod."""

from __future__ import annotations

import shlex
import string
from typing import Any

from .. import catalogue
from ..model import Case, Finding, Fix, Subject

RESOURCES = {
    "Deployment": "deployment",
    "StatefulSet": "statefulset",
    "DaemonSet": "daemonset",
    "ReplicaSet": "replicaset",
    "CronJob": "cronjob",
    "Job": "job",
}


def values(case: Case, finding: Finding) -> dict[str, str]:
    """The names that titles and commands may use; those that are not known are left out."""
    target, facts = case.target, case.facts
    owner = target.owner
    kind = RESOURCES.get(owner.kind, "") if owner else "pod"
    host = finding.subject.host or (case.pull.authority if case.pull else facts.reference.registry)
    if finding.subject.role == "dns-server":
        # the name that was asked for, not the server that was asked
        asked = [case.observations[i].subject.host for i in finding.because]
        host = next(iter(asked), case.pull.host if case.pull else facts.reference.registry)
    unused = next((s.name for s in facts.secrets if s.state != "used"), "")
    secret = unused or next((s.name for s in facts.secrets), "")
    port = host.rpartition(":")[2] if ":" in host else "443"
    names = {
        "namespace": target.namespace,
        "pod": target.pod,
        "owner_kind": kind,
        "owner_name": owner.name if owner and kind else target.pod if kind == "pod" else "",
        "container": target.container,
        "image": target.image,
        "repository": facts.reference.repository,
        "registry": facts.reference.registry,
        "tag": facts.reference.asked,
        "host": host,
        "port": port,
        "node": target.node,
        "secret": secret or ", ".join(facts.account_secrets),
        "service_account": facts.service_account or "default",
    }
    return {k: v for k, v in names.items() if v}


class _Known(string.Formatter):
    """Formats {name} fields; raises KeyError for a name without a value."""

    def get_value(self, key: Any, args: Any, kwargs: Any) -> Any:
        return kwargs[key]


def title_of(case: Case, finding: Finding) -> str:
    """The catalogue's title with the names in it."""
    text = catalogue.entry(finding.cause).title
    names = values(case, finding)
    fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    fallback = {
        "host": "the registry",
        "secret": "the pull secret",
        "node": "the node",
        "tag": "the tag",
        "port": "443",
    }
    return _Known().format(text, **{**{f: fallback.get(f, f"the {f}") for f in fields}, **names})


def fixes_for(case: Case, finding: Finding) -> tuple[Fix, ...]:
    """What can be said about this very case first, then the catalogue's ways, without those whose names are not known."""
    entry = catalogue.entry(finding.cause)
    names = {k: shlex.quote(v) for k, v in values(case, finding).items()}
    fixes = _image_fixes(case, finding, names)
    for way in entry.mend:
        try:
            commands = tuple(_Known().format(c, **names) for c in way.commands)
            text = _Known().format(way.text, **{**values(case, finding)})
        except KeyError:
            continue
        if fixes and any(c.startswith("kubectl") and " set image " in c for c in commands):
            continue  # the same with the right image in it stands above
        fixes.append(Fix(text, commands, way.applicability, entry.actor))
    managed = case.target.owner.managed_by if case.target.owner else ()
    note = (
        f"{case.target.owner.slash} is managed by {', '.join(managed)}: change it there, or it is reverted"
        if managed and case.target.owner
        else ""
    )
    if case.target.owner and case.target.owner.kind == "Node":
        note = f"a static pod: change its manifest on node {case.target.owner.name}"
    return tuple(Fix(f.title, f.commands, f.applicability, f.actor, note) for f in fixes) if note else tuple(fixes)


def _image_fixes(case: Case, finding: Finding, names: dict[str, str]) -> list[Fix]:
    """Another image, where one is known that is surely or probably the one that was meant."""
    if "owner_kind" not in names or "owner_name" not in names:
        return []
    start = (
        f"kubectl -n {names['namespace']} set image {names['owner_kind']}/{names['owner_name']} {names['container']}="
    )
    suggestion = case.facts.reference.suggestion
    if finding.cause == "reference.invalid" and suggestion:
        return [Fix(f"use {suggestion}", (start + shlex.quote(suggestion),), "safe", "you")]
    if finding.cause != "image.tag_unknown":
        return []
    for seen in case.seen("manifest"):
        closest = [t for t in seen.data.get("closest") or [] if isinstance(t, str)]
        if not closest:
            continue
        asked = case.pull.asked if case.pull else ""
        same = [t for t in closest if _plain(t) == _plain(asked)]
        best = same[0] if len(same) == 1 else closest[0]
        image = f"{case.facts.reference.repository}:{best}"
        why = (
            "differs only in spelling"
            if len(same) == 1
            else f"the closest of {seen.data.get('tag_count', len(closest))} tags"
        )
        return [
            Fix(
                f"use tag {best}, which exists ({why})",
                (start + shlex.quote(image),),
                "safe" if len(same) == 1 else "review",
                "you",
            )
        ]
    return []


def _plain(tag: str) -> str:
    """A tag without what is often mistyped: case, a leading v, white space."""
    return tag.strip().lower().removeprefix("v")


__all__ = ["Subject", "fixes_for", "title_of", "values"]

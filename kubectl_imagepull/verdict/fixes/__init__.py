"""How to fix it: actions with the real names, as commands that fit the object that owns the pod and the registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ... import catalogue
from ...catalogue import FixTemplate
from ...catalogue.actions import ON_NODE, Action, RecreatePod, Run, SetImage, Wait
from ...catalogue.render import KINDS, Place, kind_of, lines
from ...command import Blank, Unfit
from ...model import HOPS, Applicability, Case, Finding, Fix, Manifest
from ...model.vocabulary import RunsOn
from ..clouds import node_fixes
from ..hop_status import status_of
from ..names import Known, values
from ..other_image import NewImage, better_image, existing_tags
from ..platforms import platform_of
from ..pull_secrets import sent
from ..sandbox import for_sandbox
from .actor import actor_of
from .conditions import CONDITIONS

UNKNOWN_PLATFORM = (
    "the platform of the node is not recognised: `kubectl imagepull explain` with its name says how it is done there"
)
"""Said of the first fix that platforms have ways of their own for."""
UNREAD_NODE = (
    "which platform the node is of is not known, since you may not read nodes: `kubectl imagepull explain` with a platform's "
    "name says how it is done there"
)
"""The same where that may be why."""
LOST = frozenset({"node.not_ready", "runtime.unavailable"})
"""Causes where the node's kubelet may not be there to end a pod."""


def fixes_for(case: Case, finding: Finding, passed: bool = False) -> tuple[Fix, ...]:
    """What can be said about this very case first, then the catalogue's fixes, without those whose names are not known.

    passed: the pull would work now, so a new attempt is all that is needed.
    """
    if passed:
        return (_retry(case, finding),)
    at, names = place_of(case, finding), _for_titles(case, finding)
    sandbox = bool(case.facts.sandbox)
    fixes = [] if sandbox else _image_fixes(case, finding)
    rights = node_fixes(case, finding.cause, at)
    # what a pull secret is worth there is nothing to a pull that takes none
    fixes += [dataclasses.replace(fix, note="") if sandbox else _noted(case, (), fix) for fix in rights]
    actor = actor_of(case, finding)
    shell = _shell_note(case, at)
    entry = catalogue.entry(finding.cause)
    for template in for_sandbox(entry).fixes if sandbox else entry.fixes:
        if not _holds(case, finding, template):
            continue
        for ways in _ways(case, finding, template):
            made = [(way, fix) for way in ways for fix in _fix(case, way, actor, names, at)]
            for way, fix in made:
                of_platforms = shell in (UNKNOWN_PLATFORM, UNREAD_NODE)
                noted = bool(shell) and (bool(way.topic) if of_platforms else runs_on_node(way))
                fixes.append(_with_note(fix, shell) if noted else fix)
                shell = "" if noted else shell  # once is enough
            if made:
                break
    return tuple(fixes)


def _holds(case: Case, finding: Finding, template: FixTemplate) -> bool:
    return all(CONDITIONS[condition](case, finding) for condition in template.when)


def _ways(case: Case, finding: Finding, template: FixTemplate) -> Iterator[list[FixTemplate]]:
    """What may stand for a fix on the platform of the node, the best first: its own ways, then the fix as it is, unless that
    takes a shell where there is none."""
    platform = platform_of(case)
    if platform is not None and template.topic:
        ways = [way for way in platform.ways(template.topic) if _holds(case, finding, way)]
        yield [way if way.text else dataclasses.replace(way, text=template.text) for way in ways]
    if platform is None or platform.has_shell or not runs_on_node(template):
        yield [template]


def runs_on_node(template: FixTemplate) -> bool:
    """Whether a fix has commands that run on the node itself."""
    return any(on_node(action) for action in template.actions)


def on_node(action: Action) -> bool:
    """Whether the commands of an action run on the node itself."""
    return isinstance(action, Run) and action.name in ON_NODE


def _shell_note(case: Case, at: Place) -> str:
    """How one gets to where a fix runs on the node, and what becomes of a change by hand; "" where the platform is not known."""
    platform = platform_of(case)
    if platform is None:
        unread = case.facts.node is not None and not case.facts.node.read
        return UNREAD_NODE if unread else UNKNOWN_PLATFORM
    ways = [line for way in platform.ways("shell")[:1] for line in _lines(way, at)]
    return "; ".join(filter(None, (f"a shell there: {'; '.join(ways)}" if ways else "", platform.details.lasts)))


def _with_note(fix: Fix, note: str) -> Fix:
    return dataclasses.replace(fix, note="; ".join(filter(None, (fix.note, note))))


def _lines(template: FixTemplate, at: Place) -> tuple[str, ...]:
    try:
        return lines(template.actions, at)
    except Unfit:
        return ()


def _for_titles(case: Case, finding: Finding) -> dict[str, str]:
    optional = {name: catalogue.FIELDS[name] for name in catalogue.OPTIONAL}
    return {"node": "the node", **optional, **values(case, finding)}


def _fix(case: Case, template: FixTemplate, actor: str, names: dict[str, str], at: Place) -> list[Fix]:
    """The fix of a template, or none: where a name is not known or may not stand in a command, and where the owner takes none of
    its actions."""
    try:
        text = Known().format(template.text, **names)
        made = [(action, lines([action], at)) for action in template.actions]
    except (KeyError, Unfit):
        return []
    commands = tuple(line for _, own in made for line in own)
    places: list[RunsOn] = ["node" if on_node(action) else "workstation" for action, own in made for _ in own]
    runs_on = tuple(places) if runs_on_node(template) else ()
    if not commands and any(action != Wait() for action in template.actions):
        return []
    applicability = template.applicability
    if applicability == "safe" and RecreatePod() in template.actions and not at.kind.makes_pods:
        applicability = "review"  # it is made anew under the same name
    fix = Fix(text, commands, applicability, template.actor or actor, runs_on=runs_on)
    return [_noted(case, template.actions, fix)]


def place_of(case: Case, finding: Finding) -> Place:
    """For what the commands of a case are rendered."""
    target, facts = case.target, case.facts
    unread = not facts.service_account or any(error.kind == "ServiceAccount" for error in case.errors)
    return Place(
        kind_of(target.owner.kind if target.owner else None),
        catalogue.fitting(values(case, finding)),
        target.role,
        gone=facts.pod_reason == "Gone",
        lost=finding.cause in LOST,
        account=None if unread else facts.account_secrets,
    )


def works_now(case: Case, finding: Finding) -> bool:
    """Whether what the runtime complained of has passed: as seen from the node, the very pull would get its manifest now.

    Only for what shows on the way to the manifest; a credential that was not tried proves nothing.
    """
    if not case.facts.failing or finding.hop not in HOPS[HOPS.index("dns") : HOPS.index("platform")]:
        return False
    node = [o for o in case.observations if o.vantage.place == "node"]
    if not node or any(status_of(case, o) == "fail" for o in node):
        return False
    got = [o for o in case.seen(Manifest) if o.outcome == "200"]
    return any(o.via for o in got) if sent(case) else bool(got)


def _retry(case: Case, finding: Finding) -> Fix:
    retry = case.facts.next_retry
    title = "what failed works now" + (f"; the kubelet tries again by itself in about {retry:.0f} s" if retry else "")
    at = place_of(case, finding)
    action = RecreatePod()
    try:
        commands = lines([action], at)
    except Unfit:
        commands = ()
    if not commands:
        return _noted(case, (), Fix(title, (), "safe", "nobody"))
    applicability: Applicability = "safe" if at.kind.makes_pods else "review"
    return _noted(case, (action,), Fix(f"{title}: retry at once", commands, applicability, "you"))


def _noted(case: Case, actions: Sequence[Action], fix: Fix) -> Fix:
    """The fix, and who else writes the object that it would change."""
    fix = _with_note(fix, "; ".join(filter(None, (_rewritten(case, actions), _written(case, actions)))))
    owner = case.target.owner
    if owner is None:
        return fix
    note = ""
    kind = kind_of(owner.kind)
    if owner.kind == "Node":
        note = f"a static pod: change its manifest on node {owner.name} (usually in /etc/kubernetes/manifests)"
    elif owner.managed_by:
        note = f"{owner.slash} is managed by {', '.join(owner.managed_by)}: change it there, or it is reverted"
    elif owner.kind not in KINDS:
        note = f"the pod belongs to {owner.slash}: change it there, or it is reverted"
    counts = kind.counts and RecreatePod() in actions and bool(fix.commands)
    counted = f"a deleted pod counts as a failed try of {owner.slash}" if counts else ""
    applicability: Applicability = "review" if counts and fix.applicability == "safe" else fix.applicability
    return dataclasses.replace(
        fix, applicability=applicability, note="; ".join(filter(None, (fix.note, note, counted)))
    )


def _rewritten(case: Case, actions: Sequence[Action]) -> str:
    """That another image in the template may not reach the pod, where something has changed the present one on its way."""
    owner, target = case.target.owner, case.target
    asked = dict(one.partition("=")[::2] for one in owner.images).get(target.container, "") if owner else ""
    if not asked or asked == target.image or owner is None or not any(isinstance(a, SetImage) for a in actions):
        return ""
    return (
        f"{owner.slash} asks for {asked} and the pod has {target.image}: something rewrites images on admission (a mutating "
        f"webhook), and may rewrite the next one too"
    )


def _written(case: Case, actions: Sequence[Action]) -> str:
    """What writes a pull secret that a fix would change by hand."""
    changes = any(isinstance(a, Run) and a.name in ("replace-pull-secret", "extend-pull-secret") for a in actions)
    writers = dict.fromkeys(f"{s.name} is written by {s.managed_by}" for s in case.facts.secrets if s.managed_by)
    return f"{', '.join(writers)}: change it there, or it is reverted" if changes and writers else ""


def _image_fixes(case: Case, finding: Finding) -> list[Fix]:
    """Another image, where one is known or there are tags to choose from."""
    new = better_image(case, finding)
    tags = existing_tags(case) if new is None and finding.cause == "image.tag_unknown" else []
    if new is None and not tags:
        return []
    repository = case.facts.reference.repository
    action = new.action if new is not None else SetImage((f"{repository}:", Blank("tag")))
    try:
        commands = lines([action], place_of(case, finding))
    except Unfit:
        return []
    if new is None:
        return [_noted(case, (action,), Fix(f"use a tag that exists: {', '.join(tags)}", commands, "review", "you"))]
    applicability: Applicability = "safe" if new.same and commands else "review" if commands else "manual"
    return [_noted(case, (action,), Fix(new.why, commands, applicability, "you"))]


def job_anew(case: Case, finding: Finding, new: NewImage) -> str:
    """The command that makes a Job anew with another image; "" where its names may not stand in one."""
    try:
        return "".join(lines([new.action], place_of(case, finding)))
    except Unfit:
        return ""


__all__ = ["CONDITIONS", "actor_of", "fixes_for", "job_anew", "lines", "place_of", "works_now"]

"""The image of a pod's sandbox: the runtime pulls it by itself before any image of the pod, so it is a subject of its own.

No pull secret of a pod reaches that pull, and no other image in the pod's specification helps: the cluster's administrator acts,
in the way of the node's platform.
"""

from __future__ import annotations

import dataclasses

from ..catalogue import Entry, FixTemplate
from ..catalogue.actions import Run
from ..catalogue.platforms import general
from ..model import Case, Subject, Verdict

_RUNS = frozenset({"command", "node-command", "node-config", "probe-node"})
_OF_PODS = frozenset({"pull-secret", "other-image", "bare-name", "owned", "from-pod", "from-account", "nothing-sent"})
"""Conditions of fixes that change a pod, its secrets or its image."""


def helps_sandbox(fix: FixTemplate) -> bool:
    """Whether a fix of a cause is one for the sandbox's image too: it changes neither pods nor their secrets."""
    runs = all(isinstance(action, Run) and action.name in _RUNS for action in fix.actions)
    return runs and not _OF_PODS & set(fix.when) and fix.topic != "load"


def for_sandbox(entry: Entry) -> Entry:
    """A cause as it is said of a sandbox's image."""
    return dataclasses.replace(
        entry,
        title=f"the sandbox image {{image}} cannot be pulled: {entry.title}",
        actors=(("cluster", ()),),
        fixes=(*general("sandbox"), *filter(helps_sandbox, entry.fixes)),
        prevention="",
    )


def of_sandbox(case: Case, verdict: Verdict) -> Verdict:
    """The verdict on a sandbox image's pull: its reference in title and evidence, and who acts is the cluster's administrator."""
    image = case.facts.sandbox
    subject = verdict.subject
    about_pods = {cause for cause in verdict.alternatives if cause.startswith("auth.secret_")}
    if subject.role == "registry":
        subject = Subject("sandbox", subject.host)
    said = f"the runtime pulls the sandbox image {image} by itself, before any image of the pod and without its pull secrets"
    return dataclasses.replace(
        verdict,
        subject=subject,
        actor=verdict.actor if verdict.passed else "cluster",
        title=f"the sandbox image {image} cannot be pulled: {verdict.title}",
        explanation=(said, *verdict.explanation),
        alternatives=tuple(cause for cause in verdict.alternatives if cause not in about_pods),
    )

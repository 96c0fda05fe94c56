"""How what a run makes in a cluster is told from what others make: by label, name and owner together, for a label can be worn by
anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .. import lazily

MANAGED_BY: Mapping[str, str] = MappingProxyType({"app.kubernetes.io/managed-by": "kubectl-imagepull"})
"""On every object of every run."""
RUN_LABEL = "imagepull.dev/run"
"""On the same, with the name of its run."""
NAME = lazily.pattern(r"imagepull-[a-z0-9](?:[a-z0-9-]*[a-z0-9])?-[0-9a-f]{6}")
"""How a run is named (`node.job.Run.on`)."""
OF_A_JOB = lazily.pattern(r"-[a-z0-9]{5}")
"""What the name of a Job's pod has more (kubernetes: apiserver/pkg/storage/names)."""


def of_a_run(kind: str, found: Mapping[str, Any]) -> bool:
    """Whether a Job, pod or ConfigMap (kind: job, pod, configmap) has the form of what a run makes, ours or a colleague's.

    Whose it really is, the uid of its owner tells.
    """
    metadata = found.get("metadata") or {}
    labels, name = metadata.get("labels") or {}, str(metadata.get("name") or "")
    run = str(labels.get(RUN_LABEL) or "")
    owners: Sequence[Mapping[str, Any]] = metadata.get("ownerReferences") or []
    by = [(owner.get("kind"), owner.get("name")) for owner in owners]
    if not MANAGED_BY.items() <= labels.items() or NAME.fullmatch(run) is None:
        return False
    if kind == "pod" and by == [("Job", run)]:
        return name.startswith(run) and OF_A_JOB.fullmatch(name[len(run) :]) is not None
    if kind == "configmap":
        return name == run and by in ([("Job", run)], [("Pod", run)])
    return kind in ("job", "pod") and name == run and not by

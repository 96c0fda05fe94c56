"""Rules for what the API server alone knows: the reference, the pod's own state, the node."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Case, Finding, Subject
from .evidence import found, rule


@rule("reference.invalid", hop="reference")
def unparsable(case: Case) -> Iterator[Finding]:
    """The image string is no reference, so nobody is asked for it."""
    reference = case.facts.reference
    if not reference.valid:
        yield found(case, "reference.invalid", Subject("pod", case.target.pod), "reference", reference.advice)


@rule("image.never_pull_absent", hop="policy")
def never_pulled(case: Case) -> Iterator[Finding]:
    """Policy Never, and the kubelet says that the image is not there (or that this pod may not use it: same text)."""
    if case.facts.reason == "ErrImageNeverPull":
        reason = "imagePullPolicy is Never, and the kubelet says that the image is not on the node"
        subject = Subject("node", case.target.node)
        yield found(case, "image.never_pull_absent", subject, "policy", reason, also=["auth.cached_image_denied"])


@rule("node.not_ready", hop="runtime")
def node_down(case: Case) -> Iterator[Finding]:
    """A node that is gone or not Ready pulls nothing."""
    node = case.facts.node
    if node is not None and not node.ready and not case.facts.pulled:
        what = "does not exist any more" if not node.found else f"is not Ready: {node.ready_message}"
        yield found(case, "node.not_ready", Subject("node", node.name), "runtime", f"node {node.name} {what}"[:300])

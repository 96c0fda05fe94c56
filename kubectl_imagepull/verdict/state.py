"""Rules for what the API server alone knows: the reference, the pod's own state, the node."""

from __future__ import annotations

from collections.abc import Iterator

from ..image.messages import classify
from ..image.policy import KubeletTraits
from ..model import Case, Finding, Level, Subject
from .evidence import found, rule

STALLED = 300.0
"""Seconds of Pulling without an end after which it is said that nothing seems to move."""


@rule("reference.invalid", hop="reference")
def unparsable(case: Case) -> Iterator[Finding]:
    """The image string is no reference, so nobody is asked for it."""
    reference = case.facts.reference
    if not reference.valid:
        yield found(case, "reference.invalid", Subject("pod", case.target.pod), "reference", reference.advice)


@rule("image.never_pull_absent", "auth.cached_image_denied", hop="policy")
def never_pulled(case: Case) -> Iterator[Finding]:
    """Policy Never, and the kubelet says that the image is not there, or that this pod may not use it: the text is the same.

    Which of them is told by the node's list of images and by whether this kubelet asks for proof at all (KEP-2535).
    """
    facts = case.facts
    if facts.reason != "ErrImageNeverPull":
        return
    subject = Subject("node", case.target.node)
    asks = KubeletTraits.of(facts.node.kubelet if facts.node else "").checks_cached_images
    reason = "imagePullPolicy is Never, and the kubelet says that the image is not on the node"
    if facts.on_node and asks != "absent":
        reason = f"{reason}, although the node lists it: this kubelet wants the credentials with which it was pulled"
        yield found(case, "auth.cached_image_denied", subject, "policy", reason, at_most="likely")
    elif asks == "absent":
        yield found(case, "image.never_pull_absent", subject, "policy", reason)
    elif facts.node is not None and facts.node.lists_all:
        reason += ", and the node does not list it"
        yield found(case, "image.never_pull_absent", subject, "policy", reason)
    else:
        # a list that is cut off leaves open whether it is there
        also = ["auth.cached_image_denied"]
        yield found(case, "image.never_pull_absent", subject, "policy", reason, also=also, at_most="likely")


@rule("storage.no_space", hop="storage")
def disk_pressure(case: Case) -> Iterator[Finding]:
    """The node says itself that its disk is full; it settles the matter where the runtime complains of storage, too."""
    node = case.facts.node
    if node is None or not node.disk_pressure or case.facts.pulled:
        return
    said = classify(case.facts.said).cause if case.facts.said else ""
    reason = f"node {node.name} reports DiskPressure"
    level: Level = "error" if said.startswith("storage.") else "warning"
    yield found(case, "storage.no_space", Subject("node", node.name), "storage", reason, level=level)


@rule("transfer.stalled", "pull.queued", "pull.in_progress", hop="blobs")
def pulling(case: Case) -> Iterator[Finding]:
    """A pull that has begun and not ended: behind another one, moving, or so long that it seems to have stopped."""
    facts = case.facts
    if not facts.pulling or not facts.pulling_since:
        return
    seconds = max(0, int(facts.read_at - facts.pulling_since))
    node = Subject("node", case.target.node)
    long = f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
    if facts.older_pulls and facts.one_at_a_time is not False:
        sure = facts.one_at_a_time is True
        why = "the kubelet pulls one image at a time" if sure else "by default the kubelet pulls one image at a time"
        reason = f"asked for {long} ago; {why}, and before it came {', '.join(facts.older_pulls[:3])}"
        yield found(case, "pull.queued", node, "policy", reason, at_most="likely" if sure else "possible", level="note")
    elif seconds > STALLED:
        reason = f"Pulling for {long} with neither an end nor an error"
        also = ["pull.in_progress", "pull.queued"]
        yield found(
            case, "transfer.stalled", _registry(case), "blobs", reason, also=also, at_most="possible", level="note"
        )
    else:
        reason = f"the kubelet has been pulling for {long}; nothing has failed"
        yield found(case, "pull.in_progress", node, "blobs", reason, at_most="likely", level="note")


def _registry(case: Case) -> Subject:
    return Subject("registry", case.pull.authority if case.pull else case.facts.reference.registry)


ADMISSION = (
    "denied the request",
    "admission webhook",
    "violates PodSecurity",
    "ValidatingAdmissionPolicy",
    "admission plugin",
)
"""What the API server writes when an admission step refuses (kubernetes: staging/src/k8s.io/apiserver/pkg/admission)."""


@rule("policy.admission", hop="policy")
def refused(case: Case) -> Iterator[Finding]:
    """The workload may not create its pods, so nothing is pulled. A quota or a missing account is no policy about images."""
    facts = case.facts
    if facts.reason == "FailedCreate" and any(word in facts.said for word in ADMISSION):
        owner = case.target.owner
        name = owner.slash if owner is not None else "the workload"
        yield found(
            case,
            "policy.admission",
            Subject("pod", name),
            "policy",
            f"{name} has no pod; the API server says: {facts.said}"[:600],
        )


@rule("node.not_ready", "runtime.unavailable", hop="runtime")
def node_down(case: Case) -> Iterator[Finding]:
    """A node that is gone or not Ready pulls nothing. Its kubelet says so itself where the runtime is what is missing
    (kubernetes: pkg/kubelet/runtime.go)."""
    node = case.facts.node
    if node is not None and not node.ready and not case.facts.pulled:
        what = "does not exist any more" if not node.found else f"is not Ready: {node.ready_message}"
        cause = "runtime.unavailable" if "container runtime is down" in node.ready_message else "node.not_ready"
        yield found(case, cause, Subject("node", node.name), "runtime", f"node {node.name} {what}"[:300])

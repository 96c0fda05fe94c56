"""Policies: what stops a pull before anybody is asked."""

from __future__ import annotations

from collections.abc import Iterator

from ...image.policy import KubeletTraits
from ...model import Confidence, Finding, RuntimeConfig, Subject
from ..confidence import found
from ..evidence import where
from ..rule import rule
from ..view import CaseView


@rule("image.never_pull_absent", "auth.cached_image_denied")
def never_pulled_and_absent(case: CaseView) -> Iterator[Finding]:
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


@rule("policy.admission")
def admission_refuses(case: CaseView) -> Iterator[Finding]:
    """The workload may not create its pods, so nothing is pulled. A quota or a missing account is no policy about images."""
    facts = case.facts
    if facts.reason == "FailedCreate" and case.message.by_admission:
        owner = case.target.owner
        name = owner.slash if owner is not None else "the workload"
        yield found(
            case,
            "policy.admission",
            Subject("pod", name),
            "policy",
            f"{name} has no pod; the API server says: {facts.said}"[:600],
        )


@rule("policy.registry_blocked", needs=(RuntimeConfig,))
def registry_is_blocked(case: CaseView) -> Iterator[Finding]:
    """The runtime's configuration blocks the registry. A file that was changed since the node's boot may not be in force yet."""
    for seen in case.seen(RuntimeConfig, "node", "node"):
        if seen.outcome == "blocked":
            subject = Subject("node", case.target.node or seen.vantage.name)
            sure: Confidence = "likely" if seen.detail.changed_since_boot else "confirmed"
            reason = f"{where(seen)}, {seen.summary}"
            yield found(case, "policy.registry_blocked", subject, "policy", reason, [seen], at_most=sure)


RULES = (never_pulled_and_absent, admission_refuses, registry_is_blocked)

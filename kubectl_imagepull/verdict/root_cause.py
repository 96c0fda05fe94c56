"""Which verdicts have one root: what has to be put right once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from ..model import Case, Verdict

Part = Callable[[Case, Verdict], Hashable]


def _secrets(case: Case, verdict: Verdict) -> Hashable:
    """The pull secrets that are to blame: those with the verdict's cause, else all that the pod names."""
    blamed = tuple(s.name for s in case.facts.secrets if s.cause == verdict.cause)
    return blamed or case.facts.pull_secret_names


PARTS: Mapping[str, Part] = {
    "image": lambda case, _: case.facts.reference.normalised or case.facts.reference.text or case.target.image,
    "registry": lambda case, _: case.facts.reference.registry or case.target.image,
    "host": lambda case, verdict: (verdict.subject.role, verdict.subject.host),
    "node": lambda case, _: case.target.node,
    "namespace": lambda case, _: case.target.namespace,
    "secrets": _secrets,
    "workload": lambda case, _: case.target.owner.slash if case.target.owner else case.target.pod,
}
"""What can tell two roots apart."""
ROOTS: Mapping[str, tuple[str, ...]] = {
    "auth": ("namespace", "secrets", "registry"),
    "image": ("image",),
    "content": ("image",),
    "reference": ("image",),
    "dns": ("host",),
    "net": ("host",),
    "tls": ("host",),
    "registry": ("host",),
    "rate": ("host",),
    "transfer": ("host",),
    "storage": ("node",),
    "node": ("node",),
    "runtime": ("node",),
    "pull": ("node",),
    "policy.admission": ("namespace", "workload"),
    "policy": ("image",),
    "unknown": ("image",),
    "backoff": ("image",),
}
"""A cause, or how its id begins -> the parts that two cases of one root share. A secret is one namespace's, a tag is one image's,
a certificate is one host's, a disk is one node's."""
OTHER = ("namespace", "workload")


def root_of(case: Case, verdict: Verdict) -> tuple[Hashable, ...]:
    """What is the same for all cases of one root, and differs between roots."""
    parts = next((ROOTS[key] for key in (verdict.cause, verdict.cause.partition(".")[0]) if key in ROOTS), OTHER)
    # the sandbox's image is the node's setting and pulled by no pod's secret: another root than the same image of a pod
    return (verdict.cause, bool(case.facts.sandbox), *(PARTS[part](case, verdict) for part in parts))


__all__ = ["root_of"]

"""Pods and the kinds of workload, as people name them."""

from __future__ import annotations

from collections.abc import Mapping

from .paths import RESOURCES

SHORT: Mapping[str, str] = {
    "Pod": "po",
    "Deployment": "deploy",
    "StatefulSet": "sts",
    "DaemonSet": "ds",
    "ReplicaSet": "rs",
    "Job": "job",
    "CronJob": "cj",
}
"""Kinds that can be asked about -> kubectl's short name (`kubectl api-resources`)."""


def _words(kind: str) -> tuple[str, ...]:
    base, plural = RESOURCES[kind]
    names = (kind.lower(), plural)
    group = base.split("/")[2] if base.startswith("/apis/") else ""
    return (SHORT[kind], *names, *(f"{name}.{group}" for name in names if group))


KINDS: Mapping[str, str] = {word: kind for kind in SHORT for word in _words(kind)}
"""What kubectl takes for a kind -> the kind."""

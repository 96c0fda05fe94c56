"""An object as it is named on a command line; known without what asks an API server."""

from __future__ import annotations

from dataclasses import dataclass

from ..kube.kinds import KINDS


@dataclass(frozen=True)
class Named:
    """One object."""

    kind: str
    """Pod, or the kind of a workload: Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob."""
    name: str
    """Its name."""
    namespace: str = ""
    """Its namespace, "" for that of the connection."""


__all__ = ["KINDS", "Named"]

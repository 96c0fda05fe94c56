"""What a session tells whoever waits for it, while it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..model import Case, Observation, Verdict
from ..model.scan import RootCause, Scan

StepKind = Literal["pulling", "pulled", "present", "failed", "started"]


@dataclass(frozen=True)
class Diagnosis:
    """A Case and the verdict on it."""

    case: Case
    """Everything that the verdict is drawn from."""
    verdict: Verdict
    """What is wrong, how sure, who must act."""


@dataclass(frozen=True)
class Plan:
    """What is going to be diagnosed."""

    cases: tuple[Case, ...] = ()
    """A Case a container, with facts and without observations."""
    refused: tuple[Case, ...] = ()
    """Workloads whose pods the API server refuses: there is nothing to probe."""
    healthy: tuple[str, ...] = ()
    """Workloads that were named and of which nothing fails, one phrase each: "deployment/web (3 pods)"."""
    empty: tuple[str, ...] = ()
    """What was meant and has nothing to look at, one phrase each: "deployment/web has no pods to look at: it wants none"."""
    unseen: tuple[str, ...] = ()
    """What was meant and could not be looked at, and why, one phrase each."""


@dataclass(frozen=True)
class Step:
    """One step of a pull that is watched."""

    kind: StepKind
    """pulling, pulled (from a registry), present (the node had it), failed, started (the container runs)."""
    pod: str
    """The pod's name."""
    image: str = ""
    """The image as the pod names it, "" where the event does not say."""
    attempt: int = 0
    """How often the kubelet has begun, of "pulling"."""
    took: str = ""
    """How long it took, in the kubelet's words, of "pulled"."""
    cause: str = ""
    """The cause that the message means, of "failed"."""
    message: str = ""
    """The kubelet's message, of "failed"; foreign text."""


@dataclass(frozen=True)
class CauseChange:
    """What has happened to a root cause that is watched."""

    kind: Literal["appeared", "grew", "shrank", "solved"]
    """How many it keeps from starting, against before."""
    cause: RootCause
    """As it is now; of one that is solved, as it was last."""


class Observer:
    """Told what happens. Every method is called in the thread that runs the session, and may be left out by a subclass."""

    def scanned(self, found: Scan) -> None:
        """A scan that is going to be watched."""

    def changed(self, change: CauseChange) -> None:
        """While a scan is watched: a root cause has appeared, grown, shrunk or is solved."""

    def read(self, pods: int, of: int) -> None:
        """A scan has read so many of the pods that may fail."""

    def planned(self, plan: Plan) -> None:
        """What was found, before anything is probed."""

    def seen(self, observation: Observation) -> None:
        """An observation, as soon as it is known."""

    def judged(self, diagnoses: Sequence[Diagnosis]) -> None:
        """What `diagnosed` will be told, unless something that was made in the cluster cannot be removed: that is waited for yet.
        Not called where nothing is probed."""

    def diagnosed(self, diagnoses: Sequence[Diagnosis]) -> None:
        """A diagnosis has ended. While a pull is watched there may be several."""

    def step(self, step: Step) -> None:
        """A pull that is watched has come further, or failed again."""

"""What a session tells whoever waits for it, while it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..model import Case, Observation, Verdict

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


class Observer:
    """Told what happens. Every method is called in the thread that runs the session, and may be left out by a subclass."""

    def planned(self, plan: Plan) -> None:
        """What was found, before anything is probed."""

    def seen(self, observation: Observation) -> None:
        """An observation, as soon as it is known."""

    def diagnosed(self, diagnoses: Sequence[Diagnosis]) -> None:
        """A diagnosis has ended. While a pull is watched there may be several."""

    def step(self, step: Step) -> None:
        """A pull that is watched has come further, or failed again."""

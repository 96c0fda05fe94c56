"""What a scan of many pods finds: root causes, each with all that it keeps from starting."""

from __future__ import annotations

from dataclasses import dataclass

from .case import Case, Owner
from .verdict import Verdict, worst_exit


@dataclass(frozen=True)
class Affected:
    """One container that a root cause keeps from starting, or a workload whose pods are refused."""

    namespace: str
    """Its namespace."""
    pod: str
    """The pod's name, "" for a workload that could make none."""
    container: str
    """The container's name, or that of the image volume."""
    role: str
    """One of vocabulary.CONTAINER_ROLES."""
    image: str
    """As the pod's spec has it."""
    node: str
    """"" while it is on none."""
    owner: Owner | None
    """The workload at the top, None for a bare pod."""
    since: float
    """When the first failure was seen, seconds since the epoch; 0 where that is not known."""

    @classmethod
    def of(cls, case: Case) -> Affected:
        """The container of a case."""
        t, facts = case.target, case.facts
        since = facts.since or facts.pulling_since
        return cls(t.namespace, t.pod, t.container, t.role, t.image, t.node, t.owner, since)

    @property
    def workload(self) -> str:
        """namespace/kind/name of its owner, or namespace/pod/name where it has none."""
        return f"{self.namespace}/{self.owner.slash if self.owner else f'pod/{self.pod}'}"


@dataclass(frozen=True)
class RootCause:
    """One cause and its victims."""

    case: Case
    """The case that stands for all of them."""
    verdict: Verdict
    """The verdict on it."""
    affected: tuple[Affected, ...]
    """All of them, longest first, the one of `case` among them."""

    @property
    def pods(self) -> int:
        """How many pods; a workload that can make none counts as one."""
        return len({(one.namespace, one.pod or one.workload) for one in self.affected})

    @property
    def workloads(self) -> tuple[str, ...]:
        """Each owner once, as `Affected.workload`, in the order of their first."""
        return tuple(dict.fromkeys(one.workload for one in self.affected))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Each node once."""
        return tuple(dict.fromkeys(one.node for one in self.affected if one.node))

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Each namespace once."""
        return tuple(dict.fromkeys(one.namespace for one in self.affected))

    @property
    def since(self) -> float:
        """When the first of them failed first, seconds since the epoch; 0 where that is not known."""
        return min((one.since for one in self.affected if one.since), default=0.0)

    @property
    def harm(self) -> tuple[int, int, float]:
        """Sorts by harm, most first: pods, workloads, age. What is no problem comes last."""
        return (-self.pods if self.verdict.exit_code else 1, -len(self.workloads), self.since or float("inf"))


@dataclass(frozen=True)
class Scan:
    """What was looked at, and what fails there."""

    causes: tuple[RootCause, ...]
    """Most harm first."""
    pods: int
    """How many pods that have not ended were looked at."""
    read_at: float
    """Seconds since the epoch."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, and why, one phrase each."""

    @property
    def failing(self) -> int:
        """How many pods cannot pull an image."""
        return len(
            {
                (one.namespace, one.pod or one.workload)
                for cause in self.causes
                if cause.verdict.exit_code
                for one in cause.affected
            }
        )

    @property
    def exit_code(self) -> int:
        """As of several targets in the design; 3 where nothing fails and something could not be looked at."""
        code = worst_exit(cause.verdict.exit_code for cause in self.causes)
        return code or (3 if self.unseen else 0)

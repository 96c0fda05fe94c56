"""Names: what does not resolve, for every host of the path."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Dns, Finding, Observation, Subject
from ...model.vocabulary import causes_of, outcome
from ..confidence import found
from ..evidence import decisive, where
from ..rule import rule
from ..view import CaseView


@rule(*causes_of("dns"), needs=(Dns,))
def name_does_not_resolve(case: CaseView) -> Iterator[Finding]:
    """A name that does not resolve; where the resolver is at fault, the resolver is the subject."""
    for seen in decisive(case, Dns):
        cause = seen.means.cause
        if not cause or seen.subject.role == "proxy":
            continue
        other = _other_resolver(case, seen.subject.host)
        beside = f"; {other.summary}" if other is not None else ""
        subject = seen.subject
        servers = sorted({s.server for s in seen.detail.servers if s.server})
        if cause in ("dns.timeout", "dns.server_failure") and servers:
            subject = Subject("dns-server", ", ".join(servers))
        yield found(case, cause, subject, "dns", f"{where(seen)}, {seen.subject.host}: {seen.summary}{beside}", [seen])


def _other_resolver(case: CaseView, host: str) -> Observation[Dns] | None:
    """Where the kubelet's resolver, which pods get, says otherwise of a host than the node's own, which the runtime asks."""
    name = host.rpartition(":")[0] or host
    differing = (o for o in case.seen(Dns, "dns-server", "node") if o.outcome == "differs")
    return next((o for o in differing if o.detail.name in (name, host)), None)


@rule(*causes_of("dns"), needs=(Dns,))
def name_does_not_resolve_for_pods(case: CaseView) -> Iterator[Finding]:
    """The runtime resolves a name that pods of the same node do not: no trouble of the pull, and good to know."""
    for seen in case.seen(Dns, "dns-server", "node"):
        cause = outcome("dns", seen.detail.other_outcome).cause
        if seen.outcome == "differs" and cause:
            yield found(case, cause, seen.subject, "dns", f"{where(seen)}, {seen.summary}", [seen], level="warning")


RULES = (name_does_not_resolve, name_does_not_resolve_for_pods)

"""Connections: what no port or proxy accepts, for every host of the path."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import HOPS, Confidence, Connect, Dns, Finding, Level, RuntimeConfig
from ...model.vocabulary import causes_of
from ..confidence import found
from ..evidence import decisive, where
from ..rule import rule
from ..view import CaseView


@rule(*causes_of("connect"), needs=(Connect,))
def connection_fails(case: CaseView) -> Iterator[Finding]:
    """A host that accepts no connection on any address."""
    for seen in decisive(case, Connect):
        means, reason = seen.means, f"{where(seen)}, {seen.subject.host}: {seen.summary}"
        if seen.subject.role == "proxy" or not means.cause:
            continue
        if means.status == "unknown":
            # the kubelet's probe: silence of the resolver or of the host, which it does not tell apart
            yield found(case, means.cause, seen.subject, "connect", reason, [seen], means.also, "possible")
            continue
        hint = _proxy_not_set(case)
        also = (*means.also, "net.proxy") if hint else means.also
        yield found(case, means.cause, seen.subject, "connect", f"{reason}{hint}", [seen], also)


def _proxy_not_set(case: CaseView) -> str:
    """What is said where the node's own programs use a proxy and its runtime does not."""
    for seen in case.seen(RuntimeConfig, "node", "node"):
        proxy = seen.detail.proxy
        if proxy is not None and proxy.elsewhere is not None:
            other = proxy.elsewhere
            return f"; {other.file} names the proxy {other.proxy}, the runtime's unit names none"
    return ""


@rule("net.proxy", needs=(Dns, Connect))
def proxy_does_not_lead_there(case: CaseView) -> Iterator[Finding]:
    """The proxy of the runtime's unit files does not resolve, does not answer, or does not let through.

    A proxy that asks for credentials is asked without: those of the unit file stay on the node.
    """
    logins = [o for o in case.seen(Connect, "proxy", "node") if o.detail.login]
    for seen in (*case.seen(Dns, "proxy", "node"), *case.seen(Connect, "proxy", "node")):
        if seen.means.status != "fail":
            continue
        reason = f"{where(seen)}, proxy {seen.subject.host}: {seen.summary}"
        withheld = seen.outcome == "407" and seen in logins
        # settings that the runtime has not been started with yet are read from the files all the same
        got_past = case.message.position > HOPS.index("connect")
        if withheld:
            reason += "; the runtime's own credentials for it stay on the node"
        elif seen.outcome == "407":
            reason += "; the runtime's settings hold no credentials for it"
        sure: Confidence = "possible" if withheld or got_past else "confirmed"
        level: Level = "warning" if got_past else "error"
        yield found(case, "net.proxy", seen.subject, "connect", reason, [seen], (), sure, level)
        return


RULES = (connection_fails, proxy_does_not_lead_there)

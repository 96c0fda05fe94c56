"""Rules for dns, connect and tls: the same for every host of the path."""

from __future__ import annotations

from collections.abc import Iterator

from .. import catalogue
from ..image.messages import classify
from ..model import HOPS, Case, Confidence, Connect, Dns, Finding, Level, Observation, RuntimeConfig, Subject, Tls
from .clock import ahead, behind, by_date, wrong_clock
from .evidence import decisive, found, rule, where

DNS = {
    "nxdomain": "dns.nxdomain",
    # the name exists and has no address: Go says "no such host" as well
    "no-data": "dns.nxdomain",
    "server-failure": "dns.server_failure",
    "timeout": "dns.timeout",
    "no-usable-address": "dns.no_usable_address",
}


@rule(*dict.fromkeys(DNS.values()), hop="dns")
def resolving(case: Case) -> Iterator[Finding]:
    """A name that does not resolve; where the resolver is at fault, the resolver is the subject."""
    for seen in decisive(case, Dns):
        cause = DNS.get(seen.outcome)
        if cause is None or seen.subject.role == "proxy":
            continue
        other = _other_resolver(case, seen.subject.host)
        beside = f"; {other.summary}" if other is not None else ""
        subject = seen.subject
        servers = sorted({s.server for s in seen.detail.servers if s.server})
        if cause in ("dns.timeout", "dns.server_failure") and servers:
            subject = Subject("dns-server", ", ".join(servers))
        yield found(case, cause, subject, "dns", f"{where(seen)}, {seen.subject.host}: {seen.summary}{beside}", [seen])


def _other_resolver(case: Case, host: str) -> Observation[Dns] | None:
    """Where the kubelet's resolver, which pods get, says otherwise of a host than the node's own, which the runtime asks."""
    name = host.rpartition(":")[0] or host
    differing = (o for o in case.seen(Dns, "dns-server", "node") if o.outcome == "differs")
    return next((o for o in differing if o.detail.name in (name, host)), None)


@rule(*dict.fromkeys(DNS.values()), hop="dns")
def other_resolver(case: Case) -> Iterator[Finding]:
    """The runtime resolves a name that pods of the same node do not: no trouble of the pull, and good to know."""
    for seen in case.seen(Dns, "dns-server", "node"):
        cause = DNS.get(seen.detail.other_outcome)
        if seen.outcome == "differs" and cause is not None:
            yield found(case, cause, seen.subject, "dns", f"{where(seen)}, {seen.summary}", [seen], level="warning")


CONNECT = {
    "refused": "net.refused",
    "timeout": "net.timeout",
    "no-route": "net.unreachable",
    "reset": "net.reset",
    "mixed": "net.timeout",
}


@rule(*dict.fromkeys(CONNECT.values()), hop="connect")
def connecting(case: Case) -> Iterator[Finding]:
    """A host that accepts no connection on any address."""
    for seen in decisive(case, Connect):
        if seen.subject.role == "proxy":
            continue
        if seen.outcome == "no-answer":
            # the kubelet's probe: silence of the resolver or of the host, which it does not tell apart
            reason = f"{where(seen)}, {seen.subject.host}: {seen.summary}"
            yield found(
                case, "net.timeout", seen.subject, "connect", reason, [seen], ["dns.timeout", "net.proxy"], "possible"
            )
        elif seen.outcome in CONNECT:
            also = ["net.refused", "net.unreachable"] if seen.outcome == "mixed" else []
            hint = _proxy_not_set(case)
            also += ["net.proxy"] if hint else []
            reason = f"{where(seen)}, {seen.subject.host}: {seen.summary}{hint}"
            yield found(case, CONNECT[seen.outcome], seen.subject, "connect", reason, [seen], also)


@rule("net.proxy", hop="connect")
def proxying(case: Case) -> Iterator[Finding]:
    """The proxy of the runtime's unit files does not resolve, does not answer, or does not let through.

    A proxy that asks for credentials is asked without: those of the unit file stay on the node.
    """
    logins = [o for o in case.seen(Connect, "proxy", "node") if o.detail.login]
    for seen in (*case.seen(Dns, "proxy", "node"), *case.seen(Connect, "proxy", "node")):
        if seen.outcome in ("ok", "literal", "hosts-file", "open", "tunnel", "not-asked", "not-reached"):
            continue
        name = "" if seen.subject.host in seen.summary else f" {seen.subject.host}"
        reason = f"{where(seen)}, proxy{name}: {seen.summary}"
        withheld = seen.outcome == "407" and seen in logins
        # settings that the runtime has not been started with yet are read from the files all the same
        got_past = _spoken_hop(case) > HOPS.index("connect")
        if withheld:
            reason += "; the runtime's own credentials for it stay on the node"
        elif seen.outcome == "407":
            reason += "; the runtime's settings hold no credentials for it"
        sure: Confidence = "possible" if withheld or got_past else "confirmed"
        level: Level = "warning" if got_past else "error"
        yield found(case, "net.proxy", seen.subject, "connect", reason, [seen], (), sure, level)
        return


def _spoken_hop(case: Case) -> int:
    """Where on the path the runtime's own words say that it failed, -1 where they do not say."""
    hop = catalogue.entry(classify(case.facts.said).cause).hop if case.facts.said else ""
    return HOPS.index(hop) if hop in HOPS else -1


def _proxy_not_set(case: Case) -> str:
    """What is said where the node's own programs use a proxy and its runtime does not."""
    for seen in case.seen(RuntimeConfig, "node", "node"):
        proxy = seen.detail.proxy
        if proxy is not None and proxy.elsewhere is not None:
            other = proxy.elsewhere
            return f"; {other.file} names the proxy {other.proxy}, the runtime's unit names none"
    return ""


TLS = {
    "unknown-authority": "tls.unknown_authority",
    "expired": "tls.expired",
    "not-yet-valid": "tls.not_yet_valid",
    "hostname-mismatch": "tls.hostname_mismatch",
    "plain-http": "tls.http_on_https",
    "handshake-failed": "tls.handshake",
    "timeout": "tls.handshake",
    "reset": "tls.handshake",
    "closed": "tls.handshake",
}


@rule(*dict.fromkeys(TLS.values()), hop="tls")
def shaking_hands(case: Case) -> Iterator[Finding]:
    """A certificate that the node does not accept, or no TLS at all."""
    for seen in decisive(case, Tls):
        cause = TLS.get(seen.outcome)
        if cause is not None and not wrong_clock(case, seen):
            yield found(
                case,
                cause,
                seen.subject,
                "tls",
                f"{where(seen)}, {seen.subject.host}: {seen.summary}{_between(case, seen)}{_by_its_own(seen)}",
                [seen],
                _also(seen),
                "likely" if by_date(seen) else "confirmed",
            )


def _between(case: Case, seen: Observation[Tls]) -> str:
    """Who may have made a certificate that the node does not know: its proxy, or whoever stands on its way and not on this
    machine's."""
    if seen.outcome != "unknown-authority":
        return ""
    mine = _issuer(seen)
    for other in case.seen(Tls, place="workstation"):
        theirs = _issuer(other)
        if other.subject == seen.subject and other.outcome == "ok" and mine and theirs and mine != theirs:
            return f"; from this machine it is issued by {theirs}: something on the node's way opens TLS"
    for way in case.seen(Connect, seen.subject.role, "node"):
        if way.subject == seen.subject and way.detail.proxy:
            return f"; the way leads through the proxy {way.detail.proxy}, which may open TLS"
    return ""


def _by_its_own(seen: Observation[Tls]) -> str:
    """What a server believes whose clock is the one that is wrong: the node's and this machine's agree."""
    if not by_date(seen):
        return ""
    node = seen.vantage.name or "the node"
    clocks = "this machine's" if seen.vantage.place == "workstation" else f"{node}'s and this machine's"
    return f"; by its own clock, {behind(-ahead(seen))} {clocks}, it is valid"


def _issuer(seen: Observation[Tls]) -> str:
    return seen.detail.chain[0].issuer if seen.detail.chain else ""


def _also(seen: Observation[Tls]) -> list[str]:
    """Further things wrong with the same certificate."""
    others = [TLS[p] for p in seen.detail.problems if p in TLS and p != seen.outcome]
    # from the node, a clock that differs from the server's is this machine's as well, or the finding were another
    others += ["node.clock_skew"] if by_date(seen) and seen.vantage.place != "node" else []
    return [*others, "net.reset"] if seen.outcome == "reset" else others

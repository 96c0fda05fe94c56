"""Rules for dns, connect and tls: the same for every host of the path."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Case, Finding, Observation, Subject
from .clock import wrong_clock
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
    for seen in decisive(case, "dns"):
        cause = DNS.get(seen.outcome)
        if cause is None or seen.subject.role == "proxy":
            continue
        subject = seen.subject
        servers = sorted({str(s.get("server")) for s in seen.data.get("servers") or [] if isinstance(s, dict)})
        if cause in ("dns.timeout", "dns.server_failure") and servers:
            subject = Subject("dns-server", ", ".join(servers))
        yield found(case, cause, subject, "dns", f"{where(seen)}, {seen.subject.host}: {seen.summary}", [seen])


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
    for seen in decisive(case, "connect"):
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
            reason = f"{where(seen)}, {seen.subject.host}: {seen.summary}"
            yield found(case, CONNECT[seen.outcome], seen.subject, "connect", reason, [seen], also)


@rule("net.proxy", hop="connect")
def proxying(case: Case) -> Iterator[Finding]:
    """The proxy of the runtime's unit files does not resolve, does not answer, or does not let through.

    A proxy that asks for credentials is asked without: those of the unit file stay on the node.
    """
    for seen in (*case.seen("dns", "proxy", "node"), *case.seen("connect", "proxy", "node")):
        if seen.outcome in ("ok", "literal", "hosts-file", "open", "tunnel", "not-asked", "not-reached"):
            continue
        name = "" if seen.subject.host in seen.summary else f" {seen.subject.host}"
        reason = f"{where(seen)}, proxy{name}: {seen.summary}"
        yield found(
            case,
            "net.proxy",
            seen.subject,
            "connect",
            reason,
            [seen],
            (),
            "possible" if seen.outcome == "407" else "confirmed",
        )
        return


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
    for seen in decisive(case, "tls"):
        cause = TLS.get(seen.outcome)
        if cause is not None and not wrong_clock(seen):
            yield found(
                case,
                cause,
                seen.subject,
                "tls",
                f"{where(seen)}, {seen.subject.host}: {seen.summary}",
                [seen],
                _also(seen),
            )


def _also(seen: Observation) -> list[str]:
    """Further things wrong with the same certificate."""
    others = [TLS[p] for p in seen.data.get("problems") or [] if p in TLS and p != seen.outcome]
    return [*others, "net.reset"] if seen.outcome == "reset" else others

"""Which of all that was seen is about one image."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Connect, Dns, Observation, Pull, Subject, of_kind


def on_path(observations: Sequence[Observation], pull: Pull, asked: str) -> tuple[Observation, ...]:
    """The observations about an image, about the hosts, resolvers and proxies on its path, and about the node.

    asked: the id by which the probes know the image. A host counts in the role and the attempt in which this image meets it:
    it may be the registry of one image and the mirror of another.
    """
    mine = [o for o in observations if o.pull == asked]
    subjects = {o.subject for o in mine} | {Subject("registry", pull.authority)}
    attempts = {o.attempt for o in mine} | {""}

    def met(seen: Observation) -> bool:
        return seen.subject in subjects and seen.attempt in attempts

    hosts = {s.host for s in subjects}
    names = {host.rpartition(":")[0] or host for host in hosts} | hosts
    ways = of_kind(observations, Connect)
    proxies = {o.detail.proxy for o in ways if met(o) and o.detail.proxy}

    def concerns(seen: Observation) -> bool:
        """A resolver's answer is about the name in it, a proxy's refusal about the host that it was asked for."""
        match seen.detail:
            case Dns(name=name) if seen.subject.role == "dns-server":
                return name in names
            case Connect(proxy_for=host) if seen.subject.role == "proxy" and host:
                return host in hosts
            case _ if seen.subject.role == "proxy":
                return seen.subject.host in proxies
            case _:
                return seen.subject.role == "node" or met(seen)

    return tuple(o for o in observations if o.pull == asked or (not o.pull and concerns(o)))

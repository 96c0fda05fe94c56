"""Which of all that was seen is about one image."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Observation, Pull, Subject


def on_path(observations: Sequence[Observation], pull: Pull, asked: str) -> tuple[Observation, ...]:
    """The observations about an image, about the hosts, resolvers and proxies on its path, and about the node.

    asked: the id by which the probes know the image. A host counts in the role and the attempt in which this image meets it:
    it may be the registry of one image and the mirror of another.
    """
    mine = [o for o in observations if o.pull == asked]
    subjects = {o.subject for o in mine} | {Subject("registry", pull.authority)}
    attempts = {_attempt(o) for o in mine} | {""}

    def met(seen: Observation) -> bool:
        return seen.subject in subjects and _attempt(seen) in attempts

    hosts = {s.host for s in subjects}
    names = {host.rpartition(":")[0] or host for host in hosts} | hosts
    proxies = {str(o.data["proxy"]) for o in observations if met(o) and isinstance(o.data.get("proxy"), str)}

    def concerns(seen: Observation) -> bool:
        """A resolver's answer is about the name in it, a proxy's refusal about the host that it was asked for."""
        if seen.subject.role == "dns-server":
            return str(seen.data.get("name")) in names
        if seen.subject.role == "proxy":
            return str(seen.data["for"]) in hosts if "for" in seen.data else seen.subject.host in proxies
        return seen.subject.role == "node" or met(seen)

    return tuple(o for o in observations if o.pull == asked or (not o.pull and concerns(o)))


def _attempt(seen: Observation) -> str:
    return str(seen.data.get("attempt") or "")

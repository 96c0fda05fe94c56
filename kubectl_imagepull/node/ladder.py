"""Choosing a way out of the node: the best rung that really works, proven by trying it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..model import Observation, ProbeRun, ReadError, Vantage
from . import follow as running
from . import kubelet_asks
from .bundle import bundle
from .follow import RungFailed
from .frames import FrameReader
from .plan import Plan
from .pod import HOST, LOCK, Run, host_python_spec
from .trail import Client, Trail

CANDIDATES = 3
PAUSE_NAMES = (
    "registry.k8s.io/pause:3.10.1",
    "registry.k8s.io/pause:3.10",
    "registry.k8s.io/pause:3.9",
    "registry.k8s.io/pause:3.8",
    "k8s.gcr.io/pause:3.6",
    "rancher/mirrored-pause:3.6",
    "mcr.microsoft.com/oss/kubernetes/pause:3.6",
)
SLACK = 15
"""Seconds beyond the probes' own budget until the cluster ends a run whose client is gone."""
CANNOT_SEE = {
    "host-python": ("the runtime's proxy settings and mirrors",),
    "kubelet": (
        "certificates (the kubelet does not verify them)",
        "proxies (the kubelet ignores them)",
        "headers and bodies, so neither tokens nor the registry's own words",
    ),
    "": ("the network as the node sees it",),
}


@dataclass(frozen=True)
class NodeImages:
    """Names of images that are on the node, best candidates first: images of pods that run there without pull secrets."""

    running: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeAsked:
    """What the ladder needs to know of the node. ready: the Ready condition, with why where it is not."""

    name: str
    namespace: str
    ready: bool = True
    why_not_ready: str = ""
    os: str = "linux"
    arch: str = "amd64"
    os_image: str = ""
    images: NodeImages = field(default_factory=NodeImages)


Seen = Callable[[Observation], None]


def host_vantage(rung: str, node: str) -> Vantage:
    """The vantage of a rung on a node."""
    if rung == "kubelet":
        return Vantage("node", "host", "host", "none", "unknown", rung, node)
    return Vantage("node", "host", "host", "host", "unknown", rung, node)


def climb(
    api: Client, trail: Trail, asked: NodeAsked, plan: Plan, seen: Seen, via: str = ""
) -> tuple[ProbeRun, list[ReadError]]:
    """Take the first rung that works and tell `seen` each observation. -> what was done and what went wrong.

    Never raises for a rung that does not work; API errors that end everything (Unreachable) pass through.
    """
    why_not: list[str] = []
    started = time.monotonic()
    if asked.os != "linux":
        why_not.append(f"{asked.name} runs {asked.os}: no probe runs there")
    elif not asked.ready:
        why_not.append(f"{asked.name} is not ready, so its kubelet starts no probe pod ({asked.why_not_ready})"[:300])
    else:
        rungs: Sequence[tuple[str, Any]] = [("host-python", _host_python), ("kubelet", _kubelet)]
        for rung, take in rungs:
            if via and via != rung:
                continue
            run = Run.on(asked.name, asked.namespace, int(plan.budget) + SLACK)
            try:
                image, pod, complete = take(api, trail, asked, run, plan, seen)
            except RungFailed as error:
                why_not.append(f"{rung}: {error}")
                trail.clear()
                continue
            errors = (
                [] if complete else [ReadError("node", "the probes ran out of time; what they saw until then is shown")]
            )
            done = ProbeRun(
                rung=rung,
                node=asked.name,
                namespace=asked.namespace,
                pod=pod,
                image=image,
                created=True,
                seconds=round(time.monotonic() - started, 2),
                why_not=tuple(why_not),
                cannot_see=CANNOT_SEE[rung],
            )
            return done, errors
    return ProbeRun(rung="api-only", node=asked.name, why_not=tuple(why_not), cannot_see=CANNOT_SEE[""]), []


def _host_python(
    api: Client, trail: Trail, asked: NodeAsked, run: Run, plan: Plan, seen: Seen
) -> tuple[str, str, bool]:
    """-> (image, pod, complete)."""
    libraries = _libraries(asked)
    images = _candidates(asked)
    if not images:
        raise RungFailed("no image is known to be on the node")
    spec = host_python_spec(run, images, libraries)
    running.try_dry(api, run, spec)
    owner = running.start(trail, run, spec)
    running.deliver(trail, run, owner, bundle(), plan.for_node(HOST, LOCK))
    reader = FrameReader(plan.nonce, host_vantage("host-python", asked.name))
    pod, complete = running.follow(api, run, reader, plan.budget + SLACK / 2, seen)
    return images[0], pod, complete


def _libraries(asked: NodeAsked) -> list[str]:
    """The folders that a glibc host's /usr/bin/python3 needs. Raises RungFailed for hosts that are known to have none."""
    text = asked.os_image.lower()
    without = ("bottlerocket", "talos", "container-optimized", "flatcar", "kairos", "alpine")
    name = next((w for w in without if w in text), "")
    if name:
        raise RungFailed(f"{asked.os_image} has no Python of its own that could be borrowed")
    # the loader's folder: /lib64 exists on every glibc amd64 host, on arm64 the loader is in /lib
    return ["/usr", "/lib", "/lib64"] if asked.arch == "amd64" else ["/usr", "/lib"]


def _candidates(asked: NodeAsked) -> list[str]:
    """Up to CANDIDATES images that are surely or probably there, known pause images as the last resort."""
    listed = [i for i in asked.images.listed if "@" not in i]
    pauses = [i for i in listed if "pause" in i]
    ranked = list(dict.fromkeys([*asked.images.running, *pauses, *listed]))
    chosen = ranked[:CANDIDATES]
    return chosen if chosen else list(PAUSE_NAMES[:CANDIDATES])


def _kubelet(api: Client, trail: Trail, asked: NodeAsked, run: Run, plan: Plan, seen: Seen) -> tuple[str, str, bool]:
    """-> (image, pod, complete)."""
    listed = [i for i in (*asked.images.running, *asked.images.listed) if "pause" in i and "@" not in i]
    images = list(dict.fromkeys([*listed[:2], *PAUSE_NAMES]))[: 2 if listed else len(PAUSE_NAMES)]
    return kubelet_asks.ask(api, trail, run, plan, images, host_vantage("kubelet", asked.name), seen)

"""A rehearsal of the pull: the kubelet really pulls the image again, with the pod's own secrets, and nothing of it runs.

It settles what no probe can: credentials of the kubelet's own, mirrors, proxies, signature policies. It costs one pull.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model import Observation, Subject, TrialPull, Vantage
from .follow import POLL, STARTUP_SECONDS, Refused, RungFailed, Taken, pod_events, pod_of, refused, start, statuses
from .pod import Run, rehearsal_spec
from .trail import Client, Trail

FAILED = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ImageInspectError", "ErrImageNeverPull"})
MADE = frozenset({"CreateContainerError", "RunContainerError", "CreateContainerConfigError", "CrashLoopBackOff"})
PATIENCE = 60.0
"""Seconds for all pulls of a rehearsal; what is not done by then is said to go on."""


@dataclass(frozen=True)
class Rehearsal:
    """What is rehearsed. images: by pull id, as the pod's spec writes them; secrets, account: as the pod names them."""

    images: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    account: str = ""


def rehearse(
    api: Client, trail: Trail, run: Run, what: Rehearsal, vantage: Vantage, seen: Callable[[Observation], None]
) -> Taken:
    """Let the kubelet pull, and tell `seen` one observation an image: hop runtime, outcome pulled, failed or unfinished.

    Raises RungFailed where no pod can be made.
    """
    if not what.images:
        raise RungFailed("there is no image to pull")
    names = {f"pull-{number}": pull for number, pull in enumerate(what.images)}
    spec = rehearsal_spec(run, {name: what.images[pull] for name, pull in names.items()}, what.secrets, what.account)
    try:
        run, _ = start(trail, run, spec)
    except Refused:
        raise
    except Exception as error:
        if getattr(error, "status", 0) == 422:
            raise RungFailed(refused(error)) from None
        raise
    began = time.monotonic()
    waiting = dict(names)
    pod: dict[str, Any] | None = None
    while waiting and time.monotonic() < began + PATIENCE:
        pod = pod_of(api, run) or pod
        if pod is None and time.monotonic() > began + STARTUP_SECONDS:
            raise RungFailed(f"no pod was made within {STARTUP_SECONDS:.0f} s")
        for name, (outcome, message) in _ended(pod).items() if pod is not None else ():
            pull = waiting.pop(name, None)
            if pull is None or pod is None:
                continue
            if outcome == "failed" and "Back-off" in message:
                message = _from_event(api, run, pod, name) or message
            seen(_observation(outcome, message, what.images[pull], pull, vantage, time.monotonic() - began))
        time.sleep(POLL)
    for pull in waiting.values():
        seen(_observation("unfinished", "", what.images[pull], pull, vantage, time.monotonic() - began))
    return Taken("", pod["metadata"]["name"] if pod else run.name, not waiting)


def _ended(pod: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """(outcome, message) by container, of those whose pull has ended. A container that could not start had its image."""
    found = {}
    for entry in statuses(dict(pod)):
        state = entry.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated")
        reason = str(waiting.get("reason") or "")
        if ended or state.get("running") or reason in MADE:
            found[entry["name"]] = ("pulled", "")
        elif reason in FAILED or (reason and reason not in ("ContainerCreating", "PodInitializing")):
            found[entry["name"]] = ("failed", str(waiting.get("message") or reason))
    return found


def _from_event(api: Client, run: Run, pod: Mapping[str, Any], container: str) -> str:
    for event in pod_events(api, run, pod["metadata"]["name"]):
        field_path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
        message = str(event.get("message") or "")
        if event.get("reason") == "Failed" and field_path.endswith(f"{{{container}}}") and "Failed to pull" in message:
            return message
    return ""


def _observation(outcome: str, message: str, image: str, pull: str, vantage: Vantage, seconds: float) -> Observation:
    words = {
        "pulled": f"the kubelet pulled it again in {seconds:.1f} s; that cost one pull",
        "failed": "the kubelet tried again and failed in the same moment",
        "unfinished": f"the kubelet was still pulling after {seconds:.0f} s",
    }
    return Observation(
        TrialPull(message[:4000], image),
        Subject("node", vantage.name),
        vantage,
        outcome,
        words[outcome],
        pull=pull,
        ms=round(seconds * 1000, 1),
        at=time.time(),
    )

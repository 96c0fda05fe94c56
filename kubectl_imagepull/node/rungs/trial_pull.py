"""A trial pull: the kubelet really pulls the image again, with the pod's own secrets, and nothing of it runs.

It settles what no probe can: credentials of the kubelet's own, mirrors, proxies, signature policies. It costs one pull.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ApiError
from ...image.messages import ANONYMOUS, classify
from ...model import HOPS, Observation, Subject, TrialPull, Vantage
from ...model.vocabulary import TRIAL_PULL
from ..attempt import PULLING, Attempt
from ..created_objects import Client
from ..failures import RungFailed, refusal_of
from ..job import Run, trial_pull_spec
from ..probe_log import Taken
from ..run_pod import POLL, STARTUP_SECONDS, pod_events, pod_of, start, statuses
from .rung import Rung

FAILED = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ImageInspectError", "ErrImageNeverPull"})
MADE = frozenset({"CreateContainerError", "RunContainerError", "CreateContainerConfigError", "CrashLoopBackOff"})
PATIENCE = 60.0
"""Seconds for all pulls of a trial; what is not done by then is said to go on."""
SECOND = 25.0
"""Seconds from the first attempt's end to that of the second: a back-off of 10 s, and what the kubelet needs to come round."""
SELDOM = 1.0
"""Seconds between two looks at a pod whose second attempt counts."""

INVALID = 422


@dataclass(frozen=True)
class TrialPulling:
    """A rung (`rungs.rung.Rung`)."""

    name: str = TRIAL_PULL
    cannot_see: tuple[str, ...] = ("anything beyond the runtime's own words",)

    @property
    def sees(self) -> Mapping[str, str]:
        """By hop."""
        return dict.fromkeys(HOPS[HOPS.index("dns") :], "in the runtime's words")

    def attempt(self, way: Attempt) -> Taken:
        """Let the kubelet pull in the failing pod's namespace: one observation an image, of outcome pulled, failed or unfinished.

        Raises RungFailed where no pod can be made, KubeError.
        """
        what = way.node.trial_pull
        if not what.images:
            raise RungFailed("there is no image to pull")
        vantage = Vantage(way.place, "host", "host", "host", "known", self.name, way.node.name)
        names = {f"pull-{number}": pull for number, pull in enumerate(what.images)}
        run = way.run(PULLING, way.node.namespace)
        images = {name: what.images[pull] for name, pull in names.items()}
        try:
            run, _ = start(way.created, run, trial_pull_spec(run, images, what.secrets, what.account))
        except ApiError as error:
            if error.status == INVALID:
                raise RungFailed(refusal_of(error).words) from None
            raise
        return self._awaited(way, run, names, vantage)

    def _awaited(self, way: Attempt, run: Run, names: Mapping[str, str], vantage: Vantage) -> Taken:
        api, what = way.api, way.node.trial_pull
        began = time.monotonic()
        waiting = dict(names)
        pod: dict[str, Any] | None = None
        # container -> what its first attempt was told, which may have gone out without a login, and when
        early: dict[str, tuple[str, float]] = {}
        while waiting and time.monotonic() < began + PATIENCE:
            pod = pod_of(api, run) or pod
            if pod is None and time.monotonic() > began + STARTUP_SECONDS:
                raise RungFailed(f"no pod was made within {STARTUP_SECONDS:.0f} s")
            for name, (outcome, message) in _ended(pod).items() if pod is not None else ():
                if pod is None or name not in waiting:
                    continue
                failures = _failures(api, run, pod, name) if outcome == "failed" else []
                if failures and "Back-off" in message:
                    message = _message(failures[-1])
                if outcome == "failed" and pod["spec"].get("imagePullSecrets") and classify(message).cause in ANONYMOUS:
                    _, since = early.setdefault(name, (message, time.monotonic()))
                    attempts = sum(int(event.get("count") or 1) for event in failures)
                    if attempts < 2 and time.monotonic() < since + SECOND:
                        continue
                pull = waiting.pop(name)
                way.seen(_observation(outcome, message, what.images[pull], pull, vantage, time.monotonic() - began))
            time.sleep(SELDOM if early.keys() & waiting.keys() else POLL)
        for name, pull in waiting.items():
            outcome, message = ("failed", early[name][0]) if name in early else ("unfinished", "")
            way.seen(_observation(outcome, message, what.images[pull], pull, vantage, time.monotonic() - began))
        return Taken("", pod["metadata"]["name"] if pod else run.name, not waiting, self.cannot_see, run.made)


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


def _failures(api: Client, run: Run, pod: Mapping[str, Any], container: str) -> list[Mapping[str, Any]]:
    """The events of a container's failed pulls, the newest last."""
    found = []
    for event in pod_events(api, run, pod["metadata"]["name"]):
        field_path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
        failed = event.get("reason") == "Failed" and "Failed to pull" in _message(event)
        found += [event] if failed and field_path.endswith(f"{{{container}}}") else []
    return sorted(found, key=lambda event: str(event.get("lastTimestamp") or ""))


def _message(event: Mapping[str, Any]) -> str:
    return str(event.get("message") or "")


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


RUNG: Rung = TrialPulling()

"""Events: what a kubelet said of an image, and which pods they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import lazily
from ..errors import KubeError
from ..image.pulls import sandbox_image_in
from ..model import Event
from .client import Api
from .objects import time_of
from .paths import path_of

NAMED = lazily.pattern(
    r"\A(?:(?:Pulling|Failed to pull|Successfully pulled|Back-off pulling|Container) image|Failed to apply default image tag) "
    r"\"([^\"]{1,500})\""
)


def event_of(event: Mapping[str, Any]) -> Event:
    series = event.get("series") or {}
    first = time_of(event.get("firstTimestamp") or event.get("eventTime"))
    last = time_of(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime"))
    path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
    name = path[path.index("{") + 1 : -1] if path.startswith("spec.") and "{" in path else ""
    return Event(
        type=str(event.get("type") or ""),
        reason=str(event.get("reason") or ""),
        message=str(event.get("message") or ""),
        count=int(series.get("count") or event.get("count") or 1),
        first=first or last,
        last=last or first,
        container=name,
    )


def concerns(event: Event, image: str) -> bool:
    """Whether an event that names no container (those of image volumes, of the whole pod) may be about this image."""
    named = NAMED.match(event.message)
    return named is None or named[1] == image


def sandbox_image(events: Sequence[Event]) -> str:
    """The sandbox (pause) image whose pull failed last, "" where the pod's own images were asked for since."""
    if not events or any(e.reason in ("Pulling", "Pulled", "Created", "Started") for e in events):
        return ""
    found = [i for e in events if e.reason == "FailedCreatePodSandBox" and (i := sandbox_image_in(e.message))]
    return found[-1] if found else ""


def tells_of_failed_pull(event: Mapping[str, Any]) -> bool:
    """Whether an event object, of a reason Failed or FailedCreatePodSandBox, is about an image and not about something else."""
    message = str(event.get("message") or "")
    return message.startswith("Failed to pull image") or bool(sandbox_image_in(message))


def troubled_pods(api: Api, namespace: str) -> tuple[set[str], KubeError | None]:
    """(uids of the pods whose pull failed at some time, what kept the events from being read, None where all were)."""
    found: set[str] = set()
    for reason in ("Failed", "FailedCreatePodSandBox"):
        try:
            for event in api.pages(path_of("Event", namespace), fieldSelector=f"reason={reason}"):
                if tells_of_failed_pull(event):
                    found.add(str((event.get("involvedObject") or {}).get("uid")))
        except KubeError as error:
            return found, error
    return found, None

"""Reading what a run says while it runs: frames out of its log, else out of its termination message."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ApiError, Unreachable
from ..model import Observation
from .created_objects import Client, core
from .failures import More, RungFailed
from .frames import Frame, FrameReader
from .job import Run
from .run_pod import MOST_BROKEN, MOUNTS_SECONDS, POLL, pod_of, statuses, wait_started
from .watched import pause

MOST_LOG = 16 << 20
"""Bytes of a log that are asked for at once: what our probes write is a small part of it."""
FLOOD = 100_000
"""Lines that are none of ours: whoever writes more of them into the log keeps us from reading it."""
SILENCE = 6.0
"""Seconds without a line before a log is asked for anew: longer than any one question of the probes takes."""


@dataclass(frozen=True)
class Taken:
    """A way out that was taken."""

    image: str
    """Of the container that ran."""
    pod: str
    """The pod's name."""
    complete: bool
    """The plan was walked to its end."""
    cannot_see: tuple[str, ...] = ()
    """What this way cannot see, for a person."""
    owner: str = ""
    """What takes all of the run along when it is deleted: `job/NAME` or `pod/NAME`, "" where there are several."""


def follow(
    api: Client,
    run: Run,
    reader: FrameReader,
    seconds: float,
    seen: Callable[[Observation], None],
    pulling: float = 0.0,
    every: float = MOUNTS_SECONDS,
) -> Taken:
    """Read the frames of the run's walker as they come. Raises RungFailed if nobody walks. pulling: seconds for an image; every:
    as of `wait_started`.

    A log stream that breaks or stalls is taken up again (frames already told are skipped), and read once more when the
    container has ended; where logs may not be read, or break again and again, the summary in the termination message is read at
    the end.
    """
    deadline = time.monotonic() + seconds
    skipped: set[str] = set()
    while True:
        pod, container = wait_started(api, run, frozenset(skipped), pulling, every)
        name = pod["metadata"]["name"]
        image = next((c["image"] for c in pod["spec"]["containers"] if c["name"] == container), "")
        told, walked, complete, broken, forbidden = 0, False, False, 0, False
        ended: dict[str, Any] | None = None
        while time.monotonic() < deadline:
            number = 0
            try:
                for frame in _frames(api, run, name, container, reader, ended is None, deadline):
                    walked, broken = True, 0
                    if frame.observation is not None:
                        number += 1
                        if number > told:
                            told = number
                            seen(frame.observation)
                    if frame.kind == "more":
                        raise More(frame.paths)
                    complete = complete or (frame.kind == "end" and frame.complete)
                    if frame.kind == "end":
                        return Taken(image, name, complete, owner=run.made)
            except ApiError as error:
                # 400: the container has not begun; 404: it has gone
                forbidden = error.forbidden
                broken = MOST_BROKEN if forbidden else broken + (error.status not in (400, 404))
            except Unreachable:
                broken += 1  # the stream broke or fell silent: it is taken up again
            if not walked and (ended is not None or broken >= MOST_BROKEN):
                if _from_message(api, run, container, reader, seen, deadline):
                    return Taken(image, name, complete=True, owner=run.made)
                if ended is None:
                    needs = f" (needs get on pods/log in {run.namespace})" if forbidden else ""
                    raise RungFailed(f"its log cannot be read{needs}, and what the probes leave beside it says nothing")
            if ended is not None:
                break
            ended = _ended(api, run, container)
            pause(api, run, POLL)
        if walked:
            return Taken(image, name, complete, owner=run.made)
        skipped.add(container)
        if time.monotonic() >= deadline:
            raise RungFailed("the probes did not answer in time")


def _frames(
    api: Client, run: Run, pod: str, container: str, reader: FrameReader, following: bool, deadline: float
) -> Iterator[Frame]:
    """The frames in the log so far, and those that come while it does not fall silent, until the deadline.

    Raises RungFailed for a log that is flooded.
    """
    path = f"{core(run.namespace, 'pods')}/{pod}/log"
    more = {"follow": "true"} if following else {}
    for line in api.lines(path, SILENCE, container=container, limitBytes=MOST_LOG, **more):
        frame = reader.read(line)
        if frame is not None:
            yield frame
        if reader.foreign > FLOOD:
            raise RungFailed("the probe's log is flooded with lines that are not the probe's")
        if time.monotonic() > deadline:
            return


def _ended(api: Client, run: Run, container: str) -> dict[str, Any] | None:
    pod = pod_of(api, run)
    if pod is None:
        return {}
    for entry in statuses(pod):
        if entry["name"] == container:
            found: dict[str, Any] | None = (entry.get("state") or {}).get("terminated")
            return found
    return None


def _from_message(
    api: Client, run: Run, container: str, reader: FrameReader, seen: Callable[[Observation], None], deadline: float
) -> bool:
    """The summary that the probes leave as termination message: outcomes without details. -> whether it is theirs."""
    while time.monotonic() < deadline:
        ended = _ended(api, run, container)
        if ended is not None:
            frames = [reader.read(line) for line in _summary(ended.get("message"))]
            for frame in frames:
                if frame is not None and frame.kind == "more":
                    raise More(frame.paths)
                if frame is not None and frame.observation is not None:
                    seen(frame.observation)
            return any(frame is not None for frame in frames)
        pause(api, run, POLL)
    return False


def _summary(message: Any) -> list[bytes]:
    """The frames that a termination message stands for, [] for one that is not the probes' own."""
    try:
        document = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):
        return []
    if not isinstance(document, dict) or not isinstance(document.get("seen"), list):
        return []
    frames: list[dict[str, Any]] = [{"kind": "more", "paths": document["more"]}] if "more" in document else []
    for entry in document["seen"]:
        if isinstance(entry, list) and len(entry) == len(SUMMARY):
            frames.append({"kind": "seen", **dict(zip(SUMMARY, entry, strict=True))})
    start = f"{document.get('protocol')} {document.get('nonce')} "
    return [f"{start}{json.dumps(frame)}".encode("utf-8", "replace") for frame in frames]


SUMMARY = ("hop", "role", "host", "outcome", "pull")
"""The fields of an observation in the termination message (probes/frames.py)."""

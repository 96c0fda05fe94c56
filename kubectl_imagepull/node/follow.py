"""Starting a run's pod and reading what it says while it runs."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..model import Observation
from .bundle import NOT_OURS
from .frames import Frame, FrameReader
from .pod import RUN_LABEL, Run, bare_pod, config_map, job
from .trail import Client, Trail, belongs, core, jobs

STARTUP_SECONDS = 15.0
"""A cached image starts in half a second, with a ConfigMap in two; a busy node may need more."""
PULLING_SECONDS = 5.0
"""For a pull that admission has forced upon us: an image that is there is only checked against its registry."""
POLL = 0.1
MOST_LOG = 16 << 20
"""Bytes of a log that are asked for at once: what our probes write is a small part of it."""
NO_PROGRAM = (126, 127)
"""Exit codes of env(1) and of shells for a program that cannot be run or is not there."""
SETTLED = 0.3
"""Seconds in which the kubelet tells of all the mounts that fail, once it has told of one: it tries them side by side."""
FLOOD = 100_000
"""Lines that are none of ours: whoever writes more of them into the log keeps us from reading it."""
SILENCE = 6.0
"""Seconds without a line before a log is asked for anew: longer than any one question of the probes takes."""
HOPELESS = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ImageInspectError",
        "CreateContainerError",
        "CreateContainerConfigError",
        "RunContainerError",
        "CrashLoopBackOff",
    }
)


@dataclass(frozen=True)
class Taken:
    """A way out that was taken. image: of the container that ran; complete: the plan was walked to its end."""

    image: str
    pod: str
    complete: bool


class RungFailed(Exception):
    """This way out of the node does not work here. str(): why, one line, for ProbeRun.why_not."""


class Refused(RungFailed):
    """The API server does not admit the pod; another one it may."""


class Forced(RungFailed):
    """Admission makes the node pull every image, and it cannot: no pod of ours will run there, whatever its image."""


class NotThere(RungFailed):
    """No image of the pod is on the node any more; another one may be."""


class Missing(RungFailed):
    """The host lacks what was to be mounted. paths: all of it that the kubelet has named."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(f"the node has no such folder or file: {', '.join(paths)}"[:160])
        self.paths = tuple(paths)


class More(RungFailed):
    """The host's configuration names places that are not mounted. paths: with the type of their hostPath."""

    def __init__(self, paths: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"the node's configuration names {', '.join(path for path, _ in paths)}"[:160])
        self.paths = tuple(paths)


def refused(error: Exception) -> str:
    """The API server's refusal in a few words, the policy that refuses named where it is one."""
    text = " ".join(str(getattr(error, "message", "") or error).split())
    if "violates PodSecurity" in text:
        level = text.partition('violates PodSecurity "')[2].partition('"')[0]
        what = text.partition(f'"{level}": ')[2]
        return f"the namespace enforces PodSecurity {level}: {what[:160]}"
    if "exceeded quota" in text:
        return f"the namespace's quota is used up: {text.partition('exceeded quota: ')[2][:120]}"
    for pattern, words in _REFUSALS:
        found = pattern.search(text)
        if found:
            return words.format(*found.groups())[:220]
    return text[:220]


_REFUSALS = (
    (
        re.compile(r"(ValidatingAdmissionPolicy '[^']*') with binding '[^']*' denied request: (.*)"),
        "{0} refuses it: {1}",
    ),
    (re.compile(r'admission webhook ("[^"]*") denied the request: ?(.*)'), "webhook {0} refuses it: {1}"),
    (
        re.compile(r'failed calling webhook ("[^"]*"): (?:failed to call webhook: )?(.*)'),
        "webhook {0}, without which no pod is admitted, does not answer: {1}",
    ),
)
"""What the API server says of those that refuse for it (kubernetes: apiserver/pkg/admission/plugin)."""


def try_dry(api: Client, run: Run, spec: dict[str, Any]) -> None:
    """Ask the API server, without storing anything, whether such a pod is admitted. Raises RungFailed.

    A webhook with side effects refuses every dry run, and a policy may: that says nothing about the real thing, so it is no
    refusal.
    """
    try:
        api.post(core(run.namespace, "pods"), bare_pod(run, spec), dryRun="All")
    except Exception as error:
        text = str(getattr(error, "message", ""))
        status = getattr(error, "status", 0)
        if re.search("dry.?run", text, re.I):
            return
        if (status == 403 and "cannot create resource" not in text) or status == 422:
            raise Refused(refused(error)) from None
        if status in (403, 401):
            return  # no right to create pods: the Job may still be allowed
        if "webhook" in text:
            raise Refused(refused(error)) from None
        raise


def start(trail: Trail, run: Run, spec: dict[str, Any]) -> tuple[Run, dict[str, Any]]:
    """Create the Job, else a bare pod. -> the run, which knows its owner now, and that owner. Raises RungFailed where neither is
    allowed."""
    owner = _made(trail, run, spec)
    return replace(run, owner=str((owner.get("metadata") or {}).get("uid") or "")), owner


def _made(trail: Trail, run: Run, spec: dict[str, Any]) -> dict[str, Any]:
    try:
        return trail.create(run, "job", jobs(run.namespace), job(run, spec))
    except Exception as error:
        if getattr(error, "status", 0) not in (401, 403):
            raise
        no_job = error
    try:
        return trail.create(run, "pod", core(run.namespace, "pods"), bare_pod(run, spec))
    except Exception as error:
        if getattr(error, "status", 0) not in (401, 403):
            raise
        both = f"may not create jobs or pods in {run.namespace}"
        raise Refused(f"{both}: {refused(error if 'violates' in str(error) else no_job)}") from None


class NoConfigMap(RungFailed):
    """No ConfigMap of ours can be created here, or somebody was first: the probes have to travel as arguments."""


def deliver(trail: Trail, run: Run, owner: dict[str, Any], files: Mapping[str, bytes]) -> None:
    """Create the ConfigMap that the pod waits for. Raises NoConfigMap."""
    try:
        trail.create(run, "configmap", core(run.namespace, "configmaps"), config_map(run, owner, files))
    except Exception as error:
        if getattr(error, "status", 0) in (401, 403, 409, 413, 422):
            raise NoConfigMap(f"may not create the ConfigMap of the probes: {refused(error)}") from None
        raise


def pod_of(api: Client, run: Run) -> dict[str, Any] | None:
    """The run's pod as it is now, None while the Job has not made it. A label proves nothing: the owner's uid has to be right."""
    items = api.get(core(run.namespace, "pods"), labelSelector=f"{RUN_LABEL}={run.name}").get("items") or []
    return next((item for item in items if run.owner and belongs(item, run.owner)), None)


_OURS = re.compile(r"(probe|pull|pause|v2|m|t)-\d+")


def statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """The states of our containers: admission may have put others beside them."""
    found = (pod.get("status") or {}).get("containerStatuses") or []
    return [entry for entry in found if _OURS.fullmatch(entry["name"])]


def _forced(pod: dict[str, Any]) -> bool:
    """Ours ask for images that are there; admission has made it a pull (kubernetes: plugin/pkg/admission/alwayspullimages)."""
    containers = [c for c in (pod.get("spec") or {}).get("containers") or [] if _OURS.fullmatch(c["name"])]
    return bool(containers) and all(c.get("imagePullPolicy") == "Always" for c in containers)


def _waiting(status: dict[str, Any]) -> str:
    return str(((status.get("state") or {}).get("waiting") or {}).get("reason") or "")


def why_hopeless(pod: dict[str, Any]) -> str:
    """Why no container of the pod will run, "" while one may."""
    status = pod.get("status") or {}
    if status.get("phase") == "Failed" and not any((s.get("state") or {}).get("terminated") for s in statuses(pod)):
        return f"the node refused the pod: {status.get('reason', '')} {status.get('message', '')}".strip()[:220]
    found = statuses(pod)
    reasons = []
    for entry in found:
        state = entry.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting.get("reason") in HOPELESS:
            reasons.append(f"{entry['image']}: {waiting.get('message') or waiting['reason']}")
        elif ended.get("exitCode") in NO_PROGRAM:
            reasons.append(f"{entry['image']}: the program is not there or cannot be run (exit {ended['exitCode']})")
        elif ended.get("reason") in ("StartError", "ContainerCannotRun"):
            reasons.append(f"{entry['image']}: {_start_error(str(ended.get('message') or ended['reason']))}")
    return "; ".join(r[:160] for r in reasons[:2]) if found and len(reasons) == len(found) else ""


def _start_error(text: str) -> str:
    """The end of runc's chain, which is the part that says something."""
    return text.split("runc create failed: ")[-1].replace("unable to start container process: ", "")


def wait_started(
    api: Client, run: Run, skip: frozenset[str] = frozenset(), pulling: float = 0.0
) -> tuple[dict[str, Any], str]:
    """Wait for a container that runs or has ended by itself. -> (pod, container). Raises RungFailed.

    pulling: further seconds, for a pod whose image may have to be pulled.
    """
    began = time.monotonic()
    deadline = began + STARTUP_SECONDS + pulling
    looked = began - 0.6
    pod: dict[str, Any] | None = None
    while time.monotonic() < deadline:
        pod = pod_of(api, run)
        if pod is not None and time.monotonic() > looked + 1.0:
            looked = time.monotonic()
            _raise_if_mount_fails(api, run, pod)
        if pod is None:
            _raise_if_job_failed(api, run)
        else:
            for entry in statuses(pod):
                state = entry.get("state") or {}
                ended = state.get("terminated")
                ran = state.get("running") or (
                    ended and ended.get("reason") not in ("StartError", "ContainerCannotRun")
                )
                if (
                    ran
                    and entry["name"] not in skip
                    and (ended or {}).get("exitCode") not in (4, NOT_OURS, *NO_PROGRAM)
                ):
                    return pod, entry["name"]
            codes = [((entry.get("state") or {}).get("terminated") or {}).get("exitCode") for entry in statuses(pod)]
            if codes and all(code == NOT_OURS for code in codes):
                raise NoConfigMap("the ConfigMap of the probes holds something else, or cannot be checked")
            hopeless = why_hopeless(pod)
            late = time.monotonic() > began + PULLING_SECONDS + pulling
            if _forced(pod) and (hopeless or late):
                said = hopeless or f"the pull does not end within {PULLING_SECONDS + pulling:.0f} s"
                raise Forced(
                    f"admission sets imagePullPolicy Always, so the node has to pull before any pod runs: {said}"
                )
            if hopeless:
                gone = all(_waiting(entry) == "ErrImageNeverPull" for entry in statuses(pod))
                raise (NotThere if gone else RungFailed)(hopeless)
        time.sleep(POLL)
    raise RungFailed(_why_silent(api, run, pod))


def _raise_if_job_failed(api: Client, run: Run) -> None:
    """The job controller may be refused what the user was allowed: that shows only as an event of the Job."""
    with contextlib.suppress(KeyError):
        for event in _events(api, run, run.name):
            if event.get("reason") == "FailedCreate":
                message = str(event.get("message") or "")
                failed = Refused(refused(Exception(message)))
                break
        else:
            return
    raise failed


def _raise_if_mount_fails(api: Client, run: Run, pod: dict[str, Any], again: bool = False) -> None:
    """A host folder that is not there keeps a pod waiting for ever (kubernetes: pkg/volume/hostpath)."""
    paths = []
    for event in _events(api, run, pod["metadata"]["name"]):
        found = _NOT_THERE.search(str(event.get("message") or "")) if event.get("reason") == "FailedMount" else None
        if found:
            paths.append(found[1])
    if paths and not again:
        time.sleep(SETTLED)
        _raise_if_mount_fails(api, run, pod, again=True)
    if paths:
        raise Missing(tuple(dict.fromkeys(paths)))


_NOT_THERE = re.compile(r"hostPath type check failed: (\S+) is not a (?:file|directory)")
"""kubernetes: pkg/volume/hostpath/host_path.go, checkTypeInternal."""


def _why_silent(api: Client, run: Run, pod: dict[str, Any] | None) -> str:
    if pod is None:
        return f"no pod was made within {STARTUP_SECONDS:.0f} s"
    said = [
        str(e.get("message") or "") for e in _events(api, run, pod["metadata"]["name"]) if e.get("type") == "Warning"
    ]
    why = f": {said[-1][:160]}" if said else ": the kubelet does not answer" if not statuses(pod) else ""
    return f"the pod did not start within {STARTUP_SECONDS:.0f} s{why}"


def _events(api: Client, run: Run, name: str) -> list[dict[str, Any]]:
    try:
        found = api.get(core(run.namespace, "events"), fieldSelector=f"involvedObject.name={name}")
    except Exception:
        return []  # events explain; without them the rest stands
    return list(found.get("items") or [])


def pod_events(api: Client, run: Run, name: str) -> list[dict[str, Any]]:
    """Events of one of our pods, [] where they may not be read."""
    return _events(api, run, name)


def follow(
    api: Client,
    run: Run,
    reader: FrameReader,
    seconds: float,
    seen: Callable[[Observation], None],
    pulling: float = 0.0,
) -> Taken:
    """Read the frames of the run's walker as they come. Raises RungFailed if nobody walks. pulling: seconds for an image.

    A log stream that breaks or stalls is taken up again (frames already told are skipped), and read once more when the
    container has ended; without the right to read logs the summary in the termination message is read at the end.
    """
    deadline = time.monotonic() + seconds
    skipped: set[str] = set()
    while True:
        pod, container = wait_started(api, run, frozenset(skipped), pulling)
        name = pod["metadata"]["name"]
        image = next((c["image"] for c in pod["spec"]["containers"] if c["name"] == container), "")
        told, walked, complete = 0, False, False
        ended: dict[str, Any] | None = None
        while time.monotonic() < deadline:
            number = 0
            try:
                for frame in _frames(api, run, name, container, reader, ended is None, deadline):
                    walked = True
                    if frame.observation is not None:
                        number += 1
                        if number > told:
                            told = number
                            seen(frame.observation)
                    if frame.kind == "more":
                        raise More(frame.paths)
                    complete = complete or (frame.kind == "end" and frame.complete)
                    if frame.kind == "end":
                        return Taken(image, name, complete)
            except RungFailed:
                raise
            except Exception as error:
                if getattr(error, "status", 0) in (401, 403):
                    return Taken(image, name, _from_message(api, run, container, reader, seen, deadline))
                if getattr(error, "status", 0) not in (0, 400, 404):
                    raise
            if ended is not None:
                break
            ended = _ended(api, run, container)
            time.sleep(POLL)
        if walked:
            return Taken(image, name, complete)
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
    """The summary that the probes leave as termination message: outcomes without details."""
    while time.monotonic() < deadline:
        ended = _ended(api, run, container)
        if ended is not None:
            lines = _summary(ended.get("message"))
            for line in lines:
                frame = reader.read(line)
                if frame is not None and frame.kind == "more":
                    raise More(frame.paths)
                if frame is not None and frame.observation is not None:
                    seen(frame.observation)
            return bool(lines)
        time.sleep(POLL)
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
"""The fields of an observation in the termination message (probes/__main__.py, Frames)."""

__all__ = ["RungFailed", "Taken", "deliver", "follow", "pod_events", "pod_of", "start", "statuses", "try_dry"]

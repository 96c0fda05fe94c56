"""Starting a run's pod: the dry run, the Job or bare pod, the ConfigMap, and waiting until a container of ours runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import lazily
from ..errors import ApiError, KubeError, Unreachable
from ..model.runs import RUN_LABEL
from .bundle import NOT_OURS
from .created_objects import Client, CreatedObjects, belongs, core, jobs
from .failures import (
    Forced,
    Missing,
    NoConfigMap,
    NoPodThere,
    NotThere,
    Refused,
    RungFailed,
    refusal,
    refusal_of,
    worth_a_try,
)
from .job import Run, bare_pod, config_map, job
from .watched import pause

STARTUP_SECONDS = 15.0
"""A cached image starts in half a second, with a ConfigMap in two; a busy node may need more."""
PULLING_SECONDS = 5.0
"""For a pull that admission has forced upon us: an image that is there is only checked against its registry."""
MOUNTS_SECONDS = 1.0
"""Between two looks whether a mount fails, which only events tell; the first one comes a little earlier."""
PROVEN_SECONDS = 5.0
"""The same where pods of this shape run on other nodes."""
MAKING_SECONDS = 0.3
"""In which the job controller makes a pod: only later is it asked why there is none."""
POLL = 0.1
NO_PROGRAM = (126, 127)
"""Exit codes of env(1) and of shells for a program that cannot be run or is not there."""
SETTLED = 0.3
"""Seconds in which the kubelet tells of all the mounts that fail, once it has told of one: it tries them side by side."""
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


FORBIDDEN = (401, 403)


def try_dry(api: Client, run: Run, spec: dict[str, Any]) -> None:
    """Ask the API server, without storing anything, whether such a pod is admitted. Raises Refused, KubeError.

    A webhook with side effects refuses every dry run, a policy may, and a request may break: that says nothing about the real
    thing, so it is no refusal.
    """
    began = time.monotonic()
    try:
        api.post(core(run.namespace, "pods"), bare_pod(run, spec), dryRun="All")
    except ApiError as error:
        found = refusal_of(error)
        if found.why == "dry-run":
            return
        if error.status in FORBIDDEN and (found.why == "rights" or error.status == 401):
            return  # no right to create pods: the Job may still be allowed
        if error.status in (403, 422) or found.why in ("webhook", "webhook-down", "policy"):
            raise Refused(found) from None
    except KubeError as error:
        if not worth_a_try(error, began):
            raise


def start(created: CreatedObjects, run: Run, spec: dict[str, Any]) -> tuple[Run, dict[str, Any]]:
    """Create the Job, else a bare pod. -> the run, which knows its owner now, and that owner.

    Raises Refused where neither is allowed, KubeError.
    """
    owner = _made(created, run, spec)
    uid, kind = str((owner.get("metadata") or {}).get("uid") or ""), str(owner.get("kind") or "Job").lower()
    return replace(run, owner=uid, made=f"{kind}/{run.name}"), owner


def _made(created: CreatedObjects, run: Run, spec: dict[str, Any]) -> dict[str, Any]:
    began = time.monotonic()
    try:
        return created.create(run, "job", jobs(run.namespace), job(run, spec))
    except KubeError as error:
        if not worth_a_try(error, began):
            raise
        no_job = error
    try:
        return created.create(run, "pod", core(run.namespace, "pods"), bare_pod(run, spec))
    except ApiError as error:
        if _is_plain(error) and isinstance(no_job, ApiError) and _is_plain(no_job):
            found = refusal_of(error)
            both = f"may not create jobs or pods in {run.namespace}: "
            raise Refused(found if found.why == "pod-security" else refusal_of(no_job), both) from None
        raise


def _is_plain(error: ApiError) -> bool:
    """Whether an object is refused as it is: by rights, or by what guards the namespace, whose statuses differ (a
    ValidatingAdmissionPolicy's is 422, a webhook's whatever it says)."""
    return error.status in (*FORBIDDEN, 422) or refusal_of(error).why != "other"


def deliver(created: CreatedObjects, run: Run, owner: dict[str, Any], files: Mapping[str, bytes]) -> None:
    """Create the ConfigMap that the pod waits for. Raises NoConfigMap, KubeError."""
    began = time.monotonic()
    try:
        created.create(run, "configmap", core(run.namespace, "configmaps"), config_map(run, owner, files))
    except KubeError as error:
        if not worth_a_try(error, began):
            raise
        raise NoConfigMap(f"may not create the ConfigMap of the probes: {refusal_of(error).words}") from None


MOST_BROKEN = 3
"""How often in a row a request may break: what is asked again and again is not given up for one that does."""


def pod_of(api: Client, run: Run) -> dict[str, Any] | None:
    """The run's pod as it is now, None while the Job has not made it. A label proves nothing: the owner's uid has to be right.

    Raises KubeError where pods may not be listed, and where several lists in a row break.
    """
    began = time.monotonic()
    for left in reversed(range(MOST_BROKEN)):
        try:
            listed = api.get(core(run.namespace, "pods"), labelSelector=f"{RUN_LABEL}={run.name}")
            if "items" not in listed:
                raise Unreachable("error: what the server gives as a list of pods is none")
            return next((item for item in listed["items"] if run.owner and belongs(item, run.owner)), None)
        except KubeError as error:
            forbidden = isinstance(error, ApiError) and error.forbidden
            if not left or forbidden or not worth_a_try(error, began):
                raise
        pause(api, run, POLL)
    raise AssertionError("the last try returns or raises")


_OURS = lazily.pattern(r"(probe|pull|pause|v2|m|t)-\d+")


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
    api: Client, run: Run, skip: frozenset[str] = frozenset(), pulling: float = 0.0, every: float = MOUNTS_SECONDS
) -> tuple[dict[str, Any], str]:
    """Wait for a container that runs or has ended by itself. -> (pod, container). Raises RungFailed.

    pulling: further seconds, for a pod whose image may have to be pulled; every: seconds between two looks at its mounts.
    """
    began = time.monotonic()
    deadline = began + STARTUP_SECONDS + pulling
    looked = began - 0.1 * every
    pod: dict[str, Any] | None = None
    while time.monotonic() < deadline:
        pod = pod_of(api, run)
        if pod is not None and time.monotonic() > looked + every:
            looked = time.monotonic()
            _raise_if_mount_fails(api, run, pod)
        if pod is None and time.monotonic() > began + MAKING_SECONDS:
            _raise_if_job_failed(api, run)
        elif pod is not None:
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
        pause(api, run, POLL)
    raise _why_silent(api, run, pod)


def _raise_if_job_failed(api: Client, run: Run) -> None:
    """The job controller may be refused what the user was allowed: that shows only as an event of the Job."""
    for event in pod_events(api, run, run.name):
        if event.get("reason") == "FailedCreate":
            raise Refused(refusal(str(event.get("message") or "")))


def _raise_if_mount_fails(api: Client, run: Run, pod: dict[str, Any], again: bool = False) -> None:
    """A host folder that is not there keeps a pod waiting for ever (kubernetes: pkg/volume/hostpath)."""
    paths = []
    for event in pod_events(api, run, pod["metadata"]["name"]):
        found = _NOT_THERE.search(str(event.get("message") or "")) if event.get("reason") == "FailedMount" else None
        if found:
            paths.append(found[1])
    if paths and not again:
        time.sleep(SETTLED)
        _raise_if_mount_fails(api, run, pod, again=True)
    if paths:
        raise Missing(tuple(dict.fromkeys(paths)))


_NOT_THERE = lazily.pattern(r"hostPath type check failed[:,] (\S+) is not a (?:file|directory)")
"""kubernetes: pkg/volume/hostpath/host_path.go, checkTypeInternal; with a comma in 1.37 where the type cannot be told."""


def _why_silent(api: Client, run: Run, pod: dict[str, Any] | None) -> RungFailed:
    if pod is None:
        return RungFailed(f"no pod was made within {STARTUP_SECONDS:.0f} s")
    said = [
        str(e.get("message") or "") for e in pod_events(api, run, pod["metadata"]["name"]) if e.get("type") == "Warning"
    ]
    late = f"the pod did not start within {STARTUP_SECONDS:.0f} s"
    if not said and not statuses(pod):
        return NoPodThere(f"{late}: the kubelet of {run.node} does not answer, or there is no such node")
    return RungFailed(f"{late}: {said[-1][:160]}" if said else late)


def pod_events(api: Client, run: Run, name: str) -> list[dict[str, Any]]:
    """Events of one of our objects, [] where they may not be read: events explain, without them the rest stands."""
    try:
        found = api.get(core(run.namespace, "events"), fieldSelector=f"involvedObject.name={name}")
    except KubeError:
        return []
    return list(found.get("items") or [])

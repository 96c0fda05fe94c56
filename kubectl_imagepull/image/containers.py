"""The containers of a pod object, and how they stand. For objects whose declared fields have their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .policy import Role, pulled_images

LISTS: Mapping[str, tuple[str, str]] = {
    "init": ("initContainers", "initContainerStatuses"),
    "sidecar": ("initContainers", "initContainerStatuses"),
    "container": ("containers", "containerStatuses"),
    "ephemeral": ("ephemeralContainers", "ephemeralContainerStatuses"),
}
"""Role of a container -> where its spec and its status stand (kubernetes: core/v1, PodSpec and PodStatus)."""


def containers_of(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(role, container) of a pod's spec, in the order in which they start; image volumes last, as containers of role volume."""
    for entry in spec.get("initContainers") or []:
        yield ("sidecar" if entry.get("restartPolicy") == "Always" else "init"), entry
    for role in ("container", "ephemeral"):
        for entry in spec.get(LISTS[role][0]) or []:
            yield role, entry
    for entry in spec.get("volumes") or []:
        source = entry.get("image")
        if isinstance(source, dict) and source.get("reference"):
            policy = source.get("pullPolicy")
            yield "volume", {"name": entry.get("name"), "image": source["reference"], "imagePullPolicy": policy}


def statuses_of(pod: Mapping[str, Any], *roles: str) -> list[Mapping[str, Any]]:
    """The entries of a pod's status for containers of these roles; none named: of all."""
    status = pod.get("status") or {}
    lists = dict.fromkeys(LISTS[role][1] for role in roles or LISTS)
    return [entry for key in lists for entry in status.get(key) or []]


def state_of(pod: Mapping[str, Any], role: str, name: str) -> Mapping[str, Any]:
    """The state of a container, {} where it has none; of an image volume, that of a container that mounts and awaits it."""
    if role == "volume":
        users = next((v.needed_by for v in pulled_images(pod) if v.role is Role.VOLUME and v.name == name), ())
        named = [(r, str(c.get("name") or "")) for r, c in containers_of(pod.get("spec") or {}) if r != "volume"]
        states = [state_of(pod, r, user) for r, user in named if user in users and r != "ephemeral"]
        return next((s for s in states if s.get("waiting")), states[0] if states else {})
    found = next((e for e in statuses_of(pod, role) if e.get("name") == name), {})
    return found.get("state") or {}

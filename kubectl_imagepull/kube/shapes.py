"""The shapes in which this package reads what the API server sends, held against every answer at the entrance.

Aggregated API servers, proxies, old versions and controllers that write statuses send nulls, numbers and objects where the
types of Kubernetes have something else. What has another type than it should is left out here, or turned into it where that
loses nothing, so that no reader has to look again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Shape = type | str | list[Any] | Mapping[str, Any]
"""str, int or bool; TEXTS; [shape of each item]; or a shape for each key, where keys that are not named stay as they are."""
TEXTS = "texts"
"""An object of texts: labels, annotations."""

_REFERENCE = {"apiVersion": str, "kind": str, "name": str, "uid": str, "controller": bool}
_NAMED = {"name": str}
_METADATA = {
    **dict.fromkeys(("name", "namespace", "uid", "resourceVersion", "continue"), str),
    **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), str),
    "generation": int,
    "labels": TEXTS,
    "annotations": TEXTS,
    "ownerReferences": [_REFERENCE],
}
_CONTAINER = {
    **dict.fromkeys(("name", "image", "imagePullPolicy", "restartPolicy"), str),
    "volumeMounts": [_NAMED],
}
_POD_SPEC: dict[str, Any] = {
    "nodeName": str,
    "nodeSelector": TEXTS,
    "os": {"name": str},
    "serviceAccountName": str,
    "imagePullSecrets": [_NAMED],
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "ephemeralContainers": [_CONTAINER],
    "volumes": [{"name": str, "image": {"reference": str, "pullPolicy": str}}],
}
_TEMPLATE = {"metadata": _METADATA, "spec": _POD_SPEC}
_TERMINATED = {"exitCode": int, **dict.fromkeys(("reason", "message", "startedAt", "finishedAt"), str)}
_STATE = {"waiting": {"reason": str, "message": str}, "running": {"startedAt": str}, "terminated": _TERMINATED}
_CONTAINER_STATUS = {
    **dict.fromkeys(("name", "image", "imageID", "containerID"), str),
    "ready": bool,
    "state": _STATE,
    "lastState": _STATE,
}
_CONDITION = dict.fromkeys(("type", "status", "reason", "message", "lastTransitionTime"), str)
_NODE_INFO = dict.fromkeys(
    ("operatingSystem", "architecture", "osImage", "kernelVersion", "containerRuntimeVersion", "kubeletVersion"), str
)
_SPEC = {
    **_POD_SPEC,
    "replicas": int,
    "unschedulable": bool,
    "providerID": str,
    "template": _TEMPLATE,
    "jobTemplate": {"spec": {"template": _TEMPLATE}},
}
_STATUS = {
    **dict.fromkeys(("phase", "reason", "message", "updateRevision", "currentRevision"), str),
    **dict.fromkeys(("observedGeneration", "readyReplicas", "desiredNumberScheduled"), int),
    "conditions": [_CONDITION],
    "containerStatuses": [_CONTAINER_STATUS],
    "initContainerStatuses": [_CONTAINER_STATUS],
    "ephemeralContainerStatuses": [_CONTAINER_STATUS],
    "nodeInfo": _NODE_INFO,
    "images": [{"names": [str], "sizeBytes": int}],
}
_EVENT = {
    **dict.fromkeys(("type", "reason", "message", "firstTimestamp", "lastTimestamp", "eventTime"), str),
    **dict.fromkeys(("reportingInstance", "reportingComponent"), str),
    "count": int,
    "series": {"count": int, "lastObservedTime": str},
    "source": {"component": str, "host": str},
    "involvedObject": dict.fromkeys(("kind", "namespace", "name", "uid", "fieldPath"), str),
}
OBJECT: dict[str, Any] = {
    "kind": str,
    "apiVersion": str,
    "metadata": _METADATA,
    "spec": _SPEC,
    "status": _STATUS,
    "details": dict.fromkeys(("name", "kind", "uid"), str),
    "imagePullSecrets": [_NAMED],
    "revision": int,
    # of a ControllerRevision; what is in a Secret is judged where it is read
    "data": {"spec": {"template": _TEMPLATE}},
    "kubeletconfig": {},
    **_EVENT,
}
"""Every kind that is read, in one: they do not contradict each other. Events: core/v1; the others as their kinds say."""
LARGEST = 1 << 62


def shaped(document: dict[str, Any]) -> dict[str, Any]:
    """An object or list as it was sent, changed in place: every declared field has its type or is absent.

    metadata with name, namespace and uid is always there (""), also of each item; items that are no objects are left out, and
    where `items` is no list there is none.
    """
    items = document.pop("items", ()) if "items" in document else ()
    _object(document, OBJECT)
    _named(document)
    if items is None or isinstance(items, list):
        document["items"] = [shaped(item) for item in items or () if isinstance(item, dict)]
    return document


def _named(document: dict[str, Any]) -> None:
    metadata = document.setdefault("metadata", {})
    for key in ("name", "namespace", "uid"):
        metadata.setdefault(key, "")


def _object(found: dict[str, Any], shape: Mapping[str, Any]) -> None:
    for key, wanted in shape.items():
        if key in found:
            value = _fitted(found[key], wanted)
            if value is None:
                del found[key]
            else:
                found[key] = value


def _fitted(value: Any, shape: Shape) -> Any:
    """The value in a shape, None where it does not fit."""
    if shape is str:
        return _text(value)
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return None
        _object(value, shape)
        return value
    if isinstance(shape, list):
        if not isinstance(value, list):
            return None
        return [fitted for item in value if (fitted := _fitted(item, shape[0])) is not None]
    if shape is int:
        return _number(value)
    if shape is bool:
        return value if isinstance(value, bool) else None
    if not isinstance(value, dict):
        return None
    texts = {_text(k): _text(v) for k, v in value.items()}
    return {k: v for k, v in texts.items() if k is not None and v is not None}


def _text(value: Any) -> str | None:
    """A text without halves of surrogate pairs, which nothing could print; numbers are spelled."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) < 20 and value.removeprefix("-").isdecimal():
        value = int(value)
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    return value if isinstance(value, int) and abs(value) < LARGEST else None


__all__ = ["OBJECT", "shaped"]

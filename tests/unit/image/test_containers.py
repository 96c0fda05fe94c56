"""The containers of a pod, in the order in which they start, and how they stand."""

from __future__ import annotations

from typing import Any

from kubectl_imagepull.image.containers import containers_of, state_of, statuses_of

WAITING: dict[str, Any] = {"waiting": {"reason": "ErrImagePull"}}
RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-05-04T03:02:01Z"}}
POD: dict[str, Any] = {
    "spec": {
        "ephemeralContainers": [{"name": "debug"}],
        "containers": [
            {"name": "app", "volumeMounts": [{"name": "model"}]},
            {"name": "b", "volumeMounts": [{"name": "model"}]},
        ],
        "initContainers": [{"name": "first"}, {"name": "proxy", "restartPolicy": "Always"}],
        "volumes": [
            {"name": "model", "image": {"reference": "m:1", "pullPolicy": "Always"}},
            {"name": "config"},
            {"name": "x", "image": {}},
        ],
    },
    "status": {
        "containerStatuses": [{"name": "app", "state": RUNNING}, {"name": "b", "state": WAITING}],
        "initContainerStatuses": [{"name": "first", "state": RUNNING}, {"name": "proxy"}],
        "ephemeralContainerStatuses": [{"name": "debug", "state": WAITING}],
    },
}


def test_the_order_in_which_they_start() -> None:
    found = [(role, c["name"]) for role, c in containers_of(POD["spec"])]
    assert found == [
        ("init", "first"),
        ("sidecar", "proxy"),
        ("container", "app"),
        ("container", "b"),
        ("ephemeral", "debug"),
        ("volume", "model"),
    ]
    assert list(containers_of(POD["spec"]))[-1][1] == {"name": "model", "image": "m:1", "imagePullPolicy": "Always"}
    assert list(containers_of({})) == []


def test_statuses() -> None:
    assert [s["name"] for s in statuses_of(POD)] == ["first", "proxy", "app", "b", "debug"]
    assert [s["name"] for s in statuses_of(POD, "init", "container")] == ["first", "proxy", "app", "b"]
    assert statuses_of({}) == []


def test_states() -> None:
    assert state_of(POD, "container", "app") == RUNNING and state_of(POD, "init", "first") == RUNNING
    assert state_of(POD, "sidecar", "proxy") == {} and state_of(POD, "container", "first") == {}
    assert state_of(POD, "ephemeral", "debug") == WAITING


def test_an_image_volume_stands_as_what_waits_for_it() -> None:
    assert state_of(POD, "volume", "model") == WAITING
    idle = {**POD, "status": {**POD["status"], "containerStatuses": [{"name": "app", "state": RUNNING}]}}
    assert state_of(idle, "volume", "model") == RUNNING and state_of(POD, "volume", "config") == {}

"""Pull policy, what kubelets of a version do, what is pulled when."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.image.policy import KubeletTraits, Role, default_pull_policy, pulled_images

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        (f"nginx:latest@{DIGEST}", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        (f"nginx@{DIGEST}", "IfNotPresent"),
        (f"nginx:1@{DIGEST}", "IfNotPresent"),
        ("reg.io:5000/app", "Always"),
        ("localhost:5000", "IfNotPresent"),
        ("NGINX", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_default_policy(image: str, policy: str) -> None:
    assert default_pull_policy(image) == policy


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("v1.35.2", 35),
        ("1.28.0+k3s1", 28),
        ("v1.33", 33),
        ("v2.0.0", None),
        ("", None),
        ("x", None),
        (None, None),
    ],
)
def test_version(version: Any, minor: int | None) -> None:
    assert KubeletTraits.of(version).minor == minor


def test_cached_images_are_checked_by_version() -> None:
    found = {minor: KubeletTraits(minor).checks_cached_images for minor in (32, 33, 34, 35, 37, None)}
    assert found == {32: "absent", 33: "off", 34: "off", 35: "on", 37: "on", None: "on"}


def test_what_is_pulled_when() -> None:
    pod = {
        "spec": {
            "volumes": [
                {"name": "models", "image": {"reference": "reg.io/models:1", "pullPolicy": "Always"}},
                {"name": "tmp", "emptyDir": {}},
            ],
            "initContainers": [
                {"name": "setup", "image": "reg.io/setup"},
                {"name": "proxy", "image": "reg.io/proxy:1", "restartPolicy": "Always"},
            ],
            "containers": [
                {
                    "name": "app",
                    "image": "reg.io/app:1",
                    "volumeMounts": [{"name": "models", "mountPath": "/m"}],
                },
                {"name": "side", "image": "reg.io/side:1", "imagePullPolicy": "Never"},
            ],
            "ephemeralContainers": [{"name": "debug", "image": "busybox:1"}],
        }
    }
    found = [(i.role, i.name, i.policy, i.turn, i.blocking, i.field_path) for i in pulled_images(pod)]
    assert found == [
        (Role.VOLUME, "models", "Always", 0, True, ""),
        (Role.EPHEMERAL, "debug", "IfNotPresent", 1, False, "spec.ephemeralContainers{debug}"),
        (Role.INIT, "setup", "Always", 2, True, "spec.initContainers{setup}"),
        (Role.SIDECAR, "proxy", "IfNotPresent", 3, False, "spec.initContainers{proxy}"),
        (Role.CONTAINER, "app", "IfNotPresent", 4, True, "spec.containers{app}"),
        (Role.CONTAINER, "side", "Never", 4, True, "spec.containers{side}"),
    ]
    assert pulled_images(pod)[0].needed_by == ("app",)


@pytest.mark.parametrize(
    "pod",
    [
        None, [], {}, {"spec": None}, {"spec": []},
        {"spec": {"containers": {}, "volumes": [None, {"image": 5}, {"image": {}}]}},
        {"spec": {"containers": [None, "x", {}, {"name": 5, "image": []}]}},
    ],
)  # fmt: skip
def test_a_damaged_pod_has_no_images(pod: Any) -> None:
    assert pulled_images(pod) == []

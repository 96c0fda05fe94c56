"""Pull policy, what kubelets of a version do, who may use an image on the node, what is pulled when."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.image.policy import (
    ALWAYS_VERIFY,
    NEVER_VERIFY,
    NEVER_VERIFY_ALLOWLISTED,
    NEVER_VERIFY_PRELOADED,
    KubeletTraits,
    PulledBy,
    Role,
    Step,
    default_pull_policy,
    may_use_present_image,
    pulled_images,
    step,
)

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


def test_traits_by_version() -> None:
    def row(minor: int | None) -> tuple[Any, ...]:
        t = KubeletTraits(minor)
        return (
            t.old_grammar, t.tells_missing_secrets, t.backoff_tells_cause, t.always_skips_inspection,
            t.secret_error_is_reason, t.plugins_come_last, t.image_volumes, t.checks_cached_images,
            t.reads_secrets_of_present_images,
        )  # fmt: skip

    assert row(27) == (True, False, False, False, False, False, "absent", "absent", False)
    assert row(28) == (True, True, False, False, False, False, "absent", "absent", False)
    assert row(29) == (False, True, False, False, False, False, "absent", "absent", False)
    assert row(31) == (False, True, False, False, False, False, "off", "absent", False)
    assert row(32) == (False, True, True, True, False, False, "off", "absent", False)
    assert row(33) == (False, True, True, True, True, True, "off", "off", True)
    assert row(34) == (False, True, True, True, True, True, "off", "off", True)
    assert row(35) == (False, True, True, True, True, True, "on", "on", False)
    assert row(None) == row(37) == row(35)


@pytest.mark.parametrize(
    ("policy", "present", "may_use", "expected"),
    [
        ("Always", True, True, Step.PULL),
        ("Always", False, True, Step.PULL),
        ("IfNotPresent", True, True, Step.USE),
        ("IfNotPresent", True, False, Step.PULL_TO_PROVE),
        ("IfNotPresent", False, True, Step.PULL),
        ("Never", True, True, Step.USE),
        ("Never", True, False, Step.REFUSE),
        ("Never", False, True, Step.REFUSE),
    ],
)
def test_step(policy: str, present: bool, may_use: bool, expected: Step) -> None:
    assert step(policy, present, may_use) is expected


@pytest.mark.parametrize(
    ("verification", "answers"),
    [
        # not recorded, by anyone, same secret, other secret
        (NEVER_VERIFY, (True, True, True, True)),
        (NEVER_VERIFY_PRELOADED, (True, True, True, False)),
        (ALWAYS_VERIFY, (False, True, True, False)),
        (NEVER_VERIFY_ALLOWLISTED, (False, True, True, False)),
    ],
)
def test_who_may_use_an_image_that_is_there(verification: str, answers: tuple[bool, ...]) -> None:
    assert tuple(may_use_present_image("reg.io/app:1", by, verification) for by in PulledBy) == answers


@pytest.mark.parametrize(
    ("image", "entry", "expected"),
    [
        ("reg.io/team/app:1", "reg.io/team/app", True),
        (f"reg.io/team/app:1@{DIGEST}", "reg.io/team/app", True),
        ("reg.io/team/app", "reg.io/team/*", True),
        ("reg.io/teams/app", "reg.io/team/*", False),
        ("reg.io/team/app2", "reg.io/team/app", False),
        # by the name as written
        ("nginx", "nginx", True),
        ("nginx", "docker.io/library/nginx", False),
        ("NGINX", "NGINX", False),
    ],
)
def test_allowlist(image: str, entry: str, expected: bool) -> None:
    for by in (PulledBy.NOT_RECORDED, PulledBy.OTHER_SECRET):
        assert may_use_present_image(image, by, NEVER_VERIFY_ALLOWLISTED, [entry]) is expected


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

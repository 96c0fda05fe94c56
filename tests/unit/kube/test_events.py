"""What events tell of a pod's pull."""

from __future__ import annotations

import pytest

from kubectl_imagepull.kube.events import event_of, sandbox_image

SANDBOX = "Failed to create pod sandbox: rpc error: code = Unknown desc = "


@pytest.mark.parametrize(
    ("message", "image"),
    [
        (
            SANDBOX + 'failed to get sandbox image "r.corp:5000/pause:3.9": failed to pull image',
            "r.corp:5000/pause:3.9",
        ),
        (SANDBOX + 'failed pulling image "r.corp/pause:3.1" : Error response from daemon: Get x', "r.corp/pause:3.1"),
        (SANDBOX + 'unable to pull sandbox image "r.corp/pause:3.5": x', "r.corp/pause:3.5"),
        (
            SANDBOX + 'error creating pod sandbox with name "k8s_POD_a": initializing source '
            "docker://r.corp/pause:3.9: pinging container registry r.corp",
            "r.corp/pause:3.9",
        ),
        (SANDBOX + 'plugin type="calico" failed (add): connection is unauthorized', ""),
        ('Failed to pull image "r.corp/app:1": failed to pull and unpack image "r.corp/app:1"', ""),
    ],
)
def test_the_sandbox_image_is_taken_from_the_words_of_every_runtime(message: str, image: str) -> None:
    assert sandbox_image([event_of({"reason": "FailedCreatePodSandBox", "message": message})]) == image


def test_a_sandbox_that_came_up_is_not_what_fails() -> None:
    failed = event_of(
        {"reason": "FailedCreatePodSandBox", "message": SANDBOX + 'failed pulling image "r.corp/p:1" : x'}
    )
    assert sandbox_image([failed, event_of({"reason": "Pulling", "message": 'Pulling image "r.corp/app:1"'})]) == ""

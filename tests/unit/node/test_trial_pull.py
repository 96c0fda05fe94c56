"""The trial pull: what becomes of each image, in the runtime's newest words, and that nothing of it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.model import Observation, Pull
from kubectl_imagepull.node.created_objects import CreatedObjects
from kubectl_imagepull.node.ladder import NodeAsked, TrialPullOf, pull_again
from kubectl_imagepull.node.plan import Plan
from kubectl_imagepull.node.rungs import trial_pull
from kubectl_imagepull.node.wanted import Wanted
from tests.unit.node.fake import Cluster, Object, Ran, ended, running, waiting

IMAGES = {"p0": "r.test/a:1", "p1": "r.test/b:1"}
WANTED = Wanted(via="trial-pull")


def tried(
    cluster: Any, images: dict[str, str] = IMAGES, ready: bool = True, secrets: tuple[str, ...] = ("login",)
) -> tuple[Any, list[Observation]]:
    node = NodeAsked("n1", "ns", ready=ready, trial_pull=TrialPullOf(images, secrets, "builder"))
    seen: list[Observation] = []
    plan = Plan((Pull("p0", "r.test", 443, "a", "1"),), 5.0)
    done = pull_again(cluster, CreatedObjects(cluster), node, plan, seen.append, WANTED)
    return done, seen


def states(first: Object, second: Object, **more: Any) -> Cluster:
    return Cluster(lambda pod: Ran({"pull-0": first, "pull-1": second}, **more))


def test_each_image_is_told_of_by_itself() -> None:
    """A container that could not start had its image; one that cannot pull says why."""
    cluster = states(waiting("CreateContainerError", "no such file"), waiting("ErrImagePull", "not found"))
    done, seen = tried(cluster)
    assert [(o.pull, o.outcome, o.hop) for o in seen] == [("p0", "pulled", "runtime"), ("p1", "failed", "runtime")]
    assert [getattr(o.detail, "message", "") for o in seen] == ["", "not found"]
    assert [getattr(o.detail, "image", "") for o in seen] == list(IMAGES.values())
    assert (done.rung, done.created, done.namespace) == ("trial-pull", True, "ns")
    assert done.cannot_see[0] == "anything beyond the runtime's own words" and done.owner.startswith("job/")
    assert {o.vantage.rung for o in seen} == {"trial-pull"} and {o.vantage.proxy for o in seen} == {"known"}


@pytest.mark.parametrize("state", [running(), ended()])
def test_what_runs_or_has_ended_was_pulled(state: Object) -> None:
    _, seen = tried(states(state, state))
    assert [o.outcome for o in seen] == ["pulled", "pulled"]


def test_it_is_pulled_anew_with_the_pods_own_secrets() -> None:
    cluster = states(running(), running())
    tried(cluster)
    (made,) = cluster.made
    spec = made["spec"]["template"]["spec"]
    assert [c["imagePullPolicy"] for c in spec["containers"]] == ["Always", "Always"]
    assert (spec["imagePullSecrets"], spec["serviceAccountName"]) == ([{"name": "login"}], "builder")
    assert spec["automountServiceAccountToken"] is False and "hostNetwork" not in spec


def test_a_back_off_hides_the_words_that_an_event_has() -> None:
    events = [
        {
            "reason": "Failed",
            "message": "Error: ErrImagePull",
            "involvedObject": {"fieldPath": "spec.containers{pull-1}"},
        },
        {
            "reason": "Failed",
            "message": "Failed to pull image: no such host",
            "involvedObject": {"fieldPath": "spec.containers{pull-1}"},
        },
        {
            "reason": "Failed",
            "message": "Failed to pull image: of another",
            "involvedObject": {"fieldPath": "spec.containers{pull-0}"},
        },
    ]
    back_off = waiting("ImagePullBackOff", "Back-off pulling image")
    _, seen = tried(states(running(), back_off, events=events))
    assert getattr(seen[1].detail, "message", "") == "Failed to pull image: no such host"
    _, seen = tried(states(running(), back_off))
    assert getattr(seen[1].detail, "message", "") == "Back-off pulling image"


WRONG = "failed to authorize: unable to retrieve auth token: invalid username/password: unauthorized"
DENIED = "pull access denied, repository does not exist or may require authorization"


def failed(message: str, count: int, at: int = 0) -> Object:
    return {
        "reason": "Failed",
        "message": f"Failed to pull image: {message}",
        "count": count,
        "lastTimestamp": f"2026-11-28T12:00:{at:02}Z",
        "involvedObject": {"fieldPath": "spec.containers{pull-0}"},
    }


def after(cluster: Cluster, looks: int, then: Callable[[Object, Ran], None]) -> None:
    """Let something happen to the trial's pod once it has been looked at so often."""
    left = iter(range(looks))

    def asked(verb: str, path: str, body: Any) -> None:
        if verb == "get" and path.endswith("/pods") and next(left, None) is None:
            (at,) = cluster.ran
            then(cluster.objects[at], cluster.ran[at])

    cluster.refuse = asked


@pytest.mark.parametrize(
    ("second", "count", "outcome", "message"),
    [
        (running(), 1, "pulled", ""),
        (waiting("ErrImagePull", DENIED), 2, "failed", DENIED),
        (waiting("ErrImagePull", WRONG), 1, "failed", WRONG),
    ],
)
def test_a_first_attempt_without_a_login_does_not_count(
    monkeypatch: pytest.MonkeyPatch, second: Object, count: int, outcome: str, message: str
) -> None:
    """The kubelet may be refused a secret that its node has not had before; its second attempt has it."""
    monkeypatch.setattr(trial_pull, "SELDOM", 0.01)
    cluster = Cluster(lambda pod: Ran({"pull-0": waiting("ErrImagePull", DENIED)}, events=[failed(DENIED, 1)]))

    def again(pod: Object, ran: Ran) -> None:
        pod["status"]["containerStatuses"][0]["state"] = second
        ran.events[:] = [failed(DENIED, count)]

    after(cluster, 5, again)
    _, seen = tried(cluster, {"p0": "r.test/a:1"})
    assert [(o.outcome, getattr(o.detail, "message", "")) for o in seen] == [(outcome, message)]


@pytest.mark.parametrize(
    ("secrets", "seconds", "patience"), [((), 25.0, 60.0), (("login",), 0.05, 60.0), (("login",), 25.0, 0.3)]
)
def test_it_is_not_waited_for_where_there_is_no_secret_nor_for_ever(
    monkeypatch: pytest.MonkeyPatch, secrets: tuple[str, ...], seconds: float, patience: float
) -> None:
    """Events may not be readable, so that nobody counts attempts."""
    monkeypatch.setattr(trial_pull, "PATIENCE", patience)
    monkeypatch.setattr(trial_pull, "SELDOM", 0.01)
    monkeypatch.setattr(trial_pull, "SECOND", seconds)
    _, seen = tried(
        Cluster(lambda pod: Ran({"pull-0": waiting("ErrImagePull", DENIED)})), {"p0": "r.test/a:1"}, secrets=secrets
    )
    assert [o.outcome for o in seen] == ["failed"] and seen[0].ms is not None and seen[0].ms < 5000


def test_what_is_not_done_in_time_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_pull, "PATIENCE", 0.3)
    done, seen = tried(states(waiting("ContainerCreating"), running()))
    assert [(o.pull, o.outcome) for o in seen] == [("p1", "pulled"), ("p0", "unfinished")]
    assert done.created


def test_a_job_without_a_pod_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_pull, "STARTUP_SECONDS", 0.2)

    class Slow(Cluster):
        def _pod_of(self, job: Object) -> None:
            return

    done, seen = tried(Slow())
    assert not seen and done.rung == "api-only" and "no pod was made" in done.why_not[0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ApiError(422, "Invalid", 'Pod "x" is invalid: no such image'), "is invalid"),
        (ApiError(403, "Forbidden", 'User "u" cannot create resource "jobs"'), "may not create jobs or pods in ns"),
    ],
)
def test_what_cannot_be_made(error: ApiError, words: str) -> None:
    cluster = Cluster(refuse=lambda verb, path, body: error if verb == "post" else None)
    done, seen = tried(cluster)
    assert not seen and words in done.why_not[0], done.why_not


def test_other_errors_are_told_too() -> None:
    cluster = Cluster(refuse=lambda verb, path, body: ApiError(500, "", "oops") if verb == "post" else None)
    done, seen = tried(cluster)
    assert not seen and done.why_not == (
        "trial-pull: the probe cannot be made or followed: Error from server (500): oops",
    )


def test_nothing_to_pull() -> None:
    done, _ = tried(Cluster(), {})
    assert done.why_not == ("trial-pull: there is no image to pull",)
    done, _ = tried(Cluster(), ready=False)
    assert "not ready" in done.why_not[0]

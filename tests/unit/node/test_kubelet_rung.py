"""The kubelet as a way to look out: which questions are put to it, in how many pods, and what its answers come to."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.model import NodeImages, Observation, Pull
from kubectl_imagepull.node.created_objects import CreatedObjects
from kubectl_imagepull.node.ladder import NodeAsked, climb
from kubectl_imagepull.node.plan import Plan
from kubectl_imagepull.node.rungs import kubelet
from kubectl_imagepull.node.wanted import Wanted
from tests.unit.node.fake import Cluster, Object, Ran, running, waiting

PAUSE = "registry.k8s.io/pause:3.9"
OPEN, CLOSED, SILENT = "open.test", "closed.test", "silent.test"
SAID = {
    "open": "Startup probe failed: HTTP probe failed with statuscode: 404",
    "closed": "Startup probe failed: HTTP probe failed with statuscode: 401",
}


def pulls(*hosts: str) -> tuple[Pull, ...]:
    return tuple(Pull(f"p{n}", host, 443, "team/app", str(n)) for n, host in enumerate(hosts))


def answering(pod: Object) -> Ran:
    """A kubelet that tells what each host answers; the silent one tells nothing; a manifest of an open registry is there."""
    events, states, started = [], {}, set()
    for container in pod["spec"]["containers"]:
        http = container["startupProbe"]["httpGet"]
        states[container["name"]] = running()
        kind = http["host"].partition(".")[0]
        if kind == "open" and http["path"] == "/v2/":
            started.add(container["name"])
        elif kind in SAID:
            where = {"fieldPath": f"spec.containers{{{container['name']}}}"}
            events.append({"reason": "Unhealthy", "message": SAID[kind], "involvedObject": where})
    return Ran(states, events=events)


class Kubelet(Cluster):
    """Whose containers start once `/v2/` is answered with 200."""

    def _start(self, at: str, pod: Object) -> None:
        super()._start(at, pod)
        for entry in pod["status"]["containerStatuses"]:
            http = next(c["startupProbe"]["httpGet"] for c in pod["spec"]["containers"] if c["name"] == entry["name"])
            entry["started"] = http["path"] == "/v2/" and http["host"] == OPEN


def asked(
    cluster: Any, *hosts: str, images: NodeImages | None = None, budget: float = 3.0, **more: Any
) -> tuple[Any, list[Observation], list[Any]]:
    seen: list[Observation] = []
    node = NodeAsked("n1", "ns", images=images or NodeImages((PAUSE,)))
    plan, wanted = Plan(pulls(*hosts), budget), Wanted(via="kubelet", **more)
    done, errors = climb(cluster, CreatedObjects(cluster), node, plan, seen.append, wanted)
    return done, seen, errors


def told(seen: list[Observation]) -> set[tuple[str, str, str]]:
    return {(o.subject.host, o.hop, o.outcome) for o in seen if o.hop in ("registry", "manifest", "auth")}


def test_an_open_registry_is_asked_for_the_manifest_in_one_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubelet, "REALM_SECONDS", 0.1)
    cluster = Kubelet(answering)
    done, seen, errors = asked(cluster, OPEN)
    assert told(seen) == {(OPEN, "registry", "200"), (OPEN, "manifest", "404")} and not errors
    assert len(cluster.made) == 1 and (done.rung, done.image, done.owner) == ("kubelet", PAUSE, "")
    assert "certificates (the kubelet does not verify them)" in done.cannot_see
    assert {o.vantage.trust for o in seen} == {"none"}


def test_a_closed_registry_is_asked_for_its_token_host() -> None:
    """Several images: first who is there, then what is behind each door, each question once."""
    challenge = 'Bearer realm="https://open.test/token",service="s"'
    cluster = Kubelet(answering)
    _, seen, errors = asked(cluster, OPEN, CLOSED, challenges=lambda pull: (challenge,))
    assert not errors
    assert told(seen) >= {
        (OPEN, "registry", "200"),
        (OPEN, "manifest", "404"),
        (CLOSED, "registry", "401"),
        (OPEN, "auth", "404"),
    }
    assert not any(host == CLOSED and hop == "manifest" for host, hop, _ in told(seen))
    assert len(cluster.made) == 2


def test_many_questions_are_spread_over_pods() -> None:
    """A few to a pod, a few pods at a time: while none is answered no other is made."""
    cluster = Kubelet(answering)
    asked(cluster, *(f"silent.r{n}.test" for n in range(20)), budget=0.5)
    sizes = [len(o["spec"]["template"]["spec"]["containers"]) for o in cluster.made]
    assert sizes == [kubelet.IN_A_POD] * kubelet.SIDE_BY_SIDE


def test_an_answer_that_does_not_come_is_told_as_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubelet, "REALM_SECONDS", 0.1)
    done, seen, errors = asked(Kubelet(answering), SILENT, budget=0.5)
    assert done.created and not seen and "out of time" in errors[0].message


def test_which_pause_image_is_there_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the node lists none, a pod of all likely names is made first; the one that runs is used alone."""
    monkeypatch.setattr(kubelet, "REALM_SECONDS", 0.1)

    def node(pod: Object) -> Ran:
        if not any("startupProbe" in c for c in pod["spec"]["containers"]):
            states = {c["name"]: waiting("ErrImageNeverPull") for c in pod["spec"]["containers"]}
            return Ran({**states, "pause-2": running()})
        return answering(pod)

    class Sparse(Kubelet):
        def _start(self, at: str, pod: Object) -> None:
            if any("startupProbe" in c for c in pod["spec"]["containers"]):
                super()._start(at, pod)
            else:
                Cluster._start(self, at, pod)

    done, _, _ = asked(Sparse(node), OPEN, images=NodeImages(("evil.test/pause:3.9",)))
    assert done.image == "registry.k8s.io/pause:3.9", done


def test_no_pause_image_at_all() -> None:
    never = Cluster(lambda pod: Ran({c["name"]: waiting("ErrImageNeverPull") for c in pod["spec"]["containers"]}))
    for images in (NodeImages(), NodeImages((PAUSE,))):
        done, _, _ = asked(never, OPEN, images=images)
        assert done.rung == "api-only" and "no pause image is on the node" in done.why_not[0], done.why_not


def test_a_pod_that_never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubelet, "STARTUP_SECONDS", 0.2)
    monkeypatch.setattr(kubelet, "REALM_SECONDS", 0.1)
    slow = Cluster(lambda pod: Ran({c["name"]: waiting("ContainerCreating") for c in pod["spec"]["containers"]}))
    for images in (NodeImages(), NodeImages((PAUSE,))):
        done, _, _ = asked(slow, OPEN, images=images)
        assert done.rung == "api-only" and "did not start" in done.why_not[0], done.why_not

    class Nothing(Cluster):
        def _pod_of(self, job: Object) -> None:
            return

    done, _, _ = asked(Nothing(), OPEN)
    assert "no pod was made" in done.why_not[0]


def test_a_quota_gets_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resources are said where the API server wants them, and only there."""
    monkeypatch.setattr(kubelet, "REALM_SECONDS", 0.1)

    def refuse(verb: str, path: str, body: Any) -> Exception | None:
        if verb != "dry-run" or all("resources" in c for c in body["spec"]["containers"]):
            return None
        return ApiError(403, "Forbidden", 'pods "x" is forbidden: exceeded quota: must specify limits')

    cluster = Kubelet(answering, refuse)
    assert asked(cluster, OPEN)[0].rung == "kubelet"
    assert all("resources" in c for c in cluster.made[0]["spec"]["template"]["spec"]["containers"])


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "127.1",
        "metadata.google.internal",
        "app.localhost",
        "0.0.0.0",
    ],
)
def test_a_token_host_of_the_nodes_own_is_not_asked(host: str) -> None:
    challenge = f'Bearer realm="https://{host}/token"'
    assert kubelet.tokens(pulls(CLOSED), lambda _: [challenge]) == []


@pytest.mark.parametrize("host", ["10.0.0.9", "auth.test", "1.auth.test", "r2d2"])
def test_other_token_hosts_are(host: str) -> None:
    challenge = f'Bearer realm="https://{host}/token"'
    assert [a.question.host for a in kubelet.tokens(pulls(CLOSED), lambda _: [challenge])] == [host]

"""Reading what a run says: within its time, whatever is written into its log or its termination message."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError, KubeError, Unreachable
from kubectl_imagepull.model import Observation, Vantage
from kubectl_imagepull.node import probe_log as following
from kubectl_imagepull.node.created_objects import CreatedObjects
from kubectl_imagepull.node.failures import NoConfigMap, RungFailed
from kubectl_imagepull.node.frames import FrameReader
from kubectl_imagepull.node.job import Run, nothing
from kubectl_imagepull.node.probe_log import follow
from kubectl_imagepull.node.run_pod import MOST_BROKEN, deliver, start
from tests.unit.node.fake import Cluster, Object, Ran, ended, running

RUN = Run("imagepull-n1-0a1b2c", "ns", "n1", 60)
SPEC: Object = {"containers": [{"name": "probe-0", "image": "pause"}]}
FOREIGN = b"nobody's line"


def frame(**more: Any) -> bytes:
    return f"imagepull/1 n {json.dumps(more)}".encode()


SEEN = {"kind": "seen", "hop": "dns", "role": "registry", "host": "r.test", "outcome": "ok", "pull": ""}
END = frame(kind="end", complete=True)


def followed(cluster: Any, seconds: float = 5.0) -> tuple[Any, list[Observation]]:
    run, _ = start(CreatedObjects(cluster), RUN, SPEC)
    seen: list[Observation] = []
    taken = follow(cluster, run, FrameReader("n", Vantage("node")), seconds, seen.append)
    return taken, seen


def test_frames_are_told_as_they_come() -> None:
    lines = [FOREIGN, frame(**SEEN), frame(**{**SEEN, "hop": "tls"}), END, frame(**SEEN)]
    taken, seen = followed(Cluster(lambda pod: Ran({"probe-0": running()}, {"probe-0": lines})))
    assert (taken.image, taken.pod, taken.complete) == ("pause", f"{RUN.name}-abcde", True)
    assert [o.hop for o in seen] == ["dns", "tls"], "what comes after the end is nobody's"


def test_a_log_that_never_ends_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes without a pause: the deadline holds all the same."""

    class Endless(Cluster):
        def lines(self, path: str, seconds: float, **query: Any) -> Iterator[bytes]:
            for _ in itertools.count():
                time.sleep(0.001)
                yield FOREIGN

    began = time.monotonic()
    with pytest.raises(RungFailed, match="in time"):
        followed(Endless(lambda pod: Ran({"probe-0": running()})), 0.5)
    assert time.monotonic() - began < 4


def test_a_flood_is_left_at_once() -> None:
    class Flood(Cluster):
        def lines(self, path: str, seconds: float, **query: Any) -> Iterator[bytes]:
            assert query["limitBytes"] <= 64 << 20
            return iter([FOREIGN] * (following.FLOOD + 1))

    with pytest.raises(RungFailed, match="flooded"):
        followed(Flood(lambda pod: Ran({"probe-0": running()})), 60)


GOOD = {"protocol": "imagepull/1", "nonce": "n", "seen": [["dns", "registry", "r.test", "ok", ""]]}


@pytest.mark.parametrize(
    ("message", "hops"),
    [
        (json.dumps(GOOD), ["dns"]),
        (json.dumps({**GOOD, "seen": [["dns"], 5, "abcde", None, *GOOD["seen"]]}), ["dns"]),
        (json.dumps({**GOOD, "nonce": "other"}), None),
        (json.dumps({**GOOD, "seen": [[{}, [], None, 1, 2]]}), None),
        ("5", None),
        ("[]", None),
        ('"text"', None),
        ("null", None),
        ("{}", None),
        ('{"seen": 7}', None),
        ('{"seen": {"a": 1}}', None),
        ("no JSON", None),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_termination_messages(message: Any, hops: list[str] | None) -> None:
    """Without the right to read logs the message is read, which anything may have written; where it is none of the probes', that
    right is what is lacking."""

    def refuse(verb: str, path: str, body: Any) -> Exception | None:
        return ApiError(403, "Forbidden", "no") if verb == "lines" else None

    over = ended()
    over["terminated"]["message"] = message
    cluster = Cluster(lambda pod: Ran({"probe-0": over}), refuse)
    if hops is None:
        with pytest.raises(RungFailed, match="needs get on pods/log in ns"):
            followed(cluster)
        return
    taken, seen = followed(cluster)
    assert [o.hop for o in seen] == hops and taken.complete


@pytest.mark.parametrize("error", [ApiError(500, "", "oops"), ApiError(429, "", "later"), Unreachable("reset")])
def test_a_log_that_breaks_again_and_again(error: KubeError) -> None:
    """Then the termination message is read, as where logs may not be read."""
    over = ended()
    over["terminated"]["message"] = json.dumps(
        {"protocol": "imagepull/1", "nonce": "n", "seen": [["dns", "registry", "r.test", "ok", ""]]}
    )
    cluster = Cluster(lambda pod: Ran({"probe-0": over}), lambda verb, path, body: error if verb == "lines" else None)
    taken, seen = followed(cluster)
    assert taken.complete and [o.hop for o in seen] == ["dns"]
    assert cluster.requests.count(next(r for r in cluster.requests if r.startswith("lines"))) <= MOST_BROKEN


@pytest.mark.parametrize("status", [400, 404])
def test_a_container_that_has_not_begun_is_asked_for_again(status: int) -> None:
    """Its log is not broken, however often that is so."""
    errors = iter([ApiError(status, "", "waiting to start")] * (MOST_BROKEN + 2))
    cluster = Cluster(
        lambda pod: Ran({"probe-0": running()}, {"probe-0": [frame(**SEEN), END]}),
        lambda verb, path, body: next(errors, None) if verb == "lines" else None,
    )
    taken, seen = followed(cluster)
    assert taken.complete and [o.hop for o in seen] == ["dns"]


def test_a_list_of_pods_that_breaks_is_asked_for_again() -> None:
    errors = iter([ApiError(500, "", "oops"), Unreachable("reset")])
    cluster = Cluster(
        lambda pod: Ran({"probe-0": running()}, {"probe-0": [frame(**SEEN), END]}),
        lambda verb, path, body: next(errors, None) if verb == "get" and path.endswith("/pods") else None,
    )
    assert followed(cluster)[0].complete
    cluster = Cluster(refuse=lambda verb, path, body: ApiError(403, "", "no") if verb == "get" else None)
    with pytest.raises(ApiError):
        followed(cluster)
    assert len([r for r in cluster.requests if r.startswith("get")]) == 1, "a right does not come by itself"


def test_a_config_map_that_was_there_first() -> None:
    """Somebody who may make ConfigMaps there put one in the place of ours: the probes travel as arguments."""
    cluster: Any = Cluster()
    created = CreatedObjects(cluster)
    path = "/api/v1/namespaces/ns/configmaps"
    cluster.put(path, {"kind": "ConfigMap", "metadata": {"name": RUN.name, "namespace": "ns"}})
    run, owner = start(created, RUN, SPEC)
    with pytest.raises(NoConfigMap):
        deliver(created, run, owner, {"probes.pyz": b"ours"})
    created.clear()
    assert f"{path}/{RUN.name}" in cluster.objects, "it is not ours to delete"


def test_the_command_of_a_trial_pull_cannot_be_foreseen() -> None:
    assert nothing() != nothing() and len(nothing()) > 60 and nothing().startswith("/")

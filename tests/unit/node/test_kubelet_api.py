"""What a kubelet says of itself, in the shapes that it has and in those that it should not have."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError, Unreachable
from kubectl_imagepull.model import KubeletLimits, Observation, Storage
from kubectl_imagepull.node import kubelet_api

GIB = 1 << 30


class Answers:
    def __init__(self, summary: Any, config: Any) -> None:
        self._answers = {"summary": summary, "configz": config}

    def get(self, path: str, **query: Any) -> Any:
        answer = self._answers[path.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(summary: Any, config: Any) -> tuple[list[Observation], list[str]]:
    seen: list[Observation] = []
    api: Any = Answers(summary, config)
    troubles = kubelet_api.ask(api, "n1", seen.append)
    return seen, [trouble.message for trouble in troubles]


def room(free: Any, size: Any, inodes: Any = None) -> dict[str, Any]:
    images = {"availableBytes": free, "capacityBytes": size, "inodesFree": inodes}
    return {"node": {"runtime": {"imageFs": images}}}


@pytest.mark.parametrize(
    ("summary", "outcome", "words"),
    [
        (room(50 * GIB, 100 * GIB, 9), "ok", "50.0 GiB of 100.0 GiB are free for images"),
        (room(4 * GIB, 100 * GIB), "low", "4.0 GiB of 100.0 GiB"),
        (room(GIB - 1, 10 * GIB), "low", "1.0 GiB of 10.0 GiB"),
        (room(50 * GIB, 100 * GIB, 0), "low", "no inode left"),
        (room(1 << 20, 512 << 20), "low", "1.0 MiB of 512 MiB"),
    ],
)
def test_room(summary: Any, outcome: str, words: str) -> None:
    (seen,), _ = asked(summary, {})
    assert (seen.outcome, seen.hop, seen.subject.host) == (outcome, "storage", "n1") and words in seen.summary
    assert (
        isinstance(seen.detail, Storage)
        and seen.detail.capacity_bytes == summary["node"]["runtime"]["imageFs"]["capacityBytes"]
    )
    assert (seen.vantage.place, seen.vantage.rung) == ("api", "api-only")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"serializeImagePulls": True, "registryPullQPS": 5}, "one pull at a time, 5 a second"),
        ({"serializeImagePulls": False}, "pulls side by side"),
        ({"serializeImagePulls": False, "maxParallelImagePulls": 3}, "at most 3 pulls at a time"),
        ({"registryPullQPS": "many"}, "one pull at a time"),
    ],
)
def test_limits(config: Any, words: str) -> None:
    (seen,), _ = asked({}, {"kubeletconfig": config})
    assert isinstance(seen.detail, KubeletLimits) and (seen.outcome, seen.summary) == ("limits", words)


@pytest.mark.parametrize(
    "odd", [{}, {"node": []}, {"node": {"runtime": 5}}, room("x", -1), room(None, 1 << 70), {"kubeletconfig": []}]
)
def test_odd_shapes_say_nothing(odd: Any) -> None:
    assert asked(odd, odd) == ([], [])


def test_what_may_not_be_read_is_told() -> None:
    seen, troubles = asked(ApiError(403, "Forbidden", "no"), Unreachable("gone\naway"))
    assert not seen
    assert troubles[0] == "stats/summary of n1 cannot be read: needs get on nodes/proxy"
    assert troubles[1].startswith("configz of n1 cannot be read: gone") and "\n" not in troubles[1]

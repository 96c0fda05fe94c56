"""A watch goes on whatever ends it: expiry, a broken line, a server that is away; only a missing right ends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError, Unreachable
from kubectl_imagepull.kube import watch as watching


def event(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def line(name: str, version: int) -> bytes:
    return json.dumps({"type": "ADDED", "object": event(name, version)}).encode()


class FakeApi:
    """Answers from a script: lists and streams in turn. An exception is raised, in a stream at its place."""

    def __init__(self, lists: list[Any], streams: list[list[Any]]) -> None:
        self.lists, self.streams, self.asked = lists, streams, []  # type: ignore[var-annotated]

    def get(self, path: str, **query: Any) -> Any:
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def lines(self, path: str, seconds: float, **query: Any) -> Iterator[bytes]:
        self.asked.append(query.get("resourceVersion", ""))
        for item in self.streams.pop(0):
            if isinstance(item, Exception):
                raise item
            yield item


def listing(version: int, *names: str) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version)}, "items": [event(n, 1) for n in names]}


GONE = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}'


@pytest.mark.parametrize(
    "end", [GONE, b'{"type":"ADD', ApiError(410, "Expired", ""), Unreachable("broken"), ApiError(503, "", "")]
)
def test_it_lists_again(monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    monkeypatch.setattr(watching, "PAUSE", 0.0)
    away = [Unreachable("away")] * 3 if isinstance(end, Unreachable) else []
    api = FakeApi([listing(5, "a"), *away, listing(9, "a", "c")], [[line("b", 6), end], [line("d", 10)]])
    found = [e and e["metadata"]["name"] for e in islice(watching.events(api, "x"), 7)]  # type: ignore[arg-type]
    assert found == ["a", None, "b", "a", "c", None, "d"]
    assert api.asked == ["5", "9"]


def test_a_quiet_end_goes_on_from_where_it_was() -> None:
    api = FakeApi([listing(5)], [[line("a", 7)], [], [line("b", 8)]])
    found = [e and e["metadata"]["name"] for e in islice(watching.events(api, "x"), 5)]  # type: ignore[arg-type]
    assert found == [None, "a", None, None, "b"]
    assert api.asked == ["5", "7", "7"]


def test_no_right_to_events() -> None:
    api = FakeApi([ApiError(403, "Forbidden", "no")], [])
    with pytest.raises(ApiError):
        next(watching.events(api, "x"))  # type: ignore[arg-type]


# ---- pods ------------------------------------------------------------------------------------------------------------


def told(api: FakeApi, count: int) -> list[tuple[str, list[str]]]:
    found = islice(watching.pods(api, "x", "a=b"), count)  # type: ignore[arg-type]
    return [(what, [one["metadata"]["name"] for one in pods]) for what, pods in found]


def change(kind: str, name: str, version: int) -> bytes:
    return json.dumps({"type": kind, "object": event(name, version)}).encode()


def test_pods_as_they_change() -> None:
    """A watch that ends in peace goes on from where it was."""
    lines = [change("ADDED", "b", 6), change("MODIFIED", "a", 7), change("DELETED", "b", 8)]
    api = FakeApi([], [lines, [change("ADDED", "c", 9)]])
    assert told(api, 6) == [
        ("all", []),
        ("there", ["b"]),
        ("there", ["a"]),
        ("gone", ["b"]),
        ("", []),
        ("there", ["c"]),
    ]
    assert api.asked == ["", "8"]


def test_pods_of_a_first_watch_without_news() -> None:
    """It gave no version to go on from."""
    api = FakeApi([listing(5, "a")], [[], [change("ADDED", "c", 9)]])
    assert told(api, 4) == [("all", []), ("", []), ("all", ["a"]), ("there", ["c"])]
    assert api.asked == ["", "5"]


@pytest.mark.parametrize("end", [GONE, b'{"type":"ADD', Unreachable("broken"), ApiError(503, "", "")])
def test_pods_that_are_lost_are_listed_again(monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    monkeypatch.setattr(watching, "PAUSE", 0.0)
    api = FakeApi([listing(9, "c")], [[end], []])
    found = [one for one in told(api, 4) if one != ("", [])]
    assert found[:3] == [("all", []), ("lost", []), ("all", ["c"])]


@pytest.mark.parametrize("lists", [True, False])
def test_no_right_to_pods(lists: bool) -> None:
    no = ApiError(403, "Forbidden", "no")
    api = FakeApi([] if lists else [no], [[no]] if lists else [[]])
    with pytest.raises(ApiError):
        told(api, 4)


@pytest.mark.parametrize("end", [None, GONE])
@pytest.mark.parametrize("kind", ["changes", "pods"])
def test_watches_that_end_at_once_are_not_repeated_at_once(
    monkeypatch: pytest.MonkeyPatch, kind: str, end: bytes | None
) -> None:
    """A proxy that lets no watch through would be asked two thousand times a second."""
    slept: list[float] = []
    monkeypatch.setattr(watching.time, "sleep", slept.append)
    count = 20
    api: Any = FakeApi([listing(5)] * count, [[end] if end else []] * count)
    told = watching.pods(api, "x", "a=b") if kind == "pods" else watching.changes(api, "/x")
    while len(api.asked) < count - 1:
        next(told)
    assert len(slept) >= count - 3

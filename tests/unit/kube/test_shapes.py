"""Types that no API server should send: each answer is tolerated or refused in a line, and nothing raises anything else."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from kubectl_imagepull import reading
from kubectl_imagepull.errors import KubeError
from kubectl_imagepull.kube.client import Api, get_object
from kubectl_imagepull.kube.nodes import read_node, read_peer
from kubectl_imagepull.kube.pods import failing_pods, gone_pod, read_pod
from kubectl_imagepull.kube.shapes import shaped
from kubectl_imagepull.kube.workloads import History, read_workload, refused_case
from kubectl_imagepull.model import Case, Owner
from kubectl_imagepull.session.group import key_of
from kubectl_imagepull.session.named import Named
from kubectl_imagepull.session.options import Options
from kubectl_imagepull.session.targets import Targets
from kubectl_imagepull.session.watching import Followed, One, known_events
from kubectl_imagepull.verdict import judge
from tests.unit.fake_cluster import Asked, DirectApi, FakeCluster
from tests.unit.kube import objects

ODD: tuple[Any, ...] = (
    None,
    0,
    -1,
    3.5,
    1e308,
    10**400,
    True,
    "",
    "x",
    "1",
    "\u00b2",
    "\x1b[2J\ud800\u202e",
    [],
    [1],
    ["x"],
    [None],
    [[]],
    {},
    {"a": 1},
    {"name": {"name": 1}},
    [{"name": 7, "image": ["x"]}],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from places(below, (*path, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from places(below, (*path, number))


def put(value: Any, path: tuple[Any, ...], odd: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = odd


ASKS = 10
AGENT = Owner("DaemonSet", "agent", (), "uid-daemonset-agent")


def ask_everything(api: Api, numbers: Iterable[int] = range(ASKS)) -> None:
    """Each reader once, or those of these numbers. Raises KubeError only."""
    owner = Owner("Deployment", "web", (), "uid-deployment-web")

    def whole() -> None:
        read = read_pod(api, "shop", "web-x-1")
        for container in read.containers:
            judge(Case(container.target, container.facts, container.pull))
            key_of(container)
        History(api).before("shop", read.object, owner, "app")

    def workload() -> None:
        found = read_workload(api, "shop", "Deployment", "web")
        refused_case(api, "shop", found)

    asks: tuple[Callable[[], object], ...] = (
        whole,
        workload,
        lambda: failing_pods(api, "shop"),
        lambda: gone_pod(api, "shop", "web-x-1"),
        lambda: read_node(api, "node1", "shop"),
        lambda: read_peer(api, "auto", objects.IMAGE, "node1", "shop"),
        lambda: known_events(api, "shop"),
        lambda: Followed("shop", [One("web-x-1", owner)]).pods(api),
        lambda: Targets((Named("Deployment", "web"),)).find(api, Options()),
        lambda: History(api).before("shop", get_object(api, "Pod", "shop", "agent-x"), AGENT, "app"),
    )
    assert len(asks) == ASKS
    for number in numbers:
        try:
            asks[number]()
        except KubeError as error:
            assert str(error).isprintable()


def test_it_is_read_as_it_is() -> None:
    cluster = objects.fill(FakeCluster())
    read = read_pod(DirectApi(cluster), "shop", "web-x-1")
    assert [c.target.container for c in read.failing] == ["app"]
    owner = read.failing[0].target.owner
    assert owner is not None and "app=private.example/team/app:1.0" in owner.images
    assert replace(owner, images=()) == Owner("Deployment", "web", ("Helm",), "uid-deployment-web")
    assert not read.errors
    for found in cluster.objects.values():
        assert shaped(copy.deepcopy(found)) == {**found, "metadata": {"namespace": "", **found["metadata"]}}


def with_a_set(cluster: FakeCluster) -> FakeCluster:
    """Beside the rest a DaemonSet with a history, and the pod of a run."""
    above = [objects.reference("DaemonSet", "agent")]
    for number in (1, 2):
        labels = {"controller-revision-hash": f"h{number}"}
        data = {"spec": {"template": {"spec": objects.pod_spec(f"agent:{number}")}}}
        metadata = {"ownerReferences": above, "labels": labels}
        cluster.add("ControllerRevision", "shop", f"agent-h{number}", metadata=metadata, data=data, revision=number)
    cluster.add(
        "Pod", "shop", "agent-x", metadata={"ownerReferences": above, "labels": labels}, spec=objects.pod_spec()
    )
    cluster.add("Pod", "shop", "trial", metadata=objects.OF_A_RUN, spec=objects.pod_spec(), status={"phase": "Pending"})
    return cluster


FILLED = with_a_set(objects.fill(FakeCluster()))


class Noted(FakeCluster):
    """Notes which objects its answers are made of: those that were asked for, and all that a list chose from."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        plural = asked.path.rpartition("/")[2]
        self.noted |= {p for p in self.objects if p == asked.path or p.rpartition("/")[0].endswith(f"/{plural}")}
        return super().answer(asked)

    noted: set[str]


def who_reads() -> dict[str, list[int]]:
    """Object -> the readers that it reaches. Of an object that was never looked at, no reader can say anything else."""
    found: dict[str, list[int]] = {name: [] for name in FILLED.objects}
    for number in range(ASKS):
        cluster = Noted(dict(FILLED.objects))
        cluster.noted = set()
        ask_everything(DirectApi(cluster), [number])
        for name in cluster.noted:
            found[name].append(number)
    return found


PLACES = [(name, place) for name, found in FILLED.objects.items() for place in places(found)]


class AtOnce:
    """`reading.Reading` without threads, half of whose time is theirs: what is read is the same, and so is what is raised."""

    def __init__(self, side_by_side: int) -> None:
        del side_by_side

    def submit(self, ask: Callable[..., Any], *arguments: Any, **named: Any) -> Callable[[], Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(ask(*arguments, **named))
        except BaseException as error:
            done.set_exception(error)
        return done.result

    def close(self, at_once: bool) -> None:
        """Nothing is under way."""


@pytest.fixture
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "Reading", AtOnce)


@pytest.mark.parametrize("part", range(4))
def test_odd_types_in_every_place(part: int, without_threads: None) -> None:
    """Each place of each object with some of the odd values, all of which come in turn."""
    odd, readers = itertools.cycle(ODD[part:] + ODD[:part]), who_reads()
    for number, (name, place) in enumerate(PLACES):
        if number % 4 != part:
            continue
        for value in itertools.islice(odd, 2):
            cluster = FakeCluster(dict(FILLED.objects))
            cluster.objects[name] = copy.deepcopy(cluster.objects[name])
            put(cluster.objects[name], place, value)
            try:
                ask_everything(DirectApi(cluster), readers[name])
            except Exception as error:
                raise AssertionError(f"{name} {place} {value!r}") from error


@pytest.mark.parametrize("value", [*ODD, {"kind": "Status", "status": "Success"}], ids=lambda v: json.dumps(v)[:30])
@pytest.mark.parametrize("place", [(), ("items",), ("metadata",), ("items", 0), ("metadata", "continue")], ids=str)
def test_odd_types_in_every_answer(value: Any, place: tuple[Any, ...], without_threads: None) -> None:
    def change(document: Any) -> Any:
        if not place:
            return copy.deepcopy(value)
        try:
            put(document, place, copy.deepcopy(value))
        except (KeyError, IndexError):
            return document
        return document

    ask_everything(DirectApi(FILLED, change))


@pytest.mark.parametrize("value", ["x", 7, {"a": 1}, True])
def test_a_list_that_is_none_is_no_empty_list(value: Any) -> None:
    """Otherwise nothing would be wrong anywhere."""
    api = DirectApi(FILLED, lambda document: {**document, "items": value})
    with pytest.raises(KubeError, match="does not answer as a Kubernetes API server"):
        failing_pods(api, "shop")


def test_a_list_of_null_is_empty() -> None:
    """Go writes a slice that was never filled so."""
    assert failing_pods(DirectApi(FILLED, lambda document: {**document, "items": None}), "shop").failing == []


def test_what_a_number_can_be() -> None:
    found = shaped(
        {
            "count": "12",
            "message": 5,
            "metadata": {"labels": {"a": 1, "b": [], "c": True}, "generation": 2.0},
            "reason": False,
        }
    )
    assert (found["count"], found["message"], found["metadata"]["generation"]) == (12, "5", 2)
    assert found["metadata"]["labels"] == {"a": "1"} and "reason" not in found
    assert "count" not in shaped({"count": 10**400}) and "count" not in shaped({"count": float("inf")})

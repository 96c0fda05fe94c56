"""What the runs of many nodes share, and what becomes of them where it cannot be shared."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.model.runs import RUN_LABEL
from kubectl_imagepull.node import shared as sharing
from kubectl_imagepull.node.created_objects import Interrupted, core, jobs
from kubectl_imagepull.node.shared import Shared
from kubectl_imagepull.node.watched import Pods, Watched

MAPS = core("shop", "configmaps")


class Server:
    """Stores what is posted; a path in `refuse` is forbidden."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.refuse: set[str] = set()
        self.gets: list[str] = []

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        self.gets.append(path)
        return {"items": [one for at, one in self.objects.items() if at.startswith(f"{path}/")]}

    def post(self, path: str, body: Any, **query: Any) -> dict[str, Any]:
        if path in self.refuse:
            raise ApiError(403, "no", "Forbidden")
        name = body["metadata"]["name"]
        self.objects[f"{path}/{name}"] = made = {**body, "metadata": {**body["metadata"], "uid": f"uid-{name}"}}
        return made

    def delete(self, path: str, options: Any) -> dict[str, Any]:
        self.objects.pop(path, None)
        if path.startswith(jobs("shop")):
            self.objects.pop(f"{MAPS}/{path.rpartition('/')[2]}", None)
        return {}

    def lines(self, path: str, seconds: float, **query: Any) -> Any:
        return iter([b"line"])


def test_one_config_map_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one after a while, so that a pod that starts late still finds its own; none is left."""
    now = [1000.0]
    monkeypatch.setattr(sharing.time, "monotonic", lambda: now[0])
    server = Server()
    shared = Shared(server, "shop", (("team", "web"),))
    first = shared.config_map()
    assert first and shared.config_map() == first and len(server.objects) == 2
    held, owner = server.objects[f"{MAPS}/{first}"], server.objects[f"{jobs('shop')}/{first}"]
    assert held["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
    assert set(held["binaryData"]) == {"probes.pyz", "probe.sh"} and held["metadata"]["labels"]["team"] == "web"
    assert owner["spec"]["completions"] == 0 and owner["spec"]["ttlSecondsAfterFinished"] == 120
    now[0] += 61
    assert shared.config_map() != first and len(server.objects) == 4
    now[0] -= 61
    assert shared.clear() == [] and server.objects == {}
    now[0] += 200
    with pytest.raises(Interrupted):
        shared.config_map()


@pytest.mark.parametrize("path", [jobs("shop"), MAPS])
def test_where_none_may_be_made(path: str) -> None:
    """Each run brings its own then."""
    server = Server()
    server.refuse.add(path)
    shared = Shared(server, "shop")
    assert shared.config_map() == "" and shared.config_map() == ""
    assert shared.clear() == [] and server.objects == {}


def pod(run: str, name: str = "p", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {RUN_LABEL: run}}, **more}


def test_pods_are_known_while_somebody_tells_of_them() -> None:
    server, pods = Server(), Pods()
    watched = Watched(server, "shop", pods)
    ask = {"labelSelector": f"{RUN_LABEL}=r1"}
    watched.get(core("shop", "pods"), **ask)
    assert server.gets == [core("shop", "pods")], "nobody has told of any"
    pods.changed(pod("r1"), gone=False)
    assert pods.of("r1") is None
    pods.listed([pod("r1"), pod("r2")])
    pods.changed(pod("r1", status="new"), gone=False)
    pods.changed(pod("r1", "q"), gone=False)
    assert [one["metadata"]["name"] for one in watched.get(core("shop", "pods"), **ask)["items"]] == ["p", "q"]
    assert watched.get(core("shop", "pods"), **ask)["items"][0]["status"] == "new"
    pods.changed(pod("r1"), gone=True)
    pods.changed(pod("r1", "q"), gone=True)
    assert watched.get(core("shop", "pods"), **ask) == {"items": []} and len(server.gets) == 1
    for path, query in ((core("other", "pods"), ask), (core("shop", "configmaps"), ask), (core("shop", "pods"), {})):
        watched.get(path, **query)
    assert len(server.gets) == 4, "everything else is asked for"
    pods.lost()
    watched.get(core("shop", "pods"), **ask)
    assert len(server.gets) == 5
    assert watched.post(MAPS, {"metadata": {"name": "x"}})["metadata"]["uid"] == "uid-x"
    assert watched.delete(f"{MAPS}/x", {}) == {} and list(watched.lines("/x", 1.0)) == [b"line"]


def test_what_has_run_is_remembered() -> None:
    shared = Shared(Server(), "shop")
    assert not shared.ran(("shell", True))
    shared.has_run(("shell", True))
    assert shared.ran(("shell", True)) and not shared.ran(("shell", False))

"""The pods of our runs as a watch tells of them, and what is believed of it."""

from __future__ import annotations

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.paths import path_of
from kubectl_imagepull.model.runs import RUN_LABEL
from kubectl_imagepull.session.run_pods import RunPods
from tests.unit.fake_cluster import FakeCluster


def test_once_it_is_stopped_the_server_is_asked(cluster: FakeCluster, api: Api) -> None:
    """The watch has told of none; a pod that was made meanwhile is there all the same, and is waited for."""
    runs = RunPods(api, "shop")
    runs._pods.listed([])

    def seen() -> list[str]:
        listed = runs.client.get(path_of("Pod", "shop"), labelSelector=f"{RUN_LABEL}=one")
        return [pod["metadata"]["name"] for pod in listed["items"]]

    cluster.add("Pod", "shop", "one-x", metadata={"labels": {RUN_LABEL: "one"}})
    assert (seen(), cluster.asked) == ([], [])
    runs.stop()
    assert seen() == ["one-x"]
    runs._pods.listed([])  # what was under way when it was stopped
    assert seen() == ["one-x"]

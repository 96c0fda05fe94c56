"""The lab with a crowd in it: filled, left alone by its controllers, and emptied again."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Sequence

from tests.crowd import etcd
from tests.crowd.pods import Crowd
from tests.lab import Lab, settings
from tests.lab.common import wait_for
from tests.lab.control_plane import Api
from tests.lab.machine import Service

IDLE = ("scheduler", "controller-manager", "kubelet-node1", "kubelet-node2")
"""What would act on nodes that no kubelet speaks for: evict their pods, end those whose workload is no workload of its own."""

LISTED = {"namespaces": "namespaces", "minions": "nodes", "pods": "pods"}
"""What is listed from the API server's copy: its folder in etcd -> its resource."""


def _mine(folder: str, keys: Sequence[str]) -> set[str]:
    """The names of what was put there, with their namespaces."""
    return {key.removeprefix(f"/registry/{folder}/") for key in keys if key.startswith(f"/registry/{folder}/")}


def _listed(folder: str) -> set[str]:
    """The names that a list without a version finds."""
    names = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    api = Api(settings.state(), Lab.load().segment, timeout=60)
    _, body = api.request("GET", f"/api/v1/{LISTED[folder]}?resourceVersion=0", accept=names)
    found = [one["metadata"] for one in json.loads(body)["items"]]
    return {"/".join(filter(None, (one.get("namespace"), one["name"]))) for one in found}


@contextlib.contextmanager
def crowded(pods: int) -> Iterator[Crowd]:
    """A lab that is up, with so many pods. Afterwards it is as it was, and its controllers run again."""
    services = [Service(name, settings.state()) for name in IDLE]
    for service in services:
        service.stop()
    crowd = Crowd(pods, datetime.datetime.now(datetime.timezone.utc))
    keys: list[str] = []

    def kept() -> Iterator[dict[str, object]]:
        for one in crowd.objects():
            keys.append(etcd.key_of(one))
            yield one

    try:
        etcd.put(kept())
        # the API server answers lists from a copy of its own, which follows
        wait_for(lambda: all(_listed(folder) >= _mine(folder, keys) for folder in LISTED), "the crowd", seconds=300)
        yield crowd
    finally:
        etcd.remove(reversed(keys))
        for service in reversed(services):
            service.start()
            service.await_ready()

"""The lab with a crowd in it: filled, left alone by its controllers, and emptied again."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator

from tests.crowd import etcd
from tests.crowd.pods import Crowd
from tests.lab import settings
from tests.lab.machine import Service

IDLE = ("scheduler", "controller-manager", "kubelet-node1", "kubelet-node2")
"""What would act on nodes that no kubelet speaks for: evict their pods, end those whose workload is no workload of its own."""


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
        yield crowd
    finally:
        etcd.remove(reversed(keys))
        for service in reversed(services):
            service.start()
            service.await_ready()

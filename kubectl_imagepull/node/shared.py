"""What the runs of many nodes share: one ConfigMap with the probes, and which pods have run.

A ConfigMap of a quarter of a megabyte for each of a thousand nodes would be a lot to store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

from ..errors import KubeError
from ..model import ReadError
from .bundle import BUNDLE, SCRIPT, bundle, script
from .created_objects import Client, CreatedObjects, core, jobs
from .job import HOLDER_SECONDS, Run, config_map, holder
from .wanted import Labels

RENEWED = HOLDER_SECONDS / 2
"""Seconds after which another ConfigMap is made: a pod that starts late still finds the one that it names."""


class Shared:
    """Safe for threads. What was made is gone after `clear`, and by itself HOLDER_SECONDS after its last use was begun."""

    def __init__(self, api: Client, namespace: str, labels: Labels = ()) -> None:
        """api: as it is, not through `Watched`."""
        self._namespace, self._labels = namespace, labels
        self._api, self._created = api, CreatedObjects(api)
        self._lock = threading.Lock()
        self._config, self._until = "", 0.0
        self._ran: set[Hashable] = set()

    def config_map(self) -> str:
        """The name of a ConfigMap with the probes in both languages, "" where none can be made."""
        with self._lock:
            if time.monotonic() > self._until:
                self._config, self._until = self._made(), time.monotonic() + RENEWED
            return self._config

    def _made(self) -> str:
        run = Run.on("fleet", self._namespace, HOLDER_SECONDS, labels=self._labels)
        files = {BUNDLE: bundle(), SCRIPT: script().encode()}
        try:
            owner = self._created.create(run, "job", jobs(run.namespace), holder(run))
            self._created.create(run, "configmap", core(run.namespace, "configmaps"), config_map(run, owner, files))
        except KubeError:
            return ""
        return run.name

    def ran(self, shape: Hashable) -> bool:
        """Whether a pod of this shape has run on one of the nodes."""
        with self._lock:
            return shape in self._ran

    def has_run(self, shape: Hashable) -> None:
        """A pod of this shape has: others need not ask first whether they are admitted."""
        with self._lock:
            self._ran.add(shape)

    def clear(self) -> list[ReadError]:
        """Delete what was made and wait until it is gone; nothing is made after that. -> what could not be removed."""
        return self._created.clear(close=True)

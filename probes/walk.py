"""The path of a pull, walked hop by hop: every endpoint that the node's runtime would ask for an image, in its order."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, List, Sequence, Tuple

from .attempt import Attempt, Run
from .host.endpoints import Endpoint, of_registry
from .observation import Observation, printable
from .place import Place
from .plan import Pull
from .reach import Emit, Hosts
from .timing import Deadline


class Walk:
    """Walks to every host once and to every image once, telling `emit(hop, role, host, seen, pull)` what it saw, and `learn`
    every token that it is granted before anything is told that may quote it."""

    def __init__(self, place: Place, emit: Emit, learn: Callable[[str], None], deadline: Deadline) -> None:
        self._place, self._emit = place, emit
        self._hosts = Hosts(place, emit, deadline)
        self._run = Run(place, self._hosts, emit, learn, deadline)

    def run(self, pulls: Sequence[Pull]) -> None:
        """All pulls; hosts side by side, the images of one host one after the other."""
        groups: Dict[Tuple[str, int], List[Pull]] = {}
        for pull in pulls:
            groups.setdefault((pull.host, pull.port), []).append(pull)
        with ThreadPoolExecutor(max_workers=8) as pool:
            for done in [pool.submit(self._group, group) for group in groups.values()]:
                done.result()
        self._hosts.finish()

    def _group(self, pulls: Sequence[Pull]) -> None:
        for pull in pulls:
            try:
                self._pull(pull)
            except Exception as error:  # what one host or file makes of us must not cost the other images
                said = f"the probe failed: {type(error).__name__} {printable(error, 100)}"
                self._emit("registry", "registry", pull.domain, Observation("error", said), pull.id)

    def _pull(self, pull: Pull) -> None:
        """Every endpoint that the runtime would ask, in its order; what an image is made of only from the first that has it."""
        found = self._place.endpoints(pull)
        endpoints: Sequence[Endpoint] = (of_registry(pull),)
        if found is not None:
            endpoints = [e for e in found.endpoints if (e.pull if pull.by_digest else e.resolve)]
            skipped = ", ".join(e.label for e in found.endpoints if e not in endpoints) if endpoints else ""
            if skipped:
                note = f"not asked for {'digests' if pull.by_digest else 'tags'}: {skipped}"
                found = dataclasses.replace(found, note="; ".join(filter(None, (note, found.note))))
            self._emit("runtime", "node", "", found.seen(), pull.id)
            endpoints = endpoints or found.endpoints
        read = False
        for endpoint in endpoints:
            read = Attempt(self._run, pull, endpoint).make(read) or read

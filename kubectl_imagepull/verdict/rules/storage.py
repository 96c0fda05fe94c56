"""Storage: whether the image fits where the node unpacks images."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Blobs, Confidence, Finding, Level, Storage, Subject
from ...text import amount
from ..confidence import found
from ..rule import rule
from ..view import CaseView

UNPACKED = 2.5
"""How much larger layers are once they are unpacked: an estimate, for manifests say only what is sent. The runtimes need room
for both while they pull."""


def _size_of(case: CaseView) -> int:
    """Bytes of the image's layers as they are sent, 0 where no manifest for one platform was read."""
    return max((o.detail.size for o in case.seen(Blobs) if o.outcome == "ok"), default=0)


@rule("storage.no_space")
def node_reports_disk_pressure(case: CaseView) -> Iterator[Finding]:
    """The node says itself that its disk is full; it settles the matter where the runtime complains of storage, too."""
    node = case.facts.node
    if node is None or not node.disk_pressure or case.facts.pulled:
        return
    reason = f"node {node.name} reports DiskPressure"
    level: Level = "error" if case.message.is_about("storage") else "warning"
    yield found(case, "storage.no_space", Subject("node", node.name), "storage", reason, level=level)


@rule("storage.no_space", needs=(Storage,))
def no_room_for_image(case: CaseView) -> Iterator[Finding]:
    """The file system of the images has less room than the image takes, or none at all.

    The kubelet's garbage collection may make some, and layers that the node has already need none: sure only where the runtime
    has run out of it and there is little now.
    """
    if case.facts.pulled:
        return
    level: Level = "error" if case.message.is_about("storage") else "warning"
    size = _size_of(case)
    # the kubelet's own figures first: of the file system of /etc it is not known whether images are there
    for seen in sorted(case.seen(Storage), key=lambda o: bool(o.detail.path)):
        free, inodes = seen.detail.free_bytes, seen.detail.inodes_free
        if free is None:
            continue
        beside = bool(seen.detail.path)
        sure: Confidence = "possible" if beside else "likely"
        if case.message.cause == "storage.no_space" and seen.outcome == "low":
            sure = "possible" if beside else "confirmed"
            reason = "the runtime ran out of it"
        elif inodes == 0:
            reason = "no inode is left there"
        elif size and free < size:
            reason = f"the image's layers are {amount(size)} as they are sent"
        elif size and free < size * (1 + UNPACKED):
            sure = "possible"
            reason = (
                f"the image's layers are {amount(size)} as they are sent, "
                f"and need about {amount(size * (1 + UNPACKED))} until they are unpacked (an estimate)"
            )
        else:
            continue
        subject = Subject("node", case.target.node or seen.subject.host)
        text = f"{subject.host}: {seen.summary}; {reason}"
        yield found(case, "storage.no_space", subject, "storage", text, [seen], at_most=sure, level=level)
        return


RULES = (node_reports_disk_pressure, no_room_for_image)

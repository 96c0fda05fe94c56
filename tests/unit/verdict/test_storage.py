"""Whether an image fits on its node: the room that the kubelet tells of beside the size in the manifest."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_imagepull.model import Subject, Vantage
from kubectl_imagepull.verdict import judge
from probes.host import files as host_files
from tests.build import observed
from tests.probes.walking import HOST_PYTHON, case_of

MIB = 1 << 20
FULL = "failed to extract layer: write /var/lib/containerd/x: no space left on device"


def judged(free: int, size: int, said: str = "", inodes: int | None = None, outcome: str = "ok") -> Any:
    data = {"free_bytes": free, "capacity_bytes": 100 * 1024 * MIB, "inodes_free": inodes}
    room = observed("storage", Subject("node", "node-1"), Vantage("api", rung="api-only"), outcome, "little", **data)
    registry = Subject("registry", "registry.test")
    blobs = observed("blobs", registry, HOST_PYTHON, "ok", pull="p1", size=size)
    return judge(case_of([room, blobs], "registry.test", 443, said=said))


@pytest.mark.parametrize(
    ("free", "size", "expected"),
    [
        (1000 * MIB, 100 * MIB, []),
        (1000 * MIB, 0, []),
        (300 * MIB, 100 * MIB, [("possible", "warning")]),
        (90 * MIB, 100 * MIB, [("likely", "warning")]),
    ],
)
def test_room(free: int, size: int, expected: list[tuple[str, str]]) -> None:
    found = [f for f in judged(free, size).findings if f.cause == "storage.no_space"]
    assert [(f.confidence, f.level) for f in found] == expected


def test_the_file_system_of_etc_is_a_hint() -> None:
    data = {"free_bytes": MIB, "capacity_bytes": 100 * MIB, "inodes_free": 5, "path": "/etc"}
    room = observed("storage", Subject("node", ""), HOST_PYTHON, "low", "little", **data)
    blobs = observed("blobs", Subject("registry", "registry.test"), HOST_PYTHON, "ok", pull="p1", size=9 * MIB)
    finding = judge(case_of([room, blobs], "registry.test", 443, said=FULL)).findings[0]
    assert (finding.cause, finding.confidence, finding.subject.host) == ("storage.no_space", "possible", "node-1")


def test_estimates_are_named_as_such() -> None:
    assert "350 MiB until they are unpacked (an estimate)" in judged(300 * MIB, 100 * MIB).findings[0].reason


def test_no_inode() -> None:
    assert "no inode" in judged(1000 * MIB, 100 * MIB, inodes=0).findings[0].reason


def test_what_the_runtime_says_makes_it_the_cause() -> None:
    verdict = judged(90 * MIB, 100 * MIB, FULL)
    assert (verdict.cause, verdict.confidence, verdict.subject.host) == ("storage.no_space", "likely", "node-1")
    assert "the runtime ran out of it" in judged(90 * MIB, 0, FULL, outcome="low").findings[0].reason


@pytest.mark.parametrize(("free", "inodes", "low"), [(50, 5, False), (1, 5, True), (50, 0, True)])
def test_the_file_system_of_etc(monkeypatch: pytest.MonkeyPatch, free: int, inodes: int, low: bool) -> None:
    fields = {"f_bavail": free, "f_frsize": 1 << 30, "f_blocks": 100, "f_favail": inodes, "f_files": 10}
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(**fields))
    seen = host_files.room_beside("/host")
    assert (seen is not None) == low and (seen is None or seen.outcome == "low")

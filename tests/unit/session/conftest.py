"""The shop: a recorded namespace in which each kind of workload fails to pull (tests/fake/record.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from tests.unit.fake_cluster import FakeCluster

FAKE = Path(__file__).parents[2] / "fake"


def recorded(name: str) -> list[dict[str, Any]]:
    """The objects of broken.json or mended.json."""
    found: list[dict[str, Any]] = json.loads((FAKE / f"{name}.json").read_text())
    return found


@pytest.fixture
def shop(cluster: FakeCluster, no_kubeconfig: None) -> Api:
    """A connection to the broken shop."""
    cluster.load(recorded("broken"))
    return Api(Flags(server=cluster.url, namespace="shop"))

"""The lab of the end-to-end tests: one of their own, so that a lab somebody works in stays as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster
from tests.lab import api

STATE = "/run/kubectl-imagepull-test"


@pytest.fixture(scope="session")
def lab() -> Iterator[api.Lab]:
    """The running lab; up before the first test that needs it, down after the last."""
    before = os.environ.get("IMAGEPULL_LAB")
    os.environ["IMAGEPULL_LAB"] = os.environ.get("IMAGEPULL_TEST_LAB") or STATE
    try:
        yield api.up()
    finally:
        if "IMAGEPULL_TEST_LAB" not in os.environ:
            api.down()
        os.environ.pop("IMAGEPULL_LAB")
        if before is not None:
            os.environ["IMAGEPULL_LAB"] = before


@pytest.fixture(scope="session")
def cluster(lab: api.Lab) -> Cluster:
    """kubectl and the plugin, as they are called on the lab's workstation."""
    return Cluster(lab)


@pytest.fixture(scope="module")
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test module's own."""
    name = "t-" + request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    cluster.make_namespace(name)
    yield name
    cluster.drop_namespace(name)

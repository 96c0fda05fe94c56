"""What the rooms that ask an API server share."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from tests.unit.fake_cluster import FakeCluster, running


@pytest.fixture
def no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Nothing of the developer's own cluster is found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """An API server that holds what a test puts into it."""
    with running(FakeCluster()) as found:
        yield found


@pytest.fixture
def api(cluster: FakeCluster, no_kubeconfig: None) -> Api:
    return Api(Flags(server=cluster.url))

"""A command line against the recorded shop."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_imagepull.cli.main import run
from tests.unit.fake_cluster import FakeCluster

Ran = Callable[..., tuple[int, str, str]]
FAKE = Path(__file__).parents[2] / "fake"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def ran(cluster: FakeCluster, no_kubeconfig: None) -> Ran:
    """Run a command in namespace shop. -> (exit code, output, errors)"""
    cluster.load(json.loads((FAKE / "broken.json").read_text()))

    def command(*words: str, stdin: str = "", terminal: bool = False) -> tuple[int, str, str]:
        out, err = io.StringIO(), Terminal() if terminal else io.StringIO()
        code = run(["-s", cluster.url, "-n", "shop", *words], out, err, io.StringIO(stdin))
        return code, out.getvalue(), err.getvalue()

    return command

"""The tables of tests/unit/cli/test_flags.py, put through the real kubectl: what it takes and refuses, and in which words."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.unit.cli.test_flags import NAMESPACE_OF, REFUSED, joined

pytestmark = pytest.mark.lab
# asks no server, and says which namespace was understood
COMMAND = ("kubectl", "create", "configmap", "x", "--dry-run=client", "-o", "json")


def kubectl(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    return subprocess.run(
        [*COMMAND, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("words", "namespace"), NAMESPACE_OF, ids=joined)
def test_taken(words: list[str], namespace: str) -> None:
    ran = kubectl(*words)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["metadata"].get("namespace", "") == namespace


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=joined)
def test_refused(words: list[str], said: str) -> None:
    ran = kubectl(*words)
    first, second = ran.stderr.splitlines()
    assert ran.returncode == 1
    # some builds of kubectl begin with a capital letter
    assert first[:1].lower() + first[1:] == said
    assert second == "See 'kubectl create configmap --help' for usage."

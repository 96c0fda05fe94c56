"""The record of what kubectl does with a kubeconfig, held to a real kubectl."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.record import OWN
from tests.conformance.rows import ROWS
from tests.conformance.run import kubectl, recorded
from tests.conformance.servers import world
from tests.lab import build

pytestmark = pytest.mark.lab  # not because of a cluster: a pod's rows mount its credentials, which needs root


def program() -> tuple[str, str]:
    """(a kubectl, the version in the record that it has to do as). The release that we follow where it was built, which takes
    minutes (python -m tests.conformance.record), else the machine's own."""
    built = build.KUBECTL.program("kubectl")
    if built.exists():
        return str(built), build.KUBECTL.version
    own = shutil.which("kubectl")
    if own:
        said = subprocess.run([own, "version", "--client", "-o", "json"], capture_output=True, check=True).stdout
        if json.loads(said)["clientVersion"]["gitVersion"].startswith(f"{OWN}."):
            return own, OWN
    pytest.skip(f"neither kubectl {build.KUBECTL.version} nor {OWN} is here")


def test_the_record_is_what_kubectl_does(tmp_path: Path) -> None:
    """All rows, those in a pod too."""
    path, version = program()
    (tmp_path / "servers").mkdir()
    changed = {}
    with world(tmp_path / "servers") as servers:
        for number, row in enumerate(ROWS):
            folder = tmp_path / str(number)
            folder.mkdir()
            now = kubectl(path, row, servers, folder)
            if now != recorded()[row.id][version]:
                changed[row.id] = now
    assert not changed

"""-v 6 to 9: what is asked and answered, on the standard error, and no credential in it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import FAKE
from tests.unit.fake_cluster import FakeCluster

ROOT = Path(__file__).parents[3]
PASSWORD, TOKEN, BASIC = "pull-password-0123", "bearer-token-0123", "basic-password-0123"


def logged(cluster: FakeCluster, folder: Path, level: str, *words: str) -> tuple[str, str]:
    """(output, errors) of a command against the recorded shop, its pull secret with a password that is known."""
    cluster.load(json.loads((FAKE / "broken.json").read_text()))
    login = {"auths": {"private.lab.test": {"username": "u", "password": PASSWORD}}}
    for path, found in cluster.objects.items():
        if path.endswith("/secrets/wrong"):
            found["data"] = {".dockerconfigjson": base64.b64encode(json.dumps(login).encode()).decode()}
    environment = {**os.environ, "HOME": str(folder), "KUBECONFIG": os.devnull}
    ran = subprocess.run(
        [sys.executable, "-m", "kubectl_imagepull", "why", "db-0", "--no-probe", "-n", "shop", "-v", level, *words],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if not name.lower().endswith("_proxy")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    return ran.stdout, ran.stderr


@pytest.mark.parametrize("level", ["6", "7", "8", "9", "99"])
def test_no_credential_at_any_level(cluster: FakeCluster, tmp_path: Path, level: str) -> None:
    encoded = [base64.b64encode(text.encode()).decode() for text in (PASSWORD, f"u:{PASSWORD}", f"u:{BASIC}")]
    for words in (["--token", TOKEN], ["--username", "u", "--password", BASIC]):
        out, err = logged(cluster, tmp_path, level, "-s", cluster.url, *words)
        assert "GET " in err and "/api/v1/namespaces/shop/pods/db-0" in err and "GET /" not in out
        for secret in (PASSWORD, TOKEN, BASIC, *encoded):
            assert secret not in out + err


@pytest.mark.parametrize("level", ["0", "-1"])
def test_nothing_is_told_without_it(cluster: FakeCluster, tmp_path: Path, level: str) -> None:
    assert logged(cluster, tmp_path, level, "-s", cluster.url)[1] == ""

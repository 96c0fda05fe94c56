"""A case saved on the cluster: the same report without the cluster, no secret in it, in every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_imagepull.case import parse
from kubectl_imagepull.report.formats import FORMATS
from tests.e2e.cluster import Cluster, pod
from tests.e2e.test_failures import TOKEN_HOST, disguises

pytestmark = pytest.mark.lab
PODS = {
    "wrong": ("bearer.lab.test/team/app:1.0", "wrong"),
    "right": ("bearer.lab.test/team/app:9.9", "right"),
    "expired": ("expired.lab.test/team/app:1.0", ""),
}


@pytest.fixture(scope="module")
def broken(cluster: Cluster, namespace: str) -> str:
    cluster.make_secret(namespace, "wrong", "bearer.lab.test", "not-the-password")
    cluster.make_secret(namespace, "right", "bearer.lab.test")
    cluster.apply(*(pod(namespace, n, "node1", image, [s] if s else []) for n, (image, s) in PODS.items()))
    cluster.wait_failing(namespace, list(PODS))
    return namespace


@pytest.mark.parametrize("name", PODS)
def test_saved_and_judged_again(cluster: Cluster, broken: str, name: str, tmp_path: Path) -> None:
    """The live report and the one from the file are the same, word by word."""
    file = tmp_path / "case.json"
    words = ("-n", broken, "-o", "json", "--save-case", str(file), *TOKEN_HOST)
    live = cluster.run("imagepull", "why", name, *words, check=False)
    assert live.returncode == 1, live.stderr
    nowhere = {"KUBECONFIG": "/nonexistent", "HOME": "/nonexistent"}
    again = cluster.run("imagepull", "why", "--case", str(file), "-o", "json", check=False, **nowhere)
    assert (again.returncode, again.stderr) == (1, "")
    assert json.loads(again.stdout) == json.loads(live.stdout)
    texts = {"file": file.read_text(), "live": live.stdout}
    for form in FORMATS:
        ran = cluster.run("imagepull", "why", "--case", str(file), "-o", form, check=False, **nowhere)
        assert (ran.returncode, ran.stderr) == (1, "") and ran.stdout
        texts[form] = ran.stdout
    for password in (cluster.lab.password, "not-the-password"):
        for disguise in disguises(password):
            assert not [where for where, text in texts.items() if disguise in text], disguise
    assert parse(file.read_bytes(), "case.json").cases[0].observations


def test_where_it_cannot_be_written(cluster: Cluster, broken: str, tmp_path: Path) -> None:
    """Said before anything is started on the node."""
    file = tmp_path / "no" / "such" / "directory"
    ran = cluster.run("imagepull", "why", "expired", "-n", broken, "--save-case", str(file), check=False)
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr == f"error: {file}: No such file or directory\n"

"""The commands of README, tutorial and guides, as a reader types them, on the lab; and the recording that README shows.

`--update` writes anew what the pages quote, and records anew. What differs from run to run (addresses, times, names that a
controller gives) is left out of the comparison.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.documents import PAGES, ROOT, blocks, stable
from tests.e2e.cluster import Cluster, wait_for
from tests.lab import faults, workstation
from tests.lab.api import Lab
from tools import docs, recording

pytestmark = pytest.mark.lab
ON_THE_LAB = [page for page in PAGES if any(block.way == "lab" for block in blocks([page]))]
NAMESPACES = ("shop", "shop-here")
"""What the pages make."""
TUTORIAL = ROOT / "docs" / "tutorial.md"
PATIENCE = 30.0
"""Seconds that a reader waits for a pull to fail; a runtime may keep silent longer about packets that are dropped."""


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Cluster]:
    """No namespace of the pages' before and after."""
    for name in NAMESPACES:
        cluster.drop_namespace(name)
    yield cluster
    for name in NAMESPACES:
        cluster.drop_namespace(name)


@pytest.mark.parametrize("page", ON_THE_LAB, ids=lambda page: page.stem)
def test_page(shop: Cluster, page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if page != TUTORIAL:
        shop.make_namespace("shop")
        shop.run(
            "-n",
            "shop",
            "create",
            "deployment",
            "web",
            "--image=registry.lab.test/busybox:v1.35",
            "--",
            "sleep",
            "3600",
        )
    for name in ("deploy", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    for block in [one for one in blocks([page]) if one.way == "lab"]:
        for command, printed in block.commands():
            said = typed(shop, command, tmp_path)
            if block.language != "console" or block.other:
                continue
            if request.config.getoption("--update"):
                block.replaced(said)
            else:
                assert stable(said) == stable(printed), "differs; --update writes it anew"


def typed(cluster: Cluster, command: str, folder: Path) -> str:
    """A command of a page on the workstation's shell. -> what it printed. Fails where it ends badly."""
    ours = "kubectl imagepull" in command
    if ours and (named := re.search(r"-n (\S+)", command)):
        settle(cluster, named[1])
    ran = subprocess.run(
        [*workstation.prefix(cwd=folder, env=cluster.environment(LC_ALL="C.UTF-8")), "sh", "-c", command],
        input="y\n" if "--apply" in command else "", capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    # 1: a pull problem whose cause is named
    assert ran.returncode in ((0, 1) if ours else (0,)), (command, ran.returncode, ran.stdout, ran.stderr)
    return ran.stdout


def settle(cluster: Cluster, namespace: str) -> None:
    """Wait as a reader does, until there is a pod, and every one runs or says that its image cannot be had."""

    def settled() -> bool:
        pods = cluster.listed(namespace, "pods")
        for one in pods:
            states = [entry["state"] for entry in one["status"].get("containerStatuses") or ()]
            if not states or not all(
                "running" in s or "Image" in s.get("waiting", {}).get("reason", "") for s in states
            ):
                return False
        return bool(pods)

    try:
        wait_for(settled, PATIENCE)
    except AssertionError:
        return  # it is asked about all the same: a pull that hangs is an answer too


CAST, DRAWN = ROOT / "docs" / "recording.cast", ROOT / "docs" / "recording.svg"


def test_recording(shop: Cluster, request: pytest.FixtureRequest) -> None:
    """The picture is what was recorded; `--update` records a node that cannot reach a registry which the workstation reaches."""
    if request.config.getoption("--update"):
        shop.make_namespace("shop")
        with faults.unreachable(shop.lab, "node2", "registry"):
            shop.run(
                "-n", "shop", "create", "deployment", "web", "--image=registry.lab.test/team/app:1.0", "--replicas=0"
            )
            pinned = '{"spec": {"replicas": 1, "template": {"spec": {"nodeName": "node2"}}}}'
            shop.run("-n", "shop", "patch", "deployment", "web", "-p", pinned)
            wait_for(lambda: bool(shop.get("-n", "shop", "pods")["items"]), PATIENCE)
            shop.wait_failing("shop", [one["metadata"]["name"] for one in shop.get("-n", "shop", "pods")["items"]])
            command = "kubectl imagepull why deploy/web -n shop"
            env = shop.environment(TERM="xterm-256color", LC_ALL="C.UTF-8")
            CAST.write_text(recording.record([*workstation.prefix(env=env), *command.split()], command, os.environ))
        draw()
    assert draw("--check") == 0, "--update draws it anew"
    assert "registry.lab.test" in CAST.read_text() and "node2" in CAST.read_text()


def draw(*words: str) -> int:
    """tools/recording.py with the packages of the documentation. -> its exit code."""
    command = [docs.environment() / "bin" / "python", "-m", "tools.recording", CAST, DRAWN, *words]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=300).returncode


def make(*words: str, on: Sequence[str] = (), **more: str) -> subprocess.CompletedProcess[str]:
    """make in the repository. on: the words that run it on another machine."""
    return subprocess.run(
        [*on, "make", "--no-print-directory", *words],
        cwd=ROOT,
        env={**os.environ, **more},
        input=more.get("INPUT", ""),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_make_targets(lab: Lab, cluster: Cluster) -> None:
    """What README and tutorial make: one failure of the demonstration, the lab, its shell; `make test` would run every suite."""
    everything = make("-n", "test").stdout
    for suite in ("ruff check", "mypy", 'pytest -m "not lab and not alone"', "tests/e2e", "tests/lab"):
        assert suite in everything, suite
    try:
        shown = make("demo", "FAILURES=tag-missing")
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.count("$ kubectl imagepull why tag-missing-") == 2 and "image.tag_unknown" in shown.stdout
    finally:
        cluster.drop_namespace("demo")
    assert make("lab").stdout.strip().endswith("kubeconfig")
    shell = make("lab-shell", INPUT="kubectl imagepull explain net.refused\nkubectl get nodes -o name\n")
    assert "node/node2" in shell.stdout and "net.refused" in shell.stdout, shell.stderr


def test_make_demo_here(lab: Lab, cluster: Cluster) -> None:
    """By a kubeconfig, in a namespace that is gone afterwards; from the workstation, which reaches the lab alone."""
    shown = make("demo-here", on=workstation.prefix(cwd=ROOT))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("$ kubectl imagepull why ") == 3
    wait_for(lambda: "imagepull-demo" not in cluster.run("get", "namespaces", "-o", "name").stdout, 90)

"""A new user's path, from README alone: a home in which nothing is, pipx or krew, the first `why`, and away again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks
from tests.e2e.cluster import Cluster
from tests.e2e.test_krew import Krew, krew
from tests.lab import workstation

__all__ = ["krew"]  # the fixture
pytestmark = pytest.mark.lab
SYSTEM = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Home:
    """Where the new user lives. checkout: the sources as they were cloned; env: all that a command gets."""

    path: Path
    checkout: Path
    env: dict[str, str]

    def type(self, command: str, on_cluster: bool = False) -> tuple[subprocess.CompletedProcess[str], float]:
        """A line in the user's shell, in the checkout; on the lab's workstation where it asks the cluster.

        -> (what it did, seconds).
        """
        words = ["sh", "-c", command]
        if on_cluster:
            own = {name: value for name, value in self.env.items() if not name.startswith("SSL_CERT")}
            words = [*workstation.prefix(cwd=self.checkout, env=own), *words]
        start = time.monotonic()
        ran = subprocess.run(
            words,
            cwd=self.checkout,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return ran, time.monotonic() - start


def commands(test: str) -> list[str]:
    """The commands of README that name this test."""
    (block,) = [one for one in blocks([ROOT / "README.md"]) if one.test.endswith(f"::{test}")]
    return [command.partition("  #")[0].rstrip() for command, _ in block.commands()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, without what was built in them."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("clone") / "kubectl-imagepull", ignore=BUILT))


BUILT = shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__", ".git", ".*_cache", "vendor.zip")


@pytest.fixture(scope="module")
def home(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """pipx, kubectl and an empty home."""
    folder = tmp_path_factory.mktemp("home")
    tools = tmp_path_factory.mktemp("tools")
    venv.create(tools, with_pip=True)
    pip = [str(tools / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "pipx"]
    subprocess.run(pip, check=True, timeout=300)
    (tools / "pipx").mkdir()
    (tools / "pipx" / "pipx").symlink_to(tools / "bin" / "pipx")
    passed = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT", "HTTPS_PROXY"))}
    env = {
        **passed,
        "HOME": str(folder),
        "PATH": f"{folder}/.local/bin:{tools}/pipx:{SYSTEM}",
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }
    return Home(folder, checkout, {**env, "PIPX_DEFAULT_PYTHON": sys.executable})


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[Cluster]:
    """A deployment whose tag is not there, in namespace shop."""
    cluster.drop_namespace("shop")
    cluster.make_namespace("shop")
    cluster.run(
        "-n", "shop", "create", "deployment", "web", "--image=registry.lab.test/busybox:v1.35", "--", "sleep", "3600"
    )
    found: list[str] = []
    while not found:
        found = cluster.run("-n", "shop", "get", "pods", "-o", "jsonpath={.items[*].metadata.name}").stdout.split()
    cluster.wait_failing("shop", found)
    yield cluster
    cluster.drop_namespace("shop")


def test_pipx(home: Home, shop: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    """`pipx install .`, and the first `why` names the cause."""
    install, everything, *others = commands("test_pipx")
    ran, seconds = home.type(install)
    assert ran.returncode == 0, ran.stderr
    took = {install: seconds}
    for command in (everything, *others):
        ran, took[command] = home.type(command, on_cluster=True)
        assert (ran.returncode, ran.stderr) == (1, "") or command == everything, (command, ran.stdout, ran.stderr)
        assert command == everything or "image.tag_unknown" in ran.stdout, ran.stdout
    # the namespace of the context is empty, which is no problem
    assert home.type(everything, on_cluster=True)[0].returncode in (0, 1)
    with capfd.disabled():
        for command, seconds in took.items():
            print(f"\n{seconds:6.1f} s  {command}", end="")


def test_krew(krew: Krew, checkout: Path, shop: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`make dist`, krew installs what it made, and `why` runs from there. That it goes again: tests/e2e/test_krew.py."""
    build, install, why = commands("test_krew")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    maker = Home(tmp_path, checkout, {**os.environ, "XDG_CACHE_HOME": cache})
    user = Home(tmp_path, checkout, {**krew.env, "COLUMNS": "80", "LC_ALL": "C.UTF-8"})
    took = {}
    for command, who, there in ((build, maker, False), (install, user, False), (why, user, True)):
        ran, took[command] = who.type(command, there)
        # -A: 3 where another test's pod has a cause that is not determined
        assert ran.returncode in ((1, 3) if there else (0,)), (command, ran.stdout, ran.stderr)
    assert "image.tag_unknown" in ran.stdout
    with capfd.disabled():
        for command, seconds in took.items():
            print(f"\n{seconds:6.1f} s  {command}", end="")


def test_uninstall(home: Home, shop: Cluster) -> None:
    """After what README says nothing of it is left in the home."""
    clean, away, forget = commands("test_uninstall")
    ran, _ = home.type(clean, on_cluster=True)
    assert (ran.returncode, ran.stderr) == (0, "nothing of kubectl-imagepull is left in any namespace\n")
    assert home.type(away)[0].returncode == 0
    assert home.type(forget)[0].returncode == 0
    # pipx keeps a log and a lock of its own
    left = [
        path for path in home.path.rglob("*imagepull*") if ".local/state" not in str(path) and path.suffix != ".lock"
    ]
    assert left == []
    assert home.type("kubectl imagepull version")[0].returncode != 0

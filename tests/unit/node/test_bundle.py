"""What a Job runs is what its command says by SHA-256: a ConfigMap that somebody else has made is not run."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import pytest

from kubectl_imagepull.node.bundle import (
    BUNDLE,
    NOT_OURS,
    PLAN,
    SCRIPT,
    bundle,
    python_command,
    script,
    shell_command,
)
from kubectl_imagepull.node.job import CLEAN
from kubectl_imagepull.node.plan import Plan

TIME = 60
FOREIGN = "FOREIGN CODE"
MINE = Plan((), 5.0)


def ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=TIME, check=False)


def placed(folder: pathlib.Path, plan: bytes) -> None:
    (folder / BUNDLE).write_bytes(bundle())
    (folder / PLAN).write_bytes(plan)


def test_python_runs_what_was_meant(tmp_path: pathlib.Path) -> None:
    plan = MINE.for_node("/host", "").encode()
    placed(tmp_path, plan)
    found = ran(python_command([sys.executable], str(tmp_path), plan))
    assert found.returncode == 0 and found.stdout.count(f"imagepull/1 {MINE.nonce} ") == 2, found


@pytest.mark.parametrize("changed", [BUNDLE, PLAN])
def test_python_runs_nothing_else(tmp_path: pathlib.Path, changed: str) -> None:
    """A single byte is enough, and what was put there instead is not even imported."""
    plan = MINE.for_node("/host", "").encode()
    placed(tmp_path, plan)
    command = python_command([sys.executable], str(tmp_path), plan)
    for text in (f"print({FOREIGN!r})\n".encode(), (tmp_path / changed).read_bytes() + b" ", b""):
        (tmp_path / changed).write_bytes(text)
        found = ran(command)
        assert found.returncode == NOT_OURS and not found.stdout and FOREIGN not in found.stderr, found


SHELLS = [s for s in ("dash", "bash", "busybox") if shutil.which(s)]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_runs_what_was_meant_and_nothing_else(tmp_path: pathlib.Path, shell: str) -> None:
    words = [shell, "sh"] if shell == "busybox" else [shell]
    command = shell_command(words, str(tmp_path), ["nonce", "5", "/nowhere", ""])
    (tmp_path / SCRIPT).write_text(script())
    found = ran(command)
    assert found.returncode == 0 and "imagepull/1 nonce " in found.stdout, found
    for text in (f"echo {FOREIGN}\n", script() + "\n", script().rstrip("\n"), ""):
        (tmp_path / SCRIPT).write_text(text)
        found = ran(command)
        assert found.returncode == NOT_OURS and not found.stdout and FOREIGN not in found.stderr, found
    (tmp_path / SCRIPT).unlink()
    assert ran(command).returncode == NOT_OURS


def test_a_shell_without_the_means_to_check_runs_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / SCRIPT).write_text(script())
    tools = tmp_path / "bin"
    tools.mkdir()
    cat = shutil.which("cat")
    assert cat is not None
    (tools / "cat").symlink_to(cat)
    command = shell_command(["/bin/sh"], str(tmp_path), ["nonce", "5", "/nowhere", ""])
    found = ran(["/usr/bin/env", "-i", f"PATH={tools}", *command])
    assert found.returncode == NOT_OURS and not found.stdout, found


@pytest.mark.parametrize("name", ["CURL_HOME=/x", "PYTHONPATH=/x", "BASH_FUNC_curl%%=() { echo x; }", "ODD NAME=x"])
def test_nothing_is_left_of_an_environment(name: str) -> None:
    variable, _, value = name.partition("=")
    found = subprocess.run([*CLEAN, "/usr/bin/env"], env={variable: value}, capture_output=True, text=True, check=True)
    assert {line.partition("=")[0] for line in found.stdout.splitlines()} == {"PATH", "HOME", "LC_ALL"}

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


RESOLVES = """\
import sys
sys.path.insert(0, sys.argv[1])
import imagepull_probes.walk, imagepull_probes.dns_lookup, imagepull_probes.bounded, tomli, yaml
import dns.message, dns.rrset, dns.flags
query = dns.message.make_query("registry.test", "AAAA", use_edns=True)
reply = dns.message.make_response(query)
DATA = {"CNAME": "a.test.", "AAAA": "2001:db8::1", "A": "192.0.2.1", "TYPE65": r"\\# 3 000100", "SOA": "a. b. 1 2 3 4 5"}
for kind, data in DATA.items():
    reply.answer.append(dns.rrset.from_text("registry.test.", 60, "IN", kind, data))
found = imagepull_probes.dns_lookup._answer(reply.to_wire(), query)
print(found.answer[1][0].address, found.answer[2][0].address)
outside = [m.__name__ for m in sys.modules.values() if "site-packages" in (getattr(m, "__file__", None) or "")]
print(outside)
"""


def test_the_bundle_has_all_that_a_walk_needs(tmp_path: pathlib.Path) -> None:
    """Nothing of it comes from elsewhere, and an answer is read whatever else is in it."""
    (tmp_path / BUNDLE).write_bytes(bundle())
    found = ran([sys.executable, "-I", "-S", "-c", RESOLVES, str(tmp_path / BUNDLE)])
    assert (found.returncode, found.stdout) == (0, "2001:db8::1 192.0.2.1\n[]\n"), found


def test_the_bundle_is_small() -> None:
    """Each stored version of the ConfigMap holds it."""
    assert len(bundle()) < 300 << 10


FIRST = """\
import sys
sys.path.insert(0, sys.argv[1])
import imagepull_probes.__main__
print(sorted({name.partition(".")[0] for name in sys.modules} & {"dns", "yaml", "tomli", "asyncio"}))
print("imagepull_probes.walk" in sys.modules)
"""


def test_the_first_frame_waits_for_no_library(tmp_path: pathlib.Path) -> None:
    (tmp_path / BUNDLE).write_bytes(bundle())
    found = ran([sys.executable, "-I", "-S", "-c", FIRST, str(tmp_path / BUNDLE)])
    assert (found.returncode, found.stdout) == (0, "[]\nFalse\n"), found


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

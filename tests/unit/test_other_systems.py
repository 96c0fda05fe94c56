"""What Windows and macOS lack is not needed: tried by taking it from this machine's Python before anything is imported."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_imagepull import system
from probes import tls_handshake

ROOT = Path(__file__).parents[2]
CASE = ROOT / "tests" / "cases" / "image.tag_unknown.json"
LACKING = """
import importlib, os, pkgutil, signal, sys, tempfile
for name in "SIGHUP SIGQUIT SIGKILL SIGCHLD SIGALRM SIGUSR1 SIGUSR2 SIGPIPE SIGSTOP SIGTSTP setitimer alarm".split():
    delattr(signal, name)
lacking = ("getuid geteuid getgid fork forkpty setsid getpgid killpg statvfs memfd_create openpty uname chown fchmod fchown "
           "getloadavg pread pwrite mkfifo sched_getaffinity register_at_fork")
for name in lacking.split():
    if hasattr(os, name):
        delattr(os, name)
for name in ("fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog", "crypt"):
    assert name not in sys.modules or name == "pwd", name
    sys.modules[name] = None
import kubectl_imagepull
"""
WALK = """
import kubectl_imagepull.probes
for package in (kubectl_imagepull, kubectl_imagepull.probes):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
            print(module.name)
"""
RUN = """
from kubectl_imagepull.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
WORKSTATION = """
from kubectl_imagepull.node.plan import Plan
from kubectl_imagepull.node.workstation import LocalProbes
from kubectl_imagepull.session.collect import _uninterrupted
with _uninterrupted():
    pass
print(LocalProbes().run(Plan((), 5.0), lambda _: None) == "")
"""


def without(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that lacks what Windows lacks."""
    return subprocess.run(
        [sys.executable, "-c", LACKING + code, *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_every_module_is_imported_without_them() -> None:
    ran = without(WALK)
    assert ran.returncode == 0, ran.stderr
    assert {"kubectl_imagepull.session.collect", "kubectl_imagepull.probes.walk"} <= set(ran.stdout.split())


@pytest.mark.parametrize(
    ("words", "code"), [(("version",), 0), (("why", "--case", str(CASE)), 1), (("explain", "net.refused"), 0)]
)
def test_commands_run_without_them(words: tuple[str, ...], code: int) -> None:
    ran = without(RUN, *words)
    assert (ran.returncode, ran.stderr) == (code, "") and ran.stdout


def test_the_workstation_s_probes_and_the_cleaning_up_need_none_of_them() -> None:
    ran = without(WORKSTATION)
    assert (ran.returncode, ran.stdout) == (0, "True\n"), ran.stderr


def test_the_signals_of_this_system() -> None:
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} == set(system.ENDING)


def test_a_certificate_is_read_where_there_are_no_files_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: bytes
) -> None:
    """macOS and Windows."""
    before = tls_handshake._decode(certificate)
    monkeypatch.delattr("os.memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert tls_handshake._decode(certificate) == before and before["names"] == ["registry.example"]
    assert not list(tmp_path.iterdir())


@pytest.fixture
def certificate() -> bytes:
    import ssl

    import trustme

    return ssl.PEM_cert_to_DER_cert(trustme.CA().issue_cert("registry.example").cert_chain_pems[0].bytes().decode())

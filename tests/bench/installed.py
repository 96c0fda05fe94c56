"""The program as its users have it: installed from the checkout as pipx does it, with its byte code, not the checkout itself,
whose finder of modules costs time and whose modules may have to be compiled at every start."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / "bench" / "bin"
"""Where it is after `install`."""
PLUGIN, PYTHON = BIN / "kubectl-imagepull", BIN / "python"


def install() -> None:
    """Install the checkout as it is now, with its dependencies. Raises CalledProcessError where pip cannot."""
    venv.create(BIN.parent, clear=True, with_pip=True)
    subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(ROOT)], check=True)

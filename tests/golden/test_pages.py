"""Commands that pages show and that need no cluster end well and print what the page says. `--update` writes that anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, Block, blocks

HERE = [block for block in blocks() if block.way == "here" or block.other]


@pytest.mark.parametrize("block", HERE, ids=lambda block: block.name)
def test_here(block: Block, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    env = {
        "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "none"),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }
    for command, printed in block.commands():
        ran = subprocess.run(
            ["sh", "-c", block.other or command],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        # 1: a pull problem whose cause is named
        assert ran.returncode in (0, 1) and ran.stderr == "", (command, ran.returncode, ran.stderr)
        if block.language == "console" and request.config.getoption("--update"):
            block.replaced(ran.stdout)
        elif block.language == "console":
            assert ran.stdout.rstrip() == printed.rstrip(), "differs; --update writes it anew"

"""Builds the documentation as a site: python -m tools.docs [--serve].

Into build/site, by mkdocs, strictly: a link or an anchor that leads nowhere fails. Its packages are those of
docs/requirements.txt, in an environment of their own in the cache, made once for each wording of that file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import side_environment

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "docs" / "requirements.txt"


def environment() -> Path:
    """The environment's folder, made where it is missing. Raises CalledProcessError where pip cannot."""
    return side_environment.environment("docs", REQUIREMENTS)


def mkdocs(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """mkdocs with these words in the repository. more: variables of its environment."""
    # the theme reminds of its successor at each start
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", **more}
    return subprocess.run([str(environment() / "bin" / "mkdocs"), *words], cwd=ROOT, env=env, text=True, check=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Build. -> mkdocs' exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="show it on http://127.0.0.1:8000, anew with each change")
    args = parser.parse_args(argv)
    if args.serve:
        return mkdocs("serve").returncode
    return mkdocs("build", "--strict", "--quiet").returncode


if __name__ == "__main__":
    sys.exit(main())

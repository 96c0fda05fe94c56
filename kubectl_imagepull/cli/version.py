"""print the version"""

from __future__ import annotations

import argparse
import json
import platform
from typing import TextIO

from .. import __version__


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="output format")


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Print our version and Python's."""
    if args.output == "json":
        out.write(json.dumps({"version": __version__, "python": platform.python_version()}) + "\n")
    else:
        out.write(f"kubectl-imagepull {__version__} (Python {platform.python_version()})\n")
    return 0

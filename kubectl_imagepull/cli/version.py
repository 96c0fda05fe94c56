"""print the version"""

from __future__ import annotations

import json
import platform
from typing import TextIO

from .. import __version__
from .flags import Args


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Print our version and Python's."""
    if args.output == "json":
        out.write(json.dumps({"version": __version__, "python": platform.python_version()}) + "\n")
    else:
        out.write(f"kubectl-imagepull {__version__} (Python {platform.python_version()})\n")
    return 0

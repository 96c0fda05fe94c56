"""``python -m tests.lab``."""

from __future__ import annotations

import sys

from tests.lab.common import Unsupported, supported

try:
    from tests.lab.cli import main
except ModuleNotFoundError as error:
    # What the machine is matters more than what is installed on it.
    try:
        supported()
        print(
            f"lab: the Python package {error.name} is missing (the lab needs cryptography and PyJWT)",
            file=sys.stderr,
        )
    except Unsupported as reason:
        print(f"lab: {reason}", file=sys.stderr)
    sys.exit(2)
sys.exit(main(sys.argv[1:]))

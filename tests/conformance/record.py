"""Put every row to the real kubectl and keep what arrived: python -m tests.conformance.record [TEXT].

It has to be run as root, and builds kubectl once.

TEXT: only the rows whose name has it; the others stay as they were recorded.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conformance.rows import ROWS
from tests.conformance.run import RECORDED, kubectl, recorded
from tests.conformance.servers import world
from tests.lab import build

OWN = "v1.32"
"""The machine's own kubectl, as it was when the record was made."""


def programs() -> dict[str, str]:
    """Version -> path of the kubectls to ask: the lab's release, and the machine's own where there is one."""
    found = {build.KUBECTL.version: str(build.programs(build.KUBECTL) / "kubectl")}
    own = shutil.which("kubectl")
    return found | ({OWN: own} if own else {})


def main(text: str = "") -> int:
    """Write the record. -> exit code."""
    kept = recorded() if RECORDED.exists() else {}
    answers: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as servers:
        for row in ROWS:
            answers[row.id] = kept.get(row.id, {})
            if text not in row.id and answers[row.id]:
                continue
            for version, program in programs().items():
                with tempfile.TemporaryDirectory() as own:
                    answers[row.id][version] = kubectl(program, row, servers, Path(own))
    lines = [f"{json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in answers.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

"""The second vantage: the same bundle as a child process on this machine.

Credentials reach it on standard input. A registry that makes a probe crash or hang takes the child with it and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

from ..model import Observation, Vantage
from .bundle import bundle
from .frames import FrameReader
from .plan import Plan

WORKSTATION = Vantage("workstation", network="local", resolver="local", trust="local", proxy="none", rung="local")


class LocalProbes:
    """One run of the probes on this machine. `run` blocks and may be called from a thread; `stop` ends the child at once."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self, plan: Plan, seen: Callable[[Observation], None]) -> str:
        """Walk the plan, telling `seen` each observation. -> "" or why it is incomplete, one line."""
        reader = FrameReader(plan.nonce, WORKSTATION)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        child = subprocess.Popen(
            [sys.executable, "-I", str(_bundle_file()), "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for us to handle: the child is ended by stop()
        )
        self._child = child
        complete = False
        with child:
            assert child.stdin is not None and child.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(plan.for_workstation().encode())
                child.stdin.close()
            for line in child.stdout:
                frame = reader.read(line.rstrip(b"\n"))
                if frame is None:
                    continue
                if frame.observation is not None:
                    seen(frame.observation)
                complete = complete or (frame.kind == "end" and frame.complete)
        if complete or self._stopped:
            return ""
        return f"the probes on this machine ended early (exit {child.returncode})"

    def stop(self) -> None:
        """End the child if it is still there."""
        self._stopped = True
        if self._child is not None and self._child.poll() is None:
            self._child.kill()


def _bundle_file() -> pathlib.Path:
    """The bundle as a file: in the user's cache, written once for each of its versions; else in a temporary folder."""
    data = bundle()
    name = f"probes-{hashlib.sha256(data).hexdigest()[:16]}.pyz"
    folders = [pathlib.Path(tempfile.gettempdir())]
    with contextlib.suppress(
        RuntimeError
    ):  # a user without a home folder: an arbitrary uid on OpenShift, or a CI runner
        cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        folders.insert(0, pathlib.Path(cache) / "kubectl-imagepull")
    for folder in folders:
        path = folder / name
        with contextlib.suppress(OSError):
            if path.exists() and path.stat().st_uid == os.getuid() and path.read_bytes() == data:
                return path
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            number, temporary = tempfile.mkstemp(dir=folder)
            with os.fdopen(number, "wb") as file:
                file.write(data)
            pathlib.Path(temporary).replace(path)
            return path
    raise OSError("no folder to put the probe bundle into")

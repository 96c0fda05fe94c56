"""The second vantage: the same probes as a child process on this machine.

Credentials reach it on standard input. A registry that makes a probe crash or hang takes the child with it and nothing else.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

from ..model import Observation, Vantage
from .frames import FrameReader
from .plan import Plan

START = """\
import sys
sys.path.append(sys.argv.pop(1))
from probes.__main__ import main
raise SystemExit(main())
"""
"""Here the probes need no library, and run from where they are installed: Python keeps them there as byte code."""
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
            [sys.executable, "-I", "-S", "-c", START, str(_home()), "-"],
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


def _home() -> pathlib.Path:
    """The folder that has the probes' package. Raises OSError."""
    spec = importlib.util.find_spec("kubectl_imagepull.probes")
    if spec is None or spec.origin is None:
        raise OSError("the probes are not installed")
    return pathlib.Path(spec.origin).parents[1]

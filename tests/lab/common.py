"""Small things that all parts of the lab use: telling, waiting, running a program, and the error that is
shown to people.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

START = time.monotonic()
MARKER = "etc/imagepull-lab"  # in the own /etc of a machine of the lab: says which lab a process belongs to


class LabError(Exception):
    """Something the lab cannot do; the text is for people and says what to look at."""


class Unsupported(LabError):
    """This machine cannot run the lab (exit code 2)."""


def supported() -> None:
    """Raises Unsupported where the lab cannot be started or stopped."""
    if not sys.platform.startswith("linux"):
        raise Unsupported("the lab needs Linux: it is made of network, mount and process namespaces")
    if os.geteuid() != 0:
        raise Unsupported("the lab needs root: it makes namespaces and mounts")
    # Not every way to become root brings these along.
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/go/bin"])
    if Path("/", MARKER).exists():
        raise Unsupported("this is a machine of the lab itself; leave it first")


def say(text: str) -> None:
    """Tell on standard error what is being done, with the seconds since the start of the command."""
    print(f"lab {time.monotonic() - START:6.1f}s  {text}", file=sys.stderr, flush=True)


def tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log, indented; why something died is nearly always there."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        return f"    ({error})"
    return "\n".join("    " + line[:400] for line in text.splitlines()[-lines:]) or "    (empty)"


def run(argv: Sequence[str], *, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> str:
    """Run a program to its end and return its output. Raises LabError with its standard error."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(list(argv), input=data, capture_output=True, env=env, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise LabError(f"{' '.join(argv)[:300]}: exit {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def wait_for(
    ready: Callable[[], bool],
    what: str,
    *,
    seconds: float,
    every: float = 0.05,
    check: Callable[[], None] | None = None,
) -> None:
    """Wait until ``ready()``; ``check()`` may raise when waiting has become pointless. Raises LabError after
    ``seconds``.
    """
    end, late = time.monotonic() + seconds, False
    while not ready():
        if check is not None:
            check()
        if late:  # a look that began in time and was held up is not the last one
            raise LabError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)
        late = time.monotonic() > end


def write(path: Path, text: str | bytes, mode: int = 0o644) -> Path:
    """Write a whole file at once: readers see the old one or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(data)
    part.chmod(mode)
    part.replace(path)
    return path

"""Say how kubectl completes what follows our name, and write the file that it needs for it.

kubectl asks a program `kubectl_complete-imagepull` on PATH. pip makes one; krew links one program a plugin and no more, so there
it is written by `--install`.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import TextIO

from .flags import Args, UsageError, quoted
from .main import COMPLETE

NAME = "kubectl_complete-imagepull"
OURS = "# Written by `kubectl imagepull completion --install`, and safe to remove."
"""The line by which a file is known as ours."""
MOST = 64 << 10
SHELLS = """kubectl's own completion has to be on in your shell:
  bash        source <(kubectl completion bash)
  zsh         source <(kubectl completion zsh)
  fish        kubectl completion fish | source
  powershell  kubectl completion powershell | Out-String | Invoke-Expression
"""


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Install, or explain. -> 0. Raises UsageError where the file cannot be written, or a file of somebody else is in the way."""
    if args.to and not args.install:
        raise UsageError("error: --to is for --install")
    if not args.install:
        _explain(out)
        return 0
    if os.name == "nt":
        raise UsageError(
            "error: kubectl on Windows runs no shell script: use the program that pip installs", pointed=False
        )
    folder = pathlib.Path(args.to).absolute() if args.to else _folder()
    file = folder / NAME
    there = _read(file)
    wanted = _script()
    if there == wanted or (there is not None and OURS not in there and _of_pip(there)):
        out.write(f"{file} is there already.\n")
    elif there is not None and OURS not in there:
        raise UsageError(
            f"error: {file} is there and not ours: nothing is changed. Remove it, or choose another folder with --to DIR",
            pointed=False,
        )
    else:
        _write(file, wanted)
        out.write(
            f"{file} is {'written' if there is None else 'brought up to date'}. To undo it: rm {shlex.quote(str(file))}\n"
        )
    if folder not in _path():
        out.write(f"{folder} is not on PATH yet, and kubectl looks nowhere else: add it.\n")
    out.write(SHELLS)
    return 0


def _explain(out: TextIO) -> None:
    out.write(
        f"kubectl completes commands, flags, pods and nodes after `kubectl imagepull` by a program {NAME} on PATH.\n"
    )
    found = shutil.which(NAME)
    if found:
        out.write(f"It is there: {found}\n")
    else:
        out.write("It is not there. `kubectl imagepull completion --install` writes it.\n")
    out.write(SHELLS)


def _program() -> list[str]:
    """How we are run: the words before the verb."""
    called = pathlib.Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "kubectl_imagepull"]
    # not resolved: krew's link stays where it is when the version behind it changes
    return [str(called.absolute())]


def _script() -> str:
    words = _program()
    return (
        f"#!/bin/sh\n{OURS}\n# kubectl runs it for the completion of `kubectl imagepull`.\n"
        f'[ -x {shlex.quote(words[0])} ] || exit 0\nexec {shlex.join([*words, COMPLETE])} "$@"\n'
    )


def _path() -> list[pathlib.Path]:
    return [pathlib.Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one]


def _folder() -> pathlib.Path:
    """Where to write: beside our own link, where kubectl found it; else the first folder of PATH in the user's home.

    Raises UsageError where there is none that may be written to.
    """
    for folder in _candidates():
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise UsageError(
        "error: no folder of PATH that you may write to, beside kubectl-imagepull or in your home: choose one with --to DIR",
        pointed=False,
    )


def _candidates() -> Iterator[pathlib.Path]:
    path = _path()
    beside = pathlib.Path(_program()[0]).parent
    if beside in path:
        yield beside
    found = shutil.which("kubectl-imagepull")
    if found:
        yield pathlib.Path(found).absolute().parent
    with contextlib.suppress(RuntimeError):  # no home folder
        home = pathlib.Path.home()
        yield from (folder for folder in path if home in folder.parents)


def _read(file: pathlib.Path) -> str | None:
    """What stands in a file, None where there is none. Raises UsageError for what is no file."""
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(MOST)
    except FileNotFoundError:
        if file.is_symlink():
            raise UsageError(f"error: {file} is a link to nowhere: nothing is changed", pointed=False) from None
        return None
    except OSError as error:
        raise UsageError(f"error: {file}: {error.strerror or error}", pointed=False) from None
    except ValueError:  # a NUL in its name
        raise UsageError(f"error: {quoted(str(file))} can be the name of no file") from None


def _of_pip(text: str) -> bool:
    """Whether it is the script that pip makes of our entry point."""
    return "from kubectl_imagepull.cli.complete import main" in text


def _write(file: pathlib.Path, text: str) -> None:
    """Write an executable file at once or not at all. Raises UsageError."""
    part = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, prefix=f".{NAME}.", delete=False, encoding="utf-8"
        ) as opened:
            part = opened.name
            opened.write(text)
        pathlib.Path(part).chmod(0o755)
        pathlib.Path(part).replace(file)
    except OSError as error:
        if part:
            pathlib.Path(part).unlink(missing_ok=True)
        raise UsageError(f"error: {file}: {error.strerror or error}", pointed=False) from None

"""The command line: which verb, exit codes, and the one place where an error becomes text."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from ..system import ENDING

INTERRUPTED = 130
TROUBLE = 2
COMPLETE = "__complete"
"""What the file that `completion --install` writes calls us with; the words of a command line follow."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. -> exit code as in the design: 0, 1, 2, 3 or 130.

    Every way out ends here: an interruption is silent, a closed pipe too, and no error shows a traceback.
    """
    try:
        for number in ENDING:
            signal.signal(number, _interrupt)
        from .streams import open_all

        open_all()
        code = run(list(sys.argv[1:] if argv is None else argv), sys.stdout, sys.stderr, sys.stdin)
        sys.stdout.flush()
    except KeyboardInterrupt as error:
        code = INTERRUPTED
        if error.args:
            with contextlib.suppress(OSError, ValueError):
                print(f"error: {error}", file=sys.stderr)
    except BrokenPipeError:
        code = 0
    except OSError as error:  # a full disk shows itself only when the rest is written
        code = TROUBLE
        with contextlib.suppress(OSError, ValueError):
            print(_in_words(error), file=sys.stderr)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    if argv is None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        # threads that wait for a silent server must not hold the shell's prompt
        os._exit(code)
    return code


TOGETHER = 1.0
"""Seconds in which several signals are one: who ends a session may send two at once, and the second would break off the clean-up
before it has begun."""
_again = -TOGETHER


def _interrupt(number: int, frame: Any) -> None:
    global _again
    if time.monotonic() >= _again:
        _again = time.monotonic() + TOGETHER
        raise KeyboardInterrupt


def run(argv: Sequence[str], out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Parse and run. -> exit code. Raises KeyboardInterrupt and BrokenPipeError only."""
    if argv[:1] == [COMPLETE]:
        from .complete import main as complete

        return complete(argv[1:])
    from .flags import UsageError
    from .help import program

    prog = program(sys.argv[0])
    pointer = prog  # whose --help tells more
    try:
        from .commands import COMMANDS, ROOT, all_flags, flags_for
        from .flags import read, verb_at
        from .help import help_of
        from .streams import write_as

        at = verb_at(argv, all_flags())
        if at is None:
            if not read(argv, flags_for(ROOT)).version:
                out.write(help_of(ROOT, prog))
                return 0
            verb, words = "version", []
        else:
            verb, words = argv[at], [*argv[:at], *argv[at + 1 :]]
        if verb == "help":
            verb = next(iter(read(words, flags_for(ROOT)).operands), "")
            if verb and verb not in COMMANDS:
                raise UsageError(_unknown(verb, prog))
            out.write(help_of(COMMANDS.get(verb, ROOT), prog))
            return 0
        command = COMMANDS.get(verb)
        if command is None:
            raise UsageError(_unknown(verb, prog))
        pointer = f"{prog} {verb}"
        args = read(words, flags_for(command))
        if args.help or verb == "options":
            out.write(help_of(command, prog))
            return 0
        if command.most is not None and len(args.operands) > command.most:
            raise UsageError(f"error: extra arguments: [{' '.join(args.operands[command.most :])[:200]}]")
        write_as(getattr(args, "output", ""), out)
        module = importlib.import_module(f".{verb.replace('-', '_')}", __package__)
        code: int = module.run(args, out, err, stdin)
        return code
    except UsageError as error:
        print(error, file=err)
        if error.advice or error.pointed:
            print(error.advice or f"See '{pointer} --help' for usage.", file=err)
        return TROUBLE
    except RecursionError:
        print("error: the input is nested too deeply", file=err)
        return TROUBLE
    except Exception as error:
        from ..errors import BundleMissing, ConfigError, KubeError

        if not isinstance(error, (KubeError, BundleMissing, OSError)) or isinstance(error, BrokenPipeError):
            if isinstance(error, BrokenPipeError) or os.environ.get("IMAGEPULL_TRACEBACK"):
                raise
            print(
                f"error: this is a bug in {prog}: {type(error).__name__}: {error} (IMAGEPULL_TRACEBACK=1 shows where)",
                file=err,
            )
            return TROUBLE
        # a KubeError is the whole line, in kubectl's words
        print(str(error) if isinstance(error, KubeError) else _in_words(error), file=err)
        if isinstance(error, ConfigError):
            print(f"See '{pointer} --help' for usage.", file=err)
        return TROUBLE


def _in_words(error: Exception) -> str:
    """A line for an error; what the operating system refuses as Go has it: without the number."""
    from ..text import printable

    if not isinstance(error, OSError):
        return printable(f"error: {error}")
    words = (error.strerror or str(error)).lower()
    return printable(f"error: {error.filename}: {words}" if error.filename else f"error: {words}")


def _unknown(verb: str, prog: str) -> str:
    import difflib

    from .commands import COMMANDS
    from .flags import quoted

    near = difflib.get_close_matches(verb, [one.name for one in COMMANDS.values() if not one.hidden], n=1)
    meant = near[0] if near else f"why {verb[:60]}"
    return f'error: unknown command {quoted(verb[:60])} for "{prog}". Did you mean "{meant}"?'

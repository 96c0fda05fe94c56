"""The command line: verbs, exit codes, and the one place where an error becomes text."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, TextIO

VERBS = {
    "why": "say why a pod's images cannot be pulled, proven from its node",
    "probe-node": "ask registries from a node, a row each",
    "explain": "say what a cause or a message of the kubelet means",
    "cleanup": "remove what a killed run may have left",
    "options": "list the flags that every verb takes",
    "version": "print the version",
}
INTERRUPTED = 130
TROUBLE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. -> exit code as in the design: 0, 1, 2, 3 or 130.

    Every way out ends here: an interruption is silent, a closed pipe too, and no error shows a traceback.
    """
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        code = run(list(sys.argv[1:] if argv is None else argv), sys.stdout, sys.stderr, sys.stdin)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = 0
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    if argv is None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        # threads that wait for a silent server must not hold the shell's prompt
        os._exit(code)
    return code


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def run(argv: Sequence[str], out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Parse and run. -> exit code. Raises KeyboardInterrupt and BrokenPipeError only."""
    from .options import Parser, UsageError, add_connection, program, spread_booleans

    prog = program(sys.argv[0])
    parser = Parser(prog=prog, description="Says why a pod cannot pull its image, proven from the node it runs on.")
    parser.epilog = "\n".join(["verbs:", *(f"  {name:<12} {text}" for name, text in VERBS.items())])
    parser.add_argument("verb", nargs="?", help=_hidden())
    add_connection(parser)
    try:
        words = spread_booleans(argv)
        verb, before, after = _split(words)
        if verb is None:
            if not words or words[0] in ("-h", "--help", "help"):
                out.write(parser.format_help())
                return 0
            args = parser.parse_args(words)  # an unknown flag is named here
            raise UsageError(f"error: a verb is needed: {', '.join(VERBS)}")
        if verb not in VERBS:
            raise UsageError(_unknown_verb(verb, prog), prog)
        if verb == "options":
            out.write(parser.format_help())
            return 0
        module = importlib.import_module(f".{verb.replace('-', '_')}", __package__)
        own = Parser(prog=f"{prog} {verb}", description=module.__doc__)
        add_connection(own)
        module.configure(own)
        if "-h" in after or "--help" in after:
            out.write(own.format_help())
            return 0
        args = own.parse_intermixed_args([*before, *after])
        code: int = module.run(args, out, err, stdin)
        return code
    except UsageError as error:
        print(error, file=err)
        return TROUBLE
    except RecursionError:
        print("error: the input is nested too deeply", file=err)
        return TROUBLE
    except Exception as error:
        from ..errors import BundleMissing, KubeError

        if not isinstance(error, (KubeError, BundleMissing, OSError)) or isinstance(error, BrokenPipeError):
            if isinstance(error, BrokenPipeError) or os.environ.get("IMAGEPULL_TRACEBACK"):
                raise
            print(
                f"error: this is a bug in {prog}: {type(error).__name__}: {error} (IMAGEPULL_TRACEBACK=1 shows where)",
                file=err,
            )
            return TROUBLE
        from ..text import printable

        text = printable(str(error))
        print(text if text.startswith(("error", "Error", "Unable")) else f"error: {text}", file=err)
        return TROUBLE


def _hidden() -> str:
    import argparse

    return argparse.SUPPRESS


VALUE_FLAGS = frozenset(
    "-n --namespace --context --kubeconfig --cluster --user -s --server --token --as --as-uid --as-group "  # noqa: SIM905
    "--certificate-authority --client-certificate --client-key --tls-server-name --request-timeout -v --v".split()
)


def _split(words: Sequence[str]) -> tuple[str | None, list[str], list[str]]:
    """(verb, flags before it, everything after it): kubectl takes its flags on either side."""
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or word == "-":
            return word, list(words[:at]), list(words[at + 1 :])
        if word in ("-h", "--help"):
            return None, [], []
        at += 2 if word in VALUE_FLAGS else 1
    return None, list(words), []


def _unknown_verb(verb: str, prog: str) -> str:
    import difflib

    near = difflib.get_close_matches(verb, VERBS, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" Did you mean `{prog} why {verb[:60]}`?"
    return f'error: unknown verb "{verb[:60]}".{hint}'

"""Replace tags by digests: shows a diff, writes files, checks them in CI, or prints commands for live workloads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from ..report import machine
from ..report import pin as report
from ..session.manifest_files import STDIN, manifest_files
from ..session.pin import Ask, Pinning, Wanted, asking, pin_files, pin_live, pin_references, write
from ..text import printable
from .flags import Args, UsageError
from .operands import is_image, parse
from .options import api_of, hosts_of, refuse_warnings
from .streams import bytes_from
from .waiting import Waiting


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Pin what is named. -> 0; 1 where --check finds an image without its digest; 2 where something could not be pinned."""
    mode = "check" if args.check else "write" if args.write else "diff"
    images = [word for word in args.operands if is_image(word)]
    _refuse(args, images)
    waiting = Waiting(err)

    def begun(count: int) -> None:
        if args.output == "text":
            waiting.begin(f"asking registries for {count} image{'s' * (count != 1)} ...")

    def told(line: str) -> None:
        print(printable(line), file=err)

    with asking(told, hosts_of(args, "token-host"), hosts_of(args, "plain-http")) as ask:
        try:
            found, code = _pinned(args, images, ask, begun, stdin)
        finally:
            waiting.end()
    written = _written(found, args, out, told) if args.write else []
    if args.output == "json":
        out.write(machine.dump(report.document(mode, time.time(), found, written)) + "\n")
    else:
        _as_text(mode, args, found, written, out, told)
    missing = args.write and {change.name for change in found.changes} - {*written}
    return 2 if missing else code(found.exit_code(args.check))


Code = Callable[[int], int]
"""The exit code as --warnings-as-errors has it."""


def _refuse(args: Args, images: Sequence[str]) -> None:
    """Raises UsageError for what cannot be meant."""
    if not args.filename and not args.operands:
        raise UsageError("error: say what to pin: -f FILE, KIND/NAME of a workload, or an image")
    if args.filename and args.operands:
        raise UsageError("error: -f and operands are pinned one kind at a time")
    if images and len(images) < len(args.operands):
        raise UsageError("error: workloads and images are pinned one kind at a time")
    if args.check and (args.write or args.diff):
        raise UsageError("error: --check only says what has no digest: not with --write and --diff")
    if args.write and args.diff and STDIN in args.filename:
        raise UsageError(
            "error: the standard input goes to the standard output with --write: there is no room for --diff"
        )
    if args.write and not args.filename:
        raise UsageError("error: --write writes files: name them with -f")
    if args.recursive and not args.filename:
        raise UsageError("error: -R is for -f, which is not given")


def _pinned(
    args: Args, images: Sequence[str], ask: Ask, begun: Callable[[int], None], stdin: TextIO
) -> tuple[Pinning, Code]:
    wanted = Wanted(update=args.update, check=args.check)
    if args.filename:
        return pin_files(manifest_files(args.filename, args.recursive, bytes_from(stdin)), wanted, ask, begun), int
    if images:
        return pin_references(images, wanted, ask), int
    targets = parse(args.operands, "", False, (), stdin)
    if not targets.named:
        raise UsageError("error: name the workloads: pin deploy/NAME")
    api = api_of(args)
    return pin_live(api, targets.named, wanted, ask, begun), lambda code: refuse_warnings(api, code)


def _written(found: Pinning, args: Args, out: TextIO, told: Callable[[str], None]) -> list[str]:
    """Write the files. -> those that were; the standard input goes on to the standard output, changed or not."""
    written = []
    for change in found.changes:
        if change.name == STDIN:
            written.append(STDIN)
            continue
        try:
            write(change)
            written.append(change.name)
        except ValueError as error:
            told(f"error: {error}")
        except OSError as error:
            told(f"error: {change.name}: {(error.strerror or str(error)).lower()}")
    return written


def _as_text(
    mode: str,
    args: Args,
    found: Pinning,
    written: Sequence[str],
    out: TextIO,
    told: Callable[[str], None],
) -> None:
    if mode == "check":
        for row in found.rows:
            if row.outcome in ("unpinned", "changed"):
                out.write(report.line_of(row) + "\n")
    elif args.filename:
        _files(args, found, written, out, told)
    else:
        for line in found.commands or [row.image or row.place.image for row in found.rows if not row.place.file]:
            out.write(printable(line) + "\n")
    for note in found.notes:
        told(note)
    for trouble in found.troubles:
        told(f"{trouble.file}{f':{trouble.line}' if trouble.line else ''}: {trouble.message}")
    for row in found.rows:
        if row.outcome == "failed" or (row.outcome == "kept" and mode != "check"):
            told(report.line_of(row))


def _files(args: Args, found: Pinning, written: Sequence[str], out: TextIO, told: Callable[[str], None]) -> None:
    """The diff, and the names of the files that were written; with --write the standard input goes through."""
    if args.diff or not args.write:
        for change in found.changes:
            out.writelines(report.unified(change.name, change.before, change.after))
    if args.write:
        out.write(found.through)
        for name in written:
            if name != STDIN:
                told(f"{name} written")
    count, had = (sum(row.outcome == outcome for row in found.rows) for outcome in ("changed", "pinned"))
    files = len(found.changes)
    told(
        f"{count} image{'s' * (count != 1)} in {files} file{'s' * (files != 1)} "
        f"{'got' if args.write else 'would get'} a new digest, {had} had one"
        + ("; --write changes the files" if files and not args.write else "")
    )

"""Manifests as kubectl finds them: files, folders and the standard input."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import KubeError
from ..image.manifests import MOST_BYTES

SUFFIXES = (".yaml", ".yml", ".json")
"""Files of a folder that are read (cli-runtime: pkg/resource/visitor.go, FileExtensions)."""
MOST_ENTRIES = 1_000_000
"""Files and folders below one folder that are looked at."""
STDIN = "-"


@dataclass(frozen=True)
class ManifestFile:
    """A file, as far as it could be read."""

    name: str
    """As it is shown: the path as it was given or found below one; "-" for the standard input."""
    data: bytes = field(default=b"", repr=False)
    """Its bytes; one more than `MOST_BYTES` of a larger one, which `manifests.read` then refuses."""
    error: str = ""
    """Why it could not be read, one line; "" where it could."""


def manifest_files(paths: Sequence[str], recursive: bool, stdin: Callable[[int], bytes]) -> Iterator[ManifestFile]:
    """The files that are meant, one by one, a folder's in the order of their names. stdin: reads so many bytes of it at most.

    Raises KubeError for a path that does not exist, before anything is read; a file that cannot be read is told and the next one
    follows.
    """
    for path in paths:
        try:
            there = path == STDIN or pathlib.Path(path).exists()
        except (OSError, ValueError):  # a name too long, or with a NUL in it
            there = False
        if not there:
            # kubectl's words (cli-runtime: pkg/resource/builder.go)
            raise KubeError(f'error: the path "{path[:200]}" does not exist')
    for path in dict.fromkeys(paths):
        if path == STDIN:
            yield ManifestFile(STDIN, stdin(MOST_BYTES + 1))
        elif pathlib.Path(path).is_dir():
            for inside in _inside(path, recursive):
                yield _read(inside)
        else:
            yield _read(path)


def _inside(folder: str, recursive: bool) -> Iterator[str]:
    """Manifests in a folder; what begins with a dot and links to folders are passed over below it."""
    left = MOST_ENTRIES
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        left -= len(names) + len(folders)
        if left < 0:
            raise KubeError(
                f"error: more than {MOST_ENTRIES} files below {folder[:200]}: name the folders with manifests"
            )
        for name in sorted(names):
            if name.endswith(SUFFIXES) or name == "Kustomization":
                yield str(pathlib.Path(where, name))


def _read(path: str) -> ManifestFile:
    try:
        with pathlib.Path(path).open("rb") as opened:
            return ManifestFile(path, opened.read(MOST_BYTES + 1))
    except OSError as error:
        return ManifestFile(path, error=(error.strerror or str(error)).lower())

"""The host's files, read below a root.

In a pod the host's /etc is mounted at ROOT/etc; on the workstation the root is empty. Symbolic links are followed as the
host would follow them: an absolute link starts at ROOT again.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from ..observation import Observation

MAX_FILE = 4 << 20
MAX_CONFIG = 1 << 20
"""No configuration by hand is as large, and reading one takes time."""


_SHOWN: List[str] = []
_NEEDED: Dict[str, str] = {}


def show_only(paths: List[str]) -> None:
    """Say which places of the host can be seen below the root: these and what is in them. None named: all of it."""
    _SHOWN[:] = paths


def hidden(path: str) -> bool:
    """Whether nothing can be said of the host's path, not even that it is absent."""
    return bool(_SHOWN) and not any(_within(path, shown) or _within(shown, path) for shown in _SHOWN)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def need(root: str, path: str, kind: str) -> None:
    """A configuration names this File or Directory of the host's /etc; what cannot be seen can be asked for (`needed`)."""
    if root and path.startswith("/etc/") and hidden(path):
        _NEEDED[path] = kind


def needed() -> List[Tuple[str, str]]:
    """What was named and could not be seen, and what it is."""
    return list(_NEEDED.items())


def below(root: str, path: str) -> Optional[str]:
    """Where the host's path is found below root, links resolved; None where it leaves what is mounted or loops."""
    if not root:
        return path
    left = [p for p in path.split("/") if p]
    real: List[str] = []
    for _ in range(200):
        if not left:
            return None if hidden("/" + "/".join(real)) else root + "/" + "/".join(real)
        part = left.pop(0)
        if part == ".":
            continue
        if part == "..":
            real[-1:] = []
            continue
        here = root + "/" + "/".join([*real, part])
        try:
            target = os.readlink(here)
        except OSError:
            real.append(part)
            continue
        if target.startswith("/"):
            real = []
        left = [p for p in target.split("/") if p] + left
    return None


def read(root: str, path: str) -> Optional[str]:
    """The text of a host's file, None where it cannot be read; at most 4 MiB."""
    return _bytes(root, path, MAX_FILE)[0]


@dataclass(frozen=True)
class Config:
    """A configuration file."""

    text: Optional[str]
    """None where it cannot be used."""
    why: str = ""
    """Why not: absent | hidden (not mounted) | unreadable | not a file | too large."""


def config(root: str, path: str, most: int = MAX_CONFIG) -> Config:
    """The text of a host's configuration file; nothing of one that is larger than `most`, for half of it would mislead."""
    text, why = _bytes(root, path, most)
    return Config(None, "too large") if why == "cut" else Config(text, why)


def _bytes(root: str, path: str, most: int) -> Tuple[Optional[str], str]:
    """(text, "" or why there is none or only a part). What is no plain file is not read: a pipe would never end."""
    where = below(root, path)
    if where is None:
        return None, "hidden" if root and hidden(path) else "unreadable"
    try:
        number = os.open(where, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None, "unreadable" if os.path.lexists(where) else "absent"
    except OSError:
        return None, "unreadable"
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return None, "not a file"
        with os.fdopen(number, "rb", closefd=False) as file:
            data = file.read(most + 1)
    except OSError:
        return None, "unreadable"
    finally:
        os.close(number)
    return data[:most].decode("utf-8", "replace"), "cut" if len(data) > most else ""


def files_in(root: str, folder: str, ending: str, most: int = 50) -> List[str]:
    """The host's files in a folder whose names end so, in the order of their names; none where it cannot be listed."""
    where = below(root, folder)
    try:
        names = sorted(n for n in os.listdir(where) if n.endswith(ending)) if where else []
    except OSError:
        return []
    return [f"{folder}/{name}" for name in names[:most]]


def is_folder(root: str, path: str) -> bool:
    """True where the host's folder is there to be seen."""
    where = below(root, path)
    return where is not None and os.path.isdir(where)


def searchable(root: str, path: str) -> bool:
    """True where what lies in the host's folder can be looked up by its name."""
    where = below(root, path)
    return where is not None and os.access(where, os.X_OK)


def changed_at(root: str, path: str) -> float:
    """When the host's file was changed, in seconds since the epoch; 0 where that cannot be seen."""
    where = below(root, path)
    try:
        return round(os.stat(where).st_mtime, 1) if where else 0.0
    except OSError:
        return 0.0


LOW_SHARE, LOW_BYTES = 0.05, 1 << 30
GIB = float(1 << 30)


def room_beside(root: str) -> Optional[Observation]:
    """Where the file system of the host's /etc has hardly any room: mostly it is that of the images as well, which lies where
    nothing is mounted from. None where there is room, or nothing to be seen. outcome: low."""
    seen = next((root + path for path in (*_SHOWN, "/etc") if os.path.isdir(root + path)), f"{root}/etc")
    try:
        found = os.statvfs(seen)
    except OSError:
        return None
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    inodes = found.f_favail if found.f_files else None
    if not size or (free >= LOW_SHARE * size and free >= LOW_BYTES and inodes != 0):
        return None
    said = (
        f"{free / GIB:.1f} of {size / GIB:.1f} GiB are free on the file system of /etc, which may be that of the images"
    )
    data = {"free_bytes": free, "capacity_bytes": size, "inodes_free": inodes, "path": "/etc"}
    return Observation("low", said + (", no inode is left" if inodes == 0 else ""), data)


def booted_at() -> float:
    """When the kernel started, in seconds since the epoch, 0 where it does not say: no runtime is older."""
    try:
        with open("/proc/stat") as file:
            return next((float(line.split()[1]) for line in file if line.startswith("btime ")), 0.0)
    except (OSError, ValueError, IndexError):
        return 0.0

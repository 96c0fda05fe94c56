"""What a runtime makes of a setting, by its version and by the way in which it pulls: measured, not assumed.

Each row comes from the runtime's own code, run or read at the version named in `source`; the oracles under tests/oracle put
random configurations to that code and to the readers that use this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

Version = Tuple[int, int, int]
START: Version = (0, 0, 1)
END: Version = (99, 0, 0)


@dataclass(frozen=True)
class Setting:
    """One row: a setting of a runtime has this effect from one version up to, and without, another."""

    runtime: str
    """containerd | cri-o."""
    name: str
    """The setting, as the readers ask for it."""
    since: Version
    """The first version of the row."""
    until: Version
    """The first version after the row."""
    effect: str
    """What happens, in one of the words that the reader of the setting knows."""
    mode: str = ""
    """The way of pulling that the row is for: transfer | local; "" for both."""
    source: str = ""
    """Where it was seen, and when."""


_MEASURED = "measured 2026-11-28"
SETTINGS: Tuple[Setting, ...] = (
    # ---- containerd: which files and sections count
    Setting("containerd", "newest file version", START, (2, 0, 0), "2", source="1.6.20, 1.7.29: " + _MEASURED),
    Setting("containerd", "newest file version", (2, 0, 0), (2, 3, 0), "3", source="2.2.9: " + _MEASURED),
    Setting("containerd", "newest file version", (2, 3, 0), END, "4", source="2.3.7, 2.4.2: " + _MEASURED),
    Setting("containerd", "imports", START, (2, 0, 0), "replace the plugin", source="1.6.20: " + _MEASURED),
    Setting("containerd", "imports", (2, 0, 0), END, "merge", source="2.2.9, 2.4.2: " + _MEASURED),
    Setting("containerd", "migration", START, (2, 0, 0), "none", source="cmd/containerd/server/config of 1.7.29"),
    Setting("containerd", "migration", (2, 0, 0), (2, 3, 0), "merged", source="2.2.9, server.go New: " + _MEASURED),
    Setting(
        "containerd", "migration", (2, 3, 0), END, "each file", source="2.3.7, LoadConfigWithPlugins: " + _MEASURED
    ),
    # ---- containerd: the registry's settings
    Setting("containerd", "transfer service", START, (2, 1, 0), "no", source="2.1.0's release notes"),
    Setting("containerd", "transfer service", (2, 1, 0), END, "yes", source="2.4.2: " + _MEASURED),
    Setting("containerd", "config_path list", START, END, "split", "local", "1.6.20, 2.4.2: " + _MEASURED),
    Setting(
        "containerd", "config_path list", (2, 1, 0), END, "one directory", "transfer", "2.1.9 - 2.4.2: " + _MEASURED
    ),
    Setting("containerd", "no config_path", START, (2, 2, 0), "no directory", source="1.6.20 - 2.1.9: " + _MEASURED),
    Setting("containerd", "no config_path", (2, 2, 0), END, "default list", source="2.2.9 - 2.4.2: " + _MEASURED),
    Setting("containerd", "mirrors", START, (2, 2, 0), "in force", source="1.6.20: " + _MEASURED),
    Setting("containerd", "mirrors", (2, 2, 0), (2, 2, 2), "fatal", source="config_unix.go:36 of 2.2.0 and 2.2.1"),
    Setting("containerd", "mirrors", (2, 2, 2), END, "in force", source="2.2.9, 2.4.2: " + _MEASURED),
    Setting("containerd", "configs tls", START, (2, 0, 0), "in force", source="1.6.20, 1.7.29: " + _MEASURED),
    Setting("containerd", "configs tls", (2, 0, 0), END, "ignored", source="2.0.14 - 2.4.2: " + _MEASURED),
    # ---- containerd: hosts.toml
    Setting(
        "containerd", "hosts.toml without hosts", START, (2, 0, 0), "refused", source="1.6.20, 1.7.29: " + _MEASURED
    ),
    Setting("containerd", "hosts.toml without hosts", (2, 0, 0), END, "in force", source="2.0.14: " + _MEASURED),
    Setting("containerd", "capability referrers", START, (2, 2, 0), "refused", source="1.6.20, 2.1.9: " + _MEASURED),
    Setting("containerd", "capability referrers", (2, 2, 0), END, "in force", source="2.2.9: " + _MEASURED),
    Setting("containerd", "dial_timeout", START, (2, 0, 0), "ignored", source="1.7.29: " + _MEASURED),
    Setting("containerd", "dial_timeout", (2, 0, 0), (2, 1, 0), "counts as TLS", source="2.0.14, hosts.go"),
    Setting("containerd", "dial_timeout", (2, 1, 0), END, "in force", source="2.1.9, 2.4.2: " + _MEASURED),
    # ---- CRI-O
    Setting("cri-o", "insecure_registries", START, (1, 35, 0), "in force", source="1.34.11, internal/storage/image.go"),
    Setting(
        "cri-o", "insecure_registries", (1, 35, 0), END, "ignored", source="1.35.0's own words: no longer effective"
    ),
    Setting("cri-o", "short_name_mode", START, (1, 34, 0), "unknown", source="1.33.3's pkg/config has no such key"),
    Setting("cri-o", "short_name_mode", (1, 34, 0), END, "in force", source="1.34.0: " + _MEASURED),
    # the version of go.podman.io/image: 5.38 up to CRI-O 1.36
    Setting("cri-o", "version 1 files", START, (1, 37, 0), "converted", source="image 5.38.0: " + _MEASURED),
    Setting("cri-o", "version 1 files", (1, 37, 0), END, "refused", source="image 5.39.1, 5.42.1: " + _MEASURED),
    Setting("cri-o", "linked drop-in folder", START, (1, 37, 0), "ignored", source="image 5.38.0: " + _MEASURED),
    Setting("cri-o", "linked drop-in folder", (1, 37, 0), END, "followed", source="image 5.42.1: " + _MEASURED),
    Setting("cri-o", "/usr/share/containers", START, (1, 37, 0), "not read", source="image 5.39.1: " + _MEASURED),
    Setting("cri-o", "/usr/share/containers", (1, 37, 0), END, "read", source="image 5.40: " + _MEASURED),
)


def effect(runtime: str, name: str, version: Version, mode: str = "") -> str:
    """The effect of a setting at a version; of one that is not known, at its newest. KeyError where no row tells."""
    known = version if any(version) else (98, 0, 0)
    for row in SETTINGS:
        if (row.runtime, row.name) == (runtime, name) and row.since <= known < row.until and row.mode in ("", mode):
            return row.effect
    raise KeyError(f"{runtime} {name} {version} {mode}")

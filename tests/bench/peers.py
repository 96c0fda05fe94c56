"""The programs of others that we are measured against, built once from their Go modules."""

from __future__ import annotations

from pathlib import Path

from tests.lab import build

CRANE = build.Module("crane", "github.com/google/go-containerregistry", "v0.22.1", ("crane",), "-s -w")
"""Asks registries, the usual tool for it."""
POPEYE = build.Module("popeye", "github.com/derailed/popeye", "v0.22.1", ("popeye",), "-s -w", folder="")
"""Looks through a cluster for what is wrong with it."""


def program(module: build.Module) -> Path:
    """The module's only program. Raises LabError."""
    return build.programs(module) / module.programs[0]

"""Judging a saved case: the same verdict as where it was saved, without a cluster."""

from __future__ import annotations

from ..case import LARGEST, parse
from ..verdict import judge
from .observer import Diagnosis

MOST_BYTES = LARGEST + 1
"""What needs to be read of a file at most: one byte more than it may have."""


def diagnose_saved(data: bytes, name: str) -> list[Diagnosis]:
    """The diagnoses of a case file. name: what the file is called in errors. Raises CaseError."""
    return [Diagnosis(case, judge(case)) for case in parse(data, name).cases]

"""Case -> Verdict: pure rules, no I/O, no clock."""

from .engine import judge

__all__ = ["judge"]

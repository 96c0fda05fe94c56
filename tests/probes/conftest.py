"""The fixtures of the fault matrix."""

from __future__ import annotations

from tests.probes.walking import authority, walker

__all__ = ["authority", "walker"]

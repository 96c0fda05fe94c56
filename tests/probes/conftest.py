"""The fixtures of the fault matrix."""

from __future__ import annotations

from tests.probes.hosts import host
from tests.probes.walking import authority, walker

__all__ = ["authority", "host", "walker"]

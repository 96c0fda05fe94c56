"""What Linux, macOS and Windows do not have in common."""

from __future__ import annotations

import signal

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
"""The signals that end a program, as far as this system has them: Windows has no SIGHUP, and others no SIGBREAK."""

"""How long a server asks to be left alone: the same header from API servers, from proxies before them and from registries."""

from __future__ import annotations

import contextlib
import email.utils
import math


def seconds_of(retry_after: str | None, now: float) -> float:
    """What Retry-After says: a number, a date (RFC 9110, 10.2.3), or anything at all, which counts as 1. now: seconds since the
    epoch.

    API Priority and Fairness sends a number, proxies in front of it dates.
    """
    text = (retry_after or "").strip()
    seconds = 1.0
    try:
        seconds = float(text)
    except ValueError:
        with contextlib.suppress(TypeError, ValueError, IndexError, OverflowError):
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - now
    return max(0.0, seconds) if math.isfinite(seconds) else 1.0


__all__ = ["seconds_of"]

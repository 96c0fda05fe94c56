"""The platform of a case's node, from what is known of the node and of its files."""

from __future__ import annotations

from ..catalogue import platforms
from ..catalogue.platforms import Platform
from ..model import Case, RuntimeConfig


def platform_of(case: Case) -> Platform | None:
    """The platform, None where nothing says which: then no platform's file or command is named."""
    seen = [o.detail for o in case.seen(RuntimeConfig, place="node")]
    return platforms.platform_of(case.facts.node, tuple(detail.source for detail in seen if detail.source))

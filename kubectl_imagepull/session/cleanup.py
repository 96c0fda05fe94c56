"""Removing what runs have left in a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..kube.client import Api
from ..node.created_objects import Leftover, Leftovers, leftovers, remove


def clean_up(api: Api, everywhere: bool, removed: Callable[[Leftover], None]) -> Leftovers:
    """Remove the leftovers of the connection's namespace, or of all. -> what was found; runs that go on are left alone.

    removed: told of each as soon as it is gone. Raises KubeError.
    """
    found = leftovers(api, None if everywhere else api.namespace, time.time())
    for one in found.left:
        remove(api, one)
        removed(one)
    return found


__all__ = ["Leftover", "Leftovers", "clean_up"]

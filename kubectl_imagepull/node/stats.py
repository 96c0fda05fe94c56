"""What a node's kubelet says about itself through `nodes/proxy`, without any pod: room for images, and its own limits.

kubernetes: pkg/kubelet/server/stats (stats/summary), pkg/kubelet/server (configz), staging kubelet config v1beta1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..model import Observation, ReadError, Subject, Vantage
from .trail import Client

LOW_SHARE, LOW_BYTES = 0.05, 1 << 30
"""Less room than this is worth a warning; the kubelet itself evicts below 15 % by default."""
GIB = float(1 << 30)


def ask(api: Client, node: str, seen: Callable[[Observation], None]) -> list[ReadError]:
    """Tell `seen` an observation of hop storage and one of hop runtime. -> what could not be read, and what it needs."""
    vantage = Vantage("api", rung="api-only")
    subject = Subject("node", node)
    troubles = []
    for path, hop, read in (("stats/summary", "storage", _room), ("configz", "runtime", _limits)):
        try:
            answer = api.get(f"/api/v1/nodes/{node}/proxy/{path}")
        except Exception as error:
            status = getattr(error, "status", 0)
            why = "needs get on nodes/proxy" if status in (401, 403) else " ".join(str(error).split())[:120]
            troubles.append(ReadError("node", f"{path} of {node} cannot be read: {why}"))
            continue
        found = read(answer)
        if found is not None:
            outcome, summary, data = found
            seen(Observation(hop, subject, vantage, outcome, summary, data, at=time.time()))
    return troubles


def _room(summary: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """(outcome ok | low, summary, data) of the file system that images are unpacked to."""
    runtime = _mapping(_mapping(summary.get("node")).get("runtime"))
    images = _mapping(runtime.get("imageFs"))
    free, size = _number(images.get("availableBytes")), _number(images.get("capacityBytes"))
    if not size:
        return None
    inodes = images.get("inodesFree")
    data = {"free_bytes": free, "capacity_bytes": size, "inodes_free": _number(inodes) if inodes is not None else None}
    low = free < LOW_SHARE * size or free < LOW_BYTES or data["inodes_free"] == 0
    left = ", no inode left" if data["inodes_free"] == 0 else ""
    unit, name, digits = (GIB, "GiB", 1) if size >= GIB else (float(1 << 20), "MiB", 0)
    room = f"{free / unit:.{digits}f} of {size / unit:.{digits}f} {name} are free for images"
    return "low" if low else "ok", f"{room}{left}", data


def _limits(document: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """(outcome limits, summary, data) of the kubelet's configuration, as far as it bears on pulls."""
    config = _mapping(document.get("kubeletconfig"))
    if not config:
        return None
    names = (
        "serializeImagePulls",
        "maxParallelImagePulls",
        "registryPullQPS",
        "registryBurst",
        "resolvConf",
        "imagePullCredentialsVerificationPolicy",
        "imageServiceEndpoint",
    )
    data = {name: config[name] for name in names if isinstance(config.get(name), (str, int, bool))}
    serial = config.get("serializeImagePulls") is not False
    most = config.get("maxParallelImagePulls")
    side = "one pull at a time" if serial else f"at most {most} pulls at a time" if most else "pulls side by side"
    rate = f", {config['registryPullQPS']} a second" if config.get("registryPullQPS") else ""
    return "limits", f"{side}{rate}", data


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 62 else 0

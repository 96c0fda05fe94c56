"""What a node's kubelet says about itself through `nodes/proxy`, without any pod: room for images, and its own limits.

kubernetes: pkg/kubelet/server/stats (stats/summary), pkg/kubelet/server (configz), staging kubelet config v1beta1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ApiError, KubeError
from ..model import Detail, KubeletLimits, Observation, ReadError, Storage, Subject, Vantage
from ..model.vocabulary import API_ONLY
from ..text import amount
from .created_objects import Client

LOW_SHARE, LOW_BYTES = 0.05, 1 << 30
"""Less room than this is worth a warning; the kubelet itself evicts below 15 % by default."""


def ask(api: Client, node: str, seen: Callable[[Observation], None]) -> list[ReadError]:
    """Tell `seen` an observation of hop storage and one of hop runtime. -> what could not be read, and what it needs."""
    vantage = Vantage("api", rung=API_ONLY)
    subject = Subject("node", node)
    troubles = []
    for path, read in (("stats/summary", _room), ("configz", _limits)):
        try:
            answer = api.get(f"/api/v1/nodes/{node}/proxy/{path}")
        except KubeError as error:
            forbidden = isinstance(error, ApiError) and error.forbidden
            why = "needs get on nodes/proxy" if forbidden else " ".join(str(error).split())[:120]
            troubles.append(ReadError("node", f"{path} of {node} cannot be read: {why}"))
            continue
        found = read(answer)
        if found is not None:
            outcome, summary, detail = found
            seen(Observation(detail, subject, vantage, outcome, summary, at=time.time()))
    return troubles


def _room(summary: Mapping[str, Any]) -> tuple[str, str, Detail] | None:
    """(outcome ok | low, summary, detail) of the file system that images are unpacked to."""
    runtime = _mapping(_mapping(summary.get("node")).get("runtime"))
    images = _mapping(runtime.get("imageFs"))
    free, size = _number(images.get("availableBytes")), _number(images.get("capacityBytes"))
    if not size:
        return None
    counted = images.get("inodesFree")
    inodes = _number(counted) if counted is not None else None
    low = free < LOW_SHARE * size or free < LOW_BYTES or inodes == 0
    left = ", no inode left" if inodes == 0 else ""
    room = f"{amount(free)} of {amount(size)} are free for images"
    return "low" if low else "ok", f"{room}{left}", Storage(free, size, inodes)


def _limits(document: Mapping[str, Any]) -> tuple[str, str, Detail] | None:
    """(outcome limits, summary, detail) of the kubelet's configuration, as far as it bears on pulls."""
    config = _mapping(document.get("kubeletconfig"))
    if not config:
        return None
    serial = config.get("serializeImagePulls")
    limits = KubeletLimits(
        serial if isinstance(serial, bool) else None,
        _count(config.get("maxParallelImagePulls")),
        _count(config.get("registryPullQPS")),
        _count(config.get("registryBurst")),
        _word(config.get("resolvConf")),
        _word(config.get("imagePullCredentialsVerificationPolicy")),
        _word(config.get("imageServiceEndpoint")),
    )
    most = limits.max_parallel_image_pulls
    side = f"at most {most} pulls at a time" if most else "pulls side by side"
    side = side if limits.serialize_image_pulls is False else "one pull at a time"
    rate = f", {limits.registry_pull_qps} a second" if limits.registry_pull_qps else ""
    return "limits", f"{side}{rate}", limits


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 62 else 0

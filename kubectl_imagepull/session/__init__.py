"""What a command does: find targets, collect, judge, watch. No command line and no output; an `Observer` is told what is seen.

from kubectl_imagepull.session import Api, Flags, Named, Targets, diagnose

api = Api(Flags(context="prod", namespace="shop"))
for one in diagnose(api, Targets((Named("Pod", "web-1"),))):
    print(one.case.target.container, one.verdict.cause, one.verdict.confidence)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..kube.client import Api
    from ..kube.config import Flags
    from ..node.ladder import Wanted
    from .diagnosis import diagnose
    from .node_report import NodeReport, NodeTarget, probe_node
    from .observer import Diagnosis, Observer, Plan, Step
    from .options import Options
    from .saved import diagnose_saved
    from .targets import Named, Targets
    from .watching import watch

_ROOMS = {
    "..kube.client": ("Api",),
    "..kube.config": ("Flags",),
    "..node.ladder": ("Wanted",),
    ".diagnosis": ("diagnose",),
    ".observer": ("Diagnosis", "Observer", "Plan", "Step"),
    ".options": ("Options",),
    ".node_report": ("NodeReport", "NodeTarget", "probe_node"),
    ".saved": ("diagnose_saved",),
    ".targets": ("Named", "Targets"),
    ".watching": ("watch",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import on first use: a saved case is judged without the Kubernetes client, which takes a quarter of a second."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOM_OF[name], __name__), name)


__all__ = [
    "Api",
    "Diagnosis",
    "Flags",
    "Named",
    "NodeReport",
    "NodeTarget",
    "Observer",
    "Options",
    "Plan",
    "Step",
    "Targets",
    "Wanted",
    "diagnose",
    "diagnose_saved",
    "probe_node",
    "watch",
]

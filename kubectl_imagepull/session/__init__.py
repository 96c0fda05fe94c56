"""What a command does: find targets, collect, judge, watch. No command line and no output; an `Observer` is told what is seen.

from kubectl_imagepull.session import Api, Flags, Named, Targets, diagnose

api = Api(Flags(context="prod", namespace="shop"))
for one in diagnose(api, Targets((Named("Pod", "web-1"),))):
    print(one.case.target.container, one.verdict.cause, one.verdict.confidence)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazily import on_first_use

if TYPE_CHECKING:
    from ..kube.client import Api
    from ..kube.config import Flags
    from ..model.node_report import FleetReport, NodeReport
    from ..node.ladder import Wanted
    from .diagnosis import diagnose
    from .fleet import FleetObserver, FleetTarget, Limits, probe_nodes
    from .named import Named
    from .node_report import NodeTarget, probe_node
    from .observer import Diagnosis, Observer, Plan, Step
    from .options import Options
    from .saved import diagnose_saved
    from .targets import Targets
    from .watching import watch

_ROOMS = {
    "..kube.client": ("Api",),
    "..kube.config": ("Flags",),
    "..node.wanted": ("Wanted",),
    ".diagnosis": ("diagnose",),
    ".observer": ("Diagnosis", "Observer", "Plan", "Step"),
    ".options": ("Options",),
    "..model.node_report": ("FleetReport", "NodeReport"),
    ".fleet": ("FleetObserver", "FleetTarget", "Limits", "probe_nodes"),
    ".node_report": ("NodeTarget", "probe_node"),
    ".saved": ("diagnose_saved",),
    ".named": ("Named",),
    ".targets": ("Targets",),
    ".watching": ("watch",),
}
__getattr__ = on_first_use(__name__, _ROOMS)  # a saved case is judged without what asks an API server

__all__ = [
    "Api",
    "Diagnosis",
    "Flags",
    "FleetObserver",
    "FleetReport",
    "FleetTarget",
    "Limits",
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
    "probe_nodes",
    "watch",
]

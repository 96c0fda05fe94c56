"""A real Kubernetes cluster on one Linux machine, without a container engine, for the end-to-end tests and
the demo.

Two nodes with two generations of containerd, real DNS, real registries that fail in real ways, and a
workstation from which commands are run. Everything lives in namespaces of its own (``machine.py``): the
machine's own network, /etc, mounts and kernel settings stay as they are, one virtual cable apart.

    from tests.lab import Lab, faults, workstation

    lab = Lab.load()
    workstation.run(["kubectl", "imagepull", "why", "web"])
    with faults.dns_dead(lab, "node1"):
        ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lab.api import Lab, Registry

__all__ = ["Lab", "Registry"]


def __getattr__(name: str) -> Any:
    """``Lab`` and ``Registry`` on demand, so that the command line can say what is missing before anything is
    imported.
    """
    if name not in __all__:
        raise AttributeError(name)
    from tests.lab import api

    return getattr(api, name)

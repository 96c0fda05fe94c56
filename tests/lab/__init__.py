"""A real Kubernetes cluster on one Linux machine, without a container engine, for the end-to-end tests and the demo.

Two nodes with two generations of containerd, real DNS, real registries that fail in real ways, and a workstation from which
commands are run. Everything lives in namespaces of its own (``machine.py``): the machine's own network, /etc, mounts and
kernel settings stay as they are, one virtual cable apart.

    from tests.lab import Lab, faults, workstation

    lab = Lab.load()
    workstation.run(["kubectl", "imagepull", "why", "web"])
    with faults.dns_dead(lab, "node1"):
        ...
"""
from __future__ import annotations

from tests.lab.api import Lab, Registry

__all__ = ["Lab", "Registry"]

"""What can be named in a namespace or a cluster, for completion: (word, what it is) each, as far as one page of a list goes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..image.reference import InvalidReference, Reference
from ..kube import config
from ..kube.client import Api
from ..kube.config import Flags
from ..kube.paths import fields, path_of
from ..kube.pods import waiting_reasons, waits_for_image
from ..model.runs import of_a_run

Choice = tuple[str, str]
MOST = 250
"""Objects of a list: nobody reads more, and a person waits."""


def pods(api: Api) -> list[Choice]:
    """The pods of the connection's namespace, those first that wait for an image; a trial pull is not one. Raises KubeError."""
    listed = _items(api, "Pod", api.namespace)
    found = sorted((of_a_run("pod", pod) or not waits_for_image(pod), _name(pod), _state(pod)) for pod in listed)
    return [(name, state) for _, name, state in found]


def workloads(api: Api, kind: str) -> list[Choice]:
    """The workloads of a kind (Deployment, Job, …) in the connection's namespace. Raises KubeError."""
    return sorted((_name(one), _pods_of(one)) for one in _items(api, kind, api.namespace))


def nodes(api: Api) -> list[Choice]:
    """The nodes, each with its runtime. Raises KubeError."""
    infos = ((_name(node), (node.get("status") or {}).get("nodeInfo") or {}) for node in _items(api, "Node"))
    return sorted((name, str(info.get("containerRuntimeVersion") or "node")) for name, info in infos)


def namespaces(api: Api) -> list[Choice]:
    """The namespaces. Raises KubeError."""
    return sorted((_name(one), "namespace") for one in _items(api, "Namespace"))


def registries(api: Api, node: str) -> list[Choice]:
    """The registries of the images of a node's pods; node "": of the pods in the connection's namespace. Raises KubeError."""
    where = {"fieldSelector": fields(spec__nodeName=node)} if node else {}
    hosts: dict[str, int] = {}
    for pod in _items(api, "Pod", "" if node else api.namespace, **where):
        for host in () if of_a_run("pod", pod) else _hosts(pod):
            hosts[host] = hosts.get(host, 0) + 1
    return sorted((host, f"images of {count} pod{'s' if count > 1 else ''}") for host, count in hosts.items())


def contexts(flags: Flags) -> list[Choice]:
    """The contexts of the kubeconfig. Raises ConfigError."""
    return [(name, "context") for name in config.contexts(flags, os.environ)]


def _items(api: Api, kind: str, namespace: str = "", **query: str) -> Iterable[Mapping[str, Any]]:
    listed = api.get(path_of(kind, namespace), limit=MOST, **query).get("items") or []
    return [one for one in listed if _name(one)]


def _name(found: Mapping[str, Any]) -> str:
    return str((found.get("metadata") or {}).get("name") or "")


def _state(pod: Mapping[str, Any]) -> str:
    reasons = [reason for reason in waiting_reasons(pod) if reason]
    return reasons[0] if reasons else str((pod.get("status") or {}).get("phase") or "pod")


def _pods_of(workload: Mapping[str, Any]) -> str:
    wanted = (workload.get("spec") or {}).get("replicas")
    if not isinstance(wanted, int):
        return str(workload.get("kind") or "workload").lower()
    return f"{(workload.get('status') or {}).get('readyReplicas') or 0} of {wanted} ready"


def _hosts(pod: Mapping[str, Any]) -> set[str]:
    spec = pod.get("spec") or {}
    hosts = set()
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        try:
            hosts.add(Reference.parse(str(container.get("image") or "")).domain)
        except InvalidReference:
            continue
    return hosts

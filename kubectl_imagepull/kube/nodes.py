"""Nodes: what the API server knows of one, of the images there, and of its other pulls."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..catalogue import helpers
from ..catalogue.platforms import annotation_keys, label_keys
from ..errors import ApiError, KubeError
from ..image.containers import containers_of
from ..model import NodeFacts, NodeImages, ReadError, RunningImage
from .client import Api, get_object
from .events import NAMED, event_of
from .objects import controller_of, uid_of
from .paths import BadName, fields, path_of


def read_node(api: Api, name: str, namespace: str) -> tuple[NodeFacts, NodeImages, tuple[str, ...]]:
    """(facts, images there and of which `namespace` is the owner, image references of all pods there).

    Raises ApiError where the node cannot be read; a missing right to list pods leaves the lists empty.
    """
    node = get_object(api, "Node", "", name)
    pods = _pods_on(api, name)
    wanted = [c.get("image") or "" for pod in pods for _, c in containers_of(pod.get("spec") or {})]
    images = _both(_named(node), _running(api, pods, namespace))
    return _node_facts(node), images, tuple(dict.fromkeys(w for w in wanted if w))


def read_peer(api: Api, name: str, image: str, node: str, namespace: str) -> tuple[NodeFacts, NodeImages] | None:
    """The node to compare `node` with: (facts, images there as `read_node` tells them); None: there is no other.

    name: a node, or "auto" for one where a pod runs this image, else any that is Ready. Raises ApiError where a node that was
    named cannot be read.
    """
    chosen = name if name != "auto" else _node_that_runs(api, image, node)
    if not chosen or chosen == node:
        return None
    facts, images, _ = read_node(api, chosen, namespace)
    return facts, images


def _node_that_runs(api: Api, image: str, but: str) -> str:
    nodes = [_node_facts(n) for n in api.pages(path_of("Node"))]
    ready = [n.name for n in nodes if n.ready and n.os in ("", "linux") and n.name != but]
    try:
        for pod in api.pages(path_of("Pod"), fieldSelector="status.phase=Running"):
            spec = pod.get("spec") or {}
            if spec.get("nodeName") in ready and any(c.get("image") == image for c in spec.get("containers") or []):
                return str(spec["nodeName"])
    except ApiError:
        pass  # no right to see other namespaces' pods: then any node will do
    return ready[0] if ready else ""


def node_of(api: Api, errors: list[ReadError], name: str) -> tuple[NodeFacts | None, NodeImages]:
    try:
        node = get_object(api, "Node", "", name)
    except BadName as error:
        errors.append(ReadError("api", str(error), "Node"))
        return None, NodeImages()
    except ApiError as error:
        if error.gone:
            return NodeFacts(
                name, found=False, ready=False, ready_message="the node does not exist any more"
            ), NodeImages()
        errors.append(ReadError("api", f"cannot read node {name}: needs get on nodes ({error.short})", "Node"))
        return None, NodeImages()
    return _node_facts(node), _named(node)


def _node_facts(node: Mapping[str, Any]) -> NodeFacts:
    status, info = node.get("status") or {}, (node.get("status") or {}).get("nodeInfo") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or []}
    ready = conditions.get("Ready") or {}
    return NodeFacts(
        name=str((node.get("metadata") or {}).get("name") or ""),
        ready=ready.get("status") == "True",
        ready_message=str(ready.get("message") or ready.get("reason") or ""),
        os=str(info.get("operatingSystem") or "linux"),
        arch=str(info.get("architecture") or ""),
        os_image=str(info.get("osImage") or ""),
        runtime=str(info.get("containerRuntimeVersion") or ""),
        kubelet=str(info.get("kubeletVersion") or ""),
        disk_pressure=(conditions.get("DiskPressure") or {}).get("status") == "True",
        unschedulable=bool((node.get("spec") or {}).get("unschedulable")),
        lists_all=0 < len(status.get("images") or []) < MOST_IMAGES,
        provider_id=str((node.get("spec") or {}).get("providerID") or "")[:LONGEST_MARK],
        labels=tuple(
            f"{key}={value}"[:LONGEST_MARK] for key, value in _kept(node, "labels", label_keys() | helpers.label_keys())
        ),
        annotations=tuple(key for key, _ in _kept(node, "annotations", annotation_keys())),
    )


LONGEST_MARK = 300
"""Characters of what recognises a platform."""


def _kept(node: Mapping[str, Any], part: str, keys: Iterable[str]) -> list[tuple[str, str]]:
    """The labels or annotations with one of these keys, in a fixed order."""
    there = (node.get("metadata") or {}).get(part) or {}
    return [(key, str(there[key])) for key in sorted(keys) if key in there]


MOST_IMAGES = 50
"""How many images a kubelet lists, the largest (kubernetes: nodeStatusMaxImages of KubeletConfiguration)."""


def _listed(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of images on the node, smallest first: the kubelet lists its largest fifty, and a probe wants a small one."""
    images = sorted((node.get("status") or {}).get("images") or [], key=lambda i: int(i.get("sizeBytes") or 0))
    return tuple(name for image in images for name in (image.get("names") or []) if not name.startswith("<none>"))


def _named(node: Mapping[str, Any]) -> NodeImages:
    """What the node itself says of its images."""
    return NodeImages(listed=_listed(node), sandbox=_sandbox_setting((node.get("metadata") or {}).get("annotations")))


NODE_ARGS = ("k3s.io/node-args", "rke2.io/node-args")
"""Annotations in which a node of k3s or RKE2 says how it was started (k3s: pkg/nodeconfig/nodeconfig.go)."""
PAUSE_OF_RANCHER = "rancher/mirrored-pause:3.6"
"""What k3s and RKE2 take from --system-default-registry (k3s: pkg/cli/cmds/agent.go, DefaultPauseImage)."""


def _sandbox_setting(annotations: Any) -> tuple[str, ...]:
    """The sandbox image that the node was told to use, where it says so."""
    found = []
    for name in NODE_ARGS:
        try:
            words = json.loads(str((annotations or {}).get(name) or "[]"))
        except (ValueError, RecursionError):
            continue
        words = [w for w in words if isinstance(w, str)] if isinstance(words, list) else []
        options = dict(itertools.pairwise(words))
        options |= {key: value for key, equals, value in (w.partition("=") for w in words) if equals}
        if options.get("--pause-image"):
            found.append(options["--pause-image"])
        if options.get("--system-default-registry"):
            found.append(f"{options['--system-default-registry']}/{PAUSE_OF_RANCHER}")
    return tuple(found)


def _both(named: NodeImages, running: NodeImages) -> NodeImages:
    return replace(running, listed=named.listed, sandbox=named.sandbox)


def _pods_on(api: Api, node: str) -> list[Mapping[str, Any]]:
    try:
        return list(api.pages(path_of("Pod"), fieldSelector=fields(spec__nodeName=node)))
    except KubeError:
        return []


def images_on(api: Api, node: str, namespace: str) -> NodeImages:
    pods = _pods_on(api, node)
    if not pods:  # no right to see all: those of the namespace may be seen
        try:
            pods = list(api.pages(path_of("Pod", namespace), fieldSelector=fields(spec__nodeName=node)))
        except KubeError:
            pods = []
    return _running(api, pods, namespace)


def _running(api: Api, pods: Sequence[Mapping[str, Any]], namespace: str) -> NodeImages:
    """What runs among these pods of a node: of kube-system's DaemonSets, and of the namespace."""
    system = [p for p in pods if _namespace(p) == SYSTEM and controller_of(p).get("kind") == "DaemonSet"]
    names: tuple[str, ...] = ()
    if system:
        try:
            known = {uid_of(found) for found in api.pages(path_of("DaemonSet", SYSTEM))} - {""}
        except KubeError:
            known = set()  # who made those pods cannot be seen
        of_sets = [pod for pod in system if str(controller_of(pod).get("uid") or "") in known]
        names = tuple(found.image for found in _runnable(of_sets))
    return NodeImages(
        system=names, own=_runnable(pod for pod in pods if _namespace(pod) == namespace), namespace=namespace
    )


SYSTEM = "kube-system"


def _namespace(pod: Mapping[str, Any]) -> str:
    return str((pod.get("metadata") or {}).get("namespace") or "")


def _runnable(pods: Iterable[Mapping[str, Any]]) -> tuple[RunningImage, ...]:
    """Images that run now in pods without pull secrets: others may be refused to us."""
    found: dict[str, bool] = {}
    for pod in pods:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        if spec.get("imagePullSecrets"):
            continue
        running = {
            s.get("name") for s in status.get("containerStatuses") or [] if (s.get("state") or {}).get("running")
        }
        for container in spec.get("containers") or []:
            if container.get("name") in running and container.get("image"):
                image = str(container["image"])
                found[image] = found.get(image, True) and spec.get("hostNetwork") is True
    return tuple(RunningImage(image, host_network) for image, host_network in found.items())


def queue_of(api: Api, node: str) -> tuple[bool | None, list[tuple[float, str]]]:
    """(whether the node pulls one image at a time, its open pulls: when each began, and "namespace/pod image"), oldest first.

    The Pulling event is written before the wait for the slot (kubernetes: pkg/kubelet/images/image_manager.go), and a deleted
    pod's pull goes on, so events are asked, not pods. What cannot be read is None, or stays out.
    """
    one_at_a_time: bool | None = None
    ends: dict[tuple[str, str], float] = {}
    begun: dict[tuple[str, str], tuple[float, str]] = {}
    try:
        config = api.get(path_of("Node", "", node, "proxy", "configz")).get("kubeletconfig") or {}
        one_at_a_time = bool(config.get("serializeImagePulls", True))
    except KubeError:
        pass
    try:
        for reason in ("Pulling", "Pulled", "Failed"):
            for event in api.pages(path_of("Event"), fieldSelector=f"reason={reason}"):
                host = (event.get("source") or {}).get("host") or event.get("reportingInstance")
                if host != node:
                    continue
                about = event.get("involvedObject") or {}
                key = (str(about.get("uid")), str(about.get("fieldPath") or ""))
                at = event_of(event).last
                if reason == "Pulling":
                    image = NAMED.match(str(event.get("message") or ""))
                    line = f"{about.get('namespace')}/{about.get('name')} {image[1] if image else ''}".strip()
                    begun[key] = (at, line)
                else:
                    ends[key] = max(at, ends.get(key, 0.0))
    except KubeError:
        pass
    return one_at_a_time, sorted((at, line) for key, (at, line) in begun.items() if ends.get(key, 0.0) < at)

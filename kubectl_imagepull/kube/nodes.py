"""Nodes: what the API server knows of one, of the images there, and of its other pulls."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..catalogue import helpers
from ..catalogue.platforms import annotation_keys, label_keys
from ..errors import ApiError, KubeError
from ..image.containers import containers_of, statuses_of
from ..model import NodeFacts, NodeImages, ReadError, RunningImage
from ..model.runs import of_a_run
from .client import Api, get_object
from .events import NAMED, event_of
from .objects import controller_of, labels_of, uid_of
from .paths import BadName, fields, path_of

FORBIDDEN = 403


@dataclass(frozen=True)
class OnNode:
    """What the pods of a node tell of it."""

    images: NodeImages = field(default_factory=NodeImages)
    """What runs there."""
    runtime: str = ""
    """The name of its runtime, as in containerd://, "" where no pod ran there or may be read."""
    wanted: tuple[str, ...] = ()
    """The image references of all pods there but those of runs, each once."""
    errors: tuple[ReadError, ...] = ()
    """Whose pods could not be listed."""


@dataclass(frozen=True)
class NodeRead:
    """A node, read as far as it may be."""

    facts: NodeFacts
    """What it says of itself."""
    images: NodeImages
    """Those that it lists, and those that run there."""
    wanted: tuple[str, ...] = ()
    """The image references of all pods there but those of runs, each once."""
    errors: tuple[ReadError, ...] = ()
    """What could not be read."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """What may set it apart from other nodes: all its labels, and the texts of its `status.nodeInfo` under their field's name."""


def read_node(api: Api, name: str, namespace: str) -> NodeRead:
    """A node that was named; namespace: whose images are told apart from those of others.

    Whoever has a role in a namespace alone may not read nodes: then it is what its pods tell. Raises KubeError where the node
    does not exist, and where the API server cannot be asked.
    """
    errors: list[ReadError] = []
    try:
        node: Mapping[str, Any] | None = get_object(api, "Node", "", name)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        errors.append(_unread(name, error))
        node = None
    return _node_read(name, node, on_node(api, name, namespace), errors)


def _node_read(name: str, node: Mapping[str, Any] | None, there: OnNode, errors: Sequence[ReadError] = ()) -> NodeRead:
    """node: None where it may not be read."""
    facts = _node_facts(node) if node is not None else unread(name, there.runtime)
    images = _both(_named(node or {}), there.images)
    return NodeRead(facts, images, there.wanted, (*errors, *there.errors), _marks(node or {}))


@dataclass(frozen=True)
class NodesRead:
    """Several nodes, read at once."""

    nodes: tuple[NodeRead, ...] = ()
    """In the order in which they were named, else in that of the API server."""
    gone: tuple[str, ...] = ()
    """Names that no node has."""


def read_nodes(
    api: Api, namespace: str, names: Sequence[str] = (), selector: str = "", registries: bool = True
) -> NodesRead:
    """Nodes by name, or by labels, or (neither) all of them, in one paged list; what runs there in another.

    namespace: whose images are told apart from those of others; registries: the image references of all pods are wanted, and
    not only what the probes may run over. Whoever may not list nodes has those that were named as `read_node` gives them. Raises
    KubeError where the API server cannot be asked, or may not say which nodes there are.
    """
    wanted = dict.fromkeys(names)
    errors: dict[str, list[ReadError]] = {}
    found: dict[str, Mapping[str, Any] | None] = {}
    try:
        for node in api.pages(path_of("Node"), labelSelector=selector):
            name = str(node["metadata"]["name"])
            if not wanted or name in wanted:
                found[name] = _without_ballast(node)
            if len(found) == len(wanted):
                break
    except ApiError as error:
        if error.status != FORBIDDEN or not wanted:
            raise
        errors = {name: [_unread(name, error, "list")] for name in wanted}
        found = {**wanted}
    if wanted:
        found = {name: found[name] for name in wanted if name in found}
    there = _on_nodes(api, tuple(found), namespace, registries)
    read = tuple(_node_read(name, node, there[name], errors.get(name, ())) for name, node in found.items())
    return NodesRead(read, tuple(name for name in wanted if name not in found))


def _without_ballast(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node without what is not read here: of a thousand nodes that is most."""
    metadata, status = node.get("metadata") or {}, node.get("status") or {}
    return {
        "metadata": {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata},
        "spec": node.get("spec") or {},
        "status": {key: status[key] for key in ("conditions", "nodeInfo", "images") if key in status},
    }


INFO = ("architecture", "operatingSystem", "osImage", "kernelVersion", "containerRuntimeVersion", "kubeletVersion")
"""Fields of `status.nodeInfo` that nodes may have in common."""


def _marks(node: Mapping[str, Any]) -> Mapping[str, str]:
    info = (node.get("status") or {}).get("nodeInfo") or {}
    return {**labels_of(node), **{key: str(info[key]) for key in INFO if info.get(key)}}


def read_peer(api: Api, name: str, image: str, node: str, namespace: str) -> NodeRead | None:
    """The node to compare `node` with; None: there is no other.

    name: a node, or "auto" for one where a pod runs this image, else any that is Ready. Raises KubeError where a node that was
    named does not exist, and where nothing may be listed to choose one.
    """
    chosen = name if name != "auto" else _node_that_runs(api, image, node, namespace)
    return read_node(api, chosen, namespace) if chosen and chosen != node else None


def _node_that_runs(api: Api, image: str, but: str, namespace: str) -> str:
    try:
        nodes = [_node_facts(n) for n in api.pages(path_of("Node"))]
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        # who may not list nodes knows of those where pods of the namespace run
        return next((n for n in _running_nodes(api, image, namespace) if n != but), "")
    ready = [n.name for n in nodes if n.ready and n.os in ("", "linux") and n.name != but]
    try:
        there = next((n for n in _running_nodes(api, image, "") if n in ready), "")
    except KubeError:
        there = ""  # no right to see other namespaces' pods: then any node will do
    return there or next(iter(ready), "")


def _running_nodes(api: Api, image: str, namespace: str) -> Iterator[str]:
    """The nodes where pods run this image."""
    for pod in api.pages(path_of("Pod", namespace), fieldSelector="status.phase=Running"):
        spec = pod.get("spec") or {}
        if any(c.get("image") == image for c in spec.get("containers") or []):
            yield str(spec.get("nodeName") or "")


def node_of(api: Api, errors: list[ReadError], name: str) -> tuple[NodeFacts | None, NodeImages]:
    """A pod's node, as far as it may be read; None for what can be the name of no node."""
    try:
        node = get_object(api, "Node", "", name)
    except BadName as error:
        errors.append(ReadError("api", str(error), "Node"))
        return None, NodeImages()
    except KubeError as error:
        if isinstance(error, ApiError) and error.gone:
            gone = "the node does not exist any more"
            return NodeFacts(name, found=False, ready=False, ready_message=gone), NodeImages()
        errors.append(_unread(name, error))
        return unread(name), NodeImages()
    return _node_facts(node), _named(node)


def unread(name: str, runtime: str = "") -> NodeFacts:
    """A node of which no more than its name is known, and its runtime's by a pod that ran there."""
    return NodeFacts(name, read=False, runtime=runtime)


def _unread(name: str, error: KubeError, verb: str = "get") -> ReadError:
    why = f"needs {verb} on nodes (forbidden)" if isinstance(error, ApiError) and error.forbidden else error.short
    lost = "its platform, its runtime's version and whether it is ready are not known"
    return ReadError("api", f"cannot read node {name}: {why}; {lost}", "Node")


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
        lists_all=_lists_all(status.get("images") or []),
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
MOST_NAMES = 5
"""How many names of an image it lists, digests before tags (kubernetes: pkg/kubelet/nodestatus/setters.go,
MaxNamesPerImageInNodeStatus)."""


def _lists_all(images: Sequence[Mapping[str, Any]]) -> bool:
    """Whether neither an image nor a name of one can have been left out, by the kubelet's usual settings."""
    return 0 < len(images) < MOST_IMAGES and all(len(one.get("names") or []) < MOST_NAMES for one in images)


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


def on_node(api: Api, node: str, namespace: str) -> OnNode:
    """What the pods of a node tell; those of the namespace alone where no more may be listed."""
    return _on_nodes(api, (node,), namespace, registries=True)[node]


FEW = 8
"""Nodes whose pods are asked for node by node, for which the API server has an index; of more, all pods are read."""


class _There:
    """What the pods of one node tell, as they are read."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self.system: list[Mapping[str, Any]] = []
        self.own: list[Mapping[str, Any]] = []
        self.runtime = ""
        self.wanted: dict[str, None] = {}

    def take(self, pod: Mapping[str, Any]) -> None:
        self.runtime = self.runtime or runtime_among([pod])
        if not of_a_run("pod", pod):
            images = (str(c.get("image") or "") for _, c in containers_of(pod.get("spec") or {}))
            self.wanted.update((sys.intern(image), None) for image in images if image)
        if _namespace(pod) == SYSTEM and controller_of(pod).get("kind") == "DaemonSet":
            self.system.append(_without_history(pod))
        if _namespace(pod) == self._namespace:
            self.own.append(_without_history(pod))


def _on_nodes(api: Api, nodes: Sequence[str], namespace: str, registries: bool) -> dict[str, OnNode]:
    """What the pods of each of these nodes tell; of pods that run elsewhere nothing is kept."""
    there = {node: _There(namespace) for node in nodes}
    selectors = [fields(spec__nodeName=node) for node in nodes] if len(nodes) <= FEW else [""]
    errors: list[ReadError] = []
    # who names the registries needs of the pods no more than what the probes may run over
    for where in ("", namespace) if registries else dict.fromkeys((SYSTEM, namespace)):
        try:
            for selector in selectors:
                for pod in api.pages(path_of("Pod", where), fieldSelector=selector):
                    on = there.get(str((pod.get("spec") or {}).get("nodeName") or ""))
                    if on is not None:
                        on.take(pod)
            if registries:
                break
        except KubeError as error:
            of = f"of {where}" if where else "of all namespaces"
            on_which = f" on {nodes[0]}" if len(nodes) == 1 else ""
            errors.append(ReadError("api", f"cannot list the pods {of}{on_which} ({error.short})", "Pod"))
    known = _daemon_sets(api) if any(on.system for on in there.values()) else frozenset()
    told = tuple(errors) if registries else ()
    return {
        node: OnNode(_running(on.system, on.own, known, namespace), on.runtime, tuple(on.wanted), told)
        for node, on in there.items()
    }


def _without_history(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod with what says which images run in it and whose it is."""
    metadata, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
    running = [{"name": s.get("name"), "state": s.get("state")} for s in status.get("containerStatuses") or []]
    return {
        "metadata": {"ownerReferences": metadata.get("ownerReferences") or []},
        "spec": {
            "imagePullSecrets": spec.get("imagePullSecrets"),
            "hostNetwork": spec.get("hostNetwork"),
            "containers": [{"name": c.get("name"), "image": c.get("image")} for c in spec.get("containers") or []],
        },
        "status": {"containerStatuses": running},
    }


def _daemon_sets(api: Api) -> frozenset[str]:
    """The uids of kube-system's DaemonSets; none where they may not be listed, so that nobody can see who made a pod."""
    try:
        return frozenset(uid_of(found) for found in api.pages(path_of("DaemonSet", SYSTEM))) - {""}
    except KubeError:
        return frozenset()


RUNTIMES = ("containerd://", "cri-o://", "docker://")


def runtime_among(pods: Iterable[Mapping[str, Any]]) -> str:
    """The runtime that runs these pods of one node, as in containerd://, by the id of a container that it made; "" where it has
    made none (kubernetes: core/v1, ContainerStatus.containerID is type://id)."""
    made = (str(entry.get("containerID") or "") for pod in pods for entry in statuses_of(pod))
    return next((name for one in made for name in RUNTIMES if one.startswith(name)), "")


def _running(
    system: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]], known: frozenset[str], namespace: str
) -> NodeImages:
    """What runs among the pods of a node: those of kube-system's DaemonSets, whose uids are known, and those of the namespace."""
    of_sets = [pod for pod in system if str(controller_of(pod).get("uid") or "") in known]
    names = tuple(found.image for found in _runnable(of_sets))
    return NodeImages(system=names, own=_runnable(own), namespace=namespace)


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

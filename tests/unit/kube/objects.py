"""A failing pod of a Deployment and all that is read around it, as a kube-apiserver 1.34 sends it, shortened."""

from __future__ import annotations

import base64
import json
from typing import Any

from kubectl_imagepull.model.runs import MANAGED_BY, RUN_LABEL
from tests.unit.fake_cluster import FakeCluster

IMAGE = "private.example/team/app:1.0"
SIDE = "registry.example/side:2"
AT = "2026-05-04T03:02:01Z"
RUN = "imagepull-node1-0a1b2c"
OF_A_RUN = {
    "name": f"{RUN}-x7x9z",
    "labels": {**MANAGED_BY, RUN_LABEL: RUN},
    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": RUN, "uid": "uid-job", "controller": True}],
}
"""Metadata of the pod of a run."""
FAILED = f'Failed to pull image "{IMAGE}": rpc error: code = Unknown desc = failed to resolve reference: 403 Forbidden'


def reference(kind: str, name: str, version: str = "apps/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "name": name, "uid": f"uid-{kind.lower()}-{name}", "controller": True}


def pod_spec(image: str = IMAGE) -> dict[str, Any]:
    return {
        "nodeName": "node1",
        "serviceAccountName": "default",
        "imagePullSecrets": [{"name": "pull"}, {"name": "absent"}],
        "initContainers": [{"name": "first", "image": SIDE, "restartPolicy": "Always", "imagePullPolicy": "Always"}],
        "containers": [
            {"name": "app", "image": image, "imagePullPolicy": "Always", "volumeMounts": [{"name": "model"}]},
            {"name": "side", "image": SIDE, "imagePullPolicy": "IfNotPresent"},
        ],
        "volumes": [{"name": "model", "image": {"reference": "registry.example/model:3", "pullPolicy": "Always"}}],
    }


def waiting(name: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"name": name, "image": "", "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}


def event(cluster: FakeCluster, name: str, reason: str, message: str, /, **more: Any) -> None:
    about = {
        "kind": "Pod",
        "namespace": "shop",
        "name": "web-x-1",
        "uid": "uid-pod-web-x-1",
        "fieldPath": "spec.containers{app}",
    }
    cluster.add(
        "Event",
        "shop",
        name,
        type="Warning" if reason == "Failed" else "Normal",
        reason=reason,
        message=message,
        count=3,
        firstTimestamp=AT,
        lastTimestamp=AT,
        source={"component": "kubelet", "host": "node1"},
        involvedObject={**about, **more},
    )


def fill(cluster: FakeCluster) -> FakeCluster:
    """Everything that a diagnosis of web-x-1 reads."""
    status = {
        "phase": "Pending",
        "conditions": [{"type": "ContainersReady", "status": "False", "lastTransitionTime": AT}],
        "initContainerStatuses": [{"name": "first", "ready": True, "state": {"running": {"startedAt": AT}}}],
        "containerStatuses": [
            waiting("app", "ErrImagePull", FAILED.removeprefix("Failed to ")),
            waiting("side", "PodInitializing"),
        ],
    }
    template = {"template": {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec()}}
    cluster.add("Namespace", "", "shop")
    cluster.add(
        "Pod",
        "shop",
        "web-x-1",
        metadata={"ownerReferences": [reference("ReplicaSet", "web-x")], "creationTimestamp": AT},
        spec=pod_spec(),
        status=status,
    )
    revision = {"deployment.kubernetes.io/revision": "2"}
    above = [reference("Deployment", "web")]
    cluster.add(
        "ReplicaSet",
        "shop",
        "web-x",
        metadata={"ownerReferences": above, "annotations": revision},
        spec={"replicas": 1, **template},
        status={"readyReplicas": 0},
    )
    older = {"template": {"spec": {**pod_spec("private.example/team/app:0.9"), "imagePullSecrets": []}}}
    first = {"ownerReferences": above, "annotations": {"deployment.kubernetes.io/revision": "1"}}
    cluster.add(
        "ReplicaSet", "shop", "web-w", metadata=first, spec={"replicas": 1, **older}, status={"readyReplicas": 1}
    )
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": 'pods "web-" is forbidden',
        "lastTransitionTime": AT,
    }
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    cluster.add(
        "Deployment",
        "shop",
        "web",
        metadata={"labels": labels, "annotations": {"a": "b"}},
        spec={"replicas": 1, **template},
        status={"observedGeneration": 1, "conditions": [condition]},
    )
    cluster.add("ServiceAccount", "shop", "default", imagePullSecrets=[{"name": "pull"}])
    auths = {"auths": {"private.example": {"username": "bob", "password": "hunter2"}}}
    data = {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()}
    cluster.add("Secret", "shop", "pull", type="kubernetes.io/dockerconfigjson", data=data)
    for name in ("node1", "node2"):
        cluster.add(
            "Node",
            "",
            name,
            metadata={"labels": {"kubernetes.io/arch": "amd64"}},
            spec={"unschedulable": False},
            status=node_status(),
        )
    running = {"name": "cni", "state": {"running": {"startedAt": AT}}}
    for number in (1, 2):
        spec = {"nodeName": f"node{number}", "containers": [{"name": "cni", "image": "registry.example/cni:1"}]}
        cluster.add(
            "Pod",
            "kube-system",
            f"cni-{number}",
            spec=spec,
            status={"phase": "Running", "containerStatuses": [running]},
        )
    event(cluster, "e1", "Pulling", f'Pulling image "{IMAGE}"')
    event(cluster, "e2", "Failed", FAILED)
    event(cluster, "e3", "FailedCreate", 'pods "web-" is forbidden', kind="ReplicaSet", uid="uid-replicaset-web-x")
    series = {"count": 4, "lastObservedTime": AT}
    cluster.add(
        "Event",
        "shop",
        "e4",
        reason="BackOff",
        message="Back-off",
        eventTime=AT,
        series=series,
        reportingInstance="node1",
        involvedObject={"kind": "Pod", "name": "web-x-1", "uid": "uid-pod-web-x-1"},
    )
    return cluster


def node_status() -> dict[str, Any]:
    return {
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"},
            {"type": "DiskPressure", "status": "False"},
        ],
        "nodeInfo": {
            "operatingSystem": "linux",
            "architecture": "amd64",
            "osImage": "Debian GNU/Linux 12",
            "containerRuntimeVersion": "containerd://2.1.4",
            "kubeletVersion": "v1.34.1",
        },
        "images": [{"names": ["registry.example/cni:1"], "sizeBytes": 3000000}],
    }

"""The objects of one run: a Job that vanishes by itself, its pod, and the ConfigMap that carries the probes."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MANAGED_BY = {"app.kubernetes.io/managed-by": "kubectl-imagepull"}
RUN_LABEL = "imagepull.dev/run"
TTL_SECONDS = 30
"""A Job whose client was killed is gone this long after it ended."""
MOUNT = "/imagepull"
LOCK = "/imagepull-lock/walker"
HOST = "/host"
USER = 65534


@dataclass(frozen=True)
class Run:
    """Names of one run on one node. seconds: when the cluster ends it at the latest."""

    name: str
    namespace: str
    node: str
    seconds: int

    @classmethod
    def on(cls, node: str, namespace: str, seconds: int) -> Run:
        """A run with a fresh name that tells which node it is for."""
        short = re.sub(r"[^a-z0-9-]+", "-", node.lower())[:40].strip("-") or "node"
        return cls(f"imagepull-{short}-{secrets.token_hex(3)}", namespace, node, seconds)

    @property
    def labels(self) -> dict[str, str]:
        return {**MANAGED_BY, RUN_LABEL: self.name}


def job(run: Run, pod_spec: dict[str, Any]) -> dict[str, Any]:
    """A Job for the pod: never retried, ended by its deadline, removed by the cluster after TTL_SECONDS."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run.name, "namespace": run.namespace, "labels": run.labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": run.seconds,
            "ttlSecondsAfterFinished": TTL_SECONDS,
            "template": {"metadata": pod_metadata(run), "spec": pod_spec},
        },
    }


def bare_pod(run: Run, pod_spec: dict[str, Any]) -> dict[str, Any]:
    """The same pod without a Job, for those who may not create Jobs: it ends by itself but stays until it is deleted."""
    metadata = {"name": run.name, "namespace": run.namespace, **pod_metadata(run)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec}


def pod_metadata(run: Run) -> dict[str, Any]:
    """Labels, and the annotations that keep service meshes out of a pod that must see the plain network."""
    return {
        "labels": {**run.labels, "sidecar.istio.io/inject": "false"},
        "annotations": {"linkerd.io/inject": "disabled", "sidecar.istio.io/inject": "false"},
    }


def config_map(run: Run, owner: dict[str, Any], bundle: bytes, plan: str) -> dict[str, Any]:
    """The probes and their plan, owned by the Job (or pod), so that it goes when that goes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": {
            "name": run.name,
            "namespace": run.namespace,
            "labels": run.labels,
            "ownerReferences": [
                {
                    "apiVersion": owner["apiVersion"],
                    "kind": owner["kind"],
                    "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"],
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "binaryData": {"probes.pyz": base64.b64encode(bundle).decode()},
        "data": {"plan.json": plan},
    }


def _common(run: Run) -> dict[str, Any]:
    return {
        "nodeName": run.node,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": run.seconds,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "tolerations": [{"operator": "Exists"}],
    }


def _container(name: str, image: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        # anything else would try the very registry that is under test
        "imagePullPolicy": "Never",
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **more,
    }


def host_python_spec(run: Run, images: Sequence[str], libraries: Sequence[str]) -> dict[str, Any]:
    """The host's own Python over any cached image, on the host's network.

    images: candidates that are on the node, a container each; the first that runs walks. libraries: the host's folders
    that its Python needs. They are mounted read-only and only where they surely exist: a hostPath that does not exist and
    has no type would be created on the host.
    """
    volumes: list[dict[str, Any]] = [
        {"name": "probes", "configMap": {"name": run.name, "defaultMode": 0o444}},
        {"name": "lock", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "etc", "hostPath": {"path": "/etc", "type": "Directory"}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "probes", "mountPath": MOUNT, "readOnly": True},
        {"name": "lock", "mountPath": LOCK.rpartition("/")[0]},
        {"name": "etc", "mountPath": f"{HOST}/etc", "readOnly": True},
    ]
    for path in libraries:
        name = path.strip("/").replace("/", "-")
        volumes.append({"name": name, "hostPath": {"path": path, "type": "Directory"}})
        mounts.append({"name": name, "mountPath": path, "readOnly": True})
    command = ["/usr/bin/python3", "-I", f"{MOUNT}/probes.pyz", f"{MOUNT}/plan.json"]
    return {
        **_common(run),
        "hostNetwork": True,
        "dnsPolicy": "Default",
        "volumes": volumes,
        "containers": [
            _container(f"probe-{number}", image, command=command, volumeMounts=mounts)
            for number, image in enumerate(images)
        ],
    }


@dataclass(frozen=True)
class Question:
    """One URL for the kubelet to ask. about: what the answer is for, e.g. ("registry", host, pull id)."""

    id: str
    host: str
    port: int
    scheme: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()


def kubelet_spec(run: Run, images: Sequence[str], questions: Sequence[Question], patience: int) -> dict[str, Any]:
    """Containers that only wait, each with a startup probe that makes the kubelet ask one question.

    images: names that a pause image may have on the node; each question is put once for each of them, since only those
    whose image is there will run. patience: seconds that the kubelet waits for an answer.
    """
    containers = []
    for question in questions:
        for number, image in enumerate(images):
            http = {
                "scheme": question.scheme.upper(),
                "host": question.host,
                "port": question.port,
                "path": question.path,
                "httpHeaders": [{"name": name, "value": value} for name, value in question.headers],
            }
            probe = {"httpGet": http, "periodSeconds": 1, "timeoutSeconds": patience, "failureThreshold": 1000}
            containers.append(_container(f"{question.id}-{number}", image, startupProbe=probe))
    return {**_common(run), "dnsPolicy": "Default", "containers": containers}

"""The objects of one run: a Job that vanishes by itself, its pod, and the ConfigMap that carries the probes."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.runs import MANAGED_BY, RUN_LABEL
from .mounts import HostPath
from .wanted import Labels

TTL_SECONDS = 30
"""A Job whose client was killed is gone this long after it ended."""
MOUNT = "/imagepull"
LOCK = "/imagepull-lock/walker"
HOST = "/host"
NO_HOST = "/proc/imagepull"
"""The root where nothing of the host is mounted: procfs has no such folder, while an image could bring any other."""
LIBRARIES = ("/usr", "/lib", "/lib64")
"""Where a glibc host has programs, their loader and libraries; the last is not on each."""
CLEAR: Mapping[str, str] = {
    "LD_PRELOAD": "",
    "LD_LIBRARY_PATH": "",
    "LD_AUDIT": "",
    "GLIBC_TUNABLES": "",
    "GCONV_PATH": "",
    "LOCPATH": "",
    "OPENSSL_CONF": "",
    "SSL_CERT_FILE": "",
    "SSL_CERT_DIR": "",
    "PATH": "/usr/bin:/usr/sbin",
}
"""The environment of a container with the host's tools, whatever its image says: what makes the loader and libraries of the first
program run something else (ld.so(8), locale(7), openssl-env(7)). It takes the rest away (`CLEAN`)."""
CLEAN = ("/usr/bin/env", "-i", f"PATH={CLEAR['PATH']}", "HOME=/", "LC_ALL=C")
"""What a command begins with: an image may set variables of any name (BASH_FUNC_curl%%, CURL_HOME), and only a program can take
them away."""
USER = 65534


def nothing() -> str:
    """A command that no image has: the kubelet pulls, the runtime makes the container, and nothing of the image runs.

    A new one each time, since an image could bring a file of any name that is known beforehand.
    """
    return f"/{secrets.token_hex(16)}/{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Run:
    """Names of one run on one node."""

    name: str
    """Of its Job, ConfigMap and bare pod, and the value of its label."""
    namespace: str
    node: str
    seconds: int
    """When the cluster ends it at the latest, from its start on."""
    kept: bool = False
    """It does not vanish by itself."""
    owner: str = ""
    """The uid of its Job, else of its bare pod, "" until one is made: others may wear the same label."""
    made: str = ""
    """That object as `job/NAME` or `pod/NAME`."""
    more_labels: tuple[tuple[str, str], ...] = ()
    """Labels that its objects bear besides our own, for what admits none without."""

    @classmethod
    def on(cls, node: str, namespace: str, seconds: int, kept: bool = False, labels: Labels = ()) -> Run:
        """A run with a fresh name that tells which node it is for."""
        short = re.sub(r"[^a-z0-9-]+", "-", node.lower())[:40].strip("-") or "node"
        name = f"imagepull-{short}-{secrets.token_hex(3)}"
        return cls(name, namespace, node, seconds, kept, more_labels=labels)

    @property
    def labels(self) -> dict[str, str]:
        """Of all its objects; ours stand whatever else is wanted."""
        return {**dict(self.more_labels), **MANAGED_BY, RUN_LABEL: self.name}


def job(run: Run, pod_spec: dict[str, Any]) -> dict[str, Any]:
    """A Job for the pod: never retried, ended by its deadline, removed by the cluster after TTL_SECONDS."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run.name, "namespace": run.namespace, "labels": run.labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": run.seconds,
            **({} if run.kept else {"ttlSecondsAfterFinished": TTL_SECONDS}),
            "template": {"metadata": pod_metadata(run), "spec": pod_spec},
        },
    }


HOLDER_SECONDS = 120
"""How long what a `holder` holds stays when whoever made it was killed."""


def holder(run: Run) -> dict[str, Any]:
    """A Job that makes no pod, so that it has ended at once and the cluster removes it after HOLDER_SECONDS, with what it owns.

    kubernetes: pkg/controller/job/job_controller.go, syncJob (no completions are wanted: it is complete), ttlafterfinished.
    """
    template = {k: v for k, v in _common(run).items() if k != "nodeName"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run.name, "namespace": run.namespace, "labels": run.labels},
        "spec": {
            "completions": 0,
            "parallelism": 0,
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": HOLDER_SECONDS,
            "template": {
                "metadata": pod_metadata(run),
                "spec": {**template, "containers": [_container("none", "registry.k8s.io/pause:3.10")]},
            },
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


def config_map(run: Run, owner: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """The probes and their plan as files, owned by the Job (or pod), so that it goes when that goes."""
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
        "binaryData": {name: base64.b64encode(data).decode() for name, data in files.items()},
    }


def _common(run: Run) -> dict[str, Any]:
    """What can be said once for all containers is said here: each version of Job and Pod is stored whole in etcd."""
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "nodeName": run.node,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": run.seconds,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "tolerations": [{"operator": "Exists"}],
    }


def _container(name: str, image: str, pull: str = "Never", **more: Any) -> dict[str, Any]:
    """pull: Never unless it is said otherwise, for anything else would try the very registry that is under test."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": pull,
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            # a whole CPU: the start compiles what is imported, and half of one would take twice as long for it
            "limits": {"cpu": "1", "memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **more,
    }


@dataclass(frozen=True)
class Shape:
    """How a pod that runs the probes is built."""

    images: tuple[str, ...]
    """Candidates, a container each, of which the first that runs walks."""
    host_network: bool = True
    host_tools: bool = False
    """The host's LIBRARIES stand over the image's, an empty /etc over its /etc, and `paths` are below HOST."""
    paths: tuple[HostPath, ...] = ()
    """Files and folders of the host's /etc; a hostPath that does not exist would be made if it had no type."""
    absent: frozenset[str] = frozenset()
    """Those of `paths` and LIBRARIES that the kubelet has found not to be there."""
    may_pull: str = ""
    """The one image that the node may pull if it is not there."""
    secret: str = ""
    """The pull secret for it."""
    resources: bool = True

    @property
    def root(self) -> str:
        """Below which the probes find the host's /etc."""
        return HOST if self.host_tools else NO_HOST

    @property
    def shown(self) -> tuple[str, ...]:
        """The places of the host whose content, or absence, can be seen below `root`."""
        return tuple(path.path for path in self.paths)

    @property
    def lock(self) -> str:
        """The file by which one of several containers becomes the walker, "" where there is only one."""
        return LOCK if len(self.images) > 1 else ""


def literal(text: str) -> str:
    """text as an argument that Kubernetes hands on as it is: `$$` is how it writes `$` (it expands `$(NAME)`)."""
    return text.replace("$", "$$")


def probe_spec(run: Run, shape: Shape, command: Sequence[str], files: bool, config_map: str = "") -> dict[str, Any]:
    """The pod of a rung that runs our probes. files: they come as a ConfigMap, mounted at MOUNT; it is that of the run's name
    unless another one is named."""
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    if shape.lock:
        volumes.append({"name": "lock", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
        mounts.append({"name": "lock", "mountPath": LOCK.rpartition("/")[0]})
    if files:
        volumes.append({"name": "probes", "configMap": {"name": config_map or run.name, "defaultMode": 0o444}})
        mounts.append({"name": "probes", "mountPath": MOUNT, "readOnly": True})
    if shape.host_tools:
        _borrow(shape, volumes, mounts)
    spec: dict[str, Any] = {
        **_common(run),
        "dnsPolicy": "Default",
        "volumes": volumes,
        "containers": [
            _container(
                f"probe-{number}",
                image,
                "IfNotPresent" if image == shape.may_pull else "Never",
                command=list(command),
                volumeMounts=mounts,
                **({"workingDir": "/", "env": _environment()} if shape.host_tools else {}),
            )
            for number, image in enumerate(shape.images)
        ],
    }
    if not shape.resources:
        for container in spec["containers"]:
            del container["resources"]
    if shape.host_network:
        spec["hostNetwork"] = True
    if shape.secret:
        spec["imagePullSecrets"] = [{"name": shape.secret}]
    return spec


def _borrow(shape: Shape, volumes: list[dict[str, Any]], mounts: list[dict[str, Any]]) -> None:
    """The host's programs and libraries over the image's, nothing over its /etc, and what is read of the host's below HOST.

    The runtime puts hosts, hostname and resolv.conf into /etc after that, for which it makes files in the empty folder: so that
    is not read-only.
    """
    volumes.append({"name": "empty", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
    mounts.append({"name": "empty", "mountPath": "/etc"})
    wanted = [(HostPath(path), path) for path in LIBRARIES] + [(path, f"{HOST}{path.path}") for path in shape.paths]
    for number, (path, at) in enumerate(wanted):
        if path.path not in shape.absent:
            volumes.append({"name": f"h{number}", "hostPath": {"path": path.path, "type": path.kind}})
            mounts.append({"name": f"h{number}", "mountPath": at, "readOnly": True})
        elif path.path in LIBRARIES:
            mounts.append({"name": "empty", "mountPath": at, "subPath": "none", "readOnly": True})


def _environment() -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in CLEAR.items()]


def trial_pull_spec(run: Run, images: Mapping[str, str], secrets: Sequence[str], account: str) -> dict[str, Any]:
    """A pod that makes the kubelet pull the images (container name -> image) anew, and then cannot start.

    secrets, account: as in the pod whose pull is tried; without secrets, admission adds those of the account of today.
    """
    spec: dict[str, Any] = {
        **_common(run),
        "containers": [_container(name, image, "Always", command=[nothing()]) for name, image in images.items()],
    }
    if secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in secrets]
    if account:
        spec["serviceAccountName"] = account
    return spec


@dataclass(frozen=True)
class Question:
    """One URL for the kubelet to ask. id: also the name of the container whose probe it is."""

    id: str
    host: str
    port: int
    scheme: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()


def kubelet_spec(run: Run, image: str, questions: Sequence[Question], patience: int, resources: bool) -> dict[str, Any]:
    """Containers of a pause image, each with a startup probe that makes the kubelet ask one question.

    patience: seconds that the kubelet waits for an answer; resources: say what they need, which is next to nothing and makes
    every stored version of the pod a tenth larger. The more questions, the less often each is put again: every time
    is an event, of which a pod has few (see `kubelet_asks.IN_A_POD`).
    """
    containers = []
    every = 1 if len(questions) < 3 else len(questions)
    for question in questions:
        http = {
            "scheme": question.scheme.upper(),
            "host": question.host,
            "port": question.port,
            "path": question.path,
            **({"httpHeaders": [{"name": n, "value": v} for n, v in question.headers]} if question.headers else {}),
        }
        probe = {"httpGet": http, "periodSeconds": every, "timeoutSeconds": patience, "failureThreshold": 1000}
        containers.append(_container(question.id, image, startupProbe=probe))
        if not resources:
            del containers[-1]["resources"]
    return {**_common(run), "dnsPolicy": "Default", "containers": containers}


def named_spec(run: Run, images: Sequence[str]) -> dict[str, Any]:
    """A container for each of these names of a pause image: those that are on the node run."""
    containers = [_container(f"pause-{number}", image) for number, image in enumerate(images)]
    return {**_common(run), "dnsPolicy": "Default", "containers": containers}

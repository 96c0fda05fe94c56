"""The crowd as objects: what a kubelet would have written of each pod, and the events beside it."""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

NAMESPACES = 20
NODES = 100
FAILING = 250
MASKED = 6
"""Pods of each way of hiding, for each of `WAYS`."""
BEGUN = datetime.datetime(2026, 11, 28, 3, 0, tzinfo=datetime.timezone.utc)
"""When all of this was made; failures are as old as the run says."""


@dataclass(frozen=True)
class Trouble:
    """One cause, and how it looks."""

    cause: str
    """Its id; what the API server knows alone tells it."""
    image: str
    """"{n}" is the number of the workload: causes of an image differ by it."""
    said: str
    """The runtime's words; {image} is the reference."""
    reason: str = "ImagePullBackOff"
    secret: str = ""
    """The pull secret that the pod names."""


RESOLVE = 'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
HEAD = RESOLVE + 'failed to do request: Head "https://{host}/v2/{path}/manifests/{tag}": '
TROUBLES = (
    Trouble("image.tag_unknown", "registry.corp.test/shop/web:v99", RESOLVE + "{image}: not found"),
    Trouble(
        "auth.secret_missing",
        "private.corp.test/pay/api:1.0",
        RESOLVE + "pull access denied, repository does not exist or may require authorization: "
        "authorization failed: no basic auth credentials",
        secret="absent",
    ),
    Trouble(
        "auth.secret_wrong_registry",
        "other.corp.test/pay/db:1.0",
        RESOLVE + "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
        "https://other.corp.test/token: 401 Unauthorized",
        secret="regcred",
    ),
    Trouble("dns.nxdomain", "gone.corp.test/a/b:1", HEAD + "dial tcp: lookup {host} on 10.0.0.2:53: no such host"),
    Trouble("net.refused", "refused.corp.test/a/b:1", HEAD + "dial tcp 10.0.3.4:443: connect: connection refused"),
    Trouble("net.timeout", "silent.corp.test/a/b:1", HEAD + "dial tcp 10.0.3.5:443: i/o timeout"),
    Trouble(
        "tls.unknown_authority",
        "selfsigned.corp.test/a/b:1",
        HEAD + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    Trouble(
        "tls.expired",
        "expired.corp.test/a/b:1",
        HEAD + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time "
        "2026-11-28T03:00:00Z is after 2026-11-01T00:00:00Z",
    ),
    Trouble(
        "rate.registry_limit",
        "docker.io/library/redis:7.{n}",
        'failed to pull and unpack image "{image}": failed to copy: httpReadSeeker: failed open: unexpected status code '
        "https://registry-1.docker.io/v2/library/redis/manifests/sha256:00: 429 Too Many Requests - Server message: "
        "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
    ),
    Trouble(
        "image.platform_mismatch",
        "registry.corp.test/arm/tool:2",
        'failed to pull and unpack image "{image}": no match for platform in manifest: not found',
    ),
    Trouble("reference.invalid", "registry.corp.test/Shop/Web:1", "", reason="InvalidImageName"),
    Trouble(
        "registry.server_error",
        "broken.corp.test/a/b:1",
        RESOLVE + "unexpected status from HEAD request to https://{host}/v2/{path}/manifests/{tag}: 502 Bad Gateway",
    ),
)
"""Twelve causes."""
WAYS = ("running", "crash", "completed", "terminating", "init", "volume", "sandbox", "ephemeral")
"""How a failing pull hides from the STATUS column; every other pod shows it there."""
SANDBOX = "registry.corp.test/pause:3.9"


INVALID = (
    'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": invalid reference format: '
    "repository name must be lowercase"
)
NO_SANDBOX = (
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "{image}": failed to pull image '
    '"{image}": failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
)
_LOGIN = base64.b64encode(b'{"auths":{"registry.corp.test":{"username":"a","password":"b"}}}').decode()
_TOKEN = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}


@dataclass
class Crowd:
    """Objects by kind, and what is to be found among them."""

    pods: int
    """How many in all."""
    read_at: datetime.datetime
    """Now."""
    failing: int = FAILING
    """How many of them."""
    expected: dict[str, str] = field(default_factory=dict)
    """namespace/pod -> cause."""
    ways: dict[str, list[str]] = field(default_factory=dict)
    """Way of hiding -> namespace/pod of each."""

    def objects(self) -> Iterator[dict[str, Any]]:
        """Every object, in an order in which none is missed by those that come later."""
        for name in (f"crowd-{number:02}" for number in range(NAMESPACES)):
            yield _named("v1", "Namespace", name, "", spec={}, status={"phase": "Active"})
            yield _named("v1", "ServiceAccount", "default", name)
            yield _named(
                "v1", "Secret", "regcred", name, type="kubernetes.io/dockerconfigjson",
                data={".dockerconfigjson": _LOGIN},
            )  # fmt: skip
            apps = (
                [f"bad-{n}" for n in range(len(TROUBLES))]
                + [f"app-{n}" for n in range(97)]
                + [f"job-{n}" for n in range(97)]
            )
            for app in apps:
                yield from _workload(name, app)
        for number in range(NODES):
            yield _node(number)
        for number in range(self.pods):
            yield from self.of_pod(number)

    def of_pod(self, number: int) -> Iterator[dict[str, Any]]:
        """The pod of a number, and its events."""
        # spread, so that no page and no namespace has all of them
        every = max(1, self.pods // self.failing)
        failing, place = divmod(number, every)
        if place or failing >= self.failing:
            yield _healthy(number)
            return
        way = WAYS[failing % len(WAYS)] if failing < MASKED * len(WAYS) else "plain"
        # ways and causes have no common rhythm, so that each way meets several causes
        trouble = TROUBLES[(failing + failing // len(TROUBLES)) % len(TROUBLES)]
        pod, events = _failing(number, trouble, way, self.read_at)
        key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        self.expected[key] = "sandbox" if way == "sandbox" else trouble.cause
        self.ways.setdefault(way, []).append(key)
        yield pod
        yield from events


def namespace_of(number: int) -> str:
    """The namespace of a pod's number."""
    return f"crowd-{int(_uid('namespace', number)[:6], 16) % NAMESPACES:02}"


def pod_names(pods: int) -> Iterator[str]:
    """The names of a crowd of so many, in the order of their numbers."""
    crowd = Crowd(pods, BEGUN)
    for number in range(pods):
        yield next(one["metadata"]["name"] for one in crowd.of_pod(number) if one["kind"] == "Pod")


def _uid(*words: object) -> str:
    digest = hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def _time(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _named(version: str, kind: str, name: str, namespace: str, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": _uid(kind, namespace, name), "creationTimestamp": _time(BEGUN)}
    metadata |= {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": metadata | content.pop("metadata", {}), **content}


def _workload(namespace: str, app: str) -> Iterator[dict[str, Any]]:
    """A Deployment and its ReplicaSet."""
    labels = {"app": app}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": "registry.corp.test/x:1"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    yield _named("apps/v1", "Deployment", app, namespace, spec=spec, status={})
    owner = {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": app, "uid": _uid("Deployment", namespace, app), "controller": True,
    }  # fmt: skip
    metadata = {"ownerReferences": [owner], "uid": _uid("ReplicaSet", namespace, app)}
    yield _named(
        "apps/v1", "ReplicaSet", f"{app}-5d9c7b", namespace, metadata=metadata, spec=spec, status={"replicas": 1}
    )


def _node(number: int) -> dict[str, Any]:
    zone, pool = f"zone-{'abc'[number % 3]}", f"pool-{number % 4}"
    info = {
        "operatingSystem": "linux", "architecture": "amd64", "osImage": "Debian GNU/Linux 12 (bookworm)", "kernelVersion": "6.1",
        "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": "v1.34.1", "kubeProxyVersion": "", "machineID": "",
        "systemUUID": "", "bootID": "",
    }  # fmt: skip
    images = [{"names": [f"registry.corp.test/base/i{n}:1"], "sizeBytes": 10 << 20} for n in range(20)]
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    times = {"lastHeartbeatTime": _time(BEGUN), "lastTransitionTime": _time(BEGUN)}
    labels = {"topology.kubernetes.io/zone": zone, "pool": pool, "kubernetes.io/hostname": f"crowd-{number}"}
    status = {"nodeInfo": info, "images": images, "conditions": [ready | times]}
    return _named("v1", "Node", f"crowd-{number}", "", metadata={"labels": labels}, spec={}, status=status)


def _container(name: str, image: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(8)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [
            {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
        ],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def _status(name: str, image: str, state: Mapping[str, Any], ready: bool = False) -> dict[str, Any]:
    ran = "running" in state or "terminated" in state
    made = {"containerID": f"containerd://{_uid(name, image)}"} if ran else {}
    return {
        "name": name, "image": image, "imageID": "", "ready": ready, "restartCount": 0, "started": ready, "lastState": {},
        "state": dict(state), **made,
    }  # fmt: skip


_FIELDS = {
    f"f:{word}": {".": {}, "f:name": {}, "f:value": {}}
    for word in ("env", "image", "resources", "ports", "volumeMounts")
}
_MANAGED = [
    {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": _time(BEGUN), "fieldsType": "FieldsV1",
     "fieldsV1": {"f:spec": {f"f:part-{n}": _FIELDS for n in range(3)}}}
    for manager in ("kube-controller-manager", "kubelet")
]  # fmt: skip
"""What real pods carry: some two kilobytes of who wrote which field."""


def _pod(number: int, app: str, containers: list[dict[str, Any]], phase: str, **status: Any) -> dict[str, Any]:
    namespace = namespace_of(number)
    replica_set = {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-5d9c7b", "uid": _uid("ReplicaSet", namespace, app),
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    name = f"{app}-5d9c7b-{_uid(number)[:5]}"
    metadata = {
        "labels": {"app": app, "pod-template-hash": "5d9c7b"},
        "ownerReferences": [replica_set],
        "managedFields": _MANAGED,
        "generateName": f"{app}-5d9c7b-",
    }
    spec = {
        "nodeName": f"crowd-{number // NAMESPACES % NODES}", "serviceAccountName": "default", "containers": containers,
        "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "securityContext": {},
        "terminationGracePeriodSeconds": 30, "enableServiceLinks": True,
        "tolerations": [{"operator": "Exists"}],
        "volumes": [{"name": "token", "projected": {"sources": [_TOKEN]}}],
    }  # fmt: skip
    ready = "True" if phase == "Running" and all(s["ready"] for s in status["containerStatuses"]) else "False"
    conditions = [
        {"type": kind, "status": value, "lastTransitionTime": _time(BEGUN)}
        for kind, value in (
            ("PodScheduled", "True"),
            ("Initialized", "True"),
            ("ContainersReady", ready),
            ("Ready", ready),
        )
    ]
    status = {"phase": phase, "conditions": conditions, "startTime": _time(BEGUN), "qosClass": "Burstable", **status}
    return _named("v1", "Pod", name, namespace, metadata=metadata, spec=spec, status=status)


def _healthy(number: int) -> dict[str, Any]:
    image = f"registry.corp.test/team-{number % 37}/app:1.{number % 11}"
    container = _container("app", image)
    if number % 50 == 7:  # a Job that is done
        done = {
            "terminated": {"exitCode": 0, "reason": "Completed", "startedAt": _time(BEGUN), "finishedAt": _time(BEGUN)}
        }
        return _pod(
            number, f"job-{number % 97}", [container], "Succeeded", containerStatuses=[_status("app", image, done)]
        )
    running = _status("app", image, {"running": {"startedAt": _time(BEGUN)}}, ready=True)
    return _pod(number, f"app-{number % 97}", [container], "Running", containerStatuses=[running], podIP="10.1.2.3")


def _failing(
    number: int, trouble: Trouble, way: str, now: datetime.datetime
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    image = trouble.image.replace("{n}", "2")
    host, _, rest = image.partition("/")
    path, _, tag = rest.rpartition(":")
    said = trouble.said.format(image=image, host=host, path=path, tag=tag) if trouble.said else ""
    begun = now - datetime.timedelta(minutes=20)
    error = f'failed to pull image "{image}": {said}'
    waiting = {
        "reason": trouble.reason,
        "message": f'Back-off pulling image "{image}": ErrImagePull: {error}' if said else INVALID.format(image=image),
    }
    app = f"bad-{TROUBLES.index(trouble)}"
    bad = _status("bad", image, {"waiting": waiting})
    good = _container("good", "registry.corp.test/base/good:1")
    running = {"running": {"startedAt": _time(BEGUN)}}
    ended = {
        "terminated": {"exitCode": 0, "reason": "Completed", "startedAt": _time(BEGUN), "finishedAt": _time(BEGUN)}
    }
    crashed = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    first = {"crash": crashed, "completed": ended, "ephemeral": running}.get(way, running)
    both = [good, _container("bad", image)]
    statuses = [_status("good", good["image"], first, ready=first is running), bad]
    field_path = "spec.containers{bad}"
    creating = {"waiting": {"reason": "PodInitializing" if way == "init" else "ContainerCreating"}}
    if way in ("running", "crash"):
        pod = _pod(number, app, both, "Running", containerStatuses=statuses)
    elif way == "completed":
        pod = _pod(number, app, both, "Pending", containerStatuses=statuses)
        pod["spec"]["restartPolicy"] = "Never"
    elif way == "init":
        field_path = "spec.initContainers{bad}"
        blocked = [_status("good", good["image"], creating)]
        pod = _pod(number, app, [good], "Pending", containerStatuses=blocked, initContainerStatuses=[bad])
        pod["spec"]["initContainers"] = [both[1]]
    elif way == "volume":
        field_path = ""
        mounting = _status("good", good["image"], {"waiting": waiting})
        pod = _pod(number, app, [good], "Pending", containerStatuses=[mounting])
        good["volumeMounts"].append({"name": "data", "mountPath": "/data"})
        pod["spec"]["volumes"].append({"name": "data", "image": {"reference": image, "pullPolicy": "IfNotPresent"}})
    elif way == "ephemeral":
        field_path = "spec.ephemeralContainers{bad}"
        one = [_status("good", good["image"], running, ready=True)]
        pod = _pod(number, app, [good], "Running", containerStatuses=one, ephemeralContainerStatuses=[bad])
        pod["spec"]["ephemeralContainers"] = [{k: v for k, v in both[1].items() if k != "resources"}]
    elif way == "sandbox":
        pod = _pod(number, app, [good], "Pending", containerStatuses=[_status("good", good["image"], creating)])
    else:
        pod = _pod(number, app, [both[1]], "Pending", containerStatuses=[bad])
    if way == "terminating":
        pod["metadata"] |= {"deletionTimestamp": _time(now), "deletionGracePeriodSeconds": 30}
    if trouble.secret:
        pod["spec"]["imagePullSecrets"] = [{"name": trouble.secret}]
    if way == "sandbox":
        words = NO_SANDBOX.format(image=SANDBOX)
        return pod, [_event(pod, "FailedCreatePodSandBox", words, "", begun, now)]
    if not said:
        return pod, [_event(pod, "InspectFailed", waiting["message"], field_path, begun, now)]
    pulling = _event(pod, "Pulling", f'Pulling image "{image}"', field_path, begun, now, "Normal")
    return pod, [pulling, _event(pod, "Failed", f'Failed to pull image "{image}": {said}', field_path, begun, now)]


def _event(
    pod: Mapping[str, Any], reason: str, message: str, field_path: str, first: datetime.datetime, last: datetime.datetime,
    kind: str = "Warning",
) -> dict[str, Any]:  # fmt: skip
    metadata = pod["metadata"]
    about = {
        "apiVersion": "v1", "kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"],
        **({"fieldPath": field_path} if field_path else {}),
    }  # fmt: skip
    return _named(
        "v1", "Event", f"{metadata['name']}.{reason.lower()}", metadata["namespace"], type=kind, reason=reason, message=message,
        involvedObject=about, count=7, firstTimestamp=_time(first), lastTimestamp=_time(last), reportingComponent="kubelet",
        reportingInstance=pod["spec"]["nodeName"], source={"component": "kubelet", "host": pod["spec"]["nodeName"]},
    )  # fmt: skip

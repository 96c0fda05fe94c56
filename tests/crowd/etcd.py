"""Objects put into the lab's etcd without asking the API server, which finds them there as if it had written them: ten thousand
pods take seconds. In JSON, which an API server reads beside its own encoding (kubernetes: apiserver pkg/storage/etcd3)."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kubectl_imagepull.errors import ApiError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from tests.lab import settings
from tests.lab.machine import Machine

FOLDERS: Mapping[str, str] = {
    "Namespace": "namespaces",
    "Node": "minions",
    "Pod": "pods",
    "Event": "events",
    "Secret": "secrets",
    "ServiceAccount": "serviceaccounts",
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
}
"""Kind -> its folder below /registry (kubernetes: pkg/registry, the storage's resource prefix)."""
AT_ONCE = 100
"""Changes in one transaction: etcd takes 128."""
_INSIDE = """
import json, sys, urllib.request
for line in sys.stdin.buffer:
    asked = urllib.request.Request("http://127.0.0.1:2379/v3/kv/txn", data=line, headers={"Content-Type": "application/json"})
    found = json.load(urllib.request.urlopen(asked, timeout=60))
    if not found.get("succeeded", False):
        sys.exit(f"etcd: {found}")
"""


def key_of(found: Mapping[str, Any]) -> str:
    """Where an object is kept."""
    metadata = found["metadata"]
    inside = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"/registry/{FOLDERS[found['kind']]}/{inside}{metadata['name']}"


def put(objects: Iterable[Mapping[str, Any]]) -> None:
    """Store objects. Raises CalledProcessError."""
    _run({"requestPut": {"key": _b64(key_of(one)), "value": _b64(json.dumps(one))}} for one in objects)


def rewritten(paths: Iterable[str], kubeconfig: str) -> None:
    """Have the API server write these objects itself, in the encoding that it reads fastest: an empty patch does it, for what is
    stored differs from what would be. For measurements. paths: of the API. Raises KubeError."""
    api = Api(Flags(kubeconfig=kubeconfig))

    def write(path: str) -> None:
        try:
            api.patch(path, {}, "merge-patch")
        except ApiError as error:
            if error.status != 422:  # a pod that no server would have admitted so stays as it is
                raise

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(write, paths):
            pass


def remove(keys: Iterable[str]) -> None:
    """Remove objects by their keys. Raises CalledProcessError."""
    _run({"requestDeleteRange": {"key": _b64(key)}} for key in keys)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _run(changes: Iterable[Mapping[str, Any]]) -> None:
    argv = [*Machine("core", settings.state()).argv(), sys.executable, "-c", _INSIDE]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        batch: list[Mapping[str, Any]] = []

        def send() -> None:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"success": batch}).encode() + b"\n")
            batch.clear()

        for change in changes:
            batch.append(change)
            if len(batch) == AT_ONCE:
                send()
        if batch:
            send()
        process.stdin.close()
        if process.wait(timeout=300):
            raise subprocess.CalledProcessError(process.returncode, "etcd")

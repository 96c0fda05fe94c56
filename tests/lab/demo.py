"""The demonstration: break pods on purpose and let `kubectl imagepull why` say what is wrong.

On the lab (`make demo`) each failure is made on both nodes. With --here, the failures that any cluster can show are made in a
throw-away namespace of the current context. Names of failures (`make demo FAILURES="expired scheme"`): these alone.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab import api, settings, workstation
from tests.lab.common import LabError, Unsupported, say

WRONG, ABSENT = "wrong-password", "no-such-secret"
# name, image, pull secret
ON_THE_LAB = (
    ("tag-missing", "registry.lab.test/busybox:v1.35", ""),
    ("repository-missing", "registry.lab.test/busibox:1.35", ""),
    ("no-secret", "private.lab.test/team/app:1.0", ""),
    ("wrong-password", "private.lab.test/team/app:1.0", WRONG),
    ("secret-missing", "private.lab.test/team/app:1.0", ABSENT),
    ("name-unknown", "missing.lab.test/team/app:1.0", ""),
    ("refused", "refused.lab.test/team/app:1.0", ""),
    ("unreachable", "noroute.lab.test/team/app:1.0", ""),
    ("unknown-authority", "unknownca.lab.test/team/app:1.0", ""),
    ("expired", "expired.lab.test/team/app:1.0", ""),
    ("plain-http", "plain.lab.test/team/app:1.0", ""),
    ("token-host", "orphan.lab.test/team/app:1.0", ""),
    ("rate-limit", "hub.lab.test/limited/app:1.0", ""),
    ("scheme", "https://registry.lab.test/busybox:1.35", ""),
    ("healthy", "registry.lab.test/busybox:1.35", ""),
    # containerd 2 tries for a minute before it says a word about these: `why` does not wait for it
    ("dropped", "dropped.lab.test/team/app:1.0", ""),
    ("dns-silent", "silent.lab.test/team/app:1.0", ""),
)
SLOW = ("healthy", "dropped", "dns-silent")
ANYWHERE = (
    ("tag-missing", "busybox:no-such-tag-1.35", ""),
    ("name-unknown", "registry.does-not-exist.example/team/app:1.0", ""),
    ("scheme", "https://registry.k8s.io/pause:3.10", ""),
)
PATIENCE = 60.0


def main(argv: Sequence[str]) -> int:
    """Run the demonstration. -> 0 when every failure was made and looked at."""
    here = "--here" in argv
    failures = ANYWHERE if here else ON_THE_LAB
    only = [word for word in argv if not word.startswith("-")]
    if unknown := set(only) - {name for name, _, _ in failures}:
        print(
            f"demo: no failure {', '.join(sorted(unknown))}; there are {', '.join(f[0] for f in failures)}",
            file=sys.stderr,
        )
        return 2
    failures = tuple(failure for failure in failures if not only or failure[0] in only)
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    prefix = ["env", f"PATH={path}"]
    try:
        if not here:
            api.supported()
            lab = api.up()
            prefix = workstation.prefix(env={"PATH": path})
    except Unsupported as error:
        print(f"demo: {error}. On any cluster: make demo-here", file=sys.stderr)
        return 2
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    kubectl = Kubectl(prefix)
    namespace = f"imagepull-demo-{secrets.token_hex(2)}" if here else "demo"
    nodes: Sequence[str] = ("",) if here else settings.NODES
    try:
        kubectl.fresh_namespace(namespace)
        if not here:
            kubectl.apply(secret(namespace, lab.docker_config("private.lab.test", "not-the-password")))
        pods = [(f"{name}-{node}".rstrip("-"), name) for name, _, _ in failures for node in nodes]
        kubectl.apply(*(pod(namespace, f, node) for f in failures for node in nodes))
        say(f"made {len(pods)} pods in namespace {namespace}; waiting until their pulls fail")
        kubectl.wait(namespace, [name for name, kind in pods if kind not in SLOW])
        bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
        for name, _ in pods:
            print(f"\n{bold}$ kubectl imagepull why {name} -n {namespace}{plain}", flush=True)
            subprocess.run([*prefix, "kubectl", "imagepull", "why", name, "-n", namespace], check=False)
    except subprocess.CalledProcessError as error:
        print(f"demo: kubectl failed: {(error.stderr or '').strip()}", file=sys.stderr)
        return 1
    finally:
        if here:
            kubectl.run("delete", "namespace", namespace, "--wait=false", check=False)
    print(FURTHER_HERE if here else FURTHER.format(namespace=namespace))
    return 0


FURTHER = """
The lab is still running. To look further:
  make lab-shell                                        a shell on its workstation, with kubectl and the plugin
    kubectl imagepull why tag-missing-node1 -n {namespace}    one of these again
    kubectl imagepull probe-node node2                       every registry that node2's pods use
    kubectl imagepull explain tls.unknown_authority          what a cause means, offline
  make lab-down                                         stop it and leave nothing behind"""
FURTHER_HERE = """
To look further: kubectl imagepull why POD, kubectl imagepull probe-node NODE, kubectl imagepull explain CAUSE"""


class Kubectl:
    """kubectl with the workstation's words in front, where there are any."""

    def __init__(self, prefix: Sequence[str]) -> None:
        self._prefix = list(prefix)

    def run(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        ran = subprocess.run(
            [*self._prefix, "kubectl", *words], input=stdin, capture_output=True, text=True, check=check
        )
        return ran.stdout

    def fresh_namespace(self, name: str) -> None:
        """The namespace, emptied of an earlier demonstration; its default service account is there."""
        self.run("delete", "namespace", name, "--ignore-not-found", "--wait")
        self.run("create", "namespace", name)
        deadline = time.monotonic() + PATIENCE
        while not self.run("-n", name, "get", "serviceaccount", "default", "--ignore-not-found", "-o", "name"):
            if time.monotonic() > deadline:
                raise SystemExit(f"demo: no service account in namespace {name}")
            time.sleep(0.1)

    def apply(self, *objects: dict[str, Any]) -> None:
        self.run("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def wait(self, namespace: str, names: Sequence[str]) -> None:
        """Wait until each pull has failed; what has not by then is shown as it is."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            listed = json.loads(self.run("-n", namespace, "get", "pods", "-o", "json"))["items"]
            if {p["metadata"]["name"] for p in listed if failing(p)} >= set(names):
                return
            time.sleep(0.5)


def failing(made: dict[str, Any]) -> bool:
    """The kubelet has reported a failed pull."""
    entries = made["status"].get("containerStatuses") or []
    return any("Image" in ((entry["state"].get("waiting") or {}).get("reason") or "") for entry in entries)


def pod(namespace: str, failure: tuple[str, str, str], node: str) -> dict[str, Any]:
    """A pod of one container; on a node where one is given."""
    name, image, pull_secret = failure
    spec: dict[str, Any] = {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": image, "command": ["sleep", "36000"]}],
        "imagePullSecrets": [{"name": pull_secret}] if pull_secret else [],
    }
    if node:
        spec["nodeName"] = node
    metadata = {"name": f"{name}-{node}".rstrip("-"), "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def secret(namespace: str, document: str) -> dict[str, Any]:
    """A pull secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": WRONG, "namespace": namespace},
        "stringData": {".dockerconfigjson": document},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What `pin` prints and writes, on the lab: its commands are taken, and nodes pull by the digests."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.e2e.cluster import Cluster

pytestmark = pytest.mark.lab
IMAGE = "registry.lab.test/busybox:1.35"


def test_a_workload_and_a_manifest(cluster: Cluster, namespace: str) -> None:
    space = ("-n", namespace)
    cluster.run(*space, "create", "deployment", "web", f"--image={IMAGE}", "--replicas=0", "--", "sleep", "1")
    assert cluster.run("imagepull", "pin", "deploy/web", *space, "--check", check=False).returncode == 1
    command = shlex.split(cluster.run("imagepull", "pin", "deploy/web", *space).stdout)
    assert command[:-1] == ["kubectl", *space, "set", "image", "deployment/web"]
    name, _, pinned = command[-1].partition("=")
    assert name == "busybox" and pinned.startswith(f"{IMAGE}@sha256:")
    cluster.run(*command[1:])
    assert cluster.run("imagepull", "pin", "deploy/web", *space, "--check").stdout == ""

    # the same digest in a manifest, and a node pulls it
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: app}}\nspec:\n  containers:\n  - name: app\n    image: {IMAGE}  # x\n"
    text += "    command: [sleep, '36000']\n  terminationGracePeriodSeconds: 0\n"
    written = cluster.run("imagepull", "pin", "-f", "-", "--write", stdin=text).stdout
    assert written == text.replace(IMAGE, pinned)
    cluster.run(*space, "apply", "-f", "-", stdin=written)
    cluster.wait_running(namespace, ["app"], 60)
    (status,) = cluster.get(*space, "pod", "app")["status"]["containerStatuses"]
    assert status["imageID"].endswith(pinned.partition("@")[2]), json.dumps(status)

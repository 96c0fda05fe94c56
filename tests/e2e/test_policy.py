"""What `policy` prints, on the real API server: what it must refuse is refused, and everything else is let in.

Everything is created by dry runs, which admission sees as it sees the real ones; so no pod is started.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kubectl_imagepull.image.admission import Rules
from tests.e2e.cluster import Cluster, wait_for

pytestmark = pytest.mark.lab

NAME = "imagepull-images"
D = f"@sha256:{'0' * 64}"
NOWHERE = {"imagepull.dev/no-node": "has-this"}
"""A pod with this node selector waits, and nothing of it runs."""
RULES = {
    "registry": ("--allow-registry", "registry.lab.test,docker.io/library,localhost:5000,ghcr.io/team/app"),
    "digest": ("--require-digest",),
    "latest": ("--no-latest",),
}
ALLOWED = ("registry.lab.test", "docker.io/library", "localhost:5000", "ghcr.io/team/app")
IMAGES: Mapping[str, str] = {
    # image -> the rules that refuse it
    "registry.lab.test/app:1": "digest",
    f"registry.lab.test/app:1{D}": "",
    f"registry.lab.test/app{D}": "",
    f"registry.lab.test/app:latest{D}": "",
    "registry.lab.test/app": "digest latest",
    "registry.lab.test/app:latest": "digest latest",
    "registry.lab.test/app:latest-1": "digest",
    "registry.lab.test/team/deep/app:1": "digest",
    "REGISTRY.lab.test/app:1": "digest",
    "registry.lab.test:443/app:1": "registry digest",
    "registry.lab.test.evil.test/app:1": "registry digest",
    "evil.test/registry.lab.test/app:1": "registry digest",
    "nginx": "digest latest",
    "nginx:1": "digest",
    f"nginx:1{D}": "",
    "library/nginx:1": "digest",
    "docker.io/nginx:1": "digest",
    "docker.io/library/nginx:1": "digest",
    "index.docker.io/library/nginx:1": "digest",
    "org/nginx:1": "registry digest",
    "docker.io/org/nginx:1": "registry digest",
    "MyHost/nginx:1": "registry digest",
    "localhost/app:1": "registry digest",
    "localhost:5000/app": "digest latest",
    "localhost:5000/app:1": "digest",
    "localhost:5001/app:1": "registry digest",
    "ghcr.io/team/app:1": "digest",
    f"ghcr.io/team/app{D}": "",
    "ghcr.io/team/app/part:1": "digest",
    "ghcr.io/team/apples:1": "registry digest",
    "ghcr.io/team:1": "registry digest",
    "10.0.0.5:5000/app:1": "registry digest",
    "[fd00::1]:5000/app:1": "registry digest",
}


def test_python_says_the_same() -> None:
    rules = Rules(ALLOWED, True, True)
    assert {image: " ".join(rules.refuses(image)) for image in IMAGES} == IMAGES


def pod(image: str, place: str = "containers") -> dict[str, Any]:
    """The specification of a pod that has the image there, and one that nobody refuses elsewhere."""
    good: dict[str, Any] = {"name": "good", "image": f"registry.lab.test/good:1{D}"}
    bad: dict[str, Any] = {"name": "bad", "image": image}
    if place == "containers":
        return {"containers": [good, bad]}
    if place == "volumes":
        return {"containers": [good], "volumes": [{"name": "v", "image": {"reference": image}}]}
    if place == "sidecar":
        return {"containers": [good], "initContainers": [{**bad, "restartPolicy": "Always"}]}
    return {"containers": [good], "initContainers": [bad]}


def of_kind(kind: str, spec: dict[str, Any], namespace: str) -> dict[str, Any]:
    """An object of a kind with this specification of a pod."""
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    version = {"Job": "batch/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    content: dict[str, Any] = {"spec": {"template": template, "selector": {"matchLabels": labels}}}
    if kind == "Pod":
        version, content = "v1", {"spec": spec}
    elif kind == "PodTemplate":
        version, content = "v1", {"template": template}
    elif kind == "ReplicationController":
        version, content = "v1", {"spec": {"template": template, "selector": labels}}
    elif kind in ("Job", "CronJob"):
        job = {"template": {**template, "spec": {**spec, "restartPolicy": "Never"}}}
        content = {"spec": job if kind == "Job" else {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}}
    elif kind == "StatefulSet":
        content["spec"]["serviceName"] = "x"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": namespace}, **content}


class Tried:
    """Asks the API server whether it would take objects."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def refusals(self, documents: list[dict[str, Any]]) -> list[str]:
        """What the server says of each, "" where it would take it; many in one kubectl."""
        found = []
        for n, document in enumerate(documents):
            document["metadata"]["name"] = f"x{n}"
            document["metadata"]["labels"] = {"try": f"x{n}"}
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        ran = self.cluster.run("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=text, check=False)
        taken = {line.rpartition("/")[2] for line in ran.stdout.splitlines()}
        said = {}
        for line in ran.stderr.splitlines():
            for n in range(len(documents)):
                if f'"x{n}" is forbidden' in line:
                    said[f"x{n}"] = line
        for n in range(len(documents)):
            name = f"x{n}"
            assert (name in taken) != (name in said), (documents[n], ran.stderr)
            found.append(said.get(name, ""))
        return found

    def apply(self, *flags: str) -> None:
        """Print the policy, apply it, and wait until the API server holds to it."""
        printed = self.cluster.run("imagepull", "policy", *flags).stdout
        self.cluster.run("apply", "-f", "-", stdin=printed)
        self.await_refusal("evil.test/x")

    def await_refusal(self, image: str) -> None:
        wait_for(lambda: bool(self.refusals([of_kind("Pod", pod(image), self.namespace)])[0]), 30)

    def drop(self) -> None:
        """Take the policy back, and wait until the API server has forgotten it."""
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            self.cluster.run("delete", kind, NAME, "--ignore-not-found", check=False)
        wait_for(lambda: not self.refusals([of_kind("Pod", pod("evil.test/x"), self.namespace)])[0], 30)


@pytest.fixture(scope="module")
def tried(cluster: Cluster, namespace: str) -> Iterator[Tried]:
    found = Tried(cluster, namespace)
    try:
        yield found
    finally:
        found.drop()


@pytest.mark.parametrize("rule", RULES)
def test_images(tried: Tried, rule: str) -> None:
    tried.drop()
    tried.apply(*RULES[rule])
    said = tried.refusals([of_kind("Pod", pod(image), tried.namespace) for image in IMAGES])
    wrong = [
        (image, text)
        for (image, rules), text in zip(IMAGES.items(), said, strict=True)
        if bool(text) != (rule in rules.split())
    ]
    assert wrong == []
    assert all("denied request: images " in text and "registry.lab.test/good" not in text for text in said if text)


KINDS = (
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
)


def test_every_kind_and_every_container(tried: Tried, cluster: Cluster) -> None:
    tried.drop()
    tried.apply("--allow-registry", "registry.lab.test", "--require-digest", "--no-latest")
    good, bad = f"registry.lab.test/a:1{D}", f"evil.test/a:1{D}"
    places = ("containers", "initContainers", "sidecar", "volumes")
    for image, refused in ((good, False), (bad, True)):
        documents = [of_kind(kind, pod(image), tried.namespace) for kind in KINDS]
        documents += [of_kind("Pod", pod(image, place), tried.namespace) for place in places]
        said = tried.refusals(documents)
        assert [bool(text) for text in said] == [refused] * len(documents), said
    # no warning of the type checker
    found = cluster.get("validatingadmissionpolicy", NAME)
    assert not (found.get("status") or {}).get("typeChecking", {}).get("expressionWarnings"), found["status"]


def test_what_is_there_stays_and_ephemeral_containers_are_held(tried: Tried, cluster: Cluster) -> None:
    """An object of before can be changed, but for another image of elsewhere."""
    tried.drop()
    there = of_kind("Deployment", pod("evil.test/a:1"), tried.namespace)
    there["spec"]["replicas"] = 0
    alone = of_kind("Pod", {**pod("evil.test/a:1"), "nodeSelector": NOWHERE}, tried.namespace)
    cluster.apply(there, alone)
    tried.apply("--allow-registry", "registry.lab.test")
    space = ("-n", tried.namespace)
    cluster.run(*space, "label", "deployment/x", "pod/x", "team=a")
    cluster.run(*space, "set", "image", "deployment/x", "good=registry.lab.test/other:1")
    refused = cluster.run(*space, "set", "image", "deployment/x", "good=evil.test/b:1", check=False)
    said = "images not from an allowed registry: evil.test/b:1; allowed: registry.lab.test"
    assert refused.returncode and said in refused.stderr
    for image, taken in (("evil.test/debug:1", False), ("registry.lab.test/debug:1", True)):
        entry = {"spec": {"ephemeralContainers": [{"name": "debug", "image": image}]}}
        words = ("patch", "pod/x", "--subresource=ephemeralcontainers", "--type=strategic", "-p", json.dumps(entry))
        ran = cluster.run(*space, *words, check=False)
        assert (ran.returncode == 0) == taken, ran.stderr
    cluster.run(*space, "delete", "pod/x", "deployment/x", "--force", "--grace-period=0", check=False)


def test_audit_warns_and_lets_in(tried: Tried, cluster: Cluster) -> None:
    tried.drop()
    cluster.apply(of_kind("Pod", {**pod("registry.lab.test/a:1"), "nodeSelector": NOWHERE}, tried.namespace))
    printed = cluster.run("imagepull", "policy", "--from-cluster", "--no-latest", "--audit").stdout
    assert "registry.lab.test" in printed
    cluster.run("apply", "-f", "-", stdin=printed)
    document = of_kind("Pod", pod("evil.test/x"), tried.namespace)
    document["metadata"]["name"] = "other"
    text = json.dumps(document)

    def create() -> subprocess.CompletedProcess[str]:
        return cluster.run("create", "--dry-run=server", "-f", "-", stdin=text)

    wait_for(lambda: "Warning: " in create().stderr, 30)
    assert "images with the tag latest, written or implied: evil.test/x" in create().stderr

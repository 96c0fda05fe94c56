"""check: what runs and would not pull again, manifests of many shapes, plain references; and no false alarm."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kubectl_imagepull.image.manifests import read
from kubectl_imagepull.image.reference import Reference
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.model.check import Checked, CheckReport
from kubectl_imagepull.registry import client
from kubectl_imagepull.registry.client import Registries
from kubectl_imagepull.registry.logins import Logins
from kubectl_imagepull.session.check import Wanted, check, in_manifests, in_references
from kubectl_imagepull.session.check_live import in_cluster
from kubectl_imagepull.session.named import Named
from tests.unit.fake_cluster import FakeCluster
from tests.unit.kube import objects
from tests.unit.registry.fake_registry import FakeRegistry, digest_of, serving

NOBODY = Logins()


class Routed(Registries):
    """Registries by name, each served on loopback; a name that is not there refuses."""

    def __init__(self, routes: Mapping[str, str]) -> None:
        super().__init__(seconds=2, patience=0)
        self._routes = routes

    def _host(self, reference: Reference) -> client._Host:
        return self._known(f"http://{self._routes.get(reference.registry_host, '127.0.0.1:1')}")


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serving(FakeRegistry()) as found:
        yield found


@pytest.fixture
def private() -> Iterator[FakeRegistry]:
    """It wants alice's login and takes no other."""
    with serving(OneLogin({"team/app:1": digest_of("private")})) as found:
        yield found


class OneLogin(FakeRegistry):
    def _answer(self, handler: Any, said: str) -> tuple[int, dict[str, str], bytes]:
        if said != "Basic " + base64.b64encode(b"alice:right").decode():
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        return super()._answer(handler, said)


@pytest.fixture
def asks(registry: FakeRegistry, private: FakeRegistry) -> Routed:
    return Routed({"reg.test": registry.host, "private.test": private.host})


def secret(host: str, password: str) -> dict[str, Any]:
    auths = {"auths": {host: {"username": "alice", "password": password}}}
    return {
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()},
    }


def add_pod(
    cluster: FakeCluster, name: str, image: str, digest: str = "", secrets: tuple[str, ...] = (), **container: Any
) -> None:
    status = {"name": "app", "image": image, "imageID": f"x@{digest}" if digest else "", "state": {"running": {}}}
    spec = {
        "containers": [{"name": "app", "image": image, "imagePullPolicy": "IfNotPresent", **container}],
        "nodeName": "node1",
        "imagePullSecrets": [{"name": s} for s in secrets],
    }
    cluster.add("Pod", "shop", name, spec=spec, status={"phase": "Running", "containerStatuses": [status]})


def ids(one: Checked) -> set[str]:
    return {problem.id for problem in one.problems}


def by_image(found: CheckReport) -> dict[str, set[str]]:
    """Image -> what is wrong with it; those in order are left out."""
    return {one.image: ids(one) for one in found.images if one.problems}


def test_eight_time_bombs_among_two_hundred_healthy(
    cluster: FakeCluster, registry: FakeRegistry, asks: Routed, no_kubeconfig: None
) -> None:
    for number in range(200):
        name = f"team-{number % 20}/app{number}:1.{number}"
        registry.images[name] = digest_of(name)
        add_pod(cluster, f"ok-{number}", f"reg.test/{name}", digest_of(name))
    cluster.add("Secret", "shop", "good", **secret("private.test", "right"))
    cluster.add("Secret", "shop", "expired", **secret("private.test", "old"))
    cluster.add(
        "Secret", "shop", "broken", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "bm9wZQ=="}
    )
    cluster.add("Secret", "shop", "elsewhere", **secret("other.test", "right"))
    add_pod(cluster, "healthy-private", "private.test/team/app:1", digest_of("private"), ("good",))
    registry.images["moved:1"] = digest_of("new")
    registry.images["there:1"] = digest_of("x")
    gone = f"reg.test/there@{digest_of('gone')}"
    add_pod(cluster, "b1", "reg.test/there:deleted", digest_of("old"))
    add_pod(cluster, "b2", "reg.test/moved:1", digest_of("old"))
    add_pod(cluster, "b3", gone, digest_of("gone"))
    add_pod(cluster, "b4", "private.test/team/app:1", digest_of("private"), ("expired",))
    add_pod(cluster, "b5", "private.test/team/other:1", secrets=("absent",))
    add_pod(cluster, "b6", "gone.test/a/b:1", digest_of("x"))
    add_pod(cluster, "b7", "docker.io/bitnami/redis:7.2", digest_of("x"))
    add_pod(cluster, "b8", "reg.test/there:1", secrets=("broken",))
    unseen: list[str] = []
    asked = list(in_cluster(Api(Flags(server=cluster.url, namespace="shop")), (), False, unseen))
    found = check(asked, Wanted(), asks, NOBODY)
    wrong = {use.where: ids(one) for one in found.images if one.problems for use in one.uses}
    assert wrong == {
        "shop/pod/b1": {"image.tag_unknown"},
        "shop/pod/b2": {"check.tag_moved"},
        "shop/pod/b3": {"image.digest_unknown"},
        "shop/pod/b4": {"auth.bad_credentials"},
        "shop/pod/b5": {"auth.secret_missing", "auth.no_credentials"},
        "shop/pod/b6": {"net.refused"},
        "shop/pod/b7": {"check.moved", "net.refused"},
        "shop/pod/b8": {"auth.secret_malformed"},
    }
    assert len(found.images) == 209 and found.exit_code == 1 and unseen == []
    heads = [path for method, path, _ in registry.asked if method == "HEAD" and "team-" in path]
    assert len(heads) == 200 and not any(method == "GET" and "team-" in path for method, path, _ in registry.asked)


def test_the_same_image_is_asked_for_once(
    cluster: FakeCluster, registry: FakeRegistry, asks: Routed, no_kubeconfig: None
) -> None:
    registry.images["a:1"] = digest_of("a")
    for number in range(30):
        add_pod(cluster, f"p{number}", "reg.test/a:1", digest_of("a"))
    found = check(
        list(in_cluster(Api(Flags(server=cluster.url, namespace="shop")), (), False, [])), Wanted(), asks, NOBODY
    )
    assert len(registry.asked) == 1 and len(found.images) == 1 and len(found.images[0].uses) == 30


def test_credentials_are_tried_as_the_kubelet_does(
    cluster: FakeCluster, private: FakeRegistry, asks: Routed, no_kubeconfig: None
) -> None:
    """One after the other, until one is let in."""
    cluster.add("Secret", "shop", "old", **secret("private.test", "old"))
    cluster.add("Secret", "shop", "good", **secret("private.test", "right"))
    add_pod(cluster, "p", "private.test/team/app:1", digest_of("private"), ("old", "good"))
    found = check(
        list(in_cluster(Api(Flags(server=cluster.url, namespace="shop")), (), False, [])), Wanted(), asks, NOBODY
    )
    [one] = found.images
    assert one.login == "pull secret good" and not one.problems
    assert len([path for method, path, said in private.asked if said]) >= 2


def test_a_workload_and_a_secret_that_may_not_be_read(
    cluster: FakeCluster, private: FakeRegistry, asks: Routed, no_kubeconfig: None
) -> None:
    template = {
        "spec": {
            "containers": [{"name": "app", "image": "private.test/team/app:1"}],
            "imagePullSecrets": [{"name": "s"}],
        }
    }
    cluster.add("Deployment", "shop", "web", spec={"replicas": 0, "template": template})
    cluster.refuse = {"/api/v1/namespaces/shop/secrets/s": 403}
    cluster.add("Pod", "shop", "probe", metadata=objects.OF_A_RUN, spec=objects.pod_spec())
    assert not list(in_cluster(Api(Flags(server=cluster.url, namespace="shop")), (), False, [])), "it is of a run"
    unseen: list[str] = []
    api = Api(Flags(server=cluster.url, namespace="shop"))
    found = check(list(in_cluster(api, (Named("Deployment", "web"),), False, unseen)), Wanted(), asks, NOBODY)
    [one] = found.images
    assert one.uses[0].where == "shop/deployment/web" and "may not be read" in one.unchecked and found.exit_code == 3
    assert "needs get on secrets" in unseen[0]


MANIFESTS = """
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop}
  spec:
    template:
      spec:
        imagePullSecrets: [{name: reg}]
        initContainers: [{name: init, image: "reg.test/init:1"}]
        containers:
        - name: app
          image: private.test/team/app:1   # private
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: reg.test/none:1}]}}}}}
---
apiVersion: example.com/v1
kind: Rollout
metadata: {name: r}
spec: {template: {spec: {containers: [{name: c, image: 'reg.test/init:2'}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: c, image: "Bad Name"}]
  volumes: [{name: v, image: {reference: reg.test/data:none}}]
---
apiVersion: v1
kind: Secret
metadata: {name: reg, namespace: shop}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: '{"auths": {"private.test": {"username": "alice", "password": "right"}}}'
"""
KUSTOMIZATION = (
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    "images:\n- {name: web, newName: reg.test/init, newTag: '3'}\n"
)
VALUES = "image:\n  registry: reg.test\n  repository: init\n  tag: '4'\n"


def test_manifests(registry: FakeRegistry, asks: Routed) -> None:
    registry.images = {"init:1": digest_of("1")}
    files = [read(MANIFESTS, "all.yaml"), read(KUSTOMIZATION, "kustomization.yaml"), read(VALUES, "values.yaml")]
    found = check(list(in_manifests(files)), Wanted(), asks, NOBODY)
    assert by_image(found) == {
        "reg.test/none:1": {"image.name_unknown"},
        "reg.test/init:2": {"image.tag_unknown"},
        "Bad Name": {"reference.invalid"},
        "reg.test/data:none": {"image.name_unknown"},
        "reg.test/init:3": {"image.tag_unknown"},
        "reg.test/init:4": {"image.tag_unknown"},
    }
    private = next(one for one in found.images if one.image == "private.test/team/app:1")
    assert private.login == "pull secret reg" and private.uses[0].file == "all.yaml" and private.uses[0].line == 15


def test_a_secret_of_another_namespace_counts_for_nothing(asks: Routed) -> None:
    moved = MANIFESTS.replace("name: reg, namespace: shop", "name: reg, namespace: prod")
    found = check(list(in_manifests([read(moved, "f")])), Wanted(), asks, NOBODY)
    private = next(one for one in found.images if one.image == "private.test/team/app:1")
    assert ids(private) == {"auth.secret_missing", "auth.no_credentials"}


def test_references_and_how_they_are_named(registry: FakeRegistry, asks: Routed) -> None:
    registry.images = {"a:latest": digest_of("a"), "a:1": digest_of("a")}
    found = check(list(in_references(["reg.test/a", "reg.test/a:1", "a b"])), Wanted(fail_on="warning"), asks, NOBODY)
    assert by_image(found) == {"reg.test/a": {"check.moving_tag"}, "a b": {"reference.invalid"}}
    assert [found.exit_code, check([], Wanted(), asks, NOBODY).exit_code] == [1, 0]
    warned = check(list(in_references(["reg.test/a"])), Wanted(fail_on="error"), asks, NOBODY)
    assert warned.exit_code == 0 and warned.count("warning") == 1


def test_nothing_is_lost_where_the_rate_is_limited(registry: FakeRegistry, asks: Routed) -> None:
    registry.images = {f"a{n}:1": digest_of("a") for n in range(5)}
    registry.answers = [(429, {"Retry-After": "3600"})] * 5
    found = check(list(in_references([f"reg.test/a{n}:1" for n in range(5)])), Wanted(), asks, NOBODY)
    assert all("wants fewer requests" in one.unchecked for one in found.images) and found.exit_code == 3


def test_platforms(registry: FakeRegistry, asks: Routed) -> None:
    """An index without the platform, and a single manifest of another one; what fits says nothing."""
    index = {"manifests": [{"digest": digest_of("m"), "platform": {"os": "linux", "architecture": "amd64"}}]}
    registry.images = {"index:1": digest_of("i"), "single:1": digest_of("s")}
    registry.bodies = {
        digest_of("i"): index,
        digest_of("s"): {"config": {"digest": digest_of("c")}},
        digest_of("c"): {"os": "linux", "architecture": "arm64"},
    }
    images = ["reg.test/index:1", "reg.test/single:1"]
    arm = check(list(in_references(images)), Wanted(platforms=("linux/arm64",)), asks, NOBODY)
    assert by_image(arm) == {"reg.test/index:1": {"image.platform_mismatch"}}
    amd = check(list(in_references(images)), Wanted(platforms=("linux/amd64",)), asks, NOBODY)
    assert by_image(amd) == {"reg.test/single:1": {"image.platform_mismatch"}}


def test_pulls_without_a_login_are_counted(cluster: FakeCluster, asks: Routed, no_kubeconfig: None) -> None:
    """Where the catalogue knows how many an address has: more images times nodes than that."""
    for number in range(60):
        add_pod(cluster, f"p{number}", f"docker.io/team/app{number}:1")
        cluster.objects[f"/api/v1/namespaces/shop/pods/p{number}"]["spec"]["nodeName"] = f"node{number % 2}"
    api = Api(Flags(server=cluster.url, namespace="shop"))
    asked = list(in_cluster(api, (), False, []))
    [note] = check(asked, Wanted(), asks, NOBODY).notes
    assert note.id == "rate.registry_limit" and "120 pulls" in note.text and "lets 100 through" in note.text
    assert check(asked[:10], Wanted(), asks, NOBODY).notes == ()


def test_where_a_repository_has_gone(asks: Routed) -> None:
    """The name that the catalogue gives it, filled in."""
    [one] = check(list(in_references(["docker.io/bitnami/redis:7.2"])), Wanted(), asks, NOBODY).images
    [moved] = [problem for problem in one.problems if problem.id == "check.moved"]
    assert moved.advice == "take docker.io/bitnamilegacy/redis" and "2025-08-28" in moved.text

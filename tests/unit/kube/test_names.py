"""Names that objects carry reach no other object than the one of that name: API paths, and the owner chain by its uids."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.errors import KubeError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.pods import PodRead, gone_pod, read_pod
from kubectl_imagepull.kube.workloads import History
from kubectl_imagepull.model import Owner
from tests.unit.fake_cluster import FakeCluster

IMAGE = "private.example/team/app:1.0"
HOSTILE = (
    "../../kube-system/deployments/coredns",
    "../../../../api/v1/namespaces/prod/secrets/regcred",
    "..%2f..%2fprod",
    "web?dryRun=None",
    "web#",
    "web/status",
    "web\\..",
    "web\r\nX: y",
    "web ",
    "WEB",
    "w" * 254,
    ".",
    "..",
    "%2e%2e",
    "wéb",
    "web\x00",
    "-web",
)
"""What can be the name of nothing, and where some of it would lead."""


def reference(kind: str, name: str, uid: str, version: str = "apps/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}


def add_pod(cluster: FakeCluster, owner: dict[str, Any] | None = None, **spec: Any) -> None:
    waiting = {"reason": "ErrImagePull", "message": f'failed to pull image "{IMAGE}": 403 Forbidden'}
    cluster.add(
        "Pod",
        "shop",
        "web-1",
        metadata={"ownerReferences": [owner]} if owner else {},
        spec={"containers": [{"name": "app", "image": IMAGE}], **spec},
        status={"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": waiting}}]},
    )


def template(image: str = IMAGE) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}


def read(api: Api) -> PodRead:
    return read_pod(api, "shop", "web-1")


def owner_of(api: Api) -> Owner | None:
    return read(api).containers[0].target.owner


def outside(cluster: FakeCluster) -> list[str]:
    """The paths that were asked for and lie neither in the pod's namespace nor with the nodes."""
    return [
        a.path
        for a in cluster.asked
        if not a.path.startswith(("/api/v1/namespaces/shop/", "/apis/apps/v1/namespaces/shop/"))
        and a.path not in ("/api/v1/pods",)
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_an_owner_that_has_no_name(cluster: FakeCluster, api: Api, name: str) -> None:
    cluster.add("Deployment", "kube-system", "coredns", spec=template())
    cluster.add("Deployment", "shop", "web", spec=template())
    add_pod(cluster, reference("Deployment", name, "uid-deployment-coredns"))
    assert owner_of(api) is None
    assert not outside(cluster) and not [a for a in cluster.asked if "/deployments/" in a.path]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pull_secret_that_has_no_name(cluster: FakeCluster, api: Api, name: str) -> None:
    """It is missing, as it is for the kubelet, and nobody else's secret is read."""
    cluster.add("Secret", "prod", "regcred", type="kubernetes.io/dockerconfigjson", data={})
    add_pod(cluster, imagePullSecrets=[{"name": name}, {"name": "../../prod/secrets/regcred"}])
    found = read(api).containers[0]
    # what looks like a query is hidden by then
    assert [s.state for s in found.facts.secrets] == ["missing", "missing"]
    assert not found.credentials
    assert not outside(cluster) and not [a for a in cluster.asked if "secrets" in a.path]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_service_account_and_a_node_that_have_no_name(cluster: FakeCluster, api: Api, name: str) -> None:
    add_pod(cluster, serviceAccountName=name, nodeName=name)
    found = read(api)
    assert found.node is None and len(found.errors) == 2
    assert all(e.message.isprintable() for e in found.errors)
    assert not outside(cluster) and not [a for a in cluster.asked if "serviceaccounts" in a.path or "nodes" in a.path]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_namespace_and_a_pod_that_have_no_name(cluster: FakeCluster, api: Api, name: str) -> None:
    for namespace, pod in (("shop", name), (name, "web-1"), ("a.b", "web-1"), ("n" * 64, "web-1")):
        with pytest.raises(KubeError) as error:
            read_pod(api, namespace, pod)
        assert str(error.value).isprintable()
    assert not cluster.asked


@pytest.mark.parametrize("name", HOSTILE)
def test_an_event_from_a_host_that_has_no_name(cluster: FakeCluster, api: Api, name: str) -> None:
    about = {"kind": "Pod", "name": "web-1", "uid": "u"}
    cluster.add("Event", "shop", "e1", involvedObject=about, source={"host": name}, message=f'Pulling image "{IMAGE}"')
    found = gone_pod(api, "shop", "web-1")
    assert found is not None and found.containers[0].target.node == ""
    assert not outside(cluster)


@pytest.mark.parametrize(
    "path", ["/api/v1/namespaces/shop/pods/../x", "/api/v1//pods", "/api/v1/pods?x=y", "/api/v1/a%2fb", "/x#", "", "/"]
)
def test_the_last_guard(cluster: FakeCluster, api: Api, path: str) -> None:
    """Paths made elsewhere."""
    with pytest.raises(KubeError):
        api.get(path)
    with pytest.raises(KubeError):
        list(api.lines(path, 1.0))
    assert not cluster.asked


def chain(cluster: FakeCluster, **uids: str) -> None:
    """web-1 of ReplicaSet web-x of Deployment web, with these uids in the references in place of the right ones."""
    cluster.add("Deployment", "shop", "web", spec=template())
    above = reference("Deployment", "web", uids.get("deployment", "uid-deployment-web"))
    cluster.add("ReplicaSet", "shop", "web-x", spec=template(), metadata={"ownerReferences": [above]})
    add_pod(cluster, reference("ReplicaSet", "web-x", uids.get("replicaset", "uid-replicaset-web-x")))


IMAGES = ("app=private.example/team/app:1.0",)
"""What the template of these owners asks for."""


def test_the_chain_by_its_uids(cluster: FakeCluster, api: Api) -> None:
    chain(cluster)
    assert owner_of(api) == Owner("Deployment", "web", (), "uid-deployment-web", IMAGES)


def test_the_chain_ends_where_a_uid_differs(cluster: FakeCluster, api: Api) -> None:
    chain(cluster, deployment="another")
    assert owner_of(api) == Owner("ReplicaSet", "web-x", (), "uid-replicaset-web-x", IMAGES)


@pytest.mark.parametrize("uid", ["another", ""])
def test_no_chain_where_the_first_uid_differs(cluster: FakeCluster, api: Api, uid: str) -> None:
    chain(cluster, replicaset=uid)
    assert owner_of(api) is None


def test_an_owner_that_may_not_be_read_has_no_uid(cluster: FakeCluster, api: Api) -> None:
    chain(cluster)
    cluster.refuse["/apis/apps/v1/namespaces/shop/deployments/web"] = 403
    assert owner_of(api) == Owner("Deployment", "web")


def test_an_owner_that_is_gone_owns_nothing(cluster: FakeCluster, api: Api) -> None:
    chain(cluster)
    cluster.objects.pop("/apis/apps/v1/namespaces/shop/deployments/web")
    assert owner_of(api) == Owner("ReplicaSet", "web-x", (), "uid-replicaset-web-x", IMAGES)


def test_a_kind_of_another_group_is_not_ours(cluster: FakeCluster, api: Api) -> None:
    cluster.add("Deployment", "shop", "web", spec=template())
    add_pod(cluster, reference("Deployment", "web", "uid-deployment-web", "evil.example/v1"))
    assert owner_of(api) == Owner("Deployment", "web")


def test_a_static_pod(cluster: FakeCluster, api: Api) -> None:
    add_pod(cluster, reference("Node", "node1", "u", "v1"))
    assert owner_of(api) == Owner("Node", "node1")


def test_history_is_of_the_owner_and_not_of_its_name(cluster: FakeCluster, api: Api) -> None:
    """A ReplicaSet says that it is of a Deployment of this name, with another uid."""
    chain(cluster)
    above = reference("Deployment", "web", "another")
    cluster.add(
        "ReplicaSet",
        "shop",
        "web-0",
        spec=template("elsewhere.example/bad:1"),
        metadata={"ownerReferences": [above], "annotations": {"deployment.kubernetes.io/revision": "0"}},
    )
    cluster.objects["/apis/apps/v1/namespaces/shop/replicasets/web-x"]["metadata"]["annotations"] = {
        "deployment.kubernetes.io/revision": "2"
    }
    found = read(api)
    assert History(api).before("shop", found.object, found.containers[0].target.owner, "app") == ""

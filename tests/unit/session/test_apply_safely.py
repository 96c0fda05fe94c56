"""`--apply` changes the object that was shown, as it was shown, and nothing else: against a server that a colleague changes."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.case import parse
from kubectl_imagepull.errors import KubeError
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.model import Case, Owner
from kubectl_imagepull.session import apply as applying
from kubectl_imagepull.session.apply import Preview, Refused, make, plan
from kubectl_imagepull.verdict import judge
from tests.unit.fake_cluster import Asked, FakeCluster

CASES = Path(__file__).parents[2] / "cases"
OLD, NEW = "registry.lab.test/busybox:2.0.0", "registry.lab.test/busybox:v2.0.0"
POD, SET = "/api/v1/namespaces/shop/pods/web-0", "/apis/apps/v1/namespaces/shop/statefulsets/web"
ACCOUNT = "/api/v1/namespaces/shop/serviceaccounts/default"


def case(name: str, kind: str = "StatefulSet", **target: Any) -> Case:
    found = parse((CASES / f"{name}.json").read_bytes(), name).cases[0]
    owner = Owner(kind, "web", (), f"uid-{kind.lower()}-web")
    return dataclasses.replace(
        found, target=dataclasses.replace(found.target, **{"owner": owner, "pod": "web-0", **target})
    )


def template(image: str = OLD, name: str = "app") -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "side", "image": "x"}, {"name": name, "image": image}]}}}


def fill(cluster: FakeCluster, kind: str = "StatefulSet") -> None:
    """A failing pod web-0, of a workload."""
    cluster.add(kind, "shop", "web", spec={"jobTemplate": {"spec": template()}} if kind == "CronJob" else template())
    add_pod(cluster, kind)


def add_pod(cluster: FakeCluster, kind: str = "StatefulSet", image: str = OLD, **metadata: Any) -> dict[str, Any]:
    group = "batch/v1" if kind == "CronJob" else "apps/v1"
    owner = {"apiVersion": group, "kind": kind, "name": "web", "uid": f"uid-{kind.lower()}-web", "controller": True}
    state = {"waiting": {"reason": "ImagePullBackOff"}}
    return cluster.add(
        "Pod",
        "shop",
        "web-0",
        metadata={"ownerReferences": [owner], **metadata},
        spec=template(image)["template"]["spec"],
        status={"phase": "Pending", "containerStatuses": [{"name": "app", "state": state}]},
    )


def apply(api: Api, one: Case, answer: str = "y\n", yes: bool = False) -> str:
    """Plan and make it. -> what was shown."""
    shown: list[str] = []
    answers = iter(answer.splitlines())

    def show(found: Preview) -> None:
        shown.extend((f"change: {found.change.what}", *found.notes, *found.difference))
        shown.append(f"delete pod/{found.change.pod}" if found.change.pod else "")

    def agree() -> bool:
        shown.append("Apply this change?")
        return next(answers) == "y"

    make(api, one, plan(api, one, judge(one), ""), show, None if yes else agree)
    return "\n".join([*shown, "applied"])


def image_in(cluster: FakeCluster, path: str = SET) -> str:
    spec = cluster.objects[path]["spec"]
    spec = spec.get("jobTemplate", {}).get("spec") or spec
    image: str = spec["template"]["spec"]["containers"][1]["image"]
    return image


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("Deployment", "apps/v1/namespaces/shop/deployments"),
        ("StatefulSet", "apps/v1/namespaces/shop/statefulsets"),
        ("CronJob", "batch/v1/namespaces/shop/cronjobs"),
    ],
)
def test_it_is_made(cluster: FakeCluster, api: Api, kind: str, plural: str) -> None:
    fill(cluster, kind)
    shown = apply(api, case("image.tag_unknown-v", kind))
    assert image_in(cluster, f"/apis/{plural}/web") == NEW
    assert f"-          image: {OLD}" in shown.replace("- image", "  image") or f"image: {OLD}" in shown
    assert f"image: {NEW}" in shown and "applied" in shown
    assert (POD in cluster.objects) == (kind != "StatefulSet")
    assert cluster.objects[f"/apis/{plural}/web"]["spec"] is not None


def only_shown(cluster: FakeCluster) -> bool:
    """Nothing was asked to be changed."""
    return not cluster.changed


def test_no_is_no(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)
    with pytest.raises(Refused, match="you did not say yes"):
        apply(api, case("image.tag_unknown-v"), "n\n")
    assert only_shown(cluster)


@pytest.mark.parametrize(
    "name", ["../../kube-system/deployments/coredns", "web?dryRun=None", "web?x=y", "web#", "web/scale"]
)
def test_an_owner_that_has_no_name(cluster: FakeCluster, api: Api, name: str) -> None:
    """Were the reference believed, the dry run would be the change, or another object's."""
    fill(cluster)
    cluster.add("Deployment", "kube-system", "coredns", spec=template())
    one = case("image.tag_unknown-v", owner=Owner("StatefulSet", name, (), "uid-statefulset-web"))
    with pytest.raises((Refused, KubeError)):
        apply(api, one, "n\n")
    assert not [a for a in cluster.asked if a.method != "GET"]


def test_an_owner_that_was_not_read(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)
    with pytest.raises(Refused, match="nothing proves that the pod is its own"):
        apply(api, case("image.tag_unknown-v", owner=Owner("StatefulSet", "web")))
    assert only_shown(cluster)


@pytest.mark.parametrize("key", ["name", "namespace", "uid"])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_answer_about_another_object(cluster: FakeCluster, api: Api, key: str, method: str) -> None:
    fill(cluster)

    def confuse(asked: Asked) -> None:
        if asked.method == method and asked.path == SET:
            cluster.objects[SET]["metadata"][key] = "another"
            if method == "PATCH":
                asked.body.clear()  # so that no test of the patch notices

    cluster.before = confuse
    with pytest.raises(Refused, match=f"its {key} differs"):
        apply(api, case("image.tag_unknown-v"), yes=True)
    assert only_shown(cluster)


def test_another_object_of_the_name(cluster: FakeCluster, api: Api) -> None:
    """The StatefulSet was deleted and made anew after the diagnosis."""
    fill(cluster)
    cluster.objects[SET]["metadata"]["uid"] = "another"
    with pytest.raises(Refused, match="its uid differs"):
        apply(api, case("image.tag_unknown-v"), yes=True)
    assert only_shown(cluster)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (template(name="other"), "has no container app in its template"),
        (template("x:1"), "names another image than the pod"),
    ],
    ids=["container", "image"],
)
def test_what_the_template_does_not_have(cluster: FakeCluster, api: Api, found: dict[str, Any], said: str) -> None:
    fill(cluster)
    cluster.objects[SET]["spec"] = found
    with pytest.raises(Refused, match=said):
        apply(api, case("image.tag_unknown-v"), yes=True)
    assert only_shown(cluster)


def once(cluster: FakeCluster, when: Callable[[Asked], bool], then: Callable[[], None]) -> None:
    """Let a colleague act ahead of the first request that fits."""
    done = []

    def before(asked: Asked) -> None:
        if not done and when(asked):
            done.append(asked)
            then()

    cluster.before = before


def test_a_colleague_changes_the_template(cluster: FakeCluster, api: Api) -> None:
    """After it was shown and before it is made: it is shown again, with the colleague's change, and both stay."""
    fill(cluster)

    def colleague() -> None:
        cluster.objects[SET]["spec"]["replicas"] = 7
        cluster.touch(cluster.objects[SET])

    once(cluster, lambda a: a.method == "PATCH" and a.changes, colleague)
    shown = apply(api, case("image.tag_unknown-v"), "y\ny\n")
    assert shown.count("change: ") == 2 and shown.count("Apply this change?") == 2 and shown.count("applied") == 1
    assert cluster.objects[SET]["spec"]["replicas"] == 7 and image_in(cluster) == NEW


def test_a_colleague_fixes_the_image(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)

    def colleague() -> None:
        cluster.objects[SET]["spec"] = template("registry.lab.test/busybox:1.35")
        cluster.touch(cluster.objects[SET])

    once(cluster, lambda a: a.method == "PATCH" and a.changes, colleague)
    with pytest.raises(Refused, match="names another image than the pod"):
        apply(api, case("image.tag_unknown-v"), "y\ny\n")
    assert image_in(cluster) == "registry.lab.test/busybox:1.35" and POD in cluster.objects


def test_a_report_of_a_controller_is_no_conflict(cluster: FakeCluster, api: Api) -> None:
    """A status moves the resourceVersion and not the generation."""
    fill(cluster)
    once(cluster, lambda a: a.method == "PATCH" and a.changes, lambda: cluster.touch(cluster.objects[SET], spec=False))
    assert apply(api, case("image.tag_unknown-v")).count("change: ") == 1
    assert image_in(cluster) == NEW


def test_others_change_it_again_and_again(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)

    def before(asked: Asked) -> None:
        if asked.method == "PATCH" and asked.changes:
            cluster.touch(cluster.objects[SET])

    cluster.before = before
    with pytest.raises(Refused, match="changed by somebody else again and again"):
        apply(api, case("image.tag_unknown-v"), "y\n" * 9)
    assert image_in(cluster) == OLD


def test_a_patch_that_the_server_refuses(cluster: FakeCluster, api: Api) -> None:
    """Not every 422 means that somebody else was quicker."""
    fill(cluster)
    once(cluster, lambda a: a.method == "PATCH", lambda: cluster.refuse.update({SET: 422}))

    def before(asked: Asked) -> None:
        cluster.refuse.clear()
        if asked.method == "PATCH":
            cluster.refuse[SET] = 422

    cluster.before = before
    with pytest.raises(KubeError, match="Invalid"):
        apply(api, case("image.tag_unknown-v"))
    assert only_shown(cluster)


# Deleting the pod


def works_now() -> Case:
    return case("net.refused-passed", container="app", image=OLD)


def test_the_pod_is_deleted(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)
    assert "delete pod/web-0" in apply(api, works_now())
    assert POD not in cluster.objects and SET in cluster.objects


def deleting(asked: Asked) -> bool:
    return asked.method == "DELETE" and asked.changes


def test_a_new_pod_of_the_name_is_left_alone(cluster: FakeCluster, api: Api) -> None:
    """A healthy web-0 has come in place of the failing one: before it is asked for, and at the last moment."""
    fill(cluster)

    def renewed() -> None:
        found = add_pod(cluster, uid="new")
        found["status"] = {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}}]}

    once(cluster, deleting, renewed)
    with pytest.raises(Refused, match="has its image by now"):
        apply(api, works_now())
    assert POD in cluster.objects
    with pytest.raises(Refused, match="has its image by now"):
        apply(api, works_now())
    assert POD in cluster.objects


def test_a_pod_that_runs_by_now_is_left_alone(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)

    def runs() -> None:
        cluster.objects[POD]["status"]["containerStatuses"][0]["state"] = {"running": {}}
        cluster.touch(cluster.objects[POD])

    once(cluster, deleting, runs)
    with pytest.raises(Refused, match="has its image by now"):
        apply(api, works_now())
    assert POD in cluster.objects


def test_a_pod_that_fails_again_meanwhile_is_deleted(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)
    once(cluster, deleting, lambda: cluster.touch(cluster.objects[POD], spec=False))
    assert "applied" in apply(api, works_now())
    assert POD not in cluster.objects


def test_a_pod_of_another_owner_is_left_alone(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)
    cluster.objects[POD]["metadata"]["ownerReferences"][0]["uid"] = "another"
    with pytest.raises(Refused, match="does not belong to statefulset/web any more"):
        apply(api, works_now())
    assert only_shown(cluster)


def test_a_pod_that_is_gone(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)
    del cluster.objects[POD]
    with pytest.raises(Refused, match="does not exist any more"):
        apply(api, works_now())


def test_an_owner_that_is_quicker(cluster: FakeCluster, api: Api) -> None:
    """The pod is gone once its template is changed: that is what was wanted."""
    fill(cluster)

    def before(asked: Asked) -> None:
        if image_in(cluster) == NEW:
            cluster.objects.pop(POD, None)

    cluster.before = before
    assert "applied" in apply(api, case("image.tag_unknown-v"))


# A service account's list


def secret(cluster: FakeCluster) -> None:
    config = '{"auths": {"%s": {"username": "bob", "password": "hunter2"}}}'
    host = case("auth.no_credentials").facts.reference.registry
    cluster.add(
        "Secret",
        "shop",
        "pull",
        type="kubernetes.io/dockerconfigjson",
        data={".dockerconfigjson": base64.b64encode((config % host).encode()).decode()},
    )


def lacking(cluster: FakeCluster) -> Case:
    one = case("auth.no_credentials", container="app")
    one = dataclasses.replace(
        one,
        facts=dataclasses.replace(one.facts, pull_secret_names=(), account_secrets=(), service_account="default"),
        target=dataclasses.replace(one.target, namespace="shop"),
    )
    fill(cluster)
    secret(cluster)
    return one


def names(cluster: FakeCluster) -> list[str]:
    return [s["name"] for s in cluster.objects[ACCOUNT].get("imagePullSecrets") or []]


@pytest.mark.parametrize("kept", [[], ["mine"]])
def test_a_pull_secret_is_added(cluster: FakeCluster, api: Api, kept: list[str]) -> None:
    one = lacking(cluster)
    cluster.add("ServiceAccount", "shop", "default", imagePullSecrets=[{"name": n} for n in kept])
    shown = apply(api, one)
    assert names(cluster) == [*kept, "pull"] and POD not in cluster.objects and "hunter2" not in shown


def test_the_pod_stays_until_a_new_one_gets_the_secret(cluster: FakeCluster, api: Api) -> None:
    """The server gives new pods what its copy of the account has: twice it is late, then it has followed."""
    one = lacking(cluster)
    cluster.add("ServiceAccount", "shop", "default")
    there: list[bool] = []

    def made(asked: Asked) -> dict[str, Any]:
        assert asked.query["dryRun"] == "All" and asked.body["spec"]["serviceAccountName"] == "default"
        there.append(POD in cluster.objects)
        secrets = [{"name": "pull"}] if len(there) > 2 else []
        return {**asked.body, "spec": {**asked.body["spec"], "imagePullSecrets": secrets}}

    cluster.made = made
    apply(api, one)
    assert there == [True] * 3 and POD not in cluster.objects


@pytest.mark.parametrize(("status", "looks"), [(403, 1), (500, 2)])
def test_the_pod_is_made_anew_where_that_cannot_be_seen(
    cluster: FakeCluster, api: Api, status: int, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no such pod may be made at once, else when its time is over."""
    monkeypatch.setattr(applying, "ADMISSION_SECONDS", 0.4)
    one = lacking(cluster)
    cluster.add("ServiceAccount", "shop", "default")
    cluster.refuse[POD.rpartition("/")[0]] = status
    apply(api, one)
    assert POD not in cluster.objects and names(cluster) == ["pull"]
    posts = [a for a in cluster.asked if a.method == "POST"]
    assert len(posts) == 1 if looks == 1 else len(posts) >= looks


@pytest.mark.parametrize("kept", [[], ["mine"]])
def test_a_colleague_adds_another(cluster: FakeCluster, api: Api, kept: list[str]) -> None:
    """Between question and change: both stay, and it is shown again."""
    one = lacking(cluster)
    account = cluster.add("ServiceAccount", "shop", "default", imagePullSecrets=[{"name": n} for n in kept])

    def colleague() -> None:
        account["imagePullSecrets"].append({"name": "theirs"})
        cluster.touch(account)

    once(cluster, lambda a: a.method == "PATCH" and a.changes, colleague)
    shown = apply(api, one, "y\ny\n")
    assert names(cluster) == [*kept, "theirs", "pull"] and shown.count("Apply this change?") == 2


def test_a_colleague_adds_the_same(cluster: FakeCluster, api: Api) -> None:
    one = lacking(cluster)
    account = cluster.add("ServiceAccount", "shop", "default")

    def colleague() -> None:
        account["imagePullSecrets"] = [{"name": "pull"}]
        cluster.touch(account)

    once(cluster, lambda a: a.method == "PATCH" and a.changes, colleague)
    with pytest.raises(Refused, match="has pull secret pull by now"):
        apply(api, one, "y\ny\n")
    assert names(cluster) == ["pull"] and POD in cluster.objects


def test_a_service_account_is_no_change_without_a_question(cluster: FakeCluster, api: Api) -> None:
    one = lacking(cluster)
    cluster.add("ServiceAccount", "shop", "default")
    with pytest.raises(Refused, match="without --yes you are asked"):
        apply(api, one, yes=True)
    assert only_shown(cluster)


def test_a_pod_that_counts_gets_no_account_changed(cluster: FakeCluster, api: Api) -> None:
    """A deleted pod of a Job is a failed try, and only a new one would have the secret."""
    one = lacking(cluster)
    cluster.add("ServiceAccount", "shop", "default")
    job = Owner("Job", "web", (), "uid-job-web")
    with pytest.raises(Refused, match="counts as a failed try"):
        apply(api, dataclasses.replace(one, target=dataclasses.replace(one.target, owner=job)))
    assert only_shown(cluster) and names(cluster) == []


def test_a_tool_that_took_it_over_meanwhile(cluster: FakeCluster, api: Api) -> None:
    fill(cluster)
    cluster.objects[SET]["metadata"]["labels"] = {"argocd.argoproj.io/instance": "shop"}
    with pytest.raises(Refused, match="managed by Argo CD"):
        apply(api, case("image.tag_unknown-v"), yes=True)
    assert only_shown(cluster)

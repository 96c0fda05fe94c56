"""What `--apply` would change, by the kind of the pod's owner; the cluster itself is asked in tests/e2e/test_apply.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import pytest

from kubectl_imagepull.case import parse
from kubectl_imagepull.catalogue.actions import SetImage
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.model import Case, Owner
from kubectl_imagepull.session.apply import Change, Ref, Refused, plan
from kubectl_imagepull.verdict import judge

CASES = Path(__file__).parents[2] / "cases"
API = cast(Api, None)


def owned(name: str, owner: Owner | None) -> Case:
    case = parse((CASES / f"{name}.json").read_bytes(), name).cases[0]
    return dataclasses.replace(case, target=dataclasses.replace(case.target, owner=owner))


def planned(name: str, owner: Owner | None, tag: str = "") -> Change:
    case = owned(name, owner)
    return plan(API, case, judge(case), tag)


def of(kind: str, *managed_by: str) -> Owner:
    return Owner(kind, "web", managed_by, "u1")


@pytest.mark.parametrize(
    ("kind", "pod"),
    [("Deployment", False), ("DaemonSet", False), ("StatefulSet", True), ("ReplicaSet", True), ("CronJob", False)],
)
def test_the_image_of_each_kind(kind: str, pod: bool) -> None:
    change = planned("image.tag_unknown-v", of(kind))
    repository = "registry.lab.test/busybox"
    assert (change.edit, change.image) == (SetImage((f"{repository}:v2.0.0",)), f"{repository}:2.0.0")
    assert change.object == Ref(kind, "shop", "web", "u1")
    assert (bool(change.pod), change.same) == (pod, True)
    assert bool(change.later) == (kind == "CronJob")


@pytest.mark.parametrize(
    ("name", "owner", "said"),
    [
        (
            "image.tag_unknown-v",
            of("Job"),
            "the pod template of job/web never changes; this makes the job anew",
        ),
        ("image.tag_unknown-v", of("Rollout"), "the pod belongs to rollout/web, whose operator would revert"),
        ("image.tag_unknown-v", of("Deployment", "Argo CD"), "managed by Argo CD"),
        ("image.tag_unknown-v", of("Node"), "a static pod"),
        ("image.tag_unknown-v", None, "belongs to no workload"),
        ("image.tag_unknown", of("Deployment"), "no tag is near to 9.9; --tag TAG chooses one"),
        ("net.refused-passed", of("Job"), "counts as a failed try"),
        ("auth.secret_added_late", of("CronJob"), "counts as a failed try"),
        (
            "net.refused",
            of("Deployment"),
            "net.refused is fixed by no change that could be made from here",
        ),
    ],
)
def test_refused(name: str, owner: Owner | None, said: str) -> None:
    with pytest.raises(Refused) as caught:
        planned(name, owner)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "CronJob"])
@pytest.mark.parametrize("name", ["image.tag_unknown-v", "net.refused-passed", "auth.secret_added_late"])
def test_what_is_made_is_what_is_printed(name: str, kind: str) -> None:
    """The commands of the change are those of a fix in the report, for every kind of owner that can be changed."""
    if kind == "CronJob" and name != "image.tag_unknown-v":
        return  # test_refused
    printed = {fix.commands for fix in judge(owned(name, of(kind))).fixes}
    change = planned(name, of(kind))
    assert change.commands and change.commands in printed
    assert bool(change.pod) == any(" delete pod " in command for command in change.commands)


def test_helm_is_no_reason_to_refuse() -> None:
    assert planned("image.tag_unknown-v", of("Deployment", "Helm")).same


@pytest.mark.parametrize("tag", ["1.35 ", "a:b", "x" * 129, "-x", "\x1b[2J"])
def test_no_tag_at_all(tag: str) -> None:
    with pytest.raises(Refused, match="is no tag"):
        planned("image.tag_unknown", of("Deployment"), tag)


def test_another_tag_is_for_images_only() -> None:
    with pytest.raises(Refused, match=r"another tag does not fix net\.refused"):
        planned("net.refused", of("Deployment"), "1.35")

"""Actions as commands: what each kind of owner takes, and that the patch of `--apply` goes where the command's goes."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import Any

import pytest

from kubectl_imagepull.catalogue import fitting
from kubectl_imagepull.catalogue.actions import RUNS, AddPullSecret, SetImage, parse_action, used_fields
from kubectl_imagepull.catalogue.render import (
    BARE,
    KINDS,
    OPERATOR,
    STATIC,
    Kind,
    NotAsTaken,
    Place,
    kind_of,
    lines,
    patch,
    template_patch,
)
from kubectl_imagepull.command import Unfit

VALUES = {
    "namespace": "shop",
    "pod": "web-1",
    "owner_name": "web",
    "container": "app",
    "node": "node1",
    "service_account": "builder",
    "secret": "mine",
    "server": "r.io",
    "entry": "r.io",
    "image": "r.io/web:1",
    "host": "r.io",
}


def at(kind: Kind, **more: Any) -> Place:
    values = {**VALUES, "owner_kind": kind.resource or "pod", **more.pop("values", {})}
    return Place(kind, fitting(values), **more)


def shown(action: Any, place: Place) -> tuple[str, ...]:
    return lines([parse_action(action)], place)


ACTIONS: dict[str, Any] = {
    "set-image": {"set-image": "r.io/web:2"},
    "patch-template": {"patch-template": {"nodeName": "{node}"}},
    "patch-container": {"patch-container": {"imagePullPolicy": "Never"}},
    "restart": "restart",
    "recreate-pod": "recreate-pod",
}
TAKES = {
    "deployment": {"set-image", "patch-template", "patch-container", "restart", "recreate-pod"},
    "statefulset": {"set-image", "patch-template", "patch-container", "restart", "recreate-pod"},
    "daemonset": {"set-image", "patch-template", "patch-container", "restart", "recreate-pod"},
    "replicaset": {"set-image", "patch-template", "patch-container", "recreate-pod"},
    "cronjob": {"set-image", "patch-template", "patch-container", "recreate-pod"},
    "job": {"set-image", "recreate-pod"},
    "pod": {"set-image", "recreate-pod"},
    "operator": {"recreate-pod"},
    "static": set(),
}


@pytest.mark.parametrize("name", TAKES)
def test_what_each_kind_takes(name: str) -> None:
    kind = {"pod": BARE, "operator": OPERATOR, "static": STATIC}.get(name) or KINDS[
        next(k for k, v in KINDS.items() if v.resource == name)
    ]
    assert {action for action, value in ACTIONS.items() if shown(value, at(kind))} == TAKES[name]


@pytest.mark.parametrize("owner", [name for name, kind in KINDS.items() if kind.template])
def test_the_command_and_the_patch_are_of_the_same_place(owner: str) -> None:
    kind = kind_of(owner)
    command = shlex.split(shown({"patch-template": {"nodeName": "{node}"}}, at(kind))[0])
    assert json.loads(command[-1]) == template_patch(kind, {"nodeName": "node1"})
    assert command[:6] == ["kubectl", "-n", "shop", "patch", kind.resource, "web"]
    waits = len(shown({"set-image": "r.io/web:2"}, at(kind))) == 2
    assert waits == kind.waits


@pytest.mark.parametrize(
    ("role", "group"), [("container", "containers"), ("init", "initContainers"), ("ephemeral", "")]
)
def test_the_role_of_the_container(role: str, group: str) -> None:
    made = shown({"patch-container": {"imagePullPolicy": "Never"}}, at(KINDS["Deployment"], role=role))
    assert bool(made) == bool(group) and all(f'"{group}"' in line for line in made)
    assert bool(shown({"set-image": "x"}, at(KINDS["Deployment"], role=role))) == bool(group)


def test_a_pod_that_is_gone_or_lost() -> None:
    assert shown("recreate-pod", at(KINDS["Deployment"], gone=True)) == ()
    assert len(shown("recreate-pod", at(BARE, lost=True))) == 3
    assert shown("recreate-pod", at(BARE)) == ("kubectl -n shop get pod web-1 -o json | kubectl replace --force -f -",)


def test_a_list_of_pull_secrets_keeps_the_others() -> None:
    place = at(KINDS["Deployment"], account=("one", "mine"))
    (added,) = shown({"add-pull-secret": "new"}, place)
    (removed,) = shown({"remove-pull-secret": "{secret}"}, place)
    assert json.loads(shlex.split(added)[-1]) == {"imagePullSecrets": [{"name": n} for n in ("one", "mine", "new")]}
    assert json.loads(shlex.split(removed)[-1]) == {"imagePullSecrets": [{"name": "one"}]}
    unknown = at(KINDS["Deployment"], account=None)
    assert shown({"add-pull-secret": "new"}, unknown) == ("kubectl -n shop edit serviceaccount builder",)
    with pytest.raises(Unfit, match="no name of an object"):
        shown({"add-pull-secret": "new"}, at(KINDS["Deployment"], account=("x'; reboot; '",)))


@pytest.mark.parametrize("name", RUNS)
def test_the_actions_that_are_the_same_for_every_owner(name: str) -> None:
    for kind in (*KINDS.values(), BARE, STATIC, OPERATOR):
        assert shown({name: "cat x" if "command" in name else "r.io"}, at(kind))


def test_a_file_on_a_node() -> None:
    action = {"node-config": {"file": "/etc/x/{host}.conf", "text": 'a = "{host}"\n50%\\n\n', "reload": "crio"}}
    (line,) = shown(action, at(BARE))
    assert line == "printf 'a = \"r.io\"\\n50%%\\\\n\\n' > /etc/x/r.io.conf && systemctl reload crio"
    assert used_fields(parse_action(action)) == {"host"}
    for wrong in ({"file": "/x"}, {"file": "/x", "text": "it's"}, {"file": "/x", "text": "a", "mode": "1"}):
        with pytest.raises(ValueError, match="node-config"):
            parse_action({"node-config": wrong})


def test_waiting_is_no_command() -> None:
    assert shown("wait", at(BARE)) == ()


OWNED = {"metadata": {"uid": "u", "generation": 4, "resourceVersion": "9"}}
CONTAINER = {"name": "app", "image": "r.io/app:1"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [("Deployment", "/spec/template/spec"), ("CronJob", "/spec/jobTemplate/spec/template/spec")],
)
@pytest.mark.parametrize(("role", "group"), [("container", "containers"), ("sidecar", "initContainers")])
def test_a_patch_of_an_image(kind: str, path: str, role: str, group: str) -> None:
    found: dict[str, Any] = {group: [{"name": "first"}, CONTAINER]}
    for step in reversed(path.strip("/").split("/")):
        found = {step: found}
    place = dataclasses.replace(at(KINDS[kind]), role=role)
    steps = patch(SetImage(("r.io/app:2",)), place, {**OWNED, **found}, "r.io/app:1")
    assert steps == [
        {"op": "test", "path": "/metadata/uid", "value": "u"},
        {"op": "test", "path": "/metadata/generation", "value": 4},
        {"op": "test", "path": f"{path}/{group}/1/name", "value": "app"},
        {"op": "test", "path": f"{path}/{group}/1/image", "value": "r.io/app:1"},
        {"op": "replace", "path": f"{path}/{group}/1/image", "value": "r.io/app:2"},
    ]


def test_a_patch_of_a_list_of_secrets() -> None:
    add = AddPullSecret(("pull",))
    uid, version = (
        {"op": "test", "path": f"/metadata/{key}", "value": value}
        for key, value in (("uid", "u"), ("resourceVersion", "9"))
    )
    assert patch(add, at(BARE), OWNED) == [
        uid,
        version,
        {"op": "add", "path": "/imagePullSecrets", "value": [{"name": "pull"}]},
    ]
    kept = [{"name": "mine"}]
    assert patch(add, at(BARE), {**OWNED, "imagePullSecrets": kept}) == [
        uid,
        version,
        {"op": "test", "path": "/imagePullSecrets", "value": kept},
        {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": "pull"}},
    ]


def test_an_object_that_is_not_what_the_action_takes_it_for() -> None:
    deployment = {**OWNED, "spec": {"template": {"spec": {"containers": [CONTAINER]}}}}
    image = SetImage(("r.io/app:2",))
    with pytest.raises(NotAsTaken, match="another image"):
        patch(image, at(KINDS["Deployment"]), deployment, "r.io/app:0")
    with pytest.raises(NotAsTaken, match="no container app"):
        patch(image, at(KINDS["Deployment"]), OWNED, "r.io/app:1")
    with pytest.raises(NotAsTaken, match="has pull secret pull"):
        patch(AddPullSecret(("pull",)), at(BARE), {**OWNED, "imagePullSecrets": [{"name": "pull"}]})

"""One renderer for all actions: the same action as commands for a person, and as a patch for the API.

What differs between the kinds of owners stands in KINDS and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..command import (
    PLAIN,
    Command,
    Unfit,
    Value,
    Word,
    argv,
    fill,
    fill_word,
    join,
    named,
    parse,
    text,
)
from .actions import (
    Action,
    AddPullSecret,
    PatchContainer,
    PatchTemplate,
    RecreatePod,
    RemovePullSecret,
    Restart,
    Run,
    SetImage,
    Wait,
    template_word,
)


@dataclass(frozen=True)
class Kind:
    """What a kind of owner lets be done to its pods."""

    resource: str
    """Its name for kubectl, "" where nothing of it can be changed from here."""
    template: tuple[str, ...] = ()
    """Where the pod template is in the object; () where it has none or never changes it."""
    images: bool = True
    """`kubectl set image` takes it."""
    restarts: bool = False
    """`kubectl rollout restart` takes it (kubernetes/kubectl: pkg/polymorphichelpers/objectrestarter.go)."""
    waits: bool = False
    """A changed template does not reach the broken pod before that is deleted: a ReplicaSet only changes new pods, a StatefulSet
    waits for its broken one for ever (kubernetes.io: StatefulSets, "Forced rollback")."""
    makes_pods: bool = True
    """A deleted pod is made anew."""
    counts: bool = False
    """A deleted pod counts as a failed try (kubernetes: pkg/controller/job/job_controller.go, isPodFailed)."""


_TEMPLATE = ("spec", "template", "spec")
KINDS: Mapping[str, Kind] = {
    "Deployment": Kind("deployment", _TEMPLATE, restarts=True),
    "StatefulSet": Kind("statefulset", _TEMPLATE, restarts=True, waits=True),
    "DaemonSet": Kind("daemonset", _TEMPLATE, restarts=True),
    "ReplicaSet": Kind("replicaset", _TEMPLATE, waits=True),
    "CronJob": Kind("cronjob", ("spec", "jobTemplate", *_TEMPLATE), counts=True),
    "Job": Kind("job", images=False, counts=True),
}
"""The owners that kubectl can change, by kind."""
BARE = Kind("pod", makes_pods=False)
"""A pod without an owner: its image can be changed, little else."""
OPERATOR = Kind("", images=False)
"""An owner of a kind that is not Kubernetes' own: what is changed below it, its operator reverts."""
STATIC = Kind("", images=False, makes_pods=False)
"""A static pod: its manifest is a file on its node, and the kubelet makes it anew."""
ANY = Kind("<owner_kind>", _TEMPLATE, restarts=True)
"""Whatever owns the pod, for a reader without a case."""
CONTAINERS: Mapping[str, str] = {"container": "containers", "init": "initContainers", "sidecar": "initContainers"}
"""Role of a container -> the list of a PodSpec in which it stands; an ephemeral one cannot be changed."""


def kind_of(owner: str | None) -> Kind:
    """The kind of a pod's owner, None for a pod that has none; a static pod's owner is a Node."""
    return BARE if owner is None else STATIC if owner == "Node" else KINDS.get(owner, OPERATOR)


@dataclass(frozen=True)
class Place:
    """For what the commands are."""

    kind: Kind
    """The pod's owner."""
    values: Mapping[str, Value]
    """What the fields are filled with; a value that its field does not take is left out (`catalogue.fitting`)."""
    role: str = "container"
    """The container's role: container, init, sidecar or ephemeral."""
    gone: bool = False
    """The pod does not exist any more."""
    lost: bool = False
    """The pod's node may not be there to end it."""
    account: tuple[str, ...] | None = ()
    """The pull secrets that the service account names, None where that is not known."""


def render(action: Action, at: Place) -> tuple[Command, ...]:
    """The commands of an action, in order; () where this owner takes none of the kind.

    Raises Unfit where a value is not known, or is none that may stand in a command.
    """
    if isinstance(action, Run):
        return tuple(fill(command, at.values) for command in action.commands)
    if isinstance(action, (AddPullSecret, RemovePullSecret)):
        return (_account(action, at),)
    if isinstance(action, Wait) or at.kind is STATIC:
        return ()
    if isinstance(action, RecreatePod):
        return _recreated(at)
    if isinstance(action, Restart):
        return (
            (_filled("kubectl -n {namespace} rollout restart {owner_kind}/{owner_name}", at),)
            if at.kind.restarts
            else ()
        )
    if isinstance(action, SetImage) and not at.kind.template:
        return _image(action, at)
    if isinstance(action, SetImage):
        image = fill_word(action.image, at.values)
        if not _container_list(at):
            return ()
        line = "kubectl -n {namespace} set image {owner_kind}/{owner_name} {container}="
        return (fill_last(line, image, at), *_recreated_if_waits(action, at))
    if not at.kind.template:
        return ()
    return _patched(action, at)


Step = dict[str, Any]
"""One operation of a JSON patch (RFC 6902)."""


class NotAsTaken(Exception):
    """The object is not, or not any more, what an action takes it for. str(): what follows its name, one line."""


def patch(action: SetImage | AddPullSecret, at: Place, found: Mapping[str, Any], image: str = "") -> list[Step]:
    """The JSON patch of an action to an object as it was read, which applies to no other object and to no other state of it.

    found: the pod's owner for another image, its service account for a pull secret. image: what the container must still have.
    Raises NotAsTaken, and Unfit as `render` does.
    """
    metadata = found["metadata"]
    test: list[Step] = [_test("/metadata/uid", metadata["uid"])]
    if isinstance(action, AddPullSecret):
        return test + _secret_added(text(fill_word(action.secret, at.values)), found)
    if "generation" in metadata:
        # counts the changes of the spec alone, where the resourceVersion moves with each report of a controller
        test.append(_test("/metadata/generation", metadata["generation"]))
    container, group = text(fill_word(template_word("{container}"), at.values)), _container_list(at)
    spec: Any = found
    for step in at.kind.template:
        spec = spec.get(step) or {}
    entries = spec.get(group) or []
    index = next((n for n, c in enumerate(entries) if c.get("name") == container), None)
    if index is None:
        raise NotAsTaken(f"has no container {container} in its template: something adds it later")
    if entries[index].get("image") != image:
        raise NotAsTaken("names another image than the pod has: run the diagnosis again")
    path = "/".join(("", *at.kind.template, group, str(index)))
    new = text(fill_word(action.image, at.values))
    return [
        *test,
        _test(f"{path}/name", container),
        _test(f"{path}/image", image),
        {"op": "replace", "path": f"{path}/image", "value": new},
    ]


def _test(path: str, value: Any) -> Step:
    return {"op": "test", "path": path, "value": value}


def _secret_added(secret: str, account: Mapping[str, Any]) -> list[Step]:
    kept = account.get("imagePullSecrets") or []
    if any(s.get("name") == secret for s in kept):
        raise NotAsTaken(f"has pull secret {secret} by now: run the diagnosis again")
    test = [_test("/metadata/resourceVersion", account["metadata"].get("resourceVersion"))]
    if not kept:
        return [*test, {"op": "add", "path": "/imagePullSecrets", "value": [{"name": secret}]}]
    test.append(_test("/imagePullSecrets", kept))
    return [*test, {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": secret}}]


def recreates(action: Action, at: Place) -> bool:
    """Whether the pod of now is deleted by it, so that its owner makes another."""
    if isinstance(action, (SetImage, PatchTemplate, PatchContainer)):
        return at.kind.waits
    return isinstance(action, RecreatePod) and at.kind.makes_pods


def lines(actions: Iterable[Action], at: Place) -> tuple[str, ...]:
    """The commands of actions as they are printed, one line each. Raises Unfit as `render` does, and for a control character."""
    return tuple(join(command) for action in actions for command in render(action, at))


def fill_last(template: str, last: Word, at: Place) -> Command:
    """A template whose last word goes on with one that is filled already."""
    command = _filled(template, at)
    (one,) = command.simple
    return argv(*one.words[:-1], (*one.words[-1], *last))


def _filled(template: str, at: Place) -> Command:
    return fill(parse(template), at.values)


def _container_list(at: Place) -> str:
    return CONTAINERS.get(at.role, "")


def _image(action: SetImage, at: Place) -> tuple[Command, ...]:
    """Another image where there is no template to change: in the pod itself, or in a Job made anew."""
    image = fill_word(action.image, at.values)
    if not _container_list(at):
        return ()
    if at.kind.images:
        return (fill_last("kubectl -n {namespace} set image pod/{pod} {container}=", image, at),)
    if not at.kind.resource:
        return ()
    # the template of a Job never changes, and its pods' labels are the controller's
    own = ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"]
    labels = ", ".join(f'.spec.template.metadata.labels["{label}"]' for label in own)
    container, new = _plain("container", at), text(image)
    if not PLAIN.fullmatch(new.replace("<", "").replace(">", "")):
        raise Unfit(f"the image does not fit into quotes: {new[:80]!r}")
    script = (
        f"del(.spec.selector, {labels}) | "
        f'((.spec.template.spec | .containers[], .initContainers[]?) | select(.name=="{container}")).image = "{new}"'
    )
    return (_filled("kubectl -n {namespace} get job {owner_name} -o json", at) | argv("jq", script) | REPLACE,)


REPLACE = argv("kubectl", "replace", "--force", "-f", "-")


def _plain(name: str, at: Place) -> str:
    """A value that may stand in quotes."""
    return text(fill_word(parse(f"'{{{name}}}'").simple[0].words[0], at.values))


def _recreated(at: Place) -> tuple[Command, ...]:
    if at.gone:
        return ()
    if at.kind.makes_pods:
        return (_filled("kubectl -n {namespace} delete pod {pod}", at),)
    if not at.lost:
        # deleting it would lose it
        return (_filled("kubectl -n {namespace} get pod {pod} -o json", at) | REPLACE,)
    # its own node cannot end it, and what was read of it still names that
    kept = "del(.spec.nodeName, .status, .metadata.uid, .metadata.resourceVersion)"
    file = fill_word(template_word("{pod}.json"), at.values)
    return (
        _filled("kubectl -n {namespace} get pod {pod} -o json", at) | argv("jq", kept, stdout=file),
        _filled("kubectl -n {namespace} delete pod {pod} --grace-period=0 --force", at),
        argv("kubectl", "create", "-f", file),
    )


def _recreated_if_waits(action: Action, at: Place) -> tuple[Command, ...]:
    return (_filled("kubectl -n {namespace} delete pod {pod}", at),) if recreates(action, at) else ()


def _patched(action: Action, at: Place) -> tuple[Command, ...]:
    if isinstance(action, PatchTemplate):
        spec = filled_json(action.spec, at.values)
    elif isinstance(action, PatchContainer):
        if not _container_list(at):
            return ()
        name = text(fill_word(template_word("{container}"), at.values))
        spec = {_container_list(at): [{"name": name, **filled_json(action.fields, at.values)}]}
    else:
        raise TypeError(f"no renderer for {action!r}")
    body = template_patch(at.kind, spec)
    line = _filled("kubectl -n {namespace} patch {owner_kind} {owner_name} --type strategic -p", at)
    return (argv(*line.simple[0].words, compact(body)), *_recreated_if_waits(action, at))


def template_patch(kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A strategic merge patch of an owner that changes this part of its pods' specification. kind: one with a template."""
    body: Any = dict(spec)
    for step in reversed(kind.template):
        body = {step: body}
    return dict(body)


def _account(action: AddPullSecret | RemovePullSecret, at: Place) -> Command:
    """A service account's list of pull secrets is replaced as a whole (core/v1 types.go: listType=atomic): keep the others."""
    secret = text(fill_word(action.secret, at.values))
    if at.account is None:
        # what it has is not known, and a patch would drop it
        return _filled("kubectl -n {namespace} edit serviceaccount {service_account}", at)
    added = [secret] if isinstance(action, AddPullSecret) else []
    kept = [name for name in at.account if name != secret]
    body = {"imagePullSecrets": [{"name": name if name.startswith("<") else named(name)} for name in (*kept, *added)]}
    merge = " --type merge" if isinstance(action, RemovePullSecret) else ""
    line = _filled(f"kubectl -n {{namespace}} patch serviceaccount {{service_account}}{merge} -p", at)
    return argv(*line.simple[0].words, compact(body))


def filled_json(value: Any, values: Mapping[str, Value]) -> Any:
    """JSON with its texts filled in. Raises Unfit."""
    if isinstance(value, str):
        return text(fill_word(template_word(value), values))
    if isinstance(value, Mapping):
        return {key: filled_json(item, values) for key, item in value.items()}
    return [filled_json(item, values) for item in value] if isinstance(value, Sequence) else value


def compact(value: Any) -> str:
    """JSON on one line, without blanks."""
    return json.dumps(value, separators=(",", ":"))

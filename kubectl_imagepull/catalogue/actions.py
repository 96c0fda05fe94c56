"""What a fix does: actions with their parameters, as the catalogue names them. `render` makes commands and patches of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..command import Command, Word, argv, fields, parse


@dataclass(frozen=True)
class Run:
    """Commands as they are, the same for every owner."""

    name: str
    """The action's name in the catalogue."""
    commands: tuple[Command, ...]
    """Templates over catalogue.FIELDS, in order."""


@dataclass(frozen=True)
class Wait:
    """Nothing is done: the kubelet tries again by itself."""


@dataclass(frozen=True)
class SetImage:
    """The container gets another image."""

    image: Word
    """A template of the whole reference."""


@dataclass(frozen=True)
class PatchTemplate:
    """The pod's specification is changed where its owner keeps it."""

    spec: Mapping[str, Any]
    """A part of a PodSpec; its texts are templates."""


@dataclass(frozen=True)
class PatchContainer:
    """The container's specification is changed where the pod's owner keeps it."""

    fields: Mapping[str, Any]
    """A part of a Container, without its name; its texts are templates."""


@dataclass(frozen=True)
class Restart:
    """All pods of the workload are made anew, one after another."""


@dataclass(frozen=True)
class RecreatePod:
    """The pod is made anew: deleted where something makes another, else replaced."""


@dataclass(frozen=True)
class AddPullSecret:
    """The pod's service account names a pull secret more."""

    secret: Word
    """A template of the secret's name."""


@dataclass(frozen=True)
class RemovePullSecret:
    """The pod's service account names a pull secret less."""

    secret: Word
    """A template of the secret's name."""


Action = (
    Run | Wait | SetImage | PatchTemplate | PatchContainer | Restart | RecreatePod | AddPullSecret | RemovePullSecret
)

_CREATE = (
    "kubectl -n {{namespace}} create secret docker-registry {0} --docker-server={{server}}"
    ' --docker-username={{username}} --docker-password="$TOKEN"'
)
RUNS: Mapping[str, tuple[str, ...]] = {
    "command": ("{0}",),
    "node-command": ("{0}",),
    "create-pull-secret": (_CREATE,),
    "replace-pull-secret": (f"{_CREATE} --dry-run=client -o yaml | kubectl apply -f -",),
    # the entries for other registries stay
    "extend-pull-secret": (
        'kubectl -n {{namespace}} get secret {0} -o json | jq --arg user {{username}} --arg token "$TOKEN"'
        ' \'.data[".dockerconfigjson"] |= (@base64d | fromjson | .auths["{{entry}}"] ='
        " {{{{username: $user, password: $token}}}} | tojson | @base64)' | kubectl replace -f -",
    ),
    "probe-node": ("kubectl imagepull probe-node {{node}} --registry {0}",),
}
"""Actions that are the same commands for every owner, with the place of their parameter."""
ON_NODE = frozenset({"node-command", "node-config"})
"""Actions that run on the node; the others run where kubectl does."""


def parse_action(value: Any) -> Action:
    """An action from its YAML value: a name, or a name with its parameter. Raises ValueError for what is none."""
    if isinstance(value, str):
        if value not in _BARE:
            raise ValueError(f"{value!r} is no action without a parameter")
        return _BARE[value]()
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"{value!r} is no action")
    name, parameter = next(iter(value.items()))
    if name in _PATCHES and isinstance(parameter, dict) and parameter:
        return _PATCHES[name](parameter)
    if name == "node-config" and isinstance(parameter, dict):
        return _node_config(parameter)
    if not isinstance(parameter, str) or not parameter:
        raise ValueError(f"{name}: {parameter!r} is no parameter")
    if name in RUNS:
        return Run(name, tuple(parse(template.format(parameter)) for template in RUNS[name]))
    if name in _WORDS:
        return _WORDS[name](template_word(parameter))
    raise ValueError(f"{name!r} is no action")


def _node_config(parameter: Mapping[str, Any]) -> Run:
    """A file on the node with this text. reload: the unit that reads it again, where it does not by itself; keep: a file that is
    there already stays as it is."""
    file, content, unit = parameter.get("file"), parameter.get("text"), parameter.get("reload", "")
    keep = parameter.get("keep", False)
    texts = all(isinstance(t, str) for t in (file, content, unit))
    if set(parameter) - {"file", "text", "reload", "keep"} or not texts or not isinstance(keep, bool):
        raise ValueError("node-config: takes file, text, reload and keep")
    # to printf `%` and backslashes mean something
    escaped = str(content).replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n")
    if "'" in escaped:
        raise ValueError("node-config: ' in a text")
    write = f"test -e {file} || " * keep + f"printf '{escaped}' > {file}"
    return Run("node-config", (parse(write + (f" && systemctl reload {unit}" if unit else "")),))


_BARE: Mapping[str, Callable[[], Action]] = {"restart": Restart, "recreate-pod": RecreatePod, "wait": Wait}
_PATCHES: Mapping[str, Callable[[Mapping[str, Any]], Action]] = {
    "patch-template": PatchTemplate,
    "patch-container": PatchContainer,
}
_WORDS: Mapping[str, Callable[[Word], Action]] = {
    "set-image": SetImage,
    "add-pull-secret": AddPullSecret,
    "remove-pull-secret": RemovePullSecret,
}


def template_word(text: str) -> Word:
    """One argument as a template. Raises ValueError where it is more or none."""
    command = parse(text)
    if len(command.simple) != 1 or len(command.simple[0].words) != 1 or command != argv(command.simple[0].words[0]):
        raise ValueError(f"{text!r} is not one word")
    return command.simple[0].words[0]


def used_fields(action: Action) -> set[str]:
    """The fields that the action's parameters name."""
    if isinstance(action, Run):
        return set().union(*(fields(command) for command in action.commands))
    if isinstance(action, SetImage):
        return fields(argv(action.image))
    if isinstance(action, (AddPullSecret, RemovePullSecret)):
        return fields(argv(action.secret))
    if isinstance(action, (PatchTemplate, PatchContainer)):
        return _of_json(action.spec if isinstance(action, PatchTemplate) else action.fields)
    return set()


def _of_json(value: Any) -> set[str]:
    if isinstance(value, str):
        return fields(argv(template_word(value)))
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_of_json, items))

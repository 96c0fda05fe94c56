"""Everything said about a cause, once: one YAML entry each, read by `explain`, the report and docs/causes/.

A file holds the causes of one group, the word before the dot in their ids; ids without a dot are in
other.yaml. Titles, mend texts and commands are format strings over FIELDS; literal braces are doubled. A
command names a value in braces only where the program knows it at run time, and `<word>` where a person must
fill it in.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, get_args

import yaml

from ..model import HOPS, Applicability

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        name: f"<{name}>"
        for name in (
            "namespace",
            "pod",
            "owner_kind",
            "owner_name",
            "container",
            "image",
            "repository",
            "registry",
            "host",
            "port",
            "node",
            "secret",
            "service_account",
            "tag",
            "username",
            # one that the image has
            "architecture",
            # the node's, as os/architecture
            "platform",
        )
    }
    | {
        # what `kubectl create secret docker-registry` wants: Docker Hub's key is not its host
        "server": "<registry>",
        # the host with its port, also where that is 443
        "endpoint": "<host>:<port>",
        # the repository without its registry; and what follows it in the image, with its mark
        "path": "<repository>",
        "suffix": ":<tag>",
        # the registry as the image names it: docker.io, not the host that is asked for it
        "domain": "<registry>",
        # the image with everything that the runtime adds
        "normalised": "docker.io/library/<name>:<tag>",
        # the key of the pull secret's entry
        "entry": "<registry>",
        # those that the image has, and the node's
        "platforms": "<platforms>",
        # the runtime's unit
        "service": "containerd",
    }
)
"""The names that may stand in braces, and what is shown for one that is not known."""
OPTIONAL = frozenset({"username", "architecture", "platform", "platforms", "service"})
"""Those whose stand-in may be shown in a command; without any other a command is left out."""
WHEN: Mapping[str, str] = MappingProxyType(
    {
        # for `explain` and the docs, where a report has something more exact
        "explain": "",
        "pull-secret": "unless it is a cloud's own registry",
        "one-entry": "if this is the secret's only entry",
        "several-entries": "if the secret has entries for other registries, which stay",
        "from-account": "if the service account names it",
        "from-pod": "if the pod names it itself",
        "server-clock": "if its own clock is wrong",
        "public": "if the image is public",
        "other-image": "",
        "silent": "",
        "answered": "",
        "token-host": "if it is the token server",
        "not-looked": "",
        "not-compared": "",
        "not-rehearsed": "",
        "containerd": "",
        "containerd-1": "",
        "containerd-2.1": "",
        "cri-o": "",
        "docker": "",
    }
)
"""What a way to mend may be tied to, and how that is said where it is not known whether it holds; `verdict.fixes` says when each
does."""
ACTORS = frozenset({"you", "cluster", "network", "registry", "nobody"})
"""Who can mend it; an entry may name two, joined by "or"."""


class CatalogueError(ValueError):
    """An entry that does not have its form. The text names file, cause and field."""


@dataclass(frozen=True)
class Mend:
    """One way to mend it. commands: format strings, in order; applicability: safe, review (look before), or
    manual; actor: who does it, "" for whom the verdict names; when: conditions, all of which have to hold."""

    text: str
    commands: tuple[str, ...]
    applicability: Applicability
    actor: str = ""
    when: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """When it is a way, in words, for a reader without a case; "" where the text says it."""
        return ", ".join(filter(None, (WHEN[condition] for condition in self.when)))


@dataclass(frozen=True)
class Entry:
    """One cause.

    title: format string, one line; actor: who acts ("you", "registry or network", "" for nobody in
    particular); hop: of model.HOPS, or "" where it is none of them; confirmed_by: what proves it;
    confused_with: other cause -> how to tell.
    """

    id: str
    title: str
    actor: str
    hop: str
    means: str
    confirmed_by: tuple[str, ...]
    confused_with: Mapping[str, str]
    mend: tuple[Mend, ...]
    prevention: str


def entry(cause: str) -> Entry:
    """The entry of one cause. Reads only its group's file. Raises KeyError for an unknown id."""
    group, dot, _ = cause.partition(".")
    if not group.isidentifier():
        raise KeyError(cause)
    return _group(group if dot else "other")[cause]


def load() -> Mapping[str, Entry]:
    """All entries by id, in the order of their files. Raises CatalogueError for an entry without its form."""
    return _all()


@cache
def _all() -> Mapping[str, Entry]:
    entries: dict[str, Entry] = {}
    for file in sorted(file.name for file in resources.files(__package__).iterdir()):
        if file.endswith(".yaml"):
            entries.update(_group(file.removesuffix(".yaml")))
    for one in entries.values():
        unknown = set(one.confused_with) - set(entries)
        if unknown:
            raise CatalogueError(f"{one.id}: confused_with: no cause: {', '.join(sorted(unknown))}")
    return MappingProxyType(entries)


@cache
def _group(group: str) -> Mapping[str, Entry]:
    file = resources.files(__package__).joinpath(f"{group}.yaml")
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return MappingProxyType({})
    # libyaml's loader, where it was built in, takes a tenth of the time
    said = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(said, dict):
        raise CatalogueError(f"{group}.yaml: not a mapping of causes")
    return MappingProxyType({cause: parse(cause, fields, f"{group}.yaml") for cause, fields in said.items()})


def parse(cause: str, fields: Any, where: str) -> Entry:
    """One entry from its YAML value. Raises CatalogueError for what is missing, unknown or no text."""
    at = f"{where}: {cause}"
    _keys(fields, {field.name for field in dataclasses.fields(Entry)} - {"id"}, at)
    group, dot, _ = cause.partition(".")
    if f"{group if dot else 'other'}.yaml" != where:
        raise CatalogueError(f"{at}: belongs into {group if dot else 'other'}.yaml")
    actor, hop = _text(fields["actor"], f"{at}: actor"), _text(fields["hop"], f"{at}: hop")
    if actor and not set(actor.split(" or ")) <= ACTORS:
        raise CatalogueError(f"{at}: actor {actor!r} is not of {', '.join(sorted(ACTORS))}")
    if hop and hop not in HOPS:
        raise CatalogueError(f"{at}: hop {hop!r} is not of {', '.join(HOPS)}")
    confused = fields["confused_with"]
    if not isinstance(confused, dict):
        raise CatalogueError(f"{at}: confused_with is no mapping")
    return Entry(
        id=cause,
        title=_template(fields["title"], f"{at}: title"),
        actor=actor,
        hop=hop,
        means=_text(fields["means"], f"{at}: means"),
        confirmed_by=tuple(_text(one, f"{at}: confirmed_by") for one in _list(fields["confirmed_by"], at)),
        confused_with=MappingProxyType({_text(k, at): _text(v, f"{at}: {k}") for k, v in confused.items()}),
        mend=tuple(_mend(way, f"{at}: mend") for way in _list(fields["mend"], at)),
        prevention=_text(fields["prevention"], f"{at}: prevention"),
    )


def _mend(way: Any, at: str) -> Mend:
    _keys(way, {"text", "commands", "applicability"}, at, {"actor", "when"})
    if way["applicability"] not in get_args(Applicability):
        raise CatalogueError(f"{at}: applicability {way['applicability']!r}")
    commands = tuple(_template(one, f"{at}: command") for one in _list(way["commands"], at))
    actor = _text(way.get("actor", ""), f"{at}: actor")
    if actor and actor not in ACTORS:
        raise CatalogueError(f"{at}: actor {actor!r} is not of {', '.join(sorted(ACTORS))}")
    when = tuple(_text(one, f"{at}: when") for one in _list(way.get("when", []), at))
    if set(when) - set(WHEN):
        raise CatalogueError(f"{at}: when: {', '.join(sorted(set(when) - set(WHEN)))} is no condition")
    return Mend(_template(way["text"], f"{at}: text"), commands, way["applicability"], actor, when)


def _keys(fields: Any, names: set[str], at: str, optional: set[str] | frozenset[str] = frozenset()) -> None:
    if not isinstance(fields, dict):
        raise CatalogueError(f"{at}: no mapping")
    for wrong, what in ((names - set(fields), "missing"), (set(fields) - names - optional, "unknown")):
        if wrong:
            raise CatalogueError(f"{at}: {what}: {', '.join(sorted(map(str, wrong)))}")


def _list(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise CatalogueError(f"{at}: {value!r} is no list")
    return value


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise CatalogueError(f"{at}: {value!r} is no text")
    return value.strip()


def _template(value: Any, at: str) -> str:
    text = _text(value, at)
    try:
        names = {name for _, name, spec, conversion in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise CatalogueError(f"{at}: {error}: {text!r}") from error
    if names - set(FIELDS):
        raise CatalogueError(f"{at}: {', '.join(sorted(names - set(FIELDS)))} is no field: {text!r}")
    return text


def fill(template: str, values: Mapping[str, str] | None = None) -> str:
    """A template for reading: known names in place, for the others what FIELDS shows."""
    return template.format_map({**FIELDS, **(values or {})})

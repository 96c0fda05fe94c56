"""Everything said about a cause, once: one YAML entry each, read by `explain`, the report and docs/causes/.

A file holds the causes of one group, the word before the dot in their ids; ids without a dot are in
other.yaml. Titles, texts of fixes and commands are templates over FIELDS; literal braces are doubled. A
command names a value in braces only where the program knows it at run time, and `<word>` where a person must
fill it in. What a fix does is a list of actions (`catalogue.actions`).
"""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, get_args

import yaml

from .. import lazily
from ..command import Value, is_name, with_blanks
from ..model.vocabulary import HOPS, Applicability
from ..yaml_loader import LOADER
from .actions import Action, parse_action, used_fields

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
        # where the runtime's proxy is set
        "proxy_file": "<file>",
        # the address that cannot be reached
        "ip": "<address>",
        # a file on the node that is at fault
        "file": "<file>",
        # the image without tag and digest, as it is written
        "short": "<name>",
        # the address that the registry names for tokens
        "realm": "<realm>",
        # the name that the certificate is for
        "certified": "<certified-name>",
        # the name of a pull secret that does not exist yet
        "new_secret": "regcred",
        # the key of the pull secret's entry
        "entry": "<registry>",
        # those that the image has, and the node's
        "platforms": "<platforms>",
        # the runtime's unit
        "service": "<unit>",
        # the permission that is missing, and who lacks it
        "permission": "<permission>",
        "principal": "<principal>",
        # what has left the registry and since when, and the repository where it is now
        "moved": "since <date> it is elsewhere",
        "moved_to": "<registry>/<repository>",
        # the host as OpenShift writes it for a key: its port behind two dots
        "ca_key": "<host>",
    }
)
"""The names that may stand in braces, and what is shown for one that is not known."""
NAMES = frozenset({"namespace", "pod", "owner_name", "container", "node", "secret", "new_secret", "service_account"})
"""Fields that hold a name of an object: what Kubernetes would not take as one is no value for a command."""
_HOST = lazily.pattern(r"\[?[A-Za-z0-9][A-Za-z0-9._:-]*\]?(:[0-9]{1,5})?")
_REPOSITORY = lazily.pattern(r"\[?[A-Za-z0-9][A-Za-z0-9._/:@+\]-]*")
_PLATFORM = r"[a-z0-9][a-z0-9/._-]*"
_FILE = lazily.pattern(r"/[A-Za-z0-9._/@:+-]+")
SHAPES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        **dict.fromkeys(("host", "registry", "domain", "endpoint", "certified", "ip", "ca_key"), _HOST),
        **dict.fromkeys(("path", "repository", "short", "normalised", "moved_to"), _REPOSITORY),
        **dict.fromkeys(("file", "proxy_file"), _FILE),
        "port": lazily.pattern(r"[0-9]{1,5}"),
        "realm": lazily.pattern(r"https?://[A-Za-z0-9][A-Za-z0-9._~:/?=&%+@,-]*"),
        **dict.fromkeys(("architecture", "owner_kind"), lazily.pattern(r"[a-z0-9][a-z0-9-]*")),
        "service": lazily.pattern(r"[a-z0-9][a-z0-9.-]*"),
        "platform": lazily.pattern(_PLATFORM),
        # its first may be left to fill in
        "platforms": lazily.pattern(rf"(<platforms>|{_PLATFORM})(,{_PLATFORM})*"),
    }
)
"""What a value has to look like to stand in a command, where that is more than one word of printable text."""
OPTIONAL = frozenset({"username", "architecture", "platform", "platforms", "service", "realm"})
"""Those whose stand-in may be shown in a command; without any other a command is left out."""
WHEN: Mapping[str, str] = MappingProxyType(
    {
        # for `explain` and the docs, where a report has something more exact
        "explain": "",
        "pull-secret": "unless it is a cloud's own registry",
        "node-pulls": "if it is a cloud's own registry",
        "secrets-read": "",
        "secret-read": "",
        "secret-unread": "if you may not read it",
        "named-elsewhere": "if others resolve the name",
        "works-elsewhere": "if others get through",
        "way-differs": "if others get through, or nothing is answered",
        "one-entry": "if this is the secret's only entry",
        "several-entries": "if the secret has entries for other registries, which stay",
        "from-account": "if the service account names it",
        "from-pod": "if the pod names it itself",
        "server-clock": "if its own clock is wrong",
        "public": "if the image is public",
        "other-image": "",
        "silent": "",
        "answered": "",
        "wants-client": "if the server wants a client's certificate",
        "wants-no-client": "",
        "registry-host": "if it is the registry or a mirror",
        "token-host": "if it is the token server",
        "blob-host": "if it is the blob store",
        "not-blob": "",
        "mirror": "if it is a mirror",
        "not-mirror": "unless it is a mirror",
        "nothing-sent": "if no credentials are sent",
        "user-sent": "if credentials are sent",
        "chain-short": "if the server leaves out an intermediate certificate",
        "chain-whole": "if the server sends its whole chain",
        "proxy-file": "if a file sets them",
        "no-proxy-file": "if none does",
        "direct": "if it is seen to answer directly",
        "address": "",
        "no-address": "if the address is not known",
        "ipv6-failed": "",
        "same-here": "if your workstation gets the same",
        "not-same-here": "if your workstation does not get the same",
        "hosts-file": "if it is a hosts.toml",
        "not-hosts-file": "if it is another file",
        "damaged-archive": "",
        "numbers-in-image": "",
        "content-lost": "if the store has lost a part of the image",
        "imported": "if it comes of loading an archive",
        "web-page": "if it is a web page",
        "cancelled": "if the runtime gave up",
        "windows": "if it is a Windows image",
        "not-windows": "",
        "vulnerable": "if it is about vulnerabilities",
        "not-vulnerable": "",
        "no-web-page": "if it is no web page",
        "not-in-image": "",
        "not-looked": "",
        "not-compared": "",
        "not-rehearsed": "",
        "containerd": "",
        "containerd-1": "",
        "containerd-2.1": "",
        "containerd-2.2": "",
        "address-refused": "if its firewall refuses the address",
        "address-not-refused": "",
        "cri-off": "if it does not offer the kubelet's interface",
        "in-cluster": "if it is the cluster's own registry",
        "loopback": "if it is localhost",
        "not-loopback": "",
        "ipv4-failed": "",
        "principal-named": "if the text names who is refused",
        "permission-named": "if the text names the permission",
        "firewalled": "if the registry has a firewall of its own, as Azure's do",
        "bare-name": "if it was built here and its name has no registry",
        "takes-login": "if the registry takes credentials",
        "takes-anonymous": "if the registry has public images",
        "no-login": "if the registry takes none, as registry.k8s.io and mcr.microsoft.com do",
        "owned": "if the repository is yours to write",
        "foreign": "if the repository is not yours to write",
        "moved": "if it has moved",
        "moved-elsewhere": "if it is known where it is now",
        "proxies": "if the registry is a proxy of another one",
        "has-shell": "",
        "no-shell": "",
        "cri-o": "",
        "docker": "",
    }
)
"""What a fix may be tied to, and how that is said where it is not known whether it holds; `verdict.fixes` says when each
does."""
TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "trust": "Trust an authority",
        "plain-http": "Pull over plain HTTP",
        "client-certificate": "Show a client certificate",
        "mirror": "Change a mirror",
        "cache": "Pull through a cache",
        "proxy": "Change the runtime's proxy",
        "way-out": "Open the way out",
        "credentials": "Let the node's own identity pull",
        "alias": "Complete a short name",
        "unblock": "Allow a blocked registry",
        "signature": "Read the signature policy",
        "progress": "Raise the limit without progress",
        "read": "Read the configuration",
        "log": "Read the runtime's log",
        "restart": "Restart the runtime",
        "resolver": "Look at the resolvers",
        "routes": "Look at the routes",
        "clock": "Look at the clock",
        "prune": "Free space",
        "remove": "Remove an image from the node's store",
        "load": "Load an image that was built here",
        "sandbox": "Bring the sandbox image back",
        "shell": "Get a shell on a node",
    }
)
"""What platforms have ways of their own for (platforms.yaml) -> the head of its part of a platform's page."""
ACTORS = frozenset({"you", "cluster", "network", "registry", "nobody"})
"""Who can fix it; an entry may name two, joined by "or"."""


class CatalogueError(ValueError):
    """An entry that does not have its form. The text names file, cause and field."""


@dataclass(frozen=True)
class FixTemplate:
    """One way to fix a cause, for every case."""

    text: str
    """What to do, a format string; one line."""
    actions: tuple[Action, ...]
    """What does it, in order; none where a person has to find out how."""
    applicability: Applicability
    """safe, review (look before), or manual."""
    actor: str = ""
    """Who does it, "" for whom the verdict names."""
    when: tuple[str, ...] = ()
    """Conditions of WHEN, all of which have to hold."""
    topic: str = ""
    """The platform's ways of this topic stand in its place where the platform is known and has some; "" where it is the same
    everywhere."""

    @property
    def condition(self) -> str:
        """When it is a way, in words, for a reader without a case; "" where the text says it."""
        return ", ".join(filter(None, (WHEN[condition] for condition in self.when)))


@dataclass(frozen=True)
class Entry:
    """One cause."""

    id: str
    """"net.refused"; never renamed or given to another after a release."""
    title: str
    """A format string, one line."""
    actors: tuple[tuple[str, tuple[str, ...]], ...]
    """Who may have to act, each with the conditions of WHEN under which it is him; exactly one has none, and acts otherwise."""
    hop: str
    """Of model.HOPS, or "" where it is none of them."""
    means: str
    """What it is, a paragraph."""
    confirmed_by: tuple[str, ...]
    """What proves it."""
    confused_with: Mapping[str, str]
    """Other cause -> how to tell."""
    fixes: tuple[FixTemplate, ...]
    """Best first."""
    prevention: str
    """What keeps it from coming back."""

    @property
    def actor(self) -> str:
        """Who acts, for a reader without a case: "you", "registry or network", "" for nobody in particular."""
        return " or ".join(actor for actor, _ in self.actors)


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
    for file in sorted(file.name for file in resources.files(__package__).joinpath("causes").iterdir()):
        if file.endswith(".yaml"):
            entries.update(_group(file.removesuffix(".yaml")))
    for one in entries.values():
        unknown = set(one.confused_with) - set(entries)
        if unknown:
            raise CatalogueError(f"{one.id}: confused_with: no cause: {', '.join(sorted(unknown))}")
    return MappingProxyType(entries)


@cache
def _group(group: str) -> Mapping[str, Entry]:
    file = resources.files(__package__).joinpath("causes", f"{group}.yaml")
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return MappingProxyType({})
    said = read_yaml(text, f"{group}.yaml")
    if not isinstance(said, dict):
        raise CatalogueError(f"{group}.yaml: not a mapping of causes")
    return MappingProxyType({cause: parse(cause, fields, f"{group}.yaml") for cause, fields in said.items()})


def read_yaml(text: str, at: str) -> Any:
    """The value of a YAML document of the package. at: what it is called. Raises CatalogueError for what is no YAML."""
    try:
        return yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise CatalogueError(f"{at}: {' '.join(str(error).split())}") from None


def parse(cause: str, fields: Any, where: str) -> Entry:
    """One entry from its YAML value. Raises CatalogueError for what is missing, unknown or no text."""
    at = f"{where}: {cause}"
    _keys(fields, {field.name for field in dataclasses.fields(Entry)} - {"id", "actors"} | {"actor"}, at)
    group, dot, _ = cause.partition(".")
    if f"{group if dot else 'other'}.yaml" != where:
        raise CatalogueError(f"{at}: belongs into {group if dot else 'other'}.yaml")
    hop = _text(fields["hop"], f"{at}: hop")
    if hop and hop not in HOPS:
        raise CatalogueError(f"{at}: hop {hop!r} is not of {', '.join(HOPS)}")
    confused = fields["confused_with"]
    if not isinstance(confused, dict):
        raise CatalogueError(f"{at}: confused_with is no mapping")
    return Entry(
        id=cause,
        title=_template(fields["title"], f"{at}: title"),
        actors=_actors(fields["actor"], at),
        hop=hop,
        means=_text(fields["means"], f"{at}: means"),
        confirmed_by=tuple(_text(one, f"{at}: confirmed_by") for one in _list(fields["confirmed_by"], at)),
        confused_with=MappingProxyType({_text(k, at): _text(v, f"{at}: {k}") for k, v in confused.items()}),
        fixes=tuple(parse_fix(way, f"{at}: fixes") for way in _list(fields["fixes"], at)),
        prevention=_text(fields["prevention"], f"{at}: prevention"),
    )


def _actors(value: Any, at: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """From one name, or from names with their conditions."""
    if not isinstance(value, dict):
        actor = _text(value, f"{at}: actor")
        return ((_actor(actor, at), ()),) if actor else ()
    actors = tuple((_actor(actor, at), _conditions(when, at)) for actor, when in value.items())
    if sum(not when for _, when in actors) != 1:
        raise CatalogueError(f"{at}: actor: exactly one has no conditions")
    return actors


def _actor(actor: Any, at: str) -> str:
    if actor not in ACTORS:
        raise CatalogueError(f"{at}: actor {actor!r} is not of {', '.join(sorted(ACTORS))}")
    return str(actor)


def _conditions(value: Any, at: str) -> tuple[str, ...]:
    when = tuple(_text(one, f"{at}: when") for one in _list(value, at))
    if set(when) - set(WHEN):
        raise CatalogueError(f"{at}: when: {', '.join(sorted(set(when) - set(WHEN)))} is no condition")
    return when


def parse_fix(way: Any, at: str, more: frozenset[str] = frozenset()) -> FixTemplate:
    """A fix from its YAML value. at: where it stands; more: fields beside FIELDS. Raises CatalogueError."""
    _keys(way, {"text", "actions", "applicability"}, at, {"actor", "when", "topic"})
    if way.get("topic", "") not in {"", *TOPICS}:
        raise CatalogueError(f"{at}: {way['topic']!r} is no topic")
    if way["applicability"] not in get_args(Applicability):
        raise CatalogueError(f"{at}: applicability {way['applicability']!r}")
    actions = tuple(_action(one, f"{at}: action", more) for one in _list(way["actions"], at))
    actor = _text(way.get("actor", ""), f"{at}: actor")
    when = _conditions(way.get("when", []), at)
    text = _template(way["text"], f"{at}: text", more)
    who = _actor(actor, at) if actor else ""
    return FixTemplate(text, actions, way["applicability"], who, when, way.get("topic", ""))


def _action(value: Any, at: str, more: frozenset[str]) -> Action:
    try:
        action = parse_action(value)
    except ValueError as error:
        raise CatalogueError(f"{at}: {error}") from error
    unknown = used_fields(action) - set(FIELDS) - more
    if unknown:
        raise CatalogueError(f"{at}: {', '.join(sorted(unknown))} is no field: {value!r}")
    return action


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


def _template(value: Any, at: str, more: frozenset[str] = frozenset()) -> str:
    text = _text(value, at)
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise CatalogueError(f"{at}: {error}: {text!r}") from error
    unknown = names - set(FIELDS) - more
    if unknown:
        raise CatalogueError(f"{at}: {', '.join(sorted(unknown))} is no field: {text!r}")
    return text


def fill(template: str, values: Mapping[str, str] | None = None) -> str:
    """A template for reading: known names in place, for the others what FIELDS shows."""
    return template.format_map({**FIELDS, **(values or {})})


def fitting(values: Mapping[str, str]) -> dict[str, Value]:
    """The values that may stand in a command: names that Kubernetes takes, hosts that look like one, and so on.

    For OPTIONAL ones that are not known, what a reader fills in; without any other a command is left out.
    """
    known: dict[str, Value] = {name: with_blanks(FIELDS[name]) for name in OPTIONAL}
    for name, value in values.items():
        shape = SHAPES.get(name)
        if is_name(value) if name in NAMES else shape is None or shape.fullmatch(value):
            known[name] = with_blanks(value) if name == "platforms" else value
    return known


def stand_ins() -> dict[str, Value]:
    """Every field as it is shown to a reader without a case."""
    return {name: with_blanks(shown) for name, shown in FIELDS.items()}

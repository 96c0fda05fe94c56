"""What kind of registry a host is, and what that implies: credentials, whose it is, what has left it (registries.yaml).

By the host's name, and where the name says nothing, by the realm of its challenge. What a registry answers counts for more than
what stands here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from .. import lazily
from . import FIELDS, CatalogueError, FixTemplate, parse_fix, read_yaml

PULL_SECRET = "pull-secret"
NODE_ROLE = "node-role"
NOTHING = "nothing"
CREDENTIALS = frozenset({PULL_SECRET, NODE_ROLE, NOTHING, "provider-plugin"})
ANONYMOUS = frozenset({"always", "public", "if-enabled", "never"})


@dataclass(frozen=True)
class Move:
    """Something that has left a registry."""

    what: re.Pattern[str]
    """"host/path" of what has left."""
    since: str
    """YYYY-MM-DD."""
    to: str
    """Where it is now, over the named parts of `what`; "" where no other name is the same."""
    text: str
    """The same for a person."""


@dataclass(frozen=True)
class Right:
    """How a registry grants the right to pull where the node's own identity pulls."""

    host: re.Pattern[str]
    """What its hosts look like; named parts are fields."""
    path: re.Pattern[str]
    """What its repositories look like, without the host; named parts are fields."""
    fix: FixTemplate
    """What grants it, over the parts and catalogue.FIELDS."""
    note: str
    """What a pasted password is worth there."""
    platforms: tuple[str, ...] = ()
    """How the ids of the platforms begin whose nodes have such an identity; () where any may."""
    provider: str = ""
    """How the providerID of such nodes begins."""

    @property
    def parts(self) -> set[str]:
        """The fields that host and path give."""
        return set(self.host.groupindex) | set(self.path.groupindex)

    def fields(self, host: str, path: str) -> dict[str, str]:
        """The parts of a host and a repository; those that are not known are left out."""
        found = [self.host.fullmatch(host), self.path.fullmatch(path)]
        return {name: value for match in found if match for name, value in match.groupdict().items() if value}


@dataclass(frozen=True)
class RegistryKind:
    """One kind of registry."""

    id: str
    """"docker-hub"; stays after a release, as `explain` takes it."""
    title: str
    """Its name, one line."""
    credentials: tuple[str, ...]
    """How they normally come, of CREDENTIALS, best first."""
    anonymous: str
    """Who may pull without any, of ANONYMOUS."""
    advice: str
    """One sentence on credentials."""
    username: str = ""
    """What a pull secret's user name has to be, "" where it is an account's."""
    password_hours: int = 0
    """After how long a password of the usual kind stops working, 0 where it does not by itself."""
    token_seconds: int = 0
    """The same of a bearer token, 0 where there is none or it is not known."""
    token_realm: str = ""
    """Where the challenge sends for a token, "" for none or not known."""
    hosts: tuple[str, ...] = ()
    """Where tokens and blobs come from beside the registry itself."""
    foreign: re.Pattern[str] | None = None
    """"host/path" of what nobody but the registry's owner writes; None where anybody may have a repository."""
    codes: tuple[tuple[str, str], ...] = ()
    """(what it says, what that means)."""
    limits: str = ""
    """Of pulls, "" for none that are known."""
    pulls_without_login: int = 0
    """How many of `limits` an address without a login has in six hours, 0 where there is no such limit or none is known."""
    moves: tuple[Move, ...] = ()
    """What has left."""
    firewall: bool = False
    """Whether it has one of its own, which turns addresses away."""
    proxies: bool = False
    """Whether it may stand for another registry, whose refusals it words as its own."""
    in_cluster: bool = False
    """Whether it runs in the cluster that pulls from it, and may be switched off there."""
    right: Right | None = None
    """How the node's own identity gets the right to pull; None where no such identity pulls."""
    sources: tuple[tuple[str, str], ...] = ()
    """(page or thread, date) of what says all this."""
    by_name: bool = True
    """False where the host's name only suggests the kind, or its challenge gives it away."""

    @property
    def takes_credentials(self) -> bool:
        """Whether anybody can sign in there."""
        return NOTHING not in self.credentials

    def is_foreign(self, name: str) -> bool:
        """Whether a repository ("host/path") is surely not the reader's own to write."""
        return self.by_name and self.foreign is not None and self.foreign.fullmatch(name) is not None

    def moved(self, name: str) -> Move | None:
        """What is known of a repository ("host/path") that has left; None for one that has not."""
        return next((move for move in self.moves if move.what.fullmatch(name)), None)


UNKNOWN = RegistryKind(
    "unknown",
    "registry",
    (PULL_SECRET, "provider-plugin"),
    "if-enabled",
    "a pull secret with an entry for exactly this host and port, unless the node has a credential provider for it",
    by_name=False,
)
"""Of a host that fits nothing."""


@dataclass(frozen=True)
class _Table:
    kinds: Mapping[str, RegistryKind]
    names: tuple[tuple[re.Pattern[str], RegistryKind], ...]
    realms: tuple[tuple[re.Pattern[str], RegistryKind], ...]
    labels: Mapping[str, RegistryKind]
    right_ends: frozenset[str]


@cache
def _table() -> _Table:
    value = read_yaml(
        resources.files(__package__).joinpath("registries.yaml").read_text(encoding="utf-8"), "registries.yaml"
    )
    entries = value["registries"]
    kinds = {name: parse(name, entry) for name, entry in entries.items()}
    return _Table(
        MappingProxyType(kinds),
        tuple((_pattern(one, k), kinds[k]) for k, entry in entries.items() for one in entry["names"]),
        tuple((_pattern(one, k), kinds[k]) for k, entry in entries.items() for one in entry.get("realms", ())),
        {label: kinds[k] for k, entry in entries.items() for label in entry.get("labels", ())},
        frozenset(value["right-ends"]),
    )


def load() -> Mapping[str, RegistryKind]:
    """All kinds by id. Raises CatalogueError for what does not have its form."""
    return _table().kinds


@dataclass(frozen=True)
class PublicNames:
    """What the catalogue says of hosts that are everybody's."""

    hosts: frozenset[str]
    """Those of tokens and blobs, and registries of one name; capitals and braces stand for what varies (REGION, {host})."""
    patterns: tuple[str, ...]
    """Regular expressions of registries' hosts, as they are written."""
    labels: frozenset[str]
    """Words that in a host's name suggest a kind of registry."""


def public_names() -> PublicNames:
    """The hosts of all kinds."""
    table = _table()
    patterns = tuple(pattern.pattern for pattern, _ in table.names)
    whole = {one.replace("\\.", ".") for text in patterns for one in text.split("|") if _PLAIN.fullmatch(one)}
    realms = {kind.token_realm.partition("://")[2].partition("/")[0] for kind in table.kinds.values()}
    hosts = {host for kind in table.kinds.values() for host in kind.hosts}
    return PublicNames(frozenset((whole | realms | hosts) - {""}), patterns, frozenset(table.labels))


_PLAIN = lazily.pattern(r"(?:[a-z0-9-]|\\\.)+")
"""A pattern that fits one host only."""


def right_ends(cause: str) -> bool:
    """Whether a right of the node's own identity ends such a refusal."""
    return cause in _table().right_ends


@lru_cache(maxsize=256)
def kind_of(host: str, realm: str = "") -> RegistryKind:
    """The kind of registry behind a host (with or without port), with `{host}` in its token realm filled in.

    realm: that of the challenge it sent, if known; it decides for hosts whose name does not. Never raises; a
    host that fits nothing is of the kind "unknown".
    """
    named = host.strip().lower()[:300]
    name = re.sub(r":[0-9]*\Z", "", named)
    for pattern, kind in _table().names:
        if pattern.fullmatch(name):
            return replace(kind, token_realm=kind.token_realm.replace("{host}", named))
    for pattern, kind in _table().realms:
        if realm and pattern.match(realm[:500]):
            return replace(kind, by_name=False, token_realm=realm if "://" in realm else "")
    parts = {part.rstrip("0123456789") for label in name.split(".")[:-1] for part in label.split("-")}
    for word, kind in _table().labels.items():
        if word in parts:
            return replace(kind, by_name=False, token_realm="")
    return UNKNOWN


CONDITIONS: Mapping[str, Callable[[RegistryKind, str], bool]] = MappingProxyType(
    {
        "takes-login": lambda kind, name: kind.takes_credentials,
        "takes-anonymous": lambda kind, name: kind.anonymous != "never",
        "no-login": lambda kind, name: not kind.takes_credentials,
        "owned": lambda kind, name: not kind.is_foreign(name),
        "foreign": lambda kind, name: kind.is_foreign(name),
        "moved": lambda kind, name: kind.moved(name) is not None,
        "moved-elsewhere": lambda kind, name: (move := kind.moved(name)) is not None and bool(move.to),
        # Docker Hub is meant by it; library images are nobody's own
        "bare-name": lambda kind, name: name.startswith("docker.io/library/"),
        "firewalled": lambda kind, name: kind.firewall,
        "proxies": lambda kind, name: kind.proxies,
        "in-cluster": lambda kind, name: kind.in_cluster,
    }
)
"""Condition of catalogue.WHEN -> whether it holds for a repository ("host/path") of a registry of this kind."""


RARE = frozenset({"no-login", "moved", "moved-elsewhere", "bare-name", "firewalled", "in-cluster"})
"""Those that hold for few registries and repositories."""


def settled(fix: FixTemplate, kind: RegistryKind, name: str) -> FixTemplate | None:
    """A fix without the conditions that a repository's name settles; None where it rules the fix out."""
    found = {one: CONDITIONS[one](kind, name) for one in fix.when if one in CONDITIONS}
    if not all(found.values()):
        return None
    return replace(fix, when=tuple(one for one in fix.when if one not in found))


def moved_values(kind: RegistryKind, name: str) -> dict[str, str]:
    """The fields of catalogue.FIELDS about a repository ("host/path") that has left; {} for one that has not."""
    move = kind.moved(name)
    if move is None:
        return {}
    found = move.what.fullmatch(name)
    parts = found.groupdict() if found else {}
    said = {"moved": f"since {move.since}: {move.text}"}
    return {**said, "moved_to": move.to.format(**parts)} if move.to else said


def facts_of(kind: RegistryKind) -> dict[str, str]:
    """What is said of a kind, for a person: name of the fact -> the fact; what there is none of is left out."""
    facts = {
        "credentials": ", ".join(kind.credentials),
        "without any": kind.anonymous,
        "how": kind.advice,
        "user name": kind.username,
        "a password lasts": f"{kind.password_hours} h" if kind.password_hours else "",
        "a token lasts": f"{kind.token_seconds} s" if kind.token_seconds else "",
        "tokens from": kind.token_realm,
        "other hosts": ", ".join(kind.hosts),
        "limits": kind.limits,
    }
    return {name: fact for name, fact in facts.items() if fact}


_NEEDED = {"title", "names", "credentials", "anonymous", "advice", "sources"}
_MORE = {
    "realms",
    "labels",
    "username",
    "password_hours",
    "token_seconds",
    "token_realm",
    "hosts",
    "foreign",
    "codes",
    "limits",
    "pulls_without_login",
    "moves",
    "firewall",
    "proxies",
    "in_cluster",
    "right",
}


def parse(name: str, value: Any) -> RegistryKind:
    """One kind from its YAML value. Raises CatalogueError for what is missing, unknown or of another form."""
    at = f"registries.yaml: {name}"
    _known(value, _NEEDED, _MORE, at)
    if not value["credentials"] or set(value["credentials"]) - CREDENTIALS or value["anonymous"] not in ANONYMOUS:
        raise CatalogueError(f"{at}: credentials {value['credentials']!r}, anonymous {value['anonymous']!r}")
    if not value["sources"]:
        raise CatalogueError(f"{at}: nothing says so")
    foreign = value.get("foreign")
    return RegistryKind(
        id=name,
        title=value["title"],
        credentials=tuple(value["credentials"]),
        anonymous=value["anonymous"],
        advice=value["advice"],
        username=value.get("username", ""),
        password_hours=value.get("password_hours", 0),
        token_seconds=value.get("token_seconds", 0),
        token_realm=value.get("token_realm", ""),
        hosts=tuple(value.get("hosts", ())),
        foreign=_pattern(foreign, at) if foreign is not None else None,
        codes=tuple(value.get("codes", {}).items()),
        limits=value.get("limits", ""),
        pulls_without_login=value.get("pulls_without_login", 0),
        moves=tuple(_move(one, at) for one in value.get("moves", ())),
        firewall=_flag(value, "firewall", at),
        proxies=_flag(value, "proxies", at),
        in_cluster=_flag(value, "in_cluster", at),
        right=_right(value["right"], at) if "right" in value else None,
        sources=tuple(_source(one, at) for one in value["sources"]),
    )


def _flag(value: Any, name: str, at: str) -> bool:
    found = value.get(name, False)
    if not isinstance(found, bool):
        raise CatalogueError(f"{at}: {name}: {found!r} is neither true nor false")
    return found


def _move(value: Any, at: str) -> Move:
    _known(value, {"from", "since", "to", "text"}, set(), f"{at}: moves")
    return Move(_pattern(value["from"], at), _date(value["since"], at), value["to"], value["text"])


def _right(value: Any, at: str) -> Right:
    template = {"text", "actions", "applicability", "actor"}
    _known(value, {"host", "path", "note", *template}, {"platforms", "provider"}, f"{at}: right")
    host, path = _pattern(value["host"], at), _pattern(value["path"], at)
    parts = {*host.groupindex, *path.groupindex}
    if parts & set(FIELDS):
        raise CatalogueError(f"{at}: {', '.join(sorted(parts & set(FIELDS)))} is a field of its own")
    fix = parse_fix({k: value[k] for k in template}, at, frozenset(parts))
    return Right(host, path, fix, value["note"], tuple(value.get("platforms", ())), value.get("provider", ""))


def _source(value: Any, at: str) -> tuple[str, str]:
    _known(value, {"url", "date"}, set(), f"{at}: sources")
    return value["url"], _date(value["date"], at)


def _date(value: Any, at: str) -> str:
    if not re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", str(value)):
        raise CatalogueError(f"{at}: {value!r} is no date")
    return str(value)


def _pattern(value: Any, at: str) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise CatalogueError(f"{at}: {value!r} is no pattern")
    return lazily.pattern(value)


def _known(value: Any, wanted: set[str], optional: set[str], at: str) -> None:
    if not isinstance(value, dict) or wanted - set(value) or set(value) - wanted - optional:
        wrong = (wanted - set(value)) | (set(value) - wanted - optional) if isinstance(value, dict) else {repr(value)}
        raise CatalogueError(f"{at}: missing or unknown: {', '.join(sorted(wrong))}")

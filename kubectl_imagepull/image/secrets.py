"""Whether each pull secret of a pod gives credentials for an image, and if not, why: in words a person can
act on.

The matching itself is the keyring's; here stands what is nearly right about a key that does not match.
Nothing said here holds a password, a token or a character of either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kubectl_imagepull.image import _go
from kubectl_imagepull.image.keyring import (
    PULL_SECRET_TYPES,
    BadPullSecret,
    Credential,
    Entry,
    Keyring,
    decode_secret,
    index_key,
    secret_data,
    secret_name,
    shown_key,
)
from kubectl_imagepull.image.reference import DOCKER_HUB, InvalidReference, Reference
from kubectl_imagepull.text import spelled

from .. import lazily

IGNORED = "auth.secret_ignored"
MALFORMED = "auth.secret_malformed"
WRONG_REGISTRY = "auth.secret_wrong_registry"
EMPTY = "auth.secret_empty"

_HUB_KEY = "https://index.docker.io/v1/"
# Names under which people enter Docker Hub and the kubelet does not know it
_HUB_HOSTS = lazily.pattern(r"(?:(?:[a-z0-9*-]+\.){0,2}docker\.(?:io|com))")
_ECR = lazily.pattern(r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_ANY_SCHEME = lazily.pattern(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):/{1,3}")
_SHOWN_KEYS = 3


@dataclass(frozen=True)
class SecretUse:
    """What one pull secret does for one image.

    applies: the kubelet takes a user name and password from it. cause: an id of the vocabulary, None where it
    applies or is only not needed. why: one sentence. registry_keys: the entries that match, or all where none
    does, as written but for a password in one; usernames: one for each of them; entries: how many the secret has.
    """

    secret: str
    applies: bool
    cause: str | None
    why: str
    registry_keys: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()
    entries: int = 0


def explain_secrets(secrets: Sequence[Mapping[str, object]], image: str) -> list[SecretUse]:
    """One SecretUse for each Secret object, in the order given (that of imagePullSecrets); image as written
    in the pod.

    Never raises. An image that is no reference is never looked up, so no secret applies to it.
    """
    decoded = [_decoded(secret) for secret in secrets]
    try:
        repository = Reference.parse(image).repository
    except InvalidReference:
        repository = None
    names = [secret_name(secret) for secret in secrets]
    ring = Keyring.from_entries(
        (name, entries) for name, entries in zip(names, decoded, strict=True) if isinstance(entries, dict)
    )
    found = ring.lookup_repository(repository) if repository else []
    return [
        replace(
            _explain(secret, name, entries, repository, found), entries=len(entries) if isinstance(entries, dict) else 0
        )
        for secret, name, entries in zip(secrets, names, decoded, strict=True)
    ]


def _decoded(secret: Mapping[str, object]) -> dict[str, Entry] | BadPullSecret:
    try:
        return decode_secret(secret)
    except BadPullSecret as error:
        return error


def _explain(
    secret: Mapping[str, object],
    name: str,
    entries: dict[str, Entry] | BadPullSecret,
    repository: str | None,
    found: list[Credential],
) -> SecretUse:
    if isinstance(entries, BadPullSecret):
        why = f"it cannot be decoded ({entries.reason}): no image of the pod is pulled"
        return SecretUse(name, False, MALFORMED, why)
    if not entries:
        raw = secret_data(secret)
        cause, why = (IGNORED, _why_ignored(secret)) if raw is None else _why_no_entries(raw)
        return SecretUse(name, False, cause, why)
    keys = tuple(shown_key(key) for key in entries)
    users = tuple(spelled(entry.username) for entry in entries.values())
    if repository is None:
        why = "the image is no reference, so nothing is looked up"
        return SecretUse(name, False, WRONG_REGISTRY, why, keys, users)
    mine = [c for c in found if c.secret == name]
    if not mine:
        mine = Keyring.from_entries([(name, entries)]).lookup_repository(repository)
        if mine:
            return _not_needed(name, mine, found)
        return SecretUse(name, False, WRONG_REGISTRY, _why_no_match(list(entries), repository), keys, users)
    keys = tuple(c.registry_key for c in mine)
    users = tuple(spelled(c.username) for c in mine)
    if any(c.usable for c in mine):
        usable = next(c for c in mine if c.usable)
        why = f'its entry "{_short(usable.registry_key)}" matches, with user name "{_short(spelled(usable.username))}"'
        return SecretUse(name, True, None, why, keys, users)
    return SecretUse(name, False, EMPTY, _why_empty(entries, mine), keys, users)


def _not_needed(name: str, mine: list[Credential], found: list[Credential]) -> SecretUse:
    """Docker Hub's special key is looked at only when no other key of any secret matched (keyring.go
    Lookup).
    """
    other = found[0] if found else mine[0]
    why = (
        f'its entry "{_short(mine[0].registry_key)}" is for Docker Hub at large and is not tried, because '
        f'"{_short(other.registry_key)}" in secret "{other.secret}" matches the image itself'
    )
    return SecretUse(
        name,
        False,
        None,
        why,
        tuple(c.registry_key for c in mine),
        tuple(spelled(c.username) for c in mine),
    )


def _why_ignored(secret: object) -> str:
    if not isinstance(secret, Mapping):
        return "it is no Secret object"
    kind = secret.get("type")
    if not isinstance(kind, str) or kind not in PULL_SECRET_TYPES:
        shown = _short(kind) if isinstance(kind, str) and kind else "Opaque"
        return (
            f"its type is {shown}: the kubelet reads kubernetes.io/dockerconfigjson and "
            "kubernetes.io/dockercfg, and passes over others in silence"
        )
    key = PULL_SECRET_TYPES[kind]
    data = secret.get("data")
    if isinstance(data, Mapping) and key in data:
        return f"its {key} is empty, which the kubelet passes over in silence"
    return f"it has no {key} in its data, which its type {kind} needs, so the kubelet passes over it in silence"


def _why_no_entries(raw: bytes) -> tuple[str, str]:
    """Cause and sentence for a document that decodes to nothing."""
    document = _go.read_json(raw)
    members = {name.lower(): value for name, value in document} if isinstance(document, _go.Pairs) else {}
    helpers = [name for name in ("credsStore", "credHelpers") if members.get(name.lower())]
    if helpers:
        return EMPTY, (
            f"it only names a credential helper ({helpers[0]}): user name and password stayed on the machine "
            "where it was written, and the kubelet runs no helper"
        )
    flat = [value for value in members.values() if isinstance(value, _go.Pairs)]
    if "auths" not in members and any(
        _go.fold(name) in ("AUTH", "USERNAME", "PASSWORD") for entry in flat for name, _ in entry
    ):
        return IGNORED, (
            'its entries stand at the top as in .dockercfg, but its type wants them under "auths": '
            "the kubelet finds none and says nothing"
        )
    return EMPTY, 'it has no entry under "auths"'


def _why_empty(entries: Mapping[str, Entry], mine: list[Credential]) -> str:
    key = mine[0].registry_key
    matching = [entry for name, entry in entries.items() if shown_key(name) in {c.registry_key for c in mine}]
    dropped = {_go.fold(field) for entry in matching for field in entry.dropped}
    tail = "so the pull goes out without credentials"
    for field in ("identitytoken", "registrytoken"):
        if field.upper() in dropped:
            return f'its entry "{_short(key)}" holds only {_article(field)} {field}, which the kubelet drops, {tail}'
    if any(c.password for c in mine):
        return f'its entry "{_short(key)}" has a password but no user name, {tail}'
    return (
        f'its entry "{_short(key)}" matches but holds no user name and password (Docker Desktop and other '
        f"credential stores write such entries), {tail}"
    )


def _article(word: str) -> str:
    """a or an, by the first letter."""
    return "an" if word[:1] in "aeio" else "a"


# ------------------------------------------------------------------------------------------------------------
# Why no key matches: the nearest one tells


@dataclass(frozen=True)
class _Key:
    """A registry key taken apart as a person means it, with what a machine trips over left out."""

    written: str
    scheme: str
    host: str
    port: str
    path: str


def _taken_apart(key: str) -> _Key:
    text = key.strip()
    found = _ANY_SCHEME.match(text)
    scheme = found.group(1) if found else ""
    rest = text[found.end() :] if found else text
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    host, port = _host_port(authority.rpartition("@")[2])
    return _Key(shown_key(key), scheme, host, port, slash + path)


def _host_port(authority: str) -> tuple[str, str]:
    host, colon, port = authority.rpartition(":")
    return (host, port) if colon and not port.endswith("]") else (authority, "")


def _why_no_match(listed: Sequence[str], repository: str) -> str:
    target = _taken_apart(repository)
    host = repository.partition("/")[0]
    registry = "Docker Hub" if host == DOCKER_HUB else host
    nearest = (0, "")
    for key in listed:
        score, reason = _near_miss(key, _taken_apart(key), target)
        if score > nearest[0]:
            nearest = (score, reason)
    if nearest[1]:
        return f"no entry is for {_short(registry)}: {nearest[1]}"
    names = [f'"{_short(shown_key(key))}"' for key in listed[:_SHOWN_KEYS]]
    more = f" and {len(listed) - _SHOWN_KEYS} more" if len(listed) > _SHOWN_KEYS else ""
    plural = "entries" if len(listed) > 1 else "an entry"
    return f"it has {plural} for {', '.join(names)}{more}, none for {_short(registry)}"


def _near_miss(raw: str, key: _Key, target: _Key) -> tuple[int, str]:
    """How near the key comes (0: not at all) and what is wrong with it."""
    written = _short(key.written)
    if target.host == DOCKER_HUB and _HUB_HOSTS.fullmatch(key.host.lower()) and key.host != DOCKER_HUB:
        return 100, _hub_miss(written, key)
    if key.host.lower() == target.host.lower():
        return _same_host(raw, written, key, target)
    ours, theirs = _ECR.fullmatch(key.host), _ECR.fullmatch(target.host)
    if ours and theirs:
        what = "account" if ours.group(1) != theirs.group(1) else "region"
        return 60, f'"{written}" is another {what} of ECR, and each has credentials of its own'
    if any(c in key.host for c in "*?[") and _fits_loosely(key.host, target.host):
        want, have = key.host.count(".") + 1, target.host.count(".") + 1
        if want != have:
            return (
                55,
                f'"{written}" covers names of {want} parts, {_short(target.host)} has {have}: a * stands for one part',
            )
        return _same_host(raw, written, key, target)
    if target.host.endswith(f".{key.host}") and "." in key.host:
        return (
            50,
            f'"{written}" does not cover the names below it: write {_short(target.host)} or *.{_short(key.host)}',
        )
    if key.host.endswith(f".{target.host}") and "." in target.host:
        return 40, f'"{written}" is another host'
    return 0, ""


def _fits_loosely(glob: str, host: str) -> bool:
    """Whether a host glob would match if a star could cross dots, or one more label stood in front."""
    literal = glob.lstrip("*").lstrip(".")
    return bool(literal) and "*" not in literal and (host == literal or host.endswith(f".{literal}"))


def _hub_miss(written: str, key: _Key) -> str:
    if key.host == "index.docker.io" and not key.port:
        if key.path in ("/v1", "/v2"):
            return f'"{written}" lacks its last slash: the kubelet knows Docker Hub by {_HUB_KEY}'
        return f'"{written}" has "{_short(key.path)}" behind the host: the kubelet knows Docker Hub by {_HUB_KEY}'
    return f'"{written}" is not how the kubelet knows Docker Hub: write {_HUB_KEY} or docker.io'


def _same_host(raw: str, written: str, key: _Key, target: _Key) -> tuple[int, str]:
    if raw != raw.strip() or re.search(r"[\s\x00-\x1f\x7f]", raw):
        return 98, f'"{written}" has a space or line end in it, so the kubelet ignores it'
    if key.scheme not in ("", "https", "http"):
        return 97, f'"{written}" has a scheme that the kubelet does not know: write it without'
    if index_key(raw) is None:
        return 96, f'"{written}" is no address (is the port a number?), so the kubelet ignores it'
    if key.port != target.port:
        if not target.port:
            return (
                90,
                f'"{written}" names port {_short(key.port)}, the image names none, and the kubelet compares the text',
            )
        have = f"names port {_short(key.port)}" if key.port else "names no port"
        return 90, f'"{written}" {have}, the image has port {target.port}'
    if not key.path.strip("/") or target.path.startswith(key.path):
        if key.host != target.host and key.host.lower() == target.host.lower():
            return 92, f'"{written}" and {_short(target.host)} differ in upper and lower case'
        if key.host.startswith("["):
            return (
                91,
                f'"{written}" is an IPv6 address without a port, which the kubelet takes for a pattern: add the port',
            )
        return 0, ""
    return 80, _path_miss(written, key.path, target.path)


def _path_miss(written: str, path: str, target: str) -> str:
    if path in ("/v1", "/v2"):
        return f'"{written}" lacks its last slash: without it {path} is taken for the beginning of the image\'s path'
    if any(c in path for c in "*?["):
        return f'"{written}" has a wildcard in its path, where the kubelet knows none'
    if path.endswith("/") and target == path.rstrip("/"):
        return f'"{written}" ends with a slash, which the image\'s path does not'
    if ":" in path or "@" in path:
        return f'"{written}" has a tag or digest in it, which never matches'
    return f'the path of "{written}" is not the beginning of the image\'s path {_short(target)}'


def _short(text: str) -> str:
    """Bounded, and with nothing in it that a terminal acts on."""
    cut = text if len(text) <= 100 else f"{text[:80]}…{text[-16:]}"
    return spelled(cut)

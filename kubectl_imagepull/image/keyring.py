"""Which credentials a kubelet finds in a pod's pull secrets, and in which order it tries them.

After kubernetes v1.37 pkg/credentialprovider/{config,keyring}.go and
pkg/credentialprovider/secrets/secrets.go. Only the pull secrets: what the node's own docker config and its
credential provider plugins add comes after them and cannot be read from the API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kubectl_imagepull.image import _go
from kubectl_imagepull.image.reference import InvalidReference, Reference

from .. import lazily

# secret type -> the key of its data: staging/src/k8s.io/api/core/v1/types.go
PULL_SECRET_TYPES = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
DOCKER_HUB_KEY = "index.docker.io"


class BadPullSecret(ValueError):
    """A pull secret that the kubelet cannot decode: it then pulls no image of the pod at all.

    secret: its name; kubelet_text: the error as it stands in the pod's status, which may quote a character of
    the secret. str() holds nothing of the secret's contents.
    """

    def __init__(self, secret: str, kubelet_text: str, reason: str) -> None:
        super().__init__(f'pull secret "{secret}" cannot be decoded, so no image of the pod is pulled: {reason}')
        self.secret = secret
        self.kubelet_text = kubelet_text
        self.reason = reason


@dataclass(frozen=True)
class Entry:
    """What the kubelet keeps of one entry of a pull secret, and which fields it dropped (names only)."""

    username: str
    password: str = field(repr=False)
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Credential:
    """One pair of user name and password, as found for an image.

    secret: name of the pull secret; registry_key: the key of the entry as written in it, less a password in
    it. Both user name and password may be empty: the kubelet takes that for a credential, and the pull goes
    out anonymous.
    """

    username: str
    password: str = field(repr=False)
    secret: str
    registry_key: str

    @property
    def usable(self) -> bool:
        """Whether runtimes send it: both ask without credentials when there is no user name."""
        return bool(self.username)


@dataclass(frozen=True)
class _Indexed:
    key: bytes
    pattern: _Pattern | None
    credentials: tuple[Credential, ...] = field(repr=False)


@dataclass(frozen=True)
class _Pattern:
    """A host, port and path to compare: keyring.go SplitURL."""

    labels: tuple[bytes, ...]
    port: bytes
    path: bytes


@dataclass(frozen=True)
class Keyring:
    """The index that the kubelet makes of all pull secrets of a pod together."""

    _index: tuple[_Indexed, ...] = field(repr=False)

    @classmethod
    def from_secrets(cls, secrets: Iterable[Mapping[str, object]]) -> Keyring:
        """Index Secret objects as the API gives them (`data` in base64), in the order of imagePullSecrets.

        Secrets of another type or without data are passed over, as the kubelet does. Raises BadPullSecret for
        the first that cannot be decoded. Takes time linear in the size of the secrets, but for the sorting of
        their keys.
        """
        return cls.from_entries((secret_name(secret), decode_secret(secret)) for secret in secrets)

    @classmethod
    def from_entries(cls, decoded: Iterable[tuple[str, Mapping[str, Entry]]]) -> Keyring:
        """Index what `decode_secret` found, by name of secret, in the order of imagePullSecrets."""
        by_key: dict[bytes, list[Credential]] = {}
        for name, entries in decoded:
            for key, entry in entries.items():
                indexed = index_key(key)
                if indexed is not None:
                    credential = Credential(entry.username, entry.password, name, shown_key(key))
                    by_key.setdefault(indexed, []).append(credential)
        # reverse byte order: a longer path before its prefix, letters before "*"
        ordered = sorted(by_key, reverse=True)
        return cls(tuple(_Indexed(key, _pattern(key), tuple(by_key[key])) for key in ordered))

    def lookup(self, image: str | Reference) -> list[Credential]:
        """The credentials for an image as written in a pod, in the order in which the kubelet tries them.

        Entries of one secret that differ only in spelling (scheme, /v1/) are in the order of the secret; the
        kubelet's order among those is random. An image that is no reference never reaches the keyring: no
        credentials.
        """
        try:
            reference = image if isinstance(image, Reference) else Reference.parse(image)
        except InvalidReference:
            return []
        return self.lookup_repository(reference.repository)

    def lookup_repository(self, repository: str) -> list[Credential]:
        """As `lookup`, for the name that the kubelet looks up: host and path, without tag or digest."""
        target = _pattern(repository.encode("utf-8", "surrogatepass"))
        found: list[Credential] = []
        if target is not None:
            for indexed in self._index:
                if indexed.pattern is not None and _matches(indexed.pattern, target):
                    found.extend(indexed.credentials)
        if not found and _from_docker_hub(repository):
            found.extend(c for i in self._index if i.key == DOCKER_HUB_KEY.encode() for c in i.credentials)
        return found


def secret_name(secret: object) -> str:
    """metadata.name, or "" where there is none."""
    metadata = secret.get("metadata") if isinstance(secret, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else ""


def secret_data(secret: object) -> bytes | None:
    """The document of a pull secret, or None where the kubelet passes the secret over. Raises
    BadPullSecret.
    """
    if not isinstance(secret, Mapping):
        return None
    kind, data = secret.get("type"), secret.get("data")
    key = PULL_SECRET_TYPES.get(kind) if isinstance(kind, str) else None
    value = data.get(key) if isinstance(data, Mapping) and key is not None else None
    if not isinstance(value, str):
        return None
    try:
        # client-go reads `data` with encoding/json, which takes padded base64
        return _go.decode_base64(value.encode("utf-8", "replace"), padded=True) or None
    except _go.GoError as error:
        raise BadPullSecret(secret_name(secret), str(error), "its data is not base64") from None


def decode_secret(secret: object) -> dict[str, Entry]:
    """The entries of a pull secret by their key, as the kubelet decodes them; {} for one that it passes over.

    Raises BadPullSecret where the kubelet returns an error.
    """
    raw = secret_data(secret)
    if raw is None or not isinstance(secret, Mapping):
        return {}
    try:
        return _Document().read(raw, nested=secret.get("type") == "kubernetes.io/dockerconfigjson")
    except _Undecodable as error:
        raise BadPullSecret(secret_name(secret), error.text, error.reason) from None


class _Undecodable(Exception):
    def __init__(self, text: str, reason: str) -> None:
        super().__init__(reason)
        self.text = text
        self.reason = reason


_ENTRY_TYPE = "credentialprovider.dockerConfigEntryWithAuth"
_FIELDS = {"USERNAME": "username", "PASSWORD": "password", "EMAIL": "email", "AUTH": "auth"}


class _Document:
    """encoding/json.Unmarshal into DockerConfigJSON or DockerConfig.

    A value of the wrong type is remembered and reading goes on; an entry's own decoder that fails ends it at
    once, and its error then wins over a remembered one.
    """

    def __init__(self) -> None:
        self.remembered: _Undecodable | None = None

    def read(self, raw: bytes, nested: bool) -> dict[str, Entry]:
        try:
            document = _go.read_json(raw)
        except _go.GoError as error:
            raise _Undecodable(str(error), "it is not JSON") from None
        entries: dict[str, Entry] = {}
        where = "the document"
        if nested:
            entries = self._nested(document)
        else:
            entries = self._entries(document, {}, "Go value of type credentialprovider.DockerConfig", "", where)
        if self.remembered is not None:
            raise self.remembered
        return entries

    def _wrong_type(self, value: _go.Json, into: str, where: str) -> None:
        if self.remembered is None:
            self.remembered = _wrong_type(value, into, where)

    def _nested(self, document: _go.Json) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        if not isinstance(document, _go.Pairs):
            if document is not None:
                self._wrong_type(document, "Go value of type credentialprovider.DockerConfigJSON", "the document")
            return entries
        for name, value in document:
            folded = _go.fold(name)
            if folded == "AUTHS":
                into = "Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig"
                # a second "auths" adds to the first
                entries = self._entries(value, entries, into, "DockerConfigJSON.auths", '"auths"')
            elif folded == "HTTPHEADERS":
                self._headers(value)
        return entries

    def _headers(self, value: _go.Json) -> None:
        into = "Go struct field DockerConfigJSON.HttpHeaders of type "
        if isinstance(value, _go.Pairs):
            for _, header in value:
                if header is not None and _go.kind(header) != "string":
                    self._wrong_type(header, f"{into}string", "a value in HttpHeaders")
        elif value is not None:
            self._wrong_type(value, f"{into}map[string]string", "HttpHeaders")

    def _entries(
        self, value: _go.Json, entries: dict[str, Entry], into: str, context: str, where: str
    ) -> dict[str, Entry]:
        if value is None:
            return {}
        if not isinstance(value, _go.Pairs):
            self._wrong_type(value, into, where)
            return entries
        for key, entry in value:
            entries[key] = _entry(entry, context)
        return entries


def _wrong_type(value: _go.Json, into: str, where: str) -> _Undecodable:
    kind = _go.kind(value)
    return _Undecodable(f"json: cannot unmarshal {kind} into {into}", f"{where} has the wrong type ({kind})")


def _entry(value: _go.Json, context: str) -> Entry:
    """DockerConfigEntry.UnmarshalJSON. context: where json.Unmarshal says the error was, when it has an
    opinion.
    """
    if value is None:
        return Entry("", "")
    if not isinstance(value, _go.Pairs):
        into = f"Go struct field {context} of type {_ENTRY_TYPE}" if context else f"Go value of type {_ENTRY_TYPE}"
        raise _wrong_type(value, into, "an entry")
    fields = dict.fromkeys(_FIELDS.values(), "")
    wrong: _Undecodable | None = None
    dropped = []
    for name, member in value:
        known = _FIELDS.get(_go.fold(name))
        if known is None:
            dropped.append(name)
        elif isinstance(member, str) and not isinstance(member, _go.Number):
            fields[known] = member
        elif member is not None and wrong is None:
            path = f"{context}.{known}" if context else f"dockerConfigEntryWithAuth.{known}"
            wrong = _wrong_type(member, f"Go struct field {path} of type string", f'the field "{known}" of an entry')
    if wrong is not None:
        raise wrong
    if not fields["auth"]:
        return Entry(fields["username"], fields["password"], tuple(dropped))
    username, password = _decode_auth(fields["auth"])
    return Entry(username, password, tuple(dropped))


def _decode_auth(auth: str) -> tuple[str, str]:
    """config.go decodeDockerConfigFieldAuth. Bytes that are not UTF-8 come through as surrogates."""
    try:
        decoded = _go.decode_base64(auth.encode("utf-8"), padded=auth.strip(_go.WHITE_SPACE).endswith("="))
    except _go.GoError as error:
        raise _Undecodable(str(error), 'the field "auth" of an entry is not base64') from None
    username, colon, password = decoded.decode("utf-8", "surrogateescape").partition(":")
    if not colon:
        raise _Undecodable(
            "unable to parse auth field, must be formatted as base64(username:password)",
            'the field "auth" of an entry is not base64 of username:password',
        )
    return username, password


_LAST_AT = lazily.pattern(r"(.*)(?:@|%40)", re.DOTALL)
_USER = lazily.pattern(r"[a-z][a-z0-9._-]{0,15}")


def shown_key(key: str) -> str:
    """A registry key without the login that some write into it. Only a plain user name stays: a token may stand there alone, and
    a colon may be percent-encoded."""
    scheme, slashes, rest = key.partition("://") if key.startswith(("https://", "http://")) else ("", "", key)
    found = _LAST_AT.match(rest)
    if found is None or (not scheme and _USER.fullmatch(found[1])):
        return key
    return f"{scheme}{slashes}…@{rest[found.end() :]}"


def index_key(key: str) -> bytes | None:
    """Under which name the keyring files a registry key: host, and path unless it is / or stands for the
    API's version (keyring.go Add). None for a key that the kubelet ignores because it is no address.
    """
    try:
        host, path = _go.split_url(_with_scheme(key.encode("utf-8", "surrogatepass")))
    except _go.GoError:
        return None
    if path.startswith((b"/v1/", b"/v2/")):
        path = path[3:]
    return host if path == b"/" else host + path


def _with_scheme(address: bytes) -> bytes:
    return address if address.startswith((b"https://", b"http://")) else b"https://" + address


def _pattern(address: bytes) -> _Pattern | None:
    """keyring.go ParseSchemelessURL and SplitURL; None where the address does not parse."""
    try:
        host, path = _go.split_url(b"https://" + address)
    except _go.GoError:
        return None
    name, port = _go.split_host_port(host)
    return _Pattern(tuple(name.split(b".")), port, path)


def _matches(pattern: _Pattern, target: _Pattern) -> bool:
    """keyring.go URLsMatch."""
    return (
        pattern.port == target.port
        and len(pattern.labels) == len(target.labels)
        and target.path.startswith(pattern.path)
        and all(_go.glob_matches(glob, label) for glob, label in zip(pattern.labels, target.labels, strict=True))
    )


def _from_docker_hub(repository: str) -> bool:
    """keyring.go isDefaultRegistryMatch, which also takes localhost/app for an image on Docker Hub."""
    first, slash, _ = repository.partition("/")
    if not first:
        return False
    return not slash or first in ("docker.io", DOCKER_HUB_KEY) or not ("." in first or ":" in first)

"""kubeconfig files, read and merged as client-go does (tools/clientcmd: loader.go, merge.go and api/v1 of v0.37.2)."""

from __future__ import annotations

import base64
import binascii
import os
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..errors import ConfigError
from ..yaml_loader import LOADER

CLUSTER_EXTENSION = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is handed to credential plugins (client_config.go, clusterExtensionKey)."""


@dataclass(frozen=True)
class Cluster:
    """How a server is reached; paths are absolute."""

    server: str = ""
    """A URL."""
    tls_server_name: str = ""
    """What the certificate has to be for, where it is not the URL's host."""
    insecure: bool = False
    """Whether the certificate is not checked."""
    ca_file: str = ""
    """A PEM file of authorities."""
    ca_data: bytes = b""
    """The same in PEM; beats the file."""
    proxy_url: str = ""
    """The proxy for every request; the environment's does not count then."""
    disable_compression: bool = False
    """Handed to credential plugins; nothing is asked for compressed here."""
    for_plugin: Any = None
    """What the kubeconfig says for credential plugins alone, any JSON value."""


@dataclass(frozen=True)
class Plugin:
    """A credential plugin (Kubernetes: client.authentication.k8s.io)."""

    command: str
    """A path, or a name that is looked for on PATH."""
    arguments: tuple[str, ...] = ()
    """Its arguments."""
    environment: tuple[tuple[str, str], ...] = ()
    """Variables beside our own."""
    api_version: str = ""
    """Of ExecCredential, e.g. client.authentication.k8s.io/v1."""
    install_hint: str = ""
    """For whoever does not have the plugin."""
    interactive_mode: str = ""
    """Never, IfAvailable or Always: whether it is given standard input."""
    cluster_info: bool = False
    """Whether it is told of the cluster."""


@dataclass(frozen=True, repr=False)
class User:
    """Everything that a kubeconfig can say about a user; "" and None: it does not."""

    token: str = ""
    """A bearer token."""
    token_file: str = ""
    """A file that holds one, read again and again; where it can be read it beats `token`."""
    username: str = ""
    """For HTTP Basic."""
    password: str = ""
    """For HTTP Basic."""
    certificate_file: str = ""
    """A client certificate in PEM."""
    certificate_data: bytes = b""
    """The same; beats the file."""
    key_file: str = ""
    """Its key in PEM."""
    key_data: bytes = b""
    """The same; beats the file."""
    impersonate: str = ""
    """Who else to act as."""
    impersonate_uid: str = ""
    """Its uid."""
    impersonate_groups: tuple[str, ...] = ()
    """Its groups."""
    impersonate_extra: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Further (key, values) of it."""
    plugin: Plugin | None = None
    """What makes a credential."""
    auth_provider: str | None = None
    """The name of a provider that is built into kubectl."""
    auth_config: Mapping[str, str] = field(default_factory=dict)
    """That provider's settings."""

    @property
    def has_certificate(self) -> bool:
        return bool(self.certificate_file or self.certificate_data)


@dataclass
class Document:
    """One or several kubeconfig files, read."""

    current_context: str = ""
    """The context that is meant where nothing else is said."""
    clusters: dict[str, Cluster] = field(default_factory=dict)
    """By name."""
    users: dict[str, User] = field(default_factory=dict)
    """By name."""
    contexts: dict[str, dict[str, str]] = field(default_factory=dict)
    """By name: cluster, user and namespace, each "" where it is not said."""
    read: bool = False
    """Whether any of the files was there."""


def merged(files: Sequence[str]) -> Document:
    """All files as one. As client-go merges (loader.go, Load): a later file's cluster, user or context replaces nothing of an
    earlier one, and the first current-context counts."""
    whole = Document()
    for name in files:
        path = pathlib.Path(name)
        if not path.exists():
            continue
        found = _read(path)
        whole.read = True
        whole.current_context = whole.current_context or found.current_context
        whole.clusters = {**found.clusters, **whole.clusters}
        whole.users = {**found.users, **whole.users}
        whole.contexts = {**found.contexts, **whole.contexts}
    return whole


_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in listed if tag != "tag:yaml.org,2002:timestamp"]
    for first, listed in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader: Any = type("_Loader", (LOADER,), {"yaml_implicit_resolvers": _RESOLVERS})
"""As sigs.k8s.io/yaml turns YAML into JSON: a date stays a text."""


def _read(path: pathlib.Path) -> Document:
    """One file, decoded as strictly as kubectl does: a value of another type is refused. Raises ConfigError."""
    try:
        loaded = next(yaml.load_all(path.read_text("utf-8"), _Loader), None)
        return _decoded(loaded, path.absolute().parent)
    except OSError as error:
        why = f"read {path}: {(error.strerror or '').lower()}"
    except UnicodeDecodeError:
        why = "yaml: invalid leading UTF-8 octet"
    except yaml.MarkedYAMLError as error:
        # go-yaml counts its parser's lines from 0 and its scanner's from 1, and does not name the first (yaml.go, fail)
        at = error.problem_mark.line if error.problem_mark else 0
        line = at + isinstance(error, yaml.scanner.ScannerError)
        why = f"yaml: line {line}: {error.problem}" if at else f"yaml: {error.problem}"
    except yaml.reader.ReaderError as error:
        why = f"yaml: {error.reason}"
    except (yaml.YAMLError, ValueError) as error:
        why = " ".join(str(error).split())
    raise ConfigError(f'error: error loading config file "{path}": {why[:300]}')


def _decoded(loaded: Any, folder: pathlib.Path) -> Document:
    """A kubeconfig's value as what it says (client-go: tools/clientcmd/api/v1/types.go). Raises ValueError."""
    top = _Section({} if loaded is None else loaded, "Config")
    kind, version = top.text("kind") or "Config", top.text("apiVersion") or "v1"
    if (kind, version) != ("Config", "v1"):
        raise ValueError(f'no kind "{kind}" is registered for version "{version}"')
    found = Document(top.text("current-context"))
    found.clusters = {name: _cluster_of(section, folder) for name, section in top.named("clusters", "cluster")}
    found.users = {name: _user_of(section, folder) for name, section in top.named("users", "user")}
    found.contexts = {
        name: {key: section.text(key) for key in ("cluster", "user", "namespace")}
        for name, section in top.named("contexts", "context")
    }
    return found


class _Section:
    """A table of a kubeconfig. Its readers give the empty value for what is absent and raise ValueError for another type."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"cannot unmarshal {_kind(value)} into {where}, which is a table")
        self._value, self._where = value, where

    def _of_type(self, key: str, kind: type, empty: Any) -> Any:
        value = self._value.get(key)
        if value is None:
            return empty
        if not isinstance(value, kind):
            raise ValueError(f"cannot unmarshal {_kind(value)} into {self._where}.{key}, which is a {kind.__name__}")
        return value

    def text(self, key: str) -> str:
        return str(self._of_type(key, str, ""))

    def flag(self, key: str) -> bool:
        return bool(self._of_type(key, bool, False))

    def data(self, key: str) -> bytes:
        try:
            return base64.b64decode(self.text(key).replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"{self._where}.{key}: illegal base64 data") from None

    def path(self, key: str, folder: pathlib.Path) -> str:
        """A relative one is meant from the file that names it."""
        name = self.text(key)
        return os.path.normpath(folder / name) if name else ""

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._of_type(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise ValueError(f"cannot unmarshal a member of {self._where}.{key}, which holds texts")
        return tuple(values)

    def map(self, key: str) -> dict[str, Any]:
        return dict(self._of_type(key, dict, {}))

    def section(self, key: str) -> _Section | None:
        value = self._value.get(key)
        return None if value is None else _Section(value, f"{self._where}.{key}")

    def sections(self, key: str) -> list[_Section]:
        return [
            _Section({} if value is None else value, f"{self._where}.{key}") for value in self._of_type(key, list, [])
        ]

    def named(self, key: str, inner: str) -> list[tuple[str, _Section]]:
        """The (name, section) of a list. A name that stands there twice is refused (api/v1/conversion.go)."""
        found: dict[str, _Section] = {}
        for entry in self.sections(key):
            name = entry.text("name")
            if name in found:
                raise ValueError(f'duplicate name "{name}" in {key}')
            found[name] = entry.section(inner) or _Section({}, inner)
        return list(found.items())

    def extension(self, name: str) -> Any:
        """The value of a named extension, None where there is none."""
        for entry in self.sections("extensions"):
            if entry.text("name") == name:
                return entry._value.get("extension")
        return None


def _kind(value: Any) -> str:
    names = {dict: "a table", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "nothing")


def _cluster_of(section: _Section, folder: pathlib.Path) -> Cluster:
    return Cluster(
        server=section.text("server"),
        tls_server_name=section.text("tls-server-name"),
        insecure=section.flag("insecure-skip-tls-verify"),
        ca_file=section.path("certificate-authority", folder),
        ca_data=section.data("certificate-authority-data"),
        proxy_url=section.text("proxy-url"),
        disable_compression=section.flag("disable-compression"),
        for_plugin=section.extension(CLUSTER_EXTENSION),
    )


def _user_of(section: _Section, folder: pathlib.Path) -> User:
    plugin, provider = section.section("exec"), section.section("auth-provider")
    extra = section.map("as-user-extra")
    listed = _Section(extra, "as-user-extra")
    return User(
        token=section.text("token"),
        token_file=section.path("tokenFile", folder),
        username=section.text("username"),
        password=section.text("password"),
        certificate_file=section.path("client-certificate", folder),
        certificate_data=section.data("client-certificate-data"),
        key_file=section.path("client-key", folder),
        key_data=section.data("client-key-data"),
        impersonate=section.text("as"),
        impersonate_uid=section.text("as-uid"),
        impersonate_groups=section.texts("as-groups"),
        impersonate_extra=tuple((key, listed.texts(key)) for key in sorted(extra)),
        plugin=_plugin_of(plugin, folder) if plugin else None,
        auth_provider=provider.text("name") if provider else None,
        auth_config={key: str(value) for key, value in provider.map("config").items()} if provider else {},
    )


def _plugin_of(section: _Section, folder: pathlib.Path) -> Plugin:
    command, version = section.text("command"), section.text("apiVersion")
    old = version in ("client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1alpha1")
    return Plugin(
        # a name without a slash is looked for on PATH (loader.go, GetAuthInfoFileReferences)
        command=section.path("command", folder) if os.sep in command else command,
        arguments=section.texts("args"),
        environment=tuple((entry.text("name"), entry.text("value")) for entry in section.sections("env")),
        api_version=version,
        install_hint=section.text("installHint"),
        # only the later versions have to say it (api/v1/defaults.go)
        interactive_mode=section.text("interactiveMode") or ("IfAvailable" if old else ""),
        cluster_info=section.flag("provideClusterInfo"),
    )

"""Which cluster, as whom: kubeconfig files and flags, merged as kubectl merges them.

The Python client takes `current-context` from the last of several files where kubectl takes the first, refuses empty files,
forgets the context's namespace and knows no impersonation, so files are merged here and the client is given the result.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..errors import ConfigError

PATH_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
IN_CLUSTER = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Flags:
    """kubectl's own connection flags, as given; "" and None: not given."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    token: str = ""
    tls_server_name: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure_skip_tls_verify: bool | None = None
    impersonate: str = ""
    impersonate_uid: str = ""
    impersonate_groups: tuple[str, ...] = ()
    request_timeout: float = 0.0


@dataclass(frozen=True)
class Settings:
    """One cluster, one user. document: a kubeconfig with a single context, for the client to load."""

    document: dict[str, Any]
    context: str
    namespace: str
    headers: tuple[tuple[str, str], ...] = ()
    exec_command: tuple[str, ...] = ()
    proxy_url: str = ""
    user: Mapping[str, Any] = field(default_factory=dict)


def settings(flags: Flags, environment: Mapping[str, str]) -> Settings:
    """Work out cluster, user and namespace from flags, KUBECONFIG and ~/.kube/config. Raises ConfigError."""
    document = _merged(_files(flags, environment))
    if document is None:
        if "KUBERNETES_SERVICE_HOST" in environment and (IN_CLUSTER / "token").exists():
            document = _in_cluster(environment)
        elif flags.server:
            document = {}
        else:
            raise ConfigError(
                "error: no kubeconfig: ~/.kube/config does not exist and KUBECONFIG is not set (use --kubeconfig FILE)"
            )
    name = flags.context or str(document.get("current-context") or "")
    contexts = _named(document, "contexts")
    context = _section(contexts.get(name), "context")
    if name and name not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise ConfigError(f'error: context "{name}" does not exist (contexts: {known})')
    if not name and not (flags.server or flags.cluster):
        raise ConfigError("error: current-context is not set (use --context NAME)")
    cluster_name = flags.cluster or str(context.get("cluster") or "")
    user_name = flags.user or str(context.get("user") or "")
    cluster = dict(_section(_named(document, "clusters").get(cluster_name), "cluster"))
    user = dict(_section(_named(document, "users").get(user_name), "user"))
    if cluster_name and not cluster and not flags.server:
        raise ConfigError(f'error: cluster "{cluster_name}" does not exist')
    _override(cluster, user, flags)
    if not cluster.get("server"):
        raise ConfigError(f'error: cluster "{cluster_name}" has no server in the kubeconfig')
    plugin = user.get("exec") if isinstance(user.get("exec"), dict) else {}
    command = (str(plugin.get("command")), *map(str, plugin.get("args") or ())) if plugin else ()
    proxy_url = str(cluster.pop("proxy-url", "") or "")
    return Settings(
        document={
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "this",
            "contexts": [{"name": "this", "context": {"cluster": "this", "user": "this"}}],
            "clusters": [{"name": "this", "cluster": cluster}],
            "users": [{"name": "this", "user": user}],
        },
        context=name,
        namespace=flags.namespace or str(context.get("namespace") or "") or "default",
        headers=_impersonation(user, flags),
        exec_command=command,
        proxy_url=proxy_url,
        user=user,
    )


def _files(flags: Flags, environment: Mapping[str, str]) -> list[pathlib.Path]:
    """The files that count. A named file must exist; those in KUBECONFIG and the default may be absent, as for kubectl."""
    if flags.kubeconfig:
        path = _expanded(flags.kubeconfig)
        if not path.exists():
            raise ConfigError(f"error: stat {flags.kubeconfig}: no such file or directory")
        return [path]
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return [_expanded(p) for p in listed.split(os.pathsep) if p]
    home = _expanded(environment.get("HOME") or "~")
    return [home / ".kube" / "config"] if home.is_absolute() else []


def _expanded(text: str) -> pathlib.Path:
    """A path with ~ spelled out; as it is where the user has no home folder: an arbitrary uid on OpenShift, or a CI runner."""
    path = pathlib.Path(text)
    with contextlib.suppress(RuntimeError):
        return path.expanduser()
    return path


def _merged(files: list[pathlib.Path]) -> dict[str, Any] | None:
    """One document of all files: the first that says something wins (client-go: tools/clientcmd/loader.go)."""
    merged: dict[str, Any] | None = None
    for path in files:
        if not path.exists():
            continue
        try:
            loaded = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            line = " ".join(str(error).split())
            raise ConfigError(f"error: error loading config file {path}: {line[:200]}") from None
        if loaded is None:
            loaded = {}
        if not isinstance(loaded, dict):
            raise ConfigError(f"error: error loading config file {path}: it is not a kubeconfig")
        merged = merged if merged is not None else {"clusters": [], "contexts": [], "users": []}
        if not merged.get("current-context") and loaded.get("current-context"):
            merged["current-context"] = loaded["current-context"]
        for kind in ("clusters", "contexts", "users"):
            known = {entry.get("name") for entry in merged[kind]}
            for entry in loaded.get(kind) or []:
                if isinstance(entry, dict) and entry.get("name") not in known:
                    merged[kind].append(_absolute(entry, path.parent))
    return merged


def _absolute(entry: dict[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """The entry with its file names made absolute: relative ones are meant from the file that names them."""
    inside = {k: dict(v) if isinstance(v, dict) else v for k, v in entry.items()}
    for section in (v for v in inside.values() if isinstance(v, dict)):
        for key in PATH_KEYS:
            if isinstance(section.get(key), str) and section[key]:
                section[key] = str(folder.absolute() / section[key])
        plugin = section.get("exec")
        if isinstance(plugin, dict) and "/" in str(plugin.get("command", "")):
            section["exec"] = {**plugin, "command": str(folder.absolute() / plugin["command"])}
    return inside


def _named(document: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {str(e["name"]): e for e in document.get(kind) or [] if isinstance(e, dict) and "name" in e}


def _section(entry: Any, key: str) -> dict[str, Any]:
    found = entry.get(key) if isinstance(entry, dict) else None
    return found if isinstance(found, dict) else {}


def _override(cluster: dict[str, Any], user: dict[str, Any], flags: Flags) -> None:
    """Flags go into the document before it is loaded: the client resets later changes when it refreshes a token."""
    for key, value in (
        ("server", flags.server),
        ("tls-server-name", flags.tls_server_name),
        ("certificate-authority", flags.certificate_authority),
    ):
        if value:
            cluster[key] = value
    if flags.certificate_authority:
        cluster.pop("certificate-authority-data", None)
    if flags.insecure_skip_tls_verify is not None:
        cluster["insecure-skip-tls-verify"] = flags.insecure_skip_tls_verify
    if flags.token:
        user.clear()
        user["token"] = flags.token
    for key, value in (("client-certificate", flags.client_certificate), ("client-key", flags.client_key)):
        if value:
            user.pop(f"{key}-data", None)
            user[key] = value


def _impersonation(user: Mapping[str, Any], flags: Flags) -> tuple[tuple[str, str], ...]:
    """Impersonate-* headers (Kubernetes API: user impersonation); flags beat the kubeconfig."""
    name = flags.impersonate or str(user.get("as") or "")
    uid = flags.impersonate_uid or str(user.get("as-uid") or "")
    groups = flags.impersonate_groups or tuple(map(str, user.get("as-groups") or ()))
    headers = [("Impersonate-User", name)] if name else []
    headers += [("Impersonate-Uid", uid)] if uid else []
    return (*headers, *(("Impersonate-Group", group) for group in groups))


def _in_cluster(environment: Mapping[str, str]) -> dict[str, Any]:
    """The service account of the pod that we run in."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    namespace = IN_CLUSTER / "namespace"
    return {
        "current-context": "in-cluster",
        "contexts": [
            {
                "name": "in-cluster",
                "context": {
                    "cluster": "in-cluster",
                    "user": "in-cluster",
                    "namespace": namespace.read_text().strip() if namespace.exists() else "default",
                },
            }
        ],
        "clusters": [
            {
                "name": "in-cluster",
                "cluster": {"server": f"https://{host}:{port}", "certificate-authority": str(IN_CLUSTER / "ca.crt")},
            }
        ],
        "users": [{"name": "in-cluster", "user": {"token": (IN_CLUSTER / "token").read_text().strip()}}],
    }

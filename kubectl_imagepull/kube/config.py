"""Which cluster, as whom, in which namespace: kubeconfig files, flags and environment, decided as kubectl decides.

Followed step by step: client-go, tools/clientcmd (client_config.go, validation.go, merged_client_builder.go) and cli-runtime,
pkg/genericclioptions/config_flags.go, both of v0.37.2. What a request carries for a user is worked out in `identity`.
"""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from ..errors import ConfigError
from .kubeconfig import Cluster, Document, User, merged

IN_CLUSTER = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_SERVER = "http://localhost:8080"
"""Whom kubectl asks where nothing says otherwise (client_config.go, getDefaultServer)."""


@dataclass(frozen=True)
class Flags:
    """kubectl's own connection flags, as given; "", () and None: not given."""

    kubeconfig: str = ""
    """--kubeconfig: the only file that is read."""
    context: str = ""
    """--context: in place of current-context."""
    cluster: str = ""
    """--cluster: in place of the context's."""
    user: str = ""
    """--user: in place of the context's."""
    namespace: str = ""
    """-n."""
    server: str = ""
    """-s: a URL, in place of the cluster's."""
    token: str = field(default="", repr=False)
    """--token: a bearer token."""
    username: str = ""
    """--username: for HTTP Basic."""
    password: str = field(default="", repr=False)
    """--password: for HTTP Basic."""
    tls_server_name: str = ""
    """--tls-server-name: what the server's certificate has to be for."""
    certificate_authority: str = ""
    """--certificate-authority: a PEM file."""
    client_certificate: str = ""
    """--client-certificate: a PEM file."""
    client_key: str = ""
    """--client-key: a PEM file."""
    insecure_skip_tls_verify: bool | None = None
    """--insecure-skip-tls-verify."""
    proxy_url: str = ""
    """--proxy-url: in place of the cluster's."""
    impersonate: str = ""
    """--as."""
    impersonate_uid: str = ""
    """--as-uid."""
    impersonate_groups: tuple[str, ...] = ()
    """--as-group, each."""
    impersonate_extra: tuple[str, ...] = ()
    """--as-user-extra, each as KEY=VALUE."""
    request_timeout: float | None = None
    """--request-timeout in seconds; 0: no limit."""
    kuberc: str = ""
    """--kuberc: the preferences that say which credential plugins may run."""
    warnings_as_errors: bool | None = None
    """--warnings-as-errors."""


@dataclass(frozen=True)
class Settings:
    """One cluster, one user, one namespace."""

    cluster: Cluster
    """Whom to ask."""
    user: User = field(default_factory=User)
    """As whom."""
    user_name: str = ""
    """What the kubeconfig calls the user; "" where no name was said."""
    context: str = ""
    """The context that was chosen; "" for none."""
    namespace: str = "default"
    """Where names are meant."""
    timeout: float | None = None
    """Seconds for one request; None: our own limits; 0: none."""
    why_default: str = ""
    """Why kubectl's default server is asked, in words; "" where a server was named."""


def settings(flags: Flags, environment: Mapping[str, str]) -> Settings:
    """Work out cluster, user and namespace from flags, KUBECONFIG, ~/.kube/config and the pod that we run in.

    Raises ConfigError in kubectl's words where kubectl refuses.
    """
    document = merged(_files(flags, environment))
    context_name = flags.context or document.current_context
    context = document.contexts.get(context_name)
    if context is None and flags.context:
        known = ", ".join(sorted(document.contexts)) or "none"
        raise ConfigError(f'error: context "{flags.context}" does not exist (contexts: {known})')
    context = context or {}
    default = environment.get("KUBERNETES_MASTER") or DEFAULT_SERVER
    user_name = flags.user or context.get("user", "")
    user = _user(document, user_name, flags)
    cluster_name = flags.cluster or context.get("cluster", "")
    cluster = _cluster(document, cluster_name, flags, default)
    wrong = [] if context or not context_name else [f"context was not found for specified context: {context_name}"]
    wrong += [*_wrong_user(user_name, user), *_wrong_cluster(cluster_name, cluster)]
    if wrong:
        raise ConfigError(
            f"error: invalid configuration: {wrong[0] if len(wrong) == 1 else '[' + ', '.join(wrong) + ']'}"
        )
    chosen = Settings(
        cluster,
        user,
        user_name,
        context_name,
        flags.namespace or context.get("namespace", "") or _own_namespace(environment) or "default",
        flags.request_timeout,
        _why_default(document, cluster_name) if cluster.server == default and not flags.server else "",
    )
    untouched = cluster == Cluster(default) and not (user.impersonate or flags.request_timeout)
    if untouched and default == DEFAULT_SERVER and _in_pod(environment):
        return _of_pod(flags, environment, chosen.namespace)
    return chosen


def contexts(flags: Flags, environment: Mapping[str, str]) -> list[str]:
    """The names of the contexts that --context takes, sorted. Raises ConfigError."""
    return sorted(merged(_files(flags, environment)).contexts)


def _files(flags: Flags, environment: Mapping[str, str]) -> list[str]:
    """The files that count. One that a flag names must exist; those in KUBECONFIG and the default may be absent."""
    if flags.kubeconfig:
        if not pathlib.Path(flags.kubeconfig).exists():
            raise ConfigError(f"error: stat {flags.kubeconfig}: no such file or directory")
        return [flags.kubeconfig]
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return list(dict.fromkeys(name for name in listed.split(os.pathsep) if name))
    home = home_folder(environment)
    return [str(home / ".kube" / "config")] if home else []


def home_folder(environment: Mapping[str, str]) -> pathlib.Path | None:
    """The folder that holds .kube, None where there is none (client-go: util/homedir).

    One difference: without HOME kubectl reads .kube/config of the working folder. Whoever owns that folder would say which
    plugin we run, so we read nothing.
    """
    if sys.platform == "win32":
        return pathlib.Path.home()
    home = pathlib.Path(environment.get("HOME") or ".")
    return home if home.is_absolute() else None


def _user(document: Document, name: str, flags: Flags) -> User:
    """The user with what flags say over it (client_config.go, getAuthInfo)."""
    if flags.user and flags.user not in document.users:
        raise ConfigError(f'error: auth info "{flags.user}" does not exist')
    user = document.users.get(name, User())
    user = replace(
        user,
        token=flags.token or user.token,
        username=flags.username or user.username,
        password=flags.password or user.password,
        impersonate=flags.impersonate or user.impersonate,
        impersonate_uid=flags.impersonate_uid or user.impersonate_uid,
        impersonate_groups=flags.impersonate_groups or user.impersonate_groups,
    )
    if flags.client_certificate:
        user = replace(user, certificate_file=flags.client_certificate, certificate_data=b"")
    if flags.client_key:
        user = replace(user, key_file=flags.client_key, key_data=b"")
    extra = dict(user.impersonate_extra)
    of_flags: dict[str, tuple[str, ...]] = {}
    for pair in flags.impersonate_extra:
        key, equals, value = pair.partition("=")
        if equals:  # kubectl passes over what is no pair
            of_flags[key] = (*of_flags.get(key, ()), value)
    return replace(user, impersonate_extra=tuple(sorted({**extra, **of_flags}.items())))


def _cluster(document: Document, name: str, flags: Flags, default: str) -> Cluster:
    """The cluster with what flags say over it (client_config.go, getCluster)."""
    if flags.cluster and flags.cluster not in document.clusters:
        raise ConfigError(f'error: cluster "{flags.cluster}" does not exist')
    cluster = document.clusters.get(name, Cluster())
    cluster = replace(cluster, server=flags.server or cluster.server or default)
    if flags.proxy_url:
        cluster = replace(cluster, proxy_url=flags.proxy_url)
    if flags.insecure_skip_tls_verify or flags.certificate_authority:
        # an authority that is named switches the check on again, and the other way round
        cluster = replace(
            cluster,
            insecure=bool(flags.insecure_skip_tls_verify),
            ca_file=flags.certificate_authority,
            ca_data=b"",
        )
    if flags.tls_server_name or flags.server:
        # another server than the kubeconfig's has another name
        cluster = replace(cluster, tls_server_name=flags.tls_server_name)
    return cluster


def _wrong_user(name: str, user: User) -> list[str]:
    """What kubectl refuses in a user (validation.go, validateAuthInfo)."""
    wrong = []
    if user.has_certificate:
        if user.certificate_file and user.certificate_data:
            wrong.append(
                f"client-cert-data and client-cert are both specified for {name}. client-cert-data will override."
            )
        if user.key_file and user.key_data:
            wrong.append(f"client-key-data and client-key are both specified for {name}; client-key-data will override")
        if not user.key_file and not user.key_data:
            wrong.append(
                f"client-key-data or client-key must be specified for {name} to use the clientCert authentication method."
            )
        for what, path in (("client-cert", user.certificate_file), ("client-key", user.key_file)):
            wrong += _unreadable(what, path, name)
    if user.plugin is not None:
        wrong += _wrong_plugin(name, user)
    if user.token and (user.username or user.password):
        wrong.append(
            f"more than one authentication method found for {name}; found [token basicAuth], only one is allowed"
        )
    if (user.impersonate_uid or user.impersonate_groups or user.impersonate_extra) and not user.impersonate:
        wrong.append(f"requesting uid, groups or user-extra for {name} without impersonating a user")
    return wrong


def _wrong_plugin(name: str, user: User) -> list[str]:
    plugin = user.plugin
    if plugin is None:
        return []
    to_use = f"must be specified for {name} to use exec authentication plugin"
    wrong = []
    if user.auth_provider is not None:
        wrong.append(f"authProvider cannot be provided in combination with an exec plugin for {name}")
    if not plugin.command:
        wrong.append(f"command {to_use}")
    if not plugin.api_version:
        wrong.append(f"apiVersion {to_use}")
    if not all(variable for variable, _ in plugin.environment):
        wrong.append(f"env variable name {to_use}")
    if not plugin.interactive_mode:
        wrong.append(f"interactiveMode {to_use}")
    elif plugin.interactive_mode not in ("Never", "IfAvailable", "Always"):
        wrong.append(f'invalid interactiveMode for {name}: "{plugin.interactive_mode}"')
    return wrong


def _wrong_cluster(name: str, cluster: Cluster) -> list[str]:
    """What kubectl refuses in a cluster (validation.go, validateClusterInfo)."""
    wrong = []
    scheme = _scheme(cluster.proxy_url)
    if cluster.proxy_url and scheme not in ("http", "https", "socks5"):
        wrong.append(
            f'invalid \'proxy-url\' "{cluster.proxy_url}" for cluster "{name}": '
            f'unsupported scheme "{scheme}", must be http, https, or socks5'
        )
    if cluster.ca_file and cluster.ca_data:
        wrong.append(
            f"certificate-authority-data and certificate-authority are both specified for {name}. "
            "certificate-authority-data will override."
        )
    return wrong + _unreadable("certificate-authority", cluster.ca_file, name)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _unreadable(what: str, path: str, name: str) -> list[str]:
    if not path:
        return []
    try:
        with pathlib.Path(path).open("rb"):
            return []
    except OSError as error:
        return [f"unable to read {what} {path} for {name} due to open {path}: {(error.strerror or str(error)).lower()}"]


def _why_default(document: Document, cluster_name: str) -> str:
    if not document.read:
        return "no kubeconfig: ~/.kube/config does not exist and KUBECONFIG is not set (use --kubeconfig FILE)"
    if cluster_name:
        return f'the kubeconfig has no server for the cluster "{cluster_name}"'
    return "the kubeconfig has no current context (use --context NAME)"


def _in_pod(environment: Mapping[str, str]) -> bool:
    """merged_client_builder.go and client_config.go, Possible."""
    named = environment.get("KUBERNETES_SERVICE_HOST") and environment.get("KUBERNETES_SERVICE_PORT")
    return bool(named) and (IN_CLUSTER / "token").is_file()


def _own_namespace(environment: Mapping[str, str]) -> str:
    """The namespace of the pod that we run in, "" outside of one (client_config.go, inClusterClientConfig.Namespace)."""
    if not _in_pod(environment):
        return ""
    if environment.get("POD_NAMESPACE"):
        return environment["POD_NAMESPACE"]
    try:
        return (IN_CLUSTER / "namespace").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _of_pod(flags: Flags, environment: Mapping[str, str], namespace: str) -> Settings:
    """The service account of the pod that we run in (rest/config.go, InClusterConfig). Of the flags only these count there."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    ca = IN_CLUSTER / "ca.crt"
    return Settings(
        Cluster(f"https://{host}:{port}", ca_file=flags.certificate_authority or (str(ca) if ca.exists() else "")),
        User(token=flags.token, token_file="" if flags.token else str(IN_CLUSTER / "token")),
        "the pod's service account",
        namespace=namespace,
        timeout=flags.request_timeout,
    )

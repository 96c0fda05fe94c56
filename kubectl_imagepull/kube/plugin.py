"""Credential plugins: which may run, how one is asked, and what it answers.

Followed: client-go, plugin/pkg/client/auth/exec/exec.go and rest/exec.go, and kubectl, pkg/kuberc, all of v0.37.2.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import ConfigError
from ..text import printable
from .config import home_folder
from .kubeconfig import Cluster, Plugin

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
INSTALL_HELP = (
    "It looks like you are trying to use a client-go credential plugin that is not installed. To learn more about this feature, "
    "consult the documentation available at: "
    "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins"
)


@dataclass(frozen=True, repr=False)
class Pair:
    """A client certificate with its key, both in PEM."""

    certificate: bytes
    """The certificate, and what it was issued by behind it."""
    key: bytes
    """Its private key."""


@dataclass(frozen=True, repr=False)
class Made:
    """What a plugin has made."""

    token: str
    """A bearer token, "" for none."""
    pair: Pair | None
    """A client certificate."""
    until: float | None
    """When it ends, in seconds since 1970; None: it does not say."""


def bytes_of(path: str) -> bytes:
    """What a file of the kubeconfig holds. Raises ConfigError."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"error: open {path}: {(error.strerror or str(error)).lower()}") from None


def ask(plugin: Plugin, cluster: Cluster, environment: Mapping[str, str]) -> Made:
    """Run the plugin once; what it says on stderr (a code for a browser, say) goes to ours. Raises ConfigError."""
    where = "error: getting credentials: "
    if plugin.api_version not in VERSIONS:
        raise ConfigError(f'error: exec plugin: invalid apiVersion "{plugin.api_version}"')
    interactive = _interactive(plugin)
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.cluster_info:
        spec["cluster"] = _cluster_info(cluster)
    info = {"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec}
    variables = {**environment, **dict(plugin.environment), "KUBERNETES_EXEC_INFO": json.dumps(info)}
    # our own PATH says where it is, not the one that it is given
    program = shutil.which(plugin.command, path=environment.get("PATH")) or plugin.command
    try:
        ran = subprocess.run(
            [program, *plugin.arguments],
            env=variables,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except FileNotFoundError:
        hint = f" {printable(plugin.install_hint)}" if plugin.install_hint else ""
        raise ConfigError(f"{where}exec: executable {plugin.command} not found. {INSTALL_HELP}{hint}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}exec: {plugin.command}: {str(error) or type(error).__name__}") from None
    if ran.returncode:
        raise ConfigError(f"{where}exec: executable {plugin.command} failed with exit code {ran.returncode}")
    return _read_answer(plugin, ran.stdout, where)


def _interactive(plugin: Plugin) -> bool:
    terminal = sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not terminal:
        raise ConfigError(
            "error: getting credentials: exec plugin cannot support interactive mode: standard input is not a terminal"
        )
    return terminal and plugin.interactive_mode != "Never"


def _cluster_info(cluster: Cluster) -> dict[str, Any]:
    """What a plugin is told of the cluster (rest/exec.go, ConfigToExecCluster)."""
    data = cluster.ca_data or (bytes_of(cluster.ca_file) if cluster.ca_file else b"")
    found: dict[str, Any] = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure,
        "certificate-authority-data": base64.b64encode(data).decode(),
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
    }
    return {**{key: value for key, value in found.items() if value}, "config": cluster.for_plugin}


def _read_answer(plugin: Plugin, stdout: bytes, where: str) -> Made:
    try:
        document = json.loads(stdout)
        if not isinstance(document, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise ConfigError(f"{where}decoding stdout: {plugin.command} does not answer with an ExecCredential") from None
    said = str(document.get("apiVersion", ""))
    if document.get("kind") != "ExecCredential" or said not in VERSIONS:
        raise ConfigError(f"{where}decoding stdout: {plugin.command} does not answer with an ExecCredential")
    if said != plugin.api_version:
        raise ConfigError(
            f"{where}exec plugin is configured to use API version {plugin.api_version}, plugin returned version {said}"
        )
    status = document.get("status")
    if not isinstance(status, dict):
        raise ConfigError(f"{where}exec plugin didn't return a status field")
    token, certificate, key = (status.get(name) or "" for name in ("token", "clientCertificateData", "clientKeyData"))
    until = status.get("expirationTimestamp")
    if not all(isinstance(value, str) for value in (token, certificate, key, until or "")):
        raise ConfigError(f"{where}decoding stdout: the status of {plugin.command} holds something that is no text")
    if not (token or certificate or key):
        raise ConfigError(f"{where}exec plugin didn't return a token or cert/key pair")
    if bool(certificate) != bool(key):
        raise ConfigError(f"{where}exec plugin returned only certificate or key, not both")
    return Made(token, Pair(certificate.encode(), key.encode()) if key else None, _when(until, where))


def _when(text: str | None, where: str) -> float | None:
    """An RFC 3339 time in seconds since 1970."""
    if not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise ConfigError(f'{where}decoding stdout: expirationTimestamp "{text[:40]}" is no time') from None


def plugin_policy(kuberc: str, environment: Mapping[str, str]) -> Callable[[Plugin], None]:
    """What the user's kuberc says of credential plugins -> raises ConfigError for one that may not run.

    kuberc: the file that --kuberc names, "" for none. Followed: kubectl, pkg/kuberc (kuberc.go, marshal.go) of v0.37.2, and
    client-go's exec.go, checkAllowlistLocked. kubectl 1.32 has no such policy and runs every plugin.
    """
    path, explicit = _kuberc_file(kuberc, environment)
    policy: dict[str, Any] = {}
    if path:
        policy = _preference(path, explicit)
    kind, listed = str(policy.get("credentialPluginPolicy") or ""), policy.get("credentialPluginAllowlist")
    wrong = _wrong_policy(kind, listed)
    if wrong:
        raise ConfigError(f"error: kuberc {path}: {wrong}")
    allowed = [_command(entry) for entry in listed or []]

    def check(plugin: Plugin) -> None:
        command = os.path.normpath(plugin.command)
        if kind == "DenyAll":
            raise ConfigError(f'error: getting credentials: plugin "{command}" not allowed: policy set to "DenyAll"')
        if kind != "Allowlist" or command in allowed:
            return
        resolved = shutil.which(command, path=environment.get("PATH")) or command
        if resolved not in {*allowed, *(shutil.which(one, path=environment.get("PATH")) for one in allowed)}:
            raise ConfigError(
                f'error: getting credentials: plugin path "{resolved}" is not permitted by the credential plugin allowlist'
            )

    return check


def _kuberc_file(kuberc: str, environment: Mapping[str, str]) -> tuple[str, bool]:
    """(path, whether it was asked for); ("", False): none is read (kuberc.go, LoadKuberc)."""
    named = environment.get("KUBERC", "")
    if named == "off":
        if kuberc:
            raise ConfigError("error: disabling kuberc via KUBERC=off and passing kuberc flag are mutually exclusive")
        return "", False
    if kuberc or named:
        return kuberc or named, True
    home = home_folder(environment)
    return (str(home / ".kube" / "kuberc"), False) if home else ("", False)


def _preference(path: str, explicit: bool) -> dict[str, Any]:
    """The first Preference of the file. One that was not asked for and cannot be read counts as none, as for kubectl."""
    try:
        with pathlib.Path(path).open(encoding="utf-8") as file:
            for document in yaml.safe_load_all(file):
                kind = document.get("kind") if isinstance(document, dict) else None
                if kind == "Preference" and str(document.get("apiVersion", "")).startswith("kubectl.config.k8s.io/"):
                    return dict(document)
        problem = "no valid preferences found"
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = error.strerror or "" if isinstance(error, OSError) else " ".join(str(error).split())[:200]
    if explicit:
        raise ConfigError(f"error: kuberc error: kuberc: {path}: {problem.lower()}")
    return {}


def _wrong_policy(kind: str, listed: Any) -> str:
    """exec.go, ValidatePluginPolicy. "" for a policy that can be used."""
    if kind in ("", "AllowAll", "DenyAll"):
        return "" if listed is None else f'the plugin policy is "{kind}" but there is an allowlist'
    if kind != "Allowlist":
        return f'unknown plugin policy: "{kind}"'
    if not isinstance(listed, list) or not listed:
        return 'the credential plugin policy is "Allowlist", but the allowlist is empty'
    for entry in listed:
        command = _command(entry)
        if not command or os.path.normpath(command) != command:
            return f'the allowlist has an entry without a path in its shortest form: "{command}"'
    return ""


def _command(entry: Any) -> str:
    """`command`, or the deprecated `name` (kubectl: pkg/config/v1beta1/types.go, AllowlistEntry)."""
    found = entry.get("command") or entry.get("name") if isinstance(entry, dict) else ""
    return found if isinstance(found, str) else ""

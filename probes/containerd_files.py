"""containerd's registry configuration: config.toml with what it imports, and hosts.toml.

containerd: internal/cri/config, plugins/cri/images/plugin.go, core/remotes/docker/config/hosts.go, docs/hosts.md.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import posixpath
import re
from typing import Any, Dict, List, Optional, Tuple

import tomli

from .asked import HUB, HUB_HOST, Node, Pull
from .endpoints import MOST_ENDPOINTS, Endpoint, Found, of_registry, problem, split_url, unusable_files
from .host_files import config, files_in, is_folder, searchable
from .seen import printable

CONFIG = "/etc/containerd/config.toml"
DEFAULT_PATHS = ("/etc/containerd/certs.d", "/etc/docker/certs.d")
"""Where containerd looks from version 2.2 on when its configuration says nothing of registries."""
SECTIONS = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images")
"""containerd 1.x and 2.x name the section differently (docs/cri/registry.md)."""
MOST_IMPORTS = 20
_DURATION = re.compile(r"[+-]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+")


def look(root: str, pull: Pull, node: Node, config_file: str = "") -> Found:
    """The endpoints of an image. config_file: as the runtime's unit names it, "" where no unit was seen."""
    own = itself(pull)
    sections, trouble = _sections(root, config_file or CONFIG)
    if trouble is not None:
        if trouble.outcome != "unknown" or not config_file:
            return dataclasses.replace(trouble, endpoints=(own,))
        sections = []  # it runs without the file, by its defaults
    merged: Dict[str, Any] = {}
    for section in sections:
        _merge(merged, section)
    path = merged.get("config_path")
    mirrors = merged.get("mirrors")
    if isinstance(path, str) and path:
        return from_directories(root, [p for p in path.split(":") if p], pull, own)
    if isinstance(mirrors, dict) and mirrors:
        return _legacy(root, merged, mirrors, pull, own, config_file or CONFIG)
    if node.version >= (2, 2):
        return from_directories(root, list(DEFAULT_PATHS), pull, own)
    own = _configured(own, _table(merged, "configs"))
    return Found("default", (own,), config_file or CONFIG)


def _table(document: Dict[str, Any], name: str) -> Dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def itself(pull: Pull) -> Endpoint:
    """The registry itself. On the local host TLS comes first, unchecked, then plain HTTP (hosts.go ConfigureHosts)."""
    own = of_registry(pull)
    local = own.host in ("localhost", "::1") or own.host.startswith("127.")
    if local and own.scheme == "http" and own.port != 80:
        return dataclasses.replace(own, scheme="https", skip_verify=True, plain=True)
    return own


def _sections(root: str, first: str) -> Tuple[List[Dict[str, Any]], Optional[Found]]:
    """The registry sections of the file and of all that it imports, in the order in which containerd reads them."""
    found: List[Dict[str, Any]] = []
    done: List[str] = []
    pending = [first]
    while pending and len(done) < MOST_IMPORTS:
        name = pending.pop(0)
        if name in done:
            continue
        done.append(name)
        read = config(root, name)
        if read.text is None:
            if name != first and read.why == "absent":
                continue  # surely gone, or not mounted: what it would say is not known, and mostly not about registries
            return [], Found("unknown" if read.why == "absent" else "unreadable", (), name)
        try:
            document = tomli.loads(read.text)
        except (tomli.TOMLDecodeError, RecursionError) as error:
            return [], Found("invalid", (), name, (problem(name, f"does not parse: {printable(error, 120)}"),))
        found.append(_registry_section(document))
        imports = document.get("imports")
        for pattern in imports[:MOST_IMPORTS] if isinstance(imports, list) else []:
            if isinstance(pattern, str):
                pending += _matching(root, posixpath.normpath(posixpath.join(posixpath.dirname(name), pattern)))
    return found, None


def _matching(root: str, pattern: str) -> List[str]:
    """The host's files of an import: a star in the name of the file is a glob, as it is used (Go: path/filepath Glob)."""
    folder, name = posixpath.split(pattern)
    if "*" not in name:
        return [pattern]
    return [path for path in files_in(root, folder, "") if fnmatch.fnmatchcase(posixpath.basename(path), name)]


def _registry_section(document: Dict[str, Any]) -> Dict[str, Any]:
    plugins = document.get("plugins")
    for name in SECTIONS:
        plugin = plugins.get(name) if isinstance(plugins, dict) else None
        registry = plugin.get("registry") if isinstance(plugin, dict) else None
        if isinstance(registry, dict):
            return registry
    return {}


def _merge(into: Dict[str, Any], more: Dict[str, Any]) -> None:
    """Tables are merged, everything else is replaced (cmd/containerd/server/config mergeConfig)."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _legacy(root: str, merged: Dict[str, Any], mirrors: Dict[str, Any], pull: Pull, own: Endpoint, file: str) -> Found:
    """`registry.mirrors`, deprecated and still read when there is no config_path; "*" is for every registry."""
    chosen = mirrors.get(pull.domain) or mirrors.get("*")
    listed = chosen.get("endpoint") if isinstance(chosen, dict) else None
    urls = [u for u in listed if isinstance(u, str)] if isinstance(listed, list) else []
    configs = _table(merged, "configs")
    found = []
    for url in urls[:MOST_ENDPOINTS]:
        end = _endpoint(url, {}, "", pull, own)
        if end is not None:
            hub = end.host == HUB
            end = dataclasses.replace(end, host=HUB_HOST, role="registry", ns="") if hub else end
            found.append(_configured(end, configs))
    own = _configured(own, configs)
    ends = [e for e in found if e.label == own.label]
    both = tuple(found if ends else [*found, own])
    problems = unusable_files(root, file, both)
    return Found("invalid" if problems else "configured" if found else "default", both, file, problems)


def _configured(end: Endpoint, configs: Dict[str, Any]) -> Endpoint:
    """The endpoint with `registry.configs."host"`: its trust, and whether the node has a login of its own for it."""
    table = configs.get(HUB if end.host == HUB_HOST else end.label)
    if not isinstance(table, dict):
        return end
    return with_tls(end, _table(table, "tls"), bool(table.get("auth")))


def with_tls(end: Endpoint, tls: Dict[str, Any], login: bool) -> Endpoint:
    """The endpoint with ca_file, cert_file, key_file and insecure_skip_verify, as containerd and k3s write them."""
    files = {k: tls[k] for k in ("ca_file", "cert_file", "key_file") if isinstance(tls.get(k), str) and tls[k]}
    return dataclasses.replace(
        end,
        ca=(files["ca_file"],) if "ca_file" in files else end.ca,
        client=((files["cert_file"], files.get("key_file", "")),) if "cert_file" in files else end.client,
        skip_verify=tls.get("insecure_skip_verify") is True or end.skip_verify,
        login=login or end.login,
    )


def from_directories(root: str, paths: List[str], pull: Pull, own: Endpoint) -> Found:
    """The first directory that exists for the registry (core/remotes/docker/config/config_unix.go hostPaths)."""
    name = pull.domain
    bare, _, port = name.partition(":")
    wanted = ([f"{bare}_{port}_"] if port else []) + [name, "_default"]
    for path in paths:
        if is_folder(root, path) and not searchable(root, path):
            return Found("unreadable", (own,), path)
        for folder in wanted:
            directory = f"{path.rstrip('/')}/{folder}"
            if is_folder(root, directory):
                return from_directory(root, directory, pull, own)
    return Found("default", (own,), ":".join(paths))


def from_directory(root: str, directory: str, pull: Pull, own: Endpoint) -> Found:
    """What a registry's directory says."""
    file = f"{directory}/hosts.toml"
    read = config(root, file)
    if read.text is None and read.why != "absent":
        return Found("unreadable", (own,), file)
    if not read.text:
        return _docker_layout(root, directory, own)
    try:
        document = tomli.loads(read.text)
        why = _shape(document)
    except (tomli.TOMLDecodeError, RecursionError) as error:
        why = f"does not parse: {printable(error, 120)}"
    if why:
        # containerd logs it and goes on without the file (hosts.go loadHostDir)
        left = _docker_layout(root, directory, own)
        return Found("invalid", left.endpoints, file, (problem(file, why), *left.problems))
    hosts = document.get("host") or {}
    found = [_endpoint(url, table, directory, pull, own) for url, table in list(hosts.items())[:MOST_ENDPOINTS]]
    server = document.get("server")
    if isinstance(server, str) and server:
        found.append(_endpoint(server, document, directory, pull, own))
    else:
        # capabilities and override_path at the root are for `server`; trust and headers apply to the registry too
        found.append(_trusting(own, document, directory))
    known = tuple(e for e in found if e is not None)
    problems = unusable_files(root, file, known)
    return Found("invalid" if problems else "configured", known or (own,), file, problems)


def _docker_layout(root: str, directory: str, own: Endpoint) -> Found:
    """Without a hosts.toml: *.crt are authorities, *.cert and *.key a client's pair (hosts.go loadCertFiles)."""
    ca = tuple(files_in(root, directory, ".crt", 20))
    keys = set(files_in(root, directory, ".key"))
    pairs = [(cert, cert[:-5] + ".key") for cert in files_in(root, directory, ".cert", 20)]
    client = tuple((cert, key if key in keys else "") for cert, key in pairs)
    ends = (dataclasses.replace(own, ca=ca, client=client),)
    problems = unusable_files(root, directory, ends)
    return Found("invalid" if problems else "configured", ends, directory, problems)


def _shape(document: Dict[str, Any]) -> str:
    """Why containerd would not take a file that is good TOML, or ""."""
    hosts = document.get("host", {})
    if not isinstance(hosts, dict) or not all(isinstance(table, dict) for table in hosts.values()):
        return "[host] is not a table of tables"
    if not isinstance(document.get("server", ""), str):
        return "server is a URL"
    for table in (document, *hosts.values()):
        kinds = table.get("capabilities", [])
        if not isinstance(kinds, list) or not all(
            str(k).lower() in ("pull", "resolve", "push", "referrers") for k in kinds
        ):
            return "capabilities are a list of pull, resolve, push and referrers"
        if not isinstance(table.get("skip_verify", False), bool):
            return "skip_verify is true or false"
        if not isinstance(table.get("override_path", False), bool):
            return "override_path is true or false"
        if not isinstance(table.get("ca", ""), (str, list)):
            return "ca is a path or a list of paths"
        if _pairs(table.get("client"), "") is None:
            return "client is a path, a list of paths, or a list of pairs of certificate and key"
        timeout = table.get("dial_timeout", "")
        if not isinstance(timeout, str) or (timeout and not _DURATION.fullmatch(timeout)):
            return "dial_timeout is a duration such as 10s"
        headers = table.get("header", {})
        if not isinstance(headers, dict) or not all(isinstance(v, (str, list)) for v in headers.values()):
            return "header is a table of texts or lists of texts"
    return ""


def _pairs(value: Any, directory: str) -> Optional[Tuple[Tuple[str, str], ...]]:
    """The pairs of `client` (certificate, key; "" for a key in the same file), None for what containerd refuses."""
    listed = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        return None
    found = []
    for item in listed:
        both = [item, ""] if isinstance(item, str) else item
        if not isinstance(both, list) or len(both) != 2 or not all(isinstance(path, str) for path in both):
            return None
        found.append((_absolute(both[0], directory), _absolute(both[1], directory) if both[1] else ""))
    return tuple(found)


def _absolute(path: str, directory: str) -> str:
    return path if path.startswith("/") else f"{directory}/{path}"


def _endpoint(url: str, table: Dict[str, Any], directory: str, pull: Pull, own: Endpoint) -> Optional[Endpoint]:
    parts = split_url(url if url.startswith("http") else f"https://{url}")
    if parts is None:
        return None
    scheme, host, port, path = parts
    if not path.endswith("/v2") and table.get("override_path") is not True:
        path += "/v2"
    same = (host, port) == (own.host, own.port)
    kinds = [str(k).lower() for k in table.get("capabilities") or ["pull", "resolve"]]
    end = Endpoint(
        "registry" if same else "mirror",
        scheme,
        host,
        port,
        path,
        "" if same else pull.domain,
        resolve="resolve" in kinds,
        pull="pull" in kinds,
    )
    return _trusting(end, table, directory)


def _trusting(end: Endpoint, table: Dict[str, Any], directory: str) -> Endpoint:
    """The endpoint with a table's trust and headers. With them, plain HTTP on a port of its own comes second only
    (hosts.go: "host will try HTTPS first")."""
    listed = table.get("ca") or []
    files = [f for f in ([listed] if isinstance(listed, str) else listed) if isinstance(f, str)]
    headers = table.get("header")
    explicit = any(k in table for k in ("ca", "client", "skip_verify"))
    https_first = explicit and end.scheme == "http" and end.port != 80
    return dataclasses.replace(
        end,
        ca=tuple(_absolute(f, directory) for f in files[:20]),
        skip_verify=table.get("skip_verify", end.skip_verify) is True,
        client=(_pairs(table.get("client"), directory) or ())[:5],
        headers=tuple(sorted(headers)[:20]) if isinstance(headers, dict) else (),
        scheme="https" if https_first else end.scheme,
        plain=https_first or end.plain,
    )

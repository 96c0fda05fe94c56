"""Which endpoints does this node's containerd ask for an image, in which order and with which trust?

Read from the host's files below a root. Nothing of it holds a credential when it leaves: headers, keys and logins are never
read further than their names.
"""

from __future__ import annotations

import contextlib
import glob
import ipaddress
import os
import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

import tomli

from .host_files import below, read
from .seen import Seen, printable

CONFIG = "/etc/containerd/config.toml"
DROP_INS = "/etc/containerd/conf.d"
# containerd 1.x and 2.x name the section differently (docs/cri/registry.md)
SECTIONS = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images")
HUB = "docker.io"
UNITS = ("containerd", "crio", "docker", "k3s", "k3s-agent", "rke2-server", "rke2-agent")
ENVIRONMENTS = ("/etc/default", "/etc/sysconfig")
MOST_ENDPOINTS = 8


@dataclass(frozen=True)
class Endpoint:
    """One place that the runtime asks. prefix: the path before the repository; ns: the registry that a mirror is told it
    stands in for; ca: files on the host, () for the system's bundle; resolve, pull: whether it is asked for tags, digests."""

    role: str
    scheme: str
    host: str
    port: int
    prefix: str = "/v2"
    ns: str = ""
    ca: Tuple[str, ...] = ()
    skip_verify: bool = False
    resolve: bool = True
    pull: bool = True

    @property
    def label(self) -> str:
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Found:
    """What was found for one registry. endpoints: in the runtime's order, the registry itself among them unless a `server`
    stands for it. outcome: default | configured | invalid | unreadable | unknown; problems: what cannot be used, by file."""

    outcome: str
    endpoints: Tuple[Endpoint, ...]
    source: str = ""
    problems: Tuple[Dict[str, str], ...] = ()
    proxy: Dict[str, str] = field(default_factory=dict)

    def seen(self) -> Seen:
        """The same as an observation."""
        listed = [
            {
                "role": e.role,
                "host": e.label,
                "scheme": e.scheme,
                "prefix": e.prefix,
                "skip_verify": e.skip_verify,
                "ca": list(e.ca),
                "resolve": e.resolve,
                "pull": e.pull,
            }
            for e in self.endpoints
        ]
        said = {
            "default": "no mirror is configured for it",
            "configured": f"{self.source}: {', then '.join(e.label for e in self.endpoints)}",
            "unreadable": f"{self.source} cannot be read by the probe, so mirrors are unknown",
            "unknown": "no containerd configuration was found, so mirrors are unknown",
        }.get(self.outcome, "")
        if self.problems:
            said = "; ".join(f"{p['file']}: {p['problem']}" for p in self.problems[:3])
        data = {"endpoints": listed, "source": self.source, "problems": list(self.problems), "proxy": self.proxy}
        return Seen(self.outcome, printable(said, 500), data)


def endpoints_for(root: str, scheme: str, host: str, port: int) -> Found:
    """The endpoints of a registry on the host below root. Never raises."""
    own = Endpoint("registry", scheme, host, port)
    text = read(root, CONFIG)
    if text is None:
        where = below(root, CONFIG)
        there = where is not None and os.path.exists(where)
        return Found("unreadable" if there else "unknown", (own,), CONFIG)
    sections: List[Dict[str, Any]] = []
    for name in (CONFIG, *_drop_ins(root)):
        try:
            sections.append(_registry_section(tomli.loads(read(root, name) or "")))
        except (tomli.TOMLDecodeError, RecursionError) as error:
            problem = {"file": name, "problem": f"does not parse: {printable(error, 120)}"}
            return Found("invalid", (own,), name, (problem,))
    merged: Dict[str, Any] = {}
    for section in sections:
        merged.update(section)
    path = merged.get("config_path")
    name = HUB if host == "registry-1.docker.io" else own.label
    if isinstance(path, str) and path:
        return _from_directories(root, [p for p in path.split(":") if p], name, own)
    mirrors = merged.get("mirrors")
    if isinstance(mirrors, dict) and mirrors:
        return _legacy(mirrors, name, own)
    return Found("default", (own,), CONFIG)


def _drop_ins(root: str) -> List[str]:
    where = below(root, DROP_INS)
    found = sorted(glob.glob(f"{where}/*.toml")) if where else []
    return [f"{DROP_INS}/{os.path.basename(path)}" for path in found[:20]]


def _registry_section(document: Dict[str, Any]) -> Dict[str, Any]:
    plugins = document.get("plugins")
    for name in SECTIONS:
        plugin = plugins.get(name) if isinstance(plugins, dict) else None
        registry = plugin.get("registry") if isinstance(plugin, dict) else None
        if isinstance(registry, dict):
            return registry
    return {}


def _legacy(mirrors: Dict[str, Any], name: str, own: Endpoint) -> Found:
    """`registry.mirrors`, deprecated and still read when there is no config_path; "*" is for every registry."""
    chosen = mirrors.get(name) or mirrors.get("*")
    listed = chosen.get("endpoint") if isinstance(chosen, dict) else None
    urls = [u for u in listed if isinstance(u, str)] if isinstance(listed, list) else []
    found = [e for e in (_endpoint(url, {}, "", own) for url in urls[:MOST_ENDPOINTS]) if e]
    ends = [e for e in found if e.label == own.label]
    return Found("configured" if found else "default", tuple(found if ends else [*found, own]), CONFIG)


def _from_directories(root: str, paths: List[str], name: str, own: Endpoint) -> Found:
    """The first directory that exists for the registry (containerd: core/remotes/docker/config/config_unix.go hostPaths)."""
    bare, _, port = name.partition(":")
    wanted = ([f"{bare}_{port}_"] if port else []) + [name, "_default"]
    for path in paths:
        for folder in wanted:
            directory = f"{path.rstrip('/')}/{folder}"
            where = below(root, directory)
            if where is not None and os.path.isdir(where):
                return _from_directory(root, directory, own)
    return Found("default", (own,), ":".join(paths))


def _from_directory(root: str, directory: str, own: Endpoint) -> Found:
    file = f"{directory}/hosts.toml"
    text = read(root, file)
    if text is None:
        where = below(root, file)
        if where is not None and os.path.lexists(where):
            return Found("unreadable", (own,), file)
        return Found("configured", (_with_ca(own, _certificates(root, directory)),), directory)
    try:
        document = tomli.loads(text)
        problem = _shape(document)
    except (tomli.TOMLDecodeError, RecursionError) as error:
        problem = f"does not parse: {printable(error, 120)}"
    if problem:
        # containerd logs it and goes on without the file (core/remotes/docker/config/hosts.go loadHostDir)
        return Found(
            "invalid", (_with_ca(own, _certificates(root, directory)),), file, ({"file": file, "problem": problem},)
        )
    hosts = document.get("host") or {}
    found = []
    for url, table in list(hosts.items())[:MOST_ENDPOINTS]:
        endpoint = _endpoint(url, table, directory, own)
        if endpoint is not None:
            found.append(endpoint)
    server = document.get("server")
    if isinstance(server, str) and server:
        last = _endpoint(server, document, directory, own)
        found += [last] if last is not None else []
    else:
        # capabilities and override_path at the root are for `server`; trust applies to the registry too
        trusting: Dict[str, Any] = {k: document[k] for k in ("ca", "skip_verify") if k in document}
        last = _endpoint(f"{own.scheme}://{own.label}", trusting, directory, own)
        found += [last] if last is not None else []
    problems = tuple(
        {"file": file, "problem": f"ca {path} does not exist", "fatal": "yes"}
        for path in dict.fromkeys(p for e in found for p in e.ca)
        if _surely_absent(root, path)
    )
    return Found("invalid" if problems else "configured", tuple(found) or (own,), file, problems)


def _shape(document: Dict[str, Any]) -> str:
    """Why containerd would not take a file that is good TOML, or ""."""
    hosts = document.get("host", {})
    if not isinstance(hosts, dict) or not all(isinstance(table, dict) for table in hosts.values()):
        return "[host] is not a table of tables"
    for table in (document, *hosts.values()):
        kinds = table.get("capabilities", [])
        if not isinstance(kinds, list) or not all(k in ("pull", "resolve", "push", "referrers") for k in kinds):
            return "capabilities are a list of pull, resolve, push and referrers"
        if not isinstance(table.get("skip_verify", False), bool):
            return "skip_verify is true or false"
        if not isinstance(table.get("ca", ""), (str, list)):
            return "ca is a path or a list of paths"
    return ""


def _endpoint(url: str, table: Dict[str, Any], directory: str, own: Endpoint) -> Optional[Endpoint]:
    try:
        parts = urlsplit(url if url.startswith("http") else f"https://{url}")
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    path = parts.path.rstrip("/")
    if not path.endswith("/v2") and table.get("override_path") is not True:
        path += "/v2"
    same = (parts.hostname, port) == (own.host, own.port)
    listed = table.get("ca") or []
    files = [f for f in ([listed] if isinstance(listed, str) else listed) if isinstance(f, str)]
    kinds = table.get("capabilities") or ["pull", "resolve"]
    return Endpoint(
        "registry" if same else "mirror",
        parts.scheme,
        parts.hostname,
        port,
        path,
        "" if same else HUB if own.host == "registry-1.docker.io" else own.label,
        tuple(f if f.startswith("/") else f"{directory}/{f}" for f in files),
        table.get("skip_verify") is True,
        "resolve" in kinds,
        "pull" in kinds,
    )


def _with_ca(own: Endpoint, ca: Tuple[str, ...]) -> Endpoint:
    return Endpoint(own.role, own.scheme, own.host, own.port, own.prefix, own.ns, ca)


def _certificates(root: str, directory: str) -> Tuple[str, ...]:
    """Docker's layout: every *.crt beside is an authority."""
    where = below(root, directory)
    names = sorted(os.path.basename(p) for p in glob.glob(f"{where}/*.crt")) if where else []
    return tuple(f"{directory}/{name}" for name in names[:20])


def _surely_absent(root: str, path: str) -> bool:
    """True only where the folder that it would be in can be looked into: most of the host is not mounted."""
    where = below(root, path)
    if where is None or os.path.lexists(where):
        return False
    top = root + "/" + path.strip("/").split("/")[0]
    parent = os.path.dirname(where)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    return os.path.isdir(top) and os.access(parent, os.X_OK)


_SETTING = re.compile(r"""(?:^|[\s"'])((?:https?|no|all)_proxy)=("[^"]*"|'[^']*'|[^\s"']*)""", re.I | re.M)
_USERINFO = re.compile(r"//[^/@\s]*@")


def proxy_settings(root: str) -> Dict[str, str]:
    """The proxy settings in the runtime's unit files and environment files, credentials left out.

    -> https_proxy, http_proxy, no_proxy as far as they are set, and source: the last file that set one. Empty: none was
    found there, which does not say that the process has none.
    """
    files = []
    for unit in UNITS:
        base = f"/etc/systemd/system/{unit}.service"
        where = below(root, f"{base}.d")
        names = sorted(os.path.basename(p) for p in glob.glob(f"{where}/*.conf")) if where else []
        files += [base, *(f"{base}.d/{name}" for name in names[:20]), *(f"{folder}/{unit}" for folder in ENVIRONMENTS)]
    found: Dict[str, str] = {}
    for file in files:
        text = read(root, file) or ""
        for line in text.splitlines():
            if line.lstrip().startswith(("#", ";")):
                continue
            for name, value in _SETTING.findall(line.replace("Environment=", " ")):
                found[name.lower()] = printable(_USERINFO.sub("//", value.strip("\"'")), 300)
                found["source"] = file
    return found


def proxy_for(settings: Dict[str, str], endpoint: Endpoint) -> Optional[Tuple[str, int]]:
    """Host and port of the HTTP proxy that a Go program with these settings asks for an endpoint, None for none.

    golang.org/x/net/http/httpproxy: a name in no_proxy stands for itself and all below it, with a dot before it only for those
    below; addresses by themselves or as a network; loopback is always asked directly.
    """
    url = settings.get(f"{endpoint.scheme}_proxy", "")
    if not url or _spared(settings.get("no_proxy", ""), endpoint.host.lower(), endpoint.port):
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and parts.scheme == "http" else None


def _spared(listed: str, host: str, port: int) -> bool:
    address: Any = None
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for entry in (e.strip().lower() for e in listed.split(",")):
        name, _, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        if wanted and wanted != str(port):
            continue
        if entry == "*" or name == host:
            return True
        if address is not None:
            try:
                if address in ipaddress.ip_network(name, strict=False):
                    return True
            except (ValueError, TypeError):
                continue
        elif name and host.endswith("." + name.lstrip("*").lstrip(".")):
            return True
    return False

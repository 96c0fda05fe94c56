"""The runtime's systemd unit: its environment, in which a proxy is named, and the configuration file it is started with.

systemd.unit(5), systemd.exec(5), environment.d; what a shell, apt or dnf is told of a proxy does not count for a service.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

from ..observation import printable
from ..plan import Node
from .endpoints import good_host
from .files import config, files_in, need

UNITS = {
    "containerd": ("containerd",),
    "cri-o": ("crio", "cri-o"),
    "docker": ("cri-docker", "docker"),
    "k3s": ("k3s", "k3s-agent"),
    "rke2": ("rke2-server", "rke2-agent"),
}
FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
"""First wins (systemd.unit(5)); what is in /run is not to be seen from a pod."""
MANAGER = ("/etc/systemd/system.conf", "/etc/systemd/system.conf.d")
ELSEWHERE = ("/etc/environment", "/etc/apt/apt.conf", "/etc/yum.conf", "/etc/dnf/dnf.conf", "/etc/wgetrc")
ELSEWHERE_IN = (("/etc/apt/apt.conf.d", ""), ("/etc/profile.d", ".sh"), ("/etc/environment.d", ".conf"))
MOST_LINES = 5000
MOST_LINE = 8192
MOST_BYTES = 2 << 20
"""Of all these files together."""
MOST_WORDS = 32 << 10
"""Characters of one unit that are split into words, of which some 70,000 take a second."""

_NAMED = re.compile(r"""(?:https?_proxy|acquire::https?::proxy|^\s*proxy)(?:\s*=|\s)\s*["']?([^\s"';]+)""", re.I | re.M)


@dataclass
class Unit:
    """The service as its files describe it."""

    name: str = ""
    """"" where none was found."""
    environment: Dict[str, str] = field(default_factory=dict, repr=False)
    """Its variables."""
    sources: Dict[str, str] = field(default_factory=dict)
    """Variable -> the file that sets it."""
    unread: List[str] = field(default_factory=list)
    """Files of it that could not be read."""
    start: List[str] = field(default_factory=list)
    """The words of ExecStart."""
    _files: List[Tuple[bool, str, str]] = field(default_factory=list)
    """Environment files: (optional, path, the file that names it)."""
    _left: int = MOST_WORDS
    """Characters that may still be split into words."""

    def words(self, value: str, file: str) -> List[str]:
        """The words of a setting; none of one that is too long, then the file counts as unread."""
        self._left -= len(value)
        if self._left < 0:
            if file not in self.unread:
                self.unread.append(file)
            return []
        return _words(value)

    def option(self, *names: str) -> str:
        """The value of an option of the command line, "" where it is not given."""
        for at, word in enumerate(self.start):
            for name in names:
                if word.startswith(f"{name}="):
                    return word[len(name) + 1 :]
                if word == name and at + 1 < len(self.start):
                    return self.start[at + 1]
        return ""


class Host:
    """Where the host's folders are to be found: /etc below root, /usr and /lib below usr (None: not to be seen)."""

    def __init__(self, root: str, usr: Optional[str]) -> None:
        self._root, self._usr = root, usr
        self._left = MOST_BYTES

    def root_of(self, path: str) -> Optional[str]:
        return self._root if path.startswith("/etc/") else self._usr

    def text(self, path: str) -> Tuple[Optional[str], str]:
        """(text, why there is none: absent | …; hidden for what cannot be seen at all)."""
        root = self.root_of(path)
        if root is None:
            return None, "hidden"
        read = config(root, path, max(0, self._left))
        self._left -= len(read.text or "")
        return read.text, read.why

    def need(self, path: str) -> None:
        """A unit names this file."""
        root = self.root_of(path)
        if root is not None:
            need(root, path, "File")

    def files(self, folder: str, ending: str) -> List[str]:
        root = self.root_of(folder + "/")
        return [] if root is None else files_in(root, folder, ending)


def unit_of(host: Host, node: Node) -> Unit:
    """The unit of the node's runtime; of any runtime where it is not known which."""
    names = UNITS.get(node.family) or tuple(n for listed in UNITS.values() for n in listed)
    found = [u for u in (_read(host, name) for name in names) if u is not None]
    for unit in found:
        if any(k.lower().endswith("_proxy") for k in unit.environment):
            return unit
    return found[0] if found else Unit()


def _read(host: Host, name: str) -> Optional[Unit]:
    """A unit with its drop-ins and environment files, None where there is nothing of it."""
    unit = Unit(name)
    main = next((f"{folder}/{name}.service" for folder in FOLDERS if _there(host, f"{folder}/{name}.service")), "")
    drop_ins: Dict[str, str] = {}
    for folder in reversed(FOLDERS):
        for kind in ("service.d", f"{name}.service.d"):
            drop_ins.update({path.rpartition("/")[2]: path for path in host.files(f"{folder}/{kind}", ".conf")})
    mine = [path for path in drop_ins.values() if f"/{name}.service.d/" in path]
    defaults = [f"/etc/default/{name}", f"/etc/sysconfig/{name}"]
    if not main and not mine and not any(_there(host, path) for path in defaults):
        return None
    for file in (MANAGER[0], *host.files(MANAGER[1], ".conf")):
        text, _ = host.text(file)
        for key, value in _settings(text or ""):
            if key == "DefaultEnvironment":
                _assign(unit, value, file)
    for file in filter(None, (main, *(drop_ins[n] for n in sorted(drop_ins)))):
        text, why = host.text(file)
        if text is None and why != "absent":
            unit.unread.append(file)
        for key, value in _settings(text or ""):
            _apply(unit, key, value, file)
    if not main and not any(path in defaults for _, path, _ in unit._files):
        # the unit itself is somewhere else; where it comes from a package it reads these
        unit._files += [(True, path, path) for path in defaults]
    for optional, path, _ in unit._files:
        _environment_file(host, unit, path, optional)
    return unit


def _there(host: Host, path: str) -> bool:
    text, why = host.text(path)
    return text is not None or why not in ("absent", "hidden")


def _settings(text: str) -> List[Tuple[str, str]]:
    """The assignments of a unit file in their order; a backslash at the end of a line goes on in the next."""
    found = []
    lines = text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines()
    for line in lines[:MOST_LINES]:
        line = line.strip()
        if line and line[0] not in "#;[" and "=" in line:
            key, _, value = line.partition("=")
            found.append((key.strip(), value.strip()))
    return found


def _apply(unit: Unit, key: str, value: str, file: str) -> None:
    if key == "Environment":
        if not value:
            unit.environment.clear()
        _assign(unit, value, file)
    elif key == "EnvironmentFile":
        if not value:
            unit._files.clear()
        else:
            optional = value.startswith("-")
            path = value[1:] if optional else value
            unit._files.append((optional, _specified(path, unit.name), file))
    elif key == "UnsetEnvironment":
        for word in unit.words(value, file):
            unit.environment.pop(word.partition("=")[0], None)
    elif key == "PassEnvironment" and any(w.lower().endswith("_proxy") for w in unit.words(value, file)):
        unit.unread.append(f"{file} (PassEnvironment)")
    elif key == "ExecStart":
        unit.start = unit.words(value, file)


def _assign(unit: Unit, value: str, file: str) -> None:
    for word in unit.words(value, file):
        name, equals, text = word.partition("=")
        if equals:
            unit.environment[name] = text.replace("%%", "%")
            unit.sources[name] = file


def _words(value: str) -> List[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _specified(path: str, name: str) -> str:
    """%N, %p, %n and %i as they stand in paths of environment files."""
    for letter, text in (("%N", name), ("%p", name), ("%n", f"{name}.service"), ("%%", "%")):
        path = path.replace(letter, text)
    return path


def _environment_file(host: Host, unit: Unit, path: str, optional: bool) -> None:
    """Its variables stand above those of Environment=, a later file above an earlier one."""
    folder, _, name = path.rpartition("/")
    paths = [path]
    if "*" in name:
        before, _, after = name.partition("*")
        paths = [p for p in host.files(folder, after) if p.rpartition("/")[2].startswith(before)]
    for file in paths:
        host.need(file)
        text, why = host.text(file)
        if text is None:
            if why != "absent":
                unit.unread.append(file)
            continue
        for line in text.splitlines()[:MOST_LINES]:
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith(("#", ";")):
                words = unit.words(value, file)
                unit.environment[name.strip()] = words[0] if words else ""
                unit.sources[name.strip()] = file


# ---- proxies ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proxies:
    """What is known of the runtime's proxies."""

    state: str = "unknown"
    """set | none | unknown."""
    urls: Dict[str, str] = field(default_factory=dict)
    """Scheme -> URL without a login."""
    logins: Tuple[str, ...] = ()
    """The schemes whose URL has a login."""
    spared: str = ""
    """NO_PROXY."""
    source: str = ""
    """The file that sets them."""
    unread: Tuple[str, ...] = ()
    """Files that could not be read."""
    elsewhere: Tuple[str, str] = ("", "")
    """(a proxy that programs of the node use and its runtime does not, the file that says so)."""

    def told(self) -> Dict[str, Any]:
        """As JSON values."""
        data: Dict[str, Any] = {"state": self.state}
        data.update({f"{scheme}_proxy": printable(url, 300) for scheme, url in self.urls.items()})
        if self.spared:
            data["no_proxy"] = printable(self.spared, 300)
        if self.source:
            data["source"] = self.source
        if self.logins:
            data["login"] = True
        if self.unread:
            data["unread"] = [printable(u, 200) for u in self.unread[:5]]
        if self.elsewhere[0]:
            data["elsewhere"] = {"proxy": self.elsewhere[0], "file": self.elsewhere[1]}
        return data


def proxies_of(host: Host, unit: Unit, node: Node) -> Proxies:
    """The proxies of the runtime's unit. Go takes HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in upper case before lower case, and
    nothing else (golang.org/x/net/http/httpproxy FromEnvironment)."""
    urls, logins, source = {}, [], ""
    prefixes = ("CONTAINERD_", "") if node.family in ("k3s", "rke2") else ("",)  # k3s: docs/advanced.md, HTTP proxy

    def value_of(name: str) -> Tuple[str, str]:
        for prefix in prefixes:
            for written in (prefix + name, (prefix + name).lower()):
                if unit.environment.get(written):
                    return unit.environment[written], unit.sources.get(written, "")
        return "", ""

    for scheme in ("https", "http"):
        value, file = value_of(f"{scheme.upper()}_PROXY")
        if value:
            urls[scheme], login = _without_login(value)
            source = source or file
            if login:
                logins.append(scheme)
    state = "set" if urls else "unknown" if unit.unread or not unit.name or not unit.start else "none"
    spared, _ = value_of("NO_PROXY")
    return Proxies(
        state, urls, tuple(logins), spared, source, tuple(unit.unread), ("", "") if urls else _elsewhere(host)
    )


def _without_login(text: str) -> Tuple[str, bool]:
    """(the URL of a proxy without its login, whether it has one); whatever the password is made of, it ends at the last @."""
    scheme, _, rest = text.partition("://") if "://" in text.partition("@")[0] else ("http", "", text)
    before, at, after = rest.rpartition("@")
    return f"{scheme}://{after}", bool(at and before)


def _elsewhere(host: Host) -> Tuple[str, str]:
    """(host:port of a proxy, file) as a login shell or a package manager of the node uses it."""
    listed = [*ELSEWHERE, *(path for folder, ending in ELSEWHERE_IN for path in host.files(folder, ending))]
    for file in dict.fromkeys(listed):
        text, _ = host.text(file)
        for line in (text or "").splitlines()[:MOST_LINES]:
            found = (
                _NAMED.search(line)
                if len(line) <= MOST_LINE and not line.lstrip().startswith(("#", "//", ";"))
                else None
            )
            if found:
                parts = _parts(_without_login(found[1])[0])
                if parts is not None:
                    return f"{parts[1]}:{parts[2]}", file
    return "", ""


@dataclass(frozen=True)
class Proxy:
    """One proxy as it is asked."""

    host: str
    """Its name or address."""
    port: int
    """Its port."""
    scheme: str = "http"
    """What it speaks: http, https, socks5, …"""
    login: bool = False
    """The runtime has credentials for it, the probe does not."""

    @property
    def label(self) -> str:
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


def proxy_for(proxies: Proxies, scheme: str, host: str, port: int) -> Optional[Proxy]:
    """The proxy that a Go program asks for this host, None for none (httpproxy proxyForURL, useProxy)."""
    url = proxies.urls.get(scheme, "")
    if not url or _spared(proxies.spared, host.lower(), port):
        return None
    parts = _parts(url)
    return None if parts is None else Proxy(parts[1], parts[2], parts[0], scheme in proxies.logins)


def _parts(url: str) -> Optional[Tuple[str, str, int]]:
    """(scheme, host, port) of a proxy's URL, None for what is none."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or {"https": 443, "socks5": 1080, "socks5h": 1080}.get(parts.scheme, 80)
        host = parts.hostname or ""
    except ValueError:
        return None
    return (parts.scheme, host, port) if good_host(host) else None


def _spared(listed: str, host: str, port: int) -> bool:
    """True where NO_PROXY or loopback keeps the host from the proxy."""
    address: Any = None
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for entry in (e.strip().lower() for e in listed.split(",")):
        if entry == "*":
            return True
        if "/" in entry:
            with contextlib.suppress(ValueError, TypeError):
                if address is not None and address in ipaddress.ip_network(entry, strict=False):
                    return True
            continue
        name, wanted = entry, ""
        split = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d+)", entry)
        if split:
            name, wanted = split[1].strip("[]"), split[2]
        if not name or (wanted and wanted != str(port)):
            continue
        if address is not None:
            with contextlib.suppress(ValueError):
                if ipaddress.ip_address(name) == address:
                    return True
            continue
        name = name[1:] if name.startswith("*.") else name
        if host.endswith(name if name.startswith(".") else f".{name}") or host == name:
            return True
    return False

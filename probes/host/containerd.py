"""containerd's registry configuration: config.toml with what it imports, and hosts.toml.

containerd: internal/cri/config, plugins/cri/images/plugin.go, cmd/containerd/server/config, core/remotes/docker/config/hosts.go.
What differs between versions stands in `runtime_settings`.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import posixpath
import re
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .. import bounded
from ..observation import printable
from ..plan import Node, Pull
from .endpoints import MOST_ENDPOINTS, Endpoint, Found, of_registry, problem, split_url, unusable_files
from .files import config, files_in, hidden, is_folder, need, searchable
from .settings import Version, effect

CONFIG = "/etc/containerd/config.toml"
DEFAULT_PATHS = "/etc/containerd/certs.d:/etc/docker/certs.d"
"""What config_path is from version 2.2 on where it is not set: a list, which only the local pull splits."""
OLD, NEW = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images"
"""How containerd 1.x and 2.x name the section of images (docs/cri/registry.md)."""
MOST_IMPORTS = 20
_DURATION = re.compile(r"[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")
_CAPABILITIES = ("pull", "resolve", "push", "referrers")
_MIGRATED = ("registry", "max_concurrent_downloads", "image_pull_with_sync_fs")
_MIGRATED_DEEPER = ("disable_snapshot_annotations", "discard_unpacked_layers")
"""Keys of the old section, and of its table `containerd`, that 2.x carries over (plugin.go migrateConfig)."""


class _Dead(Exception):
    """containerd, or its CRI plugin, does not start with this file. str(): why."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(why)
        self.file = file


class _Chance(Exception):
    """Two names of one plugin in a file of version 1: the later in the order of a Go map counts (config.go v1Migrate). str(): the
    file."""


class _Unread(Exception):
    """A file that could not be read. str(): its name; absent: it is not there to be seen."""

    def __init__(self, file: str, absent: bool) -> None:
        super().__init__(file)
        self.absent = absent


def look(root: str, pull: Pull, node: Node, config_file: str = "") -> Found:
    """The endpoints of an image. config_file: as the runtime's unit names it, "" where no unit was seen."""
    own = itself(pull)
    file = config_file or CONFIG
    try:
        section = _images_section(root, file, node.release)
    except _Dead as error:
        # a containerd that runs was started with another file
        return Found("invalid", (own,), error.file, (problem(error.file, str(error), fatal=True),))
    except _Chance as error:
        why = f'which of plugins.cri and plugins."{OLD}" counts is chance there'
        return Found("unknown", (own,), str(error), note=why)
    except _Unread as error:
        if not (error.absent and config_file):
            return Found("unknown" if error.absent else "unreadable", (own,), str(error))
        section = {}  # it runs without the file, by its defaults
    try:
        return _chosen(root, section, pull, own, node.release, file)
    except _Dead as error:
        return Found("invalid", (own,), file, (problem(file, str(error), fatal=True),))


def _chosen(root: str, section: Dict[str, Any], pull: Pull, own: Endpoint, version: Version, file: str) -> Found:
    """config_path or mirrors, as this version takes them. Raises _Dead."""
    registry = _table(section, "registry")
    path, mirrors, configs = registry.get("config_path") or "", _table(registry, "mirrors"), _configs(registry)
    if not path and not mirrors and effect("containerd", "no config_path", version) == "default list":
        path = DEFAULT_PATHS
    if mirrors and (path or effect("containerd", "mirrors", version) == "fatal"):
        raise _Dead(file, "mirrors cannot be set when config_path is provided")
    mode = _mode(section, version)
    if path:
        split = effect("containerd", "config_path list", version, mode) == "split"
        found = from_directories(root, [p for p in path.split(":") if p] if split else [path], pull, own, version)
        return dataclasses.replace(found, endpoints=tuple(_login(end, configs) for end in found.endpoints))
    if effect("containerd", "configs tls", version) == "ignored":
        configs = {name: {k: v for k, v in table.items() if k != "tls"} for name, table in configs.items()}
    if mirrors:
        return _legacy(root, mirrors, configs, pull, own, file)
    own = _configured(own, configs)
    return Found("default", (own,), file)


def _mode(section: Dict[str, Any], version: Version) -> str:
    """transfer | local: some settings make containerd pull as it did before the transfer service (CheckLocalImagePullConfigs)."""
    registry = _table(section, "registry")
    local = (
        section.get("use_local_image_pull") is True
        or section.get("disable_snapshot_annotations", True) is False
        or section.get("discard_unpacked_layers") is True
        or any(_table(registry, name) for name in ("mirrors", "configs", "auths"))
        or section.get("max_concurrent_downloads", 3) != 3
        or section.get("image_pull_with_sync_fs") is True
    )
    return "local" if local or effect("containerd", "transfer service", version) == "no" else "transfer"


def _configs(registry: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    """`configs` by the host that is dialled; `auths`, whose keys are URLs, are part of them (ValidateImageConfig)."""
    found = {name: dict(table) for name, table in _table(registry, "configs").items() if isinstance(table, dict)}
    for url, auth in _table(registry, "auths").items():
        found.setdefault(url.split("://")[-1].partition("/")[0] if "://" in url else url, {})["auth"] = auth
    return found


def _table(document: Dict[str, Any], name: str) -> Dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def itself(pull: Pull) -> Endpoint:
    """The registry itself. On the local host TLS comes first, unchecked, then plain HTTP (hosts.go ConfigureHosts)."""
    own = of_registry(pull)
    local = own.host in ("localhost", "::1") or own.host.startswith("127.")
    if local and own.scheme == "http" and own.port != 80:
        return dataclasses.replace(own, scheme="https", skip_verify=True, plain=True)
    return dataclasses.replace(own, skip_verify=True) if local and own.scheme == "https" else own


# ---- config.toml and what it imports ------------------------------------------------------------------------------------


def _images_section(root: str, first: str, version: Version) -> Dict[str, Any]:
    """The section of images, of the file and of all that it imports, as this version joins them. Raises _Dead, _Unread."""
    newest = int(effect("containerd", "newest file version", version))
    migration = effect("containerd", "migration", version)
    replaces = effect("containerd", "imports", version) == "replace the plugin"
    merged: Dict[str, Any] = {}
    merged_version = newest if newest > 2 else 1
    for name, document in _documents(root, first):
        own = document.get("version", 0)
        if not isinstance(own, int) or isinstance(own, bool):
            raise _Dead(name, "version is a number")
        plugins = dict(_table(document, "plugins"))
        if migration == "merged" and own < 2 and merged_version > newest:
            raise _Dead(name, f"version = {merged_version} is newer than this containerd knows ({newest})")
        if newest > 2 and own < 2:
            if "cri" in plugins and OLD in plugins:
                raise _Chance(name)
            plugins = {OLD if key == "cri" else key: value for key, value in plugins.items()}
            own = merged_version if migration == "merged" else own
        if migration == "each file" and own < newest:
            plugins, own = _migrated(plugins), newest
        merged_version = own or merged_version
        if replaces:
            merged.update(plugins)
        else:
            _merge(merged, plugins)
    if merged_version > newest:
        raise _Dead(first, f"version = {merged_version} is newer than this containerd knows ({newest})")
    if migration == "none":
        section = _flat(_table(merged, OLD if merged_version == 2 else "cri"))
    else:
        section = _table(_migrated(merged) if merged_version < newest else merged, NEW)
    section = _decoded(section)
    _check(first, section)
    return section


def _documents(root: str, first: str) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """The file and those that it imports, in the order in which containerd reads them. Raises _Dead, _Unread."""
    done: List[str] = []
    pending = [first]
    while pending and len(done) < MOST_IMPORTS:
        name = pending.pop(0)
        if name in done:
            continue
        done.append(name)
        need(root, name, "File")
        read = config(root, name)
        if read.text is None:
            if name != first and read.why == "absent":
                raise _Dead(name, "does not exist and is imported")
            if name != first and read.why == "hidden":
                continue  # not mounted: what it would say is not known, and mostly not about registries
            raise _Unread(name, read.why == "absent")
        try:
            document = bounded.toml(read.text)
        except bounded.TooMuch:
            raise _Unread(name, False) from None
        except ValueError as error:
            raise _Dead(name, f"does not parse: {printable(error, 120)}") from None
        document = _folded(document)
        yield name, document
        imports = document.get("imports")
        for pattern in imports[:MOST_IMPORTS] if isinstance(imports, list) else []:
            if isinstance(pattern, str):
                path = posixpath.normpath(posixpath.join(posixpath.dirname(name), pattern))
                if "*" in path and not _GLOB.fullmatch(path):
                    raise _Dead(name, f"imports: {printable(pattern, 80)} is no pattern")
                pending += _matching(root, path)


_IN_CLASS = r"(?:\\.|[^\\\]-])"
_GLOB = re.compile(rf"(?s:[^\[\\]|\\.|\[(?:\^|(?!\^))(?:{_IN_CLASS}(?:-{_IN_CLASS})?)+\])*")
"""What is a pattern at all (Go: path/filepath Match)."""


def _migrated(plugins: Dict[str, Any]) -> Dict[str, Any]:
    """The plugins with the old section's keys in the new one, where they win (plugin.go configMigration)."""
    if OLD not in plugins:
        return plugins
    moved = {**_table(plugins, NEW)}
    old = _table(plugins, OLD)
    moved.update({key: old[key] for key in _MIGRATED if key in old})
    deeper = _table(old, "containerd")
    moved.update({key: deeper[key] for key in _MIGRATED_DEEPER if key in deeper and "runtimes" in deeper})
    return {**plugins, NEW: moved}


def _flat(section: Dict[str, Any]) -> Dict[str, Any]:
    """A section of 1.x, whose keys for unpacking stand one table deeper."""
    return {**section, **{k: v for k, v in _table(section, "containerd").items() if k in _MIGRATED_DEEPER}}


def _folded(table: Dict[str, Any]) -> Dict[str, Any]:
    """The table with its keys in lower case: Go's TOML takes a field's name in any (pelletier/go-toml v2, unmarshaler.go)."""
    found: Dict[str, Any] = {}
    for key, value in table.items():
        _merge(found, {key.lower(): value})
    return found


def _decoded(section: Dict[str, Any]) -> Dict[str, Any]:
    """The section with each field's name folded, at every depth; hosts and URLs are keys of maps and stay as they are."""
    found = _fields(section)
    if isinstance(found.get("registry"), dict):
        registry = found["registry"] = _fields(found["registry"])
        for name in ("mirrors", "configs", "auths"):
            if isinstance(registry.get(name), dict):
                registry[name] = {host: _fields(t) if isinstance(t, dict) else t for host, t in registry[name].items()}
        for table in _table(registry, "configs").values():
            if isinstance(table, dict) and isinstance(table.get("tls"), dict):
                table["tls"] = _fields(table["tls"])
    return found


def _fields(table: Dict[str, Any]) -> Dict[str, Any]:
    """As `_folded`; of two spellings the later one in the order of bytes counts: a plugin's section is merged as a map, which is
    written with its keys in order before it is decoded (cmd/containerd/server/config Decode; go-toml v2, marshaler.go)."""
    return _folded(dict(sorted(table.items())))


def _check(file: str, section: Dict[str, Any]) -> None:
    """Raises _Dead for a kind of value that the plugin's configuration does not take."""
    registry = section.get("registry", {})
    wrong = ""
    if not isinstance(registry, dict):
        wrong = "registry"
    elif not isinstance(registry.get("config_path", ""), str):
        wrong = "config_path"
    else:
        for name in ("mirrors", "configs", "auths"):
            tables = registry.get(name, {})
            if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
                wrong = name
        for table in _table(registry, "mirrors").values() if not wrong else ():
            listed = table.get("endpoint", [])
            if not isinstance(listed, list) or not all(isinstance(url, str) for url in listed):
                wrong = "endpoint"
    if wrong:
        raise _Dead(file, f"{wrong} is not of the kind that containerd takes")


def _matching(root: str, pattern: str) -> List[str]:
    """The host's files of an import: a star in the name of the file is a glob, as it is used (Go: path/filepath Glob).

    Raises _Unread for a star in a folder's name and for what Python's patterns cannot say.
    """
    if "*" not in pattern:
        return [pattern]
    folder, name = posixpath.split(pattern.replace("[^", "[!"))
    if "*" in folder or "\\" in pattern or "[!" in pattern:
        raise _Unread(pattern, False)
    return [path for path in files_in(root, folder, "") if fnmatch.fnmatchcase(posixpath.basename(path), name)]


def _merge(into: Dict[str, Any], more: Dict[str, Any]) -> None:
    """Tables are merged, everything else is replaced (cmd/containerd/server/config mergeConfig)."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            # in place: what was migrated shares its tables with the old section, and so does a later file's change of that
            _merge(into[name], value)
        else:
            into[name] = value


# ---- registry.mirrors ---------------------------------------------------------------------------------------------------


def _legacy(
    root: str, mirrors: Dict[str, Any], configs: Dict[str, Dict[str, Any]], pull: Pull, own: Endpoint, file: str
) -> Found:
    """`registry.mirrors`, deprecated and still read when there is no config_path; "*" is for registries that are not named.

    What stands behind the host is the whole path: only where there is none it is /v2 (image_pull.go registryEndpoints).
    """
    chosen = mirrors[pull.domain] if pull.domain in mirrors else mirrors.get("*")
    listed = chosen.get("endpoint") if isinstance(chosen, dict) else None
    urls = [u for u in listed if isinstance(u, str)] if isinstance(listed, list) else []
    found = []
    named = False
    for url in urls[:MOST_ENDPOINTS]:
        parts = split_url(_with_scheme(url))
        if parts is None:
            if not _parses(_with_scheme(url)):
                raise _Dead(file, f"{printable(url, 80)} is no URL")  # image_pull.go registryEndpoints: none is asked
            continue
        scheme, host, port, path = parts
        path = re.sub("/+", "/", path)  # core/remotes/docker/resolver.go: request
        authority = _with_scheme(url).split("://", 1)[1].partition("/")[0]
        named = named or authority == pull.domain
        same = (host, port) == (own.host, own.port)
        bare = url.split("://")[-1].find("/") < 0
        end = Endpoint(
            "registry" if same else "mirror", scheme, host, port, "/v2" if bare else path, "" if same else pull.domain
        )
        found.append(_configured(end, configs))
    whole = tuple(found if named else [*found, _configured(_plainly(own), configs)])
    problems = unusable_files(root, file, whole)
    return Found("invalid" if problems else "configured" if found else "default", whole, file, problems)


def _with_scheme(url: str) -> str:
    if "://" in url:
        return url
    host = url.partition("/")[0].rpartition("@")[2]
    name = host.partition(":")[0]
    return f"{'http' if name == 'localhost' or name.startswith('127.') else 'https'}://{url}"


def _plainly(own: Endpoint) -> Endpoint:
    """The registry itself as `mirrors` asks it: on the local host by plain HTTP alone (image_pull.go defaultScheme)."""
    local = own.host in ("localhost", "::1") or own.host.startswith("127.")
    if not local:
        return own
    port = 80 if own.port == 443 else own.port
    return dataclasses.replace(own, scheme="http", port=port, skip_verify=False, plain=False)


def _configured(end: Endpoint, configs: Dict[str, Dict[str, Any]]) -> Endpoint:
    """The endpoint with `registry.configs."host"`, by the host as it stands in the URL: its trust, and whether the node has a
    login of its own for it."""
    table = next((configs[name] for name in _dialled(end) if name in configs), None)
    return end if table is None else with_tls(end, _table(table, "tls"), bool(table.get("auth")))


def _login(end: Endpoint, configs: Dict[str, Dict[str, Any]]) -> Endpoint:
    """The endpoint with the node's own login for it, which counts with directories too; its `tls` does not."""
    has = any(configs[name].get("auth") for name in _dialled(end) if name in configs)
    return dataclasses.replace(end, login=True) if has else end


def _dialled(end: Endpoint) -> Tuple[str, ...]:
    implied = 443 if end.scheme == "https" else 80
    return (end.host, f"{end.host}:{end.port}") if end.port == implied else (f"{end.host}:{end.port}",)


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


# ---- directories and hosts.toml -----------------------------------------------------------------------------------------


def from_directories(root: str, paths: List[str], pull: Pull, own: Endpoint, version: Version) -> Found:
    """The first directory that exists for the registry (core/remotes/docker/config/config_unix.go hostPaths)."""
    name = pull.domain
    bare, _, port = name.partition(":")
    wanted = ([f"{bare}_{port}_"] if port else []) + [name, "_default"]
    for path in paths:
        need(root, path.rstrip("/"), "Directory")
        if (root and hidden(path)) or (is_folder(root, path) and not searchable(root, path)):
            return Found("unreadable", (own,), path)
        for folder in wanted:
            directory = f"{path.rstrip('/')}/{folder}"
            if is_folder(root, directory):
                return from_directory(root, directory, pull, own, version)
    return Found("default", (own,), ":".join(paths))


def from_directory(root: str, directory: str, pull: Pull, own: Endpoint, version: Version) -> Found:
    """What a registry's directory says."""
    file = f"{directory}/hosts.toml"
    read = config(root, file)
    if read.text is None and read.why != "absent":
        return Found("unreadable", (own,), file)
    if not read.text:
        return _docker_layout(root, directory, own)
    try:
        document = bounded.toml(read.text)
        order = bounded.once("order", read.text, lambda: _order(read.text or ""))
        why = _refused(document, order, version)
    except bounded.TooMuch:
        return Found("unreadable", (own,), file)
    except ValueError as error:
        why = f"does not parse: {printable(error, 120)}"
    if why:
        # containerd logs it and goes on without the file (hosts.go loadHostDir)
        left = _docker_layout(root, directory, own)
        return Found("invalid", left.endpoints, file, (problem(file, why), *left.problems))
    document = _folded(document)
    hosts = _table(document, "host")
    found = [
        _endpoint(url, _folded(_table(hosts, url)), directory, pull, own, version)
        for url in order[: MOST_ENDPOINTS - 1]
    ]
    server = document.get("server")
    last = _endpoint(server, document, directory, pull, own, version) if server else None
    # capabilities and override_path at the root are for `server`; trust and headers apply to the registry too
    found.append(
        last
        if last is not None and last.host
        else _trusting(_of_root(own), document, directory, version, own.port == 80)
    )
    problems = unusable_files(root, file, found)
    known = tuple(e for e in found if e.host)
    return Found("invalid" if problems else "configured", known or (own,), file, problems)


def _of_root(own: Endpoint) -> Endpoint:
    """The registry before the trust of a file's root is added."""
    return dataclasses.replace(own, scheme="http", plain=False) if own.plain else own


def _docker_layout(root: str, directory: str, own: Endpoint) -> Found:
    """Without a hosts.toml: *.crt are authorities, *.cert and *.key a client's pair (hosts.go loadCertFiles)."""
    ca = tuple(files_in(root, directory, ".crt", 20))
    keys = set(files_in(root, directory, ".key"))
    pairs = [(cert, cert[:-5] + ".key") for cert in files_in(root, directory, ".cert", 20)]
    client = tuple((cert, key if key in keys else "") for cert, key in pairs)
    ends = (dataclasses.replace(own, ca=ca, client=client),)
    problems = unusable_files(root, directory, ends)
    changed = ends != (own,)
    return Found("invalid" if problems else "configured" if changed else "default", ends, directory, problems)


def _order(text: str) -> List[str]:
    """The hosts in the order of their table headers; one in dotted or inline form is none (hosts.go getSortedHosts). Raises
    TooMuch."""
    found: List[str] = []
    last = ""
    end = time.monotonic() + bounded.SECONDS
    for line in text.splitlines():
        if time.monotonic() > end:
            raise bounded.TooMuch(f"is not read in {bounded.SECONDS:.0f} s")
        if not line.lstrip().startswith("[") or line.lstrip().startswith("[["):
            continue
        try:
            level: Any = bounded.toml(line)
        except ValueError:
            continue  # a line of an array or of a text
        parts: List[str] = []
        while isinstance(level, dict) and len(level) == 1:
            (key,) = level
            parts.append(key)
            level = level[key]
        if len(parts) >= 2 and parts[0] == "host" and parts[1] != last:
            last = parts[1]
            found.append(last)
    return found


def _refused(document: Dict[str, Any], order: List[str], version: Version) -> str:
    """Why containerd would not take a file that is good TOML, or ""."""
    folded = _folded(document)
    hosts = folded.get("host", {})
    if not isinstance(hosts, dict) or not all(isinstance(table, dict) for table in hosts.values()):
        return "[host] is not a table of tables"
    if not order and effect("containerd", "hosts.toml without hosts", version) == "refused":
        return 'it has no [host."..."] table, which this version of containerd wants'
    if not isinstance(folded.get("server", ""), str):
        return "server is a URL"
    used = [(url, _folded(_table(hosts, url))) for url in order]
    for table in (*map(_folded, hosts.values()), folded):
        why = _wrong_kind(table)
        if why:
            return why
    for url, table in (*used, (str(folded.get("server", "")), folded)):
        why = _wrong_value(url, table, version)
        if why:
            return why
    return ""


def _wrong_kind(table: Dict[str, Any]) -> str:
    """What does not decode, "" for nothing."""
    kinds = table.get("capabilities", [])
    if not isinstance(kinds, list) or not all(isinstance(k, str) for k in kinds):
        return "capabilities are a list of pull, resolve, push and referrers"
    for name in ("skip_verify", "override_path"):
        if not isinstance(table.get(name, False), bool):
            return f"{name} is true or false"
    if not isinstance(table.get("dial_timeout", ""), str):
        return "dial_timeout is a duration such as 10s"
    return "" if isinstance(table.get("header", {}), dict) else "header is a table of texts or lists of texts"


def _wrong_value(url: str, table: Dict[str, Any], version: Version) -> str:
    """What decodes and is refused, "" for nothing."""
    if url and not _parses(url if url.startswith("http") else f"https://{url}"):
        return f"{printable(url, 80)} is no URL"
    known = [
        k
        for k in _CAPABILITIES
        if k != "referrers" or effect("containerd", "capability referrers", version) != "refused"
    ]
    if not all(k.lower() in known for k in table.get("capabilities") or []):
        return f"capabilities are of {', '.join(known)}"
    ca = table.get("ca", "")
    if not isinstance(ca, (str, list)) or not all(isinstance(path, str) for path in ca):
        return "ca is a path or a list of paths"
    if _pairs(table.get("client"), "") is None:
        return "client is a path, a list of paths, or a list of pairs of certificate and key"
    timeout = table.get("dial_timeout", "")
    if timeout and effect("containerd", "dial_timeout", version) != "ignored" and not _DURATION.fullmatch(timeout):
        return "dial_timeout is a duration such as 10s"
    for value in table.get("header", {}).values():
        if not isinstance(value, (str, list)) or not all(isinstance(v, str) for v in value):
            return "header is a table of texts or lists of texts"
    return ""


def _parses(url: str) -> bool:
    """Whether Go's net/url takes it (url.go getScheme, parse, unescape), as far as its authority, path and fragment go; it takes
    a path alone too."""
    found = re.fullmatch(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?(//([^/?#]*))?([^?#\x00-\x20\x7f]*)[^\x00-\x20\x7f]*", url)
    if found is None or (not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url) and ":" in url.partition("/")[0]):
        return False
    if re.search("%(?![0-9A-Fa-f]{2})", found[3] + url.partition("#")[2]):
        return False
    host = (found[2] or "").rpartition("@")[2]
    return re.fullmatch(r"(\[[0-9A-Fa-f:.%]*\]|[^\x00-\x20\x7f\[\]:<>\"%\\^`{|}]*)(:\d*)?", host) is not None


def _pairs(value: Any, directory: str) -> Optional[Tuple[Tuple[str, str], ...]]:
    """The pairs of `client` (certificate, key; "" for a key in the same file), None for what containerd refuses."""
    listed = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        return None
    found = []
    for item in listed:
        if isinstance(item, str):
            found.append((_absolute(item, directory), ""))
            continue
        if not isinstance(item, list) or len(item) != 2 or not all(isinstance(path, str) for path in item):
            return None
        # in a pair, "" means the directory itself, which is no key (hosts.go makeAbsPath)
        found.append((_absolute(item[0], directory), _absolute(item[1], directory)))
    return tuple(found)


def _absolute(path: str, directory: str) -> str:
    return path if path.startswith("/") else f"{directory}/{path}".rstrip("/")


def _endpoint(url: str, table: Dict[str, Any], directory: str, pull: Pull, own: Endpoint, version: Version) -> Endpoint:
    """An endpoint; its host is "" where the URL has none that could be asked, while its files may stop all the others."""
    scheme, host, port, path = split_url(url if url.startswith("http") else f"https://{url}") or ("https", "", 443, "")
    path = re.sub("/+", "/", path)
    if not path.endswith("/v2") and table.get("override_path") is not True:
        path += "/v2"
    same = (host, port) == (own.host, own.port)
    kinds = [k.lower() for k in table.get("capabilities") or ["pull", "resolve"]]
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
    authority = url.split("://")[-1].partition("/")[0]
    return _trusting(end, table, directory, version, authority.endswith(":80"))


def _trusting(end: Endpoint, table: Dict[str, Any], directory: str, version: Version, plain: bool = False) -> Endpoint:
    """The endpoint with a table's trust and headers. With them, plain HTTP comes second only, unless its port 80 is written
    out (plain; hosts.go: "host will try HTTPS first")."""
    listed = table.get("ca")
    files = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    client = _pairs(table.get("client"), directory) or ()
    headers = table.get("header")
    local = end.skip_verify  # the registry itself on the local host
    explicit = listed is not None or bool(client) or "skip_verify" in table or local
    explicit = explicit or bool(
        table.get("dial_timeout") and effect("containerd", "dial_timeout", version) == "counts as TLS"
    )
    https_first = explicit and end.scheme == "http" and not plain
    return dataclasses.replace(
        end,
        ca=tuple(_absolute(f, directory) for f in files[:20]),
        skip_verify=local or table.get("skip_verify") is True,
        client=client[:5],
        headers=tuple(sorted(headers)[:20]) if isinstance(headers, dict) else (),
        scheme="https" if https_first else end.scheme,
        port=443 if https_first and end.port == 80 else end.port,
        plain=https_first or end.plain,
    )

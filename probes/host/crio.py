"""CRI-O's registry configuration: registries.conf with its drop-ins, short names, certificates.

containers/image (go.podman.io/image): pkg/sysregistriesv2, pkg/shortnames, pkg/tlsclientconfig, docker/docker_client.go;
cri-o: internal/storage/image.go, pkg/config; containers-registries.conf(5).
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
from typing import Any, Dict, List, Optional, Tuple

from .. import bounded
from ..observation import printable
from ..plan import HUB, HUB_HOST, Node, Pull
from .endpoints import MOST_ENDPOINTS, Endpoint, Found, good_host, problem, unusable_pair
from .files import below, booted_at, changed_at, config, files_in, is_folder, need, searchable
from .settings import effect

CONFIG = "/etc/containers/registries.conf"
DROP_INS = "/etc/containers/registries.conf.d"
OWN = "/root/.config/containers/registries.conf"
"""Root's own file takes the place of the system's and of its drop-ins; the drop-ins beside it are always read."""
CRIO = "/etc/crio/crio.conf"
CRIO_DROP_INS = "/etc/crio/crio.conf.d"
CERTIFICATES = ("/etc/containers/certs.d", "/etc/docker/certs.d")
ONLY = {"": (True, True), "all": (True, True), "digest-only": (False, True), "tag-only": (True, False)}
"""pull-from-mirror -> whether a mirror is asked for (tags, digests)."""


class _Invalid(Exception):
    """A file that CRI-O refuses; every pull then fails with "loading registries configuration"."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(why)
        self.file, self.why = file, why


class _Unreadable(Exception):
    """A file that is there and that the probe may not read."""


class _Chance(Exception):
    """A file in which CRI-O finds something else at each start."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(why)
        self.file, self.why = file, why


@dataclasses.dataclass
class _Files:
    """All files together."""

    registries: Dict[str, Dict[str, Any]] = dataclasses.field(default_factory=dict)
    """Tables by their prefix, with "file" beside."""
    search: Optional[List[str]] = None
    """unqualified-search-registries, None where no file sets them."""
    mode: str = ""
    """short-name-mode, "" where no file sets it."""
    aliases: Dict[str, str] = dataclasses.field(default_factory=dict)
    """Short name -> full name."""
    changed: float = 0.0
    """The newest change of any, seconds since the epoch."""
    seen: int = 0
    """How many there are."""


def look(root: str, pull: Pull, node: Node) -> Found:
    """The endpoints of an image, or why there are none."""
    own = Endpoint("registry", pull.scheme, pull.host, pull.port)
    try:
        files = _read(root, node)
        image = _crio_table(root)
    except _Invalid as error:
        return Found("invalid", (own,), error.file, (problem(error.file, error.why, fatal=True),))
    except _Unreadable as error:
        return Found("unreadable", (own,), str(error))
    except _Chance as error:
        return Found("unknown", (own,), error.file, (problem(error.file, error.why),))
    if not files.seen and not is_folder(root, "/etc/containers"):
        return Found("unknown", (own,), CONFIG)
    newer = files.changed > booted_at() > 0
    facts = {"changed_since_boot": newer}
    note = "changed since the node's boot: in force if crio was reloaded after that" if newer else ""
    if image.get("global_auth_file"):
        note = "; ".join(filter(None, (note, "without a pull secret, credentials of the node's own are shown")))
    names = [f"{pull.domain}/{pull.repository}"]
    how = ""
    if pull.short:
        names, how = _candidates(pull.short, files, _mode(image, node))
        if not names:
            return Found("short-name", (), CONFIG, (problem(CONFIG, how),), note, facts)
    ends: List[Endpoint] = []
    problems: List[Dict[str, Any]] = []
    blocked = False
    for name in names[:4]:
        try:
            sources = _sources(name, _longest(files.registries, name), pull.by_digest)
        except _Invalid as error:
            problems.append(problem(error.file, error.why))
            continue
        for where, insecure, tags, digests in sources:
            refused = _longest(files.registries, where)
            if refused is not None and refused.get("blocked") is True:
                problems.append(problem(str(refused["file"]), f"{refused['prefix']} is blocked"))
                blocked = True
                continue
            end = _endpoint(root, where, pull, insecure or _listed_insecure(image, node, where.partition("/")[0]))
            trouble = _certificate_problems(root, where.partition("/")[0])
            problems += trouble
            if end is not None and not trouble:
                ends.append(dataclasses.replace(end, resolve=tags, pull=digests))
    usable = tuple(dict.fromkeys(ends[:MOST_ENDPOINTS]))
    note = "; ".join(filter(None, (how, note)))
    if not usable and blocked and all(p["problem"].endswith(" is blocked") for p in problems):
        return Found("blocked", (), problems[-1]["file"], tuple(problems), note, facts)
    if not usable:
        told = problems or [problem(CONFIG, "no place is left to ask")]
        return Found("invalid", (own,), CONFIG, tuple({**p, "fatal": True} for p in told), note, facts)
    outcome = "default" if usable == (own,) and not problems else "configured"
    return Found(outcome, usable, CONFIG, tuple(problems), note, facts)


# ---- the files ----------------------------------------------------------------------------------------------------------


def _listed(root: str, node: Node) -> List[str]:
    """The files that are read, in their order (sysregistriesv2: newConfigWrapper, dropInConfigs)."""
    own = files_in(root, f"{OWN}.d", ".conf")
    if config(root, OWN).why not in ("absent", "hidden"):
        return [OWN, *own]
    folder = below(root, "/etc/containers")
    linked = folder is not None and os.path.islink(f"{folder}/registries.conf.d")
    followed = not linked or effect("cri-o", "linked drop-in folder", node.release) == "followed"
    listed = files_in(root, DROP_INS, ".conf") if followed else []
    return [CONFIG, *(file for file in listed if not is_folder(root, file)), *own]


def _read(root: str, node: Node) -> _Files:
    """registries.conf, then the drop-ins by name: a later file replaces what has the same prefix."""
    files = _Files()
    for file in _listed(root, node):
        read = config(root, file)
        if read.text is None and read.why in ("absent", "hidden"):
            continue
        if read.text is None:
            raise _Unreadable(file)
        document = _parsed(file, read.text)
        old = document.get("registries")
        if isinstance(old, dict) and any(k in old for k in ("search", "insecure", "block")):
            if effect("cri-o", "version 1 files", node.release) == "refused":
                raise _Invalid(file, "is in the old format, which this version does not take")
            if file not in (CONFIG, OWN):
                raise _Invalid(file, "is in the old format, which a drop-in must not be")
            if any(k in document for k in ("registry", "unqualified-search-registries")):
                raise _Invalid(file, "mixes the old format with the new one")
            document = _from_old(old)
        files.seen += 1
        files.changed = max(files.changed, changed_at(root, file))
        _add(files, file, document)
    if is_folder(root, DROP_INS) and not searchable(root, DROP_INS):
        raise _Unreadable(DROP_INS)
    return files


def _parsed(file: str, text: str) -> Dict[str, Any]:
    try:
        return _folded(file, bounded.toml(text.lstrip("\ufeff")))
    except bounded.TooMuch:
        raise _Unreadable(file) from None
    except ValueError as error:
        raise _Invalid(file, f"does not parse: {printable(error, 120)}") from None


def _folded(file: str, table: Dict[str, Any]) -> Dict[str, Any]:
    """The table with its keys in lower case: a key matches its field in any (BurntSushi/toml, decode.go: unifyStruct).

    Raises _Chance where one field is there twice with two values: the table is a map of Go, whose order is another one each
    time, and the value that comes last counts.
    """
    found: Dict[str, Any] = {}
    for key, value in table.items():
        name = key.lower()
        if found.setdefault(name, value) != value:
            raise _Chance(file, f"{printable(name, 40)} is there in two spellings, of which CRI-O takes one by chance")
    return found


def _from_old(old: Dict[str, Any]) -> Dict[str, Any]:
    """Version 1 as version 2 (ConvertToV2)."""

    def listed(name: str) -> List[str]:
        table = old.get(name)
        found = table.get("registries") if isinstance(table, dict) else None
        return [r.rstrip("/") for r in found if isinstance(r, str)] if isinstance(found, list) else []

    blocked, insecure = listed("block"), listed("insecure")
    tables = [
        {"location": place, "blocked": place in blocked, "insecure": place in insecure}
        for place in dict.fromkeys([*blocked, *insecure])
    ]
    return {"registry": tables, "unqualified-search-registries": listed("search")}


def _add(files: _Files, file: str, document: Dict[str, Any]) -> None:
    """Take a document over. Raises _Invalid for what postProcessRegistries refuses."""
    listed = document.get("registry", [])
    if not isinstance(listed, list) or not all(isinstance(t, dict) for t in listed):
        raise _Invalid(file, "registry is not an array of tables: [[registry]]")
    mine: Dict[str, Dict[str, Any]] = {}
    alike: Dict[str, Tuple[bool, bool]] = {}
    for table in (_folded(file, table) for table in listed[:500]):
        location, prefix = _place(file, table, "location"), _place(file, table, "prefix")
        if not location and not prefix.startswith("*."):
            raise _Invalid(file, f"a registry without location ({prefix or 'and without prefix'})")
        prefix = prefix or location
        if prefix.startswith("*.") and any(c in prefix for c in "/@:"):
            raise _Invalid(file, f"prefix {prefix} is not in the form *.example.com")
        if table.get("pull-from-mirror"):
            raise _Invalid(file, f"pull-from-mirror is for mirrors, not for the registry {prefix}")
        for flag in ("blocked", "insecure", "mirror-by-digest-only"):
            if not isinstance(table.get(flag, False), bool):
                raise _Invalid(file, f"{flag} of {prefix} is true or false")
        mirrors = table.get("mirror", [])
        if not isinstance(mirrors, list) or not all(isinstance(m, dict) for m in mirrors):
            raise _Invalid(file, f"mirror of {prefix} is not an array of tables: [[registry.mirror]]")
        mirrors = [_folded(file, mirror) for mirror in mirrors]
        for mirror in mirrors:
            where, only = _place(file, mirror, "location"), mirror.get("pull-from-mirror", "")
            if not where:
                raise _Invalid(file, f"a mirror of {prefix} without location")
            if not isinstance(only, str) or only not in ONLY or (only and table.get("mirror-by-digest-only")):
                raise _Invalid(file, f"pull-from-mirror of {where} cannot be {printable(only, 40)}")
            if not isinstance(mirror.get("insecure", False), bool):
                raise _Invalid(file, f"insecure of {where} is true or false")
            mirror["location"] = where
        flags = (table.get("insecure", False), table.get("blocked", False))
        if alike.setdefault(location or prefix, flags) != flags:
            raise _Invalid(file, f"{location or prefix} is there several times, and differs in insecure or blocked")
        mine.setdefault(prefix, {**table, "mirror": mirrors, "location": location, "prefix": prefix, "file": file})
    files.registries.update(mine)
    search = document.get("unqualified-search-registries")
    if search is not None:
        files.search = _search(file, search)
    mode = document.get("short-name-mode", "")
    if mode not in ("", "disabled", "permissive", "enforcing"):
        raise _Invalid(file, f"short-name-mode cannot be {printable(mode, 40)}")
    files.mode = mode or files.mode
    _add_aliases(files, file, document.get("aliases", {}))


def _search(file: str, listed: Any) -> List[str]:
    """unqualified-search-registries. Raises _Invalid: one bad entry stops every pull, whatever its image."""
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise _Invalid(file, "unqualified-search-registries is a list of registries")
    names = [name.rstrip("/") for name in listed]
    for name in names:
        if not _DOMAIN.fullmatch(name):
            raise _Invalid(
                file, f"unqualified-search-registries: {printable(name, 80) or 'an empty entry'} is no registry"
            )
    return names


def _add_aliases(files: _Files, file: str, aliases: Any) -> None:
    """Raises _Invalid: one bad alias stops every pull, whatever its image (newShortNameAliasCache)."""
    if not isinstance(aliases, dict):
        raise _Invalid(file, "aliases is a table")
    for short, name in aliases.items():
        if not isinstance(name, str):
            raise _Invalid(file, f"alias {printable(short, 80)} is a text")
        first = short.partition("/")[0]
        if not _NAME.fullmatch(short) or ("/" in short and ("." in first or ":" in first or first == "localhost")):
            raise _Invalid(file, f"alias {printable(short, 80)} is no short name without tag")
        if name and not (_named(name) and _bare(name)):
            raise _Invalid(
                file, f"alias {printable(short, 80)}: {printable(name, 80)} is no registry and repository alone"
            )
        files.aliases[short] = name


_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_NAME = re.compile(rf"(?:{_DOMAIN.pattern}/)?{_COMPONENT}(?:/{_COMPONENT})*")
"""The grammar of names (distribution/reference: regexp.go)."""


def _bare(name: str) -> bool:
    """Whether a name has neither tag nor digest."""
    return "@" not in name and ":" not in name.rpartition("/")[2]


def _named(name: str) -> bool:
    """Whether a name without tag has a registry in front (distribution/reference: splitDockerDomain)."""
    first, slash, rest = name.partition("/")
    registry = "." in first or ":" in first or first == "localhost"
    return bool(slash) and registry and bool(_DOMAIN.fullmatch(first)) and bool(re.fullmatch(_PATH, rest))


_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"


def _place(file: str, table: Dict[str, Any], key: str) -> str:
    """A location or prefix. Raises _Invalid for one with a scheme."""
    text = table.get(key, "")
    if not isinstance(text, str):
        raise _Invalid(file, f"{key} is a text")
    if text.startswith(("http://", "https://")):
        raise _Invalid(file, f"{key} {printable(text, 80)} has a scheme")
    return text.rstrip("/")


def _crio_table(root: str) -> Dict[str, Any]:
    """[crio.image] of crio.conf and its drop-ins."""
    merged: Dict[str, Any] = {}
    for file in (CRIO, *files_in(root, CRIO_DROP_INS, ".conf")):
        text = config(root, file).text
        if text is None:
            continue
        crio = _parsed(file, text).get("crio")
        image = crio.get("image") if isinstance(crio, dict) else None
        merged.update(image if isinstance(image, dict) else {})
    return merged


# ---- names --------------------------------------------------------------------------------------------------------------


def _mode(image: Dict[str, Any], node: Node) -> str:
    """CRI-O's own setting stands above that of registries.conf; from 1.34 on it enforces unless it is told otherwise, before
    it had no such setting and took every candidate."""
    if effect("cri-o", "short_name_mode", node.release) == "unknown":
        return "disabled"
    said = image.get("short_name_mode")
    return str(said) if said in ("enforcing", "disabled") else "enforcing"


def _candidates(short: str, files: _Files, mode: str) -> Tuple[List[str], str]:
    """(full names to try in order, how they came about); no names, and why."""
    alias = files.aliases.get(short, "")
    if alias:
        return [_normal(alias)], f"{short} is an alias of {alias}"
    search = files.search or []
    if not search:
        return [], f"{short} is no alias, and no unqualified-search-registries are defined"
    if len(search) > 1 and mode == "enforcing":
        return [], f"short names are enforced, and {short} may be in any of {', '.join(search[:5])}"
    names = [_normal(f"{registry}/{short}") for registry in search]
    return names, f"{short} is looked for in {', then '.join(search[:5])}"


def _normal(name: str) -> str:
    """docker.io/busybox is docker.io/library/busybox, and what has no registry in front is of docker.io (splitDockerDomain)."""
    domain, slash, path = name.partition("/")
    if not slash or not ("." in domain or ":" in domain or domain == "localhost"):
        domain, path = HUB, name
        name = f"{domain}/{path}"
    return f"{domain}/library/{path}" if domain == HUB and "/" not in path else name


def _longest(registries: Dict[str, Dict[str, Any]], name: str) -> Optional[Dict[str, Any]]:
    """The table whose prefix is the longest that matches a name without tag: a prefix with one never does (FindRegistry)."""
    matching = [p for p in registries if _matched(name, p) >= 0]
    return registries[max(matching, key=len)] if matching else None


def _matched(reference: str, prefix: str) -> int:
    """How much of the reference a prefix matches, -1 for nothing (refMatchingPrefix)."""
    if prefix.startswith("*."):
        at = reference.find(prefix[1:])
        if at < 0 or "/" in reference[:at]:
            return -1
        end = at + len(prefix) - 1
    elif reference.startswith(prefix):
        end = len(prefix)
    else:
        return -1
    return end if end == len(reference) or reference[end] in ":/@" else -1


# ---- endpoints ----------------------------------------------------------------------------------------------------------


def _sources(name: str, table: Optional[Dict[str, Any]], by_digest: bool) -> List[Tuple[str, bool, bool, bool]]:
    """(name asked for, whether certificates go unchecked, whether for tags, for digests): mirrors, then the registry itself.

    Raises _Invalid where one of the names comes out as none: then no place at all is asked (PullSourcesFromReference,
    rewriteReference).
    """
    if table is None:
        return [(name, False, True, True)]
    matched = _matched(name, str(table["prefix"]))
    found = []
    for mirror in table["mirror"]:
        tags, digests = ONLY[mirror.get("pull-from-mirror", "")]
        tags = tags and table.get("mirror-by-digest-only") is not True
        found.append((mirror["location"] + name[matched:], mirror.get("insecure") is True, tags, digests))
    location = str(table["location"])
    found.append((location + name[matched:] if location else name, table.get("insecure") is True, True, True))
    for where, _, tags, digests in found:
        if not (digests if by_digest else tags):
            continue
        if not _named(where) or not _bare(where) or where.startswith("index.docker.io/") or _normal(where) != where:
            why = f"{table['prefix']} makes {printable(where, 120)} of {printable(name, 120)}, which is no name"
            raise _Invalid(str(table["file"]), f"{why}: rewriting reference fails")
    return found


def _endpoint(root: str, name: str, pull: Pull, insecure: bool) -> Optional[Endpoint]:
    domain, _, path = _normal(name).partition("/")
    host, port = _split(domain)
    if not path or not good_host(host):
        return None
    host = HUB_HOST if domain == HUB else host
    same = (host, port) == (pull.host, pull.port)
    ca, client = _certificates(root, domain)
    return Endpoint(
        "registry" if same else "mirror",
        pull.scheme if same else "https",
        host,
        port,
        ca=ca,
        client=client,
        skip_verify=insecure,
        plain=insecure,
        repository="" if path == pull.repository else path,
    )


def _split(domain: str) -> Tuple[str, int]:
    found = re.fullmatch(r"\[?([^\]]*?)\]?(?::(\d{1,5}))?", domain)
    port = int(found[2] or 443) if found else 443
    return (found[1], port) if found and port < 65536 else (domain, 443)


def _listed_insecure(image: Dict[str, Any], node: Node, domain: str) -> bool:
    """insecure_registries of crio.conf, names and networks, as long as they have an effect."""
    listed = image.get("insecure_registries")
    if not isinstance(listed, list) or effect("cri-o", "insecure_registries", node.release) == "ignored":
        return False
    host = _split(domain)[0]
    for entry in listed:
        try:
            if entry == domain or ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
        except (ValueError, TypeError):
            continue  # a name, or no network
    return False


def _certificates(root: str, domain: str) -> Tuple[Tuple[str, ...], Tuple[Tuple[str, str], ...]]:
    """(authorities, client pairs) of the first folder that exists for the host (dockerCertDir, SetupCertificates)."""
    for base in CERTIFICATES:
        need(root, base, "Directory")
        folder = f"{base}/{domain}"
        if is_folder(root, folder):
            pairs = ((cert, f"{cert[:-5]}.key") for cert in files_in(root, folder, ".cert", 20))
            return tuple(files_in(root, folder, ".crt", 20)), tuple(pairs)
    return (), ()


def _certificate_problems(root: str, domain: str) -> List[Dict[str, Any]]:
    """What stops every pull from this host, and from no other (tlsclientconfig.go SetupCertificates): a certificate without its
    key, a key without its certificate, a pair that does not load, an authority that is a folder."""
    for base in CERTIFICATES:
        folder = f"{base}/{domain}"
        if not is_folder(root, folder):
            continue
        found = []
        keys, certificates = files_in(root, folder, ".key"), files_in(root, folder, ".cert", 20)
        for path in files_in(root, folder, ".crt", 20):
            if is_folder(root, path):
                found.append(problem(path, "is a folder"))
        for certificate in certificates:
            key = f"{certificate[:-5]}.key"
            why = unusable_pair(root, certificate, key) if key in keys else f"its key {key} does not exist"
            if why:
                found.append(problem(certificate, why))
        for key in keys:
            if f"{key[:-4]}.cert" not in certificates:
                found.append(problem(key, f"its certificate {key[:-4]}.cert does not exist"))
        return found
    return []

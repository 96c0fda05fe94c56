"""CRI-O's registry configuration: registries.conf with its drop-ins, short names, certificates.

containers/image (go.podman.io/image): pkg/sysregistriesv2, pkg/shortnames, pkg/tlsclientconfig, docker/docker_client.go;
cri-o: internal/storage/image.go, pkg/config; containers-registries.conf(5).
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Dict, List, Optional, Tuple

from .. import bounded
from ..observation import printable
from ..plan import HUB, HUB_HOST, Node, Pull
from .endpoints import MOST_ENDPOINTS, Endpoint, Found, good_host, problem
from .files import booted_at, changed_at, config, files_in, is_folder, need, searchable

CONFIG = "/etc/containers/registries.conf"
DROP_INS = "/etc/containers/registries.conf.d"
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
        files = _read(root)
        image = _crio_table(root)
    except _Invalid as error:
        return Found("invalid", (own,), error.file, (problem(error.file, error.why, fatal=True),))
    except _Unreadable as error:
        return Found("unreadable", (own,), str(error))
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
        names, how = _candidates(pull.short, files, _mode(image, node, files))
        if not names:
            return Found("short-name", (), CONFIG, (problem(CONFIG, how),), note, facts)
    ends: List[Endpoint] = []
    for name in names[:4]:
        table = _longest(files.registries, f"{name}{'@' if pull.by_digest else ':'}{pull.asked}")
        if table is not None and table.get("blocked") is True:
            said = problem(str(table["file"]), f"{table['prefix']} is blocked")
            return Found("blocked", (), str(table["file"]), (said,), note, facts)
        ends += _sources(root, name, table, pull, image)
    usable = tuple(dict.fromkeys(ends[:MOST_ENDPOINTS])) or (own,)
    problems = _certificate_problems(root, usable)
    plain = Endpoint("registry", pull.scheme, pull.host, pull.port)
    outcome = "invalid" if problems else "default" if usable == (plain,) else "configured"
    return Found(outcome, usable, CONFIG, problems, "; ".join(filter(None, (how, note))), facts)


# ---- the files ----------------------------------------------------------------------------------------------------------


def _read(root: str) -> _Files:
    """registries.conf, then the drop-ins by name: a later file replaces what has the same prefix."""
    files = _Files()
    for file in (CONFIG, *files_in(root, DROP_INS, ".conf")):
        read = config(root, file)
        if read.text is None and read.why in ("absent", "hidden"):
            continue
        if read.text is None:
            raise _Unreadable(file)
        document = _parsed(file, read.text)
        old = document.get("registries")
        if isinstance(old, dict) and any(k in old for k in ("search", "insecure", "block")):
            if file != CONFIG:
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
        return bounded.toml(text)
    except bounded.TooMuch:
        raise _Unreadable(file) from None
    except ValueError as error:
        raise _Invalid(file, f"does not parse: {printable(error, 120)}") from None


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
    for table in listed[:500]:
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
        for mirror in mirrors:
            where, only = _place(file, mirror, "location"), mirror.get("pull-from-mirror", "")
            if not where:
                raise _Invalid(file, f"a mirror of {prefix} without location")
            if not isinstance(only, str) or only not in ONLY or (only and table.get("mirror-by-digest-only")):
                raise _Invalid(file, f"pull-from-mirror of {where} cannot be {printable(only, 40)}")
        mine.setdefault(prefix, {**table, "location": location, "prefix": prefix, "file": file})
    files.registries.update(mine)
    search = document.get("unqualified-search-registries")
    if isinstance(search, list):
        files.search = [s.rstrip("/") for s in search if isinstance(s, str)]
    mode = document.get("short-name-mode", "")
    if mode not in ("", "disabled", "permissive", "enforcing"):
        raise _Invalid(file, f"short-name-mode cannot be {printable(mode, 40)}")
    files.mode = mode or files.mode
    aliases = document.get("aliases")
    for short, name in aliases.items() if isinstance(aliases, dict) else ():
        if isinstance(name, str):
            files.aliases[short] = name


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


def _mode(image: Dict[str, Any], node: Node, files: _Files) -> str:
    """CRI-O's own setting stands above that of registries.conf; from 1.34 on it enforces unless it is told otherwise, before
    it took every candidate."""
    said = image.get("short_name_mode")
    if said in ("enforcing", "disabled"):
        return str(said)
    return "enforcing" if node.version >= (1, 34) else "disabled"


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
    """docker.io/busybox is docker.io/library/busybox."""
    domain, _, path = name.partition("/")
    return f"{domain}/library/{path}" if domain == HUB and "/" not in path else name


def _longest(registries: Dict[str, Dict[str, Any]], reference: str) -> Optional[Dict[str, Any]]:
    """The table whose prefix is the longest that matches."""
    matching = [p for p in registries if _matched(reference, p) >= 0]
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


def _sources(
    root: str, name: str, table: Optional[Dict[str, Any]], pull: Pull, image: Dict[str, Any]
) -> List[Endpoint]:
    """Mirrors, then the registry itself, each with the name that the image has there (PullSourcesFromReference)."""
    found: List[Endpoint] = []
    if table is not None:
        matched = _matched(name, str(table["prefix"]))
        matched = len(name) if matched < 0 else matched
        for mirror in table.get("mirror", []):
            tags, digests = ONLY[mirror.get("pull-from-mirror", "")]
            tags = tags and table.get("mirror-by-digest-only") is not True
            where = mirror["location"].rstrip("/") + name[matched:]
            end = _endpoint(root, where, pull, mirror.get("insecure") is True)
            if end is not None:
                found.append(dataclasses.replace(end, resolve=tags, pull=digests))
        if table["location"]:
            name = str(table["location"]) + name[matched:]
    insecure = table is not None and table.get("insecure") is True
    end = _endpoint(root, name, pull, insecure or _listed_insecure(image, name.partition("/")[0]))
    return [*found, end] if end is not None else found


def _endpoint(root: str, name: str, pull: Pull, insecure: bool) -> Optional[Endpoint]:
    domain, _, path = _normal(name).partition("/")
    host, port = _split(domain)
    if not path or not good_host(host):
        return None
    host = HUB_HOST if host == HUB else host
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


def _listed_insecure(image: Dict[str, Any], domain: str) -> bool:
    """insecure_registries of crio.conf: deprecated, still read."""
    listed = image.get("insecure_registries")
    return isinstance(listed, list) and domain in listed


def _certificates(root: str, domain: str) -> Tuple[Tuple[str, ...], Tuple[Tuple[str, str], ...]]:
    """(authorities, client pairs) of the first folder that exists for the host (dockerCertDir, SetupCertificates)."""
    for base in CERTIFICATES:
        need(root, base, "Directory")
        folder = f"{base}/{domain}"
        if is_folder(root, folder):
            pairs = ((cert, f"{cert[:-5]}.key") for cert in files_in(root, folder, ".cert", 20))
            return tuple(files_in(root, folder, ".crt", 20)), tuple(pairs)
    return (), ()


def _certificate_problems(root: str, ends: Tuple[Endpoint, ...]) -> Tuple[Dict[str, str], ...]:
    """A certificate without its key, or a key without its certificate, breaks every pull from that host."""
    found = []
    for end in ends:
        for certificate, key in end.client:
            folder = certificate.rpartition("/")[0]
            if key not in files_in(root, folder, ".key"):
                found.append(problem(certificate, f"its key {key} does not exist", fatal=True))
    return tuple(found)

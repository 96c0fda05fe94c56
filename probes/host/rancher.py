"""registries.yaml of k3s and RKE2, from which they write containerd's configuration at their start.

k3s: pkg/agent/containerd/config.go (getHostConfigs), docs/installation/private-registry.md; wharfie: pkg/registries.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Dict, List, Optional, Tuple

from .. import bounded
from ..observation import printable
from ..plan import HUB, HUB_HOST, Node, Pull
from .containerd import itself, with_tls
from .endpoints import MOST_ENDPOINTS, Endpoint, Found, problem, split_url, surely_absent, unusable_files
from .files import Config, booted_at, changed_at, config, files_in, is_folder, need, searchable


def look(root: str, pull: Pull, node: Node) -> Found:
    """The endpoints of an image."""
    own = itself(pull)
    folder = f"/etc/rancher/{node.family}"
    file, default_too, doubt = _options(root, folder)
    if doubt:
        return Found("unreadable", (own,), doubt)
    need(root, file, "File")
    read = config(root, file, bounded.MOST_YAML)
    if read.text is None:
        return _without_file(root, file, own, read)
    try:
        document = _yaml(read.text)
    except bounded.TooMuch:
        return Found("unreadable", (own,), file)
    except ValueError as error:
        # the service does not start with such a file: one that runs still has what was there before
        return Found("invalid", (own,), file, (problem(file, f"does not parse: {error}"),))
    mirrors, configs = _table(document.get("mirrors")), _table(document.get("configs"))
    own = _configured(own, configs)
    name = next((n for n in (pull.domain, "*") if n in mirrors), None)
    mirror = _table(mirrors.get(name)) if name is not None else {}
    listed = mirror.get("endpoint")
    rewrites = {k: v for k, v in _table(mirror.get("rewrite")).items() if isinstance(k, str) and isinstance(v, str)}
    found: List[Endpoint] = []
    notes = []
    for text in listed[:MOST_ENDPOINTS] if isinstance(listed, list) else []:
        end = _endpoint(text, pull, own) if isinstance(text, str) else None
        if end is None or any(_same(end, other) for other in found):
            continue
        end = _configured(end, configs)
        if rewrites and end.role == "mirror":
            written = _rewritten(pull.repository, rewrites)
            if written is None:
                notes.append("a rewrite that cannot be followed here")
            elif written != pull.repository:
                end = dataclasses.replace(end, repository=written)
        found.append(end)
    if not found or (default_too and not any(e.role == "registry" for e in found)):
        found.append(own)
    if changed_at(root, file) > booted_at() > 0:
        notes.append(f"{node.family} reads it at its start only, and it is newer than the node's boot")
    problems = unusable_files(root, file, found)
    outcome = "invalid" if problems else "configured" if len(found) > 1 or found[0] != itself(pull) else "default"
    return Found(outcome, tuple(found), file, problems, "; ".join(notes))


def _without_file(root: str, file: str, own: Endpoint, read: Config) -> Found:
    if read.why == "absent" and surely_absent(root, file):
        return Found("default", (own,), file)
    return Found("unknown" if read.why in ("absent", "hidden") else "unreadable", (own,), file)


def _options(root: str, folder: str) -> Tuple[str, bool, str]:
    """(registries.yaml, whether the registry itself is asked at last, the file that could not be read or "")."""
    document: Dict[str, Any] = {}
    if is_folder(root, folder) and not searchable(root, folder):
        return f"{folder}/registries.yaml", True, folder
    for file in (f"{folder}/config.yaml", *files_in(root, f"{folder}/config.yaml.d", ".yaml", 20)):
        read = config(root, file, bounded.MOST_YAML)
        if read.text is not None:
            try:
                document.update(_yaml(read.text))
            except bounded.TooMuch:
                return f"{folder}/registries.yaml", True, file
            except ValueError:
                continue  # it would not start; what runs was started with another one
    named = document.get("private-registry")
    file = named if isinstance(named, str) and named.startswith("/") else f"{folder}/registries.yaml"
    return file, document.get("disable-default-registry-endpoint") is not True, ""


def _yaml(text: str) -> Dict[str, Any]:
    """The mapping that a YAML text holds. Raises ValueError, with words that can be shown."""
    import yaml  # only such nodes need it

    try:
        document = bounded.yaml(text)
    except bounded.TooMuch:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1})" if mark is not None else ""
        # what is quoted may be the beginning of a password: `password: *secret` is an alias
        said = re.sub(r"'.*'", "something", str(error.problem or "no YAML"), flags=re.DOTALL)
        raise ValueError(printable(f"{said}{where}", 120)) from None
    except RecursionError:
        raise bounded.TooMuch("is nested too deeply") from None
    except (
        Exception
    ) as error:  # PyYAML lets what its constructors stumble over pass, such as IndexError for `!!bool ""`
        raise ValueError(printable(type(error).__name__, 60)) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ValueError("no mapping")
    return document


def _table(value: Any) -> Dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _endpoint(text: str, pull: Pull, own: Endpoint) -> Optional[Endpoint]:
    """An endpoint of a mirror (normalizeEndpointAddress): without a path it is /v2, with one that is the whole prefix."""
    if "://" not in text:
        host = text.partition("/")[0]
        local = host.startswith(("localhost:", "127."))
        text = ("http://" if local and not host.endswith(":443") and ":" in host else "https://") + text
    parts = split_url(text)
    if parts is None:
        return None
    scheme, host, port, path = parts
    host = HUB_HOST if host == HUB else host
    same = (host, port) == (own.host, own.port)
    prefix = path if path not in ("", "/v2") else "/v2"
    return Endpoint("registry" if same else "mirror", scheme, host, port, prefix, "" if same else pull.domain)


def _same(one: Endpoint, other: Endpoint) -> bool:
    return (one.scheme, one.host, one.port, one.prefix) == (other.scheme, other.host, other.port, other.prefix)


def _configured(end: Endpoint, configs: Dict[Any, Any]) -> Endpoint:
    """The endpoint with its entry of `configs`, by the name that is dialled or that of Docker Hub (configForHost)."""
    names = [f"{end.host}:{end.port}"]
    if end.port == (443 if end.scheme == "https" else 80):
        names = [end.host, *([HUB] if end.host == HUB_HOST else []), *names]
    table = next((_table(configs[n]) for n in (*names, "*") if n in configs), None)
    return end if table is None else with_tls(end, _table(table.get("tls")), bool(table.get("auth")))


def _rewritten(repository: str, rewrites: Dict[str, str]) -> Optional[str]:
    """The repository after the first rewrite that changes it; None where one cannot be followed (k3s: its containerd's
    core/remotes/docker/resolver.go)."""
    for pattern, template in list(rewrites.items())[:10]:
        written = bounded.go_replaced(pattern, template, repository)
        if written != repository:
            return written
    return repository

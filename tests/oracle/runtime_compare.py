"""Our reading of a node's runtime configuration against the runtimes' own: which endpoints, in which order, with which trust."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from probes.host import containerd as containerd_files
from probes.host import crio as crio_files
from probes.host.endpoints import Endpoint, Found, good_host
from probes.plan import Node, Pull
from tests.oracle import runtime_cases
from tests.oracle.cases import Pick
from tests.oracle.process import Program

Case = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One runtime at one version.

    program: the oracle; generate: draws a case; differs: in what we and its answer do not agree, None where they do.
    """

    name: str
    program: Program
    generate: Callable[[Pick], Case]
    differs: Callable[[Case, Answer], str | None]


def laid(case: Case, root: Path) -> None:
    """Write the case's tree below root."""
    (root / "etc").mkdir()
    for name, content in case["Files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def _ended(found: Found) -> bool:
    """Whether by our reading no pull of this image can end well: a problem that breaks it, or nothing to ask."""
    return any("fatal" in p for p in found.problems) or not found.endpoints


# ---- containerd --------------------------------------------------------------------------------------------------------


def _containerd_pull(host: str) -> Pull:
    name, _, port = host.partition(":")
    local = name in ("localhost", "127.0.0.1")
    scheme = "http" if local and port not in ("", "443") else "https"
    dialled = "registry-1.docker.io" if host == "docker.io" else name
    return Pull("p0", dialled, int(port or (80 if scheme == "http" else 443)), scheme, "team/app", "1.0", named=host)


def _containerd(version: str) -> Callable[[Case, Answer], str | None]:
    def differs(case: Case, answer: Answer) -> str | None:
        with tempfile.TemporaryDirectory() as folder:
            laid(case, Path(folder))
            found = containerd_files.look(folder, _containerd_pull(case["Host"]), Node(f"containerd://{version}"))
        if found.outcome in ("unknown", "unreadable"):
            return None  # nothing is claimed
        theirs = answer["Dead"] or answer["Error"]
        if theirs:
            return None if _ended(found) else f"it fails ({theirs}), we list {[_url(e) for e in found.endpoints]}"
        if _ended(found):
            return f"we say that it fails ({found.problems}), it asks {[e['URL'] for e in answer['Endpoints']]}"
        ours = [_containerd_row(e) for e in found.endpoints]
        listed = [_real_row(e) for e in answer["Endpoints"] or []]
        # one without a host ("httpd.corp:5000" has a scheme and none, "https//mirror" a path alone), or with a scheme that
        # nobody speaks, can only fail
        real = [row for row in listed if re.match("https?://[^/]", row[0])]
        if not all(_can_be_asked(row[0]) for row in real):
            return None
        if ours != real:
            return f"we: {ours}\n  it: {real}"
        return None

    return differs


def _can_be_asked(url: str) -> bool:
    """Whether it has a name that a resolver takes and a port that there is: our probes ask for no other."""
    try:
        parts = urlsplit(url)
        return good_host(parts.hostname or "") and (parts.port is None or parts.port >= 0)
    except ValueError:
        return False


def _url(end: Endpoint) -> str:
    host = f"[{end.host}]" if ":" in end.host else end.host
    implied = 80 if end.scheme == "http" else 443
    return f"{end.scheme}://{host}" + (f":{end.port}" if end.port != implied else "") + end.prefix


def _containerd_row(end: Endpoint) -> tuple[Any, ...]:
    tls = end.scheme == "https"
    return (
        _url(end),
        tls and end.skip_verify,
        tls and bool(end.ca),
        tls and len(end.client),
        end.plain,
        end.resolve,
        end.pull,
    )


def _real_row(end: dict[str, Any]) -> tuple[Any, ...]:
    url = str(end["URL"])
    for scheme, port in (("https", ":443"), ("http", ":80")):
        head, _, rest = url.removeprefix(f"{scheme}://").partition("/")
        if url.startswith(f"{scheme}://") and head.endswith(port):
            url = f"{scheme}://{head[: -len(port)]}/{rest}"
    tls = url.startswith("https:")
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    rest = f"{authority.lower().rstrip(':')}{slash}{path}"
    return (
        f"{scheme}://{re.sub('/+', '/', rest).rstrip('/')}",
        tls and end["SkipVerify"],
        tls and end["OwnTrust"],
        tls and end["Clients"],
        end["Fallback"],
        end["Resolve"],
        end["Pull"],
    )


# ---- CRI-O -------------------------------------------------------------------------------------------------------------


def _crio_pull(image: str) -> Pull:
    named, by, digest = image.partition("@")
    name, _, tag = named.rpartition(":") if ":" in named.rpartition("/")[2] else (named, "", "latest")
    first, _, rest = name.partition("/")
    short = "" if "." in first or ":" in first or first == "localhost" else name
    domain, path = ("docker.io", name if "/" in name else f"library/{name}") if short else (first, rest)
    host, _, port = domain.partition(":")
    host = "registry-1.docker.io" if domain == "docker.io" else host
    local = host == "localhost"
    scheme = "http" if local and port not in ("", "443") else "https"
    return Pull("p0", host, int(port or 443), scheme, path, digest if by else tag, short, named=domain)


def _crio(version: str) -> Callable[[Case, Answer], str | None]:
    def differs(case: Case, answer: Answer) -> str | None:
        pull = _crio_pull(case["Image"])
        files = dict(case["Files"])
        if case["Mode"]:
            files["etc/crio/crio.conf"] = f'[crio.image]\nshort_name_mode = "{case["Mode"]}"\n'
        with tempfile.TemporaryDirectory() as folder:
            laid({"Files": files}, Path(folder))
            found = crio_files.look(folder, pull, Node(f"cri-o://{version}"))
        if found.outcome == "unknown":
            return None  # nothing is claimed
        asked = [] if _ended(found) else [_crio_row(e, pull) for e in found.endpoints if _asks(e, pull)]
        rows = [row for candidate in answer["Candidates"] or [] for row in _rows(candidate)]
        # a place that two candidates come to answers the second time as it did the first: we list it once
        real = list(dict.fromkeys(rows))
        if len({where for where, _ in asked}) < len(asked):
            return None  # the same place twice: the oracle tells requests apart by their place
        if asked != real:
            return f"we: {found.outcome} {asked} {found.problems}\n  it: {real} {answer['Error']} {_errors(answer)}"
        return None

    return differs


def _asks(end: Endpoint, pull: Pull) -> bool:
    return end.pull if pull.by_digest else end.resolve


def _crio_row(end: Endpoint, pull: Pull) -> tuple[str, bool]:
    return f"{end.host}:{end.port}/{end.repository or pull.repository}", end.skip_verify


def _errors(answer: Answer) -> list[str]:
    return [c["Error"] for c in answer["Candidates"] or []]


def _rows(candidate: dict[str, Any]) -> list[tuple[str, bool]]:
    """What was really asked for a manifest, with whether certificates were checked there."""
    insecure = {}
    for end in candidate["Endpoints"] or []:
        name = str(end["Reference"]).partition("@")[0]
        name = name[: name.rfind(":")] if ":" in name.rpartition("/")[2] else name
        domain, _, path = name.partition("/")
        host, _, port = domain.partition(":")
        host = "registry-1.docker.io" if domain == "docker.io" else host
        insecure[f"{host}:{int(port or 443)}/{path}"] = bool(end["Insecure"])
    rows = []
    for line in candidate["Requests"] or []:
        _, host, path = line.split(" ")
        name, _, port = host.rpartition(":")
        host = f"{name}:{int(port)}"
        repository, manifest, _ = path.removeprefix("/v2/").partition("/manifests/")
        if manifest:
            where = f"{host}/{repository}"
            rows.append((where, insecure.get(where, False)))
    return rows


CONTAINERD = ("2.2.9", "2.3.7", "2.4.2")
CONTAINERS_IMAGE = {"5.38.0": ("1.35.0", "1.36.0"), "5.42.1": ("1.37.0",)}
"""Version of go.podman.io/image -> versions of CRI-O that pull with it (5.42.1: the next one's)."""

KINDS = (
    *(Kind(f"containerd-{v}", Program("containerd", v), runtime_cases.containerd, _containerd(v)) for v in CONTAINERD),
    *(
        Kind(f"crio-{v}", Program("crio", library), runtime_cases.crio, _crio(v))
        for library, versions in CONTAINERS_IMAGE.items()
        for v in versions
    ),
)

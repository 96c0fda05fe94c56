"""What is asked about: pods, workloads, selectors and files, read as kubectl reads them, and found as pods."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TextIO

import yaml

from ..image.messages import classify
from ..kube.client import Api
from ..kube.errors import ApiError
from ..kube.read import ContainerRead, PodRead, read_pod
from ..kube.workloads import KINDS, failing_pods, gone_pod, read_workload, refused_case, same_name, waits_for_image
from ..model import Case
from .options import UsageError

SIDE_BY_SIDE = 4
"""Pods that are read at the same time; each read is eight requests of its own."""
MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Named:
    """One object by kind, name and namespace ("": that of the flags)."""

    kind: str
    name: str
    namespace: str = ""


@dataclass(frozen=True)
class Asked:
    """What the command line asks about: named objects, or all of a kind by selector."""

    named: tuple[Named, ...] = ()
    kind: str = "Pod"
    selector: str = ""
    everywhere: bool = False

    @property
    def pod(self) -> str:
        """The name where exactly one pod is asked about, else ""."""
        return self.named[0].name if len(self.named) == 1 and self.named[0].kind == "Pod" else ""


@dataclass
class Found:
    """The pods to diagnose, and what was found in their place. refused: workloads whose pods do not come to be."""

    reads: list[PodRead] = field(default_factory=list)
    refused: list[Case] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    """Workloads of which nothing fails, in words."""


def parse(operands: Sequence[str], selector: str, everywhere: bool, files: Sequence[str], stdin: TextIO) -> Asked:
    """Operands and flags as kubectl takes them. Raises UsageError in its words (cli-runtime: pkg/resource/builder.go)."""
    words = list(operands)
    named: list[Named] = []
    kind = "Pod"
    if any("/" in word for word in words):
        if "/" not in words[0] and len(words) > 1:
            raise UsageError(
                "error: there is no need to specify a resource type as a separate argument when passing arguments in "
                "resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource "
                "resource/<resource_name>'"
            )
        named = [_slashed(word) for word in words]
    elif words and words[0] in KINDS and (len(words) > 1 or selector):
        kind = KINDS[words[0]]
        named = [Named(kind, _name(word)) for word in words[1:]]
    elif len(words) == 2 and not selector and "." not in words[0] and words[0].isalpha() and words[0] in _NOT_OURS:
        raise UsageError(f'error: "{words[0]}" has no pods: ask about pods or {_LIST}')
    else:
        named = [Named("Pod", _name(word)) for word in words]
    if named and (selector or everywhere):
        if everywhere:
            raise UsageError("error: a resource cannot be retrieved by name across all namespaces")
        raise UsageError("error: name cannot be provided when a selector is specified")
    if files and (words or selector):
        raise UsageError("error: when paths are provided as input, you may not specify resource arguments as well")
    for file in files:
        named += _in_file(file, stdin)
    return Asked(tuple(dict.fromkeys(named)), kind, selector, everywhere)


_LIST = "deploy, sts, ds, rs, job, cj"
_NOT_OURS = frozenset({"node", "nodes", "no", "svc", "service", "services", "ns", "namespace", "secret", "cm"})


def _slashed(word: str) -> Named:
    kind, slash, name = word.partition("/")
    if not slash or not kind or not name:
        raise UsageError(
            f'error: arguments in resource/name form must have a single resource and name, not "{word[:80]}"'
        )
    if "/" in name:
        raise UsageError("error: arguments in resource/name form may not have more than one slash")
    if kind.lower() not in KINDS:
        raise UsageError(f'error: "{kind[:60]}" is no kind that has pods (known: po, {_LIST})')
    return Named(KINDS[kind.lower()], _name(name))


def _name(word: str) -> str:
    if not word or len(word) > 253 or not all(c.isalnum() or c in "-." for c in word):
        raise UsageError(f'error: "{word[:80]!s}" is no name of a pod'.replace("\n", " "))
    return word


def _in_file(file: str, stdin: TextIO) -> list[Named]:
    """The pods and workloads of a manifest; other objects are passed over. "-": standard input."""
    try:
        if file == "-":
            text = stdin.read(MOST_BYTES)
        else:
            path = pathlib.Path(file)
            if path.is_dir():
                inside = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml", ".json"))
                return [named for p in inside for named in _in_file(str(p), stdin)]
            with path.open(encoding="utf-8") as handle:
                text = handle.read(MOST_BYTES)
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except FileNotFoundError:
        raise UsageError(f'error: the path "{file[:200]}" does not exist') from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"error: {file[:200]}: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"error: error parsing {file[:200]}: {' '.join(str(error).split())[:200]}") from None
    found = []
    for document in _flat(documents):
        metadata = document.get("metadata")
        kind = str(document.get("kind"))
        if kind in set(KINDS.values()) and isinstance(metadata, dict) and metadata.get("name"):
            found.append(Named(kind, _name(str(metadata["name"])), str(metadata.get("namespace") or "")))
    if not found:
        raise UsageError(f"error: no pod or workload in {file[:200]}")
    return found


def _flat(documents: Iterable[object]) -> Iterable[dict[str, object]]:
    for document in documents:
        if isinstance(document, dict):
            items = document.get("items")
            if document.get("kind") == "List" and isinstance(items, list):
                yield from _flat(items)
            else:
                yield document


def find(api: Api, asked: Asked) -> Found:
    """The pods that are meant, read. Raises ApiError where a named object cannot be had, UsageError with advice."""
    found = Found()
    names: list[tuple[str, str]] = []
    if not asked.named:
        namespace = "" if asked.everywhere else api.namespace
        if asked.kind == "Pod":
            names = failing_pods(api, namespace, asked.selector)
        else:
            for kind, space, name in _all_of(api, asked.kind, namespace, asked.selector):
                names += _of_workload(api, space, kind, name, found)
    for one in asked.named:
        namespace = one.namespace or api.namespace
        if one.kind == "Pod":
            names.append((namespace, one.name))
        else:
            names += _of_workload(api, namespace, one.kind, one.name, found)
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        found.reads = list(pool.map(lambda n: read_or_gone(api, *n), dict.fromkeys(names)))
    return found


def _all_of(api: Api, kind: str, namespace: str, selector: str) -> Iterable[tuple[str, str, str]]:
    from ..kube.paths import path_of

    for item in api.pages(path_of(kind, namespace), labelSelector=selector):
        yield kind, item["metadata"]["namespace"], item["metadata"]["name"]


def _of_workload(api: Api, namespace: str, kind: str, name: str, found: Found) -> list[tuple[str, str]]:
    """The pods of a workload that are worth a look: those that wait for an image, else its newest."""
    workload = read_workload(api, namespace, kind, name)
    failing = [p for p in workload.pods if waits_for_image(p)]
    waiting = [p for p in workload.current if (p.get("status") or {}).get("phase") == "Pending"]
    if not failing and not waiting:
        case = refused_case(api, namespace, workload) if not _complete(workload.object, len(workload.current)) else None
        if case is not None:
            found.refused.append(case)
            return []
        found.looked_at.append(f"{kind.lower()}/{name} ({len(workload.pods)} pods)")
        return []
    chosen = failing or waiting
    return [(namespace, str(p["metadata"]["name"])) for p in chosen]


def _complete(workload: object, pods: int) -> bool:
    wanted = ((workload if isinstance(workload, dict) else {}).get("spec") or {}).get("replicas", 1)
    return pods >= int(wanted or 0) > 0


def read_or_gone(api: Api, namespace: str, name: str) -> PodRead:
    """A pod, or what its events tell where it is gone. Raises ApiError, with advice where a workload has the name."""
    try:
        return read_pod(api, namespace, name)
    except ApiError as error:
        if not error.gone or "pods" not in error.message:
            raise
        gone = gone_pod(api, namespace, name)
        if gone is not None:
            return gone
        kinds = same_name(api, namespace, name)
        if not kinds:
            raise
        asked = ", ".join(f"`kubectl imagepull why {kind.lower()}/{name} -n {namespace}`" for kind in kinds)
        raise UsageError(
            f"{error}\nThere is a {' and a '.join(k.lower() for k in kinds)} of that name: {asked}"
        ) from None


def same_trouble(container: ContainerRead) -> tuple[object, ...]:
    """Containers of one key share their diagnosis: image, node, secrets with what they hold, and what the runtime said."""
    target, facts = container.target, container.facts
    said = classify(facts.said).cause if facts.said else facts.reason
    secrets = (target.namespace, facts.secrets) if facts.secrets else ()
    return (target.image, target.node, facts.pull_secret_names, secrets, said, facts.failing)

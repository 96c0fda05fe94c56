"""Operands and manifests, read as kubectl reads them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

import yaml

from ..command import is_name
from ..session.named import KINDS, Named
from ..yaml_loader import LOADER
from .flags import UsageError, quoted

if TYPE_CHECKING:
    from ..session.targets import Targets

MOST_BYTES = 16 << 20
"""Of a manifest."""


def is_image(word: str) -> bool:
    """Whether an operand is a reference, and not KIND/NAME or NAME."""
    kind, slash, _ = word.partition("/")
    return ":" in word or "@" in word or (bool(slash) and kind.lower() not in KINDS)


def parse(
    operands: Sequence[str],
    selector: str,
    everywhere: bool,
    files: Sequence[str],
    stdin: TextIO,
    field_selector: str = "",
) -> Targets:
    """Operands and flags as kubectl takes them. Raises UsageError in its words (cli-runtime: pkg/resource/builder.go)."""
    from ..session.targets import Targets  # not above: it is what reads pods, and a reference is none

    searched = bool(selector or field_selector)
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
        if searched:
            raise UsageError("error: selectors and the all flag cannot be used when passing resource/name arguments")
    elif words and words[0].lower() in KINDS and (len(words) > 1 or searched):
        kind = KINDS[words[0].lower()]
        named = [Named(kind, _name(word)) for word in words[1:]]
    elif len(words) == 2 and not searched and words[0].lower() in _NOT_OURS:
        raise UsageError(f'error: "{words[0]}" has no pods: ask about pods or {_LIST}')
    else:
        named = [Named("Pod", _name(word)) for word in words]
    if named and (searched or everywhere):
        if everywhere:
            raise UsageError("error: a resource cannot be retrieved by name across all namespaces")
        raise UsageError("error: name cannot be provided when a selector is specified")
    if files and (words or searched):
        raise UsageError("error: when paths are provided as input, you may not specify resource arguments as well")
    for file in files:
        found = _in_file(file, stdin)
        if not found:
            raise UsageError(f"error: no pod or workload in {file[:200]}", pointed=False)
        named += found
    return Targets(tuple(dict.fromkeys(named)), kind, selector, everywhere, field_selector)


_LIST = "deploy, sts, ds, rs, job, cj"
_NOT_OURS = frozenset({"node", "nodes", "no", "svc", "service", "services", "ns", "namespace", "secret", "cm"})


def _slashed(word: str) -> Named:
    kind, slash, name = word.partition("/")
    if not slash or not kind or not name:
        raise UsageError("error: arguments in resource/name form must have a single resource and name")
    if "/" in name:
        raise UsageError("error: arguments in resource/name form may not have more than one slash")
    if kind.lower() not in KINDS:
        raise UsageError(f"error: {quoted(kind[:60])} is no kind that has pods (known: po, {_LIST})")
    return Named(KINDS[kind.lower()], _name(name))


def _name(word: str) -> str:
    if not is_name(word):
        raise UsageError(f"error: {quoted(word[:80])} is no name of a pod or a workload")
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
        documents = list(yaml.load_all(text, Loader=LOADER))
    except FileNotFoundError:
        raise UsageError(f'error: the path "{file[:200]}" does not exist', pointed=False) from None
    except UnicodeDecodeError:
        raise UsageError(f"error: error parsing {file[:200]}: it is not UTF-8", pointed=False) from None
    except OSError as error:
        raise UsageError(f"error: {file[:200]}: {error.strerror or error}", pointed=False) from None
    except ValueError:  # a NUL in its name
        raise UsageError(f"error: the path {quoted(file)} does not exist", pointed=False) from None
    except yaml.YAMLError as error:
        raise UsageError(
            f"error: error parsing {file[:200]}: {' '.join(str(error).split())[:200]}", pointed=False
        ) from None
    found = []
    for document in _flat(documents):
        metadata = document.get("metadata")
        kind = str(document.get("kind"))
        if kind in set(KINDS.values()) and isinstance(metadata, dict) and metadata.get("name"):
            found.append(Named(kind, _name(str(metadata["name"])), str(metadata.get("namespace") or "")))
    return found


def _flat(documents: Iterable[object]) -> Iterable[dict[str, object]]:
    for document in documents:
        if isinstance(document, dict):
            items = document.get("items")
            if document.get("kind") == "List" and isinstance(items, list):
                yield from _flat(items)
            else:
                yield document

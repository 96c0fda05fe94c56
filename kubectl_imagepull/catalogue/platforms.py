"""Platforms: where a node's runtime really keeps its registry configuration, and who changes it how (platforms.yaml)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .. import lazily
from ..model.vocabulary import RUNGS
from . import TOPICS, CatalogueError, FixTemplate, parse_fix, read_yaml

if TYPE_CHECKING:
    from ..model import NodeFacts


@dataclass(frozen=True)
class Mark:
    """How a node of a platform is recognised; all that is set has to fit."""

    label: str = ""
    """A label's key, or key=value."""
    annotation: str = ""
    """An annotation's key."""
    provider_id: str = ""
    """Regular expression that spec.providerID holds."""
    os_image: str = ""
    """Regular expression that the node's osImage holds."""
    kubelet: str = ""
    """Regular expression that the kubelet's version holds."""
    runtime: str = ""
    """Regular expression that containerRuntimeVersion holds."""
    name: str = ""
    """Regular expression that the node's name holds."""
    os: str = ""
    """operatingSystem, as it is."""
    file: str = ""
    """Regular expression that a file holds which a probe saw the runtime's configuration in."""

    def __str__(self) -> str:
        """For a person: what has to hold."""
        return ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in dataclasses.asdict(self).items() if value
        )

    def fits(self, node: NodeFacts, files: Iterable[str] = ()) -> bool:
        """Whether a node has this mark. files: where probes on it saw the runtime's configuration."""
        key, _, value = self.label.partition("=")
        labels = dict(one.partition("=")[::2] for one in node.labels)
        searched = (
            (self.provider_id, node.provider_id),
            (self.os_image, node.os_image),
            (self.kubelet, node.kubelet),
            (self.runtime, node.runtime),
            (self.name, node.name),
        )
        return (
            (not key or (key in labels and (not value or labels[key] == value)))
            and (not self.annotation or self.annotation in node.annotations)
            and (not self.os or node.os == self.os)
            and all(not pattern or re.search(pattern, text) for pattern, text in searched)
            and (not self.file or any(re.search(self.file, file) for file in files))
        )


@dataclass(frozen=True)
class Source:
    """Where something of an entry is said."""

    url: str
    """A page or a thread, without its scheme."""
    date: str
    """YYYY-MM-DD: when a thread said it, or when a page was read."""


@dataclass(frozen=True)
class Details:
    """What is said of a platform; read when it is asked for."""

    example: Mapping[str, str | tuple[str, ...]]
    """What a node of it says of itself: fields of NodeFacts."""
    files: tuple[str, ...]
    """Where the runtime's registry configuration lives: paths, or what holds it elsewhere."""
    probe: str
    """Whether a probe sees that: yes, no or partly, and why."""
    lasts: str
    """What becomes of a change by hand, "" where it stays."""
    sandbox: str
    """Where the sandbox image comes from."""
    fixes: Mapping[str, tuple[FixTemplate, ...]]
    """Topic -> this platform's way, best first."""
    sources: tuple[Source, ...]
    """What says all this."""


@dataclass(frozen=True)
class Platform:
    """One platform."""

    id: str
    """"eks-al2023"; stays after a release, as `explain` takes it."""
    title: str
    """Its name, one line."""
    marks: tuple[Mark, ...]
    """One of them recognises it."""
    words: tuple[re.Pattern[str], ...]
    """What only a text of such a node says."""
    runtime: str
    """containerd | cri-o | docker, "" where there is a choice or none."""
    units: Mapping[str, str]
    """Runtime -> the systemd unit on the node that is restarted for it; empty where there is none to be had."""
    rungs: tuple[str, ...]
    """The ways out of a node that remain, best first (vocabulary.RUNGS)."""
    text: str
    """The YAML of its details."""

    @cached_property
    def details(self) -> Details:
        """All else. Raises CatalogueError."""
        return parse_details(self.id, read_yaml(self.text, f"platforms.yaml: {self.id}"))

    def ways(self, topic: str) -> tuple[FixTemplate, ...]:
        """Its own ways of a topic, () where it has none."""
        return self.details.fixes.get(topic, ())

    @property
    def has_shell(self) -> bool:
        """Whether a person gets a shell of the node's own system, in which a command is run."""
        return bool(self.ways("shell"))


@cache
def _documents() -> tuple[str, ...]:
    """The file's documents: what platforms share, then one for each platform."""
    text = resources.files(__package__).joinpath("platforms.yaml").read_text(encoding="utf-8")
    return tuple(text.split("\n---\n"))


@cache
def load() -> Mapping[str, Platform]:
    """All platforms by id, the special ones before those that they are made of. Raises CatalogueError."""
    # what recognises them is a tenth of the file, and the rest is needed of one
    heads, details = zip(*(one.split("\ndetails:\n") for one in _documents()[1:]), strict=True)
    text = "".join(f"- {head}\n".replace("\n", "\n  ").rstrip(" ") for head in heads)
    values = read_yaml(text, "platforms.yaml: the heads")
    found = [parse(value, text) for value, text in zip(values, details, strict=True)]
    return MappingProxyType({one.id: one for one in found})


def parse(value: Any, details: str = "") -> Platform:
    """One platform from the YAML value of its head. details: the text of the rest. Raises CatalogueError for what is missing,
    unknown or of another form."""
    at = f"platforms.yaml: {value.get('id') if isinstance(value, dict) else value!r}"
    _known(value, {"id", "title", "recognised", "runtime", "rungs"}, {"words", "units"}, at)
    if set(value["rungs"]) - set(RUNGS):
        raise CatalogueError(f"{at}: rungs: {', '.join(sorted(set(value['rungs']) - set(RUNGS)))}")
    if not value["recognised"]:
        raise CatalogueError(f"{at}: nothing recognises it")
    return Platform(
        id=_text(value["id"], at),
        title=_text(value["title"], f"{at}: title"),
        marks=tuple(_mark(mark, at) for mark in value["recognised"]),
        words=tuple(_pattern(word, at) for word in value.get("words", ())),
        runtime=_text(value["runtime"], f"{at}: runtime"),
        units=MappingProxyType({k: _text(v, f"{at}: units") for k, v in value.get("units", {}).items()}),
        rungs=tuple(value["rungs"]),
        text=details,
    )


def parse_details(name: str, value: Any) -> Details:
    """What is said of a platform from its YAML value. Raises CatalogueError."""
    at = f"platforms.yaml: {name}"
    _known(value, {"example", "files", "probe", "lasts", "sandbox", "fixes", "sources"}, set(), at)
    if re.split("[:,]", _text(value["probe"], f"{at}: probe"))[0] not in ("yes", "no", "partly"):
        raise CatalogueError(f"{at}: probe begins with yes, no or partly")
    if not value["sources"]:
        raise CatalogueError(f"{at}: nothing says so")
    fixes = dict(value["fixes"])
    if "like" in fixes:
        fixes = {**_shared(fixes["like"], at), **fixes}
        del fixes["like"]
    if set(fixes) - set(TOPICS):
        raise CatalogueError(f"{at}: fixes: {', '.join(sorted(set(fixes) - set(TOPICS)))} is no topic")
    return Details(
        example=MappingProxyType(dict(_example(value["example"], f"{at}: example"))),
        files=tuple(_text(file, f"{at}: files") for file in value["files"]),
        probe=value["probe"],
        lasts=_text(value["lasts"], f"{at}: lasts"),
        sandbox=_text(value["sandbox"], f"{at}: sandbox"),
        fixes=MappingProxyType({t: tuple(_fixes(fixes[t], f"{at}: {t}")) for t in TOPICS if t in fixes}),
        sources=tuple(_source(one, at) for one in value["sources"]),
    )


def _example(value: Any, at: str) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    several = {"labels", "annotations"}
    _known(value, set(), {"name", "os", "os_image", "kubelet", "runtime", "provider_id", *several}, at)
    for name, said in value.items():
        yield name, tuple(_text(one, at) for one in said) if name in several else _text(said, at)


def _fixes(ways: Any, at: str) -> Iterator[FixTemplate]:
    """The fixes of a topic; a name stands for what platforms share by it."""
    if isinstance(ways, str):
        ways = _shared(ways, at)
    if not isinstance(ways, list) or not ways:
        raise CatalogueError(f"{at}: no list of fixes")
    for way in ways:
        if isinstance(way, str):
            yield from _fixes(way, at)
        else:
            yield parse_fix({"actor": "cluster", **way} if isinstance(way, dict) else way, at)


def general(topic: str) -> tuple[FixTemplate, ...]:
    """What is said of a topic where the platform is not known, for topics that are no fix of a cause. Raises CatalogueError."""
    return tuple(_fixes(f"general-{topic}", "platforms.yaml"))


@cache
def _all_shared() -> Any:
    return read_yaml(_documents()[0], "platforms.yaml: shared")["shared"]


def _shared(name: str, at: str) -> Any:
    if name not in _all_shared():
        raise CatalogueError(f"{at}: nothing is shared by the name {name!r}")
    return _all_shared()[name]


def _mark(value: Any, at: str) -> Mark:
    names = set(Mark.__dataclass_fields__)
    if not isinstance(value, dict) or not value or set(value) - names:
        raise CatalogueError(f"{at}: recognised: {value!r} is no mark")
    for name, pattern in value.items():
        if name in ("label", "annotation", "os"):
            _text(pattern, at)
        else:
            _pattern(pattern, at)
    return Mark(**value)


def _source(value: Any, at: str) -> Source:
    _known(value, {"url", "date"}, set(), f"{at}: sources")
    if not re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", str(value["date"])):
        raise CatalogueError(f"{at}: sources: {value['date']!r} is no date")
    return Source(_text(value["url"], at), str(value["date"]))


def _known(value: Any, wanted: set[str], optional: set[str], at: str) -> None:
    if not isinstance(value, dict) or wanted - set(value) or set(value) - wanted - optional:
        wrong = (wanted - set(value)) | (set(value) - wanted - optional) if isinstance(value, dict) else {repr(value)}
        raise CatalogueError(f"{at}: missing or unknown: {', '.join(sorted(wrong))}")


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise CatalogueError(f"{at}: {value!r} is no text")
    return value


def _pattern(value: Any, at: str) -> re.Pattern[str]:
    return lazily.pattern(_text(value, at))


def platform_of(node: NodeFacts | None, files: Iterable[str] = ()) -> Platform | None:
    """The platform of a node, None where nothing that is known of it says which. files: where probes on the node saw the
    runtime's configuration."""
    return None if node is None or not node.found else _recognised(node, tuple(files))


@lru_cache(maxsize=64)
def _recognised(node: NodeFacts, files: tuple[str, ...]) -> Platform | None:
    # a judgement asks half a dozen times
    return next((p for p in load().values() if any(mark.fits(node, files) for mark in p.marks)), None)


def platform_in(text: str) -> Platform | None:
    """The platform whose nodes alone write such a text, None where it could be several or any."""
    found = [p for p in load().values() if any(word.search(text) for word in p.words)]
    return found[0] if found else None


@cache
def label_keys() -> frozenset[str]:
    """The labels of nodes that recognise a platform: no other is kept of a node."""
    return frozenset(m.label.partition("=")[0] for p in load().values() for m in p.marks if m.label)


@cache
def annotation_keys() -> frozenset[str]:
    """The annotations of nodes that recognise a platform."""
    return frozenset(m.annotation for p in load().values() for m in p.marks if m.annotation)


def facts_of(platform: Platform) -> dict[str, str]:
    """What is said of a platform beside its fixes, for a person: name of the fact -> the fact; what there is none of is left
    out."""
    details = platform.details
    facts = {
        "recognised by": "; or ".join(map(str, platform.marks)),
        "such a node": ", ".join(
            f"{name.replace('_', ' ')} {said if isinstance(said, str) else ' '.join(said)}"
            for name, said in details.example.items()
        ),
        "runtime": platform.runtime,
        "configuration": ", ".join(details.files),
        "a probe sees it": details.probe,
        "ways out of the node": ", ".join(platform.rungs),
        "a change by hand": details.lasts,
        "sandbox image": details.sandbox,
    }
    return {name: fact for name, fact in facts.items() if fact}

"""Where images stand in YAML: manifests of Kubernetes, kustomizations and Helm values, each with its place in the text.

Nothing is loaded into Python objects: the events of the YAML parser are read with their marks, so that a caller can replace one
value and leave every other character as it is. No file is opened here, no recursion, everything is bounded.

What is found:

- objects (`kind`): every container, init container, sidecar, ephemeral container and image volume of the kinds that Kubernetes
  itself has, in Lists too; in other kinds whatever is shaped like a pod template (a list `containers` of objects with a name);
- kustomizations: `images:`, with `newTag` and `digest` (kustomize: api/types/image.go), and Flux's `spec.images`;
- other documents, as Helm values: `repository` with `tag`, `digest` or `sha` (and `registry`), `image` with `tag` beside it or
  alone; and the same within the `values` of a HelmRelease and an Application.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml

from .. import lazily
from ..text import printable
from ..yaml_loader import LOADER

MOST_BYTES: Final = 32 << 20
"""Of one file. Larger ones are no manifests that people write; the charts with the most CRDs render to some 6 MiB."""
MOST_NODES: Final = 1_000_000
"""Values of one document: each costs some 200 bytes of memory."""
MOST_DEPTH: Final = 200
"""Levels of one document. Kubernetes' own objects have fewer than 40."""
MOST_TROUBLES: Final = 100
"""Of one file; what comes after is not read."""

Shape = Literal["object", "kustomization", "values"]
Part = Literal["image", "tag", "digest", "hex"]
What = Literal["size", "encoding", "yaml", "template", "depth", "no-tag"]


@dataclass(frozen=True)
class Place:
    """One image, and where it stands."""

    file: str
    """The name that `read` was given."""
    line: int
    """Of the scalar, from 1."""
    column: int
    """Of the scalar, from 1, in characters."""
    start: int
    """Offset in `Manifests.text`, in characters, of what is replaced to change the image: the scalar without its quotes."""
    end: int
    """Offset behind it. The same as `start` for a value that is empty."""
    image: str
    """The whole image as the API server gets it, or as a chart or kustomize puts it together."""
    shape: Shape
    """object: a Kubernetes object; kustomization; values: Helm values, or YAML of no known kind."""
    part: Part
    """What stands between start and end: the whole image, its tag (with a digest or without), its digest as sha256:…, or only
    the digest's hexadecimal digits."""
    kind: str
    """Of the object; "Kustomization" for one; "" for values."""
    name: str
    """Of the object, "" where it has none."""
    namespace: str
    """Of the object as written, "" where it names none."""
    field: str
    """The way to the scalar, as spec.template.spec.containers[0].image."""
    container: str
    """Name of the container or of the volume; for values and kustomizations the repository."""
    role: str
    """container, init, sidecar, ephemeral or volume, as in `containers.containers_of`; "" outside of pods."""
    pull_policy: str = ""
    """As written, "" where it is not."""
    pull_secrets: tuple[str, ...] = ()
    """The names in imagePullSecrets of its pod template."""
    service_account: str = ""
    """serviceAccountName of its pod template, "" where not written (`default` then)."""
    os: str = ""
    """spec.os.name of its pod template, "" where not written."""

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Trouble:
    """What could not be read, or not be taken for an image."""

    file: str
    """The name that `read` was given."""
    line: int
    """From 1; 0 where it is about the file as a whole."""
    what: What
    """size, encoding, yaml: broken; template: not rendered; depth: nested too deep or too many values, and this document is
    passed over; no-tag: an image of Helm values whose tag the chart sets, so that nobody knows here which image it is."""
    message: str
    """One line for a person, printable, without file and line."""


@dataclass(frozen=True)
class SecretSeen:
    """A Secret among the manifests."""

    file: str
    """The name that `read` was given."""
    line: int
    """Where its document begins, from 1."""
    name: str
    """metadata.name, "" where it has none."""
    namespace: str
    """metadata.namespace as written."""
    type: str
    """As written; Opaque where it is not."""
    object: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API server would store it: metadata, type and `data` in base64, stringData taken in. For `Keyring.from_secrets`."""


@dataclass(frozen=True)
class AccountSeen:
    """A ServiceAccount among the manifests."""

    file: str
    """The name that `read` was given."""
    line: int
    """Where its document begins, from 1."""
    name: str
    """metadata.name, "" where it has none."""
    namespace: str
    """metadata.namespace as written."""
    pull_secrets: tuple[str, ...]
    """The names in imagePullSecrets."""


@dataclass
class Manifests:
    """What `read` found in one file."""

    name: str
    """The name that `read` was given."""
    text: str = field(default="", repr=False)
    """The file, decoded: line ends and a byte order mark are in it as they were. `text.encode()` is the file."""
    places: list[Place] = field(default_factory=list)
    """Images in the order of the file. An anchored scalar is one place for each of its uses, all with the same start."""
    troubles: list[Trouble] = field(default_factory=list)
    """What could not be read; documents before and behind a broken one are read."""
    secrets: list[SecretSeen] = field(default_factory=list)
    """Every Secret."""
    accounts: list[AccountSeen] = field(default_factory=list)
    """Every ServiceAccount."""
    objects: int = 0
    """Documents and items of Lists that were looked at."""


def read(data: bytes | str, name: str) -> Manifests:
    """Find the images of a file. name: what the file is called in places and troubles ("-" is shown as it is). Never raises.

    Time and memory are linear in the size of `data`, which is bounded by MOST_BYTES.
    """
    found = Manifests(name)
    if len(data) > MOST_BYTES:
        found.troubles.append(Trouble(name, 0, "size", f"larger than {MOST_BYTES >> 20} MiB: not read"))
        return found
    try:
        found.text = data if isinstance(data, str) else data.decode("utf-8")
        found.text.encode("utf-8")
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = bytes(data[:at]).count(b"\n") + 1 if isinstance(data, bytes) else 0
        found.troubles.append(Trouble(name, line, "encoding", "it is not UTF-8"))
        return found
    for document in _documents(found):
        _Document(found).look(document)
    found.places.sort(key=lambda place: place.start)
    return found


# ---- nodes -----------------------------------------------------------------------------------------------------------


class _Node:
    """A value of the document with its marks."""

    __slots__ = ("column", "end", "items", "line", "pairs", "plain", "start", "style", "value")

    def __init__(self, start: int, line: int, column: int) -> None:
        self.start, self.end, self.line, self.column = start, start, line, column
        self.value: str | None = None  # of a scalar
        self.style = ""  # its first character: ' " | >
        self.plain = False  # written so that null means nothing
        self.items: list[_Node] | None = None  # of a sequence
        self.pairs: list[tuple[_Node, _Node]] | None = None  # of a mapping


class _Broken(Exception):
    """A document that is not read. index, line: where, of the whole file."""

    def __init__(self, what: What, message: str, line: int, index: int) -> None:
        super().__init__(message)
        self.what: What = what
        self.line, self.index = line, index


_NEXT = lazily.pattern(r"^---(?=[\s]|\Z)", re.M)
_TEMPLATE = lazily.pattern(r"^\s*(?:- )?\{\{|[:-]\s+\{\{")
"""A line that no YAML has: an action of a template where a key, an item or a value begins."""
_RENDER = (
    "this is a template that was not rendered: render it first (helm template, for example), and read what comes out"
)


def _documents(found: Manifests) -> Iterator[_Node]:
    """Each document that is whole. Behind a broken one it goes on at the next line that begins with `---`."""
    text, at, line = found.text, 0, 0
    if text.startswith("\ufeff"):
        at = 1
    while True:
        try:
            yield from _events(text, at, line)
            return
        except _Broken as broken:
            template = broken.what == "template" or (broken.what == "yaml" and _is_template(text, broken))
            message = _RENDER if template else str(broken)
            found.troubles.append(
                Trouble(found.name, broken.line + 1, "template" if template else broken.what, printable(message, 300))
            )
            # libyaml tells of an open quote where it ends to look, so the search begins there; never behind it
            following = _NEXT.search(text, max(broken.index, at + 1))
            if following is None or len(found.troubles) >= MOST_TROUBLES:
                return
            line += text.count("\n", at, following.start())
            at = following.start()


def _is_template(text: str, broken: _Broken) -> bool:
    """Whether what is broken is a template: an action on the line itself, or where YAML begins before it in its document."""
    begin = text.rfind("\n---", 0, broken.index) + 1
    *before, line = text[begin : text.find("\n", broken.index) % (len(text) + 1)].split("\n")
    return "{{" in line or any(_TEMPLATE.search(one) for one in before if "{{" in one)


def _events(text: str, at: int, first_line: int) -> Iterator[_Node]:
    """The documents from an offset on. Raises _Broken."""
    loader: Any = None
    where, node_line = at, first_line
    try:
        loader = LOADER(text[at:] if at else text)
        stack: list[_Node] = []
        keys: list[_Node | None] = []
        anchors: dict[str, _Node] = {}
        root: _Node | None = None
        count = 0
        while True:
            event = loader.get_event()
            kind = type(event)
            if kind is yaml.ScalarEvent or kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                mark = event.start_mark
                where, node_line = mark.index + at, mark.line + first_line
                node = _Node(where, node_line, mark.column)
                node.end = event.end_mark.index + at
                count += 1
                if count > MOST_NODES:
                    raise _Broken("depth", f"more than {MOST_NODES} values: not read", node_line, where)
                if event.anchor is not None:
                    anchors[event.anchor] = node
                if kind is yaml.ScalarEvent:
                    node.value = event.value
                    node.style = event.style or ""
                    node.plain = event.implicit[0] and not node.style
                elif kind is yaml.MappingStartEvent:
                    node.pairs = []
                    if text.startswith("{{", where):
                        raise _Broken("template", _RENDER, node_line, where)
                else:
                    node.items = []
            elif kind is yaml.AliasEvent:
                mark = event.start_mark
                where, node_line = mark.index + at, mark.line + first_line
                known = anchors.get(event.anchor)
                if known is None:
                    message = f"broken YAML: the anchor {event.anchor} does not exist"
                    raise _Broken("yaml", message, node_line, where)
                node = known
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                stack.pop()
                keys.pop()
                continue
            elif kind is yaml.DocumentStartEvent:
                root, count = None, 0
                anchors.clear()
                continue
            elif kind is yaml.DocumentEndEvent:
                if root is not None:
                    yield root
                continue
            elif kind is yaml.StreamEndEvent:
                return
            else:
                continue
            if not stack:
                root = node
            else:
                holder = stack[-1]
                if holder.items is not None:
                    holder.items.append(node)
                elif holder.pairs is not None:
                    key = keys[-1]
                    if key is None:
                        keys[-1] = node
                    else:
                        holder.pairs.append((key, node))
                        keys[-1] = None
            if kind is not yaml.ScalarEvent and kind is not yaml.AliasEvent:
                if len(stack) >= MOST_DEPTH:
                    raise _Broken("depth", f"nested more than {MOST_DEPTH} levels deep: not read", node_line, where)
                stack.append(node)
                keys.append(None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(filter(None, (error.context, error.problem)))
        index, line = (mark.index + at, mark.line + first_line) if mark else (where, node_line)
        if "quoted" in (error.context or "") and error.context_mark:
            line = error.context_mark.line + first_line  # where the quote opens
        raise _Broken("yaml", f"broken YAML: {words}", line, index) from None
    except yaml.reader.ReaderError as error:
        # libyaml's reader counts bytes, and runs ahead of the parser
        index = min(len(text), max(where, at + 1))
        message = f"broken YAML: a character that YAML does not allow ({error.reason})"
        raise _Broken("yaml", message, node_line, index) from None
    except RecursionError:
        raise _Broken("depth", "nested too deep: not read", node_line, where) from None
    finally:
        if loader is not None:
            loader.dispose()


# ---- reading a tree --------------------------------------------------------------------------------------------------

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_Path = tuple[Any, str] | None
"""(the path before, ".key" or "[0]")."""


def _get(node: _Node | None, key: str) -> _Node | None:
    """The value of a key, the last where it is repeated; a merge key (`<<`) gives what the mapping itself lacks."""
    if node is None or node.pairs is None:
        return None
    waiting, seen = [node], {id(node)}
    while waiting:
        mapping = waiting.pop(0)
        found = None
        for name, value in mapping.pairs or ():
            if name.value == key:
                found = value
            elif name.value == "<<" and name.plain:
                for merged in value.items if value.items is not None else [value]:
                    if id(merged) not in seen:
                        seen.add(id(merged))
                        waiting.append(merged)
        if found is not None:
            return found
    return None


def _text(node: _Node | None) -> str:
    """The text of a scalar; "" for null, for what is no scalar and for what is not there."""
    if node is None or node.value is None or (node.plain and node.value in _NULL):
        return ""
    return node.value


def _at(node: _Node | None, *keys: str) -> _Node | None:
    for key in keys:
        node = _get(node, key)
    return node


def _names(node: _Node | None) -> tuple[str, ...]:
    """The names of a list of references to objects."""
    entries = node.items if node is not None and node.items is not None else []
    return tuple(name for entry in entries if (name := _text(_get(entry, "name"))))


def _pairs(node: _Node | None) -> tuple[tuple[str, str], ...]:
    return tuple((_text(k), _text(v)) for k, v in (node.pairs or () if node is not None else ()))


_PLAIN_KEY = lazily.pattern(r"[A-Za-z0-9_-]+")


def _below(path: _Path, key: str | int) -> _Path:
    if isinstance(key, int):
        return path, f"[{key}]"
    return path, f".{key}" if _PLAIN_KEY.fullmatch(key) else f'["{key}"]'


def _spelled(path: _Path) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(step)
    return printable("".join(reversed(steps)).removeprefix("."), 300)


# ---- documents -------------------------------------------------------------------------------------------------------

_TEMPLATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): ("spec",),
    ("", "PodTemplate"): ("template", "spec"),
    ("", "ReplicationController"): ("spec", "template", "spec"),
    **{
        (group, kind): ("spec", "template", "spec")
        for group in ("apps", "extensions")
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
    },
    ("batch", "Job"): ("spec", "template", "spec"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""(group, kind) -> where its pod's spec is (Kubernetes 1.37: core/v1, apps/v1, batch/v1; extensions/v1beta1 as it was)."""
_KUSTOMIZATION_FILES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
"""kustomize: api/konfig/general.go, RecognizedKustomizationFileNames."""
_KUSTOMIZE_GROUP, _FLUX_GROUP = "kustomize.config.k8s.io", "kustomize.toolkit.fluxcd.io"
_VALUES_OF: Mapping[tuple[str, str], str] = {
    ("helm.toolkit.fluxcd.io", "HelmRelease"): "values",
    ("argoproj.io", "Application"): "valuesObject",
    ("argoproj.io", "ApplicationSet"): "valuesObject",
}
"""(group, kind) -> the field that holds Helm values (Flux: HelmRelease v2; Argo CD 2.6 and later: Application v1alpha1)."""
_CONTAINERS = (("initContainers", "init"), ("containers", "container"), ("ephemeralContainers", "ephemeral"))


class _Document:
    """Looks through one document of a file."""

    def __init__(self, found: Manifests) -> None:
        self.found = found
        self.kind = self.name = self.namespace = ""

    def look(self, root: _Node) -> None:
        """Find what is in it."""
        waiting: list[tuple[_Node, _Path]] = [(root, None)]
        seen: set[int] = set()
        while waiting:
            node, path = waiting.pop()
            if node.pairs is None or id(node) in seen:
                continue
            seen.add(id(node))
            items = _get(node, "items")
            if _text(_get(node, "kind")).endswith("List") and items is not None and items.items is not None:
                inside = _below(path, "items")
                waiting += [(item, _below(inside, n)) for n, item in enumerate(items.items)][::-1]
                continue
            self.found.objects += 1
            self._object(node, path)

    def _object(self, node: _Node, path: _Path) -> None:
        version, self.kind = _text(_get(node, "apiVersion")), _text(_get(node, "kind"))
        metadata = _get(node, "metadata")
        self.name, self.namespace = _text(_get(metadata, "name")), _text(_get(metadata, "namespace"))
        group = version.rpartition("/")[0]
        named = self.found.name.replace("\\", "/").rpartition("/")[2] in _KUSTOMIZATION_FILES
        if group == _KUSTOMIZE_GROUP or (not version and (self.kind or not named) == "Kustomization"):
            self._kustomization(_get(node, "images"), _below(path, "images"))
        elif not self.kind and not version and named:
            self.kind = "Kustomization"
            self._kustomization(_get(node, "images"), _below(path, "images"))
        elif not self.kind:
            self._values(node, path)
        elif group == _FLUX_GROUP:
            self._kustomization(_at(node, "spec", "images"), _below(_below(path, "spec"), "images"))
        elif self.kind == "Secret" and not group:
            self.found.secrets.append(self._secret(node))
        elif self.kind == "ServiceAccount" and not group:
            secrets = _names(_get(node, "imagePullSecrets"))
            self.found.accounts.append(AccountSeen(self.found.name, node.line + 1, self.name, self.namespace, secrets))
        else:
            self._workload(node, path, group, bool(version))

    def _workload(self, node: _Node, path: _Path, group: str, versioned: bool) -> None:
        way = _TEMPLATES.get((group, self.kind))
        if way is None and not versioned:
            way = next((w for (_, kind), w in _TEMPLATES.items() if kind == self.kind), None)
        if way is not None:
            spec: _Node | None = node
            for key in way:
                spec, path = _get(spec, key), _below(path, key)
            if spec is not None:
                self._pod(spec, path)
            return
        values = _VALUES_OF.get((group, self.kind), "")
        for inside, below in _mappings(node, path):
            held = _get(inside, values) if values else None
            if held is not None:
                self._values(held, _below(below, values))
                return
            if _is_pod(inside):
                self._pod(inside, below)

    def _pod(self, spec: _Node, path: _Path) -> None:
        around: dict[str, Any] = {
            "pull_secrets": _names(_get(spec, "imagePullSecrets")),
            "service_account": _text(_get(spec, "serviceAccountName")) or _text(_get(spec, "serviceAccount")),
            "os": _text(_at(spec, "os", "name")),
        }
        for key, role in _CONTAINERS:
            listed = _get(spec, key)
            for number, entry in enumerate(listed.items or () if listed is not None else ()):
                sidecar = role == "init" and _text(_get(entry, "restartPolicy")) == "Always"
                self._add(
                    _get(entry, "image"),
                    _below(_below(_below(path, key), number), "image"),
                    container=_text(_get(entry, "name")),
                    role="sidecar" if sidecar else role,
                    pull_policy=_text(_get(entry, "imagePullPolicy")),
                    **around,
                )
        volumes = _get(spec, "volumes")
        for number, entry in enumerate(volumes.items or () if volumes is not None else ()):
            source = _get(entry, "image")
            self._add(
                _get(source, "reference"),
                _below(_below(_below(_below(path, "volumes"), number), "image"), "reference"),
                container=_text(_get(entry, "name")),
                role="volume",
                pull_policy=_text(_get(source, "pullPolicy")),
                **around,
            )

    def _kustomization(self, images: _Node | None, path: _Path) -> None:
        """kustomize, api/filters/imagetag: newName before name; the digest counts where both are given."""
        for number, entry in enumerate(images.items or () if images is not None else ()):
            here = _below(path, number)
            name = _text(_get(entry, "newName")) or _text(_get(entry, "name"))
            tag, digest = _get(entry, "newTag"), _get(entry, "digest")
            if name and (_text(tag) or _text(digest)):
                self._repository("kustomization", name, tag, digest, None, here, "newTag")

    def _values(self, root: _Node, path: _Path) -> None:
        for node, below in _mappings(root, path):
            digest, sha = _get(node, "digest"), _get(node, "sha")
            tag = _get(node, "tag")
            repository, image = _text(_get(node, "repository")), _get(node, "image")
            parts = [part for part in (tag, digest, sha) if part is not None]
            if repository and parts and all(part.value is not None for part in parts):
                registry = _text(_get(node, "registry"))
                name = f"{registry}/{repository}" if registry else repository
                if "://" not in name:
                    self._repository("values", name, tag, digest, sha, below, "tag")
            elif _text(image) and "://" not in _text(image):
                key = "tag" if tag is not None else "imageTag"
                beside = _get(node, key)
                if beside is not None and beside.value is not None:
                    self._repository("values", _text(image), beside, digest, sha, below, key)
                else:
                    self._add(image, _below(below, "image"), shape="values", container=_text(_get(node, "name")))

    def _repository(
        self,
        shape: Shape,
        name: str,
        tag: _Node | None,
        digest: _Node | None,
        sha: _Node | None,
        path: _Path,
        tag_key: str,
    ) -> None:
        """An image in parts: what is replaced is its digest where there is a field for it, else its tag."""
        written, pinned = _text(tag), _text(digest)
        if not pinned and _text(sha):
            pinned = f"sha256:{_text(sha)}"
        image = name + (f":{written}" if written else "") + (f"@{pinned}" if pinned else "")
        target, key, part = tag, tag_key, "tag"
        if sha is not None and not _text(digest) and sha.value is not None:
            target, key, part = sha, "sha", "hex"
        elif digest is not None and digest.value is not None and (written or pinned):
            target, key, part = digest, "digest", "digest"
        if "@" in written and not pinned:
            target, key, part = tag, tag_key, "tag"
        if not written and not pinned:
            node = target or tag or digest
            line = node.line + 1 if node is not None else 0
            message = f"the tag of {name} is not written here: the chart sets it; write the tag to have it pinned"
            self.found.troubles.append(Trouble(self.found.name, line, "no-tag", printable(message, 300)))
            return
        self._add(target, _below(path, key), shape=shape, part=part, image=image, container=name)

    def _add(self, node: _Node | None, path: _Path, image: str = "", **about: Any) -> None:
        """One place; nothing where there is no image."""
        if node is None:
            return
        if self._template(node) or "{{" in image:
            self.found.troubles.append(Trouble(self.found.name, node.line + 1, "template", _RENDER))
            return
        image = image or _text(node)
        if node.value is None or not image:
            return
        start, end = self._inside(node)
        place = {"role": "", "shape": "object", "part": "image", **about}
        self.found.places.append(
            Place(
                file=self.found.name,
                line=node.line + 1,
                column=node.column + 1,
                start=start,
                end=end,
                image=image,
                kind=self.kind,
                name=self.name,
                namespace=self.namespace,
                field=_spelled(path),
                **place,
            )
        )

    def _template(self, node: _Node) -> bool:
        return node.value is not None and "{{" in node.value

    def _inside(self, node: _Node) -> tuple[int, int]:
        """Where the value stands, without quotes, anchor, tag and a block scalar's header.

        (start, start) where it is spelled otherwise than it reads and not in quotes (folded over lines).
        """
        text, value = self.found.text, node.value or ""
        if node.style in ("'", '"'):
            return text.index(node.style, node.start) + 1, node.end - 1
        if not node.style:
            begin = node.end - len(value)
            return (begin, node.end) if text[begin : node.end] == value else (begin, begin)
        # a block scalar: what stands in the line of its indicator may be a comment that names the same image
        line = value.rstrip("\n")
        begin = text.find(line, text.find("\n", node.start, node.end) + 1, node.end)
        return (begin, begin + len(line)) if begin >= 0 and line else (node.end, node.end)

    def _secret(self, node: _Node) -> SecretSeen:
        data: dict[str, str] = {k: "".join(v.split()) for k, v in _pairs(_get(node, "data"))}
        for key, value in _pairs(_get(node, "stringData")):
            data[key] = base64.b64encode(value.encode("utf-8", "replace")).decode()
        kind = _text(_get(node, "type")) or "Opaque"
        stored = {"metadata": {"name": self.name, "namespace": self.namespace}, "type": kind, "data": data}
        return SecretSeen(self.found.name, node.line + 1, self.name, self.namespace, kind, stored)


def _is_pod(node: _Node) -> bool:
    """Whether a mapping is shaped like the spec of a pod."""
    listed = _get(node, "containers")
    entries: Sequence[_Node] = listed.items or () if listed is not None else ()
    shaped = all(entry.pairs is not None and _text(_get(entry, "name")) for entry in entries)
    return bool(entries) and shaped and any(_text(_get(entry, "image")) for entry in entries)


def _mappings(root: _Node, path: _Path) -> Iterator[tuple[_Node, _Path]]:
    """Every mapping below and with the root, each once, in the order of the file."""
    waiting: list[tuple[_Node, _Path]] = [(root, path)]
    seen: set[int] = set()
    while waiting:
        node, below = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.pairs is not None:
            yield node, below
            waiting += [(v, _below(below, k.value or "")) for k, v in reversed(node.pairs) if v.value is None]
        elif node.items is not None:
            waiting += [(v, _below(below, n)) for n, v in reversed([*enumerate(node.items)]) if v.value is None]

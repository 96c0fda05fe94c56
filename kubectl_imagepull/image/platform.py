"""Which entry of an image index a node takes, and why none fits.

containerd: github.com/containerd/platforms v1.0.0-rc.5 (compare.go, database.go, platform_windows_compat.go)
and containerd core/images/image.go Manifest. CRI-O: containers/image
internal/pkg/platform/platform_matcher.go and internal/manifest/oci_index.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import lazily

CONTAINERD = "containerd"
CRIO = "cri-o"

_ARCHITECTURES = {"i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}
# Windows Server 2022: hosts from this build on run containers of older builds, down to it
_STABLE_BUILD = 20348
_NUMBER = lazily.pattern(r"[+-]?[0-9]+")
_WINDOWS_BUILD = lazily.pattern(r"([0-9]+)\.([0-9]+)\.([0-9]+)(?:\.|\Z)")


@dataclass(frozen=True)
class Platform:
    """A platform as the OCI image spec has it: of a node, or of an entry in an index."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.os or 'unknown'}/{self.architecture or 'unknown'}"
        text += f"/{self.variant}" if self.variant else ""
        return f"{text} ({self.os_version})" if self.os_version else text

    @classmethod
    def of_node(cls, node_info: Mapping[str, Any]) -> Platform:
        """From a node's status.nodeInfo. The variant is not in there: arm64 is v8 and arm is taken for v7."""
        system, architecture = _text(node_info, "operatingSystem"), _text(node_info, "architecture")
        variant = {"arm64": "v8", "arm": "v7"}.get(architecture, "")
        version = _text(node_info, "kernelVersion") if system == "windows" else ""
        return cls(system, architecture, variant, version)

    @classmethod
    def of_descriptor(cls, descriptor: object) -> Platform | None:
        """The platform of one entry of an index; None where it names none."""
        platform = descriptor.get("platform") if isinstance(descriptor, Mapping) else None
        if not isinstance(platform, Mapping):
            return None
        features = platform.get("os.features")
        return cls(
            _text(platform, "os"),
            _text(platform, "architecture"),
            _text(platform, "variant"),
            _text(platform, "os.version"),
            tuple(f for f in features if isinstance(f, str)) if isinstance(features, Sequence) else (),
        )


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Choice:
    """What a runtime takes from an index. descriptor is None when nothing fits; available: the platforms on
    offer, without attestations; why: one sentence when nothing fits, else "".
    """

    descriptor: Mapping[str, Any] | None
    available: tuple[Platform, ...]
    why: str = ""


def choose(index: object, node: Platform, runtime: str = CONTAINERD) -> Choice:
    """The entry of a parsed image index (or Docker manifest list) that the runtime takes on the node.

    Never raises: what is no index has no entries. An entry without a platform fits every node, last.
    """
    manifests = index.get("manifests") if isinstance(index, Mapping) else None
    entries = [d for d in manifests if isinstance(d, Mapping)] if isinstance(manifests, list) else []
    platforms = [Platform.of_descriptor(entry) for entry in entries]
    available = tuple(dict.fromkeys(p for p in platforms if p is not None and not _is_attestation(p)))
    rank = rank_containerd if runtime == CONTAINERD else rank_crio
    ranked = [(rank(p, node) if p is not None else None, i) for i, p in enumerate(platforms)]
    fitting = [(r, i) for r, i in ranked if r is not None]
    if fitting:
        return Choice(entries[min(fitting)[1]], available)
    bare = next((i for i, p in enumerate(platforms) if p is None), None)
    if bare is not None:
        return Choice(entries[bare], available)
    return Choice(None, available, _why_none(available, node, runtime))


def _is_attestation(platform: Platform) -> bool:
    """BuildKit's attestations stand in the index as unknown/unknown."""
    return platform.os == "unknown" and platform.architecture == "unknown"


Rank = tuple[Any, ...]


def rank_containerd(entry: Platform, node: Platform) -> Rank | None:
    """How well an entry fits as containerd sees it, smaller is better; None if it does not."""
    entry = _normalised(replace(entry, os=entry.os or node.os))
    for at, wanted in enumerate(_containerd_order(_normalised(node))):
        if _equal(wanted, entry):
            # on Windows the newest build is preferred, compared as text, and nothing else counts
            return (_descending(entry.os_version),) if node.os == "windows" else (at, -len(entry.os_features))
    return None


def _descending(text: str) -> tuple[int, ...]:
    # the end of a text counts as less than any character, so it comes last
    return (*(-b for b in text.encode("utf-8", "surrogatepass")), 1)


def _equal(wanted: Platform, entry: Platform) -> bool:
    features = list(entry.os_features)
    if wanted.os == "windows" and "win32k" in features:
        features.remove("win32k")
    return (
        (entry.os, entry.architecture, entry.variant) == (wanted.os, wanted.architecture, wanted.variant)
        and set(features) <= set(wanted.os_features)
        and (wanted.os != "windows" or windows_build_fits(wanted.os_version, entry.os_version))
    )


def _normalised(platform: Platform) -> Platform:
    """containerd/platforms database.go: one spelling for each operating system, architecture and variant."""
    system = {"macos": "darwin"}.get(platform.os.lower(), platform.os.lower())
    written, variant = platform.architecture.lower(), platform.variant.lower()
    architecture = _ARCHITECTURES.get(written, written)
    if written == "i386" or (architecture == "amd64" and variant == "v1"):
        variant = ""
    elif architecture == "arm64":
        variant = {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}.get(variant, variant)
    elif written in ("armhf", "armel"):
        architecture, variant = "arm", "v7" if written == "armhf" else "v6"
    elif architecture == "arm":
        variant = {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}.get(variant, variant)
    return replace(platform, os=system, architecture=architecture, variant=variant)


def _containerd_order(node: Platform) -> Iterator[Platform]:
    """What a node takes, best first (compare.go platformVector); on Windows only its own architecture."""
    if node.os == "windows":
        yield node
        return
    if node.architecture != "arm64":
        yield node
    number = node.variant.removeprefix("v")
    version = int(number) if _NUMBER.fullmatch(number) and len(number) < 4 else 0
    if node.architecture == "amd64":
        for older in range(version - 1, 0, -1):
            # amd64/v1 is written without a variant
            yield replace(node, variant=f"v{older}" if older > 1 else "")
        yield replace(node, architecture="386", variant="")
    elif node.architecture == "arm":
        yield from (replace(node, variant=f"v{older}") for older in range(version - 1, 4, -1))
    elif node.architecture == "arm64":
        yield from _arm64_order(node)


def _arm64_order(node: Platform) -> Iterator[Platform]:
    """arm64 v9.x takes v8.(x+5) and older, all take 32-bit arm v8 to v5."""
    found = re.fullmatch(r"v(8|9)(?:\.([0-9]))?", node.variant or "v8")
    if found is None or (found.group(1) == "9" and found.group(2) in ("8", "9")):
        return
    major, minor = int(found.group(1)), int(found.group(2) or 0)
    series = [(8, minor)] if major == 8 else [(9, minor), (8, min(minor + 5, 9))]
    for line, newest in series:
        for older in range(newest, -1, -1):
            name = "" if (line, older) == (8, 0) else f"v{line}" + (f".{older}" if older else "")
            yield replace(node, variant=name)
    yield from (replace(node, architecture="arm", variant=f"v{older}") for older in range(8, 4, -1))


def windows_build(version: str) -> tuple[int, int, int] | None:
    """Major, minor and build of a Windows version such as 10.0.20348.2700; None where it is none."""
    found = _WINDOWS_BUILD.match(version)
    if found is None:
        return None
    major, minor, build = (int(part) if len(part) < 9 else 1 << 30 for part in found.groups())
    return (major, minor, build) if major < 256 and minor < 256 and build < 65536 else None


def windows_build_fits(host: str, image: str) -> bool:
    """Whether a Windows node runs an image of that build (platform_windows_compat.go).

    Before Windows Server 2022 (20348) the builds must be equal; since then a host runs builds from 20348 up
    to its own. A version that is missing fits.
    """
    node = windows_build(host)
    if node is None or node == (0, 0, 0) or not image:
        return True
    container = windows_build(image) or (0, 0, 0)
    if node[:2] != container[:2]:
        return False
    if node[2] < _STABLE_BUILD:
        return node[2] == container[2]
    return _STABLE_BUILD <= container[2] <= node[2]


def rank_crio(entry: Platform, node: Platform) -> Rank | None:
    """How well an entry fits as CRI-O sees it: operating system, architecture and variant as text, no
    builds.
    """
    variants = {"arm": ["v7", "v6", "v5"], "arm64": ["v8"]}.get(node.architecture, [])
    if not node.variant:
        order = ["", *(["v8"] if node.architecture == "arm64" else [])]
    elif node.variant in variants:
        order = [*variants[variants.index(node.variant) :], ""]
    else:
        order = [node.variant, ""]
    if (entry.os, entry.architecture) != (node.os, node.architecture) or entry.variant not in order:
        return None
    return (order.index(entry.variant),)


def _why_none(available: Sequence[Platform], node: Platform, runtime: str) -> str:
    """One sentence: what the node needs, what there is, and the nearest reason."""
    wanted = str(replace(node, variant="") if node.architecture == "arm64" else node)
    if not available:
        return f"the index has no image in it, the node needs {wanted}"
    shown = [str(p) for p in available]
    listed = ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
    same_os = [p for p in available if p.os.lower() == node.os]
    if not same_os:
        reason = f"none is for {node.os}"
    elif not (same := [p for p in same_os if _normalised(p).architecture == node.architecture]):
        reason = f"none is for {node.architecture}"
    elif node.os == "windows" and runtime == CONTAINERD:
        reason = f"the node's Windows build {node.os_version or 'unknown'} runs none of these builds"
    else:
        variants = ", ".join(p.variant or "without variant" for p in same)
        reason = f"{node.architecture} is there only as {variants}"
    return f"{reason}: the node needs {wanted}, the image has {listed}"

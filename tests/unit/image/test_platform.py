"""Which entry of an index a node takes, with containerd and with CRI-O, and the sentence when none fits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kubectl_imagepull.image.platform import CONTAINERD, CRIO, Platform, choose, windows_build_fits


def index(*platforms: str | None) -> dict[str, Any]:
    """An index with an entry for each os/architecture[/variant][ build], None for one without platform."""
    manifests: list[dict[str, Any]] = []
    for text in platforms:
        entry: dict[str, Any] = {"digest": str(text)}
        if text is not None:
            name, _, build = text.partition(" ")
            parts = [*name.split("/"), ""]
            entry["platform"] = {"os": parts[0], "architecture": parts[1], "variant": parts[2]}
            if build:
                entry["platform"]["os.version"] = build
        manifests.append(entry)
    return {"schemaVersion": 2, "manifests": manifests}


def node(system: str, architecture: str, kernel: str = "6.1") -> Platform:
    return Platform.of_node({"operatingSystem": system, "architecture": architecture, "kernelVersion": kernel})


AMD64, ARM64, ARM = node("linux", "amd64"), node("linux", "arm64"), node("linux", "arm")


def taken(node: Platform, runtime: str, *platforms: str | None) -> str | None:
    choice = choose(index(*platforms), node, runtime)
    assert (choice.descriptor is None) == bool(choice.why)
    return None if choice.descriptor is None else choice.descriptor["digest"]


@pytest.mark.parametrize("runtime", [CONTAINERD, CRIO])
def test_the_plain_cases(runtime: str) -> None:
    every = ("linux/amd64", "linux/arm/v7", "linux/arm64/v8", "linux/s390x", "unknown/unknown")
    assert taken(AMD64, runtime, *every) == "linux/amd64"
    assert taken(ARM64, runtime, *every) == "linux/arm64/v8"
    assert taken(ARM, runtime, *every) == "linux/arm/v7"
    assert taken(ARM64, runtime, "linux/arm64") == "linux/arm64"
    assert taken(ARM64, runtime, "linux/amd64") is None
    assert taken(AMD64, runtime, "windows/amd64 10.0.20348.1") is None


def test_containerd_takes_what_is_compatible() -> None:
    assert taken(AMD64, CONTAINERD, "linux/386") == "linux/386"
    assert taken(AMD64, CONTAINERD, "linux/386", "linux/amd64/v1") == "linux/amd64/v1"
    # a node does not know its amd64 level, so an image for a higher one is not taken
    assert taken(AMD64, CONTAINERD, "linux/amd64/v2") is None
    assert taken(ARM64, CONTAINERD, "linux/arm/v6", "linux/arm/v7") == "linux/arm/v7"
    assert taken(ARM, CONTAINERD, "linux/arm/v6", "linux/arm/v5") == "linux/arm/v6"
    assert taken(ARM, CONTAINERD, "linux/arm/v8") is None
    assert taken(AMD64, CONTAINERD, "linux/x86_64") == "linux/x86_64"
    newer = Platform("linux", "arm64", "v9.2")
    assert taken(newer, CONTAINERD, "linux/arm64", "linux/arm64/v8.7") == "linux/arm64/v8.7"
    assert taken(newer, CONTAINERD, "linux/arm64/v9.3") is None


def test_crio_takes_what_is_equal() -> None:
    assert taken(AMD64, CRIO, "linux/386") is None
    assert taken(AMD64, CRIO, "linux/amd64/v1") is None
    assert taken(ARM64, CRIO, "linux/arm/v7") is None
    assert taken(ARM, CRIO, "linux/arm/v6", "linux/arm") == "linux/arm/v6"
    assert taken(Platform("linux", "arm64"), CRIO, "linux/arm64/v8", "linux/arm64") == "linux/arm64"
    assert taken(AMD64, CRIO, "linux/x86_64") is None


@pytest.mark.parametrize("runtime", [CONTAINERD, CRIO])
def test_an_entry_without_platform_fits_last(runtime: str) -> None:
    assert taken(AMD64, runtime, None, "linux/amd64") == "linux/amd64"
    assert taken(AMD64, runtime, None, "linux/arm64") == "None"


@pytest.mark.parametrize(
    ("host", "image", "fits"),
    [
        ("10.0.17763.6659", "10.0.17763.1", True),
        ("10.0.17763.6659", "10.0.20348.1", False),
        ("10.0.19045", "10.0.17763", False),
        ("10.0.20348.2700", "10.0.17763.1", False),
        ("10.0.20348.2700", "10.0.20348.1", True),
        ("10.0.25398", "10.0.20348.1", True),
        ("10.0.26100", "10.0.20348.1", True),
        ("10.0.26100", "10.0.26200", False),
        ("10.0.26200", "10.0.26100", True),
        ("10.0.26100", "10.0.17763", False),
        ("10.0.26100", "", True),
        ("", "10.0.17763", True),
        ("10.0.26100", "junk", False),
    ],
)
def test_windows_builds(host: str, image: str, fits: bool) -> None:
    assert windows_build_fits(host, image) is fits
    on_node = taken(node("windows", "amd64", host), CONTAINERD, f"windows/amd64 {image}".strip())
    assert (on_node is not None) is fits


def test_windows_prefers_the_newest_build_that_fits() -> None:
    builds = ("windows/amd64 10.0.17763.1", "windows/amd64 10.0.20348.1", "windows/amd64 10.0.20348.9")
    assert taken(node("windows", "amd64", "10.0.25398.1"), CONTAINERD, *builds) == builds[2]
    assert taken(node("windows", "amd64", "10.0.17763.5"), CONTAINERD, *builds) == builds[0]


def test_features() -> None:
    def entry(*features: str) -> dict[str, Any]:
        platform = {"os": "windows", "architecture": "amd64", "os.features": list(features)}
        return {"manifests": [{"platform": platform}]}

    windows = node("windows", "amd64", "10.0.20348.1")
    assert choose(entry("win32k"), windows).descriptor is not None
    assert choose(entry("win32k", "other"), windows).descriptor is None


@pytest.mark.parametrize(
    ("node", "platforms", "words"),
    [
        (ARM64, ["linux/amd64"], "none is for arm64: the node needs linux/arm64, the image has linux/amd64"),
        (AMD64, ["windows/amd64 10.0.20348.1"], "none is for linux"),
        (AMD64, ["linux/amd64/v3"], "amd64 is there only as v3"),
        (
            node("windows", "amd64", "10.0.17763.1"),
            ["windows/amd64 10.0.20348.1"],
            "build 10.0.17763.1 runs none",
        ),
        (AMD64, ["unknown/unknown"], "no image in it"),
        (AMD64, [], "no image in it"),
        (AMD64, [f"linux/x{i}" for i in range(9)], "and 3 more"),
    ],
)
def test_why_none_fits(node: Platform, platforms: list[str], words: str) -> None:
    choice = choose(index(*platforms), node)
    assert choice.descriptor is None and words in choice.why
    assert Platform("unknown", "unknown") not in choice.available


@pytest.mark.parametrize(
    "junk",
    [
        None, 5, [], {}, {"manifests": None}, {"manifests": {}}, {"manifests": [None, 5]},
        {"manifests": [{"platform": {"os": 5}}]},
    ],
)  # fmt: skip
def test_what_is_no_index(junk: object) -> None:
    assert choose(junk, AMD64).descriptor is None


def test_a_huge_index_is_over_soon() -> None:
    start = time.process_time()
    choice = choose(index(*[f"linux/arm/v{'9' * (i % 50)}" for i in range(20_000)]), AMD64)
    assert choice.descriptor is None and len(choice.why) < 800
    assert time.process_time() - start < 3
    odd = Platform("linux", "amd64", "v" + "9" * 1_000_000)
    assert choose(index("linux/386"), odd).descriptor is not None
    assert time.process_time() - start < 5

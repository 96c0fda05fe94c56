"""contrib/probe-image: built as its first lines say, over a base of Debian's own Python, and used on the lab."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, pod
from tests.lab import build, images
from tests.lab.settings import NODES, REPOSITORY_ROOT

pytestmark = pytest.mark.lab
IMAGE, BASE = "registry.lab.test/imagepull-probe:1", "localhost/python-of-debian:3"


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Debian's buildah with a storage of its own: chroots, no daemon and no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(build.PACKAGES, "buildah", "buildah")
        build.packages()
    place = tmp_path_factory.mktemp("buildah")
    words = ["buildah", "--root", str(place / "root"), "--runroot", str(place / "run"), "--storage-driver", "vfs"]
    yield words
    subprocess.run([*words, "rm", "--all"], capture_output=True, check=False)
    subprocess.run([*words, "rmi", "--all", "--force"], capture_output=True, check=False)
    shutil.rmtree(place, ignore_errors=True)


def done(words: list[str], *more: str) -> str:
    ran = subprocess.run([*words, *more], capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def build_image(buildah: list[str], base: images.Image, folder: Path) -> subprocess.CompletedProcess[str]:
    """The Containerfile over a base."""
    archive = folder / "base.tar"
    archive.write_bytes(images.archive(BASE, base))
    done(buildah, "pull", "--quiet", f"oci-archive:{archive}")
    words = ["bud", "--isolation", "chroot", "--pull=false", "--build-arg", f"BASE={BASE}", "--tag", IMAGE]
    context = REPOSITORY_ROOT / "contrib" / "probe-image"
    return subprocess.run([*buildah, *words, str(context)], capture_output=True, text=True, check=False, timeout=300)


def image_of(layout: Path) -> tuple[images.Image, dict[str, Any]]:
    """The image in an OCI archive, and its configuration."""
    with tarfile.open(layout) as archive:
        files = {m.name.removeprefix("./"): archive.extractfile(m) for m in archive if m.isreg()}
        read = {name: file.read() for name, file in files.items() if file is not None}

    def blob(digest: str) -> bytes:
        return read[f"blobs/{digest.replace(':', '/')}"]

    (entry,) = json.loads(read["index.json"])["manifests"]
    body = blob(entry["digest"])
    manifest = json.loads(body)
    parts = [manifest["config"], *manifest["layers"]]
    found = images.Image(
        manifest.get("mediaType", entry["mediaType"]), body, {p["digest"]: blob(p["digest"]) for p in parts}
    )
    return found, json.loads(blob(manifest["config"]["digest"]))


@pytest.fixture(scope="module")
def stored(buildah: list[str], cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The image in the lab's registry. -> its configuration"""
    folder = tmp_path_factory.mktemp("image")
    ran = build_image(buildah, images.python(cluster.lab.registry_ca.read_bytes()), folder)
    assert ran.returncode == 0, ran.stderr
    done(buildah, "push", "--quiet", IMAGE, f"oci-archive:{folder}/image.tar")
    image, configuration = image_of(folder / "image.tar")
    data = cluster.lab.state / "registries" / "registry" / "data"
    images.store(data, "imagepull-probe", "1", image)
    yield configuration
    shutil.rmtree(data / "docker/registry/v2/repositories/imagepull-probe")


def test_it_is_nobody_s_root(stored: dict[str, Any]) -> None:
    assert stored["config"]["User"] == "65534:65534" and not stored["config"].get("Entrypoint")
    assert stored["config"]["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_a_base_without_python_is_refused_when_it_is_built(buildah: list[str], tmp_path: Path) -> None:
    ran = build_image(buildah, images.busybox("no python here"), tmp_path)
    assert ran.returncode != 0 and "python3" in ran.stderr


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("way", [(), ("--no-host-network",)], ids=["host network", "pod network"])
def test_it_is_pulled_and_asks_from_the_node(
    stored: dict[str, Any], cluster: Cluster, namespace: str, node: str, way: tuple[str, ...]
) -> None:
    """It is on no node before: the kubelet pulls it, and every hop of the path is asked for from there."""
    name = f"no-tag-{node}"
    cluster.apply(pod(namespace, name, node, "registry.lab.test/busybox:9.9"))
    cluster.wait_failing(namespace, [name])
    code, found = cluster.why(name, "-n", namespace, "--via", "image-python", "--probe-image", IMAGE, *way)
    assert (code, found["verdict"]["cause"]) == (1, "image.tag_unknown"), json.dumps(found, indent=1)
    assert (found["probe"]["rung"], found["probe"]["image"]) == ("image-python", IMAGE), found["probe"]
    assert found["probe"]["deleted"] and found["errors"] == []
    passed = {hop["hop"] for hop in found["hops"] if hop["vantage"] == node and hop["status"] == "pass"}
    assert passed >= {"dns", "connect", "tls", "registry"}, found["hops"]

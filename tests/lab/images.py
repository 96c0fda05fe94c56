"""Images without an engine: made in memory, put straight into a registry's storage or into an archive for
containerd.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import random
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import build
from tests.lab.common import run, write

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
FOREIGN = "amd64" if NATIVE == "arm64" else "arm64"  # an architecture that the nodes do not have
APPLETS = (
    "sh",
    "sleep",
    "cat",
    "ls",
    "env",
    "date",
    "timeout",
    "wget",
    "nslookup",
    "nc",
    "true",
    "false",
    "id",
)


def digest(data: bytes) -> str:
    """``sha256:…`` of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


@dataclass(frozen=True)
class Image:
    """A manifest (or an index) with all below it; ``blobs`` are what a registry serves under /blobs/."""

    media_type: str
    body: bytes
    blobs: dict[str, bytes] = field(default_factory=dict)
    children: tuple[Image, ...] = ()

    @property
    def digest(self) -> str:
        return digest(self.body)

    def descriptor(self, **more: object) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **more}


def _tar(files: dict[str, bytes], links: dict[str, str], directories: tuple[str, ...]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in directories:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return out.getvalue()


def _image(layer: bytes, config: dict[str, object], architecture: str) -> Image:
    configuration = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
    )
    body = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(configuration), "size": len(configuration)},
            "layers": [{"mediaType": LAYER, "digest": digest(layer), "size": len(layer)}],
        }
    )
    return Image(MANIFEST, body, {digest(layer): layer, digest(configuration): configuration})


def _index(*images: tuple[str, Image]) -> Image:
    body = _json(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                image.descriptor(platform={"architecture": architecture, "os": "linux"})
                for architecture, image in images
            ],
        }
    )
    return Image(INDEX, body, children=tuple(image for _, image in images))


def pause() -> Image:
    """As the real one: one static binary, no shell, a user that is not root."""
    layer = _tar({"pause": build.pause().read_bytes()}, {}, ())
    return _image(layer, {"Entrypoint": ["/pause"], "User": "65535:65535", "Env": ["PATH=/usr/bin:/bin"]}, NATIVE)


def busybox(label: str, architecture: str = NATIVE) -> Image:
    """Debian's static busybox, asleep; ``label`` makes images of different digest."""
    directories = ("bin", "etc", "tmp", "proc", "sys", "dev", "usr", "lib", "lib64")
    layer = _tar(
        {"bin/busybox": Path("/usr/bin/busybox").read_bytes()},
        {f"bin/{name}": "busybox" for name in APPLETS},
        directories,
    )
    return _image(layer, {"Cmd": ["sleep", "86400"], "Env": ["PATH=/bin"], "Labels": {"lab": label}}, architecture)


# What a probe never imports, and what only weighs.
WITHOUT = ("test", "idlelib", "lib2to3", "ensurepip", "distutils", "pydoc_data", "unittest", "turtledemo")


def python(bundle: bytes) -> Image:
    """The computer's own Python with the libraries it is linked to, 30 MB, as an image of a distribution would
    have it. ``bundle``: the CA certificates (PEM) that it trusts.
    """
    binary = Path("/usr/bin/python3").resolve()
    library = Path("/usr/lib") / binary.name
    skip = ("__pycache__", *WITHOUT, f"config-{binary.name.removeprefix('python')}")
    paths = [
        path
        for path in sorted(library.rglob("*"))
        if path.is_file() and not any(part.startswith(skip) for part in path.relative_to(library).parts)
    ]
    files = {str(path)[1:]: path.read_bytes() for path in paths if path.suffix != ".pyc"}
    files |= {path[1:]: Path(path).read_bytes() for path in _linked([binary, *library.glob("lib-dynload/*.so")])}
    files |= {str(binary)[1:]: binary.read_bytes(), "etc/ssl/certs/ca-certificates.crt": bundle}
    links = {"usr/bin/python3": binary.name, "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt"}
    layer = _tar(files, links, ("tmp", "proc", "sys", "dev"))
    return _image(layer, {"Cmd": ["python3"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}, NATIVE)


def _linked(binaries: list[Path]) -> set[str]:
    """The shared libraries (and the loader) that these need, as the loader's own paths."""
    said = run(["ldd", *map(str, binaries)])
    return {word for word in said.split() if word.startswith("/") and not word.endswith(":")}


def multi() -> Image:
    """An index with the nodes' architecture and another one."""
    return _index((NATIVE, busybox("multi")), (FOREIGN, busybox("multi", FOREIGN)))


def foreign_only() -> Image:
    """An index without anything for the nodes' architecture (the repository is called ``armonly``)."""
    return _index((FOREIGN, busybox("foreign", FOREIGN)))


def filler(label: str) -> Image:
    """An image of 1 MiB that does not compress, different for each label; there is nothing to run in it."""
    layer = _tar({"filler": random.Random(label).randbytes(1 << 20)}, {}, ())
    return _image(layer, {"Cmd": ["none"], "Labels": {"lab": label}}, NATIVE)


def index() -> Image:
    """An index with nothing in it."""
    return _index()


OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
ARTIFACTS = {
    # Helm: helm.sh/docs/topics/registries; its configuration is the chart's description
    "chart": ("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
    # cosign: specs/SIGNATURE_SPEC.md, specs/SBOM_SPEC.md: an image in form, with a payload for a layer
    "signature": (OCI_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json"),
    "sbom": (OCI_CONFIG, "text/spdx+json"),
    # CNCF TAG Runtime: guidance on Wasm OCI artifacts
    "module": ("application/vnd.wasm.config.v0+json", "application/wasm"),
}
"""Repository -> media types of configuration and layer of something that is kept in registries and is no image."""


def artifact(kind: str) -> Image:
    """One of ARTIFACTS."""
    config_type, layer_type = ARTIFACTS[kind]
    layer = b"\0asm\1\0\0\0" if kind == "module" else _json({"kind": kind})
    if kind == "chart":
        layer = gzip.compress(_tar({"app/Chart.yaml": b"apiVersion: v2\nname: app\nversion: 1.0.0\n"}, {}, ()), mtime=0)
    rootfs = {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}
    own = (
        {"name": "app", "version": "1.0.0", "apiVersion": "v2"}
        if kind == "chart"
        else {"layerDigests": [digest(layer)]}
    )
    configuration = _json(rootfs if config_type == OCI_CONFIG else own)
    body = _json(
        {
            "schemaVersion": 2,
            "mediaType": OCI,
            "config": {"mediaType": config_type, "digest": digest(configuration), "size": len(configuration)},
            "layers": [{"mediaType": layer_type, "digest": digest(layer), "size": len(layer)}],
        }
    )
    return Image(OCI, body, {digest(layer): layer, digest(configuration): configuration})


def not_a_tar() -> Image:
    """An image whose layer is what its digest says, and no archive."""
    return _image(b"this is not a layer\n" * 512, {"Cmd": ["sleep"]}, NATIVE)


def archive(name: str, image: Image) -> bytes:
    """An OCI archive that ``ctr images import`` takes under ``name``."""
    index = _json(
        {
            "schemaVersion": 2,
            "manifests": [
                image.descriptor(
                    annotations={"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
                )
            ],
        }
    )
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    files |= {"blobs/sha256/" + key[7:]: blob for key, blob in {**image.blobs, image.digest: image.body}.items()}
    return _tar(files, {}, ())


def store(root: Path, repository: str, tag: str, image: Image) -> None:
    """Put an image into the storage of a registry that is not running yet (the file layout of distribution's
    filesystem driver).

    Files instead of a push: no credentials are needed for the registries whose very point is that a push
    fails.
    """
    base = root / "docker/registry/v2"
    repo = base / "repositories" / repository

    def link(at: Path, to: str) -> None:
        write(at / "link", to)

    def blob(data: bytes) -> None:
        name = digest(data)[7:]
        target = base / "blobs/sha256" / name[:2] / name / "data"
        if not target.exists():
            write(target, data)

    def revision(item: Image) -> None:
        blob(item.body)
        link(repo / "_manifests/revisions/sha256" / item.digest[7:], item.digest)
        for key, data in item.blobs.items():
            blob(data)
            link(repo / "_layers/sha256" / key[7:], key)
        for child in item.children:
            revision(child)

    revision(image)
    link(repo / "_manifests/tags" / tag / "current", image.digest)
    link(repo / "_manifests/tags" / tag / "index/sha256" / image.digest[7:], image.digest)

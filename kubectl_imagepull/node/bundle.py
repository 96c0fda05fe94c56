"""The probes as one zip that a Python on a node runs: `python3 -I probes.pyz plan.json`.

The libraries in it (vendor.zip, made when the package is built) are pinned for the Pythons that nodes have; the probes' own
sources are added here, so the bundle is always of the code at hand.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import io
import lzma
import pathlib
import zipfile

PACKAGE = "imagepull_probes"
START = f"from {PACKAGE}.__main__ import main\nraise SystemExit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
MOST_BYTES = 1_000_000
"""A ConfigMap holds 1 MiB in all."""


class BundleMissing(Exception):
    """The package was not built the usual way: its libraries for the probes are not there."""


@functools.cache
def bundle() -> bytes:
    """The zip, byte for byte the same for the same sources. Raises BundleMissing."""
    vendor = pathlib.Path(__file__).with_name("vendor.zip")
    spec = importlib.util.find_spec("kubectl_imagepull.probes")
    if spec is None or spec.origin is None or not vendor.exists():
        raise BundleMissing(f"{vendor.name} is missing: install with `pipx install .` or `pip install -e .`")
    probes = pathlib.Path(spec.origin).parent
    packed = io.BytesIO(vendor.read_bytes())
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(probes.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"{PACKAGE}/{path.name}", EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("__main__.py", EPOCH), START, zipfile.ZIP_DEFLATED)
    data = packed.getvalue()
    if len(data) > MOST_BYTES:
        raise BundleMissing(f"the probe bundle has {len(data)} bytes, more than a ConfigMap holds")
    return data


def script() -> str:
    """probe.sh, the same questions for nodes where no Python can be had. Raises BundleMissing."""
    spec = importlib.util.find_spec("kubectl_imagepull.probes")
    path = pathlib.Path(spec.origin).with_name("probe.sh") if spec is not None and spec.origin else None
    if path is None or not path.exists():
        raise BundleMissing("probe.sh is missing: install with `pipx install .` or `pip install -e .`")
    return path.read_text()


MOST_ARGUMENT = 120_000
"""Bytes of one argument: Linux takes 128 KiB (MAX_ARG_STRLEN)."""
LOADER = """\
import base64, lzma, os, sys
def held(data):
    number = os.memfd_create("probes")
    with os.fdopen(number, "wb", closefd=False) as file:
        file.write(data)
    return "/proc/self/fd/%d" % number
plan, pieces = sys.argv[1], sys.argv[2:]
sys.path.insert(0, held(lzma.decompress(base64.b64decode("".join(pieces)))))
sys.argv = ["probes", held(base64.b64decode(plan))]
from {package}.__main__ import main
raise SystemExit(main())
"""


@functools.cache
def _packed() -> tuple[str, ...]:
    """The bundle as base64 in pieces: stored, not deflated, inside one xz stream, which makes it a third smaller."""
    plain = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle())) as packed, zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as stored:
        for info in packed.infolist():
            stored.writestr(zipfile.ZipInfo(info.filename, EPOCH), packed.read(info), zipfile.ZIP_STORED)
    text = base64.b64encode(lzma.compress(plain.getvalue(), preset=6)).decode()
    return tuple(text[at : at + MOST_ARGUMENT] for at in range(0, len(text), MOST_ARGUMENT))


def as_arguments(plan: str) -> list[str]:
    """What follows `python3 -I -c` so that the probes run from memory: for clusters where no ConfigMap may be created.

    Base64 throughout: Kubernetes expands `$(NAME)` and `$$` in arguments. Raises BundleMissing.
    """
    return [LOADER.format(package=PACKAGE), base64.b64encode(plan.encode()).decode(), *_packed()]

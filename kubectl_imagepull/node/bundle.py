"""The probes as one zip that a Python on a node runs: `python3 -I probes.pyz plan.json`.

The libraries in it (vendor.zip, made when the package is built) are pinned for the Pythons that nodes have; the probes' own
sources are added here, so the bundle is always of the code at hand.
"""

from __future__ import annotations

import functools
import importlib.util
import io
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

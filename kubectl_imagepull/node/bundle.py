"""The probes as one zip that a Python on a node runs: `python3 -I probes.pyz plan.json`.

The libraries in it (vendor.zip, made when the package is built) are pinned for the Pythons that nodes have; the probes' own
sources are added here, so the bundle is always of the code at hand.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.util
import io
import lzma
import pathlib
import threading
import zipfile
from collections.abc import Sequence

from ..errors import BundleMissing

PACKAGE = "imagepull_probes"
START = f"from {PACKAGE}.__main__ import main\nraise SystemExit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
MOST_BYTES = 1_000_000
"""A ConfigMap holds 1 MiB in all."""


_MAKING = threading.RLock()
"""Held while something is made that is made once: many nodes begin at the same time, and each would make its own."""


def bundle() -> bytes:
    """The zip, byte for byte the same for the same sources. Raises BundleMissing."""
    with _MAKING:
        return _bundle()


@functools.cache
def _bundle() -> bytes:
    vendor = pathlib.Path(__file__).with_name("vendor.zip")
    spec = importlib.util.find_spec("kubectl_imagepull.probes")
    if spec is None or spec.origin is None or not vendor.exists():
        raise BundleMissing(f"{vendor.name} is missing: install with `pipx install .` or `pip install -e .`")
    probes = pathlib.Path(spec.origin).parent
    packed = io.BytesIO(vendor.read_bytes())
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(probes.rglob("*.py")):
            name = f"{PACKAGE}/{path.relative_to(probes).as_posix()}"
            archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("__main__.py", EPOCH), START, zipfile.ZIP_DEFLATED)
    data = packed.getvalue()
    if len(data) > MOST_BYTES:
        raise BundleMissing(f"the probe bundle has {len(data)} bytes, more than a ConfigMap holds")
    return data


def script() -> str:
    """The same questions for nodes where no Python can be had: the parts of probes/sh, joined in the order of their names.

    Raises BundleMissing.
    """
    spec = importlib.util.find_spec("kubectl_imagepull.probes")
    folder = pathlib.Path(spec.origin).with_name("sh") if spec is not None and spec.origin else None
    parts = sorted(folder.glob("*.sh")) if folder is not None else []
    if not parts:
        raise BundleMissing("the parts of probe.sh are missing: install with `pipx install .` or `pip install -e .`")
    return "".join(part.read_text() for part in parts)


MOST_ARGUMENT = 120_000
"""Bytes of one argument: Linux takes 128 KiB (MAX_ARG_STRLEN)."""
BUNDLE, PLAN, SCRIPT = "probes.pyz", "plan.json", "probe.sh"
"""The files of a run's ConfigMap."""
NOT_OURS = 6
"""Exit code of a command that found other files in its ConfigMap, or could not check them (0 to 5 are the probes')."""
_HELD = """\
def held(data):
    number = os.memfd_create("probes")
    with os.fdopen(number, "wb", closefd=False) as file:
        file.write(data)
    return "/proc/self/fd/%d" % number
"""
_MAIN = """\
from {package}.__main__ import main
raise SystemExit(main())
"""
LOADER = f"""\
import base64, lzma, os, sys
{_HELD}plan, pieces = sys.argv[1], sys.argv[2:]
sys.path.insert(0, held(lzma.decompress(base64.b64decode("".join(pieces)))))
sys.argv = ["probes", held(base64.b64decode(plan))]
{_MAIN}"""
CHECKED = f"""\
import hashlib, os, sys
{_HELD}def checked(path, digest):
    with open(path, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != digest:
        print("probes: " + path + " is not what this run has made", file=sys.stderr)
        sys.exit({NOT_OURS})
    return held(data)
folder, bundle, plan = sys.argv[1:4]
sys.path.insert(0, checked(folder + "/{BUNDLE}", bundle))
sys.argv = ["probes", checked(folder + "/{PLAN}", plan)]
{_MAIN}"""
"""What is run is what was checked: the files are read once."""
PLANNED = CHECKED.replace(f'checked(folder + "/{PLAN}", plan)', "held(base64.b64decode(plan))").replace(
    "import hashlib", "import base64, hashlib"
)
"""The same with a plan that comes as an argument, beside a bundle that several runs share."""
CHECKED_SCRIPT = f"""\
folder=$1 digest=$2
shift 2
text=$(cat "$folder/{SCRIPT}" && echo .) || exit {NOT_OURS}
found=$(printf %s "${{text%.}}" | sha256sum) || exit {NOT_OURS}
[ "${{found%% *}}" = "$digest" ] || {{ echo "probes: $folder/{SCRIPT} is not what this run has made" >&2; exit {NOT_OURS}; }}
eval "${{text%.}}"
"""
"""The same for a shell, of the host or of an image."""


def python_command(python: Sequence[str], folder: str, plan: bytes) -> list[str]:
    """The command that runs the bundle and the plan of a ConfigMap mounted at `folder`, if they are those of this run.

    Whoever may make ConfigMaps could have made this one: what it has to hold stands in the Job. python: without its options.
    Raises BundleMissing.
    """
    loader = CHECKED.format(package=PACKAGE)
    digests = [hashlib.sha256(data).hexdigest() for data in (bundle(), plan)]
    return [*python, "-I", "-S", "-c", loader, folder, *digests]


def planned_command(python: Sequence[str], folder: str, plan: bytes) -> list[str]:
    """The same with the plan as an argument, for a ConfigMap that several runs share. Raises BundleMissing."""
    digest = hashlib.sha256(bundle()).hexdigest()
    loader = PLANNED.format(package=PACKAGE)
    return [*python, "-I", "-S", "-c", loader, folder, digest, base64.b64encode(plan).decode()]


def shell_command(shell: Sequence[str], folder: str, words: Sequence[str]) -> list[str]:
    """The same for probe.sh with its arguments. Raises BundleMissing."""
    digest = hashlib.sha256(script().encode()).hexdigest()
    return [*shell, "-c", CHECKED_SCRIPT, SCRIPT, folder, digest, *words]


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
    """What follows `python3 -I -S -c` so that the probes run from memory: for clusters where no ConfigMap may be created.

    Base64 throughout: Kubernetes expands `$(NAME)` and `$$` in arguments. Raises BundleMissing.
    """
    with _MAKING:
        packed = _packed()
    return [LOADER.format(package=PACKAGE), base64.b64encode(plan.encode()).decode(), *packed]

"""Makes what a release consists of: wheel and sdist, the archive for krew with one executable in it, its manifest.

    python tools/dist.py [--out DIR]    build into DIR (default: dist/; krew-manifest.yaml is filled too then)
    python tools/dist.py --lock         choose the archive's libraries anew and write them to tools/dist.lock
    python tools/dist.py --notes        print what CHANGELOG.md says of this version, for the release's page

The executable is a shell script that finds a Python, and behind it a zip made by shiv. Its libraries are
those that dist.lock names, as pure Python, so one file serves Linux and macOS on any processor. The same
sources, lock and build tools give the same files, byte for byte.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "tools" / "dist.lock"
MANIFEST = ROOT / "krew-manifest.yaml"
CHANGELOG = ROOT / "CHANGELOG.md"
PROGRAM = "kubectl-imagepull"
PLUGIN_MANIFEST = "imagepull.yaml"
ENTRY = "kubectl_imagepull.cli.main:main"
SOURCES = ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE", "kubectl_imagepull", "probes")
"""What a wheel is built from, and an sdist is."""
SETUPTOOLS = "setuptools==84.2.1"
"""It writes its own version into the wheel."""
EPOCH = 315532800
"""1980-01-01: no zip entry can be older."""
EPOCH_ZIP = (1980, 1, 1, 0, 0, 0)

# Python 3.10 and nothing compiled: what is chosen for it runs under every later Python too.
PURE = (
    "--only-binary",
    ":all:",
    "--python-version",
    "3.10",
    "--platform",
    "any",
    "--implementation",
    "py",
    "--abi",
    "none",
)
# PyYAML has no wheel without libyaml; its Python part does all that is asked of it.
COMPILED = (
    "--only-binary",
    ":all:",
    "--python-version",
    "3.10",
    "--platform",
    "manylinux2014_x86_64",
    "--platform",
    "any",
)
WITHOUT_PURE_WHEEL = ("pyyaml",)

LEFT_OUT_FILES = re.compile(
    r"[^/]+\.data/"
    # what a scanner or a lawyer looks for stays
    r"|[^/]+\.dist-info/(?!METADATA$|(licenses/.*)?(LICEN[CS]E|NOTICE|COPYING|AUTHORS)[^/]*$)"
    r"|.*\.(so|pyd|dylib|pyx|pxd|pyi|c|h)$"
)
HEAD = r"""#!/bin/sh
# kubectl imagepull @VERSION@. A zip archive (made by shiv) follows this script, which finds a Python for it.
for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    python=$("$name" -ISc 'import sys; sys.version_info < (3, 10) or print(sys.executable)' 2>/dev/null)
    [ -n "$python" ] && break
done
if [ -z "$python" ]; then
    found=$(python3 -V 2>/dev/null)
    echo "error: kubectl imagepull needs Python 3.10 or later on PATH (found: ${found:-no python3})" >&2
    exit 2
fi
if [ -z "${SHIV_ROOT-}" ]; then
    SHIV_ROOT=${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-imagepull/krew
    IMAGEPULL_SET_SHIV_ROOT=1
    export SHIV_ROOT IMAGEPULL_SET_SHIV_ROOT
fi
if [ -t 2 ]; then
    for unpacked in "$SHIV_ROOT"/*_@BUILD@; do :; done
    [ -d "$unpacked" ] || echo "unpacking (first run only)" >&2
fi
# isolated: neither the user's PYTHON variables nor installed packages can break it
exec "$python" -I -S "$0" "$@"
exit 2
"""
START = r"""import sys

try:
    import _bootstrap

    _bootstrap.bootstrap()
except KeyboardInterrupt:
    raise SystemExit(130) from None
except OSError as error:
    print(f"error: kubectl imagepull cannot unpack itself: {error} (SHIV_ROOT: where to)", file=sys.stderr)
    raise SystemExit(2) from None
"""
# Run by shiv after unpacking, before our own code; site_packages is shiv's.
PREAMBLE = r'''"""Hide from children how we were unpacked, and remove what earlier versions have unpacked."""
import os
import shutil
import time

if os.environ.pop("IMAGEPULL_SET_SHIV_ROOT", None):
    os.environ.pop("SHIV_ROOT", None)
ours = site_packages.parent
for build in ours.parent.glob(ours.name.rpartition("_")[0] + "_*"):
    # a younger one may belong to another installation that is in use
    if build != ours and time.time() - build.stat().st_mtime > 86400:
        shutil.rmtree(build, ignore_errors=True)
'''
CHECK = r"""
import importlib, pkgutil, sys
sys.dont_write_bytecode = True
sys.path.append(sys.argv[1])
import kubectl_imagepull
for module in pkgutil.walk_packages(kubectl_imagepull.__path__, "kubectl_imagepull."):
    if module.name.startswith("kubectl_imagepull.probes."):
        continue  # they run from the bundle, with its libraries
    importlib.import_module(module.name)
for statement in sys.stdin:
    exec(statement)
from kubectl_imagepull.node.bundle import bundle
bundle()
"""


class DistError(Exception):
    """Something a release cannot be made of; the text is for people."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run. -> exit code: 0, or 1 with one line that says why."""
    parser = argparse.ArgumentParser(description="Build the wheel, the krew archive and its manifest.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR", help="where to (default: dist)")
    parser.add_argument("--lock", action="store_true", help="choose the archive's libraries anew, into tools/dist.lock")
    parser.add_argument("--notes", action="store_true", help="print what the changelog says of this version")
    options = parser.parse_args(argv)
    os.umask(0o022)
    os.environ["SOURCE_DATE_EPOCH"] = str(EPOCH)
    try:
        if options.notes:
            print(notes(CHANGELOG.read_text(), _version()), end="")
        elif options.lock:
            LOCK.write_text(resolve())
            say(f"wrote {LOCK.relative_to(ROOT)}")
        else:
            build(options.out.absolute())
    except (DistError, OSError) as error:
        print(f"dist: {error}", file=sys.stderr)
        return 1
    return 0


def say(text: str) -> None:
    """Tell on standard error what is being done."""
    print(f"dist: {text}", file=sys.stderr, flush=True)


def build(out: Path) -> None:
    """Make everything. Raises DistError."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        with _alone():
            package = wheel(work)
            tree = shutil.copytree(libraries(), work / "tree")
        version = package.name.split("-")[1]
        source = work / f"{package.name.split('-')[0]}-{version}.tar.gz"
        source.write_bytes(sdist(work / "src", package))
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            raise DistError(f"version {version}: krew wants a semantic version, MAJOR.MINOR.PATCH")
        unpack_wheel(package, tree)
        check(tree)
        archive = work / f"{PROGRAM}.tar.gz"
        archive.write_bytes(tar_gz({"LICENSE": (ROOT / "LICENSE").read_bytes(), PROGRAM: executable(tree, version)}))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        manifest = work / PLUGIN_MANIFEST
        manifest.write_text(fill(MANIFEST.read_text(), version, digest))
        for made in (package, source, archive, manifest):
            shutil.copyfile(made, out / f".{made.name}.part")
            (out / f".{made.name}.part").replace(out / made.name)
            say(f"{out / made.name}  {made.stat().st_size / 1000:.0f} kB")
        if out == ROOT / "dist" and manifest.read_text() != MANIFEST.read_text():
            MANIFEST.write_text(manifest.read_text())
            say(f"{MANIFEST.name} has the new checksum")


# ---------------------------------------------------------------- the wheel and the libraries, built once


def cache() -> Path:
    """The folder of what is built once and kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / PROGRAM / "dist"


@contextmanager
def _alone() -> Iterator[None]:
    """One build at a time in the cache."""
    cache().mkdir(parents=True, exist_ok=True)
    handle = os.open(cache(), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _kept(kind: str, key: bytes, make: Callable[[Path], None]) -> Path:
    """The folder `make` has filled for this key; only the newest of a kind is kept."""
    folder = cache() / f"{kind}-{hashlib.sha256(key).hexdigest()[:16]}"
    if not folder.exists():
        for old in cache().glob(f"{kind}-*"):
            shutil.rmtree(old)
        part = cache() / f"{kind}-part"
        part.mkdir()
        make(part)
        part.rename(folder)
    return folder


def wheel(work: Path) -> Path:
    """The wheel of the sources as they are, built from a copy: no leftovers of the checkout come in."""
    copy = work / "src"
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "vendor.zip", ".*")
            )
        elif source.exists():
            shutil.copyfile(source, copy / name)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    for path in files:
        path.chmod(0o644)
    key = b"".join(b"%s\0%d\0%s" % (str(p.relative_to(copy)).encode(), p.stat().st_size, p.read_bytes()) for p in files)

    def make(folder: Path) -> None:
        say("building the wheel")
        constraint = work / "constraint.txt"
        constraint.write_text(f"{SETUPTOOLS}\n")
        # by its variable: the option of that meaning is younger than many a pip
        _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(copy), PIP_CONSTRAINT=str(constraint))

    (built,) = _kept("wheel", f"{sys.version} {SETUPTOOLS}".encode() + key, make).glob("*.whl")
    return Path(shutil.copy(built, work))


def sdist(sources: Path, package: Path) -> bytes:
    """The source distribution (PEP 517, PEP 625): the sources that the wheel was built from, and its metadata as PKG-INFO."""
    top = "-".join(package.name.split("-")[:2])
    with zipfile.ZipFile(package) as archive:
        files = {f"{top}/PKG-INFO": archive.read(f"{top}.dist-info/METADATA")}
    for path in sources.rglob("*"):
        relative = path.relative_to(sources)
        # where setuptools has built inside of the copy
        if path.is_file() and relative.parts[0] in SOURCES and relative.name != "vendor.zip":
            files[f"{top}/{relative.as_posix()}"] = path.read_bytes()
    return tar_gz(files)


def libraries() -> Path:
    """The locked libraries. Raises DistError where lock and setup.cfg differ."""
    lock = LOCK.read_text()
    _check_lock(lock)

    def make(folder: Path) -> None:
        say("fetching the archive's libraries (once)")
        with tempfile.TemporaryDirectory() as temporary:
            _pip("download", "--dest", temporary, "--no-deps", "--require-hashes", *COMPILED, "-r", str(LOCK))
            for package in sorted(Path(temporary).glob("*.whl")):
                unpack_wheel(package, folder)

    return _kept("libraries", Path(__file__).read_bytes() + lock.encode(), make)


def unpack_wheel(package: Path, folder: Path) -> None:
    """The files of a wheel that the archive needs."""
    with zipfile.ZipFile(package) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and not LEFT_OUT_FILES.match(name):
                archive.extract(name, folder)


def check(tree: Path) -> None:
    """Import all our modules, and all that they import anywhere, from the tree alone. Raises DistError."""
    bundled = {path.stem for path in tree.iterdir()} - {"kubectl_imagepull"}
    statements = set()
    for path in sorted((tree / "kubectl_imagepull").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if bundled & {name.partition(".")[0] for name in names}:
                statements.add(ast.unparse(node))
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CHECK, str(tree)],
        input="\n".join(sorted(statements)),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise DistError(f"the archive lacks something that the program imports:\n{ran.stderr}")


def _pip(*words: str, **env: str) -> str:
    """Run pip. -> its output. Raises DistError with what it said."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    ran = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if ran.returncode:
        raise DistError(f"pip {words[0]} failed:\n{(ran.stderr or ran.stdout).strip()}")
    return ran.stdout


# ---------------------------------------------------------------- the executable and its archive


def executable(tree: Path, version: str) -> bytes:
    """One file: the script that finds a Python, and the zip that shiv makes of the tree."""
    with tempfile.TemporaryDirectory() as temporary:
        preamble = Path(temporary, "imagepull_preamble.py")
        preamble.write_text(PREAMBLE)
        made = Path(temporary, PROGRAM)
        command = [
            sys.executable,
            "-m",
            "shiv",
            "--site-packages",
            str(tree),
            "--reproducible",
            "--preamble",
            str(preamble),
        ]
        ran = subprocess.run(
            [*command, "--entry-point", ENTRY, "--output-file", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise DistError(f"shiv failed:\n{ran.stderr.strip()}")
        return with_head(made, version)


def with_head(made: Path, version: str) -> bytes:
    """shiv's zip behind our script and with our start, its entries sorted and their modes and times fixed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(made) as archive:
        identity = json.loads(archive.read("environment.json"))["build_id"]
        packed.write(HEAD.replace("@VERSION@", version).replace("@BUILD@", identity).encode())
        with zipfile.ZipFile(packed, "w") as behind:
            for name in sorted(archive.namelist()):
                entry = zipfile.ZipInfo(name, EPOCH_ZIP)
                entry.create_system, entry.external_attr = 3, 0o100644 << 16
                data = START.encode() if name == "__main__.py" else archive.read(name)
                behind.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


def tar_gz(files: dict[str, bytes]) -> bytes:
    """A compressed tar of regular files, always the same for the same files; the program may be executed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), EPOCH, 0o755 if name == PROGRAM else 0o644
            archive.addfile(entry, io.BytesIO(data))
    compressed = io.BytesIO()
    # gzip.compress writes another header under Python 3.11 than before and after
    with gzip.GzipFile("", "wb", fileobj=compressed, mtime=0) as file:
        file.write(packed.getvalue())
    return compressed.getvalue()


def fill(manifest: str, version: str, digest: str) -> str:
    """The manifest with this version and SHA-256 in hex. Raises DistError unless each has one place."""
    for pattern, value in (
        (r"^(  version: )\S+$", f"v{version}"),
        (r"(/releases/download/)v[^/\s]+", f"v{version}"),
        (r"^(\s+sha256: )\S+$", f'"{digest}"'),
    ):
        manifest, count = re.subn(pattern, rf"\g<1>{value}", manifest, flags=re.MULTILINE)
        if count != 1:
            raise DistError(f"{MANIFEST.name}: {count} places for {pattern}, expected one")
    return manifest


def notes(changelog: str, version: str) -> str:
    """What the changelog says of a version, and how it is installed: the text of its page. Raises DistError without a section."""
    found = re.search(rf"^## \[?{re.escape(version)}(?![\w.-]).*\n((?:(?!## ).*\n)*)", changelog, re.MULTILINE)
    if found is None or not found[1].strip():
        raise DistError(f"{CHANGELOG.name} has nothing below `## {version}`: rename `## Unreleased`, with the date")
    install = f"`kubectl krew install imagepull`, or `pipx install kubectl-imagepull=={version}`"
    return f"{found[1].strip()}\n\n{install}; SHA256SUMS has the sums of all files.\n"


def _version() -> str:
    found = re.search(
        r'^__version__ = "([^"]+)"', (ROOT / "kubectl_imagepull" / "__init__.py").read_text(), re.MULTILINE
    )
    if found is None:
        raise DistError("kubectl_imagepull/__init__.py has no __version__")
    return found[1]


# ---------------------------------------------------------------- which libraries


def _requirements() -> list[str]:
    """What setup.cfg says the package needs at run time."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _check_lock(lock: str) -> None:
    """Raises DistError unless the lock has a fitting version of each requirement."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    for line in _requirements():
        need = Requirement(line)
        have = locked.get(canonicalize_name(need.name))
        if have is None or not need.specifier.contains(have):
            raise DistError(f"setup.cfg wants {line}, tools/dist.lock has {have or 'none'}: run tools/dist.py --lock")


def resolve() -> str:
    """The text of a new lock: the newest versions that fit Python 3.10, with the hash of the pure wheel."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    say("resolving")
    report = _report(*COMPILED, *_requirements())
    found = {canonicalize_name(item["metadata"]["name"]): item["metadata"] for item in report}
    oldest = {"python_version": "3.10", "python_full_version": "3.10.0", "extra": ""}
    wanted, queue = set(), _requirements()
    while queue:
        need = Requirement(queue.pop())
        name = canonicalize_name(need.name)
        if name in wanted or (need.marker and not need.marker.evaluate(oldest)):
            continue
        if name not in found:
            # pip asks the running Python, not the one that it resolves for, whether a marker applies
            raise DistError(f"Python 3.10 needs {need}: run this with Python 3.10")
        wanted.add(name)
        queue += found[name].get("requires_dist", [])
    lines = ["# The libraries in the archive for krew, for `make dist`. Written by `python tools/dist.py --lock`."]
    pinned = {name: f"{name}=={found[name]['version']}" for name in sorted(wanted)}
    pure = _report("--no-deps", *PURE, *(pin for name, pin in pinned.items() if name not in WITHOUT_PURE_WHEEL))
    compiled = _report("--no-deps", *COMPILED, *(pin for name, pin in pinned.items() if name in WITHOUT_PURE_WHEEL))
    hashes = {canonicalize_name(item["metadata"]["name"]): _sha256(item) for item in (*pure, *compiled)}
    lines += [f"{pin} --hash=sha256:{hashes[canonicalize_name(name)]}" for name, pin in pinned.items()]
    return "\n".join(lines) + "\n"


def _report(*words: str) -> list[dict[str, Any]]:
    """What pip would install (pip: installation report, version 1)."""
    with tempfile.TemporaryDirectory() as nowhere:
        said = _pip("install", "--dry-run", "--quiet", "--target", nowhere, "--report", "-", *words)
    items: list[dict[str, Any]] = json.loads(said)["install"]
    return items


def _sha256(item: dict[str, Any]) -> str:
    digest: str = item["download_info"]["archive_info"]["hashes"]["sha256"]
    return digest


if __name__ == "__main__":
    sys.exit(main())

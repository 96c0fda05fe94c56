"""The archive for krew: krew's own tools accept and install it, and what they installed works on the lab.

It is built by tools/dist.py as `make dist` does, installed by the real krew into an empty root without a
network, and run under every Python of this machine.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import venv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kubectl_imagepull import __version__
from tests.e2e.cluster import Cluster, pod
from tests.lab import build
from tests.lab.settings import NODES, REPOSITORY_ROOT
from tools.dist import EPOCH, SOURCES

pytestmark = pytest.mark.lab
MINORS = (10, 11, 12, 13, 14)
SYSTEM = "/usr/local/bin:/usr/bin:/bin"


def run(words: Sequence[str | Path], env: Mapping[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """A program with this environment and no other. IMAGEPULL_KREW_LOG names a file that gets all commands and what they said."""
    ran = subprocess.run(
        [str(word) for word in words],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if log := os.environ.get("IMAGEPULL_KREW_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            print(f"$ {' '.join(map(str, words))}\n{ran.stdout}{ran.stderr}[exit {ran.returncode}]\n", file=file)
    return ran


def links(folder: Path, **programs: str | Path) -> Path:
    """A folder for PATH with these programs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, target in programs.items():
        (folder / name).symlink_to(target)
    return folder


def find_python(minor: int) -> Path | None:
    """Python 3.minor, from PATH or from pyenv."""
    on_path = [Path(found) for found in (shutil.which(f"python3.{minor}"), shutil.which("python3")) if found]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for candidate in (*pyenv.glob(f"versions/3.{minor}.*/bin/python3.{minor}"), *on_path):
        said = run([candidate, "-ISc", "import sys; print(*sys.version_info[:2], sys.executable)"], os.environ)
        major_minor, _, executable = said.stdout.strip().rpartition(" ")
        if said.returncode == 0 and major_minor == f"3 {minor}":
            return Path(executable).resolve()
    return None


def make_dist(out: Path, root: Path = REPOSITORY_ROOT, **env: str) -> Path:
    """What `make dist` makes of a checkout, in a folder of its own."""
    ran = run([sys.executable, root / "tools" / "dist.py", "--out", out], {**os.environ, **env}, 600)
    assert ran.returncode == 0, ran.stderr
    return out


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dist(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def program(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable out of the archive."""
    folder = tmp_path_factory.mktemp("program")
    with tarfile.open(dist / "kubectl-imagepull.tar.gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            (folder / member.name).write_bytes(content.read())
            (folder / member.name).chmod(member.mode)
    return folder / "kubectl-imagepull"


@dataclass(frozen=True)
class Krew:
    """The real krew with a root and a home of its own. env: all that it and kubectl get."""

    root: Path
    env: dict[str, str]

    @property
    def installed(self) -> Path:
        return self.root / "store" / "imagepull" / f"v{__version__}"


@pytest.fixture(scope="module")
def krew(tmp_path_factory: pytest.TempPathFactory) -> Krew:
    """krew and validate-krew-manifest, built from their Go module once; nothing is installed yet."""
    built = build.programs(replace(build.KREW, programs=("krew", "validate-krew-manifest")))
    place = tmp_path_factory.mktemp("krew")
    kubectl = shutil.which("kubectl")
    assert kubectl is not None, "these tests need kubectl"
    tools = links(place / "bin", kubectl=kubectl, python3=os.path.realpath(sys.executable))
    (tools / "kubectl-krew").symlink_to(built / "krew")
    (tools / "validate-krew-manifest").symlink_to(built / "validate-krew-manifest")
    root, home = place / "root", place / "home"
    home.mkdir()
    env = {
        "PATH": f"{root}/bin:{tools}:{SYSTEM}",
        "HOME": str(home),
        "KREW_ROOT": str(root),
        "KREW_NO_UPGRADE_CHECK": "1",  # else krew asks GitHub, in four runs out of ten
    }
    return Krew(root, env)


def install(krew: Krew, dist: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`kubectl krew install` from local files, where there is no network: not even the local host."""
    words = [
        "kubectl",
        "krew",
        "install",
        f"--manifest={dist}/imagepull.yaml",
        f"--archive={dist}/kubectl-imagepull.tar.gz",
    ]
    return run(["unshare", "--net", *words], {**krew.env, **env})


@pytest.fixture(scope="module")
def installed(krew: Krew, dist: Path) -> Krew:
    ran = install(krew, dist)
    assert ran.returncode == 0, ran.stderr
    assert "Installed plugin: imagepull" in ran.stderr and "needs Python >= 3.10 on PATH" in ran.stderr
    return krew


# ---------------------------------------------------------------- the archive


def test_archive_is_two_regular_files(dist: Path) -> None:
    with tarfile.open(dist / "kubectl-imagepull.tar.gz") as archive:
        found = [(m.name, m.isreg(), oct(m.mode), m.uid, m.gid) for m in archive]
    assert found == [("LICENSE", True, "0o644", 0, 0), ("kubectl-imagepull", True, "0o755", 0, 0)]


def test_nothing_inside_is_compiled_and_every_licence_is_there(program: Path) -> None:
    with zipfile.ZipFile(program) as archive:
        names = archive.namelist()
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert not [n for n in names if archive.read(n)[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")]
    assert not [n for n in names if n.endswith((".so", ".pyc", ".dylib", ".pyd"))]
    libraries = {n.split("/")[1] for n in names if ".dist-info/METADATA" in n}
    assert {n.partition("-")[0] for n in libraries} >= {
        "PySocks",
        "dnspython",
        "urllib3",
        "tabulate",
        "pyyaml",
    }
    assert {n.split("/")[1] for n in names if re.search(r"\.dist-info/.*LICEN[CS]E", n)} == libraries


def test_same_sources_same_archive(dist: Path, tmp_path: Path) -> None:
    """Neither the time nor the folder shows in it. The second build has a cache without the wheel."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = Path("kubectl-imagepull", "dist")
    (libraries,) = (base / kept).glob("libraries-*")
    shutil.copytree(libraries, tmp_path / kept / libraries.name)
    again = make_dist(
        tmp_path / "elsewhere", XDG_CACHE_HOME=str(tmp_path), PIP_CACHE_DIR=str(base / "pip"), TZ="Asia/Tokyo"
    )
    names = {path.name for path in dist.iterdir()}
    assert names == {path.name for path in again.iterdir()} == released()
    for name in names:
        assert (again / name).read_bytes() == (dist / name).read_bytes(), name


def released() -> set[str]:
    """The files of a release."""
    package = f"kubectl_imagepull-{__version__}"
    return {"kubectl-imagepull.tar.gz", "imagepull.yaml", f"{package}-py3-none-any.whl", f"{package}.tar.gz"}


def test_the_sdist_gives_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    """What a packager of a distribution builds is what is released."""
    (sdist,) = dist.glob("kubectl_imagepull-*.tar.gz")
    (wheel,) = dist.glob("*.whl")
    with tarfile.open(sdist) as archive:
        found = {m.name.partition("/")[2]: m for m in archive}
        assert all(m.isreg() and (m.uid, m.mode) == (0, 0o644) for m in found.values())
        assert {"PKG-INFO", "setup.cfg", "pyproject.toml", "LICENSE", "README.md", "probes/walk.py"} <= set(found)
        assert not [name for name in found if "__pycache__" in name or name.endswith((".zip", ".pyc"))]
    words = ["-m", "pip", "wheel", "--no-deps", "--no-cache-dir", "--wheel-dir", tmp_path, sdist]
    ran = run([sys.executable, *words], {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}, 600)
    assert ran.returncode == 0, ran.stderr
    (again,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert one.namelist() == other.namelist()
        for name in one.namelist():
            # what built it may be of another version: it says so, and the record has the sum of that
            assert name.endswith(("/WHEEL", "/RECORD")) or one.read(name) == other.read(name), name


# ---------------------------------------------------------------- krew


def test_krew_accepts_the_manifest(krew: Krew, dist: Path) -> None:
    ran = run(["validate-krew-manifest", "-skip-install", f"-manifest={dist}/imagepull.yaml"], krew.env)
    assert ran.returncode == 0, ran.stderr
    assert "no overlapping spec.platform[].selector" in ran.stderr


def test_krew_downloads_checks_and_finds_the_licence(krew: Krew, dist: Path, tmp_path: Path) -> None:
    """The whole validation that krew-index runs on a submission, with the release's file served from here."""
    handler = functools.partial(QuietHandler, directory=str(dist))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            here = f"uri: http://127.0.0.1:{server.server_port}/kubectl-imagepull.tar.gz"
            text, count = re.subn(r"uri: https://github\.com/\S+", here, (dist / "imagepull.yaml").read_text())
            assert count == 1
            manifest = tmp_path / "imagepull.yaml"
            manifest.write_text(text)
            ran = run(["validate-krew-manifest", f"-manifest={manifest}"], {**krew.env, "TMPDIR": str(tmp_path)})
        finally:
            server.shutdown()
            thread.join()
    assert ran.returncode == 0, ran.stderr
    assert "all 1 spec.platforms installed fine" in ran.stderr


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("processor", ["amd64", "arm64"])
def test_krew_installs_for(krew: Krew, dist: Path, tmp_path: Path, system: str, processor: str) -> None:
    ran = install(krew, dist, KREW_ROOT=str(tmp_path / "root"), KREW_OS=system, KREW_ARCH=processor)
    assert ran.returncode == 0, ran.stderr


def test_installed_files(installed: Krew) -> None:
    found = {path.name: path for path in installed.installed.iterdir()}
    assert set(found) == {"LICENSE", "kubectl-imagepull"}
    assert not [name for name, path in found.items() if path.is_symlink()]
    assert os.access(found["kubectl-imagepull"], os.X_OK)
    assert found["LICENSE"].read_bytes() == (REPOSITORY_ROOT / "LICENSE").read_bytes()


def test_kubectl_finds_it(installed: Krew) -> None:
    listed = run(["kubectl", "plugin", "list", "--name-only=false"], installed.env)
    assert f"{installed.root}/bin/kubectl-imagepull" in listed.stdout
    ran = run(["kubectl", "imagepull", "version"], installed.env)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"kubectl-imagepull {__version__} (Python {'.'.join(map(str, sys.version_info[:3]))})\n"
    assert "Say why a pod cannot pull its image" in run(["kubectl", "imagepull", "--help"], installed.env).stdout
    explained = run(["kubectl", "imagepull", "explain", "image.tag_unknown"], installed.env)
    assert explained.returncode == 0 and "image.tag_unknown" in explained.stdout, explained.stderr


def test_completion_where_krew_links_one_program(installed: Krew) -> None:
    """kubectl asks a second program, which krew does not link: we write it beside krew's link, which outlives an upgrade."""
    file = installed.root / "bin" / "kubectl_complete-imagepull"
    try:
        assert "It is not there." in run(["kubectl", "imagepull", "completion"], installed.env).stdout
        written = run(["kubectl", "imagepull", "completion", "--install"], installed.env)
        assert written.returncode == 0 and written.stdout.startswith(f"{file} is written."), written.stderr
        asked = run(["kubectl", "__complete", "imagepull", "wh"], installed.env)
        assert asked.stdout.splitlines()[0].startswith("why\t") and asked.stdout.splitlines()[-1] == ":4", asked.stderr
        flags = run(["kubectl", "__complete", "imagepull", "why", "--via", "host"], installed.env)
        assert flags.stdout.splitlines()[0].startswith("host-python\t"), flags.stderr
    finally:
        file.unlink(missing_ok=True)


@pytest.mark.parametrize("node", NODES)
def test_why(installed: Krew, cluster: Cluster, namespace: str, node: str) -> None:
    env = {name: installed.env[name] for name in ("PATH", "HOME")}
    cluster.apply(pod(namespace, f"tag-missing-{node}", node, "registry.lab.test/busybox:9.9"))
    cluster.wait_failing(namespace, [f"tag-missing-{node}"])
    code, found = cluster.why(f"tag-missing-{node}", "-n", namespace, **env)
    assert (code, found["verdict"]["cause"]) == (1, "image.tag_unknown"), json.dumps(found, indent=1)
    assert found["verdict"]["confidence"] == "confirmed"
    assert {hop["vantage"] for hop in found["hops"] if hop["status"] == "pass"} >= {node, "workstation"}
    assert found["errors"] == []
    cache = Path(env["HOME"], ".cache", "kubectl-imagepull", "krew")
    assert list(cache.glob("kubectl-imagepull_*/site-packages/kubectl_imagepull")), "not what krew installed has run"
    text = cluster.run(
        *("imagepull", "why", f"tag-missing-{node}", "-n", namespace),
        check=False,
        PATH=env["PATH"],
        HOME=env["HOME"],
    )
    assert text.returncode == 1 and "busybox:9.9" in text.stdout and text.stderr == ""
    if log := os.environ.get("IMAGEPULL_KREW_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            print(f"$ kubectl imagepull why tag-missing-{node} -n {namespace}\n{text.stdout}[exit 1]\n", file=file)


def test_uninstall(installed: Krew, tmp_path: Path) -> None:
    """What was installed from files goes as what came from an index does. What it has unpacked is the user's cache (README).

    krew wants an index for it all the same, be it an empty one.
    """
    releases = Releases(tmp_path, "")
    (releases.index / "plugins" / "none").touch()
    releases.commit("an index without plugins")
    ran = run(["kubectl", "krew", "update"], {**installed.env, "KREW_DEFAULT_INDEX_URI": f"file://{releases.index}"})
    assert ran.returncode == 0, ran.stderr
    ran = run(["kubectl", "krew", "uninstall", "imagepull"], installed.env)
    assert ran.returncode == 0 and "Uninstalled plugin: imagepull" in ran.stderr, ran.stderr
    assert not installed.installed.parent.exists() and not (installed.root / "bin" / "kubectl-imagepull").is_symlink()
    ran = run(["kubectl", "imagepull", "version"], installed.env)
    assert ran.returncode == 1 and 'unknown command "imagepull"' in ran.stderr


# ---------------------------------------------------------------- from an index, as a user has it


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next release of the same sources."""
    checkout = tmp_path_factory.mktemp("checkout")
    skip = shutil.ignore_patterns("__pycache__", "vendor.zip", "*.egg-info")
    for name in (*SOURCES, "tools", "krew-manifest.yaml", "CHANGELOG.md"):
        source = REPOSITORY_ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=skip)
        else:
            shutil.copyfile(source, checkout / name)
    version = checkout / "kubectl_imagepull" / "__init__.py"
    version.write_text(version.read_text().replace(f'"{__version__}"', f'"{NEXT}"'))
    return make_dist(tmp_path_factory.mktemp("newer"), checkout)


NEXT = "99.0.0"


class Releases:
    """A place that releases are downloaded from, and an index that names the newest."""

    def __init__(self, folder: Path, url: str) -> None:
        self.files, self.index, self.url = folder / "releases", folder / "krew-index", url
        (self.index / "plugins").mkdir(parents=True)
        self.git("init", "-q", "-b", "master")

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=release", "-c", "user.email=release@example.org")
        ran = run(["git", "-C", self.index, *who, *words], {"PATH": SYSTEM, "GIT_CONFIG_GLOBAL": "/dev/null"})
        assert ran.returncode == 0, ran.stderr

    def publish(self, dist: Path, version: str, damaged: bool = False) -> None:
        """Make a release of what `make dist` has made; damaged: with another file than its manifest tells of."""
        folder = self.files / f"v{version}"
        folder.mkdir(parents=True)
        archive = (dist / "kubectl-imagepull.tar.gz").read_bytes()
        (folder / "kubectl-imagepull.tar.gz").write_bytes(archive[:-1] + b"x" if damaged else archive)
        text = (dist / "imagepull.yaml").read_text()
        text = re.sub(r"uri: https://github\.com/\S+", f"uri: {self.url}/v{version}/kubectl-imagepull.tar.gz", text)
        text = re.sub(r"(?m)^  version: \S+$", f"  version: v{version}", text)
        (self.index / "plugins" / "imagepull.yaml").write_text(text)
        self.commit(f"imagepull v{version}")

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)


def test_install_upgrade_and_uninstall_from_an_index(krew: Krew, dist: Path, newer: Path, tmp_path: Path) -> None:
    """The index is a git repository and releases come over HTTP: all that krew asks of them."""
    (tmp_path / "releases").mkdir()
    handler = functools.partial(QuietHandler, directory=str(tmp_path / "releases"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    releases = Releases(tmp_path, f"http://127.0.0.1:{server.server_port}")
    root = tmp_path / "root"
    env = {
        **krew.env,
        "KREW_ROOT": str(root),
        "PATH": krew.env["PATH"].replace(str(krew.root), str(root)),
        "KREW_DEFAULT_INDEX_URI": f"file://{releases.index}",
    }

    def ran(*words: str) -> tuple[int, str]:
        done = run(["kubectl", *words], env)
        return done.returncode, done.stdout + done.stderr

    try:
        releases.publish(dist, __version__)
        assert ran("krew", "update")[0] == 0
        assert "Say why a pod cannot pull its image" in ran("krew", "search", "imagepull")[1]
        assert f"VERSION: v{__version__}" in ran("krew", "info", "imagepull")[1]
        code, text = ran("krew", "install", "imagepull")
        assert code == 0 and "needs Python >= 3.10 on PATH" in text, text
        assert ran("imagepull", "version")[1].startswith(f"kubectl-imagepull {__version__} ")
        code, text = ran("krew", "upgrade", "imagepull")
        assert code == 1 and "the newest version is already installed" in text, text
        releases.publish(newer, NEXT)
        code, text = ran("krew", "upgrade")
        assert code == 0 and "Upgraded plugin: imagepull" in text, text
        assert [folder.name for folder in (root / "store" / "imagepull").iterdir()] == [f"v{NEXT}"]
        assert ran("imagepull", "version")[1].startswith(f"kubectl-imagepull {NEXT} ")
        # what is not what the manifest tells of is not installed, and what was there stays
        releases.publish(newer, "99.0.1", damaged=True)
        code, text = ran("krew", "upgrade", "imagepull")
        assert code == 1 and "checksum" in text, text
        assert ran("imagepull", "version")[1].startswith(f"kubectl-imagepull {NEXT} ")
        assert ran("krew", "uninstall", "imagepull")[0] == 0
        assert not (root / "store" / "imagepull").exists() and not (root / "bin" / "kubectl-imagepull").is_symlink()
        code, text = ran("imagepull", "version")
        assert code == 1 and 'unknown command "imagepull"' in text, text
        assert "imagepull" not in ran("krew", "list")[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ---------------------------------------------------------------- the script in front of it


@pytest.mark.parametrize("minor", MINORS)
def test_runs_under(program: Path, tmp_path: Path, minor: int) -> None:
    python = find_python(minor)
    if python is None:
        pytest.skip(f"there is no Python 3.{minor} on this machine")
    env = {"PATH": f"{links(tmp_path / 'bin', python3=python)}", "HOME": str(tmp_path)}
    for _ in range(2):  # unpacking, and then not
        ran = run([program, "version"], env)
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
        assert f"(Python 3.{minor}." in ran.stdout
    assert "Say why a pod cannot pull its image" in run([program, "--help"], env).stdout
    # reads the kubeconfig with the bundled client and asks the bundled transport
    env["KUBECONFIG"] = str(kubeconfig(tmp_path))
    ran = run([program, "why", "x"], env)
    assert ran.returncode == 2 and "The connection to the server 127.0.0.1:1 was refused" in ran.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("bin", "config")] == [".cache"]


def kubeconfig(folder: Path, command: str = "true") -> Path:
    """An API server that refuses connections, credentials from a plugin."""
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command,
        "interactiveMode": "Never",
    }
    user = {"token": "x"} if command == "true" else {"exec": plugin}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": user}],
    }
    path = folder / "config"
    path.write_text(json.dumps(document))
    return path


def test_no_python(program: Path, tmp_path: Path) -> None:
    ran = run([program, "version"], {"PATH": str(links(tmp_path / "bin")), "HOME": str(tmp_path)})
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "error: kubectl imagepull needs Python 3.10 or later on PATH (found: no python3)\n"


def test_python_too_old(program: Path, tmp_path: Path) -> None:
    old = next((found for found in map(find_python, (9, 8, 7)) if found), None)
    if old is None:
        pytest.skip("there is no Python older than 3.10 on this machine")
    bin = links(tmp_path / "bin", python3=old)
    ran = run([program, "version"], {"PATH": str(bin), "HOME": str(tmp_path)})
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"error: kubectl imagepull needs Python 3\.10 .* \(found: Python 3\.\d+\.\d+\)\n", ran.stderr)
    assert not (tmp_path / ".cache").exists()


def test_passes_over_what_does_not_run(program: Path, tmp_path: Path) -> None:
    """A version manager's stand-in for a Python that is not chosen fails; the next name may do."""
    minor = next(m for m in reversed(MINORS) if find_python(m))
    bin = links(tmp_path / "bin", **{f"python3.{minor}": find_python(minor) or ""})
    (bin / "python3").write_text("#!/bin/sh\necho 'python3: command not found' >&2\nexit 127\n")
    (bin / "python3").chmod(0o755)
    ran = run([program, "version"], {"PATH": str(bin), "HOME": str(tmp_path)})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"(Python 3.{minor}." in ran.stdout


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """This Python alone, and an empty home."""
    return {
        "PATH": str(links(tmp_path / "bin", python3=os.path.realpath(sys.executable))),
        "HOME": str(tmp_path),
    }


def test_nothing_of_the_user_gets_in(program: Path, env: dict[str, str], tmp_path: Path) -> None:
    """Neither by PYTHONPATH and the current folder nor by what is installed beside the Python."""
    venv.create(tmp_path / "venv", symlinks=True)
    (installed,) = (tmp_path / "venv" / "lib").glob("python3.*/site-packages")
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("sitecustomize", "json", "yaml", "urllib3", "kubectl_imagepull"):
        for folder in (hostile, installed):
            (folder / f"{name}.py").write_text("raise RuntimeError('not ours')")
    env |= {"PATH": f"{tmp_path}/venv/bin", "PYTHONPATH": str(hostile)}
    ran = subprocess.run([program, "version"], env=env, cwd=hostile, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_children_get_the_user_s_environment(program: Path, env: dict[str, str], tmp_path: Path) -> None:
    """A credential plugin may be a shiv program or a frozen one itself."""
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\n/usr/bin/env >{tmp_path}/seen\nexit 1\n")
    plugin.chmod(0o755)
    env |= {
        "KUBECONFIG": str(kubeconfig(tmp_path, str(plugin))),
        "LD_LIBRARY_PATH": "/opt/lib",
        "PYTHONPATH": "/opt/py",
    }
    run([program, "why", "x"], env)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    # what a shell puts there by itself, and what the client tells a plugin
    for name in ("_", "PWD", "OLDPWD", "SHLVL", "KUBERNETES_EXEC_INFO", "LC_CTYPE"):
        seen.pop(name, None)
    assert seen == env


def test_own_root(program: Path, env: dict[str, str], tmp_path: Path) -> None:
    ran = run([program, "version"], {**env, "SHIV_ROOT": str(tmp_path / "there")})
    assert ran.returncode == 0 and list((tmp_path / "there").glob("kubectl-imagepull_*"))
    ran = run([program, "version"], {**env, "XDG_CACHE_HOME": str(tmp_path / "xdg")})
    assert ran.returncode == 0 and list((tmp_path / "xdg/kubectl-imagepull/krew").glob("kubectl-imagepull_*"))
    assert not (tmp_path / ".cache").exists()


def test_no_room_to_unpack(program: Path, env: dict[str, str]) -> None:
    ran = run([program, "version"], {**env, "XDG_CACHE_HOME": "/dev/null"})
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(
        r"error: kubectl imagepull cannot unpack itself: .*/dev/null.* \(SHIV_ROOT: where to\)\n", ran.stderr
    )


def test_tells_a_person_that_it_unpacks(program: Path, env: dict[str, str]) -> None:
    shown = [on_terminal([program, "version"], env) for _ in range(2)]
    assert "unpacking (first run only)" in shown[0]
    assert shown[1] == shown[0].replace("unpacking (first run only)\r\n", "")


def on_terminal(words: Sequence[str | Path], env: Mapping[str, str]) -> str:
    """What a person sees: both streams on a terminal."""
    master, slave = os.openpty()
    with subprocess.Popen([str(w) for w in words], env=dict(env), stdin=slave, stdout=slave, stderr=slave) as child:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 4096):
                shown += part
        except OSError:  # Linux: the other end has been closed
            pass
        os.close(master)
    assert child.returncode == 0, shown
    return shown.decode()


def test_earlier_builds_go(program: Path, env: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "root"
    old, young, foreign = (root / name for name in ("kubectl-imagepull_old", "kubectl-imagepull_young", "other_old"))
    for folder in (old, young, foreign):
        (folder / "site-packages").mkdir(parents=True)
    for folder in (old, foreign):
        os.utime(folder, (time.time() - 2 * 86400,) * 2)
    assert run([program, "version"], {**env, "SHIV_ROOT": str(root)}).returncode == 0
    assert (old.exists(), young.exists(), foreign.exists()) == (False, True, True)


def test_interrupted_while_it_unpacks(program: Path, env: dict[str, str], tmp_path: Path) -> None:
    """Silent, and the next run is whole."""
    root = tmp_path / ".cache/kubectl-imagepull/krew"
    for _ in range(20):
        shutil.rmtree(tmp_path / ".cache", ignore_errors=True)
        with subprocess.Popen(
            [program, "version"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as child:
            while child.poll() is None and not list(root.glob("*.tmp")):
                time.sleep(0.001)
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGINT)
            out, err = child.communicate()
        if child.returncode == 130 and list(root.glob("*.tmp")):
            break
    assert (child.returncode, out, err) == (130, "", "")
    assert list(root.glob("*.tmp")), "it was not the unpacking that was interrupted"
    ran = run([program, "version"], env)
    assert (ran.returncode, ran.stderr) == (0, "")

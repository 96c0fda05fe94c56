"""Builds the oracle, a Go program, once into the cache, and asks it questions in batches."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "go"
KUBERNETES = "v1.37.2"
CONTAINERS_IMAGE_TAGS = "containers_image_openpgp exclude_graphdriver_btrfs"


class OracleUnavailable(RuntimeError):
    """The oracle cannot be built here; str() is one line."""


def binary() -> Path:
    """The oracle, built on the first call (about two minutes with a cold Go cache). Raises
    OracleUnavailable.
    """
    go = shutil.which("go")
    if go is None:
        raise OracleUnavailable("the oracle needs Go (https://go.dev/dl), and there is no `go` on PATH")
    version = _run([go, "env", "GOVERSION"], SOURCES).strip()
    digest = hashlib.sha256(f"{version}\0{KUBERNETES}".encode())
    for name in ("main.go", "go.mod.in"):
        digest.update((SOURCES / name).read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "kubectl-imagepull" / "oracle" / digest.hexdigest()[:16]
    target = home / "oracle"
    if not target.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as work:
            _build(go, Path(work))
            (Path(work) / "oracle").replace(target)
    return target


def _build(go: str, work: Path) -> None:
    """Kubernetes replaces its staging modules by folders; outside it each must point at its published
    twin.
    """
    (work / "go.mod").write_text("module oracle\n")
    module = json.loads(_run([go, "mod", "download", "-json", f"k8s.io/kubernetes@{KUBERNETES}"], work))
    theirs = Path(module["GoMod"]).read_text()
    staging = KUBERNETES.replace("v1.", "v0.", 1)
    replaced = re.findall(r"^\s+(k8s\.io/[a-z-]+) =>", theirs, re.MULTILINE)
    fill = {
        # net/url is stricter or laxer about colons by these, and that decides which registry keys a kubelet
        # keeps
        "@GODEBUG@": "\n".join(re.findall(r"^godebug [^(\n]+$|^godebug \((?:\n[^)]*)\)", theirs, re.MULTILINE)),
        "@STAGING@": staging,
        "@KUBERNETES@": KUBERNETES,
        "@REPLACE@": "\n".join(f"replace {name} => {name} {staging}" for name in replaced),
    }
    text = (SOURCES / "go.mod.in").read_text()
    for mark, value in fill.items():
        text = text.replace(mark, value)
    (work / "go.mod").write_text(text)
    shutil.copy(SOURCES / "main.go", work)
    _run([go, "build", "-mod=mod", "-o", "oracle", "."], work)


@dataclass(frozen=True)
class Program:
    """An oracle of a runtime's own code. name: containerd, crio or crio-pull (its folder under go/); version: of the module."""

    name: str
    version: str

    def binary(self) -> Path:
        """Built on the first call, one to three minutes each. Raises OracleUnavailable."""
        go = shutil.which("go")
        if go is None:
            raise OracleUnavailable("the oracle needs Go (https://go.dev/dl), and there is no `go` on PATH")
        sources = sorted((SOURCES / self.name).glob("*.go"))
        digest = hashlib.sha256(_run([go, "env", "GOVERSION"], SOURCES).encode() + self.version.encode())
        for source in sources:
            digest.update(source.read_bytes())
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        home = cache / "kubectl-imagepull" / "oracle" / f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"
        target = home / "oracle"
        if not target.exists():
            home.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=home) as work:
                build = _build_containerd if self.name == "containerd" else _build_crio
                build(go, self.name, self.version, Path(work))
                (Path(work) / "oracle").replace(target)
        return target


def _build_containerd(go: str, name: str, version: str, work: Path) -> None:
    """Inside a copy of the module, since its internal packages are only visible there; none of its files is changed."""
    (work / "go.mod").write_text("module fetch\n")
    module = json.loads(_run([go, "mod", "download", "-json", f"github.com/containerd/containerd/v2@v{version}"], work))
    copy = work / "containerd"
    shutil.copytree(module["Dir"], copy)
    for folder in (copy, *(p for p in copy.rglob("*") if p.is_dir())):
        folder.chmod(0o755)  # the module cache is read-only
    (copy / "go.mod").chmod(0o644)
    (copy / "go.sum").chmod(0o644)
    own = copy / "cmd" / "oracle"
    own.mkdir()
    older = tuple(map(int, version.split(".")[:2])) < (2, 3)
    shutil.copy(SOURCES / "containerd" / "main.go", own)
    shutil.copy(SOURCES / "containerd" / ("load_2_2.go" if older else "load_2_3.go"), own / "load.go")
    shutil.copy(SOURCES / "containerd" / "hosts.go", copy / "internal/cri/server/images/oracle_hosts.go")
    _run([go, "build", "-mod=mod", "-o", str(work / "oracle"), "./cmd/oracle"], copy)


def _build_crio(go: str, name: str, version: str, work: Path) -> None:
    (work / "go.mod").write_text(f"module oracle\n\ngo 1.26.0\n\nrequire go.podman.io/image/v5 v{version}\n")
    shutil.copy(SOURCES / name / "main.go", work)
    _run([go, "mod", "tidy"], work)
    _run([go, "build", "-mod=mod", "-tags", CONTAINERS_IMAGE_TAGS, "-o", "oracle", "."], work)


def _run(command: list[str], where: Path) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise OracleUnavailable(f"`{' '.join(command[:3])}` failed: {last}")
    return done.stdout


class Oracle:
    """A running oracle; without a program the kubelet's. Use as a context manager; `ask` may be called from one thread at a
    time.
    """

    def __init__(self, program: Program | None = None) -> None:
        path = program.binary() if program else binary()
        self._process = subprocess.Popen(
            [str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()

    def ask(self, questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer for each question, in order: see main.go for both."""
        batch = list(questions)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        # written beside the reading: both pipes are smaller than a batch
        writer = threading.Thread(target=self._write, args=(json.dumps(batch),))
        writer.start()
        line = stdout.readline()
        writer.join()
        if not line:
            raise OracleUnavailable("the oracle ended without an answer")
        answers: list[dict[str, Any]] = json.loads(line)
        return answers

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

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
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "go"
KUBERNETES = "v1.37.2"


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


def _run(command: list[str], where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise OracleUnavailable(f"`{' '.join(command[:3])}` failed: {last}")
    return done.stdout


class Oracle:
    """A running oracle. Use as a context manager; `ask` may be called from one thread at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(binary())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
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

"""One row, put to a program: what arrived at which server."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kubectl_imagepull.cli import main
from kubectl_imagepull.kube import config as ours
from tests.conformance.rows import Row
from tests.conformance.servers import World

RECORDED = Path(__file__).parent / "recorded.json"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def recorded() -> dict[str, dict[str, Any]]:
    """What the real kubectl did: row's id -> {version: answer}."""
    found: dict[str, dict[str, Any]] = json.loads(RECORDED.read_text())
    return found


def lay_out(row: Row, world: World, folder: Path) -> dict[str, str]:
    """Write the row's files. -> its environment."""
    for name, content in {**row.files, **(account() if row.pod else {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        with path.open("w", newline="") as file:
            file.write(world.fill(text, folder))
        if name == "plugin" or name.startswith("bin/"):
            path.chmod(0o755)
    env = {"HOME": str(folder), "PATH": f"{folder}/bin:/usr/bin:/bin", "KUBECACHEDIR": str(folder / "cache")}
    if "config" in row.files:
        env["KUBECONFIG"] = str(folder / "config")
    if row.pod:
        env |= {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": world.words["A.port"]}
    return env | {key: world.fill(value, folder) for key, value in row.env.items()}


def account() -> dict[str, str]:
    """A service account's files, as the kubelet mounts them."""
    return {"account/token": "of-pod\n", "account/ca.crt": "@root.pem@", "account/namespace": "of-pod\n"}


def arguments(row: Row, world: World, folder: Path) -> list[str]:
    return [world.fill(text, folder) for text in row.args]


def kubectl(program: str, row: Row, world: World, folder: Path) -> dict[str, Any]:
    """What the real kubectl does. Rows in a pod need root: the account's files are mounted where a pod has them."""
    env = lay_out(row, world, folder)
    words = [program, "get", "pods", "x", "-o", "name", *arguments(row, world, folder)]
    if row.pod:
        script = 'mount -t tmpfs none /run && mkdir -p "$1" && cp "$0"/* "$1"/ && shift && exec "$@"'
        words = ["unshare", "-m", "sh", "-c", script, str(folder / "account"), str(ACCOUNT), *words]
    subprocess.run(
        words, env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    return answer(world, folder)


def us(row: Row, world: World, folder: Path) -> tuple[dict[str, Any], int, str]:
    """What we do, in this process. -> (answer, exit code, stderr)."""
    env = lay_out(row, world, folder)
    before = Path.cwd()
    out, err = io.StringIO(), io.StringIO()
    with Path(os.devnull).open() as nothing, patch.dict(os.environ, env, clear=True):
        os.chdir(folder)
        try:
            with (
                patch.object(sys, "stdin", nothing),
                patch.object(sys, "argv", ["kubectl-imagepull"]),
                patch.object(ours, "IN_CLUSTER", folder / "account" if row.pod else folder / "no"),
            ):
                code = main.run(["why", "x", "--no-probe", *arguments(row, world, folder)], out, err, nothing)
        finally:
            os.chdir(before)
    return answer(world, folder), code, err.getvalue()


def answer(world: World, folder: Path) -> dict[str, Any]:
    """What arrived, in words that are the same in every run; {"refused": True} where nothing did."""
    requests, proxies = world.log.take()
    asked = folder / "asked"
    told = [line for line in asked.read_text().splitlines() if line] if asked.exists() else []
    found: dict[str, Any] = {**requests[-1]} if requests else {"refused": True}
    if proxies and requests:
        found["proxies"] = proxies
    if told:
        found["told"] = json.loads(world.empty(told[-1], folder))
    return {key: value for key, value in found.items() if value}

"""What asks no cluster: the start of the program, `check`, `pin`, and the reading of messages."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import peers
from tests.bench.installed import BIN, PYTHON
from tests.bench.measure import Measured, Samples, environment, once, side_by_side
from tests.lab import images
from tests.lab.common import wait_for

IMAGES = (10, 100, 500)
"""Distinct images that `check` is asked about."""
FILES = (10, 100, 1000)
"""Manifests that `pin` is given, of four containers each."""
CORPUS = Path(__file__).parents[1] / "corpus"
CAUSE = "dns.nxdomain"


# ---- the start -------------------------------------------------------------------------------------------------------


def start(runs: int) -> Samples:
    """What needs no cluster, beside a Python that does nothing and kubectl with a plugin that does nothing."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder) / "kubectl-nothing"
        nothing.write_text("#!/bin/sh\n")
        nothing.chmod(0o755)
        commands = {
            "start: python3 -c pass": (str(python), "-c", "pass"),
            "start: a plugin that does nothing": ("kubectl", "nothing"),
            "start: --help": ("kubectl", "imagepull", "--help"),
            "start: version": ("kubectl", "imagepull", "version"),
            "start: explain": ("kubectl", "imagepull", "explain", CAUSE),
        }
        found = side_by_side(commands, runs, (0,), environment(PATH=folder))
    return {name: one.seconds for name, one in found.items()}


# ---- a registry on this machine --------------------------------------------------------------------------------------


def reference(host: str, number: int) -> str:
    """The reference of an image of `registry`."""
    return f"{host}/team-{number % 25}/app-{number}:1.0"


@contextlib.contextmanager
def registry(count: int) -> Iterator[str]:
    """Debian's docker-registry on loopback, without TLS, with so many distinct images. -> its host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            path, _, tag = reference("", number)[1:].partition(":")
            images.store(Path(folder), path, tag, images.busybox(f"bench {number}"))
        config = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": folder}},
            "http": {"addr": host, "secret": "bench"},
        }
        file = Path(folder) / "config.yml"
        file.write_text(json.dumps(config))
        said = (Path(folder) / "log").open("wb")
        with said, subprocess.Popen(["docker-registry", "serve", str(file)], stdout=said, stderr=said) as process:
            try:
                wait_for(lambda: _listens(port), "the registry", seconds=20, every=0.05)
                yield host
            finally:
                process.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


# ---- check -----------------------------------------------------------------------------------------------------------


def check(runs: int, sizes: Sequence[int] = IMAGES) -> Samples:
    """`check` of so many distinct images of one registry, beside `crane digest` of each, one after the other and eight at a
    time."""
    crane = str(peers.program(peers.CRANE).parent)
    env = environment(PATH=crane)
    found: Samples = {}
    with registry(max(sizes)) as host, tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            names = [reference(host, number) for number in range(size)]
            file = Path(folder) / f"{size}"
            file.write_text("\n".join(names) + "\n")
            ran = subprocess.run(
                ["kubectl", "imagepull", "check", *names, "-o", "json"], env=env, capture_output=True, check=False
            )
            checked = json.loads(ran.stdout)["images"]
            good = sum(bool(one["digest"]) and not one["problems"] and not one["unchecked"] for one in checked)
            assert ran.returncode == 0 and good == size, f"{good} of {size} are found in order"
            commands = {
                f"check: check, {size} images": ("kubectl", "imagepull", "check", *names),
                f"check: crane, {size} images": ("sh", "-ec", f"while read -r one; do crane digest $one; done <{file}"),
                f"check: crane -P8, {size} images": ("sh", "-ec", f"xargs -P8 -n1 crane digest <{file}"),
            }
            found |= {name: one.seconds for name, one in side_by_side(commands, runs, (0,), env).items()}
    return found


# ---- pin -------------------------------------------------------------------------------------------------------------


def pin(runs: int, sizes: Sequence[int] = FILES) -> Samples:
    """`pin --write` of so many files with four references each, of 500 images in all."""
    env = environment()
    found: Samples = {}
    with registry(500) as host, tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            whole, copy = Path(folder) / f"{size}", Path(folder) / "copy"
            whole.mkdir()
            for number in range(size):
                (whole / f"{number}.yaml").write_text(manifest(host, number))
            measured = Measured()
            for number in range(runs + 1):
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(whole, copy)
                took, cpu, _ = once(["kubectl", "imagepull", "pin", "-f", str(copy), "--write"], env)
                if number:
                    measured.seconds.append(took)
                    measured.cpu.append(cpu)
            pinned = sum(path.read_text().count("@sha256:") for path in copy.iterdir())
            assert pinned == 4 * size, f"{pinned} of {4 * size} are pinned"
            found |= {f"pin: {size} files": measured.seconds, f"pin: CPU, {size} files": measured.cpu}
    return found


def manifest(host: str, number: int) -> str:
    """A Deployment with four containers."""
    containers = "".join(
        f"      - name: c{n}\n        image: {reference(host, (4 * number + n) % 500)}  # the {n}th\n" for n in range(4)
    )
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\nspec:\n  template:\n    spec:\n"
        f"      containers:\n{containers}"
    )


# ---- messages --------------------------------------------------------------------------------------------------------

_CLASSIFY = """
import json, sys, time
from kubectl_imagepull.image.messages import classify
texts = json.load(sys.stdin)
began = time.process_time()
for text in texts:
    classify(text)
print((time.process_time() - began) / len(texts) * 1000)
"""


def messages() -> list[str]:
    """Every distinct message of the corpora."""
    found: dict[str, None] = {}
    for file in sorted(CORPUS.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            found |= dict.fromkeys(
                text for text in (one.get("message"), one.get("text"), *_events(one)) if isinstance(text, str) and text
            )
    return [*found]


def _events(one: dict[str, object]) -> list[object]:
    events = one.get("events")
    return [event.get("message") for event in events] if isinstance(events, list) else []


def classify(runs: int) -> Samples:
    """Milliseconds a message, on average of all of them, each read once by a process that has read none before."""
    text = json.dumps(messages())
    found = [
        float(
            subprocess.run(
                [str(PYTHON), "-c", _CLASSIFY], input=text, capture_output=True, text=True, check=True, cwd=BIN
            ).stdout
        )
        for _ in range(runs)
    ]
    return {"classify: ms a message": found}

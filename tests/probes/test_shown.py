"""Only a part of the host's /etc is mounted: what is not is neither absent nor default, and what a setting names is asked for."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_imagepull.node.bundle import script
from probes.host import files
from probes.host.files import config, hidden, is_folder, needed, show_only
from probes.host.runtime import Configuration
from probes.plan import Node, Pull

CONTAINERD = Node("containerd://2.0.0", "v1.33.0")
SETTING = '[plugins."io.containerd.cri.v1.images".registry]\n  config_path = "{}"\n'


@pytest.fixture(autouse=True)
def all_shown() -> Iterator[None]:
    yield
    show_only([])
    files._NEEDED.clear()


def host(tmp_path: pathlib.Path, **files: str) -> str:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(tmp_path)


def pull() -> Pull:
    return Pull(id="p0", host="r.test", port=443, scheme="https", repository="a", asked="1")


def test_what_is_not_mounted_is_not_absent(tmp_path: pathlib.Path) -> None:
    root = host(tmp_path, etc__containerd__configDOTtoml="x = 1")
    assert config(root, "/etc/other/file").why == "absent"
    show_only(["/etc/containerd", "/etc/resolv.conf"])
    assert config(root, "/etc/containerd/config.toml").text == "x = 1"
    assert config(root, "/etc/containerd/none").why == "absent"
    assert config(root, "/etc/other/file").why == "hidden" and hidden("/etc/other")
    assert config(root, "/etc/containerdx").why == "hidden"
    assert is_folder(root, "/etc") and not is_folder(root, "/etc/other")


def test_a_link_out_of_what_is_mounted_is_not_followed(tmp_path: pathlib.Path) -> None:
    root = host(tmp_path, etc__secret__key="secret", etc__containerd__x="y")
    (tmp_path / "etc/containerd/link").symlink_to("/etc/secret/key")
    assert config(root, "/etc/containerd/link").text == "secret"
    show_only(["/etc/containerd"])
    assert config(root, "/etc/containerd/link").text is None


@pytest.mark.parametrize(
    ("path", "outcome", "asked"),
    [
        ("/etc/containerd/certs.d", "default", []),
        ("/etc/docker/certs.d", "unreadable", [("/etc/docker/certs.d", "Directory")]),
        ("/opt/certs.d", "unreadable", []),
    ],
)
def test_directories_that_a_setting_names(tmp_path: pathlib.Path, path: str, outcome: str, asked: list[Any]) -> None:
    """Those below /etc can be mounted as well; what can be seen nowhere is unknown, and not default."""
    root = host(tmp_path, etc__containerd__configDOTtoml=SETTING.format(path))
    show_only(["/etc/containerd", "/etc/systemd", "/etc/default"])
    found = Configuration(root, None, CONTAINERD).endpoints(pull())
    assert (found.outcome, needed()) == (outcome, asked)


def test_nothing_is_asked_for_where_all_is_shown(tmp_path: pathlib.Path) -> None:
    root = host(tmp_path, etc__containerd__configDOTtoml=SETTING.format("/etc/docker/certs.d"))
    Configuration(root, None, CONTAINERD).endpoints(pull())
    assert needed() == []


def walked(tmp_path: pathlib.Path, **plan: Any) -> subprocess.CompletedProcess[str]:
    whole = {"place": "node", "nonce": "n", "budget": 5.0, "root": str(tmp_path), "lock": "", **plan}
    whole |= {"runtime": "containerd://2.0.0", "kubelet": "v1.33.0"}
    entry = {"id": "p0", "host": "127.0.0.1", "port": 1, "scheme": "http", "repository": "a", "asked": "1", "short": ""}
    command = [sys.executable, "-m", "probes", "-"]
    text = json.dumps({**whole, "pulls": [entry]})
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_the_probes_end_with_what_they_miss(tmp_path: pathlib.Path) -> None:
    """Once: what is not to be had is done without."""
    host(tmp_path, etc__containerd__configDOTtoml=SETTING.format("/etc/docker/certs.d"))
    shown = ["/etc/containerd", "/etc/systemd", "/etc/default"]
    found = walked(tmp_path, shown=shown, more=True)
    frames = [json.loads(line.split(" ", 2)[2]) for line in found.stdout.splitlines()]
    assert found.returncode == 5 and frames[-1]["kind"] == "more", found
    assert frames[-1]["paths"] == [["/etc/docker/certs.d", "Directory"]]
    found = walked(tmp_path, shown=shown)
    assert found.returncode == 0 and '"kind":"end"' in found.stdout, found
    found = walked(tmp_path, shown=[*shown, "/etc/docker/certs.d"], more=True)
    assert found.returncode == 0 and '"kind":"end"' in found.stdout, found


@pytest.mark.parametrize(
    ("shown", "unreadable"), [("/etc/containerd", True), ("/etc/containerd:/etc/docker/certs.d", False)]
)
def test_a_shell_knows_what_it_does_not_see(tmp_path: pathlib.Path, shown: str, unreadable: bool) -> None:
    host(tmp_path, etc__containerd__configDOTtoml=SETTING.format("/etc/docker/certs.d"))
    path = tmp_path / "probe.sh"
    path.write_text(script())
    words = ["sh", str(path), "n", "5", str(tmp_path), "", "p0", "http", "127.0.0.1", "1", "a", "1"]
    env = {"PATH": "/usr/bin:/bin", "IMAGEPULL_SHOWN": shown}
    found = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ("/etc/docker/certs.d cannot be read" in found.stdout) is unreadable, found

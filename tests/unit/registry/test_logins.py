"""registry/logins.py: docker's configuration, its helpers, and what is wrong with them."""

from __future__ import annotations

import base64
import json
import pathlib

import pytest

from kubectl_imagepull.image.reference import Reference
from kubectl_imagepull.registry.client import Login
from kubectl_imagepull.registry.logins import Logins, Unreadable, config_file

HUB, GHCR = Reference.parse("nginx"), Reference.parse("ghcr.io/team/app")


def written(folder: pathlib.Path, **content: object) -> pathlib.Path:
    file = folder / "config.json"
    file.write_text(json.dumps(content))
    return file


def test_where(tmp_path: pathlib.Path) -> None:
    assert config_file({"DOCKER_CONFIG": str(tmp_path)}) == tmp_path / "config.json"
    assert config_file({}).name == "config.json" and config_file({}).parent.name == ".docker"


def test_entries(tmp_path: pathlib.Path) -> None:
    auth = base64.b64encode(b"alice:pass:word").decode()
    file = written(
        tmp_path, auths={"https://index.docker.io/v1/": {"auth": auth}, "ghcr.io": {"username": "bob", "password": "b"}}
    )
    logins = Logins.read(file)
    assert logins.of(HUB) == Login("alice", "pass:word", "docker's configuration")
    assert logins.of(GHCR) == Login("bob", "b", "docker's configuration")
    assert logins.of(Reference.parse("quay.io/a/b")) is None
    assert "pass:word" not in repr(logins) + repr(logins.of(HUB))


def test_no_file_is_no_login(tmp_path: pathlib.Path) -> None:
    assert Logins.read(tmp_path / "config.json").of(HUB) is None


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_damaged(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(Unreadable, match=r"config\.json: no (JSON|object)"):
        Logins.read(tmp_path / "config.json")


def helper(folder: pathlib.Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_helper_is_asked_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(
        tmp_path,
        "fake",
        f'cat >> {tmp_path}/asked; echo >> {tmp_path}/asked; echo \'{{"Username": "u", "Secret": "s"}}\'',
        monkeypatch,
    )
    logins = Logins.read(written(tmp_path, credHelpers={"ghcr.io": "fake"}))
    assert logins.of(GHCR) == logins.of(GHCR) == Login("u", "s", "docker-credential-fake")
    assert (tmp_path / "asked").read_text() == "ghcr.io\n" and logins.of(HUB) is None


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("echo broken >&2; exit 1", "docker-credential-fake: broken"),
        ("echo no json", "docker-credential-fake: no credential in what it prints"),
        ("echo credentials not found in native keychain; exit 1", ""),
    ],
)
def test_a_helper_that_fails(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, script: str, trouble: str
) -> None:
    helper(tmp_path, "fake", script, monkeypatch)
    logins = Logins.read(written(tmp_path, credsStore="fake"))
    assert logins.of(GHCR) is None and logins.troubles == ([trouble] if trouble else [])


def test_a_helper_that_is_not_there_or_no_program(tmp_path: pathlib.Path) -> None:
    for name in ("imagepull-none", "../../bin/sh"):
        logins = Logins.read(written(tmp_path, credsStore=name))
        assert logins.of(GHCR) is None and len(logins.troubles) == 1

"""Credentials that change while we run: a file that is written anew, a plugin's token that ends or is refused."""

from __future__ import annotations

import json
import pathlib
import time

import pytest

from kubectl_imagepull.errors import ConfigError
from kubectl_imagepull.kube import identity as module
from kubectl_imagepull.kube.config import Settings
from kubectl_imagepull.kube.identity import Identity
from kubectl_imagepull.kube.kubeconfig import Cluster, Plugin, User


def identity(user: User) -> Identity:
    return Identity(Settings(Cluster("https://s"), user), True, {"PATH": "/usr/bin:/bin"}, lambda plugin: None)


def token(of: Identity) -> str:
    return dict(of.headers()).get("Authorization", "")


def counting_plugin(folder: pathlib.Path, seconds: float) -> Plugin:
    """Its nth token is t<n>, good for so long."""
    program = folder / "plugin"
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    answer = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"}
    status = f'"status":{{"token":"t\'$n\'","expirationTimestamp":"{until}"}}'
    program.write_text(
        f"#!/bin/sh\necho x >> {folder}/count\nn=$(wc -l < {folder}/count)\n"
        f"echo '{json.dumps(answer)[:-1]},{status}}}'\n"
    )
    program.chmod(0o755)
    return Plugin(str(program), api_version="client.authentication.k8s.io/v1", interactive_mode="Never")


def test_a_plugin_is_asked_once_while_its_token_holds(tmp_path: pathlib.Path) -> None:
    found = identity(User(plugin=counting_plugin(tmp_path, 3600)))
    assert [token(found), token(found)] == ["Bearer t1", "Bearer t1"]


def test_a_plugin_is_asked_again_when_its_token_has_ended(tmp_path: pathlib.Path) -> None:
    found = identity(User(plugin=counting_plugin(tmp_path, -1)))
    assert [token(found), token(found)] == ["Bearer t1", "Bearer t2"]


def test_a_plugin_is_asked_again_after_a_refusal(tmp_path: pathlib.Path) -> None:
    found = identity(User(plugin=counting_plugin(tmp_path, 3600)))
    assert token(found) == "Bearer t1"
    assert found.renew()
    assert token(found) == "Bearer t2"


def test_a_static_token_is_not_renewed() -> None:
    assert not identity(User(token="t")).renew()


def test_a_token_file_is_read_again(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    found = identity(User(token_file=str(file)))
    file.write_text("two\n")
    assert token(found) == "Bearer one"
    monkeypatch.setattr(module, "TOKEN_SECONDS", -1.0)
    assert found.renew()
    assert token(found) == "Bearer two"
    file.unlink()
    assert token(found) == "Bearer two"


def test_a_header_takes_no_line_break() -> None:
    with pytest.raises(ConfigError, match="a character that no header can hold"):
        identity(User(token="a\r\nImpersonate-User: root")).headers()

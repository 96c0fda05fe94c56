"""The API connection against a server that misbehaves."""

from __future__ import annotations

import json
import pathlib
import socket

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.kube.errors import ApiError, ConfigError, KubeError, Unreachable
from tests.unit.api_server import Answer, serving


@pytest.fixture(autouse=True)
def _no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def status(reason: str, message: str) -> dict[str, str]:
    return {"kind": "Status", "apiVersion": "v1", "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("answer", "kind", "line"),
    [
        (
            (404, status("NotFound", 'pods "x" not found'), {}),
            ApiError,
            'Error from server (NotFound): pods "x" not found',
        ),
        (
            (401, status("Unauthorized", "Unauthorized"), {}),
            ApiError,
            "error: You must be logged in to the server (Unauthorized)",
        ),
        ((403, status("Forbidden", "no"), {}), ApiError, "Error from server (Forbidden): no"),
        ((502, b"<html>Bad Gateway\x1b[31m</html>", {}), ApiError, "Error from server (502): <html>Bad Gateway"),
        ((200, b"<html>hello</html>", {}), Unreachable, "error: http://127.0.0.1"),
        ((200, b"[" * 100000, {}), Unreachable, "error: http://127.0.0.1"),
        ((200, b"[1]", {}), Unreachable, "error: http://127.0.0.1"),
        ((0, b"", {}), Unreachable, "Unable to connect to the server: "),
        ((200, b'{"cut', {"Content-Length": "500"}), Unreachable, "Unable to connect to the server: "),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_errors_are_one_line(answer: Answer, kind: type[KubeError], line: str) -> None:
    with serving(lambda method, path: answer) as (url, _), pytest.raises(kind) as error:
        Api(Flags(server=url)).get("/api/v1/namespaces/d/pods/x")
    assert str(error.value).startswith(line)


def test_too_many_requests_is_patience() -> None:
    answers = iter([(429, {}, {"Retry-After": "0"}), (429, {}, {"Retry-After": "0"}), (200, {"kind": "Pod"}, {})])
    with serving(lambda method, path: next(answers)) as (url, seen):
        assert Api(Flags(server=url)).get("/x") == {"kind": "Pod"}
    assert len(seen) == 3


def test_pages_are_read_to_the_end() -> None:
    def answer(method: str, path: str) -> Answer:
        last = "continue=more" in path
        return 200, {"items": [{"n": 2 if last else 1}], "metadata": {} if last else {"continue": "more"}}, {}

    with serving(answer) as (url, seen):
        assert [item["n"] for item in Api(Flags(server=url)).pages("/api/v1/pods")] == [1, 2]
    assert seen[0] == "GET /api/v1/pods?limit=500"


def test_nobody_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with pytest.raises(Unreachable) as error:
        Api(Flags(server=url)).get("/x")
    assert "onnection refused" in str(error.value)


def test_a_failing_credential_plugin_is_named(tmp_path: pathlib.Path) -> None:
    """The Python client would carry on as nobody."""
    plugin = tmp_path / "get-token"
    plugin.write_text("#!/bin/sh\necho 'session expired, log in again' >&2\nexit 3\n")
    plugin.chmod(0o755)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    with pytest.raises(ConfigError) as error:
        Api(Flags(kubeconfig=str(tmp_path / "config")))
    assert "exit code 3" in str(error.value) and "session expired" in str(error.value)

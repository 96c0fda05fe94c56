"""The API connection against a server that misbehaves."""

from __future__ import annotations

import datetime
import itertools
import json
import math
import pathlib
import socket
import time

import pytest

from kubectl_imagepull.errors import ApiError, ConfigError, KubeError, Unreachable
from kubectl_imagepull.kube.client import MOST_LINE, MOST_PATIENCE, Api, _lines, _patience, get_object
from kubectl_imagepull.kube.config import Flags
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
        assert Api(Flags(server=url)).get("/x")["kind"] == "Pod"
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
    said = f"The connection to the server {url.removeprefix('http://')} was refused - did you specify the right host or port?"
    assert str(error.value) == said


def test_a_failing_credential_plugin_is_named(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it says goes to our stderr as it comes: a code for a browser, say."""
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
        Api(Flags(kubeconfig=str(tmp_path / "config"))).get("/x")
    assert str(error.value).endswith("get-token failed with exit code 3")
    assert capfd.readouterr().err == "session expired, log in again\n"


NOW = datetime.datetime(2026, 5, 4, 3, 2, 1, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 1.0),
        ("", 1.0),
        ("0", 0.0),
        ("2", 2.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("-1e300", 0.0),
        ("86400", MOST_PATIENCE),
        ("1e400", 1.0),
        ("nan", 1.0),
        ("inf", 1.0),
        ("Mon, 04 May 2026 03:02:04 GMT", 3.0),
        ("Mon, 04 May 2026 03:02:00 GMT", 0.0),
        ("Mon, 04 May 2126 03:02:00 GMT", MOST_PATIENCE),
        ("Monday, 04-May-26 03:02:04 GMT", 3.0),
        ("soon", 1.0),
        ("Mon, 99 May 2026 99:99:99 GMT", 1.0),
        ("1" * 5000, 1.0),
    ],
)
def test_how_long_to_wait(said: str | None, seconds: float) -> None:
    assert _patience(said, NOW.timestamp()) == seconds


@pytest.mark.parametrize("said", ["-1", "Thu, 01 Jan 1970 00:00:00 GMT", "nan", "\x1b[2J"])
def test_odd_requests_for_patience(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr("kubectl_imagepull.kube.client.MOST_PATIENCE", 0.0)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    answers = iter([(429, {}, {"Retry-After": said}), (200, {"kind": "Pod"}, {})])
    with serving(lambda method, path: next(answers)) as (url, _):
        assert Api(Flags(server=url)).get("/x")["kind"] == "Pod"


def test_too_many_requests_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    answer = (429, status("TooManyRequests", "too many"), {"Retry-After": "1"})
    with serving(lambda method, path: answer) as (url, seen), pytest.raises(ApiError, match="TooManyRequests"):
        Api(Flags(server=url)).get("/x")
    assert len(seen) == 4


def test_a_list_that_expires_on_the_way_is_read_to_its_end() -> None:
    """The first page is kept, the rest comes with the list of now, and nothing comes twice."""

    def item(number: int) -> dict[str, object]:
        return {"metadata": {"name": f"p{number}", "uid": f"u{number}"}}

    def answer(method: str, path: str) -> Answer:
        if "continue=" in path:
            return 410, status("Expired", "the provided continue parameter is too old"), {}
        if "limit=" in path:
            return 200, {"items": [item(1), item(2)], "metadata": {"continue": "more"}}, {}
        return 200, {"items": [item(n) for n in range(1, 5)], "metadata": {}}, {}

    with serving(answer) as (url, seen):
        found = [i["metadata"]["name"] for i in Api(Flags(server=url)).pages("/api/v1/pods", labelSelector="a=b")]
    assert found == ["p1", "p2", "p3", "p4"]
    assert seen[-1] == "GET /api/v1/pods?labelSelector=a%3Db"


def test_gone_from_the_start_is_an_error() -> None:
    with serving(lambda method, path: (410, status("Gone", "no"), {})) as (url, seen), pytest.raises(ApiError):
        list(Api(Flags(server=url)).pages("/api/v1/pods"))
    assert len(seen) == 1


def test_a_list_that_never_ends() -> None:
    answer = (200, {"items": [], "metadata": {"continue": "again"}}, {})
    with serving(lambda method, path: answer) as (url, seen), pytest.raises(Unreachable):
        list(Api(Flags(server=url)).pages("/api/v1/pods"))
    assert len(seen) == 2


@pytest.mark.parametrize("code", [204, 300, 301, 302, 303, 307, 308])
def test_an_answer_that_is_no_success(code: int) -> None:
    """A page to log in answers for the API server; what it says may even be JSON."""
    pod = {"kind": "Pod", "metadata": {"name": "x", "namespace": "d", "uid": "u"}, "items": []}
    answer = (code, b"" if code == 204 else pod, {"Location": "https://login.example/\x1b[31m?next=/api"})
    with serving(lambda method, path: answer) as (url, seen):
        api = Api(Flags(server=url))
        for ask in (
            lambda: api.get("/api/v1/namespaces/d/pods/x"),
            lambda: list(api.pages("/api/v1/pods")),
            lambda: list(api.lines("/api/v1/namespaces/d/pods/x/log", 2.0)) if code != 204 else api.get("/x"),
            lambda: api.delete("/api/v1/namespaces/d/pods/x", {}),
        ):
            with pytest.raises(Unreachable) as error:
                ask()
            assert str(error.value).startswith("error: http://127.0.0.1") and str(error.value).isprintable()
            assert code == 204 or "login.example" in str(error.value)
    assert len(seen) == 4


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "Status", "status": "Failure"},
        {"kind": "Pod", "metadata": {"name": "y", "namespace": "d"}},
        {"kind": "Pod", "metadata": {"name": "x", "namespace": "e"}},
        {"kind": "Secret", "metadata": {"name": "x", "namespace": "d"}},
    ],
)
def test_an_answer_about_something_else(document: dict[str, object]) -> None:
    with serving(lambda method, path: (200, document, {})) as (url, _), pytest.raises(Unreachable):
        get_object(Api(Flags(server=url)), "Pod", "d", "x")


def test_lines_have_a_bound() -> None:
    parts = [b"one\ntw", b"o\n", b"x" * MOST_LINE, b"x" * MOST_LINE, b"xx\nthree\n", b"y" * (MOST_LINE + 1), b"y\nrest"]
    found = list(_lines(parts, math.inf, "/log"))
    assert [len(line) for line in found] == [3, 3, MOST_LINE, 5, MOST_LINE, 4]
    assert found[0] == b"one" and found[1] == b"two" and found[3] == b"three" and found[5] == b"rest"


def test_a_line_without_end_takes_no_memory() -> None:
    part = b"z" * 65536
    found = list(_lines(itertools.repeat(part, 4096), math.inf, "/log"))
    assert [len(line) for line in found] == [MOST_LINE]


def test_a_log_that_trickles_has_an_end() -> None:
    """Never silent for long, and never done."""

    def answer(method: str, path: str) -> Answer:
        return 200, (b"drip\n" for _ in range(1000)), {"Content-Length": "5000"}

    start = time.monotonic()
    with serving(answer) as (url, _), pytest.raises(Unreachable, match="takes too long"):
        list(Api(Flags(server=url)).lines("/api/v1/namespaces/d/pods/x/log", 5.0, total=0.3))
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("message", ["\x1b]0;owned\x07", "a\r\nb", "\u202e", "\ud800"])
def test_what_a_server_says_is_printable(message: str) -> None:
    answer = (403, status("Forb\x1b[2J", message), {})
    with serving(lambda method, path: answer) as (url, _), pytest.raises(ApiError) as error:
        Api(Flags(server=url)).get("/x")
    assert str(error.value).isprintable()


def test_what_a_kubeconfig_says_is_printable(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").write_text('current-context: "\\e[2J"')
    with pytest.raises(ConfigError) as error:
        Api(Flags(kubeconfig=str(tmp_path / "config")))
    assert str(error.value).isprintable()


def test_a_credential_plugin_that_is_not_there(tmp_path: pathlib.Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "no-such-plugin"}}
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="executable no-such-plugin not found"):
        Api(Flags(kubeconfig=str(tmp_path / "config"))).get("/x")


@pytest.mark.parametrize(("strict", "count"), [(None, 0), (True, 2)])
def test_warnings_are_shown_once(capfd: pytest.CaptureFixture[str], strict: bool | None, count: int) -> None:
    """kubectl: --warnings-as-errors counts them at the end."""
    headers = {"Warning": '299 - "old \\"api\\""', "warning": '299 kube "other"'}
    with serving(lambda method, path: (200, {"kind": "Pod"}, headers)) as (url, _):
        api = Api(Flags(server=url, warnings_as_errors=strict))
        api.get("/x")
        api.get("/x")
    assert capfd.readouterr().err == 'Warning: old "api"\nWarning: other\n'
    assert api.refused_warnings == count


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1)])
def test_a_connection_that_was_closed_in_the_moment_of_use(method: str, times: int) -> None:
    """What only reads is asked once more, as kubectl's transport does; what changes something is not."""
    with serving(lambda method, path: (0, b"", {})) as (url, seen):
        api = Api(Flags(server=url))
        with pytest.raises(Unreachable):
            api.get("/x") if method == "GET" else api.post("/x", {})
    assert seen == [f"{method} /x"] * times


def test_request_timeout_is_for_the_whole_answer() -> None:
    """As kubectl's: a socket's time-out begins anew with every byte."""
    with serving(lambda method, path: (200, iter([b" "] * 200), {"Content-Length": "200"})) as (url, _):
        began = time.monotonic()
        with pytest.raises(Unreachable, match="in time"):
            Api(Flags(server=url, request_timeout=1.0)).get("/api/v1/namespaces/d/pods/x")
        assert time.monotonic() - began < 5

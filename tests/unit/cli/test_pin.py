"""`pin` on the command line: what goes to which stream, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kubectl_imagepull.image.reference import Reference
from kubectl_imagepull.registry.client import Answer, Login, Registries
from kubectl_imagepull.report.machine import schema
from tests.unit.cli.conftest import Ran
from tests.unit.fake_cluster import FakeCluster
from tests.unit.image.test_manifests import in_object
from tests.unit.registry.fake_registry import FakeRegistry, digest_of, serving


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serving(FakeRegistry({"team/app:1.0": digest_of("app")})) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two manifests, of the same image and of a pinned one."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    found = tmp_path / "deploy"
    found.mkdir()
    (found / "a.yaml").write_text(in_object(f"{registry.host}/team/app:1.0  # the app"))
    (found / "b.yaml").write_bytes(in_object(f"'{registry.host}/team/app:1.0@{digest_of('old')}'").encode())
    monkeypatch.chdir(tmp_path)
    return found


def test_a_diff(ran: Ran, folder: Path, registry: FakeRegistry) -> None:
    before = (folder / "a.yaml").read_text()
    code, out, err = ran("pin", "-f", "deploy")
    image = f"{registry.host}/team/app:1.0"
    assert (code, (folder / "a.yaml").read_text()) == (0, before)
    assert out.splitlines()[:3] == ["--- deploy/a.yaml", "+++ deploy/a.yaml", "@@ -3,4 +3,4 @@"]
    assert out.splitlines()[-2:] == [
        f"-    image: {image}  # the app",
        f"+    image: {image}@{digest_of('app')}  # the app",
    ]
    assert err == "1 image in 1 file would get a new digest, 1 had one; --write changes the files\n"
    assert [asked[0] for asked in registry.asked] == ["HEAD"]
    assert ran("pin", "-f", "deploy", "--diff")[1] == out


def test_write_and_check(ran: Ran, folder: Path, registry: FakeRegistry) -> None:
    code, out, err = ran("pin", "-f", "deploy", "--check")
    assert (code, err) == (1, "")
    assert out == f"deploy/a.yaml:6: {registry.host}/team/app:1.0 (Pod a, container a): has no digest\n"
    assert registry.asked == []
    code, out, err = ran("pin", "-f", "deploy", "--write")
    assert (code, out) == (0, "") and err.splitlines()[0] == "deploy/a.yaml written"
    assert ran("pin", "-f", "deploy", "--check") == (0, "", "")
    code, out, _ = ran("pin", "-f", "deploy", "--check", "--update")
    assert code == 1 and f"deploy/b.yaml:6: {registry.host}/team/app:1.0@" in out and "its tag has sha256:" in out
    assert ran("pin", "-f", "deploy", "--update", "--write", "--diff")[1].count("\n+    image:") == 1
    assert ran("pin", "-f", "deploy", "--check", "--update") == (0, "", "")


def test_between_two_programs(ran: Ran, folder: Path, registry: FakeRegistry) -> None:
    text = in_object(f"{registry.host}/team/app:1.0")
    code, out, _ = ran("pin", "-f", "-", "--write", stdin=text)
    assert (code, out) == (0, text.replace(":1.0", f":1.0@{digest_of('app')}"))
    assert ran("pin", "-f", "-", "--write", stdin=out)[1] == out
    assert ran("pin", "-f", "-", "--write", stdin="no: image\n")[1] == "no: image\n"


def test_what_is_left_is_listed(ran: Ran, folder: Path, registry: FakeRegistry) -> None:
    (folder / "c.yaml").write_text("kind: Pod\nspec: [\n")
    (folder / "d.yaml").write_text(in_object(f"{registry.host}/team/none:2"))
    (folder / "e.yaml").write_text(in_object("local:1") + "    imagePullPolicy: Never\n")
    code, out, err = ran("pin", "-f", "deploy", "--write")
    assert (code, out) == (2, "")
    assert "deploy/c.yaml:3: broken YAML: " in err and "deploy/a.yaml written" in err
    assert f"deploy/d.yaml:6: {registry.host}/team/none:2 (Pod a, container a): {registry.host}: HTTP 404" in err
    assert "deploy/e.yaml:6: local:1 (Pod a, container a): imagePullPolicy Never" in err
    assert "deploy/e.yaml" not in ran("pin", "-f", "deploy/e.yaml", "--check")[1]


def test_a_file_that_cannot_be_written(ran: Ran, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(change: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("kubectl_imagepull.cli.pin.write", refused)
    code, _, err = ran("pin", "-f", "deploy", "--write")
    assert code == 2 and "error: deploy/a.yaml: permission denied" in err and "written" not in err


def test_the_document_fits_its_schema(ran: Ran, folder: Path, registry: FakeRegistry, cluster: FakeCluster) -> None:
    (folder / "c.yaml").write_text("kind: Pod\nspec: [\n")
    (folder / "d.yaml").write_text(in_object(f"{registry.host}/team/none:2"))
    code, out, _ = ran("pin", "-f", "deploy", "-o", "json")
    found = json.loads(out)
    jsonschema.validate(found, schema())
    assert (code, found["kind"], found["mode"]) == (2, "Pin", "diff")
    assert [image["outcome"] for image in found["images"]] == ["changed", "pinned", "failed"]
    assert found["images"][0]["pinned"] == f"{registry.host}/team/app:1.0@{digest_of('app')}"
    assert found["images"][2]["cause"] == "image.name_unknown"
    assert found["files"] == [{"name": "deploy/a.yaml", "written": False}] and found["errors"][0]["line"] == 3


def test_workloads_and_images(ran: Ran, folder: Path, registry: FakeRegistry, cluster: FakeCluster) -> None:
    image = f"{registry.host}/team/app:1.0"
    pod = {"containers": [{"name": "app", "image": image}]}
    cluster.add("Deployment", "shop", "own", spec={"template": {"spec": pod}})
    pinned = f"{image}@{digest_of('app')}"
    for words in (["deploy/own"], ["deploy", "own"]):
        assert ran("pin", *words) == (0, f"kubectl -n shop set image deployment/own app={pinned}\n", "")
    code, out, _ = ran("pin", "deploy/own", "--check")
    assert code == 1 and out.startswith(f"deployment/own: {image} (Deployment shop/own, container app): has no digest")
    assert ran("pin", image) == (0, f"{pinned}\n", "") and ran("pin", pinned) == (0, f"{pinned}\n", "")
    assert ran("pin", "deploy/none")[0] == 2


def test_a_login_of_docker_is_used(ran: Ran, folder: Path, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.login = ("u", "p")
    code, _, err = ran("pin", "-f", "deploy")
    assert code == 2 and "HTTP 401" in err
    (tmp_path / "docker").mkdir()
    entry = {"username": "u", "password": "p"}
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {registry.host: entry}}))
    assert ran("pin", "-f", "deploy")[0] == 0
    (tmp_path / "docker" / "config.json").write_text("{")
    assert "config.json: no JSON" in ran("pin", "-f", "deploy")[2]


def test_who_may_be_asked_how(ran: Ran, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    class Asked(Registries):
        def __init__(self, **named: Any) -> None:
            given.update(named)
            super().__init__(**named)

        def head(self, reference: Reference, login: Login | None = None) -> Answer:
            return Answer(digest=digest_of("a"))

    monkeypatch.setattr("kubectl_imagepull.session.registries.Registries", Asked)
    assert ran("pin", "r.test/a:1", "--plain-http", "R.test:5000", "--token-host", "auth.test")[0] == 0
    assert (given["plain_http"], given["token_hosts"]) == (["r.test:5000"], ["auth.test"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what to pin"),
        (["-f", "x", "deploy/x"], "one kind at a time"),
        (["nginx:1", "deploy/x"], "one kind at a time"),
        (["deploy/x", "--write"], "name them with -f"),
        (["-f", "x", "--write", "--check"], "not with --write"),
        (["-f", "-", "--write", "--diff"], "no room for --diff"),
        (["nginx:1", "-R"], "-R is for -f"),
        (["nginx:1", "--plain-http", "a b"], '--plain-http "a b" is no host'),
        (["nginx:1", "--token-host", "a.test:5000"], '--token-host "a.test:5000" is no host'),
        (["-f", "nowhere"], 'the path "nowhere" does not exist'),
        (["deploy"], ""),
    ],
)
def test_what_cannot_be_meant(ran: Ran, folder: Path, registry: FakeRegistry, words: list[str], said: str) -> None:
    code, out, err = ran("pin", *words)
    assert (code, out, registry.asked) == (2, "", []) and said in err

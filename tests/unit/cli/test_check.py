"""The command line of check and scan: what is meant, and what is refused in one line."""

from __future__ import annotations

import io
import json
import pathlib
from collections.abc import Callable

import pytest

from kubectl_imagepull.cli.main import run
from tests.unit.fake_cluster import FakeCluster
from tests.unit.registry.fake_registry import FakeRegistry, digest_of, serving

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, no_kubeconfig: None) -> Run:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))

    def called(*words: str, stdin: str = "") -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        return run(words, out, err, io.StringIO(stdin)), out.getvalue(), err.getvalue()

    return called


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "deploy/web", "nginx:1"), "workloads and images are checked one kind at a time"),
        (("check", "-A", "nginx:1"), "--all-namespaces checks what runs"),
        (("check", "deploy/web", "-f", "x.yaml"), "files and workloads are checked one kind at a time"),
        (("check", "nginx:1", "--try-pull"), "--try-pull needs --from-node"),
        (("check", "nginx:1", "--from-node", "a b"), '--from-node "a b" is no name of a node'),
        (("check", "nginx:1", "--platform", "arm"), '--platform "arm" is no platform'),
        (("check", "nginx:1", "--plain-http", "http://x"), '--plain-http "http://x" is no host of a registry'),
        (("check", "nginx:1", "--per-registry", "0"), "--per-registry must be at least 1"),
        (("check", "nginx:1", "--fail-on", "all"), "must be one of error, warning, note, never"),
        (("check", "-f", "none.yaml"), 'the path "none.yaml" does not exist'),
        (("check", "-k", "--help-me"), "is no folder"),
        (("scan", "x"), "extra arguments: [x]"),
        (("scan", "--try-pull"), "a scan pulls nothing"),
        (("scan", "--timeout", "5s"), "flags that say how a node is reached are for --probe"),
        (("scan", "--watch", "-o", "json"), "--watch tells what the API server knows, line by line"),
        (("scan", "-o", "xml"), 'output format "xml"'),
    ],
)
def test_refused(command: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = command(*words)
    assert code == 2 and said in err and out == "" and "Traceback" not in err and len(err.splitlines()) <= 2


def test_without_a_cluster(command: Run, tmp_path: pathlib.Path) -> None:
    """Broken YAML among good files: named with its line, the rest is checked, exit 2 at the end."""
    with serving(FakeRegistry({"app:1": digest_of("app")})) as registry:
        pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: %s}]}\n"
        (tmp_path / "good.yaml").write_text(pod % f"{registry.host}/app:1")
        code, out, err = command("check", "-f", str(tmp_path))
        assert (code, out, err) == (0, "1 image checked\n", "")
        (tmp_path / "bad.yaml").write_text("a: [\nb: }\n")
        (tmp_path / "template.yaml").write_text("image: {{ .Values.image }}\n")
        (tmp_path / "gone.yaml").write_text(pod % f"{registry.host}/app:2")
        code, out, err = command("check", "-f", str(tmp_path), "-o", "json")
        found = json.loads(out)
        assert code == 2 and len(found["images"]) == 2
        lines = [error["message"] for error in found["errors"]]
        assert len(lines) == 2 and "bad.yaml:2" in lines[0] and "template.yaml:1" in lines[1] and "render" in lines[1]
        code, out, _ = command("check", "-f", "-", stdin=pod % f"{registry.host}/app:2")
        assert code == 1 and "FAIL" in out and "in -:4 (c)" in out


def test_scan_of_a_cluster(command: Run, cluster: FakeCluster) -> None:
    cluster.add("Namespace", "", "shop")
    image = "registry.example.com/web:v9"
    waiting = {"reason": "ErrImagePull", "message": f'failed to resolve reference "{image}": {image}: not found'}
    status = {"phase": "Pending", "containerStatuses": [{"name": "c", "image": image, "state": {"waiting": waiting}}]}
    cluster.add("Pod", "shop", "web", spec={"containers": [{"name": "c", "image": image}]}, status=status)
    code, out, _ = command("scan", "-s", cluster.url, "-n", "shop")
    assert code in (1, 3) and out.startswith("1 pod cannot pull an image, 1 cause (1 pod looked at in shop namespace)")
    assert "kubectl imagepull why web -n shop" in out
    assert command("scan", "-s", cluster.url, "-A", "-o", "name")[1] == "pod/web\n"


def test_scan_of_a_namespace_that_is_not_there(command: Run, cluster: FakeCluster) -> None:
    code, out, err = command("scan", "-s", cluster.url, "-n", "nope")
    assert code == 2 and out == "" and "NotFound" in err
    cluster.add("Namespace", "", "empty")
    assert command("scan", "-s", cluster.url, "-n", "empty")[:2] == (
        0,
        "No image pull problem found (0 pods looked at in empty namespace).\n",
    )


def test_a_kustomization(command: Run, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `kubectl kustomize` prints is checked; what it refuses is said in its own words."""
    kubectl = tmp_path / "kubectl"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: Bad Name}]}"
    kubectl.write_text(
        f"#!/bin/sh\n[ \"$*\" = 'kustomize overlay' ] || {{ echo 'error: no folder' >&2; exit 1; }}\ncat <<'E'\n{pod}\nE\n"
    )
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    code, out, _ = command("check", "-k", "overlay")
    assert code == 1 and "FAIL Bad Name" in out and "in overlay:4 (c)" in out
    code, out, err = command("check", "-k", "elsewhere")
    assert (code, out, err) == (2, "", "error: no folder\n")

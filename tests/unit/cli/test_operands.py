"""Operands and manifests as kubectl reads them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from kubectl_imagepull.cli.flags import UsageError
from kubectl_imagepull.cli.operands import parse
from kubectl_imagepull.session.named import Named
from kubectl_imagepull.session.targets import Targets


def read(
    *words: str,
    selector: str = "",
    everywhere: bool = False,
    files: tuple[str, ...] = (),
    stdin: str = "",
    fields: str = "",
) -> Targets:
    return parse(words, selector, everywhere, files, io.StringIO(stdin), fields)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["web-1"], [Named("Pod", "web-1")]),
        (["web-1", "web-2", "web-1"], [Named("Pod", "web-1"), Named("Pod", "web-2")]),
        (["pod/web-1", "deploy/web"], [Named("Pod", "web-1"), Named("Deployment", "web")]),
        (["deploy", "web", "api"], [Named("Deployment", "web"), Named("Deployment", "api")]),
        (["statefulsets.apps/db"], [Named("StatefulSet", "db")]),
        (["deploy"], [Named("Pod", "deploy")]),
        ([], []),
    ],
)
def test_names(words: list[str], named: list[Named]) -> None:
    assert list(read(*words).named) == named


def test_searches() -> None:
    assert read("deploy", selector="app=web") == Targets(kind="Deployment", selector="app=web")
    assert read(everywhere=True) == Targets(everywhere=True)
    assert read("Deployments", fields="a=b") == Targets(kind="Deployment", field_selector="a=b")


@pytest.mark.parametrize(
    ("words", "more", "said"),
    [
        (["deploy", "pod/x"], {}, "there is no need to specify a resource type"),
        (["pod/x", "y"], {}, "resource/name form must have a single resource and name"),
        (["/x"], {}, "resource/name form must have a single resource and name"),
        (["Pods", "pod/x"], {}, "there is no need to specify a resource type"),
        (["pod/x"], {"selector": "app=web"}, "selectors and the all flag cannot be used"),
        (["x"], {"fields": "spec.nodeName=a"}, "name cannot be provided when a selector is specified"),
        (["Web"], {}, 'error: "Web" is no name of a pod or a workload'),
        (["aé"], {}, "is no name of a pod"),
        (["a/b/c"], {}, "may not have more than one slash"),
        (["svc/x"], {}, 'error: "svc" is no kind that has pods'),
        (["node", "node1"], {}, 'error: "node" has no pods'),
        (["a b"], {}, 'error: "a b" is no name of a pod'),
        (["x" * 254], {}, "is no name of a pod"),
        (["x"], {"selector": "app=web"}, "name cannot be provided when a selector is specified"),
        (["x"], {"everywhere": True}, "a resource cannot be retrieved by name across all namespaces"),
        (["x"], {"files": ("f.yaml",)}, "when paths are provided as input"),
        ([], {"files": ("/nowhere/f.yaml",)}, 'the path "/nowhere/f.yaml" does not exist'),
        ([], {"files": ("-",), "stdin": "a: [1"}, "error parsing -"),
        ([], {"files": ("-",), "stdin": "kind: Service"}, "no pod or workload in -"),
        ([], {"files": ("/dev/null/x",)}, "/dev/null/x: "),
    ],
)
def test_what_cannot_be_meant(words: list[str], more: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(*words, **more)  # type: ignore[arg-type]
    assert str(caught.value).startswith("error: ") and said in str(caught.value) and "\n" not in str(caught.value)


def manifest(kind: str, name: str, namespace: str = "") -> dict[str, object]:
    return {"kind": kind, "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}}


def test_manifests(tmp_path: Path) -> None:
    listed = {"kind": "List", "items": [manifest("Pod", "a", "shop"), manifest("Service", "s"), "odd"]}
    (tmp_path / "one.json").write_text(json.dumps(listed))
    (tmp_path / "two.yaml").write_text("kind: Job\nmetadata: {name: b}\n---\nkind: Pod\nmetadata: odd\n---\n")
    (tmp_path / "notes.txt").write_text("kind: [")
    (tmp_path / "service.yaml").write_text(json.dumps(manifest("Service", "s")))
    expected = (Named("Pod", "a", "shop"), Named("Job", "b"))
    assert read(files=(str(tmp_path),)).named == expected
    assert read(files=(str(tmp_path / "two.yaml"),)).named == expected[1:]
    assert read(files=("-",), stdin=json.dumps(manifest("CronJob", "c"))).named == (Named("CronJob", "c"),)

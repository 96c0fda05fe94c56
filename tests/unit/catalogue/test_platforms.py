"""Platforms: a node is of the one that its marks say, each entry has its form, and docs/platforms is made from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.catalogue import CatalogueError, docs, platforms, stand_ins
from kubectl_imagepull.catalogue.platforms import parse, parse_details, platform_in, platform_of
from kubectl_imagepull.catalogue.render import ANY, Place, lines
from kubectl_imagepull.kube.nodes import _node_facts
from kubectl_imagepull.model import NodeFacts
from tests.platform_nodes import NODES, UNKNOWN

ROOT = Path(__file__).parents[3]


def node(**facts: Any) -> NodeFacts:
    usual = {"name": "node1", "os": "linux", "arch": "amd64", "runtime": "containerd://2.1.4", "kubelet": "v1.34.1"}
    return NodeFacts(**{**usual, **facts})


@pytest.mark.parametrize("name", NODES)
def test_its_example_is_recognised(name: str) -> None:
    """As its own, and as that of none that stands before it."""
    found = platform_of(node(**NODES[name]))
    assert found is not None and found.id == name


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_has_no_mark_is_of_an_unknown_platform(what: str) -> None:
    assert platform_of(node(**UNKNOWN[what])) is None


def test_no_node_and_one_that_is_gone() -> None:
    assert platform_of(None) is None
    assert platform_of(node(found=False, kubelet="v1.33.3+k3s1")) is None


def test_files_that_a_probe_saw_are_a_mark() -> None:
    """Where the runtime's own packages put them; but not against what the node says of itself."""
    seen = ("/etc/containerd/certs.d/r.io/hosts.toml",)
    found = platform_of(node(), seen)
    assert found is not None and found.id == "kubeadm"
    assert platform_of(node(), ("/opt/containerd/certs.d/r.io/hosts.toml",)) is None
    rancher = platform_of(node(kubelet="v1.33.3+rke2r1"), seen)
    assert rancher is not None and rancher.id == "rke2"


def test_of_a_node_only_what_recognises_is_kept() -> None:
    """Bounded: labels and annotations hold what anybody wants them to."""
    marks = {"microk8s.io/cluster": "true", "type": "x" * 5000, "team": "secret"}
    found = _node_facts(
        {
            "metadata": {
                "name": "n",
                "labels": marks,
                "annotations": {"kubeadm.alpha.kubernetes.io/cri-socket": "s", "a": "b"},
            },
            "spec": {"providerID": "p" * 5000},
        }
    )
    assert found.labels == ("microk8s.io/cluster=true", ("type=" + "x" * 5000)[:300])
    assert found.annotations == ("kubeadm.alpha.kubernetes.io/cri-socket",) and len(found.provider_id) == 300


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("open /var/lib/rancher/k3s/agent/etc/containerd/certs.d/r.io/hosts.toml: permission denied", "k3s"),
        ("open /var/snap/microk8s/current/args/certs.d: no such file", "microk8s"),
        ("failed to pull and unpack image r.io/a:1: not found", ""),
    ],
)
def test_a_text_may_tell(text: str, name: str) -> None:
    found = platform_in(text)
    assert (found.id if found else "") == name


@pytest.mark.parametrize("name", platforms.load())
def test_every_entry_is_whole(name: str) -> None:
    """Each says where its configuration lives, what brings the sandbox image back, and what says so; and every command of it can
    be written."""
    platform = platforms.load()[name]
    details = platform.details
    assert {"trust", "sandbox"} <= set(details.fixes) and details.sandbox and details.sources
    assert platform.rungs[-1] == "api-only"
    assert details.files or platform.rungs == ("api-only",) or name == "eks-auto"
    for ways in details.fixes.values():
        for way in ways:
            assert way.text or way.actions
            assert isinstance(lines(way.actions, Place(ANY, stand_ins())), tuple)
            assert way.actor in ("cluster", "you", "network")


def test_nobody_edits_what_is_not_read() -> None:
    """/etc/containerd is written where its containerd reads it, and nowhere else."""
    for name, platform in platforms.load().items():
        text = "\n".join(
            c
            for ways in platform.details.fixes.values()
            for w in ways
            for c in lines(w.actions, Place(ANY, stand_ins()))
        )
        reads_it = any(file.startswith("/etc/containerd") for file in platform.details.files)
        assert reads_it or " /etc/containerd" not in text, name
        assert ("systemctl" in text) <= (name not in ("talos", "eks-fargate", "windows", "docker-desktop")), name


HEAD: dict[str, Any] = {
    "id": "some",
    "title": "Some",
    "recognised": [{"os": "plan9"}],
    "runtime": "",
    "rungs": ["api-only"],
}
DETAILS: dict[str, Any] = {
    "example": {"os": "plan9"},
    "files": [],
    "probe": "no: none",
    "lasts": "",
    "sandbox": "",
    "fixes": {"trust": [{"text": "do", "actions": [], "applicability": "manual"}]},
    "sources": [{"url": "a.page", "date": "2026-01-01"}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recognised": []}, "nothing recognises it"),
        ({"recognised": [{"colour": "red"}]}, "is no mark"),
        ({"recognised": [{"kubelet": 7}]}, "7 is no text"),
        ({"rungs": ["ladder"]}, "ladder"),
        ({"more": 1}, "missing or unknown: more"),
    ],
)
def test_a_bad_head_is_refused(change: dict[str, Any], said: str) -> None:
    assert parse(HEAD).id == "some"
    with pytest.raises(CatalogueError, match=said):
        parse({**HEAD, **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"example": {"colour": "red"}}, "unknown: colour"),
        ({"example": {"kubelet": 7}}, "7 is no text"),
        ({"probe": "perhaps"}, "probe begins with"),
        ({"sources": []}, "nothing says so"),
        ({"sources": [{"url": "a.page", "date": "lately"}]}, "is no date"),
        ({"fixes": {"tea": []}}, "tea is no topic"),
        ({"fixes": {"trust": "nobody-shares-this"}}, "nothing is shared"),
        ({"fixes": {"trust": []}}, "no list of fixes"),
        ({"fixes": {"trust": [{"text": "{where}", "actions": [], "applicability": "manual"}]}}, "where is no field"),
    ],
)
def test_bad_details_are_refused(change: dict[str, Any], said: str) -> None:
    assert parse_details("some", DETAILS).probe == "no: none"
    with pytest.raises(CatalogueError, match=re.escape(said)):
        parse_details("some", {**DETAILS, **change})


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("id: a\nb: [\n\ndetails:\n  files: []\n", "error: platforms.yaml: the heads: while parsing"),
        ("title: a\n\ndetails:\n  files: []\n", "error: platforms.yaml: None: missing or unknown: id"),
    ],
)
def test_a_broken_file_is_one_line(
    broken: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(platforms, "_documents", lambda: ("shared: {}", broken))
    platforms.load.cache_clear()
    try:
        assert docs.main([str(tmp_path / "platforms")]) == 2
    finally:
        platforms.load.cache_clear()
    err = capsys.readouterr().err
    assert err.startswith(said) and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_the_pages_are_up_to_date() -> None:
    """If not: python -m kubectl_imagepull.catalogue.docs docs/platforms"""
    assert docs.main([str(ROOT / "docs" / "platforms"), "--check"]) == 0

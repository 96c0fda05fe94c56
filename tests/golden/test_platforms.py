"""The same two faults, and a sandbox image that cannot be pulled, on each platform.

Each report names only files and commands of its platform's entry, and on an unknown platform none of any. `--update` writes the
reports anew."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.catalogue import platforms, stand_ins
from kubectl_imagepull.catalogue.registries import kind_of
from kubectl_imagepull.catalogue.render import ANY, Place, lines
from kubectl_imagepull.image.pulls import pull_of
from kubectl_imagepull.model import Case, Facts, NodeFacts, Owner, Target, Verdict
from kubectl_imagepull.report.formats import render
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.verdict import judge
from tests.platform_nodes import NODES, UNKNOWN

GOLDEN = Path(__file__).parent / "platforms"
IMAGE = "registry.example.com/shop/web:1.0"
PAUSE = "registry.k8s.io/pause:3.10"
PULL = 'failed to pull and unpack image "{0}": failed to resolve reference "{0}": '
HEAD = 'failed to do request: Head "https://{1}/v2/{2}": '
FAULTS: dict[str, tuple[str, str]] = {
    "an unknown authority": (
        IMAGE,
        PULL + HEAD + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    "missing credentials": (
        IMAGE,
        PULL + "unexpected status from HEAD request to https://{1}/v2/{2}: 401 Unauthorized",
    ),
    "a sandbox image": (
        PAUSE,
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "{0}": failed to pull image '
        '"{0}": ' + PULL + HEAD + "dial tcp 192.0.2.7:443: i/o timeout",
    ),
}
NOWHERE = {"unknown": {"os_image": "AcmeOS 3", "kubelet": "v1.34.1+acme1", "provider_id": "acme://1"}}
ALL: dict[str, dict[str, Any]] = {**NODES, **NOWHERE}


def case(facts: dict[str, Any], fault: str) -> Case:
    """The fault on a node with these facts; who may sign in is not known, as where nobody was asked from the node."""
    image, text = FAULTS[fault]
    reference, pull = pull_of(image, "p0")
    assert pull is not None
    usual = {"name": "node-1", "os": "linux", "arch": "amd64", "runtime": "containerd://2.1.4", "kubelet": "v1.34.1"}
    node = NodeFacts(**{**usual, **facts})
    sandbox = image if fault == "a sandbox image" else ""
    said = text.format(image, pull.authority, f"{pull.repository}/manifests/{pull.asked}")
    reason = "ContainerCreating" if sandbox else "ImagePullBackOff"
    more: dict[str, Any] = {"reference": reference, "node": node, "service_account": "default", "sandbox": sandbox}
    known = Facts("Pending", "waiting", reason, failing=True, said=said, **more)
    target = Target("shop", "web-1", "web", image=IMAGE, node=node.name, owner=Owner("Deployment", "web"))
    return Case(target, known, pull)


def reports(name: str) -> list[tuple[Case, Verdict]]:
    cases = [case(ALL[name], fault) for fault in FAULTS]
    return [(one, judge(one)) for one in cases]


def commands(verdict: Verdict) -> list[str]:
    return [line for fix in verdict.fixes for line in fix.commands]


@pytest.mark.parametrize("name", ALL)
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    golden = GOLDEN / f"{name}.txt"
    shown = "\n\n".join(render("text", [one], [verdict], Style(100)).rstrip() for one, verdict in reports(name)) + "\n"
    if request.config.getoption("--update"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8"), "differs; --update writes it anew"


def words_of(entry: platforms.Platform) -> str:
    """All that an entry says, its commands with blanks."""
    ways = [way for ways in entry.details.fixes.values() for way in ways]
    told = [line for way in ways for line in (way.text, *lines(way.actions, Place(ANY, stand_ins())))]
    return "\n".join((*told, *entry.details.files, entry.details.sandbox, entry.details.lasts))


FILES = re.compile(r"(?<![\w.:/<>-])/(?:etc|var|opt|usr|run)/[A-Za-z0-9._/@-]+|C:\\[^ ]+")
OWN_PROGRAMS = re.compile(
    r"(?:^|&& |\|\| |\"| )(systemctl|crictl|ctr|k3s|k0s|microk8s|snap|talosctl|oc|az|gcloud|aws|doctl|kind|k3d|minikube|"
    r"nerdctl|apiclient|sheltie|podman|update-ca-certificates|update-ca-trust|rke2|journalctl|"
    r"docker|rdctl) "
)


@pytest.mark.parametrize("name", ALL)
def test_only_files_and_commands_of_its_own(name: str) -> None:
    """What a report names stands in the platform's entry; on an unknown platform nothing does."""
    entry = platforms.load().get(name)
    own = words_of(entry) if entry is not None else ""
    for one, verdict in reports(name):
        text = "\n".join(
            (verdict.title, *(part for fix in verdict.fixes for part in (fix.title, fix.note, *fix.commands)))
        )
        text = text.replace(kind_of(one.facts.reference.registry).advice, "")
        for file in FILES.findall(text):
            # the host's own folder in a path is a blank in the entry
            shape = file.replace(one.facts.reference.registry, "<host>").rstrip(".,;)")
            assert shape in own or shape.split("<host>")[0] in own, (file, verdict.cause)
        for program in OWN_PROGRAMS.findall("\n".join(commands(verdict))):
            assert re.search(rf"\b{re.escape(program)}\b", own), (program, verdict.cause)


@pytest.mark.parametrize("name", ALL)
def test_the_sandbox_is_a_subject_of_its_own(name: str) -> None:
    """Its reference is in the title, no pull secret and no other image is advised, and its way back comes first."""
    _, verdict = reports(name)[2]
    assert verdict.subject.role == "sandbox" and verdict.actor == "cluster" and PAUSE in verdict.title
    text = "\n".join(commands(verdict))
    assert "docker-registry" not in text and "set image" not in text and "patch" not in text
    entry = platforms.load().get(name)
    if entry is not None:
        first = [way.text.format_map({**dict.fromkeys((), ""), **_names()}) for way in entry.ways("sandbox")]
        assert any(verdict.fixes[0].title == title for title in first), verdict.fixes[0]
    else:
        assert not verdict.fixes[0].commands


def _names() -> dict[str, str]:
    return {"node": "node-1", "image": PAUSE, "registry": "registry.k8s.io", "host": "registry.k8s.io"}


@pytest.mark.parametrize("what", UNKNOWN)
def test_no_file_of_any_platform_where_none_is_known(what: str) -> None:
    for fault in FAULTS:
        verdict = judge(case(UNKNOWN[what], fault))
        text = "\n".join((*(fix.title for fix in verdict.fixes), *commands(verdict)))
        assert not FILES.findall(text) and not OWN_PROGRAMS.findall(text), text


def test_a_pull_secret_of_the_pod_is_not_blamed_for_the_sandbox() -> None:
    of = case(NODES["kubeadm"], "a sandbox image")
    said = of.facts.said.replace(
        "dial tcp 192.0.2.7:443: i/o timeout", "authorization failed: no basic auth credentials"
    )
    verdict = judge(replace(of, facts=replace(of.facts, said=said)))
    assert verdict.subject.role == "sandbox" and "pull secret" not in "\n".join(commands(verdict))
    assert not any(cause.startswith("auth.secret_") for cause in verdict.alternatives)

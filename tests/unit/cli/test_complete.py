"""What kubectl is offered for the next word: of ourselves at once, of a cluster where it answers in time."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_imagepull import catalogue
from kubectl_imagepull.catalogue import platforms, reasons, registries
from kubectl_imagepull.cli import complete as module
from kubectl_imagepull.cli.commands import COMMANDS, WHY, flags_for
from kubectl_imagepull.cli.complete import complete, explainable
from kubectl_imagepull.model.vocabulary import RUNGS
from kubectl_imagepull.report.formats import FORMATS
from kubectl_imagepull.session import choices as session_choices
from tests.cost import ROOT, THIRD_OF_A_SECOND, starts
from tests.needs import needs
from tests.unit.cli.conftest import FAKE
from tests.unit.fake_cluster import FakeCluster
from tests.unit.kube import objects

pytestmark = pytest.mark.alone

Offered = Callable[..., list[str]]


def lines(*words: str) -> list[str]:
    """The lines as kubectl reads them."""
    out = io.StringIO()
    complete(words, out)
    return out.getvalue().splitlines()


def choices(*words: str) -> list[str]:
    """The choices alone, without descriptions and directive."""
    return [line.partition("\t")[0] for line in lines(*words)[:-1]]


@pytest.fixture
def offered(cluster: FakeCluster, no_kubeconfig: None, monkeypatch: pytest.MonkeyPatch) -> Offered:
    """Choices in namespace shop of the recorded cluster, however busy this machine is."""
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    cluster.load(json.loads((FAKE / "broken.json").read_text()))
    return lambda verb, *words: choices(verb, "-s", cluster.url, "-n", "shop", *words)


# ---- what needs no cluster -------------------------------------------------------------------------------------------


def test_verbs() -> None:
    assert (
        choices("") == list(COMMANDS)
        and choices("wh") == ["why"]
        and choices("help", "c") == ["check", "cleanup", "completion"]
    )
    assert lines("wh") == [f"why\t{WHY.short}", ":4"]
    assert choices("-n", "shop", "wh") == ["why"] and choices("why", "--", "-") == []


def test_flags() -> None:
    assert choices("why", "--") == [f"--{flag.name}" for flag in flags_for(WHY)]
    assert choices("why", "-") == choices("why", "--")
    assert choices("why", "--client") == ["--client-certificate", "--client-key"]
    assert "--version" in choices("--v") and "--watch" not in choices("--")
    # one that is given counts once; one that may be given again is offered again
    assert "--watch" not in choices("why", "-w", "--") and "--as-group" in choices("why", "--as-group", "a", "--")
    assert all("\t" in line for line in lines("why", "--")[:-1])


def test_values() -> None:
    assert choices("why", "--via", "") == list(RUNGS) and choices("why", "--via=ho") == ["host-python"]
    assert choices("why", "-o", "") == list(FORMATS)
    assert choices("why", "-wo", "j") == ["json"] and choices("why", "--watch=") == ["true", "false"]
    assert choices("version", "--output=") == ["text", "json"]
    assert lines("why", "--tag", "") == [":4"] and lines("why", "--nope=") == [":4"]
    # where a file is wanted the shell offers its own
    for words in (["why", "-f", ""], ["why", "--kubeconfig="], ["why", "--case", "x"], ["completion", "--to", ""]):
        assert lines(*words) == [":0"]


def test_what_can_be_explained_is_what_the_catalogue_has() -> None:
    found = dict(explainable())
    assert list(catalogue.load()) == [name for name in found if name in catalogue.load()]
    assert set(found) == {
        *catalogue.load(),
        *(reason.name for reason in reasons.load().values()),
        *platforms.load(),
        *registries.load(),
    }
    assert found["net.refused"] == "<host> refuses connections on port <port>"
    assert found["k3s"] == platforms.load()["k3s"].title and found["quay"] == registries.load()["quay"].title
    assert choices("explain", "net.ref") == ["net.refused"] and choices("explain", "net.refused", "") == []
    assert "ErrImagePull" in choices("explain", "Err")


def test_contexts(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("contexts:\n- {name: b, context: {}}\n- {name: a, context: {}}\n")
    assert choices("why", "--kubeconfig", str(file), "--context", "") == ["a", "b"]
    assert choices("--kubeconfig", str(file), "why", "--context=b") == ["b"]
    file.write_text("contexts: [")
    assert lines("why", "--kubeconfig", str(file), "--context", "") == [":4"]


SCRIPT = """
import sys
from kubectl_imagepull.cli.complete import complete
complete(sys.argv[1:], sys.stdout)
heavy = {"kubernetes", "urllib3", "yaml", "ssl", "socket", "argparse", "asyncio", "kubectl_imagepull.catalogue"}
heavy &= set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""


@pytest.mark.parametrize("words", [[""], ["why", "--"], ["explain", ""], ["why", "--timeout", ""]], ids=" ".join)
def test_it_takes_a_third_of_a_second_and_imports_nothing_heavy(words: list[str]) -> None:
    assert starts(SCRIPT, words) < THIRD_OF_A_SECOND / 2


# ---- what a cluster is asked -----------------------------------------------------------------------------------------


def test_pods_those_in_failure_first(offered: Offered, cluster: FakeCluster) -> None:
    found = offered("why", "")
    assert "db-0" in found
    waiting = [pod for pod in found if not pod.startswith(("healthy", "web-"))]
    assert found[: len(waiting)] and "healthy" not in found[: len(waiting)]
    assert offered("why", "db") == ["db-0"]
    trial = {
        **cluster.objects["/api/v1/namespaces/shop/pods/db-0"],
        "metadata": {**objects.OF_A_RUN, "namespace": "shop"},
    }
    cluster.load([trial])
    assert objects.OF_A_RUN["name"] not in offered("why", "")[: len(waiting)], "a trial pull waits as well"
    # the shell keeps that order
    out = io.StringIO()
    complete(["why", "-s", cluster.url, "-n", "shop", "db"], out)
    assert out.getvalue() == "db-0\tErrImagePull\n:36\n"


def test_workloads(offered: Offered) -> None:
    assert offered("why", "sts/") == ["sts/db"] and offered("why", "deploy", "w") == ["web"]
    assert offered("why", "pod/db") == ["pod/db-0"] and offered("why", "what/") == []
    assert offered("why", "statef") == ["statefulset/"] and offered("why", "db-0", "pod/lo") == ["pod/lone"]
    assert offered("why", "-A", "") == [] and offered("why", "--case", "x", "") == []


def test_nodes_namespaces_and_registries(offered: Offered, cluster: FakeCluster) -> None:
    assert offered("probe-node", "") == ["node1", "node2"] and offered("probe-node", "node/node1") == ["node/node1"]
    assert offered("probe-node", "node", "") == ["node1", "node2"] and offered("probe-node", "node1", "") == ["node2"]
    assert offered("probe-node", "--all", "") == []
    assert offered("why", "--compare-node", "") == ["auto", "node1", "node2"]
    assert set(offered("why", "--namespace=s")) == {"shop", "strict"} == set(offered("why", "-n", "s"))
    assert "missing.lab.test" in offered("probe-node", "node1", "--registry", "")
    assert offered("probe-node", "--registry=pri") == ["private.lab.test"]
    cluster.add("Pod", "shop", "probe", metadata=objects.OF_A_RUN, spec=objects.pod_spec("probe.lab.test/pause:1"))
    assert offered("probe-node", "node1", "--registry=pro") == [], "nobody's workload asks for it"


def test_a_cluster_that_refuses_offers_nothing(offered: Offered, cluster: FakeCluster) -> None:
    cluster.refuse = {"/api/v1/namespaces/shop/pods": 403, "/api/v1/nodes": 500}
    assert offered("probe-node", "") == []
    assert offered("why", "web") == [] and all(one.endswith("/") for one in offered("why", ""))
    assert choices("why", "-s", "http://127.0.0.1:1", "web") == choices("why", "-n", "a/b", "web") == []


def test_a_cluster_that_is_silent_is_not_waited_for(
    offered: Offered, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    cluster.before = lambda asked: time.sleep(1.0)
    start = time.monotonic()
    assert offered("probe-node", "") == [] and time.monotonic() - start < 0.9
    # nor is a credential plugin, or whatever else is slow
    monkeypatch.setattr(session_choices, "nodes", lambda api: time.sleep(1.0) or [("late", "")])
    start = time.monotonic()
    assert offered("probe-node", "") == [] and time.monotonic() - start < 0.9


def test_hostile_names_are_printable(offered: Offered, cluster: FakeCluster) -> None:
    pod = cluster.add("Pod", "default", "evil")
    pod["metadata"]["name"] = "a\x1b[2J\tb\nc"
    out = io.StringIO()
    complete(["why", "-s", cluster.url, "a"], out)
    first, last = out.getvalue().splitlines()
    assert first.count("\t") == 1 and first.replace("\t", "").isprintable() and last == ":36"


# ---- through the real kubectl ----------------------------------------------------------------------------------------


@needs("kubectl")
def test_through_the_real_kubectl(tmp_path: Path, cluster: FakeCluster, no_kubeconfig: None) -> None:
    cluster.load(json.loads((FAKE / "broken.json").read_text()))
    plugin, completer = tmp_path / "kubectl-imagepull", tmp_path / "kubectl_complete-imagepull"
    start = f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "
    plugin.write_text(f"""{start} 'from kubectl_imagepull.cli.main import main; main()' "$@"\n""")
    completer.write_text(
        f"""{start} 'from kubectl_imagepull.cli import complete as c; c.PATIENCE = 60; c.main()' "$@"\n"""
    )
    for file in (plugin, completer):
        file.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}

    def asked(*words: str) -> list[str]:
        ran = subprocess.run(
            ["kubectl", "__complete", "imagepull", *words], env=environment, capture_output=True, text=True, check=False
        )
        return ran.stdout.splitlines()

    assert [line.partition("\t")[0] for line in asked("")] == [*COMMANDS, ":4"]
    assert asked("why", "-s", cluster.url, "-n", "shop", "db") == ["db-0\tErrImagePull", ":36"]

"""probe-node, cleanup and version without a lab."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace

import jsonschema
import pytest
import yaml

from kubectl_imagepull import __version__
from kubectl_imagepull.cli.main import run
from kubectl_imagepull.model import Observation, Pull
from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.session import fleet as fleets
from tests.unit.cli.conftest import Ran, Terminal
from tests.unit.fake_cluster import FakeCluster, running
from tests.unit.fake_fleet import FleetCluster, SimNode, answers, breaks
from tests.unit.session.test_diagnosis import Vantages, vantages
from tests.unit.session.test_fleet import NoWorkstation
from tests.unit.session.test_node_report import IMAGE, UNAUTHORIZED, healthy, seen, with_trial

__all__ = ["vantages"]


def broken(pull: Pull) -> list[Observation]:
    return [seen(pull, "connect", "refused")] if pull.host == "reg.test" else list(healthy(pull))


def test_a_row_a_registry(ran: Ran, vantages: Vantages) -> None:
    vantages.say = broken
    code, out, err = ran("probe-node", "node/node1", "--registry", "reg.test", "--registry", "other.test")
    assert (code, err) == (1, "") and out.startswith("node node1 (containerd ")
    rows = {line.split()[0]: line for line in out.splitlines() if ".test" in line}
    assert "connect: " in rows["reg.test"] and rows["other.test"].rstrip().endswith("ok")


def test_the_document_fits_its_schema(ran: Ran, vantages: Vantages) -> None:
    vantages.say = broken
    code, out, _ = ran("probe-node", "node1", "--registry", "reg.test", "--registry", "other.test", "-o", "json")
    found = json.loads(out)
    jsonschema.validate(found, schema())
    assert code == 1 and {r["host"]: r["brokenHop"] for r in found["registries"]} == {
        "reg.test": "connect",
        "other.test": None,
    }


def test_an_image(ran: Ran, vantages: Vantages) -> None:
    vantages.say = with_trial("failed", UNAUTHORIZED)  # type: ignore[assignment]
    code, out, _ = ran("probe-node", "node1", "--image", IMAGE)
    assert code == 1 and f"image {IMAGE}: tried" in out and "401 Unauthorized" in out and "(auth." in out
    assert len(vantages.trials) == 1
    found = json.loads(ran("probe-node", "node1", "--image", IMAGE, "-o", "json")[1])
    jsonschema.validate(found, schema())
    assert found["pull"]["outcome"] == "failed" and found["pull"]["cause"].startswith("auth.")


def test_what_is_waited_for(ran: Ran, vantages: Vantages, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("probe-node", "node1", "--registry", "reg.test")
    monkeypatch.setenv("TERM", "dumb")
    assert ran(*words, terminal=True)[2] == "probing 1 registries from node1 ...\n"
    monkeypatch.setenv("TERM", "xterm")
    assert ran(*words, terminal=True)[2] == "\r\x1b[Kprobing 1 registries from node1 ...\r\x1b[K"
    assert ran(*words)[2] == ran(*words, "-o", "json", terminal=True)[2] == ""


def test_a_node_whose_pods_name_no_registry(ran: Ran, cluster: FakeCluster) -> None:
    cluster.add("Node", "", "bare")
    code, out, err = ran("probe-node", "nodes", "bare")
    assert (code, out, err) == (0, "", "no pod on node bare names a registry; use --registry HOST\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nodes are needed"),
        (["a", "--all"], "name cannot be provided when a selector is specified"),
        (["nodes", "a", "-l", "x=y"], "name cannot be provided when a selector is specified"),
        (["--all", "-l", "x=y"], "setting 'all' parameter but found a non empty selector"),
        (["a", "b", "--parallel", "0"], "--parallel must be from 1 to 500"),
        (["a", "b", "--per-registry", "-1"], "--per-registry must be from 1 to 500"),
        (["a", "b", "--keep-pod"], "--keep-pod is for one node"),
        (["pod/x"], '"pod/x" is no name of a node'),
        (["node1", "--registry", "a b"], '--registry "a b" is no registry host'),
        (["node1", "--image", "Reg/App"], '--image: "Reg/App": '),
        (["node1", "--pull-secret", "x"], "need --image"),
        (["node1", "--try-pull"], "need --image"),
    ],
)
def test_what_cannot_be_asked_of_a_node(ran: Ran, cluster: FakeCluster, words: list[str], said: str) -> None:
    code, out, err = ran("probe-node", *words)
    assert (code, out, cluster.asked) == (2, "", []) and said in err


def test_nothing_is_left(ran: Ran) -> None:
    assert ran("cleanup") == (0, "", "nothing of kubectl-imagepull is left in namespace shop\n")
    assert ran("cleanup", "-A")[2] == "nothing of kubectl-imagepull is left in any namespace\n"


def test_the_version(ran: Ran) -> None:
    assert ran("version")[1].startswith(f"kubectl-imagepull {__version__} (Python ")
    assert json.loads(ran("version", "-o", "json")[1])["version"] == __version__


# ---- several nodes ---------------------------------------------------------------------------------------------------

FOUR = [SimNode(f"n{n}", {"topology.kubernetes.io/zone": "b" if n == 2 else "a"}) for n in range(4)]


@pytest.fixture
def fleet(no_kubeconfig: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ran]:
    """A command on a cluster of four nodes, of which n2 cannot resolve x.test. -> (exit code, output, errors)"""
    monkeypatch.setattr(fleets, "Workstation", NoWorkstation)
    nodes = [replace(node) for node in FOUR]
    nodes[2].say = lambda pull: breaks(pull, "dns", "nxdomain") if pull["host"] == "x.test" else answers(pull)
    simulated = FleetCluster(nodes=nodes)
    with running(simulated) as cluster:

        def command(*words: str, terminal: bool = False) -> tuple[int, str, str]:
            out, err = io.StringIO(), Terminal() if terminal else io.StringIO()
            code = run(["-s", cluster.url, "probe-node", *words], out, err, io.StringIO())
            assert simulated.left == []
            return code, out.getvalue(), err.getvalue()

        yield command


TWO = ("--registry", "x.test,y.test")


def test_several_nodes_have_a_row_each(fleet: Ran) -> None:
    code, out, err = fleet("--all", *TWO)
    assert (code, err) == (1, "") and out.startswith("NODE  STATE   ANSWER     BROKEN\n")
    rows, _, below = out.partition("\n\n")
    assert sorted(rows.splitlines()[1:]) == [
        "n0    ok      2 of 2",
        "n1    ok      2 of 2",
        "n2    broken  1 of 2     x.test dns: dns: nxdomain",
        "n3    ok      2 of 2",
    ]
    assert below.startswith("4 nodes: 3 ok, 1 broken\n\n1 of 4 nodes cannot resolve x.test: dns: nxdomain\n")
    assert "all in zone b, none of the 3 others, which may be chance" in below and below.endswith("\n  n2\n")


def test_several_nodes_as_a_matrix_and_for_a_program(fleet: Ran) -> None:
    code, out, _ = fleet("n2", "node/n3", *TWO, "-o", "table")
    assert code == 1 and [line.split() for line in out.splitlines()[:3]] == [
        ["NODE", "STATE", "x.test", "y.test"],
        ["n2", "broken", "dns", "ok"],
        ["n3", "ok", "ok", "ok"],
    ]
    code, out, _ = fleet("-l", "topology.kubernetes.io/zone=b", *TWO, "-o", "json")
    found = json.loads(out)
    jsonschema.validate(found, schema())
    assert (code, found["kind"], [one["node"] for one in found["items"]]) == (1, "NodeReportList", ["n2"])
    again = yaml.safe_load(fleet("nodes", "n1", "n9", *TWO, "-o", "yaml")[1])
    jsonschema.validate(again, schema())
    assert [one["node"] for one in again["items"]] == ["n1", "n9"] and again["groups"][0]["kind"] == "gone"


def test_the_exit_code_is_the_worst_of_the_nodes(fleet: Ran) -> None:
    assert fleet("n0", "n1", *TWO)[0] == 0 and fleet("n0", "n2", "n9", *TWO)[0] == 2
    assert fleet("n0", "n2", *TWO, "--via", "api-only")[0] == 3
    assert fleet("-l", "no=such", *TWO) == (0, "", "No resources found\n")


def test_what_is_waited_for_of_several(fleet: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    err = fleet("n0", "n1", *TWO, "-o", "json", terminal=True)[2]
    assert "probing from 2 nodes ... 1 of 2" in err and err.endswith("\r\x1b[K")


@pytest.mark.parametrize("form", ["yaml", "table", "html"])
def test_one_node_in_the_other_formats(ran: Ran, vantages: Vantages, form: str) -> None:
    vantages.say = broken
    code, out, _ = ran("probe-node", "node1", "--registry", "reg.test", "-o", form)
    shown = {"yaml": "\nkind: NodeReport\n", "table": "  connect\n", "html": ">connect</td>"}
    assert code == 1 and shown[form] in out

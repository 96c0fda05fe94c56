"""probe-node, cleanup and version without a lab."""

from __future__ import annotations

import json

import jsonschema
import pytest

from kubectl_imagepull import __version__
from kubectl_imagepull.model import Observation, Pull
from kubectl_imagepull.report.machine import schema
from tests.unit.cli.conftest import Ran
from tests.unit.fake_cluster import FakeCluster
from tests.unit.session.test_diagnosis import Vantages, vantages
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


def test_what_is_waited_for(ran: Ran, vantages: Vantages) -> None:
    assert (
        ran("probe-node", "node1", "--registry", "reg.test", terminal=True)[2]
        == "probing 1 registries from node1 ...\n"
    )


def test_a_node_whose_pods_name_no_registry(ran: Ran, cluster: FakeCluster) -> None:
    cluster.add("Node", "", "bare")
    code, out, err = ran("probe-node", "nodes", "bare")
    assert (code, out, err) == (0, "", "no pod on node bare names a registry; use --registry HOST\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "a node is needed"),
        (["a", "b"], "one node at a time"),
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

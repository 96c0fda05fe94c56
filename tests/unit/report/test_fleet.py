"""What is said of many nodes: which break alike, and what they have in common."""

from __future__ import annotations

import jsonschema
import pytest

from kubectl_imagepull.model import Case, Facts, HopLine, NodeFacts, ProbeRun, Status, Subject, Target
from kubectl_imagepull.model.node_report import FleetReport, NodeReport, RegistrySeen
from kubectl_imagepull.report import fleet, fleet_page, machine
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.verdict.separating import Apart

ZONE = "topology.kubernetes.io/zone"
OK = ("pass", "registry", "auth.corp", "200")


def seen(host: str, *lines: tuple[str, Status, str, str, str]) -> RegistrySeen:
    """lines: hop, status, role, host, outcome."""
    hops = tuple(
        HopLine(hop, Subject(role, who), status, "n", f"{hop} {word}") for hop, status, role, who, word in lines
    )
    return RegistrySeen(host, hops, tuple(word for *_, word in lines))


def node(name: str, *registries: RegistrySeen, code: int = 0, why: tuple[str, ...] = ()) -> NodeReport:
    case = Case(Target("shop", "", node=name), Facts(), probe=ProbeRun("host-python", name, why_not=why))
    return NodeReport(case, NodeFacts(name), registries, None, code)


def fine(host: str = "a.test") -> RegistrySeen:
    return seen(host, ("dns", "pass", "registry", host, "resolved"), ("registry", "pass", "registry", host, "200"))


def unresolved(*hosts: str, word: str = "nxdomain", role: str = "registry", who: str = "") -> list[RegistrySeen]:
    return [seen(host, ("dns", "fail", role, who or host, word)) for host in hosts]


def forty() -> FleetReport:
    """Three of forty in zone b cannot resolve the host of tokens; one is not ready."""
    reports = []
    for number in range(40):
        name = f"node-{number}"
        if number in (4, 5, 6):
            one = seen(
                "a.test",
                ("dns", "pass", "registry", "a.test", "resolved"),
                ("dns", "fail", "token", "auth.corp", "nxdomain"),
            )
            reports.append(node(name, one, code=1))
        elif number == 9:
            reports.append(node(name, code=3, why=(f"{name} is not ready, so its kubelet starts no probe pod (x)",)))
        else:
            reports.append(node(name, fine()))
    marks = {f"node-{n}": {ZONE: "b" if n in (4, 5, 6) else "a"} for n in range(40)}
    return FleetReport(tuple(reports), marks)


def test_three_of_forty() -> None:
    broken, unseen = fleet.troubles(forty())
    assert (broken.nodes, broken.of, broken.hop, broken.registries) == (
        ("node-4", "node-5", "node-6"),
        39,
        "auth",
        ("a.test",),
    )
    assert broken.apart is not None and broken.apart.key == ZONE and broken.apart.exact
    assert (unseen.kind, unseen.nodes, unseen.of) == ("unseen", ("node-9",), 40)
    text = fleet.summary(forty(), Style(width=100))
    assert text.startswith(
        "40 nodes: 36 ok, 3 broken, 1 unseen\n\n3 of 39 nodes cannot resolve auth.corp: dns nxdomain\n"
    )
    assert "  all in zone b, none of the 36 others\n  node-4, node-5, node-6\n" in text
    assert "1 of 40 nodes could not be asked: the node is not ready" in text


def test_the_same_nodes_and_the_same_break_are_told_once() -> None:
    reports = [node("a", *unresolved("x.test", "y.test"), code=1), node("b", fine("x.test"), fine("y.test"))]
    (one,) = fleet.troubles(FleetReport(tuple(reports)))
    assert one.registries == ("x.test", "y.test") and one.what == "cannot resolve x.test and y.test"
    assert fleet.headline(one) == "1 of 2 nodes cannot resolve x.test and y.test"


def test_another_break_at_the_same_hop_is_another_trouble() -> None:
    reports = [node(word, *unresolved("x.test", word=word), code=1) for word in ("nxdomain", "timeout")]
    assert [one.nodes for one in fleet.troubles(FleetReport(tuple(reports)))] == [("nxdomain",), ("timeout",)]


def test_a_silent_name_server_is_one_trouble() -> None:
    """Whatever number of registries it keeps from being found."""
    hosts = [f"{n}.test" for n in range(5)]
    bad = node("a", *unresolved(*hosts, word="timeout", role="dns-server", who="10.0.0.53"), code=1)
    (one,) = fleet.troubles(FleetReport((bad, node("b", fine("0.test")))))
    assert one.what == "cannot resolve 0.test, 1.test and 3 more" and one.registries == tuple(hosts)


def test_only_nodes_that_were_asked_count() -> None:
    """A node whose pods use another registry says nothing about this one."""
    reports = [
        node("a", *unresolved("x.test"), code=1),
        node("b", fine("x.test")),
        node("c", fine("y.test")),
        node("d", seen("x.test"), code=3),
    ]
    broken, _ = fleet.troubles(FleetReport(tuple(reports)))
    assert broken.of == 2


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (Apart(ZONE, ("b",), False, 3, 3, 0, 37, 1e-4), "all in zone b, none of the 37 others"),
        (Apart(ZONE, ("b", "c"), False, 3, 4, 1, 37, 1e-4), "3 of the 4 in zone b or c, so is 1 of the 37 others"),
        (Apart(ZONE, ("b",), False, 3, 3, 2, 9, 1e-4), "all in zone b, so are 2 of the 9 others"),
        (
            Apart("kubeletVersion", ("v1",), False, 1, 1, 0, 1, 1.0),
            "all with kubelet v1, not the other, which may be chance",
        ),
        (
            Apart("example.com/x", (None,), False, 3, 3, 0, 9, 0.0),
            "all without a label example.com/x, none of the 9 others",
        ),
        (
            Apart("example.com/x", (None,), True, 3, 3, 0, 9, 0.0),
            "all with a label example.com/x, none of the 9 others",
        ),
        (Apart(ZONE, ("a",), True, 3, 3, 0, 9, 0.0), "all not in zone a, none of the 9 others"),
        (Apart("example.com/x", ("",), False, 3, 3, 0, 9, 0.0), 'all with example.com/x="", none of the 9 others'),
        (
            Apart(ZONE, ("b",), False, 3, 3, 0, 9, 0.0, ("agentpool", "rack")),
            "all in zone b, none of the 9 others; pool and rack set the same nodes apart",
        ),
    ],
)
def test_what_sets_them_apart_in_words(apart: Apart, words: str) -> None:
    assert fleet.apart_in_words(apart) == words


def test_the_matrix() -> None:
    lines = fleet.table(forty(), Style()).splitlines()
    assert lines[0].split() == ["NODE", "STATE", "a.test"]
    assert lines[1].split() == ["node-0", "ok", "ok"] and lines[5].split() == ["node-4", "broken", "auth"]
    assert lines[10].startswith("node-9   unseen   -") and "is not ready" in lines[10]


def test_rows_fit_the_terminal() -> None:
    rows = fleet.Rows([one.node.name for one in forty().reports], Style(width=80))
    shown = [rows.row(one) for one in forty().reports]
    assert max(map(len, shown)) <= 81
    assert (
        shown[0] == "node-0   ok      1 of 1\n"
        and shown[4] == "node-4   broken  0 of 1     a.test auth: dns nxdomain\n"
    )


def test_the_document_fits_its_schema() -> None:
    found = fleet.documents(forty())
    jsonschema.validate(found, machine.schema())
    assert found["kind"] == "NodeReportList" and len(found["items"]) == 40
    assert found["groups"][0]["apart"]["label"] == ZONE


def test_the_page() -> None:
    """Broken ones first, every cell a word, nothing that is loaded from anywhere."""
    source = fleet_page.page(forty(), "prod")
    assert source.isascii() and "<script" not in source and "http://" not in source and "https://" not in source
    rows = source.partition("<tbody>")[2].split("<tr>")[1:]
    assert len(rows) == 40 and all('<td class="fail" title="dns nxdomain">auth</td>' in row for row in rows[:3])
    assert "node-9" in rows[3] and "is not ready" in rows[3] and all('class="pass"' in row for row in rows[4:])
    assert "all in zone b, none of the 36 others" in source and "prefers-color-scheme: dark" in source


def test_what_a_node_is_called_does_no_harm() -> None:
    evil = node("x\x1b[31m<script>", *unresolved("x.test"), code=1)
    report = FleetReport((evil, node("b", fine("x.test"))))
    assert "<script" not in fleet_page.page(report, "<script>") and "\x1b" not in fleet_page.page(report)
    assert "\x1b" not in fleet.table(report, Style()) + fleet.Rows(["x\x1b[31m"], Style()).row(evil)

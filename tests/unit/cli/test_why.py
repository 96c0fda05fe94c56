"""`why` on a cluster, without a lab: what is printed, where, and with which exit code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_imagepull.case import parse
from kubectl_imagepull.cli.waiting import nodes_in_words
from kubectl_imagepull.model import ReadError, Subject
from kubectl_imagepull.session.pseudonyms import NotTheSame
from tests.build import observed
from tests.unit.cli.conftest import Ran
from tests.unit.fake_cluster import FakeCluster
from tests.unit.session.test_diagnosis import NODE, Vantages, manifest, vantages
from tests.unit.session.test_watching import event, pulled

__all__ = ["vantages"]

DB = "/api/v1/namespaces/shop/pods/db-0"
DB_IMAGE = "private.lab.test/team/app:1.0"


def test_one_pod_in_words(ran: Ran) -> None:
    code, out, err = ran("why", "db-0", "--no-probe")
    assert (code, err) == (1, "") and out.startswith("pod    shop/db-0")
    assert "known from the API server" in out and "VERDICT" in out and "auth.no_credentials" in out
    assert "no probe was run (no probe was asked for)" in " ".join(out.split())


def test_a_single_report_in_full_grows(ran: Ran, vantages: Vantages) -> None:
    """What grows is what is printed at once where there are several: no hop twice, none left out."""
    vantages.say = lambda pull: [manifest(pull, "401")]
    alone = ran("why", "db-0", "-o", "wide")[1].splitlines()
    both = ran("why", "db-0", "lone", "-o", "wide")[1].splitlines()
    hops = [line for line in alone if line.startswith("  ") and " manifest " in line]
    assert len(hops) == 1 and "401" in hops[0] and hops[0] in both
    assert [line for line in alone if line.startswith("seen from node1")]


def test_a_hop_is_printed_as_soon_as_it_is_seen(ran: Ran, vantages: Vantages, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubectl_imagepull.session import diagnosis

    printed: list[str] = []
    monkeypatch.setattr("kubectl_imagepull.cli.growing.Growing._print", lambda self, block: printed.append(block))
    judge = diagnosis.judge
    monkeypatch.setattr(diagnosis, "judge", lambda case: printed.append("JUDGED") or judge(case))
    vantages.say = lambda pull: [
        observed("connect", Subject("registry", pull.authority), NODE, "open", "open", pull=pull.id),
        manifest(pull, "404"),
    ]
    ran("why", "db-0", "-o", "wide")
    order = [next(i for i, block in enumerate(printed) if word in block) for word in ("connect", "manifest", "JUDGED")]
    assert order == sorted(order)


def test_several_are_summed_up(ran: Ran) -> None:
    code, out, err = ran("why", "--no-probe")
    assert code == 1 and "SUMMARY" in out and err == ""


def shown_over(err: str) -> list[str]:
    """What stood one after the other in a line that is gone at the end."""
    assert err.startswith("\r\x1b[K") and err.endswith("\r\x1b[K") and "\n" not in err
    return [part for part in err.split("\r\x1b[K") if part]


def test_what_is_waited_for_is_said_on_a_terminal(
    ran: Ran, vantages: Vantages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that is gone when the report comes; one that stays where a line cannot be taken back."""
    monkeypatch.setenv("TERM", "xterm")
    shown = shown_over(ran("why", "ds/agent", terminal=True)[2])
    assert shown[0] in ("probing from node1, node2 ...", "probing from node2, node1 ...")
    assert [line.partition(" ... ")[2] for line in shown[1:]] == ["1 of 2 answer"] * len(shown[1:])
    assert ran("why", "ds/agent")[2] == ""
    assert ran("why", "ds/agent", "-o", "json", terminal=True)[2] == ""
    monkeypatch.setenv("TERM", "dumb")
    assert ran("why", "db-0", terminal=True)[2] == "probing from node2 ...\n"


def test_a_hop_is_shown_as_soon_as_it_is_seen(ran: Ran, vantages: Vantages, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, in the line that is gone when the report comes: no hop is told twice."""
    monkeypatch.setenv("TERM", "xterm")
    vantages.say = lambda pull: [
        observed("connect", Subject("registry", pull.authority), NODE, "open", "open\x1b[2J", pull=pull.id),
        manifest(pull, "404"),
    ]
    _, out, err = ran("why", "db-0", terminal=True)
    assert shown_over(err) == [f"probing from node2 ...{step}" for step in ("", " connect ok", " manifest FAIL")]
    assert out.count("FAIL manifest") == 1 and out.count("connect") == 1


def test_many_nodes_are_counted() -> None:
    assert nodes_in_words([]) == "this machine" and nodes_in_words(["a", "b", "c"]) == "a, b, c"
    assert nodes_in_words([f"n{n}" for n in range(40)]) == "n0, n1 and 38 more nodes"


def test_the_page_names_the_cluster(ran: Ran, cluster: FakeCluster) -> None:
    assert f"cluster {cluster.url}" in ran("why", "db-0", "--no-probe", "-o", "html")[1]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_documents(ran: Ran, form: str) -> None:
    read = json.loads if form == "json" else yaml.safe_load
    code, out, _ = ran("why", "db-0", "--no-probe", "-o", form)
    assert (code, read(out)["kind"]) == (1, "Diagnosis")
    assert read(ran("why", "--no-probe", "-o", form)[1])["kind"] == "DiagnosisList"
    empty = read(ran("why", "-l", "app=nothing", "-o", form)[1])
    assert (empty["kind"], empty["items"]) == ("DiagnosisList", [])


def test_names(ran: Ran) -> None:
    assert ran("why", "sts/db", "-o", "name", "--no-probe")[1] == "pod/db-0\n"
    assert ran("why", "-l", "app=nothing", "-o", "name")[:2] == (0, "")


def test_nothing_fails(ran: Ran, cluster: FakeCluster) -> None:
    assert ran("why", "-l", "app=nothing") == (0, "", "No resources found in shop namespace.\n")
    assert ran("why", "-A", "-l", "app=nothing") == (0, "", "No resources found\n")
    cluster.add("Deployment", "shop", "idle", spec={"replicas": 0})
    assert ran("why", "deploy/idle") == (0, "", "deployment/idle has no pods to look at: it wants none.\n")


def test_a_case_is_saved(ran: Ran, tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    assert ran("why", "db-0", "--no-probe", "--save-case", str(file))[0] == 1
    assert parse(file.read_bytes(), "x").cases[0].target.pod == "db-0"
    printed = ran("why", "db-0", "--no-probe")[1]
    assert ran("why", "--case", str(file))[1].split("VERDICT")[1] == printed.split("VERDICT")[1]


def test_a_case_is_saved_with_pseudonyms(ran: Ran, tmp_path: Path) -> None:
    file, again = tmp_path / "case.json", tmp_path / "again.json"
    code, out, _ = ran("why", "db-0", "--no-probe", "--save-case", str(file), "--pseudonymous")
    assert code == 1 and "shop/db-0" in out
    (case,) = parse(file.read_bytes(), "x").cases
    assert "db" not in case.target.pod and "shop" not in file.read_text()
    assert ran("why", "--case", str(file))[0] == 1
    # a case of before
    assert ran("why", "db-0", "--no-probe", "--save-case", str(file))[0] == 1
    assert ran("why", "--case", str(file), "--save-case", str(again), "--pseudonymous")[0] == 1
    assert parse(again.read_bytes(), "x").cases[0].target == case.target


def test_a_case_that_rests_on_a_name_is_not_saved(ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(cases: object) -> None:
        raise NotTheSame("under pseudonyms it would be another")

    monkeypatch.setattr("kubectl_imagepull.session.pseudonyms.pseudonymous", refuse)
    code, out, err = ran("why", "db-0", "--no-probe", "--save-case", str(tmp_path / "x"), "--pseudonymous")
    assert (code, err) == (
        2,
        f"error: {tmp_path}/x: not saved: under pseudonyms it would be another\n",
    ) and "VERDICT" in out


def test_the_page_is_shown(ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: shown.append(url) or True)
    monkeypatch.setenv("BROWSER", "any")
    code, out, _ = ran("why", "db-0", "--no-probe", "-o", "html", "--open")
    page = Path(out.strip())
    assert code == 1 and shown == [page.as_uri()] and page.read_text().startswith("<!doctype html>")
    assert page.parent.parent == tmp_path and page.parent.stat().st_mode & 0o077 == 0
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    code, out, _ = ran("why", "db-0", "--no-probe", "-o", "html", "--open")
    assert code == 1 and out.endswith("/why.html (there is no browser here to show it)\n") and len(shown) == 1


def test_a_case_that_cannot_be_saved_is_said_before_anything_is_asked(ran: Ran, cluster: FakeCluster) -> None:
    code, out, err = ran("why", "db-0", "--save-case", "/nowhere/x.json")
    assert (code, out, cluster.asked) == (2, "", []) and err == "error: /nowhere/x.json: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["why", "a", "b", "--apply"], "--apply wants one pod or one workload"),
        (["why", "--yes"], "--yes and --tag are for --apply"),
        (["why", "-A", "--watch"], "--watch stays with the pods of one namespace"),
        (["why", "--try-pull"], "--try-pull and --compare-node want one pod"),
        (["why", "--compare-node", "auto"], "--try-pull and --compare-node want one pod"),
        (["why", "x", "--timeout", "0"], "--timeout must be more than 0"),
        (["why", "x", "--via", "api-only", "--try-pull"], "--try-pull starts a pod"),
        (["why", "x", "--probe-secret", "y"], "--probe-secret is for --probe-image"),
        (["why", "x", "--probe-namespace", "a/b"], "is no name of an object"),
        (["why", "x", "--case", "y"], "--case takes a file in place of a pod"),
        (["why", "x", "--pseudonymous"], "--pseudonymous is for --save-case"),
        (["why", "x", "--open"], "--open is for -o html"),
        (["why", "--case", "/nowhere"], "error: /nowhere: No such file or directory"),
    ],
)
def test_flags_that_do_not_go_together(ran: Ran, cluster: FakeCluster, words: list[str], said: str) -> None:
    code, out, err = ran(*words)
    assert (code, out, cluster.asked) == (2, "", []) and said in err


def test_a_pod_that_is_a_workload(ran: Ran) -> None:
    code, out, err = ran("why", "agent")
    assert (code, out) == (2, "")
    assert err.splitlines()[1] == ("There is a daemonset of that name: `kubectl imagepull why daemonset/agent -n shop`")


def test_what_could_not_be_looked_at_is_said(ran: Ran, vantages: Vantages) -> None:
    vantages.errors = (ReadError("node", "the probes ran out of time"),)
    assert "the probes ran out of time" in ran("why", "db-0")[1]


# ---- staying with a pull ---------------------------------------------------------------------------------------------


def comes_right(cluster: FakeCluster) -> Callable[[], list[dict[str, Any]]]:
    """The image of db-0 can be pulled after all."""

    def chapter() -> list[dict[str, Any]]:
        pod = cluster.objects[DB]
        pod["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        pod["status"]["phase"] = "Running"
        found = pulled("db-0")
        found["involvedObject"]["uid"] = pod["metadata"]["uid"]
        found["message"] = f'Successfully pulled image "{DB_IMAGE}" in 1.2s (1.2s including waiting)'
        return [found]

    return chapter


def test_watching_as_text(ran: Ran, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda form: "12:00:00")
    cluster.story = [comes_right(cluster)]
    code, out, err = ran("why", "db-0", "--no-probe", "--watch")
    assert (code, err) == (0, "") and out.count("VERDICT") == 1
    assert out.endswith(f"12:00:00  db-0  Pulled {DB_IMAGE} in 1.2s\n")


def test_watching_as_one_document(ran: Ran, cluster: FakeCluster) -> None:
    """What happens on the way goes to the standard error; the document is that of the end."""
    cluster.story = [comes_right(cluster)]
    code, out, err = ran("why", "db-0", "--no-probe", "--watch", "-o", "json")
    assert (code, json.loads(out)["verdict"]["cause"]) == (0, "none") and "Pulled" in err


def test_a_pod_that_goes(ran: Ran, cluster: FakeCluster) -> None:
    def goes() -> list[dict[str, Any]]:
        del cluster.objects[DB]
        cluster.objects.pop("/apis/apps/v1/namespaces/shop/statefulsets/db")
        return []

    cluster.story = [goes]
    code, _, err = ran("why", "db-0", "--no-probe", "--watch")
    assert (code, err) == (1, "pod db-0 does not exist any more\n")


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        ("Pulling", 'Pulling image "x.test/y:1"', "pulling x.test/y:1, attempt 1"),
        ("Pulled", 'Container image "x.test/y:1" already present', "x.test/y:1 is on the node"),
        ("Failed", 'Failed to pull image "x.test/y:1": x\x1b[2J: not found', "failed: image.tag_unknown: "),
        ("Started", "Started container app", "container started"),
    ],
)
def test_steps_in_words(ran: Ran, cluster: FakeCluster, reason: str, message: str, said: str) -> None:
    found = event("db-0", reason, message, number=1)
    found["involvedObject"]["uid"] = cluster.objects[DB]["metadata"]["uid"]
    cluster.story = [lambda: [found], comes_right(cluster)]
    _, out, _ = ran("why", "db-0", "--no-probe", "--watch")
    [line] = [line for line in out.splitlines() if said in line]
    assert line[8:].startswith("  db-0  ") and line.isprintable()


# ---- fixing it -------------------------------------------------------------------------------------------------------


def test_applying_nothing_to_what_works(ran: Ran, cluster: FakeCluster) -> None:
    assert ran("why", "healthy", "--apply", "--no-probe")[0] == 0
    assert not cluster.changed


def test_what_is_not_applied_is_said(ran: Ran, cluster: FakeCluster) -> None:
    code, out, _ = ran("why", "lone", "--apply", "--no-probe")
    assert code == 1 and "not applied: pod lone belongs to no workload" in out and not cluster.changed
    code, out, err = ran("why", "lone", "--apply", "--no-probe", "-o", "json")
    assert json.loads(out)["target"]["pod"] == "lone" and "not applied" in err


def test_several_containers_are_not_mended_at_once(ran: Ran, cluster: FakeCluster) -> None:
    other = json.loads(json.dumps(cluster.objects[DB]))
    del other["metadata"]["ownerReferences"]
    other["spec"]["containers"].append(
        {**other["spec"]["containers"][0], "name": "b", "image": "private.lab.test/other:1"}
    )
    status = other["status"]["containerStatuses"]
    status.append({**status[0], "name": "b"})
    cluster.objects[DB] = other
    code, out, _ = ran("why", "db-0", "--apply", "--no-probe")
    assert "several containers fail" in out and code == 1


def test_a_tag_is_applied_and_waited_for(ran: Ran, cluster: FakeCluster) -> None:
    deployment = cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web"]

    def rolled_out() -> list[dict[str, Any]]:
        now = cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web"]
        now["status"]["observedGeneration"] = now["metadata"]["generation"]
        for found in cluster.objects.values():
            if found["kind"] == "Pod" and found["metadata"]["name"].startswith("web-"):
                found["status"]["phase"] = "Running"
                found["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        return []

    cluster.story = [rolled_out]
    code, out, _ = ran("why", "deploy/web", "--no-probe", "--apply", "--tag", "1.35", stdin="y\n")
    assert code == 0 and "Apply this change? [y/N]" in out
    after = cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web"]
    assert after["spec"]["template"]["spec"]["containers"][0]["image"].endswith("busybox:1.35")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith("busybox:9.9")

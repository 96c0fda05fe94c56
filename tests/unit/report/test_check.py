"""What a check looks like in every format."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import jsonschema
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from kubectl_imagepull.model.check import Checked, CheckReport, Problem, Use
from kubectl_imagepull.report.check import FORMATS, render, summary
from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.report.terminal import Style

GONE = Problem("image.tag_unknown", "error", "reg.test/a has no tag 2, 100% sure\n", "push it")
MOVES = Problem(
    "check.moving_tag", "warning", "reg.test/b:latest: the tag latest names another image whenever it is pushed"
)
FOUND = CheckReport(
    (
        Checked("reg.test/a:2", (Use("web.yaml:7", "app", "container", "web.yaml", 7),), problems=(GONE,)),
        Checked("reg.test/b:latest", (Use("shop/deployment/web", "app", "container"),), problems=(MOVES,)),
        Checked("reg.test/c:1", (Use(""),), digest="sha256:" + "0" * 64),
        Checked("reg.test/d:1", (Use(""),), unchecked="reg.test wants fewer requests (HTTP 429)"),
    ),
    1.0,
)


def shown(form: str, found: CheckReport = FOUND) -> str:
    return render(form, found, Style(80))


def test_text() -> None:
    lines = shown("text").splitlines()
    assert lines[0] == "FAIL reg.test/a:2" and "     in web.yaml:7 (app)" in lines and "       -> push it" in lines
    assert lines[-1] == "4 images checked, 1 would not pull, 1 with a warning, 1 not checked"
    assert any(line.startswith("?    reg.test/d:1: not checked") for line in lines)
    assert shown("text", CheckReport((FOUND.images[2],), 1.0)) == "1 image checked\n"


def test_json_fits_the_schema() -> None:
    document = json.loads(shown("json"))
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["kind"] == "Check" and document["images"][0]["problems"][0]["id"] == "image.tag_unknown"


def test_junit() -> None:
    suite = ET.fromstring(shown("junit")).find("testsuite")
    assert suite is not None and suite.attrib | {"name": ""} == {
        "name": "",
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    assert [one.find("failure") is not None for one in suite] == [True, False, False, False]


def test_github() -> None:
    first, *_, last = shown("github").splitlines()
    assert (
        first == "::error file=web.yaml,line=7,title=image.tag_unknown::reg.test/a has no tag 2, 100%25 sure"
        or "%25" in first
    )
    assert "\n" not in first and last == summary(FOUND)


def test_sarif() -> None:
    run = json.loads(shown("sarif"))["runs"][0]
    assert [r["level"] for r in run["results"]] == ["error", "warning"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("web.yaml", 7)


def test_open_metrics() -> None:
    families = {f.name: f for f in text_string_to_metric_families(shown("openmetrics"))}
    assert {s.labels["id"]: s.value for s in families["imagepull_check_problems"].samples} == {
        "image.tag_unknown": 1,
        "check.moving_tag": 1,
    }


@pytest.mark.parametrize(("fail_on", "code"), [("error", 1), ("warning", 1), ("note", 1), ("never", 0)])
def test_exit_codes(fail_on: str, code: int) -> None:
    assert CheckReport(FOUND.images[:3], 1.0, fail_on=fail_on).exit_code == code
    assert CheckReport(FOUND.images, 1.0, fail_on=fail_on).exit_code == 3
    assert CheckReport(FOUND.images, 1.0, troubles=("x",), fail_on=fail_on).exit_code == 2


def test_nothing_asked() -> None:
    for form in FORMATS:
        assert shown(form, CheckReport((), 1.0))

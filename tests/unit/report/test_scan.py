"""What a scan looks like in every format."""

from __future__ import annotations

import datetime
import json

import jsonschema
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.model.scan import Scan
from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.report.scan import FORMATS, change_line, next_step, render
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.session.options import Options
from kubectl_imagepull.session.scan import Scope, scan
from tests.crowd.pods import Crowd
from tests.unit.fake_cluster import FakeCluster, running


@pytest.fixture(scope="module")
def found() -> Scan:
    cluster = FakeCluster().load(Crowd(70, datetime.datetime.now(datetime.timezone.utc), failing=60).objects())
    with running(cluster):
        return scan(Api(Flags(server=cluster.url)), Scope(everywhere=True), Options(probe=False))


def shown(form: str, found: Scan) -> str:
    return render(form, found, Style(80), "any namespace", "prod, https://api.example")


def test_table(found: Scan) -> None:
    text = shown("table", found)
    assert text.startswith("60 pods cannot pull an image, ") and "pods looked at in any namespace)" in text
    [entry] = [part for part in text.split("\n\n") if "image.tag_unknown" in part and "web" in part]
    assert "possible since 20m; who must act: you" in entry and "has no tag v99" in entry
    assert "kubectl imagepull why bad-0-" in entry
    commands = [line for line in text.splitlines() if line.strip().startswith("kubectl ")]
    assert all(len(line) <= 80 for line in text.splitlines() if line not in commands)
    assert len(commands) == len(found.causes)


def test_wide_has_a_row_a_container(found: Scan) -> None:
    text = shown("wide", found)
    assert sum(text.count(one.pod) > 0 for cause in found.causes for one in cause.affected) == 60
    assert "NAMESPACE" in text and "ephemeral" in text


def test_json_and_yaml_are_the_same_and_fit_the_schema(found: Scan) -> None:
    document = json.loads(shown("json", found))
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["kind"] == "Scan" and document["failing"] == 60
    assert yaml.safe_load(shown("yaml", found)) == document


def test_name(found: Scan) -> None:
    lines = shown("name", found).splitlines()
    assert len(lines) == 60 and all(line.startswith("pod/bad-") for line in lines)


def test_markdown_and_html(found: Scan) -> None:
    assert shown("markdown", found).startswith("### 60 pods cannot pull an image")
    page = shown("html", found)
    assert page.startswith("<!doctype html>") and "<script" not in page and page.isascii() and "cluster prod" in page


def test_open_metrics(found: Scan) -> None:
    families = {f.name: f for f in text_string_to_metric_families(shown("openmetrics", found))}
    failing = families["imagepull_failing_containers"]
    assert sum(sample.value for sample in failing.samples) == 60
    assert {tuple(sorted(s.labels)) for s in failing.samples} == {("cause", "namespace", "owner", "registry")}
    assert families["imagepull_scan_unseen"].samples[0].value == 0
    assert families["imagepull_scan_timestamp_seconds"].samples[0].value == pytest.approx(found.read_at, abs=1)


def test_nothing_fails() -> None:
    nothing = Scan((), 7, 0.0)
    assert shown("table", nothing) == "No image pull problem found (7 pods looked at in any namespace).\n"
    assert nothing.exit_code == 0 and Scan((), 7, 0.0, ("x",)).exit_code == 3
    for form in FORMATS:
        assert shown(form, nothing) or form == "name"


def test_a_change(found: Scan) -> None:
    cause = found.causes[0]
    assert change_line("grew", cause, "03:00:00").startswith(
        f"03:00:00  grew: {cause.pods} pods  {cause.verdict.cause}  "
    )
    assert next_step(cause).startswith("kubectl imagepull why bad-")

"""Every case has its golden reports, and every cause its case. `--update` writes the reports anew: read the difference."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from kubectl_imagepull import __version__, catalogue
from kubectl_imagepull.case import CaseFile, parse
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.model import NO_PROBLEM
from kubectl_imagepull.report.formats import render
from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.verdict import judge
from kubectl_imagepull.verdict.rules import ALL
from kubectl_imagepull.verdict.view import view

from . import verdicts

GOLDEN = Path(__file__).parent
CASES = GOLDEN.parent / "cases"
FILES = sorted(CASES.glob("*.json"))
ALWAYS = {"80.txt": ("text", Style(80)), "json": ("json", Style())}
"""Of every case: what most people read, and what programs do."""
OTHERS = {
    "120.txt": ("text", Style(120, symbols=True)),
    "md": ("markdown", Style()),
    "yaml": ("yaml", Style()),
    "html": ("html", Style()),
}
DOZEN = frozenset(
    {
        "api-only",
        "auth.bad_credentials-token",
        "auth.secret_wrong_registry",
        "dns.nxdomain",
        "image.tag_unknown",
        "net.refused-blob",
        "net.refused-mirror",
        "none",
        "policy.admission",
        "several-containers",
        "tls.unknown_authority",
        "unknown.insufficient",
    }
)
"""Cases with a report in every form: an actor of each kind, hosts of each role, one and several containers, no problem."""
GOLDENS = [(file, ending) for file in FILES for ending in (*ALWAYS, *(OTHERS if file.stem in DOZEN else ()))]


def read(file: Path) -> CaseFile:
    return parse(file.read_bytes(), file.name)


def shown(file: Path, form: str, style: Style) -> str:
    """A case's report, without what changes with every release."""
    cases = read(file).cases
    report = render(form, cases, [judge(case) for case in cases], style)
    for said in (f'"toolVersion": "{__version__}"', f"toolVersion: {__version__}", f"imagepull {__version__}"):
        report = report.replace(said, said.replace(__version__, "VERSION"))
    return report


@pytest.mark.parametrize(("file", "ending"), GOLDENS, ids=lambda value: getattr(value, "stem", value))
def test_golden(file: Path, ending: str, request: pytest.FixtureRequest) -> None:
    golden = GOLDEN / f"{file.stem}.{ending}"
    report = shown(file, *{**ALWAYS, **OTHERS}[ending])
    if request.config.getoption("--update"):
        golden.write_text(report, encoding="utf-8")
    assert report == golden.read_text(encoding="utf-8"), "differs; --update writes it anew"


def test_verdicts(request: pytest.FixtureRequest) -> None:
    """Cause, confidence, subject, actor, exit code and fixes of every case, in one file."""
    if request.config.getoption("--update"):
        verdicts.FILE.write_text(verdicts.table(), encoding="utf-8")
    assert verdicts.table() == verdicts.FILE.read_text(encoding="utf-8"), "differs; --update writes it anew"


def test_no_golden_without_a_case() -> None:
    wanted = {f"{file.stem}.{ending}" for file, ending in GOLDENS}
    found = {file.name for file in GOLDEN.iterdir() if file.suffix in (".txt", ".json", ".md", ".yaml", ".html")}
    assert found == wanted


def test_every_cause_has_a_case_of_its_name() -> None:
    for cause in catalogue.load():
        assert judge(read(CASES / f"{cause}.json").cases[0]).cause == cause


def yielded() -> dict[str, set[str]]:
    """Case -> what the rules find in it."""
    return {file.stem: {f.cause for c in read(file).cases for r in ALL for f in r.findings(view(c))} for file in FILES}


def test_every_rule_has_a_case_and_a_counter_case() -> None:
    """What a rule may find is found by it in some case, and not in all that it could be taken for."""
    by_case = yielded()
    for cause in {cause for r in ALL for cause in r.causes}:
        cases = {stem for stem, found in by_case.items() if cause in found}
        assert cases, f"no case shows {cause} to its rule"
        confused = [
            other for other in catalogue.entry(cause).confused_with if f"{other}.json" in {f.name for f in FILES}
        ]
        negative = [
            other for other in confused if cause not in {judge(c).cause for c in read(CASES / f"{other}.json").cases}
        ]
        assert negative == confused and confused, cause


MESSAGE_ONLY = frozenset(catalogue.load()) - {cause for r in ALL for cause in r.causes}


def test_what_no_rule_finds_is_read_from_messages() -> None:
    """A cause has a rule, or is the runtime's to tell: then its case rests on the message alone."""
    for cause in MESSAGE_ONLY - {"none", "not_a_pull_failure", "unknown.insufficient", "backoff.only"}:
        case = read(CASES / f"{cause}.json").cases[0]
        assert classify(case.facts.said).cause == cause


def test_every_cause_has_a_page() -> None:
    pages = {page.stem for page in (GOLDEN.parents[1] / "docs" / "causes").glob("*.md")}
    assert pages == {*catalogue.load(), "README"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_provenance(file: Path) -> None:
    about = read(file).about
    assert about["provenance"] in ("recorded", "constructed")
    assert about.get("scenario") if about["provenance"] == "recorded" else about.get("source")


def test_most_are_recorded() -> None:
    recorded = [file for file in FILES if read(file).about["provenance"] == "recorded"]
    assert len(recorded) >= 70
    assert len({judge(case).cause for file in recorded for case in read(file).cases}) >= 50


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_documents(file: Path) -> None:
    """JSON fits the schema that ships, and YAML says the same."""
    document = json.loads(shown(file, "json", Style()))
    jsonschema.validate(document, schema())
    as_yaml = yaml.safe_load(shown(file, "yaml", Style()))
    for one in (document, *document.get("items", ())):
        one.pop("toolVersion", None)
    for one in (as_yaml, *as_yaml.get("items", ())):
        one.pop("toolVersion", None)
    assert as_yaml == document


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_width(file: Path, width: int) -> None:
    """No line is wider than the terminal but commands, which are there to be copied."""
    cases = read(file).cases
    verdicts = [judge(case) for case in cases]
    commands = {line for v in verdicts for fix in v.fixes for c in fix.commands for line in c.splitlines()}
    for line in render("text", cases, verdicts, Style(width)).splitlines():
        assert len(line) <= width or line.strip() in commands
        assert line == line.rstrip()


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_names(file: Path) -> None:
    """The pods to look at, once each; nothing where nothing is wrong."""
    cases = read(file).cases
    verdicts = [judge(case) for case in cases]
    bad = [c.target for c, v in zip(cases, verdicts, strict=True) if v.cause not in NO_PROBLEM]
    failing = {f"pod/{t.pod}" if t.pod or t.owner is None else t.owner.slash for t in bad}
    assert render("name", cases, verdicts, Style()).split() == sorted(failing)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_nothing_is_left_to_fill_in(file: Path) -> None:
    """No field of a template and no name of this program's parts reaches a reader."""
    for form in ("text", "markdown", "html"):
        text = shown(file, form, Style(120))
        assert not re.search(
            r"\{(?:namespace|pod|owner_kind|owner_name|container|image|repository|host|port|node)\}", text
        )
        assert not re.search(r"\b(?:Subject|Vantage|Observation|None)\b[(,)]", text)

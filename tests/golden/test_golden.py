"""Every case has its golden reports, and every cause its case. `--update` writes the reports anew: read the difference."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from kubectl_imagepull import __version__, catalogue
from kubectl_imagepull.case import CaseFile, parse
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.model import NO_PROBLEM, Verdict
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
    "wide.txt": ("wide", Style(80)),
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


@cache
def read(file: Path) -> CaseFile:
    """A case file; frozen, so that every test may have the same."""
    return parse(file.read_bytes(), file.name)


@cache
def judged(file: Path) -> tuple[Verdict, ...]:
    """The verdicts on the cases of a file."""
    return tuple(judge(case) for case in read(file).cases)


def shown(file: Path, form: str, style: Style) -> str:
    """A case's report, without what changes with every release."""
    report = render(form, read(file).cases, judged(file), style)
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
    table = verdicts.table([(file.stem, read(file).cases, judged(file)) for file in FILES])
    if request.config.getoption("--update"):
        verdicts.FILE.write_text(table, encoding="utf-8")
    assert table == verdicts.FILE.read_text(encoding="utf-8"), "differs; --update writes it anew"


def test_no_golden_without_a_case() -> None:
    wanted = {f"{file.stem}.{ending}" for file, ending in GOLDENS}
    found = {file.name for file in GOLDEN.iterdir() if file.suffix in (".txt", ".json", ".md", ".yaml", ".html")}
    assert found == wanted


def test_every_cause_has_a_case_of_its_name() -> None:
    for cause in catalogue.load():
        assert judged(CASES / f"{cause}.json")[0].cause == cause


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
        negative = [other for other in confused if cause not in {v.cause for v in judged(CASES / f"{other}.json")}]
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
    assert len({v.cause for file in recorded for v in judged(file)}) >= 50


@cache
def validator() -> Draft202012Validator:
    """Of the schema that ships."""
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_documents(file: Path) -> None:
    """JSON fits the schema that ships."""
    validator().validate(json.loads(shown(file, "json", Style())))


@pytest.mark.parametrize("name", sorted(DOZEN))
def test_yaml(name: str) -> None:
    """YAML says what JSON says."""
    file = CASES / f"{name}.json"
    as_json, as_yaml = json.loads(shown(file, "json", Style())), yaml.safe_load(shown(file, "yaml", Style()))
    for document in (as_json, as_yaml):
        for one in (document, *document.get("items", ())):
            one.pop("toolVersion", None)
    assert as_yaml == as_json


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_width(file: Path, width: int) -> None:
    """No line is wider than the terminal but commands, which are there to be copied."""
    cases, verdicts = read(file).cases, judged(file)
    commands = {line for v in verdicts for fix in v.fixes for c in fix.commands for line in c.splitlines()}
    for form in ("text", "wide"):
        for line in render(form, cases, verdicts, Style(width)).splitlines():
            assert len(line) <= width or line.strip() in commands
            assert line == line.rstrip()


SCREEN = 24
"""Lines of a terminal that nobody has made larger."""


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_first_screen(file: Path) -> None:
    """The verdict, what proves it and what to do first are seen without scrolling."""
    lines = render("text", read(file).cases[:1], judged(file)[:1], Style(80)).splitlines()
    starts = [sum(-(-max(1, len(line)) // 80) for line in lines[:n]) for n in range(len(lines))]
    assert next(n for n, line in zip(starts, lines, strict=True) if line.startswith("VERDICT")) < SCREEN // 2
    first = next((n for n, line in zip(starts, lines, strict=True) if line.startswith("FIX")), 0)
    assert first < SCREEN and (first or not judged(file)[0].fixes)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_nothing_is_told_twice(file: Path) -> None:
    """A hop that fails has its words once in the brief report; what works has none."""
    for case, verdict in zip(read(file).cases, judged(file), strict=True):
        said = " ".join(render("text", [case], [verdict], Style(120)).partition("FIX")[0].split())
        for line in verdict.hops:
            words = " ".join(line.summary.split())
            if line.status == "fail" and line.vantage != "workstation" and words not in verdict.title:
                hops = {(x.hop, x.subject) for x in verdict.hops if x.status == "fail" and line.summary in x.summary}
                assert 1 <= said.partition("the kubelet said")[0].count(words) <= len(hops), words
        path = said.partition("VERDICT")[2]
        assert "reference, credentials" not in path or case.facts.secrets


TOOLS = re.compile(r"(?:kubectl|aws|az|gcloud|oc|talosctl|docker|skopeo|crane|cosign|curl|openssl)\b")
"""What fixes run where kubectl runs."""


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_commands_of_a_node_are_marked(file: Path) -> None:
    """Nobody takes a command for the node for one of this machine, or the other way round."""
    for case, verdict in zip(read(file).cases, judged(file), strict=True):
        report = render("text", [case], [verdict], Style(80))
        for fix in verdict.fixes:
            assert len(fix.runs_on) in (0, len(fix.commands))
            for command, place in zip(fix.commands, fix.runs_on or ("workstation",) * len(fix.commands), strict=True):
                assert (place == "workstation") == bool(TOOLS.match(command)), command
                above = report.partition(f"\n  {command}\n")[0].rpartition("FIX")[2]
                marks = re.findall(r"\n  # on (.*)", above)
                assert bool(marks and marks[-1] != "this machine") == (place == "node"), command


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_names(file: Path) -> None:
    """The pods to look at, once each; nothing where nothing is wrong."""
    cases, verdicts = read(file).cases, judged(file)
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

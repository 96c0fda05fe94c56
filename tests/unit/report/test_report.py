"""Every format against hostile and unusual cases: nothing from outside acts on a terminal, a page or a chat."""

from __future__ import annotations

import dataclasses
import functools
import html.parser
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull.case import parse
from kubectl_imagepull.model import Case, Owner, Verdict
from kubectl_imagepull.report import markdown, page, sentences
from kubectl_imagepull.report.formats import FORMATS, render
from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.verdict import judge

CASES = Path(__file__).parents[2] / "cases"
NAMES = (
    "auth.bad_credentials-token",
    "auth.no_credentials-ecr",
    "dns.timeout",
    "image.platform_mismatch",
    "net.proxy",
    "net.refused-passed",
    "node.not_ready",
    "none",
    "policy.admission",
    "rate.registry_limit",
    "tls.unknown_authority",
)
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07\x9b31m\r\nFAKE VERDICT\x00\x7f\u202eright\u2028to left\u200b",
    "</pre></svg></style><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x' &lt;",
    "`x` ``` | a | <details> [link](https://evil.example) ![i](https://evil.example/i.png) @everyone #1 **b** <!-- -->",
    "${jndi:x} $(rm -rf /) {pod} %s \\ --- === - 1. > # ~~~",
    "x" * 253,
    "\U0001f4a5" * 40 + "é" * 80,
)


@functools.cache
def load(name: str) -> Case:
    """A case; frozen, so that every test may have the same."""
    file = CASES / f"{name}.json"
    return parse(file.read_bytes(), name).cases[0]


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
KEPT = {
    "role",
    "hop",
    "place",
    "state",
    "outcome",
    "network",
    "trust",
    "resolver",
    "rung",
    "via",
    "cause",
    "type",
    "reason",
}
"""Words of our own, of which the model says which there are."""


def poisoned(value: Any, poison: str, name: str = "") -> Any:
    """The same with the poison behind every text that could have come from outside."""
    if isinstance(value, str):
        return value if name in KEPT else value + poison
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        changes = {f.name: poisoned(getattr(value, f.name), poison, f.name) for f in fields}
        return dataclasses.replace(value, **changes)
    if isinstance(value, (tuple, list)):
        return type(value)(poisoned(item, poison, name) for item in value)
    if isinstance(value, dict):
        return {k: poisoned(v, poison, k) for k, v in value.items()}
    return value


@functools.cache
def hostile(name: str, poison: str) -> tuple[list[Case], list[Verdict]]:
    """A poisoned case and its verdict, which every format renders."""
    return both(poisoned(load(name), poison))


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    """Of the schema that ships; test_schema.py holds that it is one."""
    return jsonschema.Draft202012Validator(schema())


def both(case: Case) -> tuple[list[Case], list[Verdict]]:
    return [case], [judge(case)]


class Reader(html.parser.HTMLParser):
    """What a browser would make of a page: its tags with their attributes; checks that they close in order."""

    VOID = frozenset({"meta", "link", "br", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


TAGS = frozenset(
    "html head meta link title style body nav h1 h2 h3 ul ol li a article header p span code strong dl dt dd section pre "  # noqa: SIM905
    "div svg g rect text line details summary table tbody tr th td footer".split()
)


def read_page(source: str) -> Reader:
    """A page that is well-formed, has nothing but our tags, and names no address to go to."""
    reader = Reader()
    reader.feed(source)
    reader.close()
    assert not reader.open
    assert {tag for tag, _ in reader.tags} <= TAGS
    for tag, attributes in reader.tags:
        for key, value in attributes.items():
            assert not key.startswith("on") and key not in ("src", "srcset", "style", "action", "xlink:href")
            if key == "href":
                assert value == "data:," if tag == "link" else (value or "").startswith("#v")
    return reader


@pytest.mark.parametrize("poison", HOSTILE, ids=["control", "html", "markdown", "shell", "long", "wide"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMATS)
def test_hostile(form: str, name: str, poison: str) -> None:
    cases, verdicts = hostile(name, poison)
    report = render(form, cases, verdicts, Style(80))
    assert all(c.isprintable() or c == "\n" for c in report), "a control character got through"
    assert report.endswith("\n") or not report
    if form == "json":
        validator().validate(json.loads(report))
        assert json.loads(report)["target"]["pod"] == cases[0].target.pod
    elif form == "yaml":
        assert yaml.load(report, Loader=LOADER)["target"]["pod"] == cases[0].target.pod
    elif form == "html":
        shown = read_page(report)
        assert "alert(1)" in shown.text if "alert" in poison else True
    elif form == "markdown":
        outside = bare(report)
        assert not re.search(r"@everyone|\]\(|!\[|<script|<img|<!--|https?://", outside), outside
    elif form == "name":
        assert len(report.splitlines()) <= 1


def bare(source: str) -> str:
    """What stands outside of code in a Markdown text (CommonMark: fenced code blocks, code spans)."""
    out, fence = [], ""
    for line in source.split("\n"):
        marker = re.match(r"`{3,}", line)
        if fence:
            fence = "" if line == fence else fence
        elif marker:
            fence = marker[0]
        else:
            out.append(line)
    assert not fence, "a block that does not end"
    return "\n".join(re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", line) for line in out)


@given(st.text(max_size=60))
def test_code_spans_end(value: str) -> None:
    """Whatever is in it, a span is one span, and a row one row."""
    assert bare(markdown.code(value)) == ""
    assert "\n" not in markdown.code(value)
    cell = markdown.cell(value)
    assert not re.search(r"(?<!\\)\|", cell)
    assert bare(markdown.block(value, "text")) == ""


@given(st.text(max_size=80))
def test_prose_is_only_words(value: str) -> None:
    outside = bare(markdown.prose(value))
    assert re.fullmatch(r"[A-Za-z0-9%'(),;:.!? -]*", outside), outside


@given(st.text(max_size=300), st.integers(min_value=40, max_value=200))
def test_wrap_keeps_to_the_width(value: str, width: int) -> None:
    for line in Style(width).wrap(value, 9).splitlines():
        assert len(line) <= width and line.isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_long_names(name: str) -> None:
    """Names of 253 characters: no line but a command is wider than the terminal."""
    case = load(name)
    long = ("a" * 62 + ".") * 4 + "b"
    target = dataclasses.replace(case.target, pod=long, node=long, container="c" * 63, owner=Owner("Deployment", long))
    cases, verdicts = both(dataclasses.replace(case, target=target))
    commands = {line for fix in verdicts[0].fixes for c in fix.commands for line in c.splitlines()}
    for width in (80, 120):
        for line in render("text", cases, verdicts, Style(width)).splitlines():
            assert len(line) <= width or line.strip() in commands
    read_page(render("html", cases, verdicts, Style()))


def forty(different: bool) -> tuple[list[Case], list[Verdict]]:
    case = load("image.tag_unknown")
    cases = []
    for number in range(40):
        image = f"registry.lab.test/busybox:9.{number}" if different else case.target.image
        target = dataclasses.replace(case.target, container=f"app{number}", image=image)
        cases.append(dataclasses.replace(case, target=target))
    return cases, [judge(one) for one in cases]


def test_forty_containers_of_one_image() -> None:
    """Said once, the others counted."""
    cases, verdicts = forty(different=False)
    report = render("text", cases, verdicts, Style(80))
    assert report.count("VERDICT") == 1
    assert "container app1, container app2" in report.replace("\n       ", " ") and "and 33 more" in report
    assert len(report.splitlines()) < 60
    assert render("markdown", cases, verdicts, Style()).count("### ") == 1
    assert render("html", cases, verdicts, Style()).count("<article") == 1
    document = json.loads(render("json", cases, verdicts, Style()))
    validator().validate(document)
    assert document["kind"] == "DiagnosisList" and len(document["items"]) == 40
    assert render("name", cases, verdicts, Style()) == "pod/image-tag-unknown\n"


def test_forty_different_containers() -> None:
    """All are there, and a summary at the end has a line for each."""
    cases, verdicts = forty(different=True)
    report = render("text", cases, verdicts, Style(80))
    assert report.count("VERDICT") == 40
    summary = report.partition("SUMMARY\n")[2]
    assert [f"app{n}:" in summary for n in range(40)] == [True] * 40
    assert all(len(line) <= 80 for line in summary.splitlines())
    source = render("html", cases, verdicts, Style())
    assert source.count("<article") == 40
    targets = set(re.findall(r'href="#(v\d+)"', source))
    assert targets == set(re.findall(r'<article id="(v\d+)"', source)) and len(targets) == 40


@pytest.mark.parametrize("name", NAMES)
def test_colour_changes_no_word(name: str) -> None:
    cases, verdicts = both(load(name))
    plain = render("text", cases, verdicts, Style(80, symbols=True))
    coloured = render("text", cases, verdicts, Style(80, symbols=True, colour=True))
    assert "\x1b[" in coloured and re.sub(r"\x1b\[\d*m", "", coloured) == plain
    assert render("text", cases, verdicts, Style(80)).isascii()


def test_nothing_at_all() -> None:
    for form in FORMATS:
        if form in ("text", "markdown", "name", "html"):
            assert isinstance(render(form, [], [], Style()), str)


def test_picture_marks_the_break() -> None:
    """One break a lane, at the station where the pull stops; what is behind it is not reached."""
    case = load("net.timeout-node-only")
    shown = page.picture(judge(case).hops)
    reader = Reader()
    reader.feed(shown)
    stations = [a["class"] for tag, a in reader.tags if tag == "rect"]
    assert stations.count("station broken") == 1
    assert stations.count("station start") == 3, "the API server, the node, this machine"
    assert 'class="link cut"' in shown
    assert "node2" in reader.text and "this machine" in reader.text


def test_picture_shows_every_host() -> None:
    case = load("auth.bad_credentials-token")
    verdict = judge(case)
    shown = page.picture(verdict.hops)
    for line in verdict.hops:
        assert line.vantage == "api" or line.subject.host in shown
    assert shown.count('class="hop"') == len(verdict.hops)


@pytest.mark.parametrize(
    "seconds, shown", [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172800, "2d"), (None, "0s")]
)
def test_ago(seconds: float | None, shown: str) -> None:
    assert sentences.ago(seconds) == shown

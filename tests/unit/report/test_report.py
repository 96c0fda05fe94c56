"""Every format against hostile and unusual cases: nothing from outside acts on a terminal, a page or a chat."""

from __future__ import annotations

import dataclasses
import functools
import html.parser
import json
import re
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull import __version__
from kubectl_imagepull.case import parse
from kubectl_imagepull.model import Case, Owner, Verdict
from kubectl_imagepull.report import markdown, page, sentences
from kubectl_imagepull.report.formats import FORMATS, render
from kubectl_imagepull.report.machine import schema
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.verdict import judge
from kubectl_imagepull.yaml_loader import LOADER

CASES = Path(__file__).parents[2] / "cases"
GOLDEN = CASES.parent / "golden"
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

    VOID = frozenset({"meta", "link", "wbr"})

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
    "html head meta link title style body nav h1 h2 h3 h4 ul ol li a article header p span code strong dl dt dd section "  # noqa: SIM905
    "pre div details summary footer wbr".split()
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
    """Whatever is in it, a span is one span in one line."""
    assert bare(markdown.code(value)) == ""
    assert "\n" not in markdown.code(value)
    assert bare(markdown.block(value, "text")) == ""


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.md")), ids=lambda f: f.stem)
def test_markdown_is_what_every_place_can_show(file: Path) -> None:
    """Slack and Jira have no tables, and what only GitHub folds comes last (docs/scripts.md)."""
    text = file.read_text()
    assert not re.search(r"^\|", text, re.MULTILINE)
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        folded = section.partition("<details>")[2]
        assert "**Fix" not in folded and "Who must act" not in folded


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


def lanes(source: str) -> list[str]:
    return re.split(r'<(?:section|details) class="lane', source)[1:]


def test_path_marks_the_break() -> None:
    """One break a lane, at the host where the pull stops; what is behind it is not reached."""
    case = load("net.timeout-node-only")
    shown = page.path(case, judge(case))
    api, node, machine = lanes(shown)
    assert shown.count("the pull breaks here") == 1 and "the pull breaks here" in node
    assert node.count('class="host broken"') == 1 and 'class="host broken"' not in api + machine
    assert "Seen from node2" in node and "Seen from this machine" in machine and node.count("not reached") == 4


def test_path_is_folded_where_it_is_the_same() -> None:
    case = load("tls.unknown_authority")
    shown = page.path(case, judge(case))
    assert '<details class="lane"><summary>Seen from this machine: the same</summary>' in shown
    assert 'class="lanes one"' in shown


def test_path_shows_every_host() -> None:
    case = load("auth.bad_credentials-token")
    verdict = judge(case)
    shown = page.path(case, verdict)
    for line in verdict.hops:
        assert line.vantage == "api" or line.subject.host in shown
    assert shown.count('class="hop"') == len(verdict.hops)


def test_page_says_what_made_it_when_and_of_which_cluster() -> None:
    cases, verdicts = both(load("dns.timeout"))
    for form in ("html", "markdown"):
        report = render(form, cases, verdicts, Style(), "kind-lab, https://10.0.0.1:6443")
        plain = report.replace("`", "")
        assert f"kubectl imagepull {__version__}, 2026-11-23 04:1" in plain and "UTC" in plain
        assert "cluster kind-lab, https://10.0.0.1:6443" in plain
        assert (
            "cluster"
            not in render(form, cases, verdicts, Style()).split("</style>")[-1].split("kubectl imagepull")[1][:60]
        )
    undated = dataclasses.replace(cases[0], facts=dataclasses.replace(cases[0].facts, read_at=0.0))
    assert "1970" not in render("html", [undated], verdicts, Style())


def test_page_is_ascii() -> None:
    """Whatever the stream, the file and the server take it for, it says the same."""
    cases, verdicts = hostile("none", HOSTILE[-1])
    source = render("html", cases, verdicts, Style())
    assert source.isascii() and "\U0001f4a5" in read_page(source).text


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_an_index_names_namespaces(form: str) -> None:
    case = load("image.tag_unknown")
    other = dataclasses.replace(case, target=dataclasses.replace(case.target, namespace="till"))
    report = render(form, [case, other], [judge(case), judge(other)], Style(80))
    index = {"text": lambda r: r.partition("SUMMARY")[2], "markdown": lambda r: r.partition("###")[0]}
    shown = index.get(form, lambda r: r.partition("<nav>")[2].partition("</nav>")[0])(report)
    assert "shop/image-tag-unknown" in shown and "till/image-tag-unknown" in shown


# ---- brief -----------------------------------------------------------------------------------------------------------


def brief(name: str, **changes: Any) -> str:
    case = load(name)
    return render("text", [case], [dataclasses.replace(judge(case), **changes)], Style(80))


def test_what_works_is_one_line() -> None:
    shown = brief("image.tag_unknown")
    assert "\n  ok   reference, dns, connect, tls, registry, auth\n" in shown and shown.count("  ok  ") == 1
    assert "seen from node2 and this machine\n" in shown
    assert "\n  -    not reached: tls, registry, auth, manifest\n" in brief("net.timeout")


def test_a_reason_stands_in_the_place_of_its_hop() -> None:
    shown = " ".join(brief("auth.no_credentials").split())
    assert shown.count("credentials asked for (basic)") == 1
    assert "FAIL auth: credentials asked for (basic); the pod has no pull secret - not reached: manifest" in shown


def test_what_a_secret_lacks_is_told_once() -> None:
    shown = " ".join(brief("auth.secret_wrong_registry").split())
    assert shown.count('it has an entry for "bearer.lab.test"') == 1 and "warn" not in shown


def test_no_secret_is_nothing_that_works() -> None:
    """A hop where there is nothing to look at is not in order, it is left out; of the API alone it is told."""
    for form in ("text", "wide"):
        case = load("auth.no_credentials")
        report = render(form, [case], [judge(case)], Style(80))
        assert not re.search(r"ok .*credentials", report)
    assert "skip credentials: no pull secret" in brief("api-only")


def test_most_alternatives_and_fixes() -> None:
    verdict = judge(load("auth.forbidden"))
    open_causes = ("auth.denied_or_missing", "auth.expired", "dns.timeout", "net.proxy", "net.refused", "tls.expired")
    changes = {"alternatives": open_causes, "fixes": (*verdict.fixes, *verdict.fixes)}
    shown = " ".join(brief("auth.forbidden", **changes).split())
    assert "(auth.denied_or_missing), or auth.expired, or dns.timeout and 3 more (-o wide lists them)" in shown
    assert shown.count("FIX ") == 3 and "and 3 more: -o wide lists them" in shown
    case = load("auth.forbidden")
    full = render("wide", [case], [dataclasses.replace(verdict, **changes)], Style(80))
    assert all(cause in full for cause in open_causes) and full.count("FIX ") == 6
    for form in ("markdown", "html"):
        report = render(form, [case], [dataclasses.replace(verdict, **changes)], Style())
        assert report.count("could also be") == 3 and all(cause in report for cause in open_causes)


def test_a_message_is_told_by_its_end() -> None:
    case = load("tls.unknown_authority")
    long = "failed to pull: " * 20 + "dial tcp 192.0.2.7:443: connect: connection refused at the end"
    case = dataclasses.replace(case, facts=dataclasses.replace(case.facts, said=long))
    shown = render("text", [case], [judge(case)], Style(80))
    told = shown.partition("the kubelet said")[2].partition("\n\n")[0]
    assert "... " in told and told.endswith("connection refused at the end") and told.count("\n") == 1
    assert " ".join(long.split()) in " ".join(render("wide", [case], [judge(case)], Style(80)).split())


def test_a_message_of_a_hundred_thousand_colons() -> None:
    """In a moment: what cannot fit is not tried."""
    case = load("tls.unknown_authority")
    case = dataclasses.replace(case, facts=dataclasses.replace(case.facts, said="x: " * 100_000 + "it is over"))
    began = time.process_time()
    shown = render("text", [case], [judge(case)], Style(80))
    assert time.process_time() - began < 20
    assert shown.partition("the kubelet said")[2].partition("\n\n")[0].endswith("x: it is over")


def test_a_container_is_not_introduced_twice() -> None:
    cases, verdicts = forty(different=True)
    lines = render("text", cases, verdicts, Style(80)).splitlines()
    assert sum(line.startswith("node ") for line in lines) == sum(line.startswith("state ") for line in lines) == 1
    assert sum(line.startswith("image ") for line in lines) == 40


def test_the_comment_above_a_command() -> None:
    case = load("node.clock_skew")
    [fix] = judge(case).fixes
    assert fix.runs_on == ("node", "node")
    assert sentences.script(fix, case) == ["# on node2, as root", *fix.commands]
    windows = dataclasses.replace(case.facts.node, os="windows") if case.facts.node else None
    long = dataclasses.replace(
        case,
        target=dataclasses.replace(case.target, node="n" * 253),
        facts=dataclasses.replace(case.facts, node=windows),
    )
    assert sentences.script(fix, long)[0] == "# on the node"
    # an interactive zsh runs what looks like a comment
    foreign = dataclasses.replace(case, target=dataclasses.replace(case.target, node="$(reboot)"))
    assert sentences.script(fix, foreign)[0] == "# on the node, as root"
    mixed = dataclasses.replace(fix, commands=("a", "b", "c"), runs_on=("workstation", "node", "workstation"))
    assert sentences.script(mixed, case) == ["a", "# on node2, as root", "b", "# on this machine", "c"]
    for form in ("markdown", "html"):
        assert "# on node2, as root" in render(form, [case], [judge(case)], Style())


@pytest.mark.parametrize(
    "seconds, shown", [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172800, "2d"), (None, "0s")]
)
def test_ago(seconds: float | None, shown: str) -> None:
    assert sentences.ago(seconds) == shown

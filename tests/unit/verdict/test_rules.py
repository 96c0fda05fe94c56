"""The rules as they are registered, and what they are not allowed to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_imagepull import catalogue
from kubectl_imagepull.case import parse
from kubectl_imagepull.model import DETAILS, HOPS, Connect, Dns, Finding, Subject
from kubectl_imagepull.report.machine import diagnosis
from kubectl_imagepull.report.sentences import means
from kubectl_imagepull.verdict import judge, rules
from kubectl_imagepull.verdict.rule import rule
from kubectl_imagepull.verdict.rules import ALL
from kubectl_imagepull.verdict.view import CaseView, view

ROOT = Path(__file__).parents[3]
ROOM = ROOT / "kubectl_imagepull" / "verdict"
CASES = ROOT / "tests" / "cases"
READS_TEXT = frozenset({"message.py"})
"""The one module that looks into a text."""
UNTYPED = frozenset({"isinstance", "getattr", "cast", "Any", "object"})


def named(stem: str) -> CaseView:
    return view(parse((CASES / f"{stem}.json").read_bytes(), stem).cases[0])


def test_all_are_in_the_order_of_the_path() -> None:
    """As the modules of rules/ are named: each rule of each module, once."""
    modules = [name for name in HOPS if (ROOM / "rules" / f"{name}.py").exists()]
    assert {file.stem for file in (ROOM / "rules").glob("*.py")} == {*modules, "__init__"}
    assert [r for name in modules for r in vars(rules)[name].RULES] == list(ALL)
    assert len({r.name for r in ALL}) == len(ALL)


def test_every_rule_of_a_module_is_registered() -> None:
    for file in (ROOM / "rules").glob("[a-z]*.py"):
        made = {
            node.name
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.FunctionDef) and node.decorator_list
        }
        assert made == {r.name for r in vars(rules)[file.stem].RULES}


def test_rules_declare_causes_of_the_catalogue_and_kinds_of_observation() -> None:
    kinds = {*DETAILS.values()}
    for one in ALL:
        assert one.causes and set(one.causes) <= set(catalogue.load()), one.name
        assert {kind.HOP for kind in one.needs} <= {kind.HOP for kind in kinds}, one.name


def test_an_undeclared_cause_is_refused() -> None:
    """What the tests hold every rule to, seen failing once (see tests/conftest.py)."""

    @rule("dns.nxdomain")
    def liar(case: CaseView) -> Iterator[Finding]:
        yield Finding("dns.timeout", Subject("registry", "r"), "possible", "dns", "")

    with pytest.raises(AssertionError, match=r"liar yields dns\.timeout"):
        liar.findings(named("none"))


def test_what_no_vantage_saw_is_said() -> None:
    """A case without a probe skips every rule that needs one, and says which causes that leaves out."""
    verdict = judge(named("api-only"))
    causes = {cause for one in verdict.skipped for cause in one.causes}
    assert all(one.causes and one.hops and one.why.startswith("no vantage saw ") for one in verdict.skipped)
    assert "dns.nxdomain" in causes
    assert not causes & {verdict.cause, *verdict.alternatives}  # named by the runtime's words
    assert "net.refused" not in {cause for one in judge(named("net.refused")).skipped for cause in one.causes}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("api-only", "not looked for, since no vantage saw dns, connect, tls, "),
        ("net.refused", ""),  # the path shows how far it was seen
        ("none", ""),
    ],
)
def test_what_was_not_looked_for_is_said_where_the_verdict_is_open(name: str, told: str) -> None:
    case = named(name)
    verdict = judge(case)
    lines = [line for line in means(case, verdict) if line.startswith("not looked for")]
    assert lines == [] if not told else len(lines) == 1 and lines[0].startswith(told)
    assert [(one["causes"], one["why"]) for one in diagnosis(case, verdict)["skipped"]] == [
        (list(one.causes), one.why) for one in verdict.skipped
    ]


def test_a_rule_is_skipped_only_without_all_that_it_can_go_by() -> None:
    one = next(r for r in ALL if r.needs == (Dns,))
    assert one.lacks({Dns, Connect}) == () and one.lacks({Connect}) == ("dns",)


def modules() -> list[Path]:
    return sorted(file for file in ROOM.rglob("*.py"))


@pytest.mark.parametrize("file", modules(), ids=lambda f: str(f.relative_to(ROOM)))
def test_no_text_is_looked_into(file: Path) -> None:
    """No pattern and no `"words" in text` but in the module that reads the message."""
    if file.name in READS_TEXT:
        return
    tree = ast.parse(file.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert "re" not in imported
    literal = (ast.Tuple, ast.List, ast.Set, ast.Dict)
    looked = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops)
        and isinstance(node.left, ast.Constant)
        and isinstance(node.left.value, str)
        and len(node.left.value) > 1
        and not isinstance(node.comparators[0], literal)
    ]
    assert looked == []


@pytest.mark.parametrize(
    "file", [*modules(), *sorted((ROOT / "kubectl_imagepull" / "report").glob("*.py"))], ids=lambda f: f.name
)
def test_observations_are_read_by_their_types(file: Path) -> None:
    """No access around the types: a misspelt field has to fail in mypy. A mapping that is no observation may be asked."""
    tree = ast.parse(file.read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & UNTYPED
    gets = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get"
        if "detail" in ast.unparse(node.func)
    ]
    assert gets == [] and not used & {"getattr", "cast"}
    assert "isinstance" not in used or "detail" not in "".join(
        ast.unparse(n)
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "isinstance"
    )

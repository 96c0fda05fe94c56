"""What is printed when, and where it goes."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from kubectl_imagepull.cli.show import Printer
from kubectl_imagepull.model import Case, Facts, ReadError, Target
from kubectl_imagepull.session.observer import Diagnosis, Plan
from kubectl_imagepull.verdict import judge

CASE = Case(Target("shop", "web-1", "app", image="registry.lab.test/app:1", node="node1"), Facts())
STAYS = ReadError("api", "pod imagepull-node1-0f in shop is still being removed by the cluster")


def of(case: Case) -> list[Diagnosis]:
    return [Diagnosis(case, judge(case))]


@pytest.mark.parametrize("form", ["text", "wide"])
def test_text_is_printed_once_before_the_removal_is_waited_for(form: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    printer = Printer(form, out, err, "shop")
    printer.planned(Plan((CASE,)))
    printer.judged(of(CASE))
    first = out.getvalue()
    printer.diagnosed(of(CASE))
    assert first.count("VERDICT") == 1 and out.getvalue() == first and err.getvalue() == ""


@pytest.mark.parametrize("form", ["text", "wide"])
def test_what_cannot_be_removed_is_told_after(form: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    printer = Printer(form, out, err, "shop")
    printer.planned(Plan((CASE,)))
    printer.judged(of(CASE))
    printer.diagnosed(of(replace(CASE, errors=(STAYS,))))
    assert out.getvalue().count("VERDICT") == 1
    assert err.getvalue() == "warning: pod imagepull-node1-0f in shop is still being removed by the cluster\n"


def test_a_document_is_that_of_the_end() -> None:
    out = io.StringIO()
    printer = Printer("json", out, io.StringIO(), "shop")
    printer.planned(Plan((CASE,)))
    printer.judged(of(CASE))
    printer.diagnosed(of(replace(CASE, errors=(STAYS,))))
    assert out.getvalue() == ""
    printer.close()
    assert out.getvalue().count("is still being removed") == 1

"""Figures that README tells are those of the files that hold them."""

from __future__ import annotations

import csv
import re

from tests.documents import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_reports_from_the_field() -> None:
    with (ROOT / "tests" / "field" / "rounds.tsv").open(encoding="utf-8") as file:
        rounds = list(csv.DictReader(file, delimiter="\t"))
    sums = [
        sum(int(one[name]) for one in rounds)
        for name in ("reports", "right", "defensible", "weak", "confidently wrong")
    ]
    told = re.search(r"<!-- field -->(.*)<!-- /field -->", README, re.S)
    assert told is not None
    reports, in_rounds, *others = (int(number) for number in re.findall(r"\d+", told[1]))
    assert ([reports, *others], in_rounds) == (sums, len(rounds))

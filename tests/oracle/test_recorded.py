"""Our readers of a node's configuration against what the runtimes' own code answered, as tests/oracle/runtimes.py recorded it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.oracle.runtime_compare import KINDS
from tests.oracle.runtimes import RECORDED


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.jsonl")), ids=lambda file: file.stem)
def test_the_reader_says_what_the_runtime_does(file: Path) -> None:
    kind = next(k for k in KINDS if k.name == file.stem)
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(entries) >= 100
    wrong = [(e["case"], why) for e in entries if (why := kind.differs(e["case"], e["answer"]))]
    assert not wrong, wrong[0]

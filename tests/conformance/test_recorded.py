"""We ask the same server as the same identity as the real kubectl did, on every row of the table.

What kubectl did was recorded with the real one; test_kubectl.py holds the record to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.rows import MAKERS, ROWS, Row
from tests.conformance.run import recorded, us
from tests.conformance.servers import World, world

NEWEST = "v1.37.2"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The servers of all rows."""
    with world(tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_same_server_and_identity(row: Row, servers: World, tmp_path: Path) -> None:
    theirs = recorded()[row.id][NEWEST]
    ours, code, said = us(row, servers, tmp_path)
    lines = said.strip().splitlines()
    assert code == 2  # nobody knows pod x
    assert lines[0].startswith(("error", "Error", "Unable", "The connection"))
    assert not lines[1:] or lines[1:] == ["See 'kubectl imagepull why --help' for usage."]
    assert "bug" not in said
    assert ours == theirs, said


def test_the_table_is_broad() -> None:
    kinds = Counter(row.kind for row in ROWS)
    assert len(ROWS) >= 150 and len(kinds) == len(MAKERS) >= 20
    assert max(kinds.values()) <= 10
    assert recorded().keys() == {row.id for row in ROWS}

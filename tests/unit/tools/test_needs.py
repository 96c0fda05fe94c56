"""A tool that is missing skips its tests where somebody works, and fails them in CI."""

from __future__ import annotations

import pytest

from tests.needs import needs

MISSING = "no-tool-of-this-name"


@pytest.mark.parametrize(
    ("ci", "tools", "skipped"), [("", ["sh", MISSING], True), ("", ["sh"], False), ("true", [MISSING], False)]
)
def test_where_a_tool_is_missing(monkeypatch: pytest.MonkeyPatch, ci: str, tools: list[str], skipped: bool) -> None:
    monkeypatch.setenv("CI", ci)
    mark = needs(*tools).mark
    assert mark.args[0] is skipped and (MISSING in mark.kwargs["reason"]) == (MISSING in tools)

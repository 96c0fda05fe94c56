"""What docs/scripts.md tells programs to rely on is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.report.machine import schema

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "scripts.md").read_text()
GOLDEN = [json.loads(file.read_text()) for file in sorted((ROOT / "tests" / "golden").glob("*.json"))]
DOCUMENTS = [one for document in GOLDEN for one in document.get("items", [document])]
FIELDS = re.findall(r"^\| `([a-z][\w.\[\]]*)` \|", PAGE, re.MULTILINE)


def follow(value: Any, path: str) -> list[Any]:
    """What is found below a path of names; [] behind one stands for each of a list."""
    found = [value]
    for part in path.split("."):
        found = [one[part.removesuffix("[]")] for one in found]
        if part.endswith("[]"):
            found = [item for one in found for item in one]
    return found


@pytest.mark.parametrize("field", FIELDS)
def test_field(field: str) -> None:
    assert any(follow(document, field.removesuffix("[]")) for document in DOCUMENTS)


def test_words() -> None:
    """Every word that the page says a field may have is in the schema."""
    text = json.dumps(schema())
    words = "confirmed likely possible unknown you cluster network registry nobody safe review manual"
    for word in words.split():
        assert f'"{word}"' in text and f"`{word}`" in PAGE

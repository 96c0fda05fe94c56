"""How the probes are written: every field says what it is, no module hides one of Python's own, each runs by itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import probes
from kubectl_imagepull.node.bundle import script

FOLDER = Path(next(iter(probes.__path__)))
MODULES = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_field_has_a_docstring_of_its_own(path: Path) -> None:
    for shape in ast.parse(path.read_text()).body:
        if not isinstance(shape, ast.ClassDef):
            continue
        above = [*map(ast.unparse, shape.decorator_list), *map(ast.unparse, shape.bases)]
        if not any("dataclass" in word or word == "NamedTuple" for word in above):
            continue
        for field, after in zip(shape.body, [*shape.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign):
                said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                assert said, f"{shape.name}.{ast.unparse(field.target)}"


def test_no_module_hides_one_of_pythons_own() -> None:
    names = {path.stem for path in MODULES} | {path.name for path in FOLDER.iterdir() if path.is_dir()}
    assert not (names - {"__init__", "__main__", "__pycache__"}) & set(sys.stdlib_module_names)


def test_the_parts_of_the_script_are_joined_whole() -> None:
    """In the order of their names, each with nothing of a function left for the next."""
    parts = sorted(FOLDER.glob("sh/*.sh"))
    assert len(parts) > 8 and script() == "".join(part.read_text() for part in parts)
    assert script().startswith("#!/bin/sh\n") and all(part.read_text().endswith("\n") for part in parts)
    assert max(len(part.read_text().splitlines()) for part in parts) < 300

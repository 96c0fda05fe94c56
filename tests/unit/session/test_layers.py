"""A session knows no command line and no output: whoever calls it decides what is shown, and where."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kubectl_imagepull.session

MODULES = sorted(Path(str(kubectl_imagepull.session.__file__)).parent.glob("*.py"))
STREAMS = frozenset({"stdout", "stderr", "stdin"})


def offences(source: str) -> list[str]:
    """What a module does that only a command line may."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name in ("argparse", "sys")]
        elif isinstance(node, ast.ImportFrom) and node.module in ("argparse", "sys"):
            found.append(node.module)
        elif isinstance(node, ast.ImportFrom) and "TextIO" in {a.name for a in node.names}:
            found.append("TextIO")
        elif isinstance(node, ast.Name) and node.id in ("print", "input"):
            found.append(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in STREAMS:
            found.append(node.attr)
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.stem)
def test_no_command_line_and_no_output(module: Path) -> None:
    assert offences(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["import argparse", "from sys import stdout", "print(1)", "input()", "from typing import TextIO", "process.stderr"],
)
def test_what_would_be_found(source: str) -> None:
    assert offences(source)

"""The workflows run nothing that somebody else can change, and may do no more than they do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(file: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(file.read_text())
    return found


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.stem)
def test_actions_are_pinned(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+(\.\d+)*", comment), f"{action}: which version that is"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.stem)
def test_least_rights(file: Path) -> None:
    """No job has a right that is not named, and the one that runs the sources can write nowhere."""
    workflow = read(file)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        rights = job.get("permissions", workflow["permissions"])
        runs_ours = any("make " in step.get("run", "") or "python" in step.get("run", "") for step in job["steps"])
        assert not (runs_ours and "write" in rights.values()), name
        assert job["timeout-minutes"] <= 40
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    # nothing from a tag's or branch's name becomes part of a script
    for expression in re.findall(r"\$\{\{(.*?)\}\}", file.read_text()):
        assert expression.strip() in ("github.token", "github.ref", "matrix.python"), expression


def test_release() -> None:
    """What only the tag of a release starts."""
    workflow = read(ROOT / ".github" / "workflows" / "release.yml")
    assert workflow[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert rights == {
        "build": {"contents": "read"},
        "pypi": {"id-token": "write"},
        "github": {"contents": "write"},
        "krew": {"contents": "read"},
    }
    order = {name: job.get("needs") for name, job in workflow["jobs"].items()}
    assert order == {"build": None, "pypi": "build", "github": "pypi", "krew": "github"}

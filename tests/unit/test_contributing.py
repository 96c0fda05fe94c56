"""CONTRIBUTING.md holds: what it names exists, and a cause is added by its steps."""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:kubectl_imagepull|probes|tests|docs)/[^` ]*)`", GUIDE))))
def test_what_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists() or "ROOM" in path


ENTRY = """
registry.teapot:
  title: "{host} is a teapot"
  actor: registry
  hop: registry
  means: >-
    The registry refuses to brew coffee (418).
  confirmed_by:
    - status 418
  confused_with:
    registry.unavailable: 503, which passes
  fixes:
    - text: Ask {host} for tea
      actions:
        - command: "curl -sSI https://{host}/v2/"
      applicability: safe
  prevention: Name things well.
"""


def word(copy: Path) -> None:
    file = copy / "kubectl_imagepull" / "model" / "vocabulary.py"
    before = '                Outcome("200", "pass", "HTTP 200: a registry that is open to all"),\n'
    new = '                Outcome("418", "fail", "HTTP 418: a teapot", "registry.teapot"),\n'
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, new + before), encoding="utf-8")


def entry(copy: Path) -> None:
    with (copy / "kubectl_imagepull" / "catalogue" / "causes" / "registry.yaml").open("a", encoding="utf-8") as file:
        file.write(ENTRY)


def case(copy: Path) -> None:
    cases = copy / "tests" / "cases"
    text = (cases / "registry.server_error.json").read_text(encoding="utf-8")
    text = text.replace('"outcome": "502"', '"outcome": "418"').replace("502 Bad Gateway", "418 I'm a teapot")
    text = text.replace('"provenance": "recorded"', '"provenance": "constructed", "source": "RFC 2324"')
    (cases / "registry.teapot.json").write_text(text, encoding="utf-8")


def line(copy: Path) -> None:
    file = copy / "tests" / "unit" / "catalogue" / "test_catalogue.py"
    before = '    "registry.not_a_registry": "you",\n'
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(before, f'{before}    "registry.teapot": "registry",\n'), encoding="utf-8")


EDITS = (word, entry, case, line)
META = (
    "tests/golden/test_golden.py::test_every_cause_has_a_case_of_its_name",
    "tests/golden/test_golden.py::test_every_rule_has_a_case_and_a_counter_case",
    "tests/golden/test_golden.py::test_what_no_rule_finds_is_read_from_messages",
    "tests/golden/test_golden.py::test_no_golden_without_a_case",
    "tests/unit/catalogue/test_catalogue.py::test_every_cause_has_its_entry_and_its_actor",
    "tests/unit/catalogue/test_catalogue.py::test_the_pages_are_up_to_date",
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of the project that a cause touches, compiled once for all that copy them."""
    folder = tmp_path_factory.mktemp("original")
    for name in ("kubectl_imagepull", "probes", "tests/cases", "tests/golden", "tests/unit/catalogue", "docs/causes"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "tests/__init__.py", "tests/conftest.py", "tests/unit/__init__.py"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("kubectl_imagepull", "probes"):
        compileall.compile_dir(folder / name, quiet=1)
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return shutil.copytree(original, tmp_path / "copy")


SCRIPT = """
import sys
import pytest
from kubectl_imagepull.catalogue import docs

docs.main(["docs/causes"])
quiet = ["-q", "-p", "no:cacheprovider"]
pytest.main([*quiet, "tests/golden/test_golden.py", "--update", "-k", "teapot or test_verdicts"])
sys.exit(pytest.main([*quiet, *sys.argv[1:]]))
"""
"""What commands write after the edits, then tests."""


def run_on(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The tests of a copy, which finds itself before the installed package."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", SCRIPT, *words]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)


def test_a_cause_takes_four_edits(copy: Path) -> None:
    for edit in EDITS:
        edit(copy)
    done = run_on(copy, *META)
    assert done.returncode == 0, done.stdout[-3000:]
    shown = (copy / "tests" / "golden" / "registry.teapot.80.txt").read_text(encoding="utf-8")
    assert "is a teapot" in shown and "registry.teapot" in shown and "curl -sSI" in shown


@pytest.mark.parametrize("left_out", EDITS, ids=lambda edit: edit.__name__)
def test_each_edit_is_missed(copy: Path, left_out: object) -> None:
    for edit in EDITS:
        if edit is not left_out:
            edit(copy)
    assert run_on(copy, "-x", *META).returncode == 1

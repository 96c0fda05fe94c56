"""What is made on first use."""

from __future__ import annotations

import copy
import re
import subprocess
import sys

import pytest

from kubectl_imagepull import lazily

AT_ONCE = """
import importlib, pkgutil, re
import kubectl_imagepull
from kubectl_imagepull import lazily
made = []
lazily.pattern = lambda text, flags=0: made.append(text) or re.compile(text, flags)
for module in pkgutil.walk_packages(kubectl_imagepull.__path__, "kubectl_imagepull."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from kubectl_imagepull import catalogue
from kubectl_imagepull.catalogue import helpers, node_marks, platforms, reasons, registries
for load in (catalogue.load, helpers.load, node_marks.load, platforms.load, reasons.load, registries.load):
    load()
for platform in platforms.load().values():
    platform.details
print(len(made))
"""


def test_every_pattern_compiles() -> None:
    """What is wrong with one would show only in the run that needs it."""
    ran = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 200


def test_a_pattern_is_what_re_makes_of_it() -> None:
    number = lazily.pattern(r"(?P<number>\d+)", re.I)
    assert number.pattern == r"(?P<number>\d+)"
    assert number.fullmatch("12") and not number.fullmatch("x12")
    assert number.sub("n", "1 2") == "n n" and number.findall("1 2") == ["1", "2"]
    assert [m["number"] for m in number.finditer("1 2")] == ["1", "2"]
    assert lazily.pattern(rb"\d").search(b"a1")
    assert number.groupindex == {"number": 1}
    assert copy.deepcopy(number).match("1")
    with pytest.raises(re.error):
        lazily.pattern("(").match("")


def test_a_start_compiles_few_of_them() -> None:
    """All that the command line imports, and none of its patterns is compiled before a word is read."""
    script = (
        "import gc, sys\nimport kubectl_imagepull.cli.why, kubectl_imagepull.cli.on_cluster\n"
        "from kubectl_imagepull import lazily\n"
        "print(sum('match' in vars(one) for one in gc.get_objects() if isinstance(one, lazily._Pattern)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(ran.stdout) == 0

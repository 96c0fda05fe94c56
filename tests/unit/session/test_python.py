"""docs/python.md is true: its example runs, and its names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kubectl_imagepull.session as session
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.session import diagnosis
from kubectl_imagepull.session.options import Options

PAGE = (Path(__file__).parents[3] / "docs" / "python.md").read_text(encoding="utf-8")


def test_the_example(shop: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    monkeypatch.setattr(session, "Api", lambda flags: shop, raising=False)
    monkeypatch.setattr(diagnosis.diagnose, "__defaults__", (Options(probe=False), None))
    exec(compile(example, "docs/python.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("web-") and " image.tag_unknown " in printed


def test_the_names() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", PAGE, re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert named - {"kubectl_imagepull"} <= set(session.__all__) and len(named) >= 9

"""Foreign text is shown in one form everywhere, and a terminal acts on nothing of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kubectl_imagepull
from kubectl_imagepull.image.reference import InvalidReference, Reference
from kubectl_imagepull.node.frames import FrameReader
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.text import amount, printable, spelled
from probes.observation import printable as probes_printable
from tests.probes.walking import HOST_PYTHON, NONCE

PACKAGE = Path(kubectl_imagepull.__file__).parent
FORMS = {
    "\x1b": "\\x1b",
    "\x85": "\\x85",
    "\u202e": "\\u202e",
    "\u2028": "\\u2028",
    "\U000e0001": "\\U000e0001",
    "\ud800": "\\ud800",
}


@pytest.mark.parametrize("char", FORMS)
def test_one_form(char: str) -> None:
    text, form = f"a{char}b", f"a{FORMS[char]}b"
    assert printable(text) == spelled(text) == probes_printable(text) == Style().wrap(text, 0) == form
    start = f'imagepull/1 {NONCE} {{"kind":"seen","hop":"dns","role":"registry","outcome":"ok","summary":'
    if ord(char) < 0x10000:
        frame = FrameReader(NONCE, HOST_PYTHON).read(f'{start}"a\\u{ord(char):04x}b"}}'.encode())
        assert frame is not None and frame.observation is not None and frame.observation.summary == form
    with pytest.raises(InvalidReference) as raised:
        Reference.parse(text)
    assert str(raised.value).isprintable()


def test_line_ends() -> None:
    assert printable("a\r\n\tb") == "a   b" and spelled("a\r\n\tb") == "a\\r\\n\\tb"


@given(st.text(), st.integers(0, 40))
def test_any_text(text: str, limit: int) -> None:
    for shown in (printable(text, limit), spelled(text, limit)):
        assert shown.isprintable() and (not limit or len(shown) <= limit)
    if text.isprintable() and (not limit or len(text) <= limit):
        assert printable(text, limit) == text


def test_nobody_has_another_way() -> None:
    """Only text.py decides sign by sign; formats that escape for themselves, and code that only asks, are named here."""
    allowed = {"text.py", "report/machine.py", "image/_go.py", "image/reference.py", "command.py"}
    for file in PACKAGE.rglob("*.py"):
        name = str(file.relative_to(PACKAGE))
        found = [
            n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Attribute) and n.attr == "isprintable"
        ]
        assert name in allowed or not found, name


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        *((0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (10 << 10, "10 KiB")),
        *(((1 << 20) - 1, "1.0 MiB"), (350 << 20, "350 MiB"), ((1 << 30) - 1, "1.0 GiB"), (100 << 30, "100.0 GiB")),
    ],
)
def test_amounts_of_bytes(count: int, shown: str) -> None:
    """A unit that is large enough, and none of which there would be 1,024."""
    assert amount(count) == shown

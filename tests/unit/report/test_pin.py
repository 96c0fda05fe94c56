"""The diff of `pin` is the one that diff -u makes."""

from __future__ import annotations

import difflib
import time

from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull.report.pin import unified
from tests.cost import here

LINES = st.lists(st.sampled_from(["a", "b", "c", "d\r", ""]), max_size=40)


def expected(before: str, after: str) -> list[str]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found = []
    for line in difflib.unified_diff(old, new, "x", "x"):
        found.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return found


@given(LINES, st.sets(st.integers(0, 39)), st.booleans())
def test_as_difflib_has_it(lines: list[str], changed: set[int], end: bool) -> None:
    lines = [f"{n}{line.replace(chr(13), '')}" for n, line in enumerate(lines)]
    after = [f"{line}!" if n in changed else line for n, line in enumerate(lines)]
    tail = "\n" if end and lines else ""
    before_text, after_text = "\n".join(lines) + tail, "\n".join(after) + tail
    if before_text != after_text:
        assert list(unified("x", before_text, after_text)) == expected(before_text, after_text)


def test_a_line_that_goes() -> None:
    before = 'a\nimage: "x:\\\n  1"\nb\n'
    assert list(unified("x", before, "a\nimage: y\nb\n")) == expected(before, "a\nimage: y\nb\n")


def test_time_is_linear() -> None:
    lines = [f"image: a{n % 7}" for n in range(100_000)]
    begun = time.process_time()
    found = sum(1 for _ in unified("x", "\n".join(lines), "\n".join(f"{line}@" for line in lines)))
    assert found == 200_003 and time.process_time() - begun < here(2)

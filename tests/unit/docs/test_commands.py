"""Every command of a page is run by some test: by tests/golden/test_pages.py, tests/e2e/test_readme.py, or one that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import PAGES, ROOT, Block, blocks, stable

BLOCKS = list(blocks())


def untested(block: Block) -> str:
    """What is wrong with how a block says that it is tested; "" for nothing."""
    if not block.way:
        return "a comment before it says how it is tested, see tests/documents.py"
    if (block.other or block.language == "console") and len(block.commands()) != 1:
        return "one command in a block with an output or another command"
    file, _, test = block.test.partition("::")
    if block.way == "by" and f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8"):
        return f"there is no {block.test}"
    return ""


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_something_says_how_it_is_tested(block: Block) -> None:
    assert untested(block) == "", block.name


def test_a_block_without_a_test_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("```sh\nkubectl a\n```\n\n<!-- run: here -->\n```sh\nkubectl b \\\n  c  # d\n```\n")
    first, second = blocks([page])
    assert untested(first) and not untested(second)
    assert second.commands() == [("kubectl b \\\n  c  # d", "")]
    page.write_text("<!-- run: here -->\n```sh\na 'b\nc' # it's\nd\n```\n")
    assert [command for command, _ in next(iter(blocks([page]))).commands()] == ["a 'b\nc' # it's", "d"]
    page.write_text("<!-- run: by tests/unit/docs/test_commands.py::test_none -->\n```sh\nx\n```\n")
    assert "there is no" in untested(next(iter(blocks([page]))))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_hides_in_another_block(page: Path) -> None:
    """A line for a shell stands in a block that says so."""
    for language, text in re.findall(r"^```([^\n`]*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        if language not in ("sh", "console"):
            assert not re.search(r"^(\$ |kubectl |make |pip)", text, re.M), text


def test_what_is_compared() -> None:
    """Other runs of the same are the same; another verdict, or another link, is not."""
    one = (
        "pod    shop/web-55c7d5487b-kq97x\nstate  ImagePullBackOff for 20m\n\nVERDICT  no tag v1\n\n"
        "seen from node1\n  ok   dns: 10.1.2.3 in 4 ms\n"
    )
    two = (
        "pod    shop/web-694fd7795c-g4b2r\nstate  ErrImagePull for 2s\n\nVERDICT  no tag v1\n\n"
        "seen from node2\n  ok   dns: 10.9.9.9 in 54 ms\n"
    )
    assert stable(one) == stable(two)
    assert stable(one) != stable(two.replace("v1", "v2"))
    assert stable(one) != stable(two.replace("ok   dns", "FAIL dns"))

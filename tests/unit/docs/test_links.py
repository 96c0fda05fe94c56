"""A link between pages leads somewhere, on a forge and in the site; and no page stands where nobody comes by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import ROOT, WRITTEN, anchors, links

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
HAND = [page for page in PAGES if page.parent.name not in WRITTEN or page.name == "README.md"]


def broken(page: Path) -> list[str]:
    """Links that lead nowhere."""
    found = []
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# A head, of `code`\n[x](b.md) [y](#a-head-of-code) [z](#b)\n```\n[n](none.md)\n```\n"
    )
    assert broken(tmp_path / "a.md") == ["b.md", "#b"]


def test_every_page_is_reached_from_the_first() -> None:
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        seen.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target not in seen and target.exists():
                ahead.append(target)
    assert set(PAGES) - seen == set()


def test_every_page_has_its_place_in_the_site() -> None:
    """mkdocs says so too, when it builds the site; this says it at once."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    assert {f"{page.stem}.md" for page in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"[\w-]+\.md", nav))

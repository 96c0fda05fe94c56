"""What mkdocs does to the pages beyond its own: see `hooks` in mkdocs.yml.

The pages are written for a forge, where a link may lead to any file of the repository. Here README.md and its neighbours become
pages of the site, and a link to any other file outside of docs/ leads to the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
ADDED = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
"""File of the repository -> page of the site."""
BOOKS = ("causes", "platforms", "registries")
"""Folders with a page an entry, written from the catalogue: too many to be listed by hand."""
LINK = re.compile(r"(\]\(|src=\")(?!https?:|mailto:|#)([^)\s\"#]+)")
FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ ]*$", re.MULTILINE | re.DOTALL)


def on_config(config: Any) -> Any:
    """Below each book's list its pages."""
    for entry in config["nav"]:
        for title, value in entry.items() if isinstance(entry, dict) else ():
            book = str(value).rstrip("/")
            if book in BOOKS:
                pages = sorted(path.name for path in (ROOT / "docs" / book).glob("*.md"))
                entry[title] = [f"{book}/{name}" for name in sorted(pages, key=lambda name: name != "README.md")]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside of docs/."""
    for name, page in ADDED.items():
        files.append(File.generated(config, page, content=moved((ROOT / name).read_text(encoding="utf-8"), "")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links of a page of docs/ that lead out of it."""
    repository = config["extra"]["repository"]
    if page.file.src_uri in ADDED.values():
        return led(markdown, repository)
    return led(moved(markdown, f"docs/{page.file.src_uri}"), repository)


def moved(markdown: str, source: str) -> str:
    """markdown with links as the site has them. source: its file in the repository, "" for one at its root."""
    folder = posixpath.dirname(source)

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        if target in ADDED:
            target = f"docs/{ADDED[target]}"
        if not target.startswith("docs/"):
            return f"{match[1]}{OUT}{target}"
        return match[1] + posixpath.relpath(target, folder or "docs")

    return outside_fences(LINK, link, markdown)


OUT = "repository:"
"""In place of the repository's address, which only a page's configuration tells."""


def led(markdown: str, repository: str) -> str:
    """markdown with links to the repository's files."""
    return markdown.replace(f"]({OUT}", f"]({repository}/blob/main/").replace(
        f'src="{OUT}', f'src="{repository}/raw/main/'
    )


def outside_fences(pattern: re.Pattern[str], replace: Any, markdown: str) -> str:
    """Replace in text, not in code that is shown."""
    out, at = [], 0
    for fence in FENCE.finditer(markdown):
        out += [pattern.sub(replace, markdown[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*out, pattern.sub(replace, markdown[at:])])

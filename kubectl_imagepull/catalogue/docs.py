"""Writes docs/causes/, docs/platforms/ and docs/registries/ from the catalogue, by the directory's name:
python -m kubectl_imagepull.catalogue.docs DIRECTORY [--check]."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from . import TOPICS, CatalogueError, Entry, fill, load, platforms, registries
from .platforms import Platform
from .registries import RegistryKind
from .view import FixView, fixes_of, view_of_right, ways_of

NOTE = "<!-- Written by `python -m kubectl_imagepull.catalogue.docs` from kubectl_imagepull/catalogue/causes -->"
OF_PLATFORMS = NOTE.replace("causes", "platforms.yaml")
OF_REGISTRIES = NOTE.replace("causes", "registries.yaml")


def pages() -> dict[str, str]:
    """File name -> text: a page for each cause, and README.md that lists them."""
    entries = load()
    return {"README.md": _index(list(entries.values())), **{f"{e.id}.md": _page(e) for e in entries.values()}}


def _index(entries: Sequence[Entry]) -> str:
    rows = [f"| [{e.id}]({e.id}.md) | {_cell(fill(e.title))} | {e.actor or '-'} |" for e in entries]
    head = ["# Causes", "", NOTE, "", "| cause | what it says | who acts |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _page(entry: Entry) -> str:
    return "\n".join(_lines(entry)) + "\n"


def _lines(entry: Entry) -> Iterator[str]:
    yield from (f"# {entry.id}", "", NOTE, "", f"**{_cell(fill(entry.title))}**", "", entry.means, "")
    if entry.actor or entry.hop:
        facts = {"Who acts": entry.actor, "Hop": entry.hop}
        yield from (" ".join(f"{name}: {fact}." for name, fact in facts.items() if fact), "")
    if entry.confirmed_by:
        yield from ("## What proves it", "", *(f"- {one}" for one in entry.confirmed_by), "")
    if entry.confused_with:
        yield from ("## What else it could be", "")
        yield from (f"- [{other}]({other}.md): {how}" for other, how in entry.confused_with.items())
        yield ""
    if entry.fixes:
        yield from ("## What to do", "")
    yield from _fix_lines(fixes_of(entry), entry.actor)
    if entry.prevention:
        yield from ("## So that it does not come back", "", entry.prevention, "")


def _fix_lines(fixes: Sequence[FixView], usual: str) -> Iterator[str]:
    """Numbered fixes. usual: who acts where nothing is said of it."""
    for number, fix in enumerate(fixes, 1):
        who = fix.actor if fix.actor != usual else ""
        notes = ", ".join(filter(None, (who, fix.condition, fix.applicability)))
        title = f"{_cell(fix.title)} " if fix.title else ""
        yield from (f"{number}. {title}({notes})", "")
        if fix.commands:
            yield from ("   ```sh", *(f"   {command}" for command in fix.commands), "   ```", "")


def platform_pages() -> dict[str, str]:
    """File name -> text: a page for each platform, and README.md that lists them."""
    every = list(platforms.load().values())
    rows = [f"| [{p.id}]({p.id}.md) | {p.title} | {_cell(p.details.probe)} |" for p in every]
    head = [
        "# Platforms",
        "",
        OF_PLATFORMS,
        "",
        "| platform | what it is | what a probe sees of its files |",
        "|---|---|---|",
    ]
    index = "\n".join([*head, *rows, ""])
    return {"README.md": index, **{f"{p.id}.md": "\n".join(_platform_lines(p)) + "\n" for p in every}}


def _platform_lines(platform: Platform) -> Iterator[str]:
    details = platform.details
    yield from (f"# {platform.id}", "", OF_PLATFORMS, "", f"**{platform.title}**", "")
    facts = platforms.facts_of(platform)
    yield from (*(f"- {name}: {_cell(fact)}" for name, fact in facts.items()), "")
    for topic in details.fixes:
        yield from (f"## {TOPICS[topic]}", "")
        yield from _fix_lines(ways_of(platform, topic), "cluster")
    yield from ("## Sources", "", *(f"- {one.url} ({one.date})" for one in details.sources), "")


def registry_pages() -> dict[str, str]:
    """File name -> text: a page for each kind of registry, and README.md that lists them."""
    every = list(registries.load().values())
    rows = [f"| [{k.id}]({k.id}.md) | {k.title} | {', '.join(k.credentials)} | {k.anonymous} |" for k in every]
    head = ["# Registries", "", OF_REGISTRIES, "", "| registry | what it is | credentials | without any |"]
    index = "\n".join([*head, "|---|---|---|---|", *rows, ""])
    return {"README.md": index, **{f"{k.id}.md": "\n".join(_registry_lines(k)) + "\n" for k in every}}


def _registry_lines(kind: RegistryKind) -> Iterator[str]:
    yield from (f"# {kind.id}", "", OF_REGISTRIES, "", f"**{kind.title}**", "")
    yield from (*(f"- {name}: {_cell(fact)}" for name, fact in registries.facts_of(kind).items()), "")
    if kind.codes:
        yield from ("## What it says", "", "| it says | that means |", "|---|---|")
        yield from (*(f"| {_cell(code)} | {_cell(means)} |" for code, means in kind.codes), "")
    if kind.moves:
        yield from ("## What has left", "", *(f"- {move.since}: {_cell(move.text)}" for move in kind.moves), "")
    if kind.right is not None:
        yield from ("## How the right to pull is granted", "")
        yield from _fix_lines([view_of_right(kind.right, {}, {})], "")
    yield from ("## Sources", "", *(f"- {url} ({date})" for url, date in kind.sources), "")


def _cell(text: str) -> str:
    # <name> would be taken for HTML
    return text.replace("<", "&lt;").replace("|", "\\|")


BOOKS: Mapping[str, Callable[[], dict[str, str]]] = {
    "causes": pages,
    "platforms": platform_pages,
    "registries": registry_pages,
}
"""Name of a directory of docs/ -> its pages."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, or with --check only compare. -> 0 done or up to date, 1 out of date, 2 the catalogue cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m kubectl_imagepull.catalogue.docs", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is out of date")
    args = parser.parse_args(argv)
    if args.directory.name not in BOOKS:
        parser.error(f"{args.directory}: the directory is named {' or '.join(BOOKS)}")
    try:
        wanted = BOOKS[args.directory.name]()
    except CatalogueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    there = {path.name: path.read_text(encoding="utf-8") for path in args.directory.glob("*.md")}
    stale = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
    if args.check:
        for name in stale:
            print(f"out of date: {args.directory / name}", file=sys.stderr)
        return 1 if stale else 0
    args.directory.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in wanted:
            (args.directory / name).write_text(wanted[name], encoding="utf-8")
        else:
            (args.directory / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The documentation as tests read it: pages, links, headings, and blocks of commands with what they print.

A block of commands is fenced as `sh` (commands alone) or `console` (lines with `$ ` and what the command printed). A comment
before it says how it is tested:

    <!-- run: here -->                     in the repository's folder, without a cluster
    <!-- run: here as COMMAND -->          the same, by this command: it prints what the one that is shown prints on a cluster
    <!-- run: lab -->                      on the lab's workstation, in the page's order
    <!-- run: lab as COMMAND -->           the same; what is quoted is what COMMAND prints here, of a saved case
    <!-- run: by FILE::TEST -->            that test does what the commands do
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WRITTEN = ("causes", "platforms", "registries")
"""Folders below docs/ whose pages are made from the catalogue: their commands are held by tests/printed_commands.py."""
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
"""Pages that are written by hand, and docs/reference.md."""
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<mark>```+)(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=mark) *$", re.M | re.S
)
_RUN = re.compile(r"<!-- run: (?P<way>here|lab|by)(?: as (?P<other>[^\n]+)| (?P<test>\S+))? -->\n+$")
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)|(?:src|href)=\"(?!https?:|mailto:)([^\"]+)\"")
COMMANDS = ("sh", "console")


@dataclass(frozen=True)
class Block:
    """A fenced block of commands."""

    page: Path
    language: str
    """sh or console."""
    text: str
    """What stands between the fences."""
    start: int
    """Offset of `text` in the page."""
    way: str
    """here, lab or by; "" where nothing says how it is tested."""
    other: str = ""
    """The command that prints what is quoted, in place of the one that is shown."""
    test: str = ""
    """FILE::TEST that does what the commands do."""

    @property
    def name(self) -> str:
        """Page and line, as an editor finds it."""
        line = self.page.read_text(encoding="utf-8").count("\n", 0, self.start) + 1
        return f"{self.page.relative_to(ROOT)}:{line}"

    def commands(self) -> list[tuple[str, str]]:
        """(command, what it printed); of an sh block nothing is printed. Lines that end in a backslash or within quotes go on."""
        found: list[tuple[str, str]] = []
        lines = self.text.splitlines(keepends=True)
        at = 0
        while at < len(lines):
            line = lines[at]
            at += 1
            if self.language == "console" and not line.startswith("$ "):
                command, printed = found.pop() if found else ("", "")
                found.append((command, printed + line))
                continue
            command = line.removeprefix("$ ").rstrip("\n")
            while (command.endswith("\\") or _open(command)) and at < len(lines):
                command += "\n" + lines[at].rstrip("\n")
                at += 1
            if command.strip() and not command.lstrip().startswith("#"):
                found.append((command, ""))
        return found

    def replaced(self, printed: str) -> None:
        """Write the page with this after the block's one command."""
        ((command, _),) = self.commands()
        page = self.page.read_text(encoding="utf-8")
        shown = f"```console\n{self.text}```"
        assert page.count(shown) == 1, self.name
        self.page.write_text(page.replace(shown, f"```console\n$ {command}\n{printed.rstrip()}\n```"), encoding="utf-8")


def _open(command: str) -> bool:
    """Whether a quote is open at its end."""
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return False


def blocks(pages: Sequence[Path] = PAGES) -> Iterator[Block]:
    """Every block of commands, in order."""
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            language = fence["language"].strip()
            if language in COMMANDS:
                run = _RUN.search(text, 0, fence.start())
                yield Block(
                    page,
                    language,
                    fence["text"],
                    fence.start("text"),
                    *((run["way"], run["other"] or "", run["test"] or "") if run else ("",)),
                )


def unfenced(page: Path) -> str:
    """The page's text without fenced blocks and code in a line."""
    return re.sub(r"`[^`\n]+`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))


def links(page: Path) -> Iterator[str]:
    """Where the page's links lead that stay in the repository: `file.md`, `file.md#anchor`, `#anchor`."""
    for match in _LINK.finditer(unfenced(page)):
        yield match[1] or match[2]


def anchors(page: Path) -> set[str]:
    """The headings of a page as a forge names them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#{1,6} (.+)$", text, re.M)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head)).strip().lower().replace(" ", "-")
        for head in heads
    }


CHANGES = (
    (r"\b[a-z0-9-]+-[a-z0-9]{8,10}-[a-z0-9]{5}\b", "POD"),
    (r"imagepull-node\d-[0-9a-f]{6}(-[a-z0-9]{5})?", "PROBE"),
    (r"node\d", "NODE"),
    (r"\d{4}-\d\d-\d\d( \d\d:\d\d( UTC)?)?", "DATE"),
    (r"(?<![\w.])\d+(\.\d+)*(?= ?(ms|s|m|h|KiB|MiB)\b)", "N"),
    (r"10\.\d+\.\d+\.\d+", "ADDRESS"),
    (r"containerd \d+\.\d+\.\d+\S*", "containerd"),
)
ONLY_NOW = re.compile(r"^ *(state\b|the kubelet said|containerd said|the runtime said|waiting|now\b)")
"""Lines that tell of the moment: how often the kubelet has tried, and in which of the runtimes' words it failed."""


def stable(report: str) -> list[str]:
    """The words of a report that are the same in each run, a paragraph or an entry as one line."""
    entries: list[str] = []
    for line in report.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.strip() and entries and entries[-1] and indent > len(entries[-1]) - len(entries[-1].lstrip()):
            entries[-1] += " " + line.strip()
        else:
            entries.append(line)
    found = []
    for entry in entries:
        if entry.strip() and not ONLY_NOW.match(entry):
            text = " ".join(entry.split())
            for pattern, word in CHANGES:
                text = re.sub(pattern, word, text)
            found.append(text)
    return found

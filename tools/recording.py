"""A terminal recording, and the picture that moves which the documentation shows of it.

    python -m tools.recording FILE.cast FILE.svg [--check]      draw it (with pyte, of tools/docs.py)

A recording is an asciicast of version 2, as `record` takes it of a real run: a line a piece of output, with the second at which
it came. The picture is an SVG without scripts: a row of the screen is drawn once for each time that it stays the same.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import html
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS, ROWS = 80, 40
LONGEST_PAUSE = 1.5
"""Seconds of silence that are shown at most."""
HOLD = 8.0
"""Seconds that the last screen stays."""
CELL, LINE, SIZE, EDGE = 7.83, 17, 13, 14
COLOURS = {
    "default": "#d8dee9",
    "red": "#ff7b72",
    "green": "#7ee787",
    "yellow": "#e3b341",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
    "black": "#6e7681",
    "white": "#f0f6fc",
}
"""pyte's names -> colours on GROUND, each with a contrast of 4.5 and more."""
GROUND = "#161b22"
FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def record(words: Sequence[str], shown: str, env: Mapping[str, str]) -> str:
    """Run a command on a terminal of COLUMNS by ROWS. shown: the line that somebody would have typed. -> the asciicast."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    events: list[tuple[float, str]] = []
    started = time.monotonic()
    with subprocess.Popen(words, env=dict(env), stdin=slave, stdout=slave, stderr=slave, start_new_session=True):
        os.close(slave)
        rest = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # Linux: the other end has been closed
                    raise
                part = b""
            if not part:
                break
            text, rest = _decoded(rest + part)
            events.append((time.monotonic() - started, text))
        os.close(master)
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": shown}
    lines = [json.dumps(header), *(json.dumps([round(at, 3), "o", text]) for at, text in events)]
    return "\n".join(lines) + "\n"


def _decoded(data: bytes) -> tuple[str, bytes]:
    """Whole characters, and the bytes of one that is not whole yet."""
    for cut in range(4):
        try:
            return data[: len(data) - cut].decode(), data[len(data) - cut :]
        except UnicodeDecodeError:
            continue
    return data.decode(errors="replace"), b""


Cell = tuple[str, str, bool]
"""(character, colour by pyte's name, bold)."""
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Shown:
    """A row of the screen that stays the same for a while."""

    number: int
    """From 0 at the top."""
    cells: Row
    start: float
    """Seconds."""
    end: float
    """Seconds; infinity for the last screen."""


def screens(cast: str) -> Iterator[tuple[float, list[Row]]]:
    """(second, rows) after each piece of output, pauses cut to LONGEST_PAUSE; the prompt and the command come first."""
    import pyte

    lines = cast.splitlines()
    header: dict[str, Any] = json.loads(lines[0])
    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    stream.feed(f"\x1b[1m$ {header['title']}\x1b[0m\r\n")
    now = before = 0.0
    yield now, _rows(screen)
    for line in lines[1:]:
        at, _, text = json.loads(line)
        now += min(at - before, LONGEST_PAUSE)
        before = at
        stream.feed(text)
        yield now, _rows(screen)


def _rows(screen: Any) -> list[Row]:
    rows = []
    for number in range(screen.lines):
        line = screen.buffer[number]
        cells = [(line[column].data, line[column].fg, line[column].bold) for column in range(screen.columns)]
        while cells and cells[-1][0] == " ":
            cells.pop()
        rows.append(tuple(cells))
    return rows


def shown(cast: str) -> tuple[list[Shown], float]:
    """(what is on the screen and when, seconds of the whole)."""
    found: list[Shown] = []
    standing: dict[int, tuple[Row, float]] = {}
    now = 0.0
    for at, rows in screens(cast):
        now = at
        for number, cells in enumerate(rows):
            old, since = standing.get(number, ((), at))
            if old != cells:
                if old and at > since:
                    found.append(Shown(number, old, since, at))
                standing[number] = (cells, at)
    found += [Shown(number, cells, since, float("inf")) for number, (cells, since) in standing.items() if cells]
    return found, now + HOLD


def render(cast: str) -> str:
    """The picture of a recording. The same recording gives the same bytes."""
    rows, seconds = shown(cast)
    last = max(row.number for row in rows)
    width, height = round(COLUMNS * CELL + 2 * EDGE), (last + 1) * LINE + 2 * EDGE
    spans = sorted({(row.start, row.end) for row in rows})
    title = json.loads(cast.partition("\n")[0])["title"]
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{html.escape(title)}</title>",
        "<style>",
        f"text{{font:{SIZE}px/1 {FONTS};white-space:pre;fill:{COLOURS['default']}}}",
        f".s{{visibility:hidden;animation:{seconds:.2f}s step-end infinite}}.b{{font-weight:700}}",
        *(f".{name}{{fill:{colour}}}" for name, colour in COLOURS.items() if name != "default"),
    ]
    for number, (start, end) in enumerate(spans):
        to = f"{100 * end / seconds:.2f}%{{visibility:hidden}}" if end < seconds else ""
        begin = (
            f"0%{{visibility:hidden}}{100 * start / seconds:.2f}%{{visibility:visible}}"
            if start
            else "0%{visibility:visible}"
        )
        out += [f"@keyframes k{number}{{{begin}{to}}}", f".k{number}{{animation-name:k{number}}}"]
    out += [
        "@media (prefers-reduced-motion:reduce){.s{animation:none}.l{visibility:visible}}",
        "@media print{.s{animation:none}.l{visibility:visible}}",
        "</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>',
    ]
    for number, span in enumerate(spans):
        final = " l" if span[1] > seconds else ""
        out.append(f'<g class="s k{number}{final}">')
        for row in rows:
            if (row.start, row.end) == span:
                y = EDGE + (row.number + 1) * LINE - 4
                out.append(f'<text y="{y}">{"".join(_runs(row.cells))}</text>')
        out.append("</g>")
    return "\n".join([*out, "</svg>", ""])


def _runs(cells: Row) -> Iterator[str]:
    """A tspan for each stretch of one style; each begins at its own column, so that a wider font moves nothing."""
    at = 0
    while at < len(cells):
        colour, bold = cells[at][1:]
        end = at
        while end < len(cells) and cells[end][1:] == (colour, bold):
            end += 1
        text = "".join(cell[0] for cell in cells[at:end])
        classes = " ".join(
            filter(None, (colour if colour in COLOURS and colour != "default" else "", "b" if bold else ""))
        )
        about = f' class="{classes}"' if classes else ""
        length = f' textLength="{len(text) * CELL:.2f}" lengthAdjust="spacingAndGlyphs"' if text.strip() else ""
        yield f'<tspan x="{EDGE + at * CELL:.2f}"{length}{about}>{html.escape(text, quote=False)}</tspan>'
        at = end


def main(argv: Sequence[str] | None = None) -> int:
    """Draw a recording. -> 0 done or up to date, 1 out of date."""
    parser = argparse.ArgumentParser(prog="python -m tools.recording", description=__doc__)
    parser.add_argument("cast", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the picture is out of date")
    args = parser.parse_args(argv)
    picture = render(args.cast.read_text(encoding="utf-8"))
    if args.check:
        return int(picture != args.svg.read_text(encoding="utf-8"))
    args.svg.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

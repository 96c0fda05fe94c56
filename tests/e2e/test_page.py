"""`why -o html` in a real Chromium: it shows, it asks nobody for anything, it has nothing to complain of.

Debian's chromium is installed where it is missing. `--update` writes the screenshot of the documentation anew.
"""

from __future__ import annotations

import html
import json
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubectl_imagepull.case import parse
from kubectl_imagepull.report.formats import render
from kubectl_imagepull.report.page import POLICY
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.verdict import judge

pytestmark = pytest.mark.lab  # not because of a cluster: a browser is as slow as one
ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
FLAGS = (  # noqa: SIM905
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --hide-scrollbars --enable-logging=stderr"
).split()
NOBODY = "--host-resolver-rules=MAP * ~NOTFOUND"
"""The browser's own questions go nowhere."""
SHOWN = "net.timeout-node-only"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program."""
    found = shutil.which("chromium")
    if found is None:
        command = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        found = shutil.which("chromium")
    assert found is not None
    return found


@dataclass(frozen=True)
class Opened:
    """What a page did. console: its lines; asked: the addresses it asked for beside its own; picture: the screenshot."""

    console: list[str]
    asked: list[str]
    picture: bytes


Open = Callable[..., Opened]


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Open:
    """Opens a page in a browser of its own."""

    def browse(source: str, *flags: str, height: int = 1400) -> Opened:
        page, log, picture = tmp_path / "page.html", tmp_path / "net.json", tmp_path / "page.png"
        page.write_text(source, encoding="utf-8")
        for old in (log, picture):
            old.unlink(missing_ok=True)
        ran = subprocess.run(
            [chromium, *FLAGS, NOBODY, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}",
             f"--window-size=1060,{height}", f"--screenshot={picture}", *flags, page.as_uri()],
            capture_output=True, text=True, timeout=90, check=True,
        )  # fmt: skip
        noted = json.loads(log.read_text())
        start = noted["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
        jobs = [
            event["params"] for event in noted["events"] if event["type"] == start and "url" in event.get("params", {})
        ]
        # what the browser wants for itself (its clock, its updates) has no page as initiator
        mine = [job["url"] for job in jobs if job.get("initiator") != "not an origin"]
        asked = [url for url in mine if not url.startswith(("data:", page.as_uri()))]
        console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
        return Opened(console, asked, picture.read_bytes() if picture.exists() else b"")

    return browse


def source_of(name: str) -> str:
    cases = parse((CASES / f"{name}.json").read_bytes(), name).cases
    return render("html", cases, [judge(case) for case in cases], Style())


def colours(png: bytes) -> tuple[tuple[int, int, int], int]:
    """(colour of the corner, number of colours in every tenth row) of an 8-bit PNG without interlacing (PNG: filters)."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6)
    size = 3 if kind == 2 else 4
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, stride = zlib.decompress(data), width * size
    before, seen, corner = bytes(stride), set(), (0, 0, 0)
    for row in range(height):
        method = raw[row * (stride + 1)]
        line = bytearray(raw[row * (stride + 1) + 1 : (row + 1) * (stride + 1)])
        for i in range(stride):
            left = line[i - size] if i >= size else 0
            up, both = before[i], before[i - size] if i >= size else 0
            if method == 1:
                line[i] = (line[i] + left) & 255
            elif method == 2:
                line[i] = (line[i] + up) & 255
            elif method == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif method == 4:
                guess = left + up - both
                near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - both), 2, both))[2]
                line[i] = (line[i] + near) & 255
        if row == 0:
            corner = (line[0], line[1], line[2])
        if row % 10 == 0:
            seen |= {bytes(line[i : i + 3]) for i in range(0, stride, size)}
        before = bytes(line)
    return corner, len(seen)


def test_the_watch_works(browse: Open) -> None:
    """A page that asks for something and one that throws are seen to do so."""
    opened = browse('<img src="http://127.0.0.1:9/x.png"><script>console.error("seen"); nothing()</script>', height=200)
    assert any("127.0.0.1:9" in url for url in opened.asked)
    assert any("seen" in line for line in opened.console) and any("nothing is not" in line for line in opened.console)


@pytest.mark.parametrize("name", [SHOWN, "several-containers"])
def test_it_asks_nobody(browse: Open, name: str) -> None:
    opened = browse(source_of(name))
    assert opened.console == [] and opened.asked == []
    corner, many = colours(opened.picture)
    assert corner == (255, 255, 255) and many > 50, "an empty page"


def test_hostile_texts_do_nothing(browse: Open) -> None:
    poison = "</text></svg></style><script>console.error(1)</script><img src=http://127.0.0.1:9/x onerror=x()>"
    text = (CASES / "tls.unknown_authority.json").read_text()
    spoiled = text.replace("unknown-ca", json.dumps(f"ca {poison}")[1:-1])
    assert spoiled != text
    cases = parse(spoiled.encode(), "spoiled").cases
    source = render("html", cases, [judge(case) for case in cases], Style())
    assert "&lt;script&gt;" in source
    opened = browse(source)
    assert opened.console == [] and opened.asked == []


MEASURE = """<script>
for (const one of document.querySelectorAll("body, body *"))
  if (one.getBoundingClientRect().right > innerWidth + 1 || one.scrollWidth > Math.max(one.clientWidth, innerWidth) + 1)
    console.log("cut off: " + one.outerHTML.slice(0, 80));
console.log("width " + innerWidth + " height " + document.body.scrollHeight);
</script>"""


def measured(browse: Open, source: str, width: int) -> list[str]:
    """What MEASURE says of a page in a window of this width: a frame, since the browser has no window narrower than 500."""
    inside = html.escape(source.replace(POLICY, "").replace("</body>", f"{MEASURE}</body>"))
    return browse(f'<iframe width="{width}" height="800" srcdoc="{inside}"></iframe>').console


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", [SHOWN, "several-containers", "net.refused-mirror", "auth.secret_wrong_registry"])
def test_nothing_is_cut_off(browse: Open, name: str, width: int) -> None:
    """On a phone and on a wide screen all of the page is inside of the window."""
    said = measured(browse, source_of(name), width)
    assert len(said) == 1 and f"width {width} height" in said[0], said


def test_the_measure_works(browse: Open) -> None:
    said = measured(browse, f"<body><pre>{'x' * 400}</pre></body>", 390)
    assert any("cut off: <pre>" in line for line in said), said


def test_dark(browse: Open) -> None:
    """A reader who prefers dark gets it."""
    opened = browse(source_of(SHOWN), "--blink-settings=preferredColorScheme=0", height=400)
    assert sum(colours(opened.picture)[0]) < 150 and opened.console == []


def test_it_prints(browse: Open, tmp_path: Path) -> None:
    """On paper there is more than on the screen: what is folded is printed too."""
    folded = source_of(SHOWN).replace("<details open>", "<details>")
    without = folded.replace("details::details-content", "details::none")
    sizes = []
    for source in (folded, without):
        paper = tmp_path / "page.pdf"
        assert browse(source, f"--print-to-pdf={paper}", "--no-pdf-header-footer").console == []
        sizes.append(len(paper.read_bytes()))
    assert sizes[0] > sizes[1]


def test_screenshot_of_the_documentation(browse: Open, request: pytest.FixtureRequest) -> None:
    """docs/report.png is there, small, and a picture; `--update` takes it anew."""
    file = ROOT / "docs" / "report.png"
    if request.config.getoption("--update"):
        file.write_bytes(browse(source_of(SHOWN), height=1080).picture)
    assert file.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert len(file.read_bytes()) < 200_000

"""The documentation as a site: it builds without a broken link, asks nobody but its server, is read on a phone and in the
dark.

The recording is drawn from what was recorded. `--update` records it anew on the lab.
"""

from __future__ import annotations

import functools
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_page import FLAGS, chromium, colours
from tools import docs

__all__ = ["chromium"]  # the fixture
pytestmark = pytest.mark.lab  # not because of a cluster: a browser is as slow as one
ROOT = Path(__file__).parents[2]
SHOWN = (
    "",
    "two-minutes/",
    "tutorial/",
    "faq/",
    "reference/",
    "rights/",
    "limits/",
    "causes/",
    "causes/tls.unknown_authority/",
    "changelog/",
)
"""Pages that a browser opens: wide tables, long lines, pictures."""
PHONE = 390


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site on a server of its own. -> its address."""
    folder = tmp_path_factory.mktemp("site")
    built = docs.mkdocs("build", "--strict", "--quiet", "--site-dir", str(folder))
    assert built.returncode == 0, "mkdocs says why above"
    (folder / "phone.html").write_text(
        "<!doctype html><script>let left="
        + str(len(SHOWN))
        + ";function seen(f){const d=f.contentDocument.documentElement;"
        "const p=document.createElement('p');p.textContent=f.name+'='+d.scrollWidth;document.body.append(p);"
        "if(!--left)document.title='done'}</script><body>"
        + "".join(
            f'<iframe name="/{page}" src="/{page}" width="{PHONE}" height="700" onload="seen(this)"></iframe>'
            for page in SHOWN
        )
    )
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def opened(chromium: str, address: str, folder: Path, *flags: str) -> tuple[str, list[str], list[str]]:
    """(what chromium prints, lines of the console, addresses beyond the site's that the page asked for)."""
    log = folder / "net.json"
    log.unlink(missing_ok=True)
    only = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    ran = subprocess.run(
        [chromium, *FLAGS, only, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}",
         "--virtual-time-budget=8000", *flags, address],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    noted = json.loads(log.read_text())
    start = noted["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    jobs = [e["params"] for e in noted["events"] if e["type"] == start and "url" in e.get("params", {})]
    mine = [job["url"] for job in jobs if job.get("initiator") != "not an origin"]
    console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    return ran.stdout, console, [url for url in mine if not url.startswith(("data:", "blob:", "http://127.0.0.1:"))]


def test_it_shows(site: str, chromium: str, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    opened(chromium, site, tmp_path, f"--screenshot={picture}", "--window-size=1280,1000")
    corner, many = colours(picture.read_bytes())
    assert many > 50 and sum(corner) > 100, "an empty page"


def test_dark(site: str, chromium: str, tmp_path: Path) -> None:
    """A reader whose system is dark gets it dark."""
    schemes = []
    for name, flags in (("light", ()), ("dark", ("--blink-settings=preferredColorScheme=0",))):
        (tmp_path / name).mkdir()  # a profile of its own: the site remembers what a reader chose
        out, _, _ = opened(chromium, site + "two-minutes/", tmp_path / name, "--dump-dom", *flags)
        schemes.append(re.findall(r'data-md-color-scheme="(\w+)"', out.partition("<body")[2])[0])
    assert schemes == ["default", "slate"]


def test_on_a_phone(site: str, chromium: str, tmp_path: Path) -> None:
    """Nothing makes a page wider than a phone: tables and reports scroll by themselves. No page asks anybody but its server."""
    out, console, asked = opened(chromium, site + "phone.html", tmp_path, "--dump-dom")
    widths = {name: int(width) for name, width in re.findall(r"<p>(/[^=<]*)=(\d+)</p>", out)}
    assert (console, asked) == ([], [])
    assert set(widths) == {f"/{page}" for page in SHOWN}
    assert {name: width for name, width in widths.items() if width > PHONE} == {}

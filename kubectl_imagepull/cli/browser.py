"""Showing a page in the user's browser."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def page(out: TextIO) -> Iterator[TextIO]:
    """A stream for a page; what was written into it is shown at the end, and out gets the line that says where it is.

    The file lies in a folder that nobody else may read (mode 0700) and stays: a browser reads it again when the page is reloaded.
    Raises OSError where it cannot be written.
    """
    document = io.StringIO()
    try:
        yield document
    finally:
        if document.getvalue():
            file = pathlib.Path(tempfile.mkdtemp(prefix="imagepull-"), "why.html")
            file.write_text(document.getvalue(), encoding="utf-8")
            shown = _has_display() and webbrowser.open(file.as_uri())
            out.write(f"{file}\n" if shown else f"{file} (there is no browser here to show it)\n")


def _has_display() -> bool:
    """Whether a browser can have a window. Without one, `webbrowser` would take the terminal for w3m or lynx."""
    if sys.platform in ("win32", "darwin") or os.environ.get("BROWSER"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

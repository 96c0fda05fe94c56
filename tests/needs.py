"""Tools that some tests need: a developer who has none goes without the tests, CI does not."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip where one of these commands is missing. In CI (environment CI, as forges set it) run, and fail there."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing) and not os.environ.get("CI"), reason=f"missing: {', '.join(missing)}")

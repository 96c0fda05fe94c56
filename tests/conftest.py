"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

# the same cases in every run: a failure here is a failure there
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the golden reports anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab's tests come last: they are the slow ones."""
    items.sort(key=lambda item: item.get_closest_marker("lab") is not None)

"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from kubectl_imagepull.model import Finding
from kubectl_imagepull.verdict.rule import Rule
from kubectl_imagepull.verdict.view import CaseView

# the same cases in every run: a failure here is a failure there
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("fixed")
# A shell that starts the tests in the background has the interrupt ignored, and what a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def declared_causes() -> Iterator[None]:
    """No rule yields a cause that it has not declared, in whatever test it is asked."""
    find = Rule.findings

    def checked(self: Rule, case: CaseView) -> list[Finding]:
        found = find(self, case)
        for finding in found:
            assert finding.cause in self.causes, f"{self.name} yields {finding.cause}, which it does not declare"
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "findings", checked)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the golden reports anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab's tests come last: they are the slow ones."""
    items.sort(key=lambda item: item.get_closest_marker("lab") is not None)

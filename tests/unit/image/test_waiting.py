"""The reasons for waiting, here and in the catalogue."""

from __future__ import annotations

from kubectl_imagepull.catalogue import reasons
from kubectl_imagepull.image.waiting import NOT_PULLING, PULL_REASONS, PULLED_REASONS


def test_one_list_of_failed_pulls() -> None:
    assert {reason.name for reason in reasons.load().values()} == PULL_REASONS


def test_a_reason_says_one_thing() -> None:
    assert not PULL_REASONS & NOT_PULLING and PULLED_REASONS < NOT_PULLING

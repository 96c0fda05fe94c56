"""Which tag or reference was meant by another; verdict/test_fixes.py has what is offered of it."""

from __future__ import annotations

import pytest

from kubectl_imagepull.image.spelling import near, only_written_otherwise, plain


@pytest.mark.parametrize(
    ("tag", "asked", "meant"),
    [
        ("1.35.0", "1.35", True),
        ("2.0.0-alpine", "2.0.0", True),
        ("1.35.1", "1.35.7", True),
        ("1.36.1", "1.35.1", False),
        ("1.350", "1.35", False),
        ("stable", "stabel", True),
        ("stable", "latest", False),
        ("v1", "1", False),
    ],
)
def test_a_tag_that_may_be_meant(tag: str, asked: str, meant: bool) -> None:
    assert near(tag, asked) is meant and near(asked, tag) is meant


def test_what_is_often_mistyped() -> None:
    assert plain(" V2.0 ") == plain("2.0") != plain("2.0.0")


@pytest.mark.parametrize(
    ("image", "suggestion", "same"),
    [
        ("https://reg.io/App:1", "reg.io/app:1", True),
        ("reg.io/ app:1", "reg.io/app:1", True),
        ("reg.io/app", "reg.io/app:1", False),
    ],
)
def test_a_reference_that_is_only_written_otherwise(image: str, suggestion: str, same: bool) -> None:
    assert only_written_otherwise(image, suggestion) is same

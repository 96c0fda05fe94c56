"""What a run makes, by its form; labels alone are anybody's."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.model.runs import MANAGED_BY, RUN_LABEL, of_a_run

NAME = "imagepull-node1-0a1b2c"
LABELS = {**MANAGED_BY, RUN_LABEL: NAME}


def found(name: str, labels: dict[str, str], *owners: str) -> dict[str, Any]:
    references = [{"kind": owner.partition("/")[0], "name": owner.partition("/")[2]} for owner in owners]
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": references}}


@pytest.mark.parametrize(
    ("kind", "name", "owners"),
    [
        ("job", NAME, []),
        ("pod", NAME, []),
        ("pod", f"{NAME}-x7x9z", [f"Job/{NAME}"]),
        ("configmap", NAME, [f"Job/{NAME}"]),
        ("configmap", NAME, [f"Pod/{NAME}"]),
    ],
)
def test_of_a_run(kind: str, name: str, owners: list[str]) -> None:
    assert of_a_run(kind, found(name, LABELS, *owners))
    for missing in LABELS:
        assert not of_a_run(kind, found(name, {k: v for k, v in LABELS.items() if k != missing}, *owners))


@pytest.mark.parametrize(
    ("kind", "name", "owners"),
    [
        ("pod", "web-5cc65698d4-2s829", ["ReplicaSet/web-5cc65698d4"]),
        ("pod", f"{NAME}-x7x9z", ["ReplicaSet/web"]),
        ("pod", f"{NAME}-x7x9z", [f"Job/{NAME}", "ReplicaSet/web"]),
        ("pod", f"{NAME}-x7x9z", ["Job/another"]),
        ("pod", f"{NAME}-longer", [f"Job/{NAME}"]),
        ("pod", "web", []),
        ("job", NAME, ["CronJob/x"]),
        ("configmap", NAME, []),
        ("deployment", NAME, []),
    ],
)
def test_labels_can_be_worn_by_anybody(kind: str, name: str, owners: list[str]) -> None:
    assert not of_a_run(kind, found(name, LABELS, *owners))

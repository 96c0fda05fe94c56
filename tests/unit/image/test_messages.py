"""What `classify` makes of real messages. corpus/messages.jsonl: one message a line with its cause; corpus/captured.jsonl: whole
failures of a two-node cluster with every waiting state and event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.image.messages import classify, classify_all

CORPUS = Path(__file__).parents[2] / "corpus"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text().splitlines()]


def test_the_corpus_is_read_as_labelled() -> None:
    cases = lines("messages.jsonl")
    found = [(case, classify(case["message"]).cause) for case in cases]
    sure = [(case["id"], cause, case["cause"]) for case, cause in found if case["confidence"] == "sure"]
    wrong = [one for one in sure if one[1] != one[2]]
    assert len(wrong) <= 0.03 * len(sure), wrong
    unacceptable = [
        (case["id"], cause, case["cause"])
        for case, cause in found
        if cause not in (case["cause"], *case.get("also_acceptable", []))
    ]
    assert len(unacceptable) <= 0.01 * len(cases), unacceptable


@pytest.mark.parametrize("case", lines("captured.jsonl"), ids=lambda case: f"{case['scenario']}-{case['node']}")
def test_a_captured_failure_names_its_cause(case: dict[str, Any]) -> None:
    right = {case["cause"], *case["accept"]}
    texts = [event["message"] for event in case["events"]] + [case["message"]]
    whole = classify_all(texts)
    assert right & {whole.cause, *whole.also}
    if case["message"]:
        alone = classify(case["message"])
        assert right & {alone.cause, *alone.also}

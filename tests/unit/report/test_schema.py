"""The schema that ships says what the model says, and fits what is written of every role."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest

from kubectl_imagepull.case import parse
from kubectl_imagepull.model import HopLine, ReadError, Subject
from kubectl_imagepull.model.vocabulary import CONTAINER_ROLES, HOPS, ROLES
from kubectl_imagepull.report import machine
from kubectl_imagepull.report.sentences import container, label
from kubectl_imagepull.verdict import judge
from tools import schema

CASE = Path(__file__).parents[2] / "cases" / "image.tag_unknown.json"


def test_the_file_is_made_from_the_model() -> None:
    assert machine.schema() == schema.schema(), "python -m tools.schema writes it anew"
    jsonschema.Draft202012Validator.check_schema(machine.schema())


@pytest.mark.parametrize("role", CONTAINER_ROLES)
def test_every_role_of_a_container_fits(role: str) -> None:
    """Those of image volumes too."""
    case = parse(CASE.read_bytes(), CASE.name).cases[0]
    case = dataclasses.replace(case, target=dataclasses.replace(case.target, role=role))
    jsonschema.validate(machine.diagnosis(case, judge(case)), machine.schema())
    assert (container(case) == "container app") == (role == "container")


def test_what_could_not_be_read_fits() -> None:
    case = parse(CASE.read_bytes(), CASE.name).cases[0]
    case = dataclasses.replace(case, errors=(ReadError("api", "secrets may not be read", "Secret"),))
    document = machine.diagnosis(case, judge(case))
    jsonschema.validate(document, machine.schema())
    assert document["errors"] == [{"where": "api", "message": "secrets may not be read"}]


def test_what_is_not_declared_does_not_fit() -> None:
    case = parse(CASE.read_bytes(), CASE.name).cases[0]
    document = json.loads(json.dumps(machine.diagnosis(case, judge(case))))
    document["target"]["role"] = "king"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, machine.schema())


def test_labels_say_nothing_twice() -> None:
    for hop in HOPS:
        for role in ROLES:
            words = label(HopLine(hop, Subject(role, "h.example"), "pass", "n1", "")).split()
            assert len({word.rstrip("s") for word in words}) == len(words)

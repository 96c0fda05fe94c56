"""Writes the JSON Schema of the machine-readable report from the model: `python -m tools.schema`. A test holds the file to it.

What a document says with a field of the model has that field's type, words and docstring; what it makes up stands here.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import types
import typing
from pathlib import Path
from typing import Any

from kubectl_imagepull import model
from kubectl_imagepull.model import vocabulary
from kubectl_imagepull.report.machine import API_VERSION
from kubectl_imagepull.report.sentences import ACTORS

FILE = Path(__file__).parents[1] / "kubectl_imagepull" / "report" / "schema.json"
TEXT: dict[str, Any] = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
CAUSE = {"$ref": "#/$defs/cause"}
OVER = {
    "cause": CAUSE,
    "also": {"type": "array", "items": CAUSE},
    "alternatives": {"type": "array", "items": CAUSE},
    "actor": {"$ref": "#/$defs/actor"},
    "confidence": {"$ref": "#/$defs/confidence"},
}
"""Fields that are more than a text, by name."""
AT_LEAST_0 = frozenset({"seconds", "attempts"})


def schema() -> dict[str, Any]:
    """The whole document."""
    kinds = ("diagnosis", "diagnosisList", "nodeReport")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://imagepull.dev/schema/v1alpha1.json",
        "title": "kubectl imagepull -o json",
        "oneOf": [ref(kind) for kind in kinds],
        "$defs": {
            "apiVersion": {"const": API_VERSION},
            "cause": {"type": "string", "pattern": r"^[a-z_]+(\.[a-z_]+)?$"},
            "confidence": {"enum": list(vocabulary.CONFIDENCES)},
            "actor": {"enum": [*ACTORS, "nobody", ""]},
            "subject": of(model.Subject, role={"enum": list(vocabulary.ROLES)}),
            "hop": of(model.HopLine, hop={"enum": list(vocabulary.HOPS)}),
            "finding": of(model.Finding, without=("because",)),
            "fix": of(model.Fix),
            "probe": of(model.ProbeRun, without=("owner",), rung={"enum": ["none", *vocabulary.RUNGS]}),
            "error": of(model.ReadError, without=("kind",)),
            "diagnosis": diagnosis(),
            "diagnosisList": kind_of("DiagnosisList", items=listed("diagnosis")),
            "nodeReport": node_report(),
        },
    }


def diagnosis() -> dict[str, Any]:
    """One container of one pod."""
    shown = ("cause", "confidence", "subject", "title", "actor", "explanation", "alternatives", "passed")
    owner = of(model.Owner, without=("uid", "images"))
    state = of(model.Facts, only=("phase", "reason", "attempts"))
    extra = {
        "since": {"type": ["string", "null"], "description": "When the first failure was seen, in UTC."},
        "nextRetrySeconds": {"type": ["number", "null"]},
        "kubeletMessage": {"type": "string", "description": "The runtime's own words, untrusted."},
    }
    state["properties"].update(extra)
    state["required"] += [*extra]
    skipped = of(model.Skipped, only=("causes",))
    skipped["properties"]["why"] = {"type": "string", "description": "Which hops no vantage saw."}
    skipped["required"] += ["why"]
    return kind_of(
        "Diagnosis",
        toolVersion=TEXT,
        generatedAt=TEXT,
        target=of(
            model.Target, role={"enum": list(vocabulary.CONTAINER_ROLES)}, owner={"oneOf": [{"type": "null"}, owner]}
        ),
        state=state,
        verdict=of(model.Verdict, only=shown, title={"type": "string", "minLength": 1}),
        hops=listed("hop"),
        findings=listed("finding"),
        ruledOut={"type": "array", "items": of(model.RuledOut, without=("host",))},
        skipped={"type": "array", "items": skipped},
        fixes=listed("fix"),
        probe=ref("probe"),
        peerProbe=ref("probe"),
        errors=listed("error"),
        optional=("peerProbe",),
    )


def node_report() -> dict[str, Any]:
    """What probe-node writes."""
    registry = an_object(host=TEXT, brokenHop={"type": ["string", "null"]}, summary=TEXT, hops=listed("hop"))
    pull = an_object(
        image=TEXT,
        outcome={"enum": ["pulled", "failed", "unfinished"]},
        cause=CAUSE,
        confidence=ref("confidence"),
        title=TEXT,
        also=OVER["also"],
        message=TEXT,
        seconds={"type": "number", "minimum": 0},
        optional=("confidence", "title"),
    )
    return kind_of(
        "NodeReport",
        toolVersion=TEXT,
        generatedAt=TEXT,
        node=TEXT,
        registries={"type": "array", "items": registry},
        pull=pull,
        probe=ref("probe"),
        errors=listed("error"),
        optional=("pull",),
    )


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def listed(name: str) -> dict[str, Any]:
    return {"type": "array", "items": ref(name)}


def kind_of(kind: str, **properties: Any) -> dict[str, Any]:
    """A document with its apiVersion and kind."""
    return an_object(apiVersion=ref("apiVersion"), kind={"const": kind}, **properties)


def an_object(optional: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object that has these properties and no others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


def of(shape: type, without: tuple[str, ...] = (), only: tuple[str, ...] = (), **given: Any) -> dict[str, Any]:
    """An object with the fields of a dataclass, in camel case. given: the schema of a field that its type does not tell."""
    hints, told = typing.get_type_hints(shape), docstrings(shape)
    unknown = {*without, *only, *given} - {one.name for one in dataclasses.fields(shape)}
    if unknown:
        raise ValueError(f"{shape.__name__} has no {', '.join(sorted(unknown))}")
    found = {}
    for one in dataclasses.fields(shape):
        if one.name in without or (only and one.name not in only):
            continue
        value = dict(given.get(one.name) or OVER.get(one.name) or of_type(hints[one.name]))
        if one.name in AT_LEAST_0:
            value["minimum"] = 0
        if one.name in told and "$ref" not in value:
            value["description"] = told[one.name]
        head, *tail = one.name.split("_")
        found[head + "".join(word.title() for word in tail)] = value
    return an_object(**found)


def of_type(hint: Any) -> dict[str, Any]:
    """The schema of a field's type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": of_type(arguments[0])}
    if origin in (types.UnionType, typing.Union):
        return {"oneOf": [{"type": "null"}, of_type(next(a for a in arguments if a is not types.NoneType))]}
    if hint is model.Subject:
        return ref("subject")
    return {"type": {str: "string", bool: "boolean", int: "integer", float: "number"}[hint]}


def docstrings(shape: type) -> dict[str, str]:
    """Field -> the docstring below it."""
    tree = ast.parse(inspect.getsource(shape)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, told in zip(tree.body, tree.body[1:], strict=False):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if named and isinstance(told, ast.Expr) and isinstance(told.value, ast.Constant):
            found[field.target.id] = " ".join(str(told.value.value).split())  # type: ignore[attr-defined]
    return found


def written() -> str:
    """The text of the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")

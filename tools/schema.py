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
from kubectl_imagepull.image import manifests, pins
from kubectl_imagepull.model import vocabulary
from kubectl_imagepull.model.check import SEVERITIES
from kubectl_imagepull.report.fleet import Kind, Trouble
from kubectl_imagepull.report.machine import API_VERSION
from kubectl_imagepull.report.sentences import ACTORS
from kubectl_imagepull.verdict.separating import Apart

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
    kinds = ("diagnosis", "diagnosisList", "nodeReport", "nodeReportList", "scan", "check", "pin")
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
            "nodeReportList": node_report_list(),
            "scan": scan(),
            "check": check(),
            "pin": pin(),
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


def scan() -> dict[str, Any]:
    """What scan writes."""
    count = {"type": "integer", "minimum": 0}
    owner = an_object(kind=TEXT, name=TEXT)
    time = {"type": ["string", "null"]}
    affected = an_object(
        namespace=TEXT,
        pod=TEXT,
        container=TEXT,
        role={"enum": list(vocabulary.CONTAINER_ROLES)},
        image=TEXT,
        node=TEXT,
        owner={"oneOf": [owner, {"type": "null"}]},
        since=time,
    )
    cause = an_object(
        cause=CAUSE,
        confidence=ref("confidence"),
        subject=ref("subject"),
        title=TEXT,
        actor=ref("actor"),
        since=time,
        pods=count,
        namespaces=TEXTS,
        workloads=TEXTS,
        nodes=TEXTS,
        next=TEXT,
        probe=ref("probe"),
        affected={"type": "array", "items": affected},
    )
    return kind_of(
        "Scan",
        toolVersion=TEXT,
        generatedAt=TEXT,
        pods=count,
        failing=count,
        causes={"type": "array", "items": cause},
        errors=listed("error"),
    )


def pin() -> dict[str, Any]:
    """What pin writes."""
    place = of(manifests.Place, only=("file", "line", "column", "field", "container", "role", "image"))
    row = of(pins.Row, only=("outcome", "image", "why", "cause"))["properties"]
    image = an_object(
        **place["properties"],
        object=an_object(kind=TEXT, namespace=TEXT, name=TEXT),
        outcome=row["outcome"],
        pinned=row["image"],
        why=row["why"],
        cause={"type": "string", "description": row["cause"].get("description", "")},
    )
    error = of(manifests.Trouble, only=("file", "line", "what", "message"))
    return kind_of(
        "Pin",
        toolVersion=TEXT,
        generatedAt=TEXT,
        mode={"enum": ["diff", "write", "check"]},
        images={"type": "array", "items": image},
        files={"type": "array", "items": an_object(name=TEXT, written={"type": "boolean"})},
        commands=TEXTS,
        notes=TEXTS,
        errors={"type": "array", "items": error},
    )


def check() -> dict[str, Any]:
    """What check writes."""
    problem = an_object(id=TEXT, severity={"enum": list(SEVERITIES)}, text=TEXT, advice=TEXT)
    use = an_object(where=TEXT, container=TEXT, role=TEXT, file=TEXT, line={"type": "integer", "minimum": 0})
    image = an_object(
        image=TEXT,
        digest=TEXT,
        login=TEXT,
        unchecked=TEXT,
        problems={"type": "array", "items": problem},
        uses={"type": "array", "items": use},
    )
    return kind_of(
        "Check",
        toolVersion=TEXT,
        generatedAt=TEXT,
        failOn={"enum": [*SEVERITIES, "never"]},
        images={"type": "array", "items": image},
        notes={"type": "array", "items": problem},
        errors=listed("error"),
    )


def node_report_list() -> dict[str, Any]:
    """What probe-node writes of several nodes."""
    count = {"type": "integer", "minimum": 0}
    told = docstrings(Apart)
    apart = an_object(
        label={**TEXT, "description": told["key"]},
        values={"type": "array", "items": {"type": ["string", "null"]}, "description": told["values"]},
        but={"type": "boolean", "description": told["but"]},
        withIt={**count, "description": told["with_it"]},
        broken={**count, "description": told["broken"]},
        healthyWithIt={**count, "description": told["healthy_with_it"]},
        healthy={**count, "description": told["healthy"]},
        chance={"type": "number", "minimum": 0, "maximum": 1, "description": told["chance"]},
        also={**TEXTS, "description": told["also"]},
        words={**TEXT, "description": "The same in words."},
    )
    of_group = docstrings(Trouble)
    group = an_object(
        kind={"enum": list(typing.get_args(Kind)), "description": of_group["kind"]},
        title={**TEXT, "description": "How many of how many nodes, and what they cannot do."},
        summary={**TEXT, "description": of_group["said"]},
        hop={"enum": ["", *vocabulary.HOPS], "description": of_group["hop"]},
        registries={**TEXTS, "description": of_group["registries"]},
        nodes={**TEXTS, "description": of_group["nodes"]},
        of={**count, "description": of_group["of"]},
        apart={"oneOf": [{"type": "null"}, apart], "description": of_group["apart"]},
    )
    return kind_of(
        "NodeReportList",
        toolVersion=TEXT,
        generatedAt=TEXT,
        interrupted={"type": "boolean", "description": "Somebody did not want to wait for the rest."},
        items=listed("nodeReport"),
        groups={"type": "array", "items": group},
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

"""Values of the model to and from JSON. Reading is strict: what does not fit is refused, with the path of the field."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from ..text import printable
from .case import Case, PullSecret
from .observation import Detail, Observation, Subject, detail_of
from .vocabulary import HOPS, OUTCOMES, ROLES, SECRET_CAUSES


class Misfit(ValueError):
    """A JSON value that does not fit its place. str(): one line, with the field's path."""


def to_json(value: Any) -> Any:
    """Dataclasses as JSON values, fields in their order; of a detail, those that say something."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if isinstance(value, Observation):
            return {"hop": value.hop, **found, "detail": _telling(value.detail)}
        return found
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    return value


def _telling(value: Any) -> Any:
    """A detail as JSON values, without the fields that have their default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        both = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {f.name: _telling(mine) for f, mine in both if mine != f.default}
    return [_telling(v) for v in value] if isinstance(value, tuple) else value


@cache
def _hints(shape: type) -> Mapping[str, Any]:
    return typing.get_type_hints(shape)


def build(shape: Any, value: Any, where: str) -> Any:
    """A value of this annotation from a JSON value. where: its path, for errors. Raises Misfit."""
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if dataclasses.is_dataclass(shape) and isinstance(shape, type):
        return _dataclass(shape, value, where)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else build(next(a for a in arguments if a is not types.NoneType), value, where)
    if origin is Literal:
        if value not in arguments or not isinstance(value, str):
            raise _wrong(where, f"one of {', '.join(arguments)}", value)
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return tuple(build(arguments[0], item, f"{where}[{n}]") for n, item in enumerate(value))
    if shape is bool and isinstance(value, bool):
        return value
    if shape is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return value
    if shape is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        # every reader of JSON takes smaller ones for the same (RFC 8259, section 6)
        if (isinstance(value, int) or math.isfinite(value)) and abs(value) < 2**53:
            return float(value)
        raise _wrong(where, "a number of sensible size", value)
    if shape is str and isinstance(value, str):
        return _text(value, where)
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    raise _wrong(where, names.get(shape, "another value"), value)


def _dataclass(shape: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    fields = {f.name: f for f in dataclasses.fields(shape)}
    hints: Mapping[str, Any] = _hints(shape)
    if shape is Case:
        del fields["version"]
    if shape is Observation:
        value = dict(value)
        hints = {**hints, "detail": _detail(value.pop("hop", None), value.get("outcome"), where)}
        value.setdefault("detail", {})
    for name in value:
        if name not in fields:
            raise Misfit(printable(f"{where}.{name[:60]}: no field of a case: damaged, or from another version"))
    found = {}
    for name, one in fields.items():
        if name in value:
            found[name] = build(hints[name], value[name], f"{where}.{name}")
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise Misfit(f"{where}.{name}: missing")
    made = shape(**found)
    if isinstance(made, Subject) and made.role not in ROLES:
        raise _wrong(f"{where}.role", f"one of {', '.join(sorted(ROLES))}", made.role)
    if isinstance(made, PullSecret):
        states = OUTCOMES["credentials"]
        if made.state not in states:
            raise _wrong(f"{where}.state", f"one of {', '.join(states)}", made.state)
        if made.cause and made.cause not in SECRET_CAUSES:
            raise _wrong(f"{where}.cause", f"one of {', '.join(sorted(SECRET_CAUSES))} or an empty text", made.cause)
    return made


def _detail(hop: Any, outcome: Any, where: str) -> type[Detail]:
    kind = detail_of(hop, outcome if isinstance(outcome, str) else "") if isinstance(hop, str) else None
    if kind is None:
        raise _wrong(f"{where}.hop", f"one of {', '.join(HOPS)}", hop)
    return kind


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misfit(printable(f"{where}: half of a surrogate pair, which is no text")) from None
    return value


def _wrong(where: str, expected: str, value: Any) -> Misfit:
    return Misfit(printable(f"{where}: expected {expected}, got {short(value)}"))


def short(value: Any) -> str:
    """A JSON value in a few words."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."

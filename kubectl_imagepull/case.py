"""Cases as files: what a diagnosis was drawn from, to be judged again elsewhere.

A file is one JSON object: kind, version, toolVersion, about (free words on where it comes from) and cases, each the
fields of `model.Case`. Reading is strict: what does not fit is named by file and field, and nothing of it is judged.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from . import __version__
from .model import CASE_VERSION, HOPS, Case, Observation, Subject, to_json

API_VERSION = "imagepull.dev/v1alpha1"
KIND = "Case"
LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read at all: some thousand containers with every probe."""
ROLES = frozenset({"registry", "mirror", "token", "blob", "proxy", "dns-server", "node", "pod"})


class CaseError(ValueError):
    """A file that is no case. str(): one line that names the file and, where there is one, the field."""


@dataclass(frozen=True)
class CaseFile:
    """The cases of one run. about: where they come from, in the words of whoever made the file; may be empty."""

    cases: tuple[Case, ...]
    about: Mapping[str, str] = field(default_factory=dict)


def case_to_json(case: Case) -> dict[str, Any]:
    """One Case as JSON values. The version stands once in the file, not in each of its cases."""
    value: dict[str, Any] = to_json(without_secrets(case))
    del value["version"]
    return value


def case_from_json(value: Any, where: str = "case") -> Case:
    """One Case from JSON values. Raises CaseError, with the field's path below `where`."""
    case = _build(Case, value, where)
    assert isinstance(case, Case)
    return case


def dump(file: CaseFile) -> str:
    """The text of a file."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "version": CASE_VERSION,
        "toolVersion": __version__,
        "about": dict(file.about),
        "cases": [case_to_json(case) for case in file.cases],
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def parse(data: bytes, name: str) -> CaseFile:
    """A file's content. name: what the file is called in errors. Raises CaseError: one line."""
    document = _document(data, name)
    version = document.get("version")
    if document.get("kind") != KIND or document.get("apiVersion") != API_VERSION:
        found = document.get("kind")
        what = f"a {found[:40]}" if isinstance(found, str) and found else "something else"
        raise CaseError(_line(f"{name}: not a case of kubectl imagepull but {what} (why --save-case FILE writes one)"))
    if type(version) is not int or version < 1:
        raise CaseError(_line(f"{name}: version: expected a whole number from 1, got {_short(version)}"))
    if version > CASE_VERSION:
        by = document.get("toolVersion")
        maker = f" by kubectl imagepull {by[:20]}" if isinstance(by, str) and by else ""
        raise CaseError(
            _line(
                f"{name}: saved{maker} in case version {version}; this is {__version__}, which reads up to version "
                f"{CASE_VERSION}: use a newer kubectl imagepull"
            )
        )
    unknown = set(document) - {"apiVersion", "kind", "version", "toolVersion", "about", "cases"}
    if unknown:
        raise CaseError(_line(f"{name}: {sorted(unknown)[0][:60]}: no field of a case file"))
    about = document.get("about", {})
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise CaseError(f"{name}: about: expected an object of texts")
    cases = document.get("cases")
    if not isinstance(cases, list) or not cases:
        raise CaseError(f"{name}: cases: expected a list with at least one case")
    return CaseFile(tuple(case_from_json(c, f"{name}: cases[{n}]") for n, c in enumerate(cases)), about)


def _document(data: bytes, name: str) -> dict[str, Any]:
    if len(data) > LARGEST:
        raise CaseError(f"{name}: larger than {LARGEST // 1024 // 1024} MiB: no case")
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise CaseError(f"{name}: not a case: no UTF-8 text") from None
    except RecursionError:
        raise CaseError(f"{name}: not a case: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise CaseError(f"{name}: not a case: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise CaseError(_line(f"{name}: not a case: {error}")) from None
    if not isinstance(document, dict):
        raise CaseError(f"{name}: not a case: expected an object, got {_short(document)}")
    return document


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if key in {k for k, _ in pairs[:n]})
        raise ValueError(f"{twice[:60]!r} stands there twice")
    return found


@cache
def _hints(shape: type) -> Mapping[str, Any]:
    return typing.get_type_hints(shape)


def _build(shape: Any, value: Any, where: str) -> Any:
    """A value of this annotation. Raises CaseError."""
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if shape is Any:
        return _plain(value, where)
    if dataclasses.is_dataclass(shape) and isinstance(shape, type):
        return _dataclass(shape, value, where)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _build(next(a for a in arguments if a is not types.NoneType), value, where)
    if origin is Literal:
        if value not in arguments or not isinstance(value, str):
            raise _wrong(where, f"one of {', '.join(arguments)}", value)
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return tuple(_build(arguments[0], item, f"{where}[{n}]") for n, item in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        return {str(k): _build(arguments[1], v, f"{where}.{str(k)[:60]}") for k, v in value.items()}
    if shape is bool and isinstance(value, bool):
        return value
    if shape is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return value
    if shape is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value) and abs(value) < 2**53:
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
    if shape is Case:
        del fields["version"]
    for name in value:
        if name not in fields:
            raise CaseError(_line(f"{where}.{name[:60]}: no field of a case: damaged, or from another version"))
    found = {}
    for name, one in fields.items():
        if name in value:
            found[name] = _build(_hints(shape)[name], value[name], f"{where}.{name}")
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise CaseError(f"{where}.{name}: missing")
    made = shape(**found)
    if isinstance(made, Observation) and made.hop not in HOPS:
        raise _wrong(f"{where}.hop", f"one of {', '.join(HOPS)}", made.hop)
    if isinstance(made, Subject) and made.role not in ROLES:
        raise _wrong(f"{where}.role", f"one of {', '.join(sorted(ROLES))}", made.role)
    return made


def _plain(value: Any, where: str) -> Any:
    """A JSON value as it is, without lone surrogates and giant numbers, which no later step could print."""
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, list):
        return [_plain(item, f"{where}[{n}]") for n, item in enumerate(value)]
    if isinstance(value, dict):
        return {_text(k, where): _plain(v, f"{where}.{k[:60]}") for k, v in value.items()}
    if isinstance(value, (int, float)) and not (math.isfinite(value) and abs(value) < 2**53):
        raise _wrong(where, "a number of sensible size", value)
    return value


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CaseError(_line(f"{where}: half of a surrogate pair, which is no text")) from None
    return value


def _wrong(where: str, expected: str, value: Any) -> CaseError:
    return CaseError(_line(f"{where}: expected {expected}, got {_short(value)}"))


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _line(text: str) -> str:
    """Without anything that a terminal would act on: keys and values of a foreign file stand in errors."""
    return "".join(c if c.isprintable() else "?" for c in text)


QUERY_KEPT = frozenset({"scope", "service", "ns", "n", "last", "digest", "mount", "from", "account", "client_id"})
"""Query parameters that carry no secret (distribution: token specification and list API); a redirect to a blob
store carries a signature, which opens the blob to whoever reads it."""
_USERINFO = re.compile(
    r"(?P<before>\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://)(?P<user>[^\s/@:\"'<>?#]{0,256}):[^\s/@\"'<>?#]{1,4096}@"
)
_QUERY = re.compile(r"(?<=[?&])(?P<key>[A-Za-z0-9_.%-]{1,64})=(?P<value>[^&\s\"'<>\\]{1,8192})")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,8192}\.[A-Za-z0-9_-]{2,16384}\.?[A-Za-z0-9_-]{0,8192}")
_HEADER = re.compile(r"(?i)\b(?P<scheme>basic|bearer) (?P<value>[A-Za-z0-9+/._~-]{16,8192}={0,2})(?![A-Za-z0-9=\"])")
HIDDEN = "REDACTED"


def without_secrets(case: Case) -> Case:
    """The same Case without what a server or a runtime may have quoted of a credential: passwords in URLs, query values
    but those of the token specification, tokens. The values read from pull secrets never get into a Case.
    """
    return typing.cast(Case, _scrubbed(case))


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return hide(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        old = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        new = {name: _scrubbed(item) for name, item in old.items()}
        return dataclasses.replace(value, **new) if any(new[n] is not old[n] for n in old) else value
    if isinstance(value, Mapping):
        changed = {k: _scrubbed(v) for k, v in value.items()}
        return changed if any(changed[k] is not value[k] for k in changed) else value
    if isinstance(value, Sequence):
        items = [_scrubbed(item) for item in value]
        if all(a is b for a, b in zip(items, value, strict=True)):
            return value
        return tuple(items) if isinstance(value, tuple) else items
    return value


def hide(text: str) -> str:
    """A text without passwords in URLs, query values that may be signatures, and tokens."""
    if "://" in text:
        text = _USERINFO.sub(lambda m: f"{m['before']}{m['user']}:{HIDDEN}@", text)
    if "=" in text and ("?" in text or "&" in text):
        text = _QUERY.sub(lambda m: m[0] if m["key"].lower() in QUERY_KEPT else f"{m['key']}={HIDDEN}", text)
    if "eyJ" in text:
        text = _JWT.sub(HIDDEN, text)
    return _HEADER.sub(lambda m: f"{m['scheme']} {HIDDEN}", text)

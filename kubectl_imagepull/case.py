"""Cases as files: what a diagnosis was drawn from, to be judged again elsewhere.

A file is one JSON object: kind, version, toolVersion, about (free words on where it comes from) and cases, each the
fields of `model.Case`. Reading is strict: what does not fit is named by file and field, and nothing of it is judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import __version__
from .model import CASE_VERSION, Case
from .model.strict import Misfit, build, short, to_json
from .text import printable

API_VERSION = "imagepull.dev/v1alpha1"
KIND = "Case"
LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read at all: some thousand containers with every probe."""


class CaseError(ValueError):
    """A file that is no case. str(): one line that names the file and, where there is one, the field."""


@dataclass(frozen=True)
class CaseFile:
    """The cases of one run. about: where they come from, in the words of whoever made the file; may be empty."""

    cases: tuple[Case, ...]
    about: Mapping[str, str] = field(default_factory=dict)


def case_to_json(case: Case) -> dict[str, Any]:
    """One Case as JSON values. The version stands once in the file, not in each of its cases."""
    value: dict[str, Any] = to_json(case)
    del value["version"]
    return value


def case_from_json(value: Any, where: str = "case") -> Case:
    """One Case from JSON values. Raises CaseError, with the field's path below `where`."""
    try:
        case = build(Case, value, where)
    except Misfit as error:
        raise CaseError(str(error)) from None
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
        raise CaseError(
            printable(f"{name}: not a case of kubectl imagepull but {what} (why --save-case FILE writes one)")
        )
    if type(version) is not int or version < CASE_VERSION:
        raise CaseError(printable(f"{name}: version: expected {CASE_VERSION}, got {short(version)}"))
    if version > CASE_VERSION:
        by = document.get("toolVersion")
        maker = f" by kubectl imagepull {by[:20]}" if isinstance(by, str) and by else ""
        raise CaseError(
            printable(
                f"{name}: saved{maker} in case version {short(version)}; this is {__version__}, which reads up to version "
                f"{CASE_VERSION}: use a newer kubectl imagepull"
            )
        )
    unknown = set(document) - {"apiVersion", "kind", "version", "toolVersion", "about", "cases"}
    if unknown:
        raise CaseError(printable(f"{name}: {sorted(unknown)[0][:60]}: no field of a case file"))
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
        raise CaseError(printable(f"{name}: not a case: {error}")) from None
    if not isinstance(document, dict):
        raise CaseError(f"{name}: not a case: expected an object, got {short(document)}")
    return document


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key[:60]!r} stands there twice")
        found[key] = value
    return found

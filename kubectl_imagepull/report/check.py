"""What a check has found, for people and for CI: text, JSON, JUnit, GitHub's annotations, SARIF, OpenMetrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from .. import __version__
from ..model.check import SEVERITIES, Checked, CheckReport, Problem, Severity, Use
from ..text import printable
from . import machine, openmetrics
from .openmetrics import Gauge
from .terminal import Style

FORMATS = ("text", "json", "junit", "github", "sarif", "openmetrics")
MOST_USES = 3
"""Places that the text names for an image; the others are counted."""
MARKS: dict[Severity, str] = {"error": "FAIL", "warning": "warn", "note": "note"}
COLOURS: dict[Severity, str] = {"error": "fail", "warning": "warn", "note": "faint"}


def render(form: str, found: CheckReport, style: Style) -> str:
    """The check in one of FORMATS, with a line end."""
    if form == "json":
        return machine.dump(document(found)) + "\n"
    if form == "junit":
        return _junit(found)
    if form == "github":
        return _github(found)
    if form == "sarif":
        return json.dumps(_sarif(found), indent=2) + "\n"
    if form == "openmetrics":
        return _metrics(found)
    return _text(found, style)


def summary(found: CheckReport) -> str:
    """How it stands, in a line."""
    parts = [f"{len(found.images)} image{'s' * (len(found.images) != 1)} checked"]
    words: dict[Severity, str] = {"error": "would not pull", "warning": "with a warning"}
    parts += [f"{count} {words[s]}" for s in SEVERITIES[:2] if (count := found.count(s))]
    unchecked = sum(1 for one in found.images if one.unchecked)
    parts += [f"{unchecked} not checked"] if unchecked else []
    return ", ".join(parts)


def _places(one: Checked) -> str:
    names = [_place(use) for use in one.uses if use.where]
    more = f" and {len(names) - MOST_USES} more" if len(names) > MOST_USES else ""
    return ", ".join(names[:MOST_USES]) + more


def _place(use: Use) -> str:
    return f"{use.where} ({use.container})" if use.container else use.where


def _text(found: CheckReport, style: Style) -> str:
    lines = []
    order = {s: n for n, s in enumerate(SEVERITIES)}
    bad = [one for one in found.images if one.problems]
    for one in sorted(bad, key=lambda one: order[one.worst or "note"]):
        worst = one.worst or "note"
        lines.append(f"{style.paint(COLOURS[worst], MARKS[worst])} {printable(one.image)}")
        for problem in one.problems:
            lines.append(style.wrap(f"{problem.text} ({problem.id})", 7, 5))
            lines += [style.wrap(f"-> {problem.advice}", 10, 7)] if problem.advice else []
        places = _places(one)
        lines += [style.wrap(f"in {places}", 7, 5)] if places else []
    for one in found.images:
        if one.unchecked:
            lines.append(style.wrap(f"?    {one.image}: not checked: {one.unchecked}", 7, 0))
    for problem in found.notes:
        lines.append(style.wrap(f"{MARKS[problem.severity]} {problem.text} ({problem.id})", 5, 0))
        lines += [style.wrap(f"-> {problem.advice}", 10, 7)] if problem.advice else []
    lines += [style.wrap(f"not read: {trouble}", 5, 0) for trouble in found.troubles]
    lines += [style.wrap(f"not looked at: {what}", 5, 0) for what in found.unseen]
    return "\n".join([*lines, summary(found)]) + "\n"


def document(found: CheckReport) -> dict[str, Any]:
    """The Check of imagepull.dev/v1alpha1."""
    return {
        "apiVersion": machine.API_VERSION,
        "kind": "Check",
        "toolVersion": __version__,
        "generatedAt": machine.utc(found.read_at),
        "failOn": found.fail_on,
        "images": [
            {
                "image": one.image,
                "digest": one.digest,
                "login": one.login,
                "unchecked": one.unchecked,
                "problems": [_problem(problem) for problem in one.problems],
                "uses": [
                    {
                        "where": use.where,
                        "container": use.container,
                        "role": use.role,
                        "file": use.file,
                        "line": use.line,
                    }
                    for use in one.uses
                ],
            }
            for one in found.images
        ],
        "notes": [_problem(problem) for problem in found.notes],
        "errors": [{"where": "api", "message": what} for what in found.unseen]
        + [{"where": "workstation", "message": what} for what in found.troubles],
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {"id": problem.id, "severity": problem.severity, "text": problem.text, "advice": problem.advice}


def _each(found: CheckReport) -> Iterator[tuple[Checked, Use, Problem]]:
    """Every problem at every place."""
    for one in found.images:
        for problem in one.problems:
            for use in one.uses:
                yield one, use, problem


# ---- for CI ----------------------------------------------------------------------------------------------------------


def _fails(found: CheckReport, problem: Problem) -> bool:
    if found.fail_on not in SEVERITIES:
        return False
    return SEVERITIES.index(problem.severity) <= SEVERITIES.index(found.fail_on)


def _junit(found: CheckReport) -> str:
    """A test case an image (JUnit XML as Jenkins and GitLab read it)."""
    failing = [one for one in found.images if any(_fails(found, p) for p in one.problems)]
    skipped = [one for one in found.images if one.unchecked and one not in failing]
    head = (
        f'tests="{len(found.images)}" failures="{len(failing)}" errors="{len(found.troubles)}" skipped="{len(skipped)}"'
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites><testsuite name="kubectl imagepull check" {head}>']
    for one in found.images:
        name = quoteattr(_xml(one.image))
        lines.append(f"<testcase classname={quoteattr(_xml(_places(one) or 'image'))} name={name}>")
        text = "\n".join(f"{p.severity}: {p.text} ({p.id})" for p in one.problems)
        if one in failing:
            first = next(p for p in one.problems if _fails(found, p))
            lines.append(
                f"<failure type={quoteattr(first.id)} message={quoteattr(_xml(first.text))}>{escape(_xml(text))}</failure>"
            )
        elif one.unchecked:
            lines.append(f"<skipped message={quoteattr(_xml(one.unchecked))}/>")
        elif text:
            lines.append(f"<system-out>{escape(_xml(text))}</system-out>")
        lines.append("</testcase>")
    for trouble in found.troubles:
        lines.append(
            f'<testcase classname="input" name={quoteattr(_xml(trouble))}><error message={quoteattr(_xml(trouble))}/></testcase>'
        )
    return "\n".join([*lines, "</testsuite></testsuites>"]) + "\n"


def _xml(text: str) -> str:
    """What XML 1.0 takes."""
    return "\n".join(printable(line) for line in text.splitlines())


LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


def _github(found: CheckReport) -> str:
    """Workflow commands, which GitHub shows at the line of the file (docs.github.com, workflow commands)."""
    lines = []
    for _, use, problem in _each(found):
        at = f" file={_property(use.file)},line={use.line}," if use.file else " "
        where = "" if use.file or not use.where else f"{use.where}: "
        lines.append(f"::{LEVELS[problem.severity]}{at}title={_property(problem.id)}::{_data(where + problem.text)}")
    lines += [
        f"::warning title=not checked::{_data(f'{one.image}: {one.unchecked}')}"
        for one in found.images
        if one.unchecked
    ]
    lines += [f"::error title=not read::{_data(trouble)}" for trouble in found.troubles]
    return "".join(f"{line}\n" for line in [*lines, _data(summary(found))])


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(found: CheckReport) -> dict[str, Any]:
    """SARIF 2.1.0 (OASIS), as code hosts take it."""
    rules = {p.id: p for one in found.images for p in one.problems}
    results = []
    for one, use, problem in _each(found):
        where: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": use.where or one.image}]}
        if use.file:
            where["physicalLocation"] = {
                "artifactLocation": {"uri": use.file.replace("\\", "/")},
                "region": {"startLine": max(1, use.line)},
            }
        results.append(
            {
                "ruleId": problem.id,
                "level": problem.severity,
                "message": {"text": printable(f"{problem.text}. {problem.advice}".rstrip(". ") + ".")},
                "locations": [where],
            }
        )
    driver = {
        "name": "kubectl-imagepull",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in sorted(rules)],
    }
    run = {"tool": {"driver": driver}, "results": results}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _metrics(found: CheckReport) -> str:
    """How many images have which problem."""
    counts: Counter[tuple[str, str]] = Counter((p.id, p.severity) for one in found.images for p in one.problems)
    unchecked = sum(1 for one in found.images if one.unchecked)
    return openmetrics.text(
        Gauge(
            "imagepull_check_images",
            "Images that were checked, each with each set of credentials.",
            [({}, len(found.images))],
        ),
        Gauge("imagepull_check_unchecked", "Images whose registry could not be asked.", [({}, unchecked)]),
        Gauge(
            "imagepull_check_problems",
            "Images with a problem, by what it is.",
            [({"id": cause, "severity": level}, n) for (cause, level), n in sorted(counts.items())],
        ),
        Gauge("imagepull_check_timestamp_seconds", "When the check was made.", [({}, found.read_at)]),
    )


__all__ = ["FORMATS", "document", "render", "summary"]

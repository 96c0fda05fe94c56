"""The machine-readable report: kinds of imagepull.dev/v1alpha1, described by schema.json beside this file."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from .. import __version__

if TYPE_CHECKING:
    from ..model import Case, HopLine, ProbeRun, Subject, Verdict

API_VERSION = "imagepull.dev/v1alpha1"


def schema() -> dict[str, Any]:
    """The JSON Schema that ships with the package."""
    found: dict[str, Any] = json.loads(pathlib.Path(__file__).with_name("schema.json").read_text())
    return found


def diagnosis(case: Case, found: Verdict) -> dict[str, Any]:
    """One Diagnosis: one container of one pod."""
    target, facts = case.target, case.facts
    return {
        "apiVersion": API_VERSION,
        "kind": "Diagnosis",
        "toolVersion": __version__,
        "generatedAt": utc(facts.read_at),
        "target": {
            "namespace": target.namespace,
            "pod": target.pod,
            "container": target.container,
            "role": target.role,
            "image": target.image,
            "node": target.node,
            "owner": (
                {"kind": target.owner.kind, "name": target.owner.name, "managedBy": list(target.owner.managed_by)}
                if target.owner
                else None
            ),
        },
        "state": {
            "phase": facts.phase,
            "reason": facts.reason,
            "since": utc(facts.since) if facts.since else None,
            "attempts": facts.attempts,
            "nextRetrySeconds": facts.next_retry,
            "kubeletMessage": facts.said or facts.message,
        },
        "verdict": {
            "cause": found.cause,
            "confidence": found.confidence,
            "subject": subject(found.subject),
            "title": found.title,
            "actor": found.actor,
            "explanation": list(found.explanation),
            "alternatives": list(found.alternatives),
            "passed": found.passed,
        },
        "hops": [hop(line) for line in found.hops],
        "findings": [
            {
                "cause": f.cause,
                "confidence": f.confidence,
                "level": f.level,
                "hop": f.hop,
                "subject": subject(f.subject),
                "reason": f.reason,
                "also": list(f.also),
            }
            for f in found.findings
        ],
        "ruledOut": [
            {"causes": list(r.causes), "why": f"{r.why} at {r.host}" if r.host else r.why} for r in found.ruled_out
        ],
        "skipped": [{"causes": list(s.causes), "why": s.why} for s in found.skipped],
        "fixes": [
            {
                "title": f.title,
                "commands": list(f.commands),
                "applicability": f.applicability,
                "actor": f.actor,
                "note": f.note,
                "runsOn": list(f.runs_on or ("workstation",) * len(f.commands)),
            }
            for f in found.fixes
        ],
        "probe": probe_document(case.probe),
        **({"peerProbe": probe_document(case.peer_probe)} if case.peer_probe is not None else {}),
        "errors": [{"where": e.where, "message": e.message} for e in case.errors],
    }


def probe_document(probe: ProbeRun) -> dict[str, Any]:
    """The way out of a node that was taken."""
    return {
        "rung": probe.rung or "none",
        "node": probe.node,
        "namespace": probe.namespace,
        "pod": probe.pod,
        "image": probe.image,
        "created": probe.created,
        "deleted": probe.deleted,
        "seconds": probe.seconds,
        "whyNot": list(probe.why_not),
        "cannotSee": list(probe.cannot_see),
    }


def hop(line: HopLine) -> dict[str, Any]:
    return {
        "hop": line.hop,
        "subject": subject(line.subject),
        "status": line.status,
        "vantage": line.vantage,
        "summary": line.summary,
        "evidence": list(line.evidence),
    }


def subject(value: Subject) -> dict[str, str]:
    return {"role": value.role, "host": value.host}


def one_or_list(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A single Diagnosis as it is, several as a DiagnosisList."""
    if len(items) == 1:
        return items[0]
    return {"apiVersion": API_VERSION, "kind": "DiagnosisList", "items": list(items)}


def utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def dump(document: dict[str, Any]) -> str:
    """As kubectl prints JSON: indented by four. What a terminal would act on is escaped, beyond what JSON asks for."""
    text = json.dumps(document, indent=4, ensure_ascii=False)
    if all(line.isprintable() for line in text.split("\n")):
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def dump_yaml(document: dict[str, Any]) -> str:
    """The same document as YAML, fields in the same order.

    PyYAML's idea of printable takes in marks that turn the direction of writing; where one occurs, all that is not ASCII
    is escaped.
    """
    harmless = all(c.isprintable() or c == "\n" for c in json.dumps(document, indent=1, ensure_ascii=False))
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=harmless, default_flow_style=False, width=110)
    return text


class _Manifest(yaml.SafeDumper):
    """Texts of several lines as blocks, as people write them."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Manifest.add_representer(str, _block)


def dump_manifest(document: Mapping[str, Any]) -> str:
    """An object for `kubectl apply`, as people write one: texts of several lines stay readable."""
    text: str = yaml.dump(document, Dumper=_Manifest, sort_keys=False, default_flow_style=False, width=110)
    return text

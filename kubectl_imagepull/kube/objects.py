"""What every object has: names, owners, times, and who else manages it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any


def uid_of(found: Mapping[str, Any]) -> str:
    """An object's uid, "" where it has none."""
    return str((found.get("metadata") or {}).get("uid") or "")


def controller_of(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The owner reference of an object's controller, {} where it has none."""
    references = (found.get("metadata") or {}).get("ownerReferences") or []
    controller: Mapping[str, Any] = next((r for r in references if r.get("controller")), {})
    return controller


def managers_of(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Who owns an object beyond Kubernetes, so that a change by hand would be reverted: Argo CD, Flux, Helm."""
    metadata = found.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    managers = []
    if "argocd.argoproj.io/instance" in labels or "argocd.argoproj.io/tracking-id" in annotations:
        managers.append("Argo CD")
    if any(".toolkit.fluxcd.io/" in key for key in labels):
        managers.append("Flux")
    if labels.get("app.kubernetes.io/managed-by") == "Helm" or "meta.helm.sh/release-name" in annotations:
        managers.append("Helm")
    return tuple(managers)


def labels_of(found: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = (found.get("metadata") or {}).get("labels") or {}
    return labels


def names_of(entries: Any) -> tuple[str, ...]:
    return tuple(str(e["name"]) for e in entries or [] if isinstance(e, dict) and e.get("name"))


def time_of(text: Any) -> float:
    try:
        return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp() if text else 0.0
    except (ValueError, OverflowError):
        return 0.0


def now() -> float:
    return datetime.datetime.now(datetime.timezone.utc).timestamp()

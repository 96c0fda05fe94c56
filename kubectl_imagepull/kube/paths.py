"""The one place that makes API paths and field selectors out of names.

Names come out of objects, files and events, where anything may stand: an owner reference, a pull secret's name and an event's
host are checked by no API server. So each is held against the grammar of names first, and encoded after that.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

from .. import lazily
from ..command import is_name
from ..errors import KubeError

RESOURCES: Mapping[str, tuple[str, str]] = {
    "Namespace": ("/api/v1", "namespaces"),
    "Node": ("/api/v1", "nodes"),
    "Pod": ("/api/v1", "pods"),
    "Event": ("/api/v1", "events"),
    "Secret": ("/api/v1", "secrets"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "ControllerRevision": ("/apis/apps/v1", "controllerrevisions"),
    "Job": ("/apis/batch/v1", "jobs"),
    "CronJob": ("/apis/batch/v1", "cronjobs"),
}
"""Kind -> (group and version, plural)."""
LABEL = lazily.pattern(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
"""Names of namespaces (IsDNS1123Label)."""
SAFE_PATH = lazily.pattern(r"(?:/[A-Za-z0-9][-A-Za-z0-9._]*)+")
"""What a path may look like on the wire: no empty segment, none that begins with a dot, nothing that starts a query."""


class BadName(KubeError):
    """A text that can be the name of no object, so that nothing is asked for under it. name: the text."""

    def __init__(self, kind: str, name: str) -> None:
        self.name = name
        super().__init__(f"error: {name[:140]!r} can be the name of no {kind}")


def path_of(kind: str, namespace: str = "", name: str = "", *below: str) -> str:
    """The API path of a kind of RESOURCES: the list, in one namespace or ("") in all, or one object and what is below it.

    below: a subresource and its path, fixed texts of ours ("proxy", "configz"). Raises BadName.
    """
    base, plural = RESOURCES[kind]
    if namespace and LABEL.fullmatch(namespace) is None:
        raise BadName("Namespace", namespace)
    if name and not is_name(name):
        raise BadName(kind, name)
    inside = ("namespaces", namespace) if namespace else ()
    segments = (*inside, plural, *((name, *below) if name else ()))
    return base + "".join(f"/{urllib.parse.quote(s, safe='')}" for s in segments)


def checked(path: str) -> str:
    """The path, if it is one that can be sent as it is. Raises BadName: the last guard, for paths made elsewhere."""
    if SAFE_PATH.fullmatch(path) is None:
        raise BadName("API path", path)
    return path


def fields(**values: str) -> str:
    """A field selector: each field, its dots written as __, has this value (escaped as apimachinery: fields.EscapeValue)."""
    pairs = []
    for key, value in values.items():
        escaped = re.sub(r"([\\,=])", r"\\\1", value)
        pairs.append(f"{key.replace('__', '.')}={escaped}")
    return ",".join(pairs)


__all__ = ["RESOURCES", "BadName", "checked", "fields", "is_name", "path_of"]

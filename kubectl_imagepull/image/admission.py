"""An admission policy for images in CEL: which registries, whether by digest, and whether `latest` is let in.

A ValidatingAdmissionPolicy sees an image as text. So the grammar of references is written in CEL here, as far as it decides which
registry is asked (distribution/reference v0.6.0: normalize.go, splitDockerDomain): a first component with a dot or a colon,
`localhost`, and one with an upper-case letter are a host; else it is Docker Hub's, below `library/` where no slash is left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .reference import DOCKER_HUB, InvalidReference, Reference

API: Final = "admissionregistration.k8s.io/v1"
SINCE: Final = "1.30"
"""The first Kubernetes that has it without a feature gate (KEP-3488)."""
EXEMPT: Final = ("kube-system",)
"""Namespaces that are never held: without what runs there a cluster cannot be mended."""


class BadRegistry(ValueError):
    """What can be no registry, or no part of one. str(): why, one line."""


@dataclass(frozen=True)
class Rules:
    """What is demanded of an image."""

    registries: tuple[str, ...] = ()
    """Those allowed, as `allowed` gives them; empty for all."""
    digest: bool = False
    """An image names its digest."""
    no_latest: bool = False
    """The tag `latest` is refused, written or implied; a digest beside it makes it a certain image, which is let in."""

    def refuses(self, image: str) -> tuple[str, ...]:
        """Which of "registry", "digest" and "latest" are against an image: the same as the policy says, for counting.

        All of them for a text that is no reference, which the kubelet pulls from nowhere.
        """
        try:
            reference = Reference.parse(image)
        except InvalidReference:
            return tuple(name for name, on in self._on() if on)
        name = f"{reference.domain.lower()}/{reference.path}"
        inside = any(name == one or name.startswith(f"{one}/") for one in self.registries)
        latest = not reference.digest and reference.tag in ("", "latest")
        against = {"registry": not inside, "digest": not reference.digest, "latest": latest}
        return tuple(name for name, on in self._on() if on and against[name])

    def _on(self) -> tuple[tuple[str, bool], ...]:
        return ("registry", bool(self.registries)), ("digest", self.digest), ("latest", self.no_latest)


def allowed(entry: str) -> str:
    """A registry as it is compared: host with port if any, in small letters, and the part of the path that is given.

    Raises BadRegistry.
    """
    host, slash, path = entry.partition("/")
    try:
        reference = Reference.parse(f"{host}/{path}/x" if path else f"{host}/x/x")
    except InvalidReference:
        reference = None
    if reference is None or (slash and not path) or (reference.tag or reference.digest):
        raise BadRegistry("it is no registry (like ghcr.io, registry.example.com:5000 or ghcr.io/team)")
    domain = DOCKER_HUB if host == "index.docker.io" else host
    if reference.domain != domain:
        raise BadRegistry(f"without a dot or port it is a name on Docker Hub: {DOCKER_HUB}/{entry}")
    return f"{domain.lower()}/{path}" if path else domain.lower()


# ---- CEL -------------------------------------------------------------------------------------------------------------

_SPEC = """\
{object}.kind == "Pod" ? dyn({object}).spec :
{object}.kind == "PodTemplate" ? dyn({object}).template.spec :
{object}.kind == "CronJob" ? dyn({object}).spec.jobTemplate.spec.template.spec :
dyn({object}).spec.template.spec"""
_IMAGES = """\
{spec}.?containers.orValue([]).map(c, c.?image.orValue("")) +
{spec}.?initContainers.orValue([]).map(c, c.?image.orValue("")) +
{spec}.?ephemeralContainers.orValue([]).map(c, c.?image.orValue("")) +
{spec}.?volumes.orValue([]).filter(v, has(v.image)).map(v, v.image.?reference.orValue(""))"""
_FIRST = 'variables.images.map(i, [i, i.contains("/") ? i.split("/")[0] : ""])'
_HOST = """\
variables.first.map(p, [p[0],
  p[1].contains(".") || p[1].contains(":") || p[1] == "localhost" || p[1] != p[1].lowerAscii() ? p[1] : ""])"""
_NAME = """\
variables.host.map(p, [p[0],
  p[1] != "" && p[1] != "docker.io" && p[1] != "index.docker.io" ?
    p[1].lowerAscii() + p[0].substring(p[1].size()) :
  (p[1] == "" ? p[0] : p[0].substring(p[1].size() + 1)).contains("/") ?
    "docker.io/" + (p[1] == "" ? p[0] : p[0].substring(p[1].size() + 1)) :
    "docker.io/library/" + (p[1] == "" ? p[0] : p[0].substring(p[1].size() + 1))])"""
_ELSEWHERE = """\
variables.name.filter(p, !{list}.exists(a,
  p[1].startsWith(a + "/") || (a.contains("/") && (p[1] == a || p[1].startsWith(a + ":") || p[1].startsWith(a + "@"))))
).map(p, p[0])"""
DIGEST: Final = "@sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$"
TAG: Final = "^[^@]*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
"""A text that ends in a tag: there is no slash in one, so the port of a registry is none."""


def _variables(rules: Rules) -> list[tuple[str, str]]:
    found = [
        ("spec", _SPEC.format(object="object")),
        ("given", _IMAGES.format(spec="variables.spec")),
        ("oldSpec", f"oldObject == null ? null :\n{_SPEC.format(object='oldObject')}"),
        ("had", f"variables.oldSpec == null ? [] :\n{_IMAGES.format(spec='variables.oldSpec')}"),
        # an object that was let in before can still be changed in other ways: finalizers, labels, replicas
        ("images", 'variables.given.filter(i, i != "" && !(i in variables.had)).map(i, string(i))'),
    ]
    if rules.registries:
        listed = json.dumps(list(rules.registries))
        found += [("first", _FIRST), ("host", _HOST), ("name", _NAME)]
        found += [("elsewhere", _ELSEWHERE.format(list=listed))]
    if rules.digest:
        found.append(("undigested", f"variables.images.filter(i, !i.matches({json.dumps(DIGEST)}))"))
    if rules.no_latest:
        wrong = f'!i.matches({json.dumps(DIGEST)}) && (!i.matches({json.dumps(TAG)}) || i.endsWith(":latest"))'
        found.append(("latest", f"variables.images.filter(i, {wrong})"))
    return found


def _validations(rules: Rules) -> list[dict[str, Any]]:
    found = []
    if rules.registries:
        found.append(
            _validation("elsewhere", "not from an allowed registry", f"; allowed: {', '.join(rules.registries)}")
        )
    if rules.digest:
        found.append(_validation("undigested", "without a digest (name:tag@sha256:...)", ""))
    if rules.no_latest:
        found.append(_validation("latest", "with the tag latest, written or implied", ""))
    return found


def _validation(variable: str, words: str, more: str) -> dict[str, Any]:
    named = f'"images {words}: " + variables.{variable}.join(", ")'
    named += f" + {json.dumps(more[:600])}" if more else ""
    return {
        "expression": f"variables.{variable}.size() == 0",
        "messageExpression": named,
        "message": f"images {words}",
        "reason": "Forbidden",
    }


_RESOURCES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("", ("v1",), ("pods", "pods/ephemeralcontainers", "podtemplates", "replicationcontrollers")),
    ("apps", ("v1",), ("deployments", "statefulsets", "daemonsets", "replicasets")),
    ("batch", ("v1",), ("jobs", "cronjobs")),
)
"""(group, versions, resources) that hold the specification of a pod (Kubernetes 1.37)."""


def policy(name: str, rules: Rules, audit: bool = False, exempt: Sequence[str] = ()) -> list[Mapping[str, Any]]:
    """The ValidatingAdmissionPolicy and its binding. audit: record and warn, and let everything in.

    exempt: namespaces that are not held, beside EXEMPT.
    """
    spared = list(dict.fromkeys((*EXEMPT, *exempt)))
    return [
        {
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": [group],
                            "apiVersions": list(versions),
                            "operations": ["CREATE", "UPDATE"],
                            "resources": list(resources),
                        }
                        for group, versions, resources in _RESOURCES
                    ]
                },
                "variables": [{"name": key, "expression": text} for key, text in _variables(rules)],
                "validations": _validations(rules),
            },
        },
        {
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Warn", "Audit"] if audit else ["Deny"],
                "matchResources": {
                    "namespaceSelector": {
                        "matchExpressions": [
                            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": spared}
                        ]
                    }
                },
            },
        },
    ]

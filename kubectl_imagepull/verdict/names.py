"""The names that titles and commands of the catalogue are filled with, as far as they are known of a case."""

from __future__ import annotations

import string
from collections.abc import Collection
from typing import Any

from .. import catalogue
from ..catalogue.registries import kind_of, moved_values
from ..model import Case, Connect, Finding, Http, Platform, PullSecret, RuntimeConfig, Tls
from .evidence import grounds
from .message import message_of
from .platforms import platform_of

RESOURCES = {
    "Deployment": "deployment",
    "StatefulSet": "statefulset",
    "DaemonSet": "daemonset",
    "ReplicaSet": "replicaset",
    "CronJob": "cronjob",
    "Job": "job",
}
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
"""The key under which the kubelet looks for Docker Hub (kubernetes: pkg/credentialprovider/keyring.go)."""


def values(case: Case, finding: Finding) -> dict[str, str]:
    """The names that titles and commands may use; those that are not known are left out."""
    target, facts = case.target, case.facts
    owner = target.owner
    kind = RESOURCES.get(owner.kind, "") if owner else "pod"
    host = finding.subject.host or (case.pull.authority if case.pull else facts.reference.registry)
    if finding.subject.role == "dns-server":
        # the name that was asked for, not the server that was asked
        names_asked = [case.observations[i].subject.host for i in finding.because]
        host = next(iter(names_asked), case.pull.host if case.pull else facts.reference.registry)
    port = host.rpartition(":")[2] if ":" in host else "443"
    secret = secret_of(case, finding.cause)
    reference, node = facts.reference, facts.node
    registry = kind_of(reference.registry)
    # of a secret for other registries, keys and users are those of the others
    fits = secret is not None and secret.cause != "auth.secret_wrong_registry"
    usernames = secret.usernames if secret is not None and fits else ()
    keys = secret.registry_keys if secret is not None and fits else ()
    asked = reference.asked
    own = f"{node.os}/{node.arch}" if node is not None and node.arch else ""
    made_for = image_platforms(case) or [catalogue.FIELDS["platforms"]]
    server = DOCKER_HUB_KEY if registry.id == "docker-hub" else reference.registry
    names = {
        "namespace": target.namespace,
        "pod": target.pod,
        "owner_kind": kind,
        "owner_name": owner.name if owner and kind else target.pod if kind == "pod" else "",
        "container": target.container,
        "image": facts.sandbox or target.image,
        "repository": reference.repository,
        "registry": reference.registry,
        "path": case.pull.repository if case.pull else "",
        "tag": asked,
        "suffix": "" if not asked else f"@{asked}" if ":" in asked else f":{asked}",
        "normalised": reference.normalised,
        "domain": reference.normalised.partition("/")[0],
        "host": host,
        "port": port,
        "endpoint": host if host.endswith(f":{port}") else f"{host}:{port}" if host else "",
        "node": target.node,
        "secret": secret.name if secret is not None else ", ".join(facts.account_secrets),
        "new_secret": _new_name({*facts.pull_secret_names, *facts.account_secrets}),
        "service_account": facts.service_account or "default",
        "server": server,
        "entry": next(iter(keys), server),
        "username": next((u for u in usernames if u), "") or registry.username,
        "architecture": image_architecture(case),
        "platform": own,
        "platforms": ",".join(filter(None, dict.fromkeys((*made_for, own)))),
        "proxy_file": proxy_file(case),
        "ip": next(iter(failed_addresses(case, finding)), ""),
        "file": _file(case, finding),
        "short": target.image.partition("@")[0].removesuffix(f":{asked}"),
        "realm": _realm(case, host),
        "certified": _certified(case, finding),
        "service": _unit(case),
        "permission": message_of(case).permission,
        "principal": message_of(case).principal,
        "ca_key": host.replace(":", ".."),
        **moved_values(registry, name_in_registry(case)),
    }
    return {k: v for k, v in names.items() if v}


def _new_name(taken: Collection[str]) -> str:
    """A name for a pull secret that none of these has."""
    usual = catalogue.FIELDS["new_secret"]
    names = (usual, *(f"{usual}-{number}" for number in range(2, len(taken) + 2)))
    return next(name for name in names if name not in taken)


def name_in_registry(case: Case) -> str:
    """The repository as the catalogue of registries matches it: host without port, and path."""
    reference = case.facts.reference
    path = reference.normalised.partition("/")[2].partition("@")[0].rpartition(":")[0]
    path = path or (case.pull.repository if case.pull else "")
    # Docker Hub's images are asked for at registry-1.docker.io and named docker.io
    host = reference.normalised.partition("/")[0] or reference.registry
    return f"{host.partition(':')[0]}/{path}"


def _unit(case: Case) -> str:
    """The systemd unit of the node's runtime, "" where that is the platform's secret or the platform is not known."""
    platform = platform_of(case)
    return platform.units.get(runtime_of(case)[0], "") if platform is not None else ""


def proxy_file(case: Case) -> str:
    """The file on the node that sets the runtime's proxy."""
    for seen in case.seen(RuntimeConfig, place="node"):
        proxy = seen.detail.proxy
        if proxy is not None and proxy.source.startswith("/"):
            return proxy.source
    return ""


def failed_addresses(case: Case, finding: Finding) -> list[str]:
    """The addresses that could not be reached: those that were tried, else the one of the runtime's words."""
    tried = [t.ip for o in grounds(case, finding, Connect) for t in o.detail.tried if t.ip and t.outcome != "open"]
    address = message_of(case).address
    return tried or ([address] if address else [])


def _file(case: Case, finding: Finding) -> str:
    """The file on the node that the finding is about."""
    for seen in grounds(case, finding, RuntimeConfig):
        if seen.detail.problems:
            return seen.detail.problems[0].file
        if seen.outcome == "configured":
            return seen.detail.source
    return ""


def _realm(case: Case, host: str) -> str:
    """The address on this host that the registry names for tokens."""
    for seen in case.seen(Http):
        for realm in seen.detail.realms:
            if realm.partition("://")[2].partition("/")[0] == host:
                return realm
    return ""


def _certified(case: Case, finding: Finding) -> str:
    """The one name that the certificate of the finding's host is for."""
    for seen in grounds(case, finding, Tls):
        name = seen.detail.chain[0].only_name if seen.detail.chain else ""
        if name:
            return name + "".join(finding.subject.host.partition(":")[1:])
    return ""


OF_THE_SENT = ("auth.bad_credentials", "auth.expired", "auth.forbidden")
"""Causes about the credentials that the kubelet sends."""


def secret_of(case: Case, cause: str) -> PullSecret | None:
    """The pull secret that a cause is about: the one that shows it, else the one that is sent, else one that could not be read,
    else the first."""
    named = case.facts.secrets
    shows = [s for s in named if s.cause == cause]
    used = [s for s in named if s.state == "used"]
    others = sorted((s for s in named if s.state != "used"), key=lambda s: s.state != "forbidden")
    order = [*shows, *used, *others] if cause in OF_THE_SENT else [*shows, *others, *used]
    return order[0] if order else None


def image_platforms(case: Case) -> list[str]:
    """What the image was seen to be made for, as os/architecture[/variant]; [] where that was not seen."""
    listed = [entry for seen in case.seen(Platform) for entry in seen.detail.platforms]
    real = [e for e in listed if e.os not in ("", "unknown") and e.architecture not in ("", "unknown")]
    return list(dict.fromkeys(str(entry) for entry in real))


def image_architecture(case: Case) -> str:
    """An architecture that the image has, as a node's label names it; "" where none was seen."""
    parts = (platform.split("/") for platform in image_platforms(case))
    return next((p[1] for p in parts if p[0] == "linux" and p[1].isalnum()), "")


def runtime_of(case: Case) -> tuple[str, tuple[int, ...]]:
    """(containerd | cri-o | docker, version) of the node; ("", ()) where it is not known."""
    name, _, version = (case.facts.node.runtime if case.facts.node else "").partition("://")
    return name, tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def chain_short(case: Case, finding: Finding) -> bool:
    """Whether the server was seen to leave out an intermediate certificate: then trust is not what is missing."""
    return any(o.detail.intermediate_missing for o in grounds(case, finding, Tls))


class Known(string.Formatter):
    """Formats {name} fields; raises KeyError for a name without a value."""

    def get_value(self, key: Any, args: Any, kwargs: Any) -> Any:
        return kwargs[key]


def title_of(case: Case, finding: Finding) -> str:
    """The catalogue's title with the names in it."""
    text = catalogue.entry(finding.cause).title
    if finding.cause == "tls.unknown_authority" and chain_short(case, finding):
        text = "{node} cannot verify the certificate of {host}: its issuer is not known there and not sent"
    names = values(case, finding)
    fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    fallback = {"host": "the registry", "secret": "the pull secret", "port": "443", "platform": "the node's platform"}
    return Known().format(text, **{**{f: fallback.get(f, f"the {f}") for f in fields}, **names})

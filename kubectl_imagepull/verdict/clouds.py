"""Registries of clouds and platforms: their pulls are the node's own business, so the fix is a right and not a pasted secret."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..command import Unfit, fill, join, named, parse
from ..image.registries import NODE_ROLE, RegistryKind, kind_of
from ..model import Case, Fix

REFUSALS = frozenset(
    {
        "auth.no_credentials",
        "auth.denied_or_missing",
        "auth.bad_credentials",
        "auth.expired",
        "auth.forbidden",
        "auth.secret_wrong_registry",
        "auth.secret_missing",
        "auth.secret_empty",
        "auth.secret_ignored",
        "auth.credential_provider",
    }
)
"""Causes that a right of the node's identity fixes."""
GAR_HOST = re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev")
ECR_HOST = re.compile(r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")


_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]*")
_ECR = (
    "aws iam attach-role-policy --role-name <node-role> "
    "--policy-arn arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    "aws ecr get-repository-policy --registry-id {account} --region {region} --repository-name {path}",
)
_ECR_UNKNOWN = (
    _ECR[0],
    "aws ecr get-repository-policy --registry-id <account> --region <region> --repository-name {path}",
)
_ACR = (
    "az aks update --resource-group <group> --name <cluster> --attach-acr {short}",
    "az aks check-acr --resource-group <group> --name <cluster> --acr {host}",
)
_READER = "--member=serviceAccount:<nodes-service-account> --role=roles/artifactregistry.reader"
_GAR = (
    "gcloud artifacts repositories add-iam-policy-binding {repository} --project={project} "
    f"--location={{location}} {_READER}",
)
_GCR = (f"gcloud projects add-iam-policy-binding {{project}} {_READER}",)
_OPENSHIFT = (
    "oc policy add-role-to-user system:image-puller system:serviceaccount:{namespace}:{account} --namespace={source}",
)


def node_pulls(case: Case, cause: str) -> bool:
    """Whether a right of the node, or of the service account on OpenShift, is what such a refusal asks for and no pull secret."""
    kind = kind_of(case.facts.reference.registry)
    return cause in REFUSALS and (kind.id == "openshift" or (NODE_ROLE in kind.credentials and kind.by_name))


def node_fixes(case: Case, cause: str) -> tuple[Fix, ...]:
    """What gives the node, or the service account on OpenShift, the right to pull; () for registries that want a pull secret, and
    where a name may not stand in a command.

    Lifetimes of pasted passwords: see image.registries.
    """
    if not node_pulls(case, cause):
        return ()
    try:
        return _fixes(case, kind_of(case.facts.reference.registry))
    except Unfit:
        return ()


def _fixes(case: Case, kind: RegistryKind) -> tuple[Fix, ...]:
    host = case.facts.reference.registry.partition(":")[0]
    path = case.pull.repository if case.pull else ""
    if kind.id == "openshift":
        return (_openshift(case, path),)
    if kind.id == "ecr":
        return (_ecr(host, path),)
    if kind.id == "acr":
        return (_acr(host),)
    return (_google(host, path),) if kind.id in ("gar", "gcr") else ()


def _lines(templates: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """Raises Unfit for a value that is no part of a path or a host's name."""
    for name, value in values.items():
        if not _PART.fullmatch(value):
            raise Unfit(f"{name} is no part of a name: {value[:80]!r}")
    return tuple(join(fill(parse(template), values)) for template in templates)


def _ecr(host: str, path: str) -> Fix:
    match = ECR_HOST.match(host)
    where = {"account": match["account"], "region": match["region"]} if match else {}
    return Fix(
        "let the node's role pull; another account's repository also needs a policy that allows it",
        _lines(_ECR if match else _ECR_UNKNOWN, {**where, "path": path}),
        "manual",
        "cluster",
        "a pull secret made with `aws ecr get-login-password` (user AWS) works for 12 hours only",
    )


def _acr(host: str) -> Fix:
    return Fix(
        "let the cluster's kubelet identity pull (AcrPull)",
        _lines(_ACR, {"host": host, "short": host.partition(".")[0]}),
        "manual",
        "cluster",
        "a pull secret made with `az acr login --expose-token` works for 3 hours only",
    )


def _google(host: str, path: str) -> Fix:
    match = GAR_HOST.fullmatch(host)
    parts = path.split("/")
    if match and len(parts) >= 2:
        values = {"project": parts[0], "repository": parts[1], "location": match["location"]}
        commands = _lines(_GAR, values)
    else:
        commands = _lines(_GCR, {"project": parts[0]})
    return Fix(
        "let the nodes' service account read the repository; outside of Google's cloud, set up its credential provider plugin",
        commands,
        "manual",
        "cluster",
        "a pull secret with oauth2accesstoken works for an hour only",
    )


def _openshift(case: Case, path: str) -> Fix:
    account = named(case.facts.service_account or "default")
    source, namespace = named(path.partition("/")[0]), named(case.target.namespace)
    return Fix(
        f"let service account {account} of {namespace} pull from {source}",
        _lines(_OPENSHIFT, {"namespace": namespace, "account": account, "source": source}),
        "review",
        "you",
        "its dockercfg secret comes from the platform and is renewed by it: paste none",
    )

"""Registries of clouds and platforms: their pulls are the node's own business, so the mend is a right and not a pasted secret."""

from __future__ import annotations

import re
import shlex

from ..image.registries import NODE_ROLE, kind_of
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
"""Causes that a right of the node's identity mends."""
GAR_HOST = re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev")
ECR_HOST = re.compile(r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")


def node_fixes(case: Case, cause: str) -> tuple[Fix, ...]:
    """What gives the node, or the service account on OpenShift, the right to pull; () for registries that want a pull secret.

    Lifetimes of pasted passwords: see image.registries.
    """
    if cause not in REFUSALS:
        return ()
    reference = case.facts.reference
    host = reference.registry.partition(":")[0]
    kind = kind_of(reference.registry)
    path = case.pull.repository if case.pull else ""
    if kind.id == "openshift":
        return (_openshift(case, path),)
    if NODE_ROLE not in kind.credentials or not kind.by_name:
        return ()
    if kind.id == "ecr":
        return (_ecr(host, path),)
    if kind.id == "acr":
        return (_acr(host),)
    return (_google(host, path),)


def _ecr(host: str, path: str) -> Fix:
    match = ECR_HOST.match(host)
    account, region = (match["account"], match["region"]) if match else ("<account>", "<region>")
    return Fix(
        "let the node's role pull; another account's repository also needs a policy that allows it",
        (
            "aws iam attach-role-policy --role-name <node role> "
            "--policy-arn arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
            f"aws ecr get-repository-policy --registry-id {account} --region {region} "
            f"--repository-name {shlex.quote(path)}",
        ),
        "manual",
        "cluster",
        "a pull secret made with `aws ecr get-login-password` (user AWS) works for 12 hours only",
    )


def _acr(host: str) -> Fix:
    return Fix(
        "let the cluster's kubelet identity pull (AcrPull)",
        (
            f"az aks update --resource-group <group> --name <cluster> --attach-acr {shlex.quote(host.partition('.')[0])}",
            f"az aks check-acr --resource-group <group> --name <cluster> --acr {shlex.quote(host)}",
        ),
        "manual",
        "cluster",
        "a pull secret made with `az acr login --expose-token` works for 3 hours only",
    )


def _google(host: str, path: str) -> Fix:
    match = GAR_HOST.fullmatch(host)
    parts = path.split("/")
    member = "--member=serviceAccount:<the nodes' service account> --role=roles/artifactregistry.reader"
    if match and len(parts) >= 2:
        project, repository = shlex.quote(parts[0]), shlex.quote(parts[1])
        command = (
            f"gcloud artifacts repositories add-iam-policy-binding {repository} --project={project} "
            f"--location={match['location']} {member}"
        )
    else:
        command = f"gcloud projects add-iam-policy-binding {shlex.quote(parts[0] or '<project>')} {member}"
    return Fix(
        "let the nodes' service account read the repository; outside of Google's cloud, set up its credential provider plugin",
        (command,),
        "manual",
        "cluster",
        "a pull secret with oauth2accesstoken works for an hour only",
    )


def _openshift(case: Case, path: str) -> Fix:
    account = case.facts.service_account or "default"
    source = path.partition("/")[0]
    return Fix(
        f"let service account {account} of {case.target.namespace} pull from {source}",
        (
            f"oc policy add-role-to-user system:image-puller system:serviceaccount:{case.target.namespace}:{account} "
            f"--namespace={shlex.quote(source)}",
        ),
        "review",
        "you",
        "its dockercfg secret comes from the platform and is renewed by it: paste none",
    )

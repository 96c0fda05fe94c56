"""What kind of registry a host is, and what that implies for the credentials of a pull.

A table: by the host's name, and where the name says nothing, by the realm of its challenge. What a registry
answers counts for more than what stands here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

PULL_SECRET = "pull-secret"
NODE_ROLE = "node-role"
PROVIDER_PLUGIN = "provider-plugin"
NOTHING = "nothing"

_HOUR = 3600


@dataclass(frozen=True)
class RegistryKind:
    """One kind of registry, as it concerns credentials.

    id: stable, kebab-case. credentials: how they normally come, best first: PULL_SECRET, NODE_ROLE (the
    cloud's own credential provider plugin asks with the node's identity), PROVIDER_PLUGIN (one that must be
    set up), NOTHING. username: what a pull secret's user name must be, "" where it is an account's.
    password_lifetime: seconds after which a password of the usual kind stops working, None where it does not
    by itself. token_lifetime: seconds of a bearer token, None where there is none or it is not known.
    anonymous: "always", "public" (public repositories), "if-enabled" or "never". token_realm: where the
    challenge sends for a token, "" for none or not known. advice: one sentence on credentials. by_name: False
    where the host's name only suggests the kind.
    """

    id: str
    title: str
    credentials: tuple[str, ...]
    anonymous: str
    advice: str
    username: str = ""
    password_lifetime: int | None = None
    token_lifetime: int | None = None
    token_realm: str = ""
    by_name: bool = True


_DOCKER_HUB = RegistryKind(
    "docker-hub",
    "Docker Hub",
    (PULL_SECRET,),
    "public",
    "user name and a personal or organisation access token, under https://index.docker.io/v1/ in the pull secret",
    token_lifetime=300,
    token_realm="https://auth.docker.io/token",
)
_GHCR = RegistryKind(
    "ghcr",
    "GitHub Container Registry",
    (PULL_SECRET,),
    "public",
    "a GitHub user name and a classic personal access token with read:packages; a private package is not "
    "public because its repository is",
    token_realm="https://ghcr.io/token",
)
_ECR = RegistryKind(
    "ecr",
    "Amazon ECR",
    (NODE_ROLE, PULL_SECRET),
    "never",
    "on EKS the node's role pulls (AmazonEC2ContainerRegistryPullOnly); a pull secret holds the user AWS and "
    "a password that works for 12 hours",
    username="AWS",
    password_lifetime=12 * _HOUR,
)
_ECR_PUBLIC = RegistryKind(
    "ecr-public",
    "Amazon ECR Public",
    (NOTHING,),
    "always",
    "nothing is needed; signed in (user AWS, password from us-east-1, 12 hours) the limits are higher",
    username="AWS",
    password_lifetime=12 * _HOUR,
    token_realm="https://public.ecr.aws/token/",
)
_GAR = RegistryKind(
    "gar",
    "Google Artifact Registry",
    (NODE_ROLE, PULL_SECRET),
    "public",
    "on GKE the node's service account pulls (roles/artifactregistry.reader); a pull secret holds the user "
    "_json_key and a key file, or oauth2accesstoken and a token that works for an hour",
    username="_json_key",
    token_realm="https://{host}/v2/token",
)
_GCR = replace(
    _GAR,
    id="gcr",
    title="Google Container Registry",
    advice="served by Artifact Registry since 2025: on GKE the node's service account pulls "
    "(roles/artifactregistry.reader); a pull secret holds the user _json_key and a key file, or "
    "oauth2accesstoken and a token that works for an hour",
)
_ACR = RegistryKind(
    "acr",
    "Azure Container Registry",
    (NODE_ROLE, PULL_SECRET),
    "if-enabled",
    "on AKS the kubelet's identity pulls (AcrPull, `az aks update --attach-acr`); a pull secret holds a "
    "service principal or a repository token, or the user 00000000-0000-0000-0000-000000000000 and a token "
    "of 3 hours",
    token_realm="https://{host}/oauth2/token",
)
_QUAY = RegistryKind(
    "quay",
    "Quay",
    (PULL_SECRET,),
    "public",
    "a robot account (organisation+name) with read on the repository; new repositories are private",
    token_realm="https://{host}/v2/auth",
)
_OPENSHIFT = RegistryKind(
    "openshift",
    "OpenShift's internal registry",
    (PULL_SECRET,),
    "if-enabled",
    "the service account's own dockercfg secret pulls within its namespace; for another namespace it needs "
    "the role system:image-puller there",
    token_realm="https://{host}/openshift/token",
)
_GITLAB = RegistryKind(
    "gitlab",
    "GitLab container registry",
    (PULL_SECRET,),
    "public",
    "a deploy token or access token with read_registry; the password of a CI job works only while the job runs",
    token_lifetime=300,
)
_HARBOR = RegistryKind(
    "harbor",
    "Harbor",
    (PULL_SECRET,),
    "public",
    "a robot account (robot$name, expires after its set days) with pull on the project",
    token_lifetime=1800,
    token_realm="https://{host}/service/token",
)
_ARTIFACTORY = RegistryKind(
    "artifactory",
    "JFrog Artifactory",
    (PULL_SECRET,),
    "if-enabled",
    "a user name and an identity or access token with read on the repository; the repository may be part of "
    "the host name or of the path",
)
_NEXUS = RegistryKind(
    "nexus",
    "Sonatype Nexus",
    (PULL_SECRET,),
    "if-enabled",
    "a user name and password; anonymous pulls need the Docker bearer token realm switched on",
)
_MCR = RegistryKind(
    "mcr",
    "Microsoft Artifact Registry",
    (NOTHING,),
    "always",
    "nothing is needed, and credentials are of no use",
)
_K8S = RegistryKind(
    "registry-k8s",
    "registry.k8s.io",
    (NOTHING,),
    "always",
    "nothing is needed, and credentials are of no use; k8s.gcr.io gets no new images since 2023",
)
_UNKNOWN = RegistryKind(
    "unknown",
    "registry",
    (PULL_SECRET, PROVIDER_PLUGIN),
    "if-enabled",
    "a pull secret with an entry for exactly this host and port, unless the node has a credential provider for it",
    by_name=False,
)

KINDS = (
    _DOCKER_HUB, _GHCR, _ECR, _ECR_PUBLIC, _GAR, _GCR, _ACR, _QUAY, _OPENSHIFT, _GITLAB, _HARBOR,
    _ARTIFACTORY, _NEXUS, _MCR, _K8S, _UNKNOWN,
)  # fmt: skip

_BY_NAME: tuple[tuple[re.Pattern[str], RegistryKind], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"(?:index\.|registry-1\.)?docker\.io", _DOCKER_HUB),
        (r"ghcr\.io", _GHCR),
        (
            # cloud-provider-aws cmd/ecr-credential-provider: private registries in all partitions
            r"[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9][a-z0-9_-]*\.(?:amazonaws\.com(?:\.cn)?"
            r"|on\.(?:aws|amazonwebservices\.com\.cn)|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)",
            _ECR,
        ),
        (r"public\.ecr\.aws|ecr-public\.aws\.com", _ECR_PUBLIC),
        (r"k8s\.gcr\.io|registry\.k8s\.io", _K8S),
        (r"(?:[a-z0-9-]+\.)?gcr\.io", _GCR),
        (r"[a-z0-9.-]+\.pkg\.dev", _GAR),
        (r"[a-z0-9-]+(?:\.[a-z0-9-]+)?\.azurecr\.(?:io|cn|us)", _ACR),
        (r"(?:[a-z0-9-]+\.)*mcr\.microsoft\.com|mcr\.azk8s\.cn", _MCR),
        (r"quay\.io", _QUAY),
        (
            r"image-registry\.openshift-image-registry\.svc(?:\.cluster\.local)?|docker-registry\.default\.svc"
            r"(?:\.cluster\.local)?|default-route-openshift-image-registry\.[a-z0-9.-]+",
            _OPENSHIFT,
        ),
        (r"registry\.gitlab\.com", replace(_GITLAB, token_realm="https://gitlab.com/jwt/auth")),
        (r"[a-z0-9.-]+\.jfrog\.io", _ARTIFACTORY),
    )
)
# Labels that people give to hosts of their own; such a name suggests the kind and proves nothing
_BY_LABEL = (
    ("harbor", _HARBOR), ("gitlab", _GITLAB), ("artifactory", _ARTIFACTORY), ("jfrog", _ARTIFACTORY),
    ("nexus", _NEXUS), ("quay", _QUAY),
)  # fmt: skip
# What the challenge of a host with any name gives away
_BY_REALM: tuple[tuple[re.Pattern[str], RegistryKind], ...] = (
    (re.compile(r"https?://[^/]+/service/token\Z"), _HARBOR),
    (re.compile(r"https?://[^/]+/(?:[^?]*/)?jwt/auth\Z"), _GITLAB),
    (re.compile(r"https?://[^/]+/openshift/token\Z"), _OPENSHIFT),
    (re.compile(r"https?://[^/]+/(?:artifactory/)?api/docker/[^?]*v2/token\Z"), _ARTIFACTORY),
    (re.compile(r"https?://[^/]+/v2/auth\Z"), _QUAY),
    (re.compile(r"Sonatype Nexus Repository Manager\Z"), _NEXUS),
    (re.compile(r"Artifactory Realm\Z"), _ARTIFACTORY),
)


def kind_of(host: str, realm: str = "") -> RegistryKind:
    """The kind of registry behind a host (with or without port), with `{host}` in its token realm filled in.

    realm: that of the challenge it sent, if known; it decides for hosts whose name does not. Never raises; a
    host that fits nothing is of the kind "unknown".
    """
    named = host.strip().lower()[:300]
    name = re.sub(r":[0-9]*\Z", "", named)
    for pattern, kind in _BY_NAME:
        if pattern.fullmatch(name):
            return _filled_in(kind, named)
    for pattern, kind in _BY_REALM:
        if realm and pattern.match(realm[:500]):
            return replace(_filled_in(kind, named), by_name=False, token_realm=realm if "://" in realm else "")
    parts = {part.rstrip("0123456789") for label in name.split(".")[:-1] for part in label.split("-")}
    for word, kind in _BY_LABEL:
        if word in parts:
            return replace(kind, by_name=False, token_realm="")
    return _UNKNOWN


def _filled_in(kind: RegistryKind, host: str) -> RegistryKind:
    return replace(kind, token_realm=kind.token_realm.replace("{host}", host)) if kind.token_realm else kind

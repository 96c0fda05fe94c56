"""Kinds of registries by host and by realm."""

from __future__ import annotations

import time

import pytest

from kubectl_imagepull.image.reference import Reference
from kubectl_imagepull.image.registries import KINDS, NODE_ROLE, NOTHING, PULL_SECRET, kind_of


@pytest.mark.parametrize(
    ("host", "kind", "realm"),
    [
        ("docker.io", "docker-hub", "https://auth.docker.io/token"),
        ("registry-1.docker.io", "docker-hub", "https://auth.docker.io/token"),
        ("index.docker.io", "docker-hub", "https://auth.docker.io/token"),
        ("ghcr.io", "ghcr", "https://ghcr.io/token"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "ecr", ""),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "ecr", ""),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "ecr", ""),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", "ecr", ""),
        ("public.ecr.aws", "ecr-public", "https://public.ecr.aws/token/"),
        ("us-docker.pkg.dev", "gar", "https://us-docker.pkg.dev/v2/token"),
        ("gcr.io", "gcr", "https://gcr.io/v2/token"),
        ("eu.gcr.io", "gcr", "https://eu.gcr.io/v2/token"),
        ("k8s.gcr.io", "registry-k8s", ""),
        ("registry.k8s.io", "registry-k8s", ""),
        ("acme.azurecr.io", "acr", "https://acme.azurecr.io/oauth2/token"),
        ("acme-abc123.azurecr.cn", "acr", "https://acme-abc123.azurecr.cn/oauth2/token"),
        ("quay.io", "quay", "https://quay.io/v2/auth"),
        ("mcr.microsoft.com", "mcr", ""),
        (
            "image-registry.openshift-image-registry.svc:5000",
            "openshift",
            "https://image-registry.openshift-image-registry.svc:5000/openshift/token",
        ),
        ("registry.gitlab.com", "gitlab", "https://gitlab.com/jwt/auth"),
        ("acme.jfrog.io", "artifactory", ""),
        ("QUAY.IO", "quay", "https://quay.io/v2/auth"),
    ],
)
def test_by_name(host: str, kind: str, realm: str) -> None:
    found = kind_of(host)
    assert (found.id, found.token_realm, found.by_name) == (kind, realm, True)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("harbor.corp.example", "harbor"),
        ("my-harbor.corp.example:8443", "harbor"),
        ("gitlab.corp.example:5050", "gitlab"),
        ("artifactory.corp.example", "artifactory"),
        ("nexus3.corp.example:8082", "nexus"),
        ("quay.corp.example", "quay"),
    ],
)
def test_a_label_only_suggests(host: str, kind: str) -> None:
    found = kind_of(host)
    assert (found.id, found.by_name, found.token_realm) == (kind, False, "")


@pytest.mark.parametrize(
    "host",
    [
        "", "reg.example.com", "localhost:5000", "harborside.example", "example.harbor", "xdocker.io",
        "notghcr.io", "[fd00::1]:5000", "ghcr.io.evil.example", "12345.dkr.ecr.eu-west-1.amazonaws.com",
        "a" * 1_000_000,
    ],
    ids=lambda host: host[:40],
)  # fmt: skip
def test_unknown(host: str) -> None:
    start = time.process_time()
    assert kind_of(host, "x" * 1_000_000).id == "unknown"
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("realm", "kind"),
    [
        ("https://core.corp.example/service/token", "harbor"),
        ("https://git.corp.example/jwt/auth", "gitlab"),
        ("https://reg.corp.example/artifactory/api/docker/local/v2/token", "artifactory"),
        ("Sonatype Nexus Repository Manager", "nexus"),
        ("Artifactory Realm", "artifactory"),
        ("https://reg.corp.example/v2/auth", "quay"),
        ("https://reg.corp.example/token", "unknown"),
    ],
)
def test_by_realm(realm: str, kind: str) -> None:
    found = kind_of("reg.corp.example", realm)
    assert found.id == kind
    if kind != "unknown":
        assert not found.by_name and found.token_realm == (realm if "://" in realm else "")


def test_the_realm_of_a_known_host_changes_nothing() -> None:
    assert kind_of("ghcr.io", "https://evil.example/service/token").id == "ghcr"


def test_every_kind_says_how_credentials_come() -> None:
    assert len({kind.id for kind in KINDS}) == len(KINDS) == 16
    for kind in KINDS:
        assert kind.credentials and kind.title and kind.advice
        assert kind.anonymous in ("always", "public", "if-enabled", "never")
    by_id = {kind.id: kind for kind in KINDS}
    assert by_id["ecr"].credentials[0] == NODE_ROLE and by_id["ecr"].password_lifetime == 12 * 3600
    assert by_id["ecr"].anonymous == "never" and by_id["ecr"].username == "AWS"
    assert by_id["mcr"].credentials == by_id["registry-k8s"].credentials == (NOTHING,)
    assert by_id["docker-hub"].credentials == (PULL_SECRET,)


def test_takes_what_references_give() -> None:
    for image in ("nginx", "docker.io/team/app"):
        reference = Reference.parse(image)
        assert kind_of(reference.domain) == kind_of(reference.registry_host)

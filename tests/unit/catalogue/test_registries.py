"""Kinds of registries by host and by realm."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.catalogue import CatalogueError, docs, registries
from kubectl_imagepull.catalogue.registries import NODE_ROLE, NOTHING, PULL_SECRET, kind_of, moved_values, parse
from kubectl_imagepull.image.reference import Reference
from tests.cost import here


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
        ("cp.icr.io", "ibm-entitled", ""),
        ("de.icr.io", "ibm", ""),
        ("registry.redhat.io", "red-hat", "https://registry.redhat.io/auth/realms/rhcc/protocol/redhat-docker-v2/auth"),
        ("registry.access.redhat.com", "red-hat-access", ""),
        ("nvcr.io", "nvidia", "https://nvcr.io/proxy_auth"),
        ("fra.ocir.io", "ocir", ""),
        ("registry.cn-hangzhou.aliyuncs.com", "alibaba", ""),
        ("registry.digitalocean.com", "digitalocean", "https://api.digitalocean.com/v2/registry/auth"),
        ("swr.eu-west-101.myhuaweicloud.eu", "huawei", ""),
        ("ccr.ccs.tencentyun.com", "tencent", ""),
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
    assert time.process_time() - start < here(0.5)


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
    kinds = registries.load()
    assert len(kinds) >= 25
    for kind in kinds.values():
        assert kind.credentials and kind.title and kind.advice and kind.sources
    assert kinds["ecr"].credentials[0] == NODE_ROLE and kinds["ecr"].password_hours == 12
    assert kinds["ecr"].anonymous == "never" and kinds["ecr"].username == "AWS"
    assert kinds["mcr"].credentials == kinds["registry-k8s"].credentials == (NOTHING,)
    assert kinds["docker-hub"].credentials == (PULL_SECRET,)


def test_every_registry_that_takes_the_nodes_identity_has_its_right() -> None:
    """One that comes new gets no other cloud's advice: it has none until somebody writes it down."""
    kinds = registries.load().values()
    assert {k.id for k in kinds if NODE_ROLE in k.credentials} | {"openshift"} == {k.id for k in kinds if k.right}


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        ("registry.k8s.io/pause", True),
        ("mcr.microsoft.com/dotnet/runtime", True),
        ("docker.io/library/nginx", True),
        ("docker.io/team/app", False),
        ("602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web", False),
        ("quay.corp.example/prometheus/prometheus", False),
        ("reg.corp.example/library/nginx", False),
    ],
)
def test_whose_a_repository_is(name: str, foreign: bool) -> None:
    assert kind_of(name.partition("/")[0]).is_foreign(name) == foreign


@pytest.mark.parametrize(
    ("name", "since", "to"),
    [
        ("docker.io/bitnami/redis", "2025-08-28", "docker.io/bitnamilegacy/redis"),
        ("k8s.gcr.io/sig-storage/csi-attacher", "2023-04-03", "registry.k8s.io/sig-storage/csi-attacher"),
        ("gcr.io/google-containers/pause", "2023-04-03", "registry.k8s.io/pause"),
        ("gcr.io/kubebuilder/kube-rbac-proxy", "2025-03-18", None),
        ("docker.io/library/redis", "", None),
        ("reg.corp.example/bitnami/redis", "", None),
    ],
)
def test_what_has_left(name: str, since: str, to: str | None) -> None:
    found = moved_values(kind_of(name.partition("/")[0]), name)
    assert found.get("moved_to") == to and (since in found["moved"] if since else found == {})


GOOD: dict[str, Any] = {
    "title": "Some",
    "names": [],
    "credentials": ["pull-secret"],
    "anonymous": "never",
    "advice": "sign in",
    "sources": [{"url": "a.page", "date": "2026-01-01"}],
}
RIGHT: dict[str, Any] = {
    "host": r"(?P<place>[a-z]+)\.example\.com",
    "path": ".*",
    "text": "ask {place}",
    "actions": [{"command": "tool allow {place}"}],
    "applicability": "manual",
    "actor": "cluster",
    "note": "",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"credentials": ["luck"]}, "credentials"),
        ({"anonymous": "maybe"}, "anonymous"),
        ({"sources": []}, "nothing says so"),
        ({"foreign": 7}, "registries.yaml: some: 7 is no pattern"),
        ({"colour": "red"}, "missing or unknown: colour"),
        ({"moves": [{"from": "a", "since": "lately", "to": "", "text": ""}]}, "is no date"),
        ({"right": {**RIGHT, "text": "ask {where}"}}, "where is no field"),
        ({"right": {**RIGHT, "host": "(?P<pod>.*)"}}, "pod is a field of its own"),
        ({"right": {**RIGHT, "actor": "me"}}, "actor 'me'"),
    ],
)
def test_a_bad_entry_is_refused(change: dict[str, Any], said: str) -> None:
    assert parse("some", GOOD).title == "Some"
    with pytest.raises(CatalogueError, match=re.escape(said)):
        parse("some", {**GOOD, **change})


def test_the_parts_of_a_host() -> None:
    right = parse("some", {**GOOD, "right": RIGHT}).right
    assert right is not None and right.fields("eu.example.com", "a/b") == {"place": "eu"}
    assert right.fields("example.org", "a/b") == {} and right.parts == {"place"}


def test_the_pages_are_up_to_date() -> None:
    """If not: python -m kubectl_imagepull.catalogue.docs docs/registries"""
    assert docs.main([str(Path(__file__).parents[3] / "docs" / "registries"), "--check"]) == 0


def test_takes_what_references_give() -> None:
    for image in ("nginx", "docker.io/team/app"):
        reference = Reference.parse(image)
        assert kind_of(reference.domain) == kind_of(reference.registry_host)

"""The reports' format: every field that the scoring reads is there and well formed. The counts show what the rounds cover."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent

PLATFORMS = frozenset(
    {
        "eks-al2",
        "eks-al2023",
        "eks-bottlerocket",
        "eks-fargate",
        "eks-unspecified",
        "eks-anywhere",
        "aks",
        "gke",
        "gke-autopilot",
        "openshift",
        "okd",
        "rosa",
        "crc",
        "k3s",
        "rke1",
        "rke2",
        "k0s",
        "microk8s",
        "talos",
        "kind",
        "minikube",
        "k3d",
        "docker-desktop",
        "rancher-desktop",
        "kubeadm",
        "kubespray",
        "kops",
        "oke",
        "doks",
        "iks",
        "ack",
        "vke",
        "windows",
        "cce",
        "kubernetes",
        "none",
    }
)
"""Where the pull failed; `kubernetes`: a cluster of an untold kind; `none`: no cluster."""

REGISTRIES = frozenset(
    {
        "docker-hub",
        "ghcr",
        "ecr",
        "ecr-public",
        "gar",
        "gcr",
        "acr",
        "mcr",
        "quay",
        "registry.k8s.io",
        "k8s.gcr.io",
        "gitlab",
        "harbor",
        "artifactory",
        "nexus",
        "ocir",
        "alibaba",
        "digitalocean",
        "ibm",
        "redhat",
        "nvidia",
        "openshift-internal",
        "github-packages",
        "huawei",
        "tencent",
        "scaleway",
        "jetbrains",
        "gitea",
        "elastic",
        "cloudsmith",
        "plain",
        "rancher",
        "local",
        "chainguard",
        "suse",
        "dhi",
        "none",
    }
)
"""Whose image it is; `plain`: a registry of one's own, its product untold; `local`: the image was built on the machine."""

CAUSES = frozenset(
    {
        "reference.invalid",
        "reference.short_name",
        "image.name_unknown",
        "image.tag_unknown",
        "image.digest_unknown",
        "image.blob_unknown",
        "image.platform_mismatch",
        "image.format_unsupported",
        "image.never_pull_absent",
        "auth.no_credentials",
        "auth.denied_or_missing",
        "auth.bad_credentials",
        "auth.expired",
        "auth.forbidden",
        "auth.secret_missing",
        "auth.secret_malformed",
        "auth.secret_ignored",
        "auth.secret_wrong_registry",
        "auth.secret_empty",
        "auth.secret_added_late",
        "auth.credential_provider",
        "auth.cached_image_denied",
        "rate.registry_limit",
        "rate.kubelet_qps",
        "dns.nxdomain",
        "dns.server_failure",
        "dns.timeout",
        "dns.no_usable_address",
        "net.refused",
        "net.timeout",
        "net.unreachable",
        "net.reset",
        "net.proxy",
        "tls.unknown_authority",
        "tls.expired",
        "tls.not_yet_valid",
        "tls.hostname_mismatch",
        "tls.http_on_https",
        "tls.handshake",
        "registry.server_error",
        "registry.unavailable",
        "registry.not_a_registry",
        "transfer.interrupted",
        "transfer.timeout",
        "transfer.stalled",
        "content.corrupt",
        "storage.no_space",
        "storage.extract_failed",
        "storage.other",
        "runtime.unavailable",
        "runtime.config_invalid",
        "policy.signature",
        "policy.registry_blocked",
        "policy.admission",
        "node.not_ready",
        "node.clock_skew",
        "pull.in_progress",
        "pull.queued",
        "backoff.only",
        "not_a_pull_failure",
        "unknown.insufficient",
        "none",
    }
)
"""The ids of docs/causes, copied so that a label does not depend on the program that it judges."""

ROLES = frozenset({"registry", "mirror", "token", "blob", "proxy", "dns-server", "node", "sandbox", "pod"})
ACTORS = frozenset({"you", "cluster", "registry", "network", "nobody"})
KINDS = {"message": {"message"}, "events": {"events"}, "configuration": set[str]()}
INPUT = frozenset({"message", "events", "files", "node", "pod", "secrets"})
NODE = frozenset({"labels", "osImage", "architecture", "kubeletVersion", "containerRuntimeVersion", "providerID"})
POD = frozenset({"image", "templateImage", "imagePullPolicy", "imagePullSecrets", "namespace"})
SECRET = frozenset({"name", "namespace", "type", "key", "registries", "labels", "owner"})
TOP = frozenset({"source", "date", "platform", "registry", "runtime", "kind", "input", "label"})
LABEL = frozenset({"cause", "also_accepted", "confidence_at_most", "actor", "advice_leads_to", "never", "reason"})

FILES = sorted(HERE.glob("round-*/*.yaml"))


def load(path: Path) -> dict[str, Any]:
    """One report as a dictionary. Raises yaml.YAMLError where the file is no YAML."""
    report = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(report, dict), path
    return report


def _texts(values: Any) -> None:
    assert isinstance(values, list) and all(isinstance(value, str) and value for value in values), values


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_report_is_well_formed(path: Path) -> None:
    report = load(path)
    assert re.fullmatch(r"\d{3}-[a-z0-9-]+", path.stem)
    assert set(report) >= TOP and set(report) <= TOP | {"runtime_version"}, set(report) ^ TOP
    source = report["source"]
    assert set(source) in ({"repository", "number"}, {"page", "title"}, {"file", "title"}), source
    assert isinstance(report["date"], str) and re.fullmatch(r"20\d\d(-\d\d){0,2}", report["date"]), (
        "the date is text: quote it"
    )
    assert report["platform"] in PLATFORMS, report["platform"]
    assert report["registry"] in REGISTRIES, report["registry"]
    assert report["runtime"] in {"containerd", "cri-o", "docker", "unknown"}
    assert isinstance(report.get("runtime_version", ""), str)
    assert report["kind"] in KINDS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_input_is_well_formed(path: Path) -> None:
    report = load(path)
    given = report["input"]
    assert set(given) <= INPUT and set(given) >= KINDS[report["kind"]], set(given)
    if report["kind"] == "message":
        assert set(given) <= {"message", "node"}
    if report["kind"] == "configuration":
        assert set(given) & {"files", "secrets", "pod"} and set(given) & {"message", "events"}
    assert isinstance(given.get("message", ""), str)
    for event in given.get("events", []):
        assert set(event) == {"type", "reason", "message"}, event
        assert event["type"] in {"Normal", "Warning"}
    for name, content in given.get("files", {}).items():
        assert name.startswith(("/", "C:\\")) and isinstance(content, str), name
    assert set(given.get("node", {})) <= NODE, given.get("node")
    assert set(given.get("pod", {})) <= POD, given.get("pod")
    for secret in given.get("secrets", []):
        assert set(secret) <= SECRET and {"name", "type"} <= set(secret), secret


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_label_is_well_formed(path: Path) -> None:
    label = load(path)["label"]
    assert set(label) >= LABEL and set(label) <= LABEL | {"role", "host"}, set(label) ^ LABEL
    assert label["cause"] in CAUSES, label["cause"]
    also = label["also_accepted"]
    assert isinstance(also, list) and set(also) <= CAUSES - {label["cause"]}, also
    assert label["confidence_at_most"] in {"confirmed", "likely", "possible", "unknown"}
    assert label["actor"] in ACTORS
    assert label.get("role", "registry") in ROLES
    assert set(label["advice_leads_to"]) == {"action", "any_of"}
    assert isinstance(label["advice_leads_to"]["action"], str)
    _texts(label["advice_leads_to"]["any_of"])
    assert isinstance(label["never"], list)
    for pattern in [*label["advice_leads_to"]["any_of"], *label["never"]]:
        re.compile(pattern, re.IGNORECASE | re.DOTALL)
    assert isinstance(label["reason"], str) and len(label["reason"]) >= 20


def test_the_rounds_cover_the_field() -> None:
    """Numbers and inputs do not repeat; once complete, a round holds 30 reports and the whole covers enough of the world."""
    reports = [load(path) for path in FILES]
    numbers = [path.name[:3] for path in FILES]
    assert len(numbers) == len(set(numbers))
    for field in ("platform", "registry", "kind"):
        print(field, dict(Counter(report[field] for report in reports).most_common()))
    print("cause", dict(Counter(report["label"]["cause"] for report in reports).most_common()))
    print("year", dict(sorted(Counter(report["date"][:4] for report in reports).items())))
    inputs = Counter(yaml.safe_dump(report["input"]) for report in reports)
    assert not [text for text, count in inputs.items() if count > 1]
    if len(reports) >= 120:
        assert len({report["platform"] for report in reports} - {"kubernetes", "none"}) >= 14
        assert len({report["registry"] for report in reports} - {"plain", "none", "local"}) >= 14
        assert 2 * sum(report["date"] >= "2024" for report in reports) >= len(reports)
        assert min(Counter(path.parent.name for path in FILES).values()) >= 30

"""The scoring of reports, on reports that are made up for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.field.run import Said, answer, case_of, keep, row, score

LABEL: dict[str, Any] = {
    "cause": "net.refused",
    "also_accepted": ["net.timeout"],
    "confidence_at_most": "likely",
    "advice_leads_to": {"action": "open the port", "any_of": ["open .*port", "firewall"]},
    "never": ["set image"],
}
REFUSED = (
    'failed to pull and unpack image "r.corp.example/a/b:1": failed to resolve reference "r.corp.example/a/b:1": failed to do '
    'request: Head "https://r.corp.example/v2/a/b/manifests/1": dial tcp 10.0.0.1:443: connect: connection refused'
)


@pytest.mark.parametrize(
    ("said", "result", "overclaimed"),
    [
        (Said("net.refused", "likely"), "right", False),
        (Said("net.refused", "confirmed"), "right", True),
        (Said("net.timeout", "possible"), "defensible", False),
        (Said("dns.nxdomain", "possible"), "weak", False),
        (Said("unknown.insufficient", "unknown"), "weak", False),
        (Said("dns.nxdomain", "likely"), "confidently wrong", False),
        (Said("dns.nxdomain", "confirmed"), "confidently wrong", False),
    ],
)
def test_a_cause_is_scored_with_its_confidence(said: Said, result: str, overclaimed: bool) -> None:
    found = score("001-x", said, LABEL)
    assert (found.score, found.overclaimed) == (result, overclaimed)


def test_the_first_three_fixes_lead_and_any_fix_harms() -> None:
    fixes = ("Wait", "Look\nping r.corp", "Restart", "OPEN THE\nPORT", "kubectl set image x")
    found = score("001-x", Said("net.refused", "likely", fixes), LABEL)
    assert not found.leads and found.harmful == ("set image",)
    assert score("001-x", Said("net.refused", "likely", fixes[3:4]), LABEL).leads


def test_a_message_alone_is_explained() -> None:
    said = answer({"message": REFUSED})
    assert (said.cause, said.confidence) == ("net.refused", "likely") and said.fixes


def test_objects_are_judged_as_a_case(tmp_path: Path) -> None:
    given = {
        "events": [
            {
                "type": "Warning",
                "reason": "Failed",
                "message": f'Failed to pull image "r.corp.example/a/b:1": {REFUSED}',
            },
            {"type": "Warning", "reason": "Failed", "message": "Error: ErrImagePull"},
        ],
        "pod": {"image": "r.corp.example/a/b:1", "imagePullSecrets": ["login"], "namespace": "team"},
        "node": {"osImage": "Talos (v1.9.4)", "containerRuntimeVersion": "containerd://2.0.3", "providerID": "x://y"},
        "secrets": [{"name": "login", "type": "kubernetes.io/dockerconfigjson", "registries": ["other.corp.example"]}],
    }
    case = case_of(given, tmp_path)
    assert case.facts.node is not None and case.facts.node.os_image == "Talos (v1.9.4)"
    assert (case.target.namespace, case.target.image) == ("team", "r.corp.example/a/b:1")
    assert case.facts.said == REFUSED and case.facts.failing
    assert [s.state for s in case.facts.secrets] != ["used"]
    assert answer(given).cause in ("net.refused", "auth.secret_wrong_registry")


def test_files_are_read_as_a_probe_reads_them(tmp_path: Path) -> None:
    given = {
        "message": REFUSED,
        "files": {
            "/etc/containerd/config.toml": 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n'
            'config_path = "/etc/containerd/certs.d"\n',
            "/etc/containerd/certs.d/r.corp.example/hosts.toml": '[host."https://mirror.corp.example"]\n',
        },
        "node": {"containerRuntimeVersion": "containerd://1.7.27"},
    }
    (seen,) = case_of(given, tmp_path).observations
    assert seen.hop == "runtime" and seen.outcome == "configured"
    # what a report does not hold is not known to be absent
    assert not case_of({**given, "files": {"/etc/other": "x"}}, tmp_path / "other").observations


def test_a_sandbox_has_an_image_of_its_own(tmp_path: Path) -> None:
    text = 'Failed to create pod sandbox: failed to get sandbox image "registry.k8s.io/pause:3.9": ' + REFUSED
    given = {"events": [{"type": "Warning", "reason": "FailedCreatePodSandBox", "message": text}]}
    case = case_of(given, tmp_path)
    assert case.target.image == "registry.corp.example/team/app:1.0"


def test_only_the_first_result_is_kept(tmp_path: Path) -> None:
    table = tmp_path / "rounds.tsv"
    first = row(7, [score("001-x", Said("net.refused", "likely"), LABEL)])
    assert keep(first, table)
    kept = table.read_text()
    assert not keep(row(7, []), table) and table.read_text() == kept
    assert keep(row(8, []), table) and len(table.read_text().splitlines()) == 3

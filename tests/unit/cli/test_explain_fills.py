"""What the text of a message names stands in the advice: no blank is left that the text fills, and no fix that it rules out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.cli import main
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.image.reference import InvalidReference, Reference

CORPUS = Path(__file__).parents[2] / "corpus"
TEXTS = [
    json.loads(line)[key]
    for name, key in (("messages.jsonl", "message"), ("heldout.jsonl", "message"), ("containers-image.jsonl", "text"))
    for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()
]
OF_THE_IMAGE = ("<image>", "<registry>", "<repository>", "<name>")
"""Blanks that a reference fills. Where an image is to be set it is another one, and that its reader knows."""


def explained(text: str) -> dict[str, Any]:
    out = io.StringIO()
    assert main.run(["explain", "--message", text, "-o", "json"], out, io.StringIO(), io.StringIO()) == 0
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def advice(text: str) -> list[str]:
    """Titles and commands of all fixes, and the title of the cause."""
    cause = explained(text)["cause"]
    return [cause["title"], *(line for fix in cause["fixes"] for line in (fix["title"], *fix["commands"]))]


def parsed(image: str | None) -> bool:
    try:
        return bool(image and Reference.parse(image))
    except InvalidReference:
        return False


@pytest.mark.parametrize("part", range(8))
def test_no_blank_is_left_that_the_text_fills(part: int) -> None:
    left = []
    for text in sorted(set(TEXTS))[part::8]:
        found = classify(text)
        if "<" in f"{found.image}{found.host}":
            continue  # blanks of the text's own
        filled = [*(OF_THE_IMAGE if parsed(found.image) else ())]
        filled += ["<host>", "<port>"] if found.host else []
        filled += ["<address>"] if found.detail.get("address") else []
        filled += ["<secret>"] if found.detail.get("secret") else []
        left += [
            (line, found.image, found.host)
            for line in advice(text)
            if "set image" not in line and any(blank in line for blank in filled)
        ]
    assert not left, left[:9]


@pytest.mark.parametrize(
    ("text", "there"),
    [
        (
            'Failed to pull image "team/app:1": rpc error: code = Unknown desc = failed to pull and unpack image '
            '"docker.io/team/app:1": failed to resolve reference "docker.io/team/app:1": pull access denied, repository does not '
            "exist or may require authorization: server message: insufficient_scope: authorization failed",
            "--docker-server=https://index.docker.io/v1/",
        ),
        (
            'Failed to pull image "r.corp:5000/team/app:1": rpc error: code = Unknown desc = reading manifest 1 in '
            "r.corp:5000/team/app: authentication required",
            "--docker-server=r.corp:5000",
        ),
        (
            'Head "https://a.corp/v2/team/app/manifests/1": tls: failed to verify certificate: x509: certificate is valid for '
            "b.corp, not a.corp",
            "b.corp",
        ),
        (
            '"Unable to retrieve pull secret, the image pull may not succeed." pod="prod/app-1" secret="" '
            'err="secret \\"regcred\\" not found"',
            "regcred",
        ),
        (
            '"Unable to retrieve pull secret, the image pull may not succeed." pod="prod/app-1" secret="" '
            'err="secret \\"regcred\\" not found"',
            "-n prod",
        ),
    ],
)
def test_what_a_text_names_is_in_the_advice(text: str, there: str) -> None:
    assert any(there in line for line in advice(text)), advice(text)


def test_an_archive_of_one_platform_that_is_loaded_for_all() -> None:
    text = (
        'ERROR: failed to load image: command "docker exec --privileged -i kind-control-plane ctr --namespace=k8s.io images '
        'import --all-platforms --digests -" failed with error: exit status 1\nCommand Output: ctr: content digest '
        f"sha256:{'0a' * 32}: not found"
    )
    first = explained(text)["cause"]["fixes"][0]
    assert "docker save --platform" in first["commands"][0] and first["actor"] == "you"
    assert first["condition"] == ""


def test_a_store_that_has_lost_a_part_of_an_image() -> None:
    text = (
        'failed to pull and unpack image "r.corp/team/app:1": failed to extract layer: failed to get reader from content store: '
        f"blob sha256:{'0a' * 32} expected at /var/lib/containerd/x: blob not found: not found"
    )
    said = explained(text)
    assert said["cause"]["id"] == "storage.other"
    assert "remove" in said["cause"]["fixes"][0]["title"] and "crictl rmi r.corp/team/app:1" in advice(text)
    assert "archive" not in said["cause"]["fixes"][0]["title"]
    # a file system that cannot be written has lost nothing
    read_only = (
        'failed to pull and unpack image "r.corp/team/app:1": mkdir /var/lib/containerd/x: read-only file system'
    )
    assert not any("crictl rmi" in line for line in advice(read_only))


def test_a_fix_for_another_host_is_left_out() -> None:
    token = (
        "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
        "https://auth.corp/token?service=x&scope=y: 503 Service Unavailable"
    )
    for fix in explained(token)["cause"]["fixes"]:
        assert "blob store" not in fix["condition"] and "token server" not in fix["condition"]


def test_what_a_text_is_about_decides_what_comes_first() -> None:
    cancelled = 'Failed to pull image "r.corp/a/b:1": failed to pull and unpack image "r.corp/a/b:1": context canceled'
    assert "progress" in advice(cancelled)[1]
    mirrored = (
        'Failed to pull image "r.corp/a@sha256:0a": (Mirrors also failed: [m.corp/a@sha256:0a: reading manifest sha256:0a in '
        "m.corp/a: "
        'manifest unknown]): r.corp/a@sha256:0a: pinging container registry r.corp: Get "https://r.corp/v2/": dial tcp: lookup '
        "r.corp "
        "on 10.0.0.2:53: no such host"
    )
    assert "mirror m.corp" in advice(mirrored)[1]
    windows = "no matching manifest for windows/amd64 10.0.20348 in the manifest list entries"
    assert "windows-build" in advice(windows)[1]
    assert not any("windows-build" in line for line in advice(windows.replace("windows", "linux")))
    scanned = (
        'Failed to pull image "r.corp/a/b:1": Error response from daemon: unknown: current image with "Low" vulnerability cannot '
        "be "
        "pulled due to configured policy in 'Prevent images with vulnerability severity of Low or higher from running.'"
    )
    assert "threshold" in advice(scanned)[1] and not any("docker-registry" in line for line in advice(scanned))
    refused = 'Head "https://r.corp/v2/a/b/manifests/1": dial tcp 10.0.0.1:443: connect: connection refused'
    assert not any("set image" in line for line in advice(refused))


def test_a_web_page_is_not_built_anew() -> None:
    page = 'failed to pull image "r.corp/a/b:1": failed to unpack image: unexpected media type text/html for sha256:0a: not found'
    assert "override_path" in advice(page)[1] and not any("buildx" in line for line in advice(page))
    chart = page.replace("text/html", "application/vnd.cncf.helm.config.v1+json")
    assert any("buildx" in line for line in advice(chart)) and not any(
        "override_path" in line for line in advice(chart)
    )

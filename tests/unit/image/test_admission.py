"""The policy as an object, and what it means in Python; the CEL itself is tried in tests/e2e/test_policy.py."""

from __future__ import annotations

import json

import pytest
import yaml

from kubectl_imagepull.image.admission import BadRegistry, Rules, allowed, policy
from kubectl_imagepull.report.machine import dump_manifest
from tests.unit.image.test_pins import digest_of

ALL = Rules(("ghcr.io/team", "docker.io/library", "r.test:5000"), True, True)


@pytest.mark.parametrize(
    ("entry", "is_"),
    [
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io", "ghcr.io"),
        ("ghcr.io/team/a", "ghcr.io/team/a"),
        ("localhost:5000", "localhost:5000"),
        ("localhost", "localhost"),
        ("[::1]:5000", "[::1]:5000"),
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("index.docker.io/library", "docker.io/library"),
    ],
)
def test_registries(entry: str, is_: str) -> None:
    assert allowed(entry) == is_


@pytest.mark.parametrize(
    "entry", ["", "team", "team/app", "ghcr.io/", "https://ghcr.io", "ghcr.io/a:1", "a b.io", '"', "x.io/Team"]
)
def test_what_is_no_registry(entry: str) -> None:
    with pytest.raises(BadRegistry):
        allowed(entry)


@pytest.mark.parametrize(
    ("image", "against"),
    [
        (f"ghcr.io/team/app:1@{digest_of('a')}", ()),
        (f"nginx:latest@{digest_of('a')}", ()),
        ("nginx", ("digest", "latest")),
        ("nginx:1", ("digest",)),
        ("org/nginx:1", ("registry", "digest")),
        ("ghcr.io/teams/app:1", ("registry", "digest")),
        ("r.test/app:1", ("registry", "digest")),
        ("R.test:5000/app:latest", ("digest", "latest")),
        ("${IMAGE}", ("registry", "digest", "latest")),
    ],
)
def test_what_is_refused(image: str, against: tuple[str, ...]) -> None:
    assert ALL.refuses(image) == against
    assert Rules().refuses(image) == ()


def test_the_objects() -> None:
    found, binding = policy("images", ALL, exempt=("ci",))
    assert json.loads(json.dumps(found)) == yaml.safe_load(dump_manifest(found))
    assert binding["spec"]["policyName"] == found["metadata"]["name"] == "images"
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert policy("images", ALL, audit=True)[1]["spec"]["validationActions"] == ["Warn", "Audit"]
    (kept,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert (kept["operator"], kept["values"]) == ("NotIn", ["kube-system", "ci"])
    names = [one["name"] for one in found["spec"]["variables"]]
    for validation in found["spec"]["validations"]:
        assert validation["expression"].removeprefix("variables.").partition(".")[0] in names
    assert len(found["spec"]["validations"]) == 3
    few = policy("images", Rules(no_latest=True))[0]["spec"]
    assert len(few["validations"]) == 1 and "first" not in [one["name"] for one in few["variables"]]


def test_people_can_read_it() -> None:
    text = dump_manifest(policy("images", ALL)[0])
    assert "    expression: |-\n" in text and "\\n" not in text

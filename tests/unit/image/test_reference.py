"""References: the vectors, mistakes by name and what is suggested, hostile input."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.image.reference import InvalidReference, Reference
from tests.cost import here

pytestmark = pytest.mark.alone

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "reference.json").read_text())["cases"]
HEX = "0123456789abcdef" * 4

# Where the vectors differ from the code that they stand for, the code is right (tests/oracle asks it).
# Only texts, no case: docker/distribution 2.8 does not name the repository that should be lower case.
LEGACY_TEXT = "invalid reference format: repository name must be lowercase"


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: ascii(case["input"])[:60])
def test_vector(case: dict[str, Any]) -> None:
    if not case["valid"]:
        with pytest.raises(InvalidReference) as raised:
            Reference.parse(case["input"])
        assert raised.value.grammar_error == case["error"]
        return
    reference = Reference.parse(case["input"])
    assert (reference.domain, reference.path) == (case["domain"], case["path"])
    assert (reference.tag, reference.digest) == (case["tag"], case["digest"])
    assert reference.normalised == case["normalised"]
    assert reference.repository == case["repo"]
    assert reference.registry_host == case["registry_host"]
    assert reference.as_written == case["input"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: ascii(case["input"])[:60])
def test_vector_in_the_old_grammar(case: dict[str, Any]) -> None:
    if case["valid_legacy"]:
        assert Reference.parse(case["input"], legacy=True).as_written == case["input"]
        return
    with pytest.raises(InvalidReference) as raised:
        Reference.parse(case["input"], legacy=True)
    if "must be lowercase" in case.get("legacy_error", ""):
        assert raised.value.grammar_error == LEGACY_TEXT


@pytest.mark.parametrize(
    ("text", "mistake", "suggestion"),
    [
        ("", "empty", None),
        ("  ", "empty", None),
        ("https://ghcr.io/org/app:1", "scheme", "ghcr.io/org/app:1"),
        ("docker://nginx", "scheme", "nginx"),
        ("http://registry:5000/app/", "scheme", "registry:5000/app"),
        ("https://hub.docker.com/r/grafana/grafana", "scheme", "docker.io/grafana/grafana"),
        ("https://hub.docker.com/_/nginx", "scheme", "docker.io/library/nginx"),
        ("https://github.com/org/app", "scheme", None),
        (" nginx:1 ", "white-space", "nginx:1"),
        ("nginx:1\n", "line-break", "nginx:1"),
        ("nginx:1\r\n", "line-break", "nginx:1"),
        ("nginx: 1.27", "white-space", "nginx:1.27"),
        ("nginx 1.27", "white-space", None),
        ("nginx\t:1.27", "white-space", "nginx:1.27"),
        ("nginx\nredis", "line-break", None),
        ("\ufeffnginx", "invisible-character", "nginx"),
        ("ng\x00inx", "control-character", None),
        ('"nginx:1"', "quotes", "nginx:1"),
        ("\u201cnginx:1\u201d", "quotes", "nginx:1"),
        ("nginx:1.27\u2013alpine", "not-ascii", "nginx:1.27-alpine"),
        ("b\u00fccher.example/app", "not-ascii", None),
        ("nginx:${TAG}", "placeholder", None),
        ("{{ .Values.image }}", "placeholder", None),
        ("$(IMAGE)", "placeholder", None),
        ("registry/<name>:1", "placeholder", None),
        ("Nginx", "upper-case", "nginx"),
        ("ghcr.io/Org/App:V1", "upper-case", "ghcr.io/org/app:V1"),
        ("REG.example.com/Org/app:1", "upper-case", "REG.example.com/org/app:1"),
        ("nginx:", "empty-tag", None),
        ("reg.io/app:", "empty-tag", None),
        ("nginx:1:2", "two-tags", None),
        ("nginx:v1+build", "tag-characters", None),
        ("nginx:-bad", "tag-start", None),
        ("nginx:" + "t" * 129, "tag-length", None),
        ("reg.io/app:feature/login", "tag-slash", None),
        ("nginx@", "empty-digest", None),
        ("nginx@1.27", "tag-for-digest", "nginx:1.27"),
        ("nginx@latest", "tag-for-digest", "nginx:latest"),
        ("nginx:1@latest", "tag-for-digest", None),
        (f"nginx:sha256:{HEX}", "digest-for-tag", f"nginx@sha256:{HEX}"),
        (f"nginx@{HEX}", "digest-without-algorithm", f"nginx@sha256:{HEX}"),
        (f"nginx@sha256-{HEX}", "digest-separator", f"nginx@sha256:{HEX}"),
        (f"nginx@sha256:{HEX}:1.27", "tag-after-digest", f"nginx:1.27@sha256:{HEX}"),
        (f"nginx@sha256:{HEX[:63]}", "digest-length", None),
        (f"nginx@sha256:{HEX}0", "digest-length", None),
        (f"nginx@sha256:{HEX.upper()}", "digest-upper-case", f"nginx@sha256:{HEX}"),
        (f"nginx@sha256:{HEX[:-1]}g", "digest-characters", None),
        ("nginx@md5:" + "a" * 32, "digest-algorithm", None),
        (f"@sha256:{HEX}", "no-name", None),
        (f"nginx@sha256:{HEX}@sha256:{HEX}", "two-digests", None),
        (HEX, "hex-name", None),
        ("foo.com:http/bar", "port", None),
        ("app:feature/x", "port", None),
        ("my_registry:443/app", "host-underscore", None),
        ("-reg.io/app", "host", None),
        ("reg..io/app", "host", None),
        ("fc00::1:5000/app", "ipv6-brackets", None),
        ("[fe80::1%eth0]:5000/app", "ipv6", None),
        ("[2001:db8::1]", "no-image", None),
        ("docker.io/", "no-image", None),
        ("localhost:5000/", "no-image", None),
        ("nginx/", "trailing-slash", "nginx"),
        ("team/app/:1", "trailing-slash", "team/app:1"),
        ("/team/app", "leading-slash", "team/app"),
        ("reg.io//team/app", "double-slash", "reg.io/team/app"),
        ("reg.io/-app", "path-component", None),
        ("reg.io/a___b", "path-component", None),
        ("reg.io/app#f", "path-characters", None),
        ("reg.io/app?x=1", "path-characters", None),
        ("library/" + "a" * 248, "name-length", None),
        # several slips at once still lead to one suggestion
        (" https://GHCR.io/Org/App:1 ", "white-space", "GHCR.io/org/app:1"),
        (f"docker://Nginx@SHA256:{HEX.upper()}", "scheme", f"nginx@sha256:{HEX}"),
    ],
)
def test_mistake_is_named_and_mended(text: str, mistake: str, suggestion: str | None) -> None:
    with pytest.raises(InvalidReference) as raised:
        Reference.parse(text)
    assert (raised.value.mistake, raised.value.suggestion) == (mistake, suggestion)
    assert raised.value.text == text
    sentence = str(raised.value)
    assert sentence and sentence.isprintable() and len(sentence) < 400
    if suggestion is not None:
        assert suggestion in sentence or len(suggestion) > 80
        Reference.parse(suggestion)


def test_mistakes_of_the_old_grammar() -> None:
    with pytest.raises(InvalidReference) as raised:
        Reference.parse("Org/app:v1", legacy=True)
    assert (raised.value.mistake, raised.value.suggestion) == ("upper-case", "org/app:v1")
    with pytest.raises(InvalidReference) as raised:
        Reference.parse("[fd00::1]:5000/app", legacy=True)
    assert raised.value.mistake == "ipv6-not-supported"
    long_host = "h" * 250 + ".io"
    assert Reference.parse(f"{long_host}/team/app").domain == long_host
    with pytest.raises(InvalidReference) as raised:
        Reference.parse(f"{long_host}/team/app", legacy=True)
    assert raised.value.mistake == "name-length"


@pytest.mark.parametrize("text", ["user:hunter2@reg.io/app", "user:hunter2@reg.io:5000/team/app:1"])
def test_credentials_in_a_reference_are_not_repeated(text: str) -> None:
    with pytest.raises(InvalidReference) as raised:
        Reference.parse(text)
    assert raised.value.mistake == "credentials"
    assert "hunter2" not in str(raised.value)
    assert raised.value.suggestion == text.partition("@")[2]


def test_manifest_reference() -> None:
    reference = Reference.parse(f"docker.io/library/nginx:1@sha256:{HEX}")
    assert reference.manifest_reference == f"sha256:{HEX}"
    assert Reference.parse("quay.io/a/b").manifest_reference == "latest"
    assert str(Reference.parse("nginx")) == "nginx"


@pytest.mark.parametrize("text", [None, b"nginx", 5, ["nginx"]])
def test_what_is_no_text(text: Any) -> None:
    with pytest.raises(InvalidReference) as raised:
        Reference.parse(text)
    assert raised.value.mistake == "not-text"


UNITS = [
    "a",
    "A",
    "-",
    ".",
    "a/",
    "a-",
    ":",
    "a@",
    " ",
    "\n",
    "\u00e9",
    "[:",
    "{",
    "a://",
    "sha256:",
    "\ud800",
]


@pytest.mark.parametrize("prefix", ["", "reg.io/", "nginx@sha256:"])
def test_a_lot_of_anything_is_over_soon(prefix: str) -> None:
    """Linear in the length: each unit, two hundred thousand characters; processor time, for busy machines."""
    soon = here(0.5)
    for unit in UNITS:
        text = prefix + unit * (200_000 // len(unit)) + "!"
        start = time.process_time()
        with pytest.raises(InvalidReference) as raised:
            Reference.parse(text, legacy=unit == "a/")
        assert time.process_time() - start < soon, (prefix, unit)
        assert len(str(raised.value)) < 600


def test_a_lot_of_host_is_a_host() -> None:
    """Only the path is bounded, by 255 characters: a name that no DNS holds is still a reference."""
    start = time.process_time()
    assert Reference.parse("a." * 100_000 + "io/app").path == "app"
    assert time.process_time() - start < here(0.5)

"""What is asked of a registry for an image string."""

from __future__ import annotations

import pytest

from kubectl_imagepull.image.pulls import pull_of


@pytest.mark.parametrize(
    ("image", "host", "port", "scheme", "repository", "asked"),
    [
        ("nginx", "registry-1.docker.io", 443, "https", "library/nginx", "latest"),
        ("quay.io/a/b:1", "quay.io", 443, "https", "a/b", "1"),
        ("r.example:5000/a:1", "r.example", 5000, "https", "a", "1"),
        ("localhost:5000/a", "localhost", 5000, "http", "a", "latest"),
        ("127.0.0.1:5000/a", "127.0.0.1", 5000, "http", "a", "latest"),
        ("localhost:443/a", "localhost", 443, "https", "a", "latest"),
        # TLS first, as containerd does (core/remotes/docker/config/hosts.go)
        ("localhost/a", "localhost", 443, "https", "a", "latest"),
        ("[::1]:5000/a", "::1", 5000, "http", "a", "latest"),
        ("[fd00::1]/a", "fd00::1", 443, "https", "a", "latest"),
    ],
)
def test_where_it_is_asked_for(image: str, host: str, port: int, scheme: str, repository: str, asked: str) -> None:
    facts, pull = pull_of(image, "p7")
    assert facts.valid and pull is not None
    assert (pull.id, pull.host, pull.port, pull.scheme, pull.repository, pull.asked) == (
        "p7",
        host,
        port,
        scheme,
        repository,
        asked,
    )


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("nginx", "docker.io"),
        ("docker.io/library/nginx", "docker.io"),
        ("reg.example:443/a", "reg.example:443"),
        ("reg.example/a", "reg.example"),
        ("localhost:5000/a", "localhost:5000"),
    ],
)
def test_the_registry_as_it_is_spelled(image: str, named: str) -> None:
    """A configuration for reg.example is none for reg.example:443."""
    pull = pull_of(image, "p7")[1]
    assert pull is not None and pull.named == named


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ("nginx:1", "nginx"),
        ("team/app@sha256:" + "0" * 64, "team/app"),
        ("quay.io/a", ""),
        ("localhost/a", ""),
        ("r:5000/a", ""),
    ],
)
def test_short_names(image: str, short: str) -> None:
    pull = pull_of(image, "p0")[1]
    assert pull is not None and pull.short == short


def test_what_does_not_parse() -> None:
    facts, pull = pull_of("https://quay.io/a", "p0")
    assert pull is None and not facts.valid and facts.mistake and facts.advice

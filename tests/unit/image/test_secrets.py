"""Each pull secret explained: the cause, a sentence on what is nearly right, and no secret in any of it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kubectl_imagepull.image.secrets import SecretUse, explain_secrets

JSON_TYPE = "kubernetes.io/dockerconfigjson"
PASSWORD = "hunter2-swordfish"
AUTH = base64.b64encode(f"me:{PASSWORD}".encode()).decode()


def secret(document: object, kind: str = JSON_TYPE, key: str = ".dockerconfigjson", name: str = "s") -> dict[str, Any]:
    text = document if isinstance(document, str) else json.dumps(document)
    data = base64.b64encode(text.encode()).decode()
    return {"metadata": {"name": name}, "type": kind, "data": {key: data}}


def entries(*keys: str, **entry: str) -> dict[str, Any]:
    return {"auths": {key: entry or {"auth": AUTH} for key in keys}}


def explained(image: str, *secrets: Any) -> list[SecretUse]:
    """Explain, and check what holds for every explanation."""
    uses = explain_secrets(list(secrets), image)
    assert len(uses) == len(secrets)
    for use in uses:
        for hidden in (PASSWORD, AUTH, "TOKEN"):
            assert hidden not in repr(use)
        assert use.why.isprintable() and len(use.why) < 400 and use.why[0].islower() and not use.why.endswith(".")
        assert not (use.applies and use.cause)
        assert len(use.registry_keys) == len(use.usernames)
    return uses


def test_one_that_applies() -> None:
    (use,) = explained("reg.io/team/app:1", secret(entries("reg.io", "other.io")))
    assert (use.applies, use.cause, use.registry_keys, use.usernames) == (True, None, ("reg.io",), ("me",))
    assert '"reg.io"' in use.why and '"me"' in use.why


@pytest.mark.parametrize(
    ("document", "kind", "key", "words"),
    [
        (entries("reg.io"), "Opaque", ".dockerconfigjson", "type is Opaque"),
        (entries("reg.io"), "", ".dockerconfigjson", "type is Opaque"),
        (entries("reg.io"), "kubernetes.io/tls", ".dockerconfigjson", "type is kubernetes.io/tls"),
        (entries("reg.io"), JSON_TYPE, "config.json", "has no .dockerconfigjson"),
        (entries("reg.io"), "kubernetes.io/dockercfg", ".dockerconfigjson", "has no .dockercfg"),
        ("", JSON_TYPE, ".dockerconfigjson", "is empty"),
        ({"reg.io": {"auth": AUTH}}, JSON_TYPE, ".dockerconfigjson", 'under "auths"'),
    ],
)
def test_ignored(document: object, kind: str, key: str, words: str) -> None:
    (use,) = explained("reg.io/app", secret(document, kind, key))
    assert (use.applies, use.cause) == (False, "auth.secret_ignored")
    assert words in use.why


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (entries("other.io", auth="%%%"), "not base64"),
        (entries("other.io", auth=base64.b64encode(PASSWORD.encode()).decode()), "username:password"),
        ('{"auths":{"reg.io":{"password":"' + PASSWORD + '"x}}}', "not JSON"),
        ('{"auths":["TOKEN"]}', '"auths" has the wrong type (array)'),
        ('{"auths":{"reg.io":"TOKEN"}}', "an entry has the wrong type (string)"),
        ('{"auths":{"reg.io":{"password":5}}}', '"password"'),
    ],
)
def test_malformed_for_every_image(document: object, words: str) -> None:
    use, good = explained("reg.io/app", secret(document, name="bad"), secret(entries("reg.io"), name="good"))
    assert (use.secret, use.applies, use.cause) == ("bad", False, "auth.secret_malformed")
    assert words in use.why and "no image of the pod" in use.why
    assert good.applies


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (entries("reg.io", auth=""), "no user name and password"),
        (entries("reg.io", email="a@b.c"), "no user name and password"),
        ({"auths": {"reg.io": {}}, "credsStore": "desktop"}, "Docker Desktop"),
        (entries("reg.io", identitytoken="TOKEN"), "identitytoken"),
        (entries("reg.io", registrytoken="TOKEN"), "registrytoken"),
        (entries("reg.io", password=PASSWORD), "no user name"),
        ({"credsStore": "desktop"}, "credsStore"),
        ({"auths": {}, "credHelpers": {"gcr.io": "gcloud"}}, "credHelpers"),
        ({"auths": {}}, "no entry"),
        ({}, "no entry"),
    ],
)
def test_nothing_usable_in_it(document: object, words: str) -> None:
    (use,) = explained("reg.io/app", secret(document))
    assert (use.applies, use.cause) == (False, "auth.secret_empty")
    assert words in use.why


def test_an_empty_entry_beside_a_full_one_does_no_harm() -> None:
    document = {"auths": {"reg.io": {}, "https://reg.io": {"auth": AUTH}}}
    (use,) = explained("reg.io/app", secret(document))
    assert use.applies


@pytest.mark.parametrize(
    ("key", "image", "words"),
    [
        ("https://index.docker.io/v1", "nginx", "lacks its last slash"),
        ("https://index.docker.io/v2", "nginx", "lacks its last slash"),
        ("https://index.docker.io/v1/access-token", "nginx", '"/v1/access-token" behind the host'),
        ("registry-1.docker.io", "nginx", "write https://index.docker.io/v1/ or docker.io"),
        ("https://registry-1.docker.io/v2/", "nginx", "write https://index.docker.io/v1/ or docker.io"),
        ("hub.docker.com", "team/app", "not how the kubelet knows Docker Hub"),
        ("*.docker.io", "nginx", "not how the kubelet knows Docker Hub"),
        ("docker.io/mine", "nginx", "not the beginning of the image's path /library/nginx"),
        ("reg.io", "reg.io:5000/app", "names no port, the image has port 5000"),
        ("reg.io:443", "reg.io/app", "names port 443, the image names none"),
        ("reg.io:5000", "reg.io:5001/app", "names port 5000, the image has port 5001"),
        ("reg.io:*", "reg.io/app", "no address"),
        (" reg.io", "reg.io/app", "a space or line end"),
        ("reg.io\n", "reg.io/app", "a space or line end"),
        ("docker://reg.io", "reg.io/app", "a scheme"),
        ("HTTPS://reg.io", "reg.io/app", "a scheme"),
        ("REG.io", "reg.io/app", "upper and lower case"),
        ("reg.io/v2", "reg.io/app", "lacks its last slash"),
        ("reg.io/other", "reg.io/team/app", "not the beginning of the image's path /team/app"),
        ("reg.io/team/app/more", "reg.io/team/app", "not the beginning"),
        ("reg.io/team/*", "reg.io/team/app", "wildcard in its path"),
        ("reg.io/team/app/", "reg.io/team/app", "ends with a slash"),
        ("reg.io/team/app:1", "reg.io/team/app:1", "a tag or digest"),
        ("*.example.com", "a.b.example.com/app", "names of 3 parts"),
        ("*.example.com", "example.com/app", "names of 3 parts"),
        ("example.com", "reg.example.com/app", "write reg.example.com or *.example.com"),
        ("[fd00::1]", "[fd00::1]/app", "without a port"),
        (
            "123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a",
            "region",
        ),
        (
            "210987654321.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a",
            "account",
        ),
        ("quay.io", "reg.io/app", 'an entry for "quay.io", none for reg.io'),
        (f"me:{PASSWORD}@quay.io", "reg.io/app", '"…@quay.io"'),
    ],
)
def test_wrong_registry(key: str, image: str, words: str) -> None:
    (use,) = explained(image, secret(entries(key)))
    assert (use.applies, use.cause) == (False, "auth.secret_wrong_registry")
    assert words in use.why


def test_the_nearest_entry_tells() -> None:
    (use,) = explained("reg.io:5000/app", secret(entries("a.io", "b.io", "reg.io", "c.io", "d.io")))
    assert "names no port" in use.why
    (use,) = explained("reg.io/app", secret(entries("a.io", "b.io", "c.io", "d.io")))
    assert use.why == 'it has entries for "a.io", "b.io", "c.io" and 1 more, none for reg.io'
    assert use.registry_keys == ("a.io", "b.io", "c.io", "d.io")


def test_docker_hub_at_large_gives_way_to_a_match() -> None:
    hub, mine = explained(
        "mine/app",
        secret(entries("https://index.docker.io/v1/"), name="hub"),
        secret(entries("docker.io/mine"), name="mine"),
    )
    assert mine.applies and not hub.applies and hub.cause is None
    assert '"mine"' in hub.why
    (hub,) = explained("mine/app", secret(entries("https://index.docker.io/v1/"), name="hub"))
    assert hub.applies


@pytest.mark.parametrize("odd", [None, 5, [], {}, {"type": 5, "data": []}, {"type": JSON_TYPE, "data": {"x": "y"}}])
def test_what_is_no_secret(odd: Any) -> None:
    (use,) = explained("reg.io/app", odd)
    assert (use.applies, use.cause) == (False, "auth.secret_ignored")


def test_data_that_is_not_base64() -> None:
    (use,) = explained("reg.io/app", {"type": JSON_TYPE, "data": {".dockerconfigjson": "%"}})
    assert use.cause == "auth.secret_malformed"


def test_no_secret_applies_to_what_is_no_image() -> None:
    (use,) = explained("NGINX", secret(entries("docker.io")))
    assert (use.applies, use.cause) == (False, "auth.secret_wrong_registry")
    assert "no reference" in use.why


def test_user_names_and_keys_are_safe_to_print() -> None:
    entry = {"auth": base64.b64encode(b"me\x1b[31m\xff:p").decode()}
    (use,) = explained("reg.io/app", secret({"auths": {"reg.io": entry, "x\x1b[2J": entry}}))
    assert use.applies and "\x1b" not in use.usernames[0] and use.usernames[0].isprintable()

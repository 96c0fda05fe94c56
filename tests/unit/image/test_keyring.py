"""The keyring: the vectors, what makes the kubelet fail, what it skips, and that nothing shows a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.image.keyring import BadPullSecret, Credential, Keyring, index_key, shown_key
from kubectl_imagepull.image.reference import Reference
from tests.growth import grows_in_proportion

pytestmark = pytest.mark.alone

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "keyring.json").read_text())
JSON_TYPE = "kubernetes.io/dockerconfigjson"
OLD_TYPE = "kubernetes.io/dockercfg"


def secret(name: str, document: object, kind: str = JSON_TYPE, key: str = ".dockerconfigjson") -> dict[str, Any]:
    """A Secret object as the API gives it; a document that is bytes or text goes in as it is."""
    if not isinstance(document, (bytes, str)):
        document = json.dumps(document)
    raw = document.encode() if isinstance(document, str) else document
    data = base64.b64encode(raw).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": kind,
        "data": {key: data},
    }


def with_keys(name: str, *keys: str) -> dict[str, Any]:
    return secret(name, {"auths": {key: {"username": f"user of {key}", "password": "p"} for key in keys}})


def shown(credentials: list[Credential]) -> list[str]:
    return [f"{c.secret}|{c.registry_key}" for c in credentials]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"])
def test_vector(case: dict[str, Any]) -> None:
    ring = Keyring.from_secrets([with_keys(s["name"], *s["auths"]) for s in case["secrets"]])
    # what the node adds cannot be read from the API
    expected = [e for e in case["expect"] or [] if not e.startswith(("node|", "plugin|"))]
    found = shown(ring.lookup_repository(case["lookup"]))
    assert sorted(found) == sorted(expected) if case.get("any_order") else found == expected


@pytest.mark.parametrize(
    # the published tables give the keyring a bare name, which as an image is one on Docker Hub
    "case",
    [c for c in VECTORS["cases"] if c["image"] != c["lookup"]],
    ids=lambda case: case["id"],
)
def test_vector_by_image(case: dict[str, Any]) -> None:
    ring = Keyring.from_secrets([with_keys(s["name"], *s["auths"]) for s in case["secrets"]])
    assert ring.lookup(case["image"]) == ring.lookup_repository(case["lookup"])


@pytest.mark.parametrize("case", VECTORS["auth_entries"], ids=lambda case: json.dumps(case["entry"]))
def test_entry_vector(case: dict[str, Any]) -> None:
    (found,) = Keyring.from_secrets([secret("s", {"auths": {"reg.io": case["entry"]}})]).lookup("reg.io/app")
    assert (found.username, found.password) == (case["expect"]["username"], case["expect"]["password"])


@pytest.mark.parametrize("case", VECTORS["secret_documents"], ids=lambda case: case["body"][:40])
def test_document_vector(case: dict[str, Any]) -> None:
    ring = Keyring.from_secrets([secret("s", case["body"], case["type"], case["key"])])
    assert [c.registry_key for c in ring.lookup("reg.example.com/app")] == case["expect"]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ('{"auths":{"r.io":{"auth":"%%%"}}}', "illegal base64 data at input byte 0"),
        ('{"auths":{"r.io":{"auth":"dTpwdw="}}}', "illegal base64 data at input byte 7"),
        ('{"auths":{"r.io":{"auth":"dTpwd"}}}', "illegal base64 data at input byte 4"),
        ('{"auths":{"r.io":{"auth":"dTpw-w=="}}}', "illegal base64 data at input byte 4"),
        (
            '{"auths":{"r.io":{"auth":"dXNlcg=="}}}',
            "unable to parse auth field, must be formatted as base64(username:password)",
        ),
        ("{", "unexpected end of JSON input"),
        ("{]", "invalid character ']' looking for beginning of object key string"),
        (
            '{"auths":[]}',
            "json: cannot unmarshal array into Go struct field DockerConfigJSON.auths of type "
            "credentialprovider.DockerConfig",
        ),
        (
            '{"auths":{"r.io":{"username":1}}}',
            "json: cannot unmarshal number into Go struct field DockerConfigJSON.auths.username of type string",
        ),
        (
            '{"HttpHeaders":{"X":1},"auths":{}}',
            "json: cannot unmarshal number into Go struct field DockerConfigJSON.HttpHeaders of type string",
        ),
        ("[" * 20000, "invalid character '[' exceeded max depth"),
    ],
)
def test_what_fails_the_pod(document: str, text: str) -> None:
    secrets = [with_keys("good", "r.io"), secret("bad", document)]
    with pytest.raises(BadPullSecret) as raised:
        Keyring.from_secrets(secrets)
    assert (raised.value.secret, raised.value.kubelet_text) == ("bad", text)
    assert '"bad"' in str(raised.value)


def test_an_error_in_an_entry_wins_over_a_wrong_type_before_it() -> None:
    document = '{"HttpHeaders":{"X":1},"auths":{"r.io":{"auth":"%"}}}'
    with pytest.raises(BadPullSecret) as raised:
        Keyring.from_secrets([secret("bad", document)])
    assert raised.value.kubelet_text == "illegal base64 data at input byte 0"


@pytest.mark.parametrize(
    "document",
    ['{"auths":{"r.io":{"auth":"hunter2!hunter2"}}}', '{"auths":{"r.io":{"password":"hunter2"hunter2"}}}'],
)
def test_the_error_tells_no_secret(document: str) -> None:
    with pytest.raises(BadPullSecret) as raised:
        Keyring.from_secrets([secret("s", document)])
    assert "hunter" not in str(raised.value) and "hunter" not in repr(raised.value)


def test_nothing_shows_a_password() -> None:
    ring = Keyring.from_secrets([secret("s", {"auths": {"me:hunter2@r.io": {"username": "u", "password": "hunter2"}}})])
    (found,) = ring.lookup("r.io/app")
    assert found.password == "hunter2"
    for text in (repr(found), str(found), repr(ring), repr([found]), f"{ring}", found.registry_key):
        assert "hunter2" not in text
    assert found.registry_key == "…@r.io"
    assert shown_key("https://me:p/a@ss@r.io/x") == "https://…@r.io/x"
    assert shown_key("me@r.io:5000/x") == "me@r.io:5000/x"
    for key in (
        "https://Zq7RtK2mVw9xBd4N@r.io/x",
        "u%3Ahunter2@r.io/x",
        "u%3Ahunter2%40r.io/x",
        "ghp_abcdefghij1234567890@r.io/x",
    ):
        assert shown_key(key) in ("https://…@r.io/x", "…@r.io/x")


def test_both_types_go_into_one_index() -> None:
    old = secret("old", {"quay.io/org": {"auth": "dTpw"}}, OLD_TYPE, ".dockercfg")
    new = with_keys("new", "quay.io")
    assert shown(Keyring.from_secrets([new, old]).lookup("quay.io/org/app")) == [
        "old|quay.io/org",
        "new|quay.io",
    ]


def test_repeated_members_are_read_as_go_reads_them() -> None:
    document = (
        '{"auths":{"a.io":{"username":"first"},"a.io":{"username":"second"}},'
        '"Auths":{"b.io":{"u\\u017fername":"long s","PASSWORD":"x"}}}'
    )
    ring = Keyring.from_secrets([secret("s", document)])
    assert [c.username for c in ring.lookup("a.io/x")] == ["second"]
    assert [(c.username, c.password) for c in ring.lookup("b.io/x")] == [("long s", "x")]
    assert Keyring.from_secrets([secret("s", document[:-1] + ',"auths":null}')]).lookup("a.io/x") == []


@pytest.mark.parametrize(
    ("auth", "password"),
    [
        ("dTpw\\nYXNz", "pass"),
        ("dTpwYXNzdw", "passw"),
        ("dTpwYXNzdw==", "passw"),
        ("dTpwYXNzdw=\\r\\n=\\n", "passw"),
        ("dTpwdw", "pw"),
    ],
)
def test_line_ends_and_missing_padding_are_borne(auth: str, password: str) -> None:
    (found,) = Keyring.from_secrets([secret("s", f'{{"auths":{{"r.io":{{"auth":"{auth}"}}}}}}')]).lookup("r.io/app")
    assert (found.username, found.password) == ("u", password)


def test_each_byte_that_is_not_utf_8_is_replaced() -> None:
    document = b'{"auths":{"r.io":{"username":"u","password":"\xe2\x82\xff\\ud800\\ud83d\\ude00"}}}'
    (found,) = Keyring.from_secrets([secret("s", document)]).lookup("r.io/app")
    assert found.password == "\ufffd\ufffd\ufffd\ufffd\U0001f600"


@pytest.mark.parametrize(
    ("key", "image", "matches"),
    [
        ("*b*b.io", "ab.io/x", False),
        ("*b*b.io", "abb.io/x", True),
        ("a*b*.io", "acb.io/x", True),
        ("a*a.io", "a.io/x", False),
        ("**.io", "a.io/x", True),
        # an IPv6 address without port is a class of characters, and a host of one capital letter is a host
        ("[FD00::1]", "F/x", True),
        ("[FD00::1]", "A/x", False),
        ("[FD00::1]", "FD/x", False),
        ("[::ffff:1.2.3.4]", "F/x", False),
        ("[::1%25A-Z]", "F/x", False),
    ],
)
def test_globs(key: str, image: str, matches: bool) -> None:
    assert bool(Keyring.from_secrets([with_keys("s", key)]).lookup(image)) is matches


def test_username_and_password_give_way_to_auth() -> None:
    entry = {"username": "other", "password": "other", "auth": base64.b64encode(b"user:pass").decode()}
    (found,) = Keyring.from_secrets([secret("s", {"auths": {"r.io": entry}})]).lookup("r.io/app")
    assert (found.username, found.password, found.usable) == ("user", "pass", True)


def test_an_empty_entry_counts_as_found() -> None:
    (found,) = Keyring.from_secrets([secret("s", {"auths": {"r.io": None}})]).lookup("r.io/app")
    assert (found.username, found.password, found.usable) == ("", "", False)


def test_takes_a_reference_that_is_parsed_already() -> None:
    ring = Keyring.from_secrets([with_keys("s", "docker.io/org")])
    assert shown(ring.lookup(Reference.parse("org/app", legacy=True))) == ["s|docker.io/org"]


@pytest.mark.parametrize("image", ["", "NGINX", "nginx:", "\0", "reg.io/" + "a" * 300])
def test_what_is_no_image_finds_nothing(image: str) -> None:
    assert Keyring.from_secrets([with_keys("s", "docker.io", "reg.io")]).lookup(image) == []


ODD_OBJECTS: list[Any] = [
    None,
    5,
    "x",
    [],
    {},
    {"type": None},
    {"type": [], "data": {}},
    {"type": JSON_TYPE},
    {"type": JSON_TYPE, "data": []},
    {"type": JSON_TYPE, "data": {".dockerconfigjson": 5}},
    {"type": JSON_TYPE, "data": {".dockerconfigjson": ""}},
    {"metadata": [], "type": "Opaque", "data": {}},
    {"metadata": {"name": 5}, "type": OLD_TYPE, "data": {".dockercfg": None}},
]


@pytest.mark.parametrize("odd", ODD_OBJECTS, ids=repr)
def test_objects_of_the_wrong_shape_are_passed_over(odd: Any) -> None:
    ring = Keyring.from_secrets([odd, with_keys("s", "reg.io")])
    assert shown(ring.lookup("reg.io/app")) == ["s|reg.io"]


@pytest.mark.parametrize(
    ("key", "indexed"),
    [
        ("https://reg.io/v1/", b"reg.io"),
        ("reg.io/v2/team", b"reg.io/team"),
        ("https://reg.io/v1", b"reg.io/v1"),
        ("HTTPS://reg.io", b"HTTPS://reg.io"),
        # refused since Go 1.26 (net/url's urlstrictcolons), which newer kubelets are built with
        ("reg.io:5000:5000", None),
        ("reg.io:http", None),
        ("[fd00::1%25eth0]:5000", b"[fd00::1%eth0]:5000"),
        ("[fd00::1", None),
        ("reg io", None),
        ("reg.io/a b", b"reg.io/a b"),
        ("reg%2eio", None),
        ("u%zz@reg.io", None),
        ("reg.io/%zz", None),
        ("", b""),
    ],
)
def test_under_what_a_key_is_filed(key: str, indexed: bytes | None) -> None:
    assert index_key(key) == indexed


HOSTILE: tuple[tuple[Callable[[int], bytes], Callable[[int], str]], ...] = (
    (lambda n: b"[" * n, lambda n: "r.io/a"),
    (lambda n: b'{"auths":{"' + b"\\n" * (n // 2) + b'":{}}}', lambda n: "r.io/a"),
    (lambda n: b'{"auths":{"' + b"\xff" * n + b'":{}}}', lambda n: "r.io/a"),
    (lambda n: b'{"auths":{"r.io":{"auth":"' + b"A" * n + b'"}}}', lambda n: "r.io/a"),
    (lambda n: b'{"auths":{"' + b"*a" * (n // 2) + b'.io":{}}}', lambda n: "a" * n + ".io/x"),
    (lambda n: b'{"auths":{"[::1%25' + b"a-z" * n + b']":{}}}', lambda n: "F/x"),
    (
        lambda n: b'{"auths":{' + b",".join(b'"*a*a*a*a*a*a*a*a*b%d.io":{}' % i for i in range(n // 40)) + b"}}",
        lambda n: "a" * 63 + ".io/x",
    ),
    (
        lambda n: b'{"auths":{' + b",".join(b'"k%d.io":{"auth":"dTpw"}' % i for i in range(n // 20)) + b"}}",
        lambda n: "r.io/a",
    ),
)
"""How many characters -> a secret, and an image that is looked up in it."""


@pytest.mark.parametrize(("document", "image"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_lot_of_secret_is_over_soon(document: Callable[[int], bytes], image: Callable[[int], str]) -> None:
    def look_up(size: int) -> None:
        try:
            Keyring.from_secrets([secret("s", document(size))]).lookup(image(size))
        except BadPullSecret as error:
            assert len(str(error)) < 300

    assert grows_in_proportion(look_up, 200_000)

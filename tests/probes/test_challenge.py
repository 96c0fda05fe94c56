"""WWW-Authenticate: the vectors, several challenges a line, what each runtime makes of it, and junk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probes.challenge import (
    CONTAINERD,
    CRIO,
    BadRealm,
    answered_by,
    parse_challenges,
    read_challenges,
    runtime_challenges,
    token_requests,
)
from tests.growth import grows_in_proportion

pytestmark = pytest.mark.alone

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "challenge.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"])
def test_vector(case: dict[str, Any]) -> None:
    read = []
    for found in read_challenges(case["headers"]):
        shown: dict[str, Any] = {"scheme": found.scheme, "params": found.params}
        if found.token68:
            shown["token68"] = found.token68
        read.append({"malformed": found.malformed} if found.malformed else shown)
    assert read == case["expect"]
    assert parse_challenges(case["headers"]) == [(e["scheme"], e["params"]) for e in case["expect"] if "scheme" in e]
    for runtime, name in ((CONTAINERD, "containerd"), (CRIO, "crio")):
        expected = [(e["scheme"], e["params"]) for e in case[name]]
        assert runtime_challenges(case["headers"], runtime) == expected


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"])
def test_vector_answered(case: dict[str, Any]) -> None:
    def answered(runtime: str, has_credentials: bool) -> str:
        answer = answered_by(case["headers"], runtime, has_credentials)
        return answer.scheme or (f"error:{answer.error}" if answer.error else "none")

    assert case["selected"] == {
        "containerd_with_creds": answered(CONTAINERD, True),
        "containerd_anonymous": answered(CONTAINERD, False),
        "crio": answered(CRIO, True),
    }


@pytest.mark.parametrize("case", VECTORS["token_requests"], ids=lambda case: case["id"])
def test_vector_token_request(case: dict[str, Any]) -> None:
    params = {"realm": case["realm"], "service": case["service"], "scope": case["challenge_scope"]}
    given = {name: value for name, value in params.items() if value}
    for runtime, name in ((CONTAINERD, "containerd_get_url"), (CRIO, "crio_get_url")):
        (request,) = token_requests(given, runtime, case["repo"], case["username"])
        assert (request.method, request.url, request.form, request.basic) == ("GET", case[name], None, False)


def test_several_challenges_in_a_line() -> None:
    line = (
        'Digest realm="a, b", qop="auth" , Bearer realm="https://a/t" ,scope="x,y",, '
        "Negotiate, NTLM abc==,Basic realm=z"
    )
    assert parse_challenges([line]) == [
        ("digest", {"realm": "a, b", "qop": "auth"}),
        ("bearer", {"realm": "https://a/t", "scope": "x,y"}),
        ("negotiate", {}),
        ("ntlm", {}),
        ("basic", {"realm": "z"}),
    ]
    assert read_challenges([line])[3].token68 == "abc=="
    # containerd takes the first of the line, and cannot answer that
    assert answered_by([line], CONTAINERD, True).error == "no supported auth scheme"


def test_white_space_around_the_equals_sign_is_allowed_but_not_read_by_runtimes() -> None:
    line = 'Bearer realm = "https://a/t", service\t=\ts'
    assert parse_challenges([line]) == [("bearer", {"realm": "https://a/t", "service": "s"})]
    assert runtime_challenges([line], CONTAINERD) == [("bearer", {})]
    assert answered_by([line], CONTAINERD, True).error == "no realm specified for token auth challenge"
    assert answered_by([line], CRIO, True).error == "missing realm in bearer auth challenge"


@pytest.mark.parametrize(
    ("line", "before"),
    [
        ('Bearer realm="a" service="b"', [("bearer", {"realm": "a"})]),
        ('Bearer realm="a"x, Basic realm="b"', [("bearer", {"realm": "a"})]),
        ('Bearer realm=, service="b"', [("bearer", {})]),
        ('Bearer realm="a', [("bearer", {})]),
        ('Bearer realm="a\\', [("bearer", {})]),
        ("Bearer a b", [("bearer", {})]),
        ('realm="a"', []),
        ('"Bearer"', []),
        ("Bearer/x", []),
        ("\x00", []),
    ],
)
def test_damage_is_marked_and_what_stands_before_is_kept(line: str, before: list[Any]) -> None:
    found = read_challenges([line, "Basic"])
    assert [f.malformed for f in found if f.malformed] == [line]
    assert parse_challenges([line]) == before
    assert found[-1].scheme == "basic"


def test_repeated_parameters() -> None:
    line = 'Bearer realm="first",REALM="second"'
    assert parse_challenges([line]) == [("bearer", {"realm": "first"})]
    assert runtime_challenges([line], CONTAINERD) == [("bearer", {"realm": "second"})]


def test_bytes_are_taken_for_latin_1() -> None:
    assert parse_challenges([b'Bearer realm="\xe9"']) == [("bearer", {"realm": "\xe9"})]  # type: ignore[list-item]


def test_containerd_with_a_password() -> None:
    params = {"realm": "https://a.example/t?x=1", "service": "s", "scope": "repository:z:pull aws"}
    post, get = token_requests(params, CONTAINERD, "team/app", "me", has_password=True)
    assert (post.method, post.url, post.secret_field) == ("POST", "https://a.example/t?x=1", "password")
    assert post.body("p w&é") == (
        b"client_id=containerd-client&grant_type=password&password=p+w%26%C3%A9"
        b"&scope=aws+repository%3Ateam%2Fapp%3Apull+repository%3Az%3Apull&service=s&username=me"
    )
    assert "p w" not in repr(post)
    assert (get.method, get.basic, get.after) == ("GET", True, (400, 401, 404, 405))
    assert get.url == (
        "https://a.example/t?scope=aws&scope=repository%3Ateam%2Fapp%3Apull&scope=repository%3Az%3Apull&service=s&x=1"
    )
    assert get.body("x") == b""
    post, get = token_requests(params, CONTAINERD, "team/app", "", has_password=True)
    assert post.secret_field == "refresh_token" and 405 not in get.after


def test_crio_with_a_password() -> None:
    params = {"realm": "https://a.example/t", "service": "s", "scope": "repository:z:pull"}
    (get,) = token_requests(params, CRIO, "team/app", "me", has_password=True)
    assert (get.url, get.basic) == (
        "https://a.example/t?account=me&scope=repository%3Ateam%2Fapp%3Apull&service=s",
        True,
    )


@pytest.mark.parametrize(
    "realm",
    [
        "", "/token", "token", "ftp://a/t", "https://", "https:///t", "https://a b/t", "https://me:pw@a.example/t",
        "https://a\n.example", "https://[fd00:::1]/t", "https://a.example/%zz", "javascript:x",
        "https://b\u00fccher.example/t",
    ],
)  # fmt: skip
@pytest.mark.parametrize("runtime", [CONTAINERD, CRIO])
def test_realms_that_are_not_asked(realm: str, runtime: str) -> None:
    with pytest.raises(BadRealm):
        token_requests({"realm": realm}, runtime, "a")
    with pytest.raises(BadRealm):
        token_requests({}, runtime, "a")


def test_an_unknown_runtime_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="docker"):
        answered_by(["Basic"], "docker", True)


@pytest.mark.parametrize(
    "unit", ["a", ",", " ", "=", '"', "\\", '\\"', "a=b,", "a,", "a b=c,", "/", "\0", "\u00e9", "\ud800"]
)
def test_a_lot_of_anything_is_over_soon(unit: str) -> None:
    for prefix in ("Bearer ", 'Bearer a="'):

        def read(size: int, prefix: str = prefix) -> None:
            line = prefix + unit * (size // len(unit))
            read_challenges([line])
            answered_by([line], CRIO, True)
            answered_by([line], CONTAINERD, True)

        assert grows_in_proportion(read, 200_000), prefix


@pytest.mark.parametrize("unit", ["a ", "&", "%", "\u00e9", "\ud800"])
def test_a_lot_in_a_token_request_is_over_soon(unit: str) -> None:
    def request(size: int) -> None:
        text = unit * (size // len(unit))
        for runtime in (CONTAINERD, CRIO):
            assert token_requests({"realm": "https://a/t", "scope": text, "service": text}, runtime, "a", text)
            try:
                token_requests({"realm": f"https://a/{text}?{text}"}, runtime, "a")
            except BadRealm as error:
                assert len(str(error)) < 1000

    assert grows_in_proportion(request, 200_000)

"""Secrets in what others wrote: none is left, whatever its kind and however it is quoted, and the rest stays."""

from __future__ import annotations

import ast
import base64
import dataclasses
import html
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kubectl_imagepull
from kubectl_imagepull import redaction
from kubectl_imagepull.case import CaseFile, case_from_json, case_to_json, dump, parse
from kubectl_imagepull.cli.main import run
from kubectl_imagepull.errors import ConfigError, Unreachable, from_response
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.model import (
    Case,
    Event,
    Facts,
    NodeFacts,
    ProbeRun,
    PullSecret,
    ReadError,
    Subject,
    Target,
    Vantage,
)
from kubectl_imagepull.redaction import HIDDEN, Secrets, clean, hide
from kubectl_imagepull.report.formats import render
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.verdict import judge
from probes import redaction as probes_redaction
from tests.build import observed
from tests.growth import grows_in_proportion

pytestmark = pytest.mark.alone

TESTS = Path(__file__).parents[2]
CASES = sorted((TESTS / "cases").glob("*.json"))
S = "Zq7RtK2mVw9xBd4N"
LOGIN = base64.b64encode(f"alice:{S}".encode()).decode()

KINDS = {
    "login in a URL": f'Get "https://alice:{S}@registry.example/v2/": dial tcp 10.0.0.1:443: connection refused',
    "login in an invalid URL": f'parse "https://alice:{S}/x#y@registry.example/v2/": invalid port',
    "token in a URL": f'Head "https://{S}@registry.example/v2/a/manifests/1": EOF',
    "token before x-oauth-basic": f'Head "https://{S}:x-oauth-basic@registry.example/v2/": EOF',
    "login in an encoded URL": f"https%3A%2F%2Falice%3A{S}%40registry.example%2Fv2%2F",
    "login without scheme": f'couldn\'t parse image reference "alice:{S}@registry.example/app"',
    "encoded login without scheme": f"no entry fits alice%3A{S}@registry.example",
    "X-Amz-Signature": f"https://b.s3.example/k?X-Amz-Algorithm=AWS4&X-Amz-Signature={S}&x=1: 403 Forbidden",
    "X-Amz-Credential": f"https://b.s3.example/k?X-Amz-Credential={S}%2F20260101%2Feu-west-1&X-Amz-Date=1",
    "X-Amz-Security-Token": f"https://b.s3.example/k?X-Amz-Security-Token={S}%2F%2F",
    "X-Amz-Security-Token as a header": f"X-Amz-Security-Token: {S}",
    "SAS": f"https://a.blob.core.windows.net/x?se=2026&sig={S}%2Fdef%3D: 403",
    "SAS in JSON": f"https://a.blob.core.windows.net/x?se=2026\\u0026sig={S}%2Fdef%3D",
    "SAS in JSON in JSON": f"https://a.blob.core.windows.net/x?se=2026\\\\u0026sig={S}\\/def",
    "SAS in a parameter": f"?next=https%3A%2F%2Fa%3Fse%3D2026%26sig%3D{S}%252Fdef",
    "SAS in HTML": f"https://a.blob.core.windows.net/x?se=1&amp;sig={S}",
    "shared access signature": f"SharedAccessSignature=sv=2020&sig={S}",
    "account key": f"AccountName=a;AccountKey={S}==;EndpointSuffix=core.windows.net",
    "Bearer": f"sent Bearer {S} to the registry",
    "Bearer, encoded": f"authorization%3DBearer%20{S}",
    "Bearer, quoted": f'the token of Bearer "{S}" has expired',
    "Bearer in Go's headers": f'map[Authorization:["Bearer {S}"]]',
    "Basic": f"sent Authorization: Basic {LOGIN}, got 401",
    "Basic in JSON": f'{{\\"Authorization\\":\\"Basic {LOGIN}\\"}}',
    "JWT": f"token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.{S} rejected",
    "JWT, encoded": f"%22eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.{S}%22",
    "access_token in a fragment": f"https://sso.example/cb#access_token={S}&token_type=bearer",
    "refresh_token": f"grant_type=refresh_token&service=x&refresh_token={S}",
    "code": f"https://sso.example/cb?code={S}&state=1",
    "password in JSON": f'{{"username":"alice","password":"{S}"}}',
    "password in JSON in JSON": f'{{\\"password\\":\\"a\\\\\\"{S}\\"}}',
    "password in JSON in HTML": f"&quot;password&quot;:&quot;{S}&quot;",
    "password in JSON in a URL": f"%7B%22password%22%3A%22{S}%22%7D",
    "password in Python": f"{{'password': '{S}'}}",
    "password in JSON that was cut": f'{{"password":"{S}',
    "password in YAML": f"password: {S}",
    "password in a form": f"grant_type=password&username=alice&password={S}",
    "identitytoken": f'{{"identitytoken": "{S}"}}',
    "auth of a docker config": f'{{"auths":{{"r.io":{{"auth":"{LOGIN}"}}}}}}',
    "auth that was cut at its beginning": f'uth":"x","auth":"{LOGIN}"',
    "ECR's password": f"AWS:eyJwYXlsb2FkIjoi{S}In0= was refused",
    "ECR's login": f"Authorization=QVdTOmV5SndZWGxz{S}",
    "ghp_": f"bad credential ghp_{S}{S}abcd",
    "github_pat_": f"github_pat_11ABCDEFG_{S}{S}",
    "glpat-": f"glpat-{S}abcd is revoked",
    "dckr_pat_": f"dckr_pat_{S}",
    "private key of _json_key": (
        f'_json_key:{{"type":"service_account","private_key":'
        f'"-----BEGIN PRIVATE KEY-----\\nMII{S}\\n-----END PRIVATE KEY-----"}}'
    ),
    "private key that was cut": f"-----BEGIN RSA PRIVATE KEY-----\nMIIEow{S}",
    "CloudFront": f"https://d1.cloudfront.net/x?Expires=1&Signature={S}~x-y__&Key-Pair-Id={S}",
    "CloudFront's policy": f"https://d1.cloudfront.net/x?Policy=abc{S}__&Signature=x",
    "AWS's header": f"AWS4-HMAC-SHA256 Credential={S}/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature={S}",
    "Google's signature": f"https://storage.googleapis.com/x?X-Goog-Signature={S}&X-Goog-Date=1",
    "cookie": f"Set-Cookie: sid={S}; Path=/",
    "Artifactory's header": f"X-JFrog-Art-Api: {S}",
    "GitLab's header": f"PRIVATE-TOKEN: {S}",
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind: str) -> None:
    shown = hide(KINDS[kind])
    assert S not in shown and LOGIN[8:] not in shown and HIDDEN in shown
    assert hide(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "failed to authorize: https://auth.example/token?scope=repository%3Ateam%2Fapp%3Apull&service=lab+registry: 401",
        'challenge Bearer realm="https://auth.example/token",service="registry.example",error="invalid_token"',
        "https://registry.example:5000/v2/team/app/manifests/1.0?ns=docker.io: not found",
        "registry.example:5000/app:1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef: not found",
        "Basic authentication is required",
        "failed to fetch oauth token: unexpected status: 401 Unauthorized",
        "unauthorized: incorrect username or password: access denied",
        "repository does not exist or may require authorization: server message: insufficient_scope",
        'Error: secret "regcred" not found, rpc error: code = Unknown desc = x509: signature: invalid',
        "kubectl create secret docker-registry regcred --docker-server=r.io --docker-username=USER",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert hide(text) == text


def test_recorded_cases_stay() -> None:
    for file in CASES:
        stored = json.loads(file.read_text())["cases"]
        assert [case_to_json(c) for c in parse(file.read_bytes(), file.name).cases] == [
            case_to_json(case_from_json(c)) for c in stored
        ]
        assert json.loads(json.dumps(clean(stored))) == stored


@pytest.mark.parametrize("corpus", ["messages", "heldout", "captured"])
def test_a_message_means_the_same(corpus: str) -> None:
    """A cleaned message is classified as the one that came: nothing that the runtime says of a failure is hidden."""
    for line in (TESTS / "corpus" / f"{corpus}.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["message"] or ""
        before, after = classify(text), classify(hide(text))
        details = [{k: v for k, v in found.detail.items() if k != "url"} for found in (before, after)]
        assert details[0] == details[1]
        for name in ("cause", "also", "image", "host", "role", "confidence"):
            assert getattr(before, name) == getattr(after, name)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text(text: str) -> None:
    """Whatever it is: a text comes back, and the same again changes nothing of note."""
    assert hide(hide(text)) == hide(text)


HOSTILE = (
    "://a:", "://a@", "?a=", "&a=b", "%26a%3D", '"password":"', "password=", "a:a:", "eyJ", "Bearer aaaa",
    "-----BEGIN PRIVATE KEY-----",
    '\\"', "\\", "%", "&#", "@", "…", "\\u0040", "auth", "x-a-token: ", "Basic QUJD ",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear(piece: str) -> None:
    """Twice the text takes about twice the time, whatever it is made of."""
    known = Secrets()
    known.learn(piece * 200, "alice")
    known.learn(S)

    def both(size: int) -> None:
        text = (piece * (size // len(piece) + 1))[:size]
        hide(text)
        known.hide(text)

    assert grows_in_proportion(both, 64_000)


# --- every place of a Case, every output ----------


REGISTRY = Subject("registry", "r.io")


def everywhere(text: str) -> Case:
    """A Case that holds the text wherever foreign text can stand."""
    secret = PullSecret("regcred", "used", text, usernames=(text,), registry_keys=(text,))
    facts = Facts(
        phase="Pending",
        state="waiting",
        reason="ErrImagePull",
        message=text,
        said=text,
        failing=True,
        node=NodeFacts("n1", ready=False, ready_message=text),
        events=(Event("Warning", "Failed", text),),
        pod_reason=text,
        pod_message=text,
        secrets=(secret,),
        late_secrets=(secret,),
        older_pulls=(text,),
        since_revision=text,
    )
    node = Vantage("node", "host", "host", "host", rung="host-python", name="n1")
    errors = [{"code": "X", "message": text}]
    seen = [
        observed("registry", REGISTRY, node, "403", text, errors=errors, detail=text, challenges=[text], server=text),
        observed("auth", REGISTRY, node, "403", text, errors=errors, detail=text, challenges=[text], username=text),
        observed("manifest", REGISTRY, node, "403", text, errors=errors, detail=text, media_type=text, digest=text),
        observed("runtime", REGISTRY, node, "failed", text, message=text, image=text),
    ]
    probe = ProbeRun("host-python", "n1", why_not=(text,), cannot_see=(text,))
    return Case(
        Target("shop", "web", "app", image="r.io/app:1"), facts, None, tuple(seen), probe, (ReadError("api", text),)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_output_shows_one(kind: str) -> None:
    """Six outputs and the saved case; nothing of them looks for secrets (`test_outputs_need_no_redaction`)."""
    case = everywhere(KINDS[kind])
    verdict = judge(case)
    outputs = {
        form: render(form, [case], [verdict], Style(10_000))
        for form in ("text", "json", "yaml", "markdown", "html", "name")
    }
    outputs["case"] = dump(CaseFile((case,)))
    for form in ("text", "json"):
        out = io.StringIO()
        assert run(["explain", "--message", KINDS[kind], "-o", form], out, io.StringIO(), io.StringIO()) == 0
        outputs[f"explain {form}"] = out.getvalue()
    for error in (from_response(500, KINDS[kind].encode()), Unreachable(KINDS[kind]), ConfigError(KINDS[kind])):
        outputs[type(error).__name__] = str(error)
    for form, text in outputs.items():
        flat = "".join(html.unescape(text).split())
        assert S not in flat and LOGIN[8:] not in flat, form


def test_outputs_need_no_redaction() -> None:
    """What is made of a Case does not hide anything any more: the Case has nothing to hide."""
    package = Path(kubectl_imagepull.__file__).parent
    for file in (*(package / "report").glob("*.py"), *(package / "verdict").rglob("*.py"), package / "case.py"):
        names = {getattr(node, "module", "") or "" for node in ast.walk(ast.parse(file.read_text()))}
        assert "redaction" not in names, file


def test_keys_that_name_secrets() -> None:
    """Details whose key says what they are, whatever they look like."""
    assert clean({"password": "abc", "auth": "x", "status": "abc", "token": ""}) == {
        "password": HIDDEN,
        "auth": HIDDEN,
        "status": "abc",
        "token": "",
    }


# --- known secrets: two worlds, one meaning ----------

PASSWORD = 'Zq7RtK2mVw9x "<é>&\\ü+/ 8LpN4sXcJ5hG'


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "raw": f"a {PASSWORD} b",
    "base64 of both": f"a {coded('alice:' + PASSWORD)} b",
    "base64 of the password": f"a {coded(PASSWORD)} b",
    "base64 in the URL's alphabet": f"a {base64.urlsafe_b64encode(PASSWORD.encode()).decode()} b",
    "base64 of more": f"a {coded('{x' + PASSWORD + 'y}')} b",
    "percent": f"a {quote(PASSWORD, safe='')} b",
    "percent in lower case": f"a {quote(PASSWORD, safe='').lower()} b",
    "form": f"a {quote_plus(PASSWORD)} b",
    "percent of base64": f"a {quote(coded(PASSWORD), safe='')} b",
    "JSON": f"a {json.dumps(PASSWORD)} b",
    "JSON as Go writes it": "a "
    + json.dumps(PASSWORD, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
    + " b",
    "JSON in JSON": f"a {json.dumps(json.dumps(PASSWORD))} b",
    "all in \\u": "a " + "".join(f"\\u{ord(c):04x}" for c in PASSWORD) + " b",
    "Go's %q": "a " + PASSWORD.encode("unicode_escape").decode().replace('"', '\\"') + " b",
    "HTML": f"a {html.escape(PASSWORD)} b",
    "HTML's numbers": "a " + "".join(f"&#{ord(c)};" for c in PASSWORD) + " b",
    "JSON in a URL in HTML": f"a {html.escape(quote(json.dumps(PASSWORD)))} b",
    "a header read as Latin-1": f"a {PASSWORD.encode().decode('latin-1')} b",
    "another case": f"a {PASSWORD.lower()} b",
    "cut": f"a {PASSWORD[:11]}… b",
    "cut in an escape": f"a {quote(PASSWORD)[:17]}… b",
    "cut at the end": f"a {PASSWORD[:11]}",
}
WORLDS: tuple[Any, ...] = (redaction, probes_redaction)


@pytest.mark.parametrize("world", WORLDS, ids=["package", "probes"])
@pytest.mark.parametrize("form", FORMS)
def test_known_secrets(form: str, world: Any) -> None:
    known = world.Secrets(["team/app"])
    known.learn(PASSWORD, "alice")
    shown = known.hide(FORMS[form])
    assert HIDDEN in shown and shown.startswith("a ") and not shown.removeprefix("a ").startswith("Zq")
    for part in (PASSWORD[:6], PASSWORD[-6:], "zq7rtk", coded(PASSWORD)[3:12], coded("alice:" + PASSWORD)[10:18]):
        assert part not in shown and part not in html.unescape(shown)
    if not form.startswith("cut at"):
        assert shown.endswith(" b")


@given(
    st.lists(
        st.sampled_from(
            [*FORMS.values(), "alice", "…", "%", "\\", "&amp;", "\\u", "é", "=", PASSWORD[:5], "\ud83d", "\n"]
        )
    )
)
def test_both_worlds_hide_the_same(parts: list[str]) -> None:
    text = "".join(parts)
    results = []
    for world in WORLDS:
        known = world.Secrets(["team/app"])
        known.learn(PASSWORD, "alice")
        results.append(known.hide(text))
    assert results[0] == results[1]


@pytest.mark.parametrize("world", WORLDS, ids=["package", "probes"])
def test_a_user_name_that_is_the_token(world: Any) -> None:
    known = world.Secrets()
    known.learn("x-oauth-basic", "c0ffee11223344556677")
    known.learn("dop_v1_0123456789", "dop_v1_0123456789")
    assert known.hide("user c0ffee11223344556677, user dop_v1_0123456789") == f"user {HIDDEN}, user {HIDDEN}"


@pytest.mark.parametrize("world", WORLDS, ids=["package", "probes"])
def test_names_and_short_words_stay(world: Any) -> None:
    """A password that is a part of a public name, or of three letters, hides no text; with its user name it does."""
    known = world.Secrets(["registry.example", "team/app"])
    known.learn("team", "bob")
    known.learn("abc", "bob")
    assert known.hide("team/app abc") == "team/app abc"
    assert known.hide(f"{coded('bob:team')} bob:abc {coded('bob:abc')}") == f"{HIDDEN} {HIDDEN} {HIDDEN}"


def test_cleaning_keeps_what_is_clean() -> None:
    case = parse(CASES[0].read_bytes(), CASES[0].name).cases[0]
    assert clean(case) is case
    assert dataclasses.replace(case) == case

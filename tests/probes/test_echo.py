"""Servers that quote what they were shown: no credential and no token is in a frame, a Case or a report, however written."""

from __future__ import annotations

import base64
import html
import json
import re
import ssl
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus, unquote

import pytest
import trustme

from kubectl_imagepull import case as case_files
from kubectl_imagepull.report.formats import render
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.report.text import hop
from kubectl_imagepull.verdict import judge
from kubectl_imagepull.verdict.hop_status import line_of
from probes.plan import Login
from tests.probes.site import Request, Server, http
from tests.probes.walking import Walked, Walker

HERE = "127.0.0.1"
PASSWORD = 'Zq7RtK2mVw9x "<é>&\\ü+/ 8LpN4sXcJ5hG'
TOKEN = "tK9vB3nM7qW1zR5x.opaque+/Yy6Dd2Ff8Hh4"
LOGIN = Login("alice", PASSWORD, "regcred", HERE)

QUOTED: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded in lower case": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%C3", "%c3"),
    "as a form": quote_plus,
    "JSON-escaped": lambda text: json.dumps(text)[1:-1],
    "all in \\u": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "HTML-escaped": html.escape,
    "all in HTML's numbers": lambda text: "".join(f"&#x{ord(c):x};" for c in text),
    "JSON in a URL in HTML": lambda text: html.escape(quote(json.dumps(text))),
}


def answers(quoted: Callable[[str], str], shown: str, secret: str) -> bytes:
    """A refusal that quotes at every place that anything looks at: the header as it came, what it means, its base64."""
    coded = base64.b64encode(secret.encode()).decode()
    text = f"{quoted(secret)} | {quoted(shown)} | {quoted(coded)} | {quoted(base64.b64encode(shown.encode()).decode())}"
    plain = text.encode().decode("latin-1")
    headers = {
        "Server": plain,
        "Docker-Content-Digest": plain,
        "Docker-Distribution-Api-Version": plain,
        "RateLimit-Limit": f"100;w={plain}",
        "RateLimit-Remaining": "1",
        "Docker-RateLimit-Source": plain,
        "WWW-Authenticate": f'Bearer realm="https://{HERE}/{quote(secret, safe="")}",error="{plain}"',
        "Set-Cookie": f"seen={plain}",
    }
    errors = [{"code": text, "message": "x" * 250 + text, "detail": text}, {"code": "DENIED", "message": text}]
    return http(403, {"errors": errors}, headers)


def registry(challenge: str, refusal: Callable[[str], bytes]) -> Callable[[Request], bytes]:
    """One that asks for credentials, and answers whoever has some with a refusal."""

    def handler(request: Request) -> bytes:
        shown = request.headers.get("authorization", "")
        if shown:
            return refusal(shown)
        return http(401, {"errors": []}, {"WWW-Authenticate": challenge})

    return handler


def decoded(shown: str) -> str:
    return base64.b64decode(shown.split(" ")[1]).decode()


@pytest.fixture
def trusted(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HERE).configure_cert(context)
    return context


def walk(site: str, quoted: Callable[[str], str], walker: Walker, context: ssl.SSLContext) -> Walked:
    """The token server, a Basic registry or a Bearer registry quotes what it was shown."""
    if site == "Basic registry":
        basic = registry('Basic realm="x"', lambda shown: answers(quoted, decoded(shown), PASSWORD))
        with Server(basic, context) as server:
            walked = walker.walk(server.port, logins=[LOGIN])
            assert any("authorization" in r.headers for r in server.requests)
            return walked

    def tokens(request: Request) -> bytes:
        shown = request.headers.get("authorization", "")
        if site == "token server" and request.body:  # containerd shows a password in a form first
            return answers(quoted, request.body.decode(), PASSWORD)
        if site == "token server":
            return answers(quoted, decoded(shown), PASSWORD) if shown else http(403, {"errors": []})
        return http(200, {"token": TOKEN, "refresh_token": PASSWORD})

    with Server(tokens, context) as token_server:
        challenge = f'Bearer realm="https://{HERE}:{token_server.port}/token",service="x"'
        bearer = registry(challenge, lambda shown: answers(quoted, shown, TOKEN))
        with Server(bearer, context) as server:
            walked = walker.walk(server.port, logins=[LOGIN])
        assert any("authorization" in r.headers or r.body for r in token_server.requests)
    return walked


def outputs(walked: Walked) -> Iterator[tuple[str, str]]:
    """Everything that a person or a file gets to see."""
    case, style = walked.case, Style(10_000)
    yield "the log", walked.log
    yield "the case", case_files.dump(case_files.CaseFile((case,)))
    yield "live lines", "\n".join(hop(line_of(case, seen), style) for seen in case.observations)
    for form in ("text", "json", "yaml", "markdown", "html", "name"):
        yield form, render(form, [case], [judge(case)], style)


ESCAPED = re.compile(r"\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))")


def meant(escape: re.Match[str]) -> str:
    number = escape[1] or escape[2]
    return chr(int(number, 16)) if number else escape[3]


def hits(output: str) -> set[str]:
    """Parts of the secrets that can be read in an output, undoing what formats and servers do to text."""
    pair = f"{LOGIN.username}:{PASSWORD}"
    wanted = {PASSWORD[:12], PASSWORD[-10:], TOKEN[:12], TOKEN[-10:]}
    for secret in (PASSWORD, pair, TOKEN, f"Bearer {TOKEN}"):
        coded = base64.b64encode(secret.encode()).decode().rstrip("=")
        wanted |= {coded[8:20], coded[-12:]}
    forms = [output]
    for _ in range(4):
        forms.append(ESCAPED.sub(meant, html.unescape(unquote(forms[-1]))))
    return {part for part in wanted for form in forms if part.lower() in form.lower()}


@pytest.mark.parametrize("site", ["token server", "Basic registry", "Bearer registry"])
@pytest.mark.parametrize("name", QUOTED)
def test_what_servers_quote(walker: Walker, trusted: ssl.SSLContext, name: str, site: str) -> None:
    walked = walk(site, QUOTED[name], walker, trusted)
    assert "403" in walked.log
    assert {form: found for form, text in outputs(walked) if (found := hits(text))} == {}


def test_hits_are_found() -> None:
    """The search itself finds every way of quoting."""
    for quoted in QUOTED.values():
        assert hits(quoted(PASSWORD)) and hits(quoted(TOKEN))
        assert hits(quoted(base64.b64encode(f"alice:{PASSWORD}".encode()).decode()))


def test_a_name_is_no_secret(walker: Walker, trusted: ssl.SSLContext) -> None:
    """A password that is a word of the image's own name hides no name, or nobody could read the report."""
    login = Login("bob", "team", "regcred", HERE)
    with Server(registry('Basic realm="x"', lambda shown: http(403, b"team")), trusted) as server:
        walked = walker.walk(server.port, logins=[login])
    assert "team/app" in walked.log and base64.b64encode(b"bob:team").decode() not in walked.log


def test_a_token_is_hidden_where_it_was_cut(walker: Walker, trusted: ssl.SSLContext) -> None:
    """What is cut for its length ends in no part of a secret."""
    for length in range(270, 300, 3):
        message = "x" * length + PASSWORD

        def refusal(shown: str, message: str = message) -> bytes:
            return http(403, {"errors": [{"code": "DENIED", "message": message}]})

        with Server(registry('Basic realm="x"', refusal), trusted) as server:
            walked = walker.walk(server.port, logins=[LOGIN])
        assert PASSWORD[:3] not in walked.log

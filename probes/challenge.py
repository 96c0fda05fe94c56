"""What a registry asks for in WWW-Authenticate, which challenge a container runtime answers, and how it asks
for a token.

The runtimes do not read the header as RFC 9110 says it is written: both take one challenge a line. So there
are two readings here: the standard's (`parse_challenges`), to say what the registry sent, and each runtime's
(`answered_by`), to say what becomes of it on the node.

Every reader here goes over its input once; none raises on anything that is text or bytes.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import quote, quote_plus, unquote_to_bytes

from .plan import CONTAINERD, CRIO

# RFC 9110 section 5.6.2: token
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110 section 11.2: token68, here with what must follow it: a comma or the end
_TOKEN68 = re.compile(r"([A-Za-z0-9\-._~+/]+=*)[ \t\r\n]*(?:,|\Z)")
# Line ends count as space: a header folded over two lines, which HTTP clients join in different ways
_SPACE = re.compile(r"[ \t\r\n]*")
_SPACE_OR_COMMA = re.compile(r"[ \t\r\n,]*")
_QUOTED_RUN = re.compile(r'[^"\\]*')

# How containerd ranks what it can read: core/remotes/docker/auth/parse.go
_CONTAINERD_RANK = {"bearer": 0, "digest": 1, "basic": 2}


class Challenge(NamedTuple):
    """One challenge as RFC 9110 section 11 reads it, or the mark of a line that could not be read to its end.

    scheme and the names in params are lower case; of a repeated parameter the first counts. `malformed` is
    the whole line, then scheme is empty; what could be read before the damage stands as its own Challenge in
    front of it.
    """

    scheme: str
    """Lower case."""
    params: Dict[str, str]
    """Name in lower case -> value; of a repeated one the first."""
    token68: str = ""
    """In place of parameters."""
    malformed: str = ""
    """The whole line; then scheme is empty."""


class Answer(NamedTuple):
    """What a runtime makes of the challenges. scheme is None when it answers none of them.

    error is the runtime's own reason where it gives up at this point; None with scheme None means that the
    request goes out again without credentials (CRI-O).
    """

    scheme: Optional[str]
    """bearer | basic, None where it answers none."""
    params: Dict[str, str]
    """Of that challenge."""
    error: Optional[str] = None
    """The runtime's own reason where it gives up here."""


class TokenRequest(NamedTuple):
    """One request for a token. Holds no secret: `secret_field` says which form field the password belongs in,
    and `basic` whether user name and password go into an Authorization header.

    form is None for a GET. `after` lists the status codes of the request before it that lead to this one;
    empty for the first request.
    """

    method: str
    """GET | POST."""
    url: str
    """With its query."""
    form: Optional[Tuple[Tuple[str, str], ...]] = None
    """Fields of a POST, None for a GET."""
    secret_field: str = ""
    """The form's field that the password belongs in, "" for none."""
    basic: bool = False
    """User name and password go into an Authorization header."""
    after: Tuple[int, ...] = ()
    """The statuses of the request before that lead to this one, () for the first."""

    def body(self, secret: str) -> bytes:
        """The form as application/x-www-form-urlencoded, with the secret in its place; empty for a GET."""
        if self.form is None:
            return b""
        fields = list(self.form)
        if self.secret_field:
            fields.append((self.secret_field, secret))
        return _encode_query(fields).encode("ascii")


class BadRealm(ValueError):
    """The realm of a bearer challenge is missing or is no address that a token could be asked from."""


def parse_challenges(header_lines: Iterable[str]) -> List[Tuple[str, Dict[str, str]]]:
    """The challenges of all WWW-Authenticate lines, in order, as (scheme, parameters): RFC 9110 section
    11.6.1.

    A line may hold several challenges. Names are lower case, the first of a repeated parameter counts. What
    follows damage in a line is left out; `read_challenges` says where that happened.
    """
    return [(c.scheme, c.params) for c in read_challenges(header_lines) if not c.malformed]


def read_challenges(header_lines: Iterable[str]) -> List[Challenge]:
    """As `parse_challenges`, with token68 credentials and a mark for each line that could not be read to its
    end.
    """
    found: List[Challenge] = []
    for line in header_lines:
        found.extend(_read_line(_text(line)))
    return found


def _text(line: Union[str, bytes]) -> str:
    # Latin-1 is what HTTP header bytes are by default and never fails
    return line.decode("latin-1") if isinstance(line, (bytes, bytearray)) else str(line)


def _read_line(line: str) -> Iterator[Challenge]:
    at = _end(_SPACE_OR_COMMA, line, 0)
    while at < len(line):
        scheme = _TOKEN.match(line, at)
        if scheme is None:
            yield Challenge("", {}, malformed=line)
            return
        name, at = scheme.group().lower(), scheme.end()
        if at < len(line) and line[at] not in " \t\r\n,":
            yield Challenge("", {}, malformed=line)
            return
        at = _end(_SPACE, line, at)
        token68 = _TOKEN68.match(line, at)
        if token68 is not None:
            yield Challenge(name, {}, token68=token68.group(1))
            at = _end(_SPACE_OR_COMMA, line, token68.end())
            continue
        params: Dict[str, str] = {}
        at, whole = _read_params(line, at, params)
        yield Challenge(name, params)
        if not whole:
            yield Challenge("", {}, malformed=line)
            return


def _read_params(line: str, at: int, params: Dict[str, str]) -> Tuple[int, bool]:
    """Read parameters into params until the next challenge or the end -> (where that is, whether all was
    readable).
    """
    comma_before = True
    while at < len(line):
        after_commas = _end(_SPACE_OR_COMMA, line, at)
        comma_before = comma_before or "," in line[at:after_commas]
        if after_commas == len(line):
            return after_commas, True
        name = _TOKEN.match(line, after_commas)
        if name is None or not comma_before:
            return after_commas, False
        equals = _end(_SPACE, line, name.end())
        if equals >= len(line) or line[equals] != "=":
            # a token without "=" behind a comma is the next scheme; in the first place it is damage, since
            # token68 was tried before
            return after_commas, bool(params) or "," in line[at:after_commas]
        value, at, closed = _read_value(line, _end(_SPACE, line, equals + 1))
        if not closed:
            return at, False
        params.setdefault(name.group().lower(), value)
        comma_before = False
    return at, True


def _read_value(line: str, at: int) -> Tuple[str, int, bool]:
    """A token or quoted string at `at` -> (value, end, whether there was one and it was closed)."""
    if not line.startswith('"', at):
        token = _TOKEN.match(line, at)
        return ("", at, False) if token is None else (token.group(), token.end(), True)
    return _read_quoted(line, at + 1)


def _read_quoted(line: str, at: int) -> Tuple[str, int, bool]:
    """The rest of a quoted string, `at` behind its first quote (RFC 9110 section 5.6.4) -> as
    `_read_value`.
    """
    parts: List[str] = []
    while True:
        end = _end(_QUOTED_RUN, line, at)
        parts.append(line[at:end])
        if end >= len(line):
            return "", end, False
        if line[end] == '"':
            return "".join(parts), end + 1, True
        if end + 1 >= len(line):
            return "", end, False
        parts.append(line[end + 1])
        at = end + 2


def _end(pattern: "re.Pattern[str]", line: str, at: int) -> int:
    match = pattern.match(line, at)
    return at if match is None else match.end()


def runtime_challenges(header_lines: Iterable[str], runtime: str) -> List[Tuple[str, Dict[str, str]]]:
    """The challenges as the runtime extracts them, in the order in which it would try them.

    containerd (core/remotes/docker/auth/parse.go): one a line, only bearer, digest and basic, ranked in that
    order. CRI-O (containers/image docker/wwwauthenticate.go): one a line, any scheme, header order; an empty
    parameter value ends the reading of its line. With both, the last of a repeated parameter counts.
    """
    stop_at_empty = runtime == CRIO
    found = []
    for line in header_lines:
        scheme, params = _first_challenge(_text(line).strip(" \t"), stop_at_empty)
        if scheme and (stop_at_empty or scheme in _CONTAINERD_RANK):
            found.append((scheme, params))
    if not stop_at_empty:
        found.sort(key=lambda challenge: _CONTAINERD_RANK[challenge[0]])
    return found


def _first_challenge(line: str, stop_at_empty: bool) -> Tuple[str, Dict[str, str]]:
    params: Dict[str, str] = {}
    scheme = _TOKEN.match(line)
    if scheme is None:
        return "", params
    at = _end(_SPACE, line, scheme.end())
    while True:
        at = _end(_SPACE, line, at)
        name = _TOKEN.match(line, at)
        if name is None or not line.startswith("=", name.end()):
            break
        value, at, closed = _read_value(line, name.end() + 1)
        if not value and stop_at_empty:
            break
        params[name.group().lower()] = value
        if not closed and line.startswith('"', name.end() + 1):
            break
        at = _end(_SPACE, line, at)
        if not line.startswith(",", at):
            break
        at += 1
    return scheme.group().lower(), params


def answered_by(header_lines: Iterable[str], runtime: str, has_credentials: bool) -> Answer:
    """Which challenge the runtime answers. runtime: CONTAINERD or CRIO; has_credentials: user name and
    password both.

    containerd reads the 401 of the manifest request itself (core/remotes/docker/authorizer.go AddResponses),
    CRI-O the answer to GET /v2/ (containers/image docker/docker_client.go setupRequestAuth).
    """
    if runtime not in (CONTAINERD, CRIO):
        raise ValueError(f"unknown runtime {runtime!r}")
    for scheme, params in runtime_challenges(header_lines, runtime):
        if scheme == "bearer":
            missing = {
                CONTAINERD: "no realm specified for token auth challenge",
                CRIO: "missing realm in bearer auth challenge",
            }
            return Answer(scheme, params, None if "realm" in params else missing[runtime])
        if scheme == "basic":
            if runtime == CONTAINERD and not has_credentials:
                return Answer(None, params, "no basic auth credentials")
            return Answer(scheme, params)
    return Answer(None, {}, "no supported auth scheme" if runtime == CONTAINERD else None)


def token_requests(
    params: Dict[str, str], runtime: str, repository: str, username: str = "", has_password: bool = False
) -> List[TokenRequest]:
    """The requests the runtime makes for a token to pull `repository` (the path, without host), in order.

    params are those of the bearer challenge. A later request is made only if the one before ended with a
    status of its `after`. Raises BadRealm if no request can be made.

    containerd (core/remotes/docker/auth/fetch.go, authorizer.go doBearerAuth): the scopes of the challenge
    and the pull scope, sorted, without repeats; with a password a POST first. CRI-O (containers/image
    docker/docker_client.go getBearerToken): always GET, only its own pull scope, the user name as `account`.
    """
    if "realm" not in params:
        raise BadRealm("the challenge names no realm to ask for a token")
    base, query = _split_realm(params["realm"])
    pull = f"repository:{repository}:pull"
    service = params.get("service", "")
    if runtime == CRIO:
        fields = [("account", username)] if username else []
        fields += [("service", service)] if service else []
        fields.append(("scope", pull))
        url = f"{base}?{_encode_query([*_query_pairs(query), *fields])}"
        return [TokenRequest("GET", url, basic=bool(username) and has_password)]
    scopes = sorted({pull, *params["scope"].split(" ")} if "scope" in params else {pull}, key=_bytes)
    fields = [("service", service)] if service else []
    fields += [("scope", scope) for scope in scopes]
    url = f"{base}?{_encode_query([*_query_pairs(query), *fields])}"
    get = TokenRequest("GET", url, basic=has_password)
    if not has_password:
        return [get]
    form = [("client_id", "containerd-client"), ("scope", " ".join(scopes)), ("service", service)]
    form.append(("grant_type", "password" if username else "refresh_token"))
    if username:
        form.append(("username", username))
    secret_field = "password" if username else "refresh_token"
    post = TokenRequest("POST", base + query, form=tuple(form), secret_field=secret_field)
    return [post, get._replace(after=(400, 401, 404, 405) if username else (400, 401, 404))]


# Only addresses that a token server can have: a user name in one, or a host of odd characters, is not asked
_REALM = re.compile(r"([hH][tT][tT][pP][sS]?)://((?:[A-Za-z0-9_.-]+|\[([0-9A-Fa-f:.]+)\])(?::[0-9]*)?)(/[^?]*)?(\?.*)?")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/%\[\]]")


def _split_realm(realm: str) -> Tuple[str, str]:
    """The realm as runtimes write it, up to its query, and the query with its question mark.

    Raises BadRealm unless it is an http or https address. Go's net/url escapes a whole path anew where a
    character in it must be escaped (EscapedPath), else it leaves it alone.
    """
    address, _, fragment = realm.partition("#")
    parts = _REALM.fullmatch(address)
    escaped = ((parts.group(4) or "") if parts else "") + "#" + fragment
    if parts is None or _BROKEN_ESCAPE.search(escaped) or re.search(r"[\x00-\x1f\x7f]", address):
        raise BadRealm(f"the realm {realm[:120]!r} is no http or https address")
    scheme, host, ipv6, path, query = (part or "" for part in parts.groups())
    if ipv6:
        try:
            IPv6Address(ipv6)
        except ValueError:
            raise BadRealm(f"the realm {realm[:120]!r} holds no IPv6 address") from None
    if _NOT_IN_PATH.search(path):
        path = quote(_bytes(_unquote(path)), safe="$&+,/:;=@~")
    return f"{scheme.lower()}://{host.rstrip(':')}{path}", query


def _query_pairs(query: str) -> Iterator[Tuple[str, str]]:
    """The pairs of a query as Go's net/url reads them: a part with a semicolon or a broken escape is
    dropped.
    """
    for part in query[1:].split("&"):
        name, _, value = part.partition("=")
        if part and ";" not in part and not _BROKEN_ESCAPE.search(part):
            yield _unquote(name.replace("+", " ")), _unquote(value.replace("+", " "))


def _unquote(text: str) -> str:
    return unquote_to_bytes(_bytes(text)).decode("utf-8", "surrogateescape")


def _encode_query(pairs: List[Tuple[str, str]]) -> str:
    """As Go's url.Values.Encode: sorted by name, the order of equal names kept."""
    ordered = sorted(pairs, key=lambda pair: _bytes(pair[0]))
    return "&".join(f"{quote_plus(_bytes(name))}={quote_plus(_bytes(value))}" for name, value in ordered)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")

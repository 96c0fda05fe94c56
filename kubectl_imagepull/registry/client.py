"""Whether manifests can be had, many at a time: one HEAD each, a token a repository, and a bound for each registry.

A node's probes walk one image's whole path and say where it breaks; this asks about hundreds of images and says which to look
at. So challenges are read here as well, in a few lines: the probes travel alone, and read them as each runtime does. A credential
goes to its registry and to the host that the registry's kind is known to get tokens from, over TLS, and nowhere
else.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import urllib3
import urllib3.connection
import urllib3.exceptions
import urllib3.response

from .. import lazily
from ..catalogue.registries import kind_of
from ..image.reference import Reference
from ..patience import seconds_of
from ..text import printable

ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""Indexes first: a registry that has one answers with its digest (OCI distribution-spec v1.1, "Pulling manifests")."""
PER_REGISTRY = 4
"""Requests that one registry has to answer at a time."""
SECONDS = 10.0
"""For a connection, and of silence in an answer."""
LONGEST = 3
"""Times as many for a whole answer: a socket's time-out begins anew with every byte."""
MOST_BODY = 4 << 20
"""Bytes of a manifest (OCI distribution-spec v1.1: registries take at least 4 MiB)."""
MOST_PATIENCE = 30.0
"""Seconds to wait for a registry that wants fewer requests; one that wants more is not asked again in this run."""
ATTEMPTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
_BEARER = lazily.pattern(r"bearer\s", re.I)
_BASIC = lazily.pattern(r"basic\b", re.I)
_PARAMETER = lazily.pattern(r'([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_TOKEN = lazily.pattern(r"[!-~]{1,65536}")
"""What may stand in a header."""
_DIGEST = lazily.pattern(r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})")
LOOPBACK = lazily.pattern(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")
"""Hosts that are asked without TLS, as clients of registries do (containerd: core/remotes/docker, MatchLocalhost)."""


@dataclass(frozen=True)
class Login:
    """A credential, and where it is from."""

    username: str
    """"" beside a password that is an identity token."""
    password: str = field(repr=False)
    """Never shown."""
    source: str = ""
    """For a person: pull secret regcred, ~/.docker/config.json."""


@dataclass(frozen=True)
class Answer:
    """What a registry says of a manifest."""

    cause: str = ""
    """"" where it can be had, else the id of the cause; "unknown.insufficient" where the question could not be put."""
    summary: str = ""
    """The same for a person, one line."""
    digest: str = ""
    """Of what the reference names: an index where there is one. "" where the registry does not say."""
    media_type: str = ""
    """Of the manifest."""
    status: int = 0
    """The HTTP status, 0 for none."""
    body: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The manifest, where it was read."""

    @property
    def found(self) -> bool:
        """The manifest can be had."""
        return not self.cause


@dataclass(frozen=True)
class _Reply:
    """An answer, read to its end."""

    status: int
    headers: urllib3.HTTPHeaderDict
    data: bytes = b""


@dataclass
class _Host:
    """What is known of one registry in this run."""

    pool: urllib3.PoolManager
    base: str
    turn: threading.Semaphore
    challenge: tuple[str, Mapping[str, str]] | None = None
    """Scheme and parameters of the challenge that it answered last, without the scope."""
    not_before: float = 0.0
    """On the monotonic clock: it asked to be left alone until then."""
    given_up: tuple[str, str, int] | None = None
    """(cause, why, HTTP status) of its not being asked any more in this run, None while it is."""


class Registries:
    """Asks registries. Safe to call from many threads; `close` ends its connections."""

    def __init__(
        self,
        seconds: float = SECONDS,
        per_registry: int = PER_REGISTRY,
        token_hosts: Collection[str] = (),
        plain_http: Collection[str] = (),
        patience: float = MOST_PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """seconds: for one request; per_registry: requests at a time; token_hosts: may see a credential when its registry sends
        for a token there; plain_http: registries (host:port) without TLS; patience: seconds to wait for Retry-After."""
        self._seconds = seconds
        self._timeout = urllib3.Timeout(connect=seconds, read=seconds)
        self.per_registry, self._most = per_registry, patience
        self._token_hosts = frozenset(host.lower() for host in token_hosts)
        self._plain = frozenset(plain_http)
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._tokens: dict[tuple[str, str, Login | None], str] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the connections."""
        for host in self._hosts.values():
            host.pool.clear()

    def head(self, reference: Reference, login: Login | None = None) -> Answer:
        """Whether the manifest can be had with this credential (None: anonymously). One HEAD, which no registry counts as a pull;
        a refusal is asked for its reason once more. Never raises."""
        return self._asked(reference, login, whole=False)

    def get(self, reference: Reference, login: Login | None = None) -> Answer:
        """The same with the manifest itself in `body`. Docker Hub counts it as a pull. Never raises."""
        return self._asked(reference, login, whole=True)

    def blob(self, reference: Reference, digest: str, login: Login | None = None) -> Mapping[str, object]:
        """A small JSON blob of the reference's repository (an image's config), {} where it cannot be had. Never raises."""
        try:
            host = self._host(reference)
            with host.turn:
                reply = self._request("GET", host, f"{host.base}/v2/{reference.path}/blobs/{digest}", reference, login)
            return _document(reply.data) if reply.status == 200 else {}
        except (_NotAsked, urllib3.exceptions.HTTPError, OSError, ValueError):
            return {}

    def _asked(self, reference: Reference, login: Login | None, whole: bool) -> Answer:
        try:
            host = self._host(reference)
            with host.turn:
                return self._manifest(host, reference, login, whole)
        except _NotAsked as error:
            return Answer(error.cause, str(error), status=error.status)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            cause, words = _why(error)
            return Answer(cause, f"{reference.registry_host}: {words}")

    def _manifest(self, host: _Host, reference: Reference, login: Login | None, whole: bool) -> Answer:
        url = f"{host.base}/v2/{reference.path}/manifests/{reference.manifest_reference}"
        reply = self._request("GET" if whole else "HEAD", host, url, reference, login)
        if reply.status == 405 and not whole:  # registries that know no HEAD of a manifest
            reply = self._request("GET", host, url, reference, login)
        if reply.status != 200:
            if not whole and not reply.data:
                reply = self._request("GET", host, url, reference, login)
            return _refused(reference, reply, login)
        digest = str(reply.headers.get("Docker-Content-Digest") or reference.digest or "")
        media_type = str(reply.headers.get("Content-Type") or "").partition(";")[0].strip()
        body = _document(reply.data) if whole else {}
        return Answer("", "", digest if _DIGEST.fullmatch(digest) else "", media_type, 200, body)

    # ---- one request -------------------------------------------------------------------------------------------------

    def _request(self, method: str, host: _Host, url: str, reference: Reference, login: Login | None) -> _Reply:
        """With a token or password where the registry wants one; waits where it asks to. Raises _NotAsked, urllib3's errors."""
        authorization = self._authorization(host, reference, login, None)
        for attempt in range(ATTEMPTS):
            reply = self._send(method, host, url, authorization)
            if reply.status == 401 and attempt == 0:
                challenge = _challenge_in(reply.headers.getlist("WWW-Authenticate"))
                if challenge is not None:
                    host.challenge = challenge
                    wanted = self._authorization(host, reference, login, challenge)
                    if wanted and wanted != authorization:
                        authorization = wanted
                        continue
            if reply.status == 429 or (reply.status == 503 and reply.headers.get("Retry-After")):
                wait = seconds_of(reply.headers.get("Retry-After"), time.time())
                if attempt < ATTEMPTS - 1 and wait <= self._most:
                    host.not_before = max(host.not_before, time.monotonic() + wait)
                    continue
                # not waited for again: there may be hundreds of images of this registry
                why = "wants fewer requests" if reply.status == 429 else "is not available now"
                cause = "rate.registry_limit" if reply.status == 429 else "registry.unavailable"
                said = f"{reference.registry_host} {why} (HTTP {reply.status})"
                host.given_up = (cause, said, reply.status)
                raise _NotAsked(*host.given_up)
            return reply
        return reply

    def _send(self, method: str, host: _Host, url: str, authorization: str, realm: bool = False) -> _Reply:
        if host.given_up and not realm:
            raise _NotAsked(*host.given_up)
        wait = host.not_before - time.monotonic()
        if wait > 0:
            self._sleep(wait)
        headers = {"Accept": ACCEPT, "User-Agent": "kubectl-imagepull"}
        if authorization:
            headers["Authorization"] = authorization
        reply = self._read(host.pool, method, url, headers)
        if reply.status not in REDIRECTS:
            return reply
        # a blob's store, or another name of the registry: asked without what the registry was shown, and for no further one
        where = urllib.parse.urljoin(url, str(reply.headers.get("Location") or ""))
        if urllib.parse.urlsplit(where).scheme != urllib.parse.urlsplit(host.base).scheme:
            raise _NotAsked("registry.not_a_registry", f"{url[:100]} sends to {where[:100]}")
        pool = _pool(where, self._context_for(where), 1)
        try:
            return self._read(pool, method, where, {"Accept": ACCEPT})
        finally:
            pool.clear()

    def _read(self, pool: urllib3.PoolManager, method: str, url: str, headers: Mapping[str, str]) -> _Reply:
        reply = pool.request(
            method, url, headers=headers, preload_content=False, redirect=False, retries=False, timeout=self._timeout
        )
        data = bytearray()
        end = time.monotonic() + LONGEST * self._seconds
        while method != "HEAD" and len(data) <= MOST_BODY and (part := reply.read1(MOST_BODY + 1 - len(data))):
            data += part
            if time.monotonic() > end:
                reply.close()
                raise TimeoutError(f"the answer takes longer than {LONGEST * self._seconds:.0f} s")
        if len(data) > MOST_BODY:
            reply.close()
            raise _NotAsked("registry.not_a_registry", f"{url[:100]} answers with more than {MOST_BODY >> 20} MiB")
        reply.release_conn()
        return _Reply(reply.status, reply.headers, bytes(data))

    def _authorization(
        self, host: _Host, reference: Reference, login: Login | None, challenge: tuple[str, Mapping[str, str]] | None
    ) -> str:
        """The header for a repository: what it got before, or what a challenge asks for; "" for none."""
        known = challenge or host.challenge
        if known is None:
            return ""
        scheme, parameters = known
        if scheme == "basic":
            may = login is not None and host.base.startswith("https:")
            return _basic(login) if login is not None and (may or _is_loopback(host.base)) else ""
        key = (host.base, reference.path, login)
        with self._lock:
            token = self._tokens.get(key, "")
        if not token or challenge is not None:
            token = self._token(host, reference, login, parameters)
            with self._lock:
                self._tokens[key] = token
        return f"Bearer {token}" if token else ""

    def _token(self, host: _Host, reference: Reference, login: Login | None, parameters: Mapping[str, str]) -> str:
        """A token for pulling from one repository (distribution: docs/content/spec/auth/token.md). "" where none is given."""
        realm = urllib.parse.urlsplit(parameters.get("realm", ""))
        # nothing that a registry without TLS could not do itself: a realm may name any address that this machine reaches
        if not realm.hostname or realm.scheme not in ("https", urllib.parse.urlsplit(host.base).scheme):
            return ""
        query = {"scope": f"repository:{reference.path}:pull"}
        if parameters.get("service"):
            query["service"] = parameters["service"]
        given = f"{realm.query}&" if realm.query else ""
        url = urllib.parse.urlunsplit(realm._replace(query=given + urllib.parse.urlencode(query), fragment=""))
        there = self._known(f"{realm.scheme}://{realm.netloc.rpartition('@')[2]}")
        shown = login is not None and self._may_see(reference, realm, host)
        reply = self._send("GET", there, url, _basic(login) if login is not None and shown else "", realm=True)
        if reply.status == 429:
            raise _NotAsked("rate.registry_limit", f"{realm.hostname} wants fewer requests (HTTP 429)", 429)
        document = _document(reply.data) if reply.status == 200 else {}
        token = document.get("access_token") or document.get("token")
        return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""

    def _may_see(self, reference: Reference, realm: urllib.parse.SplitResult, host: _Host) -> bool:
        """Whether the host of a realm may be shown a credential of the reference's registry."""
        registry = urllib.parse.urlsplit(host.base)
        if realm.scheme != "https":
            return realm.hostname == registry.hostname and _is_loopback(host.base)
        kind = kind_of(reference.domain)
        known = urllib.parse.urlsplit(kind.token_realm.replace("{host}", reference.domain)).hostname
        named = {registry.hostname, known if kind.by_name else None, *self._token_hosts}
        return realm.hostname in named

    # ---- hosts -------------------------------------------------------------------------------------------------------

    def _host(self, reference: Reference) -> _Host:
        name = reference.registry_host
        plain = name in self._plain or LOOPBACK.fullmatch(name.rpartition(":")[0] or name) is not None
        return self._known(f"{'http' if plain else 'https'}://{name}")

    def _known(self, base: str) -> _Host:
        with self._lock:
            if base not in self._hosts:
                pool = _pool(base, self._context_for(base), self.per_registry)
                self._hosts[base] = _Host(pool, base, threading.Semaphore(self.per_registry))
            return self._hosts[base]

    def _context_for(self, base: str) -> ssl.SSLContext | None:
        """The certificates of this machine, read where TLS is spoken: that takes longer than twenty requests."""
        return self._context if base.startswith("https:") else None

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _NotAsked(Exception):
    """A question that was not put, or whose answer is none. str(): why, for a person."""

    def __init__(self, cause: str, why: str, status: int = 0) -> None:
        self.cause, self.status = cause, status
        super().__init__(why)


T = TypeVar("T")


def _in_time(connection: urllib3.connection.HTTPConnection, step: Callable[[], T]) -> T:
    """A step of a connection that is done within LONGEST times its time-out: a proxy's tunnel and TLS, or an answer's status and
    headers. Raises TimeoutError."""
    over = threading.Event()

    def end() -> None:
        over.set()
        inner = getattr(connection.sock, "socket", connection.sock)  # of TLS within a proxy's TLS
        with contextlib.suppress(OSError, ValueError):
            if isinstance(inner, socket.socket):
                socket.socket.shutdown(inner, socket.SHUT_RDWR)  # not SSLSocket's own, which another thread may be in

    timer = threading.Timer(LONGEST * (connection.timeout or SECONDS), end)
    timer.daemon = True
    timer.start()
    try:
        done = step()
    except Exception:
        if not over.is_set():
            raise
    finally:
        timer.cancel()
    if over.is_set():  # what ends in its headers looks whole
        raise TimeoutError("the answer does not come to its end")
    return done


class _Http(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        _in_time(self, super().connect)

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]  # urllib3's own differs from http.client's
        return _in_time(self, super().getresponse)


class _Https(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        _in_time(self, super().connect)

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]  # urllib3's own differs from http.client's
        return _in_time(self, super().getresponse)


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


def _pool(base: str, context: ssl.SSLContext | None, side_by_side: int) -> urllib3.PoolManager:
    """Connections to one host, through the proxy that the environment names for it; this machine is asked directly, as clients
    in Go do (golang.org/x/net/http/httpproxy, useProxy)."""
    url = urllib.parse.urlsplit(base)
    proxies = urllib.request.getproxies_environment()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    made = urllib3.PoolManager(ssl_context=context, maxsize=side_by_side, block=True)
    if proxy and not _is_loopback(base) and not urllib.request.proxy_bypass(url.netloc.rpartition("@")[2]):
        found = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
        headers = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(found.auth)) if found.auth else None
        made = urllib3.ProxyManager(
            found._replace(auth=None).url, proxy_headers=headers, ssl_context=context, maxsize=side_by_side, block=True
        )
    made.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return made


def _is_loopback(base: str) -> bool:
    name = urllib.parse.urlsplit(base).hostname or ""
    return LOOPBACK.fullmatch(f"[{name}]" if ":" in name else name) is not None


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _challenge_in(lines: Sequence[str]) -> tuple[str, Mapping[str, str]] | None:
    """The challenge that is answered: Bearer before Basic, as runtimes do (containerd: core/remotes/docker/auth/parse.go)."""
    for line in lines:
        if _BEARER.match(line.lstrip()):
            found = {
                m[1].lower(): re.sub(r"\\(.)", r"\1", m[2]) if m[2] is not None else m[3]
                for m in _PARAMETER.finditer(line)
            }
            if found.get("realm"):
                return "bearer", found
    return ("basic", {}) if any(_BASIC.match(line.lstrip()) for line in lines) else None


def _document(data: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


# ---- what an answer means ----------------------------------------------------------------------------------------------

CODES: Mapping[str, str] = {
    "NAME_UNKNOWN": "image.name_unknown",
    "MANIFEST_UNKNOWN": "image.tag_unknown",
    "NAME_INVALID": "image.name_unknown",
    "TAG_INVALID": "image.tag_unknown",
    "TOOMANYREQUESTS": "rate.registry_limit",
}
"""Error code -> cause (OCI distribution-spec v1.1, "Error Codes")."""


def _refused(reference: Reference, reply: _Reply, login: Login | None) -> Answer:
    """What a status other than 200 means."""
    code, message = _error_in(reply.data)
    cause = CODES.get(code, "") if reply.status in (400, 404, 429) else ""
    if not cause and reply.status == 404:
        cause = "image.tag_unknown"
    if cause == "image.tag_unknown" and reference.digest:
        cause = "image.digest_unknown"
    if not cause and reply.status in (401, 403):
        without = "auth.forbidden" if reply.status == 403 else "auth.no_credentials"
        with_login = "auth.forbidden" if reply.status == 403 else "auth.bad_credentials"
        cause = with_login if login is not None else without
        if code in ("DENIED", "UNAUTHORIZED") and login is None:
            cause = "auth.denied_or_missing"
    if not cause:
        cause = "registry.server_error" if reply.status >= 500 else "registry.not_a_registry"
    words = " ".join(filter(None, (f"HTTP {reply.status}", code, message)))
    return Answer(cause, printable(f"{reference.registry_host}: {words}")[:300], status=reply.status)


def _error_in(data: bytes) -> tuple[str, str]:
    """(code, message) of the first error of a registry's answer, "" each where there is none."""
    errors = _document(data or b"").get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return str(first.get("code") or "")[:60], str(first.get("message") or "")[:200]


def _why(error: BaseException) -> tuple[str, str]:
    """(cause, words) of a request that got no answer: what lies deepest tells most."""
    cause, words = "net.unreachable", str(error)
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return VERIFY.get(inner.verify_code, "tls.unknown_authority"), str(inner.verify_message)
        found = next((one for kind, one in ERRORS if isinstance(inner, kind)), None)
        said = inner.strerror.lower() if isinstance(inner, OSError) and inner.strerror else str(inner)
        cause, words = (found, said) if found is not None else (cause, words)
        below = inner.args[0] if inner.args and isinstance(inner.args[0], BaseException) else None
        reason = inner.reason if isinstance(inner, urllib3.exceptions.MaxRetryError) else None
        inner = reason or inner.__cause__ or inner.__context__ or below
    return cause, printable(words)[:200]


ERRORS: tuple[tuple[type[BaseException], str], ...] = (
    (urllib3.exceptions.NameResolutionError, "dns.nxdomain"),
    (urllib3.exceptions.ProxyError, "net.proxy"),
    (urllib3.exceptions.ConnectTimeoutError, "net.timeout"),
    (urllib3.exceptions.ReadTimeoutError, "transfer.timeout"),
    (ConnectionRefusedError, "net.refused"),
    (ConnectionResetError, "net.reset"),
    (TimeoutError, "net.timeout"),
    (ssl.SSLError, "tls.handshake"),
)
"""Kind of error -> cause; of several that one error is, the first."""
VERIFY: Mapping[int, str] = {
    10: "tls.expired",
    9: "tls.not_yet_valid",
    62: "tls.hostname_mismatch",
    64: "tls.hostname_mismatch",
}
"""OpenSSL's X509_V_ERR_* -> cause; any other: the authority is not known (openssl: include/openssl/x509_vfy.h.in)."""


__all__ = ["Answer", "Login", "Registries"]

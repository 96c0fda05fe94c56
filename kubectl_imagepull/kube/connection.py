"""The way to an API server: its URL, the proxy before it, TLS, and what goes wrong there in words.

Followed: client-go, rest/url_utils.go and transport/transport.go of v0.37.2, and Go 1.26, net/http/transport.go and
golang.org/x/net/http/httpproxy, since users set up their proxies and certificates until kubectl works.
"""

from __future__ import annotations

import contextlib
import ipaddress
import pathlib
import re
import socket
import ssl
import tempfile
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import urllib3
import urllib3.exceptions

from ..errors import ConfigError
from .config import Settings
from .identity import Identity
from .kubeconfig import Cluster
from .plugin import Pair, plugin_policy

ALONGSIDE = 512
"""Connections to the server that are kept: more requests than this are never under way at once. One that is not kept costs a
handshake each time."""


class Connection:
    """Requests to one server as one user. Safe for threads."""

    def __init__(self, chosen: Settings, kuberc: str, environment: Mapping[str, str]) -> None:
        """Raises ConfigError for what can be seen without a request."""
        self.url = server_url(chosen.cluster.server)
        self._cluster = chosen.cluster
        self._proxy = proxy_of(self.url, chosen.cluster.proxy_url, environment)
        self._secure = self.url.startswith("https:")
        self._identity = Identity(chosen, self._secure, environment, plugin_policy(kuberc, environment))
        self._lock = threading.Lock()
        self._pair: Pair | None = None
        self._pool: urllib3.PoolManager | None = None
        if self._secure:
            tls_of(chosen.cluster)  # a damaged file is better named now than by the first request

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        """One request with our identity; once more where the server takes it for nobody's and a newer credential can be had.

        Raises ConfigError where there is no credential, urllib3's errors and OSError where there is no answer.
        """
        response = self._once(method, url, headers, body, timeout)
        if response.status == 401 and self._identity.renew():
            response.close()
            response = self._once(method, url, headers, body, timeout)
        return response

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        all_headers = urllib3.HTTPHeaderDict(headers)
        for name, value in self._identity.headers():
            all_headers.add(name, value)

        def ask() -> urllib3.BaseHTTPResponse:
            return self._connections().request(
                method, url, body=body, headers=all_headers, retries=False, timeout=timeout, preload_content=False
            )

        try:
            return ask()
        except urllib3.exceptions.ProtocolError as error:
            # The server has closed a connection that was kept, in the moment in which it was used again: what only reads is
            # asked once more, as Go does (net/http: transport.go, shouldRetryRequest).
            if method != "GET" or not isinstance(innermost(error), (ConnectionResetError, BrokenPipeError)):
                raise
            return ask()

    def _connections(self) -> urllib3.PoolManager:
        """The pool; a new one when the client certificate has changed."""
        pair = self._identity.pair()
        with self._lock:
            if self._pool is None or pair != self._pair:
                context = tls_of(self._cluster) if self._secure else None
                if context is not None and pair is not None:
                    _add_pair(context, pair)
                self._pair, self._pool = pair, _pool(self._cluster, self._proxy, context)
            return self._pool


def server_url(server: str) -> str:
    """A server's base URL, without a slash at its end (rest/url_utils.go, DefaultServerURL; client_config.go, ClientConfig).

    Raises ConfigError for what is no URL. A name alone is meant without TLS, as for kubectl.
    """
    try:
        parts = urllib.parse.urlsplit(server)
        if not parts.scheme or not parts.netloc:
            parts = urllib.parse.urlsplit(f"http://{server}")
            if parts.path not in ("", "/"):
                raise ValueError
        name = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not re.fullmatch(r"[^\x00-\x20\x7f]+", name) or parts.port == 0:
            raise ValueError
    except ValueError:
        raise ConfigError(f'error: the server "{server[:200]}" must be a URL or a host:port pair') from None
    # a login in it is never sent, and would stand in reports
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def proxy_of(url: str, named: str, environment: Mapping[str, str]) -> str:
    """The URL of the proxy for a server, "" for none.

    named: proxy-url of the kubeconfig or the flag, which holds for every server. Without it the environment decides
    (golang.org/x/net/http/httpproxy). Raises ConfigError for an address that is none.
    """
    parts = urllib.parse.urlsplit(url)
    listed = named
    if not named:
        names = ("HTTPS_PROXY", "https_proxy") if parts.scheme == "https" else ("HTTP_PROXY", "http_proxy")
        listed = _first(environment, *names)
        if not listed or not _through_proxy(parts, _first(environment, "NO_PROXY", "no_proxy")):
            return ""
        if parts.scheme == "http" and environment.get("REQUEST_METHOD"):
            raise ConfigError("error: refusing to use HTTP_PROXY value in CGI environment")
    try:
        proxy = urllib.parse.urlsplit(listed)
        if not proxy.scheme or not proxy.netloc:
            proxy = urllib.parse.urlsplit(f"http://{listed}")
        _ = proxy.port
    except ValueError:
        raise ConfigError(f'error: invalid proxy address "{listed[:200]}"') from None
    if proxy.scheme not in ("http", "https", "socks5", "socks5h") or not proxy.hostname:
        raise ConfigError(f'error: invalid proxy address "{listed[:200]}": use http, https or socks5')
    return proxy.geturl()


def _first(environment: Mapping[str, str], *names: str) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _through_proxy(server: urllib.parse.SplitResult, no_proxy: str) -> bool:
    """Whether a server is asked through the environment's proxy (httpproxy/proxy.go, useProxy and init)."""
    host = (server.hostname or "").lower()
    port = str(server.port or (443 if server.scheme == "https" else 80))
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return False
    for entry in (one.strip().lower() for one in no_proxy.split(",")):
        if entry == "*":
            return False
        if entry and _excludes(entry, host, port, address):
            return False
    return True


def _excludes(entry: str, host: str, port: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    """Whether an entry of NO_PROXY is about a host: a network, an address, or a name with what is below it."""
    if "/" in entry:
        with contextlib.suppress(ValueError):
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
    name, _, its_port = entry.rpartition(":") if _has_port(entry) else (entry, "", "")
    name = name.strip("[]")
    if not name:
        return False
    other = _address(name)
    if other is not None:
        return address == other and its_port in ("", port)
    if address is not None:
        return False
    name = name[1:] if name.startswith("*.") else name
    below = name if name.startswith(".") else f".{name}"
    return (host.endswith(below) or host == name) and its_port in ("", port)


def _has_port(entry: str) -> bool:
    return entry.count(":") == 1 or entry.rfind("]:") > 0


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def tls_of(cluster: Cluster) -> ssl.SSLContext:
    """What a server has to prove, as Go's crypto/tls checks it. Raises ConfigError for authorities that cannot be used."""
    if cluster.insecure and (cluster.ca_file or cluster.ca_data):
        raise ConfigError("error: specifying a root certificates file with the insecure flag is not allowed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    # Go trusts whatever stands in the bundle, an intermediate or the server's own certificate too, and wants no key
    # identifiers; Python 3.13 and urllib3 ask for strict X.509, which the CAs of older EKS and MicroK8s are not
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if cluster.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not (cluster.ca_file or cluster.ca_data):
        context.load_default_certs()
        return context
    try:
        data = cluster.ca_data or pathlib.Path(cluster.ca_file).read_bytes()
        if data:
            context.load_verify_locations(cadata=_certificates(data))
    except OSError as error:
        why = "unable to parse bytes as PEM block" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"error: unable to load root certificates: {why}") from None
    except ValueError:
        raise ConfigError("error: unable to load root certificates: unable to parse bytes as PEM block") from None
    return context


def _certificates(data: bytes) -> str:
    """The certificates of a bundle. What stands around them is passed over, as Go does. Raises ValueError where there is none."""
    text = data.decode("latin-1")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    found = [block.partition(end)[0] for block in text.split(begin)[1:] if end in block]
    if not found:
        raise ValueError(text[:40])
    return "".join(f"{begin}{block}{end}\n" for block in found)


def _add_pair(context: ssl.SSLContext, pair: Pair) -> None:
    """Python's ssl takes a client certificate from files only: two that nobody else may read, for the blink of an eye."""

    def no_password() -> str:
        raise ValueError

    with tempfile.TemporaryDirectory(prefix="kubectl-imagepull-") as folder:
        certificate, key = pathlib.Path(folder, "certificate"), pathlib.Path(folder, "key")
        for path, data in ((certificate, pair.certificate), (key, pair.key)):
            path.touch(0o600)
            path.write_bytes(data)
        try:
            context.load_cert_chain(certificate, key, no_password)
        except (OSError, ValueError) as error:
            mismatch = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
            why = (
                "private key does not match public key"
                if mismatch
                else "failed to find any PEM data in certificate or key"
            )
            raise ConfigError(f"error: tls: the client certificate cannot be used: {why}") from None


def _pool(cluster: Cluster, proxy: str, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    named: dict[str, Any] = {"num_pools": 1, "maxsize": ALONGSIDE, "ssl_context": context}
    if context is not None and cluster.tls_server_name:
        named.update(server_hostname=cluster.tls_server_name, assert_hostname=None)
    if context is not None and cluster.insecure:
        named.update(cert_reqs=ssl.CERT_NONE, assert_hostname=False)
        # two lines with a path of the library for each request; whoever set this knows
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if not proxy:
        return urllib3.PoolManager(**named)
    parts = urllib.parse.urlsplit(proxy)
    login = ":".join(urllib.parse.unquote(text) for text in (parts.username, parts.password) if text is not None)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if parts.scheme.startswith("socks5"):
        from urllib3.contrib.socks import SOCKSProxyManager  # not above: few have one

        # the proxy resolves the name, as for Go
        user, password = (
            urllib.parse.unquote(text) if text is not None else None for text in (parts.username, parts.password)
        )
        return SOCKSProxyManager(bare.replace("socks5:", "socks5h:", 1), username=user, password=password, **named)
    headers = urllib3.make_headers(proxy_basic_auth=login) if parts.username is not None else None
    of_proxy = tls_of(cluster) if parts.scheme == "https" else None
    return urllib3.ProxyManager(bare, proxy_headers=headers, proxy_ssl_context=of_proxy, **named)


X509 = {
    9: "x509: certificate has expired or is not yet valid: it is not valid yet",
    10: "x509: certificate has expired or is not yet valid: it has expired",
    18: "x509: certificate signed by unknown authority",
    19: "x509: certificate signed by unknown authority",
    20: "x509: certificate signed by unknown authority",
    21: "x509: certificate signed by unknown authority",
    62: "x509: certificate is valid for other names, not {host}",
    64: "x509: certificate is valid for other addresses, not {host}",
}
"""OpenSSL's codes of a failed check (openssl: include/openssl/x509_vfy.h) in Go's words."""


def in_words(error: BaseException, url: str) -> str:
    """Why there was no answer from the server of a URL, as kubectl would say it; no words of OpenSSL or Python."""
    host = urllib.parse.urlsplit(url).hostname or ""
    inner = innermost(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        said = X509.get(inner.verify_code, f"x509: {inner.verify_message}").format(host=host)
        return f"tls: failed to verify certificate: {said}"
    if isinstance(inner, ssl.SSLError):
        return _tls_in_words(inner)
    if isinstance(inner, socket.gaierror):
        temporary = inner.errno == socket.EAI_AGAIN
        return f"dial tcp: lookup {host}: {'server misbehaving' if temporary else 'no such host'}"
    if isinstance(inner, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return "it did not answer in time (i/o timeout)"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    if isinstance(inner, urllib3.exceptions.ProxyError):
        return "the proxy refuses"
    return " ".join(str(inner).split()) or type(inner).__name__


def _tls_in_words(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return "http: server gave HTTP response to HTTPS client"
    _, alert, what = reason.partition("_ALERT_")
    if alert:
        return f"remote error: tls: {what.replace('_', ' ').lower()}"
    if "EOF" in reason or not reason:
        return "EOF"
    return f"tls: {reason.replace('_', ' ').lower()}"


def innermost(error: BaseException) -> BaseException:
    """What an error was raised for."""
    inner = error
    for _ in range(6):
        below = inner.__cause__ or inner.__context__ or getattr(inner, "reason", None)
        if not isinstance(below, BaseException):
            break
        inner = below
    return inner

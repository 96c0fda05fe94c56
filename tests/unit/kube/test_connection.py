"""The way to the server: proxies by Go's rules, and what goes wrong in words that are neither Python's nor OpenSSL's."""

from __future__ import annotations

import socket
import ssl

import pytest
import urllib3.exceptions

from kubectl_imagepull.errors import ConfigError
from kubectl_imagepull.kube.connection import in_words, proxy_of, server_url

PROXY = {"HTTPS_PROXY": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("server", "no_proxy", "through"),
    [
        ("https://10.1.2.3:6443", "10.0.0.0/8", False),
        ("https://10.1.2.3:6443", "11.0.0.0/8", True),
        ("https://10.1.2.3:6443", "10.1.2.3", False),
        ("https://10.1.2.3:6443", "10.1.2.3:443", True),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", False),
        ("https://10.1.2.3:6443", "2.3", True),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://[fd00::1]:6443", "fd00::1", False),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", False),
        ("https://[::1]:6443", "", False),
        ("https://127.8.9.1:6443", "", False),
        ("https://KUBE.corp", "corp", False),
        ("https://kube.corp", ".corp", False),
        ("https://corp", ".corp", True),
        ("https://kube.corp", "*.corp", False),
        ("https://kube.corp", "e.corp", True),
        ("https://kube.corp", "kube.corp:443", False),
        ("https://kube.corp", ":443, ,/", True),
        ("https://kube.corp", "*", False),
    ],
)
def test_no_proxy(server: str, no_proxy: str, through: bool) -> None:
    assert bool(proxy_of(server, "", {**PROXY, "NO_PROXY": no_proxy})) == through


@pytest.mark.parametrize("server", ["", "https://", "ftp://x", "a b", "https://x:99999", "http://[::1", "x/y"])
def test_what_is_no_server(server: str) -> None:
    with pytest.raises(ConfigError, match="must be a URL or a host:port pair"):
        server_url(server)


@pytest.mark.parametrize("proxy", ["http://[::1", "http://x:y", "ftp://x"])
def test_what_is_no_proxy(proxy: str) -> None:
    with pytest.raises(ConfigError, match="invalid proxy address"):
        proxy_of("https://a", "", {"HTTPS_PROXY": proxy})


def failed_check(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)")
    error.verify_code, error.verify_message = code, "some words of OpenSSL"
    return error


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] of OpenSSL (_ssl.c:2570)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (failed_check(20), "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        (failed_check(62), "tls: failed to verify certificate: x509: certificate is valid for other names, not kube"),
        (alert("WRONG_VERSION_NUMBER"), "http: server gave HTTP response to HTTPS client"),
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "remote error: tls: certificate required"),
        (alert("UNEXPECTED_EOF_WHILE_READING"), "EOF"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "dial tcp: lookup kube: no such host"),
        (TimeoutError("timed out"), "it did not answer in time (i/o timeout)"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection reset by peer"),
        (
            urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset")),
            "aborted",
        ),
    ],
)
def test_words(error: Exception, words: str) -> None:
    said = in_words(error, "https://kube:6443/x")
    assert words in said
    assert "_ssl" not in said and "[SSL" not in said


def test_a_login_in_a_servers_address_goes_nowhere() -> None:
    """Reports name the server."""
    assert server_url("https://u:hush@kube:6443/k8s/") == "https://kube:6443/k8s"

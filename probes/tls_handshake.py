"""Would the runtime accept the certificate?"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
import time
from typing import Any, Dict, Iterator, List, Tuple

from .address import Address, network_outcome
from .observation import Observation, printable
from .tcp_connect import dial
from .timing import Deadline, Stopwatch, Watchdog

PATIENCE = 10.0
"""Seconds for the handshake: Go's TLSHandshakeTimeout, as containerd sets it."""
# OpenSSL's X509_V_ERR_* (openssl: include/openssl/x509_vfy.h)
NOT_YET_VALID, EXPIRED, HOSTNAME, IP_NAME = 9, 10, 62, 64
UNKNOWN = {2, 18, 19, 20, 21, 27}
PARTIAL_CHAIN = 0x80000  # ssl.VERIFY_X509_PARTIAL_CHAIN has a name from Python 3.10 on
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL")


def trusting(*bundle: str) -> ssl.SSLContext:
    """A context that trusts these files (none: this machine's own store) and checks as Go's crypto/x509 does.

    A file that holds no certificate is passed over.

    As Go: TLS 1.2 at least, no fall-back to the common name, any trusted certificate may end a chain, none of RFC 5280's
    stricter rules that newer Pythons switch on by default.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.verify_flags = ssl.VerifyFlags(ssl.VERIFY_X509_TRUSTED_FIRST | PARTIAL_CHAIN)
    if not bundle:
        context.load_default_certs()
    for file in bundle:
        with contextlib.suppress(OSError, ssl.SSLError):
            context.load_verify_locations(cafile=file)
    return context


def unchecked() -> ssl.SSLContext:
    """A context that accepts every certificate: for looking at what is served, never for sending a credential."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def handshake(address: Address, context: ssl.SSLContext, deadline: Deadline, trust: str = "") -> Observation:
    """Shake hands with verification; where that fails, once more without it to see what certificate is served.

    -> outcome ok | unknown-authority | expired | not-yet-valid | hostname-mismatch | plain-http | handshake-failed |
    timeout | reset | closed. data: version, chain (leaf first: subject, issuer, names, not_before, not_after), problems (all of
    them; outcome is the one that Go reports first: dates, then the name, then the authority; go:
    src/crypto/x509/verify.go Certificate.Verify), trust: the bundle used.
    """
    watch = Stopwatch()
    data: Dict[str, Any] = {"trust": trust, "ip": address.ip}
    try:
        with _wrapped(address, context, deadline) as sock:
            chain = _chain(sock)
            data.update(version=sock.version(), chain=chain)
        until = f", valid until {chain[0]['not_after']}" if chain and chain[0].get("not_after") else ""
        issuer = f", issued by {chain[0]['issuer']}" if chain and chain[0].get("issuer") else ""
        return Observation("ok", f"{data['version']}{issuer}{until}", data, watch.ms)
    except ssl.SSLCertVerificationError as error:
        return _refused_certificate(address, error, data, deadline, watch)
    except (OSError, ValueError) as error:
        return _broken(address, error, data, deadline, watch)


def late_alert(address: Address, context: ssl.SSLContext, deadline: Deadline) -> str:
    """The alert with which a server ends a connection after the client's part of the handshake, "" for none.

    In TLS 1.3 the client is done before the server has seen whether it shows a certificate (RFC 8446, section 4.4.2.4): a server
    that demands one lets the handshake end well, and the first request meets a connection that is closed.
    """
    try:
        with _wrapped(address, context, deadline) as sock:
            sock.settimeout(deadline.left(ALERT_SECONDS))
            sock.recv(1)
    except ssl.SSLError as error:
        reason = str(error.reason or "")
        return reason.replace("_", " ").lower() if "ALERT" in reason else ""
    except OSError:
        pass  # silence, or an end without a word
    return ""


ALERT_SECONDS = 3.0
"""How long a server may take for its alert."""


def _wrapped(address: Address, context: ssl.SSLContext, deadline: Deadline) -> ssl.SSLSocket:
    sock: Any = socket.socket(address.family, socket.SOCK_STREAM)
    with Watchdog(deadline.left(PATIENCE)) as dog:
        try:
            if address.via:
                sock.close()
                sock = dial(address, deadline.left(PATIENCE))
            else:
                sock.settimeout(deadline.left(PATIENCE))
                sock.connect((address.ip, address.port))
            sock = context.wrap_socket(sock, server_hostname=address.host, do_handshake_on_connect=False)
            dog.watch(sock)
            sock.do_handshake()
            return sock  # type: ignore[no-any-return]
        except BaseException as error:
            sock.close()
            if dog.fired:
                raise socket.timeout("the handshake is not done") from error
            raise


def _refused_certificate(
    address: Address, error: ssl.SSLCertVerificationError, data: Dict[str, Any], deadline: Deadline, watch: Stopwatch
) -> Observation:
    chain: List[Dict[str, Any]] = []
    try:
        with _wrapped(address, unchecked(), deadline) as sock:
            data["version"] = sock.version()
            chain = _chain(sock)
    except (OSError, ValueError):
        pass  # the refusal itself is the finding; the certificate would only have explained it
    code = error.verify_code
    problems = []
    leaf = chain[0] if chain else {}
    now = time.time()
    if code == EXPIRED or leaf.get("ends", now + 1) < now:
        problems.append("expired")
    if code == NOT_YET_VALID or leaf.get("begins", now - 1) > now:
        problems.append("not-yet-valid")
    if code in (HOSTNAME, IP_NAME):
        problems.append("hostname-mismatch")
    if code in UNKNOWN:
        problems.append("unknown-authority")
    outcome = problems[0] if problems else "handshake-failed"
    # an issuer that publishes its own certificate is mostly an intermediate, and those the server has to send
    missing = code in UNKNOWN and len(chain) == 1 and bool(leaf.get("issuer_url"))
    data.update(
        chain=chain,
        problems=problems,
        detail=printable(error.verify_message),
        now=_utc(now),
        intermediate_missing=missing,
    )
    said = {
        "expired": f"the certificate expired on {leaf.get('not_after', 'an unknown date')}",
        "not-yet-valid": f"the certificate is valid only from {leaf.get('not_before', 'an unknown date')}",
        "hostname-mismatch": f"the certificate is for {', '.join(leaf.get('names') or []) or 'another name'}",
        "unknown-authority": f"issued by {leaf.get('issuer') or 'an authority'} which is not trusted here",
    }.get(outcome, printable(error.verify_message))
    if outcome == "unknown-authority" and missing:
        said = f"the server sends no certificate but its own, issued by {leaf.get('issuer')}: an intermediate that it should send"
    return Observation(outcome, said, data, watch.ms)


def _broken(
    address: Address, error: Exception, data: Dict[str, Any], deadline: Deadline, watch: Stopwatch
) -> Observation:
    reason = getattr(error, "reason", "") or ""
    data["detail"] = printable(error)
    if isinstance(error, ssl.SSLError) and any(word in str(reason) for word in NOT_TLS):
        answer = _speak_http(address, deadline)
        if answer:
            data["answer"] = answer
            return Observation("plain-http", f"the port answers plain HTTP: {answer}", data, watch.ms)
        return Observation("handshake-failed", "the port answers, but not with TLS", data, watch.ms)
    outcome = network_outcome(error)
    if isinstance(error, ssl.SSLError) and outcome == "error":
        return Observation("handshake-failed", printable(reason or error), data, watch.ms)
    said = {
        "timeout": f"silence during the handshake for {PATIENCE:.0f} s",
        "reset": "connection reset during the handshake",
        "closed": "connection closed during the handshake",
    }
    return Observation(outcome, said.get(outcome, printable(error)), data, watch.ms)


def _speak_http(address: Address, deadline: Deadline) -> str:
    """The status line that the port answers to plain HTTP, or ""."""
    try:
        with dial(address, deadline.left(3)) as sock:
            sock.sendall(f"GET /v2/ HTTP/1.1\r\nHost: {address.authority}\r\nConnection: close\r\n\r\n".encode())
            first = sock.recv(200)
    except OSError:
        return ""
    return printable(first.split(b"\r\n")[0].decode("latin-1"), 80) if first.startswith(b"HTTP/") else ""


def _chain(sock: ssl.SSLSocket) -> List[Dict[str, Any]]:
    """The certificates as served, leaf first, decoded; only the leaf below Python 3.10, which has no call for the rest."""
    ders: List[bytes] = []
    newer = getattr(sock, "get_unverified_chain", None)
    older = getattr(getattr(sock, "_sslobj", None), "get_unverified_chain", None)
    try:
        if newer is not None:
            ders = list(newer())
        elif older is not None:
            ders = [ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in (older() or [])]
    except (ssl.SSLError, AttributeError, ValueError):
        ders = []
    if not ders:
        leaf = sock.getpeercert(binary_form=True)
        ders = [leaf] if leaf else []
    return [decoded for der in ders[:6] for decoded in [_decode(der)] if decoded]


def _decode(der: bytes) -> Dict[str, Any]:
    """A certificate's names and dates, by CPython's own decoder, which wants a file."""
    try:
        with _as_file(ssl.DER_cert_to_PEM_cert(der)) as path:
            found: Dict[str, Any] = ssl._ssl._test_decode_cert(path)  # type: ignore[attr-defined]  # not public
    except (OSError, ssl.SSLError, AttributeError, ValueError):
        return {}
    begins, ends = _seconds(found.get("notBefore")), _seconds(found.get("notAfter"))
    return {
        "subject": _name(found.get("subject")),
        "issuer": _name(found.get("issuer")),
        "issuer_url": printable((found.get("caIssuers") or ("",))[0], 200),
        "names": [printable(value, 100) for _, value in found.get("subjectAltName", ())][:20],
        "begins": begins,
        "ends": ends,
        "not_before": _utc(begins) if begins else "",
        "not_after": _utc(ends) if ends else "",
    }


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A file of this content: in memory on a node, where it leaves nothing; elsewhere one that is removed again."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("certificate"), "w") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    number, path = tempfile.mkstemp()
    try:
        with os.fdopen(number, "w") as file:
            file.write(text)
        yield path
    finally:
        os.unlink(path)


def _seconds(date: Any) -> float:
    """A certificate's date since the epoch, 0.0 for none or one that nobody can read: a hostile server writes what it likes."""
    try:
        return float(ssl.cert_time_to_seconds(date)) if date else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _name(parts: Any) -> str:
    """The common name, else the organisation, of a decoded distinguished name."""
    flat: List[Tuple[str, str]] = [pair for group in parts or () for pair in group]
    for wanted in ("commonName", "organizationName", "organizationalUnitName"):
        for key, value in flat:
            if key == wanted:
                return printable(value, 100)
    return ""


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))

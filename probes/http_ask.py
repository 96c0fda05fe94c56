"""One HTTP request to one address: bounded in size and time, never redirected behind our back."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

import urllib3
import urllib3.exceptions

from .seen import Address, Deadline, Stopwatch, network_outcome, printable

PATIENCE = 10.0
ERROR_BODY = 64 << 10
USER_AGENT = "kubectl-imagepull"


@dataclass(frozen=True)
class Reply:
    """What came back. status 0: nothing did, and trouble says what happened (timeout, reset, closed, garbage, …)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    challenges: Tuple[str, ...] = ()
    body: bytes = b""
    cut: bool = False
    trouble: str = ""
    detail: str = ""
    ms: float = 0.0

    @property
    def document(self) -> Any:
        """The body as JSON, None where it is not."""
        try:
            return json.loads(self.body.decode("utf-8", "replace")) if self.body else None
        except (ValueError, RecursionError):
            return None

    @property
    def errors(self) -> List[Dict[str, str]]:
        """The registry's own errors: code and message (distribution-spec, "Error Codes"); at most five."""
        document = self.document
        listed = document.get("errors") if isinstance(document, dict) else None
        found = []
        for entry in listed[:5] if isinstance(listed, list) else []:
            if isinstance(entry, dict):
                found.append(
                    {
                        "code": printable(entry.get("code") or "", 60),
                        "message": printable(entry.get("message") or "", 300),
                    }
                )
        return found

    @property
    def said(self) -> str:
        """The reply in a few words: status, then the registry's own words where it gave any."""
        if not self.status:
            return self.detail or self.trouble
        words = [f"HTTP {self.status}"]
        for entry in self.errors[:1]:
            words.append(" ".join(w for w in (entry["code"], entry["message"]) if w))
        return " ".join(words)


def ask(
    method: str,
    address: Address,
    path: str,
    deadline: Deadline,
    context: Optional[ssl.SSLContext],
    headers: Optional[Mapping[str, str]] = None,
    most: int = ERROR_BODY,
) -> Reply:
    """Send one request over a new connection to address.ip. context None: plain HTTP. Reads at most `most` bytes of body."""
    watch = Stopwatch()
    sent = {"Host": address.authority, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
    patience = urllib3.Timeout(connect=deadline.left(PATIENCE), read=deadline.left(PATIENCE))
    pool: urllib3.HTTPConnectionPool
    if context is None:
        pool = urllib3.HTTPConnectionPool(address.ip, address.port, timeout=patience, maxsize=1)
    else:
        pool = urllib3.HTTPSConnectionPool(
            address.ip,
            address.port,
            timeout=patience,
            maxsize=1,
            ssl_context=context,
            server_hostname=address.host,
            assert_hostname=False if context.verify_mode == ssl.CERT_NONE else address.host,
        )
    try:
        response = pool.urlopen(
            method, path, headers=sent, retries=False, redirect=False, preload_content=False, decode_content=False
        )
        body, cut = _body(response, most, deadline)
        response.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        trouble = network_outcome(error)
        if trouble == "error":
            trouble = "closed" if "without response" in str(error) or "IncompleteRead" in str(error) else "garbage"
        return Reply(0, trouble=trouble, detail=printable(_plain(error)), ms=watch.ms)
    finally:
        pool.close()
    kept = {str(k).lower(): printable(v, 2000) for k, v in list(response.headers.items())[:100]}
    challenges = tuple(str(v)[:4000] for v in response.headers.getlist("WWW-Authenticate")[:10])
    return Reply(response.status, kept, challenges, body, cut, ms=watch.ms)


def _body(response: Any, most: int, deadline: Deadline) -> Tuple[bytes, bool]:
    """The body up to `most` bytes; cut: there is more, or time ran out."""
    parts: List[bytes] = []
    size = 0
    while size <= most:
        if deadline.over:
            return b"".join(parts)[:most], True
        part = response.read1(min(65536, most + 1 - size))
        if not part:
            return b"".join(parts), False
        parts.append(part)
        size += len(part)
    return b"".join(parts)[:most], True


def _plain(error: BaseException) -> str:
    """The innermost cause's own words: urllib3 wraps them in object addresses."""
    inner: BaseException = error
    for _ in range(5):
        below = inner.__cause__ or inner.__context__
        if below is None:
            break
        inner = below
    return str(inner) or type(inner).__name__

"""Raw JSON over the client's connection pool: its models cost a second of start-up and eightfold time on lists."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import urllib3
import urllib3.exceptions

from .. import lazily
from ..errors import ApiError, KubeError, Unreachable, from_response
from ..patience import seconds_of
from ..redaction import hide
from ..text import printable
from .config import Flags, settings
from .connection import Connection, in_words, innermost
from .paths import checked, path_of
from .shapes import shaped

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
GONE = 410
MOST_BODY = 256 << 20
"""Bytes of one answer: a page of 500 of the largest pods that are seen in practice has some 20 MiB."""
MOST_REFUSAL = 64 << 10
MOST_LINE = 2 << 20
"""Bytes of one line: an event of a watch is an object, which etcd keeps below 1.5 MiB."""
MOST_PATIENCE = 5.0
"""Seconds to wait before a request is repeated, whatever the server asks for."""


TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
"""What `kubectl get` asks for (kubernetes: KEP-2334; cli-runtime pkg/resource)."""
_WARNING = lazily.pattern(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class Api:
    """One API server. Methods raise ApiError for its refusals and Unreachable where it does not answer."""

    def __init__(self, flags: Flags, verbosity: int = 0) -> None:
        self.settings = settings(flags, os.environ)
        self._verbosity = verbosity
        self._connection = Connection(self.settings, flags.kuberc, os.environ)
        self._warnings_are_errors = bool(flags.warnings_as_errors)
        self._warned: list[str] = []
        self._streams: set[Any] = set()
        self._lock = threading.Lock()

    @property
    def namespace(self) -> str:
        """The namespace of the flags, else of the context, else default."""
        return self.settings.namespace

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._connection.url

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """GET one object or list as it is."""
        return self._json("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any], **query: Any) -> dict[str, Any]:
        """POST one object. -> as the server stored it."""
        return self._json("POST", path, query, body)

    def patch(
        self, path: str, body: Mapping[str, Any] | Sequence[Mapping[str, Any]], kind: str = "json-patch", **query: Any
    ) -> dict[str, Any]:
        """PATCH one object; kind: json-patch (body: its steps), merge-patch or strategic-merge-patch.

        -> as it is then (with dryRun=All: would be).
        """
        return self._json("PATCH", path, query, body, f"application/{kind}+json")

    def delete(self, path: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """DELETE one object. options: DeleteOptions, dryRun among them: beside a body the server reads no option of the query
        (kubernetes: apiserver pkg/endpoints/handlers/delete.go, DeleteResource), so a dry run asked for there would delete."""
        return self._json("DELETE", path, {}, options)

    def pages(self, path: str, limit: int = 500, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, read page by page; a list that expires on the way is read to its end anyway."""
        given: set[str] = set()
        size: int | None = limit
        token = ""
        while True:
            try:
                page = self.get(path, limit=size, **query, **{"continue": token})
            except ApiError as error:
                if error.status != GONE or not token:
                    raise
                # what the server kept of the list is gone: all of it at once (client-go: tools/pager, FullListIfExpired)
                size, token = None, ""
                continue
            if "items" not in page:
                raise self._no_api_server()
            for item in page["items"]:
                uid = item["metadata"]["uid"]
                if not uid or uid not in given:
                    yield item
                given.add(uid)
            before, token = token, page["metadata"].get("continue", "")
            if not token:
                return
            if token == before:
                raise self._no_api_server()

    def table(
        self, path: str, limit: int = 500, objects: str = "Metadata", **query: Any
    ) -> Iterator[Mapping[str, Any]]:
        """The rows of a list as the server prints it: column -> cell, and "object" -> what it includes of the object.

        objects: Metadata, or None for cells alone. A server that gives no tables gives its objects whole, each as {"object": it}
        (kubernetes: apiserver pkg/endpoints/handlers/response.go, asTable).
        """
        token = ""
        while True:
            page = self._json(
                "GET",
                path,
                {"limit": limit, "includeObject": objects, **query, "continue": token},
                accept=f"{TABLE},application/json",
            )
            names = [str(c.get("name")) for c in page.get("columnDefinitions") or () if isinstance(c, dict)]
            for row in page.get("rows") or ():
                if isinstance(row, dict) and isinstance(row.get("cells"), list):
                    found = row.get("object")
                    yield {
                        **dict(zip(names, row["cells"], strict=False)),
                        "object": shaped(found) if isinstance(found, dict) else {},
                    }
            for item in page.get("items") or ():
                yield {"object": item}
            before, token = token, page["metadata"].get("continue", "")
            if not token:
                return
            if token == before:
                raise self._no_api_server()

    def lines(self, path: str, seconds: float, total: float | None = None, **query: Any) -> Iterator[bytes]:
        """The lines of a streamed answer (a followed log) as they come, each cut after MOST_LINE bytes.

        seconds: of silence that are waited for; total: seconds for all of it, None without end. Raises Unreachable where either
        is over, up to `seconds` late.
        """
        end = math.inf if total is None else time.monotonic() + total
        response = self._send("GET", path, query, None, timeout=min(seconds, total or seconds))
        with self._lock:
            self._streams.add(response)
        try:
            if not 200 <= response.status < 300:
                raise self._refusal(response, response.read(MOST_REFUSAL))
            # not stream(), which waits for all of 64 KiB where the length is known
            parts = iter(lambda: response.read1(65536, decode_content=True), b"")
            for line in _lines(parts, end, path):
                self._log(f"log: {line!r}", level=8)
                yield line
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(
                f"error: the connection broke while reading {path}: {in_words(error, self.server)}"
            ) from None
        finally:
            with self._lock:
                self._streams.discard(response)
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
                response.close()

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        for attempt in range(4):
            began = time.monotonic()
            response = self._send(method, path, query, body, content_type=content_type, accept=accept)
            try:
                data = self._read(response, began)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Unreachable(f"Unable to connect to the server: {in_words(error, self.server)}") from None
            finally:
                response.close()
            if response.status == 429 and attempt < 3:
                time.sleep(_patience(response.headers.get("Retry-After"), time.time()))
                continue
            break
        if not 200 <= response.status < 300:
            raise self._refusal(response, data)
        try:
            document = json.loads(data) if len(data) <= MOST_BODY else None
            if isinstance(document, dict):
                return shaped(document)
        except (ValueError, RecursionError):
            pass
        raise self._no_api_server()

    def _read(self, response: urllib3.BaseHTTPResponse, began: float) -> bytes:
        """The answer, up to a byte more than MOST_BODY. --request-timeout is for all of it, as kubectl's: a socket's time-out
        begins anew with every byte. Raises TimeoutError, urllib3's errors and OSError."""
        asked = self.settings.timeout
        if not asked:
            return response.read(MOST_BODY + 1)
        data = bytearray()
        while len(data) <= MOST_BODY and (part := response.read1(MOST_BODY + 1 - len(data), decode_content=True)):
            data += part
            if time.monotonic() > began + asked:
                raise TimeoutError("timed out")
        return bytes(data)

    def _refusal(self, response: urllib3.BaseHTTPResponse, data: bytes) -> KubeError:
        """What an answer means that is no success. API servers redirect nobody: a page to log in does."""
        if response.status >= 400:
            return from_response(response.status, data)
        location = str(response.headers.get("Location") or "")[:200]
        whither = f" to {location}" if location else ""
        return Unreachable(
            f"error: {self.server} is no Kubernetes API server: it answers with {response.status}{whither}"
        )

    def _no_api_server(self) -> Unreachable:
        return Unreachable(f"error: {self.server} does not answer as a Kubernetes API server")

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
        timeout: float | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        pairs = [(k, str(v)) for k, v in query.items() if v not in ("", None)]
        url = f"{self.server}{checked(path)}" + (f"?{urllib.parse.urlencode(pairs)}" if pairs else "")
        headers = {"Accept": accept, "User-Agent": "kubectl-imagepull"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        start = time.monotonic()
        try:
            response = self._connection.request(method, url, headers, data, self._patience(timeout))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._log(f"{method} {url}  {in_words(error, url)}")
            raise Unreachable(self._no_connection(error)) from None
        self._warn(response.headers.getlist("Warning"))
        self._log(f"{method} {url} {response.status} in {(time.monotonic() - start) * 1000:.0f} milliseconds")
        return response

    @property
    def refused_warnings(self) -> int:
        """How many warnings of the server count as errors: none unless --warnings-as-errors says so."""
        return len(self._warned) if self._warnings_are_errors else 0

    def _warn(self, headers: Iterable[str]) -> None:
        """Show each warning of the server once (client-go: rest/warnings.go; RFC 7234, 5.5: 299 agent "text")."""
        for text in headers:
            found = _WARNING.match(text)
            said = re.sub(r"\\(.)", r"\1", found[1])[:500] if found else ""
            if said and said not in self._warned:
                self._warned.append(said)
                print(printable(hide(f"Warning: {said}")), file=sys.stderr)

    def _patience(self, timeout: float | None) -> urllib3.Timeout:
        """How long one request may take. --request-timeout is for all of them but a log that is followed."""
        asked = self.settings.timeout
        if timeout is None and asked is not None:
            return urllib3.Timeout(connect=asked or None, read=asked or None)
        return urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout or READ_SECONDS)

    def _no_connection(self, error: BaseException) -> str:
        """In kubectl's words (kubectl: pkg/cmd/util/helpers.go, StandardErrorMessage), and why that server was asked."""
        why = f" ({self.settings.why_default})" if self.settings.why_default else ""
        if isinstance(innermost(error), ConnectionRefusedError):
            host = urllib.parse.urlsplit(self.server).netloc.rpartition("@")[2]
            return f"The connection to the server {host} was refused - did you specify the right host or port?{why}"
        return f"Unable to connect to the server: {in_words(error, self.server)}{why}"

    def _log(self, line: str, level: int = 6) -> None:
        """To stderr from this level on. Bodies of answers are never logged: a Secret may be among them."""
        if self._verbosity >= level:
            print(printable(hide(line)), file=sys.stderr)


def _lines(parts: Iterable[bytes], end: float, path: str) -> Iterator[bytes]:
    """Lines out of a stream, each without its end and cut after MOST_LINE bytes. end: on the monotonic clock."""
    rest, too_long = b"", False
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            if not too_long:
                yield line[:MOST_LINE]
            too_long = False
        if too_long:
            rest = b""
        elif len(rest) > MOST_LINE:
            yield rest[:MOST_LINE]
            rest, too_long = b"", True
        if time.monotonic() > end:
            raise Unreachable(f"error: reading {path} takes too long")
    if rest:
        yield rest


def _patience(retry_after: str | None, now: float) -> float:
    """Seconds to wait before a request is repeated: what Retry-After says, up to MOST_PATIENCE."""
    return min(MOST_PATIENCE, seconds_of(retry_after, now))


def get_object(api: Api, kind: str, namespace: str, name: str) -> dict[str, Any]:
    """GET one object of a kind of `paths.RESOURCES`, and no other. namespace: "" for kinds that have none.

    Raises BadName, and Unreachable where the answer is about something else.
    """
    found = api.get(path_of(kind, namespace, name))
    metadata = found.get("metadata") or {}
    wrong = metadata.get("name") != name or (metadata.get("namespace") or namespace) != namespace
    if wrong or found.get("kind", kind) != kind:
        raise Unreachable(
            f"error: asked for {kind.lower()}/{name}, the server does not answer as a Kubernetes API server"
        )
    return found


__all__ = ["Api", "get_object"]

"""Raw JSON over the client's connection pool: its models cost a second of start-up and eightfold time on lists."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import urllib3
import urllib3.exceptions

from ..redaction import hide
from ..text import printable
from .config import Flags, Settings, settings
from .errors import ApiError, ConfigError, Unreachable, from_response
from .paths import checked

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0


class Api:
    """One API server. Methods raise ApiError for its refusals and Unreachable where it does not answer."""

    def __init__(self, flags: Flags, verbosity: int = 0) -> None:
        self.settings = settings(flags, os.environ)
        self._verbosity = verbosity
        self._read_seconds = flags.request_timeout or READ_SECONDS
        self._host, self._pool, self._auth = _connect(self.settings)
        self._streams: set[Any] = set()
        self._lock = threading.Lock()

    @property
    def namespace(self) -> str:
        """The namespace of the flags, else of the context, else default."""
        return self.settings.namespace

    @property
    def server(self) -> str:
        return self._host

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

    def delete(
        self, path: str, body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None, **query: Any
    ) -> dict[str, Any]:
        """DELETE one object; body: DeleteOptions."""
        return self._json("DELETE", path, query, body)

    def pages(self, path: str, limit: int = 500, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, read page by page; a list that expires on the way is read to its end anyway."""
        more: dict[str, Any] = {}
        while True:
            page = self.get(path, limit=limit, **query, **more)
            yield from page.get("items") or []
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            more = {"continue": token}

    def lines(self, path: str, seconds: float, **query: Any) -> Iterator[bytes]:
        """The lines of a streamed answer (a followed log) as they come, for at most `seconds` of silence."""
        response = self._send("GET", path, query, None, timeout=seconds)
        with self._lock:
            self._streams.add(response)
        try:
            if response.status >= 400:
                raise from_response(response.status, response.read())
            rest = b""
            for part in response.stream(65536, decode_content=True):
                *whole, rest = (rest + part).split(b"\n")
                for line in whole:
                    self._log(f"log: {line!r}", level=8)
                    yield line
            if rest:
                yield rest
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"error: the connection broke while reading {path}: {_plain(error)}") from None
        finally:
            with self._lock:
                self._streams.discard(response)
            with contextlib.suppress(Exception):
                response.close()

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        for attempt in range(4):
            response = self._send(method, path, query, body, content_type=content_type)
            try:
                data = response.read()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Unreachable(f"Unable to connect to the server: {_plain(error)}") from None
            finally:
                response.close()
            if response.status == 429 and attempt < 3:
                # API Priority and Fairness asks for patience with Retry-After in seconds
                time.sleep(min(5.0, float(response.headers.get("Retry-After") or 1)))
                continue
            break
        if response.status >= 400:
            raise from_response(response.status, data)
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise Unreachable(f"error: {self._host} does not answer as a Kubernetes API server")
        return document

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
        timeout: float | None = None,
        content_type: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        pairs = [(k, str(v)) for k, v in query.items() if v not in ("", None)]
        url = f"{self._host}{checked(path)}" + (f"?{urllib.parse.urlencode(pairs)}" if pairs else "")
        headers = urllib3.HTTPHeaderDict(
            {"Accept": "application/json", "User-Agent": "kubectl-imagepull", **self._auth}
        )
        for key, value in self.settings.headers:
            headers.add(key, value)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        start = time.monotonic()
        try:
            response: urllib3.BaseHTTPResponse = self._pool.request(
                method,
                url,
                body=data,
                headers=headers,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout or self._read_seconds),
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._log(f"{method} {url}  {_plain(error)}")
            raise Unreachable(f"Unable to connect to the server: {_plain(error)}") from None
        self._log(f"{method} {url} {response.status} in {(time.monotonic() - start) * 1000:.0f} milliseconds")
        return response

    def _log(self, line: str, level: int = 6) -> None:
        """To stderr from this level on. Bodies of answers are never logged: a Secret may be among them."""
        if self._verbosity >= level:
            print(printable(hide(line)), file=sys.stderr)


def _connect(chosen: Settings) -> tuple[str, Any, dict[str, str]]:
    """(server URL, connection pool, authorization header) from the Python client. Raises ConfigError."""
    from kubernetes.client import ApiClient, Configuration  # a third of a second: not for --help
    from kubernetes.config import ConfigException, load_kube_config_from_dict

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    configuration = Configuration()
    # the client logs a failing credential plugin and carries on as nobody: say it ourselves instead
    logging.disable(logging.CRITICAL)
    try:
        load_kube_config_from_dict(chosen.document, client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f'error: the kubeconfig\'s context "{chosen.context}" cannot be used: {line[:200]}') from None
    finally:
        logging.disable(logging.NOTSET)
    has_credential = bool(configuration.api_key) or bool(configuration.cert_file)
    if chosen.exec_command and not has_credential:
        raise ConfigError(_why_plugin_failed(chosen))
    if chosen.proxy_url:
        configuration.proxy = chosen.proxy_url
    try:
        client = ApiClient(configuration)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"error: the kubeconfig's certificates cannot be used: {' '.join(str(error).split())[:200]}"
        ) from None
    token = (configuration.api_key or {}).get("BearerToken") or (configuration.api_key or {}).get("authorization")
    return (
        str(configuration.host).rstrip("/"),
        client.rest_client.pool_manager,
        {"Authorization": token} if token else {},
    )


def _why_plugin_failed(chosen: Settings) -> str:
    """Run the credential plugin once more, for the message that the client swallowed."""
    command = chosen.exec_command
    try:
        ran = subprocess.run(list(command), capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        return f"error: getting credentials: exec: executable {command[0]} not found"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"error: getting credentials: exec: {type(error).__name__} from {command[0]}"
    said = " ".join(ran.stderr.split())[:200]
    return f"error: getting credentials: exec: executable {command[0]} failed with exit code {ran.returncode}: {said}"


def _plain(error: BaseException) -> str:
    """The innermost cause in its own words."""
    inner: BaseException = error
    for _ in range(6):
        below = inner.__cause__ or inner.__context__ or getattr(inner, "reason", None)
        if not isinstance(below, BaseException):
            break
        inner = below
    return " ".join(str(inner).split()) or type(inner).__name__


__all__ = ["Api", "ApiError"]

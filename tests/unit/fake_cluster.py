"""An API server that holds a few objects, for what kube/ and --apply ask for and change: no kubelet, no controller.

It keeps to what a real one does about uids, resourceVersions, preconditions, JSON patches and dry runs
(kubernetes: apiserver pkg/endpoints/handlers, pkg/registry/generic/registry/store.go).
"""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import struct
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from kubectl_imagepull.errors import from_response
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Settings
from kubectl_imagepull.kube.kubeconfig import Cluster
from kubectl_imagepull.kube.paths import checked
from kubectl_imagepull.kube.shapes import shaped

PLURALS = {
    "Namespace": ("/api/v1", "namespaces"),
    "Node": ("/api/v1", "nodes"),
    "Pod": ("/api/v1", "pods"),
    "Event": ("/api/v1", "events"),
    "Secret": ("/api/v1", "secrets"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "ControllerRevision": ("/apis/apps/v1", "controllerrevisions"),
    "Job": ("/apis/batch/v1", "jobs"),
    "CronJob": ("/apis/batch/v1", "cronjobs"),
}

Fault = int | Literal["reset", "cut", "html", "empty", "silent"]
"""What a request gets in place of its answer: a status, a connection that is reset, half of a body, a proxy's page, `{}`, or
nothing for as long as it waits."""
MOST_IDLE = 5
"""Watches after the end of a story: a test that waits for more than it tells would wait for ever."""


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    """Percent-decoded, dots resolved, as a real server's router sees it."""
    query: dict[str, str]
    body: Any
    content_type: str = ""

    @property
    def changes(self) -> bool:
        # a DELETE with a body has its options there, and those in the query count for nothing (apiserver:
        # pkg/endpoints/handlers/delete.go, DeleteResource)
        if self.method == "DELETE" and self.body:
            return self.body.get("dryRun") != ["All"]
        return self.method != "GET" and self.query.get("dryRun") != "All"


@dataclass
class FakeCluster:
    """Objects by path. before: called with each request ahead of its answer, to let a colleague come in between."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    """Path -> status that it answers with in place of the object."""
    fault: Callable[[Asked], Fault | None] = lambda asked: None
    """What goes wrong with a request, None for nothing; only over the wire (`running`)."""
    before: Callable[[Asked], None] = lambda asked: None
    made: Callable[[Asked], dict[str, Any] | None] = lambda asked: None
    """What a POST is answered with, None for 404, as where nothing is there."""
    story: list[Callable[[], list[dict[str, Any]]]] = field(default_factory=list)
    """What happens while events are watched: each watch takes the next one, which changes the objects and returns the events."""
    url: str = ""
    version: int = 100
    idle: int = 0
    news: threading.Condition = field(default_factory=threading.Condition)
    """Told of after each answer, and when nobody serves the cluster any more: what a watch waits for."""
    answered: int = 0
    """Requests."""
    served: bool = False

    def load(self, objects: Iterable[dict[str, Any]]) -> FakeCluster:
        """Store recorded objects as they are. -> the cluster."""
        for found in objects:
            base, plural = PLURALS[found["kind"]]
            metadata = found["metadata"]
            inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
            self.objects[f"{base}{inside}/{plural}/{metadata['name']}"] = copy.deepcopy(found)
        return self

    def watched(self) -> Iterator[bytes]:
        """The lines of one watch of events. Whoever goes on watching after the story is not let in any more."""
        self.idle += not self.story
        if self.idle > MOST_IDLE:
            self.refuse |= {asked.path: 403 for asked in self.asked if asked.path.endswith("/events")}
        for event in self.story.pop(0)() if self.story else ():
            yield json.dumps({"type": "ADDED", "object": event}).encode() + b"\n"

    def wait(self, before: int, seconds: float) -> None:
        """Until more than `before` requests are answered, nobody serves the cluster any more, or the time is over."""
        with self.news:
            self.news.wait_for(lambda: self.answered != before or not self.served, seconds)

    def watching(self, asked: Asked) -> Iterator[bytes]:
        """The lines of a watch."""
        return self.watched()

    def add(self, kind: str, namespace: str, name: str, **content: Any) -> dict[str, Any]:
        """Store an object. metadata= adds to name, namespace and a uid. -> the stored object."""
        base, plural = PLURALS[kind]
        inside = f"/namespaces/{namespace}" if namespace else ""
        self.version += 1
        metadata = {
            "name": name,
            **({"namespace": namespace} if namespace else {}),
            "uid": f"uid-{kind.lower()}-{name}",
            "resourceVersion": str(self.version),
            "generation": 1,
            **content.pop("metadata", {}),
        }
        version = base.removeprefix("/apis/").removeprefix("/api/")
        found = {"apiVersion": version, "kind": kind, "metadata": metadata, **content}
        self.objects[f"{base}{inside}/{plural}/{name}"] = found
        return found

    def touch(self, found: dict[str, Any], spec: bool = True) -> None:
        """Count a change of an object, as its server would."""
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        found["metadata"]["generation"] = found["metadata"].get("generation", 0) + spec

    @property
    def changed(self) -> list[Asked]:
        """The requests that ask for a change, dry runs apart."""
        return [a for a in self.asked if a.changes]

    def log(self, asked: Asked) -> Iterable[bytes] | None:
        """The lines of a container's log, a list or as they come, None for a request that asks for none."""
        return None

    def answer(self, asked: Asked) -> tuple[int, Any]:
        self.asked.append(asked)
        self.before(asked)
        if asked.path in self.refuse:
            return self.status(self.refuse[asked.path])
        if asked.method == "POST" and (made := self.made(asked)) is not None:
            return 201, made
        found = self.objects.get(asked.path)
        if found is None:
            return self._list(asked) if asked.method == "GET" else self.status(404, asked.path.split("/")[-2])
        if asked.method == "GET":
            return 200, found
        if asked.method == "DELETE":
            wanted = (asked.body or {}).get("preconditions") or {}
            for key in ("uid", "resourceVersion"):
                if key in wanted and wanted[key] != found["metadata"].get(key):
                    return self.status(409)
            if asked.changes:
                del self.objects[asked.path]
            return 200, {"kind": "Status", "status": "Success"}
        if asked.method == "PATCH":
            changed = copy.deepcopy(found)
            try:
                _patch(changed, asked.body, asked.content_type)
            except ValueError:
                return self.status(422)
            if changed != found:
                self.version += 1
                changed["metadata"]["resourceVersion"] = str(self.version)
                changed["metadata"]["generation"] = found["metadata"].get("generation", 0) + 1
            if asked.changes:
                self.objects[asked.path] = changed
            return 200, changed
        return self.status(405)

    def _list(self, asked: Asked) -> tuple[int, Any]:
        base, _, plural = asked.path.rpartition("/")
        fields = [p for p in asked.query.get("fieldSelector", "").split(",") if "=" in p]
        selector = dict(p.split("=", 1) for p in fields if "!=" not in p)
        unlike = [p.split("!=", 1) for p in fields if "!=" in p]
        labels = dict(p.split("=", 1) for p in asked.query.get("labelSelector", "").split(",") if "=" in p)
        items = []
        for path, found in self.objects.items():
            above = path.rpartition("/")[0]
            everywhere = above.rpartition("/")[2] == plural and above.startswith(f"{base}/namespaces/")
            fits = all(_at(found, k) == v for k, v in selector.items()) and all(_at(found, k) != v for k, v in unlike)
            fits = fits and all((found["metadata"].get("labels") or {}).get(k) == v for k, v in labels.items())
            if (above == asked.path or everywhere) and fits:
                items.append(found)
        known = asked.path.split("/")[-1] in {p for _, p in PLURALS.values()}
        if not known:
            return self.status(404, asked.path.split("/")[-2])
        return 200, {"kind": "List", "metadata": {"resourceVersion": str(self.version)}, "items": items}

    @staticmethod
    def status(code: int, plural: str = "") -> tuple[int, Any]:
        reason = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}.get(code, "")
        found = {"kind": "Status", "reason": reason, "message": f"{reason}: said the fake server", "code": code}
        return code, {**found, **({"details": {"kind": plural}} if plural else {})}


def _at(found: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _patch(found: Any, patch: Any, content_type: str) -> None:
    """Change in place. Raises ValueError where a JSON patch does not apply."""
    if "json-patch+json" not in content_type:
        _merge(found, patch)
        return
    for step in patch:
        *way, last = [p.replace("~1", "/").replace("~0", "~") for p in step["path"].split("/")[1:]]
        at = found
        try:
            for key in way:
                at = at[int(key)] if isinstance(at, list) else at[key]
            key = (len(at) if last == "-" else int(last)) if isinstance(at, list) else last
            if step["op"] == "test":
                if at[key] != step["value"]:
                    raise ValueError("test failed")
            elif step["op"] == "add" and isinstance(at, list):
                at.insert(key, step["value"])
            elif step["op"] in ("add", "replace"):
                if step["op"] == "replace":
                    at[key]
                at[key] = step["value"]
            else:
                raise ValueError(step["op"])
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(str(error)) from None


def _merge(found: Any, patch: Any) -> None:
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            _merge(found[key], value)
        elif isinstance(value, list) and isinstance(found.get(key), list) and key.lower().endswith("containers"):
            for entry in value:
                mine = next((c for c in found[key] if c["name"] == entry["name"]), None)
                if mine is None:
                    found[key].insert(0, entry)
                else:
                    mine.update(entry)
        else:
            found[key] = value


@contextlib.contextmanager
def running(cluster: FakeCluster) -> Iterator[FakeCluster]:
    """Serve a cluster; its url is set."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # as Go's servers: else a body waits 40 ms for the acknowledgement of its head

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            pairs = {k: v[0] for k, v in urllib.parse.parse_qs(query).items()}
            resolved = urllib.parse.urljoin("http://x/", urllib.parse.unquote(path)).removeprefix("http://x")
            content_type = self.headers.get("Content-Type") or ""
            asked = Asked(self.command, resolved, pairs, body, content_type)
            fault = cluster.fault(asked)
            if fault is not None:
                self.break_off(asked, fault)
                return
            lines = cluster.log(asked)
            if isinstance(lines, list):
                self.send(200, b"".join(line + b"\n" for line in lines), "text/plain")
                return
            if lines is not None:
                self.stream(lines)
                return
            if pairs.get("watch") and resolved not in cluster.refuse:
                self.send_response(200)
                self.send_header("Connection", "close")
                self.end_headers()
                with contextlib.suppress(OSError):  # who watches may have gone
                    for line in cluster.watching(asked):
                        self.wfile.write(line)
                        self.wfile.flush()
                self.close_connection = True
                return
            status, document = cluster.answer(asked)
            with cluster.news:
                cluster.answered += 1
                cluster.news.notify_all()
            self.send(status, json.dumps(document).encode())

        def send(self, status: int, data: bytes, form: str = "application/json", length: int = 0) -> None:
            with contextlib.suppress(OSError):  # who asked may have gone
                self.send_response(status)
                self.send_header("Content-Type", form)
                self.send_header("Content-Length", str(length or len(data)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(data)

        def stream(self, lines: Iterable[bytes]) -> None:
            """As they come; who asked may go."""
            with contextlib.suppress(OSError):
                self.send_response(200)
                self.send_header("Connection", "close")
                self.end_headers()
                for line in lines:
                    self.wfile.write(line + b"\n")
            self.close_connection = True

        def break_off(self, asked: Asked, fault: Fault) -> None:
            # a server that has answered keeps the connection: one that closed it unannounced would be a fault of its own
            self.close_connection = fault not in ("html", "empty") and not isinstance(fault, int)
            if isinstance(fault, int):
                self.send(fault, json.dumps(cluster.status(fault, asked.path.split("/")[-2])[1]).encode())
            elif fault == "html":
                self.send(200, b"<html><title>Sign in</title></html>", "text/html")
            elif fault == "empty":
                self.send(200, b"{}")
            elif fault == "cut":
                self.send(200, b'{"kind": "Pod", "metadata": {"na', length=500)
            elif fault == "silent":
                self.connection.settimeout(30)
                with contextlib.suppress(OSError):
                    self.connection.recv(1)  # ends when whoever asked gives up
            else:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        do_POST = do_DELETE = do_PATCH = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 512  # of connections that wait to be taken: a real one has room for thousands
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exc_info()[1], OSError):  # who asked may have gone
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    cluster.url, cluster.served = f"http://127.0.0.1:{server.server_port}", True
    try:
        yield cluster
    finally:
        with cluster.news:
            cluster.served = False
            cluster.news.notify_all()
        server.shutdown()
        server.server_close()
        thread.join()


class DirectApi(Api):
    """The client on a cluster without a socket between, for tests with thousands of answers."""

    def __init__(self, cluster: FakeCluster, change: Callable[[Any], Any] = lambda document: document) -> None:
        self._cluster, self._change = cluster, change
        self.settings = Settings(Cluster("https://api.example"), namespace="shop")

    @property
    def server(self) -> str:
        return self.settings.cluster.server

    def _json(
        self, method: str, path: str, query: Any, body: Any = None, content_type: str = "", accept: str = ""
    ) -> dict[str, Any]:
        pairs = {k: str(v) for k, v in query.items() if v not in ("", None)}
        status, document = self._cluster.answer(Asked(method, checked(path), pairs, body, content_type))
        if status >= 400:
            raise from_response(status, json.dumps(document).encode())
        changed = self._change(copy.deepcopy(document))
        if not isinstance(changed, dict):
            raise self._no_api_server()
        return shaped(changed)

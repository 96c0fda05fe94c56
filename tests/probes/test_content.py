"""Platform and blobs: what is behind a manifest that is there."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import trustme

from kubectl_imagepull.model import Blobs, NodeFacts
from probes import http_request
from tests.probes.site import Answer, Repository, Request, Server, error, free_port, http, page, serve
from tests.probes.test_matrix import HERE, context_of
from tests.probes.walking import SHORT, Walker, observations_of

MANIFEST, OCI_CONFIG = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"
AMD64 = NodeFacts("node-1", os="linux", arch="amd64", runtime="containerd://2.2.1")
RATE = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"}


@pytest.fixture
def good(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate that the node accepts."""
    return context_of(authority.issue_cert(HERE))


class TestPlatform:
    """The image's platforms against the node's."""

    @pytest.mark.parametrize(
        ("images", "node", "level"),
        [
            (["linux/arm64"], AMD64, "error"),
            (["linux/arm64", "linux/s390x", "unknown/unknown"], AMD64, "error"),
            (["windows/amd64"], AMD64, "error"),
            ([], AMD64, "error"),
            (["linux/amd64"], NodeFacts("n", os="linux", arch="riscv64", runtime="cri-o://1.34.0"), "error"),
        ],
        ids=["one", "several", "windows", "none", "crio"],
    )
    def test_index_without(
        self, walker: Walker, good: ssl.SSLContext, images: list[str], node: NodeFacts, level: str
    ) -> None:
        with Server(Repository(images, indexed=True), good) as server:
            walked = walker.walk(server.port, node=node)
        assert walked.named == [("image.platform_mismatch", "registry", f"{HERE}:{server.port}")], walked.log
        assert walked.verdict.cause == "image.platform_mismatch" and walked.verdict.confidence == "confirmed"
        assert [h.status for h in walked.verdict.hops if h.hop == "platform"] == ["fail"]

    @pytest.mark.parametrize(
        ("images", "node"),
        [
            (["linux/amd64"], AMD64),
            (["linux/arm64", "linux/amd64"], AMD64),
            (["linux/386"], AMD64),
            (["linux/arm/v7"], NodeFacts("n", os="linux", arch="arm64", runtime="containerd://1.7.0")),
            (["linux/arm64/v8"], NodeFacts("n", os="linux", arch="arm64", runtime="cri-o://1.34.0")),
        ],
    )
    def test_index_with(self, walker: Walker, good: ssl.SSLContext, images: list[str], node: NodeFacts) -> None:
        with Server(Repository(images, indexed=True), good) as server:
            walked = walker.walk(server.port, node=node)
        assert walked.named == []

    def test_single_image_of_another_platform_stops_no_pull(self, walker: Walker, good: ssl.SSLContext) -> None:
        with Server(Repository(["linux/s390x"]), good) as server:
            walked = walker.walk(server.port, node=AMD64)
        assert [(f.cause, f.level) for f in walked.findings] == [("image.platform_mismatch", "warning")]
        assert walked.verdict.cause == "unknown.insufficient"
        assert walked.outcome("blobs") == "ok"

    def test_counted_pulls_are_not_spent(self, walker: Walker, good: ssl.SSLContext) -> None:
        with Server(Repository(headers=RATE), good) as server:
            walked = walker.walk(server.port, node=AMD64)
            assert not [r for r in server.requests if r.method == "GET" and "/manifests/" in r.path]
        assert walked.named == [] and walked.outcome("platform") == "" and walked.outcome("rate") == "ok"

    @pytest.mark.parametrize(
        ("body", "media", "confidence"),
        [
            (b'{"schemaVersion":1}', "application/vnd.docker.distribution.manifest.v1+prettyjws", "likely"),
            (b'{"schemaVersion":2,"layers":5}', "application/vnd.oci.image.manifest.v1+json", "confirmed"),
            (b'{"config":{"digest":"sha256:../../x"},"layers":[]}', "application/json", "confirmed"),
            (b"not json", "text/plain", "confirmed"),
        ],
    )
    def test_no_image(self, walker: Walker, good: ssl.SSLContext, body: bytes, media: str, confidence: str) -> None:
        def handler(request: Request) -> bytes:
            return http(200, body, content_type=media) if "manifests" in request.path else http(200, {})

        with Server(handler, good) as server:
            walked = walker.walk(server.port)
        assert [(f.cause, f.confidence) for f in walked.findings] == [("image.format_unsupported", confidence)]

    def test_get_fails_where_head_worked(self, walker: Walker, good: ssl.SSLContext) -> None:
        repository = Repository()

        def handler(request: Request) -> Answer:
            return http(500) if request.method == "GET" and "manifests" in request.path else repository(request)

        with Server(handler, good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [("registry.server_error", "registry", f"{HERE}:{server.port}")]


def truncated(request: Request, data: bytes) -> Iterator[bytes]:
    """Half of what was announced."""
    whole = serve(request, data)
    yield whole[: len(whole) - len(data[: 128 << 10]) // 2]


def stalling(done: threading.Event) -> Callable[[Request, bytes], Iterator[bytes]]:
    """The beginning, and then silence."""

    def blob(request: Request, data: bytes) -> Iterator[bytes]:
        yield serve(request, data)[:300]
        done.wait(10)

    return blob

    @pytest.mark.parametrize(
        ("config", "layer", "what"),
        [
            (
                "application/vnd.cncf.helm.config.v1+json",
                "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                "Helm chart",
            ),
            (OCI_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json", "signature"),
            (OCI_CONFIG, "text/spdx+json", "SBOM"),
            ("application/vnd.wasm.config.v0+json", "application/wasm", "WebAssembly"),
            (OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip", ""),
            ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip", ""),
            # what nobody has heard of may be an image all the same
            ("application/vnd.example.v1+json", "application/vnd.example.layer.v1.tar", ""),
        ],
    )
    def test_an_artifact_is_named(
        self, walker: Walker, good: ssl.SSLContext, config: str, layer: str, what: str
    ) -> None:
        some = "sha256:" + "0" * 64
        body = json.dumps(
            {
                "schemaVersion": 2,
                "config": {"mediaType": config, "digest": some, "size": 2},
                "layers": [{"mediaType": layer, "digest": some, "size": 2}],
            }
        ).encode()

        def handler(request: Request) -> bytes:
            return http(200, body, content_type=MANIFEST) if "manifests" in request.path else http(200, {})

        with Server(handler, good) as server:
            walked = walker.walk(server.port)
        told = [f for f in walked.findings if f.cause == "image.format_unsupported"]
        assert bool(told) == bool(what) and all(what in f.reason and f.confidence == "confirmed" for f in told)


class TestBlobs:
    """The configuration and the first bytes of a layer, from the registry or from the host that it sends to."""

    @pytest.mark.parametrize(
        ("blob", "cause"),
        [
            (lambda r, d: error(404, "BLOB_UNKNOWN"), "image.blob_unknown"),
            (lambda r, d: http(500), "registry.server_error"),
            (lambda r, d: http(503), "registry.unavailable"),
            (lambda r, d: page(403), "auth.forbidden"),
            (lambda r, d: http(429), "rate.registry_limit"),
            (truncated, "transfer.interrupted"),
            (lambda r, d: serve(r, b"x" * len(d)), "content.corrupt"),
            (lambda r, d: http(200, b""), "transfer.interrupted"),
            (lambda r, d: http(307, b"", {"Location": r.path}), "registry.server_error"),
        ],
        ids=["404", "500", "503", "403", "429", "truncated", "corrupt", "empty", "circle"],
    )
    @pytest.mark.parametrize("at", ["registry", "blob"])
    def test_fault(
        self, walker: Walker, good: ssl.SSLContext, blob: Callable[[Request, bytes], Answer], cause: str, at: str
    ) -> None:
        repository = Repository()

        def storage(request: Request) -> Answer:
            return blob(request, repository.files[request.path.rsplit("/", 1)[1]][0])

        with Server(storage, good) as other:

            def sent(request: Request, data: bytes) -> bytes:
                return http(307, b"", {"Location": f"https://{HERE}:{other.port}{request.path}"})

            with Server(Repository(blobs=blob if at == "registry" else sent), good) as server:
                walked = walker.walk(server.port)
                port = server.port if at == "registry" else other.port
        assert walked.named == [(cause, at, f"{HERE}:{port}")], walked.log
        assert walked.verdict.cause == cause

    def test_stalled(self, walker: Walker, good: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_request, "PATIENCE", SHORT)
        done = threading.Event()
        with Server(Repository(blobs=stalling(done)), good) as server:
            walked = walker.walk(server.port)
            done.set()
        assert walked.named == [("transfer.timeout", "registry", f"{HERE}:{server.port}")]
        assert walked.outcome("blobs") == "stalled" and walked.seconds < 6 * SHORT
        assert [o.detail.looks for o in observations_of(walked.log) if isinstance(o.detail, Blobs)] == [2]

    def test_a_silence_that_passes(self, walker: Walker, good: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_request, "PATIENCE", SHORT)
        done = threading.Event()
        silent = stalling(done)
        looked: list[str] = []

        def blob(request: Request, data: bytes) -> Answer:
            looked.append(request.path)
            return silent(request, data) if looked.count(request.path) == 1 else serve(request, data)

        with Server(Repository(blobs=blob), good) as server:
            walked = walker.walk(server.port)
            done.set()
        assert walked.named == [] and walked.outcome("blobs") == "ok"

    def test_slow_is_not_stalled(self, walker: Walker, good: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
        """Bytes that come, and too few of them: a rate, and no trouble."""
        monkeypatch.setattr(http_request, "PATIENCE", SHORT)

        def blob(request: Request, data: bytes) -> Iterator[bytes]:
            whole = serve(request, data)
            yield whole[: len(whole) - len(data)]
            for at in range(200):
                yield data[at : at + 1]
                time.sleep(0.1)  # what is asked is how a server that sends this slowly is told

        with Server(Repository(blobs=blob), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [] and walked.outcome("blobs") == "trickles"
        assert [5 < o.detail.rate < 80 for o in observations_of(walked.log) if isinstance(o.detail, Blobs)] == [True]

    @pytest.mark.parametrize("fault", ["refused", "name", "authority"])
    def test_blob_host(self, walker: Walker, good: ssl.SSLContext, fault: str) -> None:
        with Server(Repository(), context_of(trustme.CA().issue_cert(HERE))) as foreign:
            host = {
                "refused": f"{HERE}:{free_port()}",
                "name": "blobs.test",
                "authority": f"{HERE}:{foreign.port}",
            }[fault]

            def sent(request: Request, data: bytes) -> bytes:
                return http(307, b"", {"Location": f"https://{host}/x"})

            walker.use_resolver(HERE, free_port()) if fault == "name" else None
            with Server(Repository(blobs=sent), good) as server:
                walked = walker.walk(server.port)
        expected = {
            "refused": ("net.refused", "blob", host),
            "name": ("dns.server_failure", "dns-server", HERE),
            "authority": ("tls.unknown_authority", "blob", host),
        }[fault]
        assert walked.named == [expected], walked.log

    def test_credentials_stay_with_the_registry(self, walker: Walker, good: ssl.SSLContext) -> None:
        repository = Repository()
        with Server(repository, good) as storage:

            def sent(request: Request, data: bytes) -> bytes:
                return http(307, b"", {"Location": f"https://{HERE}:{storage.port}{request.path}"})

            inner = Repository(blobs=sent)
            realm = f"https://{HERE}:{{}}/token"

            def handler(request: Request) -> Answer:
                if request.path.startswith("/token"):
                    return http(200, {"token": "t0ken"})
                if request.headers.get("authorization") == "Bearer t0ken":
                    return inner(request)
                challenge = f'Bearer realm="{realm.format(server.port)}",service="s"'
                return http(401, {}, {"WWW-Authenticate": challenge})

            with Server(handler, good) as server:
                walked = walker.walk(server.port)
        assert walked.named == [] and walked.case.seen(Blobs)[0].subject.role == "blob"
        assert len(storage.requests) == 2
        assert not [r for r in storage.requests if "authorization" in r.headers]
        ranges = [r.headers.get("range") for r in storage.requests]
        assert ranges == [None, "bytes=0-131071"]

    def test_a_layer_is_never_read_whole(self, walker: Walker, good: ssl.SSLContext) -> None:
        """A blob host that ignores Range and sends for ever costs no more than the range would."""

        def endless(request: Request, data: bytes) -> Answer:
            if "range" not in request.headers:
                return serve(request, data)
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
            return itertools.chain([head], itertools.repeat(b"x" * 65536))

        with Server(Repository(blobs=endless), good) as server:
            walked = walker.walk(server.port)
        assert walked.named == [] and walked.seconds < 4
        assert "131072 bytes" in walked.case.seen(Blobs)[0].summary

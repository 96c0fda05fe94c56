"""What one `why` reads from a registry, counted: the node's walk and the workstation's together."""

from __future__ import annotations

import socket
import ssl

import pytest
import trustme

from kubectl_imagepull.model import NodeFacts
from probes import dns_lookup
from probes.address import Address
from probes.place import Place
from probes.tcp_connect import dial
from tests.probes.site import Answer, Repository, Request, Server, http
from tests.probes.test_matrix import HERE, context_of
from tests.probes.walking import Walker

MOST = 300 << 10
PLATFORMS = [f"linux/{name}" for name in ("amd64", "arm64", "386", "arm/v6", "arm/v7", "ppc64le", "riscv64", "s390x")]
AMD64 = NodeFacts("node-1", os="linux", arch="amd64", runtime="containerd://2.2.1")


@pytest.fixture
def good(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate that both accept."""
    return context_of(authority.issue_cert(HERE))


def test_bytes_of_both_vantages(walker: Walker, good: ssl.SSLContext) -> None:
    repository, sent = Repository(PLATFORMS), []

    def counting(request: Request) -> Answer:
        answer = repository(request)
        assert isinstance(answer, bytes)
        sent.append(0 if request.method == "HEAD" else len(answer))
        return answer

    own = Place(
        lambda name, deadline: dns_lookup.lookup(name, None, (), deadline), walker.context, "", any_platform=True
    )
    with Server(counting, good) as server:
        for place in (None, own):
            walked = walker.walk(server.port, node=AMD64, place=place)
            assert walked.outcome("blobs") == "ok", walked.log
    assert 200 << 10 < sum(sent) <= MOST, "a part of a layer is read from each, and no more"


def test_no_request_waits_for_an_acknowledgement(good: ssl.SSLContext) -> None:
    """Nagle's algorithm would hold each request until the other side has acknowledged the handshake's end: 40 ms."""
    with Server(lambda request: http(200), good) as server, dial(Address("localhost", server.port, HERE), 5.0) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

"""Kinds of text: each with what it means, and with a text that looks like it and means something else."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from kubectl_imagepull.image.messages import Classified, classify

SHA = "sha256:" + "0a" * 32
PULL = 'Failed to pull image "r.corp/team/app:1": rpc error: code = Unknown desc = '
UNPACK = 'failed to pull and unpack image "r.corp/team/app:1": '


class Kind(NamedTuple):
    text: str
    cause: str
    host: str | None = None
    """Where the text names one; not compared where it is None."""
    role: str | None = None
    confidence: str = ""
    """sure or likely; "": not compared."""
    beside: str = ""
    """A cause that stands beside it."""
    without: str = ""
    """A cause that neither is named nor stands beside it."""


def holds(kind: Kind, found: Classified) -> None:
    assert found.cause == kind.cause, found
    if kind.host is not None:
        assert found.host == kind.host, found
    if kind.role is not None:
        assert found.role == kind.role, found
    if kind.confidence:
        assert found.confidence == kind.confidence, found
    assert not kind.beside or kind.beside in found.also, found
    assert not kind.without or kind.without not in (found.cause, *found.also), found


REFUSALS = [
    Kind(
        "initializing source docker://r.corp/team/app:1: reading manifest 1 in r.corp/team/app: authentication required",
        "auth.no_credentials",
        "r.corp",
        "registry",
        "likely",
        "auth.bad_credentials",
    ),
    Kind(
        PULL + "reading manifest 1 in r.corp/team/app: unauthorized: authentication required",
        "auth.no_credentials",
        confidence="likely",
    ),
    # moby gives up with "no basic auth credentials" before it would ask a Basic registry without a login
    Kind(
        PULL + "Error response from daemon: unauthorized: authentication required",
        "auth.bad_credentials",
        "r.corp",
        confidence="likely",
        beside="auth.no_credentials",
    ),
    # counter-examples: a text that only one of the two has, a token server's, Docker Hub's
    Kind(
        PULL + 'Error response from daemon: Head "https://r.corp/v2/team/app/manifests/1": no basic auth credentials',
        "auth.no_credentials",
        confidence="sure",
    ),
    Kind(
        PULL
        + 'Error response from daemon: Head "https://r.corp/v2/team/app/manifests/1": unauthorized: authentication '
        "required",
        "auth.no_credentials",
        confidence="likely",
    ),
    Kind(
        'Failed to pull image "team/app:1": rpc error: code = Unknown desc = Error response from daemon: unauthorized: '
        "authentication required",
        "auth.no_credentials",
        confidence="likely",
    ),
    Kind(
        PULL + "unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password",
        "auth.bad_credentials",
        confidence="sure",
    ),
    Kind(
        PULL
        + 'Error response from daemon: Head "https://gcr.io/v2/p/a/manifests/1": unauthorized: Unable to parse json '
        "key.",
        "auth.bad_credentials",
        "gcr.io",
    ),
    Kind("config.json: unable to open json key", "not_a_pull_failure"),
    Kind(
        UNPACK + 'failed to resolve reference "r.corp/team/app:1": unexpected status from HEAD request to '
        "https://r.corp/v2/team/app/manifests/1: 403 Forbidden\ndenied: Requested repository does not match bearer token "
        "resource: team/app",
        "auth.denied_or_missing",
        "r.corp",
        confidence="likely",
        beside="auth.bad_credentials",
    ),
    Kind(
        UNPACK
        + 'failed to resolve reference "r.corp/team/app:1": failed to authorize: no scope specified for token auth '
        "challenge",
        "registry.server_error",
        "r.corp",
        confidence="likely",
        beside="registry.not_a_registry",
    ),
]

MIRRORED = "initializing source docker://up.corp/team/app:1: (Mirrors also failed: "
MIRRORS = [
    # the upstream answered: its error counts
    Kind(
        MIRRORED
        + '[m.corp/team/app:1: pinging container registry m.corp: Get "https://m.corp/v2/": dial tcp 10.0.0.1:443: '
        "connect: connection refused]): up.corp/team/app:1: reading manifest 1 in up.corp/team/app: manifest unknown",
        "image.tag_unknown",
        "up.corp",
        "registry",
        "likely",
        "net.refused",
    ),
    # it has no address: the mirror was meant
    Kind(
        MIRRORED + "[m.corp/team/app:1: reading manifest 1 in m.corp/team/app: manifest unknown]): up.corp/team/app:1: "
        'pinging container registry up.corp: Get "https://up.corp/v2/": dial tcp: lookup up.corp on 10.0.0.2:53: no such '
        "host",
        "image.tag_unknown",
        "m.corp",
        "mirror",
        "likely",
        "dns.nxdomain",
    ),
    # a mirror that lacks the image sends on to an upstream that is there and refuses
    Kind(
        MIRRORED + "[m.corp/team/app:1: reading manifest 1 in m.corp/team/app: manifest unknown]): up.corp/team/app:1: "
        'pinging container registry up.corp: Get "https://up.corp/v2/": dial tcp 10.0.0.1:443: connect: connection refused',
        "net.refused",
        "up.corp",
        "registry",
        "likely",
    ),
    # several mirrors: the one that got furthest
    Kind(
        MIRRORED
        + '[a.corp/team/app:1: pinging container registry a.corp: Get "https://a.corp/v2/": dial tcp 10.0.0.1:443: '
        "connect: connection refused]\n[b.corp/team/app:1: pinging container registry b.corp: Get "
        '"https://b.corp/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority]\n'
        "[c.corp/team/app:1: reading manifest 1 in c.corp/team/app: unauthorized]): up.corp/team/app:1: pinging container "
        'registry up.corp: Get "https://up.corp/v2/": dial tcp 10.0.0.9:443: i/o timeout',
        "auth.denied_or_missing",
        "c.corp",
        "mirror",
        "likely",
        "tls.unknown_authority",
    ),
    # the upstream is blocked on purpose, and the only mirror fails: nothing else could
    Kind(
        MIRRORED
        + '[m.corp/team/app:1: pinging container registry m.corp: Get "https://m.corp/v2/": dial tcp 10.0.0.1:443: '
        "connect: connection refused]): up.corp/team/app:1: registry up.corp is blocked in /etc/containers/registries.conf "
        "or /etc/containers/registries.conf.d",
        "net.refused",
        "m.corp",
        "mirror",
        "sure",
        "policy.registry_blocked",
    ),
    # the upstream is at another place than its name says
    Kind(
        MIRRORED
        + "[m.corp/a/app:1: reading manifest 1 in m.corp/a/app: manifest unknown]): other.corp/team/app:1: reading "
        "manifest 1 in other.corp/team/app: manifest unknown",
        "image.tag_unknown",
        "other.corp",
        confidence="sure",
    ),
    # a blob: what failed first counts, not what the other places said then
    Kind(
        PULL
        + f"reading blob {SHA}: (Fallback sources also failed: [up.corp/team/app:1: pinging container registry up.corp: "
        'Get "https://up.corp/v2/": dial tcp 10.0.0.9:443: connect: connection refused]): fetching blob: blob unknown to '
        "registry",
        "image.blob_unknown",
        beside="net.refused",
        confidence="likely",
    ),
    # without mirrors nothing changes
    Kind(
        'initializing source docker://up.corp/team/app:1: pinging container registry up.corp: Get "https://up.corp/v2/": dial '
        "tcp 10.0.0.9:443: connect: connection refused",
        "net.refused",
        "up.corp",
        "registry",
        "sure",
    ),
]

BLOBS = [
    Kind(
        f"reading blob {SHA}: Error fetching blob: invalid status code from registry 404 (Not Found)",
        "image.blob_unknown",
    ),
    Kind(
        PULL + "parsing image configuration: Invalid status code returned when fetching blob 404 (Not Found)",
        "image.blob_unknown",
    ),
    Kind(
        PULL + "parsing image configuration: Invalid status code returned when fetching blob 403 (Forbidden)",
        "auth.forbidden",
    ),
    Kind(
        PULL + "parsing image configuration: Invalid status code returned when fetching blob 503 (Service Unavailable)",
        "registry.unavailable",
    ),
    Kind(
        PULL + "reading manifest 1 in r.corp/team/app: invalid status code from registry 404 (Not Found)",
        "image.tag_unknown",
        "r.corp",
    ),
    Kind(
        PULL + f'writing blob: layer 0 (blob "{SHA}"/""/"{SHA}") does not match config\'s DiffID "{SHA}"',
        "content.corrupt",
    ),
    Kind(
        UNPACK
        + f"failed to extract layer {SHA}: unpigz: skipping: <stdin>: corrupted -- crc32 mismatch: exit status 1",
        "content.corrupt",
        confidence="likely",
        beside="storage.extract_failed",
    ),
    Kind(UNPACK + f"failed to extract layer {SHA}: exec: unpigz: executable file not found", "storage.extract_failed"),
    # a path does not make a blob store of the registry's own host
    Kind(
        UNPACK
        + f'failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://r.corp/v2/team/app/blobs/{SHA}'
        '": dial tcp 10.0.0.1:443: i/o timeout',
        "net.timeout",
        "r.corp",
        "registry",
    ),
    Kind(
        UNPACK
        + f'failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://cdn.corp/v2/team/app/blobs/{SHA}'
        '?sig=1": dial tcp 10.0.0.1:443: i/o timeout',
        "net.timeout",
        "cdn.corp",
        "blob",
    ),
    # where a registry sends the runtime is no mirror: containerd would say for whom it asks one
    Kind(
        'failed to pull and unpack image "registry.k8s.io/pause:3.9": failed to resolve reference "registry.k8s.io/pause:3.9": '
        "unexpected status from HEAD request to https://europe-west4-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/manifests/"
        "3.9: 503 Service Unavailable",
        "registry.unavailable",
        "europe-west4-docker.pkg.dev",
        "registry",
    ),
    Kind(
        'failed to pull and unpack image "registry.k8s.io/pause:3.9": failed to resolve reference "registry.k8s.io/pause:3.9": '
        "unexpected status from HEAD request to https://m.corp/v2/pause/manifests/3.9?ns=registry.k8s.io: 503 Service "
        "Unavailable",
        "registry.unavailable",
        "m.corp",
        "mirror",
    ),
]

NODE = [
    Kind(
        "initializing source docker://r.corp/team/app:1: tls: failed to find any PEM data in certificate input",
        "runtime.config_invalid",
        role="node",
    ),
    Kind(
        PULL + "initializing source docker://r.corp/team/app:1: read /etc/docker/certs.d/r.corp/ca.crt: is a directory",
        "runtime.config_invalid",
        role="node",
        confidence="sure",
    ),
    Kind("cat: ca.crt: Is a directory", "not_a_pull_failure"),
    Kind(
        "initializing source docker://r.corp:5000/team/app:1: rewriting reference: invalid reference format",
        "runtime.config_invalid",
        role="node",
    ),
    Kind(
        'Failed to apply default image tag "r.corp/App:1": couldn\'t parse image name "r.corp/App:1": invalid reference '
        "format: repository name must be lowercase",
        "reference.invalid",
    ),
    Kind(
        UNPACK + f"failed to unpack image on snapshotter overlayfs: content digest {SHA}: not found",
        "storage.other",
        role="node",
        beside="content.corrupt",
    ),
    Kind(
        f"failed to create containerd container: error unpacking image: blob {SHA} expected at /var/lib/containerd/"
        f"io.containerd.content.v1.content/blobs/sha256/aa: blob not found",
        "storage.other",
        role="node",
    ),
    Kind(
        UNPACK
        + f"failed to extract layer {SHA}: failed to get reader from content store: content digest {SHA}: not found",
        "storage.other",
        role="node",
    ),
    Kind(
        "Error: failed to create containerd container: error unpacking image: failed to resolve rootfs",
        "storage.other",
        role="node",
    ),
    # the registry's words about its own content are not the node's
    Kind(
        UNPACK
        + f"failed to copy: httpReadSeeker: failed open: content at https://r.corp/v2/team/app/blobs/{SHA} not found: "
        "not found",
        "image.blob_unknown",
        "r.corp",
    ),
    Kind(
        UNPACK + f'failed commit on ref "layer-{SHA}": unexpected commit digest {SHA}, expected {SHA}',
        "content.corrupt",
    ),
]

CERTIFICATES = [
    Kind(
        UNPACK
        + 'failed to resolve image: failed to do request: Head "https://r.corp/v2/team/app/manifests/1": tls: failed to '
        f"{words}",
        "tls.handshake",
        "r.corp",
        without="tls.unknown_authority",
    )
    for words in (
        "parse certificate from server: x509: negative serial number",
        "verify certificate: x509: unhandled critical extension",
        "verify certificate: x509: certificate specifies an incompatible key usage",
    )
] + [
    Kind(
        UNPACK
        + 'failed to resolve image: failed to do request: Head "https://r.corp/v2/team/app/manifests/1": tls: failed to '
        "verify certificate: x509: certificate signed by unknown authority",
        "tls.unknown_authority",
    ),
    Kind(
        UNPACK
        + 'failed to resolve image: failed to do request: Head "https://r.corp/v2/team/app/manifests/1": remote error: '
        "tls: certificate required",
        "tls.handshake",
        "r.corp",
        beside="auth.no_credentials",
        without="transfer.interrupted",
    ),
    Kind(
        'initializing source docker://r.corp/team/app:1: pinging container registry r.corp: Get "https://r.corp/v2/": write tcp '
        "10.0.0.9:47520->10.0.0.1:443: write: connection reset by peer",
        "tls.handshake",
        "r.corp",
        confidence="likely",
        beside="net.reset",
    ),
    Kind(
        'initializing source docker://r.corp/team/app:1: pinging container registry r.corp: Get "https://r.corp/v2/": read tcp '
        "10.0.0.9:47520->10.0.0.1:443: read: connection reset by peer",
        "net.reset",
        "r.corp",
    ),
]

WAITING = [
    Kind('container "app" in pod "app-1" is waiting to start: trying and failing to pull image', "backoff.only"),
    Kind('container "app" in pod "app-1" is waiting to start: ContainerCreating', "not_a_pull_failure"),
    Kind(
        'container "app" in pod "app-1" is waiting to start: trying and failing to pull image: no basic auth credentials',
        "auth.no_credentials",
    ),
    Kind(
        "E0102 03:04:05.678901 1 kubelet_pods.go:900] Unable to retrieve pull secret prod/regcred for prod/app-1 due to secrets "
        '"regcred" not found.  The image pull may not succeed.',
        "auth.secret_missing",
    ),
    Kind(
        '"Unable to retrieve pull secret, the image pull may not succeed." pod="prod/app-1" secret="" '
        'err="secret \\"regcred\\" not found"',
        "auth.secret_missing",
    ),
    Kind(PULL.rstrip() + ' secrets "regcred" not found', "auth.secret_missing", confidence="likely"),
    Kind('Error: secret "db-password" not found', "not_a_pull_failure", beside="auth.secret_missing"),
    Kind('Error from server (NotFound): secrets "regcred" not found', "not_a_pull_failure"),
    Kind(
        'MountVolume.SetUp failed for volume "cert" : secret "tls" not found',
        "not_a_pull_failure",
        without="auth.secret_added_late",
    ),
]

ADMISSION = [
    Kind(
        'Error from server: admission webhook "mutate.kyverno.svc-fail" denied the request: resource Deployment/prod/app was '
        "blocked due to the following policies check-image: autogen-verify: failed to verify image r.corp/team/app:1: "
        ".attestors[0].entries[0].keys: no matching signatures",
        "policy.admission",
        beside="policy.signature",
    ),
    Kind(
        'admission webhook "connaisseur-svc.connaisseur.svc" denied the request: No trust data for image "r.corp/team/app:1"',
        "policy.admission",
        beside="policy.signature",
    ),
    Kind(
        'admission webhook "validate.kyverno.svc-fail" denied the request: policy disallow-latest-tag: using a mutable image tag '
        "is not allowed",
        "policy.admission",
        without="policy.signature",
    ),
]

STARTS = [
    Kind(
        f'Error: failed to start container "app": Error response from daemon: {words}',
        "not_a_pull_failure",
        without="net.reset",
    )
    for words in (
        "OCI runtime create failed: container_linux.go:380: starting container process caused: process_linux.go:545: container "
        "init caused: read init-p: connection reset by peer: unknown",
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable "
        "to start container process: error during container init: read init-p: connection reset by peer: unknown",
    )
] + [
    Kind("Error: container init: read init-p: connection reset by peer", "not_a_pull_failure", without="net.reset"),
    Kind(
        UNPACK
        + 'failed to do request: Head "https://r.corp/v2/team/app/manifests/1": read tcp 10.0.0.9:4->10.0.0.1:443: read: '
        "connection reset by peer",
        "net.reset",
        "r.corp",
    ),
]

FORMATS = [
    Kind(
        UNPACK + "failed to unpack image on snapshotter overlayfs: failed to extract layer "
        f"{SHA}: failed to get stream processor for application/vnd.oci.image.layer.v1.tar+gzip+encrypted: no processor for "
        "media-type: unknown",
        "image.format_unsupported",
    ),
    Kind(
        UNPACK + "unsupported media type application/vnd.docker.distribution.manifest.v1+prettyjws",
        "image.format_unsupported",
    ),
    Kind(
        PULL
        + "Error response from daemon: mediaType application/vnd.docker.distribution.manifest.v1+prettyjws not supported",
        "image.format_unsupported",
    ),
    Kind(PULL + "application/vnd.docker.distribution.manifest.v1+prettyjws not supported", "image.format_unsupported"),
    Kind(
        "initializing image from source docker://r.corp/team/app:1: unexpected end of JSON input",
        "image.format_unsupported",
        confidence="likely",
    ),
    Kind("Error response from daemon: unexpected end of JSON input", "image.format_unsupported", confidence="likely"),
    Kind("error: unable to load root certificates: unexpected end of JSON input", "not_a_pull_failure"),
    *(
        Kind(
            f"Error: failed to create containerd container: error unpacking image: unexpected media type {media_type} for {SHA}: "
            "not found",
            "image.format_unsupported",
            without="content.corrupt",
        )
        for media_type in (
            "application/vnd.cncf.helm.config.v1+json",
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "application/spdx+json",
            "application/vnd.wasm.content.layer.v1+wasm",
        )
    ),
    Kind(
        PULL + 'unsupported image-specific operation on artifact with type "application/vnd.cncf.helm.config.v1+json"',
        "image.format_unsupported",
    ),
    Kind(PULL + "Error response from daemon: invalid rootfs in image configuration", "image.format_unsupported"),
    Kind(
        'Error: failed to generate container "c" spec: failed to generate spec: no command specified',
        "not_a_pull_failure",
    ),
]

OWN_WORDS = [
    Kind(
        PULL
        + 'Error response from daemon: unknown: The severity of vulnerability of the image: "high" is equal or higher '
        'than the threshold in project setting: "high".',
        "auth.forbidden",
        "r.corp",
    ),
    Kind("trivy: the severity of vulnerability CVE-1 is high", "not_a_pull_failure"),
    # cut off behind the kubelet's word
    Kind(
        'Failed to pull image "r.corp/team/app:1": rpc error: code = NotFound', "image.tag_unknown", confidence="likely"
    ),
    Kind("rpc error: code = NotFound", "not_a_pull_failure"),
    Kind('Failed to pull image "r.corp/team/app:1": rpc error: code = Unknown', "unknown.insufficient"),
    Kind(
        'Failed to pull image "r.corp/team/app:1"\nError: 403 Forbidden - not enough rights', "auth.forbidden", "r.corp"
    ),
    Kind("nginx: GET /admin: 403 Forbidden", "not_a_pull_failure"),
    # where a cause is named, a status behind it is no second one
    Kind(PULL + "reading manifest 1 in r.corp/team/app: manifest unknown: 403 Forbidden", "image.tag_unknown"),
    Kind(
        'failed to pull image "r.corp/team/app:1": failed to resolve reference "r.corp/team/app:1": parse '
        '":///mirror.corp/r.corp/team/app/manifests/1?ns=r.corp": missing protocol scheme',
        "runtime.config_invalid",
        role="node",
    ),
    Kind("yaml: parse config.yaml: missing key", "not_a_pull_failure"),
    Kind(
        "Error response from daemon: image with reference r.corp/team/app:1 was found but does not provide the specified "
        "platform (linux/amd64)",
        "image.platform_mismatch",
        "r.corp",
    ),
    Kind(
        "Error response from daemon: image with reference r.corp/team/app:1 was found but does not match the specified "
        "platform: wanted linux/amd64, actual: linux/arm64",
        "image.platform_mismatch",
        "r.corp",
    ),
    Kind("image with reference r.corp/team/app:1 was found", "not_a_pull_failure"),
]

ALL = {
    "refusals": REFUSALS, "mirrors": MIRRORS, "blobs": BLOBS, "node": NODE, "certificates": CERTIFICATES, "waiting": WAITING,
    "admission": ADMISSION, "starts": STARTS, "formats": FORMATS, "own words": OWN_WORDS,
}  # fmt: skip


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=f"{name}-{i}") for name, kinds in ALL.items() for i, kind in enumerate(kinds)]
)
def test_a_kind_of_text_and_its_counter_examples(kind: Kind) -> None:
    holds(kind, classify(kind.text))


BROKEN = [
    UNPACK + 'failed to resolve reference "r.corp/team/app:1": failed to do request: Head '
    '"https://registry.long-name.corp.example:5000/v2/team/app/manifests/1": dial tcp 10.0.0.1:5000: connect: connection refused',
    PULL + "initializing source docker://registry.long-name.corp.example/team/app:1: reading manifest 1 in "
    "registry.long-name.corp.example/team/app: manifest unknown",
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_terminal_that_breaks_a_name_hides_neither_cause_nor_host(text: str) -> None:
    whole = classify(text)
    assert whole.host and whole.host.startswith("registry.long-name.corp.example")
    for width in range(60, len(text)):
        broken = "\n".join(text[i : i + width] for i in range(0, len(text), width))
        if any(line != line.strip() for line in broken.splitlines()):
            continue  # the blank at the break is lost in the terminal
        found = classify(broken)
        assert (found.cause, found.host) == (whole.cause, whole.host), broken


def test_lines_that_are_sentences_are_not_joined() -> None:
    said = (
        "unexpected status from GET request to https://r.corp/v2/team/app/manifests/1: 429 Too Many Requests\n"
        "toomanyrequests: You have reached your pull rate limit."
    )
    found = classify(said)
    assert (found.cause, found.host) == ("rate.registry_limit", "r.corp")

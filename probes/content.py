"""What an image is made of: the platforms of its index, its configuration, and the beginning of a layer."""

from __future__ import annotations

import hashlib
import platform
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple
from urllib.parse import quote

from .http_request import Reply
from .manifest import rate_data
from .observation import Observation, printable
from .timing import Stopwatch

if TYPE_CHECKING:
    from .attempt import Attempt

MANIFEST_BODY = 4 * 1048 * 1048
"""containerd reads no larger manifest (core/remotes/docker: MaxManifestSize)."""
CONFIG_BODY = 4 << 20
LAYER_BYTES = 128 << 10
"""More than fits into the first packets: a path that loses large ones shows here."""
MOST_PLATFORMS = 60
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "arm"}
SCHEMA1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)

_DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")


@dataclass(frozen=True)
class Document:
    """A manifest as it was read."""

    kind: str
    """index | manifest | schema1 | artifact | other | unread: too large to say."""
    entries: List[Dict[str, Any]]
    """The descriptors of an index, as they stand."""
    config: str = ""
    """The configuration's digest, "" where it is no image."""
    layers: int = 0
    """How many layers it names."""
    first_layer: str = ""
    """The digest of the first layer that lies in the registry, "" for none."""
    size: int = 0
    """Bytes of all layers as they are sent."""
    why: str = ""
    """What is odd about an "other", and what an "artifact" is."""


def blob_path(prefix: str, repository: str, digest: str) -> str:
    """distribution-spec, "Pulling blobs"."""
    return f"{prefix}/{quote(repository)}/blobs/{digest}"


def read_manifest(reply: Reply) -> Document:
    """What a reply to GET of a manifest holds (OCI image-spec: manifest.md, image-index.md). Never raises."""
    if reply.cut or reply.too_many:
        return Document("unread", [])  # what it is stays unknown
    media = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    document = reply.document
    if media in SCHEMA1 or (isinstance(document, dict) and document.get("schemaVersion") == 1):
        return Document("schema1", [], why="an image of the old schema 1")
    if not isinstance(document, dict):
        return Document("other", [], why=f"no JSON object but {media or 'something without a type'}")
    listed = document.get("manifests")
    if isinstance(listed, list):
        return Document("index", [d for d in listed if isinstance(d, dict)])
    config, layers = document.get("config"), document.get("layers")
    if not isinstance(config, dict) or not isinstance(layers, list) or not _digest(config):
        return Document("other", [], why=f"neither an index nor an image ({media or 'no type'})")
    what = _artifact(document, config, layers)
    if what:
        return Document("artifact", [], why=what)
    good = [d for d in layers if isinstance(d, dict) and _digest(d)]
    # a foreign layer lies elsewhere; the smallest would say least about the path
    own = [d for d in good if not d.get("urls")]
    size = sum(d["size"] for d in good if isinstance(d.get("size"), int) and 0 <= d["size"] < 1 << 50)
    return Document("manifest", [], _digest(config), len(layers), _digest(own[0]) if own else "", size)


ARTIFACTS = (
    # Helm: helm.sh/docs/topics/registries, 2026-11-28
    ("application/vnd.cncf.helm.", "a Helm chart"),
    # cosign: specs/SIGNATURE_SPEC.md, specs/SBOM_SPEC.md, specs/ATTESTATION_SPEC.md, 2026-11-28
    ("application/vnd.dev.cosign.simplesigning.", "a signature (cosign)"),
    ("application/vnd.dsse.envelope.", "an attestation"),
    ("application/vnd.in-toto", "an attestation"),
    ("application/vnd.cncf.notary.", "a signature (Notary)"),
    ("text/spdx", "an SBOM (SPDX)"),
    ("application/spdx", "an SBOM (SPDX)"),
    ("application/vnd.cyclonedx", "an SBOM (CycloneDX)"),
    # CNCF TAG Runtime: guidance on Wasm OCI artifacts, 2026-11-28
    ("application/vnd.wasm.", "a WebAssembly module"),
    ("application/wasm", "a WebAssembly module"),
    # Flux: docs/cheatsheets/oci-artifacts, 2026-11-28
    ("application/vnd.cncf.flux.", "an artifact of Flux"),
)
"""How the media types of a configuration or a layer begin, and what it then is: kept in a registry, and no image."""


def _artifact(document: Dict[str, Any], config: Dict[str, Any], layers: List[Any]) -> str:
    """What something that has the form of an image is instead, "" for an image."""
    types = [config.get("mediaType"), document.get("artifactType")]
    types += [layer.get("mediaType") for layer in layers[:20] if isinstance(layer, dict)]
    written = [media.lower() for media in types if isinstance(media, str)]
    for beginning, what in ARTIFACTS:
        if any(media.startswith(beginning) for media in written):
            return f"{what}, no image"
    return ""


def _digest(descriptor: Dict[str, Any]) -> str:
    """The digest of a descriptor where it is one: it becomes part of a path."""
    text = descriptor.get("digest")
    return text if isinstance(text, str) and _DIGEST.match(text) else ""


def platforms_of(document: Document) -> List[Dict[str, Any]]:
    """The platforms of an index as `platform_of` has them, {} for an entry without one; at most MOST_PLATFORMS."""
    found = []
    for entry in document.entries[:MOST_PLATFORMS]:
        named = entry.get("platform")
        found.append(platform_of(named) if isinstance(named, dict) else {})
    return found


def platform_of(document: Dict[str, Any]) -> Dict[str, Any]:
    """os, architecture, variant, os_version and os_features of a platform or an image configuration, as far as it has them."""
    kept: Dict[str, Any] = {
        name.replace(".", "_"): printable(document[name], 60)
        for name in ("os", "architecture", "variant", "os.version")
        if isinstance(document.get(name), str)
    }
    features = document.get("os.features")
    if isinstance(features, list):
        kept["os_features"] = [printable(f, 60) for f in features[:10] if isinstance(f, str)]
    return kept


def suitable(document: Document, any_fits: bool) -> str:
    """The digest of the entry for this machine's architecture on Linux; any_fits: else of any real entry. "" for none."""
    mine = ARCHITECTURES.get(platform.machine().lower(), platform.machine().lower())
    others = []
    for entry in document.entries:
        written = entry.get("platform")
        named: Dict[str, Any] = written if isinstance(written, dict) else {}
        if named.get("os") == "linux" and named.get("architecture") == mine and _digest(entry):
            return _digest(entry)
        if named.get("os") != "unknown" and _digest(entry):
            others.append(_digest(entry))
    return others[0] if others and any_fits else ""


def differs(digest: str, body: bytes) -> bool:
    """True where the bytes are not those of the digest."""
    name, _, wanted = digest.partition(":")
    return hashlib.new(name, body).hexdigest() != wanted


def outcome_of(reply: Reply, got: Optional[int]) -> str:
    """The word for one blob: ok, the status, or how it broke. got: bytes that came, None where no body was expected."""
    if reply.status not in (200, 206):
        return str(reply.status or reply.trouble)
    if reply.trouble == "timeout":
        return "stalled"
    if reply.trouble == "slow" and reply.body:
        return "trickles"
    return reply.trouble or ("empty" if got == 0 else "ok")


def look(one: Attempt, head: Reply, auth: Dict[str, str], via: str) -> None:
    """What the image is made of: its platforms, its configuration and the beginning of a layer.

    Nothing where the registry counts the pulls of this client: reading a manifest is one.
    """
    if rate_data(head):
        return
    digest = ""
    for _ in range(3):  # an index names images; one within another is allowed and rare
        reply = one.manifest(auth, "GET", digest, MANIFEST_BODY).reply
        if reply.status != 200 or reply.trouble:
            outcome = str(reply.trouble or reply.status)
            said = f"HEAD of the manifest is answered with 200, its GET fails: {reply.said}"
            if reply.trouble:
                said = f"the manifest breaks off after {len(reply.body)} bytes: {reply.detail or reply.trouble}"
            data = {"status": reply.status, "errors": reply.errors, "method": "GET", "digest": digest}
            one.tell("manifest", Observation(outcome, said, data, reply.ms), via)
            return
        document = read_manifest(reply)
        if document.kind != "index":
            break
        if not digest:
            platforms(one, document, reply, via)
        digest = suitable(document, one.run.place.any_platform)
        if not digest:
            return
    if document.kind != "manifest":
        platforms(one, document, reply, via, nested=True)
        return
    _blobs(one, document, auth, via, single=not digest)


def platforms(one: Attempt, document: Document, reply: Reply, via: str, nested: bool = False) -> None:
    """What a manifest says by itself: the platforms of an index, or that it is no image. Nothing of a plain image.

    nested: it stands in an index, where one more is too many. An empty index has no platform, and is an index all the same.
    """
    listed = platforms_of(document)
    words = [_platform_word(entry) for entry in listed]
    said = "an index with " + (", ".join(w for w in words[:6] if w != "unknown/unknown") or "nothing in it")
    data: Dict[str, Any] = {"platforms": listed, "entries": len(document.entries)}
    if document.kind == "index" and not nested:
        one.tell("platform", Observation("index", said, data, reply.ms), via)
    elif document.kind not in ("manifest", "unread"):
        data = {"media_type": reply.headers.get("content-type", ""), "kind": document.kind}
        one.tell("platform", Observation("no-image", document.why or "an index of indexes", data), via)


def _blobs(
    one: Attempt,
    document: Document,
    auth: Dict[str, str],
    via: str,
    single: bool,
) -> None:
    """The configuration whole and the first bytes of the first layer, as told by one blobs observation."""
    watch = Stopwatch()
    wanted: List[Tuple[str, str, Dict[str, str], int]] = [("configuration", document.config, {}, CONFIG_BODY)]
    if document.first_layer:
        wanted.append(("layer", document.first_layer, {"Range": f"bytes=0-{LAYER_BYTES - 1}"}, LAYER_BYTES))
    got: List[str] = []
    for kind, digest, headers, most in wanted:
        path = blob_path(one.endpoint.prefix, one.pull.repository, digest)
        answered = one.follow("GET", path, {**auth, **headers}, "blob", most)
        looks = 1
        if outcome_of(answered.reply, 1) == "stalled" and not one.run.deadline.over:
            # silence once may be the moment's; what stands still stands still twice
            answered, looks = one.follow("GET", path, {**auth, **headers}, "blob", most), 2
        reply, elsewhere = answered.reply, answered.elsewhere
        outcome = outcome_of(reply, len(reply.body))
        if kind == "configuration" and outcome == "ok":
            if not reply.cut and differs(digest, reply.body):
                outcome = "corrupt"
            elif single and isinstance(reply.document, dict):
                found = platform_of(reply.document)
                data = {"platforms": [found], "single": True}
                said = f"one image, for {_platform_word(found)}"
                one.tell("platform", Observation("single", said, data, reply.ms), via)
        subject = ("blob", elsewhere) if elsewhere else (one.endpoint.role, one.endpoint.label)
        if outcome != "ok":
            data = {
                "kind": kind,
                "digest": digest,
                "status": reply.status,
                "errors": reply.errors,
                "bytes": len(reply.body),
                "detail": reply.detail,
                "looks": looks,
                "rate": round(len(reply.body) / max(reply.ms / 1000, 0.001)) if outcome == "trickles" else 0,
                "layers": document.layers,
                "size": document.size,
            }
            said = f"{kind} {digest[:19]}…: {_blob_words(outcome, reply)}{' twice' if looks > 1 else ''}"
            one.tell("blobs", Observation(outcome, said, data, watch.ms), via, subject)
            return
        got.append(f"{len(reply.body)} bytes of the {kind}")
    data = {"layers": document.layers, "size": document.size}
    one.tell("blobs", Observation("ok", " and ".join(got), data, watch.ms), via, subject)


def _platform_word(platform: Dict[str, Any]) -> str:
    """os/architecture/variant of a platform."""
    if not platform:
        return "an entry without platform"
    words = [str(platform.get("os") or "unknown"), str(platform.get("architecture") or "unknown")]
    return "/".join([*words, *([str(platform["variant"])] if platform.get("variant") else [])])


def _blob_words(outcome: str, reply: Reply) -> str:
    """How a blob failed, in words."""
    got = f"after {len(reply.body)} bytes"
    return {
        "stalled": f"nothing more comes {got}",
        "slow": f"not done in time, {got}",
        "trickles": f"it comes slowly, {len(reply.body)} bytes in {reply.ms / 1000:.0f} s",
        "closed": f"the connection ends {got}",
        "reset": f"the connection is reset {got}",
        "corrupt": "the bytes are not those of the digest",
        "empty": "the answer is empty",
    }.get(outcome, reply.said)

"""What a message about a failed pull says: `classify(text)`.

Takes the texts of kubelet 1.20 to 1.37, containerd, CRI-O, Docker and cri-dockerd, of `crictl`, `ctr`,
`nerdctl` and `docker`, and what people paste of them. `wording` makes the text plain, `goerrors` finds the
layers of the error, and here a chain of layers becomes a cause. A text can hold several chains (`[a, b]`, one
an attempt; mirrors; log lines): the first that says something is the cause, the others stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from .. import lazily
from ..text import printable
from .goerrors import PRIVATE_OR_ABSENT, WHY_NONE_WERE_SENT, Layer, Rule, layers
from .wording import as_text, joined, plain, was_wrapped

MOST_SHOWN = 300
"""Characters of the decisive words, and of a host."""


@dataclass(frozen=True)
class Classified:
    """What a text says.

    cause: an id of the vocabulary; also: other causes that the text allows, likeliest first; image: as
    written in the text; host: host or host:port on which it happened, role: what that host is on the path
    (registry, mirror, token, blob, proxy, dns-server, node, pod); confidence: "sure" where the text leaves no
    choice; said: the decisive words, printable; detail: what else it names: address, resolver, status,
    secret, url, proxied (the host behind the proxy), path, certified (the one name that a certificate is for),
    platform (the node's, as os/architecture), runtime (containerd, cri-o or docker, by its words), namespace, pod,
    container.
    """

    cause: str
    also: tuple[str, ...] = ()
    image: str | None = None
    host: str | None = None
    role: str | None = None
    confidence: Literal["sure", "likely"] = "likely"
    said: str = ""
    detail: Mapping[str, str] = field(default_factory=dict, hash=False)


ANONYMOUS = frozenset({"auth.no_credentials", "auth.denied_or_missing"})
"""What the refusal of a pull without a login is taken for. The first attempt of a new pod may be one though the pod has a secret
that fits: the kubelet reads the secret only after the API server's node authorizer has heard of the pod, by a watch, and pulls
without it where it is refused (kubernetes: plugin/pkg/auth/authorizer/node; issue 128910, 2024-11-21; seen on the lab)."""


def classify(text: object) -> Classified:
    """The cause that a message names. Takes anything (None, bytes, 10 MB); never raises; time linear in the
    length."""
    return _read(as_text(text)).classified


# How much a reading is worth beside others.
_NOTHING_KNOWN, _A_PULL, _A_STATE, _ELSEWHERE, _SAYS_SOMETHING = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class _Reading:
    classified: Classified
    standing: int
    weight: int
    layers: int


_Of = Literal["", "mirror", "fallback", "artifact", "frame"]


@dataclass
class _Chain:
    """One error, as far as it has been read."""

    of: _Of = ""
    stage: str = ""
    requesting: bool = False
    with_credentials: bool = False
    url: str = ""
    asked: str = ""
    source: str = ""
    registry: str = ""
    dialled: str = ""
    address: str = ""
    looked_up: str = ""
    resolver: str = ""
    path: str = ""
    sandbox: bool = False
    by_docker: bool = False
    writing: bool = False
    proxied: _Named | None = None
    named: list[_Named] = field(default_factory=list)
    end: int = 0


@dataclass
class _Named:
    """A cause that a chain names. host: where it is not the chain's own."""

    cause: str
    also: tuple[str, ...]
    weight: int
    sure: bool
    start: int
    end: int
    chain: _Chain
    status: str
    host: str = ""


def _read(raw: str) -> _Reading:
    text = plain(raw)
    first = _Reader(text).reading()
    if "\n" in raw and (first.weight < 4 or was_wrapped(raw)):
        second = _Reader(plain(joined(raw))).reading()
        if was_wrapped(raw):
            # Read with the breaks, the same cause stands at half a host's name.
            return max(second, first, key=lambda r: (r.standing, r.weight))
        return max(first, second, key=lambda r: (r.standing, r.weight, r.layers))
    return first


class _Reader:
    """Follows the layers of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.chain = _Chain()
        self.chains = [self.chain]
        self.images: list[tuple[int, str]] = []
        self.secrets = ""
        self.pulling = False  # something says that this is about a pull
        self.backing_off = False
        self.sandbox = False
        self.runtime = ""
        self.certified = ""
        self.platform = ""
        self.heard = 0
        self.before: Layer | None = None
        self.seen = 0
        for layer in layers(text):
            kind = layer.rule.kind
            if self.chain.of in ("mirror", "fallback"):
                self.next_attempt(layer)
            if self.chain.of != "frame" or kind in ("pull", "frame", "store", "secret"):
                _KINDS[kind](self, layer)
            self.chain.end = layer.end
            self.seen += 1
            self.before = layer
        self.ends()

    # --- layers that say where we are ----------

    def new_chain(self, of: _Of = "") -> None:
        self.ends()
        self.chain = _Chain(of, sandbox=self.sandbox)
        self.chains.append(self.chain)

    def next_attempt(self, layer: Layer) -> None:
        """In `[R: error]\\n[R: error]): R: error` each bracket is an attempt at another place, R its name there; the
        last one, outside, is the registry's own (containers/image: docker.newImageSource, formatFallbackError)."""
        for found in _ATTEMPT.finditer(self.text, self.chain.end, layer.start):
            last, reference = found.group(1) == "])", found.group(2) or ""
            if self.chain.named or self.chain.asked or last:
                self.new_chain("" if last else self.chain.of)
            if reference:
                self.chain.source = reference
                self.chain.registry = _registry_of(reference)
            self.chain.end = found.end()

    def begins_anew(self) -> None:
        """A wrapper behind a cause belongs to the next error."""
        of = self.chain.of
        if of == "frame" or any(named.weight > 1 for named in self.chain.named):
            self.new_chain(of if of in ("mirror", "fallback", "artifact") else "")

    def saw_image(self, layer: Layer, rank: int) -> None:
        """rank: 0 as the pod has it, 1 as the runtime completed it, 2 from deeper within."""
        quoted = self.text[layer.start : layer.end].endswith('"')
        for group in layer.groups:
            if group:
                image = group.replace("\n", "").strip("[]").removeprefix("docker://").rstrip(":.").strip()
                if image and (quoted or _LIKE_AN_IMAGE.search(image)):
                    self.images.append((rank, image))
                return

    def on_pull(self, layer: Layer) -> None:
        self.pulling = True
        self.begins_anew()
        if layer.rule.name == "backing off":
            self.backing_off = True
        self.chain.sandbox = False
        self.saw_image(layer, 0)

    def on_sandbox(self, layer: Layer) -> None:
        self.begins_anew()
        self.sandbox = self.chain.sandbox = True

    def on_inspect(self, layer: Layer) -> None:
        self.begins_anew()
        self.saw_image(layer, 0)
        self.chain.stage = "inspect"
        self.name("storage.other", ("runtime.unavailable",), 1, False, layer)

    def on_rpc(self, layer: Layer) -> None:
        self.begins_anew()
        self.chain.by_docker = layer.rule.words == "error response from daemon"
        if self.chain.by_docker:
            self.runtime = self.runtime or "docker"

    def on_top(self, layer: Layer) -> None:
        self.pulling = True
        self.begins_anew()
        self.chain.sandbox = False
        if layer.rule.name in ("containerd", "cri-o"):
            self.runtime = self.runtime or layer.rule.name
        if any(layer.groups):
            self.saw_image(layer, 1)
            self.chain.source = next(g for g in layer.groups if g).replace("\n", "").rstrip(":")

    def on_note(self, layer: Layer) -> None:
        """Part of a chain that adds nothing to what follows it."""

    def on_artifact(self, layer: Layer) -> None:
        self.new_chain("artifact")

    def on_mirrors(self, layer: Layer) -> None:
        if self.chain.of != "artifact":
            self.new_chain("fallback" if layer.rule.name == "fallback" else "mirror")

    def on_stage(self, layer: Layer) -> None:
        name = layer.rule.name
        self.pulling = True
        if name in ("request", "resolve", "ping"):
            self.begins_anew()
        chain = self.chain
        chain.requesting = name == "request"
        group = next((g for g in layer.groups if g), "").rstrip(":")
        if name == "resolve":
            self.saw_image(layer, 2)
            chain.source = chain.source or group
        elif name == "manifest":
            where = (layer.groups[1] or "").rstrip(":")
            chain.asked = group
            chain.source = chain.source or where
            # the name by which this place was asked
            chain.registry = _registry_of(where) or chain.registry
        elif name == "ping":
            chain.registry = group
        elif name == "token" and group:
            chain.with_credentials = group.lower() == "oauth"
        if name != "request" and not (name == "copy" and chain.stage == "blob"):
            chain.stage = name
        if name == "unpack":
            self.name("storage.extract_failed", (), 2, False, layer)
        elif name == "snapshot":
            self.name("storage.other", ("storage.extract_failed",), 4, True, layer)

    def on_url(self, layer: Layer) -> None:
        self.set_url(layer.groups[0] or "")

    def set_url(self, url: str) -> None:
        url = url.rstrip(":")
        if url.startswith("http+docker"):
            return
        if self.chain.named and self.chain.url and _host_of(url) != _host_of(self.chain.url):
            self.begins_anew()
        chain = self.chain
        chain.url = url
        chain.dialled = chain.address = chain.looked_up = chain.resolver = ""
        chain.proxied = None
        path = _path_of(url)
        if _OF_A_PULL.search(path) or _role_of(url, "") == "token":
            self.pulling = True
        asked = _ASKED.search(path)
        if asked:
            chain.asked = asked.group(2)

    def on_image(self, layer: Layer) -> None:
        self.saw_image(layer, 0)

    def on_host(self, layer: Layer) -> None:
        host, status = layer.groups
        self.chain.registry = host or ""
        if status:
            self.status(layer, int(status))

    def on_reach(self, layer: Layer) -> None:
        self.chain.registry = layer.groups[0] or ""

    def on_proxy(self, layer: Layer) -> None:
        self.chain.proxied = self.name("net.proxy", (), 4, True, layer)

    def on_lookup(self, layer: Layer) -> None:
        host, resolver = layer.groups
        self.chain.looked_up = (host or "").rstrip(":")
        self.chain.resolver = resolver or ""
        if self.chain.proxied:
            self.chain.proxied.host = self.chain.looked_up

    def on_dial(self, layer: Layer) -> None:
        chain = self.chain
        chain.dialled = layer.groups[0] or ""
        chain.address = (layer.groups[1] if len(layer.groups) > 1 else None) or ""
        if chain.proxied and chain.address:
            chain.proxied.host = chain.address
        if chain.dialled == "tcp" and chain.address and not chain.address.endswith(":53"):
            chain.looked_up = chain.resolver = ""

    def on_io(self, layer: Layer) -> None:
        chain = self.chain
        chain.dialled = "unix" if layer.groups[0] == "unix" else "io"
        chain.writing = self.text.startswith(("write", "Write"), layer.start)
        if len(layer.groups) > 1 and layer.groups[1]:
            chain.address = layer.groups[1]

    def on_file(self, layer: Layer) -> None:
        path = layer.groups[0] or ""
        self.chain.path = path
        if "/certs.d/" in path:
            also = ("runtime.config_invalid", "tls.handshake", "storage.other")
            self.name("tls.unknown_authority", also, 3, False, layer)

    # --- layers that name a cause ----------

    def name(
        self, cause: str, also: tuple[str, ...], weight: int, sure: bool, layer: Layer, status: str = ""
    ) -> _Named:
        named = _Named(cause, also, weight, sure, layer.start, layer.end, self.chain, status)
        self.chain.named.append(named)
        return named

    def on_leaf(self, layer: Layer) -> None:
        rule = layer.rule
        special = _SPECIAL.get(rule.name)
        if special is not None:
            special(self, layer)
            return
        if rule.name == "image":
            if rule.cause in _STANDS_ALONE:
                self.begins_anew()
            self.saw_image(layer, 0)
        elif rule.name == "secret":
            self.secrets = layer.groups[0] or ""
        elif rule.name == "wanted":
            self.chain.registry = (layer.groups[0] or "").partition("/")[0]
        elif rule.name == "instance" and layer.groups and layer.groups[0]:
            self.saw_image(layer._replace(groups=(layer.groups[0].rstrip(":"),)), 1)
            self.chain.source = self.chain.source or layer.groups[0].rstrip(":")
        elif rule.name == "another platform":
            self.saw_image(layer, 1)
            self.platform = (layer.groups[1] if len(layer.groups) > 1 else None) or ""
        elif rule.name == "certified" and layer.groups[0] and self.text.startswith(", not ", layer.end - 6):
            self.certified = layer.groups[0]
        elif rule.name == "platform":
            architecture, *more = (group or "" for group in layer.groups) if layer.groups else ("",)
            variant, system = more if more else ("", "")
            made_for = "/".join(filter(None, (system, architecture, variant)))
            self.platform = made_for if "/" in made_for else ""
        self.name(rule.cause, rule.also, rule.weight, rule.sure, layer)

    def on_frame(self, layer: Layer) -> None:
        if self.chain.of != "frame":
            self.new_chain("frame")
        rule = layer.rule
        also = rule.also
        if rule.cause == "policy.admission" and _OF_SIGNATURES.search(self.text, layer.end, layer.end + 2000):
            also = ("policy.signature", *also)
        self.name(rule.cause, also, rule.weight, rule.sure, layer)

    def on_store(self, layer: Layer) -> None:
        """What names a cause of the node's own store, or an image that is none, also where a container is made of it."""
        if self.chain.of == "frame":
            self.new_chain()
        self.pulling = True
        self.on_leaf(layer)

    def on_secret(self, layer: Layer) -> None:
        """The API server's words on any secret: they are about a pull where a pull secret, or a pull, is spoken of."""
        name = (layer.groups[0] or "").rstrip(":")
        if any(named.cause == "auth.secret_missing" for chain in self.chains for named in chain.named):
            self.secrets = name
        elif self.pulling and self.chain.of != "frame":
            self.secrets = name
            self.name("auth.secret_missing", ("not_a_pull_failure",), 4, False, layer)
        else:
            if self.chain.of != "frame":
                self.new_chain("frame")
            self.name("not_a_pull_failure", ("auth.secret_missing",), 4, False, layer)

    def on_answered(self, layer: Layer) -> None:
        """A token server answered something else than a token."""
        if layer.groups[0]:
            self.set_url(layer.groups[0])
        self.chain.stage = "token"
        self.name("registry.server_error", ("registry.not_a_registry", "net.proxy"), 3, False, layer)

    def on_no_manifest(self, layer: Layer) -> None:
        """A manifest that is no JSON any more, or of another kind: of schema 1, or cut. Any program says so of any file."""
        if self.pulling or self.chain.by_docker:
            also = ("registry.not_a_registry", "content.corrupt", "transfer.interrupted")
            self.name("image.format_unsupported", also, 3, False, layer)

    def on_dates(self, layer: Layer) -> None:
        which = (layer.groups[1] or "").lower()
        if which == "before":
            self.name("tls.not_yet_valid", ("node.clock_skew",), 4, True, layer)
        elif which == "after":
            self.name("tls.expired", ("node.clock_skew",), 4, True, layer)
        else:
            self.name("tls.expired", ("tls.not_yet_valid", "node.clock_skew"), 4, False, layer)

    def on_net(self, layer: Layer) -> None:
        """What the operating system or net/http said about a connection; what that means, the chain
        decides."""
        chain, kind = self.chain, layer.rule.name
        if chain.dialled == "unix":
            self.name("runtime.unavailable", (), 4, True, layer)
            return
        of_dns = bool(chain.looked_up) or chain.dialled == "udp" or chain.address.endswith(":53")
        aside = next((g for g in layer.groups if g), "").lower()
        moving = chain.stage in ("copy", "blob", "content", "unpack") and not chain.requesting
        if of_dns and kind in ("timeout", "deadline", "canceled"):
            self.name("dns.timeout", (), 4, True, layer)
        elif of_dns:
            also: tuple[str, ...] = ("dns.timeout",) if kind == "eof" else ()
            if kind in ("unreachable", "reset"):
                also = ("net." + kind,)
            self.name("dns.server_failure", also, 4, True, layer)
        elif chain.stage == "inspect":
            self.name("runtime.unavailable", ("storage.other",), 3, False, layer)
        elif kind == "refused":
            self.name("net.refused", (), 4, bool(chain.dialled), layer)
        elif kind == "unreachable":
            also = ("dns.no_usable_address",) if chain.address.startswith("[") else ()
            self.name("net.unreachable", also, 4, True, layer)
        elif kind == "reset" and chain.writing and chain.stage == "ping" and chain.url.startswith("https:"):
            # The client had done its part of the handshake when the server closed: TLS 1.3 refuses a client
            # without a certificate so.
            self.name("tls.handshake", ("net.reset", "auth.no_credentials", "transfer.interrupted"), 4, False, layer)
        elif kind == "reset":
            self.name("net.reset", ("transfer.interrupted", "tls.handshake"), 4, True, layer)
        elif kind == "timeout" and chain.dialled == "io" and moving and not chain.url:
            self.name("transfer.timeout", ("net.timeout",), 4, True, layer)
        elif kind == "timeout":
            self.name("net.timeout", ("transfer.timeout",) if chain.dialled == "io" else (), 4, True, layer)
        elif kind == "eof" and chain.stage == "unpack":
            self.name("storage.extract_failed", ("transfer.interrupted", "content.corrupt"), 3, False, layer)
        elif kind == "eof":
            self.name("transfer.interrupted", ("net.reset", "tls.handshake"), 3, True, layer)
        elif "header" in aside or "connection" in aside:
            self.name("net.timeout", ("transfer.timeout", "tls.handshake"), 4, True, layer)
        elif "body" in aside:
            self.name("transfer.timeout", ("transfer.interrupted",), 4, True, layer)
        elif kind == "canceled" and moving:
            # The runtime's limit of time without progress ends a pull so.
            also = ("transfer.stalled", "transfer.interrupted", "net.timeout")
            self.name("transfer.timeout", also, 3, False, layer)
        elif kind == "canceled":
            also = ("transfer.timeout", "net.timeout", "transfer.stalled")
            self.name("transfer.interrupted", also, 3, False, layer)
        elif chain.dialled or (chain.url and not moving):
            self.name("net.timeout", ("transfer.timeout",), 3, False, layer)
        else:
            self.name("transfer.timeout", ("net.timeout", "transfer.stalled"), 3, False, layer)

    def on_tls(self, layer: Layer) -> None:
        """An alert. One that comes while bytes are moving is about the transfer: the handshake was long
        over."""
        if self.chain.stage in ("copy", "blob", "content") and not self.chain.url:
            self.name("transfer.interrupted", ("tls.handshake", "content.corrupt"), 4, False, layer)
        else:
            self.name("tls.handshake", (), 4, True, layer)

    def on_resolver(self, layer: Layer) -> None:
        nxdomain = layer.rule.name == "nxdomain"
        if self.chain.proxied:
            self.chain.proxied.also += ("dns.nxdomain" if nxdomain else "dns.server_failure",)
        elif nxdomain:
            self.name("dns.nxdomain", (), 4, True, layer)
        else:
            self.name("dns.server_failure", ("dns.timeout", "dns.nxdomain"), 4, True, layer)

    def on_answer(self, layer: Layer) -> None:
        before = self.before
        directly = before is not None and before.rule.kind == "url" and layer.start - before.end <= 4
        if directly and self.chain.url.startswith("https:"):
            word = self.text[layer.start : layer.end].split(maxsplit=1)[0].lower()
            also = {"forbidden": "auth.forbidden", "service": "registry.unavailable"}.get(word, "registry.server_error")
            self.name("net.proxy", (also,), 3, False, layer)

    def on_errno(self, layer: Layer) -> None:
        """Says why, not what: the file or the work at hand is the cause."""
        chain = self.chain
        if chain.dialled == "unix":
            self.name("runtime.unavailable", (), 4, True, layer)
        elif chain.looked_up:
            self.name("dns.server_failure", ("dns.timeout", "dns.nxdomain"), 3, False, layer)
        elif chain.dialled in ("tcp", "io"):
            self.name("net.unreachable", ("net.refused",), 3, False, layer)
        elif layer.rule.words == "is a directory" and chain.path.endswith(_FILES_OF_TLS):
            self.name("runtime.config_invalid", (), 4, True, layer)
        elif chain.path.startswith("/etc/") and "/certs.d/" not in chain.path:
            self.name("runtime.config_invalid", (), 3, False, layer)
        elif chain.stage == "unpack":
            self.name("storage.extract_failed", ("storage.other",), 3, True, layer)
        elif chain.path or chain.stage in ("snapshot", "content", "copy", "inspect"):
            self.name("storage.other", ("storage.extract_failed",), 3, True, layer)

    def on_phrase(self, layer: Layer) -> None:
        """A status that nobody introduces: it counts in a text about a pull where nothing else is said."""
        if self.pulling and not self.chain.named:
            self.status(layer, int(layer.rule.name))

    def on_status(self, layer: Layer) -> None:
        url = next((g for g in layer.groups[:-1] if g), None)
        if url:
            self.set_url(url)
        number = layer.groups[-1]
        self.pulling = True
        if layer.rule.name == "blob":
            self.chain.stage = "blob"
        if number:
            self.status(layer, int(number))

    def status(self, layer: Layer, number: int) -> None:
        """An HTTP status, by what was asked for."""
        chain = self.chain
        self.pulling = True
        at_token = chain.stage == "token" or _role_of(chain.url, "") == "token"
        cause, weight, sure = "registry.server_error", 3, False
        also: tuple[str, ...] = ()
        if number in (401, 403) and at_token and not chain.with_credentials:
            cause, also, sure = "auth.denied_or_missing", PRIVATE_OR_ABSENT, True
        elif number == 403 and at_token and _host_of(chain.url) == "ghcr.io":
            cause, also = "auth.denied_or_missing", ("auth.bad_credentials", "auth.expired", "auth.forbidden")
        elif number in (401, 403) and at_token:
            cause, also = "auth.bad_credentials", ("auth.expired", "auth.denied_or_missing", "auth.forbidden")
            sure = number == 401
        elif number == 401:
            cause, also, weight = "auth.no_credentials", _ALL_AUTH, 2
        elif number == 403:
            cause, also, weight = (
                "auth.forbidden",
                ("auth.denied_or_missing", "auth.expired", "auth.bad_credentials"),
                2,
            )
        elif number == 404:
            cause, also, weight, sure = _absent(_kind_asked(chain))
        elif number == 407:
            cause, weight, sure = "net.proxy", 4, True
        elif number in (402, 451):
            cause, weight = "auth.forbidden", 4
        elif number == 429:
            cause, weight, sure = "rate.registry_limit", 4, True
        elif number == 408:
            cause, also = "net.timeout", ("transfer.timeout",)
        elif number == 406:
            cause = "image.format_unsupported"
        elif number == 412:
            cause, also = "auth.forbidden", ("policy.signature",)
        elif number == 503:
            cause, also, weight, sure = "registry.unavailable", ("registry.server_error",), 4, True
        elif number >= 500:
            cause, also, weight, sure = "registry.server_error", ("registry.unavailable",), 4, True
        elif number == 405 or number < 400:
            cause, also = "registry.not_a_registry", ("registry.server_error",)
        self.name(cause, also, weight, sure, layer, str(number))
        if 400 <= number < 500:
            self.words(layer, layer.end)

    def on_code(self, layer: Layer) -> None:
        """An error code of the distribution spec, or a sentence known to follow one: a registry is
        speaking."""
        rule = layer.rule
        self.pulling = True
        if rule.name == "manifest unknown":
            kind = _kind_asked(self.chain)
            digest = kind == "digest" or (kind == "" and any("@sha256:" in image for _, image in self.images[:1]))
            self.name("image.digest_unknown" if digest else "image.tag_unknown", (), 3, True, layer)
        elif rule.cause:
            self.name(rule.cause, rule.also, rule.weight, rule.sure, layer)
        self.words(layer, layer.start)

    def on_manifest_for(self, layer: Layer) -> None:
        self.saw_image(layer, 1)
        ref = layer.groups[0] or ""
        self.chain.source = self.chain.source or ref
        self.name("image.digest_unknown" if "@sha256:" in ref else "image.tag_unknown", (), 4, True, layer)

    def on_repository(self, layer: Layer) -> None:
        if layer.groups[1]:
            self.name("auth.denied_or_missing", PRIVATE_OR_ABSENT, 4, True, layer)
        else:
            self.name("image.name_unknown", (), 4, True, layer)

    def on_image_not_found(self, layer: Layer) -> None:
        self.saw_image(layer, 1)
        self.name("image.tag_unknown", ("image.name_unknown",), 3, False, layer)

    def on_content_at(self, layer: Layer) -> None:
        where = (layer.groups[0] or "").rstrip(":")
        if "://" in where:
            self.set_url(where)
        kind = _kind_asked(self.chain)
        asked = _ASKED.search(where.partition("?")[0])
        if asked and not kind:
            kind = "blob" if asked.group(1) == "blobs" else "digest" if ":" in asked.group(2) else "tag"
        cause, also, _, sure = _absent(kind)
        self.name(cause, also, 4, sure, layer)

    def on_not_found(self, layer: Layer) -> None:
        """The end of many errors: it says something only where nothing else did."""
        chain = self.chain
        self.words(layer, layer.start)
        if chain.named or chain.looked_up or chain.dialled:
            return
        if chain.stage == "resolve":
            digest = "@sha256:" in chain.source
            cause = "image.digest_unknown" if digest else "image.tag_unknown"
            self.name(cause, ("image.name_unknown",), 3, False, layer)
        elif self.pulling and not chain.sandbox:
            self.name("image.tag_unknown", ("image.name_unknown", "image.platform_mismatch"), 1, False, layer)

    def words(self, layer: Layer, start: int) -> None:
        """The registry's own words: only here are phrases looked for anywhere in a sentence, and only
        once."""
        if start < self.heard:
            return
        said = self.text[start : start + 700]
        cut = _NOT_THE_REGISTRY.search(said)
        if cut:
            said = said[: cut.start()]
        self.heard = start + len(said)
        low = said.lower()
        best: tuple[int, int, _Words, re.Match[str]] | None = None
        for words in _WORDS:
            found = words.pattern.search(low)
            if found and (best is None or (words.weight, -found.start()) > (best[0], -best[1])):
                best = (words.weight, found.start(), words, found)
        if best is not None:
            _, _, words, found = best
            at = layer._replace(start=start + found.start(), end=start + found.end())
            cause, also = words.cause, words.also
            if words is _ASKED_TO_LOG_IN and self.sent_to_a_docker_registry():
                cause, also = "auth.bad_credentials", ("auth.no_credentials", *also)
            self.name(cause, also, words.weight, words.weight > 2 and words is not _ASKED_TO_LOG_IN, at)

    def sent_to_a_docker_registry(self) -> bool:
        """Whether a Docker daemon passes on a registry's own refusal of a request that held what it asks for: without a
        login it gives up before ("no basic auth credentials"), and a token server's refusal names the URL. Docker Hub
        gives a token to anybody."""
        chain = self.chain
        image = min(self.images, key=lambda i: i[0])[1] if self.images else chain.source
        return chain.by_docker and not (chain.url or chain.registry) and _registry_of(image) not in _HUB

    def ends(self) -> None:
        """A chain that goes on behind its last layer in words nobody knows still says where it broke."""
        chain = self.chain
        if chain.named or chain.of == "frame" or not _GOES_ON.match(self.text, chain.end):
            return
        here = Layer(_UNKNOWN_WORDS, chain.end, min(len(self.text), chain.end + 200), ())
        if chain.looked_up:
            self.name("dns.server_failure", ("dns.timeout", "dns.nxdomain"), 3, False, here)
        elif chain.dialled == "unix":
            self.name("runtime.unavailable", (), 3, False, here)
        elif chain.dialled == "io":
            self.name("transfer.interrupted", ("net.reset",), 2, False, here)
        elif chain.dialled and chain.address:
            self.name("net.unreachable", ("net.refused", "net.timeout"), 2, False, here)
        elif chain.stage == "content":
            self.name("storage.other", ("content.corrupt",), 2, False, here)

    # --- the outcome ----------

    def reading(self) -> _Reading:
        image = min(self.images, key=lambda i: i[0])[1] if self.images else None
        if image is None:
            bare = _AN_IMAGE_FIRST.match(self.text)
            image = bare.group(1) if bare else None
        winners = [max(c.named, key=lambda n: n.weight) for c in self.chains if c.named]
        best = self.choose(winners)
        if best is None:
            return self.without_cause(image)
        also = [*best.also, *(w.cause for w in winners if w is not best)]
        sure = best.sure and not self.one_of_several_places(best, winners)
        if self.of_something_else(best):
            elsewhere = Classified(
                "not_a_pull_failure", (best.cause,), said=printable(self.text[best.start : best.end], MOST_SHOWN)
            )
            return _Reading(elsewhere, _ELSEWHERE, 1, self.seen)
        host, role = self.place(best, winners, image)
        chain = best.chain
        detail = {
            "address": chain.address,
            "resolver": chain.resolver,
            "status": best.status,
            "url": chain.url,
            "path": chain.path,
            "proxied": _host_of(chain.url) if best.cause == "net.proxy" else "",
            "secret": self.secrets,
            "certified": self.certified,
            "platform": self.platform,
            "runtime": self.runtime,
            **_pod_in(self.text),
        }
        standing = _SAYS_SOMETHING
        if best.cause == "not_a_pull_failure":
            standing = _ELSEWHERE
        elif best.cause in ("none", "pull.in_progress"):
            standing = _A_STATE
        elif best.cause == "unknown.insufficient":
            standing = _A_PULL
        return _Reading(
            Classified(
                best.cause,
                tuple(dict.fromkeys(c for c in also if c != best.cause)),
                printable(image, 1000) if image else None,
                printable(host, MOST_SHOWN) if host else None,
                role,
                "sure" if sure else "likely",
                printable(self.text[best.start : best.end].strip(" :\n"), MOST_SHOWN),
                MappingProxyType({k: printable(v, 1000) for k, v in detail.items() if v}),
            ),
            standing,
            best.weight,
            self.seen,
        )

    def of_something_else(self, best: _Named) -> bool:
        """A network error of another program: nothing speaks of a pull, and the URL or the port is no
        registry's."""
        chain = best.chain
        if self.pulling or not best.cause.startswith(("net.", "dns.", "tls.", "transfer.", "registry.", "auth.")):
            return False
        return bool(chain.url) or chain.address.rpartition(":")[2] in _NO_REGISTRY_PORT

    @staticmethod
    def choose(winners: list[_Named]) -> _Named | None:
        """The first that says something. What an image is not (an artifact), what is not pulling, and states
        come last. Of mirrors and their upstream the upstream's error counts where it answered; else that of the place
        at which the pull got furthest: a place that is blocked on purpose was never asked. What a fallback said after
        a blob failed comes behind what failed."""
        upstream = [w for w in winners if w.chain.of == ""]
        mirrors = [w for w in winners if w.chain.of == "mirror"]
        # A mirror need not hold everything: without the image it sends the runtime on to the upstream.
        least = 1 if all(w.cause.startswith("image.") for w in mirrors) else 2
        answered = any(w.cause != "policy.registry_blocked" and _how_far(w.cause) >= least for w in upstream)
        mirrored = bool(mirrors) and not answered

        def order(named: _Named) -> tuple[bool, bool, bool, bool, bool, int]:
            return (
                named.cause in ("none", "pull.in_progress"),
                named.cause == "not_a_pull_failure",
                named.chain.of == "artifact" or named.weight < 2,
                named.chain.of == "fallback",
                named.chain.of != "mirror" if mirrored else named.chain.of == "mirror",
                -_how_far(named.cause) if named.chain.of == "mirror" else 0,
            )

        return min(winners, key=order, default=None)

    @staticmethod
    def one_of_several_places(best: _Named, winners: list[_Named]) -> bool:
        """Whether other places that could have served the image failed otherwise."""
        causes = {w.cause for w in winners if w.chain.of in ("", "mirror", "fallback")} - {"policy.registry_blocked"}
        several = any(w.chain.of in ("mirror", "fallback") for w in winners)
        return several and bool(causes - {best.cause})

    def without_cause(self, image: str | None) -> _Reading:
        shown = printable(image, 1000) if image else None
        if self.sandbox and not self.pulling:
            return _Reading(Classified("not_a_pull_failure", said="pod sandbox"), _ELSEWHERE, 1, self.seen)
        if not self.pulling:
            return _Reading(Classified("not_a_pull_failure"), _NOTHING_KNOWN, 0, self.seen)
        # An attempt's own words that break off are more than a back-off.
        broken_off = any(c.stage or c.url or c.source for c in self.chains)
        if self.backing_off and not broken_off:
            return _Reading(
                Classified(
                    "backoff.only",
                    (),
                    shown,
                    confidence="sure",
                    said="back-off",
                    detail=MappingProxyType(_pod_in(self.text)),
                ),
                _A_PULL,
                1,
                self.seen,
            )
        nothing = _Named("unknown.insufficient", (), 0, False, 0, 0, self.chain, "")
        host, role = self.place(nothing, [], image)
        return _Reading(
            Classified("unknown.insufficient", (), shown, host and printable(host, MOST_SHOWN), role),
            _A_PULL,
            1,
            self.seen,
        )

    def place(self, best: _Named, winners: list[_Named], image: str | None) -> tuple[str | None, str | None]:
        """On which host it happened, and what that host is on the path."""
        cause, chain = best.cause, best.chain
        of_image = _registry_of(image or chain.source)
        if cause.startswith(_ON_NODE):
            return None, "node"
        if cause.startswith("reference."):
            return None, "pod"
        if cause in ("none", "not_a_pull_failure", "pull.in_progress", "backoff.only", "policy.admission"):
            return None, None
        if cause.startswith("auth.secret_"):
            return of_image or None, "pod"
        if not (chain.url or chain.registry):
            # Another attempt with the same outcome may name the host.
            chain = next((w.chain for w in winners if w.cause == cause and w.chain.url), chain)
        if cause == "net.proxy":
            return best.host or _host_of(chain.url) or of_image or None, "proxy"
        host = _host_of(chain.url)
        if chain.looked_up and cause.startswith("dns.") and host.rpartition(":")[0] != chain.looked_up:
            host = chain.looked_up
        host = host or chain.registry or of_image
        if not host:
            return None, None
        if cause in ("dns.timeout", "dns.server_failure"):
            return host, "dns-server"
        if chain.stage == "token":
            return host, "token"
        if chain.url:
            role = _role_of(chain.url, of_image)
            if role == "mirror" and self.runtime == "containerd" and "ns=" not in chain.url:
                # containerd says for whom it asks a mirror: another host without that is where the registry sent it.
                role = "registry"
            elsewhere = not _same_registry(host, of_image) if of_image else False
            return host, "blob" if role == "registry" and chain.stage in ("blob", "content") and elsewhere else role
        if chain.of == "mirror" or (chain.registry and of_image and not _same_registry(chain.registry, of_image)):
            return host, "blob" if chain.stage in ("blob", "copy") and chain.of != "mirror" else "mirror"
        return host, "blob" if cause == "content.corrupt" else "registry"


_KINDS: dict[str, Callable[[_Reader, Layer], None]] = {
    kind: getattr(_Reader, "on_" + kind)
    for kind in sorted({name.removeprefix("on_") for name in vars(_Reader) if name.startswith("on_")})
}
_SPECIAL: dict[str, Callable[[_Reader, Layer], None]] = {
    "dates": _Reader.on_dates,
    "manifest for": _Reader.on_manifest_for,
    "repository": _Reader.on_repository,
    "image not found": _Reader.on_image_not_found,
    "content at": _Reader.on_content_at,
    "not found": _Reader.on_not_found,
    "no manifest": _Reader.on_no_manifest,
}
_STANDS_ALONE = frozenset({"none", "pull.in_progress", "image.never_pull_absent", "reference.invalid"})
# A bracket of a list of attempts, and the name that was asked there.
_ATTEMPT = lazily.pattern(r"(\]\)|[\[\]])[:\s]{0,3}\[?(?:([^\s\[\]\"',]{1,500}[/:@][^\s\[\]\"',]{1,500}): )?")
_OF_SIGNATURES = lazily.pattern(
    r"signature|signed|cosign|sigstore|attestation|notary|trust data|verif(?:y|ied|ication)[^\n]{0,40} image|image verification",
    re.IGNORECASE,
)
_FILES_OF_TLS = (".crt", ".cert", ".pem", ".key", ".cer")
_UNKNOWN_WORDS = Rule("unknown", "…")
# A text that begins with a reference: buildkit and ctr put it before their errors.
_AN_IMAGE_FIRST = lazily.pattern(
    r"""[\s"'(]{0,9}([\w.-]{1,253}(?::\d{1,5})?(?:/[\w.-]{1,128}){1,9}"""
    r"""(?::[\w.-]{1,128}|@sha256:[0-9a-f]{64}))["']?: """
)
# The keys of the kubelet's log lines, and what `kubectl logs` says of a container that waits.
_POD = lazily.pattern(
    r"""\bpods?="(?P<namespace>[a-z0-9-]{1,63})/(?P<pod>[a-z0-9.-]{1,253})"|"""
    r"""\bcontainer "(?P<waiting>[a-z0-9-]{1,63})" in pod "(?P<of>[a-z0-9.-]{1,253})"|"""
    r"""\bpull secret \S{1,300} for (?P<to>[a-z0-9-]{1,63})/(?P<its>[a-z0-9.-]{1,253}) """
)
_LIKE_AN_IMAGE = lazily.pattern(r"[/:@]")
# ": " and a word, and not the dots of a text that was cut.
_GOES_ON = lazily.pattern(r"[\"')\]]{0,3}: ?[a-zA-Z(]")
_ON_NODE = (
    "runtime.",
    "storage.",
    "rate.kubelet_qps",
    "auth.credential_provider",
    "image.never_pull_absent",
    "node.",
)
_ALL_AUTH = (
    "auth.bad_credentials",
    "auth.expired",
    "auth.denied_or_missing",
    "auth.secret_missing",
    "auth.secret_wrong_registry",
    "auth.secret_ignored",
    "auth.secret_empty",
    "auth.secret_added_late",
    "auth.credential_provider",
    "auth.forbidden",
)

# Where another program's words begin again.
_NOT_THE_REGISTRY = lazily.pattern(
    r", rpc error|; artifact err|\n ?\* |\berror response from daemon"
    r"|\n(?:denied|unauthorized|manifest unknown|name unknown|blob unknown|toomanyrequests|unknown): ",
    re.IGNORECASE,
)


class _Words(NamedTuple):
    """Phrases in a registry's own words and what they mean."""

    cause: str
    also: tuple[str, ...]
    weight: int
    pattern: re.Pattern[str]


def _words(cause: str, weight: int, *patterns: str, also: tuple[str, ...] = ()) -> _Words:
    return _Words(cause, also, weight, lazily.pattern("|".join(patterns)))


_ASKED_TO_LOG_IN = _words("auth.no_credentials", 3, r"authentication (?:is )?required", also=_ALL_AUTH)
"""Said to who sends nothing and to who sends the wrong thing."""

_WORDS = (
    _words(
        "auth.expired",
        5,
        r"token (?:has |is |had )?expired",
        r"credentials? (?:has |have |is |are )?expired",
        r"expired[ _]?token",
        r"password (?:has |is )?expired",
        r"session (?:has |is )?expired",
    ),
    _words(
        "node.clock_skew",
        5,
        r"used before issued",
        r"requesttimetooskewed",
        r"signature not yet current",
        r"token is not (?:yet valid|valid yet)",
    ),
    _words(
        "rate.registry_limit",
        5,
        r"pull rate limit",
        r"rate limit(?:ed)?\b",
        r"rate exceeded",
        r"too many requests",
        r"toomanyrequests",
        r"data limit exceeded",
        r"too many failed login attempts",
    ),
    _words(
        "auth.bad_credentials",
        5,
        r"(?:incorrect|invalid|wrong|bad) (?:username|user name|user|login|email)(?: or |/| and )password",
        r"username or password (?:is |was )?incorrect",
        r"(?:wrong|invalid|bad)[ _](?:credentials?|password)",
        r"http basic: access denied",
        r"authentication failed",
        r"personal access token",
        r"(?:cannot|could not) be authenticated",
        r"could not find (?:robot|user)",
        r"invalid client(?:id| id)? ?(?:or client)? secret",
        r"invalid (?:access |bearer |auth )?token\b",
        r"aadsts7000215",
        r"parse json key",
        r"login failed",
        also=("auth.expired", "auth.denied_or_missing"),
    ),
    _words(
        "auth.no_credentials",
        5,
        r"anonymous (?:users?|access|pulls?|requests?)",
        r"unauthenticated requests?\b",
        r"no valid credential was supplied",
        r"please log ?in",
        also=WHY_NONE_WERE_SENT,
    ),
    _words(
        "auth.forbidden",
        5,
        r"permission [\"']",
        r"permission \S{1,100} denied on",
        r"permission_denied",
        r"is not authorized to perform",
        r"not allowed access",
        r"does not match expected scopes",
        r"resource not accessible",
        r"\bbilling\b",
        r"past due",
        r"quota has been exceeded",
        r"quota (?:is )?exceeded",
        r"exceeded (?:the |your )?quota",
        r"accountproblem",
        r"email must be verified",
        r"/acr/firewall",
        r"ip address",
        r"block access from your country",
        r"(?:account|user|project) (?:is |has been )?(?:disabled|suspended|blocked|locked)",
        r"subscription",
        r"token exchange failed",
        r"due to configured policy",
        r"severity of vulnerabilit",
        r"vulnerabilit(?:y|ies)[^\n]{0,120} threshold",
        r"blocking policy",
        r"explicit deny",
        r"access ?denied ?exception",
        also=("auth.denied_or_missing",),
    ),
    _words(
        "image.name_unknown",
        4,
        r"repository (?:with name )?\S{0,300} (?:is )?not found",
        r"repository with name",
        r"repository name not known",
        r"repository does not exist",
        r"project \S{0,300} ?(?:is )?not found",
        r"project .{0,40} does not exist",
    ),
    _words(
        "image.tag_unknown",
        4,
        r"artifact \S{0,300} (?:is )?not found",
        r"tag \S{0,200} ?(?:was deleted|has expired|not found|is not found)",
        r"manifest tagged by",
        r"requested image not found",
        also=("image.name_unknown",),
    ),
    _words("image.format_unsupported", 5, r"accept header does not support"),
    _words(
        "tls.http_on_https",
        5,
        r"http request to an https server",
        r"plain http request was sent to https port",
    ),
    _ASKED_TO_LOG_IN,
    _words(
        "auth.denied_or_missing",
        4,
        r"requested access to the resource is denied",
        r"access to the requested resource is not authorized",
        r"unauthorized to access repository",
        r"does not have permission (?:for manifest|to access)",
        r"verify that it exists",
        r"access forbidden",
        also=PRIVATE_OR_ABSENT,
    ),
)

_URL = lazily.pattern(
    r"https?://(?:[^/?#\s@]{0,255}@)?([^/?#\s]{0,300})([^?#\s]{0,2000})(?:\?([^#\s]{0,4000}))?", re.IGNORECASE
)
# The paths of registries, and of the stores that they send a client to for a blob.
_OF_A_PULL = lazily.pattern(r"^/v[012](?:/|$)|/registry/v2/|/blobs/|sha256|/artifacts-downloads/|^/?$", re.IGNORECASE)
# Databases, queues, the API server, kubelets: a connection to these is never a pull.
_NO_REGISTRY_PORT = frozenset(
    ["1433", "1521", "2379", "2380", "3306", "5432", "5672", "6379", "6443", "9042", "9092", "9200", "10250"]
)
_REGISTRY_PATH = lazily.pattern(r"/v[012](?:/|$)")
_ASKED = lazily.pattern(r"/(manifests|blobs|tags)/([^/]{1,300})$")
_TOKEN_PATH = lazily.pattern(
    r"/(?:token|jwt/auth|v2/auth|oauth2/(?:token|exchange)|service/token|auth)/?$|/oauth/token|/auth/realms/"
)
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


def _pod_in(text: str) -> dict[str, str]:
    """The pod of which a text speaks: namespace, pod and container, as far as it names them."""
    # few texts do, and the search takes a tenth of the time of the reading
    found = _POD.search(text) if "pod" in text or "pull secret" in text else None
    if found is None:
        return {}
    named = {
        "namespace": found["namespace"] or found["to"],
        "pod": found["pod"] or found["of"] or found["its"],
        "container": found["waiting"],
    }
    return {key: value for key, value in named.items() if value}


def _host_of(url: str) -> str:
    found = _URL.match(url)
    return found.group(1).rstrip(":") if found else ""


def _path_of(url: str) -> str:
    found = _URL.match(url)
    return found.group(2).rstrip(":") if found else ""


def _registry_of(image: str) -> str:
    """The host in an image as a pull would use it, with a leniency for images that do not parse."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost") and not any(c in first for c in " @<{"):
        return "docker.io" if first == "index.docker.io" else first
    return "" if any(c in image for c in " <>{}*") or image.strip(".") == "" else "docker.io"


_HOW_FAR = {"policy.registry_blocked": 0, "dns": 0, "net": 1, "transfer": 1, "tls": 2}


def _how_far(cause: str) -> int:
    """How far an attempt came that ended so: 0 the name, 1 the connection, 2 TLS, 3 the registry answered."""
    return _HOW_FAR.get(cause, _HOW_FAR.get(cause.partition(".")[0], 3))


def _same_registry(one: str, other: str) -> bool:
    return one == other or (one in _HUB and other in _HUB)


def _role_of(url: str, registry: str) -> str:
    """What a URL's host is on the path of a pull, by the API path and, for a mirror, containerd's ns
    parameter."""
    found = _URL.match(url)
    if found is None:
        return "registry"
    host, path, query = found.group(1).rstrip(":"), found.group(2).rstrip(":"), found.group(3) or ""
    if _TOKEN_PATH.search(path) or ("scope=" in query and "service=" in query):
        return "token"
    if query.startswith("ns=") or "&ns=" in query:
        return "mirror"
    if _REGISTRY_PATH.match(path):
        own = not registry or _same_registry(host, registry)
        if "/blobs/" in path and not own:
            return "blob"
        return "registry" if own else "mirror"
    return "blob" if path.strip("/") else "registry"


def _kind_asked(chain: _Chain) -> str:
    """What was asked for: tag, digest, blob, ping, or "" where the text does not say."""
    path = _path_of(chain.url)
    if chain.stage == "ping":
        return "ping"
    if "/blobs/" in path or (chain.stage == "blob" and not path):
        return "blob"
    if chain.asked:
        return "digest" if ":" in chain.asked else "tag"
    if path in ("/v2/", "/v2", "/v1/_ping"):
        return "ping"
    if "@sha256:" in chain.source:
        return "digest"
    return ""


def _absent(kind: str) -> tuple[str, tuple[str, ...], int, bool]:
    """Cause, causes beside it, weight and sureness of a 404."""
    if kind == "blob":
        return "image.blob_unknown", ("content.corrupt",), 3, True
    if kind == "digest":
        return "image.digest_unknown", ("image.name_unknown", "image.platform_mismatch"), 3, False
    if kind == "ping":
        return "registry.not_a_registry", ("image.name_unknown",), 3, False
    return "image.tag_unknown", ("image.name_unknown",), 3, False

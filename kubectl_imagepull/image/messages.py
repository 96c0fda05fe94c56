"""What a message about a failed pull says: `classify(text)`.

Takes the texts of kubelet 1.20 to 1.37, containerd, CRI-O, Docker and cri-dockerd, of `crictl`, `ctr`, `nerdctl` and `docker`, and
what people paste of them. `wording` makes the text plain, `goerrors` finds the layers of the error, and here a chain of layers becomes
a cause. A text can hold several chains (`[a, b]`, one an attempt; mirrors; log lines): the first that says something is the cause, the
others stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from .goerrors import PRIVATE_OR_ABSENT, WHY_NONE_WERE_SENT, Layer, layers
from .wording import as_text, joined, plain, printable

@dataclass(frozen=True)
class Classified:
    """What a text says.

    cause: an id of the vocabulary; also: other causes that the text allows, likeliest first; image: as written in the text;
    host: host or host:port on which it happened, role: what that host is on the path (registry, mirror, token, blob, proxy,
    dns-server, node, pod); confidence: "sure" where the text leaves no choice; said: the decisive words, printable;
    detail: what else it names: address, resolver, status, secret, url, proxied (the host behind the proxy), path.
    """

    cause: str
    also: tuple[str, ...] = ()
    image: str | None = None
    host: str | None = None
    role: str | None = None
    confidence: Literal["sure", "likely"] = "likely"
    said: str = ""
    detail: Mapping[str, str] = field(default_factory=dict, hash=False)


def classify(text: object) -> Classified:
    """The cause that a message names. Takes anything (None, bytes, 10 MB); never raises; time linear in the length."""
    return _read(as_text(text)).classified


def classify_all(texts: Iterable[object]) -> Classified:
    """The cause that several messages about one container name together, oldest first: waiting messages and events.

    A later message that says something outdoes an earlier one; events without a cause in them (back-off, `Error: ErrImagePull`)
    never do. A pull secret that could not be retrieved explains a refusal, and nothing else.
    """
    readings = [_read(as_text(text)) for text in texts]
    best = max(enumerate(readings), key=lambda r: (r[1].standing, r[0]), default=(0, _read("")))[1]
    secret = next((r.classified for r in readings if r.classified.cause == "auth.secret_missing"), None)
    others = [r.classified.cause for r in reversed(readings) if r.standing >= _SAYS_SOMETHING]
    found = best.classified
    if secret is not None and found.cause in _REFUSALS:
        return _with(found, cause="auth.secret_missing", also=(found.cause, *found.also), detail={**found.detail, **secret.detail})
    if secret is not None and found.cause == "auth.secret_missing":
        refused = next((r.classified for r in reversed(readings) if r.classified.cause in _REFUSALS), None)
        if refused is not None:
            return _with(refused, cause=found.cause, also=(refused.cause, *refused.also), detail={**refused.detail, **found.detail})
    return _with(found, also=(*others, *found.also))


_REFUSALS = frozenset({"auth.no_credentials", "auth.denied_or_missing"})


def _with(
    found: Classified,
    cause: str | None = None,
    also: tuple[str, ...] = (),
    detail: Mapping[str, str] | None = None,
) -> Classified:
    cause = cause or found.cause
    kept = tuple(dict.fromkeys(c for c in also if c != cause))
    return Classified(
        cause,
        kept,
        found.image,
        found.host,
        found.role,
        found.confidence if cause == found.cause else "likely",
        found.said,
        MappingProxyType(dict(detail)) if detail is not None else found.detail,
    )


# How much a reading is worth beside others.
_NOTHING_KNOWN, _A_PULL, _A_STATE, _ELSEWHERE, _SAYS_SOMETHING = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class _Reading:
    classified: Classified
    standing: int
    weight: int


@dataclass
class _Chain:
    """One error, as far as it has been read."""

    of: Literal["", "mirror", "artifact", "frame"] = ""
    stage: str = ""
    with_credentials: bool = False
    url: str = ""
    asked: str = ""
    source: str = ""
    registry: str = ""
    dialled: str = ""
    address: str = ""
    looked_up: str = ""
    resolver: str = ""
    proxy: bool = False
    path: str = ""
    sandbox: bool = False
    named: list[_Named] = field(default_factory=list)


@dataclass
class _Named:
    """A cause that a chain names."""

    cause: str
    also: tuple[str, ...]
    weight: int
    sure: bool
    start: int
    end: int
    chain: _Chain
    host: str
    role: str
    status: str = ""
    detail: dict[str, str] = field(default_factory=dict)


def _read(raw: str) -> _Reading:
    text = plain(raw)
    first = _Reader(text).reading()
    if "\n" in text and first.weight < 4:
        second = _Reader(joined(text)).reading()
        if (second.standing, second.weight) > (first.standing, first.weight):
            return second
    return first


class _Reader:
    """Follows the layers of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.chain = _Chain()
        self.chains = [self.chain]
        self.images: list[tuple[int, str]] = []
        self.pulling = False  # something says that this is about a pull
        self.backing_off = False
        self.reason_only = False
        self.sandbox = False
        self.before: Layer | None = None
        for layer in layers(text):
            if self.chain.of != "frame" or layer.rule.kind in ("kubelet", "frame", "reference"):
                _KINDS[layer.rule.kind](self, layer)
            self.before = layer

    # --- layers that say where we are ---------------------------------------------------------------------------------

    def new_chain(self, of: Literal["", "mirror", "artifact", "frame"] = "") -> None:
        if self.chain.named or self.chain.of or of or self.chain.url:
            self.chain = _Chain(of, sandbox=self.sandbox)
            self.chains.append(self.chain)

    def begins_anew(self) -> None:
        """A wrapper behind a cause belongs to the next error."""
        if self.chain.named:
            of = self.chain.of
            self.new_chain(of if of in ("mirror", "artifact") else "")

    def saw_image(self, layer: Layer, rank: int) -> None:
        for group in layer.groups:
            if group:
                image = group.replace("\n", "").removeprefix("docker://").rstrip(":").strip()
                if image:
                    self.images.append((rank, image))
                return

    def on_kubelet(self, layer: Layer) -> None:
        self.pulling = True
        if self.chain.of == "frame":
            self.new_chain()
        self.begins_anew()
        if layer.rule.name == "backoff":
            self.backing_off = True
        elif layer.rule.name == "reason":
            self.reason_only = True
        else:
            self.reason_only = True
        self.chain.sandbox = False
        self.saw_image(layer, 0)

    def on_sandbox(self, layer: Layer) -> None:
        self.begins_anew()
        self.sandbox = self.chain.sandbox = True

    def on_inspect(self, layer: Layer) -> None:
        self.begins_anew()
        self.chain.stage = "inspect"
        self.saw_image(layer, 0)
        self.name("storage.other", ("runtime.unavailable",), 1, False, layer)

    def on_reference(self, layer: Layer) -> None:
        if self.chain.of == "frame":
            self.new_chain()
        self.saw_image(layer, 0)
        self.name("reference.invalid", (), 4, True, layer)

    def on_rpc(self, layer: Layer) -> None:
        self.begins_anew()

    def on_top(self, layer: Layer) -> None:
        self.pulling = True
        self.begins_anew()
        self.chain.sandbox = False
        if layer.groups and any(layer.groups):
            self.saw_image(layer, 1)
            group = next(g for g in layer.groups if g)
            self.chain.source = group.replace("\n", "").rstrip(":")

    def on_artifact(self, layer: Layer) -> None:
        self.new_chain("artifact")

    def on_mirrors(self, layer: Layer) -> None:
        self.new_chain("mirror")

    def on_stage(self, layer: Layer) -> None:
        name = layer.rule.name
        self.pulling = True
        chain = self.chain
        if name in ("request", "resolve", "ping"):
            self.begins_anew()
            chain = self.chain
        if name == "resolve":
            self.saw_image(layer, 2)
            chain.source = chain.source or next((g for g in layer.groups if g), "")
        elif name == "manifest":
            tag, repository = layer.groups
            chain.asked = (tag or "").rstrip(":")
            chain.source = chain.source or (repository or "").rstrip(":")
        elif name == "ping":
            chain.registry = (layer.groups[0] or "").rstrip(":") if layer.groups else ""
        elif name == "token":
            if layer.groups and layer.groups[0]:
                chain.with_credentials = layer.groups[0].lower() == "oauth"
        if name != "request" and not (name == "copy" and chain.stage == "blob"):
            chain.stage = name
        if name == "unpack":
            self.name("storage.extract_failed", (), 2, False, layer)
        elif name == "snapshot":
            self.name("storage.other", ("storage.extract_failed",), 3, True, layer)

    def on_url(self, layer: Layer) -> None:
        url = (layer.groups[0] or "").rstrip(":")
        self.set_url(url)

    def set_url(self, url: str) -> None:
        if url.startswith("http+docker"):
            return
        if self.chain.named and self.chain.url and _host_of(url) != _host_of(self.chain.url):
            self.begins_anew()
        chain = self.chain
        chain.url = url
        chain.dialled = chain.address = chain.looked_up = chain.resolver = ""
        chain.proxy = False
        path = _path_of(url)
        if _REGISTRY_PATH.match(path):
            self.pulling = True
        asked = _ASKED.search(path)
        if asked:
            chain.asked = asked.group(2)

    def on_host(self, layer: Layer) -> None:
        self.pulling = True
        host, status = layer.groups
        self.chain.registry = host or ""
        if status:
            self.status(layer, int(status))

    def on_proxy(self, layer: Layer) -> None:
        self.chain.proxy = True
        self.name("net.proxy", (), 4, True, layer)

    def on_lookup(self, layer: Layer) -> None:
        host, resolver = layer.groups
        self.chain.looked_up = (host or "").rstrip(":")
        self.chain.resolver = resolver or ""
        if self.chain.proxy:
            self.chain.named[-1].host = self.chain.looked_up

    def on_dial(self, layer: Layer) -> None:
        net = layer.groups[0] or ""
        address = layer.groups[1] if len(layer.groups) > 1 else None
        chain = self.chain
        if chain.proxy and address and chain.named:
            chain.named[-1].host = address
        if net == "tcp" and address and not address.endswith(":53"):
            chain.looked_up = chain.resolver = ""
        chain.dialled = net
        chain.address = address or ""

    def on_io(self, layer: Layer) -> None:
        groups = [g for g in layer.groups if g]
        chain = self.chain
        if groups and groups[0] == "unix":
            chain.dialled = "unix"
        else:
            chain.dialled = "io"
            if len(groups) > 1:
                chain.address = groups[-1]

    def on_file(self, layer: Layer) -> None:
        path = layer.groups[0] or ""
        self.chain.path = path
        if "/certs.d/" in path:
            self.name("tls.unknown_authority", ("runtime.config_invalid", "tls.handshake", "storage.other"), 4, False, layer)

    # --- layers that name a cause -------------------------------------------------------------------------------------

    def name(self, cause: str, also: tuple[str, ...], weight: int, sure: bool, layer: Layer, status: str = "") -> None:
        chain = self.chain
        chain.named.append(_Named(cause, also, weight, sure, layer.start, layer.end, chain, "", "", status))

    def on_leaf(self, layer: Layer) -> None:
        rule = layer.rule
        special = _SPECIAL.get(rule.name)
        if special is not None:
            special(self, layer)
            return
        if rule.name == "image":
            self.saw_image(layer, 0)
        self.name(rule.cause, rule.also, rule.weight, rule.sure, layer)

    def on_frame(self, layer: Layer) -> None:
        self.new_chain("frame")
        rule = layer.rule
        self.name(rule.cause, rule.also, rule.weight, rule.sure, layer)

    def on_dates(self, layer: Layer) -> None:
        which = (layer.groups[1] or "").lower() if layer.groups else ""
        if which == "before":
            self.name("tls.not_yet_valid", ("node.clock_skew",), 4, True, layer)
        elif which == "after":
            self.name("tls.expired", ("node.clock_skew",), 4, True, layer)
        else:
            self.name("tls.expired", ("tls.not_yet_valid", "node.clock_skew"), 4, False, layer)

    def on_net(self, layer: Layer) -> None:
        chain, kind = self.chain, layer.rule.name
        if chain.proxy:
            return
        if chain.dialled == "unix":
            self.name("runtime.unavailable", (), 4, True, layer)
            return
        of_dns = bool(chain.looked_up) or chain.dialled == "udp" or chain.address.endswith(":53")
        aside = (layer.groups[0] or "").lower() if layer.groups else ""
        if kind == "refused":
            if of_dns:
                self.name("dns.server_failure", (), 4, True, layer)
            else:
                self.name("net.refused", (), 4, bool(chain.dialled), layer)
        elif kind == "unreachable":
            if of_dns:
                self.name("dns.server_failure", ("net.unreachable",), 4, True, layer)
            else:
                also = ("dns.no_usable_address",) if chain.address.startswith("[") else ()
                self.name("net.unreachable", also, 4, True, layer)
        elif kind == "reset":
            if of_dns:
                self.name("dns.server_failure", ("net.reset",), 4, True, layer)
            else:
                self.name("net.reset", ("transfer.interrupted", "tls.handshake"), 4, True, layer)
        elif kind == "timeout":
            if of_dns:
                self.name("dns.timeout", (), 4, True, layer)
            elif chain.dialled == "io" and chain.stage in ("copy", "blob", "content", "unpack") and not chain.url:
                self.name("transfer.timeout", ("net.timeout",), 4, True, layer)
            else:
                also = ("transfer.timeout",) if chain.dialled == "io" else ()
                self.name("net.timeout", also, 4, True, layer)
        elif kind in ("deadline", "canceled"):
            if of_dns:
                self.name("dns.timeout", (), 3, True, layer)
            elif "headers" in aside or "connection" in aside:
                self.name("net.timeout", ("transfer.timeout", "tls.handshake"), 4, True, layer)
            elif "body" in aside:
                self.name("transfer.timeout", ("transfer.interrupted",), 4, True, layer)
            elif kind == "canceled":
                self.name("transfer.interrupted", ("transfer.timeout", "net.timeout", "transfer.stalled"), 3, False, layer)
            elif chain.dialled or (chain.url and chain.stage not in ("copy", "blob", "content")):
                self.name("net.timeout", ("transfer.timeout",), 3, False, layer)
            else:
                self.name("transfer.timeout", ("net.timeout", "transfer.stalled"), 3, False, layer)
        elif chain.stage == "unpack":
            self.name("storage.extract_failed", ("transfer.interrupted", "content.corrupt"), 3, False, layer)
        else:
            self.name("transfer.interrupted", ("net.reset", "tls.handshake"), 3, True, layer)

    def on_resolver(self, layer: Layer) -> None:
        if self.chain.proxy:
            self.chain.named[-1].also += ("dns.nxdomain" if layer.rule.name == "nxdomain" else "dns.server_failure",)
        elif layer.rule.name == "nxdomain":
            self.name("dns.nxdomain", (), 4, True, layer)
        else:
            self.name("dns.server_failure", ("dns.timeout", "dns.nxdomain"), 4, True, layer)

    def on_answer(self, layer: Layer) -> None:
        chain, before = self.chain, self.before
        if before is None or before.rule.kind != "url" or layer.start - before.end > 4:
            return
        if chain.url.startswith("https:"):
            also = {"forbidden": "auth.forbidden", "service": "registry.unavailable"}
            first = self.text[layer.start : layer.end].split()[0].lower()
            self.name("net.proxy", (also.get(first, "registry.server_error"),), 3, False, layer)

    def on_status(self, layer: Layer) -> None:
        url = next((g for g in layer.groups[:-1] if g), None)
        if url:
            self.set_url(url.rstrip(":"))
        number = layer.groups[-1] if layer.groups else None
        if number:
            self.status(layer, int(number))

    def status(self, layer: Layer, number: int) -> None:
        chain = self.chain
        self.pulling = True
        self.chain = chain
        at_token = chain.stage == "token" or _role_of(chain.url, "") == "token"
        kind = _kind_asked(chain)
        cause, weight, sure = "registry.server_error", 3, False
        also: tuple[str, ...] = ()
        if number in (401, 403) and at_token:
            if not chain.with_credentials:
                cause, also, weight, sure = "auth.denied_or_missing", PRIVATE_OR_ABSENT, 3, True
            elif number == 403 and _host_of(chain.url) == "ghcr.io":
                cause, also, weight = "auth.denied_or_missing", ("auth.bad_credentials", "auth.expired", "auth.forbidden"), 3
            else:
                cause, also, weight, sure = (
                    "auth.bad_credentials",
                    ("auth.expired", "auth.denied_or_missing", "auth.forbidden"),
                    3,
                    number == 401,
                )
        elif number == 401:
            cause, also, weight = "auth.no_credentials", _ALL_AUTH, 2
        elif number == 403:
            cause, also, weight = "auth.forbidden", ("auth.denied_or_missing", "auth.expired", "auth.bad_credentials"), 2
        elif number == 404:
            cause, also, weight, sure = _absent(kind)
        elif number == 407:
            cause, also, weight, sure = "net.proxy", (), 4, True
        elif number in (402, 451):
            cause, weight = "auth.forbidden", 4
        elif number == 429:
            cause, weight, sure = "rate.registry_limit", 4, True
        elif number == 408:
            cause, also = "net.timeout", ("transfer.timeout",)
        elif number == 406:
            cause = "image.format_unsupported"
        elif number == 503:
            cause, also, weight, sure = "registry.unavailable", ("registry.server_error",), 4, True
        elif number >= 500:
            cause, also, weight, sure = "registry.server_error", ("registry.unavailable",), 4, True
        elif number == 405 or number < 400:
            cause, also = "registry.not_a_registry", ("registry.server_error",)
        self.name(cause, also, weight, sure, layer, str(number))
        if number in (400, 401, 403, 404, 405, 429):
            self.words(layer, layer.end)

    def on_code(self, layer: Layer) -> None:
        """One of the error codes of the distribution spec; behind it stand the registry's own words."""
        rule, chain = layer.rule, self.chain
        self.pulling = True
        if rule.cause:
            self.name(rule.cause, rule.also, rule.weight, rule.sure, layer)
        elif rule.name == "unauthorized":
            self.name("auth.denied_or_missing", PRIVATE_OR_ABSENT, 2, False, layer)
        elif rule.name == "denied":
            self.name("auth.denied_or_missing", PRIVATE_OR_ABSENT, 2, False, layer)
        elif rule.name == "manifest unknown":
            self.manifest_unknown(layer)
        elif rule.name == "name unknown":
            self.name("image.name_unknown", (), 3, True, layer)
        del chain
        self.words(layer, layer.end)

    def manifest_unknown(self, layer: Layer) -> None:
        kind = _kind_asked(self.chain)
        if kind == "digest" or (kind == "" and any("@sha256:" in image for _, image in self.images[:1])):
            self.name("image.digest_unknown", (), 3, True, layer)
        else:
            self.name("image.tag_unknown", (), 3, True, layer)

    def on_manifest_for(self, layer: Layer) -> None:
        self.saw_image(layer, 1)
        ref = layer.groups[0] or ""
        self.chain.source = self.chain.source or ref
        if "@sha256:" in ref:
            self.name("image.digest_unknown", (), 4, True, layer)
        else:
            self.name("image.tag_unknown", (), 4, True, layer)

    def on_content_at(self, layer: Layer) -> None:
        self.set_url((layer.groups[0] or "").rstrip(":"))
        cause, also, _, sure = _absent(_kind_asked(self.chain))
        self.name(cause, also, 4, sure, layer)

    def on_not_found(self, layer: Layer) -> None:
        chain = self.chain
        if chain.named:
            return
        if chain.stage == "resolve":
            digest = "@sha256:" in chain.source
            cause = "image.digest_unknown" if digest else "image.tag_unknown"
            self.name(cause, ("image.name_unknown",), 3, True, layer)
        elif self.pulling and not self.sandbox:
            self.name("image.tag_unknown", ("image.name_unknown", "image.platform_mismatch"), 1, False, layer)

    def words(self, layer: Layer, start: int) -> None:
        """The registry's own words: only here are phrases looked for anywhere in a sentence."""
        said = self.text[start : start + 600]
        cut = _NOT_THE_REGISTRY.search(said)
        if cut:
            said = said[: cut.start()]
        low = said.lower()
        for cause, also, weight, pattern in _WORDS:
            found = pattern.search(low)
            if found:
                self.name(cause, also, weight, weight > 2, layer._replace(end=start + found.end()))
                return

    # --- the outcome --------------------------------------------------------------------------------------------------

    def reading(self) -> _Reading:
        image = min(self.images, key=lambda i: i[0])[1] if self.images else None
        winners = [w for w in (self.winner(chain) for chain in self.chains) if w is not None]
        best = self.choose(winners)
        if best is None:
            return self.without_cause(image)
        also = list(best.also)
        also += [w.cause for w in winners if w is not best]
        host, role = self.place(best, winners, image)
        detail = {
            "address": best.chain.address,
            "resolver": best.chain.resolver,
            "status": best.status,
            "url": printable(best.chain.url, 1000),
            "path": best.chain.path,
        }
        if best.cause == "net.proxy" and best.chain.url:
            detail["proxied"] = _host_of(best.chain.url)
        if best.cause == "auth.secret_missing":
            detail["secret"] = self.secret()
        standing = _SAYS_SOMETHING
        if best.cause == "not_a_pull_failure":
            standing = _ELSEWHERE
        elif best.cause in ("none", "pull.in_progress"):
            standing = _A_STATE
        said = printable(self.text[best.start : best.end].strip(" :\n"))
        return _Reading(
            Classified(
                best.cause,
                tuple(dict.fromkeys(c for c in also if c != best.cause)),
                printable(image, 1000) if image else None,
                printable(host) if host else None,
                role,
                "sure" if best.sure else "likely",
                said,
                MappingProxyType({k: printable(v, 1000) for k, v in detail.items() if v}),
            ),
            standing,
            best.weight,
        )

    def secret(self) -> str:
        for layer in layers(self.text):
            if layer.rule.name == "secret":
                return layer.groups[0] or ""
        return ""

    @staticmethod
    def winner(chain: _Chain) -> _Named | None:
        """The most exact cause of a chain, the first of several."""
        return max(chain.named, key=lambda n: n.weight, default=None)

    def choose(self, winners: list[_Named]) -> _Named | None:
        def of(named: _Named) -> tuple[bool, bool, bool]:
            elsewhere = named.cause == "not_a_pull_failure"
            state = named.cause in ("none", "pull.in_progress")
            return (state, elsewhere, named.chain.of == "artifact" or named.weight < 2)

        return min(winners, key=of, default=None)

    def without_cause(self, image: str | None) -> _Reading:
        shown = printable(image, 1000) if image else None
        if self.sandbox and not self.pulling:
            return _Reading(Classified("not_a_pull_failure", said="pod sandbox"), _ELSEWHERE, 1)
        if self.pulling:
            if self.backing_off and not self.cut_off():
                return _Reading(Classified("backoff.only", (), shown, None, None, "sure", "back-off"), _A_PULL, 1)
            host, role = self.place(_Named("unknown.insufficient", (), 0, False, 0, 0, self.chain, "", ""), [], image)
            return _Reading(Classified("unknown.insufficient", (), shown, host, role), _A_PULL, 1)
        return _Reading(Classified("not_a_pull_failure"), _NOTHING_KNOWN, 0)

    def cut_off(self) -> bool:
        """An attempt's error begins and does not go on."""
        return any(c.stage or c.url or c.source for c in self.chains)

    def place(self, best: _Named, winners: list[_Named], image: str | None) -> tuple[str | None, str | None]:
        cause, chain = best.cause, best.chain
        of_image = _registry_of(image) if image else _registry_of(chain.source) if chain.source else ""
        if cause.startswith(_ON_NODE):
            return None, "node"
        if cause.startswith("reference."):
            return None, "pod"
        if cause in ("none", "not_a_pull_failure", "pull.in_progress", "backoff.only", "policy.admission"):
            return (of_image or None, None) if cause == "policy.admission" and image else (None, None)
        if cause.startswith("auth.secret_"):
            return of_image or None, "pod"
        if not (chain.url or chain.registry):
            # Another attempt with the same outcome may name the host.
            chain = next((w.chain for w in winners if w.cause == cause and w.chain.url), chain)
        if cause == "net.proxy":
            return best.host or _host_of(chain.url) or of_image or None, "proxy"
        url_host = _host_of(chain.url)
        if chain.looked_up and cause.startswith("dns."):
            host = url_host if url_host.split(":")[0] == chain.looked_up else chain.looked_up
        else:
            host = url_host or chain.registry or of_image
        if cause in ("dns.timeout", "dns.server_failure"):
            return host or None, "dns-server"
        if not host:
            return None, None
        if chain.url:
            role = _role_of(chain.url, of_image)
            if chain.stage == "token":
                role = "token"
            elif chain.stage in ("blob", "content") and role == "registry":
                role = "blob"
        elif chain.stage == "token":
            role = "token"
        elif chain.of == "mirror" or (chain.registry and of_image and not _same_registry(chain.registry, of_image)):
            role = "mirror"
        elif chain.stage in ("blob", "copy", "content", "unpack") or cause == "content.corrupt":
            role = "blob"
        else:
            role = "registry"
        return host, role


_KINDS: dict[str, Callable[[_Reader, Layer], None]] = {
    kind: getattr(_Reader, "on_" + kind)
    for kind in (
        "kubelet sandbox inspect reference rpc top artifact mirrors stage url host proxy lookup dial io file leaf frame net "
        "resolver answer status code"
    ).split()
}
_SPECIAL: dict[str, Callable[[_Reader, Layer], None]] = {
    "dates": _Reader.on_dates,
    "manifest for": _Reader.on_manifest_for,
    "content at": _Reader.on_content_at,
    "not found": _Reader.on_not_found,
}
_ON_NODE = ("runtime.", "storage.", "rate.kubelet_qps", "auth.credential_provider", "image.never_pull_absent", "node.")
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
_NOT_THE_REGISTRY = re.compile(r", rpc error|; artifact err|\n\s?\* |\berror response from daemon", re.IGNORECASE)


def _words(cause: str, weight: int, *patterns: str, also: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...], int, re.Pattern[str]]:
    return cause, also, weight, re.compile("|".join(patterns))


_WORDS = (
    _words(
        "auth.expired",
        5,
        r"token (?:has |is )?expired",
        r"credentials? (?:has|have) expired",
        r"expired token",
        r"expiredtoken",
        r"password (?:has )?expired",
    ),
    _words("node.clock_skew", 5, r"used before issued", r"requesttimetooskewed", r"signature not yet current"),
    _words(
        "rate.registry_limit",
        5,
        r"pull rate limit",
        r"rate limit(?:ed)? (?:reached|exceeded)",
        r"rate exceeded",
        r"too many requests",
        r"data limit exceeded",
    ),
    _words(
        "auth.bad_credentials",
        5,
        r"incorrect username or password",
        r"invalid username or password",
        r"invalid username/password",
        r"wrong (?:username|password|credential)",
        r"bad credentials?\b",
        r"invalid credentials?\b",
        r"http basic: access denied",
        r"authentication failed",
        r"personal access token",
        r"could not login",
        r"invalid (?:access |bearer )?token",
        also=("auth.expired", "auth.denied_or_missing"),
    ),
    _words(
        "auth.no_credentials",
        4,
        r"anonymous (?:users?|access|pull|request)",
        r"unauthenticated (?:request|user)",
        r"please login",
        r"please log in",
        also=WHY_NONE_WERE_SENT,
    ),
    _words(
        "auth.forbidden",
        5,
        r"permission \"",
        r"permission '",
        r"is not authorized to perform",
        r"not allowed access",
        r"\bbilling\b",
        r"past due",
        r"quota has been exceeded",
        r"quota exceeded",
        r"accountproblem",
        r"email must be verified",
        r"\bfirewall\b",
        r"ip address",
        r"account (?:is )?(?:disabled|suspended|blocked|locked)",
        r"subscription",
        r"terms (?:of|and)",
        r"licen[cs]e",
        also=("auth.denied_or_missing",),
    ),
    _words(
        "image.name_unknown",
        4,
        r"repository \S{0,300} ?not found",
        r"project \S{0,300} ?not found",
        r"repository with name",
        r"repository name not known",
        r"name invalid",
        r"repository does not exist",
        r"project .{0,40} does not exist",
    ),
    _words(
        "image.tag_unknown",
        4,
        r"artifact \S{0,300} ?not found",
        r"tag \S{0,200} ?(?:was deleted|has expired|not found|is not found)",
        r"manifest tagged by",
        r"requested image not found",
        also=("image.name_unknown",),
    ),
    _words("image.format_unsupported", 5, r"accept header does not support"),
    _words("auth.no_credentials", 3, r"authentication required", r"authentication is required", also=_ALL_AUTH),
    _words(
        "auth.denied_or_missing",
        4,
        r"requested access to the resource is denied",
        r"access to the requested resource is not authorized",
        r"unauthorized to access repository",
        r"does not have permission for manifest",
        r"verify that it exists",
        r"access forbidden",
        also=PRIVATE_OR_ABSENT,
    ),
)

_URL = re.compile(r"https?://(?:[^/?#\s@]{0,255}@)?([^/?#\s]{0,300})([^?#\s]{0,2000})(?:\?([^#\s]{0,4000}))?", re.IGNORECASE)
_REGISTRY_PATH = re.compile(r"/v[012](?:/|$)")
_ASKED = re.compile(r"/(manifests|blobs|tags)/([^/]{1,300})$")
_TOKEN_PATH = re.compile(r"/(?:token|jwt/auth|v2/auth|oauth2/(?:token|exchange)|service/token|auth)/?$|/oauth/token|/auth/realms/")
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


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


def _same_registry(one: str, other: str) -> bool:
    return one == other or (one in _HUB and other in _HUB)


def _role_of(url: str, registry: str) -> str:
    """What a URL's host is on the path of a pull, by the API path and, for a mirror, containerd's ns parameter."""
    found = _URL.match(url)
    if found is None:
        return "registry"
    host, path, query = found.group(1).rstrip(":"), found.group(2).rstrip(":"), found.group(3) or ""
    if _TOKEN_PATH.search(path) or ("scope=" in query and "service=" in query):
        return "token"
    if query.startswith("ns=") or "&ns=" in query:
        return "mirror"
    if _REGISTRY_PATH.match(path):
        if "/blobs/" in path:
            return "blob"
        return "registry" if not registry or _same_registry(host, registry) else "mirror"
    return "blob" if path.strip("/") else "registry"


def _kind_asked(chain: _Chain) -> str:
    """What was asked for: tag, digest, blob, ping, or "" where the text does not say."""
    path = _path_of(chain.url)
    if "/blobs/" in path:
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

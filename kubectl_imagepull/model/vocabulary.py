"""The words that rooms use among each other: hops, roles, places, and for each hop the outcomes that a probe may report.

Hop lines, rules, the schema and the docs come from these tables. A word that is not declared here means `unknown`: nobody can
have meant a failure by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

HOPS = (
    "reference",
    "policy",
    "credentials",
    "dns",
    "connect",
    "tls",
    "registry",
    "auth",
    "rate",
    "manifest",
    "platform",
    "blobs",
    "storage",
    "runtime",
)
"""The path of a pull, in order."""

Status = Literal["pass", "warn", "fail", "not-reached", "skipped", "unknown"]
Confidence = Literal["confirmed", "likely", "possible", "unknown"]
CONFIDENCES: tuple[Confidence, ...] = ("confirmed", "likely", "possible", "unknown")
"""Strongest first."""
Place = Literal["api", "node", "peer-node", "workstation"]
Applicability = Literal["safe", "review", "manual"]
Level = Literal["error", "warning", "note"]
RunsOn = Literal["workstation", "node"]
"""Where a command of a fix runs: where kubectl does, or on the pod's node."""

SECRET_CAUSES = frozenset(
    {
        "auth.secret_missing",
        "auth.secret_malformed",
        "auth.secret_ignored",
        "auth.secret_wrong_registry",
        "auth.secret_empty",
    }
)
"""What can be wrong with a pull secret by itself, as `PullSecret.cause`."""

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "registry": "the registry that the reference names",
        "mirror": "a host that the runtime asks in its place",
        "token": "the host that gives tokens for a registry",
        "blob": "the host that a registry sends blob requests to",
        "proxy": "the HTTP proxy between the node and a host",
        "dns-server": "a name server",
        "node": "the node: its files, its disk, its runtime",
        "pod": "the pod, its workload or a secret that it names",
        "sandbox": "the image of the pod's sandbox, which the runtime pulls by itself, at the registry that it names",
    }
)
"""What a host or object is on the path of a pull. A probe says all but `pod` and `sandbox`, which are the API's."""
PROBED_ROLES = frozenset(ROLES) - {"pod", "sandbox"}

HOST_PYTHON, IMAGE_PYTHON, SHELL, KUBELET = "host-python", "image-python", "shell", "kubelet"
TRIAL_PULL, API_ONLY = "trial-pull", "api-only"
RUNGS: Mapping[str, str] = MappingProxyType(
    {
        HOST_PYTHON: "the probes with the node's own Python, over an image that is there",
        IMAGE_PYTHON: "the probes with the Python of an image",
        SHELL: "the same questions in a shell, with the tools of the node or of an image",
        KUBELET: "the kubelet's own HTTP probes, from a pause container",
        TRIAL_PULL: "the kubelet pulls the image again; nothing of it runs",
        API_ONLY: "no pod: what the API server knows",
    }
)
"""Ways out of a node, best first. The trial pull is taken on request only."""
RUNG_ALIASES: Mapping[str, str] = MappingProxyType({"rehearsal": TRIAL_PULL})
"""Other names that `--via` takes."""
LOOKS_OUT = frozenset(RUNGS) - {TRIAL_PULL, API_ONLY}
"""Rungs that ask each host by themselves; the others repeat what somebody else saw."""

CONTAINER_ROLES: Mapping[str, str] = MappingProxyType(
    {
        "container": "a container of the pod",
        "init": "an init container",
        "sidecar": "an init container that keeps running",
        "ephemeral": "a container added for debugging",
        "volume": "an image that is mounted as a volume",
    }
)
"""What an image is to its pod."""


@dataclass(frozen=True)
class Outcome:
    """One word that may be said of a hop."""

    word: str
    """As a probe writes it. `4xx` stands for every HTTP status of the 400s that is not declared by itself."""
    status: Status
    """What it means for the hop, as long as nothing else that is known of the case says otherwise."""
    meaning: str
    """The same for a reader of the docs, without a subject."""
    cause: str = ""
    """The cause id that it shows, "" where it shows none or the cause depends on more than the word."""
    also: tuple[str, ...] = ()
    """Further causes that look the same."""


UNDECLARED = Outcome("", "unknown", "a word that this version does not know")


def _table(outcomes: Iterable[Outcome]) -> Mapping[str, Outcome]:
    found = {one.word: one for one in outcomes}
    return MappingProxyType(found)


_BROKEN = (
    Outcome("timeout", "fail", "no answer in time", "net.timeout", ("transfer.timeout",)),
    Outcome("slow", "fail", "an answer that is not done in time", "transfer.timeout", ("transfer.stalled",)),
    Outcome("reset", "fail", "the connection is reset", "transfer.interrupted", ("net.reset",)),
    Outcome("closed", "fail", "the connection ends before the answer does", "transfer.interrupted", ("net.reset",)),
    Outcome("refused", "fail", "the connection is refused, though it was open before"),
    Outcome("no-route", "fail", "no route to the host, though there was one before"),
    Outcome("error", "fail", "the probe itself failed"),
)
"""How a request ends that gets no whole answer."""
_SERVER = (
    Outcome("503", "fail", "HTTP 503: not available now", "registry.unavailable"),
    Outcome("5xx", "fail", "HTTP 5xx: the server fails", "registry.server_error"),
)
_NOT_VERIFIED = Outcome("not-verified", "unknown", "the runtime shows more there than a probe can")
_NOT_REACHED = Outcome("not-reached", "not-reached", "a hop before it is broken")

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = MappingProxyType(
    {
        "reference": _table(()),
        "policy": _table(()),
        "credentials": _table(
            (
                Outcome("used", "pass", "the pull secret gives credentials for this image"),
                Outcome("unused", "warn", "the pull secret is for other images, or is passed over"),
                Outcome("missing", "warn", "there is no secret of this name"),
                Outcome("forbidden", "unknown", "the secret may not be read by you"),
                Outcome("malformed", "fail", "the secret cannot be decoded", "auth.secret_malformed"),
            )
        ),
        "dns": _table(
            (
                Outcome("ok", "pass", "the name resolves"),
                Outcome("literal", "pass", "an address, nothing to resolve"),
                Outcome("hosts-file", "pass", "the hosts file names the address"),
                Outcome("by-proxy", "skipped", "left to the proxy"),
                Outcome("differs", "warn", "the resolver that pods get says otherwise than the node's"),
                # Go says "no such host" of a name without an address as well
                Outcome("nxdomain", "fail", "the name does not exist", "dns.nxdomain"),
                Outcome("no-data", "fail", "the name has no address", "dns.nxdomain"),
                Outcome("server-failure", "fail", "the name server answers with an error", "dns.server_failure"),
                Outcome("timeout", "fail", "the name server does not answer", "dns.timeout"),
                Outcome("no-usable-address", "fail", "no route for any address", "dns.no_usable_address"),
                Outcome("unresolved", "fail", "no address, from a tool that does not say why"),
                Outcome("no-resolver", "fail", "the resolver configuration cannot be read"),
            )
        ),
        "connect": _table(
            (
                Outcome("open", "pass", "the port accepts connections"),
                Outcome("tunnel", "pass", "the proxy leads there"),
                Outcome("refused", "fail", "connection refused", "net.refused"),
                Outcome("timeout", "fail", "no answer to SYN", "net.timeout"),
                Outcome("no-route", "fail", "no route to host", "net.unreachable"),
                Outcome("reset", "fail", "connection reset", "net.reset"),
                Outcome(
                    "mixed",
                    "fail",
                    "every address fails, and not all in one way",
                    "net.timeout",
                    ("net.refused", "net.unreachable"),
                ),
                Outcome("closed", "fail", "the connection ends without an answer"),
                Outcome("error", "fail", "no connection, and no tool says why"),
                Outcome("garbage", "fail", "what answers is no proxy"),
                Outcome("407", "fail", "the proxy wants credentials"),
                Outcome("2xx", "fail", "the proxy answers something else than a tunnel"),
                Outcome("3xx", "fail", "the proxy answers something else than a tunnel"),
                Outcome("4xx", "fail", "the proxy does not lead there"),
                Outcome("5xx", "fail", "the proxy does not lead there"),
                Outcome(
                    "no-answer",
                    "unknown",
                    "silence of the resolver, the host or something between",
                    "net.timeout",
                    ("dns.timeout", "net.proxy"),
                ),
                Outcome("not-asked", "unknown", "an address of the node itself or of its link: not asked"),
                _NOT_VERIFIED,
                _NOT_REACHED,
            )
        ),
        "tls": _table(
            (
                Outcome("ok", "pass", "the certificate is accepted"),
                Outcome("plain", "pass", "plain HTTP, which the node's configuration allows"),
                Outcome("unknown-authority", "fail", "the issuer is not trusted", "tls.unknown_authority"),
                Outcome("expired", "fail", "the certificate has expired", "tls.expired"),
                Outcome("not-yet-valid", "fail", "the certificate is not valid yet", "tls.not_yet_valid"),
                Outcome("hostname-mismatch", "fail", "the certificate is for other names", "tls.hostname_mismatch"),
                Outcome("plain-http", "fail", "the port speaks plain HTTP", "tls.http_on_https"),
                Outcome("handshake-failed", "fail", "the handshake fails", "tls.handshake"),
                Outcome("timeout", "fail", "silence during the handshake", "tls.handshake"),
                Outcome("reset", "fail", "connection reset during the handshake", "tls.handshake", ("net.reset",)),
                Outcome("closed", "fail", "connection closed during the handshake", "tls.handshake"),
                Outcome(
                    "refused-client", "fail", "the server takes no client without its certificate", "tls.handshake"
                ),
                Outcome("refused", "fail", "the second connection is refused"),
                Outcome("no-route", "fail", "no route for the second connection"),
                Outcome("error", "fail", "the handshake fails, and no tool says why"),
                Outcome("no-answer", "unknown", "a tool that does not come to terms with the server"),
                Outcome("not-verified", "unknown", "the handshake is done, the certificate not checked"),
            )
        ),
        "registry": _table(
            (
                Outcome("200", "pass", "HTTP 200: a registry that is open to all"),
                Outcome("401", "pass", "HTTP 401: a registry that asks for credentials"),
                Outcome("429", "warn", "HTTP 429: too many requests", "rate.registry_limit"),
                Outcome("2xx", "warn", "HTTP 2xx, which no registry says of /v2/"),
                Outcome("3xx", "warn", "HTTP 3xx, which no registry says of /v2/"),
                Outcome("4xx", "warn", "HTTP 4xx, which no registry says of /v2/"),
                *_SERVER,
                Outcome("garbage", "fail", "no HTTP", "registry.not_a_registry", ("net.proxy",)),
                Outcome("redirected", "unknown", "the kubelet is sent to another host and does not follow"),
                *_BROKEN,
                _NOT_VERIFIED,
            )
        ),
        "auth": _table(
            (
                Outcome("not-needed", "pass", "no credentials are asked for"),
                Outcome("token", "pass", "a token is granted"),
                Outcome("accepted", "pass", "the credentials are accepted"),
                Outcome("basic", "fail", "credentials are asked for, by Basic"),
                Outcome("rejected", "fail", "the credentials are refused"),
                Outcome("401", "fail", "HTTP 401: no token"),
                Outcome("403", "fail", "HTTP 403: no token"),
                Outcome("429", "fail", "HTTP 429: too many requests", "rate.registry_limit"),
                Outcome("no-challenge", "fail", "HTTP 401 that names no way to log in", "registry.server_error"),
                Outcome("bad-realm", "fail", "the realm is no address", "registry.server_error"),
                Outcome("no-token", "fail", "HTTP 200 without a token", "registry.server_error"),
                Outcome("garbage", "fail", "no HTTP", "registry.server_error"),
                *_SERVER,
                Outcome("2xx", "fail", "a status that no token host has a reason for", "registry.server_error"),
                Outcome("3xx", "fail", "a status that no token host has a reason for", "registry.server_error"),
                Outcome("4xx", "fail", "a status that no token host has a reason for", "registry.server_error"),
                *_BROKEN,
                Outcome("redirected", "unknown", "the kubelet is sent to another host and does not follow"),
                Outcome("not-tried", "unknown", "the credential is not sent there"),
                _NOT_VERIFIED,
                _NOT_REACHED,
            )
        ),
        "rate": _table(
            (
                Outcome("ok", "pass", "pulls are left"),
                Outcome("limited", "fail", "no pull is left", "rate.registry_limit"),
            )
        ),
        "manifest": _table(
            (
                Outcome("200", "pass", "the manifest is there"),
                Outcome("401", "fail", "HTTP 401: refused"),
                Outcome("403", "fail", "HTTP 403: refused"),
                Outcome("404", "fail", "HTTP 404: not there, or not for whoever asks"),
                Outcome("429", "fail", "HTTP 429: too many requests", "rate.registry_limit"),
                *_SERVER,
                Outcome("2xx", "fail", "HTTP 2xx without a manifest"),
                Outcome("3xx", "fail", "a redirect that leads nowhere"),
                Outcome("4xx", "fail", "HTTP 4xx"),
                Outcome("redirects", "fail", "redirects without end", "registry.server_error"),
                Outcome("garbage", "fail", "no HTTP", "registry.server_error"),
                Outcome("redirected", "unknown", "the kubelet is sent to another host and does not follow"),
                *_BROKEN,
                _NOT_VERIFIED,
                _NOT_REACHED,
            )
        ),
        "platform": _table(
            (
                Outcome("index", "pass", "an index of images for several platforms"),
                Outcome("single", "pass", "one image, for one platform"),
                Outcome("no-image", "fail", "nothing that a runtime takes for an image", "image.format_unsupported"),
            )
        ),
        "blobs": _table(
            (
                Outcome("ok", "pass", "the configuration and the beginning of a layer can be fetched"),
                Outcome("404", "fail", "HTTP 404: the blob is not there", "image.blob_unknown"),
                Outcome("401", "fail", "HTTP 401: refused", "auth.forbidden", ("node.clock_skew", "net.proxy")),
                Outcome("403", "fail", "HTTP 403: refused", "auth.forbidden", ("node.clock_skew", "net.proxy")),
                Outcome("429", "fail", "HTTP 429: too many requests", "rate.registry_limit"),
                *_SERVER,
                Outcome("2xx", "fail", "HTTP 2xx without a blob"),
                Outcome("3xx", "fail", "a redirect that leads nowhere"),
                Outcome("4xx", "fail", "HTTP 4xx"),
                Outcome("corrupt", "fail", "the bytes are not those of the digest", "content.corrupt", ("net.proxy",)),
                Outcome("empty", "fail", "an answer without bytes", "transfer.interrupted", ("content.corrupt",)),
                Outcome("stalled", "fail", "nothing more comes", "transfer.timeout", ("transfer.stalled",)),
                Outcome("trickles", "warn", "it comes, and slowly"),
                Outcome("redirects", "fail", "redirects without end", "registry.server_error"),
                Outcome("garbage", "fail", "no HTTP", "registry.server_error"),
                *_BROKEN,
                _NOT_VERIFIED,
                _NOT_REACHED,
            )
        ),
        "storage": _table(
            (
                Outcome("ok", "pass", "there is room for images"),
                Outcome("low", "warn", "hardly any room is left for images"),
            )
        ),
        "runtime": _table(
            (
                Outcome("default", "pass", "no mirror is configured"),
                Outcome("configured", "pass", "endpoints are configured"),
                Outcome("limits", "pass", "the kubelet's own limits of pulls"),
                Outcome("pulled", "pass", "the trial pull worked"),
                Outcome("failed", "fail", "the trial pull failed"),
                Outcome("invalid", "fail", "configuration that cannot be used", "runtime.config_invalid"),
                Outcome("blocked", "fail", "the registry is blocked by configuration", "policy.registry_blocked"),
                Outcome("short-name", "fail", "a name that is not completed", "reference.short_name"),
                Outcome("unreadable", "unknown", "configuration that the probe cannot read"),
                Outcome("unknown", "unknown", "configuration that was not found where it is usually kept"),
                Outcome("unfinished", "unknown", "the trial pull did not end in time"),
            )
        ),
    }
)
"""Hop -> word -> what it means. Of the hops that only the API knows, credentials has words: the states of a pull secret."""


def outcome(hop: str, word: str) -> Outcome:
    """What a word means for a hop; UNDECLARED for one that nobody declared. An HTTP status without an entry is of its class."""
    table = OUTCOMES.get(hop, {})
    found = table.get(word)
    if found is None and len(word) == 3 and word.isascii() and word.isdigit():
        found = table.get(f"{word[0]}xx")
    return found or UNDECLARED


def causes_of(hop: str) -> tuple[str, ...]:
    """The causes that the outcomes of a hop show, each once."""
    return tuple(dict.fromkeys(one.cause for one in OUTCOMES[hop].values() if one.cause))

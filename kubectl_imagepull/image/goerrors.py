"""The layers of the error texts that kubelets, runtimes and registries write.

Go programs put an error together from the outside in: `failed to pull and unpack image "R": failed to resolve reference "R": failed to
do request: Head "URL": dial tcp A: connect: connection refused`. `layers(text)` finds each layer where one can begin (at the start,
or behind the colon, bracket, quote or line break that ends the layer before) and nowhere else, so that words inside an image name, a
URL or a sentence are never taken for a layer. What a chain of layers means is for `messages` to say.

Sources of the wordings: kubernetes pkg/kubelet/{images,kuberuntime}; containerd core/remotes/docker, core/unpack, core/content,
internal/cri/server, client/pull; containers/image docker/, copy/, signature/, pkg/sysregistriesv2; moby distribution/, daemon/;
distribution registry/api/errcode; Go net, net/url, net/http, crypto/tls, crypto/x509.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


@dataclass(frozen=True, eq=False)
class Rule:
    """One wording. kind: what the layer does for the chain (see `messages`); weight: how much a cause named by it says about
    the failure, from 1 (a suffix that many errors share) to 5 (nothing is more exact); sure: it can hardly mean anything else."""

    kind: str
    source: str
    cause: str = ""
    also: tuple[str, ...] = ()
    weight: int = 0
    sure: bool = True
    name: str = ""

    @cached_property
    def match(self) -> Callable[[str, int], re.Match[str] | None]:
        """Matches at a position. Compiled when first asked for: most texts need few of the rules."""
        return re.compile(self.source).match


class Layer(NamedTuple):
    """A wording that was found: the rule, where it stands, and its groups as written."""

    rule: Rule
    start: int
    end: int
    groups: tuple[str | None, ...]


# Where a layer can begin, and its first word.
_BEGIN = re.compile(
    r"""(?:\A|[:;,|>({\[=!?]\ |["'({\[\n]\ ?|\.\ |-\ |[)\]]\ |\*\ |=(?=["a-z])|\d\]?\ (?=["a-z]))["'({\[]*([a-z][a-z0-9_/'-]*)""",
    re.VERBOSE,
)

_WORD = re.compile(r"[a-z][a-z0-9_/'-]*")
_NEXT_WORD = re.compile(r" ([a-z][a-z0-9_/'-]*)")
_ORNAMENTS = frozenset({"error", "while", "err", "unable", "to"})

_RULES: dict[str, list[Rule]] = {}

# Short forms in the patterns below. All are bounded and none can match what follows it in two ways.
_MACROS = {
    "{image}": r"(?:\"([^\"]{0,800})\"|\"?([^\s\",]{1,800}))",
    "{ref}": r"\"?([^\s\",]{1,800})\"?",
    "{url}": r"\"? ?\"?((?:https?|http\+docker)://[^\s\",]{0,4000})\"?",
    "{any}": r"[^\n:]{0,300}",
    "{word}": r"[^\s:\"]{1,400}",
    "{n?}": r"(?:(\d{3})(?!\d))?",
    "{n}": r"(\d{3})(?!\d)",
}


# An escaped character, a whole class, or a space of its own.
_SPACE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|( )", re.DOTALL)


def _or_newline(pattern: str) -> str:
    """A space in a wording may have become a line break."""
    return _SPACE.sub(lambda found: r"[ \n]" if found.group(1) else found.group(), pattern)


def _rule(
    kind: str,
    text: str,
    cause: str = "",
    *also: str,
    weight: int = 0,
    sure: bool = True,
    name: str = "",
) -> None:
    first, _, rest = text.partition(" ")
    source = text
    for macro, meaning in _MACROS.items():
        source = source.replace(macro, meaning)
    if not rest and text[-1].isalnum() or text in ("eof", "denied:?", "unauthorized:?"):
        source += r"(?![a-z0-9_-])"
    if "|" in first:
        source = f"(?:{first}){source[len(first):]}"
    rule = Rule(kind, _or_newline(source), cause, also, weight, sure, name)
    for alternative in first.split("|"):
        word = _WORD.match(alternative)
        if word is None:
            raise ValueError(f"a layer must begin with a plain word: {text!r}")
        _RULES.setdefault(word.group(), []).append(rule)


def _rules(kind: str, cause: str, weight: int, *texts: str, also: tuple[str, ...] = (), sure: bool = True) -> None:
    for text in texts:
        _rule(kind, text, cause, *also, weight=weight, sure=sure)


def layers(text: str) -> Iterator[Layer]:
    """The layers of a text, in order, none overlapping. The text is as `wording.plain` gives it."""
    # As many characters as the text, so that positions agree, in lower case and in ASCII.
    low = (text if text.isascii() else text.encode("ascii", "replace").decode("ascii")).lower()
    reached = 0
    rules = _RULES
    for begin in _BEGIN.finditer(low):
        start = begin.start(1)
        if start < reached:
            continue
        word = begin.group(1)
        candidates = rules.get(word, ())
        while True:
            for rule in candidates:
                found = rule.match(low, start)
                if found is not None:
                    break
            else:
                # "Error reading manifest" is "reading manifest" with an ornament.
                if word not in _ORNAMENTS:
                    break
                following = _NEXT_WORD.match(low, start + len(word))
                if following is None:
                    break
                word, start = following.group(1), following.start(1)
                candidates = rules.get(word, ())
                continue
            end = found.end()
            if found.re.groups:
                spans = (found.span(i) for i in range(1, found.re.groups + 1))
                groups = tuple(text[a:b] if a >= 0 else None for a, b in spans)
            else:
                groups = ()
            yield Layer(rule, start, end, groups)
            reached = end
            break


# --- The kubelet and what reports about it -------------------------------------------------------------------------------
_rule("kubelet", r"failed to pull image ?{image}?")
_rule("kubelet", r"back-off pulling image ?{image}", name="backoff")
_rule("kubelet", r"errimagepull", name="reason")
_rule("kubelet", r"imagepullbackoff", name="backoff")
_rule("kubelet", r"pullimage (?:for |from image service|{image})")
_rule("kubelet", r"pull image {image} (?:from image service )?failed")
_rule("kubelet", r"pulling image failed")
_rule("kubelet", r"pulling image:")
_rule("kubelet", r"cannotpullcontainererror")
_rule("kubelet", r"image pull failed for {ref}")
_rule("kubelet", r"pulling image {image}:")
_rule("kubelet", r"pull image(?: {image})?")
_rule("kubelet", r"pull {ref}:")
_rule("kubelet", r"error pulling {ref}:")
_rule("inspect", r"failed to inspect image {image}")
_rule("inspect", r"imageinspecterror")
_rule("inspect", r"imagestatus (?:for image \{?|failed: )?{image}")
_rule("reference", r"failed to apply default image tag {image}")
_rule("sandbox", r"failed (?:to )?create pod sandbox")
_rule("sandbox", r"failed to \"?create ?pod ?sandbox")
_rule("sandbox", r"createpodsandbox")
_rule("sandbox", r"createpodsandboxerror")
_rule("sandbox", r"failedcreatepodsandbox")
_rule("sandbox", r"runpodsandbox")
_rule("kubelet", r"failed to get sandbox image {image}")
_rule("kubelet", r"failed pulling image {image}")

_rule("leaf", r"successfully pulled image {image}", "none", weight=5, name="image")
_rule("leaf", r"container image {image} already present on machine", "none", weight=5, name="image")
_rule("leaf", r"pulling image {image}(?! ?:)", "pull.in_progress", weight=1, name="image")
_rule(
    "leaf",
    r"container image {image} is not present with pull policy of never",
    "image.never_pull_absent",
    "auth.cached_image_denied",
    weight=5,
    name="image",
)
_rule("leaf", r"errimageneverpull", "image.never_pull_absent", "auth.cached_image_denied", weight=4)
_rules("leaf", "rate.kubelet_qps", 5, r"pull qps exceeded")
_rule("leaf", r"couldn't parse image (?:name|reference) {image}", "reference.invalid", weight=5, name="image")
_rules(
    "leaf",
    "reference.invalid",
    5,
    r"invalid reference format",
    r"error parsing reference",
    r"parsing (?:image )?(?:name|reference) {ref}",
    r"invalidimagename",
    r"failed to parse (?:image )?(?:name|reference)",
    r"invalid image name",
    r"repository name must be lowercase",
    r"repository name must have at least one component",
)
_rule("leaf", r"unable to retrieve some image pull secrets \(([^)\n]{0,800})", "auth.secret_missing", weight=4, name="secret")
_rule("leaf", r"unable to retrieve pull secret ({word})", "auth.secret_missing", weight=4, name="secret")
_rules("leaf", "auth.secret_missing", 4, r"failedtoretrieveimagepullsecret", r"couldn't find imagepullsecret")
_rules(
    "leaf",
    "auth.secret_malformed",
    4,
    r"illegal base64 data at input byte",
    r"unable to parse auth field",
    r"unable to decode auth field",
    r"expected username and password concatenated",
    r"reading \.dockerconfigjson field",
)
_rules(
    "leaf",
    "auth.credential_provider",
    5,
    r"failed getting credential from external registry credential provider",
    r"error execing credential provider plugin",
    r"error running credential provider plugin",
    r"credential provider plugin ",
    r"error getting credentials",
    r"error calling credential helper",
)

# --- Not pulling at all --------------------------------------------------------------------------------------------------
_rules(
    "frame",
    "not_a_pull_failure",
    4,
    r"readiness|liveness|startup probe",
    r"crashloopbackoff",
    r"back-off (?:[0-9ms.]{1,12} )?restarting failed container",
    r"failedmount",
    r"mountvolume\.",
    r"attachvolume\.",
    r"unable to attach or mount volumes",
    r"failedattachvolume",
    r"failedscheduling",
    r"node was low on resource",
    r"the node was low on resource",
    r"the node had condition",
    r"evicted",
    r"oomkilled",
    r"createcontainerconfigerror",
    r"createcontainererror",
    r"runcontainererror",
    r"containercannotrun",
    r"starterror",
    r"failed to generate (?:container|spec|sandbox)",
    r"failed to create containerd task",
    r"failed to create containerd container",
    r"failed to create (?:shim|task|container)",
    r"failed to start (?:container|sandbox)",
    r"oci runtime",
    r"runc (?:create|run) failed",
    r"exec format error",
    r"exec user process",
    r"standard_init_linux",
    r"failed to set ?up (?:sandbox container )?[^:\n]{0,100}network",
    r"failed to setup network for sandbox",
    r"networkplugin ",
    r"plugin type=",
    r"cni plugin not initialized",
    r"network plugin is not ready",
    r"container runtime network not ready",
    r"failed to reserve (?:sandbox|container) name",
    r"couldn't find key",
    r"secret|configmap {ref} not found",
    r"failed to sync (?:secret|configmap) cache",
    r"insufficient (?:cpu|memory|ephemeral-storage|pods)",
    r"failed to exec in container",
    r"container has runasnonroot",
    r"container's runasuser breaks non-root policy",
    r"failed to (?:stop|remove|kill) (?:container|pod|sandbox)",
    r"failed to destroy network",
    r"poststarthook",
    r"failedpoststarthook",
    r"prestophook",
)
_rule("frame", r"reference \"[^\"\n]{0,800}\" does not resolve to an image id", "not_a_pull_failure", "storage.other", weight=4)
_rule("frame", r"admission webhook", "policy.admission", weight=5)
_rule("frame", r"failed calling (?:admission )?webhook", "policy.admission", "not_a_pull_failure", weight=5, sure=False)
_rule("frame", r"image policy webhook", "policy.admission", weight=5)
_rule("frame", r"pods? {ref} is forbidden", "policy.admission", "not_a_pull_failure", weight=4, sure=False)
_rule("frame", r"pod {ref} is forbidden", "policy.admission", "not_a_pull_failure", weight=4, sure=False)
_rule("frame", r"violates podsecurity", "policy.admission", weight=4)
_rule("frame", r"validatingadmissionpolicy", "policy.admission", weight=5)
_rule("leaf", r"node is not ready", "node.not_ready", weight=4)
_rule("leaf", r"nodenotready", "node.not_ready", weight=4)

# --- Wrappers of the runtimes --------------------------------------------------------------------------------------------
_rule("rpc", r"rpc error: ?code ?= ?([a-z0-9]{1,20}) ?desc ?=")
_rule("top", r"failed to pull and unpack image {image}")
_rule("top", r"error response from daemon")
_rule("top", r"initializing source (?:docker://)?{ref}")
_rule("top", r"pull image err")
_rule("artifact", r"artifact err")
_rule("mirrors", r"mirrors also failed")
_rule("top", r"errors occurred")
_rule("top", r"failed to solve")
_rule("stage", r"failed to resolve (?:reference|image|source metadata for) ?{image}?", name="resolve")
_rule("stage", r"failed to do request", name="request")
_rule("stage", r"failed to authorize", name="token")
_rule("stage", r"failed to fetch (anonymous|oauth) token", name="token")
_rule("stage", r"requesting bearer token", name="token")
_rule("stage", r"retrieve auth token", name="token")
_rule("stage", r"failed to (?:get|obtain|retrieve) (?:auth|access|bearer) token", name="token")
_rule("stage", r"failed to copy", name="copy")
_rule("stage", r"httpreadseeker", name="copy")
_rule("stage", r"httpreaderseeker", name="copy")
_rule("stage", r"copying (?:system image|image \d{1,4}/\d{1,4}) from manifest list", name="copy")
_rule("stage", r"storing blob to file", name="copy")
_rule("stage", r"happened during read", name="copy")
_rule("stage", r"writing|fetching|copying|reading (?:blob|layer)", name="blob")
_rule("stage", r"pulling|parsing|reading|fetching|getting image config(?:uration)?", name="blob")
_rule("stage", r"download failed after attempts ?=? ?\d{0,3}", name="blob")
_rule("stage", r"failed commit on ref", name="content")
_rule("stage", r"reading manifest ({word}(?::[0-9a-f]{0,128})?) in {ref}", name="manifest")
_rule("stage", r"pinging (?:container|docker) registry ({word}(?::\d{1,5})?)", name="ping")
_rule("stage", r"unable to ping registry endpoint", name="ping")
_rule("stage", r"failed to unpack image on snapshotter", name="unpack")
_rule("stage", r"failed to extract layer", name="unpack")
_rule("stage", r"failed to register layer", name="unpack")
_rule("stage", r"applylayer", name="unpack")
_rule("stage", r"untar re-exec", name="unpack")
_rule("stage", r"processing tar file", name="unpack")
_rule("stage", r"applying layer", name="unpack")
_rule("stage", r"adding layer with blob", name="unpack")
_rule("stage", r"failed to (?:prepare|create|mount|commit) (?:extraction )?snapshot", name="snapshot")
_rule("stage", r"failed to stat parent", name="snapshot")
_rule("stage", r"committing the finished image", name="snapshot")

# --- net/http, net/url, net ----------------------------------------------------------------------------------------------
_rule("host", r"pulling from host ({word}(?::\d{1,5})?) failed with status code(?: \[[^\]\n]{0,300}\])?:? ?{n?}")
_rule(
    "status",
    r"unexpected status(?: code)?(?: from [a-z]{2,8} request)?(?: to| at)?(?: (?:{url}|<_>))?(?: ?\[[^\]\n]{0,300}\])?:? ?{n?}",
)
_rule("status", r"received unexpected http status:? ?{n?}")
_rule("status", r"unexpected http (?:status|code)(?: code)?:? ?{n}")
_rule("status", r"invalid|unexpected|bad (?:http )?status code(?: from registry)?:? ?{n}")
_rule("status", r"parsing http {n} response body")
_rule("status", r"statuscode:? ?{n}")
_rule("status", r"status {n} trying to pull repository")
_rule("status", r"http status(?: code)?:? ?{n}")
_rule("status", r"status(?: code)?:? ?{n}")
_rule("url", r"get|head|post|put ?{url}")
_rule("proxy", r"proxyconnect tcp")
_rule("proxy", r"http: error connecting to proxy")
_rule("proxy", r"socks connect")
_rule("lookup", r"lookup ([^\s:\"]{1,255})(?: on \[?([0-9a-z.:%]{2,60}?)\]?:\d{1,5})?(?=[ :.,\")\n]|$)")
_rule("dial", r"dial (tcp|udp)[46]? (\[?[0-9a-z.:%-]{1,120}\]?:\d{1,5})")
_rule("dial", r"dial (unix)(?: ([^\s\":]{1,200}))?")
_rule("dial", r"dial (tcp|udp)[46]?")
_rule("io", r"read|write (unix) [^\s]{1,200}")
_rule("io", r"read|write (tcp|udp)[46]?(?: \[?[0-9a-z.:%-]{1,120}\]?:\d{1,5})?(?:->(\[?[0-9a-z.:%-]{1,120}\]?:\d{1,5}))?")
for _name, _texts in {
    "refused": (
        r"connection refused",
        r"connectex: no connection could be made because the target",
        r"no connection could be made because the target",
    ),
    "unreachable": (
        r"no route to host",
        r"network is (?:unreachable|down)",
        r"host is (?:unreachable|down)",
        r"cannot assign requested address",
        r"can't assign requested address",
        r"connectex: a socket operation was attempted to an unreachable",
        r"a socket operation was attempted to an unreachable",
    ),
    "reset": (
        r"connection (?:was )?reset",
        r"wsarecv|wsasend: an existing connection was forcibly closed",
        r"an existing connection was forcibly closed",
        r"broken pipe",
    ),
    "timeout": (
        r"i/o timeout",
        r"connection|operation timed out",
        r"connectex: a connection attempt failed because",
        r"a connection attempt failed because the connected party",
        r"net/http: request canceled while waiting for connection",
        r"net/http|http2: timeout awaiting response headers",
    ),
    "canceled": (
        r"net/http: request canceled(?: \(client\.timeout ([^)]{0,80}))?",
        r"request canceled(?: \(client\.timeout ([^)]{0,80}))?",
        r"context cancell?ed(?: \(client\.timeout ([^)]{0,80}))?",
    ),
    "deadline": (r"context deadline exceeded(?: \(client\.timeout ([^)]{0,80}))?",),
    "eof": (
        r"unexpected eof",
        r"eof",
        r"http: server closed idle connection",
        r"use of closed network connection",
        r"stream error: stream id",
        r"http2: server sent goaway",
        r"http2: client connection lost",
        r"http2: response body closed",
        r"server sent goaway",
        r"connection (?:closed|lost|aborted)",
    ),
}.items():
    for _text in _texts:
        _rule("net", _text, name=_name)
for _name, _texts in {
    "nxdomain": (
        r"no such host",
        r"name or service not known",
        r"nodename nor servname provided",
        r"getaddrinfow: no such host is known",
        r"no address associated with hostname",
        r"invalid domain name",
    ),
    "failure": (
        r"server misbehaving",
        r"temporary failure in name resolution",
        r"getaddrinfow: this is usually a temporary error",
        r"no answer from dns server",
        r"cannot unmarshal dns message",
        r"dnsquery: ",
    ),
}.items():
    for _text in _texts:
        _rule("resolver", _text, name=_name)
_rule("leaf", r"no suitable address", "dns.no_usable_address", weight=4)
_rule("leaf", r"proxy authentication required", "net.proxy", weight=4, name="proxy")
_rule("leaf", r"unsupported protocol scheme", "registry.server_error", "registry.not_a_registry", weight=3, sure=False)
# What a proxy answers to CONNECT comes out as the bare text of its status (net/http Transport.dialConn).
for _text in (
    r"forbidden",
    r"bad gateway",
    r"bad request",
    r"service unavailable",
    r"gateway time-?out",
    r"method not allowed",
    r"internal server error",
    r"too many requests",
):
    _rule("answer", _text + r"(?=\.?[ \"')\]}]{0,4}(?:\n|$|, ))")

# --- crypto/tls, crypto/x509 ---------------------------------------------------------------------------------------------
_rule("leaf", r"x509: certificate signed by unknown authority", "tls.unknown_authority", weight=4)
_rule("leaf", r"certificate signed by unknown authority", "tls.unknown_authority", weight=4)
_rule("leaf", r"x509: certificate is valid for", "tls.hostname_mismatch", weight=4)
_rule("leaf", r"x509: certificate is not valid for any names", "tls.hostname_mismatch", weight=4)
_rule("leaf", r"x509: cannot validate certificate for", "tls.hostname_mismatch", weight=4)
_rule("leaf", r"x509: certificate relies on legacy common name", "tls.hostname_mismatch", weight=4)
_rule(
    "leaf",
    r"(?:x509: )?certificate has expired or is not yet valid(?:: current time ([0-9a-z:.+-]{1,40}) is (before|after) ([0-9a-z:.+-]{1,40}))?".replace(
        "(?:x509: )?", "x509: "
    ),
    weight=4,
    name="dates",
)
_rule(
    "leaf",
    r"certificate has expired or is not yet valid(?:: current time ([0-9a-z:.+-]{1,40}) is (before|after) ([0-9a-z:.+-]{1,40}))?",
    weight=4,
    name="dates",
)
_rule("leaf", r"certificate has expired", "tls.expired", weight=4)
_rule("leaf", r"certificate is not yet valid", "tls.not_yet_valid", weight=4)
_rules("leaf", "tls.unknown_authority", 4, r"unable to get local issuer certificate", r"self[- ]signed certificate", r"certificate verify failed")
_rules("leaf", "tls.unknown_authority", 3, r"x509: ", also=("tls.handshake",), sure=False)
_rules(
    "leaf",
    "tls.http_on_https",
    4,
    r"http: server gave http response to https client",
    r"server gave http response to https client",
    r"tls: first record does not look like a tls handshake",
    r"first record does not look like a tls handshake",
    r"client sent an http request to an https server",
    r"the plain http request was sent to https port",
    r"tls: oversized record received",
)
_rule("leaf", r"malformed http response \"?\\{1,4}x15\\{1,4}x03", "tls.http_on_https", "tls.handshake", weight=4)
_rule("leaf", r"malformed http (?:response|status code|version)", "registry.not_a_registry", "tls.http_on_https", weight=3, sure=False)
_rules(
    "leaf",
    "tls.handshake",
    4,
    r"net/http: tls handshake timeout",
    r"tls handshake timeout",
    r"remote error: tls: ",
    r"local error: tls: ",
    r"tls: handshake failure",
    r"tls: (?:server selected|protocol version|no supported|unsupported|received unexpected|internal error|bad|invalid|unknown)",
    r"tls: server selected unsupported protocol",
)

# --- What registries say -------------------------------------------------------------------------------------------------
_ANY_CREDENTIALS = (
    "auth.denied_or_missing",
    "auth.bad_credentials",
    "auth.expired",
    "auth.secret_missing",
    "auth.secret_wrong_registry",
    "auth.secret_ignored",
    "auth.secret_empty",
    "auth.secret_added_late",
    "auth.credential_provider",
    "auth.forbidden",
)
WHY_NONE_WERE_SENT = (
    "auth.secret_missing",
    "auth.secret_wrong_registry",
    "auth.secret_ignored",
    "auth.secret_empty",
    "auth.secret_added_late",
    "auth.credential_provider",
    "auth.denied_or_missing",
)
PRIVATE_OR_ABSENT = (
    "auth.no_credentials",
    "image.name_unknown",
    "auth.bad_credentials",
    "auth.expired",
    "auth.forbidden",
    *WHY_NONE_WERE_SENT[:-1],
)


def _codes(cause: str, weight: int, *texts: str, also: tuple[str, ...] = (), sure: bool = True) -> None:
    """A registry's words. The code words are kind "code": what follows them is read for its own sake."""
    _rules("leaf", cause, weight, *texts, also=also, sure=sure)


_codes("auth.no_credentials", 5, r"no basic auth credentials", also=WHY_NONE_WERE_SENT)
_codes(
    "auth.denied_or_missing",
    2,
    r"pull access denied",
    r"server message: insufficient_scope",
    r"insufficient_scope",
    r"server message: invalid_token",
    also=PRIVATE_OR_ABSENT,
)
_rule("code", r"unauthorized:?", weight=2, name="unauthorized")
_rule("code", r"denied:?", weight=2, name="denied")
_rule("code", r"toomanyrequests:?", "rate.registry_limit", weight=5)
_rule("code", r"too many requests to registry", "rate.registry_limit", weight=4)
_rule("code", r"too_many_requests", "rate.registry_limit", weight=4)
_rule("code", r"manifest_unknown:?", weight=3, name="manifest unknown")
_rule("code", r"manifest unknown:?", weight=3, name="manifest unknown")
_rule("code", r"name unknown:?", weight=3, name="name unknown")
_rule("code", r"name_unknown:?", weight=3, name="name unknown")
_rule("code", r"unknown: ", weight=0, name="unknown")
_rule("code", r"blob_unknown:?", "image.blob_unknown", weight=4)
_rule("code", r"blob unknown(?: to registry)?", "image.blob_unknown", weight=4)
_rule("code", r"unknown blob", "image.blob_unknown", weight=4)
_rule("code", r"manifest blob unknown", "image.blob_unknown", weight=4)
_rule("code", r"manifest invalid:?", "image.format_unsupported", weight=3, sure=False)
_rule("code", r"manifest_invalid:?", "image.format_unsupported", weight=3, sure=False)
_rule("code", r"server message: ?")
_rule("leaf", r"manifest for {ref} not found", weight=3, name="manifest for")
_rule("leaf", r"tag {word} not found in repository", "image.tag_unknown", weight=4)
_rule("leaf", r"content at {url} not found", weight=4, name="content at")
_rule("leaf", r"content digest {ref} not found", "content.corrupt", "storage.extract_failed", weight=4)
_rule("leaf", r"content digest sha256:[0-9a-f]{1,64}: not found", "content.corrupt", "storage.extract_failed", weight=4, sure=False)
_rule("leaf", r"not found", name="not found", weight=1)
_rule("leaf", r"no such image", "unknown.insufficient", "image.tag_unknown", "image.never_pull_absent", weight=2, sure=False)
_rule("leaf", r"no match for (?:current )?platform", "image.platform_mismatch", weight=5)
_rule("leaf", r"no matching manifest for", "image.platform_mismatch", weight=5)
_rule("leaf", r"no image found in (?:manifest list|image index) for", "image.platform_mismatch", weight=5)
_rule("leaf", r"choosing image instance", "image.platform_mismatch", weight=2, sure=False)
_rule("leaf", r"choosing an image from manifest list", "image.platform_mismatch", weight=2, sure=False)
_rule("leaf", r"image operating system \"?[a-z]{1,20}\"? cannot be used on this platform", "image.platform_mismatch", weight=5)
_rules(
    "leaf",
    "image.format_unsupported",
    4,
    r"mismatched image rootfs and manifest layers",
    r"no signatures",
    r"encountered unknown type",
    r"unexpected media type",
    r"unsupported media type",
    r"unsupported manifest media type",
    r"media type \"?[^\s\"]{1,120}\"? is no longer supported",
    r"schema 1 image manifests are no longer supported",
    r"unsupported schema version",
    r"unsupported manifest",
    r"missing signature key",
    r"manifest type {word} unsupported",
    r"unsupported image-specific operation on artifact",
    r"unsupported docker v2s2 media type",
    r"unimplemented mime type",
    r"docker image format v1",
    r"pulling schema 1 images",
)
_rules(
    "leaf",
    "content.corrupt",
    4,
    r"unexpected commit digest",
    r"wrong diff id",
    r"manifest does not match provided manifest digest",
    r"filesystem layer verification failed",
    r"image verification failed for digest",
    r"digest did not match",
    r"digest invalid",
    r"content digest mismatch",
    r"gzip: invalid",
    r"flate: corrupt input",
)
_rule("leaf", r"failed size validation", "content.corrupt", "transfer.interrupted", weight=4)

# --- Policy ------------------------------------------------------------------------------------------------------------
_rules(
    "leaf",
    "policy.signature",
    5,
    r"source image rejected",
    r"signaturevalidationfailed",
    r"a signature was required",
    r"invalid policy in",
    r"image verifier {ref} blocked pull",
    r"signature verification failed",
)
_rules("leaf", "policy.registry_blocked", 5, r"registry {ref} is blocked in")
_rule("leaf", r"short-name resolution enforced", "reference.short_name", weight=5)
_rule("leaf", r"short name mode is enforcing", "reference.short_name", weight=5)
_rule("leaf", r"short-name {ref} did not resolve to an alias", "reference.short_name", weight=5)

# --- The node's disk and its store ---------------------------------------------------------------------------------------
_rules("leaf", "storage.no_space", 5, r"no space left on device", r"disk quota exceeded", r"there is not enough space on the disk")
_rule("leaf", r"read-only file system", "storage.other", weight=4)
_rule("leaf", r"input/output error", "storage.other", weight=4)
_rule("leaf", r"structure needs cleaning", "storage.other", weight=4)
_rule("leaf", r"too many open files", "storage.other", weight=3)
_rule("leaf", r"cannot allocate memory", "storage.other", weight=3, sure=False)
_rule("leaf", r"parent snapshot {ref} does not exist", "storage.other", weight=4)
_rule("leaf", r"ref {ref} locked", "storage.other", weight=4, sure=False)
_rules("leaf", "storage.extract_failed", 3, r"lchown", r"failed to lchown", r"mkparent", r"hcsshim::", r"archive/tar: ")
_rule("file", r"open ((?:/etc/docker/certs\.d|/etc/containerd/certs\.d|/etc/containers/certs\.d)/[^\s:]{1,300}):")
_rule("file", r"open|mkdir|stat|rename|link|symlink|unlink|remove|chmod|mknod|write|lstat|mount (/[^\s:]{1,400})")

# --- The runtime and its configuration -----------------------------------------------------------------------------------
_rules(
    "leaf",
    "runtime.unavailable",
    4,
    r"cannot connect to the docker daemon",
    r"transport: error while dialing",
    r"all subconns are in transientfailure",
    r"unknown service runtime\.",
    r"validate service connection",
    r"server is not initialized yet",
    r"error reading from server",
    r"transport is closing",
    r"container runtime is down",
)
_rules(
    "leaf",
    "runtime.config_invalid",
    4,
    r"loading registries configuration",
    r"unable to read ca cert",
    r"failed to decode hosts\.toml",
    r"failed to load x509 key pair",
    r"missing client certificate",
    r"missing key {word} for client certificate",
    r"invalid `host` tree",
    r"snapshotter not loaded",
)
_rules("leaf", "node.clock_skew", 4, r"token used before issued", r"requesttimetooskewed")

RULES = {word: tuple(rules) for word, rules in _RULES.items()}
"""Every rule by the word it begins with."""

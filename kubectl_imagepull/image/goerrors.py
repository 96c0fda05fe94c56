"""The layers of the error texts that kubelets, runtimes and registries write.

Go programs put an error together from the outside in: `failed to pull and unpack image "R": failed to resolve
reference "R": failed to do request: Head "URL": dial tcp A: connect: connection refused`. `layers(text)`
finds each layer where one can begin (at the start, or behind the colon, bracket, quote or line break that
ends the layer before) and nowhere else, so that words inside an image name, a URL or a sentence are never
taken for one. What a chain of layers means is for `messages` to say.

Sources of the wordings: kubernetes pkg/kubelet/{images,kuberuntime,pleg}; containerd core/remotes/docker,
core/unpack, core/content, core/transfer, internal/cri/server; containers/image docker, copy, storage,
signature, pkg/sysregistriesv2, pkg/shortnames; cri-o server, internal/storage; moby distribution, daemon,
layer; distribution registry/api; Go net, net/url, net/http, crypto/tls, crypto/x509.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


@dataclass(frozen=True, eq=False)
class Rule:
    """One wording.

    words: as they stand, or pattern: where they vary. kind: what the layer does for the chain that it stands
    in, name: which one of its kind (both are `messages`' business); cause, also: what it names, where that
    does not depend on the chain; weight: how much that says about the failure, from 1 (a suffix that many
    errors share) to 5 (nothing is more exact); sure: it can hardly mean anything else.
    """

    kind: str
    words: str
    pattern: str = ""
    cause: str = ""
    also: tuple[str, ...] = ()
    weight: int = 0
    sure: bool = True
    name: str = ""

    @cached_property
    def match(self) -> Callable[[str, int], re.Match[str] | None]:
        """Matches at a position. Compiled when first asked for: a text needs few of the rules."""
        return re.compile(self.pattern).match


class Layer(NamedTuple):
    """A wording that was found: the rule, where it stands, and its groups as written."""

    rule: Rule
    start: int
    end: int
    groups: tuple[str | None, ...]


# Where a layer can begin, and its first word. Quotes, brackets and Markdown's marks may stand before it.
_BEGIN = re.compile(
    r"""(?: \A | [:;,|>=!?]\ | [.]\ | -\ | [)\]}]\ | \*\ | [\n"'`({\[]\ ?
          | =(?=["a-z]) | [0-9%]\]?\ (?=["a-z]) )
        ["'`({\[*_]{0,4} ([a-z][a-z0-9_/'-]*)""",
    re.VERBOSE,
)
_WORD = re.compile(r"[a-z][a-z0-9_/'-]*")
_NEXT = re.compile(r"[ \n][\"']?([a-z][a-z0-9_/'-]*)")
# "Error reading manifest" is "reading manifest" with an ornament.
_ORNAMENTS = frozenset({"error", "err", "while", "unable", "failed", "to", "an", "occurred"})

RULES: dict[str, list[Rule]] = {}
"""Every wording by the word that it begins with, in the order in which they are tried."""

# Short forms in the wordings. All are bounded, and none can match what follows it in two ways.
_MACROS = {
    "{image}": r"(?:\"([^\s\"][^\"]{0,800})?\"|\"?([^\s\",]{1,800}))",
    "{ref}": r"\"?([^\s\",]{1,800})\"?",
    # a bare word is no image here
    "{name}": r"\"?([^\s\",/:@]{1,300}[/:@][^\s\",]{1,600})\"?",
    "{url}": r"\"? ?\"?((?:https?|http\+docker):/{1,2}[^\s\",]{0,4000})\"?",
    "{word}": r"[^\s:\"]{1,400}",
    "{host}": r"\"?([a-z0-9_.<>-]{1,253}(?::\d{1,5})?)\"?",
    "{address}": r"(\[?[0-9a-z.:%-]{1,120}\]?:\d{1,5})",
    "{some}": r"[^\n:]{0,200}",
    "{n?}": r"(?:(\d{3})(?!\d))?",
    "{n}": r"(\d{3})(?!\d)",
    "{dates}": r"(?:: current time ([0-9a-z:.+-]{1,40}) is (before|after) ([0-9a-z:.+-]{1,40}))?",
}
_PLAIN = re.compile(r"[a-z0-9 :_/',=<>\"`#-]*")
# An escaped character, a whole class, or a space of its own.
_SPACE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|( )", re.DOTALL)


def _rule(kind: str, text: str, cause: str = "", /, *, also: tuple[str, ...] = (), weight: int = 0,
          sure: bool = True, name: str = "") -> None:  # fmt: skip
    """Adds a wording: words with single spaces, short forms, and regular expressions behind the first word.
    Several first words stand as `a|b`."""
    first = text.partition(" ")[0]
    heads = first.split("|")
    plain = _PLAIN.fullmatch(first.replace("|", "") + text[len(first) :]) is not None
    if not plain:
        pattern = text
        for macro, meaning in _MACROS.items():
            pattern = pattern.replace(macro, meaning)
        if len(heads) > 1:
            pattern = f"(?:{first}){pattern[len(first) :]}"
        if text[-1].isalnum():
            pattern += "(?![a-z0-9_])"
        # A space in a wording may have become a line break.
        pattern = _SPACE.sub(lambda found: r"[ \n]" if found.group(1) else found.group(), pattern)
        shared = Rule(kind, "", pattern, cause, also, weight, sure, name)
    for head in heads:
        word = _WORD.match(head)
        if word is None or (len(heads) > 1 and word.group() != head):
            raise ValueError(f"a layer begins with a plain word: {text!r}")
        rule = Rule(kind, head + text[len(first) :], "", cause, also, weight, sure, name) if plain else shared
        RULES.setdefault(word.group(), []).append(rule)


def _all(kind: str, name: str, *texts: str) -> None:
    for text in texts:
        _rule(kind, text, name=name)


def _cause(
    cause: str,
    weight: int,
    *texts: str,
    also: tuple[str, ...] = (),
    sure: bool = True,
    kind: str = "leaf",
    name: str = "",
) -> None:
    for text in texts:
        _rule(kind, text, cause, also=also, weight=weight, sure=sure, name=name)


def layers(text: str) -> Iterator[Layer]:
    """The layers of a text, in order, none overlapping. The text is as `wording.plain` gives it."""
    # As many characters as the text, so that positions agree, in lower case and in ASCII.
    low = (text if text.isascii() else text.encode("ascii", "replace").decode("ascii")).lower()
    flat = low.replace("\n", " ")
    reached = 0
    for begin in _BEGIN.finditer(low):
        at: re.Match[str] | None = begin
        if begin.start(1) < reached:
            continue
        while at is not None:
            word, start = at.group(1), at.start(1)
            groups: tuple[str | None, ...] = ()
            for rule in RULES.get(word, ()):
                if rule.words:
                    end = start + len(rule.words)
                    if flat.startswith(rule.words, start) and not (
                        rule.words[-1].isalnum() and flat[end : end + 1].isalnum()
                    ):
                        reached = end
                        break
                else:
                    found = rule.match(low, start)
                    if found is not None:
                        reached = found.end()
                        if found.re.groups:
                            spans = [found.span(i) for i in range(1, found.re.groups + 1)]
                            groups = tuple(text[a:b] if a >= 0 else None for a, b in spans)
                        break
            else:
                at = _NEXT.match(low, at.end()) if word in _ORNAMENTS else None
                continue
            yield Layer(rule, start, reached, groups)
            # What follows a layer without any mark is another one, where people leave the marks out.
            at = _NEXT.match(low, reached)


# --- The kubelet, and what other programs say about a pull as a whole ----------
_all(
    "pull",
    "",
    r"failed to pull image or oci artifact",
    r"failed to pull image ?{image}",
    r"failed to pull image",
    r"failed to pull {name}",
    r"failed to download image",
    r"pullimage from image service failed",
    r"pullimage (?:for )?{image}",
    r"pull image err",
    r"pull image {image} (?:from image service )?failed",
    r"pull image failed",
    r"pull image:",
    r"pulling image failed",
    r"pulling image:",
    r"pulling image error",
    r"pulling image \(",
    r"pulling image \"([^\"]{1,800})\":",
    r"pulling image ref ",
    r"pulling {name}",
    r"pull {name}",
    r"pull image or oci artifact",
    r"cannot pull (?:base )?image",
    r"can't pull image",
    r"cannot pull container image",
    r"cannotpullcontainererror",
    r"cannotpullimagemanifesterror",
    r"fetch image {image}",
    r"read image {image}:",
    r"image pull failed for {ref}",
    r"image pull-error",
    r"imagepull",
    r"get sandbox image {image}",
    r"failed pulling image {image}",
    r"retrieving image",
    r"get remote manifest",
)
_all(
    "pull",
    "backing off",
    r"back-off pulling image ?{image}",
    r"imagepullbackoff",
    # what `kubectl logs` gets for a container that waits (kubelet: validateContainerLogStatus)
    r"trying and failing to pull image",
    r"image can't be pulled",
)
_all("pull", "reason", r"errimagepull")
_all(
    "sandbox",
    "",
    r"create pod sandbox",
    r"failed create pod sandbox",
    r"failed to \"create ?pod ?sandbox",
    r"createpodsandbox",
    r"createpodsandboxerror",
    r"failedcreatepodsandbox",
    r"run pod sandbox failed",
    r"runpodsandbox",
)
_all(
    "inspect",
    "",
    r"inspect image {image}",
    r"imageinspecterror",
    r"imagestatus (?:for image \{?|failed: )?{image}",
    r"get image status",
)

_cause(
    "none",
    5,
    r"successfully pulled image {image}",
    r"container image {image} already present on machine",
    name="image",
)
_cause("pull.in_progress", 1, r"pulling image {image}(?! ?:)", name="image")
_cause(
    "image.never_pull_absent",
    5,
    r"container image {image} is not present with pull policy of never",
    also=("auth.cached_image_denied",),
    name="image",
)
_cause("image.never_pull_absent", 4, r"errimageneverpull", also=("auth.cached_image_denied",))
_cause("rate.kubelet_qps", 5, r"pull qps exceeded")
_cause("reference.invalid", 4, r"apply default image tag {image}", name="image")
_cause("reference.invalid", 5, r"couldn't parse image (?:name|reference) {image}", name="image")
_cause(
    "reference.invalid",
    5,
    r"invalid reference format",
    r"parsing reference",
    r"parsing (?:image )?(?:name|reference) {ref}:",
    r"parse (?:image )?(?:name|reference)",
    r"invalidimagename",
    r"invalid image name",
    r"invalid image reference",
    r"invalid repository name",
    r"repository name must (?:be|have|not)",
    r"could not parse reference",
    r"invalid tag format",
    r"invalid digest format",
    r"invalid checksum digest (?:format|length)",
)
_cause(
    "auth.secret_missing",
    4,
    r"retrieve some image pull secrets \(([^)\n]{0,800})",
    r"retrieve pull secret ({word})",
    r"retrieve pull secret,()",
    name="secret",
)
_cause("auth.secret_missing", 4, r"failedtoretrieveimagepullsecret", r"couldn't find imagepullsecret")
_cause(
    "auth.secret_malformed",
    4,
    r"illegal base64 data at input byte",
    r"parse auth field",
    r"decode auth field",
    r"expected username and password concatenated",
    r"reading \.dockerconfigjson field",
)
_cause(
    "auth.credential_provider",
    5,
    r"failed getting credential from external registry credential provider",
    r"execing credential provider plugin(?: {word} for image {ref})?",
    r"running credential provider plugin",
    r"credential provider plugin ",
    r"getting credentials from credential provider",
    r"getting credentials - err",
    r"calling credential helper",
    r"credential provider response",
    r"audience {ref} not found in pod spec volume",
    name="image",
)

# --- Not pulling at all ----------
_cause(
    "not_a_pull_failure",
    4,
    r"readiness|liveness|startup probe",
    r"crashloopbackoff",
    r"back-off (?:[0-9ms.]{1,12} )?restarting failed container",
    r"failedmount",
    r"mountvolume\.",
    r"attachvolume\.",
    r"attach or mount volumes",
    r"failedattachvolume",
    r"failedscheduling",
    r"nodes are available",
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
    r"generate (?:container|spec|sandbox)",
    r"create containerd (?:task|container)",
    r"create (?:shim|task|container)",
    r"start (?:container|sandbox)",
    r"container create failed",
    r"container_linux",
    r"starting container process caused",
    r"oci runtime",
    r"runc (?:create|run) failed",
    r"exec format error",
    r"exec user process",
    r"executable file not found in",
    r"standard_init_linux",
    r"set ?up (?:sandbox container )?[^:\n]{0,200}network",
    r"setup network for sandbox",
    r"networkplugin ",
    r"plugin type=",
    r"cni plugin not initialized",
    r"network plugin is not ready",
    r"container runtime network not ready",
    r"reserve (?:sandbox|container) name",
    r"couldn't find key",
    r"configmap {ref} not found",
    r"sync (?:secret|configmap) cache",
    r"insufficient (?:cpu|memory|ephemeral-storage|pods)",
    r"exec in container",
    r"container has runasnonroot",
    r"container's runasuser breaks non-root policy",
    r"stop|remove|kill (?:container|pod|sandbox)",
    r"destroy network",
    r"poststarthook",
    r"failedpoststarthook",
    r"prestophook",
    r"no command specified",
    kind="frame",
)
_cause(
    "not_a_pull_failure",
    4,
    r"reference \"[^\"\n]{0,800}\" does not resolve to an image id",
    kind="frame",
    also=("storage.other",),
)
_rule("secret", r"secret|secrets {ref} not found")
# What a container's start says of the runtime's own pipes: no connection of a pull.
_cause(
    "not_a_pull_failure",
    4,
    r"container init:",
    r"during container init",
    r"read init-p",
    r"procready not received",
    r"start shim",
    r"ttrpc: ",
    kind="frame",
)
_cause(
    "policy.admission",
    5,
    r"admission webhook",
    r"image policy webhook",
    r"validatingadmissionpolicy",
    r"violates podsecurity",
    kind="frame",
)
_cause(
    "policy.admission",
    4,
    r"calling (?:admission )?webhook",
    r"pods|pod {ref} is forbidden",
    r"pods is forbidden",
    kind="frame",
    also=("not_a_pull_failure",),
    sure=False,
)
_cause("node.not_ready", 4, r"node is not ready", r"nodenotready", r"kubelet stopped posting node status")

# --- Wrappers of the runtimes ----------
# The status was kept, and what was being done, and no more.
_rule(
    "leaf",
    r"rpc error: ?code ?= ?notfound ?desc ?= ?failed to (?:pull and unpack image|resolve reference)[ .\"')\]]{0,4}(?=\n|$)",
    weight=1,
    sure=False,
    name="not found",
)
_rule("rpc", r"rpc error: ?code ?= ?([a-z0-9]{1,20}) ?desc ?=")
# The kubelet's word for it was all that was kept.
_rule("leaf", r"rpc error: ?code ?= ?notfound[ .\"')\]]{0,4}(?=\n|$)", weight=1, sure=False, name="not found")
_rule("top", r"failed to pull and unpack image {image}", name="containerd")
_rule("top", r"initializing (?:image from )?source docker://{ref}", name="cri-o")
_all(
    "top",
    "",
    r"initializing (?:image from )?source (?:docker://)?{ref}",
    r"errors occurred",
    r"solve",
    r"determining manifest mime type for (?:docker://)?{ref}",
    r"verifying that {ref}",
)
_rule("rpc", r"error response from daemon")
_rule("artifact", r"artifact err")
_rule("mirrors", r"mirrors also failed")
_rule("mirrors", r"fallback sources also failed", name="fallback")
# The keys of log lines (klog, logrus)
_rule("image", r"image={image}")
_rule("host", r"host={host}()")
_all("stage", "resolve", r"resolve (?:reference|image|source metadata for) ?{image}", r"resolve image")
_rule("stage", r"do request", name="request")
_rule("stage", r"fetch (anonymous|oauth) token", name="token")
_all(
    "stage",
    "token",
    r"authorize(?: redirect)?:",
    r"requesting bearer token",
    r"retrieve auth token",
    r"getting auth token",
    r"get|obtain|retrieve (?:auth|access|bearer) token",
)
_all(
    "stage",
    "copy",
    r"copy:",
    r"httpreadseeker",
    r"httpreaderseeker",
    r"copying (?:system image|image \d{1,4}/\d{1,4}) from manifest list",
    r"storing blob to file",
    r"happened during read",
    r"read expected number of bytes",
)
_all(
    "stage",
    "blob",
    r"writing|fetching|copying|reading (?:config )?(?:blob|layer)",
    r"pulling|parsing|reading|fetching|getting image config(?:uration)?",
    r"download failed(?: after attempts ?=? ?\d{0,3})?",
    r"trying to reuse blob",
)
_all(
    "stage",
    "content",
    r"failed commit on ref {ref}",
    r"commit failed",
    r"copy to content store",
    r"open writer",
    r"create temp (?:dir|file)",
    r"open content writer",
)
_rule("stage", r"reading|fetching manifest ({word}(?::[0-9a-f]{0,128})?) in {ref}", name="manifest")
_rule("stage", r"pinging (?:container|docker) registry(?: returned)?(?: {host})?", name="ping")
_rule("stage", r"ping registry endpoint", name="ping")
_all(
    "stage",
    "unpack",
    r"unpack image",
    r"extract layer",
    r"register layer",
    r"apply(?:ing)? layer",
    r"applylayer",
    r"untar re-exec",
    r"processing tar file",
    r"adding layer with blob",
    r"unpack:",
)
_all(
    "stage",
    "snapshot",
    r"prepare|create|mount|commit|stat (?:extraction |active )?snapshot",
    r"stat parent",
    r"committing the finished image",
    r"get active mount",
)
_rule("host", r"pulling from host {host}(?: failed with status code(?: \[[^\]\n]{0,300}\])?:? ?{n?})?")

# --- net/http, net/url, net ----------
# A status and its phrase, in somebody's own words.
for _status, _phrase in (
    ("401", "unauthorized"),
    ("403", "forbidden"),
    ("404", "not found"),
    ("429", "too many requests"),
    ("500", "internal server error"),
    ("502", "bad gateway"),
    ("503", "service unavailable"),
    ("504", "gateway timeout"),
):
    _rule("phrase", f"{_phrase}(?<={_status} {_phrase})", name=_status)
_rule("status", r"invalid status code returned when fetching blob:? ?{n}", name="blob")
_all(
    "status",
    "",
    r"unexpected|unsupported|unhandled|received status(?: code)?(?: from [a-z]{2,8} request)?(?: to| at)?"
    r"(?: (?:{url}|<_>))?(?: ?\[[^\]\n]{0,300}\])?:? ?{n?}",
    r"received unexpected http status:? ?{n?}",
    r"unexpected (?:http|head) (?:status|code|response)(?: code)?(?: {url})?:? ?{n}",
    r"invalid|unexpected|bad|unsupported (?:http )?(?:status|response) code"
    r"(?: from registry| returned when fetching (?:manifest|signature)[^\n:]{0,80}?)?:? ?{n}",
    r"response status code:? ?{n}",
    r"parsing http {n} response body",
    r"statuscode:? ?{n}",
    r"status {n} trying to pull repository",
    r"http status(?: code)?:? ?{n}",
    r"status(?: code)?:? ?{n}",
    r"got {n} [a-z]",
    r"source registry: {n}",
)
_rule("url", r"get|head|post|put ?{url}")
_all(
    "proxy",
    "",
    r"proxyconnect tcp",
    r"http: error connecting to proxy",
    r"socks connect",
    r"invalid proxy (?:url|address)",
    r"proxy: unknown scheme",
)
_rule("lookup", r"lookup ([^\s:\"]{1,255})(?: on \[?([0-9a-z.:%]{2,60}?)\]?:\d{1,5})?(?=[ :.,\")\n]|$)")
_rule("reach", r"dialing {host} ")
_rule("reach", r"connecting to {host}:")
_rule("dial", r"dial (tcp|udp)[46]? {address}")
_rule("dial", r"dial (unix)(?: ([^\s\":]{1,200}))?")
_rule("dial", r"dial (tcp|udp)[46]?")
_rule("io", r"read|write (unix) [^\s]{1,200}")
_rule("io", r"read|write (tcp|udp)[46]?(?: \[?[0-9a-z.:%-]{1,120}\]?:\d{1,5})?(?:->{address})?")
_all(
    "net",
    "refused",
    r"connection refused",
    r"connectex: no connection could be made because the target",
    r"no connection could be made because the target",
)
_all(
    "net",
    "unreachable",
    r"no route to host",
    r"network is (?:unreachable|down)",
    r"host is (?:unreachable|down)",
    r"cannot assign requested address",
    r"can't assign requested address",
    r"connectex: a socket operation was attempted to an unreachable",
    r"a socket operation was attempted to an unreachable",
)
_all(
    "net",
    "reset",
    r"connection (?:was )?reset",
    r"wsarecv: an existing connection was forcibly closed",
    r"wsasend: an existing connection was forcibly closed",
    r"an existing connection was forcibly closed",
    r"broken pipe",
)
_all(
    "net",
    "timeout",
    r"i/o timeout",
    r"connection|operation timed out",
    r"connectex: a connection attempt failed because",
    r"a connection attempt failed because the connected party",
    r"net/http: request canceled while waiting for connection",
    r"net/http: timeout awaiting response headers",
    r"http2: timeout awaiting response headers",
    r"timeout awaiting response headers",
)
_all(
    "net",
    "canceled",
    r"net/http: request canceled(?: \(client\.timeout ([^)]{0,80}))?",
    r"request canceled(?: \(client\.timeout ([^)]{0,80}))?",
    r"context cancell?ed(?: \(client\.timeout ([^)]{0,80}))?",
)
_all("net", "deadline", r"context deadline exceeded(?: \(client\.timeout ([^)]{0,80}))?")
_all(
    "net",
    "eof",
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
    r"tls: bad record mac",
    r"short read: expected",
)
_all(
    "resolver",
    "nxdomain",
    r"no such host",
    r"name or service not known",
    r"nodename nor servname provided",
    r"getaddrinfow: no such host is known",
    r"no address associated with hostname",
    r"invalid domain name",
)
_all(
    "resolver",
    "failure",
    r"server misbehaving",
    r"temporary failure in name resolution",
    r"getaddrinfow: this is usually a temporary error",
    r"no answer from dns server",
    r"cannot unmarshal dns message",
    r"dnsquery: ",
)
_cause("dns.no_usable_address", 4, r"no suitable address")
_cause("net.proxy", 4, r"proxy authentication required")
# What a proxy answers to CONNECT comes out as the bare text of its status (net/http Transport.dialConn).
_all(
    "answer",
    "",
    *(
        words + r"(?=\.?[ \"')\]}]{0,4}(?:\n|$|, |; ))"
        for words in (
            r"forbidden",
            r"bad gateway",
            r"bad request",
            r"service unavailable",
            r"gateway time-?out",
            r"method not allowed",
            r"internal server error",
            r"too many requests",
        )
    ),
)

# --- crypto/tls, crypto/x509 ----------
_cause(
    "tls.unknown_authority",
    4,
    r"x509: certificate signed by unknown authority",
    r"certificate signed by unknown authority",
    r"unable to get local issuer certificate",
    r"self[- ]signed certificate",
    r"certificate verify failed",
)
for _x509 in ("x509: ", ""):
    _cause(
        "tls.hostname_mismatch",
        4,
        _x509 + r"certificate is not valid for any names, but wanted to match {host}",
        name="wanted",
    )
    _cause(
        "tls.hostname_mismatch",
        4,
        _x509 + r"certificate is valid for(?: ([a-z0-9*.-]{1,253}), not )?",
        name="certified",
    )
    _cause(
        "tls.hostname_mismatch",
        4,
        _x509 + r"certificate is not valid for",
        _x509 + r"cannot validate certificate for",
        _x509 + r"certificate relies on legacy common name",
    )
    _rule("leaf", _x509 + r"certificate has expired or is not yet valid{dates}", weight=4, name="dates")
    _cause("tls.expired", 4, _x509 + r"certificate has expired")
    _cause("tls.not_yet_valid", 4, _x509 + r"certificate is not yet valid")
_cause("tls.expired", 4, r"remote error: tls: expired certificate")
# A certificate that breaks the standard is refused whoever signed it.
for _x509 in ("x509: ", ""):
    _cause(
        "tls.handshake",
        4,
        _x509 + r"negative serial number",
        _x509 + r"unhandled critical extension",
        _x509 + r"certificate specifies an incompatible key usage",
    )
_cause(
    "tls.handshake",
    4,
    r"x509: (?:malformed|invalid (?!signature)|serial number|trailing data|unsupported|certificate contains duplicate)",
    r"x509: cannot verify signature: (?:insecure|algorithm)",
)
_cause("tls.unknown_authority", 3, r"x509: ", also=("tls.handshake",), sure=False)
_all(
    "note",
    "",
    r"tls: failed to (?:verify|parse) certificate(?: from server)?",
    r"verify certificate",
    r"parse certificate from server",
)
_cause(
    "tls.http_on_https",
    4,
    r"http: server gave http response to https client",
    r"server gave http response to https client",
    r"tls: first record does not look like a tls handshake",
    r"first record does not look like a tls handshake",
    r"client sent an http request to an https server",
    r"the plain http request was sent to https port",
    r"tls: oversized record received",
    r"ssl: wrong_version_number",
)
_cause("tls.http_on_https", 4, r"malformed http response \"?\\{1,4}x15\\{1,4}x03", also=("tls.handshake",))
_cause(
    "registry.not_a_registry",
    3,
    r"malformed http (?:response|status code|version)",
    sure=False,
    also=("tls.http_on_https", "registry.server_error"),
)
_rule("tls", r"local error: tls: ")
_cause("tls.handshake", 4, r"remote error: tls: certificate required", also=("auth.no_credentials",))
_cause(
    "tls.handshake",
    4,
    r"remote error: tls: ",
    r"net/http: tls handshake timeout",
    r"tls handshake timeout",
    r"tls: handshake failure",
    r"tls: (?:server selected|protocol version|no supported|no renegotiation|unsupported|received)",
    r"tls: (?:internal error|invalid|unknown|unrecognized|access denied|alert|illegal|decode)",
)

# --- What registries say ----------
WHY_NONE_WERE_SENT = (
    "auth.secret_missing",
    "auth.secret_wrong_registry",
    "auth.secret_ignored",
    "auth.secret_empty",
    "auth.secret_added_late",
    "auth.credential_provider",
    "auth.denied_or_missing",
)
"""Causes behind "no credentials were sent" that no registry can tell apart."""
PRIVATE_OR_ABSENT = (
    "auth.no_credentials",
    "image.name_unknown",
    "auth.bad_credentials",
    "auth.expired",
    "auth.forbidden",
    *WHY_NONE_WERE_SENT[:-1],
)
"""What a registry may mean that refuses without saying whether the repository is there."""

_cause(
    "auth.no_credentials",
    5,
    r"no basic auth credentials",
    r"handle basic auth because missing username or secret",
    also=WHY_NONE_WERE_SENT,
)
_rule(
    "leaf",
    r"pull access denied for {ref}",
    "auth.denied_or_missing",
    weight=2,
    also=PRIVATE_OR_ABSENT,
    name="image",
)
_cause("auth.denied_or_missing", 2, r"pull access denied", also=PRIVATE_OR_ABSENT)
_cause(
    "auth.denied_or_missing",
    2,
    r"server message: (?:insufficient_scope|invalid_token)",
    also=(*PRIVATE_OR_ABSENT, "node.clock_skew"),
)
_cause("auth.denied_or_missing", 2, r"insufficient_scope", also=PRIVATE_OR_ABSENT)
_cause(
    "auth.denied_or_missing",
    2,
    r"unauthorized:?",
    r"denied:?",
    also=PRIVATE_OR_ABSENT,
    sure=False,
    kind="code",
)
_cause("rate.registry_limit", 5, r"toomanyrequests:?", kind="code")
_cause("rate.registry_limit", 4, r"too many requests to registry", r"too_many_requests", kind="code")
_all("code", "manifest unknown", r"manifest unknown:?", r"manifest_unknown:?")
_cause(
    "image.name_unknown",
    3,
    r"name unknown:?",
    r"name_unknown:?",
    r"repository name not known to registry",
    kind="code",
)
_cause(
    "image.blob_unknown",
    4,
    r"blob unknown(?: to registry)?",
    r"blob_unknown:?",
    r"unknown blob",
    kind="code",
    also=("content.corrupt",),
)
_cause("image.blob_unknown", 4, r"manifest blob unknown", r"manifest_blob_unknown", kind="code")
_cause("image.format_unsupported", 3, r"manifest invalid:?", r"manifest_invalid:?", kind="code", sure=False)
_all("code", "", r"unknown: ", r"server message: ")
_cause("image.format_unsupported", 2, r"unsupported: ", kind="code", sure=False)
# Sentences of registries that people paste without the code before them.
_all(
    "code",
    "",
    r"requested access to the resource is denied",
    r"access to the requested resource is not authorized",
    r"authentication (?:is )?required",
    r"unauthorized to access repository",
    r"your authorization token has expired",
    r"you have reached your (?:unauthenticated )?pull rate limit",
    r"incorrect username or password",
    r"unauthenticated requests? ",
    r"permission \"",
    r"user: arn:",
    r"rate exceeded",
    r"anonymous users are only",
    r"http basic: access denied",
    r"parse json key",
)
_cause(
    "auth.denied_or_missing",
    3,
    r"requested repository does not match bearer token resource",
    also=("auth.bad_credentials", "auth.forbidden", "image.name_unknown", "registry.server_error"),
    sure=False,
    kind="code",
)
_rule("leaf", r"manifest for {ref} not found", name="manifest for")
_cause(
    "image.tag_unknown",
    4,
    r"tag {word} not found in repository",
    r"tag {ref} was deleted or has expired",
    r"manifest tagged by {ref} is not found",
)
_rule("leaf", r"repository {ref} not found(: does not exist or no pull access)?", name="repository")
_cause("image.name_unknown", 4, r"repository {ref} does not exist")
_rule("leaf", r"image {ref} not found", name="image not found")
_rule("leaf", r"content at {ref} not found", name="content at")
_cause(
    "image.tag_unknown",
    2,
    r"trying next host - response was http\.statusnotfound",
    also=("image.name_unknown",),
    sure=False,
    kind="code",
)
_cause(
    "image.name_unknown",
    3,
    r"find image in the registries",
    sure=False,
    also=("auth.denied_or_missing", "image.tag_unknown"),
)
_cause(
    "image.blob_unknown",
    3,
    r"could not fetch content descriptor \S{1,200} \([^)\s]{0,80}\.(?:layer|rootfs|config|container\.image)\.[^)\s]{0,80}\)",
    sure=False,
)
_cause("image.digest_unknown", 3, r"could not fetch content descriptor", sure=False)
# The node's own store: what it was told to hold is gone, or was never loaded. No registry is asked here.
_cause(
    "storage.other",
    5,
    r"content digest {ref} not found",
    r"content digest sha256:[0-9a-f]{1,64}: not found",
    r"blob {ref} expected at /",
    r"blob {ref} expected at [a-z]:",
    r"get reader from content store",
    r"create reader from content store",
    also=("storage.extract_failed", "content.corrupt"),
    sure=False,
    kind="store",
)
_cause("storage.other", 4, r"error unpacking image", also=("storage.extract_failed",), sure=False, kind="store")
_rule("leaf", r"not found", name="not found")
_cause(
    "unknown.insufficient",
    2,
    r"no such image",
    also=("image.tag_unknown", "image.never_pull_absent"),
    sure=False,
)
_cause(
    "image.platform_mismatch",
    5,
    r"no match for (?:current )?platform",
    r"no matching manifest for(?: ([a-z]{1,20}/[a-z0-9]{1,20}(?:/v\d)?))?",
    r"no manifest found for platform",
    r"no image found in (?:manifest list|image index) for(?: architecture \"?([a-z0-9]{1,20})\"?, variant \"?([a-z0-9]{0,9})\"?,"
    r" os \"?([a-z]{1,20}))?",
    r"image operating system \"?[a-z]{1,20}\"? cannot be used on this platform",
    r"operating system is not supported",
    r"a windows version [0-9.]{1,20}-based image is incompatible with",
    r"snapshotter {word} does not support platform",
    name="platform",
)
_cause(
    "image.platform_mismatch",
    5,
    r"image with reference {ref} was found but does not (?:provide|match) the specified platform"
    r"(?:(?: \(|: wanted )([a-z]{1,20}/[a-z0-9]{1,20}(?:/v\d)?))?",
    r"image with reference {ref} was found but's platform",
    name="another platform",
)
_cause(
    "image.platform_mismatch",
    2,
    r"choosing image instance",
    r"choosing an image from manifest list(?: (?:docker://)?{ref})?",
    sure=False,
    name="instance",
)
_cause(
    "image.format_unsupported",
    4,
    r"mismatched image rootfs and manifest layers",
    r"number of layers and diffids don't match",
    r"no signatures",
    r"encountered unknown type",
    r"encountered remote \"",
    r"media ?type \"?[^\s\"]{1,120}\"? (?:is )?not supported",
    r"mediatype \"?[^\s\"]{1,120}\"? (?:is )?not supported",
    r"application/vnd\.docker\.distribution\.manifest\.v1\+[a-z]{1,20}\"? (?:is )?not supported",
    r"invalid rootfs in image configuration",
    r"unsupported manifest",
    r"unsupported schema version",
    r"unsupported (?:ociv1|docker v2s2) media type",
    r"unsupported docker image format",
    r"unimplemented manifest",
    r"media type \"?[^\s\"]{1,120}\"? is no longer supported",
    r"mediatype in manifest should be",
    r"schema 1 image manifests are no longer supported",
    r"missing signature key",
    r"manifest type {word} unsupported",
    r"docker image format v1",
    r"pulling schema 1 images",
    r"unknown image manifest format",
    r"rejecting \d{1,12} byte manifest",
    r"no fslayers in manifest",
    r"target is [a-z]",
)
# No image at all: a Helm chart, a signature, an SBOM, a module. It may have been pulled before a container needs it.
_cause(
    "image.format_unsupported",
    5,
    r"unexpected|unsupported|unknown media ?type",
    r"no processor for media-type",
    r"unsupported image-specific operation on artifact",
    kind="store",
)
_cause(
    "image.format_unsupported",
    3,
    *(
        rf"{media_type}[a-z0-9.+-]{{0,80}}"
        for media_type in (
            r"application/vnd\.cncf\.helm",
            r"application/vnd\.dev\.cosign",
            r"application/vnd\.dev\.sigstore",
            r"application/vnd\.in-toto",
            r"application/vnd\.cyclonedx",
            r"application/vnd\.wasm",
            r"application/vnd\.module\.wasm",
            r"application/vnd\.oci\.empty",
            r"application/vnd\.unknown",
            r"application/spdx",
            r"application/wasm",
            r"text/spdx",
        )
    ),
    sure=False,
    kind="store",
)
for _json in (r"unexpected end of json input", r"json: cannot unmarshal"):
    _rule("leaf", _json, weight=3, sure=False, name="no manifest")
_rule("answered", r"decoding bearer token(?: \(last url {url})?")
_cause(
    "registry.not_a_registry",
    2,
    r"invalid character '[^'\n]{1,4}' looking for beginning of value",
    sure=False,
    also=("image.format_unsupported", "registry.server_error", "net.proxy"),
)
_cause(
    "registry.not_a_registry",
    2,
    r"endpoint {ref} does not support v2 api",
    r"can't talk to a v1 container registry",
    sure=False,
)
_cause(
    "registry.server_error",
    3,
    r"unsupported protocol scheme",
    r"missing realm in bearer auth challenge",
    r"no (?:realm|scope|service) specified for token auth challenge",
    r"invalid token auth challenge realm",
    r"authorization server did not include a token",
    r"decode token response",
    r"find supported auth scheme",
    r"stopped after 10 redirects",
    also=("registry.not_a_registry", "net.proxy"),
    sure=False,
)
_cause(
    "content.corrupt",
    4,
    r"unexpected commit digest",
    r"wrong (?:diff id|digest|blob size)",
    r"manifest does not match (?:provided|selected) manifest digest",
    r"image manifest does not match selected manifest digest",
    r"filesystem layer verification failed",
    r"image verification failed for digest",
    r"manifest verification failed for digest",
    r"layers from manifest don't match image configuration",
    r"digest did not match",
    r"digest invalid",
    r"digest mismatch",
    r"blob (?:digest|size) mismatch",
    r"unexpected digest",
    r"got digest {word}",
    r"layer \d{1,6} \(blob [^)\n]{0,400}\) does not match config's diffid",
    r"gzip: invalid",
    r"flate: corrupt input",
    r"zstd: (?:invalid|corrupt)",
)
# The digest of a layer is checked before it is unpacked: it was pushed so, or the node's copy is damaged.
_cause(
    "content.corrupt",
    4,
    r"unpigz: [^\n]{0,80}?corrupted",
    r"pigz: [^\n]{0,80}?corrupted",
    also=("storage.extract_failed", "storage.other", "transfer.interrupted"),
    sure=False,
)
_cause(
    "content.corrupt",
    4,
    r"failed size validation",
    r"size mismatch when copying",
    r"unexpected (?:commit|copy) size",
    r"unexpected size:? \d",
    also=("transfer.interrupted",),
)
_cause(
    "transfer.timeout",
    4,
    r"cancel pulling image {ref} because of no progress",
    also=("transfer.stalled", "transfer.interrupted"),
    name="image",
)

# --- Policy ----------
_cause(
    "policy.signature",
    5,
    r"source image rejected",
    r"signaturevalidationfailed",
    r"a signature was required",
    r"none of the signatures were accepted",
    r"any signatures for image {ref} are rejected by policy",
    r"running image {ref} is rejected by policy",
    r"signature for identity",
    # Harbor's content trust (src/server/middleware/contenttrust)
    r"the image doesn't pass (?:cosign |notation )?signature verification",
    r"the image is not signed",
    r"cryptographic signature verification failed",
    r"signature verification failed",
    r"invalid policy in",
    r"no policy\.json file found",
    r"image verifier {ref} blocked pull",
    r"blocking pull of {ref}",
)
# containers/image docker/docker_client.go, ErrUnauthorizedForCredentials
_cause("auth.bad_credentials", 4, r"unable to retrieve auth token: ?invalid username/password")
_cause("policy.registry_blocked", 5, r"registry {ref} is blocked in", name="wanted")
# Docker Desktop's Registry Access Management
_cause("policy.registry_blocked", 5, r"access to {ref} is restricted by your docker organization")
_cause(
    "reference.short_name",
    5,
    r"short-name resolution enforced",
    r"short name mode is enforcing",
    r"short-name {ref} did not resolve to an alias",
)

# --- The node's disk and its store ----------
_cause(
    "storage.no_space",
    5,
    r"no space left on device",
    r"disk quota exceeded",
    r"not enough space on the disk",
    r"there is not enough space on the disk",
    r"thin pool has ",
)
_cause(
    "storage.other",
    4,
    r"read-only file system",
    r"input/output error",
    r"structure needs cleaning",
    r"stale (?:nfs )?file handle",
    r"too many (?:open files|links)",
)
_cause(
    "storage.other",
    3,
    r"configure storage",
    r"cannot allocate memory",
    r"record (?:the )?image pull",
    sure=False,
)
_cause(
    "storage.other",
    4,
    r"parent snapshot {ref} does not exist",
    r"ref {ref} locked",
    r"error creating overlay mount",
    r"creating overlay mount",
    r"layer not known",
    r"driver {ref} failed to (?:create|get) image rootfs",
)
_cause(
    "storage.extract_failed",
    3,
    r"lchown",
    r"mkparent",
    r"hcsshim::",
    r"archive/tar: ",
    r"potentially insufficient uids",
    r"container id \d{1,12} cannot be mapped",
    r"mount callback failed",
)
_rule(
    "file",
    r"open|read|mkdir|stat|lstat|rename|link|symlink|unlink|unlinkat|remove|chmod|mknod|write|readlink|mount "
    r"\"?((?:/|[a-z]:\\)[^\s:\"]{1,400})",
)
_all(
    "errno",
    "",
    r"permission denied",
    r"operation not permitted",
    r"no such file or directory",
    r"not a directory",
    r"is a directory",
    r"file exists",
    r"invalid argument",
    r"device or resource busy",
    r"file name too long",
    r"invalid cross-device link",
)

# --- The runtime and its configuration ----------
_cause(
    "runtime.unavailable",
    4,
    r"cannot|can't connect to (?:the )?(?:docker daemon|podman)",
    r"connect to the docker daemon",
    r"error during connect",
    r"transport: error while dialing",
    r"all subconns are in transientfailure",
    r"unknown service runtime\.",
    r"validate service connection",
    r"server is not initialized yet",
    r"error reading from server",
    r"reading from server",
    r"transport is closing",
    r"container runtime is down",
    r"container runtime status check may not have completed yet",
    r"pleg is not healthy",
)
_cause(
    "runtime.config_invalid",
    4,
    # net/url: an address that a setting of the node makes
    r"parse \"?[^\s\"]{1,2000}\"?: (?:missing protocol scheme|first path segment in url|invalid (?:port|uri|character|host))",
    r"loading (?:drop-in )?registries",
    r"loading short-name aliases",
    r"parse the registries\.conf file",
    r"tls: failed to find any pem data",
    r"find any pem data in",
    r"read|load ca cert",
    r"read cert file",
    r"load x509 key pair",
    r"initialize cert pool",
    r"decode hosts\.toml",
    r"decode /{word}hosts\.toml",
    r"invalid `host` tree",
    r"parse toml",
    r"missing client certificate",
    r"missing key {word} for client certificate",
    r"get registry endpoints",
    r"parse registry endpoint",
    r"parse endpoint url",
    r"snapshotter not loaded",
    r"can not find snapshotter",
    r"getting username and password",
    r"no unpack platforms defined",
)
# Outweighs "invalid reference format", which it wraps: the node's file makes the name, not the pod.
_cause("runtime.config_invalid", 5, r"rewriting reference")
_cause("node.clock_skew", 4, r"token used before issued", r"requesttimetooskewed")

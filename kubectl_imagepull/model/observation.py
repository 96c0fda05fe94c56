"""What a vantage saw: one observation an answer, with the details of its hop in a type of their own.

A detail's fields are named as the probes write them (`data` of a frame): what does not fit is refused when it is read, so that a
rule can rely on it. Every field has a default that means "not known", for tools differ in what they show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Generic

from .. import lazily
from .vocabulary import Outcome, Place, outcome

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    D = TypeVar("D", bound="Detail", covariant=True, default="Detail")
else:
    from typing import TypeVar

    D = TypeVar("D", covariant=True)


_HOST = lazily.pattern(r"[a-z0-9.-]+")
_REALM = lazily.pattern(r'realm="([^"]+)"')


def _is_html(media_type: str) -> bool:
    return "html" in media_type.lower()


@dataclass(frozen=True)
class Subject:
    """On which host of the path, or on what else, something happened."""

    role: str
    """One of vocabulary.ROLES."""
    host: str
    """host, or host:port where the port is not 443; the node's, pod's or secret's name; "" where that goes without saying."""

    def __str__(self) -> str:
        return f"{self.role} {self.host}" if self.host else self.role


@dataclass(frozen=True)
class Vantage:
    """From where something was seen: a value, so that what it can prove is worked out once (`verdict.confidence`)."""

    place: Place
    """api: what the API server knows; peer-node: a node that is compared with the failing one."""
    network: str = ""
    """host | pod | local: whose network the question went through; "" where none was asked."""
    resolver: str = ""
    """host | kubelet | local: whose name servers were asked."""
    trust: str = ""
    """host (the node's CA bundle) | image (that of the probe's image) | local | none (no certificate was checked)."""
    proxy: str = ""
    """known | unknown | none: what is known of the proxy that stands between."""
    rung: str = ""
    """The way out that was taken: host-python, kubelet, …"""
    name: str = ""
    """The node's name."""


@dataclass(frozen=True)
class Detail:
    """What is known of one hop beside the outcome. Each kind belongs to one hop."""

    HOP: ClassVar[str] = ""


@dataclass(frozen=True)
class ErrorEntry:
    """One entry of a registry's error body (distribution-spec, "Error Codes")."""

    code: str = ""
    """NAME_UNKNOWN, DENIED, …; "" where the body has none."""
    message: str = ""
    """The registry's own words, untrusted."""


@dataclass(frozen=True)
class NameAnswer:
    """What one name server said of one name."""

    server: str = ""
    """The server's address."""
    name: str = ""
    """The absolute name that was asked for, with the dot at its end."""
    outcome: str = ""
    """ok | nxdomain | no-data | timeout | port-closed | unreachable, or the server's RCODE in lower case."""
    addresses: tuple[str, ...] = ()
    """IP addresses, A before AAAA."""
    ms: float = 0.0
    """Milliseconds until both questions were answered."""

    @property
    def answered(self) -> bool:
        """Whether it is an answer about the name, be it that there is none."""
        return self.outcome in ("ok", "nxdomain", "no-data")


@dataclass(frozen=True)
class Dns(Detail):
    """How a name resolves."""

    HOP: ClassVar[str] = "dns"
    addresses: tuple[str, ...] = ()
    """IP addresses that the name has there, in the resolver's order."""
    usable: tuple[str, ...] = ()
    """Those of them to which the place has a route."""
    servers: tuple[NameAnswer, ...] = ()
    """One entry a server and name, as asked; empty where the tool does not tell servers apart."""
    resolver: str = ""
    """host | kubelet: whose resolv.conf was used; "" where the system was asked."""
    server: str = ""
    """Of outcome differs: the second resolver's servers, separated by commas."""
    name: str = ""
    """Of outcome differs: the name that both were asked for."""
    other_outcome: str = ""
    """Of outcome differs: what the second resolver says, in the words of this hop."""


@dataclass(frozen=True)
class Dial:
    """One TCP connection that was tried."""

    ip: str = ""
    """The address."""
    port: int = 0
    """The port."""
    outcome: str = ""
    """open | refused | timeout | no-route | reset | closed | error."""
    detail: str = ""
    """The system's own words, "" for an open one."""
    ms: float = 0.0
    """Milliseconds it took."""


@dataclass(frozen=True)
class Connect(Detail):
    """Whether a port accepts connections, directly or through a proxy."""

    HOP: ClassVar[str] = "connect"
    tried: tuple[Dial, ...] = ()
    """One entry an address; empty where the tool tells nothing of addresses."""
    proxy: str = ""
    """host:port of the proxy that stands between; "" for a direct way."""
    proxy_for: str = ""
    """Of a subject that is a proxy: the host that it was asked to lead to."""
    login: bool = False
    """Of a subject that is a proxy: the runtime has credentials for it, which stay on the node."""


@dataclass(frozen=True)
class Certificate:
    """A certificate as it was served."""

    subject: str = ""
    """The common name, else the organisation."""
    issuer: str = ""
    """The same of whoever signed it."""
    issuer_url: str = ""
    """Where the issuer publishes its own certificate (caIssuers)."""
    names: tuple[str, ...] = ()
    """The subject alternative names."""
    begins: float = 0.0
    """Valid from, seconds since the epoch; 0 where it cannot be read."""
    ends: float = 0.0
    """Valid until, seconds since the epoch; 0 where it cannot be read."""
    not_before: str = ""
    """`begins` for a reader, in UTC."""
    not_after: str = ""
    """`ends` for a reader, in UTC."""

    @property
    def only_name(self) -> str:
        """The one host name that it is for, "" where it is for several or has a wildcard."""
        return self.names[0] if len(self.names) == 1 and _HOST.fullmatch(self.names[0]) else ""


@dataclass(frozen=True)
class Tls(Detail):
    """How a TLS handshake ends, and with which certificate."""

    HOP: ClassVar[str] = "tls"
    trust: str = ""
    """The CA bundle that was trusted: a file on the node, or words for another."""
    ip: str = ""
    """The address that was spoken to."""
    version: str = ""
    """TLSv1.2, TLSv1.3; "" where no handshake was done."""
    chain: tuple[Certificate, ...] = ()
    """As served, the leaf first; empty where the tool does not show it."""
    problems: tuple[str, ...] = ()
    """All that is wrong with the certificate, in the words of this hop; the outcome is the one that Go reports first."""
    detail: str = ""
    """OpenSSL's own words for a failure."""
    now: str = ""
    """The place's clock at that moment, in UTC, where a certificate was refused."""
    answer: str = ""
    """The status line that the port answers to plain HTTP."""
    intermediate_missing: bool = False
    """The server sent its leaf only, and that names where to get its issuer's certificate."""
    skew: float | None = None
    """Seconds that the place's clock is ahead of the server's Date header; None where it was not asked, or a cache answered."""


@dataclass(frozen=True)
class Http(Detail):
    """The answer to GET /v2/."""

    HOP: ClassVar[str] = "registry"
    status: int = 0
    """The HTTP status, 0 for none."""
    challenges: tuple[str, ...] = ()
    """The WWW-Authenticate lines."""
    api_version: str = ""
    """The Docker-Distribution-Api-Version header."""
    content_type: str = ""
    """The Content-Type header."""
    server: str = ""
    """The Server header."""
    location: str = ""
    """Where it redirects to, without query and login."""
    errors: tuple[ErrorEntry, ...] = ()
    """The registry's own errors, at most five."""
    detail: str = ""
    """The beginning of a body that is no error, or why there was no answer."""
    cut: bool = False
    """The body is longer than what was read of it."""
    skew: float | None = None
    """Seconds that the place's clock is ahead of the server's Date header; None where it does not say."""

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people."""
        return _is_html(self.content_type)

    @property
    def realms(self) -> tuple[str, ...]:
        """The addresses for tokens that its challenges name (RFC 9110, "WWW-Authenticate"; distribution: token specification)."""
        return tuple(found[1] for line in self.challenges if (found := _REALM.search(line)))


@dataclass(frozen=True)
class Auth(Detail):
    """What a registry or its token host says to somebody who wants to pull. `Observation.via` says who."""

    HOP: ClassVar[str] = "auth"
    challenges: tuple[str, ...] = ()
    """The WWW-Authenticate lines of the answer that started it."""
    status: int = 0
    """The HTTP status of that answer, 0 for none."""
    errors: tuple[ErrorEntry, ...] = ()
    """The errors of the newest answer."""
    token_status: int = 0
    """The HTTP status of the token host, 0 where it was not asked."""
    detail: str = ""
    """The body's beginning, or why there was no answer."""
    username: str = ""
    """The user of the credential that was shown."""
    registry_key: str = ""
    """The key of the pull secret's entry that it comes from."""


@dataclass(frozen=True)
class Rate(Detail):
    """What a registry tells of its limit of pulls."""

    HOP: ClassVar[str] = "rate"
    limit: int | None = None
    """Pulls a window, None where it is not told."""
    remaining: int | None = None
    """Pulls that are left, None where it is not told."""
    window: int = 0
    """Seconds, 0 where it is not told."""
    source: str = ""
    """What is counted by: an address, or an account (Docker Hub's docker-ratelimit-source)."""
    retry_after: str = ""
    """The Retry-After header as it stands."""
    status: int = 0
    """The HTTP status of the answer that told it."""
    errors: tuple[ErrorEntry, ...] = ()
    """The errors of that answer."""


@dataclass(frozen=True)
class Manifest(Detail):
    """The answer to a request for the manifest."""

    HOP: ClassVar[str] = "manifest"
    status: int = 0
    """The HTTP status, 0 for none."""
    errors: tuple[ErrorEntry, ...] = ()
    """The registry's own errors, at most five."""
    media_type: str = ""
    """The Content-Type header."""
    digest: str = ""
    """The Docker-Content-Digest header; of a GET that broke off, the digest that was asked for."""
    detail: str = ""
    """The beginning of a body that is no error, or why there was no answer."""
    method: str = ""
    """GET where its HEAD was answered; "" for the first request."""
    tags_status: int = 0
    """The HTTP status of the repository's tag list, which is asked for after a 404; 0 where it was not."""
    tags_errors: tuple[ErrorEntry, ...] = ()
    """The errors of that list's answer."""
    closest: tuple[str, ...] = ()
    """Tags of the repository that look like the one asked for, best first."""
    tag_count: int = 0
    """How many tags it has in all, as far as the list goes."""

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people and no manifest."""
        return _is_html(self.media_type) and not self.digest


@dataclass(frozen=True)
class PlatformEntry:
    """What an image is made for, as its index or configuration says; all empty for an entry without a platform."""

    os: str = ""
    """linux, windows, …"""
    architecture: str = ""
    """As Go names it: amd64, arm64, …"""
    variant: str = ""
    """v7, v8, …"""
    os_version: str = ""
    """Windows' build."""
    os_features: tuple[str, ...] = ()
    """win32k, …"""

    def __str__(self) -> str:
        return "/".join(word for word in (self.os, self.architecture, self.variant) if word)


@dataclass(frozen=True)
class Platform(Detail):
    """What the image is made for."""

    HOP: ClassVar[str] = "platform"
    platforms: tuple[PlatformEntry, ...] = ()
    """In the index's order."""
    single: bool = False
    """It is one image and no index."""
    entries: int = 0
    """How many the index has, of which the probe reports the first few."""
    media_type: str = ""
    """Of outcome no-image: the Content-Type header."""
    kind: str = ""
    """Of outcome no-image: schema1 | index | other."""

    @property
    def is_page(self) -> bool:
        """Whether what was served is a page for people."""
        return _is_html(self.media_type)


@dataclass(frozen=True)
class Blobs(Detail):
    """Whether what a manifest names can be fetched."""

    HOP: ClassVar[str] = "blobs"
    layers: int = 0
    """How many layers the manifest names, 0 where that is not told."""
    size: int = 0
    """Bytes of all layers as they are sent, 0 where that is not told."""
    kind: str = ""
    """configuration | layer: which blob failed; "" for none."""
    digest: str = ""
    """Of that blob."""
    status: int = 0
    """The HTTP status of its answer, 0 for none."""
    errors: tuple[ErrorEntry, ...] = ()
    """The registry's own errors."""
    bytes: int = 0
    """Bytes of it that came."""
    rate: int = 0
    """Bytes a second, of one that comes slowly; 0 where that was not measured."""
    looks: int = 1
    """How often it was asked for before it was said that nothing comes."""
    detail: str = ""
    """Why no more came."""


@dataclass(frozen=True)
class Storage(Detail):
    """The room for images."""

    HOP: ClassVar[str] = "storage"
    free_bytes: int | None = None
    """Bytes that are left, None where that is not known."""
    capacity_bytes: int = 0
    """Bytes in all."""
    inodes_free: int | None = None
    """Inodes that are left, None where the file system counts none."""
    path: str = ""
    """A folder of the file system where it is not the kubelet's figure for images: they may be somewhere else."""


@dataclass(frozen=True)
class EndpointEntry:
    """One place that the runtime asks for an image."""

    role: str = ""
    """registry | mirror."""
    host: str = ""
    """host, or host:port where the port is not 443."""
    scheme: str = ""
    """https | http."""
    prefix: str = ""
    """The path before the repository: /v2, or what takes its place."""
    skip_verify: bool = False
    """Certificates are not checked."""
    ca: tuple[str, ...] = ()
    """Files on the host that are trusted beside the bundle."""
    resolve: bool = True
    """It is asked for tags."""
    pull: bool = True
    """It is asked for digests."""
    repository: str = ""
    """The repository's name there, where it is another."""
    plain: bool = False
    """Plain HTTP is taken where the port speaks no TLS."""
    client_certificate: bool = False
    """The runtime shows a certificate."""
    headers: tuple[str, ...] = ()
    """Names of headers that the runtime adds."""
    login: bool = False
    """The node has credentials of its own for it."""


@dataclass(frozen=True)
class ConfigProblem:
    """Something in a node's configuration that cannot be used, or that refuses."""

    file: str = ""
    """Path on the node."""
    problem: str = ""
    """What is wrong with it, for a reader."""
    fatal: bool = False
    """It breaks every pull that it is about."""


@dataclass(frozen=True)
class OtherProxy:
    """A proxy that programs of the node use and its runtime does not."""

    proxy: str = ""
    """Its URL without login."""
    file: str = ""
    """The file on the node that says so."""


@dataclass(frozen=True)
class ProxySettings:
    """The proxy of the runtime, as its unit's environment sets it."""

    state: str = ""
    """set | none | unknown; "" where the tool tells settings only."""
    https_proxy: str = ""
    """URL without login, "" for none."""
    http_proxy: str = ""
    """URL without login, "" for none."""
    no_proxy: str = ""
    """As it is written."""
    source: str = ""
    """The file on the node that sets it."""
    login: bool = False
    """The URL has a login."""
    unread: tuple[str, ...] = ()
    """Files that could not be read."""
    elsewhere: OtherProxy | None = None
    """None where no other program's proxy was found."""

    @property
    def none(self) -> bool:
        """Whether all that could set one was read, and nothing does, for the runtime or for other programs."""
        return self in (ProxySettings(), ProxySettings(state="none"))


@dataclass(frozen=True)
class RuntimeConfig(Detail):
    """The runtime's registry configuration, as far as it is about one image."""

    HOP: ClassVar[str] = "runtime"
    family: str = ""
    """containerd | k3s | rke2 | cri-o | docker; "" for unknown."""
    endpoints: tuple[EndpointEntry, ...] = ()
    """In the order in which the runtime asks them."""
    source: str = ""
    """The file that says so."""
    assumed: bool = False
    """That the runtime reads this file is assumed: its unit, which may name another, was not seen."""
    problems: tuple[ConfigProblem, ...] = ()
    """What cannot be used, or refuses."""
    proxy: ProxySettings | None = None
    """None where nobody looked for one."""
    bundle: str = ""
    """The CA bundle of the node; "" where the ages of bundle and boot are not known."""
    bundle_newest: str = ""
    """The file of the bundle that was changed last."""
    bundle_changed: float = 0.0
    """When that was, seconds since the epoch; 0 for unknown."""
    booted: float = 0.0
    """When the node's kernel started, seconds since the epoch; 0 for unknown."""
    changed_since_boot: bool = False
    """A file of it was changed after that, so the runtime may not have read it yet."""


@dataclass(frozen=True)
class KubeletLimits(Detail):
    """The kubelet's configuration, as far as it bears on pulls (kubelet.config.k8s.io/v1beta1)."""

    HOP: ClassVar[str] = "runtime"
    serialize_image_pulls: bool | None = None
    """One pull at a time; None where it does not say."""
    max_parallel_image_pulls: int | None = None
    """How many at a time, None for no limit."""
    registry_pull_qps: int | None = None
    """Pulls a second, 0 for no limit; None where it does not say."""
    registry_burst: int | None = None
    """Pulls at once, None where it does not say."""
    resolv_conf: str = ""
    """The resolv.conf that pods get."""
    credentials_verification_policy: str = ""
    """Whom it asks for credentials of images that are there (KEP-2535)."""
    image_service_endpoint: str = ""
    """The socket of the image service, where it is another than the runtime's."""


@dataclass(frozen=True)
class TrialPull(Detail):
    """A pull that the kubelet did again on request."""

    HOP: ClassVar[str] = "runtime"
    message: str = ""
    """The runtime's own words for a failure."""
    image: str = ""
    """The image as the pod's spec has it."""


DETAILS: Mapping[str, type[Detail]] = MappingProxyType(
    {
        shape.HOP: shape
        for shape in (Dns, Connect, Tls, Http, Auth, Rate, Manifest, Platform, Blobs, Storage, RuntimeConfig)
    }
)
"""Hop -> the detail of its observations."""
_RUNTIME: Mapping[str, type[Detail]] = MappingProxyType(
    {"limits": KubeletLimits, "pulled": TrialPull, "failed": TrialPull, "unfinished": TrialPull}
)


def detail_of(hop: str, word: str) -> type[Detail] | None:
    """The kind of detail that an outcome of a hop has; None for a hop that nobody observes."""
    return _RUNTIME.get(word, RuntimeConfig) if hop == "runtime" else DETAILS.get(hop)


@dataclass(frozen=True)
class Observation(Generic[D]):
    """One answer to one question."""

    detail: D
    """What is known beside the outcome; its kind says which hop it is about."""
    subject: Subject
    """Where on the path it happened."""
    vantage: Vantage
    """From where it was seen."""
    outcome: str
    """The probe's word for what it saw: see vocabulary.OUTCOMES."""
    summary: str = ""
    """The same for a person, one line."""
    attempt: str = ""
    """Which endpoint of the runtime's list was being tried: the mirror's host, "" for the registry's own turn."""
    via: str = ""
    """Whose credential was shown: the pull secret's name, "" for nobody's."""
    pull: str = ""
    """`Pull.id` of the image for which it was asked; "" where it is about the host or node for every image."""
    ms: float = 0.0
    """Milliseconds it took."""
    at: float = 0.0
    """Seconds since the epoch, by the clock of the place that saw it; 0 where it does not tell."""

    @property
    def hop(self) -> str:
        """One of HOPS."""
        return self.detail.HOP

    @property
    def by_probe(self) -> bool:
        """Whether somebody asked in the runtime's place: of a trial pull, the kubelet itself tells."""
        return not isinstance(self.detail, TrialPull)

    @property
    def means(self) -> Outcome:
        """What its outcome means for its hop."""
        return outcome(self.hop, self.outcome)

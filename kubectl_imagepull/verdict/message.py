"""The runtime's message, read once: the one module of this room that looks into a text.

Everything that rules, names, actors and fixes need to know of a message is a field of `Message`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from .. import catalogue, lazily
from ..image.messages import classify
from ..image.pulls import sandbox_image_in
from ..model import HOPS, Case, ErrorEntry, TrialPull

SILENT = frozenset({"unknown.insufficient", "backoff.only", "not_a_pull_failure", "none"})
"""What a message is read as that says nothing of a cause."""
_DIALLED = lazily.pattern(r"dial tcp (?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<four>[0-9.]+)):[0-9]+")
_ADMISSION = (
    "denied the request",
    "admission webhook",
    "violates PodSecurity",
    "ValidatingAdmissionPolicy",
    "admission plugin",
)
"""What the API server writes when an admission step refuses (kubernetes: staging/src/k8s.io/apiserver/pkg/admission)."""
_STANDS_FOR = lazily.pattern(r"[?&]ns=([A-Za-z0-9][A-Za-z0-9._:%-]{0,252})")
"""What containerd asks a mirror beside the path (core/remotes/docker/resolver.go, request.addNamespace)."""
_ADDRESS_REFUSED = lazily.pattern(
    r"client with IP .{1,60} is not allowed|aka\.ms/acr/firewall|permission to get URL (?:<code>)?/v2/(?!token)", re.I
)
"""What registries say to an address: Azure's by its network rules (learn.microsoft.com: container-registry-troubleshoot-access,
2026-07-01), Google's front end to a network or country that it turns away (kubernetes/registry.k8s.io: docs/debugging.md,
2026-11-28)."""
_DAMAGED = "invalid tar header"
_LOST = lazily.pattern(
    r"content digest|blob not found|content store|expected at |layer not known|parent snapshot"
    r"|/var/lib/(?:containers|containerd|docker)/\S{1,400}: no such file or directory"
)
_CANCELLED = lazily.pattern(r"context cancell?ed|because of no progress")
_IMPORTED = lazily.pattern(r"\bimages? (?:import|load)\b|\bkind load\b|failed to load image|\bimage load\b")
_NUMBERS = lazily.pattern(
    r"cannot be mapped to a host ID|lchown .*: invalid argument|operation not permitted|too large"
)
"""Words of an unpacking that fails on what is in the layer: its numbers of users, its kinds of file."""


_REFUSED = lazily.pattern(
    r"(?:User|AssumedRole): (?P<principal>arn:[A-Za-z0-9:/_+=,.@-]{1,300}) is not authorized to perform: "
    r"(?P<aws>[a-z0-9-]{1,30}:[A-Za-z]{1,60})|Permission \\?\"?(?P<google>[a-z]{1,60}\.[A-Za-z.]{1,90})\\?\"? denied"
)
"""How AWS and Google say which permission is missing."""


@dataclass(frozen=True)
class Message:
    """What the runtime says of the last failure."""

    text: str = ""
    """As it stands, "" where nothing is said."""
    cause: str = ""
    """The cause id that it names; "" where there is no message."""
    alternatives: tuple[str, ...] = ()
    """Other causes that it allows, likeliest first."""
    stands_for: str = ""
    """The registry for which the host that was asked stands in, as a mirror's URL names it (`?ns=`); "" where none is named."""
    host: str = ""
    """host, or host:port where the port is not 443, on which it happened; "" where it names none."""
    role: str = ""
    """What that host is on the path; "" where it does not tell."""
    hop: str = ""
    """The hop at which the runtime's attempt ended: it got through all before. "" where it does not tell."""
    address: str = ""
    """The IP address that was dialled in vain, in its shortest spelling; "" where it names none, or dialled a proxy."""
    direct: bool = False
    """The runtime dialled the host itself, through no proxy."""
    wants_client: bool = False
    """A server ended the handshake for want of the client's certificate."""
    address_refused: bool = False
    """The registry's firewall does not take the address that the node goes out by: no right and no credential helps."""
    cri_off: bool = False
    """The runtime answers, and does not offer what a kubelet asks for: its CRI plugin is switched off, or too old."""
    timed_out: bool = False
    """It speaks of a time-out."""
    hosts_toml: bool = False
    """It names a hosts.toml."""
    by_admission: bool = False
    """An admission step of the API server refused."""
    damaged_archive: bool = False
    """A layer is no archive that can be read."""
    content_lost: bool = False
    """The node's store does not hold what it was told to hold."""
    cancelled: bool = False
    """The runtime itself gave up the pull."""
    windows: bool = False
    """It speaks of Windows."""
    vulnerable: bool = False
    """The registry holds the image back for its vulnerabilities."""
    web_page: bool = False
    """What came in the place of a manifest is HTML."""
    imported: bool = False
    """It comes of loading an archive into the node's store."""
    runtime: str = ""
    """containerd, cri-o or docker, by its words; "" where they do not tell."""
    numbers_in_image: bool = False
    """A layer holds users, files or numbers that the node cannot make."""

    sandbox: str = ""
    """The sandbox image that could not be had, "" where it is about none."""
    permission: str = ""
    """The permission that is missing, as the registry names it; "" where it names none."""
    principal: str = ""
    """Who lacks it; "" where that is not named."""

    @property
    def in_the_image(self) -> bool:
        """Whether it fails on what is in a layer, wherever that is unpacked."""
        return self.damaged_archive or self.numbers_in_image

    @property
    def names_cause(self) -> bool:
        """Whether it says what is wrong."""
        return bool(self.cause) and self.cause not in SILENT

    @property
    def position(self) -> int:
        """The hop's index in HOPS, -1 where it does not tell."""
        return HOPS.index(self.hop) if self.hop in HOPS else -1

    @property
    def reached(self) -> int:
        """How far the attempt got for sure: the index in HOPS of the first hop at which it can have ended, every cause that
        the message allows taken into account; -1 where it does not tell. Trouble of a token or blob host comes after the
        registry's own hops."""
        after = {"token": HOPS.index("auth"), "blob": HOPS.index("blobs")}.get(self.role, -1)
        ends = [HOPS.index(hop) for hop in map(_hop_of, (self.cause, *self.alternatives)) if hop in HOPS]
        # a secret is looked at before anybody is asked, but words about one that end in a refusal come from the registry
        asked = [end for end in ends if end >= HOPS.index("dns")]
        return max(min(asked), after) if self.names_cause and asked else -1

    def allows(self, family: str) -> bool:
        """Whether any cause that it allows is of a family."""
        return any(cause.partition(".")[0] == family for cause in (self.cause, *self.alternatives))

    def is_about(self, family: str) -> bool:
        """Whether its cause is of a family: "auth", "storage"."""
        return self.cause.partition(".")[0] == family


def newest(case: Case) -> str:
    """The runtime's newest words: those of a trial pull that failed, else those about the pod."""
    for seen in case.seen(TrialPull, place="node"):
        if seen.outcome == "failed" and seen.detail.message:
            return seen.detail.message
    return case.facts.said


def message_of(case: Case) -> Message:
    """What the runtime's newest words say."""
    return read(newest(case))


@lru_cache(maxsize=256)
def read(text: str) -> Message:
    """What a message says. Never raises."""
    if not text:
        return Message()
    found = classify(text)
    words = found.detail
    by_proxy = "proxyconnect" in text
    dialled = _DIALLED.search(text)
    mirrored = _STANDS_FOR.search(text)
    refused = _REFUSED.search(text)
    return Message(
        text=text,
        cause=found.cause,
        alternatives=found.also,
        stands_for=unquote(mirrored[1]) if mirrored else "",
        host=found.host or "",
        role=found.role or "",
        hop=_hop_of(found.cause),
        address=plain_address(dialled["six"] or dialled["four"]) if dialled and not by_proxy else "",
        direct="dial tcp" in text and not by_proxy,
        wants_client="tls: certificate required" in text,
        address_refused=bool(_ADDRESS_REFUSED.search(text)),
        cri_off="unknown service runtime." in text,
        timed_out="timeout" in text,
        hosts_toml="hosts.toml" in text,
        by_admission=any(words in text for words in _ADMISSION),
        damaged_archive=_DAMAGED in text,
        content_lost=found.cause == "storage.other" and bool(_LOST.search(text)),
        cancelled=bool(_CANCELLED.search(text)),
        windows="windows" in text.lower(),
        vulnerable="vulnerab" in text.lower(),
        web_page="text/html" in text,
        imported=bool(_IMPORTED.search(text)),
        runtime=words.get("runtime", ""),
        sandbox=sandbox_image_in(text),
        permission=(refused["aws"] or refused["google"] or "") if refused else "",
        principal=(refused["principal"] or "") if refused else "",
        numbers_in_image=bool(_NUMBERS.search(text)),
    )


def _hop_of(cause: str) -> str:
    """The hop at which a cause ends the pull, "" for what is none."""
    try:
        return catalogue.entry(cause).hop
    except KeyError:
        return ""


def read_refusal(host: str, errors: Sequence[ErrorEntry]) -> Message | None:
    """What a registry's 403 means by its own first error, read as the runtime's message would be; None where it says no more
    than "no"."""
    words = "".join(f"\n{e.code.lower()}: {e.message}" for e in errors[:1])
    found = read(f"unexpected status from HEAD request to https://{host}: 403 Forbidden{words}")
    plain = found.cause != "auth.forbidden" or not errors or len(found.alternatives) < 2
    return found if plain and found.cause in ("auth.forbidden", "auth.expired", "auth.no_credentials") else None


def runtime_is_down(ready_message: str) -> bool:
    """Whether a node's Ready condition says that its runtime does not answer (kubernetes: pkg/kubelet/runtime.go)."""
    return "container runtime is down" in ready_message


def plain_address(text: str) -> str:
    """An IP address in its shortest spelling, or the text as it is."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def is_loopback(host: str) -> bool:
    """Whether a host, with or without port, is the very machine that asks for it."""
    name = host.removeprefix("[").partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name in ("localhost", "::1") or bool(re.fullmatch(r"127\.[0-9.]+", name))

"""Cases for strangers: every name in them replaced by a pseudonym, the same one wherever it stands, and the verdict as before.

What is a name is known of each field (`FIELDS`). In texts a name is whatever stands in one of those fields, and every word that
this program does not know: its own sources are the list of words that may stay, so what is new to it goes. Words are replaced
one by one and separators stay, so that what is equal, contained or a mistake is so afterwards. What a verdict rests on stays:
public registries (catalogue/registries.yaml) but for account and repository, versions, networks that an address is in.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from ..catalogue import registries
from ..image.reference import DOCKER_HUB
from ..model import Case
from ..model import case as facts
from ..model import observation as seen
from ..verdict import judge

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Kind = Literal["word", "name", "user", "host", "key", "image", "repository", "tag", "text"]
"""What a field holds: a word of this program's own or of an API, which stays; the name of an object; a login's user name; a host
with or without a port; a registry key of a pull secret; an image; its name without tag and digest; a tag or digest; anything."""


class NotTheSame(ValueError):
    """A case that would be judged otherwise under pseudonyms. str(): one line for a person."""


def _fields(**kinds: str) -> Mapping[str, Kind]:
    """Kind -> the names of its fields, with blanks between -> field -> its kind. Raises ValueError for what is no kind."""
    if not kinds.keys() <= set(get_args(Kind)):
        raise ValueError(f"no kinds of field: {', '.join(kinds)}")
    return MappingProxyType({name: kind for kind in get_args(Kind) for name in kinds.get(kind, "").split()})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIELDS: Mapping[type, Mapping[str, Kind]] = MappingProxyType(
    {
        facts.Owner: _fields(word="kind", name="name uid", text="managed_by images"),
        facts.Target: _fields(word="role", name="namespace pod container node", image="image"),
        facts.Event: _fields(word="type", name="container", text="reason message"),
        facts.NodeFacts: _fields(
            word="os arch annotations", name="name", text="ready_message os_image runtime kubelet provider_id labels"
        ),
        facts.PullSecret: _fields(
            word="state cause", name="name", user="usernames", key="registry_keys", text="why managed_by"
        ),
        facts.ReferenceFacts: _fields(
            word="mistake",
            host="registry",
            image="text normalised suggestion",
            repository="repository",
            tag="asked",
            text="advice",
        ),
        facts.Facts: _fields(
            word="phase state policy",
            name="service_account pull_secret_names account_secrets",
            image="sandbox",
            text="reason message said pod_reason pod_message older_pulls since_revision",
        ),
        facts.ReadError: _fields(word="where kind", text="message"),
        facts.ProbeRun: _fields(word="rung", name="node namespace pod owner", image="image", text="why_not cannot_see"),
        facts.Pull: _fields(word="id scheme", host="host named", repository="repository", tag="asked", image="short"),
        facts.Case: _fields(),
        seen.Observation: _fields(word="outcome pull", name="via", host="attempt", text="summary"),
        seen.Subject: _fields(word="role", host="host"),
        seen.Vantage: _fields(word="place network resolver trust proxy rung", name="name"),
        seen.ErrorEntry: _fields(text="code message"),
        seen.NameAnswer: _fields(word="outcome", host="name server addresses"),
        seen.Dns: _fields(word="resolver other_outcome", host="name addresses usable", text="server"),
        seen.Dial: _fields(word="outcome", host="ip", text="detail"),
        seen.Connect: _fields(host="proxy proxy_for"),
        seen.Certificate: _fields(word="not_before not_after", host="names", text="subject issuer issuer_url"),
        seen.Tls: _fields(word="version problems now", host="ip", text="trust detail answer"),
        seen.Http: _fields(text="challenges api_version content_type server location detail"),
        seen.Auth: _fields(user="username", key="registry_key", text="challenges detail"),
        seen.Rate: _fields(text="source retry_after"),
        seen.Manifest: _fields(word="method", tag="digest closest", text="media_type detail"),
        seen.PlatformEntry: _fields(word="os architecture variant os_version os_features"),
        seen.Platform: _fields(word="kind", text="media_type"),
        seen.Blobs: _fields(word="kind", tag="digest", text="detail"),
        seen.Storage: _fields(text="path"),
        seen.EndpointEntry: _fields(word="role scheme", host="host", repository="repository", text="prefix ca headers"),
        seen.ConfigProblem: _fields(text="file problem"),
        seen.OtherProxy: _fields(text="proxy file"),
        seen.ProxySettings: _fields(word="state", text="https_proxy http_proxy no_proxy source unread"),
        seen.RuntimeConfig: _fields(word="family", text="source bundle bundle_newest"),
        seen.KubeletLimits: _fields(word="credentials_verification_policy", text="resolv_conf image_service_endpoint"),
        seen.TrialPull: _fields(image="image", text="message"),
    }
)
"""Every text of the model, by its dataclass and field. Of tuples, what each item is."""
OBJECTS = frozenset({"node", "pod"})
"""Roles of a subject whose host is the name of an object."""
KEPT_NAMES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "localhost"})
"""Names of objects and hosts that every cluster has."""
WELL_KNOWN_ADDRESSES = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "168.63.129.16"})
"""Resolvers that are everybody's."""
SPECIAL = _words("local localdomain internal intranet localhost svc cluster lan corp home arpa test example invalid")
"""Ends of names that are in no public zone (RFC 6761, RFC 8375, ICANN's list of name collisions) or mean the cluster."""
KEPT_LABELS = _words("registry docker hub proxy mirror cache auth token cdn blob storage www api")
"""Labels of a name of several that say what the host is for."""
PLACES = _words(
    "us eu ap sa ca cn af il me mx asia europe australia africa northamerica southamerica north south east west central "
    "northeast northwest southeast southwest gov global"
)
"""Parts of the names of regions."""
FILE_ENDS = _words(
    "toml yaml yml json conf cfg crt cert pem key ca service socket sock env list log txt sh py go d zip pyz"
)
"""What ends the name of a file, and no name of a host in a text."""

_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"v?\d{1,11}|v\d(?:alpha|beta)\d|(?:\d+(?:ns|us|µs|ms|s|m|h|d))+|\d+[kKMGT]i?B|\d+x")
_IN_NAME = re.compile(r"v?\d{1,3}")
_HEX = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{7,}")
_IPV4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)"
_IPV6 = r"(?<![\w:.])(?=[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:)[0-9A-Fa-f:.]{2,45}(?![\w])"
_DOTTED = r"(?<![\w.-])\w[\w-]*(?:\.[\w-]*\w)+(?![\w-])"
_OF_TEXT = re.compile(rf"(?P<ipv4>{_IPV4})|(?P<ipv6>{_IPV6})|(?P<dotted>{_DOTTED})|(?P<word>[^\W_]+)")
_BEFORE = re.compile(
    r"(?:[/\"'`@=_({\[-]|(?<=\w):|\b(?:pods?|nodes?|namespaces?|secrets?|containers?|images?|users?|accounts?|serviceaccounts?|"
    r"deployments?|statefulsets?|daemonsets?|replicasets?|jobs?|cronjobs?|repository|registry|mirror|proxy|host|lookup|name|"
    r"named) )\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[/\"'`@=_)}\]-]|:\S")


def pseudonymous(cases: Sequence[Case]) -> tuple[Case, ...]:
    """The same cases under pseudonyms, which are the same in all of them and mean nothing outside.

    Raises NotTheSame where a verdict would differ in cause, confidence, exit code or the subject's role.
    """
    names = _Names(cases)
    changed = tuple(names.of(case) for case in cases)
    for before, after in zip(map(judge, cases), map(judge, changed), strict=True):
        same = (before.cause, before.confidence, before.exit_code, before.subject.role)
        if same != (after.cause, after.confidence, after.exit_code, after.subject.role):
            raise NotTheSame(
                f"under pseudonyms the verdict would be {after.cause} ({after.confidence}), not {before.cause} "
                f"({before.confidence}): it rests on a name; save the case without --pseudonymous and look it through"
            )
    return changed


@dataclasses.dataclass(frozen=True)
class _Known:
    """What this program itself says: words in lower case, and names with dots in them."""

    words: frozenset[str]
    dotted: frozenset[str]


@functools.cache
def known() -> _Known:
    """The words of all sources and catalogues, those of tests left out. Takes a third of a second, once."""
    words: set[str] = set()
    dotted: set[str] = set()
    for text in _sources(resources.files(__package__.rpartition(".")[0])):
        lower = text.lower()
        words.update(_WORD.findall(lower))
        dotted.update(re.findall(_DOTTED, lower))
    return _Known(frozenset(words), frozenset(dotted))


def _sources(folder: resources.abc.Traversable) -> Iterable[str]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry)
        elif entry.name.endswith((".py", ".yaml", ".sh")):
            yield entry.read_text(encoding="utf-8")


class _Names:
    """The pseudonyms of one file."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._taken = {w.lower() for case in cases for text in _texts(case) for w in _WORD.findall(text)}
        self._words: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._inside: dict[str, dict[int, int]] = {}
        self._whole: dict[str, str] = {}
        """Name -> what takes its place, for texts."""
        self._plain: set[str] = set()
        """Words of _whole that may be meant as words: they are names in some places only."""
        for case in cases:
            self._learn(case)
        found = sorted(self._whole, key=len, reverse=True)
        names = "|".join(re.escape(name) for name in found)
        self._names = re.compile(rf"(?<![^\W_])(?:{names})(?![^\W_])", re.IGNORECASE) if found else None

    def of(self, case: Case) -> Case:
        """A case under its pseudonyms."""
        return self._copy(case)

    # ------------------------------------------------ what the names are

    def _learn(self, case: Case) -> None:
        """Images first: what a repository's name may keep depends on its registry."""
        reference, pull = case.facts.reference, case.pull
        for image in (reference.normalised, reference.text, case.target.image, case.facts.sandbox):
            self.image(image)
        if pull is not None and not reference.normalised:
            self.image(f"{pull.named or pull.host}/{pull.repository}")
        self._copy(case, learning=True)

    def _note(self, name: str, new: str) -> str:
        if name:
            self._whole.setdefault(name.lower(), new)
            if _WORD.fullmatch(name) and name.lower() in known().words:
                self._plain.add(name.lower())
        return new

    def _copy(self, value: T, learning: bool = False) -> T:
        """A value of the model, each of its texts changed by its kind."""
        kinds = FIELDS[type(value)]
        new: dict[str, object] = {}
        for one in dataclasses.fields(value):
            item = getattr(value, one.name)
            kind = kinds.get(one.name)
            if isinstance(value, seen.Subject) and one.name == "host" and value.role in OBJECTS:
                kind = "name"
            if kind is not None:
                change = self._change(kind, learning)
                new[one.name] = change(item) if isinstance(item, str) else tuple(change(text) for text in item)
            elif dataclasses.is_dataclass(item) and not isinstance(item, type):
                new[one.name] = self._copy(item, learning)
            elif isinstance(item, tuple):
                new[one.name] = tuple(self._copy(part, learning) for part in item)
        return dataclasses.replace(value, **new)

    def _change(self, kind: Kind, learning: bool) -> Callable[[str], str]:
        changes: Mapping[Kind, Callable[[str], str]] = {
            "word": str,
            "name": self.name,
            "user": self.user,
            "host": self.host,
            "key": self.key,
            "image": self.image,
            "repository": self.repository,
            "tag": self.tag,
            "text": self.text,
        }
        return str if learning and kind in ("text", "tag") else changes[kind]

    # ------------------------------------------------ words and numbers

    def _word(self, word: str) -> str:
        """The pseudonym of a word, with its case."""
        key = word.lower()
        if key not in self._words:
            self._words[key] = self._digits(key) if _HEX.fullmatch(key) or key.isdigit() else self._next()
        new = self._words[key]
        return new.upper() if word != key and word.upper() == word else new.capitalize() if word != key else new

    def _next(self) -> str:
        number = len(self._words)
        while (new := f"x{number}") in self._taken:
            number += 1
        self._taken.add(new)
        return new

    def _digits(self, key: str) -> str:
        """As many digits, hexadecimal where there were some; from the number of names before, so it tells nothing of this one."""
        turn = 0
        while True:
            stream = "".join(
                hashlib.sha256(f"{len(self._words)}/{turn}/{n}".encode()).hexdigest() for n in range(len(key) // 64 + 1)
            )
            new = stream[: len(key)] if not key.isdigit() else str(int(stream, 16))[: len(key)]
            if new not in self._taken:
                self._taken.add(new)
                return new
            turn += 1

    def _words_of(self, text: str, kept: Callable[[str], bool]) -> str:
        return _WORD.sub(lambda m: m[0] if kept(m[0].lower()) else self._word(m[0]), text)

    # ------------------------------------------------ kinds of names

    def name(self, text: str) -> str:
        """The name of an object, as NAME or KIND/NAME."""
        if not text or text in KEPT_NAMES:
            return text
        if _ip(text) is not None:
            return self.host(text)
        kind, slash, name = text.rpartition("/")
        new = self._words_of(name, lambda word: bool(_IN_NAME.fullmatch(word) and len(word) < 2 + (word[0] == "v")))
        self._note(name, new)
        return f"{kind}{slash}{new}"

    def user(self, text: str) -> str:
        """A user name, unless it is one that a registry gives to everybody."""
        if text.lower() in _usual_users():
            return text
        return self._note(text, self._words_of(text, lambda word: False))

    def key(self, text: str) -> str:
        """A registry key, with or without scheme and path."""
        scheme, separator, rest = text.rpartition("://")
        host, slash, path = rest.partition("/")
        new = self._words_of(path, lambda word: bool(_IN_NAME.fullmatch(word)) or word in KEPT_NAMES)
        return f"{scheme}{separator}{self.host(host)}{slash}{new}"

    def host(self, text: str) -> str:
        """A host's name or address, with or without a port."""
        if (address := _ip(text)) is not None:
            return self.address(text, address)
        split = re.fullmatch(r"(\[?)(.*?)(\]?)((?::\d*)?)", text, re.DOTALL)
        assert split is not None
        opened, name, closed, port = split.groups()
        if (address := _ip(name)) is not None:
            return f"{opened}{self.address(name, address)}{closed}{port}"
        new = self._host_name(name)
        self._note(name, new)
        return f"{opened}{new}{closed}{port}"

    def _host_name(self, name: str) -> str:
        lower = name.lower().rstrip(".")
        if not lower or lower in KEPT_NAMES or lower in _public().hosts:
            return name
        kind = registries.kind_of(lower)
        if kind.by_name or _zone(lower) in _public().zones:
            own = _public().words
            new = self._words_of(name, lambda word: word in own or _is_place(word))
            return new if registries.kind_of(new.lower().rstrip(".")).id == kind.id else name
        labels = name.split(".")
        named = [label for label in labels if label]
        if len(named) == 1:
            return self._words_of(name, lambda word: False)
        last = len(labels) - 1 - (not labels[-1])
        kept = {*KEPT_LABELS, *_public().labels}
        changed = []
        for at, label in enumerate(labels):
            word = label.lower()
            end = at >= last and (word in SPECIAL or len(word) < 4 or word in known().words)
            middle = word in SPECIAL or (
                word.rstrip("0123456789") in kept and not all(n.lower() in kept for n in named[:-1])
            )
            changed.append(label if end or middle else self._words_of(label, lambda word: False))
        return ".".join(changed)

    def address(self, text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
        """An address of the same network class; those in one network stay in one."""
        key = str(address)
        if (
            key in WELL_KNOWN_ADDRESSES
            or address.is_loopback
            or address.is_unspecified
            or key.startswith(("169.254.", "255."))
        ):
            return text
        if key not in self._addresses:
            self._addresses[key] = self._ipv4(key) if address.version == 4 else self._ipv6(address)
        return self._addresses[key]

    def _ipv4(self, text: str) -> str:
        octets = [int(part) for part in text.split(".")]
        first, second = octets[:2]
        shared = (
            (first == 172 and 16 <= second < 32)
            or (first, second) == (192, 168)
            or (first == 100 and 64 <= second < 128)
        )
        fixed = 1 if first == 10 else 2 if shared else 0
        if not fixed:  # a network for documentation and benchmarks (RFC 5737, RFC 2544) in place of another's
            number = self._numbered("public", int.from_bytes(bytes(octets[:3]), "big"))
            blocks = ["198.51.100", "203.0.113", "192.0.2"]
            network = blocks[number] if number < len(blocks) else f"198.{18 + number // 256 % 2}.{number % 256}"
            return f"{network}.{self._octet(network, octets[3])}"
        new = octets[:fixed]
        for octet in octets[fixed:]:
            new.append(self._octet(".".join(map(str, new)), octet))
        return ".".join(map(str, new))

    def _octet(self, network: str, octet: int) -> int:
        return octet if octet in (0, 255) else self._numbered(network, octet) % 254 + 1

    def _ipv6(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
        network = "fe80::" if address.is_link_local else "fd00::" if address.is_private else "2001:db8::"
        return f"{network}{self._numbered(network, int(address)) + 1:x}"

    def _numbered(self, network: str, part: int) -> int:
        numbers = self._inside.setdefault(network, {})
        return numbers.setdefault(part, len(numbers))

    def tag(self, text: str) -> str:
        """A tag or digest: versions and known words stay."""
        return self._words_of(
            text, lambda word: bool(_NUMBER.fullmatch(word)) or (word in known().words and not _HEX.fullmatch(word))
        )

    def image(self, text: str) -> str:
        """An image, be it written by mistake."""
        if not text or text.lower() in self._whole:
            return self._whole.get(text.lower(), text)
        scheme = re.match(r"\s*[A-Za-z+]*://", text)
        begin = scheme.end() if scheme else 0
        name, at, digest = text[begin:].partition("@")
        slash = name.rfind("/")
        colon = name.find(":", slash + 1)
        name, tag = (name[:colon], name[colon:]) if colon >= 0 else (name, "")
        new = text[:begin] + self.repository(name) + self.tag(tag) + at + self.tag(digest)
        return self._note(text, new)

    def repository(self, text: str) -> str:
        """An image's name, with or without its registry."""
        if not text or text.lower() in self._whole:
            return self._whole.get(text.lower(), text)
        first, slash, rest = text.partition("/")
        hosted = bool(slash) and ("." in first or ":" in first or first.lower() == "localhost")
        host, path = (first, rest) if hosted else ("", text)
        domain = host or DOCKER_HUB
        full = path if host or "/" in path else f"library/{path}"
        new_host = self.host(host)
        new_path = self._path(domain.lower(), new_host.lower() or DOCKER_HUB, full).removeprefix(
            "" if full == path else "library/"
        )
        if "/" in path:
            self._note(path, new_path)
        return self._note(text, f"{new_host}{'/' if host else ''}{new_path}")

    def _path(self, host: str, new_host: str, path: str) -> str:
        """A repository's path under which its registry is the same to the verdict: whose it is, and whether it has moved."""
        kind = registries.kind_of(host)
        meant = kind.is_foreign(f"{host}/{path}"), _moved(kind, f"{host}/{path}")
        segments = path.split("/")
        for kept in range(len(segments) + 1):
            changed = [self._words_of(one, lambda word: bool(_IN_NAME.fullmatch(word))) for one in segments[kept:]]
            new = "/".join([*segments[:kept], *changed])
            name = f"{new_host}/{new}"
            if (kind.is_foreign(name), _moved(kind, name)) == meant and (kept or segments[0] != "library"):
                return new
        return path

    # ------------------------------------------------ texts

    def text(self, text: str) -> str:
        """A text from anywhere."""
        if self._names is None:
            return self._rest(text)
        out, at = [], 0
        for found in self._names.finditer(text):
            name = found[0].lower()
            if name in self._plain and not _named(text, found):
                continue
            new = self._whole[name]
            out += [
                self._rest(text, at, found.start()),
                new.capitalize() if found[0][:1].isupper() and name.isalpha() else new,
            ]
            at = found.end()
        return "".join([*out, self._rest(text, at)])

    def _rest(self, text: str, begin: int = 0, end: int | None = None) -> str:
        end = len(text) if end is None else end
        out, at = [], begin
        for found in _OF_TEXT.finditer(text, begin, end):
            out += [text[at : found.start()], self._part(found)]
            at = found.end()
        return "".join([*out, text[at:end]])

    def _part(self, found: re.Match[str]) -> str:
        text, kind = found[0], found.lastgroup
        if kind in ("ipv4", "ipv6") and (address := _ip(text.rstrip(".:"))) is not None:
            whole = text.rstrip(".:") if _ip(text) is None else text
            return self.address(whole, address) + text[len(whole) :]
        if kind == "dotted" and self._is_host(text):
            return self.host(text)
        return self._words_of(text, _stays)

    @staticmethod
    def _is_host(text: str) -> bool:
        """Whether a text with dots in it is a host's name that this program does not say itself."""
        last = text.rpartition(".")[2]
        if re.search(r"[a-z][A-Z]", last) or not last.isalpha() or len(last) < 2:  # runtime.v1.ImageService
            return False
        return last.lower() not in FILE_ENDS and text.lower() not in known().dotted


def _stays(word: str) -> bool:
    return bool(_NUMBER.fullmatch(word)) or (word in known().words and not _HEX.fullmatch(word))


def _named(text: str, found: re.Match[str]) -> bool:
    """Whether a word stands where a name does: beside a separator or a quote, or behind the kind of what it names."""
    return bool(_BEFORE.search(text[max(0, found.start() - 20) : found.start()]) or _AFTER.match(text, found.end()))


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _moved(kind: registries.RegistryKind, name: str) -> str:
    move = kind.moved(name)
    return move.text if move is not None else ""


def _is_place(word: str) -> bool:
    return word.rstrip("0123456789") in PLACES or _IN_NAME.fullmatch(word) is not None


def _zone(host: str) -> str:
    return ".".join(host.rpartition(":")[0 if ":" in host else 2].split(".")[-2:])


def _texts(value: object) -> Iterable[str]:
    """Every text in a value of the model."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for one in dataclasses.fields(value):
            yield from _texts(getattr(value, one.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)


@functools.cache
def _usual_users() -> frozenset[str]:
    kinds = registries.load().values()
    return frozenset({"", *(kind.username.lower() for kind in kinds)})


@dataclasses.dataclass(frozen=True)
class _Public:
    """What the catalogue names of public registries. hosts: whole; zones: the last two labels; words: that their names are
    made of; labels: that suggest a kind."""

    hosts: frozenset[str]
    zones: frozenset[str]
    words: frozenset[str]
    labels: frozenset[str]


@functools.cache
def _public() -> _Public:
    table = registries.public_names()
    hosts = {host for host in table.hosts if not re.search(r"[A-Z{]", host)}
    return _Public(
        frozenset(hosts),
        frozenset(_zone(host.lower()) for host in table.hosts),
        frozenset(
            word for host in (*table.hosts, *table.patterns) for word in _WORD.findall(host) if word == word.lower()
        ),
        frozenset(table.labels),
    )

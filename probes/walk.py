"""The path of a pull, walked hop by hop: registry, then the hosts that it sends us to."""

from __future__ import annotations

import dataclasses
import email.utils
import ssl
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple
from urllib.parse import quote, urljoin, urlsplit

from . import blobs
from . import manifest as manifests
from .answer import Address, Deadline, Seen, Stopwatch, printable
from .challenge import parse_challenges
from .host.endpoints import Endpoint, Found, of_registry
from .host.units import Proxy
from .http_request import ERROR_BODY, MOST_VALUE, Reply, ask
from .inward import all_inward, first_forbidden, inward
from .plan import Pull
from .tcp_connect import connect, tunnel
from .tls_handshake import handshake, unchecked
from .token_host import Login, Realm, granted, may_have_credentials, realm_of, token_in

Emit = Callable[..., None]
REDIRECTS = 4
MOST_TOKEN = 256 << 10
"""Bytes of a token host's answer."""
WITHHELD = "the runtime shows a client certificate there, whose key the probe cannot read"
SHOWN = "the runtime shows credentials of the node's own there, which the probe does not have"
BROKEN_OFF = ("closed", "reset", "error", "garbage")
REFUSALS = ("400", "401", "403", "basic", "no-challenge")


@dataclass(frozen=True)
class Way:
    """How a host is spoken to. trust: the words for what is trusted, "" for the place's own; plain: plain HTTP is taken where
    the port speaks no TLS; withheld: the runtime shows a certificate there that the probe does not have."""

    context: ssl.SSLContext
    trust: str = ""
    plain: bool = False
    withheld: bool = False


@dataclass(frozen=True)
class Place:
    """What differs between the places a walk can start from: how a name is resolved, what is trusted, what stands between.

    any_platform: this machine's architecture is not the node's, so any image of an index will do to try its blobs.
    beside: called once for a host's name, with how it was resolved: what another resolver of the place says of it, or None.
    says: what the place is less sure of than its kind promises (resolver: kubelet; trust: image).
    """

    resolve: Callable[[str, Deadline], Seen]
    context: ssl.SSLContext
    trust: str
    any_platform: bool = False
    endpoints: Callable[[Pull], Optional[Found]] = lambda pull: None
    own_trust: Optional[Callable[[Endpoint], Tuple[ssl.SSLContext, bool]]] = None
    proxy: Callable[[str, str, int], Optional[Proxy]] = lambda scheme, host, port: None
    beside: Callable[[str, Seen, Deadline], Optional[Seen]] = lambda name, seen, deadline: None
    says: Mapping[str, str] = field(default_factory=dict)

    def way_to(self, endpoint: Endpoint) -> Way:
        """With the endpoint's own trust and certificate, where it has any."""
        if self.own_trust is None or not (endpoint.ca or endpoint.skip_verify or endpoint.client):
            return Way(self.context, plain=endpoint.plain)
        also = f" and {', '.join(endpoint.ca)}" if endpoint.ca else ""
        said = "anything (skip_verify)" if endpoint.skip_verify else f"{self.trust}{also}"
        context, shown = self.own_trust(endpoint)
        return Way(context, said, endpoint.plain, not shown)


@dataclass
class _Host:
    """A host that was walked to. address is None where the walk ended before it could be spoken to."""

    address: Optional[Address]
    context: Optional[ssl.SSLContext]
    lock: threading.Lock = field(default_factory=threading.Lock)
    name: Optional[Seen] = None
    reached: bool = False
    seen: List[Tuple[str, str, str, Seen]] = field(default_factory=list)
    refused: Set[Tuple[str, str]] = field(default_factory=set)
    told: Set[Tuple[str, str]] = field(default_factory=set)
    greetings: Dict[str, Seen] = field(default_factory=dict)
    greeted: Set[Tuple[str, str, str]] = field(default_factory=set)

    @property
    def addresses(self) -> List[str]:
        """All that the name has, usable from here or not."""
        data = self.name.data if self.name is not None else {}
        return list(dict.fromkeys([*(data.get("usable") or []), *(data.get("addresses") or [])]))

    @property
    def inside(self) -> bool:
        """True where it is on this machine's own or link-local addresses and nowhere else."""
        return all_inward(self.addresses)


@dataclass(frozen=True)
class _Try:
    """One image at one endpoint."""

    pull: Pull
    endpoint: Endpoint
    first: _Host
    way: Way

    @property
    def name(self) -> str:
        """What its observations are marked with: the mirror's host, "" for the registry itself."""
        return name_of(self.endpoint.role, self.endpoint.host, self.endpoint.port)

    @property
    def scheme(self) -> str:
        """What it turned out to speak."""
        return "http" if self.first.context is None else "https"


@dataclass(frozen=True)
class _Answered:
    """What a request came to. elsewhere: the host that answered, "" for the endpoint's own; moved: it was redirected."""

    reply: Reply
    elsewhere: str = ""
    moved: bool = False


def name_of(role: str, host: str, port: int) -> str:
    """The mark of an attempt at this endpoint."""
    return "" if role != "mirror" else host if port == 443 else f"{host}:{port}"


def _marking(emit: Emit, attempt: str) -> Emit:
    """The same emit, with the attempt in every observation."""

    def marked(hop: str, role: str, host: str, seen: Seen, pull: str = "") -> None:
        emit(hop, role, host, dataclasses.replace(seen, attempt=attempt), pull)

    return marked


class Walk:
    """Walks to every host once and to every image once, telling `emit(hop, role, host, seen, pull)` what it saw, and `learn`
    every token that it is granted before anything is told that may quote it."""

    def __init__(self, place: Place, emit: Emit, learn: Callable[[str], None], deadline: Deadline) -> None:
        self._place, self._emit, self._learn, self._deadline = place, emit, learn, deadline
        self._hosts: Dict[Tuple[str, int, str, str, bool], _Host] = {}
        self._lock = threading.Lock()
        self._asked_beside: Dict[str, bool] = {}
        self._sent: Dict[Tuple[str, int, str], Reply] = {}
        self._second = ThreadPoolExecutor(max_workers=4)
        self._seconds: List[Future[None]] = []

    def run(self, pulls: Sequence[Pull]) -> None:
        """All pulls; hosts side by side, the images of one host one after the other."""
        groups: Dict[Tuple[str, int], List[Pull]] = {}
        for pull in pulls:
            groups.setdefault((pull.host, pull.port), []).append(pull)
        with ThreadPoolExecutor(max_workers=8) as pool:
            for done in [pool.submit(self._group, group) for group in groups.values()]:
                done.result()
        wait(self._seconds, timeout=self._deadline.left())
        self._second.shutdown(wait=False)

    def _group(self, pulls: Sequence[Pull]) -> None:
        for pull in pulls:
            try:
                self._pull(pull)
            except Exception as error:  # what one host or file makes of us must not cost the other images
                said = f"the probe failed: {type(error).__name__} {printable(error, 100)}"
                self._emit("registry", "registry", pull.domain, Seen("error", said), pull.id)

    # ---- one host -------------------------------------------------------------------------------------------------

    def host(
        self,
        role: str,
        name: str,
        port: int,
        scheme: str,
        way: Optional[Way] = None,
        attempt: str = "",
        from_inside: Optional[bool] = None,
    ) -> _Host:
        """dns, connect and tls of one host, asked once in each way however many ask for it, and told once for each role and
        attempt in which it is met: one image's mirror may be another one's registry.

        The way to an endpoint goes for every host that it leads to (containerd: core/remotes/docker/config/hosts.go, one client
        for an endpoint, its token host and its redirects).

        from_inside: None for a host that the image or the node's configuration names. One that a registry sends to is not asked
        where any of its addresses is this machine's own (`first_forbidden`); True where all of that registry's are.
        """
        way = way or Way(self._place.context)
        with self._lock:
            known = self._hosts.setdefault((name, port, scheme, way.trust, way.plain), _Host(None, None))
        with known.lock:
            tell = self._emit if not attempt else _marking(self._emit, attempt)
            met = (role, attempt)

            def emit(hop: str, role: str, host: str, seen: Seen, pull: str = "") -> None:
                known.seen.append((hop, role, host, seen))
                known.told.add(met)
                tell(hop, role, host, seen, pull)

            label = name if port == 443 else f"{name}:{port}"
            proxy = None if role == "proxy" else self._place.proxy(scheme, name, port)
            if proxy is None and known.name is None:
                known.name = self._place.resolve(name, self._deadline)
            forbidden = "" if from_inside is None else first_forbidden([name, *known.addresses], from_inside)
            if forbidden:
                if met not in known.refused:
                    known.refused.add(met)
                    if known.name is not None:
                        tell("dns", role, label, known.name)
                    # a hostile registry could make us knock at the node's own doors
                    said = f"{label} is {forbidden}, this machine's own, a link-local or a metadata address: not asked"
                    tell("connect", role, label, Seen("not-asked", said))
                return _Host(None, None)
            if known.reached and met not in known.told:
                known.told.add(met)
                for hop, first, host, seen in known.seen:
                    tell(hop, first if first == "proxy" else role, host, seen)
            if not known.reached:
                known.reached = True
                if proxy is not None:
                    addresses = self._through(proxy, known, role, Address(name, port, ""), label, scheme, emit)
                else:
                    addresses = self._reach(known, role, name, port, label, emit)
                if addresses:
                    self._speak(known, role, addresses, label, scheme, way, emit)
        return known

    def _reach(self, known: _Host, role: str, name: str, port: int, label: str, emit: Emit) -> List[Address]:
        """dns as it was resolved, and connect. -> the address that is open, if any."""
        seen = known.name
        assert seen is not None
        emit("dns", role, label, seen)
        self._beside(name, seen)
        found = seen.data.get("usable") or seen.data.get("addresses") or []
        if not found or seen.outcome == "no-usable-address":
            return []
        # these very addresses were checked
        seen, address = connect([Address(name, port, ip) for ip in found], self._deadline)
        emit("connect", role, label, seen)
        return [] if address is None else [address]

    def _beside(self, name: str, seen: Seen) -> None:
        """What another resolver of the place says of the name, told once and held against nobody's time."""

        def ask_the_other() -> None:
            other = self._place.beside(name, seen, self._deadline)
            if other is not None:
                self._emit("dns", "dns-server", str(other.data.get("server", "")), other)

        with self._lock:
            if name not in self._asked_beside:
                self._asked_beside[name] = True
                self._seconds.append(self._second.submit(ask_the_other))

    def _through(
        self, proxy: Proxy, known: _Host, role: str, to: Address, label: str, scheme: str, emit: Emit
    ) -> List[Address]:
        """The way through a proxy, which resolves the name itself. -> the address that leads there, if any."""
        if inward(to.host):
            emit("connect", role, label, Seen("not-asked", f"{label} is a link-local address: not asked"))
            return []
        emit("dns", role, label, Seen("by-proxy", f"left to the proxy {proxy.label}"))
        if proxy.scheme != "http":
            said = (
                f"the runtime goes through a proxy that speaks {printable(proxy.scheme, 20)}, which the probe does not"
            )
            emit("connect", role, label, Seen("not-verified", said, {"proxy": proxy.label}))
            return []
        there = self.host("proxy", proxy.host, proxy.port, "http")
        if there.address is None:
            said = f"the proxy {proxy.label} cannot be spoken to{self._directly(to)}"
            emit("connect", role, label, Seen("not-reached", said, {"proxy": proxy.label}))
            return []
        led = dataclasses.replace(to, ip=there.address.ip, via=proxy.port)
        seen = tunnel(led, self._deadline) if scheme == "https" else Seen("tunnel", f"through proxy {proxy.label}")
        if seen.outcome == "tunnel":
            emit(
                "connect", role, label, Seen("tunnel", f"through proxy {proxy.label}", {"proxy": proxy.label}, seen.ms)
            )
            return [led]
        data = {**seen.data, "proxy_for": label, "login": proxy.login}
        emit("connect", "proxy", proxy.label, Seen(seen.outcome, seen.summary + self._directly(to), data, seen.ms))
        said = f"the proxy {proxy.label} does not lead there"
        emit("connect", role, label, Seen("not-reached", said, {"proxy": proxy.label}))
        return []

    def _directly(self, to: Address) -> str:
        """What is said where a host that the proxy does not lead to answers without it."""
        data = self._place.resolve(to.host, self._deadline).data
        found = data.get("usable") or data.get("addresses") or []
        outward = [dataclasses.replace(to, ip=ip) for ip in found if not inward(ip)]
        open_one = connect(outward, self._deadline)[1] if outward else None
        if open_one is None:
            return ""
        return f"; directly {open_one.ip}:{to.port} answers, so it may belong into NO_PROXY"

    def _speak(
        self, known: _Host, role: str, addresses: List[Address], label: str, scheme: str, way: Way, emit: Emit
    ) -> None:
        """tls, where the host speaks it."""
        address = addresses[0]
        if scheme == "http":
            known.address = address
            return
        seen = handshake(address, way.context, self._deadline, way.trust or self._place.trust)
        if seen.outcome in ("expired", "not-yet-valid"):
            # nothing is sent: the Date of the answer tells whether the certificate is wrong or this machine's clock
            skew = _skew(ask("GET", address, "/v2/", self._deadline, unchecked()))
            data = {**seen.data, **({} if skew is None else {"skew": skew})}
            seen = dataclasses.replace(seen, data=data)
        elif seen.outcome == "plain-http" and way.plain:
            seen = Seen("plain", "plain HTTP, which the node's configuration allows", seen.data, seen.ms)
        elif way.withheld and seen.outcome in ("handshake-failed", "closed", "reset"):
            seen = Seen("not-verified", f"{seen.summary}; {WITHHELD}", seen.data, seen.ms)
        emit("tls", role, label, seen)
        if seen.outcome in ("ok", "plain"):
            known.address, known.context = address, way.context if seen.outcome == "ok" else None

    # ---- one image ------------------------------------------------------------------------------------------------

    def _pull(self, pull: Pull) -> None:
        """Every endpoint that the runtime would ask, in its order; what an image is made of only from the first that has it."""
        found = self._place.endpoints(pull)
        endpoints: Sequence[Endpoint] = (of_registry(pull),)
        if found is not None:
            endpoints = [e for e in found.endpoints if (e.pull if pull.by_digest else e.resolve)]
            skipped = ", ".join(e.label for e in found.endpoints if e not in endpoints) if endpoints else ""
            if skipped:
                note = f"not asked for {'digests' if pull.by_digest else 'tags'}: {skipped}"
                found = dataclasses.replace(found, note="; ".join(filter(None, (note, found.note))))
            self._emit("runtime", "node", "", found.seen(), pull.id)
            endpoints = endpoints or found.endpoints
        read = False
        for endpoint in endpoints:
            read = self._attempt(pull, endpoint, read) or read

    def _attempt(self, pull: Pull, end: Endpoint, read: bool) -> bool:
        """One endpoint. read: another has given the image already. -> True where this one does."""
        way = self._place.way_to(end)
        mark = name_of(end.role, end.host, end.port)
        first = self.host(end.role, end.host, end.port, end.scheme, way, mark)
        if end.repository:
            pull = dataclasses.replace(pull, repository=end.repository)
        one = _Try(pull, end, first, way)
        if first.address is None:
            if one.name:  # says whose attempt this was: its name and port are told once for all images
                self._tell(one, "manifest", Seen("not-reached", f"{end.label} cannot be spoken to"))
            return False
        with first.lock:
            if end.prefix not in first.greetings:
                greeting = _greeting(ask("GET", first.address, end.prefix + "/", self._deadline, first.context))
                if way.withheld and greeting.outcome not in ("200", "401"):
                    said = f"{greeting.summary}; {WITHHELD}"
                    greeting = dataclasses.replace(greeting, outcome="not-verified", summary=said)
                first.greetings[end.prefix] = greeting
            if (end.role, one.name, end.prefix) not in first.greeted:
                first.greeted.add((end.role, one.name, end.prefix))
                greeting = first.greetings[end.prefix]
                self._emit("registry", end.role, end.label, dataclasses.replace(greeting, attempt=one.name))
        readable = self._anonymous(one, read)
        for login in pull.logins:
            if self._with_login(one, login, readable or read):
                break
        return readable

    def _tell(self, one: _Try, hop: str, seen: Seen, subject: Optional[Tuple[str, str]] = None) -> None:
        """One observation of an attempt, about its own endpoint unless another subject is given."""
        role, host = subject or (one.endpoint.role, one.endpoint.label)
        if one.way.withheld and seen.outcome in (*REFUSALS, *BROKEN_OFF):
            seen = dataclasses.replace(seen, outcome="not-verified", summary=f"{seen.summary}; {WITHHELD}")
        elif one.endpoint.answers_differ and seen.outcome in REFUSALS:
            seen = dataclasses.replace(seen, outcome="not-verified", summary=f"{seen.summary}; {SHOWN}")
        data = dict(seen.data)
        via = str(data.pop("via", ""))
        self._emit(hop, role, host, dataclasses.replace(seen, data=data, attempt=one.name, via=via), one.pull.id)

    def _anonymous(self, one: _Try, read: bool) -> bool:
        """As a runtime without credentials: ask, answer the challenge, ask again. -> True where the manifest is answered."""
        answered = self._manifest(one, {})
        auth: Dict[str, str] = {}
        if answered.reply.status == 401 and not answered.elsewhere:
            token = self._answer(one, answered.reply, None)
            if not token:
                return False
            auth = {"Authorization": f"Bearer {token}"}
            answered = self._manifest(one, auth)
        elif answered.reply.status in (200, 404):  # any other answer may come before the question
            self._tell(one, "auth", Seen("not-needed", "no credentials asked for"))
        self._report(one, answered, auth, "")
        reply = answered.reply
        if reply.status == 200 and not read:
            self._content(one, reply, auth, "")
        return reply.status == 200

    def _with_login(self, one: _Try, login: Login, readable: bool) -> bool:
        """The same with one credential. -> True where the image can be read with it."""
        asked = self._manifest(one, {})
        reply = asked.reply
        if reply.status != 401 or asked.elsewhere:
            return True
        schemes = [scheme for scheme, _ in parse_challenges(reply.challenges)]
        if "bearer" in schemes:
            token = self._answer(one, reply, login)
            if not token:
                return False
            auth = {"Authorization": f"Bearer {token}"}
            answered = self._manifest(one, auth)
            self._report(one, answered, auth, login.secret)
            if answered.reply.status == 200 and not readable:
                self._content(one, answered.reply, auth, login.secret)
            return answered.reply.status == 200
        if "basic" in schemes and one.first.context is not None:
            return self._basic(one, login, readable)
        self._tell(one, "auth", Seen("not-tried", "no way to send the credential safely", _about(login)))
        return False

    def _basic(self, one: _Try, login: Login, readable: bool) -> bool:
        """One request with a user name and a password: a registry that counts failures may lock the account. To a host that
        did not take it with 200, it is not sent again for another image. -> True where the image can be read with it."""
        who = f"user {login.username} of secret {login.secret}"
        to = (one.endpoint.host, one.endpoint.port, login.basic)
        with self._lock:
            before = self._sent.get(to)
        if before is not None and before.status != 200:
            word = "rejected" if before.status == 401 else "not-tried"
            said = f"{who}: {before.said} for another image of this host, not sent again"
            self._tell(one, "auth", Seen(word, said, {**_about(login), "status": before.status}))
            return False
        auth = {"Authorization": login.basic}
        answered = self._manifest(one, auth, "GET", most=blobs.MANIFEST_BODY)
        reply = answered.reply
        with self._lock:
            self._sent[to] = reply
        data = {**_about(login), "status": reply.status, "errors": reply.errors}
        if answered.moved:
            there = answered.elsewhere or "another place of the registry"
            said = f"{who}: redirected to {there}, where the credential is not sent: {reply.said}"
            self._tell(one, "auth", Seen("not-verified", said, data, reply.ms))
        else:
            word = "rejected" if reply.status == 401 else "accepted" if reply.status else reply.trouble
            # a 403 comes after the login, and may be about it all the same: a password that has run out
            taken = "accepted" if reply.status in (200, 404) else "asks for no credentials any more"
            self._tell(one, "auth", Seen(word, f"{who}: {taken if word == 'accepted' else reply.said}", data, reply.ms))
        if reply.status != 401:
            self._report(one, answered, auth, login.secret, ask_more=False)
        if reply.status == 200 and not readable:
            self._platforms(one, blobs.read_manifest(reply), reply, login.secret)
        return reply.status == 200

    def _answer(self, one: _Try, reply: Reply, login: Optional[Login]) -> Optional[str]:
        """Answer a 401: a token for a Bearer challenge, None for everything else, told as an auth observation."""
        challenges = parse_challenges(reply.challenges)
        bearer = next((params for scheme, params in challenges if scheme == "bearer"), None)
        data: Dict[str, Any] = {"challenges": _shown(reply.challenges), "status": reply.status, "errors": reply.errors}
        who = "anonymously"
        if login is not None:
            data.update(_about(login))
            who = f"as {login.username} (secret {login.secret})"
        if bearer is None:
            schemes = ", ".join(scheme for scheme, _ in challenges)
            outcome = "basic" if any(scheme == "basic" for scheme, _ in challenges) else "no-challenge"
            said = (
                f"credentials asked for ({schemes})" if schemes else "HTTP 401 without a challenge that can be answered"
            )
            self._tell(one, "auth", Seen(outcome, said, data, reply.ms))
            return None
        if len(bearer.get("realm", "")) > MOST_VALUE:
            said = f"the realm has {len(bearer['realm'])} characters, too long to follow"
            self._tell(one, "auth", Seen("not-verified", said, data, reply.ms))
            return None
        realm = realm_of(bearer, one.pull.repository)
        if realm.trouble:
            self._tell(one, "auth", Seen("bad-realm", realm.trouble, data, reply.ms))
            return None
        return self._token(one, realm, login, data, who)

    def _token(self, one: _Try, realm: Realm, login: Optional[Login], data: Dict[str, Any], who: str) -> Optional[str]:
        label = realm.host if realm.port == 443 else f"{realm.host}:{realm.port}"
        headers = {}
        if login is not None:
            if not may_have_credentials(one.pull.host, realm):
                said = f"secret {login.secret} not tried: {label} is not plainly a host of {one.pull.host}"
                self._tell(one, "auth", Seen("not-tried", said, data), ("token", label))
                return None
            headers["Authorization"] = login.basic
        way = dataclasses.replace(one.way, plain=False)
        host = self.host("token", realm.host, realm.port, realm.scheme, way, one.name, one.first.inside)
        if host.address is None:
            self._tell(one, "auth", Seen("not-reached", f"{label} cannot be spoken to", data), ("token", label))
            return None
        to = (realm.host, realm.port, headers.get("Authorization", ""))
        with self._lock:
            refused = self._sent.get(to) if login is not None else None
        reply = refused or ask("GET", host.address, realm.path, self._deadline, host.context, headers, MOST_TOKEN)
        if login is not None and reply.status == 401:
            with self._lock:
                self._sent[to] = reply
        for secret in granted(reply):
            self._learn(secret)
        token = token_in(reply)
        outcome = "token" if token else "no-token" if reply.status == 200 else str(reply.status or reply.trouble)
        said = f"token granted {who}" if token else f"no token {who}: {reply.said}"
        data.update(token_status=reply.status, errors=reply.errors or data["errors"], detail=reply.detail)
        self._tell(one, "auth", Seen(outcome, said, data, reply.ms), ("token", label))
        return token

    def _manifest(
        self,
        one: _Try,
        auth: Dict[str, str],
        method: str = "HEAD",
        digest: str = "",
        most: int = ERROR_BODY,
    ) -> _Answered:
        """HEAD (or GET) of the manifest, or of the one with that digest below the same repository."""
        path = manifests.manifest_path(one.endpoint.prefix, one.pull.repository, digest or one.pull.asked)
        return self._follow(one, method, path, {"Accept": manifests.ACCEPT, **auth}, "registry", most)

    def _follow(self, one: _Try, method: str, path: str, headers: Dict[str, str], role: str, most: int) -> _Answered:
        """One request, redirects followed; hosts that it is sent to have that role, and never see the credential. A user name
        and password is not sent a second time to its own host either."""
        end, host, headers, elsewhere = one.endpoint, one.first, dict(headers), ""
        if end.ns:
            path += f"{'&' if '?' in path else '?'}ns={quote(end.ns)}"
        where = f"{one.scheme}://{end.host}:{end.port}{path}"
        for turn in range(REDIRECTS):
            if host.address is None:
                said = f"redirected to {_bare(where)}, which cannot be reached"
                return _Answered(Reply(0, trouble="not-reached", detail=said), elsewhere, turn > 0)
            reply = ask(method, host.address, path, self._deadline, host.context, headers, most)
            if reply.status not in (301, 302, 303, 307, 308) or not reply.location:
                return _Answered(reply, elsewhere, turn > 0)
            if reply.too_long:
                said = f"redirected to an address of {len(reply.location)} characters, too long to follow"
                return _Answered(Reply(0, trouble="not-verified", detail=said), elsewhere, True)
            try:
                where = _led_to(where, reply.location)
                parts = urlsplit(where)
                name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
            except ValueError:
                return _Answered(Reply(0, trouble="garbage", detail=f"redirected to {_bare(where)}"), elsewhere, True)
            if parts.scheme not in ("https", "http") or not name:
                return _Answered(Reply(0, trouble="garbage", detail=f"redirected to {_bare(where)}"), elsewhere, True)
            if (name, port, parts.scheme) != (end.host, end.port, one.scheme):
                headers.pop("Authorization", None)
                elsewhere = name if port == 443 else f"{name}:{port}"
            elif headers.get("Authorization", "").startswith("Basic "):
                del headers["Authorization"]
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            way = dataclasses.replace(one.way, plain=False)
            if (name, port, parts.scheme) == (end.host, end.port, one.scheme):
                host = one.first
            else:
                host = self.host(role, name, port, parts.scheme, way, one.name, one.first.inside)
        said = f"redirected more than {REDIRECTS} times"
        return _Answered(Reply(0, trouble="redirects", detail=said), elsewhere, True)

    def _content(self, one: _Try, head: Reply, auth: Dict[str, str], via: str) -> None:
        """What the image is made of: its platforms, its configuration and the beginning of a layer.

        Nothing where the registry counts the pulls of this client: reading a manifest is one.
        """
        if manifests.rate_data(head):
            return
        digest = ""
        for _ in range(3):  # an index names images; one within another is allowed and rare
            reply = self._manifest(one, auth, "GET", digest, blobs.MANIFEST_BODY).reply
            if reply.status != 200 or reply.trouble:
                outcome = str(reply.trouble or reply.status)
                said = f"HEAD of the manifest is answered with 200, its GET fails: {reply.said}"
                if reply.trouble:
                    said = f"the manifest breaks off after {len(reply.body)} bytes: {reply.detail or reply.trouble}"
                data = {"via": via, "status": reply.status, "errors": reply.errors, "method": "GET", "digest": digest}
                self._tell(one, "manifest", Seen(outcome, said, data, reply.ms))
                return
            document = blobs.read_manifest(reply)
            if document.kind != "index":
                break
            if not digest:
                self._platforms(one, document, reply, via)
            digest = blobs.suitable(document, self._place.any_platform)
            if not digest:
                return
        if document.kind != "manifest":
            self._platforms(one, document, reply, via)
            return
        self._blobs(one, document, auth, via, single=not digest)

    def _platforms(self, one: _Try, document: blobs.Document, reply: Reply, via: str) -> None:
        """What a manifest says by itself: the platforms of an index, or that it is no image. Nothing of a plain image."""
        listed = blobs.platforms(document)
        words = [_platform_word(entry) for entry in listed]
        said = "an index with " + (", ".join(w for w in words[:6] if w != "unknown/unknown") or "nothing in it")
        data: Dict[str, Any] = {"via": via, "platforms": listed, "entries": len(document.entries)}
        if document.kind == "index" and document.entries:
            self._tell(one, "platform", Seen("index", said, data, reply.ms))
        elif document.kind != "manifest":
            data = {"via": via, "media_type": reply.headers.get("content-type", ""), "kind": document.kind}
            self._tell(one, "platform", Seen("no-image", document.why or "an index of indexes", data))

    def _blobs(
        self,
        one: _Try,
        document: blobs.Document,
        auth: Dict[str, str],
        via: str,
        single: bool,
    ) -> None:
        """The configuration whole and the first bytes of the first layer, as told by one blobs observation."""
        watch = Stopwatch()
        wanted: List[Tuple[str, str, Dict[str, str], int]] = [("configuration", document.config, {}, blobs.CONFIG_BODY)]
        if document.first_layer:
            wanted.append(
                ("layer", document.first_layer, {"Range": f"bytes=0-{blobs.LAYER_BYTES - 1}"}, blobs.LAYER_BYTES)
            )
        got: List[str] = []
        for kind, digest, headers, most in wanted:
            path = blobs.blob_path(one.endpoint.prefix, one.pull.repository, digest)
            answered = self._follow(one, "GET", path, {**auth, **headers}, "blob", most)
            reply, elsewhere = answered.reply, answered.elsewhere
            outcome = blobs.outcome_of(reply, len(reply.body))
            if kind == "configuration" and outcome == "ok":
                if not reply.cut and blobs.differs(digest, reply.body):
                    outcome = "corrupt"
                elif single and isinstance(reply.document, dict):
                    found = blobs.platform_of(reply.document)
                    data = {"via": via, "platforms": [found], "single": True}
                    said = f"one image, for {_platform_word(found)}"
                    self._tell(one, "platform", Seen("single", said, data, reply.ms))
            subject = ("blob", elsewhere) if elsewhere else (one.endpoint.role, one.endpoint.label)
            if outcome != "ok":
                data = {
                    "via": via,
                    "kind": kind,
                    "digest": digest,
                    "status": reply.status,
                    "errors": reply.errors,
                    "bytes": len(reply.body),
                    "detail": reply.detail,
                }
                said = f"{kind} {digest[:19]}…: {_blob_words(outcome, reply)}"
                self._tell(one, "blobs", Seen(outcome, said, data, watch.ms), subject)
                return
            got.append(f"{len(reply.body)} bytes of the {kind}")
        data = {"via": via, "layers": document.layers, "size": document.size}
        self._tell(one, "blobs", Seen("ok", " and ".join(got), data, watch.ms), subject)

    def _report(self, one: _Try, answered: _Answered, auth: Dict[str, str], via: str, ask_more: bool = True) -> None:
        """The manifest and rate observations of one attempt; a refusal is asked for again by GET for its reasons.

        ask_more: whether more requests may be made with this credential.
        """
        head = reply = answered.reply
        if ask_more and ((head.status >= 400 and head.status != 401) or (head.status == 401 and auth)):
            again = self._manifest(one, auth, "GET").reply
            reply = again if again.status else head
        data: Dict[str, Any] = {
            "status": head.status,
            "errors": reply.errors,
            "via": via,
            "media_type": head.headers.get("content-type", ""),
            "digest": head.headers.get("docker-content-digest", ""),
            "detail": reply.detail or (printable(reply.body.decode("utf-8", "replace")) if not reply.errors else ""),
        }
        asked = f"{one.pull.repository}{'@' if ':' in one.pull.asked else ':'}{one.pull.asked}"
        said = f"{asked} is there" if head.status == 200 else f"{asked}: {reply.said}"
        if ask_more and head.status == 404 and one.first.address is not None and ":" not in one.pull.asked:
            tags = ask(
                "GET",
                one.first.address,
                manifests.tags_path(one.endpoint.prefix, one.pull.repository),
                self._deadline,
                one.first.context,
                auth,
                manifests.TAGS_BODY,
            )
            data["tags_status"] = tags.status
            data["tags_errors"] = tags.errors
            if tags.status == 200:
                data["closest"], data["tag_count"] = manifests.closest_tags(tags, one.pull.asked)
                said += f"; the repository has {data['tag_count']} tag{'s' if data['tag_count'] != 1 else ''}"
                if data["closest"]:
                    said += f" ({', '.join(data['closest'][:3])})"
            elif tags.status == 404 and tags.errors:  # any web server says 404
                said += "; the repository does not exist"
        other = ("registry", answered.elsewhere) if answered.elsewhere and head.status == 401 else None
        self._tell(one, "manifest", Seen(str(head.status or head.trouble), said, data, head.ms), other)
        rate = manifests.rate_data(head) or manifests.rate_data(reply)
        if rate or head.status == 429:
            bare = "throttled" if head.status == 429 else "asks to wait before the next try"
            left = f"{rate['remaining']} of {rate.get('limit', '?')} pulls left" if "remaining" in rate else bare
            source = f" for {rate['source']}" if rate.get("source") else ""
            limited = head.status == 429 or rate.get("remaining") == 0
            rate.update(via=via, status=head.status, errors=reply.errors)
            self._tell(one, "rate", Seen("limited" if limited else "ok", left + source, rate))


def _about(login: Login) -> Dict[str, Any]:
    """Which credential it was, without its password."""
    return {"via": login.secret, "username": login.username, "registry_key": login.registry_key}


def _greeting(reply: Reply) -> Seen:
    """What the answer to GET /v2/ says. outcome: the status, or what happened instead of one."""
    data: Dict[str, Any] = {
        "status": reply.status,
        "challenges": _shown(reply.challenges),
        "api_version": reply.headers.get("docker-distribution-api-version", ""),
        "content_type": reply.headers.get("content-type", ""),
        "server": reply.headers.get("server", ""),
        "location": _bare(reply.location),
        "errors": reply.errors,
        "detail": reply.detail or printable(reply.body.decode("utf-8", "replace"), 200),
        "cut": reply.cut,
    }
    skew = _skew(reply)
    if skew is not None:
        data["skew"] = skew
    said = reply.said
    if reply.status == 401:
        schemes = ", ".join(scheme.capitalize() for scheme, _ in parse_challenges(reply.challenges))
        said = f"HTTP 401, asks for {schemes}" if schemes else "HTTP 401 without a challenge"
    return Seen(str(reply.status or reply.trouble), said, data, reply.ms)


def _shown(challenges: Sequence[str]) -> List[str]:
    return [printable(line, 1000) for line in challenges]


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
        "closed": f"the connection ends {got}",
        "reset": f"the connection is reset {got}",
        "corrupt": "the bytes are not those of the digest",
        "empty": "the answer is empty",
    }.get(outcome, reply.said)


def _skew(reply: Reply) -> Optional[float]:
    """Seconds by which this machine's clock is ahead of the server's, None where it does not say or a cache answers."""
    if "age" in reply.headers:
        return None
    try:
        date = email.utils.parsedate_to_datetime(reply.headers.get("date", ""))
        return round(time.time() - date.timestamp(), 1)
    except (TypeError, ValueError, OverflowError):
        return None


def _led_to(where: str, location: str) -> str:
    """The address that a Location header names, seen from where it was sent. Raises ValueError for one with control characters;
    what is no ASCII is escaped byte by byte (Go: net/url, setPath and EscapedPath)."""
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in location.strip()):
        raise ValueError("control characters in an address")
    return urljoin(where, quote(location.strip().encode("latin-1", "replace"), safe=_ASCII))


_ASCII = "".join(chr(number) for number in range(0x21, 0x7F))


def _bare(url: str) -> str:
    """A URL without login and query: who has the signature in a query may read the blob."""
    scheme, mark, rest = url.partition("#")[0].partition("?")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    return printable(f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}", 200)

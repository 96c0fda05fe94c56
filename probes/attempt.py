"""One image at one endpoint of the runtime's list: the manifest, and what has to be answered before it is given.

The token is asked for as the node's own runtime asks (`challenge.answered_by`, `challenge.token_requests`), once a credential.
"""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple
from urllib.parse import quote, urljoin, urlsplit

from . import content
from . import manifest as manifests
from .challenge import BadRealm, TokenRequest, answered_by, parse_challenges, token_requests
from .host.endpoints import Endpoint
from .http_request import ERROR_BODY, MOST_VALUE, Reply, ask
from .observation import Observation, printable
from .place import Place, Way
from .plan import CRIO, Login, Pull
from .reach import WITHHELD, Emit, Host, Hosts, Turn
from .timing import Deadline
from .tls_handshake import late_alert
from .token_host import granted, may_have_credentials, token_in

REDIRECTS = 4
MOST_TOKEN = 256 << 10
"""Bytes of a token host's answer."""
SHOWN = "the runtime shows credentials of the node's own there, which the probe does not have"
BROKEN_OFF = ("closed", "reset", "error", "garbage", "refused-client")
REFUSALS = ("400", "401", "403", "basic", "no-challenge")


@dataclass(frozen=True)
class Answered:
    """What a request came to."""

    reply: Reply
    """The last answer."""
    elsewhere: str = ""
    """The host that gave it, "" for the endpoint's own."""
    moved: bool = False
    """It was redirected."""


@dataclass
class Run:
    """What all attempts of a run share."""

    place: Place
    """Where it starts."""
    hosts: Hosts
    """The hosts that were walked to."""
    emit: Emit
    """Tells what was seen."""
    learn: Callable[[str], None]
    """Told every token that is granted, before anything is told that may quote it."""
    deadline: Deadline
    """When it ends."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """For what follows."""
    sent: Dict[Tuple[str, int, str], Reply] = field(default_factory=dict)
    """(host, port, credential) -> the answer that it got."""


class Attempt:
    """One image at one endpoint. Walks to the endpoint when it is made."""

    def __init__(self, run: Run, pull: Pull, endpoint: Endpoint) -> None:
        self.run, self.endpoint = run, endpoint
        self.pull = dataclasses.replace(pull, repository=endpoint.repository) if endpoint.repository else pull
        self.turn = Turn(pull.id, mark_of(endpoint))
        self.way: Way = run.place.way_to(endpoint)
        self.host: Host = run.hosts.meet(
            self.turn, endpoint.role, endpoint.host, endpoint.port, endpoint.scheme, self.way
        )

    @property
    def scheme(self) -> str:
        """What the endpoint turned out to speak."""
        return "http" if self.host.context is None else "https"

    def make(self, read: bool) -> bool:
        """Ask for the image. read: another endpoint has given it already, so its content is not asked for again.

        -> True where this one gives it.
        """
        if self.host.address is None:
            if self.turn.attempt:
                self.tell("manifest", Observation("not-reached", f"{self.endpoint.label} cannot be spoken to"))
            return False
        if not self._greet():
            return False
        readable = self._anonymous(read)
        for login in self.pull.logins:
            if self._with_login(login, readable or read):
                break
        return readable

    def tell(self, hop: str, seen: Observation, via: str = "", subject: Optional[Tuple[str, str]] = None) -> None:
        """One observation, about the endpoint unless another (role, host) is given. via: the secret that was shown there."""
        role, host = subject or (self.endpoint.role, self.endpoint.label)
        if self.way.withheld and seen.outcome in (*REFUSALS, *BROKEN_OFF):
            seen = dataclasses.replace(seen, outcome="not-verified", summary=f"{seen.summary}; {WITHHELD}")
        elif self.endpoint.answers_differ and seen.outcome in REFUSALS:
            seen = dataclasses.replace(seen, outcome="not-verified", summary=f"{seen.summary}; {SHOWN}")
        seen = dataclasses.replace(seen, attempt=self.turn.attempt, via=via)
        self.run.emit(hop, role, host, seen, self.turn.pull)

    # ---- who may pull ---------------------------------------------------------------------------------------------

    def _greet(self) -> bool:
        """GET /v2/, asked once a prefix and told for each image. -> False where TLS is what keeps everybody out."""
        host, prefix = self.host, self.endpoint.prefix
        assert host.address is not None
        with host.lock:
            if prefix not in host.greetings:
                reply = ask("GET", host.address, prefix + "/", self.run.deadline, host.context)
                greeting = _greeting(reply)
                if not reply.status and host.context is not None and reply.trouble in ("closed", "reset"):
                    host.alert = late_alert(host.address, host.context, self.run.deadline)
                if self.way.withheld and greeting.outcome not in ("200", "401"):
                    said = f"{greeting.summary}; {WITHHELD}"
                    greeting = dataclasses.replace(greeting, outcome="not-verified", summary=said)
                host.greetings[prefix] = greeting
                host.challenges[prefix] = reply.challenges if reply.status == 401 else ()
        if host.alert:
            said = f"the handshake is done, then the server ends it: {host.alert}"
            self.tell("tls", Observation("refused-client", said, {"detail": host.alert}))
            return False
        seen = dataclasses.replace(host.greetings[prefix], attempt=self.turn.attempt)
        self.run.emit("registry", self.endpoint.role, self.endpoint.label, seen, self.turn.pull)
        return True

    def _anonymous(self, read: bool) -> bool:
        """As a runtime without credentials: ask, answer the challenge, ask again. -> True where the manifest is answered."""
        answered = self.manifest({})
        auth: Dict[str, str] = {}
        if answered.reply.status == 401 and not answered.elsewhere:
            token = self._answer(answered.reply, None)
            if not token:
                return False
            auth = {"Authorization": f"Bearer {token}"}
            answered = self.manifest(auth)
        elif answered.reply.status in (200, 404):  # any other answer may come before the question
            self.tell("auth", Observation("not-needed", "no credentials asked for"))
        self._report(answered, auth, "")
        if answered.reply.status == 200 and not read:
            content.look(self, answered.reply, auth, "")
        return answered.reply.status == 200

    def _with_login(self, login: Login, readable: bool) -> bool:
        """The same with one credential. -> True where the image can be read with it."""
        asked = self.manifest({})
        reply = asked.reply
        if reply.status != 401 or asked.elsewhere:
            return True
        answer = answered_by(self._challenges(reply), self.run.place.runtime, True)
        if answer.scheme == "bearer":
            token = self._answer(reply, login)
            if not token:
                return False
            auth = {"Authorization": f"Bearer {token}"}
            answered = self.manifest(auth)
            self._report(answered, auth, login.secret)
            if answered.reply.status == 200 and not readable:
                content.look(self, answered.reply, auth, login.secret)
            return answered.reply.status == 200
        if answer.scheme == "basic" and self.host.context is not None:
            return self._basic(login, readable)
        self.tell("auth", Observation("not-tried", "no way to send the credential safely", _about(login)), login.secret)
        return False

    def _challenges(self, reply: Reply) -> Sequence[str]:
        """The lines that the runtime answers: CRI-O those of /v2/, containerd those of the manifest's 401."""
        greeted = self.host.challenges.get(self.endpoint.prefix, ())
        return greeted if greeted and self.run.place.runtime == CRIO else reply.challenges

    def _basic(self, login: Login, readable: bool) -> bool:
        """One request with a user name and a password: a registry that counts failures may lock the account. To a host that
        did not take it with 200, it is not sent again for another image. -> True where the image can be read with it."""
        who = f"user {login.username} of secret {login.secret}"
        to = (self.endpoint.host, self.endpoint.port, login.basic)
        with self.run.lock:
            before = self.run.sent.get(to)
        if before is not None and before.status != 200:
            word = "rejected" if before.status == 401 else "not-tried"
            said = f"{who}: {before.said} for another image of this host, not sent again"
            self.tell("auth", Observation(word, said, {**_about(login), "status": before.status}), login.secret)
            return False
        auth = {"Authorization": login.basic}
        answered = self.manifest(auth, "GET", most=content.MANIFEST_BODY)
        reply = answered.reply
        with self.run.lock:
            self.run.sent[to] = reply
        data = {**_about(login), "status": reply.status, "errors": reply.errors}
        if answered.moved:
            there = answered.elsewhere or "another place of the registry"
            said = f"{who}: redirected to {there}, where the credential is not sent: {reply.said}"
            self.tell("auth", Observation("not-verified", said, data, reply.ms), login.secret)
        else:
            word = "rejected" if reply.status == 401 else "accepted" if reply.status else reply.trouble
            # a 403 comes after the login, and may be about it all the same: a password that has run out
            taken = "accepted" if reply.status in (200, 404) else "asks for no credentials any more"
            said = f"{who}: {taken if word == 'accepted' else reply.said}"
            self.tell("auth", Observation(word, said, data, reply.ms), login.secret)
        if reply.status != 401:
            self._report(answered, auth, login.secret, ask_more=False)
        if reply.status == 200 and not readable:
            content.platforms(self, content.read_manifest(reply), reply, login.secret)
        return reply.status == 200

    def _answer(self, reply: Reply, login: Optional[Login]) -> Optional[str]:
        """Answer a 401 as the runtime does: a token for a Bearer challenge, None for everything else, told as auth."""
        lines, runtime = self._challenges(reply), self.run.place.runtime
        data: Dict[str, Any] = {"challenges": _shown(lines), "status": reply.status, "errors": reply.errors}
        via = ""
        if login is not None:
            data.update(_about(login))
            via = login.secret
        answer = answered_by(lines, runtime, login is not None)
        if answer.scheme == "bearer" and len(answer.params.get("realm", "")) > MOST_VALUE:
            said = f"the realm has {len(answer.params['realm'])} characters, too long to follow"
            self.tell("auth", Observation("not-verified", said, data, reply.ms), via)
            return None
        if answer.scheme == "bearer":
            user = login.username if login is not None else ""
            try:
                requests = token_requests(answer.params, runtime, self.pull.repository, user, login is not None)
            except BadRealm as error:
                self.tell("auth", Observation("bad-realm", printable(error), data, reply.ms), via)
                return None
            return self._token(requests, login, data)
        asked = [scheme for scheme, _ in parse_challenges(lines)]
        schemes = ", ".join(asked)
        outcome = "basic" if answer.scheme == "basic" or "basic" in asked else "no-challenge"
        said = f"credentials asked for ({schemes})" if schemes else "HTTP 401 without a challenge that can be answered"
        if schemes and outcome == "no-challenge":
            said += f", of which {runtime} answers none"
        self.tell("auth", Observation(outcome, said, data, reply.ms), via)
        return None

    def _token(self, requests: Sequence[TokenRequest], login: Optional[Login], data: Dict[str, Any]) -> Optional[str]:
        """Make the requests for a token until one is answered as the last may be. -> the token, told as auth."""
        via = login.secret if login is not None else ""
        who = f"as {login.username} (secret {login.secret})" if login is not None else "anonymously"
        reply, subject = Reply(0), ("token", "")
        for request in requests:
            if request.after and reply.status not in request.after:
                break
            parts = urlsplit(request.url)
            name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
            subject = ("token", name if port == 443 else f"{name}:{port}")
            allowed = self.run.place.token_hosts
            if login is not None and not may_have_credentials(self.pull.host, parts.scheme, name, allowed):
                said = (
                    f"secret {login.secret} not tried: {subject[1]} is not known to be a token host of {self.pull.host}"
                )
                self.tell("auth", Observation("not-tried", said, data), via, subject)
                return None
            way = dataclasses.replace(self.way, plain=False)
            host = self.run.hosts.meet(self.turn, "token", name, port, parts.scheme, way, self.host.inside)
            if host.address is None:
                self.tell("auth", Observation("not-reached", f"{subject[1]} cannot be spoken to", data), via, subject)
                return None
            reply = self._token_request(request, login, host, parts.path or "/", parts.query)
            for secret in granted(reply):
                self.run.learn(secret)
        token = token_in(reply)
        outcome = "token" if token else "no-token" if reply.status == 200 else str(reply.status or reply.trouble)
        said = f"token granted {who}" if token else f"no token {who}: {reply.said}"
        data.update(token_status=reply.status, errors=reply.errors or data["errors"], detail=reply.detail)
        self.tell("auth", Observation(outcome, said, data, reply.ms), via, subject)
        return token

    def _token_request(self, request: TokenRequest, login: Optional[Login], host: Host, path: str, query: str) -> Reply:
        """One request for a token; a credential that was refused there is not sent a second time in this form."""
        assert host.address is not None
        headers: Dict[str, str] = {}
        body = b""
        if login is not None and request.basic:
            headers["Authorization"] = login.basic
        if request.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
            body = request.body(login.password if login is not None else "")
        to = (host.address.host, host.address.port, f"{request.method} {login.basic}" if login is not None else "")
        with self.run.lock:
            refused = self.run.sent.get(to) if login is not None else None
        target = path + (f"?{query}" if query else "")
        reply = refused or ask(
            request.method, host.address, target, self.run.deadline, host.context, headers, MOST_TOKEN, body
        )
        if login is not None and reply.status == 401:
            with self.run.lock:
                self.run.sent[to] = reply
        return reply

    # ---- requests -------------------------------------------------------------------------------------------------

    def manifest(
        self, auth: Dict[str, str], method: str = "HEAD", digest: str = "", most: int = ERROR_BODY
    ) -> Answered:
        """HEAD (or GET) of the manifest, or of the one with that digest below the same repository."""
        path = manifests.manifest_path(self.endpoint.prefix, self.pull.repository, digest or self.pull.asked)
        return self.follow(method, path, {"Accept": manifests.ACCEPT, **auth}, "registry", most)

    def follow(self, method: str, path: str, headers: Dict[str, str], role: str, most: int) -> Answered:
        """One request, redirects followed; hosts that it is sent to have that role, and never see the credential. A user name
        and password is not sent a second time to its own host either."""
        end, host, headers, elsewhere = self.endpoint, self.host, dict(headers), ""
        if end.ns:
            path += f"{'&' if '?' in path else '?'}ns={quote(end.ns)}"
        where = f"{self.scheme}://{end.host}:{end.port}{path}"
        for turn in range(REDIRECTS):
            if host.address is None:
                said = f"redirected to {bare(where)}, which cannot be reached"
                return Answered(Reply(0, trouble="not-reached", detail=said), elsewhere, turn > 0)
            reply = ask(method, host.address, path, self.run.deadline, host.context, headers, most)
            if reply.status not in (301, 302, 303, 307, 308) or not reply.location:
                return Answered(reply, elsewhere, turn > 0)
            if reply.too_long:
                said = f"redirected to an address of {len(reply.location)} characters, too long to follow"
                return Answered(Reply(0, trouble="not-verified", detail=said), elsewhere, True)
            try:
                where = _led_to(where, reply.location)
                parts = urlsplit(where)
                name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
            except ValueError:
                return Answered(Reply(0, trouble="garbage", detail=f"redirected to {bare(where)}"), elsewhere, True)
            if parts.scheme not in ("https", "http") or not name:
                return Answered(Reply(0, trouble="garbage", detail=f"redirected to {bare(where)}"), elsewhere, True)
            if (name, port, parts.scheme) != (end.host, end.port, self.scheme):
                headers.pop("Authorization", None)
                elsewhere = name if port == 443 else f"{name}:{port}"
            elif headers.get("Authorization", "").startswith("Basic "):
                del headers["Authorization"]
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            way = dataclasses.replace(self.way, plain=False)
            if (name, port, parts.scheme) == (end.host, end.port, self.scheme):
                host = self.host
            else:
                host = self.run.hosts.meet(self.turn, role, name, port, parts.scheme, way, self.host.inside)
        said = f"redirected more than {REDIRECTS} times"
        return Answered(Reply(0, trouble="redirects", detail=said), elsewhere, True)

    def _report(self, answered: Answered, auth: Dict[str, str], via: str, ask_more: bool = True) -> None:
        """The manifest and rate observations of one attempt; a refusal is asked for again by GET for its reasons.

        ask_more: whether more requests may be made with this credential.
        """
        head = reply = answered.reply
        if ask_more and ((head.status >= 400 and head.status != 401) or (head.status == 401 and auth)):
            again = self.manifest(auth, "GET").reply
            reply = again if again.status else head
        data: Dict[str, Any] = {
            "status": head.status,
            "errors": reply.errors,
            "media_type": head.headers.get("content-type", ""),
            "digest": head.headers.get("docker-content-digest", ""),
            "detail": reply.detail or (printable(reply.body.decode("utf-8", "replace")) if not reply.errors else ""),
        }
        asked = f"{self.pull.repository}{'@' if ':' in self.pull.asked else ':'}{self.pull.asked}"
        said = f"{asked} is there" if head.status == 200 else f"{asked}: {reply.said}"
        if ask_more and head.status == 404 and self.host.address is not None and ":" not in self.pull.asked:
            tags = ask(
                "GET",
                self.host.address,
                manifests.tags_path(self.endpoint.prefix, self.pull.repository),
                self.run.deadline,
                self.host.context,
                auth,
                manifests.TAGS_BODY,
            )
            data["tags_status"] = tags.status
            data["tags_errors"] = tags.errors
            if tags.status == 200:
                data["closest"], data["tag_count"] = manifests.closest_tags(tags, self.pull.asked)
                said += f"; the repository has {data['tag_count']} tag{'s' if data['tag_count'] != 1 else ''}"
                if data["closest"]:
                    said += f" ({', '.join(data['closest'][:3])})"
            elif tags.status == 404 and tags.errors:  # any web server says 404
                said += "; the repository does not exist"
        other = ("registry", answered.elsewhere) if answered.elsewhere and head.status == 401 else None
        self.tell("manifest", Observation(str(head.status or head.trouble), said, data, head.ms), via, other)
        rate = manifests.rate_data(head) or manifests.rate_data(reply)
        if rate or head.status == 429:
            bare = "throttled" if head.status == 429 else "asks to wait before the next try"
            left = f"{rate['remaining']} of {rate.get('limit', '?')} pulls left" if "remaining" in rate else bare
            source = f" for {rate['source']}" if rate.get("source") else ""
            limited = head.status == 429 or rate.get("remaining") == 0
            rate.update(status=head.status, errors=reply.errors)
            self.tell("rate", Observation("limited" if limited else "ok", left + source, rate), via)


def mark_of(endpoint: Endpoint) -> str:
    """What observations at an endpoint's turn are marked with: the mirror's host, "" for the registry's own."""
    return endpoint.label if endpoint.role == "mirror" else ""


def _about(login: Login) -> Dict[str, Any]:
    """Which entry of its secret a credential is, without its password."""
    return {"username": login.username, "registry_key": login.registry_key}


def _greeting(reply: Reply) -> Observation:
    """What the answer to GET /v2/ says. outcome: the status, or what happened instead of one."""
    data: Dict[str, Any] = {
        "status": reply.status,
        "challenges": _shown(reply.challenges),
        "api_version": reply.headers.get("docker-distribution-api-version", ""),
        "content_type": reply.headers.get("content-type", ""),
        "server": reply.headers.get("server", ""),
        "location": bare(reply.location),
        "errors": reply.errors,
        "detail": reply.detail or printable(reply.body.decode("utf-8", "replace"), 200),
        "cut": reply.cut,
    }
    if reply.skew is not None:
        data["skew"] = reply.skew
    said = reply.said
    if reply.status == 401:
        schemes = ", ".join(scheme.capitalize() for scheme, _ in parse_challenges(reply.challenges))
        said = f"HTTP 401, asks for {schemes}" if schemes else "HTTP 401 without a challenge"
    return Observation(str(reply.status or reply.trouble), said, data, reply.ms)


def _shown(challenges: Sequence[str]) -> List[str]:
    return [printable(line, 1000) for line in challenges]


def _led_to(where: str, location: str) -> str:
    """The address that a Location header names, seen from where it was sent. Raises ValueError for one with control characters;
    what is no ASCII is escaped byte by byte (Go: net/url, setPath and EscapedPath)."""
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in location.strip()):
        raise ValueError("control characters in an address")
    return urljoin(where, quote(location.strip().encode("latin-1", "replace"), safe=_ASCII))


_ASCII = "".join(chr(number) for number in range(0x21, 0x7F))


def bare(url: str) -> str:
    """A URL without login and query: who has the signature in a query may read the blob."""
    scheme, mark, rest = url.partition("#")[0].partition("?")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    return printable(f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}", 200)

"""Walking to a host: its name, its port, its certificate, and the proxy that stands between."""

from __future__ import annotations

import dataclasses
import ssl
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Set, Tuple

from .address import Address
from .host.units import Proxy
from .http_request import ask
from .inward import all_inward, first_forbidden, inward
from .observation import Observation, printable
from .place import Place, Way
from .tcp_connect import connect, tunnel
from .timing import Deadline
from .tls_handshake import handshake, unchecked

Emit = Callable[[str, str, str, Observation, str], None]
"""(hop, role, host, what was seen, the id of the image for which it was asked; "" for what is about the node)."""
Note = Callable[[str, str, str, Observation], None]
"""The same for the host and turn at hand."""
WITHHELD = "the runtime shows a client certificate there, whose key the probe cannot read"


@dataclass(frozen=True)
class Turn:
    """For which image a host is met, and at which endpoint's turn."""

    pull: str
    """`Pull.id`."""
    attempt: str = ""
    """The mirror's host, "" at the registry's own turn."""


@dataclass
class Host:
    """A host that was walked to, once for all images."""

    address: Optional[Address] = None
    """The address that is open; None where the walk ended before it could be spoken to."""
    context: Optional[ssl.SSLContext] = None
    """How TLS is spoken there, None for plain HTTP."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while somebody walks there."""
    name: Optional[Observation] = None
    """How its name was resolved: once, so that the addresses that are checked are those that are asked."""
    reached: bool = False
    """Whether anybody has walked there."""
    told: List[Tuple[str, str, str, Observation]] = field(default_factory=list)
    """(hop, role, host, answer) of that walk, to be told again to whoever comes here next."""
    met: Set[Tuple[str, Turn, bool]] = field(default_factory=set)
    """(role, turn, whether it was refused as inward) for which it was told already."""
    greetings: Dict[str, Observation] = field(default_factory=dict)
    """Prefix -> the answer to GET prefix/."""
    alert: str = ""
    """The TLS alert with which it ends every connection after the handshake, "" for none."""
    challenges: Dict[str, Tuple[str, ...]] = field(default_factory=dict)
    """Prefix -> the challenges of that answer, as they were sent."""

    @property
    def addresses(self) -> List[str]:
        """All that the name has, usable from here or not."""
        data = self.name.data if self.name is not None else {}
        return list(dict.fromkeys([*(data.get("usable") or []), *(data.get("addresses") or [])]))

    @property
    def inside(self) -> bool:
        """True where it is on this machine's own or link-local addresses and nowhere else."""
        return all_inward(self.addresses)


class Hosts:
    """All hosts of a run. Each is walked to once in each way, and told of for each image, role and endpoint that meets it."""

    def __init__(self, place: Place, emit: Emit, deadline: Deadline) -> None:
        self._place, self._emit, self._deadline = place, emit, deadline
        self._hosts: Dict[Tuple[str, int, str, str, bool], Host] = {}
        self._lock = threading.Lock()
        self._resolvers = ThreadPoolExecutor(max_workers=4)
        self._beside: Dict[str, Future[Optional[Observation]]] = {}
        self._telling: Dict[Tuple[str, str], Future[None]] = {}

    def finish(self) -> None:
        """Wait for what was asked beside, as long as there is time."""
        wait(list(self._telling.values()), timeout=self._deadline.left())
        self._resolvers.shutdown(wait=False)

    def meet(
        self,
        turn: Turn,
        role: str,
        name: str,
        port: int,
        scheme: str,
        way: Optional[Way] = None,
        from_inside: Optional[bool] = None,
    ) -> Host:
        """dns, connect and tls of one host, told for this turn.

        The way to an endpoint goes for every host that it leads to (containerd: core/remotes/docker/config/hosts.go, one client
        for an endpoint, its token host and its redirects).

        from_inside: None for a host that the image or the node's configuration names. One that a registry sends to is not asked
        where any of its addresses is this machine's own (`first_forbidden`); True where all of that registry's are.
        """
        way = way or Way(self._place.context)
        label = name if port == 443 else f"{name}:{port}"

        def tell(hop: str, role: str, host: str, seen: Observation) -> None:
            self._emit(hop, role, host, dataclasses.replace(seen, attempt=turn.attempt), turn.pull)

        with self._lock:
            host = self._hosts.setdefault((name, port, scheme, way.trust, way.plain), Host())
        with host.lock:
            proxy = None if role == "proxy" else self._place.proxy(scheme, name, port)
            if proxy is not None and (name, port, scheme) == (proxy.host, proxy.port, "http"):
                proxy = None  # a registry may send to the proxy itself, whose lock we hold
            if proxy is None and host.name is None:
                host.name = self._place.resolve(name, self._deadline)
            if host.name is not None:
                self._ask_beside(turn, name, host.name)
            forbidden = "" if from_inside is None else first_forbidden([name, *host.addresses], from_inside)
            known = (role, turn, bool(forbidden)) in host.met
            host.met.add((role, turn, bool(forbidden)))
            if forbidden:
                if not known:
                    if host.name is not None:
                        tell("dns", role, label, host.name)
                    # a hostile registry could make us knock at the node's own doors
                    said = f"{label} is {forbidden}, this machine's own, a link-local or a metadata address: not asked"
                    tell("connect", role, label, Observation("not-asked", said))
                return Host()
            if host.reached:
                for hop, first, about, seen in [] if known else host.told:
                    tell(hop, first if first == "proxy" else role, about, seen)
                if proxy is not None and not known:
                    self.meet(turn, "proxy", proxy.host, proxy.port, "http")
                return host
            host.reached = True

            def note(hop: str, role: str, about: str, seen: Observation) -> None:
                host.told.append((hop, role, about, seen))
                tell(hop, role, about, seen)

            if proxy is not None:
                led = self._through(turn, proxy, role, Address(name, port, ""), label, scheme, note)
            else:
                led = self._directly(host, role, name, port, label, note)
            if led is not None:
                self._speak(host, role, led, label, scheme, way, note)
        return host

    def _directly(self, host: Host, role: str, name: str, port: int, label: str, note: Note) -> Optional[Address]:
        """dns as it was resolved, and connect. -> the address that is open, if any."""
        seen = host.name
        assert seen is not None
        note("dns", role, label, seen)
        listed = seen.data.get("usable") or seen.data.get("addresses") or []
        if not listed or seen.outcome == "no-usable-address":
            return None
        # these very addresses were checked
        seen, address = connect([Address(name, port, ip) for ip in listed], self._deadline)
        note("connect", role, label, seen)
        return address

    def _ask_beside(self, turn: Turn, name: str, seen: Observation) -> None:
        """What another resolver of the place says of the name: asked once, told for each image, and held against nobody's
        time."""

        def tell() -> None:
            other = asked.result()
            if other is not None:
                self._emit("dns", "dns-server", str(other.data.get("server", "")), other, turn.pull)

        with self._lock:
            if name not in self._beside:
                self._beside[name] = self._resolvers.submit(self._place.beside, name, seen, self._deadline)
            asked = self._beside[name]
            if (name, turn.pull) not in self._telling:
                self._telling[name, turn.pull] = self._resolvers.submit(tell)

    def _through(
        self, turn: Turn, proxy: Proxy, role: str, to: Address, label: str, scheme: str, note: Note
    ) -> Optional[Address]:
        """The way through a proxy, which resolves the name itself. -> the address that leads there, if any."""
        if inward(to.host):
            note("connect", role, label, Observation("not-asked", f"{label} is a link-local address: not asked"))
            return None
        note("dns", role, label, Observation("by-proxy", f"left to the proxy {proxy.label}"))
        if proxy.scheme != "http":
            said = (
                f"the runtime goes through a proxy that speaks {printable(proxy.scheme, 20)}, which the probe does not"
            )
            note("connect", role, label, Observation("not-verified", said, {"proxy": proxy.label}))
            return None
        there = self.meet(turn, "proxy", proxy.host, proxy.port, "http")
        if there.address is None:
            said = f"the proxy {proxy.label} cannot be spoken to{self._without_it(to)}"
            note("connect", role, label, Observation("not-reached", said, {"proxy": proxy.label}))
            return None
        led = dataclasses.replace(to, ip=there.address.ip, via=proxy.port)
        seen = (
            tunnel(led, self._deadline) if scheme == "https" else Observation("tunnel", f"through proxy {proxy.label}")
        )
        if seen.outcome == "tunnel":
            note(
                "connect",
                role,
                label,
                Observation("tunnel", f"through proxy {proxy.label}", {"proxy": proxy.label}, seen.ms),
            )
            return led
        data = {**seen.data, "proxy_for": label, "login": proxy.login}
        note(
            "connect",
            "proxy",
            proxy.label,
            Observation(seen.outcome, seen.summary + self._without_it(to), data, seen.ms),
        )
        said = f"the proxy {proxy.label} does not lead there"
        note("connect", role, label, Observation("not-reached", said, {"proxy": proxy.label}))
        return None

    def _without_it(self, to: Address) -> str:
        """What is said where a host that the proxy does not lead to answers without it."""
        data = self._place.resolve(to.host, self._deadline).data
        found = data.get("usable") or data.get("addresses") or []
        outward = [dataclasses.replace(to, ip=ip) for ip in found if not inward(ip)]
        open_one = connect(outward, self._deadline)[1] if outward else None
        if open_one is None:
            return ""
        return f"; directly {open_one.ip}:{to.port} answers, so it may belong into NO_PROXY"

    def _speak(self, host: Host, role: str, address: Address, label: str, scheme: str, way: Way, note: Note) -> None:
        """tls, where the host speaks it."""
        if scheme == "http":
            host.address = address
            return
        seen = handshake(address, way.context, self._deadline, way.trust or self._place.trust)
        if seen.outcome in ("expired", "not-yet-valid"):
            # nothing is sent: the Date of the answer tells whether the certificate is wrong or this machine's clock
            skew = ask("GET", address, "/v2/", self._deadline, unchecked()).skew
            data = {**seen.data, **({} if skew is None else {"skew": skew})}
            seen = dataclasses.replace(seen, data=data)
        elif seen.outcome == "plain-http" and way.plain:
            seen = Observation("plain", "plain HTTP, which the node's configuration allows", seen.data, seen.ms)
        elif way.withheld and seen.outcome in ("handshake-failed", "closed", "reset"):
            seen = Observation("not-verified", f"{seen.summary}; {WITHHELD}", seen.data, seen.ms)
        note("tls", role, label, seen)
        if seen.outcome in ("ok", "plain"):
            host.address, host.context = address, way.context if seen.outcome == "ok" else None

"""Runs a plan and writes what it sees as framed lines: the one protocol of every vantage.

The plan is a JSON object, in the file named by the first argument or, for "-", on standard input (the only way in for a
credential). A frame is one line `imagepull/1 NONCE {json}`; the nonce is the plan's, so a line that something else writes
to the same log is not taken for one of ours. The last frame is of kind "end".
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import ssl
import sys
import threading
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .challenge import CONTAINERD, CRIO
from .dns_lookup import beside, lookup, system_lookup
from .host.endpoints import Endpoint
from .host.files import below, needed, read, room_beside, show_only
from .host.resolver import STUB, hosts_addresses, resolv_conf, stub_behind, stub_listens
from .host.runtime import Configuration
from .host.units import proxy_for
from .observation import Observation
from .plan import Node, Pull
from .reach import Place
from .redaction import Secrets
from .timing import Deadline
from .tls_handshake import trusting
from .token_host import Login
from .walk import Walk

PROTOCOL = "imagepull/1"
MOST_FRAME = 32 << 10
TERMINATION_MESSAGE = "/dev/termination-log"
TERMINATION_BYTES = 3900
"""The kubelet keeps 4 KiB of a termination message."""


OWN_WORDS = frozenset({"kind", "hop", "role", "pull", "outcome"})
"""Of a frame: nothing from outside is in them."""
SHORTEST_TOKEN = 8
"""Characters. A host that grants less hides no words of others with it."""


class Frames:
    """Writes frames, one at a time, and remembers a short form of them for the termination message.

    Everything that leaves goes through here, so no frame holds a login of the pulls or a token that was learnt on the way.
    """

    def __init__(self, nonce: str, pulls: Sequence[Pull] = ()) -> None:
        self._nonce, self._lock = nonce, threading.Lock()
        named = [word for p in pulls for word in (p.host, p.repository, p.asked, *(login.secret for login in p.logins))]
        self._secrets = Secrets(["anonymous", *named])
        for pull in pulls:
            for login in pull.logins:
                self._secrets.learn(login.password, login.username)
        self._short: List[List[Any]] = []
        self.closed = False

    def learn(self, token: str) -> None:
        """A token that was granted: no frame from now on quotes it."""
        if len(token) >= SHORTEST_TOKEN:
            self._secrets.learn(token)

    def write(self, frame: Dict[str, Any]) -> None:
        """One frame, with its time."""
        frame = {name: value if name in OWN_WORDS else self._secrets.clean(value) for name, value in frame.items()}
        frame["at"] = round(time.time(), 3)
        line = json.dumps(frame, separators=(",", ":"))
        if len(line) > MOST_FRAME:
            line = json.dumps({**frame, "data": {"cut": True}}, separators=(",", ":"))
        with self._lock:
            if self.closed:
                return
            sys.stdout.write(f"{PROTOCOL} {self._nonce} {line}\n")
            sys.stdout.flush()
            self.closed = frame["kind"] == "end"
            if frame["kind"] == "seen":
                self._short.append([frame[k] for k in ("hop", "role", "host", "outcome", "pull")])

    def emit(self, hop: str, role: str, host: str, seen: Observation, pull: str = "") -> None:
        """One observation."""
        about = {"hop": hop, "role": role, "host": host, "pull": pull}
        self.write(
            {
                "kind": "seen",
                **about,
                "outcome": seen.outcome,
                "summary": seen.summary,
                "data": seen.data,
                "attempt": seen.attempt,
                "via": seen.via,
                "ms": seen.ms,
            }
        )

    def end(self, complete: bool) -> None:
        """The last frame; whatever comes after it is dropped."""
        self.write({"kind": "end", "complete": complete, "frames": len(self._short)})
        self._leave_message()

    def more(self, paths: List[Tuple[str, str]]) -> None:
        """What the host's configuration names besides what is mounted."""
        self.write({"kind": "more", "paths": paths})
        self._leave_message(more=paths)

    def _leave_message(self, **more: Any) -> None:
        """A summary where the kubelet finds it, for readers without the right to read logs."""
        if not os.path.exists(TERMINATION_MESSAGE):
            return
        whole = {"protocol": PROTOCOL, "nonce": self._nonce, "seen": self._short, **more}
        text = json.dumps(whole, separators=(",", ":"))
        while len(text) > TERMINATION_BYTES and self._short:
            self._short.pop()
            text = json.dumps(
                {"protocol": PROTOCOL, "nonce": self._nonce, "seen": self._short, "cut": True}, separators=(",", ":")
            )
        try:
            with open(TERMINATION_MESSAGE, "w") as file:
                file.write(text)
        except OSError:
            pass  # not writable for this user: the log says the same and more


def on_node(root: str, usr: Optional[str] = None, node: Optional[Node] = None, kubelet: str = "") -> Place:
    """A node seen from a pod: the host's resolver configuration, hosts file, CA bundle and runtime configuration below root.

    usr: where the host's /usr and /lib are, None where they cannot be seen; kubelet: the resolv.conf that the kubelet gave this
    pod, to be compared with the host's, "" for none.
    """
    own = resolv_conf(read("", kubelet or "/etc/resolv.conf"))
    conf = resolv_conf(read(root, "/etc/resolv.conf")) or stub_behind(root, own)
    if root and conf is not None and conf.servers == (STUB,) and not stub_listens():
        conf = None  # it is the host's network that has it
    label = "host" if conf else "kubelet"
    compared = own if kubelet and conf is not None and own != conf else None
    conf = conf or own
    hosts = read(root, "/etc/hosts")
    configuration = Configuration(root, usr, node or Node())
    bundle = configuration.bundle
    trusted = [where for _, where in bundle.files] if bundle else []

    def own_trust(endpoint: Endpoint) -> Tuple[ssl.SSLContext, bool]:
        context = trusting(*trusted)
        for path in endpoint.ca:
            where = below(root, path)
            if where is not None:
                with contextlib.suppress(OSError, ssl.SSLError):
                    context.load_verify_locations(cafile=where)
        if endpoint.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context, all(_shown(context, root, *pair) for pair in endpoint.client)

    return Place(
        runtime=CRIO if configuration.family == "cri-o" else CONTAINERD,
        resolve=lambda name, deadline: lookup(name, conf, hosts_addresses(hosts, name), deadline, label),
        context=trusting(*trusted),
        trust=bundle.name if bundle else "the image's own",
        says={"resolver": label, "trust": "host" if bundle else "image"},
        endpoints=configuration.endpoints,
        own_trust=own_trust,
        proxy=lambda scheme, host, port: proxy_for(configuration.proxies, scheme, host, port),
        beside=lambda name, seen, deadline: None if compared is None else beside(name, seen, compared, deadline),
    )


def _shown(context: ssl.SSLContext, root: str, certificate: str, key: str) -> bool:
    """Show a client certificate where its key can be read, which is mostly for root alone."""
    one, other = below(root, certificate), below(root, key) if key else None
    if one is None or (key and other is None):
        return False
    try:
        context.load_cert_chain(one, other, password=lambda: b"")
    except (OSError, ssl.SSLError, ValueError):
        return False
    return True


def on_workstation(token_hosts: Sequence[str] = ()) -> Place:
    """The machine where the command runs: its own resolver and its own trust store. token_hosts: see Place."""
    named = tuple(host.lower() for host in token_hosts)
    return Place(
        resolve=system_lookup,
        context=trusting(),
        trust="this machine's own",
        any_platform=True,
        token_hosts=named,
    )


def first_of(lock: Optional[str]) -> bool:
    """True for the first of several containers that were given the same plan: one of them walks, the others end."""
    if not lock:
        return True
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def main() -> int:
    """-> 0: the plan was walked to its end; 3: time ran out; 4: another container walks; 2: no usable plan; 5: more of the host
    is to be mounted first."""
    source = sys.argv[1] if len(sys.argv) > 1 else "-"
    try:
        if source == "-":
            plan = json.load(sys.stdin)
        else:
            with open(source) as file:
                plan = json.load(file)
        pulls = [Pull(**{**p, "logins": tuple(Login(**login) for login in p.get("logins", ()))}) for p in plan["pulls"]]
        frames = Frames(str(plan["nonce"]), pulls)
        budget = float(plan["budget"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"probes: no usable plan: {type(error).__name__}", file=sys.stderr)
        return 2
    if not first_of(plan.get("lock")):
        return 4

    def out_of_time() -> None:
        frames.end(complete=False)
        os._exit(3)  # a thread may be stuck in a call that nothing can interrupt

    timer = threading.Timer(budget, out_of_time)
    timer.daemon = True
    timer.start()
    room = None
    if plan.get("place") != "node":
        place = on_workstation([str(host) for host in plan.get("token_hosts") or ()])
    else:
        root = str(plan.get("root", ""))
        show_only([str(path) for path in plan.get("shown") or ()])
        # the host's /etc is there only beside its own /usr and /lib, at their own paths
        usr = "" if os.path.isdir(f"{root}/etc") else None
        node = Node(str(plan.get("runtime", "")), str(plan.get("kubelet", "")))
        place = on_node(root, usr, node, "/etc/resolv.conf")
        room = room_beside(root) if root else None
        for pull in pulls if plan.get("more") else ():
            place.endpoints(pull)
        if plan.get("more") and needed():
            # what a configuration names can be mounted; without it a setting would be missed
            frames.more(needed())
            return 5
    versions = f"{platform.python_implementation()} {platform.python_version()}"
    about = {"python": versions, "machine": platform.machine(), "container": plan.get("container", "")}
    frames.write({"kind": "hello", **about, **place.says})
    if room is not None:
        frames.emit("storage", "node", "", room)
    Walk(place, frames.emit, frames.learn, Deadline(budget)).run(pulls)
    timer.cancel()
    frames.end(complete=True)
    sys.stdout.flush()
    os._exit(0)  # name look-ups that were given up on would hold the interpreter


if __name__ == "__main__":
    sys.exit(main())

"""The places that a walk can start from: how a name is resolved there, what is trusted, what stands between.

dnspython is not imported here: a node's Python compiles each module at every start, and the first frame does not wait for it.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass, field
from typing import Callable, Mapping, Optional, Sequence, Tuple

from .host.endpoints import Endpoint, Found
from .host.files import below, read
from .host.resolver import STUB, hosts_addresses, resolv_conf, stub_behind, stub_listens
from .host.runtime import Configuration
from .host.units import Proxy, proxy_for
from .observation import Observation
from .plan import CONTAINERD, CRIO, Node, Pull
from .resolved import system_lookup
from .timing import Deadline
from .tls_handshake import trusting


@dataclass(frozen=True)
class Way:
    """How a host is spoken to."""

    context: ssl.SSLContext
    """What is trusted."""
    trust: str = ""
    """The same in words, "" for the place's own."""
    plain: bool = False
    """Plain HTTP is taken where the port speaks no TLS."""
    withheld: bool = False
    """The runtime shows a certificate there that the probe does not have."""


@dataclass(frozen=True)
class Place:
    """What differs between the places a walk can start from: how a name is resolved, what is trusted, what stands between."""

    resolve: Callable[[str, Deadline], Observation]
    """Name, deadline -> the dns observation."""
    context: ssl.SSLContext
    """What is trusted there."""
    trust: str
    """The same in words."""
    any_platform: bool = False
    """This machine's architecture is not the node's, so any image of an index will do to try its blobs."""
    endpoints: Callable[[Pull], Optional[Found]] = lambda pull: None
    """Image -> what the runtime's configuration says of it, None where there is none to read."""
    own_trust: Optional[Callable[[Endpoint], Tuple[ssl.SSLContext, bool]]] = None
    """Endpoint -> (its own context, whether all of its client certificates could be loaded)."""
    proxy: Callable[[str, str, int], Optional[Proxy]] = lambda scheme, host, port: None
    """Scheme, host, port -> the proxy that stands between, None for none."""
    beside: Callable[[str, Observation, Deadline], Optional[Observation]] = lambda name, seen, deadline: None
    """Called once for a name, with how it was resolved: what another resolver of the place says of it, or None."""
    says: Mapping[str, str] = field(default_factory=dict)
    """What the place is less sure of than its kind promises (resolver: kubelet; trust: image)."""
    token_hosts: Tuple[str, ...] = ()
    """Hosts to which the operator lets a credential go when its registry names them, beside those that are known."""
    runtime: str = CONTAINERD
    """Whose reading of a challenge counts: challenge.CONTAINERD or CRIO."""

    def way_to(self, endpoint: Endpoint) -> Way:
        """With the endpoint's own trust and certificate, where it has any."""
        if self.own_trust is None or not (endpoint.ca or endpoint.skip_verify or endpoint.client):
            return Way(self.context, plain=endpoint.plain)
        also = f" and {', '.join(endpoint.ca)}" if endpoint.ca else ""
        said = "anything (skip_verify)" if endpoint.skip_verify else f"{self.trust}{also}"
        context, shown = self.own_trust(endpoint)
        return Way(context, said, endpoint.plain, not shown)


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

    def resolve(name: str, deadline: Deadline) -> Observation:
        from .dns_lookup import lookup

        return lookup(name, conf, hosts_addresses(hosts, name), deadline, label)

    def other(name: str, seen: Observation, deadline: Deadline) -> Optional[Observation]:
        from .dns_lookup import beside

        return None if compared is None else beside(name, seen, compared, deadline)

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
        resolve=resolve,
        context=trusting(*trusted),
        trust=bundle.name if bundle else "the image's own",
        says={"resolver": label, "trust": "host" if bundle else "image"},
        endpoints=configuration.endpoints,
        own_trust=own_trust,
        proxy=lambda scheme, host, port: proxy_for(configuration.proxies, scheme, host, port),
        beside=other,
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

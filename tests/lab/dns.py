"""Real DNS: dnsmasq for lab.test on three addresses, and a zone each that is never answered or answered with
SERVFAIL.
"""

from __future__ import annotations

from tests.lab import settings
from tests.lab.machine import Machine, Service
from tests.lab.network import Segment


def define(core: Machine, segment: Segment) -> list[Service]:
    """The resolver of nodes, kubelets and workstation. Nothing outside the lab can be resolved: every other
    name is NXDOMAIN.
    """
    domain = settings.DOMAIN
    listen = [segment[octet] for octet in (settings.DNS, settings.DNS_KUBELET, settings.DNS_SPARE)]
    argv = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--user=root",
        "--log-facility=-",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--except-interface=lo",
        # No cache: what a fault switches shows at once.
        "--cache-size=0",
        "--no-negcache",
        *(f"--listen-address={address}" for address in listen),
        f"--local=/{domain}/",
        "--address=/#/",
        f"--server=/silent.{domain}/{segment[settings.DNS_SILENT]}",
        f"--server=/servfail.{domain}/{segment[settings.DNS_SERVFAIL]}",
        f"--host-record=v6only.{domain},{settings.V6ONLY_ADDRESS}",
        *(f"--host-record={name}.{domain},{segment[octet]}" for name, octet in settings.HOSTS.items()),
        f"--host-record={','.join(f'{name}.{domain}' for name in settings.ODD)},{segment.host('odd')}",
        *(f"--host-record={node}.{domain},{segment.node(node)}" for node in settings.NODES),
    ]
    return [Service("dns", core.state).define(core, argv, listens=f"{listen[0]}:53")]


def resolv_conf(segment: Segment, octet: int) -> str:
    """The text of a resolv.conf with one resolver."""
    return f"nameserver {segment[octet]}\n"

"""The lab's segment: one bridge in the core machine, a cable to every other machine and one to the computer
it all runs on.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab import settings
from tests.lab.common import LabError, run
from tests.lab.machine import CLEAN_ENV, Machine

DROP, FAULT = (
    "LAB-DROP",
    "LAB-FAULT",
)  # iptables chains in the core: what always drops, and what faults switch on


@dataclass(frozen=True)
class Segment:
    """The lab's /24."""

    subnet: str

    def __getitem__(self, octet: int) -> str:
        return str(ipaddress.ip_network(self.subnet)[octet])

    def host(self, name: str) -> str:
        """The address of ``name`` or ``name.lab.test``."""
        short = name.removesuffix("." + settings.DOMAIN)
        if short not in settings.HOSTS:
            raise LabError(f"{name} has no address in the lab; these have: {', '.join(settings.HOSTS)}")
        return self[settings.HOSTS[short]]

    def node(self, name: str) -> str:
        return self[settings.NODE_BASE + settings.NODES.index(name) + 1]


def free_segment() -> Segment:
    """A /24 that no link and no route of this computer knows."""
    taken: list[ipaddress.IPv4Network] = []
    for route in json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]) or "[]"):
        destination = route.get("dst", "default")
        if destination != "default":
            taken.append(ipaddress.IPv4Network(destination, strict=False))
    for candidate in (
        ipaddress.IPv4Network(f"10.{second}.{third}.0/24") for second in (89, 90, 213) for third in range(7, 250)
    ):
        if not any(candidate.overlaps(other) for other in taken if other.prefixlen):
            return Segment(str(candidate))
    raise LabError("no free /24 in 10.89.0.0/16, 10.90.0.0/16 or 10.213.0.0/16 for the lab")


def _ip(machine: Machine | None, lines: list[str]) -> None:
    prefix = ["nsenter", "--target", str(machine.pid()), "--net", "--"] if machine else []
    run([*prefix, "ip", "-batch", "-"], stdin="\n".join(lines) + "\n", env=CLEAN_ENV)


def link_name(state: Path) -> str:
    """The computer's own end of its cable into the lab: all that the lab puts into the computer's network."""
    return settings.tag(state) + "0"


def core_up(core: Machine, segment: Segment) -> None:
    """The bridge with every address that answers or drops, and the computer's cable into it."""
    addresses = [
        settings.DNS,
        settings.DNS_KUBELET,
        settings.DNS_SPARE,
        settings.DNS_SILENT,
        settings.DNS_SERVFAIL,
    ]
    addresses += [octet for name, octet in settings.HOSTS.items() if name not in settings.NOBODY_HAS]
    _ip(
        core,
        [
            "link add br0 type bridge",
            f"addr add {segment[settings.CORE]}/24 dev br0",
            "link set br0 up",
            *(f"addr add {segment[octet]}/32 dev br0" for octet in addresses),
        ],
    )
    # The chains: DNS_SILENT and `dropped` swallow what is sent to them, without a word.
    rules = [
        "*filter",
        f":{DROP} - [0:0]",
        f":{FAULT} - [0:0]",
        f"-A INPUT -j {DROP}",
        f"-A INPUT -j {FAULT}",
        f"-A {DROP} -d {segment[settings.DNS_SILENT]} -j DROP",
        f"-A {DROP} -d {segment.host('dropped')} -p tcp --dport 443 -j DROP",
        "COMMIT",
    ]
    core.enter(["iptables-restore", "-w", "--noflush"], stdin="\n".join(rules) + "\n")
    link = link_name(core.state)
    remove_link(core.state)
    _ip(
        None,
        [
            f"link add {link} type veth peer name machine netns {core.pid()}",
            f"addr add {segment[settings.MACHINE_SIDE]}/24 dev {link}",
            f"link set {link} up",
        ],
    )
    _ip(core, ["link set machine master br0", "link set machine up"])


def attach(core: Machine, machine: Machine, address: str, gateway: str) -> None:
    """A cable from the bridge to a machine."""
    _ip(
        core,
        [
            f"link add v-{machine.name[:12]} type veth peer name eth0 netns {machine.pid()}",
            f"link set v-{machine.name[:12]} master br0",
            f"link set v-{machine.name[:12]} up",
        ],
    )
    _ip(machine, [f"addr add {address}/24 dev eth0", "link set eth0 up", f"route add default via {gateway}"])


def remove_link(state: Path) -> None:
    """Take the computer's cable away (its other end goes with the core's namespace, a moment later)."""
    subprocess.run(["ip", "link", "delete", link_name(state)], capture_output=True, check=False)


def fault_rule(core: Machine, switch: str, rule: list[str]) -> None:
    """Add (``-A``) or delete (``-D``) a rule of the chain for faults; deleting what is not there is fine,
    adding twice too.
    """
    there = (
        subprocess.run(
            [*core.argv(), "iptables", "-w", "-C", FAULT, *rule], capture_output=True, check=False
        ).returncode
        == 0
    )
    if there == (switch == "-D"):
        core.enter(["iptables", "-w", switch, FAULT, *rule])


def clear_faults(core: Machine) -> None:
    """Forget every rule that a fault has set."""
    core.enter(["iptables", "-w", "-F", FAULT])
